//! The values that travel between the rooms: envelope, position, normalized mail, decision.
//!
//! Plain data. Nothing here reads a clock, a socket, a file or a database, and nothing here
//! fails. Every other room may use these types; they use none of the other rooms.

mod brake;
mod decision;
mod envelope;
mod ids;
mod network;
mod normalized;
mod policy;
mod prepared;
mod thread_index;
mod thread_keys;
mod unread;

pub use brake::{Brake, BrakeState, Braked};
pub use decision::{Decision, HoldReason, Link, LinkKind, May, Rule, Suggestion, Where};
pub use envelope::{BodyType, Envelope, EnvelopeRecipient, Protocol};
pub use ids::{
    ConversationId, JournalId, Locator, MailboxId, MessageId, OrganisationId, ParseIdError, Position, QuarantineId, UserId,
};
pub use network::Network;
pub use normalized::{
    Attachment, Bounce, BouncedRecipient, Class, Classification, Evidence, Fold, FoldKind, Header, NormalizedMail, Person,
    Reading, Repair, ReportPart,
};
pub use policy::{BrakeLimits, DAY_US, Policy, RuleSet, ThreadingPolicy, Tracker, address_in};
pub use prepared::{DispositionKind, Outcome, Prepared, QuarantineReason, ReasonCode, Release, Versions};
pub use thread_index::{ConversationFacts, IdStanding, KnownId, ThreadIndex};
pub use thread_keys::{Customer, SenderAuth, SubjectKind, ThreadKeys, TokenEvidence, TokenPlace};
pub use unread::{UNREAD_LOCAL_PARTS, is_unread};
