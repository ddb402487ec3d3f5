//! What the name of a charset says: the names of standards, of programs, and misspelt ones.
//!
//! # Failure
//! None: a name that nobody knows is [`Label::Unknown`].

use super::charset_legacy::{self as legacy, Legacy};
use super::span::Span;
use encoding_rs::{BIG5, EUC_KR, Encoding, GB18030, SHIFT_JIS, UTF_8, WINDOWS_1252};

/// What a label says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Label {
    /// Nothing, or something that means nothing (`unknown-8bit`).
    Silent,
    /// A name nobody knows.
    Unknown,
    Ascii,
    Known(&'static Encoding),
    /// One letter away from a name.
    Misspelt(&'static Encoding),
    Legacy(Legacy),
}

/// Reads a label as it stands in the mail.
pub(super) fn read(label: Option<&[u8]>) -> Label {
    let Some(label) = label else { return Label::Silent };
    // What nearly all mails name, without a copy.
    let is = |name: &[u8]| label.eq_ignore_ascii_case(name);
    if is(b"utf-8") {
        return Label::Known(UTF_8);
    }
    if is(b"us-ascii") {
        return Label::Ascii;
    }
    if is(b"iso-8859-1") || is(b"windows-1252") {
        return Label::Known(WINDOWS_1252);
    }
    let found = read_one(label);
    if found != Label::Unknown {
        return found;
    }
    // `iso-8859-1,utf-8`, `utf-8 (Plain text)`, `utf-8;format`: the first name counts.
    let first = label.trim_ascii().split(|b| matches!(b, b',' | b';' | b' ' | b'(' | b'/')).next().unwrap_or_default();
    match read_one(first) {
        Label::Silent | Label::Unknown => misspelt(label).map_or(Label::Unknown, Label::Misspelt),
        found => found,
    }
}

fn read_one(label: &[u8]) -> Label {
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

/// Names whose misspellings occur.
const SPELT: &[&str] = &[
    "utf-8",
    "us-ascii",
    "iso-8859-1",
    "iso-8859-2",
    "iso-8859-3",
    "iso-8859-4",
    "iso-8859-5",
    "iso-8859-6",
    "iso-8859-7",
    "iso-8859-8",
    "iso-8859-9",
    "iso-8859-10",
    "iso-8859-13",
    "iso-8859-14",
    "iso-8859-15",
    "iso-8859-16",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "windows-1257",
    "windows-1258",
    "windows-874",
    "tis-620",
    "koi8-r",
    "koi8-u",
    "gb2312",
    "gb18030",
    "big5",
    "shift_jis",
    "euc-jp",
    "iso-2022-jp",
    "euc-kr",
    "ks_c_5601-1987",
    "macintosh",
];

/// The one charset whose name is one slip away: a letter wrong, missing, too much, or two swapped.
fn misspelt(label: &[u8]) -> Option<&'static Encoding> {
    let label = label.trim_ascii().to_ascii_lowercase();
    if !(4..=24).contains(&label.len()) {
        return None;
    }
    let mut near = SPELT.iter().filter(|s| one_slip(s.as_bytes(), &label)).filter_map(|s| Encoding::for_label(s.as_bytes()));
    let first = near.next()?;
    near.all(|e| e == first).then_some(first)
}

fn one_slip(name: &[u8], label: &[u8]) -> bool {
    let same = name.iter().zip(label).take_while(|(a, b)| a == b).count();
    let (name, label) = (name.after(same), label.after(same));
    let swapped = match (name, label) {
        ([a, b, name @ ..], [c, d, label @ ..]) => a == d && b == c && name == label,
        _ => false,
    };
    swapped || name.after(1) == label.after(1) || name == label.after(1) || name.after(1) == label
}

/// Whether a label is worth passing on as a hint for other bytes of the mail.
/// UTF-8 is none: its bytes say so themselves.
pub(super) fn is_hint(label: &[u8]) -> bool {
    match read(Some(label)) {
        Label::Known(encoding) | Label::Misspelt(encoding) => encoding != encoding_rs::UTF_8,
        Label::Legacy(_) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_forgiven_where_it_is_clear() {
        let cases = [("uft-8", UTF_8), ("utf-9", UTF_8), ("urf-8", UTF_8), ("utff-8", UTF_8)];
        for (label, encoding) in cases {
            assert_eq!(read(Some(label.as_bytes())), Label::Misspelt(encoding), "{label}");
        }
        assert_eq!(read(Some(b"iso-8858-15")), Label::Misspelt(encoding_rs::ISO_8859_15));
        // Between iso-8859-1 and -2 and the others.
        assert_eq!(read(Some(b"iso-8859-x")), Label::Unknown);
        assert_eq!(read(Some(b"x-nonsense")), Label::Unknown);
    }

    #[test]
    fn of_two_names_the_first_counts() {
        assert_eq!(read(Some(b"utf-8 (Plain text)")), Label::Known(UTF_8));
        assert_eq!(read(Some(b"iso-8859-1,utf-8")), Label::Known(WINDOWS_1252));
        assert_eq!(read(Some(b"iso-8859-1;utf-8")), Label::Known(WINDOWS_1252));
    }
}
