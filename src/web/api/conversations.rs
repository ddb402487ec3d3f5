//! `/v1/conversations`: the latest activity first.

use super::asked::{AskedPath, AskedQuery, id, rows};
use super::{Answer, must_exist, time};
use crate::mail::{ConversationId, OrganisationId};
use crate::store::{Conversation, ConversationLink};
use crate::web::SharedApp;
use crate::web::problem::Problem;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use std::str::FromStr;

#[derive(Deserialize)]
pub(super) struct Page {
    organisation: String,
    after: Option<String>,
    limit: Option<usize>,
}

pub(super) async fn list(State(app): State<SharedApp>, AskedQuery(page): AskedQuery<Page>) -> Answer<Json<Value>> {
    let organisation: OrganisationId = id(&page.organisation)?;
    let after = page.after.as_deref().map(from_cursor::<ConversationId>).transpose()?;
    let rows = rows(page.limit, app.limits.page_rows_max);
    let first = after.is_none();
    let found = app.state.store.conversations(organisation, after, rows).await?;
    if found.is_empty() && first {
        must_exist(&app, organisation).await?;
    }
    let next = (found.len() == rows).then(|| found.last().map(|c| cursor(c.last_message_at_us, c.id))).flatten();
    Ok(Json(json!({ "conversations": found.iter().map(shown).collect::<Vec<_>>(), "next": next })))
}

pub(super) async fn one(State(app): State<SharedApp>, AskedPath(text): AskedPath<String>) -> Answer<Json<Value>> {
    let found = app.state.store.conversation(id(&text)?).await?;
    let people = app.state.store.participants(found.id, None, app.limits.page_rows_max).await?;
    let mut body = shown(&found);
    body["participants"] = json!(people);
    body["links"] = json!(app.state.store.conversation_links(found.id, None, app.limits.page_rows_max).await?);
    Ok(Json(body))
}

/// A page of what one conversation has.
#[derive(Deserialize)]
pub(super) struct PartPage {
    after: Option<String>,
    limit: Option<usize>,
}

/// People of a conversation by address: all of them, while the conversation itself shows the first page.
pub(super) async fn participants(
    State(app): State<SharedApp>,
    AskedPath(text): AskedPath<String>,
    AskedQuery(page): AskedQuery<PartPage>,
) -> Answer<Json<Value>> {
    let conversation = app.state.store.conversation(id(&text)?).await?;
    let rows = rows(page.limit, app.limits.page_rows_max);
    let found = app.state.store.participants(conversation.id, page.after.as_deref(), rows).await?;
    let next = (found.len() == rows).then(|| found.last().map(|p| p.address.clone())).flatten();
    Ok(Json(json!({ "participants": found, "next": next })))
}

/// Links of a conversation: all of them, while the conversation itself shows the first page.
pub(super) async fn links(
    State(app): State<SharedApp>,
    AskedPath(text): AskedPath<String>,
    AskedQuery(page): AskedQuery<PartPage>,
) -> Answer<Json<Value>> {
    let conversation = app.state.store.conversation(id(&text)?).await?;
    let after = page.after.as_deref().map(from_link_cursor).transpose()?;
    let rows = rows(page.limit, app.limits.page_rows_max);
    let found = app.state.store.conversation_links(conversation.id, after.as_ref(), rows).await?;
    let next =
        (found.len() == rows).then(|| found.last().map(|l| format!("{}_{}_{}", l.conversation, l.other, l.kind))).flatten();
    Ok(Json(json!({ "links": found, "next": next })))
}

fn from_link_cursor(text: &str) -> Result<ConversationLink, Problem> {
    let mut parts = text.splitn(3, '_');
    let mut next =
        || parts.next().ok_or_else(|| Problem::bad_request("`after` is the `next` of the page before, as it was given."));
    Ok(ConversationLink { conversation: id(next()?)?, other: id(next()?)?, kind: next()?.to_owned() })
}

fn shown(c: &Conversation) -> Value {
    json!({
        "id": c.id,
        "organisation": c.organisation,
        "state": c.state,
        "subject": c.subject,
        "created_at": time(c.created_at_us),
        "last_message_at": time(c.last_message_at_us),
        "message_count": c.message_count,
    })
}

/// Where the next page begins: the last row's time and id.
pub(super) fn cursor(at_us: i64, id: impl std::fmt::Display) -> String {
    format!("{at_us}_{id}")
}

/// The reverse of [`cursor`].
pub(super) fn from_cursor<T: FromStr>(text: &str) -> Result<(i64, T), Problem> {
    text.split_once('_')
        .and_then(|(at, id)| Some((at.parse().ok()?, id.parse().ok()?)))
        .ok_or_else(|| Problem::bad_request("`after` is the `next` of the page before, as it was given."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_the_wire() {
        let id: ConversationId = "01936d0c-7d1e-7000-8000-000000000000".parse().unwrap();
        assert_eq!(from_cursor::<ConversationId>(&cursor(-5, id)).unwrap(), (-5, id));
        assert!(from_cursor::<ConversationId>("5").is_err());
    }
}
