//! Bytes as letters, whatever their charset: where each letter is, what kind it is, and by which bytes of the same
//! mail or script another of its kind is written with the same length.
//!
//! # Failure
//! None: bytes that are no letter of the charset are left alone by everybody, so what was invalid stays invalid.

use encoding_rs::{BIG5, EUC_JP, EUC_KR, Encoding, GB18030, GBK, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE};

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
    /// A byte a letter, in a set of old (DOS, Macintosh) that has no table here: what is 8-bit is a letter.
    Old,
}

/// What a letter is: it is replaced by one of the same kind and length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Kind {
    /// ASCII.
    Upper,
    Lower,
    Digit,
    /// Of another script: the script, whether it is upper case, and whether it is a vowel.
    Letter(Script, bool, bool),
    /// Belongs into a word and stays: vowel signs, tone marks, joiners.
    Mark,
    /// ASCII that is no letter.
    Ascii,
    /// Everything else.
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Script {
    Latin,
    Cyrillic,
    Greek,
    Hebrew,
    Arabic,
    Thai,
    Indic,
    Georgian,
    Armenian,
    Hiragana,
    Katakana,
    HalfKana,
    /// The first level of the Japanese, Chinese and Korean sets, as far as the bytes tell; and what is not of it.
    Han(bool),
    Hangul,
    FullDigit,
    FullLatin,
}

impl Script {
    /// Written without blanks between words.
    pub(super) const fn is_run_on(self) -> bool {
        matches!(
            self,
            Script::Thai
                | Script::Hiragana
                | Script::Katakana
                | Script::HalfKana
                | Script::Han(_)
                | Script::Hangul
                | Script::FullDigit
                | Script::FullLatin
        )
    }
}

/// One letter, or one byte that is none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unit {
    pub(super) at: usize,
    pub(super) len: usize,
    pub(super) kind: Kind,
    /// What it is, in lower case.
    pub(super) lower: char,
}

impl Unit {
    pub(super) fn is_word(&self) -> bool {
        matches!(self.kind, Kind::Upper | Kind::Lower | Kind::Digit | Kind::Letter(..) | Kind::Mark)
    }

    pub(super) fn is_run_on(&self) -> bool {
        matches!(self.kind, Kind::Letter(script, ..) if script.is_run_on())
    }
}

/// Vowels of the scripts that have both cases.
const VOWELS: &str = "aeiouyàáâãäåæèéêëìíîïòóôõöøùúûüýāăąēėęěĩīįıōőœũūůűųơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹаеёиоуыэюяіїєўαεηιουωάέήίόύώϊϋ";

pub(super) fn kind_of(c: char) -> Kind {
    let upper = c.is_uppercase();
    let lower = c.to_lowercase().next().unwrap_or(c);
    let vowel = || VOWELS.contains(lower);
    let letter = |script| Kind::Letter(script, upper, vowel());
    match c {
        'A'..='Z' => Kind::Upper,
        'a'..='z' => Kind::Lower,
        '0'..='9' => Kind::Digit,
        '\0'..='\x7f' => Kind::Ascii,
        '\u{300}'..='\u{36f}' | '\u{200c}' | '\u{200d}' | '\u{ad}' => Kind::Mark,
        '\u{ff10}'..='\u{ff19}' => Kind::Letter(Script::FullDigit, false, false),
        '\u{ff21}'..='\u{ff3a}' | '\u{ff41}'..='\u{ff5a}' => Kind::Letter(Script::FullLatin, upper, false),
        '\u{ff66}'..='\u{ff6f}' | '\u{ff71}'..='\u{ff9d}' => Kind::Letter(Script::HalfKana, false, false),
        '\u{e01}'..='\u{e2e}' => Kind::Letter(Script::Thai, false, false),
        '\u{e2f}'..='\u{e4e}' => Kind::Mark,
        '\u{3041}'..='\u{3096}' => Kind::Letter(Script::Hiragana, false, false),
        '\u{30a1}'..='\u{30fa}' => Kind::Letter(Script::Katakana, false, false),
        '\u{30fc}' | '\u{3005}' => Kind::Mark,
        '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{2ffff}' => {
            Kind::Letter(Script::Han(true), false, false)
        }
        '\u{ac00}'..='\u{d7a3}' => Kind::Letter(Script::Hangul, false, false),
        '\u{5d0}'..='\u{5ea}' => Kind::Letter(Script::Hebrew, false, false),
        '\u{591}'..='\u{5c7}' => Kind::Mark,
        '\u{621}'..='\u{64a}' | '\u{671}'..='\u{6d3}' => Kind::Letter(Script::Arabic, false, false),
        '\u{64b}'..='\u{65f}' | '\u{670}' => Kind::Mark,
        '\u{900}'..='\u{dff}' if c.is_alphabetic() && !is_sign(c) => Kind::Letter(Script::Indic, false, false),
        '\u{900}'..='\u{dff}' => Kind::Mark,
        '\u{10a0}'..='\u{10ff}' => letter(Script::Georgian),
        '\u{531}'..='\u{587}' => letter(Script::Armenian),
        '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' if c.is_alphabetic() => letter(Script::Greek),
        '\u{400}'..='\u{52f}' => letter(Script::Cyrillic),
        '\u{aa}' | '\u{ba}' | '\u{b5}' => Kind::Other,
        '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' if c.is_alphabetic() => letter(Script::Latin),
        _ => Kind::Other,
    }
}

/// A vowel sign or a virama of an Indic script.
fn is_sign(c: char) -> bool {
    matches!(u32::from(c) % 0x80, 0x01..=0x03 | 0x3c | 0x3e..=0x4d | 0x51..=0x57 | 0x62 | 0x63)
}

/// Letters of a kind to draw from where a mail has few of its own: the everyday ones of the script.
pub(super) fn everyday(kind: Kind) -> Vec<char> {
    let Kind::Letter(script, upper, vowel) = kind else { return Vec::new() };
    let ranges: &[(char, char)] = match script {
        Script::Latin => &[('\u{df}', '\u{ff}'), ('\u{101}', '\u{17e}')],
        Script::Cyrillic => &[('а', 'я'), ('і', 'і'), ('ї', 'ї')],
        Script::Greek => &[('ά', 'ώ')],
        Script::Hebrew => &[('א', 'ת')],
        Script::Arabic => &[('ب', 'غ'), ('ف', 'ي')],
        Script::Thai => &[('ก', 'ฮ')],
        Script::Indic => &[('क', 'ह')],
        Script::Georgian => &[('ა', 'ჰ')],
        Script::Armenian => &[('ա', 'ֆ')],
        Script::Hiragana => &[('か', 'ろ')],
        Script::Katakana => &[('カ', 'ロ')],
        Script::HalfKana => &[('ｱ', 'ﾜ')],
        Script::Han(_) => return "日月火水木金土山川田中本上下大小人口手目耳心林森石竹米糸虫貝車雨青空天文字学校先生年早入出立休見町村花草犬王玉白百千左右力男女子正名夕円音".chars().collect(),
        Script::Hangul => return "가나다라마바사아자차카타파하고노도로모보소오조초거너더러머버서어저처구누두루무부수우주추기니디리미비시이지치".chars().collect(),
        Script::FullDigit => &[('０', '９')],
        Script::FullLatin => &[('ａ', 'ｚ')],
    };
    let all = ranges.iter().flat_map(|(from, to)| *from..=*to);
    let cased = all.filter_map(|c| if upper { c.to_uppercase().next() } else { Some(c) });
    cased.filter(|c| kind_of(*c) == Kind::Letter(script, upper, vowel)).collect()
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
        Form::Old => None,
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
        return if has_escape(bytes) || seven_bit { Form::SevenBitPairs } else { Form::Utf8 };
    }
    if std::str::from_utf8(bytes).is_ok() {
        return Form::Utf8;
    }
    let named = named(&label);
    if has_escape(bytes) && (seven_bit || named.is_none()) {
        return Form::SevenBitPairs;
    }
    match named {
        // Mostly UTF-8 with a few bytes that are not.
        found if found.is_none_or(|e| e == UTF_8) && mostly_utf8(bytes) => Form::Utf8,
        Some(encoding) if encoding != UTF_8 && (encoding.is_single_byte() || fits(bytes, encoding)) => form(encoding),
        None if ["cp", "ibm", "dos", "mac", "x-mac", "pc"].iter().any(|old| label.starts_with(old)) => Form::Old,
        _ => form(guess(bytes)),
    }
}

fn form(encoding: &'static Encoding) -> Form {
    match encoding {
        e if e == UTF_8 => Form::Utf8,
        e if e.is_single_byte() => Form::Single(e),
        e if [GBK, GB18030, BIG5, EUC_KR, EUC_JP, SHIFT_JIS].contains(&e) => Form::Double(e),
        _ => Form::Single(encoding_rs::WINDOWS_1252),
    }
}

fn named(label: &str) -> Option<&'static Encoding> {
    let digits: String = label.chars().filter(char::is_ascii_digit).collect();
    let respelled = match digits.as_str() {
        "1250" | "1251" | "1252" | "1253" | "1254" | "1255" | "1256" | "1257" | "1258" | "874" => format!("windows-{digits}"),
        "932" => "shift_jis".to_owned(),
        "936" | "2312" => "gb18030".to_owned(),
        "949" | "5601" => "euc-kr".to_owned(),
        "950" => "big5".to_owned(),
        other => match other.strip_prefix("8859").filter(|part| !part.is_empty()) {
            Some(part) => format!("iso-8859-{part}"),
            None => label.to_owned(),
        },
    };
    Encoding::for_label_no_replacement(label.as_bytes()).or_else(|| Encoding::for_label_no_replacement(respelled.as_bytes()))
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
    for chunk in bytes.utf8_chunks() {
        good += chunk.valid().bytes().filter(|b| *b >= 0xc0).count();
        bad += usize::from(!chunk.invalid().is_empty());
    }
    good > bad * 2
}

fn has_escape(bytes: &[u8]) -> bool {
    bytes.windows(2).any(|w| w == b"\x1b$" || w == b"\x1b(" || w == b"~{")
}

/// UTF-16: by byte order mark, or by every other byte being NUL.
fn wide(bytes: &[u8], label: &str) -> Option<Form> {
    let sample = &bytes[..bytes.len().min(4096)];
    let nuls = |odd: usize| sample.iter().skip(odd).step_by(2).filter(|b| **b == 0).count();
    let (even, odd, half) = (nuls(0), nuls(1), sample.len() / 2);
    let labelled = named(label).filter(|e| [UTF_16LE, UTF_16BE].contains(e)).is_some();
    match bytes {
        [0xff, 0xfe, ..] if odd > 0 || labelled => Some(Form::Wide { big: false }),
        [0xfe, 0xff, ..] if even > 0 || labelled => Some(Form::Wide { big: true }),
        _ if half > 1 && even * 10 > half * 4 && odd * 10 < half => Some(Form::Wide { big: true }),
        _ if half > 1 && odd * 10 > half * 4 && even * 10 < half => Some(Form::Wide { big: false }),
        _ => None,
    }
}

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
        Form::Wide { big } => {
            let mut out = Vec::new();
            let mut at = 0;
            while let Some(pair) = bytes.get(at..at + 2) {
                let code = if big { u16::from_be_bytes([pair[0], pair[1]]) } else { u16::from_le_bytes([pair[0], pair[1]]) };
                out.push(unit(at, 2, char::from_u32(u32::from(code))));
                at += 2;
            }
            if at < bytes.len() {
                out.push(unit(at, 1, None));
            }
            out
        }
    }
}

fn unit(at: usize, len: usize, c: Option<char>) -> Unit {
    match c {
        Some(c) if c != char::REPLACEMENT_CHARACTER => {
            Unit { at, len, kind: kind_of(c), lower: c.to_lowercase().next().unwrap_or(c) }
        }
        _ => Unit { at, len, kind: Kind::Other, lower: char::REPLACEMENT_CHARACTER },
    }
}

fn old(at: usize, byte: u8) -> Unit {
    if byte.is_ascii() {
        return unit(at, 1, Some(char::from(byte)));
    }
    let lower = char::from_u32(0xf_f000 + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER);
    Unit { at, len: 1, kind: Kind::Letter(Script::Latin, false, false), lower }
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
            [b'~', b'{', ..] => (2, Some(Set::Other)),
            [b'~', b'}', ..] if set == Set::Other => (2, Some(Set::Ascii)),
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
            (Set::Jis | Set::Other, [a @ 0x21..=0x7e, b @ 0x21..=0x7e, ..]) => {
                let euc = [a | 0x80, b | 0x80];
                let encoding = if set == Set::Jis { EUC_JP } else { EUC_KR };
                let text = encoding.decode_without_bom_handling_and_without_replacement(&euc);
                let c = text.as_ref().and_then(|t| t.chars().next());
                let mut found = unit(at, 2, c);
                if set == Set::Other {
                    // Which set the escape named is of no matter: a pair is replaced by one of the same row's kind.
                    let kind = if *a >= 0x30 { Kind::Letter(Script::Han(*a < 0x58), true, false) } else { Kind::Other };
                    found = Unit {
                        at,
                        len: 2,
                        kind,
                        lower: char::from_u32(0xf_0000 + u32::from(*a) * 256 + u32::from(*b)).unwrap_or('x'),
                    };
                } else if let Kind::Letter(Script::Han(_), ..) = found.kind {
                    found.kind = Kind::Letter(Script::Han((0x30..=0x4f).contains(a)), false, false);
                }
                out.push(found);
                at += 2;
            }
            (Set::Kana, [0x21..=0x5f, ..]) => {
                out.push(Unit {
                    at,
                    len: 1,
                    kind: Kind::Letter(Script::HalfKana, true, false),
                    lower: char::from_u32(0xff40 + u32::from(rest[0])).unwrap_or('x'),
                });
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
    fn the_form_follows_the_bytes_where_the_label_is_wrong() {
        assert_eq!(form_of("привет".as_bytes(), Some("koi8-r")), Form::Utf8);
        assert_eq!(form_of(b"\xcf\xf0\xe8\xe2\xe5\xf2", Some("windows-1251")), Form::Single(encoding_rs::WINDOWS_1251));
        assert_eq!(form_of(b"\x1b$B4A\x1b(B", None), Form::SevenBitPairs);
        assert_eq!(form_of(b"h\0i\0 \0y\0o\0u\0", None), Form::Wide { big: false });
        assert_eq!(form_of(b"\xc4\xe3\xba\xc3", Some("gb2312")), Form::Double(encoding_rs::GBK));
    }

    #[test]
    fn everyday_letters_are_of_their_kind() {
        for c in "éÉжЖаАωΩקسกあカ漢한".chars() {
            let kind = kind_of(c);
            assert!(matches!(kind, Kind::Letter(..)), "{c}");
            assert!(everyday(kind).len() > 4, "{c}: {:?}", everyday(kind));
        }
    }
}
