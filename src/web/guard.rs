//! What happens around every request: bounded number and time, security headers, counting.
//!
//! # Failure
//! Too many requests: 503 with `Retry-After`. Too slow: 503 as well (the request may have done its
//! work; everything that changes something is safe to repeat). A handler that panics: 500, and
//! the process goes on.

use super::SharedApp;
use super::problem::Problem;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;

/// For our own pages: no inline script or style, nothing from elsewhere, no frames but our own.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; \
     frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

pub(super) async fn watch_over(State(app): State<SharedApp>, request: Request, next: Next) -> Response {
    let wants_json = request.uri().path().starts_with("/v1/");
    // A probe must get through a crowd, else a busy gateway is taken for a dead one.
    let probe = matches!(request.uri().path(), "/healthz" | "/readyz" | "/metrics");
    let needs_database = !probe && !matches!(request.uri().path(), "/style.css" | "/live.js" | "/icon.svg");
    let seat = app.requests.clone().try_acquire_owned();
    let mut response = if seat.is_err() && !probe {
        Problem::busy().respond(wants_json)
    } else if needs_database && app.state.readiness.borrow().database.is_some() {
        // Known to be away: waiting for it would only fill the seats.
        Problem::database_away().respond(wants_json)
    } else {
        let work = AssertUnwindSafe(next.run(request)).catch_unwind();
        match tokio::time::timeout(app.limits.web_request_time_max, work).await {
            Ok(Ok(response)) if !wants_json && of_the_framework(&response) => {
                Problem::of_no_page(response.status()).respond(false)
            }
            Ok(Ok(response)) => response,
            Ok(Err(_)) => {
                tracing::error!("web: a handler panicked");
                Problem::internal().respond(wants_json)
            }
            Err(_) => Problem::too_slow().respond(wants_json),
        }
    };
    drop(seat);
    secure(response.headers_mut());
    app.state.metrics.web_requests.get_or_create(&[("status", class(response.status()))]).inc();
    response
}

/// A refusal in the framework's words, in plain text or none: no page, and no words for people.
fn of_the_framework(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    response.status().is_client_error() && kind.is_none_or(|kind| kind.starts_with(b"text/plain"))
}

/// Security headers, where the handler has not set its own.
fn secure(headers: &mut HeaderMap) {
    let defaults: [(HeaderName, &'static str); 6] = [
        (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Not `no-referrer`: browsers would then send `Origin: null` with our own forms.
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in defaults {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

const fn class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}
