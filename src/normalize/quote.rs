//! placeholder
use crate::mail::{Fold, FoldKind};
use std::ops::Range;
pub(super) fn folds(_text: &str, quotes: &[Range<usize>]) -> Vec<Fold> {
    quotes.iter().map(|r| Fold { start: r.start, end: r.end, kind: FoldKind::Quote }).collect()
}
