//! Whether a text lacks letters that its html shows: by how often each comes, wherever it stands.
//!
//! # Failure
//! None: of what a letter more hides nothing is said.
//!
//! # Trust
//! None. Linear time.

use super::markup::{self, Content, Name, Tag};
use std::collections::HashMap;

/// Letters and digits by how often they come, those of html less those of its text.
struct Letters(HashMap<char, isize>);

impl Letters {
    fn count(&mut self, text: &str, step: isize) {
        text.chars().filter(|c| c.is_alphanumeric()).for_each(|c| *self.0.entry(c).or_default() += step);
    }
}

impl markup::Sink for Letters {
    fn text(&mut self, text: &str) {
        self.count(text, 1);
    }
    fn start(&mut self, _tag: &Tag<'_>) -> Content {
        Content::Markup
    }
    fn end(&mut self, _name: Name) {}
}

/// Whether sanitized html shows letters that `text` lacks.
pub(super) fn lacks_letters(text: &str, shown: &str) -> bool {
    let mut letters = Letters(HashMap::new());
    letters.count(text, -1);
    markup::tokens(shown, &mut letters);
    letters.0.values().any(|missing| *missing > 0)
}
