//! What would happen to a held mail if it were released, in words for staff.
//!
//! The store keeps the decision that was taken when the mail was held; a mail whose reader failed
//! then has none, and it is made here, without being applied.
//!
//! # Failure
//! A proposal is a courtesy: where it can't be made, the page goes without.

use super::reading::{self, ReadMail};
use super::{SharedApp, layout};
use crate::mail::ConversationId;
use crate::store::{Conversation, ConversationLink, QuarantineItem};
use crate::threading;
use maud::{Markup, html};
use serde_json::Value;
use std::sync::Arc;
use uuid::Uuid;

/// The proposed decision, as stored or made now.
pub(super) async fn of(app: &SharedApp, item: &QuarantineItem, read: Option<&Arc<ReadMail>>) -> Option<Value> {
    if let Some(stored) = &item.proposed {
        return Some(stored.clone());
    }
    let read = read?;
    let (read, organisation, watched) = (read.clone(), item.organisation, app.clone());
    // The mail is no more to be trusted here than while it was read.
    let keys = reading::in_a_seat(app, move || {
        let directory = watched.state.directory.borrow().clone();
        let (mail, class, envelope) = (&read.mail, &read.class, &read.entry.envelope);
        threading::keys(mail, class, envelope, organisation, &directory, &watched.state.tokens, &watched.limits)
    });
    let keys = keys.await.ok()?;
    let index = app.state.store.thread_index(std::slice::from_ref(&keys)).await.ok()?;
    let decide = move || threading::decide(&keys, &index, ConversationId(Uuid::now_v7()));
    serde_json::to_value(reading::in_a_seat(app, decide).await.ok()?).ok()
}

/// Links shown of one conversation.
const LINKS_SHOWN: usize = 5;

/// The conversation a proposal is about, as it is now, with its links.
pub(super) async fn there(app: &SharedApp, decision: &Value) -> Option<(Conversation, Vec<ConversationLink>)> {
    let named = decision["where"]["existing"].as_str().or_else(|| decision["continues"].as_str())?;
    let conversation = app.state.store.conversation(named.parse().ok()?).await.ok()?;
    let links = app.state.store.conversation_links(conversation.id, None, LINKS_SHOWN + 1).await.ok()?;
    Some((conversation, links))
}

/// Suggested conversations shown.
const SUGGESTIONS_SHOWN: usize = 5;

/// The conversations a proposal suggests beside its decision, as they are now, each with why.
pub(super) async fn suggested(app: &SharedApp, decision: &Value) -> Vec<(Conversation, String)> {
    let mut found: Vec<(Conversation, String)> = Vec::new();
    for suggestion in decision["suggestions"].as_array().into_iter().flatten().take(SUGGESTIONS_SHOWN) {
        let Some(id) = suggestion["conversation"].as_str().and_then(|id| id.parse::<ConversationId>().ok()) else { continue };
        // One that became a part of another is that other; one that is gone is no place to go.
        let Ok(conversation) = app.state.store.conversation(id).await else { continue };
        if found.iter().all(|(c, _)| c.id != conversation.id) {
            found.push((conversation, because(suggestion["rule"].as_str().unwrap_or_default()).to_owned()));
        }
    }
    found
}

/// Which conversation that is, and which ones it is linked to, in words.
pub(super) fn show_there(conversation: &Conversation, links: &[ConversationLink]) -> Markup {
    let here = conversation.id;
    html! {
        p.soft {
            "Conversation " span.mono { (here) } " is " (conversation.state) ", has " (conversation.message_count)
            @if conversation.message_count == 1 { " message" } @else { " messages" }
            @if conversation.subject.is_empty() { "." } @else { " and is about “" bdi { (layout::told(&conversation.subject)) } "”." }
        }
        @if !links.is_empty() {
            ul.soft {
                @for link in links.iter().take(LINKS_SHOWN) {
                    @let from_here = link.conversation == here;
                    li {
                        (linked(&link.kind, from_here)) " "
                        span.mono { (if from_here { link.other } else { link.conversation }) }
                    }
                }
                @if links.len() > LINKS_SHOWN { li { "and others" } }
            }
        }
    }
}

/// What a link says of the conversation at which it begins, or of the other.
fn linked(kind: &str, from_here: bool) -> &'static str {
    match (kind, from_here) {
        ("continues", true) => "It continues",
        ("continues", false) => "It is over and continues in",
        ("forward", true) => "It began with a mail that was passed on from",
        ("forward", false) => "A mail of it was passed on to",
        _ => "Mails tie it to",
    }
}

/// In words.
pub(super) fn show(decision: &Value) -> Markup {
    let existing = decision["where"]["existing"].as_str();
    let rule = decision["rule"].as_str().unwrap_or_default();
    let evidence = decision["evidence"].as_array().map(Vec::as_slice).unwrap_or_default();
    html! {
        p {
            "If released, it "
            @match existing {
                Some(id) => { "would be added to conversation " span.mono { (id) } ", because " (because(rule)) "." }
                None => {
                    "would begin a new conversation"
                    @if let Some(old) = decision["continues"].as_str() {
                        " that goes on where " span.mono { (old) } " is over, because " (because(rule))
                    }
                    "."
                }
            }
            " " (may(decision["may"].as_str().unwrap_or_default()))
        }
        @if decision["customer"]["proposed"].as_bool() == Some(true) {
            p {
                "The customer may be " (decision["customer"]["name"].as_str().unwrap_or_default()) " "
                span.mono { (decision["customer"]["address"].as_str().unwrap_or_default()) } ": only the mail says so."
            }
        }
        @if !evidence.is_empty() {
            table {
                @for e in evidence.iter().take(20) {
                    tr {
                        td.name.mono { (e["code"].as_str().unwrap_or_default()) }
                        td { (e["where"].as_str().unwrap_or_default()) }
                        td.soft { (e["detail"].as_str().unwrap_or_default()) }
                    }
                }
            }
        }
    }
}

fn because(rule: &str) -> &str {
    match rule {
        "staff" => "staff said so",
        "token" => "it shows a signed reply address of that conversation",
        "outbound-id" => "it answers a mail that the product sent from there",
        "reference" => "it answers a mail in there",
        "shared-ancestor" => "it answers the same mail as one in there",
        "bounced-id" => "it is about a mail in there that could not be delivered",
        "body-marker" => "it quotes a mail of ours from there",
        "tracker" => "another system numbers it as the same case",
        "new-from-old" => "it was made from a mail in there",
        "closed" => "it belongs to a conversation that was closed long ago",
        "rollover" => "it belongs to a conversation that is too old or too long",
        "thread-index" => "Exchange numbered it as part of that thread",
        "subject-tag" => "its subject carries that conversation's tag",
        "subject-and-people" => "subject and people are the same",
        "quoted-text" => "it quotes what the product wrote there, and comes from the same domain as somebody in there",
        "forward" => "it forwards a mail in there",
        other => other,
    }
}

fn may(word: &str) -> &'static str {
    match word {
        // To begin one is the sender's right: nothing to say.
        "open" => "",
        "participant" => "Its sender is known there and speaks as a participant.",
        "unverified" => {
            "Its sender is not known there, or not for certain: the mail would show as unverified and change nothing."
        }
        "automatic" => "A program wrote it: it would be filed, and nothing would follow from it.",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_conversation_is_told_with_what_it_continues() {
        let id = |n| ConversationId(Uuid::from_u128(n));
        let conversation = Conversation {
            id: id(1),
            organisation: crate::mail::OrganisationId(Uuid::from_u128(9)),
            state: "open".into(),
            subject: "<b>".into(),
            created_at_us: 0,
            last_message_at_us: 0,
            touched_by_person: false,
            message_count: 5_000,
        };
        let link = |conversation, other, kind: &str| ConversationLink { conversation, other, kind: kind.into() };
        let links = [link(id(1), id(2), "continues"), link(id(3), id(1), "continues"), link(id(1), id(4), "tied")];
        let shown = show_there(&conversation, &links).into_string();
        for (words, other) in [("It continues", 2), ("It is over and continues in", 3), ("Mails tie it to", 4)] {
            let said = format!("{words} <span class=\"mono\">{}</span>", id(other));
            assert!(shown.contains(&said), "{said}: {shown}");
        }
        assert!(shown.contains("5000 messages") && shown.contains("&lt;b&gt;"), "{shown}");
    }

    #[test]
    fn a_decision_is_told_in_words() {
        let shown = show(&json!({
            "where": {"existing": "01936d0c-7d1e-7000-8000-000000000000"}, "rule": "reference", "may": "unverified",
            "evidence": [{"code": "references", "where": "header References", "detail": "<b>"}], "suggestions": []
        }))
        .into_string();
        assert!(shown.contains("added to conversation") && shown.contains("it answers a mail in there"), "{shown}");
        assert!(shown.contains("&lt;b&gt;"), "escaped: {shown}");
        assert!(show(&json!({"where": "new", "may": "open"})).into_string().contains("begin a new conversation"));
        assert!(show(&json!(null)).into_string().contains("begin a new"), "an odd value breaks nothing");
    }
}
