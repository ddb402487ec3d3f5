//! The product's own mails, when they come back: by a mark only we can make, or by their text.
//!
//! # Trust
//! A mark counts where its MAC is right. A text that is known says that a mail is the product's, never where it belongs.

use super::token::{TokenKeys, TokenUse, token_in_address};
use crate::mail::{ConversationId, NormalizedMail, OrganisationId};
use sha2::{Digest, Sha256};

/// The header field that the product's mails carry.
pub const LOOP_FIELD: &str = "X-Tidegate-Loop";
/// Letters and digits of a text that can be told from others: shorter ones are anybody's words.
const PRINT_CHARS_MIN: usize = 60;
/// Letters and digits that are compared: lists add their lines behind them.
const PRINT_CHARS_MAX: usize = 400;

/// Carries a mark that only mails of this organisation's product have: the loop field, or a Message-ID we signed.
pub(super) fn is_marked(mail: &NormalizedMail, organisation: OrganisationId, keys: &TokenKeys, addressees: &[String]) -> bool {
    if keys.is_empty() {
        return false;
    }
    let valid = |token: Option<&str>, purpose| -> bool {
        let found = token.and_then(|t| keys.verify(t, purpose, organisation, addressees.iter().map(String::as_str)));
        found.is_some_and(|(ConversationId(_), _)| true)
    };
    mail.headers_named(LOOP_FIELD).take(2).any(|v| valid(token_in_address(v), TokenUse::Loop))
        || valid(mail.message_id.as_deref().and_then(token_in_address), TokenUse::MessageId)
}

/// What its author wrote, as an id: letters and digits of the answer, without regard to case. `None` for short texts.
#[must_use]
pub fn text_print(mail: &NormalizedMail) -> Option<String> {
    let said = mail.reply();
    let mut hash = Sha256::new();
    let (mut chars, mut bytes) = (0, [0; 4]);
    for c in said.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).take(PRINT_CHARS_MAX) {
        hash.update(c.encode_utf8(&mut bytes));
        chars += 1;
    }
    (chars >= PRINT_CHARS_MIN).then(|| format!("{}@text.invalid", data_encoding::HEXLOWER.encode(&hash.finalize()[..20])))
}

/// A tag the product writes into its subjects, as an id.
#[must_use]
pub fn subject_tag_id(tag: &str) -> String {
    let tag: String = tag.trim_matches(['[', ']']).chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect();
    format!("{tag}@subject-tag.invalid")
}

/// What may be such tags in a subject, as ids: words in brackets and words with `#`, with a digit in them.
pub(super) fn subject_tags(subject: &str, most: usize) -> Vec<String> {
    let blobs = subject.split('[').skip(1).filter_map(|s| s.split_once(']')).map(|(blob, _)| blob);
    let words = subject.split_whitespace().filter(|w| w.contains('#')).map(|w| w.trim_matches(|c: char| ":;,.()[]".contains(c)));
    let mut out: Vec<String> = Vec::new();
    for tag in blobs.chain(words) {
        let good = (3..=64).contains(&tag.len()) && tag.chars().any(|c| c.is_ascii_digit());
        let id = subject_tag_id(tag);
        if good && out.len() < most && !out.contains(&id) {
            out.push(id);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_words_are_the_same_print_however_they_are_wrapped() {
        let print = |text: &str| text_print(&NormalizedMail { text: text.to_owned(), ..NormalizedMail::default() });
        let long = "Thank you for your mail. We have received it and will answer it within two working days at the latest.";
        assert!(print(long).is_some());
        assert_eq!(print(&long.replace(' ', "\n ").to_uppercase()), print(long));
        assert_ne!(print(&long.replace("two", "six")), print(long));
        assert_eq!(print("Thank you!"), None, "anybody's words");
    }

    #[test]
    fn tags_are_words_with_a_number() {
        assert_eq!(
            subject_tags("[desk] Re: Ticket#1234: x [Case 77-B]", 4),
            ["case77-b@subject-tag.invalid", "ticket#1234@subject-tag.invalid"]
        );
        assert_eq!(subject_tag_id("[Ticket# 1234]"), "ticket#1234@subject-tag.invalid");
        assert!(subject_tags("nothing [here] #", 4).is_empty());
    }
}
