//! The choice of a charset for bytes that are not what they are said to be: what the detector guesses, what is
//! usually taken for what, and the charset of the rest of the mail, each by its score.
//!
//! # Failure
//! None: some charset always wins, and how sure that is can be asked.
//!
//! # Trust
//! A label is a claim; bytes that prove it wrong win.

use super::charset::{Charset, Text};
use super::charset_label::{self as label, Label};
use super::charset_legacy as legacy;
use super::charset_mend as mend;
use super::charset_score::{lists_letters, sample, score, up_to, weight, writes_another_alphabet};
use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{
    BIG5, EUC_JP, EUC_KR, Encoding, GB18030, GBK, IBM866, ISO_8859_2, ISO_8859_4, ISO_8859_5, ISO_8859_6, ISO_8859_7, ISO_8859_8,
    ISO_8859_8_I, ISO_8859_13, KOI8_R, KOI8_U, MACINTOSH, SHIFT_JIS, UTF_8, WINDOWS_874, WINDOWS_1250, WINDOWS_1251,
    WINDOWS_1252, WINDOWS_1253, WINDOWS_1254, WINDOWS_1255, WINDOWS_1256, WINDOWS_1257,
};

/// Bytes given to the detector: more changes no guess and costs time.
const DETECT_BYTES: usize = 32 << 10;
/// A claim with this score is not doubted.
pub(super) const SCORE_FINE: u32 = 88;
/// A claim with less than this makes no text of the bytes.
const SCORE_RUBBISH: u32 = 50;
/// What the detector guesses knows more of languages than the score does.
const GUESS_BONUS: u32 = 12;
/// Latin 4, which no program has written by itself for decades, is believed from so many bytes beyond ASCII on: of one or
/// two the detector makes letters of it that are as common elsewhere.
const LATIN_4_WEIGHT_MIN: usize = 6;
/// The charset of the rest of the mail is taken from this score on.
const SCORE_OF_HINT: u32 = 60;

/// Which charset won, by how much, and over which.
pub(super) struct Choice {
    pub(super) charset: Charset,
    pub(super) score: u32,
    /// The detector says so too.
    pub(super) guessed: bool,
    pub(super) runner_up: Option<(Charset, u32)>,
}

impl Choice {
    fn confidence(&self) -> f32 {
        let ahead = self.score.saturating_sub(self.runner_up.map_or(0, |r| r.1)).min(80);
        // 0.5 where two are alike, 0.9 where nothing comes near.
        0.5 + ahead as f32 / 200.0
    }

    pub(super) fn text<'a>(mut self, bytes: &'a [u8], code: &'static str, said: &str) -> Text<'a> {
        // Without a letter of Ukraine, koi8-u is koi8-r.
        let ukrainian = |b: &u8| matches!(b, 0xa4 | 0xa6 | 0xa7 | 0xad | 0xb4 | 0xb6 | 0xb7 | 0xbd);
        if self.charset == Charset::Known(KOI8_U) && !bytes.iter().any(ukrainian) {
            self.charset = Charset::Known(KOI8_R);
        }
        let runner_up = self.runner_up.map(|(c, s)| format!(", runner-up {} {s}", c.name())).unwrap_or_default();
        let guessed = if self.guessed { " and the detector's guess" } else { "" };
        let detail = format!("{said}; read as {}, score {} of 100{guessed}{runner_up}", self.charset.name(), self.score);
        Text::repaired(self.charset.decode(bytes), code, detail, self.confidence())
    }
}

/// The charset of the rest of the mail, where it makes words of the bytes.
pub(super) fn hinted(bytes: &[u8], hint: Option<&[u8]>) -> Option<Charset> {
    let charset = match label::read(hint) {
        Label::Known(e) | Label::Misspelt(e) if e != UTF_8 => Charset::Known(e),
        Label::Legacy(l) if !l.is_seven_bit() => Charset::Legacy(l),
        _ => return None,
    };
    let fits = score(bytes, charset).is_some_and(|s| s >= SCORE_OF_HINT) && !charset.decode(bytes).contains('\u{fffd}');
    fits.then_some(charset)
}

/// Charsets that bytes without a label may be of, besides what the detector guesses.
const RIVALS: &[&Encoding] = &[
    WINDOWS_1252,
    WINDOWS_1251,
    WINDOWS_1250,
    KOI8_U,
    IBM866,
    WINDOWS_1253,
    WINDOWS_1254,
    WINDOWS_1255,
    WINDOWS_1256,
    WINDOWS_1257,
    WINDOWS_874,
    SHIFT_JIS,
    EUC_JP,
    GB18030,
    BIG5,
    EUC_KR,
    MACINTOSH,
];

/// The likeliest charset of bytes that are not valid UTF-8, and the next one that makes another text of them.
pub(super) fn choose(bytes: &[u8]) -> Choice {
    // 0xA0 alone is the no-break space of all charsets of ISO 8859 and of Windows, not the á or а of DOS, nor the first half
    // of an ideograph whose second half is the letter behind it.
    let is_blank_alone = !bytes.iter().any(|b| !b.is_ascii() && *b != 0xa0);
    let guess = Charset::Known(if is_blank_alone { WINDOWS_1252 } else { guess(bytes) });
    let pages = ["ibm850", "ibm852"].into_iter().filter_map(|n| legacy::by_name(n.as_bytes())).map(Charset::Legacy);
    let has_a_letter_there = |c: &Charset| {
        matches!(c, Charset::Legacy(_)) || [IBM866, GBK, GB18030, BIG5, EUC_KR, SHIFT_JIS, EUC_JP].map(Charset::Known).contains(c)
    };
    let is_hardly_written = guess == Charset::Known(ISO_8859_4) && weight(bytes) < LATIN_4_WEIGHT_MIN;
    let rivals = RIVALS
        .iter()
        .map(|e| Charset::Known(e))
        .chain(pages)
        .filter(|c| *c != guess && !(is_blank_alone && has_a_letter_there(c)));
    let mut ranked: Vec<(Charset, u32, u32)> = std::iter::once(guess)
        .chain(rivals)
        .map(|charset| {
            let score = score(bytes, charset).unwrap_or(0);
            let counts = match charset {
                _ if charset == guess && !is_hardly_written => score + GUESS_BONUS,
                _ if charset == guess => score.saturating_sub(GUESS_BONUS),
                // What hardly anybody writes without saying so.
                Charset::Legacy(_) => score.saturating_sub(GUESS_BONUS),
                Charset::Known(e) if e == MACINTOSH => score.saturating_sub(GUESS_BONUS),
                Charset::Known(_) => score,
            };
            (charset, score, counts)
        })
        .collect();
    ranked.sort_by_key(|(_, _, counts)| std::cmp::Reverse(*counts));
    let (charset, score, _) = ranked.first().copied().unwrap_or((guess, 0, 0));
    let sample = sample(bytes).unwrap_or_default();
    let text = charset.decode(&sample);
    let runner_up = ranked.iter().skip(1).find(|(other, _, _)| other.decode(&sample) != text).map(|(c, s, _)| (*c, *s));
    Choice { charset, score, guessed: charset == guess, runner_up }
}

/// Charsets that are taken for each other.
fn confused_with(claim: &'static Encoding) -> &'static [&'static Encoding] {
    const CYRILLIC: &[&Encoding] = &[WINDOWS_1251, KOI8_U, IBM866, ISO_8859_5];
    const WESTERN: &[&Encoding] = &[WINDOWS_1252, WINDOWS_1250, ISO_8859_2, WINDOWS_1254, WINDOWS_1257];
    const SIBLINGS: &[(&Encoding, &[&Encoding])] = &[
        (ISO_8859_2, &[WINDOWS_1250]),
        (ISO_8859_6, &[WINDOWS_1256]),
        (ISO_8859_7, &[WINDOWS_1253]),
        (ISO_8859_8, &[WINDOWS_1255]),
        (ISO_8859_8_I, &[WINDOWS_1255]),
        (ISO_8859_13, &[WINDOWS_1257]),
        (GB18030, &[BIG5, EUC_KR, SHIFT_JIS]),
        (BIG5, &[GB18030]),
        (EUC_KR, &[GB18030]),
        (SHIFT_JIS, &[EUC_JP]),
        (EUC_JP, &[SHIFT_JIS]),
    ];
    if CYRILLIC.contains(&claim) || claim == KOI8_R {
        return CYRILLIC;
    }
    SIBLINGS.iter().find(|(e, _)| *e == claim).map_or(WESTERN, |(_, s)| s)
}

/// Whether the bytes prove a claim wrong: another charset makes so much more of them.
pub(super) fn challenge(bytes: &[u8], claim: &'static Encoding) -> Option<Choice> {
    let claimed = score(bytes, Charset::Known(claim))?;
    let is_meant = || lists_letters(bytes, Charset::Known(claim)) || writes_another_alphabet(bytes, claim);
    if claimed >= SCORE_FINE || is_meant() {
        return None;
    }
    let guess = guess(bytes);
    // The less there is to judge by, the clearer it must be; a byte the claim does not have is clear.
    let margin = match weight(bytes) {
        _ if Charset::Known(claim).decode(bytes).contains('\u{fffd}') => 4,
        24.. => 8,
        12.. => 14,
        6.. => 25,
        3.. => 45,
        _ => return None,
    };
    let of = |e: &'static Encoding| (e, score(bytes, Charset::Known(e)).unwrap_or(0));
    // Only Latin 1 is said by programs that do not know; another label is there on purpose, and only rubbish or what
    // it is often confused with speaks against it.
    let is_doubtful =
        claim == WINDOWS_1252 || claimed < SCORE_RUBBISH || Charset::Known(claim).decode(bytes).contains('\u{fffd}');
    let (rival, won) = Some(guess)
        .filter(|_| is_doubtful)
        .into_iter()
        .chain(confused_with(claim).iter().copied())
        .filter(|e| *e != claim && !(claim == KOI8_R && *e == KOI8_U))
        // East Asian mail says Latin 1 when it is wrong: the name of another alphabet is there on purpose.
        .filter(|e| e.is_single_byte() || !claim.is_single_byte() || claim == WINDOWS_1252)
        .map(of)
        .reduce(|best, other| if other.1 > best.1 + if best.0 == guess { GUESS_BONUS } else { 0 } { other } else { best })?;
    let needed = claimed + if rival == guess { margin } else { margin + GUESS_BONUS };
    let fits = !Charset::Known(rival).decode(bytes).contains('\u{fffd}');
    (won >= needed && fits).then_some(Choice {
        charset: Charset::Known(rival),
        score: won,
        guessed: rival == guess,
        runner_up: Some((Charset::Known(claim), claimed)),
    })
}

/// What the detector takes bytes for that are not valid UTF-8.
fn guess(bytes: &[u8]) -> &'static Encoding {
    let bytes = &*up_to(bytes, DETECT_BYTES);
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(bytes, true);
    let found = detector.guess(None, Utf8Detection::Deny);
    if found == GBK {
        return GB18030;
    }
    if found == WINDOWS_1252 && mend::is_hungarian(&found.decode_without_bom_handling(bytes).0) {
        return WINDOWS_1250;
    }
    found
}
