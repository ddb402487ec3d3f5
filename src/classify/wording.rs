//! Lists of phrases that are looked for in one pass, so that a longer list costs nothing.
//!
//! # Failure
//! None. Time is linear in the text. A list too large for an automaton (none is) is walked.

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use std::sync::OnceLock;

/// Phrases, in lower case; those that stand first count first.
#[derive(Debug)]
pub(super) struct Phrases {
    list: &'static [&'static str],
    automaton: OnceLock<Option<AhoCorasick>>,
}

impl Phrases {
    pub(super) const fn new(list: &'static [&'static str]) -> Phrases {
        Phrases { list, automaton: OnceLock::new() }
    }

    /// All of them.
    pub(super) fn list(&'static self) -> impl Iterator<Item = &'static str> {
        self.list.iter().copied()
    }

    /// The first of the list that a text has.
    pub(super) fn find(&self, text: &str) -> Option<&'static str> {
        let found = match self.automaton() {
            Some(automaton) => automaton.find_overlapping_iter(text).map(|m| m.pattern().as_usize()).min(),
            None => self.list.iter().position(|p| text.contains(p)),
        };
        found.and_then(|n| self.list.get(n)).copied()
    }

    /// Where the one that reaches furthest ends.
    pub(super) fn last_end(&self, text: &str) -> Option<usize> {
        match self.automaton() {
            Some(automaton) => automaton.find_overlapping_iter(text).map(|m| m.end()).max(),
            None => self.list.iter().filter_map(|p| text.rfind(p).map(|at| at + p.len())).max(),
        }
    }

    fn automaton(&self) -> Option<&AhoCorasick> {
        // A table of states would take 5 MiB for the longest list and save a hundredth of the time of reading.
        self.automaton.get_or_init(|| AhoCorasick::new(self.list).ok()).as_ref()
    }
}

/// Phrases with what each means; those that stand first count first.
#[derive(Debug)]
pub(super) struct Table {
    list: &'static [(&'static str, &'static str)],
    automaton: OnceLock<Option<AhoCorasick>>,
}

impl Table {
    pub(super) const fn new(list: &'static [(&'static str, &'static str)]) -> Table {
        Table { list, automaton: OnceLock::new() }
    }

    /// All of the phrases.
    pub(super) fn list(&'static self) -> impl Iterator<Item = &'static str> {
        self.list.iter().map(|(phrase, _)| *phrase)
    }

    /// A table of states, one step for each byte of a text: a MiB for the list that is looked for most.
    fn table(list: &[(&'static str, &'static str)]) -> Option<AhoCorasick> {
        let kind = Some(AhoCorasickKind::DFA);
        AhoCorasick::builder().kind(kind).build(list.iter().map(|(phrase, _)| *phrase)).ok()
    }

    /// The meaning of the first of the list that a text has.
    pub(super) fn find(&self, text: &str) -> Option<&'static str> {
        let automaton = self.automaton.get_or_init(|| Self::table(self.list)).as_ref();
        let found = match automaton {
            Some(automaton) => automaton.find_overlapping_iter(text).map(|m| m.pattern().as_usize()).min(),
            None => self.list.iter().position(|(p, _)| text.contains(p)),
        };
        found.and_then(|n| self.list.get(n)).map(|(_, meaning)| *meaning)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_the_list_counts_wherever_it_stands() {
        static WORDS: Phrases = Phrases::new(&["full", "mailbox full", "unknown"]);
        assert_eq!(WORDS.find("user unknown, mailbox full"), Some("full"));
        assert_eq!((WORDS.find("nothing"), WORDS.last_end("mailbox full!")), (None, Some(12)));
        static MEANINGS: Table = Table::new(&[("host not found", "5.1.2"), ("not found", "5.1.1")]);
        assert_eq!((MEANINGS.find("x: host not found"), MEANINGS.find("not found")), (Some("5.1.2"), Some("5.1.1")));
    }
}
