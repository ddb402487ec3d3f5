//! Bounces of mail systems that write their own words (no RFC 3464 part, or an empty one).

use super::origin::Origin;
use crate::mail::{BouncedRecipient, Evidence, NormalizedMail};

/// What the text of a bounce says.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) recipients: Vec<BouncedRecipient>,
    pub(super) diagnostic: String,
    pub(super) evidence: Evidence,
}

/// Reads the text.
pub(super) fn read(_mail: &NormalizedMail, _origin: &Origin) -> Option<Told> {
    None
}

/// An address out of a word or a header's value, without `<>`, `mailto:` and quotes.
pub(super) fn address(text: &str) -> Option<String> {
    let text = text.trim();
    let inside = text.split_once('<').map_or(text, |(_, rest)| rest.split('>').next().unwrap_or(rest));
    let inside = inside.trim_matches(|c: char| {
        c.is_whitespace() || matches!(c, '<' | '>' | '"' | '\'' | ',' | ';' | ':' | '(' | ')' | '[' | ']')
    });
    let inside = inside.strip_prefix("mailto:").unwrap_or(inside).trim_end_matches('.');
    let (local, domain) = inside.rsplit_once('@')?;
    let fine = !local.is_empty() && !domain.is_empty() && inside.len() <= 320 && !inside.chars().any(char::is_whitespace);
    fine.then(|| inside.to_owned())
}

/// Message-ID of the original, where the bounce holds it in its text.
pub(super) fn original_message_id(mail: &NormalizedMail) -> Option<String> {
    super::fields::message_id(&mail.text)
}
