//! Where a mail belongs, and what its sender may do there. Pure.
//! (skeleton: the builder replaces this file; the signatures below are the contract)

use crate::directory::Directory;
use crate::limits::Limits;
use crate::mail::{Classification, ConversationId, Decision, Envelope, NormalizedMail, OrganisationId, ThreadIndex, ThreadKeys};

/// The version of the rules, stored with each decision.
pub const RULES_VERSION: i32 = 1;

/// The keys that sign reply addresses: newest first; older ones still verify.
#[derive(Debug, Clone, Default)]
pub struct TokenKeys;

/// What a mail says about where it belongs, for one organisation.
#[must_use]
pub fn keys(
    _mail: &NormalizedMail,
    _class: &Classification,
    _envelope: &Envelope,
    _organisation: OrganisationId,
    _directory: &Directory,
    _tokens: &TokenKeys,
    _limits: &Limits,
) -> ThreadKeys {
    todo!()
}

/// Decides. `fresh` is the id a new conversation gets; nothing else is made up here.
#[must_use]
pub fn decide(_keys: &ThreadKeys, _index: &ThreadIndex, _fresh: ConversationId) -> Decision {
    todo!()
}
