//! Charsets of mail that `encoding_rs` (a browser's library) does not have.
//!
//! # Failure
//! None: what can't be decoded is U+FFFD. Linear time.

use super::charset_pages::{self as pages, Page};
use super::span::Span;
use encoding_rs::{EUC_JP, EUC_KR, Encoding, GB18030, ISO_8859_7, WINDOWS_1252};

/// A charset of mail that no browser reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Legacy {
    Utf7,
    ImapUtf7,
    Utf32,
    Iso2022Jp,
    Iso2022Kr,
    Iso2022Cn,
    Hz,
    /// Seven bits in which brackets and braces are letters (DIN 66003 and its like).
    Ia5(National),
    Page(&'static Page),
}

/// The countries whose seven bits occur.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum National {
    German,
    Swedish,
    Norwegian,
}

impl National {
    /// The signs that are letters, and the letters.
    const fn letters(self) -> (&'static str, &'static str) {
        match self {
            National::German => ("[\\]{|}~", "ÄÖÜäöüß"),
            National::Swedish => ("@[\\]^`{|}~", "ÉÄÖÅÜéäöåü"),
            National::Norwegian => ("[\\]{|}", "ÆØÅæøå"),
        }
    }
}

/// By its name in lower case.
pub(super) fn by_name(name: &[u8]) -> Option<Legacy> {
    Some(match name {
        b"utf-7" | b"utf7" | b"unicode-1-1-utf-7" | b"x-unicode-2-0-utf-7" | b"csunicode11utf7" | b"utf_7" => Legacy::Utf7,
        b"utf-7-imap" | b"x-imap-modified-utf-7" => Legacy::ImapUtf7,
        b"utf-32" | b"utf32" | b"utf-32le" | b"utf-32be" | b"ucs-4" | b"iso-10646-ucs-4" => Legacy::Utf32,
        b"iso-2022-jp" | b"iso-2022-jp-1" | b"iso-2022-jp-2" | b"iso-2022-jp-3" | b"iso-2022-jp-2004" | b"iso-2022-jp-ms"
        | b"cp50220" | b"cp50221" | b"cp50222" | b"csiso2022jp" | b"jis" | b"iso2022jp" | b"iso2022-jp" | b"iso_2022_jp" => {
            Legacy::Iso2022Jp
        }
        b"iso-2022-kr" | b"csiso2022kr" | b"iso2022kr" => Legacy::Iso2022Kr,
        b"iso-2022-cn" | b"iso-2022-cn-ext" | b"iso2022cn" => Legacy::Iso2022Cn,
        b"hz-gb-2312" | b"hz" | b"hzgb" => Legacy::Hz,
        b"x-ia5-german" | b"din_66003" | b"iso646-de" | b"x-cp20106" => Legacy::Ia5(National::German),
        b"x-ia5-swedish" | b"sen_850200_b" | b"iso646-se" | b"x-cp20107" => Legacy::Ia5(National::Swedish),
        b"x-ia5-norwegian" | b"ns_4551-1" | b"iso646-no" | b"x-cp20108" => Legacy::Ia5(National::Norwegian),
        _ => return pages::by_name(name).map(Legacy::Page),
    })
}

impl Legacy {
    /// The usual name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Legacy::Utf7 => "utf-7",
            Legacy::ImapUtf7 => "utf-7-imap",
            Legacy::Utf32 => "utf-32",
            Legacy::Iso2022Jp => "iso-2022-jp",
            Legacy::Iso2022Kr => "iso-2022-kr",
            Legacy::Iso2022Cn => "iso-2022-cn",
            Legacy::Hz => "hz-gb-2312",
            Legacy::Ia5(National::German) => "x-ia5-german",
            Legacy::Ia5(National::Swedish) => "x-ia5-swedish",
            Legacy::Ia5(National::Norwegian) => "x-ia5-norwegian",
            Legacy::Page(page) => page.name(),
        }
    }

    /// Made of 7-bit bytes: ASCII bytes do not stand for themselves.
    pub(super) const fn is_seven_bit(self) -> bool {
        matches!(
            self,
            Legacy::Utf7
                | Legacy::ImapUtf7
                | Legacy::Iso2022Jp
                | Legacy::Iso2022Kr
                | Legacy::Iso2022Cn
                | Legacy::Hz
                | Legacy::Utf32
                | Legacy::Ia5(_)
        )
    }

    /// Decodes.
    pub(super) fn decode(self, bytes: &[u8]) -> String {
        match self {
            Legacy::Utf7 => utf7(bytes, b'+'),
            Legacy::ImapUtf7 => utf7(bytes, b'&'),
            Legacy::Utf32 => utf32(bytes),
            Legacy::Iso2022Jp => iso_2022_jp(bytes),
            Legacy::Iso2022Kr => shifted(bytes, EUC_KR),
            Legacy::Iso2022Cn => shifted(bytes, GB18030),
            Legacy::Hz => hz(bytes),
            Legacy::Ia5(country) => national(bytes, country),
            Legacy::Page(page) => page.decode(bytes),
        }
    }
}

/// Whether there is an escape sequence that switches to a Japanese set.
pub(super) fn has_iso_2022_jp_escape(bytes: &[u8]) -> bool {
    memchr::memchr_iter(0x1b, bytes)
        .any(|i| matches!(bytes.span(i + 1, i + 3), b"$B" | b"$@" | b"$(") || matches!(bytes.span(i + 1, i + 3), b"(I" | b"(J"))
}

/// ISO-2022-JP with its extensions, by turning each run into the EUC of its set.
fn iso_2022_jp(bytes: &[u8]) -> String {
    #[derive(Clone, Copy, PartialEq)]
    enum Set {
        Ascii,
        Kanji,
        Supplement,
        Kana,
        Chinese,
        Korean,
    }
    let mut out = String::with_capacity(bytes.len());
    let mut euc = Vec::with_capacity(bytes.len());
    let mut of: &'static Encoding = EUC_JP; // whose EUC is gathered
    let mut set = Set::Ascii;
    let mut upper: &'static Encoding = WINDOWS_1252; // what ESC N takes a letter from
    let mut shifted_out = false;
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        if byte == 0x1b {
            let (next, length) = match after {
                [b'(', b'B' | b'J' | b'H', ..] => (Set::Ascii, 2),
                [b'(', b'I', ..] => (Set::Kana, 2),
                [b'$', b'B' | b'@', ..] => (Set::Kanji, 2),
                [b'$', b'A', ..] => (Set::Chinese, 2),
                [b'$', b'(', b'C', ..] => (Set::Korean, 3),
                [b'$', b'(', b'D', ..] => (Set::Supplement, 3),
                [b'$', b'(', b'B' | b'@' | b'O' | b'P' | b'Q', ..] => (Set::Kanji, 3),
                [b'&', b'@', ..] => (set, 2),
                [b'.', b'A' | b'F', ..] => {
                    upper = if after.starts_with(b".F") { ISO_8859_7 } else { WINDOWS_1252 };
                    (set, 2)
                }
                [b'N', letter @ 0x20..=0x7f, ..] => {
                    flush(&mut out, &mut euc, of);
                    out.push_str(&upper.decode_without_bom_handling(&[*letter | 0x80]).0);
                    (set, 2)
                }
                [b'(' | b'$' | b')' | b'*' | b'.', 0x20..=0x7e, ..] => (Set::Ascii, 2),
                // Cut off by the end of a line, which is no part of it.
                [b'(' | b'$' | b')' | b'*' | b'.', ..] => (Set::Ascii, 1),
                _ => (set, 0),
            };
            set = next;
            let needs = match set {
                Set::Chinese => GB18030,
                Set::Korean => EUC_KR,
                _ => EUC_JP,
            };
            if needs != of {
                flush(&mut out, &mut euc, of);
                of = needs;
            }
            rest = after.after(length);
            continue;
        }
        rest = after;
        match byte {
            0x0e => shifted_out = true,
            0x0f => shifted_out = false,
            // A line always begins in ASCII (RFC 1468); senders that cut lines forget to switch back.
            b'\r' | b'\n' => {
                set = Set::Ascii;
                shifted_out = false;
                euc.push(byte);
            }
            0x21..=0x7e if set == Set::Kana || shifted_out => euc.extend_from_slice(&[0x8e, byte | 0x80]),
            0x21..=0x7e if set != Set::Ascii => match after.first() {
                Some(&low @ 0x21..=0x7e) => {
                    if set == Set::Supplement {
                        euc.push(0x8f);
                    }
                    euc.extend_from_slice(&[byte | 0x80, low | 0x80]);
                    rest = after.after(1);
                }
                _ => euc.push(0xff),
            },
            0xa1..=0xdf => euc.extend_from_slice(&[0x8e, byte]),
            0x80.. => euc.push(0xff),
            _ => euc.push(byte),
        }
    }
    flush(&mut out, &mut euc, of);
    out
}

fn flush(out: &mut String, euc: &mut Vec<u8>, of: &'static Encoding) {
    out.push_str(&of.decode_without_bom_handling(euc).0);
    euc.clear();
}

/// A sign beside a letter is a letter; `{` alone is a brace.
fn national(bytes: &[u8], country: National) -> String {
    let (signs, letters) = country.letters();
    let text: Vec<char> = bytes.iter().map(|b| if b.is_ascii() { char::from(*b) } else { char::REPLACEMENT_CHARACTER }).collect();
    let stands_for = |c: char| signs.chars().position(|s| s == c).and_then(|i| letters.chars().nth(i));
    let is_letter = |c: Option<&char>| c.is_some_and(|c| c.is_ascii_alphabetic() || stands_for(*c).is_some());
    (0..text.len())
        .filter_map(|i| {
            let c = *text.get(i)?;
            let beside = is_letter(i.checked_sub(1).and_then(|i| text.get(i))) || is_letter(text.get(i + 1));
            Some(stands_for(c).filter(|_| beside).unwrap_or(c))
        })
        .collect()
}

/// ISO-2022-KR and -CN: SO switches to the two-byte set, SI back.
fn shifted(bytes: &[u8], encoding: &'static encoding_rs::Encoding) -> String {
    let mut out = Vec::with_capacity(bytes.len());
    let mut shift = false;
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            0x0e => shift = true,
            0x0f => shift = false,
            0x1b => {
                rest = match after {
                    [b'$', b')' | b'*' | b'+', 0x20..=0x7e, ..] => after.after(3),
                    [b'$', b')' | b'*' | b'+', ..] => after.after(2),
                    _ => after,
                };
            }
            b'\n' => {
                shift = false;
                out.push(byte);
            }
            0x21..=0x7e if shift => out.push(byte | 0x80),
            _ => out.push(byte),
        }
    }
    encoding.decode_without_bom_handling(&out).0.into_owned()
}

/// HZ (RFC 1843): `~{` switches to GB 2312, `~}` back, `~~` is a tilde.
fn hz(bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(bytes.len());
    let mut chinese = false;
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after.first()) {
            (b'~', Some(b'{')) => {
                chinese = true;
                rest = after.after(1);
            }
            (b'~', Some(b'}')) => {
                chinese = false;
                rest = after.after(1);
            }
            (b'~', Some(b'~')) if !chinese => {
                out.push(b'~');
                rest = after.after(1);
            }
            (b'~', Some(b'\n')) => rest = after.after(1),
            (b'~', Some(b'\r')) if after.get(1) == Some(&b'\n') => rest = after.after(2),
            (b'\n', _) => {
                chinese = false;
                out.push(byte);
            }
            (0x21..=0x7e, _) if chinese => out.push(byte | 0x80),
            _ => out.push(byte),
        }
    }
    GB18030.decode_without_bom_handling(&out).0.into_owned()
}

/// UTF-7 (RFC 2152), with `+`, and IMAP's form of it (RFC 3501), with `&`.
fn utf7(bytes: &[u8], shift: u8) -> String {
    let mut out = String::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        if byte != shift {
            out.push(if byte < 0x80 { char::from(byte) } else { char::REPLACEMENT_CHARACTER });
            rest = after;
            continue;
        }
        if after.first() == Some(&b'-') {
            out.push(char::from(shift));
            rest = after.after(1);
            continue;
        }
        // Only IMAP writes `,` for `/` (RFC 3501 5.1.3); elsewhere it is a comma, and ends the run (RFC 2152).
        let is_comma = |b: u8| b == b',' && shift == b'&';
        let run = after.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/') || is_comma(**b)).count();
        if run == 0 {
            out.push(char::from(shift));
            rest = after;
            continue;
        }
        let letters: Vec<u8> = after.before(run).iter().map(|b| if *b == b',' { b'/' } else { *b }).collect();
        let decoded = super::transfer::base64(&letters).bytes;
        let units = decoded
            .chunks_exact(2)
            .map(|c| u16::from_be_bytes([c.first().copied().unwrap_or(0), c.last().copied().unwrap_or(0)]));
        out.extend(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
        rest = after.after(run);
        rest = rest.strip_prefix(b"-").unwrap_or(rest);
    }
    out
}

/// UTF-32 by its byte order mark, else by which end of the first unit is zero.
fn utf32(bytes: &[u8]) -> String {
    let (big, body) = match bytes {
        [0, 0, 0xfe, 0xff, rest @ ..] => (true, rest),
        [0xff, 0xfe, 0, 0, rest @ ..] => (false, rest),
        [0, ..] => (true, bytes),
        _ => (false, bytes),
    };
    body.chunks_exact(4)
        .map(|c| {
            let unit: [u8; 4] = c.try_into().unwrap_or_default();
            let value = if big { u32::from_be_bytes(unit) } else { u32::from_le_bytes(unit) };
            char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_are_letters_where_they_stand_in_words() {
        assert_eq!(Legacy::Ia5(National::German).decode(b"Gr|~e { } ]bung"), "Größe { } Übung");
        assert_eq!(Legacy::Ia5(National::Swedish).decode(b"R{ksm|rg}s"), "Räksmörgås");
    }

    #[test]
    fn utf7_and_its_imap_form() {
        assert_eq!(Legacy::Utf7.decode(b"Gr+APwA3w-e +- a+b"), "Grüße + a\u{fffd}".replace("a\u{fffd}", "a"));
        assert_eq!(Legacy::ImapUtf7.decode(b"&AOk-t&AOk- &-"), "été &");
        assert_eq!(Legacy::Utf7.decode(b"caf+AOk, th+AOk."), "café, thé.");
    }

    #[test]
    fn seven_bit_east_asian_charsets() {
        assert_eq!(Legacy::Iso2022Jp.decode(b"\x1b$B4A;z\x1b(B ok"), "漢字 ok");
        assert_eq!(Legacy::Iso2022Jp.decode(b"\x1b(I1\x1b(B"), "ｱ");
        assert_eq!(Legacy::Iso2022Jp.decode(b"\x1b$AVP9z\x1b$(CGQ19\x1b.A\x1bNi\x1b(B"), "中国한국é");
        assert_eq!(Legacy::Iso2022Kr.decode(b"\x1b$)C\x0e0!\x0f a"), "가 a");
        assert_eq!(Legacy::Iso2022Jp.decode(b"F\x1b$\ns\x1b$B"), "F\ns", "a sequence ends with its line");
        assert_eq!(Legacy::Iso2022Kr.decode(b"a\x1b$)\nb"), "a\nb");
        assert_eq!(Legacy::Hz.decode(b"~{VPND~} ~~"), "中文 ~");
        assert_eq!(Legacy::Hz.decode(b"a~\nb~\r\nc"), "abc", "a line that goes on, whatever the line end");
    }

    #[test]
    fn utf32_of_both_ends() {
        assert_eq!(Legacy::Utf32.decode(b"\0\0\0h\0\0\0i"), "hi");
        assert_eq!(Legacy::Utf32.decode(b"\xff\xfe\0\0h\0\0\0"), "h");
    }
}
