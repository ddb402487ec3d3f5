//! Subjects of automatic answers, of bounces and of delays, by language: weak evidence, as data.
//!
//! The lists are in the text files beside this one; each line has the language and its source.

use std::sync::LazyLock;

/// Bytes of a text in which a notice of absence says so, or a program that it is one.
const BEGINNING_BYTES: usize = 1_000;

/// Bytes before what a receipt says: people write of mails they read further down.
const RECEIPT_STARTS_WITHIN: usize = 10;

/// Characters of a tag before a subject.
const TAG_CHARS_MAX: usize = 20;

/// One line: compared without case with the start of a subject.
#[derive(Debug)]
struct Line {
    language: &'static str,
    start: String,
}

/// How a subject says that a program answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Label {
    pub(super) language: &'static str,
    /// Programs write it; else people do so too.
    pub(super) of_programs: bool,
    /// Nothing else is in the subject: a program says what it answers, if that has a subject; a person may be writing about it.
    pub(super) is_alone: bool,
}

/// Stands in the data for other words than the label's.
const OTHER_WORDS: char = '…';

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
static ABSENCE_LABELS: LazyLock<Vec<Line>> = LazyLock::new(|| parse(include_str!("absence_subjects.txt")));
static AUTOMATIC: LazyLock<Vec<Line>> = LazyLock::new(|| parse(include_str!("automatic_words.txt")));
static THANKS: LazyLock<Vec<Line>> = LazyLock::new(|| parse(include_str!("thanks_words.txt")));
static RECEIPT: LazyLock<Vec<Line>> = LazyLock::new(|| parse(include_str!("receipt_subjects.txt")));
static WAS_READ: LazyLock<Vec<Line>> = LazyLock::new(|| parse(include_str!("receipt_words.txt")));
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
        include_str!("absence_subjects.txt"),
        include_str!("absence_words.txt"),
        include_str!("auto_reply_subjects.txt"),
        include_str!("automatic_words.txt"),
        include_str!("bounce_subjects.txt"),
        include_str!("delay_subjects.txt"),
        include_str!("receipt_subjects.txt"),
        include_str!("receipt_words.txt"),
        include_str!("thanks_words.txt"),
    ]
    .into_iter()
    .flat_map(str::lines)
    .filter(|l| !l.starts_with('#'))
    .filter_map(|l| l.split('|').nth(1))
    .flat_map(|words| words.split(OTHER_WORDS))
    .map(str::trim)
    .filter(|words| !words.is_empty())
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

/// What a label may stand in.
const BRACKETS: [char; 12] = ['[', '【', '(', '（', '<', '＜', '「', '『', '《', '*', '"', ' '];

/// The label by which a subject says that a program answers.
pub(super) fn auto_reply(subject: &str) -> Option<Label> {
    let subject = fold(subject);
    let of = |lines: &[Line], subject: &str| lines.iter().find(|l| is_label(&l.start, subject)).map(|l| l.language);
    [Some(subject.trim_start_matches(BRACKETS)), behind_tag(&subject)].into_iter().flatten().find_map(|subject| {
        let of_programs = of(&AUTO_REPLY, subject);
        let language = of_programs.or_else(|| of(&ABSENCE_LABELS, subject))?;
        let bare = subject.trim_end_matches(|c: char| !c.is_alphanumeric());
        let is_alone = AUTO_REPLY.iter().any(|l| l.start == bare);
        Some(Label { language, of_programs: of_programs.is_some(), is_alone })
    })
}

/// Whether a subject has this label: a sign parts it from what it is before, while a sentence that begins so goes on.
fn is_label(label: &str, subject: &str) -> bool {
    // Nearly no label begins as the subject does: that is seen by a byte.
    let may_begin = label.as_bytes().first() == subject.as_bytes().first();
    if !may_begin && !label.starts_with(OTHER_WORDS) {
        return false;
    }
    if let Some(end) = label.strip_prefix(OTHER_WORDS) {
        let ends = |subject: &str| subject.trim_end_matches(['.', '。', '!', ' ']).ends_with(end);
        let before_brackets = || subject.trim_end().strip_suffix([')', '）']).and_then(|s| s.rsplit_once(['(', '（']));
        return ends(subject) || before_brackets().is_some_and(|(before, _)| ends(before));
    }
    if let Some(start) = label.strip_suffix(OTHER_WORDS) {
        return subject.starts_with(start);
    }
    let Some(rest) = subject.strip_prefix(label) else { return false };
    let signs = [':', '：', ']', '】', ')', '）', '>', '＞', '」', '』', '》', '(', '（', '[', '【', '*', '"', '|'];
    let behind = rest.trim_start();
    behind.trim_matches(['.', '。', '!', '！', '…']).is_empty()
        || behind.starts_with(signs)
        || behind.starts_with("re:")
        || rest.starts_with([' ', '\u{3000}']) && behind.starts_with(['-', '–', '—'])
}

/// The first lines of a text.
fn beginning(text: &str) -> String {
    let end = (0..=text.len().min(BEGINNING_BYTES)).rev().find(|n| text.is_char_boundary(*n)).unwrap_or_default();
    fold(&text[..end])
}

/// The language in which the first lines of a text say that its writer is away.
pub(super) fn absence(text: &str) -> Option<&'static str> {
    let text = beginning(text);
    ABSENCE.iter().find(|l| text.contains(&l.start)).map(|l| l.language)
}

/// The language in which the first lines of a text thank for the mail they answer.
pub(super) fn thanks(text: &str) -> Option<&'static str> {
    let text = beginning(text);
    THANKS.iter().find(|l| text.contains(&l.start)).map(|l| l.language)
}

/// The language in which the first lines of a text say that a program sent it.
pub(super) fn automatic(text: &str) -> Option<&'static str> {
    let text = beginning(text);
    AUTOMATIC.iter().find(|l| text.contains(&l.start)).map(|l| l.language)
}

/// The language in which a subject says that a mail was read.
pub(super) fn receipt(subject: &str) -> Option<&'static str> {
    let subject = fold(subject);
    RECEIPT.iter().find(|l| is_label(&l.start, &subject)).map(|l| l.language)
}

/// A text says from its beginning on that a mail was read.
pub(super) fn was_read(text: &str) -> bool {
    let text = beginning(text);
    let says = |words: &str| {
        let mut rest = text.as_str();
        words.split(OTHER_WORDS).enumerate().all(|(n, word)| {
            let Some(at) = rest.find(word).filter(|at| n > 0 || *at <= RECEIPT_STARTS_WITHIN) else { return false };
            rest = &rest[at + word.len()..];
            true
        })
    };
    WAS_READ.iter().any(|l| says(&l.start))
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
            include_str!("absence_subjects.txt"),
            include_str!("absence_words.txt"),
            include_str!("automatic_words.txt"),
            include_str!("bounce_subjects.txt"),
            include_str!("delay_subjects.txt"),
            include_str!("receipt_subjects.txt"),
            include_str!("receipt_words.txt"),
            include_str!("thanks_words.txt"),
        ] {
            for line in data.lines().filter(|l| !l.trim().is_empty() && !l.starts_with('#')) {
                let columns: Vec<&str> = line.split('|').map(str::trim).collect();
                assert!(columns.len() == 3 && columns.iter().all(|c| !c.is_empty()), "{line}");
            }
        }
    }

    #[test]
    fn a_label_is_parted_from_what_it_is_before_and_a_sentence_is_not() {
        for label in ["Automatic reply", "Automatic reply: x", "(Automatic reply) x", "Automatic reply - x", "AutoReply: Re: x"] {
            assert_eq!(auto_reply(label).map(|l| l.of_programs), Some(true), "{label}");
        }
        for label in
            ["Vacation Re: x", "AUTO: Ann is out of the office (returning 7/12)", "Ann is out of the office.", "Fravær: x"]
        {
            assert_eq!(auto_reply(label).map(|l| l.of_programs), Some(false), "{label}");
        }
        for sentence in [
            "Automatic reply not sent",
            "Automatic reply-to field",
            "自动回复怎么设置？",
            "Abwesend ab Montag",
            "Ann is out of the office, help",
        ] {
            assert_eq!(auto_reply(sentence), None, "{sentence}");
        }
    }

    #[test]
    fn subjects_are_known_in_many_languages_and_whatever_their_case() {
        let language = |subject| auto_reply(subject).filter(|l| l.of_programs).map(|l| l.language);
        assert_eq!(language("AUTOMATISCHE  Antwort: Bestellung"), Some("de"));
        assert_eq!(language("自动回复：你好"), Some("zh"));
        assert_eq!(language("Otomatik yanıt: x"), Some("tr"));
        assert_eq!(language("OTOMATİK YANIT: x"), Some("tr"));
        assert_eq!(language("【自動返信】x"), Some("ja"));
        assert_eq!(language("[EXTERNAL] Réponse automatique : x"), Some("fr"));
        assert_eq!(language("Answer to your question"), None);
        assert_eq!(bounce("Unzustellbar: Bestellung"), Some("de"));
        assert_eq!(bounce("[EXTERNAL] Unzustellbar: Bestellung"), Some("de"));
        assert_eq!((bounce("[garden] Bestellung"), bounce("***SPAM***")), (None, None));
        assert_eq!(delay("Delivery delayed: x"), Some("en"));
        assert_eq!(absence("Hello,\n\nI will be out of\nthe office next week."), Some("en"));
        assert_eq!(absence("The office is closed on Sundays, is it?"), None);
    }
}
