//! A mail's bytes as they go over the wire.
//!
//! A file is sent to the byte, LF files with CRLF (see `line_ends`). What a copy adds (an id, so that it can be found again) is
//! put in while sending, so that one mail can be sent many times without being copied.
//!
//! # Trust
//! The bytes may be anything, the empty mail included.

use crate::cli::line_ends::as_travelled;
use std::sync::Arc;

/// One mail, ready to be sent any number of times.
#[derive(Debug)]
pub(super) struct Wire {
    /// The file, and which mail of it, for messages.
    pub(super) name: Arc<str>,
    bytes: Vec<u8>,
    /// Has bytes above 127: wants BODY=8BITMIME.
    pub(super) eight_bit: bool,
    /// Has bare CR, bare LF or NUL, which DATA does not promise to carry: wants BDAT.
    pub(super) binary: bool,
    /// Has UTF-8 in its header: wants SMTPUTF8 where it is offered (RFC 6532).
    pub(super) utf8_header: bool,
    /// Some line begins with a dot.
    dots: bool,
    /// One past the `<` of its Message-ID.
    message_id_at: Option<usize>,
}

/// How one copy of a mail differs from the file.
#[derive(Debug, Default, Clone)]
pub(super) struct Stamp {
    /// Names this copy, in an `X-Tidegate-Send-Id` field put before the mail.
    pub(super) id: Option<String>,
    /// It was sent before in this run, so it gets a Message-ID of its own: otherwise it would be a
    /// duplicate of the first copy, and a load test would measure that.
    pub(super) repeat: bool,
}

impl Wire {
    /// Looks at a mail once.
    pub(super) fn new(name: &str, raw: Vec<u8>) -> Wire {
        let bytes = as_travelled(raw);
        let header = &bytes[..header_len(&bytes)];
        Wire {
            name: name.into(),
            eight_bit: !bytes.is_ascii(),
            binary: is_binary(&bytes),
            utf8_header: !header.is_ascii() && std::str::from_utf8(header).is_ok(),
            dots: bytes.first() == Some(&b'.') || memchr::memmem::find(&bytes, b"\r\n.").is_some(),
            message_id_at: message_id_at(header),
            bytes,
        }
    }

    /// Length of a copy in bytes, as SIZE (RFC 1870) counts: with CRLFs, without stuffed dots.
    pub(super) fn len(&self, stamp: &Stamp) -> usize {
        self.pieces(stamp).iter().map(|p| p.len()).sum()
    }

    /// The copy's bytes, one after the other: what BDAT carries.
    pub(super) fn pieces<'a>(&'a self, stamp: &'a Stamp) -> [Piece<'a>; 4] {
        let mut prefix = String::new();
        if let Some(id) = &stamp.id {
            prefix = format!("X-Tidegate-Send-Id: {id}\r\n");
            if stamp.repeat && self.message_id_at.is_none() {
                prefix.push_str(&format!("Message-ID: <{id}@send.tidegate.invalid>\r\n"));
            }
        }
        let (own, at) = match (&stamp.id, stamp.repeat, self.message_id_at) {
            (Some(id), true, Some(at)) => (format!("{id}."), at),
            _ => (String::new(), 0),
        };
        [Piece::Made(prefix), Piece::File(&self.bytes[..at]), Piece::Made(own), Piece::File(&self.bytes[at..])]
    }

    /// Appends the copy as DATA carries it: dots stuffed (RFC 5321 4.5.2), ended by `CRLF . CRLF`.
    pub(super) fn write_data(&self, stamp: &Stamp, out: &mut Vec<u8>) {
        let from = out.len();
        if self.dots {
            let mut plain = Vec::with_capacity(self.bytes.len() + 128);
            for piece in self.pieces(stamp) {
                plain.extend_from_slice(&piece);
            }
            stuff_dots(&plain, out);
        } else {
            for piece in self.pieces(stamp) {
                out.extend_from_slice(&piece);
            }
        }
        if out.len() > from && !out.ends_with(b"\r\n") {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b".\r\n");
    }
}

/// A run of bytes of the file, or what a copy puts between two of them.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    File(&'a [u8]),
    Made(String),
}

impl std::ops::Deref for Piece<'_> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Piece::File(b) => b,
            Piece::Made(s) => s.as_bytes(),
        }
    }
}

/// A line starts after CRLF and nowhere else, as the gateway sees it too.
fn stuff_dots(plain: &[u8], out: &mut Vec<u8>) {
    if plain.first() == Some(&b'.') {
        out.push(b'.');
    }
    let mut done = 0;
    for at in memchr::memmem::find_iter(plain, b"\r\n.") {
        out.extend_from_slice(&plain[done..at + 2]);
        out.push(b'.');
        done = at + 2;
    }
    out.extend_from_slice(&plain[done..]);
}

fn is_binary(bytes: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', bytes).any(|at| at == 0 || bytes[at - 1] != b'\r')
        || memchr::memchr_iter(b'\r', bytes).any(|at| bytes.get(at + 1) != Some(&b'\n'))
        || memchr::memchr(0, bytes).is_some()
}

/// Up to the empty line, or all of it.
fn header_len(bytes: &[u8]) -> usize {
    if bytes.starts_with(b"\r\n") {
        return 0;
    }
    memchr::memmem::find(bytes, b"\r\n\r\n").map_or(bytes.len(), |at| at + 2)
}

fn message_id_at(header: &[u8]) -> Option<usize> {
    let mut at = 0;
    for line in header.split_inclusive(|b| *b == b'\n') {
        const NAME: &[u8] = b"message-id:";
        if line.len() > NAME.len() && line[..NAME.len()].eq_ignore_ascii_case(NAME) {
            return memchr::memchr(b'<', line).map(|i| at + i + 1);
        }
        at += line.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(raw: &[u8], stamp: &Stamp) -> String {
        let mut out = Vec::new();
        Wire::new("t", raw.to_vec()).write_data(stamp, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn dots_are_stuffed_at_line_starts_and_nowhere_else() {
        assert_eq!(data(b".\r\n..\r\na.\r\n.b", &Stamp::default()), "..\r\n...\r\na.\r\n..b\r\n.\r\n");
        assert_eq!(data(b"a\r\n\n.\n.b\r\n", &Stamp::default()), "a\r\n\n.\n.b\r\n.\r\n");
        assert_eq!(data(b"", &Stamp::default()), ".\r\n");
        assert_eq!(data(b"a\r\n", &Stamp::default()), "a\r\n.\r\n");
    }

    #[test]
    fn what_a_mail_needs_is_seen() {
        let w = |raw: &[u8]| Wire::new("t", raw.to_vec());
        assert!(!w(b"A: b\r\n\r\nc\r\n").binary && !w(b"A: b\n\nc\n").binary);
        assert!(w(b"A: b\r\n\r\nc\nd").binary && w(b"a\r\n\rb").binary && w(b"a\0").binary && w(b"a\r\n\nb").binary);
        assert!(w("A: b\r\n\r\né".as_bytes()).eight_bit && !w("A: b\r\n\r\né".as_bytes()).utf8_header);
        assert!(w("A: é\r\n\r\nb".as_bytes()).utf8_header && !w(b"A: \xe9\r\n\r\nb").utf8_header);
    }

    #[test]
    fn a_repeat_is_a_mail_of_its_own() {
        let stamp = Stamp { id: Some("7-1".into()), repeat: true };
        assert_eq!(
            data(b"MESSAGE-id: <x@y>\r\n\r\n.b\r\n", &stamp),
            "X-Tidegate-Send-Id: 7-1\r\nMESSAGE-id: <7-1.x@y>\r\n\r\n..b\r\n.\r\n"
        );
        assert!(data(b"A: b\r\n\r\n", &stamp).starts_with("X-Tidegate-Send-Id: 7-1\r\nMessage-ID: <7-1@"));
        let w = Wire::new("t", b"Message-ID: <x@y>\r\n\r\n".to_vec());
        assert_eq!(w.len(&stamp), b"X-Tidegate-Send-Id: 7-1\r\nMessage-ID: <7-1.x@y>\r\n\r\n".len());
        assert_eq!(w.len(&Stamp::default()), b"Message-ID: <x@y>\r\n\r\n".len());
    }
}
