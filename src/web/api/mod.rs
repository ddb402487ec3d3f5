//! The HTTP API under `/v1`, for the product's programs. `docs/http-api.md` is its manual.
//!
//! # Failure
//! Every error is `{"error": {"code", "message"}}` with a status that says whose fault it is.
//!
//! # Trust
//! The bearer token `web.api_token` opens everything; without one set, the API is closed. The token
//! is compared in constant time.

mod asked;
mod conversations;
mod events;
mod messages;
mod outbound;
mod quarantine;
mod webhooks;

use super::SharedApp;
use super::problem::{AsJson, Problem};
use crate::mail::OrganisationId;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// How the audit names what came by the API.
const ACTOR: &str = "api";

/// What a handler of the API gives.
type Answer<T> = Result<T, AsJson>;

/// The routes; the caller hangs them under `/v1`.
pub(super) fn routes(app: &SharedApp) -> Router<SharedApp> {
    Router::new()
        .route("/conversations", get(conversations::list))
        .route("/conversations/{id}", get(conversations::one))
        .route("/conversations/{id}/messages", get(messages::of_conversation))
        .route("/conversations/{id}/participants", get(conversations::participants))
        .route("/conversations/{id}/links", get(conversations::links))
        .route("/messages/{id}", get(messages::one))
        .route("/messages/{id}/raw", get(messages::raw))
        .route("/messages/{id}/attachments/{n}", get(messages::attachment))
        .route("/quarantine", get(quarantine::list))
        .route("/quarantine/{id}", get(quarantine::one))
        .route("/quarantine/{id}/raw", get(quarantine::raw))
        .route("/quarantine/{id}/release", post(quarantine::release))
        .route("/quarantine/{id}/discard", post(quarantine::discard))
        .route("/outbound", post(outbound::register))
        .route("/events", get(events::list))
        .route("/events/stream", get(events::stream))
        .route("/webhooks", get(webhooks::list).post(webhooks::add))
        .route("/webhooks/{id}", get(webhooks::one).patch(webhooks::change).delete(webhooks::remove))
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(axum::middleware::from_fn_with_state(app.clone(), check_token))
}

async fn check_token(State(app): State<SharedApp>, request: Request, next: Next) -> Response {
    match admit(&app.state.config.web.api_token, request.headers().get(header::AUTHORIZATION).map(|v| v.as_bytes())) {
        Ok(()) => next.run(request).await,
        Err(problem) => AsJson(problem).into_response(),
    }
}

fn admit(token: &str, shown: Option<&[u8]>) -> Result<(), Problem> {
    if token.is_empty() {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "api-closed",
            "The API is closed: set `web.api_token` in the configuration (or TIDEGATE_WEB__API_TOKEN) and restart.",
        ));
    }
    let shown = shown.and_then(|v| v.split_at_checked(7)).filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"Bearer "));
    let Some((_, shown)) = shown else {
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "no-token", "Send `Authorization: Bearer <web.api_token>`."));
    };
    // Hashed first, so that not even the length shows in the time.
    let same: bool = Sha256::digest(shown.trim_ascii()).ct_eq(&Sha256::digest(token.as_bytes())).into();
    if same {
        Ok(())
    } else {
        Err(Problem::new(StatusCode::UNAUTHORIZED, "wrong-token", "The bearer token is not the one of `web.api_token`."))
    }
}

async fn unknown_path(uri: Uri) -> AsJson {
    AsJson(Problem::new(
        StatusCode::NOT_FOUND,
        "no-such-path",
        format!("There is no {} in this API; docs/http-api.md lists what there is.", uri.path()),
    ))
}

async fn wrong_method(method: Method, uri: Uri) -> AsJson {
    AsJson(Problem::new(StatusCode::METHOD_NOT_ALLOWED, "wrong-method", format!("{method} does not go with {}.", uri.path())))
}

/// Says when there is no such organisation: an id that was copied wrongly must not look like one where nothing happens.
async fn must_exist(app: &SharedApp, organisation: OrganisationId) -> Result<(), Problem> {
    match app.state.store.organisation_name(organisation).await? {
        Some(_) => Ok(()),
        None => Err(Problem::new(
            StatusCode::NOT_FOUND,
            "not-found",
            format!("There is no organisation {organisation}: `tidegate org ls` shows their ids."),
        )),
    }
}

/// A time in microseconds since 1970, as the API says it: RFC 3339 in UTC.
fn time(us: i64) -> String {
    crate::store::rfc3339(us)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_opens_and_a_missing_key_is_named() {
        assert!(admit("s3cret", Some(b"Bearer s3cret")).is_ok());
        assert!(admit("s3cret", Some(b"bearer s3cret ")).is_ok());
        assert_eq!(admit("s3cret", Some(b"Bearer s3cre")).unwrap_err().code, "wrong-token");
        assert_eq!(admit("s3cret", Some(b"Basic s3cret")).unwrap_err().code, "no-token");
        assert_eq!(admit("s3cret", Some(b"B")).unwrap_err().code, "no-token");
        assert_eq!(admit("s3cret", None).unwrap_err().code, "no-token");
        let closed = admit("", Some(b"Bearer ")).unwrap_err();
        assert!(closed.code == "api-closed" && closed.message.contains("web.api_token"));
    }
}
