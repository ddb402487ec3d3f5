//! winmail.dat (MS-OXTNEF): the words in its attributes and properties become others, the files in it noise, and its
//! checksums are mended.
//!
//! # Failure
//! None: what can't be taken apart is searched for words.
//!
//! # Trust
//! None: lengths told inside are held against what is there.

use super::binary::{RUN_MIN, noise};
use super::form::Form;
use super::kept;
use super::letters::{Kind, kind_of};
use super::walk;
use super::words::Words;
use std::ops::Range;

/// Values of one property that are looked at.
const VALUES_MAX: usize = 20_000;
/// Streams within streams that are followed.
const NESTING_MAX: usize = 8;

const OBJECT: u16 = 0x000d;
const STRING8: u16 = 0x001e;
const UNICODE: u16 = 0x001f;
const BINARY: u16 = 0x0102;

const PR_BODY_HTML: u16 = 0x1013;
/// The file's bytes.
const PR_ATTACH_DATA: u16 = 0x3701;
const PR_INTERNET_CPID: u16 = 0x3fde;

/// The signature of TNEF.
const SIGNATURE: &[u8] = b"\x78\x9f\x3e\x22";

/// Begins like a winmail.dat.
pub(super) fn is_tnef(bytes: &[u8]) -> bool {
    bytes.starts_with(SIGNATURE)
}

/// Replaces the words of a stream.
pub(super) fn scrub(words: &mut Words, bytes: &[u8]) -> Vec<u8> {
    stream(words, bytes, 0)
}

fn stream(words: &mut Words, bytes: &[u8], depth: usize) -> Vec<u8> {
    const HEAD: usize = 6;
    let mut out = bytes.to_vec();
    let mut code_page: Option<String> = None;
    let mut at = HEAD;
    while let Some(head) = bytes.get(at..at + 9) {
        let id = u16::from_le_bytes([head[1], head[2]]);
        let len = u32::from_le_bytes([head[5], head[6], head[7], head[8]]) as usize;
        let start = at + 9;
        // Cut: what is there still counts.
        let end = start.saturating_add(len).min(bytes.len());
        let data = &bytes[start..end];
        let new = match id {
            // attAttachData
            0x800f if is_tnef(data) && depth < NESTING_MAX => stream(words, data, depth + 1),
            0x800f => noise(words, data),
            // attOemCodepage
            0x9007 => {
                code_page = label(data).or(code_page);
                data.to_vec()
            }
            // Versions, dates, numbers.
            0x9006 | 0x8005 | 0x8006 | 0x8007 | 0x8020 | 0x8012 | 0x8013 | 0x800d | 0x9002 => data.to_vec(),
            // attMAPIProps, attAttachment
            0x9003 | 0x9005 => properties(words, data, &mut code_page, depth),
            // attSubject, attBody, attAttachTitle
            0x8004 | 0x800c | 0x8010 => walk::text(words, data, None, code_page.as_deref(), "", &|_| false),
            _ => unknown(words, data, depth),
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

/// The charset of a code page's number.
fn label(number: &[u8]) -> Option<String> {
    let page = u32::from_le_bytes(number.get(..4)?.try_into().ok()?);
    (page > 0).then(|| format!("cp{page}"))
}

/// A block of MAPI properties; behind what can't be read it is bytes of any kind.
fn properties(words: &mut Words, data: &[u8], code_page: &mut Option<String>, depth: usize) -> Vec<u8> {
    let mut out = data.to_vec();
    let count = number(data, 0).unwrap_or_default();
    let mut at = 4.min(data.len());
    let mut read = 0;
    while read < count {
        let mut values = Vec::new();
        let Some((kind, id, next)) = property(data, at, &mut values) else { break };
        if id == PR_INTERNET_CPID {
            *code_page = values.first().and_then(|v| label(&data[v.clone()])).or(code_page.take());
        }
        for range in values {
            let value = &data[range.clone()];
            let html = if id == PR_BODY_HTML { "text/html" } else { "" };
            let new = match kind {
                UNICODE => walk::in_form(words, value, Form::Wide { big: false }, None, html, &|_| false),
                STRING8 => walk::text(words, value, None, code_page.as_deref(), html, &|_| false),
                BINARY | OBJECT => binary(words, value, (kind, id), code_page.as_deref(), depth),
                _ => continue,
            };
            out[range].copy_from_slice(&new);
        }
        at = next;
        read += 1;
    }
    let rest = unknown(words, &data[at..], depth);
    out[at..].copy_from_slice(&rest);
    out
}

/// The bytes of a property: a message, compressed RTF, a text, a file.
fn binary(words: &mut Words, value: &[u8], (kind, id): (u16, u16), code_page: Option<&str>, depth: usize) -> Vec<u8> {
    const INTERFACE: usize = 16;
    if let (OBJECT, Some((interface, inner))) = (kind, value.split_at_checked(INTERFACE)) {
        let new = if !is_tnef(inner) {
            noise(words, inner)
        } else if depth < NESTING_MAX {
            stream(words, inner, depth + 1)
        } else {
            unknown(words, inner, depth)
        };
        return [interface, &new].concat();
    }
    if let Some(len) = compressed_rtf(value) {
        let mut out = value.to_vec();
        super::rtf::scrub(words, &value[..len], &mut out[..len]);
        return out;
    }
    if id == PR_ATTACH_DATA {
        return noise(words, value);
    }
    if walk::looks_like_text(value) {
        return walk::text(words, value, None, code_page, "", &|_| false);
    }
    unknown(words, value, depth)
}

/// A property at `at`: its type, its id, and where the next begins; the places of its values are added.
fn property(data: &[u8], mut at: usize, values: &mut Vec<Range<usize>>) -> Option<(u16, u16, usize)> {
    let two = |at: usize| Some(u16::from_le_bytes(data.get(at..at + 2)?.try_into().ok()?));
    let (kind, id) = (two(at)?, two(at + 2)?);
    at += 4;
    if id >= 0x8000 {
        // A named property: a GUID, then a number or a name.
        let named = number(data, at + 16)?;
        let length = number(data, at + 20)?;
        at = at.checked_add(24)?.checked_add(if named == 0 { 0 } else { padded(length) })?;
    }
    let (many, kind) = (kind & 0x1000 != 0, kind & !0x1000);
    let size = match kind {
        STRING8 | UNICODE | BINARY | OBJECT => None,
        0x0000 | 0x0001 => Some(0),
        0x0002 | 0x0003 | 0x0004 | 0x000a | 0x000b => Some(4),
        0x0005..=0x0007 | 0x0014 | 0x0040 => Some(8),
        0x0048 => Some(16),
        _ => return None,
    };
    let mut count = 1;
    if many || size.is_none() {
        count = number(data, at)?;
        at += 4;
    }
    for _ in 0..count.min(VALUES_MAX) {
        let length = match size {
            Some(0) => break,
            Some(size) => size,
            None => {
                at += 4;
                number(data, at - 4)?
            }
        };
        let end = at.checked_add(length).filter(|end| *end <= data.len())?;
        values.push(at..end);
        // The padding of the last value may be missing.
        at = (at + padded(length)).min(data.len());
    }
    Some((kind, id, at))
}

fn number(data: &[u8], at: usize) -> Option<usize> {
    let bytes = data.get(at..at.checked_add(4)?)?;
    usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
}

const fn padded(length: usize) -> usize {
    length.saturating_add(3) & !3
}

/// Bytes of any kind: words in 8-bit and in UTF-16 become others, files in them noise, compressed RTF other letters.
fn unknown(words: &mut Words, data: &[u8], depth: usize) -> Vec<u8> {
    let mut out = data.to_vec();
    let mut at = 0;
    while at < data.len() {
        let rest = &data[at..];
        if is_tnef(rest) && depth < NESTING_MAX {
            let new = stream(words, rest, depth + 1);
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
