//! What of a text is no words: tags, styles and entities of html, the properties of calendars and cards.
//!
//! # Failure
//! None: a tag that never ends stays whole.

use super::cut::units;
use super::form::Form;
use super::letters::{Kind, Unit, kind_of};
use std::ops::Range;

/// Attributes whose values are words and addresses of people.
const TOLD: &[&str] = &[
    "href",
    "src",
    "alt",
    "title",
    "content",
    "value",
    "background",
    "action",
    "cite",
    "summary",
    "label",
    "placeholder",
    "data",
    "originalsrc",
    "shash",
];

/// Elements that part no words.
const INLINE: &[&str] = &[
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "del", "dfn", "em", "font", "i", "ins", "kbd", "mark",
    "nobr", "o:p", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "tt", "u", "var", "wbr",
];
/// Letters of a declaration (`<!doctype …>`, `<![endif]>`).
const DECLARATION_MAX: usize = 400;

/// What is known of a text that is html, beside what stays.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Letters that are written as references, in order.
    pub(super) references: Vec<Reference>,
    /// Bytes that stand within words and are not shown: tags of a part of a line, comments. Empty where there are none.
    aside: Vec<bool>,
}

impl Marks {
    /// A byte is not of the text that is shown.
    pub(super) fn is_aside(&self, at: usize) -> bool {
        self.aside.get(at).copied().unwrap_or(false)
    }

    fn put_aside(&mut self, units: &[Unit], len: usize) {
        self.aside.resize(len, false);
        units.iter().for_each(|u| self.aside[u.at..u.at + u.len].fill(true));
    }
}

/// A letter of html written as `&#1087;` or `&ouml;`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    /// From `&` to `;`.
    pub(super) range: Range<usize>,
    pub(super) letter: char,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Text,
    Tag,
    /// Within a value, until this quote (or a blank, where there is none); whether it stays.
    Value(Option<char>, bool),
    /// Until `</style` or `</script`.
    Raw(&'static str),
}

/// Marks in `fixed` the bytes of html that stay. Where nobody said that it is html (`is_said`), it may be shown as it is:
/// then styles and scripts are words too.
pub(super) fn html(bytes: &[u8], form: Form, is_said: bool, fixed: &mut [bool]) -> Marks {
    let list = units(bytes, form);
    let letters: Vec<char> = list
        .iter()
        .map(|u| if matches!(u.kind, Kind::Letter(..) | Kind::Other | Kind::Mark) { '\u{fffd}' } else { u.lower })
        .collect();
    let begins = |at: usize, word: &str| word.chars().enumerate().all(|(n, c)| letters.get(at + n) == Some(&c));
    let mut state = State::Text;
    let mut marks = Marks::default();
    // Where the tag began that is open, and the comment.
    let (mut tag_at, mut comment_at) = (0, None);
    let mut tag = String::new();
    let mut name = String::new();
    let mut n = 0;
    while n < list.len() {
        let c = letters[n];
        let fix = |fixed: &mut [bool], unit: &Unit| fixed[unit.at..unit.at + unit.len].fill(true);
        if let Some(from) = comment_at.filter(|_| begins(n, "-->") && !matches!(state, State::Raw(_))) {
            marks.put_aside(&list[from..n + 3], bytes.len());
            (state, comment_at) = (State::Text, None);
            n += 3;
            continue;
        }
        match state {
            State::Text => {
                if begins(n, "<!--") && comment_at.is_none() {
                    comment_at = Some(n);
                } else if begins(n, "<!") && comment_at.is_none() {
                    let end = letters[n..].iter().take(DECLARATION_MAX).position(|c| *c == '>');
                    marks.put_aside(&list[n..end.map_or(n, |end| n + end + 1)], bytes.len());
                } else if c == '<' && begins_tag(&letters[n + 1..]) {
                    (state, tag, name) = (State::Tag, String::new(), String::new());
                    tag_at = n;
                } else if c == '&' {
                    n += self::reference(&list, &letters, n, fixed, &mut marks.references);
                }
            }
            State::Tag => {
                fix(fixed, &list[n]);
                if c == '>' {
                    if INLINE.contains(&tag.as_str()) {
                        marks.put_aside(&list[tag_at..=n], bytes.len());
                    }
                    state = match tag.as_str() {
                        "style" if is_said => State::Raw("</style"),
                        "script" if is_said => State::Raw("</script"),
                        _ => State::Text,
                    };
                } else if c == '=' && !name.is_empty() {
                    let blanks = letters[n + 1..].iter().take_while(|c| c.is_ascii_whitespace()).count();
                    let quote = letters.get(n + 1 + blanks).copied().filter(|c| *c == '"' || *c == '\'');
                    for unit in &list[n..list.len().min(n + 1 + blanks + usize::from(quote.is_some()))] {
                        fix(fixed, unit);
                    }
                    n += blanks + usize::from(quote.is_some());
                    let told = TOLD.contains(&name.as_str()) && tag != "meta" || name.starts_with("data-");
                    state = State::Value(quote, !told);
                    name.clear();
                } else if c.is_ascii_whitespace() || c == '/' {
                    if tag.is_empty() && c != '/' {
                        tag = "?".to_owned();
                    }
                    if letters.get(n + 1).is_some_and(|c| *c != '=' && !c.is_ascii_whitespace()) {
                        if tag.is_empty() {
                            tag = std::mem::take(&mut name);
                        }
                        name.clear();
                    }
                } else if tag.is_empty()
                    && letters.get(n + 1).is_none_or(|c| !c.is_ascii_alphanumeric() && *c != '-' && *c != ':')
                {
                    name.push(c);
                    tag = std::mem::take(&mut name);
                } else {
                    name.push(c);
                }
            }
            State::Value(quote, stays) => {
                let ends = match quote {
                    Some(quote) => c == quote,
                    None => c.is_ascii_whitespace() || c == '>',
                };
                if stays || ends {
                    fix(fixed, &list[n]);
                } else if c == '&' {
                    n += self::reference(&list, &letters, n, fixed, &mut marks.references);
                }
                if ends {
                    state = State::Tag;
                    if quote.is_none() && c == '>' {
                        state = State::Text;
                        if INLINE.contains(&tag.as_str()) {
                            marks.put_aside(&list[tag_at..=n], bytes.len());
                        }
                    }
                }
            }
            State::Raw(end) => {
                fix(fixed, &list[n]);
                if c == '<' && begins(n, end) {
                    (state, tag, name) = (State::Tag, "/".to_owned(), String::new());
                }
            }
        }
        n += 1;
    }
    urls_in_styles(&list, &letters, fixed);
    percents(&list, &letters, fixed);
    marks
}

/// The letters that Latin 1 has from U+00C0 on, by their names in html.
const NAMED: &str = "Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde \
    Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring \
    aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave \
    uacute ucirc uuml yacute thorn yuml";

/// A reference at an `&`: a letter is noted, what is none stays. Gives how many units behind the `&` it has.
fn reference(list: &[Unit], letters: &[char], at: usize, fixed: &mut [bool], references: &mut Vec<Reference>) -> usize {
    let rest = &letters[at + 1..];
    let len = rest.iter().take(10).take_while(|c| c.is_ascii_alphanumeric() || **c == '#').count();
    let ends = rest.get(len) == Some(&';');
    if !ends && rest.first() != Some(&'#') || len == 0 {
        return 0;
    }
    // The letters above are in lower case; names are not.
    let name: String = list[at + 1..=at + len].iter().map(|u| u.letter).collect();
    let number = match name.strip_prefix('#').map(|n| (n, n.strip_prefix(['x', 'X']))) {
        Some((_, Some(hex))) => u32::from_str_radix(hex, 16).ok(),
        Some((decimal, None)) => decimal.parse().ok(),
        None => NAMED.split(' ').filter(|n| !n.is_empty()).position(|n| n == name).and_then(|n| u32::try_from(0xc0 + n).ok()),
    };
    let last = &list[at + len + usize::from(ends)];
    let range = list[at].at..last.at + last.len;
    // Of signs of one width: in UTF-16 there are NULs between.
    let is_even = range.len().is_multiple_of(len + 1 + usize::from(ends));
    match number.and_then(char::from_u32).filter(|c| is_even && kind_of(*c) != Kind::Other) {
        Some(letter) => references.push(Reference { range, letter }),
        None => fixed[range].fill(true),
    }
    len + usize::from(ends)
}

/// An element begins, or ends, here. An address between angle brackets is none.
fn begins_tag(rest: &[char]) -> bool {
    let name = rest.iter().take_while(|c| !c.is_ascii_whitespace() && !matches!(c, '>' | '=' | '"' | '\''));
    rest.first().is_some_and(|c| c.is_ascii_alphabetic() || matches!(c, '/' | '?')) && !name.into_iter().any(|c| *c == '@')
}

/// Takes from `fixed` the addresses in styles, `url(cid:logo@host)`; what they name is named elsewhere as well.
fn urls_in_styles(list: &[Unit], letters: &[char], fixed: &mut [bool]) {
    let mut n = 0;
    while n + 4 < letters.len() {
        if letters[n..].starts_with(&['u', 'r', 'l', '(']) {
            n += 4;
            while n < letters.len() && !matches!(letters[n], ')' | '<' | '>' | ';' | '\n') {
                fixed[list[n].at..list[n].at + list[n].len].fill(false);
                n += 1;
            }
        }
        n += 1;
    }
}

/// Marks in `fixed` what is written as `%40`: it is a sign of an address, and no number.
fn percents(list: &[Unit], letters: &[char], fixed: &mut [bool]) {
    for n in 0..letters.len().saturating_sub(2) {
        if letters[n] == '%' && letters[n + 1].is_ascii_hexdigit() && letters[n + 2].is_ascii_hexdigit() {
            for unit in &list[n..n + 3] {
                fixed[unit.at..unit.at + unit.len].fill(true);
            }
        }
    }
}

/// Marks in `fixed` the names of properties and parameters, and the values that are words of the format.
pub(super) fn properties(bytes: &[u8], fixed: &mut [bool]) {
    let mut at = 0;
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        if line.first().is_some_and(|b| b.is_ascii_alphabetic()) {
            let colon = line.iter().position(|b| *b == b':').unwrap_or(0);
            let name = line[..colon].iter().position(|b| *b == b';').unwrap_or(colon);
            fixed[at..at + name].fill(true);
            let technical =
                [&b"BEGIN"[..], b"END", b"METHOD", b"VERSION", b"CALSCALE", b"RRULE", b"DTSTART", b"DTEND", b"DTSTAMP", b"TZ"];
            if technical.iter().any(|t| line.len() >= t.len() && line[..t.len()].eq_ignore_ascii_case(t)) {
                fixed[at..at + line.len()].fill(true);
            }
        }
        at += line.len();
    }
}

/// Begins like html, as the reader looks for it.
pub(super) fn looks_like_html(bytes: &[u8]) -> bool {
    let head = bytes[..bytes.len().min(1024)].to_ascii_lowercase();
    [&b"<html"[..], b"<!doctype html", b"<body", b"<div", b"<table", b"<p>", b"<head"]
        .iter()
        .any(|t| memchr::memmem::find(&head, t).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words that may be replaced, with one blank between them.
    fn kept(html_text: &str) -> String {
        let mut fixed = vec![false; html_text.len()];
        html(html_text.as_bytes(), Form::Utf8, true, &mut fixed);
        // Only letters and digits are ever replaced.
        let told = |b: u8, fixed: bool| if fixed || !b.is_ascii_alphanumeric() { '.' } else { char::from(b) };
        let shown: String = html_text.bytes().zip(fixed).map(|(b, f)| told(b, f)).collect();
        shown.split('.').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn words_are_what_no_tag_and_no_style_is() {
        assert_eq!(kept("<p class=\"x y\">Ann</p>"), "Ann");
        assert_eq!(kept("<a href='http://ann/' id=b>x</a>"), "http ann x");
        assert_eq!(kept("<style>p { }</style>Ann"), "Ann");
        assert_eq!(kept("1 < 2 &nbsp;&amp; a&b"), "1 2 a b");
        assert_eq!(kept("<img alt=Ann src=\"cid:x\">"), "Ann cid x");
        assert_eq!(kept("Ann <ann@host.example>"), "Ann ann host example");
        assert_eq!(kept("<p style=\"color: red; background: url('cid:ab%40cd')\">x"), "cid ab cd x");
    }

    #[test]
    fn what_parts_no_word_is_aside() {
        let shown = |text: &str| {
            let marks = html(text.as_bytes(), Form::Utf8, true, &mut vec![false; text.len()]);
            text.bytes().enumerate().filter(|(n, _)| !marks.is_aside(*n)).map(|(_, b)| char::from(b)).collect::<String>()
        };
        assert_eq!(shown("<p>A<b class=x>nn</b>, <SPAN lang='x'>B</SPAN>ob"), "<p>Ann, Bob");
        assert_eq!(shown("A<!-- it's <b>not --><i>nn</i><!doctype x><br>B"), "Ann<br>B");
        assert_eq!(shown("A<!-- open"), "A<!-- open");
    }

    #[test]
    fn letters_written_as_numbers_are_found() {
        let text = b"&#1087;&#x43f;&#8217&nbsp;&ouml;";
        let found = html(text, Form::Utf8, true, &mut vec![false; text.len()]).references;
        let of = |from, to, letter| Reference { range: from..to, letter };
        assert_eq!(found, [of(0, 7, 'п'), of(7, 14, 'п'), of(26, 32, 'ö')]);
    }
}
