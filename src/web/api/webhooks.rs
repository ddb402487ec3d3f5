//! `/v1/webhooks`: who is told what happened.

use super::asked::{AskedJson, AskedPath, AskedQuery, id, optional_id};
use super::{ACTOR, Answer};
use crate::mail::OrganisationId;
use crate::store::Endpoint;
use crate::web::SharedApp;
use crate::web::problem::{AsJson, Problem};
use crate::web::session::Secret;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

/// Bytes of an endpoint's URL.
const URL_BYTES_MAX: usize = 2_000;

#[derive(Deserialize)]
pub(super) struct Whose {
    organisation: Option<String>,
}

pub(super) async fn list(State(app): State<SharedApp>, AskedQuery(whose): AskedQuery<Whose>) -> Answer<Json<Value>> {
    let organisation: Option<OrganisationId> = optional_id(whose.organisation.as_deref())?;
    let endpoints = app.state.store.endpoints(organisation, app.limits.page_rows_max).await?;
    let shown: Vec<Value> = endpoints.iter().map(|e| shown(&app, e)).collect();
    Ok(Json(json!({ "webhooks": shown })))
}

pub(super) async fn one(State(app): State<SharedApp>, AskedPath(text): AskedPath<String>) -> Answer<Json<Value>> {
    Ok(Json(shown(&app, &find(&app, &text).await?)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    organisation: String,
    url: String,
}

pub(super) async fn add(State(app): State<SharedApp>, AskedJson(new): AskedJson<New>) -> Answer<(StatusCode, Json<Value>)> {
    let organisation: OrganisationId = id(&new.organisation)?;
    check_url(&new.url)?;
    let secret = Secret::random().map_err(|_| AsJson(Problem::internal()))?;
    let endpoint = app.state.store.add_endpoint(organisation, &new.url, secret.as_str().as_bytes(), ACTOR).await?;
    let mut body = shown(&app, &endpoint);
    body["secret"] = json!(secret.as_str());
    Ok((StatusCode::CREATED, Json(body)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    url: Option<String>,
    enabled: Option<bool>,
}

pub(super) async fn change(
    State(app): State<SharedApp>,
    AskedPath(text): AskedPath<String>,
    AskedJson(change): AskedJson<Change>,
) -> Answer<Json<Value>> {
    if let Some(url) = &change.url {
        check_url(url)?;
    }
    let endpoint = find(&app, &text).await?;
    app.state.store.change_endpoint(endpoint.id, change.url.as_deref(), change.enabled, ACTOR).await?;
    Ok(Json(shown(&app, &find(&app, &text).await?)))
}

pub(super) async fn remove(State(app): State<SharedApp>, AskedPath(text): AskedPath<String>) -> Answer<StatusCode> {
    let endpoint = find(&app, &text).await?;
    app.state.store.remove_endpoint(endpoint.id, ACTOR).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn find(app: &SharedApp, text: &str) -> Result<Endpoint, Problem> {
    app.state.store.endpoint(id(text)?).await?.ok_or_else(|| Problem::not_found("webhook"))
}

fn check_url(text: &str) -> Result<(), Problem> {
    let good = text.len() <= URL_BYTES_MAX
        && reqwest::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some());
    if good { Ok(()) } else { Err(Problem::bad_request("`url` must be an http:// or https:// address.")) }
}

/// Without its secret.
fn shown(app: &SharedApp, e: &Endpoint) -> Value {
    let open = e.failures >= i64::from(app.limits.webhook_failures_max);
    json!({
        "id": e.id,
        "organisation": e.organisation,
        "url": e.url,
        "enabled": e.enabled,
        "delivered": e.delivered,
        "failures": e.failures,
        "circuit": if open { "open" } else { "closed" },
        "retry_at": (e.failures > 0).then(|| super::time(e.retry_at_us)),
        "created_at": super::time(e.created_at_us),
    })
}
