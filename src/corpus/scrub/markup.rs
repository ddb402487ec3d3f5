//! What of a text is no words: tags, styles and entities of html, the properties of calendars and cards.
//!
//! # Failure
//! None: a tag that never ends stays whole.

use super::letters::{Form, Kind, Unit, units};

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

#[derive(Clone, Copy, PartialEq)]
enum State {
    Text,
    Tag,
    /// Within a value, until this quote (or a blank, where there is none); whether it stays.
    Value(Option<char>, bool),
    /// Until `</style` or `</script`.
    Raw(&'static str),
}

/// Marks in `fixed` the bytes of html that stay. Gives the numbers of letters written as `&#1234;`: where their digits stand.
pub(super) fn html(bytes: &[u8], form: Form, fixed: &mut [bool]) -> Vec<(std::ops::Range<usize>, char)> {
    let list = units(bytes, form);
    let letters: Vec<char> = list
        .iter()
        .map(|u| if matches!(u.kind, Kind::Letter(..) | Kind::Other | Kind::Mark) { '\u{fffd}' } else { u.lower })
        .collect();
    let begins = |at: usize, word: &str| word.chars().enumerate().all(|(n, c)| letters.get(at + n) == Some(&c));
    let mut state = State::Text;
    let mut entities = Vec::new();
    let mut tag = String::new();
    let mut name = String::new();
    let mut n = 0;
    while n < list.len() {
        let c = letters[n];
        let mut fix = |unit: &Unit| fixed[unit.at..unit.at + unit.len].fill(true);
        match state {
            State::Text => {
                if c == '<' && letters.get(n + 1).is_some_and(|c| c.is_ascii_alphabetic() || *c == '/' || *c == '?') {
                    (state, tag, name) = (State::Tag, String::new(), String::new());
                } else if c == '&' {
                    let len = letters[n + 1..].iter().take(10).take_while(|c| c.is_ascii_alphanumeric() || **c == '#').count();
                    if letters.get(n + 1 + len) == Some(&';') || letters.get(n + 1) == Some(&'#') {
                        let digits: String = letters[n + 1..n + 1 + len].iter().filter(|c| c.is_ascii_digit()).collect();
                        let decimal = letters.get(n + 1) == Some(&'#') && digits.len() + 1 == len;
                        if let Some(letter) = digits.parse().ok().and_then(char::from_u32).filter(|_| decimal && len > 1) {
                            entities.push((list[n + 2].at..list[n + len].at + list[n + len].len, letter));
                        }
                        for unit in &list[n..=n + len] {
                            fix(unit);
                        }
                        n += len;
                    }
                }
            }
            State::Tag => {
                fix(&list[n]);
                if c == '>' {
                    state = match tag.as_str() {
                        "style" => State::Raw("</style"),
                        "script" => State::Raw("</script"),
                        _ => State::Text,
                    };
                } else if c == '=' && !name.is_empty() {
                    let blanks = letters[n + 1..].iter().take_while(|c| c.is_ascii_whitespace()).count();
                    let quote = letters.get(n + 1 + blanks).copied().filter(|c| *c == '"' || *c == '\'');
                    for unit in &list[n..list.len().min(n + 1 + blanks + usize::from(quote.is_some()))] {
                        fix(unit);
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
                    fix(&list[n]);
                }
                if ends {
                    state = State::Tag;
                    if quote.is_none() && c == '>' {
                        state = State::Text;
                    }
                }
            }
            State::Raw(end) => {
                fix(&list[n]);
                if c == '<' && begins(n, end) {
                    (state, tag, name) = (State::Tag, "/".to_owned(), String::new());
                }
            }
        }
        n += 1;
    }
    entities
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
        html(html_text.as_bytes(), Form::Utf8, &mut fixed);
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
    }

    #[test]
    fn letters_written_as_numbers_are_found() {
        let text = b"&#1087;&#x43f;&#8217";
        let found = html(text, Form::Utf8, &mut vec![false; text.len()]);
        assert_eq!(found.iter().map(|(r, c)| (r.start, *c)).collect::<Vec<_>>(), [(2, 'п'), (16, '’')]);
    }
}
