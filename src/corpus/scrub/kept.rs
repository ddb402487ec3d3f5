//! What stays: the words that reading, classes and threading look for, and `kept.txt`.
//!
//! # Failure
//! None.
//!
//! # Trust
//! A word of these lists stays even where it is somebody's name; `corpus add` tells people to look.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// Letters of the last word of a phrase that may go on.
const LAST_LETTERS_MIN: usize = 4;

struct Kept {
    words: HashSet<String>,
    /// Phrases of scripts without blanks, by their first letter, the longest first.
    phrases: HashMap<char, Vec<Vec<char>>>,
    /// The last words of phrases, each with the words before it: what reading looks for may end within a word.
    lasts: HashMap<String, HashSet<String>>,
}

static KEPT: LazyLock<Kept> = LazyLock::new(|| {
    let own = include_str!("kept.txt").lines().filter(|l| !l.starts_with('#'));
    let known = crate::normalize::words().chain(crate::classify::words()).chain(crate::threading::words());
    let mut kept = Kept { words: HashSet::new(), phrases: HashMap::new(), lasts: HashMap::new() };
    for phrase in own.chain(known) {
        let lower = phrase.to_lowercase();
        // `प्रेषक` is one word: its signs of a vowel that is not there belong to it.
        let is_between = |c: char| !c.is_alphanumeric() && !is_mark(c);
        for phrase in lower.split('|') {
            let mut words = phrase.split(is_between).filter(|w| !w.is_empty()).rev();
            if let (Some(last), Some(before)) = (words.next(), words.next()) {
                let bare = |word: &str| word.chars().filter(|c| !is_mark(*c)).collect::<String>();
                kept.lasts.entry(bare(last)).or_default().insert(bare(before));
            }
        }
        for word in lower.split(is_between).filter(|w| !w.is_empty()) {
            kept.words.insert(word.chars().filter(|c| !is_mark(*c)).collect());
            // `iphoneから送信` is cut where the script is another.
            let runs_on = |c: &char| *c >= '\u{e00}';
            for piece in word.chars().collect::<Vec<_>>().chunk_by(|a, b| runs_on(a) == runs_on(b)) {
                match piece.first() {
                    Some(first) if runs_on(first) => kept.phrases.entry(*first).or_default().push(piece.to_vec()),
                    _ => drop(kept.words.insert(piece.iter().filter(|c| !is_mark(**c)).collect())),
                }
            }
        }
    }
    for c in "年月日時分秒午前後上下년월일오전후".chars() {
        kept.phrases.entry(c).or_default().push(vec![c]);
    }
    // Where a tone stands behind its vowel, the two are told apart.
    let toneless: Vec<String> = kept.words.iter().map(|w| w.chars().map(without_tone).collect()).collect();
    kept.words.extend(toneless);
    kept.words.remove("");
    for list in kept.phrases.values_mut() {
        list.sort_by_key(|p| std::cmp::Reverse(p.len()));
        list.dedup();
    }
    kept
});

/// Vowels of Vietnamese, each followed by its forms with a tone.
const TONES: &str = "aàảãáạăằẳẵắặâầẩẫấậeèẻẽéẹêềểễếệiìỉĩíịoòỏõóọôồổỗốộơờởỡớợuùủũúụưừửữứựyỳỷỹýỵ";

fn without_tone(c: char) -> char {
    let at = TONES.chars().position(|t| t == c);
    at.and_then(|at| TONES.chars().nth(at - at % 6)).unwrap_or(c)
}

fn is_mark(c: char) -> bool {
    super::letters::kind_of(c) == super::letters::Kind::Mark
}

/// Whether a word (lower case, without marks) stays.
pub(super) fn is_word(lower: &str) -> bool {
    KEPT.words.contains(lower)
}

/// Whether a word (lower case, without marks) begins as a phrase ends whose other words stand before it:
/// `kizárólag a címzettnek`.
pub(super) fn goes_on(before: &str, word: &str) -> bool {
    let ends = word.char_indices().map(|(at, _)| at).skip(LAST_LETTERS_MIN);
    ends.filter_map(|end| KEPT.lasts.get(word.get(..end)?)).any(|befores| befores.contains(before))
}

/// How many of the letters (lower case) at the beginning are a phrase that stays.
pub(super) fn phrase_at(letters: &[char]) -> usize {
    let list = letters.first().and_then(|c| KEPT.phrases.get(c));
    list.into_iter().flatten().find(|p| letters.starts_with(p)).map_or(0, Vec::len)
}

/// Whether a word stays when mails are scrubbed, because reading looks for it.
#[must_use]
pub fn stays(word: &str) -> bool {
    let lower: Vec<char> = word.to_lowercase().chars().collect();
    let mut at = 0;
    while at < lower.len() {
        match phrase_at(&lower[at..]) {
            0 => break,
            letters => at += letters,
        }
    }
    let word: String = lower.iter().filter(|c| !is_mark(**c)).collect();
    let ends = word.char_indices().map(|(at, _)| at).skip(LAST_LETTERS_MIN);
    at == lower.len() || is_word(&word) || ends.filter_map(|end| word.get(..end)).any(|begin| KEPT.lasts.contains_key(begin))
}
