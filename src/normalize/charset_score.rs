//! How likely bytes are text of a charset: 0 (rubbish) to 100 (as people write).
//!
//! Every letter beyond ASCII gives points: for the rank it has in its language, for its neighbours
//! (no capital within a word, no script beside another, no sign within a word), and, in Latin, for
//! being of the one language that most of the others are of. In multi-byte charsets the rows of
//! the table tell the common letters from those nobody writes.
//!
//! # Failure
//! None. Looks at the first [`SAMPLE_BYTES`] from the first byte that is not ASCII.

use super::charset::Charset;
use super::span::{Span, before_as_lf};
use encoding_rs::{BIG5, EUC_JP, EUC_KR, Encoding, GB18030, GBK, SHIFT_JIS};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// More changes no choice and costs time.
const SAMPLE_BYTES: usize = 4096;

/// The letters beyond ASCII of languages written in Latin (Unicode CLDR, exemplar characters).
const LATIN: &[&str] = &[
    "äöüß",                                                                // German
    "àâæçéèêëîïôœùûüÿ",                                                    // French
    "áéíñóúü",                                                             // Spanish
    "àáâãçéêíóôõúü",                                                       // Portuguese
    "àèéìíîòóùú",                                                          // Italian
    "àçèéíïòóúü",                                                          // Catalan
    "áäâèéëêïíóöôúü",                                                      // Dutch
    "æøåéóò",                                                              // Danish, Norwegian
    "åäöé",                                                                // Swedish, Finnish
    "áðéíóúýþæö",                                                          // Icelandic, Faroese
    "äõöüšž",                                                              // Estonian
    "ąćęłńóśźż",                                                           // Polish
    "áčďéěíňóřšťúůýž",                                                     // Czech
    "áäčďéíĺľňóôŕšťúýž",                                                   // Slovak
    "áéíóöőúüű",                                                           // Hungarian
    "ăâîșțşţ",                                                             // Romanian
    "čćđšž",                                                               // Croatian, Bosnian, Slovene
    "çğıiöşüâîû",                                                          // Turkish
    "āčēģīķļņšūž",                                                         // Latvian
    "ąčęėįšųūž",                                                           // Lithuanian
    "ĉĝĥĵŝŭ",                                                              // Esperanto
    "ċġħżàèìòù",                                                           // Maltese
    "âêîôûŵŷáéïö",                                                         // Welsh
    "áéíóú",                                                               // Irish
    "çë",                                                                  // Albanian
    "əğıöşüç",                                                             // Azerbaijani
    "àáâãèéêìíòóôõùúýăđĩũơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ", // Vietnamese
];

/// The languages a letter is of, as bits.
static LANGUAGES: LazyLock<HashMap<char, u32>> = LazyLock::new(|| {
    let mut map = HashMap::new();
    for (bit, letters) in LATIN.iter().enumerate() {
        for letter in letters.chars() {
            *map.entry(letter).or_default() |= 1u32 << bit;
        }
    }
    map
});

/// Letters by how often they are written; what is in none is rarer.
const CYRILLIC: [(&str, i32); 5] = [("оеаинт", 100), ("срвлк", 95), ("мдпуі", 85), ("яыьгзбј", 70), ("чйхжїєъ", 55)];
const ARABIC: [(&str, i32); 2] = [("اليمونرتبهعد", 95), ("سفكقأحجةىشصخإ", 80)];
const GREEK: [(&str, i32); 2] = [("αοιετσνηυρκπμλωςάόίέή", 95), ("δγχθφβύώ", 75)];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Script {
    Latin,
    Greek,
    Cyrillic,
    Hebrew,
    Arabic,
    Thai,
    Other,
}

fn script(c: char) -> Option<Script> {
    Some(match c {
        'a'..='z' | 'A'..='Z' | 'À'..='Ö' | 'Ø'..='ö' | 'ø'..='ɏ' | 'Ḁ'..='ỿ' => Script::Latin,
        'ª' | 'º' | 'µ' => return None,
        '\u{370}'..='\u{3ff}' if c.is_alphabetic() => Script::Greek,
        '\u{400}'..='\u{52f}' if c.is_alphabetic() => Script::Cyrillic,
        '\u{5d0}'..='\u{5ea}' => Script::Hebrew,
        '\u{620}'..='\u{64a}' | '\u{66e}'..='\u{6d3}' => Script::Arabic,
        '\u{e01}'..='\u{e4e}' => Script::Thai,
        _ if c.is_alphabetic() => Script::Other,
        _ => return None,
    })
}

/// The score of bytes read in a charset; `None` where all of them are ASCII.
pub(super) fn score(bytes: &[u8], charset: Charset) -> Option<u32> {
    let bytes = &*sample(bytes)?;
    let points = match charset {
        Charset::Known(e) if e == GBK || [GB18030, BIG5, EUC_KR, EUC_JP, SHIFT_JIS].contains(&e) => by_row(bytes, e),
        _ => by_letter(&charset.decode(bytes)),
    };
    points.map(|p| p.clamp(0, 100).unsigned_abs())
}

/// How many bytes beyond ASCII a score stands on.
pub(super) fn weight(bytes: &[u8]) -> usize {
    sample(bytes).unwrap_or_default().iter().filter(|b| !b.is_ascii()).count()
}

/// From the letter before the first byte beyond ASCII: in no charset is that within a letter.
pub(super) fn sample(bytes: &[u8]) -> Option<Cow<'_, [u8]>> {
    let first = bytes.iter().position(|b| !b.is_ascii())?;
    Some(up_to(bytes.after(first.saturating_sub(1)), SAMPLE_BYTES))
}

/// The first `count` bytes without the CRs before LF: what is judged by them is judged alike however a relay wrote the line
/// ends.
pub(super) fn up_to(bytes: &[u8], count: usize) -> Cow<'_, [u8]> {
    let counted = before_as_lf(bytes, count);
    if memchr::memmem::find(counted, b"\r\n").is_none() {
        return counted.into();
    }
    let ends_no_line = |at: usize| counted.get(at + 1) != Some(&b'\n');
    counted.iter().enumerate().filter(|(at, b)| **b != b'\r' || ends_no_line(*at)).map(|(_, b)| *b).collect()
}

/// Letters that list an alphabet need to be so many to be none of another script by chance.
const LISTED_MIN: usize = 8;

/// Whether bytes show the letters of one language beyond ASCII one after the other (`ÄÖÜäöüß`, `éèêëàâîï`): a test, or
/// the name of a font. Nobody writes so, and the score can't judge it; the label is all there is.
pub(super) fn lists_letters(bytes: &[u8], charset: Charset) -> bool {
    let Some(bytes) = sample(bytes) else { return false };
    let text = charset.decode(&bytes);
    let letters: Vec<char> = text.chars().filter(|c| !c.is_ascii()).collect();
    let lower: HashSet<char> = letters.iter().filter_map(|c| c.to_lowercase().next()).collect();
    let distinct: HashSet<&char> = letters.iter().collect();
    // Vowels only: in Cyrillic and in East Asian charsets these bytes make no word.
    let german = letters.len() >= 4 && lower.len() >= 3 && lower.iter().all(|c| "äöüß".contains(*c));
    let listed = distinct.len() >= LISTED_MIN && letters.len() * 2 <= distinct.len() * 3;
    german || listed && LATIN.iter().any(|language| lower.iter().all(|c| language.contains(*c) || "äöü".contains(*c)))
}

/// Letters of a second alphabet that are no accident.
const OTHER_LETTERS_MIN: usize = 4;

/// Whether an East Asian charset makes words of another alphabet than its own of the bytes, and nothing but that: kana in
/// gb18030, Cyrillic in big5, French in euc-jp. Their rows are rare, so that the score takes them for a mistake; but bytes of
/// another charset hardly ever fall on letters of one alphabet only, and on none that nobody writes.
pub(super) fn writes_another_alphabet(bytes: &[u8], encoding: &'static Encoding) -> bool {
    let Some(sample) = sample(bytes).filter(|_| !encoding.is_single_byte()) else { return false };
    let text = Charset::Known(encoding).decode(&sample);
    // A letter may be cut by the sample.
    let text = if sample.len() == SAMPLE_BYTES { text.trim_end_matches('\u{fffd}') } else { &text };
    if text.chars().any(|c| matches!(c, '\u{80}'..='\u{9f}' | '\u{fffd}' | '\u{e000}'..='\u{f8ff}' | '\u{ff61}'..='\u{ff9f}')) {
        return false;
    }
    // Four bytes a letter are of gb18030 alone: no other charset has them in this order.
    let is_four = |w: &[u8]| matches!(w, [0x81..=0xfe, b'0'..=b'9', 0x81..=0xfe, b'0'..=b'9']);
    if encoding == GB18030 && sample.windows(4).any(is_four) {
        return true;
    }
    let is_kana = |c: char| matches!(c, '\u{3041}'..='\u{30ff}');
    let (mut kana, mut letters, mut joined, mut ideographs) = (0, 0, 0, 0);
    let mut before = ' ';
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let after = rest.peek().copied().unwrap_or(' ');
        let own = script(c);
        let beside = |other: char| if is_kana(c) { is_kana(other) } else { script(other) == own };
        match own {
            Some(Script::Other) if !is_kana(c) => ideographs += 1,
            Some(_) if !c.is_ascii() => {
                letters += 1;
                kana += usize::from(is_kana(c));
                joined += usize::from(beside(before) || beside(after));
            }
            _ => {}
        }
        before = c;
    }
    let in_words = joined * 10 >= letters * 8;
    // `à` and `ó` are words.
    let latin = joined * 2 >= letters && text.chars().all(|c| !matches!(script(c), Some(s) if s != Script::Latin));
    let japanese = kana == letters && kana >= OTHER_LETTERS_MIN && kana * 2 >= ideographs;
    letters > 0 && (latin || in_words && (japanese || (ideographs == 0 && kana == 0 && letters >= OTHER_LETTERS_MIN)))
}

fn by_letter(text: &str) -> Option<i32> {
    let (mut points, mut count) = (0i32, 0i32);
    let mut latin: HashMap<char, i32> = HashMap::new();
    let mut before = ' ';
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let after = rest.peek().copied().unwrap_or(' ');
        if !c.is_ascii() {
            count += 1;
            match letter_points(before, c, after) {
                Some(p) => points += p,
                None => *latin.entry(c.to_lowercase().next().unwrap_or(c)).or_default() += 1,
            }
        }
        before = c;
    }
    let latin: Vec<(u32, i32)> = latin.iter().map(|(c, n)| (LANGUAGES.get(c).copied().unwrap_or(0), *n)).collect();
    let of = |bit: usize| -> i32 { latin.iter().map(|(mask, n)| if mask >> bit & 1 == 1 { 95 * n } else { 20 * n }).sum() };
    points += (0..LATIN.len()).map(of).max().unwrap_or(0);
    (count > 0).then(|| points / count)
}

/// Points of one letter; `None`: a Latin letter, whose points depend on the others.
fn letter_points(before: char, c: char, after: char) -> Option<i32> {
    let Some(own) = script(c) else { return Some(sign_points(before, c, after)) };
    let (left, right) = (script(before), script(after));
    if [left, right].into_iter().flatten().any(|s| s != own && s != Script::Other && own != Script::Other) {
        return Some(0);
    }
    if c.is_uppercase() && before.is_lowercase() {
        return Some(0);
    }
    let shouting = if c.is_uppercase() && left.is_some() { 15 } else { 0 };
    let ranked = |ranks: &[(&str, i32)], rare: i32| {
        let lower = c.to_lowercase().next().unwrap_or(c);
        ranks.iter().find(|(letters, _)| letters.contains(lower)).map_or(rare, |(_, p)| *p) - shouting
    };
    match own {
        Script::Latin if !before.is_ascii() && left.is_some() && !after.is_ascii() && right.is_some() => Some(35),
        Script::Latin => None,
        Script::Cyrillic => Some(ranked(&CYRILLIC, 50)),
        Script::Greek if c == 'ς' && right.is_some() => Some(10),
        Script::Greek => Some(ranked(&GREEK, 65)),
        Script::Hebrew if matches!(c, 'ך' | 'ם' | 'ן' | 'ף' | 'ץ') && right.is_some() => Some(40),
        Script::Hebrew | Script::Thai => Some(88),
        Script::Arabic => Some(ranked(&ARABIC, 60)),
        // Half-width kana and what no single-byte charset has.
        Script::Other if matches!(c, '\u{ff61}'..='\u{ff9f}') => Some(15),
        Script::Other => Some(85),
    }
}

fn sign_points(before: char, c: char, after: char) -> i32 {
    let within = script(before).is_some() && script(after).is_some();
    match c {
        '\u{80}'..='\u{9f}' | '\u{fffd}' | '\u{e000}'..='\u{f8ff}' | '\u{fff0}'..='\u{ffff}' => -100,
        // Marks that belong to the letter before them.
        '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5c7}' | '\u{64b}'..='\u{65f}' => {
            if script(before).is_some() || !before.is_ascii() { 85 } else { 5 }
        }
        '’' if script(after).is_some() && !within => 35,
        '’' | '·' | '\u{ad}' | '‑' | '–' => 80,
        _ if within => 5,
        '«' | '»' | '“' | '”' | '„' | '‚' | '‘' | '—' | '…' | '•' | '°' | '§' | '©' | '®' | '™' | '€' | '£' | '¿' | '¡' | 'º'
        | 'ª' | '½' | '\u{a0}' | '№' | '،' | '؟' | '؛' => 78,
        _ => 35,
    }
}

/// Points by the rows of the multi-byte tables.
fn by_row(bytes: &[u8], encoding: &'static Encoding) -> Option<i32> {
    let (mut points, mut count) = (0i32, 0i32);
    let mut rest = bytes;
    while let Some((&lead, after)) = rest.split_first() {
        rest = after;
        if lead < 0x80 {
            continue;
        }
        let Some(&trail) = after.first() else { break }; // cut by the sample
        let (p, taken) = if encoding == BIG5 {
            big5(lead, trail)
        } else if encoding == EUC_KR {
            euc_kr(lead, trail)
        } else if encoding == EUC_JP {
            euc_jp(lead, trail)
        } else if encoding == SHIFT_JIS {
            shift_jis(lead, trail)
        } else {
            gb18030(lead, trail)
        };
        points += p;
        count += 1;
        rest = after.after(taken);
    }
    (count > 0).then(|| points / count)
}

const NO_LETTER: (i32, usize) = (-100, 0);

fn gb18030(lead: u8, trail: u8) -> (i32, usize) {
    match (lead, trail) {
        (0x81..=0xfe, 0x30..=0x39) => (30, 3),
        (0xa1..=0xa3, 0xa1..=0xfe) => (85, 1),
        (0xa4..=0xa5, 0xa1..=0xfe) => (80, 1),
        (0xb0..=0xd7, 0xa1..=0xfe) => (95, 1),
        (0xd8..=0xf7, 0xa1..=0xfe) => (50, 1),
        (0xa6..=0xa9, 0xa1..=0xfe) => (30, 1),
        (0x81..=0xa0, 0x40..=0xfe) | (0xa8..=0xfe, 0x40..=0xa0) => (40, 1),
        (0x81..=0xfe, 0x40..=0xfe) => (-100, 1), // private use
        _ => NO_LETTER,
    }
}

fn big5(lead: u8, trail: u8) -> (i32, usize) {
    if !matches!(trail, 0x40..=0x7e | 0xa1..=0xfe) {
        return NO_LETTER;
    }
    match lead {
        0xa1..=0xa3 => (85, 1),
        0xa4..=0xc6 => (95, 1),
        0xc9..=0xf9 => (45, 1),
        0x87..=0xfe => (30, 1),
        _ => NO_LETTER,
    }
}

fn euc_kr(lead: u8, trail: u8) -> (i32, usize) {
    match (lead, trail) {
        (0xa1..=0xa3, 0xa1..=0xfe) => (80, 1),
        (0xb0..=0xc8, 0xa1..=0xfe) => (95, 1),
        (0xa4..=0xac, 0xa1..=0xfe) => (40, 1),
        (0xca..=0xfd, 0xa1..=0xfe) => (30, 1),
        (0x81..=0xc6, 0x41..=0x5a | 0x61..=0x7a | 0x81..=0xfe) => (35, 1),
        _ => NO_LETTER,
    }
}

fn euc_jp(lead: u8, trail: u8) -> (i32, usize) {
    match (lead, trail) {
        (0x8e, 0xa1..=0xdf) => (80, 1),
        (0x8f, 0xa1..=0xfe) => (20, 2),
        (0xa1 | 0xa3, 0xa1..=0xfe) => (85, 1),
        (0xa4, 0xa1..=0xf3) => (100, 1),
        (0xa5, 0xa1..=0xf6) => (90, 1),
        (0xb0..=0xcf, 0xa1..=0xfe) => (95, 1),
        (0xd0..=0xf4, 0xa1..=0xfe) => (45, 1),
        (0xa1..=0xfe, 0xa1..=0xfe) => (20, 1),
        _ => NO_LETTER,
    }
}

fn shift_jis(lead: u8, trail: u8) -> (i32, usize) {
    match (lead, trail) {
        (0xa1..=0xdf, _) => (15, 0),
        (0x81, 0x40..=0xfc) | (0x82, 0x4f..=0x9a) => (85, 1),
        (0x82, 0x9f..=0xf1) => (100, 1),
        (0x83, 0x40..=0x96) => (90, 1),
        (0x88, 0x9f..=0xfc) | (0x89..=0x97, 0x40..=0xfc) => (95, 1),
        (0x98..=0x9f | 0xe0..=0xea, 0x40..=0xfc) => (50, 1),
        (0x83..=0x87 | 0xed | 0xee | 0xfa..=0xfc, 0x40..=0xfc) => (30, 1),
        _ => NO_LETTER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::{KOI8_U, WINDOWS_1250, WINDOWS_1251, WINDOWS_1252};

    fn of(bytes: &[u8], encoding: &'static Encoding) -> u32 {
        score(bytes, Charset::Known(encoding)).unwrap()
    }

    #[test]
    fn the_right_charset_has_the_higher_score() {
        let cases: &[(&'static Encoding, &[&'static Encoding], &str)] = &[
            (WINDOWS_1251, &[KOI8_U, WINDOWS_1252, GB18030], "Подскажите, пожалуйста, когда будет доставлен заказ"),
            (KOI8_U, &[WINDOWS_1251, WINDOWS_1252], "Доброго дня, коли буде доставлено замовлення"),
            (WINDOWS_1252, &[WINDOWS_1250, WINDOWS_1251, SHIFT_JIS], "La pièce coûte très cher, réponse espérée dès demain"),
            (WINDOWS_1250, &[WINDOWS_1252, WINDOWS_1251], "Příliš žluťoučký kůň úpěl ďábelské ódy"),
            (BIG5, &[GB18030, SHIFT_JIS], "請問我的訂單什麼時候會到貨"),
            (GB18030, &[BIG5, EUC_KR, WINDOWS_1252], "请问我的订单什么时候会到货"),
            (SHIFT_JIS, &[EUC_JP, GB18030, BIG5], "明日の会議は十時からです"),
            (EUC_JP, &[SHIFT_JIS, BIG5, EUC_KR], "担当者よりご連絡いたします"),
        ];
        for (right, others, text) in cases {
            let (bytes, _, _) = right.encode(text);
            for other in *others {
                let (won, lost) = (of(&bytes, right), of(&bytes, other));
                assert!(won >= 80 && lost + 10 < won, "{text}: {} {won}, {} {lost}", right.name(), other.name());
            }
        }
    }

    #[test]
    fn letters_of_an_alphabet_are_told_from_words() {
        let lists = |e: &'static Encoding, text: &str| lists_letters(&e.encode(text).0, Charset::Known(WINDOWS_1252));
        for text in ["ÄäÖöÜü", "ÄÖÜäöüß.txt", "éèêëàâäîïôöùûüç", "ãõâêôçáéíóú"] {
            assert!(lists(WINDOWS_1252, text), "{text}");
        }
        for text in ["показали", "Доставка заказа", "дцья", "вода"] {
            assert!(!lists(WINDOWS_1251, text), "{text}");
        }
    }

    #[test]
    fn another_alphabet_in_an_east_asian_charset_is_told_from_a_wrong_label() {
        let written =
            |label: &'static Encoding, of: &'static Encoding, text: &str| writes_another_alphabet(&of.encode(text).0, label);
        for (encoding, text) in [
            (GB18030, "Привет, как дела"),
            (GB18030, "ミーティングのお知らせ"),
            (GB18030, "緊急ミーティング"),
            (GB18030, "Größe und Maß"),
            (EUC_JP, "Ваш заказ отправлен"),
            (EUC_KR, "お知らせの件について"),
            (BIG5, "まみむめも"),
            (SHIFT_JIS, "Ваш заказ"),
            (GB18030, "Réponse à votre demande"),
        ] {
            assert!(written(encoding, encoding, text), "{} {text}", encoding.name());
        }
        for (label, of, text) in [
            (GB18030, BIG5, "請問我的訂單什麼時候會到貨"),
            (GB18030, BIG5, "今天"),
            (BIG5, GB18030, "请问我的订单什么时候会到货"),
            (EUC_KR, GB18030, "请问我的订单什么时候会到货"),
            (GB18030, WINDOWS_1251, "Привет, как дела"),
            (GB18030, WINDOWS_1252, "Größe und Maß"),
            (SHIFT_JIS, WINDOWS_1252, "Réponse à votre demande"),
            (GB18030, EUC_KR, "주문하신 상품이 발송되었습니다"),
        ] {
            assert!(!written(label, of, text), "{} {} {text}", label.name(), of.name());
        }
    }

    #[test]
    fn ascii_has_no_score() {
        assert_eq!(score(b"plain words", Charset::Known(WINDOWS_1252)), None);
        assert_eq!(weight(b"caf\xe9"), 1);
    }
}
