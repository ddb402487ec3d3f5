//! Conversations of one organisation, in memory: what `tidegate thread` and the tests use.
//!
//! It does what the store does with a batch, without a database: decide, apply, next. Where the
//! store holds a mail for staff, this files it as if they had released it.

use super::decide;
use crate::mail::{ConversationId, Decision, ThreadIndex, ThreadKeys, Where};
use uuid::Uuid;

/// Mails in conversations.
#[derive(Debug, Default)]
pub struct Partition {
    index: ThreadIndex,
    /// Where each mail went when it came.
    placed: Vec<ConversationId>,
}

impl Partition {
    /// Goes on from what is known already.
    #[must_use]
    pub fn from_index(index: ThreadIndex) -> Partition {
        Partition { index, placed: Vec::new() }
    }

    /// Files the next mail.
    pub fn add(&mut self, keys: &ThreadKeys) -> Decision {
        let fresh = ConversationId(Uuid::from_u128(self.placed.len() as u128 + 1));
        let decision = decide(keys, &self.index, fresh);
        let conversation = match decision.place {
            Where::New => fresh,
            Where::Existing(there) => there,
        };
        self.index.apply(keys, &decision, conversation);
        self.placed.push(conversation);
        decision
    }

    /// The conversation of the mail that was added as the `nth` (from 0), after all merges so far.
    #[must_use]
    pub fn conversation(&self, nth: usize) -> Option<ConversationId> {
        self.placed.get(nth).map(|c| self.index.resolve(*c))
    }

    /// The conversations as sets of mails, by number from 0: each sorted, and sorted by the first.
    #[must_use]
    pub fn groups(&self) -> Vec<Vec<usize>> {
        let mut groups: std::collections::HashMap<ConversationId, Vec<usize>> = std::collections::HashMap::new();
        for (nth, placed) in self.placed.iter().enumerate() {
            groups.entry(self.index.resolve(*placed)).or_default().push(nth);
        }
        let mut groups: Vec<Vec<usize>> = groups.into_values().collect();
        groups.sort();
        groups
    }

    /// What is known so far.
    #[must_use]
    pub fn index(&self) -> &ThreadIndex {
        &self.index
    }
}
