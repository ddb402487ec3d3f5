//! The body of a mail: from the wire (dot-stuffed, or in BDAT chunks) to its exact bytes.
//!
//! DATA ends on `CRLF . CRLF` and on nothing else, where the first line counts as being at a line
//! start (RFC 5321 4.1.1.4 says that the CRLF of the DATA command itself is that CRLF). Bare CR, bare
//! LF, NUL, eight-bit bytes and lines of any length are body and are kept to the byte; only the dot that
//! a client puts in front of a line that begins with a dot (4.5.2) is taken away. Anything more lenient
//! than that is SMTP smuggling: two servers that do not agree where a mail ends.
//!
//! The input may be split anywhere. This is the hot path: `memmem` skips from one `CRLF .` to the next,
//! and what is between is copied in one piece.
//!
//! # Failure
//! None: every sequence of bytes is a body, ended or not.
//!
//! # Trust
//! Nothing about the input. Memory is the caller's: at most `input.len() + 1` bytes are added to `out`.

use memchr::memmem::Finder;
use std::sync::LazyLock;

static STUFFED: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\r\n."));

/// How far the reader is in recognising `CRLF . CRLF`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Inside a line.
    Line,
    /// After a CR that may be the first half of CRLF.
    Cr,
    /// At a line start: after CRLF, or at the very beginning.
    LineStart,
    /// After a dot at a line start; the dot is withheld.
    Dot,
    /// After a dot and a CR at a line start; both are withheld.
    DotCr,
}

/// Reads what follows the 354 of DATA.
#[derive(Debug, Clone)]
pub struct DataReader {
    at: At,
}

impl Default for DataReader {
    fn default() -> Self {
        DataReader { at: At::LineStart }
    }
}

/// How much of the input was body, and whether the body is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Read {
    /// Bytes taken from the input; what follows is the next command.
    pub consumed: usize,
    /// The terminator was seen (and consumed).
    pub ended: bool,
}

impl DataReader {
    /// Takes body bytes from `input` and adds them, unstuffed, to `out`, up to and including the terminator.
    pub fn read(&mut self, input: &[u8], out: &mut Vec<u8>) -> Read {
        let mut pos = 0;
        while let Some(&next) = input.get(pos) {
            match self.at {
                At::Line => {
                    let rest = &input[pos..];
                    if let Some(found) = STUFFED.find(rest) {
                        out.extend_from_slice(&rest[..found + 2]);
                        pos += found + 3;
                        self.at = At::Dot;
                    } else {
                        out.extend_from_slice(rest);
                        pos = input.len();
                        self.at = match rest {
                            [.., b'\r', b'\n'] => At::LineStart,
                            [.., b'\r'] => At::Cr,
                            _ => At::Line,
                        };
                    }
                }
                // `\r` was given out already, so `\r\n.` can't be found whole: one byte by hand.
                At::Cr if next == b'\n' => {
                    out.push(next);
                    pos += 1;
                    self.at = At::LineStart;
                }
                At::LineStart if next == b'.' => {
                    pos += 1;
                    self.at = At::Dot;
                }
                At::Dot if next == b'\r' => {
                    pos += 1;
                    self.at = At::DotCr;
                }
                At::DotCr if next == b'\n' => return Read { consumed: pos + 1, ended: true },
                // The dot was stuffing and goes; the CR behind it was body, and may begin a CRLF.
                At::DotCr => {
                    out.push(b'\r');
                    self.at = At::Cr;
                }
                At::Cr | At::LineStart | At::Dot => self.at = At::Line,
            }
        }
        Read { consumed: pos, ended: false }
    }
}

/// Counts the bytes of one BDAT chunk (RFC 3030): nothing in them has a meaning.
#[derive(Debug, Clone)]
pub struct ChunkReader {
    left: u64,
}

impl ChunkReader {
    /// A chunk of this many bytes.
    #[must_use]
    pub fn new(size: u64) -> ChunkReader {
        ChunkReader { left: size }
    }

    /// Bytes that are still to come.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Takes chunk bytes from `input` and adds them to `out`.
    pub fn read(&mut self, input: &[u8], out: &mut Vec<u8>) -> Read {
        let take = usize::try_from(self.left).unwrap_or(usize::MAX).min(input.len());
        out.extend_from_slice(&input[..take]);
        self.left -= take as u64;
        Read { consumed: take, ended: self.left == 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The rule, said as plainly as possible, for bytes that are all there.
    fn plainly(input: &[u8]) -> (Vec<u8>, Option<usize>) {
        let (mut out, mut pos, mut line_start) = (Vec::new(), 0, true);
        while pos < input.len() {
            if line_start && input[pos..].starts_with(b".\r\n") {
                return (out, Some(pos + 3));
            }
            if line_start && input[pos] == b'.' {
                pos += 1;
                line_start = false;
                continue;
            }
            out.push(input[pos]);
            line_start = input[pos] == b'\n' && pos > 0 && input[pos - 1] == b'\r';
            pos += 1;
        }
        (out, None)
    }

    fn in_pieces(input: &[u8], mut piece: impl FnMut() -> usize) -> (Vec<u8>, Option<usize>) {
        let (mut reader, mut out, mut pos) = (DataReader::default(), Vec::new(), 0);
        while pos < input.len() {
            let end = (pos + piece().max(1)).min(input.len());
            let read = reader.read(&input[pos..end], &mut out);
            pos += read.consumed;
            if read.ended {
                return (out, Some(pos));
            }
            assert_eq!(pos, end, "only a terminator leaves input");
        }
        (out, None)
    }

    #[test]
    fn only_crlf_dot_crlf_ends_a_body() {
        // What two other engines take for an end, and the one thing that is.
        let cases: &[(&[u8], &[u8], bool)] = &[
            (b"x\r\n.\r\n", b"x\r\n", true),
            (b".\r\n", b"", true),
            (b"..\r\n.\r\n", b".\r\n", true),
            (b"..foo\r\n.\r\n", b".foo\r\n", true),
            (b"x\r\r\n.\r\n", b"x\r\r\n", true),
            (b"x\r\n\r\n.\r\n", b"x\r\n\r\n", true),
            (b"x\n.\n", b"x\n.\n", false),
            (b"x\n.\r\n", b"x\n.\r\n", false),
            (b"x\r.\r\n", b"x\r.\r\n", false),
            (b"x\r.\r", b"x\r.\r", false),
            (b"x\r\n.\n", b"x\r\n\n", false),
            (b"x\r\n.\r\r\n", b"x\r\n\r\r\n", false),
            (b"x\r\n.\r\r\r\n", b"x\r\n\r\r\r\n", false),
            (b"x\r\n. \r\n", b"x\r\n \r\n", false),
            (b"x\r\n\0.\r\n", b"x\r\n\0.\r\n", false),
            (b"x\r\n.\0\r\n", b"x\r\n\0\r\n", false),
            (b"x\n..y\r\n", b"x\n..y\r\n", false),
        ];
        for (input, body, ends) in cases {
            let mut input = input.to_vec();
            if !ends {
                input.push(b'z');
            }
            for piece in [1, 2, 3, usize::MAX / 2] {
                let (out, end) = in_pieces(&input, || piece);
                assert_eq!(end.is_some(), *ends, "{:?} in pieces of {piece}", input.escape_ascii().to_string());
                let out = if *ends { &out[..] } else { &out[..out.len() - 1] };
                assert_eq!(out.escape_ascii().to_string(), body.escape_ascii().to_string());
            }
        }
    }

    #[test]
    fn a_chunk_is_counted_and_not_looked_into() {
        let (mut chunk, mut out) = (ChunkReader::new(7), Vec::new());
        assert_eq!(chunk.read(b"\r\n.\r", &mut out), Read { consumed: 4, ended: false });
        assert_eq!(chunk.read(b"\n\0QUIT\r\n", &mut out), Read { consumed: 2 + 1, ended: true });
        assert_eq!(out, b"\r\n.\r\n\0Q");
        assert_eq!(ChunkReader::new(0).read(b"x", &mut out), Read { consumed: 0, ended: true });
    }

    proptest! {
        #[test]
        fn any_split_gives_what_the_plain_rule_gives(
            input in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'.'), Just(b'a'), Just(0u8)], 0..200),
            pieces in proptest::collection::vec(1usize..9, 1..20),
        ) {
            let mut at = 0;
            let got = in_pieces(&input, || { at += 1; pieces[at % pieces.len()] });
            let (mut want, end) = plainly(&input);
            if end.is_none() {
                // What is withheld at the end of an unfinished body.
                if want.ends_with(b"\r") && !got.0.ends_with(b"\r") || want.len() > got.0.len() {
                    want.truncate(got.0.len());
                }
            }
            prop_assert_eq!(got, (want, end));
        }

        #[test]
        fn a_stuffed_body_comes_out_as_it_was(
            lines in proptest::collection::vec("[.a\r\0 ]{0,12}", 0..20),
        ) {
            let body: String = lines.iter().map(|l| format!("{}\r\n", l)).collect();
            let mut wire = String::new();
            let mut start = true;
            let mut before = '\0';
            for c in body.chars() {
                if start && c == '.' { wire.push('.'); }
                wire.push(c);
                start = c == '\n' && before == '\r';
                before = c;
            }
            wire.push_str(".\r\nQUIT\r\n");
            let (out, end) = in_pieces(wire.as_bytes(), || 5);
            prop_assert_eq!(out, body.as_bytes());
            prop_assert_eq!(end, Some(wire.len() - 6));
        }
    }
}
