//! Files that are no text: noise of the same shape; and what of a signed wrapper may be words.
//!
//! # Failure
//! None: bytes that are no known wrapper become noise of the same length.
//!
//! # Trust
//! None.

use super::walk;
use super::words::Words;

/// Bytes at the beginning of a file that say what it is.
const MAGIC_BYTES: usize = 16;
/// Printable bytes in a row that may be words.
pub(super) const RUN_MIN: usize = 5;

/// Other bytes of the same kind: letters for letters, digits for digits, 8-bit ones for 8-bit ones.
pub(super) fn noise(words: &Words, bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    if words.is_learning() {
        return out;
    }
    let mut next = words.stream(bytes);
    for byte in out.iter_mut().skip(MAGIC_BYTES) {
        let draw = next();
        *byte = match *byte {
            b'0'..=b'9' => b'0' + (draw % 10) as u8,
            b'a'..=b'z' => b'a' + (draw % 26) as u8,
            b'A'..=b'Z' => b'A' + (draw % 26) as u8,
            0x80..=0xff => 0x80 + (draw % 128) as u8,
            other => other,
        };
    }
    out
}

/// Only what may be words becomes other words: in a signed wrapper the rest says where they are.
pub(super) fn printable(words: &mut Words, bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let run = bytes[at..].iter().take_while(|b| b.is_ascii_graphic() || b.is_ascii_whitespace()).count();
        if run >= RUN_MIN {
            let inner = &bytes[at..at + run];
            let is_mail = memchr::memmem::find(&inner.to_ascii_lowercase(), b"content-type:").is_some();
            let new = if is_mail { walk::mail(words, inner, 1) } else { walk::text(words, inner, None, None, "", &|_| false) };
            out[at..at + run].copy_from_slice(&new);
        }
        at += run.max(1);
    }
    out
}
