//! What a gateway would know before the mails of a conversation come: its addresses, what the product sent, what
//! became of older conversations. And the placeholders in the mails that stand for what it signed.
//!
//! # Failure
//! What its author got wrong is said when a sample is loaded, in words for him.

use crate::corpus::Desk;
use crate::directory::{Directory, Mailbox};
use crate::mail::{ConversationId, IdStanding, KnownId, MailboxId, OrganisationId, ThreadIndex};
use crate::threading::{Partition, TokenClaim, TokenKeys, message_id_key};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use uuid::Uuid;

/// The second organisation of a sample.
pub(super) const OTHER: OrganisationId = OrganisationId(Uuid::from_u128(2));

/// When the first mail comes, where the sample does not say: 2026-01-05 09:00 UTC, in microseconds since 1970.
pub(super) const FIRST_US: i64 = 1_767_603_600_000_000;
/// What was there before is older by this.
const BEFORE_US: i64 = 86_400_000_000;
/// Signs the reply addresses of all samples.
const SECRET: &str = "the key of the samples, known to everybody";

/// `[setup]`: what a gateway would know.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Setup {
    /// Addresses of the organisation, as `tidegate mailbox add` takes them.
    pub mailboxes: Vec<String>,
    /// Addresses of a second organisation.
    pub other_mailboxes: Vec<String>,
    /// What the product sent, in order.
    pub outbound: Vec<Outbound>,
    /// What else is known of conversations that were there before.
    pub conversations: Vec<Before>,
    /// How mails came, by name; where nothing is said, to the mailboxes in To and Cc, else to the first one.
    pub envelope: BTreeMap<String, EnvelopeSaid>,
}

/// `[[setup.outbound]]`: a mail that the product sent and registered.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outbound {
    /// The label of its conversation.
    pub conversation: String,
    /// Its own label, where a conversation has several; else that of the conversation.
    pub mail: Option<String>,
    /// Its Message-ID, where it is not one that we signed.
    pub message_id: Option<String>,
    /// What a provider made of it on the wire.
    pub wire_id: Option<String>,
    /// To whom.
    pub to: Vec<String>,
    /// Of the conversation, without `Re:`.
    #[serde(default)]
    pub subject: String,
    /// It was sent by the second organisation.
    #[serde(default)]
    pub other: bool,
}

/// `[[setup.conversations]]`: what is known of a conversation that was there before.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Before {
    /// Its label.
    pub label: String,
    /// Who is in it.
    #[serde(default)]
    pub participants: Vec<String>,
    /// Message-IDs of its mails.
    #[serde(default)]
    pub message_ids: Vec<String>,
    /// Its subject, without `Re:`.
    #[serde(default)]
    pub subject: String,
    /// Staff have worked on it.
    #[serde(default)]
    pub touched: bool,
    /// Staff closed it at this time (RFC 3339), and nobody has opened it since.
    pub closed: Option<String>,
    /// It became a part of this one (a label).
    pub merged_into: Option<String>,
    /// It was erased: only what was signed for it is still about.
    #[serde(default)]
    pub erased: bool,
    /// It is of the second organisation.
    #[serde(default)]
    pub other: bool,
}

/// `[setup.envelope."01"]`: how a mail came.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EnvelopeSaid {
    /// MAIL FROM.
    pub from: Option<String>,
    /// RCPT TO.
    pub to: Option<Vec<String>>,
    /// When, RFC 3339.
    pub received: Option<String>,
}

impl Before {
    /// When it was closed, microseconds since 1970 UTC.
    fn closed_at_us(&self) -> Option<i64> {
        self.closed.as_ref()?.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_microsecond)
    }
}

/// The conversation with a label: the same id in every run.
fn conversation(label: &str) -> ConversationId {
    let hash = Sha256::digest(format!("tidegate corpus conversation {label}"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    ConversationId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

impl Setup {
    /// Every label, each once, in order.
    pub(super) fn labels(&self) -> Vec<&str> {
        let mut labels: Vec<&str> = Vec::new();
        for label in
            self.conversations.iter().map(|c| c.label.as_str()).chain(self.outbound.iter().map(|o| o.conversation.as_str()))
        {
            if !labels.contains(&label) {
                labels.push(label);
            }
        }
        labels
    }

    /// The conversation of each label, in order.
    pub(super) fn conversations(&self) -> Vec<(&str, ConversationId)> {
        self.labels().into_iter().map(|label| (label, conversation(label))).collect()
    }

    fn is_other(&self, label: &str) -> bool {
        self.outbound.iter().any(|o| o.conversation == label && o.other)
            || self.conversations.iter().any(|c| c.label == label && c.other)
    }

    fn organisation(&self, label: &str) -> OrganisationId {
        if self.is_other(label) { OTHER } else { Desk::ORGANISATION }
    }

    fn before(&self, label: &str) -> Option<&Before> {
        self.conversations.iter().find(|c| c.label == label)
    }

    fn erased(&self, label: &str) -> bool {
        self.before(label).is_some_and(|c| c.erased)
    }

    fn directory(&self) -> Directory {
        let rows = self.mailboxes.iter().map(|a| (Desk::ORGANISATION, a)).chain(self.other_mailboxes.iter().map(|a| (OTHER, a)));
        Directory::new(
            1,
            rows.enumerate().map(|(n, (organisation, address))| Mailbox {
                id: MailboxId(Uuid::from_u128(n as u128 + 1)),
                organisation,
                address: address.clone(),
            }),
        )
    }

    /// What is wrong with it, in words for its author.
    pub(super) fn fault(&self, mails: &[&str]) -> Option<String> {
        let labels = self.labels();
        if let Some(both) = labels.iter().find(|l| mails.contains(l)) {
            return Some(format!("[setup]: `{both}` is the name of a mail; labels of conversations are others, such as A"));
        }
        if let Some(lost) = self.conversations.iter().filter_map(|c| c.merged_into.as_deref()).find(|l| !labels.contains(l)) {
            return Some(format!("[setup]: `merged_into = \"{lost}\"`: there is no such conversation"));
        }
        if let Some(name) = self.envelope.keys().find(|name| !mails.contains(&name.as_str())) {
            return Some(format!("[setup]: `envelope.\"{name}\"`: there is no such mail"));
        }
        if let Some(sent) = self.outbound.iter().find(|o| o.to.is_empty()) {
            return Some(format!("[setup]: what was sent in `{}` has nobody in `to`", sent.conversation));
        }
        if let Some(lost) = self.conversations.iter().find(|c| c.closed.is_some() && c.closed_at_us().is_none()) {
            return Some(format!("[setup]: `closed` of `{}` is a time such as 2025-06-30T17:00:00Z", lost.label));
        }
        let unreadable = |e: &&EnvelopeSaid| e.received.as_ref().is_some_and(|at| at.parse::<jiff::Timestamp>().is_err());
        self.envelope.values().find(unreadable).map(|_| "[setup]: `received` is a time such as 2026-01-05T09:00:00Z".to_owned())
    }

    /// A gateway that knows all this.
    pub(super) fn desk(&self) -> Desk {
        let mut index = ThreadIndex::default();
        for (n, (label, id)) in self.conversations().into_iter().enumerate() {
            if self.erased(label) {
                continue;
            }
            let organisation = self.organisation(label);
            let before = self.before(label);
            let sent = || self.outbound.iter().filter(|o| o.conversation == label);
            let people = before.into_iter().flat_map(|b| &b.participants).chain(sent().flat_map(|o| &o.to));
            let alias = before.and_then(|b| b.merged_into.as_deref());
            // Who was in a conversation that is part of another is in that one.
            let home = conversation(alias.unwrap_or(label));
            index.conversations.entry(home).or_default().participants.extend(people.map(|a| a.to_lowercase()));
            let facts = index.conversations.entry(id).or_default();
            facts.created_at_us = FIRST_US - BEFORE_US + n as i64;
            facts.alias_of = alias.map(conversation);
            facts.touched_by_person = before.is_some_and(|b| b.touched);
            facts.message_count = 1;
            facts.closed_at_us = before.and_then(Before::closed_at_us);
            facts.open = facts.closed_at_us.is_none();
            // What was closed had begun before.
            facts.created_at_us = facts.closed_at_us.map_or(facts.created_at_us, |at| facts.created_at_us.min(at - BEFORE_US));
            index.owners.insert(id, organisation);
            let mut know = |message_id: String, standing| {
                index.ids.insert((organisation, message_id), KnownId { conversation: id, standing });
            };
            for message_id in before.into_iter().flat_map(|b| &b.message_ids) {
                know(message_id.clone(), IdStanding::Seen);
            }
            for sent in sent() {
                know(self.message_id(sent), IdStanding::Outbound);
                if let Some(wire) = &sent.wire_id {
                    know(message_id_key(wire).to_owned(), IdStanding::Outbound);
                }
            }
            let subject =
                before.map(|b| b.subject.as_str()).into_iter().chain(sent().map(|o| o.subject.as_str())).find(|s| !s.is_empty());
            if let Some(subject) = subject {
                index.subjects.entry((organisation, subject.to_lowercase())).or_default().push(home);
            }
        }
        Desk { directory: self.directory(), tokens: tokens(), partition: Partition::from_index(index), ..Desk::default() }
    }

    /// A claim for a conversation: given to `addressee`, or to whom its mail was sent if that was one.
    fn claim<'a>(&'a self, label: &str, addressee: Option<&'a str>) -> TokenClaim<'a> {
        let only = || match self.outbound.iter().find(|o| o.conversation == label).map(|o| o.to.as_slice()) {
            Some([one]) => one.as_str(),
            _ => "",
        };
        TokenClaim {
            organisation: self.organisation(label),
            conversation: conversation(label),
            addressee: addressee.unwrap_or_else(only),
            epoch: 0,
        }
    }

    /// The domain of the first mailbox of whom the conversation is.
    fn domain(&self, label: &str) -> &str {
        let own = if self.is_other(label) { &self.other_mailboxes } else { &self.mailboxes };
        own.iter().filter_map(|a| a.rsplit_once('@')).map(|(_, domain)| domain).find(|d| !d.is_empty()).unwrap_or("localhost")
    }

    fn message_id(&self, sent: &Outbound) -> String {
        if let Some(given) = &sent.message_id {
            return given.clone();
        }
        let name = sent.mail.as_deref().unwrap_or(&sent.conversation);
        let unique = conversation(&format!("mail {name}")).0;
        let label = &sent.conversation;
        tokens().message_id(&self.claim(label, None), unique, self.domain(label)).unwrap_or_default()
    }

    /// What stands for a placeholder without its braces: `reply-address:A`, `marker:A:ada@x.example`, `message-id:A2`.
    fn stands_for(&self, placeholder: &str) -> Option<String> {
        let mut words = placeholder.splitn(3, ':');
        let (what, name, addressee) = (words.next()?, words.next()?, words.next());
        let sent = || self.outbound.iter().find(|o| o.mail.as_deref().unwrap_or(&o.conversation) == name);
        let known = self.labels().contains(&name);
        match (what, addressee) {
            ("reply-address", _) if known => tokens().reply_address(&self.claim(name, addressee), self.domain(name)),
            ("marker", _) if known => tokens().body_marker(&self.claim(name, addressee)),
            ("message-id", None) => sent().map(|o| self.message_id(o)),
            ("wire-id", None) => sent()?.wire_id.clone(),
            _ => None,
        }
    }

    /// The bytes with every `{{placeholder}}` replaced.
    ///
    /// # Errors
    /// Words for its author: a placeholder stands for nothing.
    pub(super) fn fill(&self, raw: &[u8]) -> Result<Vec<u8>, String> {
        let mut out = Vec::with_capacity(raw.len());
        let mut rest = raw;
        while let Some(open) = memchr::memmem::find(rest, b"{{") {
            let after = &rest[open + 2..];
            let inside = memchr::memmem::find(after, b"}}").map(|close| &after[..close]);
            let Some(text) = inside.and_then(|i| std::str::from_utf8(i).ok()).filter(|i| is_placeholder(i)) else {
                out.extend(&rest[..open + 2]);
                rest = after;
                continue;
            };
            let Some(value) = self.stands_for(text) else {
                return Err(format!("{{{{{text}}}}} stands for nothing: [setup] has no such conversation or mail"));
            };
            out.extend(&rest[..open]);
            out.extend(value.as_bytes());
            rest = &after[text.len() + 2..];
        }
        out.extend(rest);
        Ok(out)
    }
}

fn is_placeholder(text: &str) -> bool {
    ["reply-address:", "message-id:", "wire-id:", "marker:"].iter().any(|known| text.starts_with(known))
}

fn tokens() -> TokenKeys {
    TokenKeys::from_secrets([SECRET])
}
