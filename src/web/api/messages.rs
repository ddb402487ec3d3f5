//! `/v1/messages`: what mails say, in the reading format, and their bytes.

use super::Answer;
use super::asked::{AskedPath, AskedQuery, id, rows};
use super::conversations::{cursor, from_cursor};
use crate::mail::MessageId;
use crate::store::Message;
use crate::web::SharedApp;
use crate::web::item::{could_not_read, download, raw_mail};
use crate::web::problem::{AsJson, Problem};
use crate::web::reading;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
pub(super) struct Page {
    after: Option<String>,
    limit: Option<usize>,
}

/// Messages of a conversation, oldest first. Attachments are with the single message only.
pub(super) async fn of_conversation(
    State(app): State<SharedApp>,
    AskedPath(text): AskedPath<String>,
    AskedQuery(page): AskedQuery<Page>,
) -> Answer<Json<Value>> {
    // An alias has no messages of its own.
    let conversation = app.state.store.conversation(id(&text)?).await?;
    let after = page.after.as_deref().map(from_cursor::<MessageId>).transpose()?;
    let rows = rows(page.limit, app.limits.page_rows_max);
    let found = app.state.store.messages(conversation.id, after, rows).await?;
    let next = (found.len() == rows).then(|| found.last().map(|m| cursor(m.received_at_us, m.id))).flatten();
    let shown: Vec<Value> = found
        .iter()
        .map(|m| {
            let mut body = m.reading(&[]);
            if let Some(fields) = body.as_object_mut() {
                fields.remove("attachments");
            }
            body
        })
        .collect();
    Ok(Json(json!({ "messages": shown, "next": next })))
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    html: bool,
}

pub(super) async fn one(
    State(app): State<SharedApp>,
    AskedPath(text): AskedPath<String>,
    AskedQuery(wanted): AskedQuery<Wanted>,
) -> Answer<Json<Value>> {
    let message = find(&app, &text).await?;
    let attachments = app.state.store.attachments(message.id).await?;
    let mut body = message.reading(&attachments);
    if wanted.html && message.has_html {
        let read = reading::read(&app, message.locator).await.map_err(could_not_read)?;
        body["html"] = json!(read.html);
    }
    Ok(Json(body))
}

pub(super) async fn raw(State(app): State<SharedApp>, AskedPath(text): AskedPath<String>) -> Answer<Response> {
    let message = find(&app, &text).await?;
    Ok(raw_mail(&app, message.locator).await?)
}

pub(super) async fn attachment(
    State(app): State<SharedApp>,
    AskedPath((text, part)): AskedPath<(String, u32)>,
) -> Answer<Response> {
    let message = find(&app, &text).await?;
    let attachments = app.state.store.attachments(message.id).await?;
    let missing = || AsJson(Problem::not_found("attachment"));
    let found = attachments.into_iter().find(|a| a.part == part).ok_or_else(missing)?;
    let bytes = reading::attachment(&app, message.locator, part).await.map_err(could_not_read)?.ok_or_else(missing)?;
    Ok(download(&found.content_type, &found.name, bytes))
}

async fn find(app: &SharedApp, text: &str) -> Result<Message, Problem> {
    Ok(app.state.store.message(id(text)?).await?)
}
