//! Subjects of automatic answers, of bounces and of delays, by language: weak evidence, as data.
//!
//! The lists are in the text files beside this one; each line has the language and its source.

use std::sync::LazyLock;

/// Bytes of a text in which a notice of absence says so.
const ABSENCE_BYTES: usize = 1_000;

/// Characters of a tag before a subject.
const TAG_CHARS_MAX: usize = 20;

/// One line: compared without case with the start of a subject.
#[derive(Debug)]
struct Line {
    language: &'static str,
    start: String,
}

fn parse(data: &'static str) -> Vec<Line> {
    data.lines()
        .map(str::trim)
        .filter(|l| !l.is_empty() && !l.starts_with('#'))
        .filter_map(|l| {
            let mut columns = l.split('|').map(str::trim);
            Some(Line { language: columns.next()?, start: fold(columns.next()?) })
        })
        .filter(|l| !l.start.is_empty())
        .collect()
}

static AUTO_REPLY: LazyLock<Vec<Line>> = LazyLock::new(|| parse(include_str!("auto_reply_subjects.txt")));
static ABSENCE: LazyLock<Vec<Line>> = LazyLock::new(|| parse(include_str!("absence_words.txt")));
static BOUNCE: LazyLock<Vec<Line>> = LazyLock::new(|| parse(include_str!("bounce_subjects.txt")));
static DELAY: LazyLock<Vec<Line>> = LazyLock::new(|| parse(include_str!("delay_subjects.txt")));

/// Lower case, the dot of a Turkish `İ` and marks of direction gone, white space collapsed.
fn fold(text: &str) -> String {
    let mut lower = text.to_lowercase();
    if !lower.is_ascii() {
        lower.retain(|c| !matches!(c, '\u{307}' | '\u{200e}' | '\u{200f}' | '\u{feff}'));
    }
    let mut out = String::with_capacity(lower.len());
    for word in lower.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// The lines' words, with what stands behind them.
pub(super) fn words() -> impl Iterator<Item = &'static str> {
    [
        include_str!("absence_words.txt"),
        include_str!("auto_reply_subjects.txt"),
        include_str!("bounce_subjects.txt"),
        include_str!("delay_subjects.txt"),
    ]
    .into_iter()
    .flat_map(str::lines)
    .filter(|l| !l.starts_with('#'))
    .filter_map(|l| l.split('|').nth(1))
}

fn language_of(lines: &[Line], subject: &str) -> Option<&'static str> {
    let subject = fold(subject);
    let begins = |subject: &str| lines.iter().find(|l| subject.starts_with(&l.start)).map(|l| l.language);
    begins(&subject).or_else(|| begins(behind_tag(&subject)?))
}

/// The subject behind a tag that a relay or a mail system puts before it: `[EXTERNAL]`, `[Postmaster]`, `***spam***`.
fn behind_tag(subject: &str) -> Option<&str> {
    let rest = match subject.strip_prefix('[') {
        Some(inside) => inside.split_once(']').filter(|(tag, _)| tag.chars().count() <= TAG_CHARS_MAX)?.1,
        None => subject.trim_start_matches('*').strip_prefix("spam").unwrap_or(subject).trim_start_matches('*'),
    };
    let rest = rest.trim_start_matches([':', ' ']);
    (!rest.is_empty() && rest != subject).then_some(rest)
}

/// The language in which a subject says that a program answers.
pub(super) fn auto_reply(subject: &str) -> Option<&'static str> {
    language_of(&AUTO_REPLY, subject)
}

/// The language in which the first lines of a text say that its writer is away.
pub(super) fn absence(text: &str) -> Option<&'static str> {
    let start = (0..=text.len().min(ABSENCE_BYTES)).rev().find(|n| text.is_char_boundary(*n)).unwrap_or_default();
    let text = fold(&text[..start]);
    ABSENCE.iter().find(|l| text.contains(&l.start)).map(|l| l.language)
}

/// The language in which a subject says that a mail was not delivered.
pub(super) fn bounce(subject: &str) -> Option<&'static str> {
    language_of(&BOUNCE, subject)
}

/// The language in which a subject says that a mail is late.
pub(super) fn delay(subject: &str) -> Option<&'static str> {
    language_of(&DELAY, subject)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_data_has_language_text_and_source() {
        for data in [
            include_str!("auto_reply_subjects.txt"),
            include_str!("absence_words.txt"),
            include_str!("bounce_subjects.txt"),
            include_str!("delay_subjects.txt"),
        ] {
            for line in data.lines().filter(|l| !l.trim().is_empty() && !l.starts_with('#')) {
                let columns: Vec<&str> = line.split('|').map(str::trim).collect();
                assert!(columns.len() == 3 && columns.iter().all(|c| !c.is_empty()), "{line}");
            }
        }
    }

    #[test]
    fn subjects_are_known_in_many_languages_and_whatever_their_case() {
        assert_eq!(auto_reply("AUTOMATISCHE  Antwort: Bestellung"), Some("de"));
        assert_eq!(auto_reply("自动回复：你好"), Some("zh"));
        assert_eq!(auto_reply("Otomatik yanıt: x"), Some("tr"));
        assert_eq!(auto_reply("Answer to your question"), None);
        assert_eq!(bounce("Unzustellbar: Bestellung"), Some("de"));
        assert_eq!(bounce("[EXTERNAL] Unzustellbar: Bestellung"), Some("de"));
        assert_eq!((bounce("[garden] Bestellung"), bounce("***SPAM***")), (None, None));
        assert_eq!(delay("Delivery delayed: x"), Some("en"));
        assert_eq!(absence("Hello,\n\nI will be out of\nthe office next week."), Some("en"));
        assert_eq!(absence("The office is closed on Sundays, is it?"), None);
    }
}
