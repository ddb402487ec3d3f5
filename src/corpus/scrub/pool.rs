//! The letters that words are made of anew: those of the mails themselves, as often as they have them, so that a detector
//! of charsets sees what it saw. One pool serves all forms of a text, so that a word becomes the same one in each.
//!
//! # Failure
//! None: where no letter can be written in the same room, the old one stays.
//!
//! # Trust
//! Only the mails of one call: nothing of another can come into them.

use super::cut::units;
use super::form::{Form, bytes_of};
use super::letters::{Kind, Script, Unit, everyday};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Distinct letters of a kind below which everyday ones of the script are drawn from as well.
const POOL_MIN: usize = 6;
/// Letters of a pool that are kept: enough for their shares.
const POOL_MAX: usize = 1_024;
/// Ways in which one letter is written.
const WAYS_MAX: usize = 8;
/// From here on letters stand for bytes of sets without a table: none can be written in another form.
const STAND_INS: char = '\u{f0000}';

/// How a letter is written somewhere: as bytes of a form, or as a reference.
#[derive(Debug, PartialEq, Eq)]
struct Way {
    form: Option<Form>,
    bytes: Vec<u8>,
    /// It may become any byte: it is not written as it is.
    is_free: bool,
}

/// Letters by their kind.
#[derive(Debug, Default)]
pub(super) struct Pool {
    letters: HashMap<Kind, Vec<char>>,
    /// How each is written in each form; as the mails do, where they do.
    written: HashMap<(Form, char), Vec<u8>>,
    forms: HashSet<Form>,
    /// In which ways a letter is written: another must fit into each, so that a word becomes the same one in all.
    ways: HashMap<char, Vec<Way>>,
    /// Written by name (`&ouml;`) somewhere: another would not have the same length. It stays in all forms.
    named: HashSet<char>,
}

/// The level of an ideogram is a matter of the set: the pool has all of them.
const fn general(kind: Kind) -> Kind {
    match kind {
        Kind::Letter(Script::Han(_), a, b) => Kind::Letter(Script::Han(true), a, b),
        other => other,
    }
}

impl Pool {
    /// Takes a letter of a mail.
    pub(super) fn learn(&mut self, unit: &Unit, bytes: &[u8], form: Form, is_free: bool) {
        if unit.is_reference {
            if !bytes.iter().filter(|b| **b != 0).take(2).eq(b"&#") {
                self.named.insert(unit.letter);
            }
        } else {
            self.written.entry((form, unit.letter)).or_insert_with(|| bytes.to_vec());
        }
        self.forms.insert(form);
        let way = Way { form: (!unit.is_reference).then_some(form), bytes: bytes.to_vec(), is_free };
        let ways = self.ways.entry(unit.letter).or_default();
        if ways.len() < WAYS_MAX && !ways.contains(&way) {
            ways.push(way);
        }
        if matches!(unit.kind, Kind::Letter(..)) {
            self.letters.entry(general(unit.kind)).or_default().push(unit.letter);
        }
    }

    /// All letters are known.
    pub(super) fn learnt(&mut self) {
        for (kind, letters) in &mut self.letters {
            // In an order of their own, so that the order of the mails does not matter.
            letters.sort_unstable();
            let own: BTreeSet<char> = letters.iter().copied().collect();
            let mut more = BTreeSet::new();
            for form in &self.forms {
                let is_of_form = |c: &&char| self.written.contains_key(&(*form, **c)) || bytes_in(**c, *form).is_some();
                if own.iter().filter(is_of_form).count() < POOL_MIN {
                    more.extend(everyday(*kind).into_iter().filter(|c| bytes_of(*c, *form).is_some()));
                }
            }
            letters.extend(more.difference(&own));
            let step = letters.len().div_ceil(POOL_MAX).max(1);
            *letters = letters.iter().step_by(step).copied().collect();
            for form in &self.forms {
                for letter in letters.iter() {
                    if let Some(bytes) = bytes_in(*letter, *form) {
                        self.written.entry((*form, *letter)).or_insert(bytes);
                    }
                }
            }
        }
    }

    /// Letters of the kind from a draw on, each with its bytes.
    pub(super) fn from(&self, unit: &Unit, form: Form, draw: usize) -> impl Iterator<Item = (char, &[u8])> + Clone {
        let letters = self.letters.get(&general(unit.kind)).map_or(&[][..], Vec::as_slice);
        let order = (0..letters.len()).map(move |n| letters[(draw + n) % letters.len()]);
        order.filter_map(move |c| self.written.get(&(form, c)).map(|bytes| (c, bytes.as_slice())))
    }

    /// A letter can be written wherever this one is.
    pub(super) fn fits(&self, letter: char, instead_of: char) -> bool {
        self.ways.get(&instead_of).into_iter().flatten().all(|way| match way.form {
            None => reference(letter, &way.bytes).is_some(),
            Some(form) => self.written.get(&(form, letter)).is_some_and(|new| is_alike(new, way, form)),
        })
    }

    /// It is written by name somewhere.
    pub(super) fn stays(&self, letter: char) -> bool {
        self.named.contains(&letter)
    }
}

/// As long, of the same half of its set, and nowhere another sign of ASCII than a letter or a digit where that may mean
/// something.
fn is_alike(new: &[u8], way: &Way, form: Form) -> bool {
    let old = way.bytes.as_slice();
    let kind = |bytes: &[u8]| units(bytes, form).first().map(|u| u.kind);
    let same =
        |new: &u8, old: &u8| new == old || new.is_ascii() == old.is_ascii() && (!new.is_ascii() || new.is_ascii_alphanumeric());
    let is_double = matches!(form, Form::Double(_));
    new.len() == old.len()
        && (!is_double || kind(new) == kind(old))
        && (way.is_free && !is_double || new.iter().zip(old).all(|(new, old)| same(new, old)))
}

fn bytes_in(letter: char, form: Form) -> Option<Vec<u8>> {
    bytes_of(letter, form).filter(|_| letter < STAND_INS)
}

/// Another letter as a reference of the same length as this one. By name only the same letter has one.
pub(super) fn reference(letter: char, old: &[u8]) -> Option<Vec<u8>> {
    // In UTF-16 and UTF-32 there are NULs between its signs.
    let signs: Vec<u8> = old.iter().copied().filter(|b| *b != 0).collect();
    let mut new = narrow(letter, std::str::from_utf8(&signs).ok()?)?.into_iter();
    old.iter().map(|b| if *b == 0 { Some(0) } else { new.next() }).collect()
}

fn narrow(letter: char, old: &str) -> Option<Vec<u8>> {
    let number = old.strip_prefix("&#")?;
    let (digits, end) = number.strip_suffix(';').map_or((number, ""), |digits| (digits, ";"));
    let code = u32::from(letter);
    let new = match digits.strip_prefix(['x', 'X']) {
        Some(hex) => {
            let width = hex.len();
            let small = hex.contains(|c: char| c.is_ascii_lowercase());
            let written = if small { format!("{code:0width$x}") } else { format!("{code:0width$X}") };
            format!("&#{}{written}{end}", digits.get(..1)?)
        }
        None => {
            let width = digits.len();
            format!("&#{code:0width$}{end}")
        }
    };
    (new.len() == old.len()).then(|| new.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_keeps_its_form_and_length() {
        let of = |c, old: &str| reference(c, old.as_bytes()).map(|b| String::from_utf8(b).unwrap());
        assert_eq!(of('б', "&#1087;").as_deref(), Some("&#1073;"));
        assert_eq!(of('б', "&#x43f").as_deref(), Some("&#x431"));
        assert_eq!(of('é', "&#X00FC;").as_deref(), Some("&#X00E9;"));
        assert_eq!(of('б', "&\0#\x001\x000\x008\x007\0;\0").as_deref(), Some("&\0#\x001\x000\x007\x003\0;\0"));
        assert_eq!((of('б', "&#252;"), of('é', "&uuml;")), (None, None));
    }
}
