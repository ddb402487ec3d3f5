//! What a calendar entry (RFC 5545) is about, in words, for a mail that says nothing else.
//!
//! # Failure
//! None: lines that are no properties are passed over; the text is bounded.

use super::span::Span;

/// Entries of one calendar that are told.
const ENTRIES_MAX: usize = 20;
/// Bytes of the text.
const TEXT_BYTES_MAX: usize = 64 << 10;

/// Summary, time, place and description of each entry. `text` has LF line ends.
pub(super) fn words(text: &str) -> String {
    let mut out = String::new();
    let mut inside = 0usize;
    let mut alarm = false;
    for line in unfolded(text) {
        let Some((name, value)) = property(&line) else { continue };
        match (name.as_str(), value) {
            ("BEGIN", "VEVENT" | "VTODO" | "VJOURNAL") => {
                inside += 1;
                if inside > ENTRIES_MAX {
                    break;
                }
                if !out.is_empty() {
                    out.push('\n');
                }
            }
            ("BEGIN", "VALARM") => alarm = true,
            ("END", "VALARM") => alarm = false,
            ("SUMMARY" | "LOCATION" | "DESCRIPTION" | "DTSTART" | "DTEND" | "DUE", value)
                if inside > 0 && !alarm && !value.is_empty() =>
            {
                let value = unescaped(value);
                match name.as_str() {
                    "SUMMARY" | "DESCRIPTION" | "LOCATION" => out.push_str(value.trim()),
                    _ => out.push_str(&moment(value.trim())),
                }
                out.push('\n');
            }
            _ => {}
        }
        if out.len() > TEXT_BYTES_MAX {
            break;
        }
    }
    out.truncate(out.floor_char_boundary(TEXT_BYTES_MAX));
    out
}

/// Lines with their continuations: those that begin with a blank.
fn unfolded(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for line in text.split('\n') {
        match (line.strip_prefix([' ', '\t']), out.last_mut()) {
            (Some(more), Some(last)) => last.push_str(more),
            _ => out.push(line.to_owned()),
        }
    }
    out
}

/// The name, upper case and without parameters, and the value.
fn property(line: &str) -> Option<(String, &str)> {
    let mut quoted = false;
    let colon = line.bytes().position(|b| {
        quoted ^= b == b'"';
        b == b':' && !quoted
    })?;
    let name = line.before(colon).split(';').next()?.trim().to_ascii_uppercase();
    Some((name, line.after(colon + 1).trim_end()))
}

/// RFC 5545 section 3.3.11.
fn unescaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some('n' | 'N') => out.push('\n'),
                Some(other) => out.push(other),
                None => {}
            },
            _ => out.push(c),
        }
    }
    out
}

/// `20300308T090000Z` as `2030-03-08 09:00 UTC`; what is no such time stays as it is.
fn moment(value: &str) -> String {
    let (date, time) = value.split_once('T').unwrap_or((value, ""));
    let is_date = date.len() == 8 && date.bytes().all(|b| b.is_ascii_digit());
    if !is_date {
        return value.to_owned();
    }
    let mut out = format!("{}-{}-{}", date.span(0, 4), date.span(4, 6), date.after(6));
    if time.len() >= 4 && time.bytes().take(4).all(|b| b.is_ascii_digit()) {
        out.push_str(&format!(" {}:{}", time.span(0, 2), time.span(2, 4)));
        if time.ends_with('Z') {
            out.push_str(" UTC");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_told_without_its_alarms() {
        let text = "BEGIN:VCALENDAR\nSUMMARY:not mine\nBEGIN:VEVENT\nDTSTART;TZID=\"Europe: Berlin\":20300308T090000\n\
            SUMMARY;LANGUAGE=en:Fair\\, day\n  one\nBEGIN:VALARM\nDESCRIPTION:ring\nEND:VALARM\nEND:VEVENT\nEND:VCALENDAR";
        assert_eq!(words(text), "2030-03-08 09:00\nFair, day one\n");
        assert_eq!(words("no calendar at all"), "");
    }
}
