//! Bytes as letters, whatever their charset: where each letter is, what kind it is, and by which bytes of the same
//! mail or script another of its kind is written with the same length.
//!
//! # Failure
//! None: bytes that are no letter of the charset are left alone by everybody, so what was invalid stays invalid.

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
    /// Digits of Arabic and Persian, of India, of Thailand.
    NativeDigit,
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
    /// What it is.
    pub(super) letter: char,
    /// The same in lower case.
    pub(super) lower: char,
    /// Written as `&#252;` or `&uuml;` rather than as bytes of the charset.
    pub(super) is_reference: bool,
}

impl Unit {
    /// A letter written as bytes of the charset.
    pub(super) fn new(at: usize, len: usize, kind: Kind, letter: char) -> Unit {
        Unit { at, len, kind, letter, lower: letter.to_lowercase().next().unwrap_or(letter), is_reference: false }
    }

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
        '\u{660}'..='\u{669}' | '\u{6f0}'..='\u{6f9}' | '\u{966}'..='\u{96f}' | '\u{e50}'..='\u{e59}' => {
            Kind::Letter(Script::NativeDigit, false, c >= '\u{6f0}')
        }
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
        // What parts words, as a hyphen does.
        '\u{5be}' | '\u{5c0}' | '\u{5c3}' | '\u{5c6}' => Kind::Other,
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
        Script::NativeDigit => &[('\u{660}', '\u{669}'), ('\u{6f0}', '\u{6f9}')],
        Script::FullLatin => &[('ａ', 'ｚ')],
    };
    let all = ranges.iter().flat_map(|(from, to)| *from..=*to);
    let cased = all.filter_map(|c| if upper { c.to_uppercase().next() } else { Some(c) });
    cased.filter(|c| kind_of(*c) == Kind::Letter(script, upper, vowel)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyday_letters_are_of_their_kind() {
        for c in "éÉжЖаАωΩקسกあカ漢한".chars() {
            let kind = kind_of(c);
            assert!(matches!(kind, Kind::Letter(..)), "{c}");
            assert!(everyday(kind).len() > 4, "{c}: {:?}", everyday(kind));
        }
    }
}
