//! Letters that were broken before the mail was sent: encoded twice, in two charsets, in surrogates, in
//! pieces, or from right to left.
//!
//! # Failure
//! None: what is not surely broken is left as it is. Linear time.

use super::span::Span;
use encoding_rs::{Encoding, UTF_8, WINDOWS_1251, WINDOWS_1252};
use std::borrow::Cow;

/// Fewer letters may be an accident, or a text about broken letters.
const DOUBLED_MIN: usize = 2;

/// Text that was taken for windows-1252 or windows-1251 and encoded once more: `GrÃ¼ÃŸe`, `РџСЂРё`.
/// Only where all of it beyond ASCII is so, and within words.
pub(super) fn undoubled(text: &str) -> Option<String> {
    let mut beyond = text.after(text.bytes().position(|b| !b.is_ascii())?).chars();
    let first = beyond.next()?;
    let through = match first {
        '\u{c2}'..='\u{f4}' => WINDOWS_1252,
        'Р' | 'С' | 'Т' | 'Г' | 'О' | 'в' | 'Ч' => WINDOWS_1251,
        _ => return None,
    };
    // What stands behind the first byte of a letter belongs to it: most texts are done with here.
    if !byte_of(beyond.next()?, through).is_some_and(|b| matches!(b, 0x80..=0xbf)) {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        bytes.push(byte_of(c, through)?);
    }
    let once = String::from_utf8(bytes).ok()?;
    let mut letters = 0;
    let mut before = ' ';
    let mut rest = once.chars().peekable();
    while let Some(c) = rest.next() {
        let beside = before.is_alphabetic() || rest.peek().is_some_and(|a| a.is_alphabetic());
        letters += usize::from(!c.is_ascii() && c.is_alphabetic() && beside);
        before = c;
    }
    let enough = if through == WINDOWS_1251 { DOUBLED_MIN * 2 } else { DOUBLED_MIN };
    (letters >= enough).then_some(once)
}

/// The byte a letter was made of. What a charset does not define went through as a control.
fn byte_of(c: char, through: &'static Encoding) -> Option<u8> {
    if c.is_ascii() || ('\u{80}'..='\u{9f}').contains(&c) {
        return u8::try_from(u32::from(c)).ok();
    }
    // Latin 1 is windows-1252 but for the controls.
    if through == WINDOWS_1252 && c <= '\u{ff}' {
        return u8::try_from(u32::from(c)).ok();
    }
    let mut buffer = [0u8; 4];
    let (bytes, _, unmapped) = through.encode(c.encode_utf8(&mut buffer));
    match (bytes.as_ref(), unmapped) {
        ([byte], false) => Some(*byte),
        _ => None,
    }
}

/// UTF-8 in which some bytes are not: a letter that is cut shows as U+FFFD, a single byte as the letter of
/// windows-1252 it is, and so do lines all of which is so (a footer that a list server adds).
/// `None`: it is not UTF-8 at all.
pub(super) fn mixed_utf8(bytes: &[u8]) -> Option<Cow<'static, str>> {
    let (mut good, mut bad, mut good_beside_bad) = (0usize, 0usize, 0usize);
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        let (g, b) = line.utf8_chunks().fold((0, 0), |(g, b), c| {
            (g + c.valid().bytes().filter(|b| *b >= 0xc0).count(), b + usize::from(!c.invalid().is_empty()))
        });
        good += g;
        bad += b;
        good_beside_bad += if b > 0 { g } else { 0 };
    }
    let apart = good > 1 && good_beside_bad == 0;
    if !(good > bad * 2 || apart || is_cut(bytes)) {
        return None;
    }
    let mut out = String::with_capacity(bytes.len());
    let mut at = 0;
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        at += chunk.valid().len() + chunk.invalid().len();
        match chunk.invalid() {
            [] => {}
            // The first byte of a letter at the end of a line is cut off rather than of Latin 1.
            [byte] if !(*byte >= 0xc2 && matches!(bytes.after(at).first(), None | Some(b'\r' | b'\n'))) => {
                out.push_str(&WINDOWS_1252.decode_without_bom_handling(&[*byte]).0);
            }
            _ => out.push(char::REPLACEMENT_CHARACTER),
        }
    }
    Some(out.into())
}

/// The only thing wrong is that the last letter is cut. One byte alone is not enough to say so,
/// unless it begins a letter of four bytes: `\xE9` at the end is an é of Latin 1.
fn is_cut(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|e| {
        let rest = bytes.after(e.valid_up_to());
        e.error_len().is_none() && (rest.len() > 1 || rest.first().is_some_and(|b| *b >= 0xf0))
    })
}

/// CESU-8: letters beyond the first plane as two surrogates of three bytes each. `None`: there are none.
pub(super) fn surrogates(bytes: &[u8]) -> Option<String> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    let mut found = false;
    while let Some((&byte, after)) = rest.split_first() {
        if let [0xed, a @ 0xa0..=0xaf, b @ 0x80..=0xbf, 0xed, c @ 0xb0..=0xbf, d @ 0x80..=0xbf, behind @ ..] = rest {
            let bits = |x: &u8, y: &u8| (u32::from(*x) & 0x0f) << 6 | u32::from(*y) & 0x3f;
            let letter = char::from_u32(0x10000 + (bits(a, b) << 10) + (bits(c, d) & 0x3ff))?;
            out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            rest = behind;
            found = true;
            continue;
        }
        out.push(byte);
        rest = after;
    }
    if found { Some(UTF_8.decode_without_bom_handling(&out).0.into_owned()) } else { None }
}

/// Vowels of Vietnamese, each followed by its forms with grave, hook, tilde, acute and dot below.
const TONES: &str = "aàảãáạăằẳẵắặâầẩẫấậeèẻẽéẹêềểễếệiìỉĩíịoòỏõóọôồổỗốộơờởỡớợuùủũúụưừửữứựyỳỷỹýỵ";

/// windows-1258 writes the tone behind the vowel; elsewhere the two are one letter.
pub(super) fn composed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let tone = ['\u{300}', '\u{309}', '\u{303}', '\u{301}', '\u{323}'].iter().position(|t| *t == c);
        let one = tone.and_then(|tone| with_tone(out.chars().next_back()?, tone));
        match one {
            Some(letter) => {
                out.pop();
                out.push(letter);
            }
            None => out.push(c),
        }
    }
    out
}

fn with_tone(vowel: char, tone: usize) -> Option<char> {
    let lower = vowel.to_lowercase().next()?;
    let at = TONES.chars().step_by(6).position(|v| v == lower)?;
    let letter = TONES.chars().nth(at * 6 + 1 + tone)?;
    if lower == vowel { Some(letter) } else { letter.to_uppercase().next() }
}

/// Hebrew whose lines are written from their end (RFC 1556), in the order of reading. `None`: it is in
/// that order, or html, whose tags are not turned.
pub(super) fn from_visual_order(text: &str) -> Option<String> {
    let (mut logical, mut visual) = (0usize, 0usize);
    for word in text.split(|c: char| !is_hebrew(c)).filter(|w| w.chars().nth(1).is_some()) {
        logical += usize::from(word.ends_with(is_final));
        visual += usize::from(word.starts_with(is_final));
    }
    if visual <= logical * 2 || text.contains("</") {
        return None;
    }
    Some(text.split('\n').map(turned).collect::<Vec<_>>().join("\n"))
}

fn is_hebrew(c: char) -> bool {
    matches!(c, '\u{5d0}'..='\u{5ea}')
}

/// The forms that stand at the end of words.
fn is_final(c: char) -> bool {
    matches!(c, 'ך' | 'ם' | 'ן' | 'ף' | 'ץ')
}

/// Angle brackets other than those around an address (`<a@b>`).
fn has_markup(line: &str) -> bool {
    let mut pieces = line.split('<');
    pieces.next().is_some_and(|before| before.contains('>'))
        || pieces.any(|piece| match piece.split_once('>') {
            Some((inside, behind)) => {
                !inside.contains('@') || inside.contains(|c: char| c.is_whitespace() || c == '=') || behind.contains('>')
            }
            None => true,
        })
}

/// A line of Hebrew from its end; in a line of Latin words, or of markup, only the Hebrew in it; any other as it is.
fn turned(line: &str) -> String {
    // An address is one word, however long.
    let (mut hebrew, mut latin) = (0usize, 0usize);
    for word in line.split_whitespace() {
        hebrew += usize::from(word.contains(is_hebrew));
        latin += usize::from(word.contains(|c: char| c.is_ascii_alphabetic()));
    }
    if hebrew == 0 {
        return line.to_owned();
    }
    let ends_hebrew = line.chars().rev().find(|c| c.is_alphabetic()).is_some_and(is_hebrew);
    if (hebrew > latin || hebrew == latin && ends_hebrew) && !has_markup(line) {
        return from_its_end(line);
    }
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(start) = rest.find(is_hebrew) {
        out.push_str(rest.before(start));
        rest = rest.after(start);
        let border = rest.find(|c: char| c.is_ascii_alphabetic() || matches!(c, '<' | '>')).unwrap_or(rest.len());
        let end = rest.before(border).trim_end_matches(|c| !is_hebrew(c)).len();
        out.push_str(&from_its_end(rest.before(end)));
        rest = rest.after(end);
    }
    out + rest
}

/// A line from its end, save numbers, and Latin words with all that stands between them.
fn from_its_end(line: &str) -> String {
    let (line, end) = line.strip_suffix('\r').map_or((line, ""), |l| (l, "\r"));
    let letters: Vec<char> = line.chars().collect();
    let mut out = String::with_capacity(line.len());
    let mut rest: &[char] = &letters;
    // Where what has no Hebrew in it begins, and the Latin in it.
    let (mut clean, mut latin) = (rest.len(), None);
    while let Some((&last, before)) = rest.split_last() {
        if !last.is_ascii_alphanumeric() {
            out.push(mirrored(last));
            rest = before;
            continue;
        }
        if rest.len() <= clean {
            clean = rest.iter().rposition(|c| is_hebrew(*c)).map_or(0, |i| i + 1);
            latin = rest.iter().skip(clean).position(char::is_ascii_alphabetic).map(|i| clean + i);
        }
        // What begins with a Latin letter goes on from left to right up to its last letter or digit.
        let start = latin.take().unwrap_or_else(|| number(rest));
        let (left, run) = rest.split_at(start);
        out.extend(run);
        rest = left;
    }
    out + end
}

/// Where the number at the end begins: digits, with single signs between them.
fn number(letters: &[char]) -> usize {
    let mut start = letters.len();
    let is_digit = |at: Option<usize>| at.and_then(|at| letters.get(at)).is_some_and(char::is_ascii_digit);
    while let Some(at) = start.checked_sub(1) {
        let sign = matches!(letters.get(at), Some('.' | ',' | ':' | '/' | '-' | '+')) && is_digit(Some(start));
        if !(is_digit(Some(at)) || sign && is_digit(at.checked_sub(1))) {
            break;
        }
        start = at;
    }
    start
}

fn mirrored(c: char) -> char {
    match c {
        '<' => '>',
        '>' => '<',
        '(' => ')',
        ')' => '(',
        '[' => ']',
        ']' => '[',
        other => other,
    }
}

/// Words of Hungarian that are in nearly every letter, and in no western language all together.
const HUNGARIAN: &[&str] =
    &["a", "az", "és", "hogy", "nem", "egy", "is", "volt", "ami", "meg", "köszönöm", "kedves", "üdvözlettel"];
/// Words that are looked at.
const WORDS_MAX: usize = 1_000;

/// Hungarian that was read as western European: its `ő` and `ű` stand where `õ` and `û` do, and the detector, which
/// sees two odd letters among many common ones, can't tell. Its commonest words can: among all words, or among those of
/// the lines that have letters beyond ASCII, since what stands above in English says nothing.
pub(super) fn is_hungarian(western: &str) -> bool {
    if !western.contains(['õ', 'û', 'Õ', 'Û']) {
        return false;
    }
    // Of html what stands between tags.
    let shown = || western.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_, behind)| behind));
    let has_letters = |line: &&str| line.chars().any(|c| !c.is_ascii() && c.is_alphabetic()) || line.contains('&');
    has_words_of_hungarian(shown()) || has_words_of_hungarian(shown().flat_map(str::lines).filter(has_letters))
}

fn has_words_of_hungarian<'a>(pieces: impl Iterator<Item = &'a str>) -> bool {
    // `k&ouml;sz&ouml;n&ouml;m` is one word.
    let is_between = |c: char| !c.is_alphanumeric() && !matches!(c, '&' | '#' | ';');
    let words = pieces
        .flat_map(|piece| piece.split(is_between).map(|w| w.trim_matches(';')))
        .filter(|w| w.contains(char::is_alphabetic))
        .take(WORDS_MAX);
    let (mut all, mut common, mut others) = (0, 0, 0);
    for word in words {
        let word = word.to_lowercase();
        let known = HUNGARIAN.contains(&word.as_str());
        all += 1;
        common += usize::from(known);
        // The article is a word of Portuguese too.
        others += usize::from(known && word != "a");
    }
    others >= 1 && common >= 2 && common * 12 > all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hungarian_is_known_by_its_words() {
        assert!(is_hungarian("Meg tudnák nézni, hogy a raktárban maradt-e belõle néhány?"));
        let below =
            format!("{}\n\nMeg tudnák nézni, hogy a raktárban maradt-e belõle néhány?", "words of another language ".repeat(60));
        assert!(is_hungarian(&below), "what stands above says nothing");
        assert!(is_hungarian("<html><body><p style=\"margin: 0\">Meg tudnák nézni, hogy maradt-e belõle?</p></body></html>"));
        assert!(is_hungarian("K&ouml;sz&ouml;n&ouml;m a gyors &uuml;gyint&eacute;z&eacute;st, ha a k&ouml;vetkezõ is j&ouml;n."));
        for text in ["A senhora não põe a mesa à uma", "Il a dû partir, bien sûr, à une heure", "Kas saaksite õhtul tulla?"]
        {
            assert!(!is_hungarian(text), "{text}");
        }
    }

    #[test]
    fn what_was_encoded_twice_is_read_once() {
        assert_eq!(undoubled("SchÃ¶ne GrÃ¼ÃŸe").as_deref(), Some("Schöne Grüße"));
        assert_eq!(undoubled("РџСЂРёРІРµС‚").as_deref(), Some("Привет"));
        for kept in ["Grüße", "it shows Ã¼ for ü", "Ã¼", "a Ã¼ and a Ã¶ alone", "Росси", "Ângela Ção"] {
            assert_eq!(undoubled(kept), None, "{kept}");
        }
    }

    #[test]
    fn a_stray_byte_is_a_letter_and_a_cut_letter_is_none() {
        let read = |bytes: &[u8]| mixed_utf8(bytes).map(Cow::into_owned);
        assert_eq!(read(b"\xc3\xa9t\xc3\xa9 \xc3\xa0 20\xba C").as_deref(), Some("été à 20º C"));
        assert_eq!(read(b"\xc3\xa9t\xc3\xa9 \xc3\xa0 \xc3").as_deref(), Some("été à \u{fffd}"));
        assert_eq!(read("één\n".as_bytes()).as_deref(), Some("één\n"));
        assert_eq!(read(b"\xc3\xa9\xc3\xa9n\nru\xefne co\xf6p\n").as_deref(), Some("één\nruïne coöp\n"));
        assert_eq!(read(b"R\xe9ponse \xe0"), None);
    }

    #[test]
    fn surrogates_are_one_letter() {
        assert_eq!(surrogates(b"a\xed\xa0\xbd\xed\xb8\x80b").as_deref(), Some("a😀b"));
        assert_eq!(surrogates(b"abc"), None);
    }

    #[test]
    fn tones_join_their_vowels() {
        assert_eq!(composed("sa\u{323}n Hô\u{300}ng A\u{309} b\u{301}"), "sạn Hồng Ả b\u{301}");
    }

    #[test]
    fn visual_hebrew_is_turned_and_logical_is_not() {
        assert_eq!(from_visual_order("ןושאר םויב 4711 רפסמ").as_deref(), Some("מספר 4711 ביום ראשון"));
        assert_eq!(
            from_visual_order("my name (םולש ןב) is Hebrew\nall Latin here\nםולש <nl>").as_deref(),
            Some("my name (בן שלום) is Hebrew\nall Latin here\nשלום <nl>")
        );
        for (seen, read) in [
            ("https://a-b.example/1?x=2 :תרתוכב ,םולש", "שלום, בכותרת: https://a-b.example/1?x=2"),
            ("לומתא SAP Business One ונינק ,םולש", "שלום, קנינו SAP Business One אתמול"),
            ("<dan@desk.example> ןד :תאמ", "מאת: דן <dan@desk.example>"),
            ("12:30-ב 4.711,5 םוכסה 7 8 ,םולש", "שלום, 8 7 הסכום 4.711,5 ב-12:30"),
        ] {
            assert_eq!(from_visual_order(seen).as_deref(), Some(read));
        }
        assert_eq!(from_visual_order("ביום ראשון"), None);
        assert_eq!(from_visual_order("אבג"), None);
    }
}
