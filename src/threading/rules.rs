//! The rules, strongest first: where a mail goes, and what its sender may do there.
//!
//! *Where* follows from ids and tokens alone, so that it does not depend on the order of arrival.
//! *May* follows from who the sender is: knowing an id is not permission.
//!
//! | rule | evidence | confidence |
//! |---|---|---|
//! | forward | a person passes on another mail: a new conversation, the old one is suggested | 0.9 |
//! | token | the reply address of a conversation | 1.0; 0.9 when shown by another than its addressee |
//! | outbound-id | refers to a mail the product sent, or to an id that we signed | 0.97 |
//! | reference | refers to a mail we have, or one we have refers to it | 0.95 |
//! | shared-ancestor | refers to a mail nobody here has seen, as another mail does | 0.8 |
//! | bounced-id | the mail that bounced | 0.9 |
//! | thread-index | Exchange thread and base subject are the same | 0.7 |
//! | new | nothing known | 1.0 |
//!
//! Conversations that a mail ties are merged: the older stays. Not merged away is one that a person
//! has worked on; where that is so of more than one, they are suggested instead. A subject, or a
//! subject and the people, only ever suggest.

use crate::limits::SUGGESTIONS_MAX;
use crate::mail::{
    ConversationId, Decision, Evidence, HoldReason, IdStanding, May, Rule, Suggestion, ThreadIndex, ThreadKeys, TokenPlace, Where,
};
use std::collections::HashSet;

/// Bytes of an id or token shown in evidence.
const DETAIL_BYTES_MAX: usize = 200;

/// A conversation that something in the mail points to.
struct Lead {
    conversation: ConversationId,
    rule: Rule,
    confidence: f32,
    evidence: Evidence,
    /// The mail ties its conversation to this one; otherwise it is only an idea.
    ties: bool,
}

/// Decides. `fresh` is the id a new conversation gets; nothing else is made up here.
#[must_use]
pub fn decide(keys: &ThreadKeys, index: &ThreadIndex, fresh: ConversationId) -> Decision {
    let mut leads = leads(keys, index);
    leads.sort_by_key(|l| (!l.ties, l.rule)); // stable: nearer ids stay in front
    let hold = keys.foreign_token.then_some(HoldReason::ForeignEvidence);
    let mut evidence: Vec<Evidence> = Vec::new();
    if keys.foreign_token {
        evidence.push(Evidence {
            code: "foreign-token",
            place: "address".to_owned(),
            detail: "a reply address of another organisation was used here; it was ignored".to_owned(),
        });
    }
    let (place, merges) = join(leads.iter().filter(|l| l.ties), index);
    let taken: HashSet<ConversationId> = place.iter().chain(&merges).copied().collect();
    let (rule, confidence) = match leads.iter().find(|l| l.ties) {
        Some(lead) => (lead.rule, lead.confidence),
        None if keys.is_forward() => (Rule::Forward, 0.9),
        None => (Rule::New, 1.0),
    };
    if rule == Rule::Forward {
        evidence.push(Evidence {
            code: "forward",
            place: "header Subject".to_owned(),
            detail: "passes on another mail and answers to no reply address".to_owned(),
        });
    }
    for lead in leads.iter().filter(|l| taken.contains(&l.conversation)) {
        if !evidence.contains(&lead.evidence) {
            evidence.push(lead.evidence.clone());
        }
    }
    if let Some(lead) = leads.iter().find(|l| !taken.contains(&l.conversation)).filter(|_| place.is_some()) {
        evidence.push(Evidence {
            code: "conflict",
            place: lead.evidence.place.clone(),
            detail: format!("also points to conversation {}", lead.conversation),
        });
    }
    let mut suggestions: Vec<Suggestion> = Vec::new();
    let weak = by_subject(keys, index);
    for lead in leads.iter().chain(&weak).filter(|l| !taken.contains(&l.conversation)) {
        if suggestions.len() < SUGGESTIONS_MAX && !suggestions.iter().any(|s| s.conversation == lead.conversation) {
            suggestions.push(Suggestion { conversation: lead.conversation, rule: lead.rule, confidence: lead.confidence });
        }
    }
    Decision {
        place: place.filter(|p| *p != fresh).map_or(Where::New, Where::Existing),
        may: may(keys, index, place, &merges),
        merges,
        rule,
        confidence,
        evidence,
        suggestions,
        hold,
    }
}

/// Everything the mail points to, nearest first.
fn leads(keys: &ThreadKeys, index: &ThreadIndex) -> Vec<Lead> {
    let mut leads = Vec::new();
    for token in &keys.tokens {
        // One of a conversation that was erased, or that is not ours whatever the MAC says, is no evidence.
        if !index.conversations.contains_key(&token.conversation)
            || index.owners.get(&token.conversation).is_some_and(|o| *o != keys.organisation)
        {
            continue;
        }
        let signed_id = matches!(token.place, TokenPlace::MessageId);
        let (rule, confidence): (Rule, f32) = match token.addressee_is_sender {
            _ if signed_id => (Rule::OutboundId, 0.97),
            true => (Rule::Token, 1.0),
            false => (Rule::Token, 0.9),
        };
        let detail = if token.addressee_is_sender { "given to the sender" } else { "given to another person" };
        leads.push(Lead {
            conversation: index.resolve(token.conversation),
            rule,
            confidence: if token.place == TokenPlace::Body { confidence.min(0.8) } else { confidence },
            evidence: Evidence { code: "token", place: place_name(token.place).to_owned(), detail: detail.to_owned() },
            // Sent to the reply addresses of two conversations, a mail goes to the first and joins neither to the other.
            ties: !keys.is_forward() && keys.reply_address().is_none_or(|first| first == token),
        });
    }
    let tied: HashSet<&str> = keys.ties().collect();
    let known = |id: &str| index.ids.get(&(keys.organisation, id.to_owned())).copied();
    let mut by_id = |id: &str, code: &'static str, header: &str, rule_of: &dyn Fn(IdStanding) -> (Rule, f32)| {
        let Some(found) = known(id) else { return };
        let (rule, confidence) = rule_of(found.standing);
        leads.push(Lead {
            conversation: index.resolve(found.conversation),
            rule: if keys.is_forward() && id != keys.message_id { Rule::Forward } else { rule },
            confidence: if tied.contains(id) { confidence } else { confidence.min(0.6) },
            evidence: Evidence { code, place: format!("header {header}"), detail: shorten(id) },
            ties: tied.contains(id),
        });
    };
    for id in keys.references.iter().rev() {
        by_id(id, "refers-to", "References", &|standing| match standing {
            IdStanding::Outbound => (Rule::OutboundId, 0.97),
            IdStanding::Seen => (Rule::Reference, 0.95),
            IdStanding::Mentioned => (Rule::SharedAncestor, 0.8),
        });
    }
    by_id(&keys.message_id, "known-id", "Message-ID", &|standing| match standing {
        IdStanding::Outbound => (Rule::OutboundId, 0.97),
        IdStanding::Seen | IdStanding::Mentioned => (Rule::Reference, 0.95),
    });
    if let Some(id) = &keys.bounced_id {
        by_id(id, "bounced", "Message-ID of the original", &|_| (Rule::BouncedId, 0.9));
    }
    if let Some(id) = &keys.thread_index {
        by_id(id, "thread-index", "Thread-Index", &|_| (Rule::ThreadIndex, 0.7));
    }
    leads
}

/// The conversation that stays of those the mail ties, and those that are merged into it.
fn join<'a>(leads: impl Iterator<Item = &'a Lead>, index: &ThreadIndex) -> (Option<ConversationId>, Vec<ConversationId>) {
    let mut tied: Vec<ConversationId> = Vec::new();
    for lead in leads {
        if !tied.contains(&lead.conversation) {
            tied.push(lead.conversation);
        }
    }
    let touched = |c: &ConversationId| index.conversations.get(c).is_some_and(|f| f.touched_by_person);
    let age = |c: &ConversationId| (index.conversations.get(c).map_or(i64::MAX, |f| f.created_at_us), *c);
    // Of those a person has worked on the one with the best evidence; of the others the oldest.
    let stays = tied.iter().copied().find(touched).or_else(|| tied.iter().copied().min_by_key(age));
    let mut merges: Vec<ConversationId> = tied.into_iter().filter(|c| Some(*c) != stays && !touched(c)).collect();
    merges.sort_by_key(age);
    (stays, merges)
}

/// What the sender may do in the conversation the mail goes to and those that are merged into it.
fn may(keys: &ThreadKeys, index: &ThreadIndex, place: Option<ConversationId>, merges: &[ConversationId]) -> May {
    if keys.class.is_automatic() {
        return May::Automatic;
    }
    let Some(place) = place else { return May::Open };
    let given: HashSet<ConversationId> =
        keys.tokens.iter().filter(|t| t.addressee_is_sender).map(|t| index.resolve(t.conversation)).collect();
    // Where only programs have written so far, the first person begins the conversation.
    let inhabited: Vec<ConversationId> = std::iter::once(place)
        .chain(merges.iter().copied())
        .filter(|c| index.conversations.get(c).is_some_and(|f| !f.participants.is_empty()))
        .collect();
    let knows = |c: &ConversationId| {
        given.contains(c) || index.conversations.get(c).is_some_and(|f| f.participants.contains(&keys.sender))
    };
    match inhabited.is_empty() {
        true => May::Open,
        false if !keys.sender.is_empty() && inhabited.iter().all(knows) => May::Participant,
        false => May::Unverified,
    }
}

/// Conversations with the same base subject: with a common person a fair idea, without a poor one.
fn by_subject(keys: &ThreadKeys, index: &ThreadIndex) -> Vec<Lead> {
    let subject = keys.base_subject.to_lowercase();
    let Some(same) = index.subjects.get(&(keys.organisation, subject)).filter(|_| !keys.base_subject.is_empty()) else {
        return Vec::new();
    };
    let mut leads: Vec<Lead> = same
        .iter()
        .filter_map(|c| {
            let conversation = index.resolve(*c);
            let facts = index.conversations.get(&conversation)?;
            facts.participants.contains(&keys.sender).then(|| Lead {
                conversation,
                rule: Rule::SubjectAndPeople,
                confidence: 0.5,
                evidence: Evidence { code: "subject-and-people", place: "header Subject".to_owned(), detail: String::new() },
                ties: false,
            })
        })
        .collect();
    leads.truncate(SUGGESTIONS_MAX);
    leads
}

const fn place_name(place: TokenPlace) -> &'static str {
    match place {
        TokenPlace::Envelope => "envelope",
        TokenPlace::DeliveredTo => "header Delivered-To",
        TokenPlace::To => "header To",
        TokenPlace::Cc => "header Cc",
        TokenPlace::Bcc => "header Bcc",
        TokenPlace::MessageId => "header References",
        TokenPlace::Body => "text",
    }
}

fn shorten(id: &str) -> String {
    let end = (0..=id.len().min(DETAIL_BYTES_MAX)).rev().find(|n| id.is_char_boundary(*n)).unwrap_or_default();
    id[..end].to_owned()
}
