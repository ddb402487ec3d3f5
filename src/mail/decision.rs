//! Where a mail belongs and what its sender may do there.
//!
//! `threading` turns a mail into [`ThreadKeys`], the store fills a [`ThreadIndex`] with what it
//! knows of those keys, and `threading::decide` gives a [`Decision`]. The index is kept current
//! within a batch by [`ThreadIndex::apply`], so the second mail of a batch finds the first.

use super::{Class, ConversationId, Evidence, OrganisationId, Person};
use serde::Serialize;
use std::collections::{HashMap, HashSet};

/// Where in a mail a signed reply address was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum TokenPlace {
    Envelope,
    DeliveredTo,
    To,
    Cc,
    Bcc,
    MessageId,
    Body,
}

/// A signed token that was checked and found ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenEvidence {
    /// The conversation it names.
    pub conversation: ConversationId,
    /// True when the token was given to the sender of this mail.
    pub addressee_is_sender: bool,
    /// Where it was found.
    pub place: TokenPlace,
}

/// What the subject's prefixes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Default)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum SubjectKind {
    #[default]
    Plain,
    Reply,
    Forward,
}

/// What a mail says about where it belongs, for one organisation.
#[derive(Debug, Clone, PartialEq)]
pub struct ThreadKeys {
    /// Whose conversations are looked at; evidence of others is ignored.
    pub organisation: OrganisationId,
    /// The mail's own Message-ID, or one made from its content hash when it has none.
    pub message_id: String,
    /// References and In-Reply-To, each once, oldest first, the parent last; at most
    /// `Limits::references_max`.
    pub references: Vec<String>,
    /// Valid tokens of this organisation, strongest place first.
    pub tokens: Vec<TokenEvidence>,
    /// A valid token of another organisation was shown at an address of this one.
    pub foreign_token: bool,
    /// RFC 5256 base subject, extended by the locale lists.
    pub base_subject: String,
    /// What the prefixes said, or the body where it plainly passes on another mail.
    pub subject_kind: SubjectKind,
    /// The first 22 bytes of Thread-Index (Exchange) together with the base subject, as one id of the
    /// form `…@thread-index.invalid`: Exchange keeps the bytes when an old mail is the pattern of a new one.
    pub thread_index: Option<String>,
    /// The address whose act this is, lower case; empty when unknown.
    pub sender: String,
    /// From, To and Cc without the organisation's own mailboxes; addresses lower case.
    pub people: Vec<Person>,
    /// What kind of mail it is.
    pub class: Class,
    /// For a bounce: Message-ID of the mail it is about.
    pub bounced_id: Option<String>,
    /// When it was received, microseconds since 1970 UTC.
    pub received_at_us: i64,
}

impl ThreadKeys {
    /// Every id worth looking up for this mail: its own, its references, the mail that bounced, the
    /// Exchange thread.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.message_id.as_str())
            .chain(self.references.iter().map(String::as_str))
            .chain(self.bounced_id.as_deref())
            .chain(self.thread_index.as_deref())
    }

    /// The ids this mail ties to its conversation: what is stored as seen (its own) and as
    /// mentioned (the others). A forward, and a mail that a reply address has placed, tie only
    /// their own. Which ids tie depends on the mail alone, so that the order of arrival does not matter.
    pub fn ties(&self) -> impl Iterator<Item = &str> {
        let own_only = self.is_forward() || self.reply_address().is_some();
        self.ids().take(if own_only { 1 } else { usize::MAX })
    }

    /// A person passes on another mail and is not answering to a reply address of ours.
    #[must_use]
    pub fn is_forward(&self) -> bool {
        self.subject_kind == SubjectKind::Forward && !self.class.is_automatic() && self.reply_address().is_none()
    }

    /// The token of the reply address this mail was sent to. (Tokens in quoted text and in
    /// Message-IDs are weaker: they travel with the text.)
    #[must_use]
    pub fn reply_address(&self) -> Option<&TokenEvidence> {
        self.tokens.iter().find(|t| !matches!(t.place, TokenPlace::MessageId | TokenPlace::Body))
    }
}

/// How a Message-ID is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum IdStanding {
    /// Only referred to by a mail we have.
    Mentioned,
    /// A mail we have.
    Seen,
    /// The product sent it (or a provider renamed it on the wire).
    Outbound,
}

/// A Message-ID that some conversation of the organisation owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownId {
    /// The conversation, as stored: follow aliases with [`ThreadIndex::resolve`].
    pub conversation: ConversationId,
    /// How it is known.
    pub standing: IdStanding,
}

/// What a decision needs to know of a conversation.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConversationFacts {
    /// When it began, microseconds since 1970 UTC. The older of two stays in a merge.
    pub created_at_us: i64,
    /// Addresses of its participants, lower case.
    pub participants: HashSet<String>,
    /// It was found to be one with this other conversation, which stays.
    pub alias_of: Option<ConversationId>,
    /// A person of the staff has worked on it, so no rule merges it away.
    pub touched_by_person: bool,
    /// How many messages it holds.
    pub message_count: i64,
}

/// What is known about the keys of a batch: filled by the store (or in memory by
/// `tidegate thread`), read by `threading::decide`.
#[derive(Debug, Clone, Default)]
pub struct ThreadIndex {
    /// Message-IDs by organisation.
    pub ids: HashMap<(OrganisationId, String), KnownId>,
    /// Conversations those ids or the tokens point to, and what they are aliases of.
    pub conversations: HashMap<ConversationId, ConversationFacts>,
    /// Which organisation a conversation belongs to; a token for another one is no evidence.
    pub owners: HashMap<ConversationId, OrganisationId>,
    /// Conversations with a base subject (lower case), newest last: only for suggestions, so a store may leave it empty.
    pub subjects: HashMap<(OrganisationId, String), Vec<ConversationId>>,
}

impl ThreadIndex {
    /// Follows aliases to the conversation that stays. Bounded: a loop made by hand ends.
    #[must_use]
    pub fn resolve(&self, mut conversation: ConversationId) -> ConversationId {
        for _ in 0..crate::limits::ALIAS_CHAIN_MAX.max(self.conversations.len()) {
            match self.conversations.get(&conversation).and_then(|c| c.alias_of) {
                Some(next) => conversation = next,
                None => break,
            }
        }
        conversation
    }

    /// Who is a participant once this mail has gone to `conversation` and its merges are done.
    ///
    /// A merge lets nobody into a conversation unless its author was in all of them: someone who
    /// knows a Message-ID must not get to read by tying the thread to one of his own. Otherwise
    /// those stay who were in every conversation that the author was not in.
    #[must_use]
    pub fn participants_after(&self, keys: &ThreadKeys, decision: &Decision, conversation: ConversationId) -> HashSet<String> {
        let joined = || std::iter::once(conversation).chain(decision.merges.iter().copied());
        let sets: Vec<&HashSet<String>> =
            joined().filter_map(|c| self.conversations.get(&c)).map(|c| &c.participants).filter(|p| !p.is_empty()).collect();
        if matches!(decision.may, May::Open | May::Participant) {
            let mut all: HashSet<String> = sets.into_iter().flatten().cloned().collect();
            all.extend(keys.people.iter().map(|p| p.address.clone()));
            all.extend(Some(keys.sender.clone()).filter(|s| !s.is_empty()));
            return all;
        }
        let mut strange = sets.iter().filter(|p| sets.len() == 1 || !p.contains(&keys.sender));
        let Some(first) = strange.next() else { return sets.into_iter().flatten().cloned().collect() };
        strange.fold((*first).clone(), |kept, other| &kept & *other)
    }

    /// Takes a decision into the index, so that later mails of the batch see it.
    /// `conversation` is where the mail went: an existing one or the fresh one.
    pub fn apply(&mut self, keys: &ThreadKeys, decision: &Decision, conversation: ConversationId) {
        let participants = self.participants_after(keys, decision, conversation);
        let begun = ConversationFacts { created_at_us: keys.received_at_us, ..ConversationFacts::default() };
        let mut facts = self.conversations.remove(&conversation).unwrap_or(begun);
        facts.message_count += 1;
        facts.participants = participants;
        for merged in decision.merges.iter().filter(|m| **m != conversation) {
            let moved = self.conversations.entry(*merged).or_default();
            moved.alias_of = Some(conversation);
            moved.participants.clear();
            facts.message_count += std::mem::take(&mut moved.message_count);
            facts.touched_by_person |= moved.touched_by_person;
        }
        self.conversations.insert(conversation, facts);
        self.owners.insert(conversation, keys.organisation);
        if !keys.base_subject.is_empty() {
            let same = self.subjects.entry((keys.organisation, keys.base_subject.to_lowercase())).or_default();
            same.retain(|c| *c != conversation && !decision.merges.contains(c));
            if same.len() == crate::limits::SUGGESTIONS_MAX {
                same.remove(0);
            }
            same.push(conversation);
        }
        for (n, id) in keys.ties().enumerate() {
            let standing = if n == 0 { IdStanding::Seen } else { IdStanding::Mentioned };
            let key = (keys.organisation, id.to_owned());
            match self.ids.get(&key).copied() {
                Some(known) => {
                    // An id stays with its conversation; where that is an alias, the way is made short.
                    let stays = self.shorten(known.conversation);
                    self.ids.insert(key, KnownId { conversation: stays, standing: known.standing.max(standing) });
                }
                None => {
                    self.ids.insert(key, KnownId { conversation, standing });
                }
            }
        }
    }

    /// Points every alias on the way from `conversation` straight at the one that stays.
    fn shorten(&mut self, mut conversation: ConversationId) -> ConversationId {
        let stays = self.resolve(conversation);
        while conversation != stays {
            match self.conversations.get_mut(&conversation).and_then(|c| c.alias_of.replace(stays)) {
                Some(next) => conversation = next,
                None => break,
            }
        }
        stays
    }
}

/// Where it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Where {
    /// A new conversation (with the fresh id that was handed in).
    New,
    /// This one, already resolved through aliases.
    Existing(ConversationId),
}

/// What the sender may do there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum May {
    /// Begins the conversation.
    Open,
    /// Known there: speaks as a participant.
    Participant,
    /// Not known there: attached, visible as such, changes no state, adds nobody.
    Unverified,
    /// A program: filed, and nothing follows from it.
    Automatic,
}

impl May {
    /// The stable word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            May::Open => "open",
            May::Participant => "participant",
            May::Unverified => "unverified",
            May::Automatic => "automatic",
        }
    }
}

/// Which rule decided, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Rule {
    Staff,
    Token,
    OutboundId,
    Reference,
    SharedAncestor,
    BouncedId,
    ThreadIndex,
    SubjectTag,
    SubjectAndPeople,
    Forward,
    New,
}

impl Rule {
    /// The stable word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Rule::Staff => "staff",
            Rule::Token => "token",
            Rule::OutboundId => "outbound-id",
            Rule::Reference => "reference",
            Rule::SharedAncestor => "shared-ancestor",
            Rule::BouncedId => "bounced-id",
            Rule::ThreadIndex => "thread-index",
            Rule::SubjectTag => "subject-tag",
            Rule::SubjectAndPeople => "subject-and-people",
            Rule::Forward => "forward",
            Rule::New => "new",
        }
    }
}

/// Why a decision asks for a person first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HoldReason {
    /// A token or id of another organisation was shown.
    ForeignEvidence,
    /// The sender claims to be a participant and authentication says otherwise.
    ForgedParticipant,
}

/// Another place it might belong, for staff.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Suggestion {
    /// The conversation.
    pub conversation: ConversationId,
    /// Which rule thinks so.
    pub rule: Rule,
    /// 0.0 to 1.0.
    pub confidence: f32,
}

/// Where a mail belongs, what its sender may do there, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decision {
    /// Where.
    #[serde(rename = "where")]
    pub place: Where,
    /// Conversations found to be the same one; they become aliases of `place`.
    pub merges: Vec<ConversationId>,
    /// May.
    pub may: May,
    /// Which rule decided.
    pub rule: Rule,
    /// 0.0 to 1.0.
    pub confidence: f32,
    /// Why.
    pub evidence: Vec<Evidence>,
    /// Weaker ideas.
    pub suggestions: Vec<Suggestion>,
    /// Set when a person must look first.
    pub hold: Option<HoldReason>,
}
