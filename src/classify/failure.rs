//! What a sentence says of a failure, in languages whose mail systems have too many ways to say it for phrases: a word
//! for what it is of, and one for what is said of it (`locale/failure_words.txt`).
//!
//! The last resort: codes and phrases come first (`status`). It tells *why* a mail that is a bounce failed, never that
//! one is a bounce.
//!
//! # Failure
//! None. Time is linear in the text, of which the beginning is read.

use aho_corasick::AhoCorasick;
use std::sync::LazyLock;

/// Bytes of a text that are looked at: what a mail system says stands on top.
const TEXT_BYTES_MAX: usize = 16 << 10;
/// Bytes of a sentence on either side of what is said: the rest of a longer one is about something else.
const SENTENCE_BYTES: usize = 250;
/// Places where something is said that are looked at.
const PLACES_MAX: usize = 64;

/// A word or some, whole or as the beginning of one.
#[derive(Debug)]
struct Word {
    text: &'static str,
    begins: bool,
}

#[derive(Debug)]
struct Line {
    status: &'static str,
    of: Vec<Word>,
}

#[derive(Debug)]
struct Lists {
    lines: Vec<Line>,
    /// What is said, each with the line it is of.
    said: Vec<(Word, usize)>,
    automaton: Option<AhoCorasick>,
}

fn columns(line: &'static str) -> Option<[&'static str; 4]> {
    let mut columns = line.split('|').map(str::trim);
    let _language = columns.next().filter(|l| !l.is_empty() && !l.starts_with('#'))?;
    Some([columns.next()?, columns.next()?, columns.next()?, columns.next()?])
}

fn list(words: &'static str) -> impl Iterator<Item = Word> {
    words.split(',').map(str::trim).map(|text| Word { text: text.trim_end_matches('*'), begins: text.ends_with('*') })
}

const DATA: &str = include_str!("locale/failure_words.txt");

static LISTS: LazyLock<Lists> = LazyLock::new(|| {
    let (mut lines, mut said) = (Vec::new(), Vec::new());
    for [status, of, says, _] in DATA.lines().filter_map(columns) {
        said.extend(list(says).map(|word| (word, lines.len())));
        lines.push(Line { status, of: list(of).collect() });
    }
    let automaton = AhoCorasick::new(said.iter().map(|(word, _)| word.text)).ok();
    Lists { lines, said, automaton }
});

/// The status that a text in lower case says; of several what stands first in the list.
pub(super) fn status(text: &str) -> Option<&'static str> {
    let text = &text[..at_most(text, TEXT_BYTES_MAX)];
    let lists = &*LISTS;
    let places = lists.automaton.as_ref()?.find_overlapping_iter(text).map(|m| (m.pattern().as_usize(), m.start(), m.end()));
    let line = places
        .filter_map(|(n, start, end)| lists.said.get(n).map(|(word, line)| (word, *line, start, end)))
        .filter(|(word, _, start, end)| stands_alone(word, text, *start, *end))
        .take(PLACES_MAX)
        .filter(|(_, line, start, end)| {
            let sentence = sentence(text, *start, *end);
            lists.lines.get(*line).is_some_and(|line| line.of.iter().any(|word| has(sentence, word)))
        })
        .map(|(_, line, ..)| line)
        .min()?;
    lists.lines.get(line).map(|line| line.status)
}

/// Every word of the lists.
pub(super) fn words() -> impl Iterator<Item = &'static str> {
    DATA.lines().filter_map(columns).flat_map(|[_, of, says, _]| list(of).chain(list(says))).map(|word| word.text)
}

fn has(sentence: &str, word: &Word) -> bool {
    sentence.match_indices(word.text).any(|(at, found)| stands_alone(word, sentence, at, at + found.len()))
}

/// Whether what was found is no part of a longer word, in scripts that part words and write nothing to them.
fn stands_alone(word: &Word, text: &str, start: usize, end: usize) -> bool {
    let parted = |c: char| c.is_alphanumeric() && c < '\u{0590}' || ('\u{1e00}'..'\u{2000}').contains(&c);
    let before = text[..start].chars().next_back();
    let after = text[end..].chars().next();
    !before.is_some_and(parted) && (word.begins || !after.is_some_and(parted))
}

/// The sentence around a place.
fn sentence(text: &str, start: usize, end: usize) -> &str {
    let from = start - start.min(SENTENCE_BYTES);
    let from = (from..=start).find(|n| text.is_char_boundary(*n)).unwrap_or(start);
    let to = end + at_most(&text[end..], SENTENCE_BYTES);
    let begins =
        [". ", ".\n", "!", "?", "。", "\n\n"].iter().filter_map(|stop| Some(text[from..start].rfind(stop)? + stop.len())).max();
    let ends = [". ", ".\n", "!", "?", "。", "\n\n"].iter().filter_map(|stop| text[end..to].find(stop)).min();
    &text[from + begins.unwrap_or_default()..ends.map_or(to, |n| end + n)]
}

fn at_most(text: &str, bytes: usize) -> usize {
    (0..=text.len().min(bytes)).rev().find(|n| text.is_char_boundary(*n)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_language_status_both_lists_and_source() {
        let lines: Vec<&str> = DATA.lines().filter(|l| !l.trim().is_empty() && !l.starts_with('#')).collect();
        for line in &lines {
            let columns: Vec<&str> = line.split('|').map(str::trim).collect();
            assert!(columns.len() == 5 && columns.iter().all(|c| !c.is_empty()), "{line}");
            assert!(
                columns[2..4].iter().all(|list| list.split(',').all(|w| !w.trim().trim_end_matches('*').is_empty())),
                "{line}"
            );
        }
        assert_eq!(LISTS.lines.len(), lines.len());
    }

    #[test]
    fn a_sentence_says_what_of_whom_in_many_languages() {
        for (text, is) in [
            ("das postfach des empfängers ist leider voll.", "5.2.2"),
            ("la boîte aux lettres du\ndestinataire est pleine.", "5.2.2"),
            ("alıcının posta kutusu dolu", "5.2.2"),
            ("受信者のメールボックスの容量が上限に達しています。", "5.2.2"),
            ("צריך לנסות שוב: תיבת הדואר של הנמען מלאה.", "5.2.2"),
            ("550 příjemce ada@x.example neexistuje", "5.1.1"),
            ("ο παραλήπτης δεν υπάρχει", "5.1.1"),
            ("người nhận không tồn tại.", "5.1.1"),
            ("die domain des empfängers ist unbekannt", "5.1.2"),
        ] {
            assert_eq!(status(text), Some(is), "{text}");
        }
    }

    #[test]
    fn a_part_of_a_word_and_words_of_two_sentences_say_nothing() {
        for text in [
            "das postfach konnte nicht vollständig gelesen werden",
            "das postfach ist da. der saal ist voll.",
            "volgens het adres",
            "the full text for the mailbox",
            "",
        ] {
            assert_eq!(status(text), None, "{text}");
        }
        assert_eq!(status(&format!("das postfach {} voll", "und ".repeat(200))), None);
    }
}
