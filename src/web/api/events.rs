//! `/v1/events`: what happened, asked for or streamed.

use super::asked::{AskedQuery, id, rows};
use super::{Answer, must_exist};
use crate::mail::OrganisationId;
use crate::web::SharedApp;
use crate::web::live::Events;
use crate::web::problem::{AsJson, Problem};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::Event;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

#[derive(Deserialize)]
pub(super) struct Since {
    organisation: String,
    #[serde(default)]
    after: i64,
    limit: Option<usize>,
}

pub(super) async fn list(State(app): State<SharedApp>, AskedQuery(since): AskedQuery<Since>) -> Answer<Json<Value>> {
    let organisation: OrganisationId = id(&since.organisation)?;
    let rows = rows(since.limit, app.limits.page_rows_max);
    let events = app.state.store.outbox_after(organisation, since.after, rows).await?;
    if events.is_empty() {
        must_exist(&app, organisation).await?;
    }
    let next = events.last().map_or(since.after, |e| e.sequence);
    Ok(Json(json!({ "events": events, "next": next })))
}

pub(super) async fn stream(
    State(app): State<SharedApp>,
    headers: HeaderMap,
    AskedQuery(since): AskedQuery<Since>,
) -> Answer<Events> {
    let organisation: OrganisationId = id(&since.organisation)?;
    let seat = app.live.seat().ok_or_else(|| AsJson(Problem::busy()))?;
    // A watcher that comes back says how far it got.
    let after = headers.get("last-event-id").and_then(|v| v.to_str().ok()?.trim().parse().ok()).unwrap_or(since.after);
    let head = app.live.head(organisation);
    let watched = app.clone();
    let begin = (after, head, Instant::now());
    Ok(app.live.stream(seat, begin, move |(mut after, mut head, mut not_before)| {
        let app = watched.clone();
        async move {
            loop {
                tokio::time::sleep_until(not_before).await;
                not_before = Instant::now() + app.live.interval();
                head.borrow_and_update();
                // While the database is away there is nothing to tell; the next look tells all.
                let found = app.state.store.outbox_after(organisation, after, app.limits.page_rows_max).await;
                let events = found.unwrap_or_default();
                if let Some(last) = events.last().map(|e| e.sequence) {
                    after = last;
                    let event = Event::default().event("events").id(last.to_string()).json_data(&events).ok()?;
                    return Some((event, (after, head, not_before)));
                }
                head.changed().await.ok()?;
            }
        }
    }))
}
