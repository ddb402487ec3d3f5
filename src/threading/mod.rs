//! Where a mail belongs, and what its sender may do there. Pure.
//!
//! [`keys()`] takes from a mail what it says about that: its ids, the ids it refers to, signed tokens,
//! base subject, people. The store (or a [`Partition`] in memory) tells what is known of them, and
//! [`decide`] gives the [`Decision`](crate::mail::Decision): *where* follows from ids alone, *may* from who the sender is.
//!
//! **The order of arrival does not matter.** Which ids a mail ties together depends on the mail
//! alone ([`ThreadKeys::ties`](crate::mail::ThreadKeys::ties)), ids that were only mentioned count
//! as those seen, and conversations that a mail ties are merged. So the conversations are the
//! connected components of the mails, however they come.
//!
//! Two things end a conversation, closing and size ([`Policy`](crate::mail::Policy)); then its mails go on in a new one that is
//! linked to it. Where the cut is depends on when mails come, the chain does not: whatever ties to a conversation that is
//! over goes to the newest of its chain.
//!
//! # Failure
//! Nothing here fails or waits. Work is bounded: ids, tokens and addresses looked at have limits.
//!
//! # Trust
//! Nothing in a mail is trusted but a token whose MAC is right. Who knows a Message-ID can have his
//! mail filed beside it, as unverified; it changes nothing and adds nobody.

mod auth;
mod brakes;
mod customer;
mod ids;
mod keys;
mod own;
mod partition;
mod prefixes;
pub mod proof;
mod rules;
mod subject;
mod token;
mod trackers;

pub use ids::message_id_key;
pub use keys::keys;
pub use own::{LOOP_FIELD, beginning_print, given_tag_id, subject_tag_id, text_print};
pub use partition::Partition;
pub use rules::decide;
pub use token::{TOKEN_LETTERS, TokenClaim, TokenKeys, TokenUse, token_in_address, tokens_in_text};
pub use trackers::is_tracker_pattern;

/// The prefixes of subjects, for tools that must not take them away. In lower case.
pub fn words() -> impl Iterator<Item = &'static str> {
    prefixes::PREFIXES.iter().map(|(prefix, ..)| *prefix)
}

/// The version of the rules, stored with each decision.
pub const RULES_VERSION: i32 = 5;
