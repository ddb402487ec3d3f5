//! Cases of other systems: what a tracker or a monitoring robot names in the subject of all mails about one thing.
//!
//! Such systems often drop References, so the number is all there is. It counts only among mails of one sender's
//! domain (or of one address, where anybody can run such a system): a number is no secret.
//!
//! # Trust
//! None. Where a trusted relay says that the sender is forged, there is no case.

use crate::limits::TRACKER_SUBJECT_BYTES_MAX;
use crate::mail::{NormalizedMail, SenderAuth, Tracker};
use sha2::{Digest, Sha256};

/// Name, domain of the sender, subject, only for programs; see [`Tracker`].
const BUILT_IN: &[(&str, &str, &str, bool)] = &[
    ("servicenow", "service-now.com", "*INC{digits}", false),
    ("servicenow", "service-now.com", "*RITM{digits}", false),
    ("servicenow", "service-now.com", "*REQ{digits}", false),
    ("servicenow", "service-now.com", "*CHG{digits}", false),
    ("servicenow", "service-now.com", "*PRB{digits}", false),
    ("servicenow", "service-now.com", "*CS{digits}", false),
    ("jira", "atlassian.net", "*({key})", false),
    ("jira", "atlassian.net", "{key} ", false),
    ("freshdesk", "freshdesk.com", "*[#{digits}]", false),
    ("zendesk", "zendesk.com", "*[#{digits}]", false),
    // Anybody can run these.
    ("otrs", "*", "*[Ticket#{digits}]", true),
    ("request-tracker", "*", "[* #{digits}]", true),
    ("nagios", "*", "** * Service Alert: {rest} is * **", false),
    ("nagios", "*", "** * Host Alert: {rest} is * **", false),
    ("icinga", "*", "[*] * on {rest} is *!", true),
    ("checkmk", "*", "Check_MK: {rest} * -> *", false),
    ("alertmanager", "*", "[FIRING:*] {rest}", true),
    ("alertmanager", "*", "[RESOLVED*] {rest}", true),
    ("zabbix", "*", "Problem: {rest}", true),
    ("zabbix", "*", "Resolved in *: {rest}", true),
    ("zabbix", "*", "Resolved: {rest}", true),
    ("grafana", "*", "[Alerting] {rest}", true),
    ("grafana", "*", "[OK] {rest}", true),
];

/// The case a mail is about, as an id, and the system's name. `subject` is without reply prefixes.
pub(super) fn case(mail: &NormalizedMail, subject: &str, automatic: bool, auth: SenderAuth, more: &[Tracker]) -> Option<String> {
    let from = mail.from.as_ref()?.address.to_lowercase();
    let (_, domain) = from.rsplit_once('@')?;
    if auth == SenderAuth::Fail || subject.len() > TRACKER_SUBJECT_BYTES_MAX {
        return None;
    }
    let subject = subject.trim();
    let fits = |wanted: &str| wanted == "*" || domain == wanted || domain.strip_suffix(wanted).is_some_and(|d| d.ends_with('.'));
    let own = more.iter().map(|t| (t.name.as_str(), t.from.as_str(), t.subject.as_str(), t.machines_only));
    let (name, wanted, value) = own
        .chain(BUILT_IN.iter().copied())
        .filter(|(_, wanted, _, machines)| fits(wanted) && (automatic || !machines))
        .find_map(|(name, wanted, pattern, _)| Some((name, wanted, found(pattern, subject)?)))?;
    let whose = if wanted == "*" { from.as_str() } else { domain };
    let mut hash = Sha256::new();
    for part in [name, whose, &value] {
        hash.update(part);
        hash.update([0]);
    }
    Some(format!("{}@tracker.invalid", data_encoding::HEXLOWER.encode(&hash.finalize()[..20])))
}

/// Whether a pattern is one: it has exactly one of the marks that tell cases apart.
pub fn is_tracker_pattern(pattern: &str) -> bool {
    CAPTURES.iter().map(|c| pattern.matches(c).count()).sum::<usize>() == 1
}

const CAPTURES: [&str; 3] = ["{digits}", "{key}", "{rest}"];
/// Digits of a number: shorter ones count something.
const DIGITS_MIN: usize = 3;

/// What tells the case apart, lower case. Work is the pattern's length times the subject's, at most twice over.
fn found(pattern: &str, subject: &str) -> Option<String> {
    let (at, capture) = CAPTURES.iter().find_map(|c| Some((pattern.find(c)?, *c)))?;
    let (before, after) = (&pattern[..at], &pattern[at + capture.len()..]);
    let subject = subject.to_lowercase();
    let (before, after) = (before.to_lowercase(), after.to_lowercase());
    // Every place where the capture may begin, the first that fits.
    subject.char_indices().map(|(n, _)| n).find_map(|start| {
        if !ends_there(&before, &subject[..start]) || (before == "*" && !at_word(&subject, start)) {
            return None;
        }
        let rest = &subject[start..];
        let length = match capture {
            "{digits}" => run(rest, |c| c.is_ascii_digit()).filter(|n| *n >= DIGITS_MIN)?,
            "{key}" => key(rest)?,
            _ => {
                let text = if after.is_empty() { rest } else { &rest[..rest_before(rest, &after)?] };
                return (!text.trim().is_empty()).then(|| text.split_whitespace().collect::<Vec<_>>().join(" "));
            }
        };
        let value = &rest[..length];
        let follows = &rest[length..];
        let apart = !follows.starts_with(|c: char| c.is_alphanumeric()) || !after.is_empty();
        (apart && matches(&after, follows, true)).then(|| value.to_owned())
    })
}

/// A capture behind a bare `*` begins at a word.
fn at_word(subject: &str, start: usize) -> bool {
    !subject[..start].ends_with(|c: char| c.is_alphanumeric())
}

/// Whether `pattern` matches all of `text`; when it ends in words they have to stand right at the end of the text, and
/// begin at a word.
fn ends_there(pattern: &str, text: &str) -> bool {
    if !matches(pattern, text, false) {
        return false;
    }
    let last = pattern.rsplit('*').next().unwrap_or_default();
    let begins = text.len().saturating_sub(last.len());
    !pattern.contains('*')
        || !last.starts_with(|c: char| c.is_alphanumeric())
        || !text[..begins].ends_with(|c: char| c.is_alphanumeric())
}

/// `*` stands for any run. `open`: what is left over at the end does not matter.
fn matches(pattern: &str, text: &str, open: bool) -> bool {
    let mut pieces = pattern.split('*').peekable();
    let Some(mut rest) = text.strip_prefix(pieces.next().unwrap_or_default()) else { return false };
    let mut stars = false;
    while let Some(piece) = pieces.next() {
        stars = true;
        if pieces.peek().is_none() {
            return if open { rest.contains(piece) } else { rest.ends_with(piece) };
        }
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    stars || open || rest.is_empty()
}

/// Bytes of the text before what `after` matches: the last place that does.
fn rest_before(text: &str, after: &str) -> Option<usize> {
    text.char_indices().map(|(n, _)| n).filter(|n| matches(after, &text[*n..], false)).max()
}

fn run(text: &str, fits: impl Fn(char) -> bool) -> Option<usize> {
    let end = text.find(|c| !fits(c)).unwrap_or(text.len());
    (end > 0).then_some(end)
}

/// `ABC-12`.
fn key(text: &str) -> Option<usize> {
    let letters = run(text, |c| c.is_ascii_alphanumeric() || c == '_').filter(|n| *n >= 2)?;
    let digits = run(text[letters..].strip_prefix('-')?, |c| c.is_ascii_digit())?;
    text.starts_with(|c: char| c.is_ascii_alphabetic()).then_some(letters + 1 + digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::Person;

    fn of(from: &str, subject: &str, automatic: bool) -> Option<String> {
        let from = Some(Person { name: String::new(), address: from.to_owned() });
        case(&NormalizedMail { from, ..NormalizedMail::default() }, subject, automatic, SenderAuth::Unknown, &[])
    }

    #[test]
    fn all_mails_about_one_case_have_one_id() {
        let one = |from: &str, subjects: &[&str]| {
            let first = of(from, subjects[0], true);
            assert!(first.is_some(), "{}", subjects[0]);
            for s in subjects {
                assert_eq!(of(from, s, true), first, "{s}");
            }
        };
        one(
            "acme@service-now.com",
            &["Incident INC0012345 opened", "INC0012345: comments added", "Your incident INC0012345 is closed."],
        );
        one("jira@acme.atlassian.net", &["(SHOP-12) Printer", "Ann commented on (shop-12)"]);
        one(
            "nagios@mon.test",
            &["** PROBLEM Service Alert: web1/disk is CRITICAL **", "** RECOVERY Service Alert: web1/disk is OK **"],
        );
        one("cmk@mon.test", &["Check_MK: web1/CPU load OK -> CRIT", "Check_MK: web1/CPU load CRIT -> OK"]);
        one("am@mon.test", &["[FIRING:2] DiskFull (web1)", "[RESOLVED] DiskFull (web1)"]);
        one("z@mon.test", &["Problem: Disk is full on web1", "Resolved in 5m 3s: Disk is full on web1"]);
    }

    #[test]
    fn another_case_sender_or_word_is_another_id_or_none() {
        let inc = of("acme@service-now.com", "INC0012345", false);
        assert_ne!(of("acme@service-now.com", "INC0012346", false), inc);
        assert_ne!(of("other@eu.service-now.com", "INC0012345", false), inc);
        for (from, subject) in [
            ("ann@a.test", "INC0012345"),
            ("acme@service-now.com", "ZINC0012345 tables"),
            ("acme@service-now.com", "INC12"),
            ("evil@notservice-now.com", "INC0012345"),
            ("ann@a.test", "Problem: the printer"),
            ("ann@a.test", "[Ticket#1234] Invoice"),
        ] {
            assert_eq!(of(from, subject, false), None, "{from} {subject}");
        }
        assert_ne!(of("a@mon.test", "Problem: x", true), of("b@mon.test", "Problem: x", true));
    }

    #[test]
    fn a_tracker_of_ones_own_is_a_line_of_configuration() {
        let erp = Tracker {
            name: "erp".to_owned(),
            from: "erp.test".to_owned(),
            subject: "Claim no. {digits} *".to_owned(),
            machines_only: false,
        };
        let mail = |a: &str| NormalizedMail {
            from: Some(Person { name: String::new(), address: a.to_owned() }),
            ..NormalizedMail::default()
        };
        let of = |s: &str, auth| case(&mail("robot@mail.erp.test"), s, false, auth, std::slice::from_ref(&erp));
        assert!(of("Claim no. 778 was changed", SenderAuth::Unknown).is_some());
        assert_eq!(of("Claim no. 778 was changed", SenderAuth::Pass), of("claim no. 778 is done", SenderAuth::Unknown));
        assert_eq!(of("Claim no. 778 was changed", SenderAuth::Fail), None, "forged");
        assert!(is_tracker_pattern("x {rest}") && !is_tracker_pattern("x") && !is_tracker_pattern("{key}{digits}"));
    }

    #[test]
    fn odd_subjects_end() {
        for s in ["", "*", "{digits}", "İİİ INC000", "[", "** ** **", &"*".repeat(900), &"INC".repeat(300)] {
            let _ = of("acme@service-now.com", s, true);
        }
    }
}
