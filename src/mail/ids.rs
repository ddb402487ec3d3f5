//! Identities: of a mail in the journal, and of the rows the product's users see.
//!
//! Row ids are UUIDv7, so that they sort by the time they were made.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// A text that should have been an id and is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {} {kind}: {expected}", if kind.starts_with('o') { "an" } else { "a" })]
pub struct ParseIdError {
    /// What was given.
    pub text: String,
    /// Which id was wanted.
    pub kind: &'static str,
    /// The form it has, for the person who typed it.
    pub expected: &'static str,
}

macro_rules! row_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;
            fn from_str(s: &str) -> Result<Self, ParseIdError> {
                Uuid::parse_str(s).map(Self).map_err(|_| ParseIdError {
                    text: s.to_owned(),
                    kind: $kind,
                    expected: "a UUID such as 01936d0c-7d1e-7000-8000-000000000000",
                })
            }
        }
    };
}

row_id!(/// A customer of the product (tenant).
    OrganisationId, "organisation id");
row_id!(/// An address, a domain catch-all or a pattern that belongs to one organisation.
    MailboxId, "mailbox id");
row_id!(/// A conversation, as the product's users see it.
    ConversationId, "conversation id");
row_id!(/// A message in a conversation. (The RFC 5322 Message-ID is always a `String` called `message_id`.)
    MessageId, "message id");
row_id!(/// A mail held for staff.
    QuarantineId, "quarantine id");
row_id!(/// A person who may look at the review pages.
    UserId, "user id");
row_id!(/// One journal (one data folder of one node).
    JournalId, "journal id");

/// Where a mail is in a journal: segment number and byte offset. It is the mail's identity
/// until it has a message id, the queue id in the reply after DATA, and never reused.
///
/// Printed as sixteen hexadecimal digits: eight of the segment, eight of the offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Position {
    /// Number of the segment file, from 1. 0 stands before every mail.
    pub segment: u32,
    /// Offset of the record's header in that file, in bytes.
    pub offset: u32,
}

impl Position {
    /// Before every mail.
    pub const START: Position = Position { segment: 0, offset: 0 };

    /// As one number that sorts as the position does; what the database stores.
    #[must_use]
    pub const fn to_i64(self) -> i64 {
        ((self.segment as i64) << 32) | self.offset as i64
    }

    /// The reverse of [`Position::to_i64`].
    #[must_use]
    pub const fn from_i64(n: i64) -> Position {
        Position { segment: (n >> 32) as u32, offset: n as u32 }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}{:08x}", self.segment, self.offset)
    }
}

impl FromStr for Position {
    type Err = ParseIdError;
    fn from_str(s: &str) -> Result<Self, ParseIdError> {
        let bad = || ParseIdError {
            text: s.to_owned(),
            kind: "journal position",
            expected: "sixteen hexadecimal digits, as in the reply after DATA",
        };
        if s.len() != 16 || !s.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(bad());
        }
        let n = u64::from_str_radix(s, 16).map_err(|_| bad())?;
        Ok(Position { segment: (n >> 32) as u32, offset: n as u32 })
    }
}

impl Serialize for Position {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// A mail anywhere: which journal, and where in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Locator {
    /// The journal.
    pub journal: JournalId,
    /// The place in it.
    pub position: Position,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_text_and_number() {
        let p = Position { segment: 0xfeed, offset: 0xdead_beef };
        assert_eq!(p.to_string(), "0000feeddeadbeef");
        assert_eq!(p.to_string().parse::<Position>().unwrap(), p);
        assert_eq!(Position::from_i64(p.to_i64()), p);
        assert!("feed".parse::<Position>().is_err());
    }
}
