//! What must hold for any piece of a mail that comes again and again.
//!
//! # Failure
//! A panic that says what did not hold, and nothing else.

use super::super::{normalize, sanitize};
use super::choice::Choices;
use crate::limits::Limits;

/// Bytes of the mail that is made of the piece: what is quadratic takes minutes.
const BYTES: usize = 256 << 10;
/// Bytes of a piece.
const PIECE_MAX: usize = 96;

/// What stands before the pieces: they are in a header, in a field, or in a body.
const STARTS: &[&str] = &[
    "",
    "From: a@b.example\n\n",
    "Content-Type: text/html\n\n",
    "Content-Type: multipart/mixed; boundary=b\n\n--b\n",
    "Content-Type: multipart/alternative; boundary=b\n\n--b\n\nx\n--b\nContent-Type: text/html\n\n",
    "Subject: ",
    "To: ",
    "Content-Type: text/plain",
    "Content-Disposition: attachment; filename=",
    "Content-Transfer-Encoding: quoted-printable\n\n",
    "Content-Type: message/rfc822\n\n",
    "Content-Type: text/plain; format=flowed\n\n",
    "Content-Type: text/html; charset=gb2312\n\n<html><body>",
    "References: ",
    "Content-Type: text/plain; charset=iso-2022-jp\n\n",
    "Content-Type: text/enriched\n\n",
];

/// A mail of one piece repeated is read in linear time (a fuzzer stops what takes seconds), and what comes
/// of it is linear too.
///
/// # Panics
/// Where it is not.
pub fn growth(data: &[u8]) {
    let mut choices = Choices::new(data);
    let start = choices.one_of(STARTS);
    let rest = choices.rest();
    // A zero parts what comes once from what is repeated.
    let (once, piece) = match rest.iter().position(|b| *b == 0) {
        Some(at) => rest.split_at_checked(at).unwrap_or_default(),
        None => (&b""[..], rest),
    };
    let piece: Vec<u8> = piece.iter().copied().filter(|b| *b != 0).take(PIECE_MAX).collect();
    if piece.is_empty() {
        return;
    }
    let raw = [start.as_bytes(), once, &piece.repeat(BYTES / piece.len())].concat();
    let mail = normalize(&raw, &Limits::default());
    assert!(mail.text.len() <= 24 * raw.len(), "{} bytes of text from {}", mail.text.len(), raw.len());
    if let Some(html) = &mail.html_source {
        let safe = sanitize(html);
        assert!(safe.len() <= 40 * html.len() + 4096, "{} bytes of safe html from {}", safe.len(), html.len());
    }
}
