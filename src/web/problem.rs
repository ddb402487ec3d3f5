//! What is said when something can't be done: one value, shown as a page to people and as
//! `{"error": {"code", "message"}}` to programs.
//!
//! The message says whose fault it is and what to do. It never repeats words of a mail or of the
//! database.

use super::layout;
use crate::store;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Seconds after which a client may try again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// Why a request was not answered with what it asked for.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    /// Stable, for programs.
    pub(super) code: &'static str,
    /// For people.
    pub(super) message: String,
    /// The page that it is about, where that is still there.
    pub(super) back: Option<String>,
    /// Seconds after which it may work, where that is known better than "in a moment".
    pub(super) retry_s: Option<u64>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Problem {
        Problem { status, code, message: message.into(), back: None, retry_s: None }
    }

    /// With a way back to a page.
    pub(super) fn back_to(self, page: String) -> Problem {
        Problem { back: Some(page), ..self }
    }

    /// For what no page of ours asks for: an address typed wrongly, a form cut short.
    pub(super) fn of_no_page(status: StatusCode) -> Problem {
        let message = match status {
            StatusCode::METHOD_NOT_ALLOWED => "This address is not for that.",
            StatusCode::PAYLOAD_TOO_LARGE => "That is more than is taken here.",
            _ => "No page here makes such an address or form. Go back, reload the page and try again.",
        };
        Problem::new(status, "bad-request", message)
    }

    pub(super) fn not_found(what: &str) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "not-found", format!("There is no {what} here."))
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "bad-request", message)
    }

    pub(super) fn busy() -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "Too many requests are being worked on. Try again in a moment.")
    }

    pub(super) fn too_slow() -> Problem {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too-slow",
            "This took longer than allowed and was given up. Look whether it was done before repeating it.",
        )
    }

    pub(super) fn database_away() -> Problem {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "database-away",
            "The database does not answer. Mail is still accepted and safe; this works again when the database does.",
        )
    }

    pub(super) fn internal() -> Problem {
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Tidegate failed on this request. No mail is lost by it; the log has the place.",
        )
    }

    fn headers(&self, mut response: Response) -> Response {
        if self.status == StatusCode::SERVICE_UNAVAILABLE || self.status == StatusCode::TOO_MANY_REQUESTS {
            response.headers_mut().insert(header::RETRY_AFTER, self.retry_s.map_or(RETRY_AFTER, HeaderValue::from));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }

    /// For a program where `json`, else for a person.
    pub(super) fn respond(self, json: bool) -> Response {
        if json { AsJson(self).into_response() } else { self.into_response() }
    }
}

impl From<store::Error> for Problem {
    fn from(error: store::Error) -> Problem {
        match error {
            store::Error::NotFound { .. } => {
                return Problem::new(StatusCode::NOT_FOUND, "not-found", sentence(&error.to_string()));
            }
            store::Error::Conflict(_) => return Problem::new(StatusCode::CONFLICT, "conflict", sentence(&error.to_string())),
            _ => {}
        }
        if error.is_transient() {
            tracing::warn!(%error, "web: the database is away");
            Problem::database_away()
        } else {
            tracing::error!(%error, "web: the database refused");
            Problem::internal()
        }
    }
}

/// With a capital letter and a full stop.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).chain(['.']).collect()
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let page = layout::problem(&self);
        self.headers((self.status, page).into_response())
    }
}

/// A problem of the HTTP API.
#[derive(Debug)]
pub(super) struct AsJson(pub(super) Problem);

impl<P: Into<Problem>> From<P> for AsJson {
    fn from(problem: P) -> AsJson {
        AsJson(problem.into())
    }
}

impl IntoResponse for AsJson {
    fn into_response(self) -> Response {
        let body = Json(json!({ "error": { "code": self.0.code, "message": self.0.message } }));
        self.0.headers((self.0.status, body).into_response())
    }
}
