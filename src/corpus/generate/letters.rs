//! Letters to bytes, as the mail programs of a country write them: never with the reader's code.
//!
//! A charset here is the narrow one that its name means: `iso-8859-1` holds no curly quotes, `gb2312`
//! no rare letters. What it can't hold is `None`, so that no letter is ever lost in a generated mail.
//!
//! # Failure
//! `None` for a letter that the charset can't hold.

use super::visual;
use encoding_rs::Encoding;

/// A charset under one of its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charset {
    /// As it is written in a mail.
    pub label: &'static str,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ascii,
    Utf8,
    /// All that the encoder can write.
    Wide(&'static Encoding),
    /// No byte of 0x80 to 0x9f: the ISO set, not the Windows one.
    Iso(&'static Encoding),
    /// Two bytes of 0xa1 and more each: the national standard, not what vendors added.
    Standard(&'static Encoding),
    /// RFC 1843.
    Hz,
    /// Vowels of Vietnamese with their tones behind them, as Windows writes what it has no one letter for.
    Tones,
    /// Big5 with what Hong Kong added.
    HongKong,
    /// RFC 1556: Hebrew as it is seen, each line from its left end.
    Visual,
}

/// `utf-8`.
pub const UTF_8: Charset = Charset { label: "utf-8", kind: Kind::Utf8 };

/// The charsets that mails are written in.
const CHARSETS: &[Charset] = &[
    UTF_8,
    Charset { label: "us-ascii", kind: Kind::Ascii },
    Charset { label: "iso-8859-1", kind: Kind::Iso(encoding_rs::WINDOWS_1252) },
    Charset { label: "iso-8859-2", kind: Kind::Iso(encoding_rs::ISO_8859_2) },
    Charset { label: "iso-8859-5", kind: Kind::Iso(encoding_rs::ISO_8859_5) },
    Charset { label: "iso-8859-6", kind: Kind::Iso(encoding_rs::ISO_8859_6) },
    Charset { label: "iso-8859-7", kind: Kind::Iso(encoding_rs::ISO_8859_7) },
    Charset { label: "iso-8859-8", kind: Kind::Visual },
    Charset { label: "iso-8859-8-i", kind: Kind::Iso(encoding_rs::ISO_8859_8_I) },
    Charset { label: "iso-8859-9", kind: Kind::Iso(encoding_rs::WINDOWS_1254) },
    Charset { label: "iso-8859-13", kind: Kind::Iso(encoding_rs::ISO_8859_13) },
    Charset { label: "iso-8859-15", kind: Kind::Iso(encoding_rs::ISO_8859_15) },
    Charset { label: "iso-8859-16", kind: Kind::Iso(encoding_rs::ISO_8859_16) },
    Charset { label: "tis-620", kind: Kind::Iso(encoding_rs::WINDOWS_874) },
    Charset { label: "windows-874", kind: Kind::Wide(encoding_rs::WINDOWS_874) },
    Charset { label: "windows-1250", kind: Kind::Wide(encoding_rs::WINDOWS_1250) },
    Charset { label: "windows-1251", kind: Kind::Wide(encoding_rs::WINDOWS_1251) },
    Charset { label: "windows-1252", kind: Kind::Wide(encoding_rs::WINDOWS_1252) },
    Charset { label: "windows-1253", kind: Kind::Wide(encoding_rs::WINDOWS_1253) },
    Charset { label: "windows-1254", kind: Kind::Wide(encoding_rs::WINDOWS_1254) },
    Charset { label: "windows-1255", kind: Kind::Wide(encoding_rs::WINDOWS_1255) },
    Charset { label: "windows-1256", kind: Kind::Wide(encoding_rs::WINDOWS_1256) },
    Charset { label: "windows-1257", kind: Kind::Wide(encoding_rs::WINDOWS_1257) },
    Charset { label: "windows-1258", kind: Kind::Tones },
    Charset { label: "koi8-r", kind: Kind::Wide(encoding_rs::KOI8_R) },
    Charset { label: "koi8-u", kind: Kind::Wide(encoding_rs::KOI8_U) },
    Charset { label: "ibm866", kind: Kind::Wide(encoding_rs::IBM866) },
    Charset { label: "iso-2022-jp", kind: Kind::Wide(encoding_rs::ISO_2022_JP) },
    Charset { label: "shift_jis", kind: Kind::Wide(encoding_rs::SHIFT_JIS) },
    Charset { label: "euc-jp", kind: Kind::Wide(encoding_rs::EUC_JP) },
    Charset { label: "gb2312", kind: Kind::Standard(encoding_rs::GBK) },
    Charset { label: "gbk", kind: Kind::Wide(encoding_rs::GBK) },
    Charset { label: "gb18030", kind: Kind::Wide(encoding_rs::GB18030) },
    Charset { label: "big5", kind: Kind::Wide(encoding_rs::BIG5) },
    Charset { label: "big5-hkscs", kind: Kind::HongKong },
    Charset { label: "euc-kr", kind: Kind::Standard(encoding_rs::EUC_KR) },
    Charset { label: "ks_c_5601-1987", kind: Kind::Wide(encoding_rs::EUC_KR) },
    Charset { label: "hz-gb-2312", kind: Kind::Hz },
];

impl Charset {
    /// By its name here; none of the spellings that occur.
    #[must_use]
    pub fn named(label: &str) -> Option<Charset> {
        CHARSETS.iter().find(|c| c.label == label).copied()
    }

    /// The bytes, if it holds all the letters.
    #[must_use]
    pub fn encode(self, text: &str) -> Option<Vec<u8>> {
        let with = |encoding| by(encoding, text);
        match self.kind {
            Kind::Ascii => text.is_ascii().then(|| text.as_bytes().to_vec()),
            Kind::Utf8 => Some(text.as_bytes().to_vec()),
            Kind::Wide(encoding) => with(encoding),
            Kind::Iso(encoding) => with(encoding).filter(|b| !b.iter().any(|b| (0x80..0xa0).contains(b))),
            Kind::Standard(encoding) => with(encoding).filter(|b| is_standard(b)),
            Kind::Tones => each(text, |c| tones(c).and_then(|t| by(encoding_rs::WINDOWS_1258, &t))),
            Kind::HongKong => each(text, |c| {
                let added = HONG_KONG.iter().find(|(letter, _)| *letter == c);
                added.map(|(_, pair)| pair.to_vec()).or_else(|| by(encoding_rs::BIG5, c.encode_utf8(&mut [0; 4])))
            }),
            Kind::Visual => by(encoding_rs::ISO_8859_8, &visual::order(text)?),
            Kind::Hz => hz(&with(encoding_rs::GBK).filter(|b| is_standard(b))?),
        }
    }

    /// Every byte below 0x80 whatever the letters.
    #[must_use]
    pub fn is_seven_bit(self) -> bool {
        matches!(self.label, "us-ascii" | "iso-2022-jp" | "hz-gb-2312")
    }

    /// One byte a letter.
    #[must_use]
    pub fn is_single_byte(self) -> bool {
        matches!(self.kind, Kind::Ascii | Kind::Iso(_) | Kind::Tones | Kind::Visual)
            || matches!(self.kind, Kind::Wide(e) if e.is_single_byte())
    }
}

fn by(encoding: &'static Encoding, text: &str) -> Option<Vec<u8>> {
    let (bytes, _, lost) = encoding.encode(text);
    (!lost).then(|| bytes.into_owned())
}

fn each(text: &str, letter: impl Fn(char) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    Some(text.chars().map(letter).collect::<Option<Vec<_>>>()?.concat())
}

/// Of the letters that Hong Kong added to Big5, those that its people write most.
const HONG_KONG: &[(char, [u8; 2])] = &[
    ('啲', [0x9d, 0xf8]),
    ('嘅', [0x9d, 0xef]),
    ('嘢', [0x9d, 0xcf]),
    ('咗', [0x9d, 0xf7]),
    ('喺', [0x9d, 0xf6]),
    ('哋', [0x92, 0x5d]),
    ('嚟', [0x91, 0xc1]),
];

/// Vowels that windows-1258 has a letter for, and their forms with each of the [`TONES`].
const VOWELS: &[(char, &str)] = &[
    ('a', "àảãáạ"),
    ('ă', "ằẳẵắặ"),
    ('â', "ầẩẫấậ"),
    ('e', "èẻẽéẹ"),
    ('ê', "ềểễếệ"),
    ('i', "ìỉĩíị"),
    ('o', "òỏõóọ"),
    ('ô', "ồổỗốộ"),
    ('ơ', "ờởỡớợ"),
    ('u', "ùủũúụ"),
    ('ư', "ừửữứự"),
    ('y', "ỳỷỹýỵ"),
];
const TONES: [char; 5] = ['\u{300}', '\u{309}', '\u{303}', '\u{301}', '\u{323}'];

/// A letter as windows-1258 has it: one, or a vowel and its tone.
fn tones(letter: char) -> Option<String> {
    let alone = letter.to_string();
    if by(encoding_rs::WINDOWS_1258, &alone).is_some() {
        return Some(alone);
    }
    let lower = letter.to_lowercase().next()?;
    let (vowel, tone) = VOWELS.iter().find_map(|(v, forms)| Some((*v, forms.chars().position(|f| f == lower)?)))?;
    let vowel = if letter == lower { vowel } else { vowel.to_uppercase().next()? };
    Some([vowel, *TONES.get(tone)?].iter().collect())
}

/// All letters beyond ASCII are pairs of bytes of 0xa1 and more.
fn is_standard(bytes: &[u8]) -> bool {
    let mut rest = bytes.iter();
    while let Some(&byte) = rest.next() {
        if byte >= 0x80 && (byte < 0xa1 || rest.next().is_none_or(|b| *b < 0xa1)) {
            return false;
        }
    }
    true
}

/// Pairs between `~{` and `~}`, each line for itself.
fn hz(gb: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut inside = false;
    for &byte in gb {
        if byte == b'~' {
            return None;
        }
        if (byte >= 0x80) != inside {
            out.extend_from_slice(if inside { b"~}" } else { b"~{" });
            inside = !inside;
        }
        out.push(byte & 0x7f);
    }
    if inside {
        out.extend_from_slice(b"~}");
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charset_holds_what_its_name_says_and_no_more() {
        let encode = |label, text| Charset::named(label).unwrap().encode(text);
        assert_eq!(encode("iso-8859-1", "né"), Some(b"n\xe9".to_vec()));
        assert_eq!(encode("iso-8859-1", "“"), None);
        assert_eq!(encode("windows-1252", "“"), Some(vec![0x93]));
        assert_eq!(encode("gb2312", "镕"), None);
        assert!(encode("gbk", "镕").is_some());
        assert_eq!(encode("hz-gb-2312", "a您b"), Some(b"a~{Dz~}b".to_vec()));
        assert_eq!(encode("windows-1258", "Đặt hàng"), Some(b"\xd0\xe3\xf2t h\xe0ng".to_vec()));
        assert_eq!(encode("windows-1258", "Ề"), Some(b"\xca\xcc".to_vec()));
        assert_eq!(encode("big5", "嘢"), None);
        assert_eq!(encode("big5-hkscs", "嘢a"), Some(b"\x9d\xcfa".to_vec()));
        assert_eq!(encode("iso-8859-8", "אב 12"), Some(b"12 \xe1\xe0".to_vec()));
    }
}
