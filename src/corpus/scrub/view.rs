//! The decoded bytes of a stretch of a mail, and where each of them stands: what is changed in a view is written back in
//! its place, so that line ends, folds, soft breaks, cuts and rubbish stay where they are.
//!
//! # Failure
//! None: what is not of the encoding stays out of the view, and so as it is.

use std::ops::Range;

/// Where a decoded byte stands.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// As it is.
    Raw(usize),
    /// As two hexadecimal digits, here and here: a cut may stand between them.
    Hex(usize, usize),
    /// Within a run of base64.
    Run,
    /// The upper half of a letter that is written as it is, here.
    Above(usize),
}

/// A run of base64: the letters between two paddings.
#[derive(Debug)]
struct Run {
    start: usize,
    len: usize,
    letters: Vec<usize>,
}

/// Decoded bytes with their places.
#[derive(Debug, Default)]
pub(super) struct View {
    pub(super) bytes: Vec<u8>,
    places: Vec<Place>,
    runs: Vec<Run>,
}

impl View {
    /// Bytes as they stand.
    pub(super) fn raw(&mut self, src: &[u8], range: Range<usize>) {
        for at in range {
            self.bytes.push(src[at]);
            self.places.push(Place::Raw(at));
        }
    }

    /// Bytes written as `=XX` among others; a soft line break is no byte.
    pub(super) fn quoted(&mut self, src: &[u8], range: Range<usize>) {
        let mut at = range.start;
        while at < range.end {
            let rest = &src[at..range.end];
            match rest {
                [b'=', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                    self.bytes.push(hex(*high) << 4 | hex(*low));
                    self.places.push(Place::Hex(at + 1, at + 2));
                    at += 3;
                }
                [b'=', tail @ ..] if soft_break(tail) > 0 => at += 1 + soft_break(tail),
                // A relay wrapped a long line within an escape.
                [b'=', high, tail @ ..] if cut_escape(*high, tail).is_some() && self.line_length() >= WRAPPED_LINE => {
                    let low = at + 2 + cut_escape(*high, tail).unwrap_or_default();
                    self.bytes.push(hex(*high) << 4 | hex(src[low]));
                    self.places.push(Place::Hex(at + 1, low));
                    at = low + 1;
                }
                [byte, ..] => {
                    self.bytes.push(*byte);
                    self.places.push(Place::Raw(at));
                    at += 1;
                }
                [] => break,
            }
        }
    }

    fn line_length(&self) -> usize {
        self.bytes.len() - memchr::memrchr(b'\n', &self.bytes).map_or(0, |n| n + 1)
    }

    /// Bytes written as `%XX` among others, of these places: what stands between them is no part of the text.
    pub(super) fn percent(&mut self, src: &[u8], places: &[usize]) {
        let mut rest = places;
        while let [at, behind @ ..] = rest {
            match behind {
                [high, low, tail @ ..] if src[*at] == b'%' && src[*high].is_ascii_hexdigit() && src[*low].is_ascii_hexdigit() => {
                    self.bytes.push(hex(src[*high]) << 4 | hex(src[*low]));
                    self.places.push(Place::Hex(*high, *low));
                    rest = tail;
                }
                tail => {
                    self.bytes.push(src[*at]);
                    self.places.push(Place::Raw(*at));
                    rest = tail;
                }
            }
        }
    }

    /// Base64, with whatever stands between its letters.
    pub(super) fn base64(&mut self, src: &[u8], range: Range<usize>) {
        let mut letters: Vec<usize> = Vec::new();
        for at in range {
            if src[at] == b'=' {
                self.close(src, &mut letters);
            } else if sextet(src[at]).is_some() {
                letters.push(at);
            }
        }
        self.close(src, &mut letters);
    }

    fn close(&mut self, src: &[u8], letters: &mut Vec<usize>) {
        let letters = std::mem::take(letters);
        let start = self.bytes.len();
        let mut held: u32 = 0;
        for (n, at) in letters.iter().enumerate() {
            held = held << 6 | u32::from(sextet(src[*at]).unwrap_or_default());
            if n % 4 == 3 {
                self.bytes.extend(&held.to_be_bytes()[1..]);
                held = 0;
            }
        }
        match letters.len() % 4 {
            2 => self.bytes.push((held >> 4) as u8),
            3 => self.bytes.extend(&((held >> 2) as u16).to_be_bytes()),
            _ => {}
        }
        let len = self.bytes.len() - start;
        self.places.resize(self.bytes.len(), Place::Run);
        if len > 0 {
            self.runs.push(Run { start, len, letters });
        }
    }

    /// UTF-7 (RFC 2152) as UTF-16: letters as they stand, and runs of base64 behind a `+`.
    pub(super) fn utf7(&mut self, src: &[u8], range: Range<usize>) {
        let mut at = range.start;
        while at < range.end {
            let rest = &src[at + 1..range.end];
            let letters = rest.iter().take_while(|b| !matches!(b, b'-' | b'_') && sextet(**b).is_some()).count();
            if src[at] == b'+' && letters > 0 {
                let start = self.bytes.len();
                self.close(src, &mut (at + 1..at + 1 + letters).collect());
                // Whole letters of two bytes; behind them are bits that say nothing.
                if (self.bytes.len() - start) % 2 == 1 {
                    self.bytes.pop();
                    self.places.pop();
                    if let Some(run) = self.runs.last_mut() {
                        run.len -= 1;
                    }
                }
                at += 1 + letters + usize::from(rest.get(letters) == Some(&b'-'));
                continue;
            }
            self.bytes.extend([0, src[at]]);
            self.places.extend([Place::Above(at), Place::Raw(at)]);
            at += 1;
        }
    }

    /// Which bytes may become any byte: those that are not written as they are.
    pub(super) fn free(&self) -> Vec<bool> {
        self.places.iter().map(|p| !matches!(p, Place::Raw(_))).collect()
    }

    /// Where a byte stands that is written as it is.
    pub(super) fn source(&self, n: usize) -> Option<usize> {
        match self.places.get(n) {
            Some(Place::Raw(at) | Place::Above(at)) => Some(*at),
            _ => None,
        }
    }

    /// Writes the bytes back to their places.
    pub(super) fn write(&self, src: &[u8], out: &mut [u8]) {
        for (byte, place) in self.bytes.iter().zip(&self.places) {
            match place {
                Place::Raw(at) => out[*at] = *byte,
                Place::Hex(high, low) => {
                    let small = src[*high].is_ascii_lowercase() || src[*low].is_ascii_lowercase();
                    let letters = if small { b"0123456789abcdef" } else { b"0123456789ABCDEF" };
                    out[*high] = letters[usize::from(byte >> 4)];
                    out[*low] = letters[usize::from(byte & 15)];
                }
                Place::Run | Place::Above(_) => {}
            }
        }
        for run in &self.runs {
            run.write(&self.bytes[run.start..run.start + run.len], src, out);
        }
    }
}

impl Run {
    fn write(&self, bytes: &[u8], src: &[u8], out: &mut [u8]) {
        let url_safe = self.letters.iter().any(|at| matches!(src[*at], b'-' | b'_'));
        for (n, at) in self.letters.iter().enumerate() {
            let bit = n * 6;
            // Six bits from here; those behind the last byte are as they were.
            let word = u16::from(bytes.get(bit / 8).copied().unwrap_or_default()) << 8
                | u16::from(bytes.get(bit / 8 + 1).copied().unwrap_or_default());
            let mut value = (word >> (10 - bit % 8) & 63) as u8;
            let end = bytes.len() * 8;
            if bit >= end {
                continue;
            }
            if bit + 6 > end {
                let left = bit + 6 - end;
                let mask = (1u8 << left) - 1;
                value = value & !mask | sextet(src[*at]).unwrap_or_default() & mask;
            }
            out[*at] = match value {
                0..=25 => b'A' + value,
                26..=51 => b'a' + value - 26,
                52..=61 => b'0' + value - 52,
                62 => {
                    if url_safe {
                        b'-'
                    } else {
                        b'+'
                    }
                }
                _ => {
                    if url_safe {
                        b'_'
                    } else {
                        b'/'
                    }
                }
            };
        }
    }
}

fn hex(digit: u8) -> u8 {
    char::from(digit).to_digit(16).unwrap_or_default() as u8
}

/// Bytes of a soft line break behind its `=`.
fn soft_break(tail: &[u8]) -> usize {
    let blanks = tail.iter().take_while(|b| matches!(b, b' ' | b'\t' | 0)).count();
    let line_end = &tail[blanks..];
    let returns = line_end.iter().take_while(|b| **b == b'\r').count();
    match &line_end[returns..] {
        [b'\n', ..] => blanks + returns + 1,
        [] => blanks + returns,
        _ if returns > 0 => blanks + returns,
        _ => 0,
    }
}

/// A line this long was wrapped by a program.
const WRAPPED_LINE: usize = 60;

/// How far behind the first digit of an escape the second one stands, with a line end between.
fn cut_escape(high: u8, rest: &[u8]) -> Option<usize> {
    let line_end = if rest.starts_with(b"\r\n") { 2 } else { usize::from(rest.first() == Some(&b'\n')) };
    let low = rest.get(line_end).filter(|_| line_end > 0)?;
    (high.is_ascii_hexdigit() && low.is_ascii_hexdigit() && hex(high) >= 8).then_some(line_end)
}

fn sextet(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

/// The share of what can't be base64 in the first paragraph: above it, the label is wrong.
pub(super) fn is_base64(body: &[u8]) -> bool {
    let sample = body.trim_ascii();
    let sample = &sample[..sample.len().min(4096)];
    let blank_line = [&b"\n\n"[..], b"\r\n\r\n"].iter().filter_map(|b| memchr::memmem::find(sample, b)).min();
    let sample = &sample[..blank_line.unwrap_or(sample.len())];
    let strange =
        sample.iter().filter(|b| matches!(b, b' ' | b'\t') || sextet(**b).is_none() && !matches!(b, b'=' | b'\r' | b'\n'));
    strange.count() * 20 <= sample.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turned(text: &str, make: impl Fn(&mut View, &[u8])) -> (String, String) {
        let mut view = View::default();
        make(&mut view, text.as_bytes());
        let before = String::from_utf8(view.bytes.clone()).unwrap();
        view.bytes.make_ascii_uppercase();
        let mut out = text.as_bytes().to_vec();
        view.write(text.as_bytes(), &mut out);
        (before, String::from_utf8(out).unwrap())
    }

    #[test]
    fn quoted_printable_keeps_its_form() {
        let (before, after) = turned("a=62c=\r\nd=6a =zz", |v, s| v.quoted(s, 0..s.len()));
        assert_eq!((before.as_str(), after.as_str()), ("abcdj =zz", "A=42C=\r\nD=4a =ZZ"));
        let line = "x".repeat(60);
        let mut view = View::default();
        let text = format!("{line}=C\n3=A9 =C\r\n3=A9");
        view.quoted(text.as_bytes(), 0..text.len());
        assert_eq!(String::from_utf8(view.bytes).unwrap(), format!("{line}é é"));
    }

    #[test]
    fn an_escape_that_is_cut_is_one_byte() {
        let text = "a%6; k=2%62%6";
        let places: Vec<usize> = (0..3).chain(7..13).collect();
        let (before, after) = turned(text, |v, s| v.percent(s, &places));
        assert_eq!((before.as_str(), after.as_str()), ("abb%6", "A%4; k=2%42%6"));
    }

    #[test]
    fn utf_7_is_letters_of_two_bytes() {
        let text = b"Hi +AOQA9g- a+-b +AOQ";
        let mut view = View::default();
        view.utf7(text, 0..text.len());
        let letters: Vec<u16> = view.bytes.chunks(2).map(|c| u16::from_be_bytes([c[0], c[1]])).collect();
        assert_eq!(String::from_utf16(&letters).unwrap(), "Hi äö a+-b ä");
        for letter in view.bytes.chunks_mut(2).filter(|l| l[1] == 0xe4) {
            letter[1] = 0xe5;
        }
        let mut out = text.to_vec();
        view.write(text, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "Hi +AOUA9g- a+-b +AOU");
    }

    #[test]
    fn base64_keeps_its_lines_its_rubbish_and_its_padding() {
        let (before, after) = turned("aGVs\r\nbG8!=\n d29ybGQ=\n", |v, s| v.base64(s, 0..s.len()));
        assert_eq!((before.as_str(), after.as_str()), ("helloworld", "SEVM\r\nTE8!=\n V09STEQ=\n"));
    }
}
