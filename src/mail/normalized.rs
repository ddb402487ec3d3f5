//! What a mail says, after lenient reading, and the reading format that shows it.
//!
//! [`NormalizedMail`] is what `normalize` returns; [`Reading`] is the same with its class, in
//! the words of `tidegate read --json`, the HTTP API and the webhooks.

use serde::Serialize;

/// A name and an address from a header.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Default)]
pub struct Person {
    /// Display name, decoded; empty when none was given.
    pub name: String,
    /// The address as written (RFC 5322 addr-spec), empty when there was none.
    pub address: String,
}

/// One header field, decoded and unfolded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The name as written.
    pub name: String,
    /// The value, unfolded, encoded-words decoded.
    pub value: String,
}

/// One tolerated deviation: what it was, where, what was done and how sure that is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Repair {
    /// Stable code `family.what`, such as `charset.mislabelled`.
    pub code: &'static str,
    /// `header Subject`, `part 1.2`, `mail`.
    #[serde(rename = "where")]
    pub place: String,
    /// What was found and what was done. No words of the mail.
    pub detail: String,
    /// 0.0 (a guess) to 1.0 (certain).
    pub confidence: f32,
}

/// What a fold hides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum FoldKind {
    Quote,
    Signature,
    Forward,
    Disclaimer,
}

/// A range of `text` that a view may fold away. Never a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Fold {
    /// First byte in `text`; on a character boundary.
    pub start: usize,
    /// One past the last byte in `text`.
    pub end: usize,
    /// What is there.
    pub kind: FoldKind,
}

/// A part that is not shown as text. Its bytes are decoded from the raw mail when asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attachment {
    /// File name, cleaned of paths and control characters; made up from the type when missing.
    pub name: String,
    /// `type/subtype`, lower case.
    pub content_type: String,
    /// Length of the decoded bytes.
    pub size: u64,
    /// SHA-256 of the decoded bytes, lower-case hexadecimal.
    pub sha256: String,
    /// Shown in the html (referred to by it), rather than listed.
    pub inline: bool,
    /// Content-ID without `<>`.
    pub content_id: Option<String>,
    /// Number of the part within the mail, counted depth first from 0: what
    /// `normalize::attachment_bytes` takes to decode it again.
    #[serde(skip)]
    pub part: u32,
}

/// A part that a machine wrote about another mail (RFC 3464, 8098, 5965, 6522), for `classify`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportPart {
    /// `message/delivery-status`, `message/feedback-report`, `text/rfc822-headers`, `message/rfc822`, …
    pub content_type: String,
    /// Its decoded text; at most [`crate::limits::Limits::report_part_bytes_max`] bytes.
    pub text: String,
}

/// What a mail says, after lenient reading.
#[derive(Debug, Clone, PartialEq, Default)]
#[allow(missing_docs)]
pub struct NormalizedMail {
    pub from: Option<Person>,
    pub sender: Option<Person>,
    pub reply_to: Vec<Person>,
    pub to: Vec<Person>,
    pub cc: Vec<Person>,
    pub bcc: Vec<Person>,
    /// Decoded, unfolded.
    pub subject: String,
    /// RFC 3339 with the sender's offset.
    pub date: Option<String>,
    /// Without `<>`.
    pub message_id: Option<String>,
    pub in_reply_to: Vec<String>,
    pub references: Vec<String>,
    /// All text a mail client would show, html parts converted.
    pub text: String,
    pub folds: Vec<Fold>,
    /// The html parts as they came, decoded to text: NOT safe to show; see `normalize::sanitize`.
    pub html_source: Option<String>,
    pub attachments: Vec<Attachment>,
    /// The sending program, if known: a name from a closed list, for statistics.
    pub client: Option<&'static str>,
    pub repairs: Vec<Repair>,
    /// All header fields of the mail in their order, at most `Limits::headers_max`.
    pub headers: Vec<Header>,
    /// `type/subtype` of the whole mail, lower case, and its parameters (names lower case).
    pub content_type: String,
    pub content_type_parameters: Vec<(String, String)>,
    /// Parts written by machines about another mail, in order, wherever they are nested.
    pub report_parts: Vec<ReportPart>,
    /// `type/subtype` of every part, depth first, at most `Limits::parts_max`.
    pub part_types: Vec<String>,
    /// A calendar's entry is what the mail is, or one of the ways in which it says the same (RFC 6047): no file that comes with it.
    pub is_meeting: bool,
    /// SHA-256 over what two deliveries of the same mail say alike, however relays encode it: date, from, subject,
    /// message-id, text and files, but no trace headers. For finding duplicates.
    pub content_hash: [u8; 32],
    /// Where a list put itself into From (so that DMARC holds): what `content_hash` is of the copy that came from the author
    /// himself, for each whom the list's fields name as that. A list's copy behind such a one is a repeat of it. Not the other
    /// way round: the copy that says who wrote is never left out for one that does not.
    pub direct_hashes: Vec<[u8; 32]>,
    /// Length of the raw mail in bytes.
    pub size: u64,
}

impl NormalizedMail {
    /// The first field with this name (any case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|h| h.name.eq_ignore_ascii_case(name)).map(|h| h.value.as_str())
    }

    /// Every field with this name (any case), in order.
    pub fn headers_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |h| h.name.eq_ignore_ascii_case(name)).map(|h| h.value.as_str())
    }

    /// `text` without its quote and signature folds, trimmed.
    #[must_use]
    pub fn reply(&self) -> String {
        let mut folds: Vec<&Fold> = self.folds.iter().collect();
        folds.sort_by_key(|f| f.start);
        let mut out = String::with_capacity(self.text.len());
        let mut at = 0;
        for fold in folds {
            if fold.start > at {
                out.push_str(self.text.get(at..fold.start).unwrap_or_default());
            }
            at = at.max(fold.end);
        }
        out.push_str(self.text.get(at..).unwrap_or_default());
        out.trim().to_owned()
    }
}

/// What kind of mail it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Class {
    Person,
    AutoReply,
    Bounce,
    Delay,
    List,
    Calendar,
    Report,
    Machine,
}

impl Class {
    /// The stable word for it, as stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Class::Person => "person",
            Class::AutoReply => "auto-reply",
            Class::Bounce => "bounce",
            Class::Delay => "delay",
            Class::List => "list",
            Class::Calendar => "calendar",
            Class::Report => "report",
            Class::Machine => "machine",
        }
    }

    /// Written by a program: it never opens, reopens, re-assigns, adds people or triggers an answer.
    #[must_use]
    pub const fn is_automatic(self) -> bool {
        !matches!(self, Class::Person | Class::List)
    }
}

/// A reason for a decision: which rule saw what, where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// Stable code, such as `auto-submitted` or `references`.
    pub code: &'static str,
    /// `header Auto-Submitted`, `part 2`, `envelope`.
    #[serde(rename = "where")]
    pub place: String,
    /// What it said, shortened.
    pub detail: String,
}

/// One recipient a bounce is about (RFC 3464 per-recipient fields).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct BouncedRecipient {
    /// Who did not get it.
    pub address: String,
    /// RFC 3463 code such as `5.1.1`; empty when unknown.
    pub status: String,
    /// `failed`, `delayed`, `delivered`, `relayed`, `expanded`.
    pub action: String,
    /// What the remote server said.
    pub diagnostic: String,
}

/// What a bounce says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Bounce {
    /// For whom it failed.
    pub recipients: Vec<BouncedRecipient>,
    /// Message-ID of the mail that bounced, or that a receipt or complaint is about, without `<>`.
    pub original_message_id: Option<String>,
}

/// The class with its reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classification {
    /// What kind it is.
    pub class: Class,
    /// Why; never empty except for `person`.
    pub evidence: Vec<Evidence>,
    /// Filled for bounces and delays, and for reports that say which mail they are about.
    pub bounce: Option<Bounce>,
}

/// The reading format: one mail as Tidegate shows it.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct Reading<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<&'a str>,
    pub from: Option<&'a Person>,
    pub sender: Option<&'a Person>,
    pub reply_to: &'a [Person],
    pub to: &'a [Person],
    pub cc: &'a [Person],
    pub subject: &'a str,
    pub date: Option<&'a str>,
    pub message_id: Option<&'a str>,
    pub in_reply_to: &'a [String],
    pub references: &'a [String],
    pub text: &'a str,
    pub reply: String,
    pub folds: &'a [Fold],
    /// Sanitized.
    pub html: Option<String>,
    pub attachments: &'a [Attachment],
    pub class: Class,
    pub class_evidence: &'a [Evidence],
    pub bounce: Option<&'a Bounce>,
    pub client: Option<&'static str>,
    pub repairs: &'a [Repair],
}

impl<'a> Reading<'a> {
    /// Puts a mail, its class and its sanitized html together. `html` is the result of
    /// `normalize::sanitize` on `mail.html_source`.
    #[must_use]
    pub fn new(file: Option<&'a str>, mail: &'a NormalizedMail, class: &'a Classification, html: Option<String>) -> Self {
        Reading {
            file,
            from: mail.from.as_ref(),
            sender: mail.sender.as_ref(),
            reply_to: &mail.reply_to,
            to: &mail.to,
            cc: &mail.cc,
            subject: &mail.subject,
            date: mail.date.as_deref(),
            message_id: mail.message_id.as_deref(),
            in_reply_to: &mail.in_reply_to,
            references: &mail.references,
            text: &mail.text,
            reply: mail.reply(),
            folds: &mail.folds,
            html,
            attachments: &mail.attachments,
            class: class.class,
            class_evidence: &class.evidence,
            bounce: class.bounce.as_ref(),
            client: mail.client,
            repairs: &mail.repairs,
        }
    }
}
