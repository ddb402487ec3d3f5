//! Parts the words about a delivery from the original mail behind them.

use super::super::fields::field;
use super::phrases;
use std::borrow::Cow;

/// Bytes of a text that are looked at for words: reports are short, what follows is the original.
const REPORT_BYTES_MAX: usize = 32 << 10;
/// Bytes in which a report says what it is: behind a banner of a relay, before anything else.
const OPENING_BYTES_MAX: usize = 400;
/// Characters of a line that marks the original.
const MARK_CHARS_MAX: usize = 120;

/// Fields that stand apart, from which on they are a header in which each line is a paragraph.
const APART_FIELDS_MIN: usize = 3;
/// Lines between two of them that go on with the first: a folded Received or To.
const APART_FOLDS_MAX: usize = 6;

/// The two halves of a text.
#[derive(Debug)]
pub(super) struct Section<'a> {
    /// The words of the mail system.
    pub(super) report: &'a str,
    /// The original mail, from its first header field on, where it is in the text.
    pub(super) original: &'a str,
    /// `report` in lower case, typographic apostrophes plain, its lines joined: all white space is one space.
    pub(super) folded: String,
}

impl<'a> Section<'a> {
    pub(super) fn of(text: &'a str) -> Section<'a> {
        let (report, original) = halves(text);
        Section { report, original, folded: fold(report) }
    }

    /// The first words of the report, as in `folded`.
    pub(super) fn opening(&self) -> &str {
        cut(&self.folded, OPENING_BYTES_MAX)
    }

    /// Whether a line of the report begins with this, whatever its case.
    pub(super) fn has_line(&self, start: &str) -> bool {
        let begins = |line: &str| line.trim_start().get(..start.len()).is_some_and(|s| s.eq_ignore_ascii_case(start));
        self.report.lines().any(begins)
    }
}

/// The text with headers whose lines each became a paragraph (html that has a `<p>` for every line) put together again:
/// a blank line between two of their fields ends no header. A fold among them is a line without its white space.
pub(super) fn together(text: &str) -> Cow<'_, str> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let is_blank = |n: usize| lines.get(n).is_none_or(|line| line.trim().is_empty());
    let mut dropped = vec![false; lines.len()];
    let mut n = 0;
    while n < lines.len() {
        let begins = !is_blank(n) && (n == 0 || is_blank(n - 1)) && is_blank(n + 1) && field(lines[n]).is_some();
        if !begins {
            n += 1;
            continue;
        }
        // From field to field, every line alone between two blank ones.
        let (mut last, mut fields, mut at) = (n, 1, n);
        while !is_blank(at + 2) && is_blank(at + 1) && is_blank(at + 3) && (at - last) / 2 <= APART_FOLDS_MAX {
            at += 2;
            if field(lines[at]).is_some() {
                (last, fields) = (at, fields + 1);
            }
        }
        if fields >= APART_FIELDS_MIN {
            (n..last).filter(|k| is_blank(*k)).for_each(|k| dropped[k] = true);
        }
        n = last + 1;
    }
    if !dropped.contains(&true) {
        return text.into();
    }
    lines.iter().zip(&dropped).filter(|(_, dropped)| !**dropped).map(|(line, _)| *line).collect::<String>().into()
}

/// The words of the mail system, and the original behind them.
pub(super) fn halves(text: &str) -> (&str, &str) {
    let (report, original) = text.split_at(border(text));
    (cut(report, REPORT_BYTES_MAX), original)
}

/// Where the original begins.
fn border(text: &str) -> usize {
    let mut at = 0;
    let mut seen_words = false;
    let mut inside_fields = false;
    let mut folded = String::new();
    for line in text.split_inclusive('\n') {
        let bare = line.trim();
        if seen_words && is_mark(bare, &mut folded) {
            return at + line.len();
        }
        // An original without a mark: its trace fields come first.
        let name = field(line).map_or("", |(name, _)| name);
        let is_one_of = |names: &[&str]| names.iter().any(|x| name.eq_ignore_ascii_case(x));
        if seen_words
            && !inside_fields
            && !line.starts_with([' ', '\t', '>'])
            && is_one_of(&["Received", "Return-Path", "DKIM-Signature", "ARC-Seal"])
        {
            return at;
        }
        inside_fields = is_one_of(&["Final-Recipient", "Reporting-MTA", "Original-Recipient", "Diagnostic-Code"])
            || (inside_fields && !bare.is_empty());
        seen_words |= !bare.is_empty();
        at += line.len();
    }
    text.len()
}

/// Whether a line (trimmed) marks the original behind it. `folded` is room to work in.
fn is_mark(bare: &str, folded: &mut String) -> bool {
    // Letters of the longest line that can be a mark have at most four bytes each.
    if bare.is_empty() || bare.len() > 4 * MARK_CHARS_MAX || bare.contains('@') {
        return false;
    }
    folded.clear();
    fold_into(bare, folded);
    let ruled = folded.starts_with(['-', '=', '*', '_', '‐']);
    let marks = phrases::ORIGINAL_FOLLOWS.find(folded).is_some() || ruled && phrases::ORIGINAL_BEHIND_RULE.find(folded).is_some();
    marks && bare.chars().count() <= MARK_CHARS_MAX
}

/// A text as one line.
pub(super) fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 1);
    for line in text.lines() {
        let before = out.len();
        out.push(' ');
        fold_into(line, &mut out);
        if out.len() == before + 1 {
            out.truncate(before);
        }
    }
    out
}

/// Lower case, single spaces, plain apostrophes.
pub(super) fn fold_line(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    fold_into(line, &mut out);
    out
}

/// The same, behind what `out` has.
fn fold_into(line: &str, out: &mut String) {
    let line = line.trim();
    let start = out.len();
    // Most lines are ASCII with single spaces.
    if line.is_ascii() && !has_wide_gap(line.as_bytes()) {
        out.push_str(line);
        out[start..].make_ascii_lowercase();
        return;
    }
    for word in line.to_lowercase().split_whitespace() {
        if out.len() > start {
            out.push(' ');
        }
        match word.contains(['\u{2019}', '\u{2018}']) {
            true => out.push_str(&word.replace(['\u{2019}', '\u{2018}'], "'")),
            false => out.push_str(word),
        }
    }
}

/// Whether white space of ASCII is more than one space somewhere. Looks at all of it, which takes less than to stop.
fn has_wide_gap(line: &[u8]) -> bool {
    let other = line.iter().fold(false, |found, b| found | (9..=13).contains(b));
    let next = line.get(1..).unwrap_or_default();
    other | line.iter().zip(next).fold(false, |found, (a, b)| found | (*a == b' ' && *b == b' '))
}

fn cut(text: &str, most: usize) -> &str {
    let end = (0..=text.len().min(most)).rev().find(|n| text.is_char_boundary(*n)).unwrap_or_default();
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_original_begins_behind_its_mark_or_at_its_trace_fields() {
        let marked = Section::of("Sorry.\n<a@x>: no\n\n--- Below this line is a copy of the message.\n\nSubject: s\n");
        assert_eq!((marked.report.contains("<a@x>"), marked.original.trim()), (true, "Subject: s"));
        let bare = Section::of("Sorry.\n\nReceived: from a\nMessage-ID: <1@x>\n");
        assert!(bare.original.starts_with("Received:") && !bare.report.contains("Received"));
        assert_eq!(Section::of("The original message was received at noon\nx\n").original, "");
    }

    #[test]
    fn a_header_whose_lines_are_paragraphs_is_one_header() {
        let apart = "Sorry.\n\nFrom: a@x\n\nTo: b@x,\n\nc@x\n\nSubject: s\n\n\nHello: b\n\nBye\n";
        assert_eq!(together(apart), "Sorry.\n\nFrom: a@x\nTo: b@x,\nc@x\nSubject: s\n\n\nHello: b\n\nBye\n");
        // Blocks of fields, a field or two in a letter, and letters stay as they are.
        let kept = [
            "Reporting-MTA: dns; x\n\nFinal-Recipient: a@x\nAction: failed\n\nFinal-Recipient: b@x\nAction: failed\n",
            "Reason: full\n\nSize: 7\n\nSorry.\n",
            "One.\n\nTwo.\n\nThree.\n",
            "",
        ];
        for text in kept {
            assert_eq!(together(text), text);
        }
    }

    #[test]
    fn words_are_found_though_they_are_wrapped() {
        assert!(Section::of("This couldn\u{2019}t be\n   delivered.").folded.contains("couldn't be delivered"));
    }
}
