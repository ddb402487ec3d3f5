//! How bytes become letters: the label is a hint, the bytes decide.
//!
//! Valid UTF-8 wins over another claim; a multi-byte label whose bytes do not fit, and no label,
//! are chosen by `chardetng`. What `encoding_rs` lacks (UTF-7, UTF-32, HZ, ISO-2022-KR/CN, the
//! JIS X 0212 and CP50221 forms of ISO-2022-JP, DOS code pages) is in [`super::charset_legacy`].
//!
//! # Failure
//! None. Bytes that are of no charset show as U+FFFD, never end the text, and are recorded.

use super::charset_legacy::{self as legacy, Legacy};
use super::repair;
use super::span::Span;
use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{BIG5, EUC_JP, EUC_KR, Encoding, GB18030, GBK, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use std::borrow::Cow;

/// Bytes given to the detector: more changes no guess and costs time.
const DETECT_BYTES: usize = 32 << 10;

/// What a label says.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Label {
    /// Nothing, or something that means nothing (`unknown-8bit`).
    Silent,
    /// A name nobody knows.
    Unknown,
    Ascii,
    Known(&'static Encoding),
    Legacy(Legacy),
}

/// Text, and what had to be repaired for it.
#[derive(Debug, PartialEq)]
pub(super) struct Text<'a> {
    pub(super) text: Cow<'a, str>,
    /// Code, what was done, confidence.
    pub(super) repair: Option<(&'static str, String, f32)>,
}

impl<'a> Text<'a> {
    fn plain(text: impl Into<Cow<'a, str>>) -> Self {
        Text { text: text.into(), repair: None }
    }
}

fn read_label(label: Option<&[u8]>) -> Label {
    let Some(label) = label else { return Label::Silent };
    // RFC 2231 allows `charset*language`; quotes and blanks come along in broken mails.
    let label = label.split(|b| *b == b'*').next().unwrap_or_default();
    let label: Vec<u8> = label
        .iter()
        .filter(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\'' | b';' | b'<' | b'>' | b','))
        .map(u8::to_ascii_lowercase)
        .collect();
    match label.as_slice() {
        b"" | b"unknown-8bit" | b"x-unknown" | b"unknown" | b"default" | b"default_charset" | b"x-user-defined" | b"binary"
        | b"none" | b"8bit" | b"7bit" | b"_autodetect" | b"_autodetect_all" | b"charset" | b"iso-8859" | b"auto" => Label::Silent,
        b"us-ascii" | b"ascii" | b"ansi_x3.4-1968" | b"iso646-us" | b"646" | b"us" => Label::Ascii,
        // Written for GBK or GB18030 more often than for what it is.
        b"gb2312" | b"gb_2312-80" | b"gbk" | b"x-gbk" | b"gb18030" | b"cp936" | b"936" | b"ms936" | b"euc-cn" | b"gb-2312"
        | b"gb2312_charset" | b"gb_2312" | b"chinese" => Label::Known(GB18030),
        b"cp932" | b"932" | b"windows-932" | b"shift-jis_2004" | b"shift_jisx0213" => Label::Known(SHIFT_JIS),
        b"cp949" | b"949" | b"ms949" | b"uhc" | b"ksc5601" | b"ks_c_5601" | b"ks-c-5601-1987" => Label::Known(EUC_KR),
        b"cp950" | b"950" | b"big5-eten" | b"big-5" | b"big5_hkscs" => Label::Known(BIG5),
        b"utf_8" | b"utf" | b"utf8mb4" | b"x-utf-8" | b"utf-8n" | b"65001" | b"cp65001" | b"utf-8-sig" => Label::Known(UTF_8),
        b"latin-1"
        | b"latin"
        | b"iso-8859-1-windows-3.1-latin-1"
        | b"ansi"
        | b"westerneuropean"
        | b"iso8859-1"
        | b"8859-1"
        | b"iso_8859_1"
        | b"iso-latin-1" => Label::Known(WINDOWS_1252),
        other => {
            if let Some(found) = legacy::by_name(other) {
                return Label::Legacy(found);
            }
            if let Some(found) = Encoding::for_label_no_replacement(other) {
                return Label::Known(found);
            }
            respelled(other).map_or(Label::Unknown, Label::Known)
        }
    }
}

/// `1252`, `cp-1252`, `win1252`, `windows_1252`, `iso-8859_15`, `iso8859-15`, `8859-15`, `iso-8859-8-e`.
fn respelled(label: &[u8]) -> Option<&'static Encoding> {
    let digits: String = label.iter().filter(|b| b.is_ascii_digit()).map(|b| char::from(*b)).collect();
    let candidate = match digits.as_str() {
        "1250" | "1251" | "1252" | "1253" | "1254" | "1255" | "1256" | "1257" | "1258" | "874" => format!("windows-{digits}"),
        _ => match digits.strip_prefix("8859") {
            Some(part @ ("1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "10" | "11" | "13" | "14" | "15" | "16")) => {
                format!("iso-8859-{part}")
            }
            _ => String::from_utf8(label.iter().map(|b| if *b == b'_' { b'-' } else { *b }).collect()).ok()?,
        },
    };
    Encoding::for_label_no_replacement(candidate.as_bytes())
}

/// Whether a label is worth passing on as a hint for other bytes of the mail.
pub(super) fn is_telling(label: &[u8]) -> bool {
    matches!(read_label(Some(label)), Label::Known(_) | Label::Legacy(_))
}

/// Decodes bytes. `label` is what stands beside them; `hint` is the label of other parts of the
/// mail, asked only when the bytes have none of their own.
pub(super) fn decode<'a>(bytes: &'a [u8], label: Option<&[u8]>, hint: Option<&[u8]>) -> Text<'a> {
    let claimed = read_label(label);
    if let Some(found) = decode_wide(bytes, claimed) {
        return found;
    }
    if bytes.is_ascii() {
        return decode_seven_bit(bytes, claimed);
    }
    match claimed {
        Label::Known(encoding) => decode_known(bytes, encoding),
        Label::Legacy(found) => {
            if found.is_seven_bit() {
                decode_seven_bit_label(bytes, found)
            } else {
                Text::plain(found.decode(bytes))
            }
        }
        Label::Ascii | Label::Silent | Label::Unknown => {
            let (code, said) = match claimed {
                Label::Unknown => (repair::CHARSET_UNKNOWN, "an unknown charset is named"),
                Label::Ascii => (repair::CHARSET_MISLABELLED, "us-ascii is named, the bytes are 8-bit"),
                _ => (repair::CHARSET_MISSING, "no charset is named"),
            };
            let bytes = strip_bom(bytes);
            if let Ok(text) = std::str::from_utf8(bytes) {
                return Text { text: text.into(), repair: Some((code, format!("{said}; read as utf-8"), 0.98)) };
            }
            if let Label::Known(encoding) = read_label(hint)
                && encoding != UTF_8
                && let Some(text) = encoding.decode_without_bom_handling_and_without_replacement(bytes)
            {
                let detail = format!("{said}; read as {}, the charset of the body", encoding.name());
                return Text { text, repair: Some((code, detail, 0.7)) };
            }
            if mostly_utf8(bytes) {
                return Text { text: lossy(bytes), repair: Some((code, format!("{said}; read as utf-8"), 0.6)) };
            }
            let encoding = guess(bytes);
            let (text, _) = encoding.decode_without_bom_handling(bytes);
            Text { text, repair: Some((code, format!("{said}; read as {}", encoding.name()), 0.6)) }
        }
    }
}

fn mislabelled<'a>(text: impl Into<Cow<'a, str>>, said: &str, is: &str, confidence: f32) -> Text<'a> {
    Text { text: text.into(), repair: Some((repair::CHARSET_MISLABELLED, format!("{said} is named; read as {is}"), confidence)) }
}

/// A 7-bit charset is named, the bytes are 8-bit.
fn decode_seven_bit_label(bytes: &[u8], claimed: Legacy) -> Text<'_> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return mislabelled(text, claimed.name(), "utf-8", 0.95);
    }
    if claimed != Legacy::Iso2022Jp || legacy::has_iso_2022_jp_escape(bytes) {
        return Text {
            text: claimed.decode(bytes).into(),
            repair: Some((repair::CHARSET_INVALID_BYTES, format!("8-bit bytes in {}", claimed.name()), 0.5)),
        };
    }
    let clean = |e: &'static Encoding| e.decode_without_bom_handling_and_without_replacement(bytes).map(|t| (e, t));
    match [SHIFT_JIS, EUC_JP].into_iter().find_map(clean) {
        Some((encoding, text)) => mislabelled(text, claimed.name(), encoding.name(), 0.8),
        None => {
            let encoding = guess(bytes);
            mislabelled(encoding.decode_without_bom_handling(bytes).0, claimed.name(), encoding.name(), 0.5)
        }
    }
}

fn strip_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes)
}

/// UTF-16 and UTF-32: by label, by byte order mark, or by every other byte being NUL.
fn decode_wide(bytes: &[u8], claimed: Label) -> Option<Text<'_>> {
    let wide = matches!(claimed, Label::Known(e) if e == UTF_16LE || e == UTF_16BE);
    let bom = match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => return Some(Text::plain(Legacy::Utf32.decode(bytes))),
        [0xff, 0xfe, ..] => Some(UTF_16LE),
        [0xfe, 0xff, ..] => Some(UTF_16BE),
        _ => None,
    };
    if !wide && bom.is_none() && !bytes.contains(&0) {
        return None;
    }
    let sample = bytes.before(4096);
    let nuls = |odd: usize| sample.iter().skip(odd).step_by(2).filter(|b| **b == 0).count();
    let (even, odd) = (nuls(0), nuls(1));
    let half = sample.len() / 2;
    let looks = if half > 1 && even * 10 > half * 4 && odd * 10 < half {
        Some(UTF_16BE)
    } else if half > 1 && odd * 10 > half * 4 && even * 10 < half {
        Some(UTF_16LE)
    } else {
        None
    };
    let (_, claimed_or_seen) = match (bom, looks, claimed) {
        (Some(b), Some(l), _) if b == l || wide => (true, b),
        (Some(b), None, _) if wide => (true, b),
        (_, Some(l), _) => (false, l),
        // A label of UTF-16 on bytes without NULs is often wrong, but CJK text has none either.
        (None, None, Label::Known(e)) if wide && std::str::from_utf8(bytes).is_err() => (true, e),
        _ => return None,
    };
    let body = match bytes {
        [0xff, 0xfe, rest @ ..] | [0xfe, 0xff, rest @ ..] => rest,
        _ => bytes,
    };
    let (text, _) = claimed_or_seen.decode_without_bom_handling(body);
    Some(if wide { Text::plain(text) } else { mislabelled(text, "another charset", claimed_or_seen.name(), 0.9) })
}

fn decode_seven_bit(bytes: &[u8], claimed: Label) -> Text<'_> {
    match claimed {
        Label::Legacy(found) if found.is_seven_bit() => return Text::plain(found.decode(bytes)),
        Label::Known(e) if e == encoding_rs::ISO_2022_JP => return Text::plain(Legacy::Iso2022Jp.decode(bytes)),
        _ => {}
    }
    if legacy::has_iso_2022_jp_escape(bytes) {
        return Text {
            text: Legacy::Iso2022Jp.decode(bytes).into(),
            repair: Some((repair::CHARSET_MISLABELLED, "the bytes are escape sequences of iso-2022-jp".to_owned(), 0.9)),
        };
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Text::plain(text),
        Err(_) => Text::plain(lossy(bytes)),
    }
}

fn decode_known<'a>(bytes: &'a [u8], encoding: &'static Encoding) -> Text<'a> {
    let bytes = strip_bom(bytes);
    let utf8 = std::str::from_utf8(bytes).ok();
    if encoding == UTF_8 {
        if let Some(text) = utf8 {
            return Text::plain(text);
        }
        if mostly_utf8(bytes) || is_cut(bytes) {
            return Text {
                text: lossy(bytes),
                repair: Some((repair::CHARSET_INVALID_BYTES, "some bytes are not utf-8".to_owned(), 0.8)),
            };
        }
        let guessed = guess(bytes);
        let (text, _) = guessed.decode_without_bom_handling(bytes);
        return mislabelled(text, "utf-8", guessed.name(), 0.7);
    }
    let clean = encoding.decode_without_bom_handling_and_without_replacement(bytes);
    if let Some(text) = utf8 {
        let sequences = bytes.iter().filter(|b| **b >= 0xc0).count();
        let long = bytes.iter().any(|b| *b >= 0xe0);
        if clean.is_none() || encoding.is_single_byte() || sequences > 2 || (long && sequences > 1) {
            return mislabelled(text, encoding.name(), "utf-8", if sequences > 2 { 0.95 } else { 0.7 });
        }
    }
    if let Some(text) = clean {
        return Text::plain(text);
    }
    let (text, _) = encoding.decode_without_bom_handling(bytes);
    if !encoding.is_single_byte() {
        let guessed = guess(bytes);
        if guessed != encoding && !(guessed == GBK && encoding == GB18030) {
            let (other, _) = guessed.decode_without_bom_handling(bytes);
            let (lost, lost_other) = (replacements(&text), replacements(&other));
            if lost_other * 4 < lost && (guessed != WINDOWS_1252 || lost * 4 > text.chars().count()) {
                return mislabelled(other, encoding.name(), guessed.name(), 0.6);
            }
        }
    }
    Text { text, repair: Some((repair::CHARSET_INVALID_BYTES, format!("some bytes are not {}", encoding.name()), 0.8)) }
}

fn replacements(text: &str) -> usize {
    text.chars().filter(|c| *c == char::REPLACEMENT_CHARACTER).count()
}

/// UTF-8 in which few sequences are broken (a text cut in the middle of a letter, a stray byte).
fn mostly_utf8(bytes: &[u8]) -> bool {
    let (mut good, mut bad) = (0usize, 0usize);
    for chunk in bytes.utf8_chunks() {
        good += chunk.valid().bytes().filter(|b| *b >= 0xc0).count();
        bad += usize::from(!chunk.invalid().is_empty());
    }
    good > bad * 2
}

/// The only thing wrong is that the last letter is cut. One byte alone is not enough to say so,
/// unless it begins a letter of four bytes: `\xE9` at the end is an é of Latin 1.
fn is_cut(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|e| {
        let rest = bytes.after(e.valid_up_to());
        e.error_len().is_none() && (rest.len() > 1 || rest.first().is_some_and(|b| *b >= 0xf0))
    })
}

fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    UTF_8.decode_without_bom_handling(bytes).0
}

/// The most likely charset of bytes that are not valid UTF-8.
fn guess(bytes: &[u8]) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(bytes.before(DETECT_BYTES), true);
    let found = detector.guess(None, Utf8Detection::Deny);
    if found == GBK { GB18030 } else { found }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], label: &str) -> (String, Option<&'static str>) {
        let found = decode(bytes, (!label.is_empty()).then_some(label.as_bytes()), None);
        (found.text.into_owned(), found.repair.map(|r| r.0))
    }

    #[test]
    fn valid_utf8_wins_over_another_label() {
        for label in ["iso-8859-1", "windows-1251", "gb2312", "iso-2022-jp", "shift_jis", "big5"] {
            assert_eq!(
                read("Grüße, žluťoučký".as_bytes(), label),
                ("Grüße, žluťoučký".into(), Some(repair::CHARSET_MISLABELLED)),
                "{label}"
            );
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_not_read_as_utf8() {
        assert_eq!(
            read(b"R\xe9ponse \xe0 votre devis", "utf-8"),
            ("Réponse à votre devis".into(), Some(repair::CHARSET_MISLABELLED))
        );
        assert_eq!(read("abc\u{442}\u{435}\u{43a}\u{441}\u{442}".as_bytes().before(12), "utf-8").0, "abcтекс\u{fffd}");
    }

    #[test]
    fn labels_have_many_spellings() {
        for label in ["1252", "cp1252", "windows_1252", "iso-8859-1", "\"ISO-8859-1\"", "latin1", "iso8859_15", "cp-1252"] {
            assert_eq!(read(b"caf\xe9", label), ("café".into(), None), "{label}");
        }
        assert_eq!(read(b"caf\xe9", "x-nonsense"), ("café".into(), Some(repair::CHARSET_UNKNOWN)));
        assert_eq!(read("café".as_bytes(), "us-ascii"), ("café".into(), Some(repair::CHARSET_MISLABELLED)));
    }

    #[test]
    fn supersets_are_read() {
        assert_eq!(read(&[0x98, 0x52], "gb2312").0, "楻");
        assert_eq!(read(b"\x1b$B-!|b\x1b(B", "iso-2022-jp").0, "①髙");
        assert_eq!(read(b"\x1b$B4A\x1b(B", ""), ("漢".into(), Some(repair::CHARSET_MISLABELLED)));
    }

    #[test]
    fn utf16_is_found_by_its_nuls() {
        assert_eq!(read(b"h\0i\0 \0y\0o\0u\0", "us-ascii").0, "hi you");
        assert_eq!(read(b"\xff\xfeh\0i\0", "utf-16").0, "hi");
    }

    #[test]
    fn a_hint_helps_where_there_is_no_label() {
        assert_eq!(decode(b"\xcf\xf0\xe8", None, Some(b"windows-1251")).text, "При");
    }
}
