//! Releasing and discarding a held mail.
//!
//! # Failure
//! Two people who press at the same time: the first one's word holds, the second gets a page that
//! says who was first. Pressing twice is harmless.

use super::problem::{Problem, sentence};
use super::session::Staff;
use super::{SharedApp, item, layout, review};
use crate::mail::{ConversationId, QuarantineId};
use crate::store::{self, Conversation};
use axum::Form;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

/// Characters of a conversation's subject on a button.
const TITLE_CHARS_MAX: usize = 60;
/// Characters of the reason for discarding.
pub const WHY_CHARS_MAX: usize = 500;

/// The buttons of a held mail.
pub(super) fn forms(staff: &Staff, id: QuarantineId, suggested: &[(Conversation, String)]) -> Markup {
    let base = format!("{}/{id}", review::PATH);
    html! {
        form.actions method="post" action={ (base) "/release" } {
            (staff.csrf_field())
            button type="submit" { "Release" }
            span.soft { "The rules decide where it goes, and it is not held again." }
        }
        @for (conversation, why) in suggested {
            form.actions method="post" action={ (base) "/release" } {
                (staff.csrf_field())
                input type="hidden" name="conversation" value=(conversation.id);
                button.plain type="submit" { "Release into “" bdi { (layout::told(title(conversation))) } "”" }
                span.soft {
                    "It might belong there: " (why) ". That one is " (conversation.state) ", has " (conversation.message_count)
                    @if conversation.message_count == 1 { " message." } @else { " messages." }
                }
            }
        }
        details {
            summary { "Release into a certain conversation" }
            form method="post" action={ (base) "/release" } {
                (staff.csrf_field())
                label {
                    "Conversation id"
                    input name="conversation" required autocomplete="off" spellcheck="false" placeholder="01936d0c-7d1e-7000-8000-000000000000";
                }
                p.actions { button.plain type="submit" { "Release into it" } }
            }
        }
        details {
            summary { "Discard" }
            form method="post" action={ (base) "/discard" } {
                (staff.csrf_field())
                label { "Why" input name="why" required maxlength=(WHY_CHARS_MAX) placeholder="Spam, test, a duplicate …"; }
                p.actions {
                    button.danger type="submit" { "Discard this mail" }
                    span.soft { "It will be in no conversation. Your name and the reason are kept." }
                }
            }
        }
    }
}

/// What a conversation is called on a button.
fn title(conversation: &Conversation) -> &str {
    match conversation.subject.char_indices().nth(TITLE_CHARS_MAX) {
        _ if conversation.subject.trim().is_empty() => "no subject",
        Some((end, _)) => &conversation.subject[..end],
        None => &conversation.subject,
    }
}

#[derive(Deserialize)]
pub(super) struct ReleaseForm {
    csrf: String,
    #[serde(default)]
    conversation: String,
}

pub(super) async fn release(
    State(app): State<SharedApp>,
    staff: Staff,
    headers: HeaderMap,
    Path(id): Path<String>,
    Form(form): Form<ReleaseForm>,
) -> Result<Response, Problem> {
    let page = item_path(&id);
    staff.check(&app, &headers, &form.csrf).map_err(|problem| problem.back_to(page.clone()))?;
    let held = item::find(&app, &id).await?;
    let conversation = match form.conversation.trim() {
        "" => None,
        text => Some(text.parse::<ConversationId>().map_err(|e| Problem::bad_request(sentence(&e.to_string())).back_to(page))?),
    };
    if let Err(error) = app.state.store.release(held.id, conversation, &staff.actor()).await {
        return Err(not_done(&app, held.id, error).await);
    }
    Ok(back_to(held.id))
}

#[derive(Deserialize)]
pub(super) struct DiscardForm {
    csrf: String,
    why: String,
}

pub(super) async fn discard(
    State(app): State<SharedApp>,
    staff: Staff,
    headers: HeaderMap,
    Path(id): Path<String>,
    Form(form): Form<DiscardForm>,
) -> Result<Response, Problem> {
    let page = item_path(&id);
    staff.check(&app, &headers, &form.csrf).map_err(|problem| problem.back_to(page.clone()))?;
    let held = item::find(&app, &id).await?;
    let why = form.why.trim();
    if why.is_empty() || why.chars().count() > WHY_CHARS_MAX {
        return Err(Problem::bad_request(format!("Say why in 1 to {WHY_CHARS_MAX} characters.")).back_to(page));
    }
    if let Err(error) = app.state.store.discard(held.id, why, &staff.actor()).await {
        return Err(not_done(&app, held.id, error).await);
    }
    Ok(back_to(held.id))
}

/// Why a decision was not taken: where somebody was first, who, in words for staff.
async fn not_done(app: &SharedApp, id: QuarantineId, error: store::Error) -> Problem {
    let mut problem = Problem::from(error);
    if problem.status == StatusCode::CONFLICT
        && let Ok(now) = app.state.store.quarantine_item(id).await
        && let Some(word) = item::decided(now.state)
        && let Ok(actor) = item::actor_name(app, now.actor.as_deref()).await
    {
        problem.message = format!("This mail was {word} by {actor} in the meantime. What you chose was not done.");
    }
    problem.back_to(item_path(&id.to_string()))
}

/// The page of an item; of what is no id, the list.
fn item_path(id: &str) -> String {
    match id.parse::<QuarantineId>() {
        Ok(id) => format!("{}/{id}", review::PATH),
        Err(_) => review::PATH.to_owned(),
    }
}

/// Back to the item, which says what became of it.
fn back_to(id: QuarantineId) -> Response {
    Redirect::to(&format!("{}/{id}", review::PATH)).into_response()
}
