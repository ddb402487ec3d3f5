//! `/v1/quarantine`: the same as the review pages, for programs.

use super::asked::{AskedJson, AskedJsonIfAny, AskedPath, AskedQuery, id, optional_id, rows};
use super::{ACTOR, Answer};
use crate::mail::{QuarantineId, ReasonCode};
use crate::store::{QuarantineFilter, QuarantineItem, QuarantineState};
use crate::web::SharedApp;
use crate::web::disposition::WHY_CHARS_MAX;
use crate::web::item::raw_mail;
use crate::web::problem::{AsJson, Problem};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
pub(super) struct Page {
    state: Option<String>,
    reason: Option<String>,
    organisation: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

pub(super) async fn list(State(app): State<SharedApp>, AskedQuery(page): AskedQuery<Page>) -> Answer<Json<Value>> {
    let state = match page.state.as_deref() {
        None | Some("" | "held") => Some(QuarantineState::Held),
        Some("all") => None,
        Some(word) => Some(
            QuarantineState::from_word(word)
                .ok_or_else(|| Problem::bad_request("`state` is held, released, attached, discarded or all."))?,
        ),
    };
    let reason = match page.reason.as_deref().filter(|r| !r.is_empty()) {
        None => None,
        Some(word) => Some(ReasonCode::from_word(word).ok_or_else(|| {
            let known: Vec<&str> = ReasonCode::ALL.iter().map(|c| c.as_str()).collect();
            Problem::bad_request(format!("`reason` is one of {}.", known.join(", ")))
        })?),
    };
    let organisation = optional_id(page.organisation.as_deref())?;
    let before: Option<QuarantineId> = optional_id(page.after.as_deref())?;
    let rows = rows(page.limit, app.limits.page_rows_max);
    let filter = QuarantineFilter { state, reason, organisation, before };
    let mut items = app.state.store.quarantine_matching(&filter, rows + 1).await?;
    let more = items.len() > rows;
    items.truncate(rows);
    let next = more.then(|| items.last().map(|i| i.id)).flatten();
    Ok(Json(json!({ "items": items.iter().map(QuarantineItem::to_json).collect::<Vec<_>>(), "next": next })))
}

pub(super) async fn one(State(app): State<SharedApp>, AskedPath(text): AskedPath<String>) -> Answer<Json<Value>> {
    Ok(Json(find(&app, &text).await?.to_json()))
}

pub(super) async fn raw(State(app): State<SharedApp>, AskedPath(text): AskedPath<String>) -> Answer<Response> {
    let item = find(&app, &text).await?;
    app.state.store.note_access(item.organisation, ACTOR, "quarantine.raw", &item.id.to_string()).await?;
    Ok(raw_mail(&app, item.locator).await?)
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Release {
    conversation: Option<String>,
}

pub(super) async fn release(
    State(app): State<SharedApp>,
    AskedPath(text): AskedPath<String>,
    AskedJsonIfAny(body): AskedJsonIfAny<Release>,
) -> Answer<Json<Value>> {
    let item: QuarantineId = id(&text)?;
    let conversation = optional_id(body.conversation.as_deref())?;
    app.state.store.release(item, conversation, ACTOR).await?;
    Ok(Json(find(&app, &text).await?.to_json()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Discard {
    why: String,
}

pub(super) async fn discard(
    State(app): State<SharedApp>,
    AskedPath(text): AskedPath<String>,
    AskedJson(body): AskedJson<Discard>,
) -> Answer<Json<Value>> {
    let item: QuarantineId = id(&text)?;
    let why = body.why.trim();
    if why.is_empty() || why.chars().count() > WHY_CHARS_MAX {
        return Err(AsJson(Problem::bad_request(format!("`why` says why, in 1 to {WHY_CHARS_MAX} characters."))));
    }
    app.state.store.discard(item, why, ACTOR).await?;
    Ok(Json(find(&app, &text).await?.to_json()))
}

async fn find(app: &SharedApp, text: &str) -> Result<QuarantineItem, Problem> {
    Ok(app.state.store.quarantine_item(id(text)?).await?)
}
