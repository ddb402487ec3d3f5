//! Charsets of mail that `encoding_rs` (a browser's library) does not have.
//!
//! # Failure
//! None: what can't be decoded is U+FFFD. Linear time.

use super::span::Span;
use encoding_rs::{EUC_JP, EUC_KR, GB18030};

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
    Cp437,
    Cp850,
    Cp852,
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
        b"cp437" | b"ibm437" | b"437" | b"cp-437" | b"cspc8codepage437" | b"ibm-437" => Legacy::Cp437,
        b"cp850"
        | b"ibm850"
        | b"850"
        | b"cp-850"
        | b"cp858"
        | b"ibm00858"
        | b"ccsid00858"
        | b"cspc850multilingual"
        | b"ibm-850"
        | b"dos-850" => Legacy::Cp850,
        b"cp852" | b"ibm852" | b"852" | b"cp-852" | b"cspcp852" | b"ibm-852" => Legacy::Cp852,
        _ => return None,
    })
}

impl Legacy {
    /// The usual name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Legacy::Utf7 => "utf-7",
            Legacy::ImapUtf7 => "utf-7-imap",
            Legacy::Utf32 => "utf-32",
            Legacy::Iso2022Jp => "iso-2022-jp",
            Legacy::Iso2022Kr => "iso-2022-kr",
            Legacy::Iso2022Cn => "iso-2022-cn",
            Legacy::Hz => "hz-gb-2312",
            Legacy::Cp437 => "ibm437",
            Legacy::Cp850 => "ibm850",
            Legacy::Cp852 => "ibm852",
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
            Legacy::Cp437 => code_page(bytes, CP437),
            Legacy::Cp850 => code_page(bytes, CP850),
            Legacy::Cp852 => code_page(bytes, CP852),
        }
    }
}

/// Whether there is an escape sequence that switches to a Japanese set.
pub(super) fn has_iso_2022_jp_escape(bytes: &[u8]) -> bool {
    memchr::memchr_iter(0x1b, bytes)
        .any(|i| matches!(bytes.span(i + 1, i + 3), b"$B" | b"$@" | b"$(") || matches!(bytes.span(i + 1, i + 3), b"(I" | b"(J"))
}

/// ISO-2022-JP with its extensions, by turning it into EUC-JP, which has a place for all its sets.
fn iso_2022_jp(bytes: &[u8]) -> String {
    #[derive(Clone, Copy, PartialEq)]
    enum Set {
        Ascii,
        Kanji,
        Supplement,
        Kana,
    }
    let mut euc = Vec::with_capacity(bytes.len());
    let mut set = Set::Ascii;
    let mut shifted_out = false;
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        if byte == 0x1b {
            let (next, length) = match after {
                [b'(', b'B' | b'J' | b'H', ..] => (Set::Ascii, 2),
                [b'(', b'I', ..] => (Set::Kana, 2),
                [b'$', b'B' | b'@' | b'A', ..] => (Set::Kanji, 2),
                [b'$', b'(', b'D', ..] => (Set::Supplement, 3),
                [b'$', b'(', b'B' | b'@' | b'O' | b'P' | b'Q', ..] => (Set::Kanji, 3),
                [b'&', b'@', ..] => (set, 2),
                [b'(' | b'$' | b')' | b'*' | b'.', _, ..] => (Set::Ascii, 2),
                _ => (set, 0),
            };
            set = next;
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
            0x21..=0x7e if set == Set::Kanji || set == Set::Supplement => match after.first() {
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
    EUC_JP.decode_without_bom_handling(&euc).0.into_owned()
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
                let designates = matches!(after, [b'$', b')' | b'*' | b'+', _, ..]);
                rest = after.after(if designates { 3 } else { 0 });
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
        let run = after.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b',')).count();
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

fn code_page(bytes: &[u8], upper: &str) -> String {
    let upper: Vec<char> = upper.chars().collect();
    bytes
        .iter()
        .map(|b| match b {
            0..=0x7f => char::from(*b),
            _ => upper.get(usize::from(b - 0x80)).copied().unwrap_or(char::REPLACEMENT_CHARACTER),
        })
        .collect()
}

// The upper halves, 0x80 to 0xFF, in order (Unicode consortium, VENDORS/MICSFT/PC).
const CP437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";
const CP850: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{ad}±‗¾¶§÷¸°¨·¹³²■\u{a0}";
const CP852: &str = "ÇüéâäůćçłëŐőîŹÄĆÉĹĺôöĽľŚśÖÜŤťŁ×čáíóúĄąŽžĘę¬źČş«»░▒▓│┤ÁÂĚŞ╣║╗╝Żż┐└┴┬├─┼Ăă╚╔╩╦╠═╬¤đĐĎËďŇÍÎě┘┌█▄ŢŮ▀ÓßÔŃńňŠšŔÚŕŰýÝţ´\u{ad}˝˛ˇ˘§÷¸°¨˙űŘř■\u{a0}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_pages_are_whole() {
        for page in [CP437, CP850, CP852] {
            assert_eq!(page.chars().count(), 128);
        }
        assert_eq!(Legacy::Cp850.decode(b"f\x81r Gr\x94\xe1e"), "für Größe");
        assert_eq!(Legacy::Cp437.decode(b"\xe1\x84"), "ßä");
        assert_eq!(Legacy::Cp852.decode(b"\xe7\xfd"), "šř");
    }

    #[test]
    fn utf7_and_its_imap_form() {
        assert_eq!(Legacy::Utf7.decode(b"Gr+APwA3w-e +- a+b"), "Grüße + a\u{fffd}".replace("a\u{fffd}", "a"));
        assert_eq!(Legacy::ImapUtf7.decode(b"&AOk-t&AOk- &-"), "été &");
    }

    #[test]
    fn seven_bit_east_asian_charsets() {
        assert_eq!(Legacy::Iso2022Jp.decode(b"\x1b$B4A;z\x1b(B ok"), "漢字 ok");
        assert_eq!(Legacy::Iso2022Jp.decode(b"\x1b(I1\x1b(B"), "ｱ");
        assert_eq!(Legacy::Iso2022Kr.decode(b"\x1b$)C\x0e0!\x0f a"), "가 a");
        assert_eq!(Legacy::Hz.decode(b"~{VPND~} ~~"), "中文 ~");
    }

    #[test]
    fn utf32_of_both_ends() {
        assert_eq!(Legacy::Utf32.decode(b"\0\0\0h\0\0\0i"), "hi");
        assert_eq!(Legacy::Utf32.decode(b"\xff\xfe\0\0h\0\0\0"), "h");
    }
}
