//! Encoded-words (RFC 2047) in field values, read as they were meant.
//!
//! Adjacent words of one charset are decoded jointly, because senders cut letters in
//! half. Words glued to text or to each other, blanks inside, a missing end, words within quoted
//! strings and raw 8-bit text between them are all read.
//!
//! # Failure
//! None: what is no encoded-word stays as written. Linear time: the search for the next opening
//! and the next end each go over the value once.

use super::charset;
use super::charset_label::{self as label, Label};
use super::header;
use super::repair::{self, Repairs};
use super::span::{Span, before_as_lf};
use super::transfer;
use encoding_rs::UTF_8;
use memchr::memmem;
use std::borrow::Cow;

/// Bytes of a field that are looked at for its charset.
const HINT_BYTES_MAX: usize = 2_000;

/// One run of a field's value.
enum Run<'a> {
    /// As written.
    Literal(&'a [u8]),
    /// Bytes in a charset.
    Encoded { charset: &'a [u8], bytes: Vec<u8> },
}

/// Where an encoded-word is, and what it holds.
struct Word<'a> {
    charset: &'a [u8],
    base64: bool,
    content: Cow<'a, [u8]>,
    end: usize,
    malformed: bool,
}

/// Remembers where the next `pattern` is, so that asking again from further on is free.
struct Ahead<'a> {
    value: &'a [u8],
    pattern: &'static [u8],
    at: Option<usize>,
}

impl<'a> Ahead<'a> {
    fn new(value: &'a [u8], pattern: &'static [u8]) -> Self {
        Ahead { value, pattern, at: memmem::find(value, pattern) }
    }

    fn next(&mut self, from: usize) -> Option<usize> {
        if self.at.is_some_and(|at| at < from) {
            self.at = memmem::find(self.value.after(from), self.pattern).map(|i| i + from);
        }
        self.at
    }
}

/// Decodes a value that is already unfolded. `hint` is the charset of the mail's body, for raw
/// 8-bit bytes; `place` is for the repairs.
pub(super) fn decode(value: &[u8], hint: Option<&[u8]>, place: &str, repairs: &mut Repairs) -> String {
    if memmem::find(value, b"=?").is_none() {
        return literal(value, hint, place, repairs).into_owned();
    }
    let out = decode_once(value, hint, place, repairs);
    // A relay that met an encoded-word and encoded it: all of the value is words, and so is what they say.
    let (outer, inner) = (value.trim_ascii(), out.trim());
    let all = |v: &[u8]| v.starts_with(b"=?") && v.ends_with(b"?=");
    if all(outer) && all(inner.as_bytes()) && outer.len() > inner.len() {
        repairs.note(repair::ENCODED_WORD_MALFORMED, place, "an encoded-word within an encoded-word", 0.8);
        return decode_once(inner.as_bytes(), hint, place, repairs);
    }
    out
}

/// The charset that the first encoded-word of a value names, if its letters are in it without a doubt.
pub(super) fn proven_charset(value: &[u8]) -> Option<&[u8]> {
    let at = memmem::find(value, b"=?")? + 2;
    let name = value.after(at).before(64);
    let charset = name.before(name.iter().position(|b| *b == b'?')?);
    if !charset::is_hint(charset) {
        return None;
    }
    let mut aside = Repairs::default();
    let text = decode(&header::unfold(before_as_lf(value, HINT_BYTES_MAX)), None, "", &mut aside);
    (!text.is_ascii() && aside.into_list().is_empty()).then_some(charset)
}

/// Decodes the words in a text whose letters are known: what is a letter within a word stays that letter, whatever charset the
/// word names.
pub(super) fn decode_text(text: &str, place: &str, repairs: &mut Repairs) -> String {
    let escaped = with_escapes(
        text.as_bytes(),
        |b| b >= 0x80,
        |charset, raw, out| {
            let encoding = match label::read(Some(charset)) {
                Label::Known(e) | Label::Misspelt(e) if e.output_encoding() == e => e,
                // No letter can be written in it that would be read again as it is.
                Label::Known(_) | Label::Misspelt(_) | Label::Legacy(_) => return out.push(b'?'),
                Label::Silent | Label::Unknown | Label::Ascii => UTF_8,
            };
            let letters = std::str::from_utf8(raw).unwrap_or_default();
            for letter in letters.chars() {
                match encoding.encode(letter.encode_utf8(&mut [0; 4])) {
                    (bytes, _, false) => escape(&bytes, out),
                    _ => out.push(b'?'),
                }
            }
        },
    );
    decode(&escaped, Some(b"utf-8"), place, repairs)
}

/// Writes raw bytes within Q words as escapes, and what begins an escape sequence, so that what reads the field as text can't
/// tell them from raw text: they are read once, by the word's charset.
pub(super) fn shielded(value: &[u8]) -> Cow<'_, [u8]> {
    with_escapes(value, |b| b >= 0x80 || b == 0x1b, |_, raw, out| escape(raw, out))
}

fn escape(bytes: &[u8], out: &mut Vec<u8>) {
    bytes.iter().for_each(|byte| out.extend_from_slice(format!("={byte:02X}").as_bytes()));
}

/// A value in which `write` has written the runs of raw bytes within Q words; it is given the word's charset too.
fn with_escapes(value: &[u8], is_raw: fn(u8) -> bool, write: impl Fn(&[u8], &[u8], &mut Vec<u8>)) -> Cow<'_, [u8]> {
    if !value.iter().any(|b| is_raw(*b)) || memmem::find(value, b"=?").is_none() {
        return Cow::Borrowed(value);
    }
    let mut out = Vec::with_capacity(value.len() + 32);
    let mut rest = value;
    let mut ending = Ahead::new(value, b"?=");
    while let Some(open) = memmem::find(rest, b"=?") {
        out.extend_from_slice(rest.before(open));
        let word = rest.after(open);
        let name_end = word.before(64).windows(3).position(|w| matches!(w, [b'?', b'Q' | b'q', b'?']));
        let Some(name_end) = name_end else {
            out.extend_from_slice(b"=?");
            rest = word.after(2);
            continue;
        };
        let content = name_end + 3;
        let at = value.len() - word.len();
        // A word without an end reaches to the next blank.
        let cut = || word.after(content).iter().position(|b| matches!(b, b' ' | b'\t')).map_or(word.len(), |i| content + i);
        let end = ending.next(at + content).map_or_else(cut, |i| i + 2 - at);
        for run in word.before(end).chunk_by(|a, b| is_raw(*a) == is_raw(*b)) {
            if run.first().is_some_and(|b| is_raw(*b)) {
                write(word.span(2, name_end), run, &mut out);
            } else {
                out.extend_from_slice(run);
            }
        }
        rest = word.after(end);
    }
    out.extend_from_slice(rest);
    Cow::Owned(out)
}

fn decode_once(value: &[u8], hint: Option<&[u8]>, place: &str, repairs: &mut Repairs) -> String {
    let mut out = String::with_capacity(value.len());
    for run in runs(value, place, repairs) {
        match run {
            Run::Literal(bytes) => out.push_str(&literal(bytes, hint, place, repairs)),
            Run::Encoded { charset, bytes } => {
                let found = charset::decode(&bytes, Some(charset), hint);
                if let Some((code, detail, confidence)) = found.repair {
                    repairs.note(code, place, detail, confidence);
                }
                out.extend(one_line(&found.text));
            }
        }
    }
    out
}

/// A decoded value is one line, whatever is hidden in it (header injection).
pub(super) fn one_line(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|c| *c != '\0').map(|c| if c.is_control() { ' ' } else { c })
}

/// Raw text between encoded-words.
pub(super) fn literal<'a>(bytes: &'a [u8], hint: Option<&[u8]>, place: &str, repairs: &mut Repairs) -> Cow<'a, str> {
    if bytes.is_ascii() && !bytes.contains(&0x1b) && !bytes.contains(&0) {
        return charset::decode(bytes, None, None).text;
    }
    if bytes.contains(&0) {
        repairs.note(repair::HEADER_NUL, place, "NUL bytes were dropped", 1.0);
        let without: Vec<u8> = bytes.iter().copied().filter(|b| *b != 0).collect();
        return literal(&without, hint, place, repairs).into_owned().into();
    }
    let found = charset::decode(bytes, None, hint);
    if let Some((_, detail, confidence)) = found.repair {
        repairs.note(repair::HEADER_RAW_8BIT, place, detail, confidence);
    }
    found.text
}

fn runs<'a>(value: &'a [u8], place: &str, repairs: &mut Repairs) -> Vec<Run<'a>> {
    let mut out: Vec<Run<'a>> = Vec::new();
    let mut opening = Ahead::new(value, b"=?");
    let mut ending = Ahead::new(value, b"?=");
    let mut at = 0; // everything before is in `out`
    let mut from = 0; // where to look for the next opening
    let mut joined: Option<(&'a [u8], Vec<u8>)> = None; // the run of words being joined
    while let Some(start) = opening.next(from) {
        let Some(word) = word_at(value, start, &mut opening, &mut ending) else {
            from = start + 2;
            continue;
        };
        if word.malformed {
            repairs.note(repair::ENCODED_WORD_MALFORMED, place, "an encoded-word was malformed; read as meant", 0.7);
        }
        let between = value.span(at, start);
        let blank = between.trim_ascii().is_empty();
        match &mut joined {
            Some((charset, content)) if blank && charset.eq_ignore_ascii_case(word.charset) => {
                append(content, &word);
            }
            _ => {
                let after_word = joined.is_some();
                finish(&mut out, &mut joined);
                // Blanks between two encoded-words are not shown (RFC 2047 section 6.2).
                if !(blank && after_word) {
                    out.push(Run::Literal(between));
                }
                let mut content = Vec::with_capacity(word.content.len());
                append(&mut content, &word);
                joined = Some((word.charset, content));
            }
        }
        at = word.end;
        from = word.end;
    }
    finish(&mut out, &mut joined);
    out.push(Run::Literal(value.after(at)));
    out
}

fn append(bytes: &mut Vec<u8>, word: &Word<'_>) {
    if word.base64 {
        bytes.extend_from_slice(&transfer::base64(&word.content).bytes);
    } else {
        let mut rest: &[u8] = &word.content;
        while let Some((&byte, after)) = rest.split_first() {
            rest = after;
            match byte {
                b'_' => bytes.push(b' '),
                b'=' => match transfer::hex_pair(after) {
                    Some(b) => {
                        bytes.push(b);
                        rest = after.after(2);
                    }
                    None if after.is_empty() => {} // a soft break at the end of the word
                    None => bytes.push(b'='),
                },
                _ => bytes.push(byte),
            }
        }
    }
}

fn finish<'a>(out: &mut Vec<Run<'a>>, joined: &mut Option<(&'a [u8], Vec<u8>)>) {
    if let Some((charset, bytes)) = joined.take() {
        out.push(Run::Encoded { charset, bytes });
    }
}

/// Reads `=?charset?B?…?=` at `start`.
fn word_at<'a>(value: &'a [u8], start: usize, opening: &mut Ahead<'_>, ending: &mut Ahead<'_>) -> Option<Word<'a>> {
    let head = value.after(start + 2);
    // Charset names are short; a cap keeps the search for the question mark linear.
    let name_end = head.before(64).iter().position(|b| *b == b'?')?;
    let charset = head.before(name_end);
    if !charset.iter().all(|b| b.is_ascii_graphic() || *b == b' ') {
        return None;
    }
    let after = head.after(name_end + 1);
    let (encoding, content_at) = match after {
        [e, b'?', ..] => (*e, start + 2 + name_end + 3),
        // `=?utf-8?=?B?…`: seen where a tool encodes the markers.
        // A fold between the encoding and its mark.
        [b' ', e, b'?', ..] | [e, b' ', b'?', ..] => (*e, start + 2 + name_end + 4),
        _ => return None,
    };
    let base64 = match encoding {
        b'B' | b'b' => true,
        b'Q' | b'q' => false,
        _ => return None,
    };
    let mut malformed = false;
    // The `?` that ends the encoding may be the one of an empty word's end: `=?utf-8?Q??=`.
    let mut end = ending.next(content_at);
    if value.span(content_at, content_at + 2) == b"?=" {
        end = Some(content_at);
    }
    // In Q, `?=3D` is a question mark and an encoded byte, not the end.
    if !base64 {
        while let Some(e) = end {
            let behind = value.after(e + 2);
            if transfer::hex_pair(behind).is_none() {
                break;
            }
            let next = memmem::find(behind.before(80), b"?=");
            let closer = next.filter(|n| {
                !behind.before(*n).iter().any(|b| matches!(b, b' ' | b'\t')) && memmem::find(behind.before(*n), b"=?").is_none()
            });
            match closer {
                Some(n) => {
                    malformed = true;
                    end = Some(e + 2 + n);
                }
                None => break,
            }
        }
    }
    let stop = match end {
        Some(e) => e,
        None => {
            malformed = true;
            value.len()
        }
    };
    // The next word begins before this one ends: this one has lost its end.
    let next_opening = opening.next(content_at).filter(|o| *o < stop && looks_like_opening(value.after(*o)));
    let (content_end, word_end) = match next_opening {
        Some(o) => {
            malformed = true;
            (o, o)
        }
        None => match end {
            Some(e) => (e, e + 2),
            None => (value.len(), value.len()),
        },
    };
    let mut content = value.span(content_at, content_end);
    if end.is_none() || next_opening.is_some() {
        content = content.trim_ascii_end();
        content = content.strip_suffix(b"?").unwrap_or(content);
    }
    if end.is_none() && next_opening.is_none() {
        // Without an end only what could be content is taken.
        let run = content.iter().take_while(|b| !matches!(b, b' ' | b'\t')).count();
        content = content.before(run);
        return Some(Word { charset, base64, content: content.into(), end: (content_at + run).max(start + 2), malformed });
    }
    if content.iter().any(|b| matches!(b, b' ' | b'\t')) {
        malformed = true;
    }
    Some(Word { charset, base64, content: content.into(), end: word_end, malformed })
}

fn looks_like_opening(bytes: &[u8]) -> bool {
    let head = bytes.after(2).before(64);
    head.iter().position(|b| *b == b'?').is_some_and(|i| {
        i > 0
            && matches!(head.after(i + 1), [b'B' | b'b' | b'Q' | b'q', b'?', ..])
            && head.before(i).iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'*' | b'.' | b':'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> String {
        decode(value.as_bytes(), None, "header Subject", &mut Repairs::default())
    }

    #[test]
    fn words_of_one_charset_are_joined_before_decoding() {
        // "é" cut in half, in both encodings.
        assert_eq!(read("=?UTF-8?Q?caf=C3?= =?utf-8?Q?=A9?="), "café");
        assert_eq!(read("=?UTF-8?B?Y2Fmww==?= =?UTF-8?B?qQ==?="), "café");
        assert_eq!(read("=?UTF-8?B?Y2Fmww==?= =?UTF-8?Q?=A9?="), "café");
    }

    #[test]
    fn blanks_between_words_go_and_blanks_around_text_stay() {
        assert_eq!(read("a =?utf-8?q?b?= =?utf-8?q?c?= d"), "a bc d");
        assert_eq!(read("=?utf-8?q?b?==?iso-8859-1?q?=E9?=x"), "béx");
    }

    #[test]
    fn malformed_words_are_read_as_meant() {
        assert_eq!(read("=?utf-8?Q?two words?= x"), "two words x");
        assert_eq!(read("=?utf-8?Q?what?=20now?="), "what? now");
        assert_eq!(read("=?utf-8?Q?cut=C3=A9"), "cuté");
        assert_eq!(read("=?utf-8?Q?a =?utf-8?Q?b?="), "ab");
        assert_eq!(read("=?utf-8?Q??= x"), " x");
    }

    #[test]
    fn a_word_within_a_word_is_read() {
        assert_eq!(read("=?us-ascii?Q?=3D=3Futf-8=3FQ=3Fcaf=3DC3=3DA9=3F=3D?="), "café");
        assert_eq!(read("see =?us-ascii?Q?=3D=3Futf-8=3FQ=3Fa=3F=3D?="), "see =?utf-8?Q?a?=");
    }

    #[test]
    fn what_is_no_word_stays_as_written() {
        assert_eq!(read("a =? b ?= =?x?y?z?="), "a =? b ?= =?x?y?z?=");
        assert_eq!(read("1 =?= 2"), "1 =?= 2");
    }

    #[test]
    fn a_letter_that_is_known_stays_in_a_word_of_another_charset() {
        let text = |text: &str| decode_text(text, "", &mut Repairs::default());
        assert_eq!(text("=?iso-8859-1?Q?Gr=F6ße.pdf?="), "Größe.pdf");
        assert_eq!(text("=?utf-8?Q?Gr=C3=B6ße.pdf?= ß"), "Größe.pdf ß");
        assert_eq!(text("=?x-nonsense?Q?Größe.pdf"), "Größe.pdf");
        assert_eq!(text("=?iso-8859-1?Q?=F6ﾓ?="), "ö?");
        assert_eq!(text("=?ibm850?Q?ﾓ?= and =?utf-8?Q?ﾓ?="), "? and ﾓ");
    }

    #[test]
    fn a_hidden_line_break_does_not_survive() {
        assert_eq!(read("=?utf-8?Q?a=0D=0ABcc:_x?="), "a  Bcc: x");
    }
}
