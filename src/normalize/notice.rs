//! Notices that a company or its mail system puts under (or above) every mail: confidentiality,
//! virus checks, the environment, "this mail is from outside".
//!
//! Conservative, since a fold that hides a sentence somebody wrote is worse than a notice shown: a
//! notice is a paragraph at the end (or a banner at the beginning) whose first line begins as
//! notices begin and that somewhere says what only notices say, in the words of
//! [`super::locale`]. What follows with words of its own is no notice, and neither is what stands
//! above it.
//!
//! # Failure
//! None. Time is linear: a paragraph is looked at once and up to [`PARAGRAPH_BYTES`].

use super::locale::{WORDS, lower};
use super::phrase::Phrases;
use super::quote::{Line, bare};
use super::span::shorten;
use crate::mail::{Fold, FoldKind};
use std::ops::Range;

/// Bytes of a paragraph that are looked at.
const PARAGRAPH_BYTES: usize = 4_000;
/// Paragraphs of a notice: longer ones exist in two languages or three.
const PARAGRAPHS_MAX: usize = 12;
/// Lines of a banner.
const BANNER_LINES: usize = 8;
/// A heading or a rule above a notice is short.
const HEADING_BYTES: usize = 60;

/// The notice that ends these lines, which are marked, so that a quote above them is seen to be the last thing somebody
/// wrote.
pub(super) fn at_end(lines: &mut [Line<'_>]) -> Option<Fold> {
    if !may_end_with_one(lines) {
        return None;
    }
    let mut found: Option<usize> = None;
    let mut below = lines.len();
    // Paragraphs that belong to a notice if one stands above them: its translation, a second half.
    for _ in 0..PARAGRAPHS_MAX {
        let Some(paragraph) = paragraph_above(lines, below) else { break };
        match beginning(lines, &paragraph) {
            Some(at) => {
                found = Some(at);
                if at > paragraph.start {
                    break;
                }
            }
            None if says_legal(lines, &paragraph) => {}
            None => break,
        }
        below = paragraph.start;
    }
    let mut first = found?;
    // A heading or a rule above it.
    if let Some(above) = paragraph_above(lines, first)
        && above.len() == 1
        && lines.get(above.start).is_some_and(|l| is_heading(l.text))
    {
        first = above.start;
    }
    fold(lines, first..lines.len())
}

/// Whether a line of the last paragraphs begins as a notice does: in most mails none does, and what the paragraphs say
/// does not matter.
fn may_end_with_one(lines: &[Line<'_>]) -> bool {
    let mut below = lines.len();
    for _ in 0..PARAGRAPHS_MAX {
        let Some(paragraph) = paragraph_above(lines, below) else { return false };
        if lines.get(paragraph.clone()).unwrap_or_default().iter().any(|l| is_beginning(l.text)) {
            return true;
        }
        below = paragraph.start;
    }
    false
}

/// A banner in the first paragraph, whose lines are marked too.
pub(super) fn banner(lines: &mut [Line<'_>]) -> Option<Fold> {
    let first = lines.iter().position(|l| !l.blank)?;
    let end = lines.iter().skip(first).position(|l| l.blank).map_or(lines.len(), |i| first + i);
    let begins = lines.get(first).filter(|l| !l.quoted).is_some_and(|l| begins_with(&WORDS.footers, l.text));
    let is_all = lines.iter().skip(end).all(|l| l.blank);
    if !begins || is_all || end - first > BANNER_LINES {
        return None;
    }
    fold(lines, first..end)
}

fn fold(lines: &mut [Line<'_>], range: Range<usize>) -> Option<Fold> {
    let lines = lines.get_mut(range)?;
    let (first, last) = (lines.iter().find(|l| !l.blank)?.start, lines.iter().rfind(|l| !l.blank)?.end());
    lines.iter_mut().for_each(|l| l.notice = true);
    (first < last).then_some(Fold { start: first, end: last, kind: FoldKind::Disclaimer })
}

/// The lines of the last paragraph before `below` that nobody quotes.
fn paragraph_above(lines: &[Line<'_>], below: usize) -> Option<Range<usize>> {
    let end = lines.get(..below)?.iter().rposition(|l| !l.blank)? + 1;
    let start = lines.get(..end)?.iter().rposition(|l| l.blank || l.quoted).map_or(0, |i| i + 1);
    (start < end).then_some(start..end)
}

/// The line of a paragraph at which a notice begins.
fn beginning(lines: &[Line<'_>], paragraph: &Range<usize>) -> Option<usize> {
    let at = lines.get(paragraph.clone())?.iter().position(|l| is_beginning(l.text)).map(|i| paragraph.start + i)?;
    let alone = lines.get(at).is_some_and(|l| begins_with(&WORDS.footers, l.text));
    (alone || says_legal(lines, &(at..paragraph.end))).then_some(at)
}

fn is_beginning(line: &str) -> bool {
    begins_with(&WORDS.beginnings, line)
}

fn begins_with(list: &Phrases, line: &str) -> bool {
    let line = shorten(bare(line), 200);
    // No letter becomes something else than a letter in lower case.
    if !list.may_begin(line.trim_start_matches(|c: char| !c.is_alphanumeric())) {
        return false;
    }
    let lower = lower(line);
    let lower = lower.trim_start_matches(|c: char| !c.is_alphanumeric());
    list.begin(lower)
}

/// Whether a paragraph says what only a notice says.
fn says_legal(lines: &[Line<'_>], paragraph: &Range<usize>) -> bool {
    let mut text = String::new();
    for line in lines.get(paragraph.clone()).unwrap_or_default() {
        text.push_str(shorten(line.text, PARAGRAPH_BYTES).trim());
        // Lines of scripts without blanks are joined as they are.
        text.push_str(if line.text.trim_end().ends_with(|c: char| c >= '\u{2e80}') { "" } else { " " });
        if text.len() > PARAGRAPH_BYTES {
            break;
        }
    }
    let text = lower(&text).replace('\u{2019}', "'");
    WORDS.legal.occur(&text)
}

fn is_heading(line: &str) -> bool {
    let line = line.trim();
    // `-- ` too: what it announces as a signature is the notice.
    let is_rule = line.len() >= 2 && line.chars().all(|c| matches!(c, '_' | '-' | '─' | '=' | '*' | '~' | '#'));
    line.len() <= HEADING_BYTES && begins_with(&WORDS.notices, line) || is_rule
}

#[cfg(test)]
mod tests {
    use crate::normalize::quote::folds;

    fn hidden(text: &str) -> Vec<(&str, String)> {
        let kind = |f: &crate::mail::Fold| format!("{:?}", f.kind).to_lowercase();
        folds(text, &[], &[]).iter().map(|f| (text.get(f.start..f.end).unwrap(), kind(f))).collect()
    }

    const NOTICE: &str =
        "This e-mail and any attachments are confidential. If you are not the intended\nrecipient, please delete it.";

    #[test]
    fn a_notice_at_the_end_folds_alone() {
        assert_eq!(hidden(&format!("Hello\n\nAnn\n\n{NOTICE}")), [(NOTICE, "disclaimer".to_owned())]);
        let headed = format!("DISCLAIMER\n\n{NOTICE}");
        assert_eq!(hidden(&format!("Hello\n\n{headed}")), [(headed.as_str(), "disclaimer".to_owned())]);
        assert_eq!(hidden(&format!("Hello\nAnn\n{NOTICE}")), [(NOTICE, "disclaimer".to_owned())]);
    }

    #[test]
    fn a_notice_below_a_signature_or_a_quote_is_neither() {
        let kinds = |t: &str| hidden(t).into_iter().map(|h| h.1).collect::<Vec<_>>();
        assert_eq!(kinds(&format!("Hello\n\n-- \nAnn\n\n{NOTICE}")), ["signature", "disclaimer"]);
        assert_eq!(kinds(&format!("Hello\n\nOn 1 Jan 2030, Bob wrote:\n> old\n\n{NOTICE}")), ["quote", "disclaimer"]);
        assert_eq!(kinds(&format!("Hello\n\n{NOTICE}\n\nOn 1 Jan 2030, Bob wrote:\n> old")), ["disclaimer", "quote"]);
    }

    #[test]
    fn words_of_a_person_are_no_notice() {
        for text in [
            "This message is for Ann, please tell her.",
            "Please treat this as confidential. I trust you.",
            "The file is confidential.\n\nIf you are not the intended recipient, what do we do?\n\nAnn",
            NOTICE,
        ] {
            assert!(hidden(text).is_empty(), "{text}");
        }
        assert!(hidden(&format!("Hello\n\n{NOTICE}\n\nPS: call me")).is_empty());
    }
}
