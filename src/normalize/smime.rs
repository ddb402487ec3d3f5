//! The content of an S/MIME signed-data wrapper (RFC 8551, RFC 5652), by a minimal walk of its DER/BER.
//!
//! The signature is not checked: unwrapping shows what a client would show, and nothing is granted on it.
//!
//! # Failure
//! What is not signed-data, or is cut, gives `None`. Nesting is bounded; time is linear.

use super::span::Span;

/// Levels of constructed octet strings that are followed.
const DEPTH_MAX: usize = 16;

const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const OID: u8 = 0x06;
const OCTETS: u8 = 0x04;
const OCTETS_CONSTRUCTED: u8 = 0x24;
const EXPLICIT_0: u8 = 0xa0;

struct Element<'a> {
    tag: u8,
    /// The content; of an indefinite length: everything up to the end of the input.
    content: &'a [u8],
    indefinite: bool,
    /// What follows it; empty for an indefinite length, whose end is found by reading it.
    rest: &'a [u8],
}

/// The mail inside a signed-data wrapper.
pub(super) fn signed_content(der: &[u8]) -> Option<Vec<u8>> {
    let info = expect(der, SEQUENCE)?;
    let kind = expect(info.content, OID)?;
    if kind.content != SIGNED_DATA {
        return None;
    }
    let explicit = expect(kind.rest, EXPLICIT_0)?;
    let signed = expect(explicit.content, SEQUENCE)?;
    let version = expect(signed.content, INTEGER)?;
    let algorithms = expect(version.rest, SET)?;
    let after = if algorithms.indefinite { skip_indefinite(algorithms.content, 0)? } else { algorithms.rest };
    let encapsulated = expect(after, SEQUENCE)?;
    let kind = expect(encapsulated.content, OID)?;
    if kind.content != DATA {
        return None;
    }
    let explicit = expect(kind.rest, EXPLICIT_0)?;
    let mut out = Vec::new();
    octets(explicit.content, &mut out, 0)?;
    (!out.is_empty()).then_some(out)
}

fn expect(input: &[u8], tag: u8) -> Option<Element<'_>> {
    element(input).filter(|e| e.tag == tag)
}

fn element(input: &[u8]) -> Option<Element<'_>> {
    let (&tag, rest) = input.split_first()?;
    let (&first, rest) = rest.split_first()?;
    match first {
        0x80 => Some(Element { tag, content: rest, indefinite: true, rest: b"" }),
        0..=0x7f => {
            let length = usize::from(first);
            Some(Element { tag, content: rest.before(length), indefinite: false, rest: rest.after(length) })
        }
        _ => {
            let count = usize::from(first & 0x7f);
            if count > 8 || rest.len() < count {
                return None;
            }
            let length = rest.before(count).iter().fold(0usize, |n, b| n.saturating_mul(256).saturating_add(usize::from(*b)));
            let rest = rest.after(count);
            Some(Element { tag, content: rest.before(length), indefinite: false, rest: rest.after(length.min(rest.len())) })
        }
    }
}

/// Appends an octet string, primitive or constructed, and returns what follows it.
fn octets<'a>(input: &'a [u8], out: &mut Vec<u8>, depth: usize) -> Option<&'a [u8]> {
    if depth > DEPTH_MAX {
        return None;
    }
    let found = element(input)?;
    match found.tag {
        OCTETS => {
            out.extend_from_slice(found.content);
            Some(found.rest)
        }
        OCTETS_CONSTRUCTED => {
            let mut inner = found.content;
            while !inner.is_empty() {
                if inner.starts_with(&[0, 0]) && found.indefinite {
                    return Some(inner.after(2));
                }
                inner = octets(inner, out, depth + 1)?;
            }
            Some(found.rest)
        }
        _ => None,
    }
}

/// What follows the end-of-contents of an indefinite length.
fn skip_indefinite(mut input: &[u8], depth: usize) -> Option<&[u8]> {
    if depth > DEPTH_MAX {
        return None;
    }
    loop {
        if input.starts_with(&[0, 0]) {
            return Some(input.after(2));
        }
        let found = element(input)?;
        input = if found.indefinite { skip_indefinite(found.content, depth + 1)? } else { found.rest };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
        let mut out = vec![tag];
        match content.len() {
            n @ 0..=127 => out.push(n as u8),
            n => out.extend_from_slice(&[0x82, (n >> 8) as u8, n as u8]),
        }
        out.extend_from_slice(content);
        out
    }

    fn wrapper(kind: &[u8], octets: Vec<u8>) -> Vec<u8> {
        let encapsulated = tlv(SEQUENCE, &[tlv(OID, DATA), tlv(EXPLICIT_0, &octets)].concat());
        let signed = tlv(SEQUENCE, &[tlv(INTEGER, &[1]), tlv(SET, b""), encapsulated].concat());
        tlv(SEQUENCE, &[tlv(OID, kind), tlv(EXPLICIT_0, &signed)].concat())
    }

    #[test]
    fn signed_data_gives_its_content() {
        let mail = b"Content-Type: text/plain\r\n\r\nhello".repeat(10);
        assert_eq!(signed_content(&wrapper(SIGNED_DATA, tlv(OCTETS, &mail))), Some(mail.clone()));
        let chunks = [tlv(OCTETS, b"one "), tlv(OCTETS, b"two")].concat();
        assert_eq!(signed_content(&wrapper(SIGNED_DATA, tlv(OCTETS_CONSTRUCTED, &chunks))), Some(b"one two".to_vec()));
        let indefinite = [&[OCTETS_CONSTRUCTED, 0x80][..], &chunks, &[0, 0]].concat();
        assert_eq!(signed_content(&wrapper(SIGNED_DATA, indefinite)), Some(b"one two".to_vec()));
    }

    #[test]
    fn what_is_not_signed_data_gives_nothing() {
        assert_eq!(signed_content(b""), None);
        assert_eq!(signed_content(&wrapper(DATA, tlv(OCTETS, b"x"))), None);
        assert_eq!(signed_content(&[0x30, 0x80].repeat(1000)), None);
    }
}
