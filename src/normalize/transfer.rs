//! Content-Transfer-Encoding: base64, quoted-printable and uuencode, read leniently.
//!
//! # Failure
//! None. Bytes that do not belong into the encoding are skipped (base64) or taken literally
//! (quoted-printable), and [`Decoded::flaws`] counts them. Time is linear.

use super::span::Span;
use memchr::{memchr, memchr2};
use std::borrow::Cow;

/// What came out of a decoder.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decoded<'a> {
    /// The decoded bytes.
    pub(super) bytes: Cow<'a, [u8]>,
    /// Plain text that follows the end of the encoded data (a footer that a list has appended).
    pub(super) tail: &'a [u8],
    /// Bytes that do not belong.
    pub(super) flaws: usize,
    /// It was base64, whose line breaks and blanks say nothing.
    pub(super) is_base64: bool,
}

/// The encodings that exist (RFC 2045, and uuencode from before it).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TransferEncoding {
    Identity,
    Base64,
    QuotedPrintable,
    Uuencode,
    Unknown,
}

impl TransferEncoding {
    /// Reads the field's value; `None` in the field means 7bit.
    pub(super) fn read(value: &[u8]) -> Self {
        let word: Vec<u8> = value
            .iter()
            .copied()
            .skip_while(|b| b.is_ascii_whitespace() || *b == b'"' || *b == b'\'')
            .take_while(|b| b.is_ascii_alphanumeric() || *b == b'-' || *b == b'_')
            .map(|b| b.to_ascii_lowercase())
            .collect();
        match word.as_slice() {
            b"" | b"7bit" | b"8bit" | b"binary" | b"7-bit" | b"8-bit" | b"7bits" | b"8bits" | b"none" => Self::Identity,
            b"base64" | b"base-64" | b"x-base64" | b"b" => Self::Base64,
            b"quoted-printable" | b"quotedprintable" | b"quoted" | b"qp" | b"q" | b"quoted_printable" | b"quoted-printeable" => {
                Self::QuotedPrintable
            }
            b"x-uuencode" | b"uuencode" | b"x-uue" | b"uue" | b"x-uu" => Self::Uuencode,
            _ => Self::Unknown,
        }
    }
}

const SKIP: u8 = 0xff;
const PAD: u8 = 0xfe;
const SPACE: u8 = 0xfd;

const BASE64: [u8; 256] = {
    let mut table = [SKIP; 256];
    let mut i = 0;
    while i < 256 {
        #[allow(clippy::indexing_slicing)] // i < 256 by the loop
        {
            table[i] = match i as u8 {
                c @ b'A'..=b'Z' => c - b'A',
                c @ b'a'..=b'z' => c - b'a' + 26,
                c @ b'0'..=b'9' => c - b'0' + 52,
                b'+' | b'-' => 62,
                b'/' | b'_' => 63,
                b'=' => PAD,
                b' ' | b'\t' | b'\r' | b'\n' => SPACE,
                _ => SKIP,
            };
        }
        i += 1;
    }
    table
};

/// The same letters at each of the four places of a group; what is no letter has a bit above all.
const GROUP: [[u32; 256]; 4] = {
    let mut tables = [[NO_LETTER; 256]; 4];
    let mut place = 0;
    while place < 4 {
        let mut i = 0;
        while i < 256 {
            #[allow(clippy::indexing_slicing)] // within the arrays by the loops
            if BASE64[i] < 64 {
                tables[place][i] = (BASE64[i] as u32) << (18 - 6 * place);
            }
            i += 1;
        }
        place += 1;
    }
    tables
};
const NO_LETTER: u32 = 1 << 31;
/// Bytes that are decoded in one go: a line, and few where it turns out to be rubbish.
const GROUPED_BYTES: usize = 256;
/// Rules longer than this are data.
const RULE_BYTES_MAX: usize = 200;

/// Decodes the groups of four letters at the start of `input`; returns how many there are.
fn whole_groups(input: &[u8], out: &mut Vec<u8>) -> usize {
    let [first, second, third, fourth] = &GROUP;
    let at = |table: &[u32; 256], letter: u8| table.get(usize::from(letter)).copied().unwrap_or(NO_LETTER);
    let start = out.len();
    let groups = input.as_chunks::<4>().0;
    out.resize(start + groups.len() * 3, 0);
    let mut done = 0;
    for ([a, b, c, d], to) in groups.iter().zip(out.get_mut(start..).unwrap_or_default().as_chunks_mut::<3>().0) {
        let value = at(first, *a) | at(second, *b) | at(third, *c) | at(fourth, *d);
        if value & NO_LETTER != 0 {
            break;
        }
        let [_, x, y, z] = value.to_be_bytes();
        *to = [x, y, z];
        done += 1;
    }
    out.truncate(start + done * 3);
    done
}

fn sextet(byte: u8) -> u8 {
    BASE64.get(usize::from(byte)).copied().unwrap_or(SKIP)
}

/// Decodes base64. Several padded runs in one body are decoded one after the other. A line with
/// bytes of prose after the padding ends the data: it and what follows is the tail.
pub(super) fn base64(input: &[u8]) -> Decoded<'_> {
    let mut out = Vec::with_capacity(input.len() / 4 * 3 + 3);
    let mut held: u32 = 0;
    let mut count = 0;
    let mut flaws = 0;
    let mut padded = false;
    let mut breaks = 0; // line breaks since the last byte of data
    let mut tail: &[u8] = b"";
    let mut at = 0;
    while let Some(&byte) = input.get(at) {
        let value = sextet(byte);
        // A line of nothing but `_` or `-` is the rule above a footer, whatever alphabet has these letters.
        if matches!(byte, b'_' | b'-') && breaks > 0 && !out.is_empty() && is_rule(input.after(at)) {
            tail = input.after(at);
            break;
        }
        // The lines of data, which are nearly all of it, go in groups.
        if value < 64 && count == 0 && !padded && breaks <= 1 {
            let rest = input.after(at).before(GROUPED_BYTES);
            let line = rest.before(memchr2(b'\r', b'\n', rest).unwrap_or(rest.len()));
            let groups = whole_groups(line, &mut out);
            if groups > 0 {
                at += groups * 4;
                breaks = 0;
                continue;
            }
        }
        if value == SPACE {
            breaks += u32::from(byte == b'\n');
            at += 1;
            continue;
        }
        // Prose behind the padding, or behind a blank line where a group of four is complete.
        if (padded || (breaks > 1 && count == 0 && !out.is_empty())) && value != PAD && is_prose(input, at) {
            tail = input.after(at);
            break;
        }
        breaks = 0;
        match value {
            PAD => {
                flush(&mut out, &mut held, &mut count);
                padded = true;
            }
            SKIP => flaws += 1,
            _ => {
                padded = false;
                held = held << 6 | u32::from(value);
                count += 1;
                if count == 4 {
                    let [_, a, b, c] = held.to_be_bytes();
                    out.extend_from_slice(&[a, b, c]);
                    held = 0;
                    count = 0;
                }
            }
        }
        at += 1;
    }
    flush(&mut out, &mut held, &mut count);
    Decoded { bytes: Cow::Owned(out), tail: tail.trim_ascii(), flaws, is_base64: true }
}

/// A line of at least eight of one letter.
fn is_rule(input: &[u8]) -> bool {
    let line = input.before(RULE_BYTES_MAX);
    let line = line.before(memchr2(b'\r', b'\n', line).unwrap_or(line.len())).trim_ascii_end();
    line.len() >= 8 && line.iter().all(|b| Some(b) == line.first())
}

fn flush(out: &mut Vec<u8>, held: &mut u32, count: &mut u32) {
    let [_, _, high, low] = held.to_be_bytes();
    match *count {
        2 => out.push(((u16::from_be_bytes([high, low])) >> 4) as u8),
        3 => {
            let [_, a, b, c] = (*held << 6).to_be_bytes();
            let _ = c;
            out.extend_from_slice(&[a, b]);
        }
        _ => {}
    }
    *held = 0;
    *count = 0;
}

/// Whether the line that begins at `at` has a blank between words or a byte base64 never has.
fn is_prose(input: &[u8], at: usize) -> bool {
    let rest = input.after(at).before(256);
    let line = rest.before(memchr2(b'\n', b'\r', rest).unwrap_or(rest.len())).trim_ascii();
    !line.is_empty() && line.iter().any(|b| matches!(sextet(*b), SKIP | SPACE))
        || line.starts_with(b"--")
        || line.starts_with(b"__")
}

/// Letters that tell whether it is base64.
const LETTERS_JUDGED: usize = 4096;

/// Which share of the first paragraph of `input` can't be base64: 0.0 (all of it can) to 1.0.
pub(super) fn not_base64(input: &[u8]) -> f32 {
    // Room for a line end of two bytes behind each letter.
    let sample = input.trim_ascii().before(LETTERS_JUDGED * 3);
    let blank_line = [&b"\n\n"[..], b"\r\n\r\n"].iter().filter_map(|b| memchr::memmem::find(sample, b)).min();
    let sample = sample.before(blank_line.unwrap_or(sample.len()));
    // Line ends count for nothing, so that LF and CRLF read the same.
    let (mut ends, mut length) = (0, sample.len().min(LETTERS_JUDGED));
    for end in memchr::memchr2_iter(b'\r', b'\n', sample) {
        if end >= length {
            break;
        }
        ends += 1;
        length = sample.len().min(LETTERS_JUDGED + ends);
    }
    // No table, so that many bytes are looked at in one step.
    let belongs = |b: u8| {
        (b | 0x20).wrapping_sub(b'a') < 26
            || b.wrapping_sub(b'0') < 10
            || matches!(b, b'+' | b'-' | b'/' | b'_' | b'=' | b'\r' | b'\n')
    };
    let strange = sample.before(length).iter().filter(|b| !belongs(**b)).count();
    strange as f32 / (length - ends).max(1) as f32
}

fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

/// Reads two hexadecimal digits at the start of `bytes`.
pub(super) fn hex_pair(bytes: &[u8]) -> Option<u8> {
    match bytes {
        [a, b, ..] => Some(hex(*a)? << 4 | hex(*b)?),
        _ => None,
    }
}

/// A line this long was wrapped by a program.
const WRAPPED_LINE: usize = 60;

/// A text without a label that can only be quoted-printable: each `=` in it is an escape or a soft
/// line break, and what the escapes stand for is text, the equals sign itself among it or letters
/// beyond ASCII.
pub(super) fn must_be_quoted_printable(input: &[u8]) -> bool {
    let (mut escapes, mut telling) = (0usize, false);
    let mut high: Vec<u8> = Vec::new();
    if !input.is_ascii() {
        return false;
    }
    let mut rest = input;
    while let Some(i) = memchr(b'=', rest) {
        rest = rest.after(i + 1);
        match (rest, hex_pair(rest)) {
            (_, Some(byte)) => {
                if byte < b' ' && !matches!(byte, b'\t' | b'\r' | b'\n') {
                    return false;
                }
                escapes += 1;
                telling |= byte == b'=';
                if byte >= 0x80 && high.len() < 1_000 {
                    high.push(byte);
                }
                rest = rest.after(2);
            }
            ([] | [b'\r' | b'\n', ..], None) => {}
            _ => return false,
        }
    }
    telling |= high.len() >= 2 && std::str::from_utf8(&high).map_or_else(|e| e.error_len().is_none(), |_| true);
    escapes >= 3 && telling
}

/// Decodes quoted-printable. A stray `=` is taken literally.
pub(super) fn quoted_printable(input: &[u8]) -> Decoded<'_> {
    if memchr(b'=', input).is_none() {
        return Decoded { bytes: Cow::Borrowed(input), tail: b"", flaws: 0, is_base64: false };
    }
    let mut out = Vec::with_capacity(input.len());
    let mut flaws = 0;
    let mut rest = input;
    while let Some(i) = memchr(b'=', rest) {
        out.extend_from_slice(rest.before(i));
        let after = rest.after(i + 1);
        if let Some(byte) = hex_pair(after) {
            out.push(byte);
            rest = after.after(2);
            continue;
        }
        // A NUL that crept in between is no more than a blank.
        let blanks = after.iter().take_while(|b| matches!(b, b' ' | b'\t' | 0)).count();
        let line_end = after.after(blanks);
        rest = match line_end {
            // CRCRLF is one line end: some relay has added a CR to each line.
            [b'\r', ..] => {
                let behind = line_end.after(line_end.iter().take_while(|b| **b == b'\r').count());
                behind.strip_prefix(b"\n").unwrap_or(behind)
            }
            [b'\n', ..] => line_end.after(1),
            [] => b"",
            _ => match cut_escape(after) {
                // A relay wrapped a long line within an escape.
                Some((byte, next)) if line_length(&out) >= WRAPPED_LINE => {
                    flaws += 1;
                    out.push(byte);
                    next
                }
                _ => {
                    flaws += 1;
                    out.push(b'=');
                    after
                }
            },
        };
    }
    out.extend_from_slice(rest);
    Decoded { bytes: Cow::Owned(out), tail: b"", flaws, is_base64: false }
}

/// An escape with a line break between its digits, of a byte that is no ASCII: the byte, and what follows.
fn cut_escape(after: &[u8]) -> Option<(u8, &[u8])> {
    let (high, rest) = after.split_first()?;
    let rest = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n"))?;
    let byte = hex_pair(&[*high, *rest.first()?])?;
    (byte >= 0x80).then(|| (byte, rest.after(1)))
}

/// Bytes since the last line break.
fn line_length(out: &[u8]) -> usize {
    out.len() - memchr::memrchr(b'\n', out).map_or(0, |i| i + 1)
}

/// Decodes the lines of a uuencoded file: what stands between `begin` and `end`, exclusive.
/// A line that is none ends it.
pub(super) fn uuencoded(input: &[u8]) -> Decoded<'_> {
    let mut out = Vec::with_capacity(input.len() / 4 * 3);
    let mut flaws = 0;
    for line in input.split(|b| *b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Some((&first, data)) = line.split_first() else { continue };
        if line.starts_with(b"begin ") {
            continue;
        }
        if line == b"end" {
            break;
        }
        let length = usize::from(first.wrapping_sub(b' ') & 0x3f);
        if !(b' '..=b'`').contains(&first) {
            flaws += line.len();
            continue;
        }
        let start = out.len();
        for four in data.chunks(4) {
            let value = |i: usize| u32::from(four.get(i).copied().unwrap_or(b' ').wrapping_sub(b' ') & 0x3f);
            let [_, a, b, c] = (value(0) << 18 | value(1) << 12 | value(2) << 6 | value(3)).to_be_bytes();
            out.extend_from_slice(&[a, b, c]);
        }
        if out.len() - start < length {
            flaws += 1;
        }
        out.truncate(start + length.min(out.len() - start));
    }
    Decoded { bytes: Cow::Owned(out), tail: b"", flaws, is_base64: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(d: &Decoded<'_>) -> String {
        String::from_utf8(d.bytes.to_vec()).unwrap()
    }

    #[test]
    fn base64_skips_what_does_not_belong() {
        assert_eq!(text(&base64(b"SGV*sbG8=\r\n")), "Hello");
        assert_eq!(text(&base64(b"SGVsbG8")), "Hello");
        assert_eq!(text(&base64(b"SGVsbA")), "Hell");
        assert_eq!(base64(b"A").bytes.len(), 0);
    }

    #[test]
    fn base64_goes_on_after_padding() {
        assert_eq!(text(&base64(b"SGVsbG8=IHdvcmxk\r\n")), "Hello world");
    }

    #[test]
    fn a_footer_after_base64_is_the_tail() {
        let d = base64(b"SGVsbG8=\r\n____\r\nList mailing list\r\n");
        assert_eq!(text(&d), "Hello");
        assert_eq!(d.tail, b"____\r\nList mailing list");
        let unpadded = base64(b"SGVsbG8h\n\nList mailing list\n");
        assert_eq!((text(&unpadded).as_str(), unpadded.tail), ("Hello!", &b"List mailing list"[..]));
    }

    #[test]
    fn quoted_printable_takes_a_stray_equals_sign_literally() {
        assert_eq!(text(&quoted_printable(b"a=3Db=3db = c= \r\nd=")), "a=b=b = cd");
        assert_eq!(quoted_printable(b"1=Z").flaws, 1);
        assert_eq!(text(&quoted_printable(b"a=\r\r\nb=\rc=\n\nd")), "abc\nd");
        assert_eq!(text(&quoted_printable(b"wo= \0\r\nrd")), "word");
    }

    #[test]
    fn quoted_printable_is_recognised_only_where_it_can_be_nothing_else() {
        assert!(must_be_quoted_printable(b"<p style=3D\"x\">Gr=C3=B6=C3=9Fe</p>=\n"));
        for text in ["a=b, c=d", "?x=41&y=42&z=43", "=00=01=02=3D", "see =3D", "<p style=\"x\">=3D=3D=3D</p>"] {
            assert!(!must_be_quoted_printable(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn an_escape_that_a_relay_cut_is_joined() {
        let line = "x".repeat(70);
        assert_eq!(text(&quoted_printable(format!("{line}=C\n3=A9").as_bytes())), format!("{line}é"));
        assert_eq!(text(&quoted_printable(b"x=C\n3")), "x=C\n3");
    }

    #[test]
    fn uuencode_decodes_its_lines() {
        assert_eq!(text(&uuencoded(b"begin 644 x\n#0V%T\n`\nend\n")), "Cat");
        assert_eq!(text(&uuencoded(b"%2&5L;&\\\n`\n")), "Hello");
    }
}
