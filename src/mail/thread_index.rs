//! What is known about the keys of a batch, while it is decided.
//!
//! # Failure
//! None. A chain of aliases without an end is followed a bounded way.
//!
//! # Trust
//! The store that fills it: what it leaves out is not known.

use super::{BrakeState, ConversationId, Decision, May, OrganisationId, ThreadKeys};
use serde::Serialize;
use std::collections::{HashMap, HashSet};

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
    /// How many there are, where not all of them are in `participants`: those who are asked about are.
    pub crowd: Option<usize>,
    /// Somebody who was in none of them made conversations one, and nobody was in all: who writes here is unverified until the
    /// product writes to him.
    pub orphaned: bool,
    /// It was found to be one with this other conversation, which stays.
    pub alias_of: Option<ConversationId>,
    /// It is over and goes on in this one.
    pub continued_by: Option<ConversationId>,
    /// Somebody closed it at this time and nobody opened it since, microseconds since 1970 UTC.
    pub closed_at_us: Option<i64>,
    /// It is open.
    pub open: bool,
    /// When its newest message was received, microseconds since 1970 UTC.
    pub last_message_at_us: i64,
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
    /// Counts of mails, by the key of a brake.
    pub brakes: HashMap<(OrganisationId, String), BrakeState>,
}

impl ConversationFacts {
    /// Persons have been there. Where only programs have written so far, the first person begins the conversation.
    #[must_use]
    pub fn inhabited(&self) -> bool {
        self.orphaned || !self.participants.is_empty()
    }
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

    /// Follows aliases, and conversations that are over to those they go on in. Bounded as well.
    #[must_use]
    pub fn current(&self, conversation: ConversationId) -> ConversationId {
        let mut here = self.resolve(conversation);
        for _ in 0..crate::limits::ALIAS_CHAIN_MAX.max(self.conversations.len()) {
            match self.conversations.get(&here).and_then(|c| c.continued_by) {
                Some(next) => here = self.resolve(next),
                None => break,
            }
        }
        here
    }

    /// Who is a participant once this mail has gone to `conversation` and its merges are done.
    ///
    /// A merge lets nobody into a conversation unless its author was in all of them: someone who
    /// knows a Message-ID must not get to read by tying the thread to one of his own, nor by having somebody answer a mail that
    /// does. Otherwise those stay who were in every one; where that is nobody, it is orphaned.
    #[must_use]
    pub fn participants_after(&self, keys: &ThreadKeys, decision: &Decision, conversation: ConversationId) -> HashSet<String> {
        let joined = || std::iter::once(conversation).chain(decision.continues).chain(decision.merges.iter().copied());
        let sets: Vec<&HashSet<String>> =
            joined().filter_map(|c| self.conversations.get(&c)).filter(|c| c.inhabited()).map(|c| &c.participants).collect();
        if matches!(decision.may, May::Open | May::Participant) {
            let mut all: HashSet<String> = sets.into_iter().flatten().cloned().collect();
            all.extend(keys.people.iter().map(|p| p.address.clone()));
            all.extend(Some(keys.sender.clone()).filter(|s| !s.is_empty()));
            return all;
        }
        let mut sets = sets.into_iter();
        let first = sets.next().cloned().unwrap_or_default();
        sets.fold(first, |kept, other| &kept & other)
    }

    /// Opens the conversation it goes to: what its sender may, and in an orphaned one whoever writes, for there nobody may and a
    /// customer's answer must not go unseen.
    #[must_use]
    pub fn speaks(&self, decision: &Decision, conversation: ConversationId) -> bool {
        let orphaned = |c: &ConversationId| self.conversations.get(c).is_some_and(|facts| facts.orphaned);
        match decision.may {
            May::Open | May::Participant => true,
            May::Unverified => orphaned(&conversation) || decision.continues.as_ref().is_some_and(orphaned),
            May::Automatic => false,
        }
    }

    /// Takes a decision into the index, so that later mails of the batch see it.
    /// `conversation` is where the mail went: an existing one or the fresh one.
    pub fn apply(&mut self, keys: &ThreadKeys, decision: &Decision, conversation: ConversationId) {
        let went_on = decision.continues.and_then(|old| self.conversations.get(&old));
        let crowd = went_on.and_then(|old| old.crowd);
        let begun = ConversationFacts {
            created_at_us: keys.received_at_us,
            open: went_on.is_some_and(|old| old.open),
            ..ConversationFacts::default()
        };
        let speaks = self.speaks(decision, conversation);
        let participants = self.participants_after(keys, decision, conversation);
        let facts = self.conversations.entry(conversation).or_insert(begun);
        if facts.message_count == 0 {
            facts.last_message_at_us = keys.received_at_us;
        }
        facts.message_count += 1;
        facts.crowd = facts.crowd.or(crowd);
        facts.last_message_at_us = facts.last_message_at_us.max(keys.received_at_us);
        if speaks {
            (facts.open, facts.closed_at_us) = (true, None);
        }
        self.join(keys, decision, conversation, participants);
        if let Some(old) = decision.continues.and_then(|old| self.conversations.get_mut(&old)) {
            old.continued_by = Some(conversation);
        }
        self.owners.insert(conversation, keys.organisation);
        if !keys.base_subject.is_empty() {
            let same = self.subjects.entry((keys.organisation, keys.base_subject.to_lowercase())).or_default();
            same.retain(|c| *c != conversation && !decision.merges.contains(c));
            if same.len() == crate::limits::SUGGESTIONS_MAX {
                same.remove(0);
            }
            same.push(conversation);
        }
    }

    /// The same for a further delivery of a mail that is in `conversation`: it ties what it ties, and is no message.
    pub fn apply_repeat(&mut self, keys: &ThreadKeys, decision: &Decision, conversation: ConversationId) {
        let participants = self.participants_after(keys, decision, conversation);
        self.join(keys, decision, conversation, participants);
    }

    /// Merges, and the ids that the mail ties.
    fn join(&mut self, keys: &ThreadKeys, decision: &Decision, conversation: ConversationId, participants: HashSet<String>) {
        let mut facts = self.conversations.remove(&conversation).unwrap_or_default();
        let joined = decision.merges.iter().chain(&decision.continues).filter_map(|c| self.conversations.get(c));
        let inhabited = facts.inhabited() || joined.clone().any(ConversationFacts::inhabited);
        facts.orphaned |= joined.clone().any(|c| c.orphaned) || (inhabited && participants.is_empty());
        facts.participants = participants;
        for merged in decision.merges.iter().filter(|m| **m != conversation) {
            let moved = self.conversations.entry(*merged).or_default();
            moved.alias_of = Some(conversation);
            moved.participants.clear();
            if moved.message_count > 0 {
                facts.last_message_at_us = facts.last_message_at_us.max(moved.last_message_at_us);
            }
            facts.message_count += std::mem::take(&mut moved.message_count);
            facts.touched_by_person |= moved.touched_by_person;
            facts.open |= moved.open;
        }
        self.conversations.insert(conversation, facts);
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
