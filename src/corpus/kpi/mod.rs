//! The measure: which share of mails is read wrongly, and how sure that is.
//!
//! A mail is read wrongly when any field differs from its truth, or when it is filed with mails it does not
//! belong to. Mails are generated and mangled; every tenth number is a set of small conversations.
//!
//! # Failure
//! None. A miss is named with the seed and number that make the mail again.

pub mod bound;
mod conversations;
mod hold;
pub mod readme;

use super::mangle::{Specimen, specimen};
use super::{Arrival, Desk};
use crate::limits::Limits;
use conversations::{Unit, misfiled};
use serde::Serialize;
use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

pub use hold::{Wrong, hold};

/// Every so many numbers one is a set of conversations.
const CONVERSATIONS_EVERY: u64 = 10;
/// Numbers a thread takes at once.
const CHUNK: u64 = 64;

/// Counts of one language, program, shape or mangling.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Mails.
    pub mails: u64,
    /// Of these, read wrongly.
    pub wrong: u64,
}

impl Count {
    fn add(&mut self, wrong: bool) {
        self.mails += 1;
        self.wrong += u64::from(wrong);
    }

    fn join(&mut self, other: Count) {
        self.mails += other.mails;
        self.wrong += other.wrong;
    }
}

/// A mail that was read wrongly.
#[derive(Debug, Clone, Serialize)]
pub struct MangledMiss {
    /// Its number; in a set of conversations with the place behind a dot.
    pub number: String,
    /// BCP 47 tag.
    pub language: &'static str,
    /// Who wrote it.
    pub program: &'static str,
    /// Its structure.
    pub shape: &'static str,
    /// What was done to it.
    pub manglings: Vec<&'static str>,
    /// What is wrong.
    pub wrong: Vec<Wrong>,
    /// What prints the mail.
    pub again: String,
}

/// What was measured.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Of the mails.
    pub seed: u64,
    /// Mails that were generated.
    pub mangled: Count,
    /// Of these, those in conversations of several mails.
    pub in_conversations: Count,
    /// By language.
    pub languages: BTreeMap<&'static str, Count>,
    /// By program.
    pub programs: BTreeMap<&'static str, Count>,
    /// By structure.
    pub shapes: BTreeMap<&'static str, Count>,
    /// By group of manglings.
    pub families: BTreeMap<&'static str, Count>,
    /// By mangling.
    pub manglings: BTreeMap<&'static str, Count>,
    /// By field that was wrong.
    pub fields: BTreeMap<&'static str, u64>,
    /// All of them, in the order of their numbers.
    pub misses: Vec<MangledMiss>,
}

/// The mails with this number: one, or the mails of some small conversations.
#[must_use]
pub fn mails(seed: u64, number: u64) -> Vec<Specimen> {
    unit(seed, number).mails
}

fn unit(seed: u64, number: u64) -> Unit {
    if number % CONVERSATIONS_EVERY == CONVERSATIONS_EVERY - 1 {
        return conversations::conversations(seed, number);
    }
    Unit { mails: vec![specimen(seed, number)], conversations: vec![0], arrival: vec![0] }
}

/// Reads and holds at least `count` mails, on all cores.
#[must_use]
pub fn measure(seed: u64, count: u64, limits: &Limits) -> Report {
    let next = AtomicU64::new(0);
    let whole = Mutex::new(Report { seed, ..Report::default() });
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut own = Report::default();
                loop {
                    let from = next.fetch_add(CHUNK, Ordering::Relaxed);
                    if from >= count {
                        break;
                    }
                    for number in from..(from + CHUNK).min(count) {
                        own.read(seed, number, limits);
                    }
                }
                if let Ok(mut whole) = whole.lock() {
                    whole.join(own);
                }
            });
        }
    });
    let mut report = whole.into_inner().unwrap_or_default();
    report.misses.sort_by_key(|m| order(&m.number));
    report
}

fn order(number: &str) -> (u64, u64) {
    let (a, b) = number.split_once('.').unwrap_or((number, "0"));
    (a.parse().unwrap_or(0), b.parse().unwrap_or(0))
}

impl Report {
    fn read(&mut self, seed: u64, number: u64, limits: &Limits) {
        let unit = unit(seed, number);
        let several = unit.mails.len() > 1;
        let desk = Desk { limits: limits.clone(), ..Desk::default() };
        let read: Vec<_> = unit.mails.iter().map(|m| desk.read(&m.raw, &Arrival::default())).collect();
        let astray = if several { misfiled(&unit, &read, desk) } else { vec![false] };
        for (nth, ((specimen, astray), read)) in unit.mails.iter().zip(astray).zip(&read).enumerate() {
            let mut wrong = hold(&specimen.truth, &read.mail, &read.class);
            if astray {
                let meant = unit.conversations.get(nth).map(usize::to_string).unwrap_or_default();
                wrong.push(Wrong { field: "conversation", expected: meant, got: "filed with other mails".to_owned() });
            }
            let number = if several { format!("{number}.{nth}") } else { number.to_string() };
            self.count(specimen, seed, number, several, wrong);
        }
    }

    fn count(&mut self, specimen: &Specimen, seed: u64, number: String, several: bool, wrong: Vec<Wrong>) {
        let is_wrong = !wrong.is_empty();
        self.mangled.add(is_wrong);
        if several {
            self.in_conversations.add(is_wrong);
        }
        self.languages.entry(specimen.language).or_default().add(is_wrong);
        self.programs.entry(specimen.program).or_default().add(is_wrong);
        self.shapes.entry(specimen.shape).or_default().add(is_wrong);
        let mut groups: Vec<&'static str> = specimen.manglings.iter().map(|m| m.group()).collect();
        groups.sort_unstable();
        groups.dedup();
        if groups.is_empty() {
            groups.push("none");
        }
        for group in groups {
            self.families.entry(group).or_default().add(is_wrong);
        }
        for mangling in &specimen.manglings {
            self.manglings.entry(mangling.name).or_default().add(is_wrong);
        }
        for one in &wrong {
            *self.fields.entry(one.field).or_default() += 1;
        }
        if is_wrong {
            let again = format!("tidegate corpus mangle --seed {seed} --only {number}");
            self.misses.push(MangledMiss {
                number,
                language: specimen.language,
                program: specimen.program,
                shape: specimen.shape,
                manglings: specimen.manglings.iter().map(|m| m.name).collect(),
                wrong,
                again,
            });
        }
    }

    fn join(&mut self, other: Report) {
        self.mangled.join(other.mangled);
        self.in_conversations.join(other.in_conversations);
        let pairs = [
            (&mut self.languages, other.languages),
            (&mut self.programs, other.programs),
            (&mut self.shapes, other.shapes),
            (&mut self.families, other.families),
            (&mut self.manglings, other.manglings),
        ];
        for (into, from) in pairs {
            for (name, count) in from {
                into.entry(name).or_default().join(count);
            }
        }
        for (field, count) in other.fields {
            *self.fields.entry(field).or_default() += count;
        }
        self.misses.extend(other.misses);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_can_be_made_again() {
        let limits = Limits::default();
        let (one, two) = (measure(5, 200, &limits), measure(5, 200, &limits));
        assert!(one.mangled.mails > 200 && one.in_conversations.mails > 40);
        assert_eq!((one.mangled, one.manglings), (two.mangled, two.manglings));
        assert_eq!(mails(5, 7)[0].raw, mails(5, 7)[0].raw);
        assert!(mails(5, 9).len() > 1);
    }

    #[test]
    fn a_wrong_reading_is_counted_and_can_be_printed_again() {
        let limits = Limits { parts_max: 1, ..Limits::default() };
        let report = measure(5, 100, &limits);
        let miss = report.misses.first().expect("a reader that sees one part alone must fail");
        assert_eq!(miss.again, format!("tidegate corpus mangle --seed 5 --only {}", miss.number));
        assert_eq!(report.mangled.wrong, report.misses.len() as u64);
    }
}
