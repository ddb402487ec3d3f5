//! `/healthz`, `/readyz`, `/metrics`: for probes and Prometheus. None of them asks the database.

use super::SharedApp;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// 200 while the process lives.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// 200 when mail is taken and filed; 503 with the reasons when not.
pub(super) async fn ready(State(app): State<SharedApp>) -> Response {
    let now = app.state.readiness.borrow().clone();
    let fine = now.journal.is_none() && now.database.is_none();
    let word = |problem: Option<String>| problem.unwrap_or_else(|| "ok".to_owned());
    let body = Json(json!({ "ready": fine, "journal": word(now.journal), "database": word(now.database) }));
    (if fine { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, body).into_response()
}

/// Everything that is counted, as Prometheus reads it.
pub(super) async fn metrics(State(app): State<SharedApp>) -> Response {
    match crate::telemetry::render(&app.state.registry) {
        Ok(text) => {
            ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
