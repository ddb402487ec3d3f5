//! The product's own mails, when they come back: by a mark only we can make, or by their text.
//!
//! # Trust
//! A mark counts where its MAC is right. A text that is known says that a mail is the product's, never where it belongs.

use super::token::{TokenKeys, TokenUse, token_in_address};
use crate::mail::{ConversationId, FoldKind, NormalizedMail, OrganisationId};
use sha2::{Digest, Sha256};

/// The header field that the product's mails carry.
pub const LOOP_FIELD: &str = "X-Tidegate-Loop";
/// Letters and digits of a text that can be told from others: shorter ones are anybody's words.
const PRINT_CHARS_MIN: usize = 60;
/// Letters and digits with which a text begins that are compared where it is quoted: more than a greeting has.
const BEGINNING_CHARS: usize = 80;
/// Lines of a quote above the quoted text: an attribution, or the fields of the quoted mail.
const QUOTE_HEAD_LINES_MAX: usize = 12;
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
    print(&mail.reply(), PRINT_CHARS_MIN..=PRINT_CHARS_MAX, "text.invalid")
}

/// How a text begins, as an id, to know it by where it is quoted: letters and digits without regard to case. `None` for short
/// texts.
#[must_use]
pub fn beginning_print(text: &str) -> Option<String> {
    print(text, BEGINNING_CHARS..=BEGINNING_CHARS, "quoted-text.invalid")
}

/// How the texts begin that a mail quotes, as such ids.
pub(super) fn quoted_prints(mail: &NormalizedMail, most: usize) -> Vec<String> {
    let quotes = mail.folds.iter().filter(|f| matches!(f.kind, FoldKind::Quote | FoldKind::Forward));
    let mut out: Vec<String> = Vec::new();
    for print in quotes.filter_map(|fold| mail.text.get(fold.start..fold.end)).filter_map(|q| beginning_print(&quoted_text(q))) {
        if out.len() < most && !out.contains(&print) {
            out.push(print);
        }
    }
    out
}

/// What is quoted, without its marks and what stands above it: where lines are marked the first of them, else what is below
/// the fields of the quoted mail, else what is below the first line.
fn quoted_text(quote: &str) -> String {
    let head = || quote.lines().take(QUOTE_HEAD_LINES_MAX);
    let is_field = |line: &str| line.split_once(':').is_some_and(|(name, _)| name.split_whitespace().count() <= 3);
    let start = head().position(|line| line.trim_start().starts_with('>')).or_else(|| {
        let first = head().position(is_field)?;
        Some(first + head().skip(first).take_while(|line| is_field(line)).count())
    });
    let text = |line: &str| line.trim_start_matches(|c: char| c == '>' || c.is_whitespace()).to_owned();
    let lines: Vec<String> = quote.lines().skip(start.unwrap_or(1)).take(BEGINNING_CHARS).map(text).collect();
    lines.join("\n")
}

/// The letters and digits of a text, as many as there are within `chars`, as an id at `domain`.
fn print(text: &str, chars: std::ops::RangeInclusive<usize>, domain: &str) -> Option<String> {
    let mut hash = Sha256::new();
    let (mut count, mut bytes) = (0, [0; 4]);
    for c in text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).take(*chars.end()) {
        hash.update(c.encode_utf8(&mut bytes));
        count += 1;
    }
    (count >= *chars.start()).then(|| format!("{}@{domain}", data_encoding::HEXLOWER.encode(&hash.finalize()[..20])))
}

/// A tag the product writes into its subjects, as an id.
#[must_use]
pub fn subject_tag_id(tag: &str) -> String {
    let tag: String = tag.trim_matches(['[', ']']).chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect();
    format!("{tag}@subject-tag.invalid")
}

/// Such a tag as it was given to one person, as an id: from him it places a mail, from others it is an idea.
#[must_use]
pub fn given_tag_id(tag: &str, addressee: &str) -> String {
    given_tag(&subject_tag_id(tag), addressee)
}

/// The same of an id of [`subject_tag_id`].
pub(super) fn given_tag(tag_id: &str, addressee: &str) -> String {
    let hash = Sha256::new().chain_update(tag_id).chain_update([0]).chain_update(addressee.to_lowercase()).finalize();
    format!("{}@given-tag.invalid", data_encoding::HEXLOWER.encode(&hash[..20]))
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
    fn a_quoted_text_is_known_by_its_beginning_however_it_is_quoted() {
        let said =
            "Dear Ada,\nthe order left our house on Monday, and the driver says that it will be at your door before Friday noon.";
        let known = beginning_print(said).unwrap();
        let quotes = [
            format!("On Monday, Tide Support wrote:\n> {}\n> \n> -- \n> Support", said.replace('\n', "\n> ")),
            format!(
                "--------------- Original Message ---------------\nFrom: Support [help@desk.test]\nSent: 1/12/2026\nTo: Ada\nSubject: Order\n\n{said}\n\nRegards"
            ),
            format!("Am Montag schrieb der Kundendienst:\n{}", said.replace("left our house", "left\nour house")),
        ];
        for quote in quotes {
            assert_eq!(beginning_print(&quoted_text(&quote)).as_ref(), Some(&known), "{quote}");
        }
        assert_eq!(beginning_print("Dear Ada, thank you."), None, "anybody's words");
        assert_ne!(beginning_print(&said.replace("Monday", "Tuesday")), Some(known));
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
