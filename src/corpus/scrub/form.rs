//! How the bytes of a text are cut into letters: its charset, as far as the replacing of letters needs it.
//!
//! # Failure
//! None: bytes of no known charset are cut as those of the likeliest one.
//!
//! # Trust
//! The reader, for which charset bytes are of.

use crate::normalize;
use encoding_rs::{
    BIG5, EUC_JP, EUC_KR, Encoding, GB18030, GBK, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1251, WINDOWS_1252,
};

/// How bytes are cut into letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Form {
    Utf8,
    Single(&'static Encoding),
    Double(&'static Encoding),
    /// ISO-2022-JP, -KR, -CN and HZ: pairs of 7-bit bytes between escapes.
    SevenBitPairs,
    Wide {
        big: bool,
    },
    /// UTF-32.
    Wider {
        big: bool,
    },
    /// UTF-8 that was taken for this set and encoded once more.
    Twice(&'static Encoding),
    /// Seven bits in which these signs are letters (DIN 66003 and its like).
    National(&'static str),
    /// A byte a letter, in a set of old (DOS, Macintosh) that has no table here: what is 8-bit is a letter.
    Old,
}

/// The bytes of a letter in a form, if it has it.
pub(super) fn bytes_of(c: char, form: Form) -> Option<Vec<u8>> {
    match form {
        Form::Utf8 => Some(c.to_string().into_bytes()),
        Form::Wide { big } => {
            let unit = u16::try_from(u32::from(c)).ok()?;
            Some(if big { unit.to_be_bytes() } else { unit.to_le_bytes() }.to_vec())
        }
        Form::Single(encoding) | Form::Double(encoding) => {
            let text = c.to_string();
            let (bytes, _, lost) = encoding.encode(&text);
            (!lost).then(|| bytes.into_owned())
        }
        Form::Wider { big } => Some(if big { u32::from(c).to_be_bytes() } else { u32::from(c).to_le_bytes() }.to_vec()),
        Form::Twice(through) => {
            let once = c.to_string();
            Some(through.decode_without_bom_handling(once.as_bytes()).0.into_owned().into_bytes())
        }
        Form::Old | Form::National(_) => None,
        Form::SevenBitPairs => {
            let text = c.to_string();
            let (bytes, _, lost) = EUC_JP.encode(&text);
            (!lost && bytes.len() == 2).then(|| bytes.iter().map(|b| b & 0x7f).collect())
        }
    }
}

/// How these bytes are cut. The label is a hint, the bytes decide, as for the reader.
pub(super) fn form_of(bytes: &[u8], label: Option<&str>) -> Form {
    let label = label.map(|l| l.trim_matches(['"', '\'', ' ']).to_ascii_lowercase()).unwrap_or_default();
    if let Some(wide) = wide(bytes, &label) {
        return wide;
    }
    let seven_bit =
        label.starts_with("iso-2022-") || label.starts_with("iso2022") || label.starts_with("hz") || label == "csiso2022jp";
    if bytes.is_ascii() {
        return match national(&label) {
            Some(signs) => Form::National(signs),
            None if has_escape(bytes) || seven_bit => Form::SevenBitPairs,
            None => Form::Utf8,
        };
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return twice(text).map_or(Form::Utf8, Form::Twice);
    }
    // What the reader takes it for, so that both see the same letters.
    let read = normalize::charset_read(bytes, Some(label.as_bytes()).filter(|l| !l.is_empty()));
    let label = read.unwrap_or(label);
    let named = named(&label);
    if has_escape(bytes) && (seven_bit || named.is_none()) {
        return Form::SevenBitPairs;
    }
    match named {
        // Mostly UTF-8 with a few bytes that are not.
        found if found.is_none_or(|e| e == UTF_8) && mostly_utf8(bytes) => Form::Utf8,
        Some(encoding) if encoding != UTF_8 && (encoding.is_single_byte() || fits(bytes, encoding)) => form(encoding),
        // The reader knows it, and it is none of a browser's: of old DOS, Macintosh, Vietnam.
        None if !label.is_empty() => Form::Old,
        _ => form(guess(bytes)),
    }
}

/// UTF-7, by its name.
pub(super) fn is_utf7(label: &str) -> bool {
    let label = label.trim_matches(['"', '\'', ' ']).to_ascii_lowercase();
    matches!(label.as_str(), "utf-7" | "utf7" | "unicode-1-1-utf-7" | "x-unicode-2-0-utf-7" | "csunicode11utf7" | "utf_7")
}

/// The signs that are letters in the seven bits of a country.
fn national(label: &str) -> Option<&'static str> {
    Some(match label {
        "x-ia5-german" | "din_66003" | "iso646-de" | "x-cp20106" => "[\\]{|}~",
        "x-ia5-swedish" | "sen_850200_b" | "iso646-se" | "x-cp20107" => "@[\\]^`{|}~",
        "x-ia5-norwegian" | "ns_4551-1" | "iso646-no" | "x-cp20108" => "[\\]{|}",
        _ => return None,
    })
}

/// The set that UTF-8 was taken for before it was encoded once more: `GrÃ¼ÃŸe`, `РџСЂРё`.
fn twice(text: &str) -> Option<&'static Encoding> {
    let is_through = |through: &&'static Encoding| {
        let bytes: Option<Vec<u8>> = text.chars().map(|c| byte_of(c, through)).collect();
        bytes.and_then(|b| String::from_utf8(b).ok()).is_some()
    };
    [WINDOWS_1252, WINDOWS_1251].into_iter().find(is_through)
}

/// The byte that a set has for a letter.
pub(super) fn byte_of(c: char, set: &'static Encoding) -> Option<u8> {
    if c.is_ascii() || ('\u{80}'..='\u{9f}').contains(&c) {
        return u8::try_from(u32::from(c)).ok();
    }
    let mut buffer = [0; 4];
    match set.encode(c.encode_utf8(&mut buffer)) {
        (bytes, _, false) => bytes.first().copied(),
        _ => None,
    }
}

fn form(encoding: &'static Encoding) -> Form {
    match encoding {
        e if e == UTF_8 => Form::Utf8,
        e if e.is_single_byte() => Form::Single(e),
        e if [GBK, GB18030, BIG5, EUC_KR, EUC_JP, SHIFT_JIS].contains(&e) => Form::Double(e),
        _ => Form::Single(WINDOWS_1252),
    }
}

fn named(label: &str) -> Option<&'static Encoding> {
    normalize::charset_named(label.as_bytes())
}

/// A charset of letters of two bytes or four, and UTF-7: what a body is in says nothing of the 8-bit bytes of a field.
pub(super) fn is_of_bodies(label: &str) -> bool {
    is_utf7(label) || label.starts_with("utf-32") || named(label).is_some_and(|e| [UTF_16LE, UTF_16BE].contains(&e))
}

fn guess(bytes: &[u8]) -> &'static Encoding {
    let mut detector = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    detector.guess(None, chardetng::Utf8Detection::Deny)
}

/// Few bytes are not of this charset.
fn fits(bytes: &[u8], encoding: &'static Encoding) -> bool {
    let (text, _) = encoding.decode_without_bom_handling(bytes);
    // What a set leaves to its users is no letter either.
    let lost = text.chars().filter(|c| matches!(*c, char::REPLACEMENT_CHARACTER | '\u{e000}'..='\u{f8ff}')).count();
    lost * 10 <= text.chars().filter(|c| !c.is_ascii()).count()
}

fn mostly_utf8(bytes: &[u8]) -> bool {
    let (mut good, mut bad) = (0usize, 0usize);
    // Surrogates, three bytes each (CESU-8): nothing else looks so.
    if bytes.windows(6).any(|w| matches!(w, [0xed, 0xa0..=0xaf, 0x80..=0xbf, 0xed, 0xb0..=0xbf, 0x80..=0xbf])) {
        return true;
    }
    for chunk in bytes.utf8_chunks() {
        good += chunk.valid().bytes().filter(|b| *b >= 0xc0).count();
        bad += usize::from(!chunk.invalid().is_empty());
    }
    good > bad * 2
}

fn has_escape(bytes: &[u8]) -> bool {
    bytes.windows(2).any(|w| w == b"\x1b$" || w == b"\x1b(" || w == b"~{")
}

/// UTF-16 and UTF-32: by byte order mark, by label, or by every other byte being NUL.
fn wide(bytes: &[u8], label: &str) -> Option<Form> {
    match bytes {
        [0xff, 0xfe, 0, 0, ..] => return Some(Form::Wider { big: false }),
        [0, 0, 0xfe, 0xff, ..] => return Some(Form::Wider { big: true }),
        [first, ..]
            if ["utf-32", "utf32", "ucs-4", "iso-10646-ucs-4"].iter().any(|name| label.starts_with(name))
                && bytes.iter().filter(|b| **b == 0).count() * 2 > bytes.len() =>
        {
            return Some(Form::Wider { big: *first == 0 });
        }
        _ => {}
    }
    let sample = &bytes[..bytes.len().min(4096)];
    let nuls = |odd: usize| sample.iter().skip(odd).step_by(2).filter(|b| **b == 0).count();
    let (even, odd, half) = (nuls(0), nuls(1), sample.len() / 2);
    let labelled = named(label).filter(|e| [UTF_16LE, UTF_16BE].contains(e)).is_some();
    match bytes {
        [0xff, 0xfe, ..] if odd > 0 || labelled => Some(Form::Wide { big: false }),
        [0xfe, 0xff, ..] if even > 0 || labelled => Some(Form::Wide { big: true }),
        _ if half > 1 && even * 10 > half * 4 && odd * 10 < half => Some(Form::Wide { big: true }),
        _ if half > 1 && odd * 10 > half * 4 && even * 10 < half => Some(Form::Wide { big: false }),
        _ if labelled => unmarked(bytes, label),
        _ => None,
    }
}

/// UTF-16 of a script without NULs: in the order of bytes in which the reader reads it, if it does.
fn unmarked(bytes: &[u8], label: &str) -> Option<Form> {
    let read = normalize::charset_text(bytes, Some(label.as_bytes()));
    let is_read = |e: &'static Encoding| e.decode_without_bom_handling(bytes).0 == read;
    [UTF_16BE, UTF_16LE].into_iter().find(|e| is_read(e)).map(|e| Form::Wide { big: e == UTF_16BE })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_follows_the_bytes_where_the_label_is_wrong() {
        assert_eq!(form_of("привет".as_bytes(), Some("koi8-r")), Form::Utf8);
        assert_eq!(form_of(b"\xcf\xf0\xe8\xe2\xe5\xf2", Some("windows-1251")), Form::Single(WINDOWS_1251));
        assert_eq!(form_of(b"\x1b$B4A\x1b(B", None), Form::SevenBitPairs);
        assert_eq!(form_of(b"h\0i\0 \0y\0o\0u\0", None), Form::Wide { big: false });
        assert_eq!(form_of(b"\x04\x1b\x040\x04<", Some("utf-16")), Form::Wide { big: true });
        assert_eq!(form_of(b"\x1b\x040\x04<\x04", Some("utf-16le")), Form::Wide { big: false });
        assert_eq!(form_of(b"plain", Some("utf-16")), Form::Utf8);
        assert_eq!(form_of(b"\xff\xfe\0\0h\0\0\0", None), Form::Wider { big: false });
        assert_eq!(form_of(b"\xc4\xe3\xba\xc3", Some("gb2312")), Form::Double(GB18030));
        assert_eq!(form_of("GrÃ¼ÃŸe".as_bytes(), Some("utf-8")), Form::Twice(WINDOWS_1252));
        assert_eq!(form_of("РџСЂРё".as_bytes(), None), Form::Twice(WINDOWS_1251));
        assert_eq!(form_of(b"Gr\xfc\xdfe", Some("latin-1")), Form::Single(WINDOWS_1252));
        assert_eq!(form_of(b"Gr|~e", Some("x-IA5-German")), Form::National("[\\]{|}~"));
    }

    #[test]
    fn a_letter_is_written_as_the_form_has_it() {
        assert_eq!(bytes_of('ü', Form::Twice(WINDOWS_1252)).as_deref(), Some("Ã¼".as_bytes()));
        assert_eq!(bytes_of('ü', Form::Wider { big: false }), Some(vec![0xfc, 0, 0, 0]));
        assert_eq!(bytes_of('ю', Form::Single(WINDOWS_1252)), None);
    }
}
