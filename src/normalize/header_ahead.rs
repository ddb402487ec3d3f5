//! What the lines ahead say of a header: whether it goes on behind a line that should have ended it, and whether a line that
//! begins with a blank is a fold or a field.
//!
//! # Failure
//! None: what is not sure ends the header, or is a fold, as RFC 5322 has it.
//!
//! # Trust
//! None. Looks at [`LOOK_AHEAD_LINES`] at most.

use super::header::{Field, LineEnds, is_known, split_name};
use super::span::Span;

/// Lines of blanks only that a folded field may have in a row.
const BLANKS_ONLY_LINES: usize = 4;
/// Lines looked at to find out whether a header goes on.
const LOOK_AHEAD_LINES: usize = 64;

/// A known field that is indented by mistake, in the line at `at`, and no fold of the field that is `open` (its name, its value so
/// far): its name's place in the line. `before` are the names of the fields above that one.
pub(super) fn indented_field<'n>(
    raw: &[u8],
    at: usize,
    ends: LineEnds,
    open: (&str, &[u8]),
    before: impl Iterator<Item = &'n str>,
) -> Option<usize> {
    let (line, next) = ends.line(raw, at);
    let blanks = indented_name(line).filter(|_| !holds_field_names(open.0, open.1))?;
    let (name, _) = split_name(line.after(blanks))?;
    (!stands_elsewhere(raw, next, ends, name, before)).then_some(blanks)
}

/// A known field that is indented, such as ` Subject: …` behind a Date: its name's place in the line.
pub(super) fn indented_name(line: &[u8]) -> Option<usize> {
    let blanks = line.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    let (name, value) = split_name(line.after(blanks))?;
    let written_as_field = name.starts_with(|c: char| c.is_ascii_uppercase()) && is_known(name.as_bytes());
    (written_as_field && line.after(blanks + value).starts_with(b" ")).then_some(blanks)
}

/// Fields whose own folded lines look like fields. Nothing comes behind the date of a Received, which follows its
/// semicolon.
fn holds_field_names(name: &str, value: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("x-")
        || name.starts_with("arc-")
        || name.contains("signature")
        || name.contains("results")
        || (name == "received" && !value.contains(&b';'))
}

/// Whether a header goes on behind a blank line that came too early: all lines up to the next one are
/// fields, of those that every mail knows and this one lacks so far.
pub(super) fn header_goes_on<'a>(raw: &'a [u8], mut at: usize, ends: LineEnds, before: impl Iterator<Item = &'a str>) -> bool {
    let before: Vec<&str> = before.collect();
    let mut found = 0;
    for n in 0..LOOK_AHEAD_LINES {
        let (line, next) = ends.line(raw, at);
        if line.trim_ascii().is_empty() {
            return found > 1 && n > 0;
        }
        at = next;
        if matches!(line.first(), Some(b' ' | b'\t')) && n > 0 {
            continue;
        }
        match split_name(line) {
            Some((name, _)) if is_known(name.as_bytes()) && !before.iter().any(|b| b.eq_ignore_ascii_case(name)) => found += 1,
            _ => return false,
        }
    }
    false
}

/// Whether the line at `at` goes on with the header, behind more lines of blanks only: a continuation, or fields, one of
/// which is no word of a letter (`Note: …`) nor stands in the header already.
pub(super) fn continues(raw: &[u8], mut at: usize, ends: LineEnds, before: &[Field<'_>]) -> bool {
    for _ in 0..BLANKS_ONLY_LINES {
        let (line, next) = ends.line(raw, at);
        if line.is_empty() {
            return false;
        }
        if line.trim_ascii().is_empty() {
            at = next;
            continue;
        }
        if matches!(line.first(), Some(b' ' | b'\t')) {
            return true;
        }
        let is_telling = |name: &str| {
            let new = !before.iter().any(|f| f.name.eq_ignore_ascii_case(name));
            let traced = name.get(..2).is_some_and(|p| p.eq_ignore_ascii_case("x-")) || name.eq_ignore_ascii_case("received");
            traced || new && is_known(name.as_bytes())
        };
        return fields_up_to_a_blank_line(raw, at, ends).is_some() && names_ahead(raw, at, ends).any(is_telling);
    }
    false
}

/// How many of the fields at `at`, up to the next blank line, are known ones; `None` where a line is no field.
pub(super) fn fields_up_to_a_blank_line(raw: &[u8], at: usize, ends: LineEnds) -> Option<usize> {
    let (mut at, mut known) = (at, 0);
    for n in 0..LOOK_AHEAD_LINES {
        let (line, next) = ends.line(raw, at);
        if line.trim_ascii().is_empty() {
            return Some(known);
        }
        at = next;
        if n > 0 && matches!(line.first(), Some(b' ' | b'\t')) {
            continue;
        }
        known += usize::from(is_known(split_name(line)?.0.as_bytes()));
    }
    Some(known)
}

/// The names of the fields at `at`, as far as one looks ahead.
fn names_ahead(raw: &[u8], mut at: usize, ends: LineEnds) -> impl Iterator<Item = &str> {
    (0..LOOK_AHEAD_LINES)
        .map_while(move |_| {
            let (line, next) = ends.line(raw, at);
            at = next;
            (!line.trim_ascii().is_empty()).then_some(line)
        })
        .filter(|line| !matches!(line.first(), Some(b' ' | b'\t')))
        .filter_map(|line| split_name(line).map(|s| s.0))
}

/// Whether a field has its own line in this header, before the line at `at` or behind it: an indented line that looks
/// like it is then of the field above it, a long subject such as `… \n  Date: 2026-11-02`.
fn stands_elsewhere<'n>(
    raw: &[u8],
    mut at: usize,
    ends: LineEnds,
    name: &str,
    mut before: impl Iterator<Item = &'n str>,
) -> bool {
    if before.any(|other| other.eq_ignore_ascii_case(name)) {
        return true;
    }
    for _ in 0..LOOK_AHEAD_LINES {
        let (line, next) = ends.line(raw, at);
        if line.trim_ascii().is_empty() {
            return false;
        }
        at = next;
        if split_name(line).is_some_and(|(n, _)| n.eq_ignore_ascii_case(name)) {
            return true;
        }
    }
    false
}

/// Whether the header goes on behind a line that does not belong: a known field is among the next
/// three lines, or one that every mail has and this one lacks so far comes before a blank line; or all lines up
/// to that are fields, and a known one among them.
pub(super) fn field_follows<'a>(
    raw: &'a [u8],
    mut at: usize,
    ends: LineEnds,
    list: &[Field<'a>],
    open: Option<(&'a str, usize)>,
    field_ahead: &mut usize,
) -> bool {
    let start = at;
    let mut known = false;
    let mut whole = true; // so far all are fields
    for n in 0..LOOK_AHEAD_LINES {
        let (line, next) = ends.line(raw, at);
        if line.trim_ascii().is_empty() || line.starts_with(b"--") {
            if whole && known {
                *field_ahead = start;
            }
            return whole && known;
        }
        let folded = n > 0 && matches!(line.first(), Some(b' ' | b'\t'));
        whole &= folded || split_name(line).is_some();
        if let Some((name, _)) = split_name(line)
            && is_known(name.as_bytes())
        {
            known |= !folded;
            let lacking = ["from", "subject", "date"].iter().any(|e| e.eq_ignore_ascii_case(name))
                && !list.iter().map(|f| f.name).chain(open.map(|o| o.0)).any(|n| n.eq_ignore_ascii_case("from"));
            if n < 3 || lacking {
                *field_ahead = at;
                return true;
            }
        }
        at = next;
    }
    false
}
