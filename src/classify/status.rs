//! What a report says went wrong, as an enhanced status code (RFC 3463) and an action (RFC 3464).
//!
//! A report's own code wins. Where it is missing or says nothing (`5.0.0`), the words of the
//! remote server are looked at: an enhanced code in them, a reply code, or phrases.

use crate::mail::BouncedRecipient;

/// Phrases of mail systems and what they mean; compared in lower case, the first that is found counts.
const PHRASES: &[(&str, &str)] = &[("mailbox full", "5.2.2")];

/// Fills what can be told from the rest.
pub(super) fn complete(r: &mut BouncedRecipient) {
    let vague = |s: &str| s.is_empty() || s.ends_with(".0.0");
    if vague(&r.status) {
        let found = enhanced(&r.diagnostic)
            .filter(|s| !vague(s))
            .or_else(|| of_reply(&r.diagnostic))
            .or_else(|| of_phrase(&r.diagnostic));
        match found {
            Some(found) if r.status.is_empty() || found.starts_with(&r.status[..1]) => r.status = found,
            _ => {}
        }
    }
    if r.action.is_empty() {
        r.action = match r.status.as_bytes().first() {
            Some(b'2') => "delivered",
            _ => "failed",
        }
        .to_owned();
    }
}

/// The five actions of RFC 3464, however they are written.
pub(super) fn action(value: &str) -> String {
    let word = value.trim().to_ascii_lowercase();
    let word: String = word.chars().take_while(char::is_ascii_alphabetic).collect();
    match word.as_str() {
        "failed" | "failure" | "fail" => "failed",
        "delayed" | "delay" | "deferred" => "delayed",
        "delivered" | "deliverable" => "delivered",
        "relayed" => "relayed",
        "expanded" => "expanded",
        _ => "",
    }
    .to_owned()
}

/// The first enhanced status code in a text: class 2, 4 or 5, then two numbers of at most three digits,
/// not part of an IP address or a version.
pub(super) fn enhanced(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(found) =
        bytes[at..].windows(2).position(|w| matches!(w[0], b'2' | b'4' | b'5') && w[1] == b'.').map(|n| n + at)
    {
        at = found + 1;
        if found > 0 && (bytes[found - 1].is_ascii_alphanumeric() || matches!(bytes[found - 1], b'.' | b'-')) {
            continue;
        }
        let mut end = found + 1;
        let mut parts = 0;
        while parts < 2 && bytes.get(end) == Some(&b'.') {
            let digits = bytes[end + 1..].iter().take_while(|b| b.is_ascii_digit()).count();
            if digits == 0 || digits > 3 {
                break;
            }
            end += 1 + digits;
            parts += 1;
        }
        let next_is_number = bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
        if parts == 2 && !next_is_number && !bytes.get(end).is_some_and(u8::is_ascii_digit) {
            return Some(text[found..end].to_owned());
        }
    }
    None
}

/// A reply code of SMTP (RFC 5321 section 4.2) as a status: `550 …` is 5.0.0.
fn of_reply(text: &str) -> Option<String> {
    reply_code(text).map(|code| format!("{}.0.0", code / 100))
}

/// The first reply code of an error in a text.
pub(super) fn reply_code(text: &str) -> Option<u16> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '.')
        .filter(|w| w.len() == 3 && w.bytes().all(|b| b.is_ascii_digit()))
        .filter_map(|w| w.parse().ok())
        .find(|n| matches!(n, 421..=499 | 500..=599))
}

/// What the words mean.
pub(super) fn of_phrase(text: &str) -> Option<String> {
    let text = text.to_lowercase();
    PHRASES.iter().find(|(phrase, _)| text.contains(phrase)).map(|(_, status)| (*status).to_owned())
}
