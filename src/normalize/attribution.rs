//! Attributions: the line, or the lines that it was wrapped over, by which programs introduce a quote ("On …
//! wrote:"), in the languages of [`super::locale`].
//!
//! # Failure
//! None. Of each line a bounded part is looked at, and few lines at once.

use super::locale::{WORDS, lower};
use super::quote::{LINE_BYTES, Line, bare};
use std::ops::Range;

/// An attribution is wrapped over at most so many lines.
const ATTRIBUTION_LINES: usize = 5;

/// The lines of an attribution that begins at `at`.
pub(super) fn at(lines: &[Line<'_>], at: usize) -> Option<Range<usize>> {
    let first = bare(lines.get(at)?.text);
    let could_begin = first.contains(|c: char| c.is_numeric() || matches!(c, '@' | '<'))
        || WORDS.openers.may_begin(first) && begins_like_attribution(&lower(first))
        || first.ends_with([':', '：']) && ends_with_verb(&lower(first))
        // A line that is only the name, folded before the address.
        || lines.get(at + 1).is_some_and(|l| l.text.starts_with('<'));
    if !could_begin {
        return None;
    }
    let mut joined = String::new();
    for (n, line) in lines.iter().enumerate().skip(at).take(ATTRIBUTION_LINES) {
        // A wrapped line may begin with the bracket that closes the address: no quote mark.
        let closes_bracket = n > at && joined.rfind('<') > joined.rfind('>') && line.text.trim_start().starts_with('>');
        if closes_bracket {
            joined.push('>');
        } else if line.blank || (line.quoted && n > at && !line.text.trim_start_matches(['>', ' ']).starts_with(':')) {
            return None;
        }
        if !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(bare(line.text));
        if joined.len() > LINE_BYTES * 2 {
            return None;
        }
        let next_is_quoted = lines.iter().skip(n + 1).find(|l| !l.blank).is_some_and(|l| l.quoted);
        if is_attribution(&joined, next_is_quoted) {
            // The shortest that says it: a line before the date is not part of it.
            let from = shortest(lines, at, n, next_is_quoted);
            return (from == at).then_some(at..n + 1);
        }
    }
    None
}

/// The last line between `at` and `end` that begins like an attribution and from which on the
/// lines are one; else the last from which on they are one.
fn shortest(lines: &[Line<'_>], at: usize, end: usize, next_is_quoted: bool) -> usize {
    let still_is = |from: &usize| {
        let joined = lines.get(*from..=end).unwrap_or_default().iter().map(|l| bare(l.text)).collect::<Vec<_>>().join(" ");
        is_attribution(&joined, next_is_quoted)
    };
    let begins = |from: &usize| lines.get(*from).is_some_and(|l| begins_like_attribution(&lower(bare(l.text))));
    // A line that is only the verb is never all of it.
    let tells = |from: &usize| lines.get(*from).is_some_and(|l| l.text.contains(|c: char| c.is_numeric() || c == '@'));
    // A line goes on with the address where the one before it ends with an open bracket, or where it begins with one.
    let goes_on = |from: &usize| {
        let before = lines.get(at..*from).unwrap_or_default().last().map_or("", |l| l.text.trim_end());
        before.ends_with('<') || (*from > at && lines.get(*from).is_some_and(|l| l.text.starts_with('<')))
    };
    let candidates = || (at..=end).rev().filter(|f| !goes_on(f) && still_is(f));
    candidates().find(begins).or_else(|| candidates().find(tells)).or_else(|| candidates().next()).unwrap_or(at)
}

/// Ends with a verb of attribution and a colon.
fn ends_with_verb(lower: &str) -> bool {
    let Some(said) = lower.strip_suffix([':', '：']) else { return false };
    let said = said.trim_end_matches([' ', '\u{a0}']);
    said.len() < 120 && WORDS.verbs.iter().any(|v| said.ends_with(v))
}

fn begins_like_attribution(lower: &str) -> bool {
    WORDS.openers.beginning(lower).any(|(o, rest)| {
        !o.is_ascii() && !rest.starts_with(|c: char| c.is_alphabetic() && c.is_ascii()) || rest.starts_with([' ', '\u{a0}', ','])
    })
}

fn is_attribution(joined: &str, next_is_quoted: bool) -> bool {
    let text = joined.trim_end_matches(|c: char| c.is_whitespace() || c == '*' || c == '>' && !joined.contains('<'));
    // Zoho puts dashes around it instead of a colon behind it.
    let between_dashes = text.starts_with("--") && text.ends_with("--");
    let text = if between_dashes { text.trim_matches(['-', ' ']) } else { text };
    let has_colon = between_dashes || text.ends_with([':', '：']);
    let has_address = text.contains('@');
    if !has_colon && !next_is_quoted && !has_address {
        return false;
    }
    let lower = lower(text);
    if !has_colon && !next_is_quoted && !begins_like_attribution(&lower) {
        return false;
    }
    let digits = lower.chars().filter(|c| c.is_numeric()).count();
    let quotes = WORDS.quoting.beginning(&lower).any(|(_, rest)| rest.starts_with([' ', '\u{a0}']));
    if quotes && has_colon && (has_address || next_is_quoted) && lower.len() < 200 {
        return true;
    }
    if WORDS.verbs.occur_as_word(&lower) {
        let has_date = digits >= 3 || has_weekday_or_month(&lower);
        let verb_ends = WORDS.verbs.iter().any(|v| lower.trim_end_matches([':', '：', ' ', '\u{a0}']).ends_with(v));
        // "In reply to what she wrote: …" has neither a date nor an address.
        let is_dated = (has_address || has_date) && (has_colon || verb_ends) && lower.len() < LINE_BYTES;
        return is_dated || next_is_quoted && verb_ends && lower.len() < 120;
    }
    // `2030-01-02 10:00 GMT+01:00 Ann <a@b.example>:`
    let has_time = lower.as_bytes().windows(5).any(|w| match w {
        [a, b':', c, d, _] | [_, a, b':', c, d] => a.is_ascii_digit() && c.is_ascii_digit() && d.is_ascii_digit(),
        _ => false,
    });
    let begins_with_date = lower.starts_with(|c: char| c.is_ascii_digit()) && digits >= 8;
    has_colon && has_address && lower.contains('<') && digits >= 6 && (has_time || begins_with_date)
}

fn has_weekday_or_month(lower: &str) -> bool {
    lower.split(|c: char| !c.is_alphabetic()).filter(|w| w.chars().count() >= 3).any(|w| {
        matches!(w, "mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun" | "yesterday" | "today")
            || super::date_words::month_in_prose(w).is_some()
    })
}
