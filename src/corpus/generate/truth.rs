//! What is right about a generated mail. Known from how it was made, never from reading it.
//!
//! # Failure
//! None; the room's promises are those of [`super`].

use super::draft::Mailbox;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// What a mail says.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Truth {
    /// The author.
    pub from: Option<TruePerson>,
    /// The sender, where it is another.
    pub sender: Option<TruePerson>,
    /// Where answers go.
    pub reply_to: Vec<TruePerson>,
    /// Addressees.
    pub to: Vec<TruePerson>,
    /// Further addressees.
    pub cc: Vec<TruePerson>,
    /// Decoded.
    pub subject: String,
    /// RFC 3339 with the sender's offset; without an offset where the mail names none.
    pub date: Option<String>,
    /// Without brackets.
    pub message_id: Option<String>,
    /// Without brackets.
    pub in_reply_to: Vec<String>,
    /// Without brackets, in order.
    pub references: Vec<String>,
    /// The exact text, where the form is plain.
    pub text: Option<String>,
    /// The words shown, in order.
    pub words: Vec<String>,
    /// Before this word there may be others: a heading that a reader puts above a mail within the mail.
    pub gap: Option<usize>,
    /// The words that the writer wrote anew, where that is certain.
    pub reply: Option<Vec<String>>,
    /// Files.
    pub attachments: Vec<TrueFile>,
    /// The kind of mail.
    pub class: &'static str,
    /// Of a bounce: address and status.
    pub bounce: Vec<(String, String)>,
    /// Of a bounce: the mail it is about.
    pub bounced_id: Option<String>,
}

/// A person.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TruePerson {
    /// Display name.
    pub name: String,
    /// addr-spec.
    pub address: String,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TrueFile {
    /// `None`: it has none, and any made-up name will do.
    pub name: Option<String>,
    /// `type/subtype`.
    pub content_type: String,
    /// Of the decoded bytes; `None`: text, whose line ends a relay may change.
    pub sha256: Option<String>,
    /// Decoded bytes; 0 where the digest is not known.
    pub size: u64,
    /// Shown by the html.
    pub inline: bool,
}

impl TrueFile {
    /// Of a file's bytes.
    #[must_use]
    pub fn of(name: Option<&str>, content_type: &str, bytes: &[u8], inline: bool) -> Self {
        let sha256 = Some(data_encoding::HEXLOWER.encode(&Sha256::digest(bytes)));
        TrueFile {
            name: name.map(str::to_owned),
            content_type: content_type.to_owned(),
            sha256,
            size: bytes.len() as u64,
            inline,
        }
    }
}

impl From<&Mailbox> for TruePerson {
    fn from(m: &Mailbox) -> Self {
        TruePerson { name: m.name.clone(), address: m.address.clone() }
    }
}

/// The words of a text: what stands between blanks.
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}
