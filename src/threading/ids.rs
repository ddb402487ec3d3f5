//! Message-IDs as keys: which are usable, which are garbage, and one for a mail without.
//!
//! # Trust
//! None. Old clients write sentences and addresses into In-Reply-To; two mails that answer "Your
//! message of Monday" are not one conversation.

use crate::mail::NormalizedMail;
use std::collections::HashSet;
use std::fmt::Write as _;

/// Bytes of a Message-ID: what fits a line (RFC 5322 section 2.1.1). A longer one is no key.
const ID_BYTES_MAX: usize = 998;
/// Characters of an id without `@` (some providers have such): shorter ones are words.
const BARE_ID_CHARS_MIN: usize = 12;

/// Providers that hand back an id without the domain they put behind it on the wire (a name below one of these): only what
/// stands before the `@` is the key, so that either form of it is found.
const QUALIFIED_BY_PROVIDER: &[&str] = &["amazonses.com"];
/// Digits of a counter: so few at a name that every machine has tell nothing apart.
const COUNTER_DIGITS_MAX: usize = 6;
/// What programs write where they have no id, and mailboxes that they write in its place.
const NO_NAMES: &[&str] = &[
    "null",
    "(null)",
    "nil",
    "none",
    "undefined",
    "unknown",
    "empty",
    "false",
    "nan",
    "id",
    "messageid",
    "message-id",
    "message_id",
    "msgid",
    "no-id",
    "noid",
    "no-message-id",
    "nomessageid",
    "missing",
    "missing-id",
    "message",
    "mail",
    "email",
    "e-mail",
    "webmail",
    "form",
    "webform",
    "web-form",
    "formmail",
    "contact",
    "contactform",
    "contact-form",
    "kontakt",
    "website",
    "web",
    "www",
    "www-data",
    "apache",
    "nobody",
    "root",
    "admin",
    "administrator",
    "webmaster",
    "postmaster",
    "mailer",
    "mailer-daemon",
    "info",
    "office",
    "support",
    "service",
    "help",
    "helpdesk",
    "sales",
    "noreply",
    "no-reply",
    "no_reply",
    "donotreply",
    "do-not-reply",
    "reply",
];
/// Signs of what a program was to replace.
const OF_TEMPLATES: &[char] = &['{', '}', '[', ']', '%', '$'];
/// Names that every machine has.
const EVERY_MACHINE: &[&str] = &["localhost", "localhost.localdomain", "localdomain", "(none)", "127.0.0.1", "[127.0.0.1]"];

/// Where providers and lists that give a mail an id of their own keep the one that its sender knows it by.
const RENAMED_FROM: &[&str] = &["X-Microsoft-Original-Message-ID", "X-Google-Original-Message-ID", "X-Original-Message-ID"];

/// Domains of ids that are made here, of what else ties mails. As a Message-ID one would be a way around the rule it is of:
/// who refers to `<ticket#1234@subject-tag.invalid>` must not get into the conversation with that tag.
const MADE_HERE: &[&str] = &["content-hash", "thread-index", "tracker", "subject-tag", "given-tag", "text", "quoted-text"];

/// A Message-ID as the key under which it is looked up.
#[must_use]
pub fn message_id_key(id: &str) -> &str {
    clean(id).unwrap_or(id)
}

/// A usable id, without `<>`; `None` for garbage, and for what can't be unique (`<1@localhost>`, `<form@shop.example>`).
pub(super) fn clean(id: &str) -> Option<&str> {
    let id = id.trim().trim_start_matches('<').trim_end_matches('>').trim();
    if id.is_empty() || id.len() > ID_BYTES_MAX || id.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return None;
    }
    match id.split_once('@') {
        Some((local, domain)) if local.is_empty() || domain.is_empty() || is_counter(local, domain) || is_word(local) => None,
        Some(_) if is_made_here(id) => None,
        Some((local, domain)) if is_bare(local) && is_qualified_by_provider(domain) => Some(local),
        Some(_) => Some(id),
        None => is_bare(id).then_some(id),
    }
}

fn is_bare(id: &str) -> bool {
    id.chars().count() >= BARE_ID_CHARS_MIN && id.chars().any(|c| c.is_ascii_digit())
}

fn is_counter(local: &str, domain: &str) -> bool {
    local.len() <= COUNTER_DIGITS_MAX
        && local.bytes().all(|b| b.is_ascii_digit())
        && EVERY_MACHINE.iter().any(|name| domain.eq_ignore_ascii_case(name))
}

/// What every mail of a program has: no id at all, its mailbox, or what was to be replaced (`{{message_id}}`).
fn is_word(local: &str) -> bool {
    let is_left = || local.contains(OF_TEMPLATES) && !local.contains(|c: char| c.is_ascii_digit());
    NO_NAMES.iter().any(|word| local.eq_ignore_ascii_case(word)) || is_left()
}

fn is_made_here(id: &str) -> bool {
    let id = id.to_ascii_lowercase();
    let name = id.strip_suffix(".invalid").and_then(|id| id.rsplit('@').next());
    name.is_some_and(|name| MADE_HERE.contains(&name))
}

fn is_qualified_by_provider(domain: &str) -> bool {
    let domain = domain.to_ascii_lowercase();
    QUALIFIED_BY_PROVIDER.iter().any(|known| domain.strip_suffix(known).is_some_and(|region| region.ends_with('.')))
}

/// The mail's own id, or one made from what does not change between two deliveries of it.
pub(super) fn own(mail: &NormalizedMail) -> String {
    if let Some(id) = mail.message_id.as_deref().and_then(clean) {
        return id.to_owned();
    }
    let mut id = String::with_capacity(64);
    for byte in &mail.content_hash[..16] {
        let _ = write!(id, "{byte:02x}"); // writing to a String does not fail
    }
    id + "@content-hash.invalid"
}

/// The ids a mail had before it got its own.
pub(super) fn renamed_from(mail: &NormalizedMail, own: &str, references: &[String]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for name in RENAMED_FROM {
        let id = mail.header(name).and_then(clean).filter(|id| *id != own);
        if let Some(id) = id.filter(|id| !out.iter().chain(references).any(|known| known == id)) {
            out.push(id.to_owned());
        }
    }
    out
}

/// References, then In-Reply-To, which is the parent (RFC 5322 section 3.6.4) wherever References has it too: each id once, oldest
/// first, without the mail's own, without addresses of people that old clients put there; of more than `most` the newest.
pub(super) fn references(mail: &NormalizedMail, own: &str, most: usize) -> Vec<String> {
    let people: HashSet<String> = [&mail.from, &mail.sender]
        .into_iter()
        .flatten()
        .chain(mail.to.iter().chain(&mail.cc).chain(&mail.reply_to).take(most))
        .map(|p| p.address.to_lowercase())
        .collect();
    let mut seen = HashSet::new();
    let mut newest_first: Vec<String> = Vec::new();
    let answered = mail.in_reply_to.iter().filter_map(|r| clean(r));
    for id in answered.collect::<Vec<_>>().into_iter().rev().chain(mail.references.iter().rev().filter_map(|r| clean(r))) {
        if newest_first.len() == most {
            break;
        }
        if id != own && !people.contains(&id.to_lowercase()) && seen.insert(id) {
            newest_first.push(id.to_owned());
        }
    }
    newest_first.reverse();
    newest_first
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::Person;

    fn mail(references: &[&str], in_reply_to: &[&str]) -> NormalizedMail {
        NormalizedMail {
            references: references.iter().map(|s| (*s).to_owned()).collect(),
            in_reply_to: in_reply_to.iter().map(|s| (*s).to_owned()).collect(),
            ..NormalizedMail::default()
        }
    }

    #[test]
    fn the_parent_comes_last_and_each_id_once() {
        let m = mail(&["a@x", "b@x", "a@x", "own@x"], &["b@x", "c@x"]);
        assert_eq!(references(&m, "own@x", 50), ["a@x", "b@x", "c@x"]);
        // Some write References the newest first, or in no order.
        let m = mail(&["c@x", "b@x", "a@x"], &["c@x"]);
        assert_eq!(references(&m, "own@x", 50), ["b@x", "a@x", "c@x"]);
    }

    #[test]
    fn a_flood_of_references_leaves_the_newest() {
        let many: Vec<String> = (0..10_000).map(|n| format!("{n}@x")).collect();
        let m = NormalizedMail { references: many, ..NormalizedMail::default() };
        let kept = references(&m, "", 50);
        assert_eq!((kept.len(), kept[0].as_str(), kept[49].as_str()), (50, "9950@x", "9999@x"));
    }

    #[test]
    fn words_and_addresses_in_in_reply_to_are_not_ids() {
        let mut m =
            mail(&[], &["Your", "message", "of", "Monday", "ann@a.test", "", "<>", "@", "x y@z", "<0102018f3c5a-0000@x>"]);
        m.to = vec![Person { name: String::new(), address: "Ann@A.test".to_owned() }];
        assert_eq!(references(&m, "", 50), ["0102018f3c5a-0000@x"]);
        assert_eq!(clean("0102018f3c5a-4b1e-0000"), Some("0102018f3c5a-4b1e-0000"));
        assert_eq!(clean(&format!("{}@x", "a".repeat(998))), None);
    }

    #[test]
    fn an_id_is_one_with_and_without_the_domain_of_its_provider() {
        assert_eq!(clean("<0102019b4c-77aa-000000@eu-west-1.amazonses.com>"), Some("0102019b4c-77aa-000000"));
        assert_eq!(message_id_key("0102019b4c-77aa-000000"), "0102019b4c-77aa-000000");
        assert_eq!(
            clean("0102019b4c-77aa-000000@amazonses.com.evil.test"),
            Some("0102019b4c-77aa-000000@amazonses.com.evil.test")
        );
        assert_eq!(clean("short@eu-west-1.amazonses.com"), Some("short@eu-west-1.amazonses.com"));
    }

    #[test]
    fn what_every_machine_counts_is_no_key() {
        assert_eq!(clean("1@localhost"), None);
        assert_eq!(clean("4711@Localhost.localdomain"), None);
        assert_eq!(clean("20260112091500.4711@localhost"), Some("20260112091500.4711@localhost"));
        assert_eq!(clean("1@shop"), Some("1@shop"));
    }

    #[test]
    fn a_mail_keeps_the_names_it_had_before_its_provider_named_it() {
        let header = |name: &str, value: &str| crate::mail::Header { name: name.to_owned(), value: value.to_owned() };
        let m = NormalizedMail {
            headers: vec![
                header("X-Microsoft-Original-Message-ID", "<1@sent.test>"),
                header("X-Original-Message-ID", "<2@parent.test>"),
                header("X-Google-Original-Message-ID", "<null@x.test>"),
            ],
            ..mail(&["2@parent.test"], &[])
        };
        assert_eq!(renamed_from(&m, "3@wire.test", &references(&m, "3@wire.test", 50)), ["1@sent.test"]);
    }

    #[test]
    fn what_a_program_writes_into_every_mail_is_no_key() {
        for id in ["null@x.test", "<Form@x.test>", "{{message_id}}@x.test", "%MSGID%@x.test", "no-reply@x.test"] {
            assert_eq!(clean(id), None, "{id}");
        }
        for id in ["000001d9$a1b2$c3d4@x.test", "heater-again@x.test", "{8F2C-11}@x.test"] {
            assert_eq!(clean(id), Some(id));
        }
    }

    #[test]
    fn nobody_refers_to_what_is_made_here() {
        for id in ["<ticket#1234@subject-tag.invalid>", "x@Tracker.INVALID", "a@b@thread-index.invalid", "0@content-hash.invalid"]
        {
            assert_eq!(clean(id), None, "{id}");
        }
        assert_eq!(clean("a@mytracker.invalid"), Some("a@mytracker.invalid"));
        assert_eq!(clean("a@b.invalid"), Some("a@b.invalid"));
    }

    #[test]
    fn a_mail_without_an_id_has_the_same_one_at_every_delivery() {
        let m = NormalizedMail { content_hash: [7; 32], message_id: Some("<>".to_owned()), ..NormalizedMail::default() };
        assert_eq!(own(&m), own(&m.clone()));
        assert!(own(&m).ends_with("@content-hash.invalid"));
        assert_ne!(own(&m), own(&NormalizedMail { content_hash: [8; 32], ..m }));
    }
}
