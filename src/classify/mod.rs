//! What kind of mail it is, with the evidence. Pure.
//!
//! Looked at in this order, since a mail is often several things: feedback, DMARC, TLS and read
//! reports; delivery status (RFC 3464, then the dialects of mail systems that write their own);
//! automatic answers (RFC 3834 and vendors' fields); calendar; list; machine; person.
//!
//! # Failure
//! Nothing fails. Without evidence a mail is from a person: a person's mail taken for a
//! program's is the worse mistake.
//!
//! # Trust
//! None: anyone can send what looks like a bounce. So "automatic" never means "drop"; such mail is
//! filed where its evidence points, and nothing follows from it.

mod answer;
mod bounce;
mod dialect;
mod failure;
mod fields;
mod locale;
mod origin;
mod report;
mod status;
mod wording;
mod words;

pub use words::words;

use crate::mail::{Bounce, Class, Classification, Evidence, NormalizedMail};

/// The version of the rules, stored with each decision.
pub const RULES_VERSION: i32 = 4;

/// Bytes of a header or line shown in evidence.
const DETAIL_BYTES_MAX: usize = 120;

/// Classifies a mail. `reverse_path` is MAIL FROM where there was an envelope (empty string: the null sender).
#[must_use]
pub fn classify(mail: &NormalizedMail, reverse_path: Option<&str>) -> Classification {
    let origin = origin::Origin::of(mail, reverse_path);
    if let Some(evidence) = report::report(mail) {
        let bounce = report::original(mail).map(|id| Bounce { recipients: Vec::new(), original_message_id: Some(id) });
        return Classification { class: Class::Report, evidence: vec![evidence], bounce };
    }
    if let Some(found) = bounce::bounce(mail, &origin) {
        return found;
    }
    let plain = |class, evidence| Classification { class, evidence, bounce: None };
    let answers = answer::evidence(mail, &origin);
    if !answers.is_empty() {
        return plain(Class::AutoReply, answers);
    }
    if let Some(evidence) = origin::calendar(mail, &origin) {
        return plain(Class::Calendar, vec![evidence]);
    }
    let list = origin::list(mail);
    if !list.is_empty() {
        return plain(Class::List, list);
    }
    let machine = origin::machine(mail, &origin);
    if !machine.is_empty() {
        return plain(Class::Machine, machine);
    }
    plain(Class::Person, Vec::new())
}

/// Evidence from a header field.
fn header(code: &'static str, name: &str, value: &str) -> Evidence {
    Evidence { code, place: format!("header {name}"), detail: shorten(value) }
}

/// The first bytes, cut between characters.
fn shorten(text: &str) -> String {
    let end = (0..=text.len().min(DETAIL_BYTES_MAX)).rev().find(|n| text.is_char_boundary(*n)).unwrap_or_default();
    text[..end].to_owned()
}
