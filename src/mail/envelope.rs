//! The envelope: what SMTP said, as opposed to what the mail says of itself.
//!
//! It is written into the journal beside the raw mail (as JSON, so that an old journal can be
//! read by a newer Tidegate: a field is added with `#[serde(default)]`, never renamed).

use super::{MailboxId, OrganisationId};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// How the mail came, in the words of RFC 3848.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[allow(missing_docs)]
pub enum Protocol {
    #[default]
    SMTP,
    ESMTP,
    ESMTPA,
    ESMTPS,
    ESMTPSA,
    LMTP,
    LMTPS,
    LMTPA,
    LMTPSA,
    /// Not by a socket: `tidegate import`.
    Import,
}

/// The BODY parameter of MAIL FROM (RFC 6152, RFC 3030).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub enum BodyType {
    /// Nothing was said, or 7BIT.
    #[default]
    #[serde(rename = "7BIT")]
    SevenBit,
    /// 8BITMIME (RFC 6152).
    #[serde(rename = "8BITMIME")]
    EightBitMime,
    /// BINARYMIME (RFC 3030); only with BDAT.
    #[serde(rename = "BINARYMIME")]
    BinaryMime,
}

/// A forward-path that was accepted, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvelopeRecipient {
    /// As the client gave it, without `<>`.
    pub address: String,
    /// The organisation that gets the mail.
    pub organisation: OrganisationId,
    /// The mailbox that matched.
    pub mailbox: MailboxId,
}

/// Everything reception knows about one transaction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// When the transaction's body was complete, microseconds since 1970 UTC.
    pub received_at_us: i64,
    /// Names the SMTP session in logs.
    pub session: String,
    /// How it came.
    pub protocol: Protocol,
    /// The client's address (after PROXY or XCLIENT from a trusted peer).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ip: Option<IpAddr>,
    /// The client's name, where a trusted peer told it (XCLIENT NAME).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_name: Option<String>,
    /// What HELO, EHLO or LHLO said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub helo: Option<String>,
    /// MAIL FROM without `<>`; empty is the null reverse-path of bounces.
    pub reverse_path: String,
    /// Accepted recipients; at least one.
    pub recipients: Vec<EnvelopeRecipient>,
    /// TLS version and cipher suite, if the session was encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<String>,
    /// The relay's name, if it authenticated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authenticated_as: Option<String>,
    /// SMTPUTF8 was asked for (RFC 6531).
    #[serde(default)]
    pub smtputf8: bool,
    /// BODY=…
    #[serde(default)]
    pub body: BodyType,
}

impl Envelope {
    /// The organisations of the recipients, each once, in the order they were named.
    #[must_use]
    pub fn organisations(&self) -> Vec<OrganisationId> {
        let mut out: Vec<OrganisationId> = Vec::new();
        for r in &self.recipients {
            if !out.contains(&r.organisation) {
                out.push(r.organisation);
            }
        }
        out
    }

    /// The mailboxes of one organisation that this mail is for, each once.
    #[must_use]
    pub fn mailboxes(&self, organisation: OrganisationId) -> Vec<MailboxId> {
        let mut out: Vec<MailboxId> = Vec::new();
        for r in self.recipients.iter().filter(|r| r.organisation == organisation) {
            if !out.contains(&r.mailbox) {
                out.push(r.mailbox);
            }
        }
        out
    }
}
