//! Files that are no text: noise of the same shape; and the wrappers that reading looks into.
//!
//! # Failure
//! None: bytes that are no known wrapper become noise of the same length.
//!
//! # Trust
//! None: lengths told inside a file are held against what is there.

use super::kept;
use super::letters::{Kind, kind_of};
use super::walk;
use super::words::Words;

/// Bytes at the beginning of a file that say what it is.
const MAGIC_BYTES: usize = 16;
/// Printable bytes in a row that may be words.
const RUN_MIN: usize = 5;

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

/// The signature of TNEF.
pub(super) fn is_tnef(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x78\x9f\x3e\x22")
}

/// The attributes of a winmail.dat: their words become others, and their checksums are mended.
pub(super) fn tnef(words: &mut Words, bytes: &[u8]) -> Vec<u8> {
    const HEAD: usize = 6;
    let mut out = bytes.to_vec();
    let mut at = HEAD;
    while let Some(head) = bytes.get(at..at + 9) {
        let id = u16::from_le_bytes([head[1], head[2]]);
        let len = u32::from_le_bytes([head[5], head[6], head[7], head[8]]) as usize;
        let start = at + 9;
        let Some(end) = start.checked_add(len).filter(|end| *end <= bytes.len()) else { break };
        let data = &bytes[start..end];
        let new = match id {
            // attAttachData
            0x800f => {
                if is_tnef(data) {
                    tnef(words, data)
                } else {
                    noise(words, data)
                }
            }
            // Versions, code pages, dates, numbers.
            0x9006 | 0x9007 | 0x8005 | 0x8006 | 0x8007 | 0x8020 | 0x8012 | 0x8013 | 0x800d | 0x9002 => data.to_vec(),
            _ => properties(words, data),
        };
        out[start..end].copy_from_slice(&new);
        let sum = |bytes: &[u8]| bytes.iter().fold(0u16, |sum, b| sum.wrapping_add(u16::from(*b)));
        if let Some(given) = bytes.get(end..end + 2)
            && u16::from_le_bytes([given[0], given[1]]) == sum(data)
        {
            out[end..end + 2].copy_from_slice(&sum(&new).to_le_bytes());
        }
        at = end + 2;
    }
    out
}

/// MAPI properties, not taken apart: words in 8-bit and in UTF-16 become others, files in them noise, compressed RTF
/// other letters.
fn properties(words: &mut Words, data: &[u8]) -> Vec<u8> {
    let mut out = data.to_vec();
    let mut at = 0;
    while at < data.len() {
        let rest = &data[at..];
        let nested = memchr::memmem::find(rest, b"\x78\x9f\x3e\x22").filter(|n| *n == 0).is_some();
        if nested {
            let new = tnef(words, rest);
            out[at..].copy_from_slice(&new);
            return out;
        }
        if let Some(len) = compressed_rtf(rest) {
            super::rtf::scrub(words, &rest[..len], &mut out[at..at + len]);
            at += len;
            continue;
        }
        let wide = rest.chunks_exact(2).take_while(|c| is_told(u16::from_le_bytes([c[0], c[1]]))).count() * 2;
        let narrow = rest.iter().take_while(|b| b.is_ascii_graphic() || b.is_ascii_whitespace() || **b >= 0x80).count();
        let (len, charset) = if wide >= 2 * RUN_MIN { (wide, Some("utf-16le")) } else { (narrow, None) };
        if len >= RUN_MIN {
            let text = &rest[..len];
            let is_name = kept::is_word(&text.escape_ascii().to_string());
            if !is_name {
                let new = walk::text(words, text, None, charset, "", &|_| false);
                out[at..at + len].copy_from_slice(&new);
            }
            at += len;
        } else {
            at += 1;
        }
    }
    out
}

/// A letter of UTF-16 that texts are made of, a sign or a blank.
fn is_told(code: u16) -> bool {
    char::from_u32(u32::from(code)).is_some_and(|c| match kind_of(c) {
        Kind::Ascii | Kind::Other => c.is_ascii_graphic() || matches!(c, '\t' | '\n' | '\r' | ' ' | '\u{a0}'..='\u{bf}' | '\u{2010}'..='\u{2026}' | '\u{3000}'..='\u{3003}' | '\u{ff01}'..='\u{ff1f}'),
        _ => true,
    })
}

/// Length of a stream of compressed RTF that begins here (MS-OXRTFCP).
fn compressed_rtf(rest: &[u8]) -> Option<usize> {
    let head = rest.get(..16)?;
    let size = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
    let known = matches!(&head[8..12], b"LZFu" | b"MELA");
    (known && size >= 12 && size + 4 <= rest.len()).then_some(size + 4)
}
