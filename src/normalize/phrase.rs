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
    /// Bytes of the shortest.
    shortest: usize,
    /// A bit for each two bytes that one begins with; where one is a single byte, for all that begin with it.
    starts: Vec<u64>,
    anywhere: OnceLock<Option<AhoCorasick>>,
}

impl Phrases {
    /// Adds one, unless it is there or empty.
    pub(super) fn push(&mut self, phrase: &'static str) {
        if !phrase.is_empty()
            && let Err(at) = self.list.binary_search(&phrase)
        {
            self.shortest = if self.list.is_empty() { phrase.len() } else { self.shortest.min(phrase.len()) };
            self.list.insert(at, phrase);
            self.mark_start(phrase.as_bytes());
            self.anywhere = OnceLock::new();
        }
    }

    fn mark_start(&mut self, phrase: &[u8]) {
        self.starts.resize(usize::from(u16::MAX) / 64 + 1, 0);
        let Some(&first) = phrase.first() else { return };
        for second in phrase.get(1).map_or(0..=u8::MAX, |second| *second..=*second) {
            let start = u16::from_be_bytes([first, second]);
            if let Some(bits) = self.starts.get_mut(usize::from(start) / 64) {
                *bits |= 1 << (start % 64);
            }
        }
    }

    fn has_start(&self, first: u8, second: u8) -> bool {
        let start = u16::from_be_bytes([first, second]);
        self.starts.get(usize::from(start) / 64).is_some_and(|bits| bits >> (start % 64) & 1 == 1)
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

    /// Whether a text may begin with one once it is in lower case: `false` is certain, and found without a copy of
    /// the text. Most lines of a mail are done with after it.
    pub(super) fn may_begin(&self, text: &str) -> bool {
        let mut bytes = [0; KEY_BYTES];
        let Some(key) = key(text, &mut bytes) else { return false };
        if let [first, second, ..] = key
            && !self.has_start(*first, *second)
        {
            return false;
        }
        let at = self.list.partition_point(|p| p.as_bytes() < key);
        self.list.get(at).is_some_and(|p| p.as_bytes().starts_with(key))
            || (self.shortest..key.len()).any(|n| self.list.binary_search_by(|p| p.as_bytes().cmp(key.before(n))).is_ok())
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

/// Bytes at the start of a text that tell most phrases apart; a letter has as many at most.
const KEY_BYTES: usize = 4;

/// The first letters of a text in lower case: some, or one that is not ASCII.
fn key<'b>(text: &str, bytes: &'b mut [u8; KEY_BYTES]) -> Option<&'b [u8]> {
    let first = text.chars().next()?;
    if first.is_ascii() {
        let ascii =
            text.bytes().zip(bytes.iter_mut()).take_while(|(b, _)| b.is_ascii()).map(|(b, to)| *to = b.to_ascii_lowercase());
        let count = ascii.count();
        // What stands behind the last one may belong to it (a dot above), but makes no other letter of it.
        return bytes.get(..count);
    }
    // The first of what a letter becomes: a Turkish `İ` is an `i` with a dot that is taken away.
    let lower = first.to_lowercase().next()?;
    Some(lower.encode_utf8(bytes).as_bytes())
}

/// Scripts of East Asia write no blanks between words.
fn is_word(text: &str, start: usize, end: usize) -> bool {
    text.span(start, end).starts_with(|c| c >= '\u{2e80}')
        || (!text.before(start).ends_with(char::is_alphanumeric) && !text.after(end).starts_with(char::is_alphanumeric))
}

#[cfg(test)]
mod tests {
    use super::super::locale::lower;
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
    fn what_may_begin_with_one_is_told_from_the_first_letters() {
        let set = set(&["once", "on", "это письмо", "この", "ich", "d."]);
        for text in ["once more", "On", "ONCE", "Это Письмо", "このメール", "İch", "ICH", "D. 1.", "on\u{307}"] {
            assert!(set.begin(&lower(text)) && set.may_begin(text), "{text}");
        }
        for text in ["", "o", "other", "Мы", "の", "de", "\u{307}on"] {
            assert!(!set.begin(&lower(text)), "{text}");
        }
        assert!(!set.may_begin("other") && !set.may_begin("Мы") && !set.may_begin("") && !Phrases::default().may_begin("on"));
    }

    proptest::proptest! {
        /// What is told to begin with none begins with none.
        #[test]
        fn the_first_letters_never_hide_a_phrase(text in "[a-dA-DİıßẞσςΣΩ\u{307}á ]{0,8}", phrase in "[a-diıßσωá ]{1,5}") {
            let set = set(&[Box::leak(phrase.into_boxed_str()), "ab", "dab"]);
            proptest::prop_assert!(set.may_begin(&text) || !set.begin(&lower(&text)));
        }
    }

    #[test]
    fn phrases_are_found_anywhere_and_as_words() {
        let set = set(&["wrote", "schrieb", "写道"]);
        assert!(set.occur("she rewrote it") && !set.occur_as_word("she rewrote it"));
        assert!(set.occur_as_word("rewrote, wrote:") && set.occur_as_word("她写道"));
        assert!(!set.occur("nothing") && !Phrases::default().occur("nothing"));
    }
}
