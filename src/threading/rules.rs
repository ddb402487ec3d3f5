//! The rules, strongest first: where a mail goes, and what its sender may do there.
//!
//! *Where* follows from ids and tokens alone, so that it does not depend on the order of arrival.
//! *May* follows from who the sender is: knowing an id is not permission.
//!
//! | rule | evidence | confidence |
//! |---|---|---|
//! | forward | a person passes on another mail: a new conversation, linked to the old | 0.9 |
//! | new-from-old | a new mail made from an old one (off unless asked for): the same | 0.7 |
//! | closed, rollover | what it belongs to is over: goes on in a new conversation, linked | that of what placed it |
//! | token | the reply address of a conversation | 1.0; 0.9 when shown by another than its addressee |
//! | outbound-id | refers to a mail the product sent, or to an id that we signed | 0.97 |
//! | reference | refers to a mail we have, or one we have refers to it | 0.95 |
//! | shared-ancestor | refers to a mail nobody here has seen, as another mail does | 0.8 |
//! | bounced-id | the mail that bounced | 0.9 |
//! | body-marker | our signed marker in a quoted text, where nothing else was kept | 0.8 |
//! | tracker | the case of another system, by one sender | 0.75 |
//! | thread-index | Exchange thread and base subject are the same | 0.7 |
//! | subject-tag | the product's own tag, by the authenticated person it was given to; else it is only suggested | 0.6 |
//! | subject-and-people | base subject and sender are the same: only suggested | 0.5 |
//! | quoted-text | quotes what the product wrote, from the domain of a participant: only suggested | 0.4 |
//! | new | nothing known | 1.0 |
//!
//! Conversations that a mail ties are merged: the older stays. Not merged away is one that a person
//! has worked on; where that is so of more than one, they are linked and suggested instead.
//!
//! No rule that attaches asks who is a participant, since that depends on what came before. `subject-tag` asks to whom the
//! product gave the tag: that is registered before a mail can show it.

use crate::limits::SUGGESTIONS_MAX;
use crate::mail::{
    Class, ConversationFacts, ConversationId, Decision, Evidence, HoldReason, IdStanding, Link, LinkKind, May, Rule, SenderAuth,
    Suggestion, ThreadIndex, ThreadKeys, TokenEvidence, TokenPlace, Where,
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
    pull: Pull,
}

/// What a lead does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Pull {
    /// The mail ties its conversation to this one.
    Ties,
    /// An idea for staff.
    Suggests,
}

/// Decides. `fresh` is the id a new conversation gets; nothing else is made up here.
#[must_use]
pub fn decide(keys: &ThreadKeys, index: &ThreadIndex, fresh: ConversationId) -> Decision {
    let mut leads = leads(keys, index);
    leads.sort_by_key(|l| (l.pull, l.rule)); // stable: nearer ids stay in front
    let (tied, merges) = join(leads.iter().filter(|l| l.pull == Pull::Ties), index);
    let placing = leads.first().filter(|l| l.pull == Pull::Ties);
    let home = tied.filter(|h| *h != fresh);
    let taken: HashSet<ConversationId> = home.iter().chain(&merges).copied().collect();
    let over = home.and_then(|home| over(keys, index, home));

    let mut evidence: Vec<Evidence> = Vec::new();
    let mut say = |code, place: &str, detail: String| evidence.push(Evidence { code, place: place.to_owned(), detail });
    if keys.foreign_token {
        say("foreign-token", "address", "a reply address of another organisation was used here; it was ignored".to_owned());
    }
    let (rule, confidence) = match (over, placing) {
        (Some(rule), Some(lead)) => (rule, lead.confidence),
        (None, Some(lead)) => (lead.rule, lead.confidence),
        _ if keys.is_forward() => (Rule::Forward, 0.9),
        _ if keys.is_new_from_old() => (Rule::NewFromOld, 0.7),
        _ => (Rule::New, 1.0),
    };
    match rule {
        Rule::Forward => say("forward", "header Subject", "passes on another mail and answers to no reply address".to_owned()),
        Rule::NewFromOld => {
            say("new-from-old", "header Subject", "refers to other mails, but neither answers nor quotes one".to_owned());
        }
        Rule::Closed => say("closed", "conversation", "it was closed too long ago, and goes on in a new one".to_owned()),
        Rule::Rollover => say("rollover", "conversation", "it is too old or too long, and goes on in a new one".to_owned()),
        _ => {}
    }
    let mut may = may(keys, index, home, &merges);
    let own = is_own(keys, index);
    if let Some(place) = own {
        say("own-mail", place, "the product's own mail came back: nothing follows from it".to_owned());
        may = May::Automatic;
    }
    let mut hold = keys.foreign_token.then_some(HoldReason::ForeignEvidence);
    // Also with a reply address that was given to him: everybody has it whom he ever answered together with us. And also where
    // the mail ties a conversation beside that he is not in, or that would be the way around.
    let there = || home.iter().chain(&merges).any(|c| knows(keys, index, c));
    if matches!(may, May::Participant | May::Unverified) && keys.auth == SenderAuth::Fail && there() {
        say("forged-sender", "header Authentication-Results", "the sender is a participant, and DMARC failed".to_owned());
        may = May::Unverified;
        // Lists break signatures; there it only lets nobody speak.
        hold = hold.or((keys.class == Class::Person).then_some(HoldReason::ForgedParticipant));
    }
    for lead in leads.iter().filter(|l| taken.contains(&l.conversation)) {
        if !evidence.contains(&lead.evidence) {
            evidence.push(lead.evidence.clone());
        }
    }
    if let Some(lead) = leads.iter().find(|l| !taken.contains(&l.conversation)).filter(|_| home.is_some()) {
        evidence.push(Evidence {
            code: "conflict",
            place: lead.evidence.place.clone(),
            detail: format!("also points to conversation {}", lead.conversation),
        });
    }
    Decision {
        place: home.filter(|_| over.is_none()).map_or(Where::New, Where::Existing),
        continues: home.filter(|_| over.is_some()),
        links: links(keys, home.filter(|_| over.is_some()), &leads, &taken),
        suggestions: suggestions(keys, index, &leads, &taken),
        customer: keys.customer.clone(),
        merges,
        may,
        rule,
        confidence,
        evidence,
        hold,
    }
}

/// Everything the mail points to, nearest first.
fn leads(keys: &ThreadKeys, index: &ThreadIndex) -> Vec<Lead> {
    let mut leads = Vec::new();
    tokens(keys, index, &mut leads);
    let tied: HashSet<&str> = keys.ties().collect();
    let mut by_id = |id: &str, code: &'static str, header: &str, rule_of: &dyn Fn(IdStanding) -> (Rule, f32)| {
        let Some(found) = index.ids.get(&(keys.organisation, id.to_owned())) else { return };
        let (rule, confidence) = rule_of(found.standing);
        let ties = tied.contains(id) && keys.policy.rules.has(rule);
        let own = id == keys.message_id || keys.renamed_from.iter().any(|name| name == id);
        leads.push(Lead {
            conversation: index.current(found.conversation),
            rule: match rule {
                _ if own => rule,
                _ if keys.is_forward() => Rule::Forward,
                _ if keys.is_new_from_old() => Rule::NewFromOld,
                rule => rule,
            },
            confidence: if ties { confidence } else { confidence.min(0.6) },
            evidence: Evidence { code, place: header.to_owned(), detail: shorten(id) },
            pull: if ties { Pull::Ties } else { Pull::Suggests },
        });
    };
    for id in keys.references.iter().rev() {
        by_id(id, "refers-to", "header References", &|standing| match standing {
            IdStanding::Outbound => (Rule::OutboundId, 0.97),
            IdStanding::Seen => (Rule::Reference, 0.95),
            IdStanding::Mentioned => (Rule::SharedAncestor, 0.8),
        });
    }
    by_id(&keys.message_id, "known-id", "header Message-ID", &|standing| match standing {
        IdStanding::Outbound => (Rule::OutboundId, 0.97),
        IdStanding::Seen | IdStanding::Mentioned => (Rule::Reference, 0.95),
    });
    for id in &keys.renamed_from {
        by_id(id, "known-id", "header Original-Message-ID", &|standing| match standing {
            IdStanding::Outbound => (Rule::OutboundId, 0.97),
            IdStanding::Seen | IdStanding::Mentioned => (Rule::Reference, 0.95),
        });
    }
    if let Some(id) = &keys.bounced_id {
        by_id(id, "bounced", "Message-ID of the original", &|_| (Rule::BouncedId, 0.9));
    }
    if let Some(id) = &keys.tracker {
        by_id(id, "tracker", "header Subject", &|_| (Rule::Tracker, 0.75));
    }
    if let Some(id) = &keys.thread_index {
        by_id(id, "thread-index", "header Thread-Index", &|_| (Rule::ThreadIndex, 0.7));
    }
    tags(keys, index, &mut leads);
    leads.extend(quoted(keys, index));
    leads
}

/// Conversations that the product gave the tags in the subject out for. The first tag that the sender was given ties.
fn tags(keys: &ThreadKeys, index: &ThreadIndex, leads: &mut Vec<Lead>) {
    let on = keys.policy.rules.has(Rule::SubjectTag);
    let known = |id: &str| {
        let found = index.ids.get(&(keys.organisation, id.to_owned())).filter(|id| id.standing == IdStanding::Outbound)?;
        Some(index.current(found.conversation))
    };
    let given = keys.tags_that_tie().find_map(known).map(|c| (c, Pull::Ties, 0.6));
    let named = keys.subject_tags.iter().filter_map(|id| known(id)).map(|c| (c, Pull::Suggests, 0.3));
    leads.extend(given.into_iter().chain(named).filter(|_| on).map(|(conversation, pull, confidence)| {
        let detail = if pull == Pull::Ties { "given to the sender" } else { "not known to be given to the sender" };
        let evidence = Evidence { code: "subject-tag", place: "header Subject".to_owned(), detail: detail.to_owned() };
        Lead { conversation, rule: Rule::SubjectTag, confidence, evidence, pull }
    }));
}

/// Conversations in which the product wrote what the mail quotes, if somebody of the sender's domain takes part there.
fn quoted<'a>(keys: &'a ThreadKeys, index: &'a ThreadIndex) -> impl Iterator<Item = Lead> + 'a {
    let domain = |address: &'a str| address.rsplit_once('@').map(|(_, domain)| domain).filter(|domain| !domain.is_empty());
    let on = keys.policy.rules.has(Rule::QuotedText);
    keys.quoted_prints.iter().filter(move |_| on).filter_map(move |print| {
        let found = index.ids.get(&(keys.organisation, print.clone())).filter(|id| id.standing == IdStanding::Outbound)?;
        let conversation = index.current(found.conversation);
        let facts = index.conversations.get(&conversation)?;
        let near = facts.participants.iter().any(|p| domain(p).is_some_and(|d| Some(d) == domain(&keys.sender)));
        near.then(|| Lead {
            conversation,
            rule: Rule::QuotedText,
            confidence: 0.4,
            evidence: Evidence { code: "quoted-text", place: "text".to_owned(), detail: String::new() },
            pull: Pull::Suggests,
        })
    })
}

fn tokens(keys: &ThreadKeys, index: &ThreadIndex, leads: &mut Vec<Lead>) {
    for token in &keys.tokens {
        // One of a conversation that was erased, or that is not ours whatever the MAC says, is no evidence.
        if !index.conversations.contains_key(&token.conversation)
            || index.owners.get(&token.conversation).is_some_and(|o| *o != keys.organisation)
        {
            continue;
        }
        let (rule, confidence): (Rule, f32) = match token.place {
            TokenPlace::MessageId => (Rule::OutboundId, 0.97),
            TokenPlace::Body => (Rule::BodyMarker, 0.8),
            _ if token.addressee_is_sender => (Rule::Token, 1.0),
            _ => (Rule::Token, 0.9),
        };
        if !keys.policy.rules.has(rule) {
            continue;
        }
        let detail = if token.addressee_is_sender { "given to the sender" } else { "given to another person" };
        // Sent to the reply addresses of two conversations, a mail goes to the first and joins neither to the other.
        let alone = keys.is_forward() || keys.is_new_from_old();
        let ties = !alone && keys.reply_address().is_none_or(|first| first == token);
        leads.push(Lead {
            conversation: index.current(token.conversation),
            rule,
            confidence,
            evidence: Evidence { code: "token", place: place_name(token.place).to_owned(), detail: detail.to_owned() },
            pull: if ties { Pull::Ties } else { Pull::Suggests },
        });
    }
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

/// Why nothing more goes into a conversation, if it is so.
fn over(keys: &ThreadKeys, index: &ThreadIndex, home: ConversationId) -> Option<Rule> {
    let facts = index.conversations.get(&home)?;
    let (policy, now) = (&keys.policy, keys.received_at_us);
    let closed = facts.closed_at_us.is_some_and(|at| now.saturating_sub(at) > policy.closed_us_max);
    if closed && policy.rules.has(Rule::Closed) {
        return Some(Rule::Closed);
    }
    let full = facts.message_count >= policy.conversation_messages_max;
    let old = facts.message_count > 0 && now.saturating_sub(facts.created_at_us) > policy.conversation_us_max;
    ((full || old) && policy.rules.has(Rule::Rollover)).then_some(Rule::Rollover)
}

/// What the sender may do in the conversation the mail goes to and those that are merged into it.
fn may(keys: &ThreadKeys, index: &ThreadIndex, home: Option<ConversationId>, merges: &[ConversationId]) -> May {
    if keys.class.is_automatic() {
        return May::Automatic;
    }
    let Some(home) = home else { return May::Open };
    // Where only programs have written so far, the first person begins the conversation.
    let inhabited: Vec<ConversationId> = std::iter::once(home)
        .chain(merges.iter().copied())
        .filter(|c| index.conversations.get(c).is_some_and(ConversationFacts::inhabited))
        .collect();
    match inhabited.is_empty() {
        true => May::Open,
        false if inhabited.iter().all(|c| knows(keys, index, c)) => May::Participant,
        false => May::Unverified,
    }
}

/// The sender takes part there, or shows a token of it that was given to him.
fn knows(keys: &ThreadKeys, index: &ThreadIndex, conversation: &ConversationId) -> bool {
    let given = |t: &TokenEvidence| t.addressee_is_sender && index.current(t.conversation) == *conversation;
    let takes_part = || index.conversations.get(conversation).is_some_and(|f| f.participants.contains(&keys.sender));
    !keys.sender.is_empty() && (keys.tokens.iter().any(given) || takes_part())
}

/// Where it shows that the mail is one the product sent.
fn is_own(keys: &ThreadKeys, index: &ThreadIndex) -> Option<&'static str> {
    let sent =
        |id: &str| index.ids.get(&(keys.organisation, id.to_owned())).is_some_and(|known| known.standing == IdStanding::Outbound);
    if keys.own_mail {
        Some("header")
    } else if sent(&keys.message_id) {
        Some("header Message-ID")
    } else {
        keys.text_print.as_deref().filter(|print| sent(print)).map(|_| "text")
    }
}

fn links(keys: &ThreadKeys, continues: Option<ConversationId>, leads: &[Lead], taken: &HashSet<ConversationId>) -> Vec<Link> {
    let mut links: Vec<Link> =
        continues.into_iter().map(|conversation| Link { conversation, kind: LinkKind::Continues }).collect();
    for lead in leads.iter().filter(|l| !taken.contains(&l.conversation)) {
        let kind = match lead.pull {
            Pull::Ties => LinkKind::Tied,
            _ if keys.stands_alone() && matches!(lead.rule, Rule::Forward | Rule::NewFromOld) => LinkKind::Forward,
            _ => continue,
        };
        if links.len() < SUGGESTIONS_MAX && !links.iter().any(|l| l.conversation == lead.conversation) {
            links.push(Link { conversation: lead.conversation, kind });
        }
    }
    links
}

fn suggestions(keys: &ThreadKeys, index: &ThreadIndex, leads: &[Lead], taken: &HashSet<ConversationId>) -> Vec<Suggestion> {
    let mut out: Vec<Suggestion> = Vec::new();
    let weak = by_subject(keys, index);
    for lead in leads.iter().chain(&weak).filter(|l| !taken.contains(&l.conversation)) {
        if out.len() < SUGGESTIONS_MAX && !out.iter().any(|s| s.conversation == lead.conversation) {
            out.push(Suggestion { conversation: lead.conversation, rule: lead.rule, confidence: lead.confidence });
        }
    }
    out
}

/// Conversations with the same base subject and the sender among their people, not too long ago; the newest first.
fn by_subject(keys: &ThreadKeys, index: &ThreadIndex) -> Vec<Lead> {
    let subject = keys.base_subject.to_lowercase();
    let Some(same) = index.subjects.get(&(keys.organisation, subject)).filter(|_| !keys.base_subject.is_empty()) else {
        return Vec::new();
    };
    let on = keys.policy.rules.has(Rule::SubjectAndPeople);
    let lead = |c: &ConversationId| {
        let conversation = index.current(*c);
        let facts = index.conversations.get(&conversation)?;
        let near = keys.received_at_us.saturating_sub(facts.last_message_at_us) <= keys.policy.subject_us_max;
        (on && near && facts.participants.contains(&keys.sender)).then(|| Lead {
            conversation,
            rule: Rule::SubjectAndPeople,
            confidence: 0.5,
            evidence: Evidence { code: "subject-and-people", place: "header Subject".to_owned(), detail: String::new() },
            pull: Pull::Suggests,
        })
    };
    same.iter().rev().filter_map(lead).take(SUGGESTIONS_MAX).collect()
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
