//! Sets of phrases that are looked for together: at the start of a text, or anywhere in it.
//!
//! The lists of languages are long and every line of a mail is held against them, so that each costs
//! about one look at the text and not one for each phrase.
//!
//! # Failure
//! None. Time is linear in the text, whatever it repeats.

use super::span::Span;
use aho_corasick::AhoCorasick;
use std::sync::OnceLock;

/// A set of phrases, in lower case.
#[derive(Debug, Default)]
pub(super) struct Phrases {
    /// Sorted.
    list: Vec<&'static str>,
    anywhere: OnceLock<Option<AhoCorasick>>,
}

impl Phrases {
    /// Adds one, unless it is there or empty.
    pub(super) fn push(&mut self, phrase: &'static str) {
        if !phrase.is_empty()
            && let Err(at) = self.list.binary_search(&phrase)
        {
            self.list.insert(at, phrase);
            self.anywhere = OnceLock::new();
        }
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &'static str> {
        self.list.iter().copied()
    }

    /// Those a text begins with, each with what follows it.
    pub(super) fn beginning<'t>(&self, text: &'t str) -> impl Iterator<Item = (&'static str, &'t str)> {
        let first = text.as_bytes().first().copied().unwrap_or_default();
        let byte = |p: &&'static str| p.as_bytes().first().copied().unwrap_or_default();
        let from = self.list.partition_point(|p| byte(p) < first);
        let alike = self.list.get(from..).unwrap_or_default().iter().copied().take_while(move |p| byte(p) == first);
        alike.filter_map(move |p| text.strip_prefix(p).map(|rest| (p, rest)))
    }

    /// Whether a text begins with one.
    pub(super) fn begin(&self, text: &str) -> bool {
        self.beginning(text).next().is_some()
    }

    /// Whether one is in a text.
    pub(super) fn occur(&self, text: &str) -> bool {
        match self.automaton() {
            Some(automaton) => automaton.is_match(text),
            None => self.list.iter().any(|p| text.contains(p)),
        }
    }

    /// Whether one is in a text as a word: with no letter of its own script beside it.
    pub(super) fn occur_as_word(&self, text: &str) -> bool {
        match self.automaton() {
            Some(automaton) => automaton.find_overlapping_iter(text).any(|m| is_word(text, m.start(), m.end())),
            None => self.list.iter().any(|p| text.match_indices(p).any(|(i, _)| is_word(text, i, i + p.len()))),
        }
    }

    /// Built when it is asked for first; `None` where it would be too large, which no list is.
    fn automaton(&self) -> Option<&AhoCorasick> {
        self.anywhere.get_or_init(|| AhoCorasick::new(&self.list).ok()).as_ref()
    }
}

/// Scripts of East Asia write no blanks between words.
fn is_word(text: &str, start: usize, end: usize) -> bool {
    text.span(start, end).starts_with(|c| c >= '\u{2e80}')
        || (!text.before(start).ends_with(char::is_alphanumeric) && !text.after(end).starts_with(char::is_alphanumeric))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(phrases: &[&'static str]) -> Phrases {
        let mut set = Phrases::default();
        phrases.iter().for_each(|p| set.push(p));
        set
    }

    #[test]
    fn phrases_are_found_at_the_start() {
        let set = set(&["once", "on", "am", "в", "в письме", ""]);
        assert_eq!(set.beginning("once more").collect::<Vec<_>>(), [("on", "ce more"), ("once", " more")]);
        assert!(set.begin("am 1.") && set.begin("в письме") && !set.begin("и") && !set.begin("") && !set.begin("o"));
    }

    #[test]
    fn phrases_are_found_anywhere_and_as_words() {
        let set = set(&["wrote", "schrieb", "写道"]);
        assert!(set.occur("she rewrote it") && !set.occur_as_word("she rewrote it"));
        assert!(set.occur_as_word("rewrote, wrote:") && set.occur_as_word("她写道"));
        assert!(!set.occur("nothing") && !Phrases::default().occur("nothing"));
    }
}
