//! Attributions: the line, or the lines that it was wrapped over, by which programs introduce a quote ("On …
//! wrote:"), in the languages of [`super::locale`].
//!
//! # Failure
//! None. Of each line a bounded part is looked at, and few lines at once.
//!
//! # Trust
//! Nothing: any line may have been written by a person, so where it is not sure there is no attribution.

use super::locale::{WORDS, lower};
use super::quote::{LINE_BYTES, Line, bare};
use super::span::{Span, shorten};
use std::ops::Range;

/// Words of a line that is only a date and the beginning of a name: a month, a title, two names.
const DATE_WORDS: usize = 4;
/// Characters of a line that is only a name or a date.
const PIECE_CHARS: usize = 100;
/// An attribution is wrapped over at most so many lines.
const ATTRIBUTION_LINES: usize = 5;

/// The lines of an attribution that begins at `at`.
pub(super) fn at(lines: &[Line<'_>], at: usize) -> Option<Range<usize>> {
    let first = bare(lines.get(at)?.text);
    let could_begin = first.bytes().any(|b| matches!(b, b'0'..=b'9' | b'@' | b'<'))
        || !first.is_ascii() && first.contains(char::is_numeric)
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
    // `Ann <a@b.example>` above `於 2030年…`: Chinese says the name before the date.
    let says_name_first = |from: &usize| lines.get(*from).is_some_and(|l| bare(l.text).starts_with(['於', '于']));
    if let Some(from) = candidates().find(begins).filter(|f| !says_name_first(f)) {
        return from;
    }
    let from = candidates().find(tells).or_else(|| candidates().next()).unwrap_or(at);
    // Languages that say the name or the date first: they stand on lines of their own above the verb. Nothing that the
    // writer says himself stands in the same paragraph.
    let is_paragraph = at.checked_sub(1).and_then(|above| lines.get(above)).is_none_or(|l| l.blank);
    let pieces = lines.get(at..from).unwrap_or_default();
    if is_paragraph && pieces.iter().all(|l| is_name_or_date(shorten(l.text, LINE_BYTES).trim())) { at } else { from }
}

/// A line that is only the first piece of an attribution: `Ann Lee <a@b.example>,` or `пн, 2 нояб. 2026 г. в 09:15, …`.
fn is_name_or_date(line: &str) -> bool {
    if line.chars().count() > PIECE_CHARS {
        return false;
    }
    let address = line.find('<').zip(line.rfind('>')).filter(|(open, close)| open < close);
    let is_name = address.is_some_and(|(open, close)| {
        let behind = line.after(close + 1).trim_matches([' ', ',', '，', '、']);
        line.span(open, close).contains('@')
            && (behind.chars().count() <= 3 || behind.starts_with(|c: char| c.is_numeric()))
            && !line.before(open).contains(['.', '!', '?', ':'])
    });
    let digits = line.chars().filter(|c| c.is_numeric()).count();
    // `2026-11-02 …`, `пн, 2 нояб. …`; no sentence with a date in it.
    let begins = line.split_whitespace().next().unwrap_or_default();
    let is_weekday = begins.chars().count() <= 5 && begins.ends_with([',', '.']);
    let begins_with_date = begins.starts_with(|c: char| c.is_numeric()) || is_weekday;
    let words = line.split(|c: char| !c.is_alphabetic()).filter(|w| w.chars().count() >= 4).count();
    let is_sentence = words > DATE_WORDS || line.ends_with(['.', '!', '?']);
    is_name || digits >= 6 && begins_with_date && !is_sentence
}

/// Ends with a verb of attribution and a colon.
fn ends_with_verb(lower: &str) -> bool {
    let Some(said) = lower.strip_suffix([':', '：']) else { return false };
    let said = said.trim_end_matches([' ', '\u{a0}']);
    said.len() < 120 && WORDS.verbs.iter().any(|v| said.ends_with(v))
}

fn begins_like_attribution(lower: &str) -> bool {
    WORDS.openers.beginning(lower).any(|(o, rest)| {
        // `На 2 ноем.` begins one, `написал` does not; scripts without case write no blank behind the word.
        let cased = o.chars().next_back().is_some_and(char::is_lowercase);
        let goes_on = |c: char| c.is_alphabetic() && (cased || c.is_ascii());
        !o.is_ascii() && !rest.starts_with(goes_on) || rest.starts_with([' ', '\u{a0}', ','])
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

#[cfg(test)]
mod tests {
    use super::super::quote::folds;

    fn shown(text: &str) -> &str {
        text.get(..folds(text, &[], &[]).first().map_or(text.len(), |f| f.start)).unwrap().trim_end()
    }

    #[test]
    fn a_name_or_a_date_above_the_verb_is_of_the_attribution() {
        assert_eq!(shown("Kiitos.\n\nAnn Lee <a@b.example>\nkirjoitti ma 2. marrask. 2026 klo 9.15:\n> Toimiiko?"), "Kiitos.");
        assert_eq!(shown("Да.\n\nпн, 2 нояб. 2026 г. в 09:15, Ann\n<a@b.example>\nнаписал:\n> Всё?"), "Да.");
        assert_eq!(shown("好。\n\nAnn <a@b.example>\n於 2026年11月2日 上午9:15 寫道：\n> 好嗎？"), "好。");
    }

    #[test]
    fn what_the_writer_says_above_an_attribution_stays() {
        let said = "Ask Ann Lee <a@b.example>";
        let text = "Kiitos.\nAsk Ann Lee <a@b.example>\nBob kirjoitti ma 2. marrask. 2026 klo 9.15:\n> Toimiiko?";
        assert!(shown(text).ends_with(said), "{}", shown(text));
        let text =
            "Da.\n\nIt was on 2026-11-02 at 09:15, said she. Then it went.\nBob <a@b.example> kirjoitti 2.11.2026 klo 9.15:\n> ?";
        assert!(shown(text).ends_with("Then it went."), "{}", shown(text));
    }
}
