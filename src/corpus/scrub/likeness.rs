//! Which letters stand beside which in the mails of one call, where a byte is a letter: a detector of charsets looks at
//! pairs, so a word is replaced by one of pairs that the mails have. What is written still looks like the language.
//!
//! # Failure
//! None: where no letter fits, any is taken.
//!
//! # Trust
//! Only the mails of one call.

use super::letters::{Kind, Unit};
use std::collections::HashSet;

/// Candidates that are looked at for one letter.
pub(super) const CANDIDATES_MAX: usize = 64;

/// The pairs of letters; a blank is the edge of a word.
#[derive(Debug, Default)]
pub(super) struct Likeness {
    pairs: HashSet<(char, char)>,
    /// A letter, and the kind of the one behind it.
    before: HashSet<(char, Kind)>,
    /// A charset has to be told by them somewhere.
    matters: bool,
}

impl Likeness {
    /// Takes a word of a mail; `matters` where its charset may have to be told by its pairs.
    pub(super) fn learn(&mut self, token: &[Unit], matters: bool) {
        self.matters |= matters;
        let mut before = ' ';
        for (n, unit) in token.iter().enumerate() {
            self.pairs.insert((before, unit.lower));
            if let Some(next) = token.get(n + 1) {
                self.before.insert((unit.lower, next.kind));
            }
            before = unit.lower;
        }
        self.pairs.insert((before, ' '));
    }

    /// Whether a letter may stand behind this one and before one of that kind. Pairs of ASCII may be any.
    pub(super) fn is_likely(&self, before: char, letter: char, next: Option<Kind>) -> bool {
        let is_pair = |a: char, b: char| (a.is_ascii() && b.is_ascii()) || self.pairs.contains(&(a, b));
        !self.matters
            || is_pair(before, letter)
                && match next {
                    None => is_pair(letter, ' '),
                    Some(kind @ Kind::Letter(..)) => self.before.contains(&(letter, kind)),
                    Some(_) => true,
                }
    }
}
