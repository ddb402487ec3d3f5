//! A mail on its way into the database, and what became of it.

use super::{
    Classification, ConversationId, Decision, Locator, MailboxId, MessageId, NormalizedMail, OrganisationId, QuarantineId,
    ThreadKeys,
};
use serde::Serialize;
use std::sync::Arc;

/// The one outcome of a (mail, organisation). In flight is the absence of all of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum DispositionKind {
    Attached,
    Quarantined,
    Duplicate,
    Discarded,
}

impl DispositionKind {
    /// All of them.
    pub const ALL: [DispositionKind; 4] = [Self::Attached, Self::Quarantined, Self::Duplicate, Self::Discarded];

    /// The stable word for it, as stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Attached => "attached",
            Self::Quarantined => "quarantined",
            Self::Duplicate => "duplicate",
            Self::Discarded => "discarded",
        }
    }

    /// The reverse of [`DispositionKind::as_str`].
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.as_str() == word)
    }
}

/// Why a mail is held: a closed set, each with its evidence in the detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReasonCode {
    /// Reading it panicked.
    ReaderPanicked,
    /// Reading it took longer than allowed.
    ReaderTimedOut,
    /// The process died while this mail was being read, more than once.
    ReaderCrashed,
    /// It could not be stored, and the fault is the mail's.
    StoreRefused,
    /// A token or id of another organisation was shown.
    ForeignEvidence,
    /// The sender claims to be a participant and authentication says otherwise.
    ForgedParticipant,
    /// A loop or a flood was braked.
    Loop,
    /// Signatures of reply addresses were guessed, or seem to be.
    InvalidTokens,
}

impl ReasonCode {
    /// All of them.
    pub const ALL: [ReasonCode; 8] = [
        Self::ReaderPanicked,
        Self::ReaderTimedOut,
        Self::ReaderCrashed,
        Self::StoreRefused,
        Self::ForeignEvidence,
        Self::ForgedParticipant,
        Self::Loop,
        Self::InvalidTokens,
    ];

    /// The stable word for it, as stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReaderPanicked => "reader-panicked",
            Self::ReaderTimedOut => "reader-timed-out",
            Self::ReaderCrashed => "reader-crashed",
            Self::StoreRefused => "store-refused",
            Self::ForeignEvidence => "foreign-evidence",
            Self::ForgedParticipant => "forged-participant",
            Self::Loop => "loop",
            Self::InvalidTokens => "invalid-tokens",
        }
    }

    /// The reverse of [`ReasonCode::as_str`].
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.as_str() == word)
    }

    /// For staff: what it means and what they can do.
    #[must_use]
    pub const fn explain(self) -> &'static str {
        match self {
            Self::ReaderPanicked => {
                "Tidegate's reader failed on this mail. The raw mail is safe; release it after an update, or file it by hand."
            }
            Self::ReaderTimedOut => {
                "Reading this mail took longer than allowed. Release it to try again alone, or file it by hand."
            }
            Self::ReaderCrashed => "The gateway died while reading this mail. It was set aside so that other mail flows.",
            Self::StoreRefused => "The database refused this mail. The evidence has its words.",
            Self::ForeignEvidence => "The mail shows a reply token of another organisation.",
            Self::ForgedParticipant => "The sender claims to be a participant, but authentication failed.",
            Self::Loop => "Part of a loop or a flood. Release or discard the group.",
            Self::InvalidTokens => {
                "Many mails went to reply addresses with a wrong signature: somebody guesses, or one was passed on. Release or discard the group."
            }
        }
    }
}

/// One reason with its evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QuarantineReason {
    /// Which.
    pub code: ReasonCode,
    /// The evidence: a panic's place, a time, a database's words. No words of the mail.
    pub detail: String,
}

/// Staff have released this mail from the quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The quarantine item.
    pub item: QuarantineId,
    /// Where to put it; `None` lets the rules decide.
    pub conversation: Option<ConversationId>,
}

/// Which reader and which rules made a message and its decision: stored with them, so that past
/// mail can be read again with newer ones and the differences shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Versions {
    /// `normalize::READER_VERSION`.
    pub reader: i32,
    /// `classify::RULES_VERSION`.
    pub classes: i32,
    /// `threading::RULES_VERSION`.
    pub rules: i32,
}

/// A mail that has been read, for one organisation, ready to attach.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Where the raw mail is.
    pub locator: Locator,
    /// When it was received, microseconds since 1970 UTC.
    pub received_at_us: i64,
    /// For whom.
    pub organisation: OrganisationId,
    /// In which of its mailboxes it shows.
    pub mailboxes: Vec<MailboxId>,
    /// MAIL FROM.
    pub reverse_path: String,
    /// What it says. Shared between the organisations of one mail.
    pub mail: Arc<NormalizedMail>,
    /// What kind it is.
    pub class: Arc<Classification>,
    /// What it says about where it belongs.
    pub keys: ThreadKeys,
    /// Which reader and rules said so.
    pub versions: Versions,
    /// Set when staff released it: no duplicate check, no hold.
    pub release: Option<Release>,
}

/// What attaching did with one [`Prepared`].
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It is a message now.
    Attached {
        /// The message.
        message: MessageId,
        /// Its conversation.
        conversation: ConversationId,
        /// How that was decided.
        decision: Box<Decision>,
    },
    /// The same content was attached before; its mailboxes were added to that message.
    DuplicateOf(MessageId),
    /// It waits for staff, for this reason.
    Quarantined(QuarantineId, ReasonCode),
    /// This (mail, organisation) had a disposition already (a repeat after a crash).
    Already(DispositionKind),
}
