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

/// A usable id, without `<>`; `None` for garbage.
pub(super) fn clean(id: &str) -> Option<&str> {
    let id = id.trim().trim_start_matches('<').trim_end_matches('>').trim();
    if id.is_empty() || id.len() > ID_BYTES_MAX || id.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return None;
    }
    match id.split_once('@') {
        Some((local, domain)) => (!local.is_empty() && !domain.is_empty()).then_some(id),
        None => (id.chars().count() >= BARE_ID_CHARS_MIN && id.chars().any(|c| c.is_ascii_digit())).then_some(id),
    }
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

/// References, then In-Reply-To: each id once, oldest first, without the mail's own, without
/// addresses of people that old clients put there; of more than `most` the newest.
pub(super) fn references(mail: &NormalizedMail, own: &str, most: usize) -> Vec<String> {
    let people: HashSet<String> = [&mail.from, &mail.sender]
        .into_iter()
        .flatten()
        .chain(mail.to.iter().chain(&mail.cc).chain(&mail.reply_to).take(most))
        .map(|p| p.address.to_lowercase())
        .collect();
    let mut seen = HashSet::new();
    let mut newest_first: Vec<String> = Vec::new();
    let known: HashSet<&str> = mail.references.iter().filter_map(|r| clean(r)).collect();
    let answered = mail.in_reply_to.iter().filter_map(|r| clean(r)).filter(|r| !known.contains(r));
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
    fn a_mail_without_an_id_has_the_same_one_at_every_delivery() {
        let m = NormalizedMail { content_hash: [7; 32], message_id: Some("<>".to_owned()), ..NormalizedMail::default() };
        assert_eq!(own(&m), own(&m.clone()));
        assert!(own(&m).ends_with("@content-hash.invalid"));
        assert_ne!(own(&m), own(&NormalizedMail { content_hash: [8; 32], ..m }));
    }
}
