//! Files that stand within a text, as programs before MIME put them there: yEnc and BinHex 4.0
//! (uuencode is in [`super::body`]).
//!
//! # Failure
//! None: what has no beginning and end of its kind stays text; a damaged file gives the bytes that
//! can be read. Time is linear, and a file is never longer than the text allows.

use super::span::Span;
use memchr::{memchr, memmem};
use std::ops::Range;

/// Files of one text.
const FILES_MAX: usize = 1_000;
/// What BinHex expands a run to is bounded by this many bytes for each letter of the text.
const RUN_FACTOR: usize = 64;
/// The letters of BinHex 4.0 (RFC 1741), by their value.
const BINHEX: &[u8; 64] = b"!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr";
/// The line above a BinHex file.
const BINHEX_LINE: &str = "(This file must be converted with BinHex";

/// A file within a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Enclosed {
    pub(super) name: String,
    /// The whole block, in bytes of the text.
    pub(super) block: Range<usize>,
    pub(super) bytes: Vec<u8>,
}

/// Finds yEnc files (`=ybegin` to `=yend`) in the bytes of a text.
pub(super) fn yenc(text: &[u8]) -> Vec<Enclosed> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = line_that_begins(text, at, b"=ybegin ") {
        let (header, body) = line(text, start);
        let header = String::from_utf8(header.iter().copied().filter(u8::is_ascii).collect()).unwrap_or_default();
        let Some((fields, name)) = header.split_once(" name=") else { break };
        let Some(end) = line_that_begins(text, body, b"=yend") else { break };
        at = line(text, end).1;
        if fields.contains(" size=") && found.len() < FILES_MAX {
            let block_end = end + line(text, end).0.len();
            found.push(Enclosed {
                name: name.trim().trim_matches('"').to_owned(),
                block: start..block_end,
                bytes: yenc_data(text.span(body, end)),
            });
        }
    }
    found
}

/// The bytes of yEnc lines: each letter is 42 more than its byte, `=` is an escape.
fn yenc_data(lines: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(lines.len());
    let mut rest = if lines.starts_with(b"=ypart") { lines.after(line(lines, 0).1) } else { lines };
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'\r' | b'\n' => {}
            b'=' => {
                // A line end is never escaped: a `=` before one has lost its letter.
                if let Some((&escaped, after)) = rest.split_first().filter(|(b, _)| !matches!(b, b'\r' | b'\n')) {
                    out.push(escaped.wrapping_sub(64 + 42));
                    rest = after;
                }
            }
            _ => out.push(byte.wrapping_sub(42)),
        }
    }
    out
}

/// The next line from `from` (a line's start) on that begins so.
fn line_that_begins(text: &[u8], from: usize, mark: &[u8]) -> Option<usize> {
    let mut at = from;
    while let Some(i) = memmem::find(text.after(at), mark) {
        let start = at + i;
        if start == 0 || matches!(text.get(start - 1), Some(b'\n' | b'\r')) {
            return Some(start);
        }
        at = start + 1;
    }
    None
}

/// The line at `at` without its line end, and where the next one begins.
fn line(text: &[u8], at: usize) -> (&[u8], usize) {
    let rest = text.after(at);
    let end = memchr(b'\n', rest).unwrap_or(rest.len());
    let found = rest.before(end);
    (found.strip_suffix(b"\r").unwrap_or(found), at + (end + 1).min(rest.len()))
}

/// Finds BinHex files (their line, then `:` to `:`) in a text.
pub(super) fn binhex(text: &str) -> Vec<Enclosed> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = line_that_begins(text.as_bytes(), at, BINHEX_LINE.as_bytes()).filter(|_| found.len() < FILES_MAX) {
        at = start + BINHEX_LINE.len();
        let body = line(text.as_bytes(), start).1;
        let Some(open) = memchr(b':', text.after(body).as_bytes()).map(|i| body + i + 1) else { break };
        let Some(close) = memchr(b':', text.after(open).as_bytes()).map(|i| open + i) else { break };
        if let Some((name, bytes)) = binhex_data(text.span(open, close).as_bytes()) {
            found.push(Enclosed { name, block: start..close + 1, bytes });
            at = close + 1;
        }
    }
    found
}

/// The name and the data fork of what stands between the colons. `None`: it is no BinHex.
fn binhex_data(letters: &[u8]) -> Option<(String, Vec<u8>)> {
    let mut packed = Vec::with_capacity(letters.len());
    let (mut held, mut bits) = (0u32, 0u32);
    for letter in letters.iter().filter(|b| !b.is_ascii_whitespace()) {
        let value = memchr(*letter, BINHEX)?;
        held = held << 6 | u32::try_from(value).ok()?;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            packed.push(u8::try_from(held >> bits & 0xff).ok()?);
        }
    }
    let mut bytes: Vec<u8> = Vec::with_capacity(packed.len());
    let limit = letters.len().saturating_mul(RUN_FACTOR);
    let mut rest = packed.as_slice();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != 0x90 {
            bytes.push(byte);
            continue;
        }
        // 0x90 and a count repeat the byte before; a count of zero is the byte itself.
        let Some((&count, after)) = rest.split_first() else { break };
        rest = after;
        match bytes.last().copied().filter(|_| count > 0) {
            Some(last) => bytes.extend(std::iter::repeat_n(last, usize::from(count) - 1)),
            None => bytes.push(0x90),
        }
        if bytes.len() > limit {
            return None;
        }
    }
    // Length and letters of the name, a version, type, creator, flags, the lengths of both forks, a checksum.
    let length = usize::from(*bytes.first()?);
    let name = bytes.get(1..=length)?;
    let header = bytes.after(1 + length + 1);
    let data_length = header.get(10..14).and_then(|b| b.try_into().ok()).map(u32::from_be_bytes)?;
    let data = header.get(20..)?.before(usize::try_from(data_length).ok()?);
    let name = super::charset::decode(name, Some(b"macintosh"), None).text.into_owned();
    (!name.is_empty()).then(|| (name, data.to_vec()))
}

/// The data fork of an application/mac-binhex40 part.
pub(super) fn binhex_part(bytes: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(bytes).ok()?;
    binhex(text).into_iter().next().map(|f| f.bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yenc_gives_its_bytes_and_leaves_the_words() {
        let text = b"see\n=ybegin line=128 size=4 name=a b.bin\nkl=}m\n=yend size=4\nbye";
        let found = yenc(text);
        assert_eq!((found[0].name.as_str(), found[0].bytes.as_slice()), ("a b.bin", &b"AB\x13C"[..]));
        assert_eq!((&text[..found[0].block.start], &text[found[0].block.end..]), (&b"see\n"[..], &b"\nbye"[..]));
        for lines in ["=ybegin size=2 name=a\nk=\nl\n=yend", "=ybegin size=2 name=a\r\nk=\r\nl\r\n=yend"] {
            assert_eq!(yenc(lines.as_bytes())[0].bytes, b"AB", "an escape that has lost its letter takes no line end along");
        }
        assert!(yenc(b"=ybegin line=128 size=4 name=a\nno end").is_empty());
        assert!(yenc(b"we write =ybegin size=1 name=x in prose\n=yend").is_empty());
    }

    #[test]
    fn binhex_that_is_none_stays_text() {
        assert!(binhex("(This file must be converted with BinHex 4.0)\n\n:words:").is_empty());
        assert!(binhex("(This file must be converted with BinHex 4.0)\n\nno colon").is_empty());
        assert_eq!(binhex_part(b"\xff"), None);
    }
}
