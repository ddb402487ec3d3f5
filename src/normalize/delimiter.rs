//! Delimiter lines of multiparts (RFC 2046 section 5.1.1), as they should be and as they come.
//!
//! # Failure
//! None: what is no delimiter of the boundary is `None`.
//!
//! # Trust
//! None.

use super::span::Span;

/// Whether a line is a delimiter of this boundary, and if so whether it closes. The whole line
/// must match, so that a boundary that is the beginning of another one does no harm.
pub(super) fn matches(boundary: &[u8], line: &[u8]) -> Option<bool> {
    let rest = line.strip_prefix(b"--")?.strip_prefix(boundary)?;
    // The end of a file may stand on the last one: NULs that fill a block, the ^Z of DOS.
    let end = rest.iter().rposition(|b| !matches!(b, 0 | 0x1a) && !b.is_ascii_whitespace()).map_or(0, |i| i + 1);
    match rest.before(end) {
        b"" => Some(false),
        b"--" => Some(true),
        _ => None,
    }
}

/// A delimiter with other text behind a blank (RFC 2046 section 5.1.1 allows a reader to take it).
pub(super) fn matches_loosely(boundary: &[u8], line: &[u8]) -> Option<bool> {
    let rest = line.strip_prefix(b"--")?.strip_prefix(boundary)?;
    // `--b----`, and `--b --` where the boundary ends with blanks.
    let dashes = rest.trim_ascii();
    if dashes.len() > 1 && dashes.iter().all(|b| *b == b'-') {
        return Some(true);
    }
    let (rest, closing) = rest.strip_prefix(b"--").map_or((rest, false), |r| (r, true));
    matches!(rest.first(), Some(b' ' | b'\t')).then_some(closing)
}
