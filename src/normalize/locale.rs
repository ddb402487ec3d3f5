//! The words of languages that `quote` and `notice` look for, from `locale/quotes.txt` and `locale/notices.txt`.

use super::phrase::Phrases;
use std::sync::LazyLock;

/// What the label of a quoted header names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    From,
    Sent,
    To,
    Cc,
    Reply,
    Subject,
}

/// The lists; all words in lower case.
#[derive(Debug, Default)]
pub(super) struct Words {
    pub(super) openers: Phrases,
    pub(super) verbs: Phrases,
    labels: Vec<(&'static str, Label)>,
    pub(super) originals: Vec<&'static str>,
    pub(super) forwards: Vec<&'static str>,
    pub(super) mobiles: Phrases,
    /// How an attribution begins that has no verb behind: `quoting`.
    pub(super) quoting: Phrases,
    /// How a notice begins.
    pub(super) notices: Phrases,
    /// What a notice says somewhere, and other text does not.
    pub(super) legal: Phrases,
    /// How a line begins that is a footer or a banner by itself.
    pub(super) footers: Phrases,
    /// Both.
    pub(super) beginnings: Phrases,
}

impl Words {
    /// What a label (lower case, without its colon) names.
    pub(super) fn label(&self, word: &str) -> Option<Label> {
        self.labels.binary_search_by(|(w, _)| (*w).cmp(word)).ok().and_then(|i| self.labels.get(i)).map(|(_, l)| *l)
    }
}

/// Lower case as the lists have it: a Turkish `İ` is an `i`, not one with a second dot.
pub(super) fn lower(text: &str) -> String {
    let lower = text.to_lowercase();
    if lower.contains('\u{307}') { lower.replace("i\u{307}", "i") } else { lower }
}

/// The lists of all languages.
pub(super) static WORDS: LazyLock<Words> = LazyLock::new(|| {
    let mut words = Words::default();
    let files = include_str!("locale/quotes.txt").lines().chain(include_str!("locale/notices.txt").lines());
    for line in files.filter(|l| !l.starts_with('#')) {
        let mut fields = line.splitn(3, ' ');
        let (Some(list), Some(_language), Some(phrases)) = (fields.next(), fields.next(), fields.next()) else { continue };
        for phrase in phrases.split('|').map(str::trim).filter(|p| !p.is_empty()) {
            match list {
                "opener" => words.openers.push(phrase),
                "verb" => words.verbs.push(phrase),
                "from" => words.labels.push((phrase, Label::From)),
                "sent" => words.labels.push((phrase, Label::Sent)),
                "to" => words.labels.push((phrase, Label::To)),
                "cc" => words.labels.push((phrase, Label::Cc)),
                "reply" => words.labels.push((phrase, Label::Reply)),
                "subject" => words.labels.push((phrase, Label::Subject)),
                "original" => words.originals.push(phrase),
                "forward" => words.forwards.push(phrase),
                "mobile" => words.mobiles.push(phrase),
                "quoting" => words.quoting.push(phrase),
                "notice" => {
                    words.notices.push(phrase);
                    words.beginnings.push(phrase);
                }
                "legal" => words.legal.push(phrase),
                "footer" => {
                    words.footers.push(phrase);
                    words.beginnings.push(phrase);
                }
                _ => {}
            }
        }
    }
    words.labels.sort_unstable_by_key(|(w, _)| *w);
    words
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_of_a_known_list_and_in_lower_case() {
        let files = include_str!("locale/quotes.txt").lines().chain(include_str!("locale/notices.txt").lines());
        for line in files.filter(|l| !l.is_empty() && !l.starts_with('#')) {
            let list = line.split(' ').next().unwrap();
            let known = [
                "opener", "verb", "from", "sent", "to", "cc", "reply", "subject", "original", "forward", "mobile", "quoting",
                "notice", "legal", "footer",
            ];
            assert!(known.contains(&list), "{line}");
            assert_eq!(line, line.to_lowercase(), "{line}");
        }
        assert_eq!(WORDS.label("von"), Some(Label::From));
        assert_eq!(WORDS.label("wetter"), None);
    }
}
