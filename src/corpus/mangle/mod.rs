//! What real programs and relays do to mails, so that the truth is known of as many odd mails as one likes.
//!
//! A mangling changes a [`Draft`] (how something is written) or the bytes that were rendered (what a relay
//! does). Each says what it is known from, to which mails it applies, and, where it changes what is right,
//! changes the [`Truth`] itself. Each occupies [slots](Mangling::slots): two that would fight over the same
//! thing are not applied to one mail, so that what is right stays certain.
//!
//! # Failure
//! None. A mangling that does not apply leaves the mail as it is and says so.
//!
//! # Trust
//! Nothing here uses the reader's code.

mod addresses;
mod attachments;
mod charset;
mod dates;
mod encoded_words;
mod gateway;
mod headers;
mod html;
mod mailing_list;
mod relay;
mod structure;
mod text;
mod transfer;

use super::generate::{Dice, Draft, Truth, compose, render};

/// Manglings in one mail at most.
const MANGLINGS_MAX: usize = 4;

/// What a mangling changes.
#[derive(Clone, Copy)]
pub enum Apply {
    /// The draft, before it is bytes.
    Draft(fn(&mut Draft, &mut Dice) -> bool),
    /// The bytes.
    Wire(fn(&mut Vec<u8>, &mut Truth, &mut Dice) -> bool),
}

/// One thing that goes wrong in the world.
pub struct Mangling {
    /// `group.what`.
    pub name: &'static str,
    /// Program or relay known for it.
    pub known_from: &'static str,
    /// What it does, to which mails, and what is right afterwards.
    pub what: &'static str,
    /// What it occupies: of [`slot`].
    pub slots: u32,
    /// Does it, and says whether it could.
    pub apply: Apply,
}

impl std::fmt::Debug for Mangling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Mangling {
    /// The group: the name before the dot.
    #[must_use]
    pub fn group(&self) -> &'static str {
        self.name.split('.').next().unwrap_or(self.name)
    }
}

/// What can be mangled once in a mail.
pub mod slot {
    #![allow(missing_docs)]
    pub const CHARSET: u32 = 1;
    pub const WORDS: u32 = 1 << 1;
    pub const FROM: u32 = 1 << 2;
    pub const TO: u32 = 1 << 3;
    pub const DATE: u32 = 1 << 4;
    pub const BOUNDARY: u32 = 1 << 5;
    pub const TREE: u32 = 1 << 6;
    pub const TRANSFER: u32 = 1 << 7;
    pub const NAME: u32 = 1 << 8;
    pub const START: u32 = 1 << 9;
    pub const GAP: u32 = 1 << 10;
    pub const ENDS: u32 = 1 << 11;
    pub const FIELDS: u32 = 1 << 12;
    pub const FOOT: u32 = 1 << 13;
    pub const SUBJECT: u32 = 1 << 14;
    pub const TYPE: u32 = 1 << 15;
    pub const HTML: u32 = 1 << 16;
    pub const IDS: u32 = 1 << 17;
    pub const TRACE: u32 = 1 << 18;
    pub const TEXT: u32 = 1 << 19;
}

macro_rules! list {
    ($($kind:ident $name:literal, $slots:expr, $known:literal, $what:literal, $apply:expr;)+) => {
        pub(super) const LIST: &[super::Mangling] = &[$(super::Mangling {
            name: $name, known_from: $known, what: $what, slots: $slots, apply: super::Apply::$kind($apply),
        }),+];
    };
}
use list;

/// All of them, in the order in which those of the bytes are applied.
pub fn manglings() -> impl Iterator<Item = &'static Mangling> {
    [
        charset::LIST,
        encoded_words::LIST,
        headers::LIST,
        addresses::LIST,
        dates::LIST,
        structure::LIST,
        transfer::LIST,
        attachments::LIST,
        html::LIST,
        text::LIST,
        gateway::LIST,
        mailing_list::LIST,
        relay::LIST,
    ]
    .into_iter()
    .flatten()
}

/// A mail of the corpus that never ends: its bytes, and what is right about it.
#[derive(Debug, Clone)]
pub struct Specimen {
    /// The mail.
    pub raw: Vec<u8>,
    /// What is right.
    pub truth: Truth,
    /// BCP 47 tag of its words.
    pub language: &'static str,
    /// Its program.
    pub program: &'static str,
    /// Its structure.
    pub shape: &'static str,
    /// What was done to it.
    pub manglings: Vec<&'static Mangling>,
}

/// The mail with this number under a seed.
#[must_use]
pub fn specimen(seed: u64, number: u64) -> Specimen {
    let mut dice = Dice::new(seed, number);
    let draft = compose(&mut dice);
    let count = *dice.pick(&[0, 1, 1, 1, 2, 2, 2, 3, 3, MANGLINGS_MAX]);
    let mut order: Vec<&'static Mangling> = manglings().collect();
    dice.shuffle(&mut order);
    if dice.chance(50) {
        // Those of one group first, so that manglings for few mails are met as well.
        let group = order[dice.below(order.len())].group();
        order.sort_by_key(|m| m.group() != group);
    }
    mangle(draft, &order, count, &mut dice)
}

/// Does up to `count` of the manglings to a draft, those first that come first and apply.
#[must_use]
pub fn mangle(draft: Draft, order: &[&'static Mangling], count: usize, dice: &mut Dice) -> Specimen {
    mangle_sparing(draft, order, count, 0, dice)
}

/// As [`mangle`], and leaves the slots `taken` as they are.
#[must_use]
pub fn mangle_sparing(mut draft: Draft, order: &[&'static Mangling], count: usize, mut taken: u32, dice: &mut Dice) -> Specimen {
    let mut done: Vec<&'static Mangling> = Vec::new();
    let mut on_wire: Vec<&'static Mangling> = Vec::new();
    for mangling in order {
        if done.len() + on_wire.len() >= count {
            break;
        }
        if mangling.slots & taken != 0 {
            continue;
        }
        match mangling.apply {
            Apply::Draft(apply) => {
                if !apply(&mut draft, dice) {
                    continue;
                }
                done.push(mangling);
            }
            Apply::Wire(_) => on_wire.push(mangling),
        }
        taken |= mangling.slots;
    }
    let mut raw = render(&draft);
    let mut truth = draft.truth;
    for mangling in manglings().filter(|m| on_wire.iter().any(|o| o.name == m.name)) {
        if let Apply::Wire(apply) = mangling.apply
            && apply(&mut raw, &mut truth, dice)
        {
            done.push(mangling);
        }
    }
    Specimen { raw, truth, language: draft.language.tag, program: draft.program.name, shape: draft.shape, manglings: done }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use std::collections::{HashMap, HashSet};

    #[test]
    fn every_name_is_once_and_says_what_it_is_known_from() {
        let names: HashSet<&str> = manglings().map(|m| m.name).collect();
        assert_eq!(names.len(), manglings().count());
        assert!(names.len() >= 60);
        assert!(manglings().all(|m| m.name.contains('.') && !m.what.is_empty() && !m.known_from.is_empty() && m.slots != 0));
    }

    #[test]
    fn each_mangling_changes_something_and_does_so_each_time_alike() {
        let mut met: HashMap<&str, usize> = HashMap::new();
        for number in 0..600 {
            for mangling in manglings() {
                if met.get(mangling.name).copied().unwrap_or(0) >= 2 {
                    continue;
                }
                let once = || {
                    let mut dice = Dice::new(77, number);
                    let draft = compose(&mut dice);
                    let plain = (render(&draft), draft.truth.clone());
                    (plain, mangle(draft, &[mangling], 1, &mut dice))
                };
                let ((plain, _), specimen) = once();
                if specimen.manglings.is_empty() {
                    continue;
                }
                assert_eq!(once().1.raw, specimen.raw, "{} is not the same twice", mangling.name);
                if specimen.raw != plain {
                    *met.entry(mangling.name).or_default() += 1;
                }
            }
        }
        let never: Vec<&str> = manglings().map(|m| m.name).filter(|n| !met.contains_key(n)).collect();
        assert!(never.is_empty(), "these changed no mail: {never:?}");
    }

    #[test]
    fn any_of_them_together_never_panic() {
        for number in 0..300 {
            let mut dice = Dice::new(78, number);
            let draft = compose(&mut dice);
            let mut order: Vec<&'static Mangling> = manglings().collect();
            dice.shuffle(&mut order);
            let specimen = mangle(draft, &order, usize::MAX, &mut dice);
            assert!(specimen.manglings.len() > 5);
            let _ = crate::normalize::normalize(&specimen.raw, &Limits::default());
        }
    }
}
