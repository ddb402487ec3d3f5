//! winmail.dat (MS-OXTNEF): the words in its attributes and properties become others, the files in it noise, and its
//! checksums are mended.
//!
//! # Failure
//! None: what can't be taken apart is searched for words.
//!
//! # Trust
//! None: where things stand is asked of the reader ([`crate::normalize::tnef_wire`]).

use super::binary::{RUN_MIN, noise};
use super::form::Form;
use super::kept;
use super::letters::{Kind, kind_of};
use super::walk;
use super::words::Words;
use crate::normalize::tnef_wire::{
    ATT_ATTACH_DATA, ATT_ATTACH_RENDDATA, ATT_ATTACH_TITLE, ATT_ATTACHMENT, ATT_BODY, ATT_MAPI_PROPS, ATT_OEM_CODEPAGE,
    ATT_SUBJECT, Attribute, BINARY, Cursor, OBJECT, PR_ATTACH_DATA, PR_BODY_HTML, PR_INTERNET_CPID, PROPERTIES_MAX, STRING8,
    UNICODE, attribute, is_tnef, property,
};

/// Streams within streams that are followed.
const NESTING_MAX: usize = 8;
/// Attributes that are versions, dates and numbers.
const NUMBERS: &[u16] = &[0x9006, 0x8005, 0x8006, 0x8007, 0x8020, 0x8012, 0x8013, 0x800d, ATT_ATTACH_RENDDATA];

/// Replaces the words of a stream.
pub(super) fn scrub(words: &mut Words, bytes: &[u8]) -> Vec<u8> {
    stream(words, bytes, 0)
}

fn stream(words: &mut Words, bytes: &[u8], depth: usize) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let mut code_page: Option<String> = None;
    let mut cursor = Cursor::attributes(bytes);
    while !cursor.is_at_end() {
        let at = cursor.at();
        let Some(Attribute { id, data: range, .. }) = attribute(&mut cursor) else {
            // Nothing more is read; there may be words all the same.
            let rest = unknown(words, &bytes[at..], depth);
            out[at..].copy_from_slice(&rest);
            break;
        };
        let data = &bytes[range.clone()];
        let new = match id {
            ATT_ATTACH_DATA if is_tnef(data) && depth < NESTING_MAX => stream(words, data, depth + 1),
            ATT_ATTACH_DATA => noise(words, data),
            ATT_OEM_CODEPAGE => {
                code_page = label(data).or(code_page);
                data.to_vec()
            }
            _ if NUMBERS.contains(&id) => data.to_vec(),
            ATT_MAPI_PROPS | ATT_ATTACHMENT => properties(words, data, &mut code_page, depth),
            ATT_SUBJECT | ATT_BODY | ATT_ATTACH_TITLE => walk::text(words, data, None, code_page.as_deref(), "", &|_| false),
            _ => unknown(words, data, depth),
        };
        let end = range.end;
        out[range].copy_from_slice(&new);
        let sum = |bytes: &[u8]| bytes.iter().fold(0u16, |sum, b| sum.wrapping_add(u16::from(*b)));
        if let Some(given) = bytes.get(end..end + 2)
            && u16::from_le_bytes([given[0], given[1]]) == sum(data)
        {
            out[end..end + 2].copy_from_slice(&sum(&new).to_le_bytes());
        }
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
    let mut cursor = Cursor::new(data, 0);
    let count = cursor.u32().unwrap_or_default() as usize;
    let mut at = cursor.at();
    for _ in 0..count.min(PROPERTIES_MAX) {
        let mut values = Vec::new();
        let Some((id, kind)) = property(&mut cursor, &mut |value| values.push(value)) else { break };
        at = cursor.at();
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
