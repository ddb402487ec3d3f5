//! Parts the words about a delivery from the original mail behind them.

use super::super::fields::field;
use super::phrases;

/// Bytes of a text that are looked at for words: reports are short, what follows is the original.
const REPORT_BYTES_MAX: usize = 32 << 10;
/// Bytes in which a report says what it is: behind a banner of a relay, before anything else.
const OPENING_BYTES_MAX: usize = 400;
/// Characters of a line that marks the original.
const MARK_CHARS_MAX: usize = 120;

/// The two halves of a text.
#[derive(Debug)]
pub(super) struct Section<'a> {
    /// The words of the mail system.
    pub(super) report: &'a str,
    /// The original mail, from its first header field on, where it is in the text.
    pub(super) original: &'a str,
    /// `report` in lower case, white space inside lines single, typographic apostrophes plain;
    /// each line begins with `\n`, and each is also joined to the one before by a space.
    pub(super) folded: String,
}

impl<'a> Section<'a> {
    pub(super) fn of(text: &'a str) -> Section<'a> {
        let end = border(text);
        let report = cut(&text[..end], REPORT_BYTES_MAX);
        Section { report, original: &text[end..], folded: fold(report) }
    }

    /// The first words of the report, as in `folded`, joined over its lines.
    pub(super) fn opening(&self) -> &str {
        let flowed = self.folded.rsplit('\n').next().unwrap_or_default();
        cut(flowed, OPENING_BYTES_MAX)
    }
}

/// Where the original begins.
fn border(text: &str) -> usize {
    let mut at = 0;
    let mut seen_words = false;
    let mut inside_fields = false;
    for line in text.split_inclusive('\n') {
        let bare = line.trim();
        // Letters of the longest line that can be a mark have at most four bytes each.
        let folded = if bare.len() <= 4 * MARK_CHARS_MAX { fold_line(bare) } else { String::new() };
        let ruled = folded.starts_with(['-', '=', '*', '_', '‐']);
        let marks =
            phrases::ORIGINAL_FOLLOWS.find(&folded).is_some() || ruled && phrases::ORIGINAL_BEHIND_RULE.find(&folded).is_some();
        if seen_words && marks && bare.chars().count() <= MARK_CHARS_MAX && !folded.contains('@') {
            return at + line.len();
        }
        // An original without a mark: its trace fields come first.
        let starts_field = |names: &[&str]| field(line).is_some_and(|(n, _)| names.iter().any(|x| n.eq_ignore_ascii_case(x)));
        if seen_words
            && !inside_fields
            && !line.starts_with([' ', '\t', '>'])
            && starts_field(&["Received", "Return-Path", "DKIM-Signature", "ARC-Seal"])
        {
            return at;
        }
        inside_fields = starts_field(&["Final-Recipient", "Reporting-MTA", "Original-Recipient", "Diagnostic-Code"])
            || (inside_fields && !bare.is_empty());
        seen_words |= !bare.is_empty();
        at += line.len();
    }
    text.len()
}

fn fold(text: &str) -> String {
    let mut by_line = String::with_capacity(2 * text.len() + 2);
    let mut flowed = String::with_capacity(text.len());
    for line in text.lines() {
        let line = fold_line(line);
        by_line.push('\n');
        by_line.push_str(&line);
        if !line.is_empty() {
            flowed.push(' ');
            flowed.push_str(&line);
        }
    }
    by_line.push('\n');
    by_line.push_str(&flowed);
    by_line
}

/// Lower case, single spaces, plain apostrophes.
pub(super) fn fold_line(line: &str) -> String {
    let lower = line.to_lowercase();
    let mut out = String::with_capacity(lower.len());
    for word in lower.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        match word.contains(['\u{2019}', '\u{2018}']) {
            true => out.push_str(&word.replace(['\u{2019}', '\u{2018}'], "'")),
            false => out.push_str(word),
        }
    }
    out
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
    fn words_are_found_though_they_are_wrapped() {
        assert!(Section::of("This couldn\u{2019}t be\n   delivered.").folded.contains("couldn't be delivered"));
    }
}
