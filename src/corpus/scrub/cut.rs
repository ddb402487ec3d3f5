//! Bytes cut into letters.
//!
//! # Failure
//! None: a byte that is of no letter is a unit of its own.
//!
//! # Trust
//! None: any bytes, in any form.

use super::form::{Form, byte_of};
use super::letters::{Kind, Script, Unit, kind_of};
use encoding_rs::{BIG5, EUC_JP, EUC_KR, Encoding, GB18030, GBK, SHIFT_JIS};

/// Cuts bytes into units; they cover every byte once, in order.
pub(super) fn units(bytes: &[u8], form: Form) -> Vec<Unit> {
    match form {
        Form::Utf8 => utf8(bytes),
        Form::Single(encoding) => {
            let table = single_table(encoding);
            bytes.iter().enumerate().map(|(at, b)| unit(at, 1, table[usize::from(*b)])).collect()
        }
        Form::Old => bytes.iter().enumerate().map(|(at, byte)| old(at, *byte)).collect(),
        Form::Double(encoding) => double(bytes, encoding),
        Form::SevenBitPairs => seven_bit_pairs(bytes),
        Form::Wide { big } => wide(bytes, 2, big),
        Form::Wider { big } => wide(bytes, 4, big),
        Form::Twice(through) => twice(bytes, through),
        Form::National(signs) => bytes.iter().enumerate().map(|(at, byte)| national(at, *byte, signs)).collect(),
    }
}

fn unit(at: usize, len: usize, c: Option<char>) -> Unit {
    match c {
        Some(c) if c != char::REPLACEMENT_CHARACTER => Unit::new(at, len, kind_of(c), c),
        _ => Unit::new(at, len, Kind::Other, char::REPLACEMENT_CHARACTER),
    }
}

fn old(at: usize, byte: u8) -> Unit {
    if byte.is_ascii() {
        return unit(at, 1, Some(char::from(byte)));
    }
    let letter = char::from_u32(0xf_f000 + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER);
    Unit::new(at, 1, Kind::Letter(Script::Latin, false, false), letter)
}

/// A sign that is a letter stays, within a word.
fn national(at: usize, byte: u8, signs: &str) -> Unit {
    let found = unit(at, 1, byte.is_ascii().then(|| char::from(byte)));
    if signs.contains(char::from(byte)) { Unit { kind: Kind::Mark, ..found } } else { found }
}

/// Letters of two bytes, or of four.
fn wide(bytes: &[u8], size: usize, big: bool) -> Vec<Unit> {
    let mut out = Vec::new();
    let letters = bytes.chunks_exact(size);
    let behind = letters.remainder().len();
    for (n, letter) in letters.enumerate() {
        let add = |code: u32, byte: &u8| code << 8 | u32::from(*byte);
        let code = if big { letter.iter().fold(0, add) } else { letter.iter().rev().fold(0, add) };
        out.push(unit(n * size, size, char::from_u32(code)));
    }
    out.extend((bytes.len() - behind..bytes.len()).map(|at| unit(at, 1, None)));
    out
}

/// UTF-8 within UTF-8: several of the outer letters are one.
fn twice(bytes: &[u8], through: &'static Encoding) -> Vec<Unit> {
    let outer = utf8(bytes);
    let byte = |u: &Unit| {
        let letter = std::str::from_utf8(bytes.get(u.at..u.at + u.len)?).ok()?;
        byte_of(letter.chars().next()?, through)
    };
    let mut out = Vec::with_capacity(outer.len());
    let mut n = 0;
    while n < outer.len() {
        let count = match byte(&outer[n]) {
            Some(0xc2..=0xdf) => 2,
            Some(0xe0..=0xef) => 3,
            Some(0xf0..=0xf4) => 4,
            _ => 1,
        };
        let group = &outer[n..outer.len().min(n + count)];
        let once: Option<Vec<u8>> = group.iter().map(byte).collect();
        match once.and_then(|b| String::from_utf8(b).ok()).and_then(|t| t.chars().next()).filter(|_| count > 1) {
            Some(c) => {
                out.push(unit(outer[n].at, group.iter().map(|u| u.len).sum(), Some(c)));
                n += count;
            }
            None => {
                let found = outer[n];
                out.push(if found.kind == Kind::Ascii || found.len == 1 { found } else { unit(found.at, found.len, None) });
                n += 1;
            }
        }
    }
    out
}

fn single_table(encoding: &'static Encoding) -> [Option<char>; 256] {
    let mut table = [None; 256];
    for (byte, slot) in table.iter_mut().enumerate() {
        let byte = byte as u8;
        *slot = if byte < 0x80 {
            Some(char::from(byte))
        } else {
            encoding.decode_without_bom_handling_and_without_replacement(&[byte]).and_then(|t| t.chars().next())
        };
    }
    table
}

fn utf8(bytes: &[u8]) -> Vec<Unit> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            out.push(unit(at, c.len_utf8(), Some(c)));
            at += c.len_utf8();
        }
        for _ in chunk.invalid() {
            out.push(unit(at, 1, None));
            at += 1;
        }
    }
    out
}

fn double(bytes: &[u8], encoding: &'static Encoding) -> Vec<Unit> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let len = match rest[0] {
            0..=0x7f => 1,
            0x8f if encoding == EUC_JP => 3,
            0xa1..=0xdf if encoding == SHIFT_JIS => 1,
            _ if encoding == GB18030 && rest.get(1).is_some_and(u8::is_ascii_digit) => 4,
            _ => 2,
        };
        let Some(letter) = rest.get(..len) else {
            out.extend((at..bytes.len()).map(|at| unit(at, 1, None)));
            break;
        };
        let text = encoding.decode_without_bom_handling_and_without_replacement(letter);
        let mut chars = text.iter().flat_map(|t| t.chars());
        match (chars.next(), chars.next()) {
            (Some(c), None) => {
                let mut found = unit(at, len, Some(c));
                if let Kind::Letter(Script::Han(_), ..) = found.kind {
                    found.kind = Kind::Letter(Script::Han(is_first_level(letter, encoding)), false, false);
                }
                out.push(found);
                at += len;
            }
            // Not a letter: the lead byte alone, and its neighbour is looked at for itself.
            _ => {
                out.push(unit(at, 1, None));
                at += 1;
            }
        }
    }
    out
}

/// The common half of a set: what a detector counts on.
fn is_first_level(letter: &[u8], encoding: &'static Encoding) -> bool {
    match letter {
        [lead, trail] if encoding == GBK || encoding == GB18030 => (0xb0..=0xd7).contains(lead) && *trail >= 0xa1,
        [lead, _] if encoding == BIG5 => (0xa4..=0xc6).contains(lead),
        [lead, _] if encoding == SHIFT_JIS => (0x88..=0x98).contains(lead),
        [lead, _] if encoding == EUC_JP => (0xb0..=0xcf).contains(lead),
        _ => true,
    }
}

fn seven_bit_pairs(bytes: &[u8]) -> Vec<Unit> {
    #[derive(Clone, Copy, PartialEq)]
    enum Set {
        Ascii,
        Jis,
        /// GB 2312, between the signs of HZ.
        Gb,
        Other,
        Kana,
    }
    let mut out = Vec::with_capacity(bytes.len());
    let (mut set, mut shifted) = (Set::Ascii, Set::Other);
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let (escape, next): (usize, Option<Set>) = match rest {
            [0x1b, b'$', b'(', ..] => (4, Some(Set::Other)),
            [0x1b, b'$', b')', b'C', ..] => (4, None),
            [0x1b, b'$', b')' | b'*' | b'+', ..] => (4, None),
            [0x1b, b'$', ..] => (3, Some(Set::Jis)),
            [0x1b, b'(', b'I', ..] => (3, Some(Set::Kana)),
            [0x1b, b'(', ..] => (3, Some(Set::Ascii)),
            [0x0e, ..] => (1, Some(shifted)),
            [0x0f, ..] => (1, Some(Set::Ascii)),
            [b'~', b'{', ..] => (2, Some(Set::Gb)),
            [b'~', b'}', ..] if set == Set::Gb => (2, Some(Set::Ascii)),
            // A line ends a run of pairs that lost its closing escape.
            [b'\r' | b'\n', ..] => (1, (set == Set::Jis).then_some(set)),
            _ => (0, None),
        };
        if escape > 0 {
            let escape = escape.min(rest.len());
            out.extend((at..at + escape).map(|at| unit(at, 1, None)));
            if let ([b'\r' | b'\n', ..], Some(last)) = (rest, out.last_mut()) {
                *last = unit(at, 1, Some(char::from(bytes[at])));
            }
            set = next.unwrap_or(set);
            shifted = Set::Other;
            at += escape;
            continue;
        }
        match (set, rest) {
            (Set::Jis | Set::Gb | Set::Other, [a @ 0x21..=0x7e, b @ 0x21..=0x7e, ..]) => {
                let euc = [a | 0x80, b | 0x80];
                let encoding = match set {
                    Set::Jis => EUC_JP,
                    Set::Gb => GBK,
                    _ => EUC_KR,
                };
                let text = encoding.decode_without_bom_handling_and_without_replacement(&euc);
                let c = text.as_ref().and_then(|t| t.chars().next());
                let mut found = unit(at, 2, c);
                if set != Set::Jis {
                    // Which set the escape named is of no matter: a pair is replaced by one of the same row's kind.
                    let kind = if *a >= 0x30 { Kind::Letter(Script::Han(*a < 0x58), true, false) } else { Kind::Other };
                    let letter = char::from_u32(0xf_0000 + u32::from(*a) * 256 + u32::from(*b)).unwrap_or('x');
                    // By what it most likely is, a phrase that stays is known.
                    found = Unit { lower: c.unwrap_or(letter), ..Unit::new(at, 2, kind, letter) };
                } else if let Kind::Letter(Script::Han(_), ..) = found.kind {
                    found.kind = Kind::Letter(Script::Han((0x30..=0x4f).contains(a)), false, false);
                }
                out.push(found);
                at += 2;
            }
            (Set::Kana, [0x21..=0x5f, ..]) => {
                let letter = char::from_u32(0xf_ff00 + u32::from(rest[0])).unwrap_or('x');
                out.push(Unit::new(at, 1, Kind::Letter(Script::HalfKana, true, false), letter));
                at += 1;
            }
            _ => {
                out.push(unit(at, 1, rest[0].is_ascii().then(|| char::from(rest[0]))));
                at += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_cover_every_byte_once_whatever_the_bytes_are() {
        let odd: Vec<u8> = (0..=255).chain([0x1b, b'$', b'B', 0x24, 0x22, 0x1b, b'(', b'B']).chain((0..=255).rev()).collect();
        for form in [
            Form::Utf8,
            Form::Single(encoding_rs::WINDOWS_1251),
            Form::Double(GB18030),
            Form::Double(EUC_JP),
            Form::Double(SHIFT_JIS),
            Form::SevenBitPairs,
            Form::Wide { big: false },
            Form::Wider { big: true },
            Form::Twice(encoding_rs::WINDOWS_1252),
            Form::National("[]"),
        ] {
            let mut at = 0;
            for unit in units(&odd, form) {
                assert_eq!(unit.at, at, "{form:?}");
                at += unit.len;
            }
            assert_eq!(at, odd.len(), "{form:?}");
        }
    }

    #[test]
    fn pairs_of_seven_bits_are_known_by_their_set() {
        let found = |bytes: &[u8]| -> String {
            units(bytes, Form::SevenBitPairs).iter().map(|u| u.lower).filter(|c| c.is_alphabetic()).collect()
        };
        assert_eq!(found(b"~{VPND~}"), "中文");
        assert_eq!(found(b"\x1b$)C\x0eGQ19\x0f"), "한국");
    }

    #[test]
    fn letters_that_were_encoded_twice_are_one_each() {
        let text = "GrÃ¼ÃŸe";
        let found: String = units(text.as_bytes(), Form::Twice(encoding_rs::WINDOWS_1252)).iter().map(|u| u.lower).collect();
        assert_eq!(found, "grüße");
    }
}
