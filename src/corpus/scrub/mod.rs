//! Takes people out of a mail and leaves everything else: names, addresses, words and numbers become others of the same
//! script, length, charset and encoding, so that every byte-level oddity survives.
//!
//! Everything is replaced in its place and keeps its length: line ends, folds, cuts, rubbish and sizes are what they were
//! without anybody looking after them. The same word becomes the same other word everywhere, in all mails of one call, so
//! that References still name Message-IDs and an address is one person. What reading looks for stays ([`kept`]).
//!
//! The reading before is held against the reading after; where a random word has changed it, other words are tried.
//!
//! # Failure
//! None. What still reads otherwise after all tries is told in [`Scrubbed::differs`].
//!
//! # Trust
//! It takes out words, not facts: a picture or a signed file with a face, and the habits of a writer, are for a person to
//! look at before a mail is shown to others. The words follow from the seed: with one that is known, others could try which
//! names become those that are there. Words that reading looks for stay, in every language, even where they are
//! somebody's.

mod binary;
mod binhex;
mod cut;
mod enclosed;
mod field;
mod form;
mod kept;
mod letters;
mod likeness;
mod markup;
mod pool;
mod portrait;
mod rtf;
mod tnef;
mod view;
mod walk;
mod words;

pub use kept::stays;
pub use portrait::Portrait;
use words::Words;

/// Rounds with other words, until every mail reads as it did.
const ROUNDS: u32 = 24;
/// Of these so many, the last ones, spare the Latin letters beyond ASCII.
const SPARING: u32 = 8;

/// Mails without their people.
#[derive(Debug, Clone)]
pub struct Scrubbed {
    /// One for each that was given, of the same length.
    pub mails: Vec<Vec<u8>>,
    /// For each, what reads otherwise than before; nothing, as it should be.
    pub differs: Vec<Vec<&'static str>>,
}

/// Replaces names, addresses, words and numbers. The same mails and the same seed give the same.
#[must_use]
pub fn scrub(mails: &[Vec<u8>], seed: u64) -> Scrubbed {
    let before: Vec<Portrait> = mails.iter().map(|m| Portrait::of(m)).collect();
    let mut best: Option<Scrubbed> = None;
    for round in 0..ROUNDS {
        let made = once(mails, seed, round);
        let differs: Vec<Vec<&'static str>> = made.iter().zip(&before).map(|(m, b)| b.differs(&Portrait::of(m))).collect();
        let count = |d: &[Vec<&str>]| d.iter().map(Vec::len).sum::<usize>();
        let better = best.as_ref().is_none_or(|b| count(&differs) < count(&b.differs));
        if better {
            best = Some(Scrubbed { mails: made, differs });
        }
        if best.as_ref().is_some_and(|b| count(&b.differs) == 0) {
            break;
        }
    }
    best.unwrap_or(Scrubbed { mails: Vec::new(), differs: Vec::new() })
}

fn once(mails: &[Vec<u8>], seed: u64, round: u32) -> Vec<Vec<u8>> {
    let words = Words::new(seed, round);
    let mut words = if round + SPARING < ROUNDS { words } else { words.sparing() };
    for mail in mails {
        let _ = walk::mail(&mut words, mail, 0);
    }
    words.learnt();
    mails.iter().map(|mail| walk::mail(&mut words, mail, 0)).collect()
}
