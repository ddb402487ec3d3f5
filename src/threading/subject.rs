//! The base subject (RFC 5256 section 2.1), extended by the prefixes of other languages.
//!
//! The outermost prefix says what the mail is: `Fwd: Re: x` passes on, `Re: Fwd: x` answers.
//!
//! # Trust
//! None: a subject is what the sender typed. It never decides where a mail belongs; it tells a
//! forward from an answer, and makes suggestions.

use super::prefixes::{PREFIXES, REPLY_OR_FORWARD};
use crate::mail::SubjectKind;

/// What a prefix means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prefix {
    Reply,
    Forward,
}

/// Whether a prefix alone is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strength {
    Strong,
    /// Also an ordinary word before a colon: counts only with other signs in the mail.
    Weak,
}

/// What else the mail shows.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Signs {
    /// It has References or In-Reply-To.
    pub(super) refers: bool,
    /// Its text holds a forwarded mail.
    pub(super) forwards: bool,
}

/// Characters of a prefix with its counter; longer ones are text.
const PREFIX_CHARS_MAX: usize = 24;
/// Rounds of stripping: each takes something away; nobody has a hundred prefixes.
const ROUNDS_MAX: usize = 100;

/// A subject, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subject {
    /// Without what clients and lists put around it, white space collapsed.
    pub(super) base: String,
    /// What the outermost prefix said.
    pub(super) kind: SubjectKind,
    /// An answer (outermost) to a forward: `Re: Fwd: x`.
    pub(super) answers_forward: bool,
}

/// Takes a subject apart.
pub(super) fn take_apart(subject: &str, signs: Signs) -> Subject {
    let clean = collapse(subject);
    let mut rest = clean.as_str();
    let mut kind = SubjectKind::Plain;
    let mut answers_forward = false;
    let mut saw = |k: SubjectKind| {
        if kind == SubjectKind::Plain {
            kind = k;
        }
        answers_forward |= kind == SubjectKind::Reply && k == SubjectKind::Forward;
    };
    for _ in 0..ROUNDS_MAX {
        let before = rest;
        if let Some(inner) = strip_end_ignoring_case(rest, "(fwd)") {
            rest = inner.trim_end();
            saw(SubjectKind::Forward);
        }
        if let Some((after, prefix)) = strip_prefix(rest, signs, rest.len() == clean.len()) {
            rest = after;
            saw(match prefix {
                Prefix::Reply => SubjectKind::Reply,
                Prefix::Forward => SubjectKind::Forward,
            });
        } else if let Some(inner) = unwrap_forward(rest) {
            rest = inner;
            saw(SubjectKind::Forward);
        } else if let Some(after) = strip_blob(rest).filter(|r| !r.is_empty()) {
            rest = after;
        }
        if rest == before {
            break;
        }
    }
    Subject { base: rest.to_owned(), kind, answers_forward }
}

/// One space for any white space; marks of writing direction and of no width go.
fn collapse(subject: &str) -> String {
    let mut out = String::with_capacity(subject.len());
    for c in subject.chars() {
        match c {
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => {}
            c if c.is_whitespace() || c.is_control() => {
                if !out.is_empty() && !out.ends_with(' ') {
                    out.push(' ');
                }
            }
            c => out.push(c),
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// `Re: `, `AW[2]: `, `回复：`: what follows, and what it means.
fn strip_prefix(text: &str, signs: Signs, outermost: bool) -> Option<(&str, Prefix)> {
    let (at, colon) = text.char_indices().take(PREFIX_CHARS_MAX).find(|(_, c)| matches!(c, ':' | '：' | '﹕' | '︰'))?;
    let word = without_counter(text[..at].trim_end());
    let after = text[at + colon.len_utf8()..].trim_start();
    let word = word.to_lowercase().replace('\u{307}', "");
    if word == REPLY_OR_FORWARD {
        return Some((after, if signs.refers && !signs.forwards { Prefix::Reply } else { Prefix::Forward }));
    }
    let (_, prefix, strength) = PREFIXES.iter().find(|(p, ..)| *p == word)?;
    let backed = match prefix {
        Prefix::Reply => signs.refers,
        // Who passes on what he got keeps its ids: at the very start of such a subject it is no word of the writer's.
        Prefix::Forward => signs.forwards || (signs.refers && outermost),
    };
    (*strength == Strength::Strong || backed).then_some((after, *prefix))
}

/// `Re[2]`, `Re(2)`, `Re^2`, `Re*2`, `RE 2` and a blob (`Re [list]`): the word alone.
fn without_counter(word: &str) -> &str {
    let mut word = word.trim_end();
    if let Some(open) = word.strip_suffix([']', ')']).and_then(|w| w.rfind(['[', '('])) {
        word = word[..open].trim_end();
    }
    let bare = word.trim_end_matches(|c: char| c.is_ascii_digit());
    if bare.is_empty() { word } else { bare.trim_end_matches(['^', '*', '-', ' ']) }
}

/// `[fwd: x]` is x.
fn unwrap_forward(text: &str) -> Option<&str> {
    let inner = text.strip_suffix(']')?;
    let start = inner.get(..5)?;
    start.eq_ignore_ascii_case("[fwd:").then(|| inner[5..].trim())
}

/// `[list] x` is x.
fn strip_blob(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('[')?;
    let end = inner.find(['[', ']'])?;
    inner[end..].strip_prefix(']').map(str::trim_start)
}

fn strip_end_ignoring_case<'a>(text: &'a str, end: &str) -> Option<&'a str> {
    let at = text.len().checked_sub(end.len())?;
    text.get(at..)?.eq_ignore_ascii_case(end).then(|| &text[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(subject: &str, signs: Signs) -> (String, SubjectKind) {
        let s = take_apart(subject, signs);
        (s.base, s.kind)
    }

    fn plain(subject: &str) -> (String, SubjectKind) {
        read(subject, Signs::default())
    }

    #[test]
    fn an_answer_to_a_forward_is_known_by_its_prefixes() {
        let answers = |s: &str| take_apart(s, Signs { refers: true, forwards: false }).answers_forward;
        for s in ["Re: Fwd: x", "AW: WG: x", "[desk] Re: [desk] Fwd: x", "Re: AW: TR: x", "回复：转发：x"] {
            assert!(answers(s), "{s}");
        }
        for s in ["Re: x", "Fwd: x", "Fwd: Re: x", "x", "Fwd: Fwd: x"] {
            assert!(!answers(s), "{s}");
        }
    }

    #[test]
    fn answers_in_many_languages_have_one_base_subject() {
        for s in [
            "Order 12",
            "Re: Order 12",
            "RE[2]: Order 12",
            "Re(3) : Order 12",
            "Re^2: Order 12",
            "AW: Re: Order 12",
            "Antw: Order 12",
            "SV: Order 12",
            "RIF: Order 12",
            "Odp: Order 12",
            "YNT: Order 12",
            "回复：Order 12",
            "答复: Order 12",
            "رد: Order 12",
            "\u{200f}השב: Order 12",
            "[support] Re: [support] Order  12",
            "Trả lời: Order 12",
            "Απ: Order 12",
            "Re [support]: Order 12",
            "WG: AW: Order 12",
            "Fwd: Order 12",
            "İLT: Order 12",
            "[Fwd: Order 12]",
            "Order 12 (fwd)",
            "转发：Re: Order 12",
        ] {
            assert_eq!(plain(s).0, "Order 12", "{s}");
        }
    }

    #[test]
    fn the_outermost_prefix_tells_an_answer_from_a_forward() {
        assert_eq!(plain("Re: Fwd: x").1, SubjectKind::Reply);
        assert_eq!(plain("[list] WG: AW: x").1, SubjectKind::Forward);
        assert_eq!(plain("x").1, SubjectKind::Plain);
        assert_eq!(plain("Re: x (fwd)").1, SubjectKind::Forward);
    }

    #[test]
    fn words_that_are_also_prefixes_need_other_signs() {
        assert_eq!(plain("R: the language").0, "R: the language");
        assert_eq!(plain("I: robot").0, "I: robot");
        let answer = Signs { refers: true, forwards: false };
        assert_eq!(read("R: il linguaggio", answer), ("il linguaggio".to_owned(), SubjectKind::Reply));
        assert_eq!(read("VS: tilaus", answer).1, SubjectKind::Reply);
        assert_eq!(plain("VS: ordre").1, SubjectKind::Forward);
        assert_eq!(plain("Meeting: today").0, "Meeting: today");
    }

    #[test]
    fn a_subject_of_prefixes_only_does_not_fail() {
        for s in ["", "Re:", "[x]", "[fwd:]", ":", "：", "Re: Re: Re:", "(fwd)", "[", "]", "Re[", "é]"] {
            let _ = plain(s);
        }
        assert_eq!(plain("[x]").0, "[x]");
    }
}
