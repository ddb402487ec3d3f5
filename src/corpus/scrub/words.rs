//! Words and numbers, and by what each is replaced: the same word by the same one everywhere, of the same length,
//! script and case. What carries meaning for reading stays ([`super::kept`]).
//!
//! A first pass only learns: which words there are (a replacement is none of them) and which letters (a replacement is
//! made of letters the mail has, so that a detector of charsets sees what it saw).
//!
//! # Failure
//! None.

use super::cut::units;
use super::form::Form;
use super::kept;
use super::letters::{Kind, Script, Unit, kind_of};
use super::likeness::{CANDIDATES_MAX, Likeness};
use super::markup::{Marks, Reference};
use super::pool::{Pool, reference};
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};

/// Consonants and vowels as often as English has them: what is written looks like words.
const CONSONANTS: &[u8] = b"tttnnnsssrrrhhdddlllccmmwwffggppbbvkkjxqz";
const VOWELS: &[u8] = b"eeeeaaaooiiuuy";
/// Tries to find a word that is none of the mail's own.
const TRIES: u32 = 40;
/// Letters from which on a piece of a word may be known.
const PIECE_LETTERS_MIN: usize = 4;
/// What one letter becomes. Which bytes may stand at a place that is written as it is (not as `=XX`) is asked of `free`.
pub(super) struct Words {
    key: [u8; 32],
    learning: bool,
    /// Latin letters beyond ASCII stay.
    spares: bool,
    own: HashSet<String>,
    /// Which try made the word that stands for one, and the words that stand for one: no two become the same.
    tries: HashMap<String, u32>,
    made: HashSet<String>,
    /// The letters of the mails.
    pool: Pool,
    /// Which letters stand beside which.
    likeness: Likeness,
}

/// Bytes of a text, and which of them may become any byte (they are written as `=XX`, or in base64).
pub(super) struct Text<'a> {
    pub(super) bytes: &'a mut [u8],
    pub(super) free: Option<&'a [bool]>,
    /// Stays as it is: tags, names of fields.
    pub(super) fixed: &'a dyn Fn(usize) -> bool,
    /// What is html in it.
    pub(super) marks: &'a Marks,
}

impl Words {
    pub(super) fn new(seed: u64, round: u32) -> Words {
        let key =
            Sha256::new().chain_update(b"tidegate scrub").chain_update(seed.to_be_bytes()).chain_update(round.to_be_bytes());
        Words {
            key: key.finalize().into(),
            learning: true,
            spares: false,
            own: HashSet::new(),
            tries: HashMap::new(),
            made: HashSet::new(),
            pool: Pool::default(),
            likeness: Likeness::default(),
        }
    }

    /// Leaves the Latin letters beyond ASCII as they are: where a charset is told by a few of them alone, others tell of
    /// another.
    pub(super) fn sparing(self) -> Words {
        Words { spares: true, ..self }
    }

    /// The words and letters are known; from now on they are replaced.
    pub(super) fn learnt(&mut self) {
        self.learning = false;
        self.pool.learnt();
    }

    pub(super) const fn is_learning(&self) -> bool {
        self.learning
    }

    /// Numbers that follow from a text, the same ones every time.
    pub(super) fn stream(&self, text: &[u8]) -> impl FnMut() -> usize + use<> {
        let key = self.key;
        let seed: [u8; 32] = Sha256::new().chain_update(key).chain_update(text).finalize().into();
        let mut block = seed;
        let mut at = 0;
        move || {
            if at + 2 > block.len() {
                block = Sha256::new().chain_update(key).chain_update(block).finalize().into();
                at = 0;
            }
            at += 2;
            usize::from(u16::from_be_bytes([block[at - 2], block[at - 1]]))
        }
    }

    /// Another letter or digit for this one, the same wherever it stands; what is neither stays.
    pub(super) fn turned(&self, byte: u8) -> u8 {
        let turn = |first: u8, count: u8| {
            let by = 1 + self.key[usize::from(count)] % (count - 1);
            first + (byte - first + by) % count
        };
        match byte {
            b'a'..=b'z' => turn(b'a', 26),
            b'A'..=b'Z' => turn(b'A', 26),
            b'0'..=b'9' => turn(b'0', 10),
            other => other,
        }
    }

    /// Replaces what is to be replaced in a text, or learns from it.
    pub(super) fn text(&mut self, text: &mut Text<'_>, form: Form) {
        let list = merged(units(text.bytes, form), &text.marks.references);
        // What stands within a word and is not shown parts it not.
        let (aside, shown): (Vec<Unit>, Vec<Unit>) = list.into_iter().partition(|u| text.marks.is_aside(u.at));
        self.units(&shown, text, form);
        self.units(&aside, text, form);
    }

    fn units(&mut self, list: &[Unit], text: &mut Text<'_>, form: Form) {
        let numbers = numbers(list);
        let joined = joined(list, text.fixed);
        let local_parts = local_parts(list);
        let mut before = String::new();
        let mut n = 0;
        while n < list.len() {
            if !list[n].is_word() || (text.fixed)(list[n].at) {
                n += 1;
                continue;
            }
            let run_on = list[n].is_run_on();
            let mut end = n;
            while end < list.len()
                && list[end].is_word()
                && !(text.fixed)(list[end].at)
                && (list[end].is_run_on() == run_on || list[end].kind == Kind::Mark)
            {
                end += 1;
            }
            let token = &list[n..end];
            if run_on {
                self.run_on(token, text, form);
            } else {
                let is_part = local_parts[n] || joined[n] || joined[end - 1];
                let number = if local_parts[n] { Number::Grouped } else { numbers[n] };
                let word: String = token.iter().filter(|u| u.kind != Kind::Mark).map(|u| u.lower).collect();
                if !kept::goes_on(&before, &word) {
                    self.word(token, text, form, number, is_part);
                }
                before = word;
            }
            n = end;
        }
    }

    /// A run of a script without blanks: phrases that mean something stay, the rest is replaced.
    fn run_on(&mut self, token: &[Unit], text: &mut Text<'_>, form: Form) {
        let letters: Vec<char> = token.iter().map(|u| u.lower).collect();
        let mut from = 0;
        let mut at = 0;
        while at <= letters.len() {
            let kept = if at < letters.len() { kept::phrase_at(&letters[at..]) } else { 1 };
            if kept > 0 {
                if from < at {
                    self.replace(&token[from..at], text, form);
                }
                from = at + kept;
                at = from;
            } else {
                at += 1;
            }
        }
    }

    fn word(&mut self, token: &[Unit], text: &mut Text<'_>, form: Form, number: Number, is_part: bool) {
        let word: String = token.iter().filter(|u| u.kind != Kind::Mark).map(|u| u.lower).collect();
        let digits = token.iter().filter(|u| u.kind == Kind::Digit).count();
        // As of those of ASCII, what may be a year or a part of a date stays.
        if token.len() <= 4 && token.iter().all(|u| matches!(u.kind, Kind::Letter(Script::NativeDigit, ..))) {
            return;
        }
        if digits == token.len() {
            let is_zone = || {
                let before = byte_before(token, text);
                digits == 4 && matches!(before, Some(b'+' | b'-')) && word.as_str() <= "1400"
            };
            // `iso-8859-1`, `windows-1252`: the number of a charset.
            let is_charset = || matches!(byte_before(token, text), Some(b'-' | b'_')) && kept::is_word(&word);
            if number == Number::Plain && (digits < 4 || is_year(&word) || is_zone() || is_charset()) || number == Number::Fixed {
                return;
            }
        } else if kept::is_word(&word)
            || is_kept_backwards(&word)
            || (token.len() < 3 && word.is_ascii() && number != Number::Grouped && !is_part)
        {
            return;
        }
        if token.len() < 3 && word.is_ascii() {
            // So short that others would come out the same: each letter becomes another one.
            if !self.learning {
                for byte in token.iter().filter(|u| !u.is_reference).flat_map(|u| u.at..u.at + u.len) {
                    text.bytes[byte] = self.turned(text.bytes[byte]);
                }
            }
            return;
        }
        self.replace(token, text, form);
    }

    fn replace(&mut self, token: &[Unit], text: &mut Text<'_>, form: Form) {
        let word: String = token.iter().map(|u| u.lower).collect();
        if self.learning {
            for unit in token.iter().filter(|u| matches!(u.kind, Kind::Letter(..)) || u.is_reference) {
                let place = unit.at..unit.at + unit.len;
                let is_free = text.free.is_none_or(|f| f.get(place.clone()).is_some_and(|f| f.iter().all(|f| *f)));
                self.pool.learn(unit, &text.bytes[place], form, is_free);
            }
            self.likeness.learn(token, matches!(form, Form::Single(_)));
            self.own.extend(pieces(&word).map(str::to_owned));
            self.own.insert(word);
            return;
        }
        let hexadecimal =
            token.len() >= 6 && token.iter().any(|u| u.kind == Kind::Digit) && token.iter().all(|u| u.lower.is_ascii_hexdigit());
        let mut made: Vec<u8> = Vec::new();
        let known = self.tries.get(&word).copied();
        for attempt in known.unwrap_or(0)..TRIES {
            let mut next = self.stream(format!("{attempt} {word}").as_bytes());
            made.clear();
            let mut lower = String::new();
            let spelling = Spelling { token, form, hexadecimal, free: text.free, likely: attempt < TRIES / 2 };
            for (n, unit) in token.iter().enumerate() {
                let old = &text.bytes[unit.at..unit.at + unit.len];
                let before = lower.chars().next_back().unwrap_or(' ');
                let (letter, new) = self.letter(&spelling, n, old, before, next());
                lower.extend(letter.to_lowercase().next());
                made.extend(new);
            }
            let is_own = |made: &str| kept::is_word(made) || self.own.contains(made);
            let clashes = || lower == word || is_own(&lower) || self.made.contains(&lower) || pieces(&lower).any(is_own);
            if known.is_some() || attempt + 1 == TRIES || !clashes() {
                self.tries.insert(word, attempt);
                self.made.insert(lower);
                break;
            }
        }
        let mut at = 0;
        for unit in token {
            text.bytes[unit.at..unit.at + unit.len].copy_from_slice(&made[at..at + unit.len]);
            at += unit.len;
        }
    }

    /// Another letter of the same kind and length, and its bytes.
    fn letter(&self, spelling: &Spelling<'_>, n: usize, old: &[u8], before: char, draw: usize) -> (char, Vec<u8>) {
        let unit = &spelling.token[n];
        let stays = || (unit.letter, old.to_vec());
        match unit.kind {
            _ if self.pool.stays(unit.letter) => stays(),
            Kind::Letter(Script::Latin, ..) if self.spares => stays(),
            Kind::Digit => {
                let first = u32::from(n == 0 && unit.lower != '0');
                let digit = char::from_digit(first + draw as u32 % (10 - first), 10).unwrap_or('0');
                spelling.ascii(unit, digit, old).map_or_else(stays, |new| (digit, new))
            }
            Kind::Upper | Kind::Lower => {
                let pool: &[u8] = if spelling.hexadecimal {
                    b"abcdef"
                } else if matches!(unit.lower, 'a' | 'e' | 'i' | 'o' | 'u' | 'y') {
                    VOWELS
                } else {
                    CONSONANTS
                };
                let cased = |c: char| if unit.kind == Kind::Upper { c.to_ascii_uppercase() } else { c };
                let drawn = (0..pool.len()).map(|k| char::from(pool[(draw + k) % pool.len()]));
                let mut written = drawn.filter_map(|c| Some((cased(c), spelling.ascii(unit, cased(c), old)?)));
                let likely = written.clone().find(|(c, _)| self.is_likely(spelling, n, before, c.to_ascii_lowercase()));
                likely.or_else(|| written.next()).unwrap_or_else(stays)
            }
            Kind::Letter(..) => self.of_pool(spelling, n, old, before, draw).unwrap_or_else(stays),
            _ => stays(),
        }
    }

    fn is_likely(&self, spelling: &Spelling<'_>, n: usize, before: char, letter: char) -> bool {
        let next = spelling.token.get(n + 1).map(|u| u.kind);
        !spelling.likely || self.likeness.is_likely(before, letter, next)
    }

    /// A letter of the mails' own. Line ends stay whatever they seem to be a half of.
    fn of_pool(&self, spelling: &Spelling<'_>, n: usize, old: &[u8], before: char, draw: usize) -> Option<(char, Vec<u8>)> {
        let unit = &spelling.token[n];
        let breaks = |letter: &[u8]| letter.contains(&b'\r') || letter.contains(&b'\n');
        if breaks(old) {
            return None;
        }
        // What is written as it is must not become a byte that means something there.
        let fits = |new: &[u8]| {
            new.len() == old.len()
                && !breaks(new)
                && new.iter().zip(old).enumerate().all(|(n, (new, old))| {
                    let is_free = spelling.free.is_none_or(|f| f.get(unit.at + n).copied().unwrap_or(false));
                    is_free || new == old || new.is_ascii() == old.is_ascii() && (!new.is_ascii() || new.is_ascii_alphanumeric())
                })
        };
        let mut fitting = self.pool.from(unit, spelling.form, draw).filter_map(|(c, new)| {
            let new = if unit.is_reference { reference(c, old)? } else { new.to_vec() };
            (fits(&new) && self.pool.fits(c, unit.letter)).then_some((c, new))
        });
        let lower = |c: char| c.to_lowercase().next().unwrap_or(c);
        let likely = fitting.clone().take(CANDIDATES_MAX).find(|(c, _)| self.is_likely(spelling, n, before, lower(*c)));
        likely.or_else(|| fitting.next())
    }
}

impl Spelling<'_> {
    /// A letter of ASCII in the form, if it takes the same room.
    fn ascii(&self, unit: &Unit, letter: char, old: &[u8]) -> Option<Vec<u8>> {
        if unit.is_reference {
            return reference(letter, old);
        }
        let byte = u8::try_from(letter).ok()?;
        Some(match self.form {
            Form::Wide { big: true } => vec![0, byte],
            Form::Wide { big: false } => vec![byte, 0],
            Form::Wider { big: true } => vec![0, 0, 0, byte],
            Form::Wider { big: false } => vec![byte, 0, 0, 0],
            _ => vec![byte],
        })
    }
}

/// Units, with each reference as the one letter it is.
fn merged(list: Vec<Unit>, references: &[Reference]) -> Vec<Unit> {
    if references.is_empty() {
        return list;
    }
    let mut out = Vec::with_capacity(list.len());
    let mut references = references.iter().peekable();
    for unit in list {
        while references.next_if(|r| r.range.end <= unit.at).is_some() {}
        match references.peek() {
            Some(found) if found.range.start == unit.at => {
                let kind = kind_of(found.letter);
                out.push(Unit { is_reference: true, ..Unit::new(unit.at, found.range.len(), kind, found.letter) });
            }
            Some(found) if found.range.contains(&unit.at) => {}
            _ => out.push(unit),
        }
    }
    out
}

/// What a word is spelt in.
struct Spelling<'a> {
    token: &'a [Unit],
    form: Form,
    free: Option<&'a [bool]>,
    hexadecimal: bool,
    /// Of pairs of letters that the mails have.
    likely: bool,
}

/// For each unit, whether another word stands beside it with nothing but what is fixed between: `<b>Z</b>aphod`.
fn joined(list: &[Unit], fixed: &dyn Fn(usize) -> bool) -> Vec<bool> {
    let mut out = vec![false; list.len()];
    let mut mark = |order: &mut dyn Iterator<Item = usize>| {
        let (mut behind_word, mut crossed) = (false, false);
        for n in order {
            if fixed(list[n].at) {
                crossed = true;
                continue;
            }
            let is_word = list[n].is_word();
            out[n] |= is_word && behind_word && crossed;
            (behind_word, crossed) = (is_word, false);
        }
    };
    mark(&mut (0..list.len()));
    mark(&mut (0..list.len()).rev());
    out
}

/// For each unit, whether it stands before the `@` of an address.
fn local_parts(list: &[Unit]) -> Vec<bool> {
    let mut out = vec![false; list.len()];
    for at in (0..list.len()).filter(|n| list[*n].kind == Kind::Ascii && list[*n].lower == '@') {
        let is_part = |u: &Unit| u.is_word() && !u.is_run_on() || u.kind == Kind::Ascii && ".+_-=%/!#$&'*~".contains(u.lower);
        for n in (0..at).rev().take_while(|n| is_part(&list[*n])) {
            out[n] = true;
        }
    }
    out
}

/// Hebrew in visual order (ISO-8859-8) has its words from the last letter on.
fn is_kept_backwards(word: &str) -> bool {
    word.chars().all(|c| ('\u{5d0}'..='\u{5ea}').contains(&c)) && kept::is_word(&word.chars().rev().collect::<String>())
}

/// What stands between the joiners of a word, where it is long enough to be a word itself.
fn pieces(word: &str) -> impl Iterator<Item = &str> {
    word.split(|c: char| !c.is_alphanumeric()).filter(move |p| p.len() < word.len() && p.chars().count() >= PIECE_LETTERS_MIN)
}

/// The byte before a token.
fn byte_before(token: &[Unit], text: &Text<'_>) -> Option<u8> {
    token.first().and_then(|u| u.at.checked_sub(1)).and_then(|at| text.bytes.get(at).copied())
}

fn is_year(word: &str) -> bool {
    word.len() == 4 && (word.starts_with("19") || word.starts_with("20"))
}

/// What a run of digits is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    /// A number that stands alone.
    Plain,
    /// A telephone or account number in groups, or a part of an address: short ones are replaced as well.
    Grouped,
    /// A date or a time: stays.
    Fixed,
}

/// For each unit, what the digits that begin there are part of.
fn numbers(list: &[Unit]) -> Vec<Number> {
    let mut out = vec![Number::Plain; list.len()];
    let digit = |n: usize| list.get(n).is_some_and(|u| u.kind == Kind::Digit);
    let ascii = |n: usize| list.get(n).filter(|u| u.kind == Kind::Ascii).map(|u| u.lower);
    let mut n = 0;
    while n < list.len() {
        if !digit(n) || (n > 0 && list[n - 1].is_word()) {
            n += 1;
            continue;
        }
        // Groups of digits with at most two of ` -./()` between.
        let mut groups: Vec<(usize, usize)> = Vec::new();
        let mut separators = String::new();
        let mut at = n;
        loop {
            let start = at;
            while digit(at) {
                at += 1;
            }
            if list.get(at).is_some_and(Unit::is_word) {
                at = start;
                break;
            }
            groups.push((start, at));
            let gap = (at..at + 3).take_while(|k| ascii(*k).is_some_and(|c| " -./()\u{a0}".contains(c))).count();
            if gap == 0 || gap > 2 || !digit(at + gap) {
                break;
            }
            separators.extend((at..at + gap).filter_map(ascii));
            at += gap;
        }
        let total: usize = groups.iter().map(|(a, b)| b - a).sum();
        let words: Vec<String> = groups.iter().map(|(a, b)| list[*a..*b].iter().map(|u| u.lower).collect()).collect();
        let in_time = ascii(at) == Some(':') && digit(at + 1) || n > 1 && ascii(n - 1) == Some(':') && digit(n - 2);
        let kind = if is_date(&words, &separators) || in_time && groups.len() > 1 {
            Number::Fixed
        } else if total >= 7 && !in_time && groups.len() > 1 || is_dotted_quad(&words, &separators) {
            Number::Grouped
        } else {
            Number::Plain
        };
        for (start, _) in &groups {
            out[*start] = kind;
        }
        n = at.max(n + 1);
    }
    out
}

/// `2026-01-05`, `05.01.2026`, `1/5/26`, and a time behind it after a blank.
fn is_date(groups: &[String], separators: &str) -> bool {
    let [a, b, c, ..] = groups else { return false };
    let mut of_date = separators.chars().take(2);
    let same = matches!((of_date.next(), of_date.next()), (Some(x), Some(y)) if x == y && "-./".contains(x));
    let small = |t: &String| t.len() <= 2;
    same && groups.len() <= 4
        && ((is_year(a) && small(b) && small(c)) || (small(a) && small(b) && (is_year(c) || small(c) && groups.len() == 3)))
}

/// `192.0.2.17`.
fn is_dotted_quad(groups: &[String], separators: &str) -> bool {
    groups.len() == 4 && separators == "..." && groups.iter().all(|g| g.len() <= 3)
}
