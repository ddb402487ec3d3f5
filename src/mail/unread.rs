//! Addresses that nobody reads.
//!
//! # Failure
//! None: an address that is not known is read.

/// Their local parts, in lower case; signs may follow (`noreply+7`).
pub const UNREAD_LOCAL_PARTS: &[&str] = &[
    "no-reply",
    "noreply",
    "no_reply",
    "no.reply",
    "donotreply",
    "do-not-reply",
    "do_not_reply",
    "do.not.reply",
    "dont-reply",
    "notreply",
    "mailer-daemon",
    "automailer",
    "autoreply",
    "auto-reply",
    "notification-noreply",
];

/// Whether nobody reads an address (lower case).
#[must_use]
pub fn is_unread(address: &str) -> bool {
    let local = address.split('@').next().unwrap_or_default();
    UNREAD_LOCAL_PARTS.iter().any(|u| local == *u || local.strip_prefix(*u).is_some_and(|r| r.starts_with(['-', '+', '.', '_'])))
}
