//! The values that travel between the rooms: envelope, position, normalized mail, decision.
//!
//! Plain data. Nothing here reads a clock, a socket, a file or a database, and nothing here
//! fails. Every other room may use these types; they use none of the other rooms.

mod decision;
mod envelope;
mod ids;
mod normalized;
mod prepared;

pub use decision::{
    ConversationFacts, Decision, HoldReason, IdStanding, KnownId, May, Rule, SubjectKind, Suggestion, ThreadIndex, ThreadKeys,
    TokenEvidence, TokenPlace, Where,
};
pub use envelope::{BodyType, Envelope, EnvelopeRecipient, Protocol};
pub use ids::{
    ConversationId, JournalId, Locator, MailboxId, MessageId, OrganisationId, ParseIdError, Position, QuarantineId, UserId,
};
pub use normalized::{
    Attachment, Bounce, BouncedRecipient, Class, Classification, Evidence, Fold, FoldKind, Header, NormalizedMail, Person,
    Reading, Repair, ReportPart,
};
pub use prepared::{DispositionKind, Outcome, Prepared, QuarantineReason, ReasonCode, Release, Versions};
