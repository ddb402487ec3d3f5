//! What a request of the API asks for: query, path and body, with errors that say what is wrong.

use super::AsJson;
use crate::mail::ParseIdError;
use crate::web::problem::Problem;
use axum::body::HttpBody;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use std::str::FromStr;

/// Rows of a page when the request does not say.
const ROWS: usize = 50;

/// The query, typed.
pub(super) struct AskedQuery<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for AskedQuery<T> {
    type Rejection = AsJson;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AsJson> {
        let found: Result<Query<T>, QueryRejection> = Query::from_request_parts(parts, state).await;
        found.map(|Query(q)| AskedQuery(q)).map_err(|e| AsJson(Problem::bad_request(plain(&e.body_text()))))
    }
}

/// The path, typed.
pub(super) struct AskedPath<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for AskedPath<T> {
    type Rejection = AsJson;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AsJson> {
        let found: Result<Path<T>, PathRejection> = Path::from_request_parts(parts, state).await;
        found.map(|Path(p)| AskedPath(p)).map_err(|e| AsJson(Problem::bad_request(plain(&e.body_text()))))
    }
}

/// The body, from JSON.
pub(super) struct AskedJson<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for AskedJson<T> {
    type Rejection = AsJson;
    async fn from_request(request: Request, state: &S) -> Result<Self, AsJson> {
        let found: Result<axum::Json<T>, JsonRejection> = axum::Json::from_request(request, state).await;
        found.map(|axum::Json(v)| AskedJson(v)).map_err(|e| {
            AsJson(match e.status() {
                status @ StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
                    status,
                    "too-large",
                    "The body is larger than is taken here: docs/http-api.md says how large it may be.",
                ),
                status @ StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                    Problem::new(status, "not-json", "Send JSON, with `Content-Type: application/json`.")
                }
                status => Problem::new(status, "bad-request", plain(&e.body_text())),
            })
        })
    }
}

/// The body, from JSON, or nothing at all where nothing has to be said.
pub(super) struct AskedJsonIfAny<T>(pub(super) T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for AskedJsonIfAny<T> {
    type Rejection = AsJson;
    async fn from_request(request: Request, state: &S) -> Result<Self, AsJson> {
        if request.body().is_end_stream() {
            return Ok(AskedJsonIfAny(T::default()));
        }
        AskedJson::from_request(request, state).await.map(|AskedJson(v)| AskedJsonIfAny(v))
    }
}

/// The framework's words without what only its users know: what it did when it failed, and the names of our types.
fn plain(words: &str) -> String {
    const DOINGS: [&str; 3] = [
        "Failed to deserialize the JSON body into the target type: ",
        "Failed to deserialize query string: ",
        "Failed to parse the request body as JSON: ",
    ];
    let said = DOINGS.iter().find_map(|doing| words.strip_prefix(doing)).unwrap_or(words);
    match (said.find("expected struct "), said.rfind(" at line ")) {
        (Some(from), Some(until)) if from < until => format!("{}expected an object{}", &said[..from], &said[until..]),
        _ => said.to_owned(),
    }
}

/// How many rows a page has: as asked, at least one, at most `most`.
pub(super) fn rows(asked: Option<usize>, most: usize) -> usize {
    asked.unwrap_or(ROWS).clamp(1, most)
}

/// An id from a path or a body.
pub(super) fn id<T: FromStr<Err = ParseIdError>>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|e: ParseIdError| Problem::bad_request(e.to_string()))
}

/// An id that may be missing; an empty one is.
pub(super) fn optional_id<T: FromStr<Err = ParseIdError>>(text: Option<&str>) -> Result<Option<T>, Problem> {
    text.filter(|t| !t.is_empty()).map(id).transpose()
}
