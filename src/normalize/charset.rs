//! How bytes become letters: the label is a hint, the bytes decide.
//!
//! Valid UTF-8 wins over another claim. A label whose bytes do not fit (they are of no letter of it, or
//! they make no words of a language that another charset makes of them), and no label, are decided
//! by [`super::charset_choice`] among what `chardetng` guesses, the charset of the rest of the mail and the
//! usual rivals; the scores of the winner and of the runner-up are in the repair. What `encoding_rs`
//! lacks is in [`super::charset_legacy`].
//!
//! # Failure
//! None. Bytes that are of no charset show as U+FFFD, never end the text, and are recorded.

use super::charset_choice::{Choice, SCORE_FINE, challenge, choose, hinted};
use super::charset_label::{self as label, Label};
use super::charset_legacy::{self as legacy, Legacy};
use super::charset_mend as mend;
use super::charset_score::{score, up_to};
use super::repair;
use super::span::Span;
use encoding_rs::{Encoding, ISO_8859_8, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1258};
use std::borrow::Cow;
use std::collections::HashSet;

pub(super) use label::is_hint;

/// A charset, whoever decodes it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Charset {
    Known(&'static Encoding),
    Legacy(Legacy),
}

impl Charset {
    pub(super) fn name(self) -> &'static str {
        match self {
            Charset::Known(e) => e.name(),
            Charset::Legacy(l) => l.name(),
        }
    }

    pub(super) fn decode(self, bytes: &[u8]) -> Cow<'_, str> {
        match self {
            Charset::Known(e) if e == WINDOWS_1258 => mend::composed(&decode_replacing(bytes, e)).into(),
            Charset::Known(e) => decode_replacing(bytes, e),
            Charset::Legacy(l) => l.decode(bytes).into(),
        }
    }
}

/// Text, and what had to be repaired for it.
#[derive(Debug, PartialEq)]
pub(super) struct Text<'a> {
    pub(super) text: Cow<'a, str>,
    /// Code, what was done, confidence.
    pub(super) repair: Option<(&'static str, String, f32)>,
}

impl<'a> Text<'a> {
    pub(super) fn plain(text: impl Into<Cow<'a, str>>) -> Self {
        Text { text: text.into(), repair: None }
    }

    pub(super) fn repaired(text: impl Into<Cow<'a, str>>, code: &'static str, detail: String, confidence: f32) -> Self {
        Text { text: text.into(), repair: Some((code, detail, confidence)) }
    }
}

/// The charset that a label names.
pub(super) fn named(label: &[u8]) -> Option<&'static Encoding> {
    match label::read(Some(label)) {
        Label::Known(encoding) | Label::Misspelt(encoding) => Some(encoding),
        _ => None,
    }
}

/// Decodes bytes. `label` is what stands beside them; `hint` is the label of other parts of the
/// mail, asked only when the bytes have none of their own.
pub(super) fn decode<'a>(bytes: &'a [u8], label: Option<&[u8]>, hint: Option<&[u8]>) -> Text<'a> {
    let claimed = label::read(label);
    let mut found = decode_claimed(bytes, claimed, hint);
    if let Label::Misspelt(encoding) = claimed
        && !bytes.is_ascii()
    {
        let detail = found.repair.take().map_or_else(|| format!("read as {}", encoding.name()), |r| r.1);
        let detail = format!("no charset has this name, {} nearly does; {detail}", encoding.name());
        found.repair = Some((repair::CHARSET_UNKNOWN, detail, 0.9));
    }
    if let Some(text) = mend::undoubled(&found.text) {
        found = Text::repaired(text, repair::CHARSET_DOUBLE_ENCODED, "utf-8 within utf-8; read as utf-8 once".to_owned(), 0.8);
    }
    found
}

fn decode_claimed<'a>(bytes: &'a [u8], claimed: Label, hint: Option<&[u8]>) -> Text<'a> {
    if let Some(found) = decode_wide(bytes, claimed) {
        return found;
    }
    if bytes.is_ascii() {
        return decode_seven_bit(bytes, claimed);
    }
    let bytes = strip_bom(bytes);
    match claimed {
        Label::Known(encoding) | Label::Misspelt(encoding) if encoding == UTF_8 => decode_utf8(bytes, hint),
        Label::Known(encoding) | Label::Misspelt(encoding) => decode_known(bytes, encoding),
        Label::Legacy(found) if found.is_seven_bit() => decode_seven_bit_label(bytes, found),
        Label::Legacy(found) => match std::str::from_utf8(bytes) {
            Ok(text) if has_letters_of_utf8(bytes) => mislabelled(text, found.name(), "utf-8", 0.8),
            _ => Text::plain(found.decode(bytes)),
        },
        Label::Ascii => decode_unlabelled(bytes, hint, repair::CHARSET_MISLABELLED, "us-ascii is named, the bytes are 8-bit"),
        Label::Silent => decode_unlabelled(bytes, hint, repair::CHARSET_MISSING, "no charset is named"),
        Label::Unknown => decode_unlabelled(bytes, hint, repair::CHARSET_UNKNOWN, "an unknown charset is named"),
    }
}

fn mislabelled<'a>(text: impl Into<Cow<'a, str>>, said: &str, is: &str, confidence: f32) -> Text<'a> {
    Text::repaired(text, repair::CHARSET_MISLABELLED, format!("{said} is named; read as {is}"), confidence)
}

fn invalid<'a>(text: impl Into<Cow<'a, str>>, name: &str, confidence: f32) -> Text<'a> {
    Text::repaired(text, repair::CHARSET_INVALID_BYTES, format!("some bytes are not {name}"), confidence)
}

fn decode_unlabelled<'a>(bytes: &'a [u8], hint: Option<&[u8]>, code: &'static str, said: &str) -> Text<'a> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Text::repaired(text, code, format!("{said}; read as utf-8, in which all of it is valid"), 0.98);
    }
    if let Some(text) = mend::mixed_utf8(bytes)
        && hinted(bytes, hint).is_none()
    {
        return Text::repaired(text, code, format!("{said}; read as utf-8, with some bytes that are not"), 0.6);
    }
    decode_eight_bit(bytes, hint, code, said)
}

/// Bytes that are no UTF-8 and have no label that counts.
fn decode_eight_bit<'a>(bytes: &'a [u8], hint: Option<&[u8]>, code: &'static str, said: &str) -> Text<'a> {
    if let Some(charset) = hinted(bytes, hint) {
        let others = choose(bytes);
        let score = score(bytes, charset).unwrap_or(0);
        let runner_up =
            [Some((others.charset, others.score)), others.runner_up].into_iter().flatten().find(|(c, _)| *c != charset);
        let found = Choice { charset, score, guessed: false, runner_up }.text(bytes, code, said);
        let detail = |d: String| {
            d.replacen(&format!("read as {}", charset.name()), &format!("read as {}, the charset of the body", charset.name()), 1)
        };
        return Text { repair: found.repair.map(|(c, d, _)| (c, detail(d), 0.7)), ..found };
    }
    choose(bytes).text(bytes, code, said)
}

/// A 7-bit charset is named, the bytes are 8-bit.
fn decode_seven_bit_label(bytes: &[u8], claimed: Legacy) -> Text<'_> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return mislabelled(text, claimed.name(), "utf-8", 0.95);
    }
    if claimed == Legacy::Iso2022Jp && legacy::has_iso_2022_jp_escape(bytes) {
        let detail = format!("8-bit bytes in {}", claimed.name());
        return Text::repaired(claimed.decode(bytes), repair::CHARSET_INVALID_BYTES, detail, 0.5);
    }
    choose(bytes).text(bytes, repair::CHARSET_MISLABELLED, &format!("{} is named, the bytes are 8-bit", claimed.name()))
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
    // A relay that writes a CR before each LF knows nothing of letters of two bytes; where every other byte is NUL, and no LF
    // is without, the two are no letters.
    let by_relay = memchr::memchr_iter(b'\n', bytes).all(|at| bytes.before(at).ends_with(b"\r"));
    let lf = if by_relay { up_to(bytes, bytes.len()) } else { bytes.into() };
    let sample = lf.before(4096);
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
        (None, None, Label::Known(e)) if wide && (std::str::from_utf8(bytes).is_err() || bytes.iter().any(is_in_no_text)) => {
            (true, turned(e, sample))
        }
        _ => return None,
    };
    let body = match if looks.is_some() { &*lf } else { bytes } {
        [0xff, 0xfe, rest @ ..] | [0xfe, 0xff, rest @ ..] => rest,
        body => body,
    };
    let text = claimed_or_seen.decode_without_bom_handling(body).0.into_owned();
    Some(if wide { Text::plain(text) } else { mislabelled(text, "another charset", claimed_or_seen.name(), 0.9) })
}

/// Control characters that no text of single bytes has: half of a letter of UTF-16.
fn is_in_no_text(byte: &u8) -> bool {
    matches!(byte, 0..=8 | 0x0e..=0x1a | 0x1c..=0x1f)
}

/// UTF-16 in the order its bytes show where no byte order mark does: the higher bytes are few, since letters of one script
/// have the same.
fn turned(claimed: &'static Encoding, sample: &[u8]) -> &'static Encoding {
    let kinds = |odd: usize| sample.iter().skip(odd).step_by(2).collect::<HashSet<_>>().len();
    match (kinds(0), kinds(1)) {
        (even, odd) if even * 2 < odd => UTF_16BE,
        (even, odd) if odd * 2 < even => UTF_16LE,
        _ => claimed,
    }
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

fn decode_utf8<'a>(bytes: &'a [u8], hint: Option<&[u8]>) -> Text<'a> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Text::plain(text);
    }
    if let Some(text) = mend::surrogates(bytes) {
        return invalid(text, "utf-8 but surrogates of utf-16 (CESU-8)", 0.9);
    }
    if let Some(text) = mend::mixed_utf8(bytes) {
        return invalid(text, "utf-8", 0.8);
    }
    decode_eight_bit(bytes, hint, repair::CHARSET_MISLABELLED, "utf-8 is named")
}

/// Whether valid UTF-8 holds so many letters that it is no accident.
fn has_letters_of_utf8(bytes: &[u8]) -> bool {
    let sequences = bytes.iter().filter(|b| **b >= 0xc0).count();
    sequences > 2 || (sequences > 1 && bytes.iter().any(|b| *b >= 0xe0))
}

fn decode_known<'a>(bytes: &'a [u8], encoding: &'static Encoding) -> Text<'a> {
    let clean = decode_clean(bytes, encoding);
    if let Ok(text) = std::str::from_utf8(bytes)
        && (has_letters_of_utf8(bytes)
            || clean.is_none()
            // One letter may be an accident, where the claim makes words of the bytes too.
            || (encoding.is_single_byte() && score(bytes, Charset::Known(encoding)).is_some_and(|s| s < SCORE_FINE)))
    {
        return mislabelled(text, encoding.name(), "utf-8", if has_letters_of_utf8(bytes) { 0.95 } else { 0.7 });
    }
    if let Some(choice) = challenge(bytes, encoding) {
        return choice.text(bytes, repair::CHARSET_MISLABELLED, &format!("{} is named", encoding.name()));
    }
    let Some(text) = clean else { return invalid(encoding.decode_without_bom_handling(bytes).0, encoding.name(), 0.8) };
    if encoding == WINDOWS_1258 {
        return Text::plain(mend::composed(&text));
    }
    if encoding == ISO_8859_8
        && let Some(turned) = mend::from_visual_order(&text)
    {
        let detail = "Hebrew in visual order; turned into the order of reading".to_owned();
        return Text::repaired(turned, repair::CHARSET_VISUAL_ORDER, detail, 0.8);
    }
    Text::plain(text)
}

/// Bytes from which on a decoded text is given only the room it needs.
const LARGE: usize = 1 << 20;

/// Decodes what is all of one charset. encoding_rs reserves three bytes of text for each byte, which is
/// more than the mail may take when it is large.
fn decode_clean<'a>(bytes: &'a [u8], encoding: &'static Encoding) -> Option<Cow<'a, str>> {
    if bytes.len() < LARGE {
        return encoding.decode_without_bom_handling_and_without_replacement(bytes);
    }
    let letters = bytes.iter().filter(|b| **b >= 0x80).count();
    let mut text = String::with_capacity(bytes.len() + 2 * letters + 16);
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut rest = bytes;
    loop {
        let (result, read) = decoder.decode_to_string_without_replacement(rest, &mut text, true);
        rest = rest.after(read);
        match result {
            encoding_rs::DecoderResult::InputEmpty => return Some(text.into()),
            encoding_rs::DecoderResult::OutputFull => text.reserve(rest.len().max(64)),
            encoding_rs::DecoderResult::Malformed(..) => return None,
        }
    }
}

/// The same, with replacement characters for what is of another charset.
fn decode_replacing<'a>(bytes: &'a [u8], encoding: &'static Encoding) -> Cow<'a, str> {
    if bytes.len() < LARGE {
        return encoding.decode_without_bom_handling(bytes).0;
    }
    let letters = bytes.iter().filter(|b| **b >= 0x80).count();
    let mut text = String::with_capacity(bytes.len() + 2 * letters + 16);
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut rest = bytes;
    loop {
        let (result, read, _) = decoder.decode_to_string(rest, &mut text, true);
        rest = rest.after(read);
        match result {
            encoding_rs::CoderResult::InputEmpty => return text.into(),
            encoding_rs::CoderResult::OutputFull => text.reserve(rest.len().max(64)),
        }
    }
}

fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    UTF_8.decode_without_bom_handling(bytes).0
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::{
        BIG5, EUC_JP, EUC_KR, GB18030, ISO_8859_2, ISO_8859_7, KOI8_R, SHIFT_JIS, WINDOWS_874, WINDOWS_1250, WINDOWS_1251,
        WINDOWS_1252, WINDOWS_1253, WINDOWS_1254, WINDOWS_1255, WINDOWS_1256, WINDOWS_1257,
    };

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
    fn a_no_break_space_alone_is_no_letter_of_dos_and_one_letter_none_of_latin_4() {
        assert_eq!(read(b"count\xa0each, 7\xa0000", "utf-8").0, "count\u{a0}each, 7\u{a0}000");
        assert_eq!(read(b"drum\xa0number", "").0, "drum\u{a0}number");
        assert_eq!(read(b"Foto cantiere Forl\xec.jpg", "").0, "Foto cantiere Forlì.jpg");
    }

    #[test]
    fn another_alphabet_is_not_taken_for_ideographs() {
        let meant = "żółw żółw źródło żółw żółw żółw żółw żółw";
        for label in ["windows-1250", "iso-8859-2"] {
            let bytes = Encoding::for_label(label.as_bytes()).unwrap().encode(meant).0.into_owned();
            assert_eq!(read(&bytes, label).0, meant);
        }
        let meant = "щогла щогла щогла щогла щогла щогла щогла";
        assert_eq!(read(&encoding_rs::WINDOWS_1251.encode(meant).0, "windows-1251").0, meant);
    }

    #[test]
    fn line_ends_change_neither_the_charset_nor_its_score() {
        // More than is looked at, so that what is looked at would be another text.
        for (encoding, text, label) in [
            (WINDOWS_1251, "Подскажите\nкогда\nбудет\nзаказ щ\n", ""),
            (GB18030, "请问\n我的\n订单\n", ""),
            (WINDOWS_1250, "Příliš\nžluťoučký\nkůň\n", "iso-8859-1"),
            (SHIFT_JIS, "明日の\n会議\n", "us-ascii"),
        ] {
            let lf = encoding.encode(text).0.repeat(3000);
            let crlf: Vec<u8> =
                lf.iter().flat_map(|b| if *b == b'\n' { &b"\r\n"[..] } else { std::slice::from_ref(b) }).copied().collect();
            let [lf, crlf] = [&lf, &crlf].map(|bytes| decode(bytes, Some(label.as_bytes()).filter(|l| !l.is_empty()), None));
            assert_eq!((lf.text, lf.repair), (crlf.text.replace('\r', "").into(), crlf.repair));
        }
        // The third and the fourth byte of a letter of gb18030, cut off by the end of a line.
        let score = |bytes: &[u8]| score(bytes, Charset::Known(GB18030));
        assert_eq!(score(b"\x81\x30\n\xd6\xd0\xce\xc4"), score(b"\x81\x30\r\n\xd6\xd0\xce\xc4"));
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
        assert_eq!(read(b"h\0i\0\n\0y\0o\0u\0", "").0, "hi\nyou");
        assert_eq!(read(b"h\0i\0\r\n\0y\0o\0u\0", "").0, "hi\nyou", "a relay has put a CR before LF");
        assert_eq!(
            read(b"h\0i\0\n\0y\0o\0\x06\r\n\0u\0", "").0,
            "hi\nyo\u{d06}\nu",
            "a letter of Malayalam at the end of a line"
        );
    }

    #[test]
    fn a_label_that_is_right_stays_however_odd_the_text() {
        let cases: &[(&'static Encoding, &[&str])] = &[
            (
                WINDOWS_1252,
                &[
                    "Ä",
                    "ÄÖÜ",
                    "äöü ÄÖÜ ß",
                    "ÀÉÈÊ",
                    "Þórður Ægisson",
                    "São João, ação",
                    "© ® ™ ± 5° µm ½ × ÷",
                    "¥100 ¢ £5 €7",
                    "ñÑ¿¡",
                    "Grüße von Élodie und François aus Zürich, à bientôt, ça va très bien, schöne Größe, déjà vu, Straße über Österreich",
                    "ÜBERPRÜFUNG GRÖSSE MÜNCHEN ÄNDERUNG",
                    "ÉCOLE SUPÉRIEURE À PARIS",
                    "naïve façade",
                    "«Åse», Øyvind og Ærø",
                    "ª º",
                    "ÿ",
                    "Dvorák & Søn, Müller S.à r.l., Señor Ibáñez, Åström Oy, Þór hf., coöperatie, Ação S/A",
                ],
            ),
            (
                WINDOWS_1251,
                &["ДОБРЫЙ ДЕНЬ", "№ 5", "Да", "щэф", "ООО «Ёж»", "ПРИВЕТ КАК ДЕЛА", "Тел.: 12, ул. Мира", "я", "Ђ Љ Њ Ћ Џ"],
            ),
            (KOI8_R, &["ДОБРЫЙ ДЕНЬ", "Да", "щэф", "СЧЁТ ЗА НОЯБРЬ", "привет", "│ да │"]),
            (WINDOWS_1250, &["Dvořák", "ŻÓŁĆ", "Łódź", "PŘÍLIŠ ŽLUŤOUČKÝ", "Ő", "Müller és fia", "ţară şi Ţară", "đ"]),
            (ISO_8859_2, &["Łódź, Kraków", "ZAŻÓŁĆ GĘŚLĄ JAŹŃ", "Größe", "čaj, šaty, žena"]),
            (WINDOWS_1254, &["İSTANBUL ŞİŞLİ", "ığdır", "Ağrı", "ÇĞÖŞÜ"]),
            (WINDOWS_1253, &["ΑΘΗΝΑ", "Ελλάδα", "ΤΙΜΟΛΟΓΙΟ", "ώ"]),
            (ISO_8859_7, &["ΑΘΗΝΑ", "Γειά σας", "ΤΙΜΟΛΟΓΙΟ ΠΩΛΗΣΗΣ"]),
            (WINDOWS_1255, &["שלום", "ש", "שָׁלוֹם"]),
            (WINDOWS_1256, &["سلام", "گچپژ", "été à Tunis مرحبا"]),
            (WINDOWS_1257, &["Ąžuolas", "ŠIAULIAI ŽŪKLĖ", "ģ"]),
            (WINDOWS_874, &["ไทย", "ก"]),
            (GB18030, &["龘靐齉", "㐀", "囍", "臺灣繁體字說明", "中", "ひらがな", "ＡＢＣ"]),
            (BIG5, &["龘", "中", "魑魅魍魎", "喆堃"]),
            (SHIFT_JIS, &["ｶﾀｶﾅ ﾃｽﾄ", "中", "髙﨑", "鬱"]),
            (EUC_JP, &["ｶﾀｶﾅ", "中", "鬱"]),
            (EUC_KR, &["가", "똠방각하", "大韓民國", "뷁"]),
        ];
        let mut wrong = Vec::new();
        for (encoding, texts) in cases {
            for text in *texts {
                let (bytes, _, unmapped) = encoding.encode(text);
                assert!(!unmapped, "{text}");
                let read = decode(&bytes, Some(encoding.name().as_bytes()), None);
                if (read.text.as_ref(), &read.repair) != (*text, &None) {
                    wrong.push(format!("{text}: {read:?}"));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn the_repair_says_what_decided() {
        let (bytes, _, _) = WINDOWS_1251.encode("Подскажите, пожалуйста, когда будет доставлен мой заказ");
        let detail = decode(&bytes, Some(b"koi8-r"), None).repair.unwrap().1;
        assert!(detail.starts_with("KOI8-R is named; read as windows-1251, score "), "{detail}");
        assert!(detail.contains("of 100 and the detector's guess, runner-up KOI8-R "), "{detail}");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_under_any_label_give_text(bytes: Vec<u8>, label in "[ -~]{0,20}", known in 0usize..12) {
            let labels = ["utf-8", "koi8-r", "iso-8859-8", "gb2312", "iso-2022-jp", "utf-16", "utf-7", "hz-gb-2312", "viscii", "x-ia5-german", "us-ascii", "windows-1258"];
            decode(&bytes, Some(label.as_bytes()), Some(labels[known].as_bytes()));
            let read = decode(&bytes, Some(labels[known].as_bytes()), None);
            proptest::prop_assert!(!bytes.is_ascii() || known > 3 || bytes.contains(&0x1b) || bytes.contains(&0) || read.text.as_bytes() == bytes);
        }
    }

    #[test]
    fn a_hint_helps_where_there_is_no_label() {
        assert_eq!(decode(b"\xcf\xf0\xe8", None, Some(b"windows-1251")).text, "При");
    }
}
