//! Dates (RFC 5322 section 3.3) with their obsolete, foreign and invented forms, to RFC 3339.
//!
//! # Failure
//! A text that holds no date gives `None`. The sender's offset is kept; one that can't be read is
//! taken as UTC. Linear time; only the first 200 bytes are looked at.

use super::span::shorten;
use std::fmt::Write as _;
use std::sync::LazyLock;

/// Longer fields hold no date.
const DATE_BYTES_MAX: usize = 200;

/// A date as RFC 3339, and whether it had the form of RFC 5322.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Date {
    pub(super) rfc3339: String,
    pub(super) standard: bool,
}

static MONTHS: LazyLock<Vec<(u32, &'static str)>> = LazyLock::new(|| {
    let mut out = Vec::new();
    for line in include_str!("locale/months.txt").lines().filter(|l| !l.starts_with('#')) {
        let mut words = line.split_whitespace();
        let Some(number) = words.next().and_then(|n| n.parse().ok()) else { continue };
        out.extend(words.map(|w| (number, w)));
    }
    // The longest first, so that `lipiec` is not taken for `lip`.
    out.sort_by_key(|(_, w)| std::cmp::Reverse(w.len()));
    out
});

/// The month a word names.
pub(super) fn month(word: &str) -> Option<u32> {
    let word = word.trim_end_matches('.').to_lowercase();
    MONTHS.iter().find(|(_, m)| *m == word).map(|(n, _)| *n)
}

/// What has been found of a date.
#[derive(Default)]
struct Found {
    year: Option<i32>,
    month: Option<u32>,
    month_may_be_weekday: bool,
    day: Option<u32>,
    time: Option<(u32, u32, u32)>,
    offset: Option<i32>,
    afternoon: Option<bool>,
    numbers: Vec<(u32, usize)>,
    standard: bool,
}

/// Reads a date.
pub(super) fn read(text: &str) -> Option<Date> {
    let text = strip_comments(shorten(text, DATE_BYTES_MAX));
    let mut found = Found { standard: true, ..Found::default() };
    for word in text.split(|c: char| c.is_whitespace() || c == ',').filter(|w| !w.is_empty()) {
        take(word, &mut found);
    }
    finish(found)
}

fn strip_comments(text: &str) -> String {
    let mut depth = 0u32;
    text.chars()
        .filter(|c| match c {
            '(' => {
                depth += 1;
                false
            }
            ')' => {
                depth = depth.saturating_sub(1);
                false
            }
            '"' => false,
            _ => depth == 0,
        })
        .collect()
}

fn take(word: &str, found: &mut Found) {
    if found.time.is_none() && take_time(word, found) {
        return;
    }
    if found.time.is_some() && found.offset.is_none() && take_zone(word, found) {
        return;
    }
    if let Some(m) = month(word) {
        // `mar.` before the day is a Tuesday in French, not March.
        if found.month.is_none() || std::mem::take(&mut found.month_may_be_weekday) {
            found.month_may_be_weekday = found.numbers.is_empty();
            found.month = Some(m);
            found.standard &= word.len() == 3 && word.is_ascii();
        }
        return;
    }
    match word.to_ascii_lowercase().trim_matches('.') {
        "pm" | "p.m" | "nachm" => {
            found.afternoon = Some(true);
            found.standard = false;
            return;
        }
        "am" | "a.m" | "vorm" if found.time.is_some() => {
            found.afternoon = Some(false);
            found.standard = false;
            return;
        }
        _ => {}
    }
    if let Ok(number) = word.trim_end_matches(['.', 'º', 'ª']).trim_end_matches("th").parse::<u32>() {
        if word.starts_with(['+', '-']) {
            return;
        }
        found.numbers.push((number, word.len()));
        return;
    }
    if let Some((numbers, separator)) = triple(word) {
        found.standard = false;
        take_triple(numbers, separator, found);
    }
    // Days of the week, `de`, `at`, `kl.`: nothing to take.
}

/// `12:34:56`, `12:34`, `12.34.56`, `2030-01-02T03:04:05.678Z`, `12:34:56PM`, `12:34:56+0200`.
fn take_time(word: &str, found: &mut Found) -> bool {
    if let Some((date, time)) = word.split_once(['T', 't'])
        && let Some((numbers, '-')) = triple(date)
        && time.contains(':')
    {
        found.standard = false;
        take_triple(numbers, '-', found);
        return take_time(time, found);
    }
    let digits_end = word.find(|c: char| !(c.is_ascii_digit() || c == ':' || c == '.')).unwrap_or(word.len());
    let (clock, zone) = word.split_at(digits_end);
    let dots = !clock.contains(':');
    if dots && (clock.matches('.').count() != 2 || found.year.is_none() && found.numbers.len() < 2 || !zone.is_empty()) {
        return false;
    }
    let mut pieces = clock.split(if dots { '.' } else { ':' });
    let mut number = || pieces.next().and_then(|p| p.split('.').next()).and_then(|p| p.parse::<u32>().ok());
    let (Some(hour), Some(minute)) = (number(), number()) else { return false };
    let second = number().unwrap_or(0);
    if hour > 24 || minute > 59 || second > 61 {
        return false;
    }
    found.standard &= !dots;
    found.time = Some((hour % 24, minute, second.min(59)));
    if !zone.is_empty() {
        found.standard = false;
        if zone.eq_ignore_ascii_case("pm") || zone.eq_ignore_ascii_case("am") {
            found.afternoon = Some(zone.eq_ignore_ascii_case("pm"));
        } else {
            take_zone(zone, found);
        }
    }
    true
}

fn triple(word: &str) -> Option<([&str; 3], char)> {
    let separator = word.chars().find(|c| matches!(c, '-' | '/' | '.'))?;
    let mut pieces = word.trim_end_matches(separator).split(separator);
    let three = [pieces.next()?, pieces.next()?, pieces.next()?];
    (pieces.next().is_none() && three.iter().all(|p| !p.is_empty())).then_some((three, separator))
}

/// `2030-01-02`, `02-Jan-2030`, `02.01.2030`, `01/02/2030`.
fn take_triple(three: [&str; 3], separator: char, found: &mut Found) {
    let [a, b, c] = three;
    let number = |s: &str| s.parse::<u32>().ok();
    if let (Some(m), Some(day), Some(y)) = (month(b), number(a), number(c)) {
        found.month = Some(m);
        if a.len() == 4 {
            (found.year, found.day) = (year(day, 4), Some(y));
        } else {
            (found.day, found.year) = (Some(day), year(y, c.len()));
        }
        return;
    }
    let (Some(x), Some(y), Some(z)) = (number(a), number(b), number(c)) else { return };
    if a.len() == 4 {
        (found.year, found.month, found.day) = (year(x, 4), Some(y), Some(z));
    } else if (separator == '/' && x <= 12) && y > 12 {
        (found.month, found.day, found.year) = (Some(x), Some(y), year(z, c.len()));
    } else if separator == '/' && x <= 12 && y <= 12 {
        // Slashes are American more often than not in Date fields.
        (found.month, found.day, found.year) = (Some(x), Some(y), year(z, c.len()));
    } else {
        (found.day, found.month, found.year) = (Some(x), Some(y), year(z, c.len()));
    }
}

/// `+0200`, `-5:30`, `GMT`, `GMT+2`, `EST`, `Z`.
fn take_zone(word: &str, found: &mut Found) -> bool {
    let upper = word.to_ascii_uppercase();
    let named = upper.trim_start_matches("UTC").trim_start_matches("GMT");
    let sign = match named.chars().next() {
        Some('+') => 1,
        Some('-' | '\u{2212}') => -1,
        None if upper != named => {
            found.offset = Some(0);
            return true;
        }
        _ => {
            let hours = match upper.as_str() {
                "Z" | "UT" | "WET" => 0.0,
                "EDT" | "AST" => -4.0,
                "EST" | "CDT" => -5.0,
                "CST" | "MDT" => -6.0,
                "MST" | "PDT" => -7.0,
                "PST" => -8.0,
                "BST" | "CET" | "MEZ" | "WEST" | "MET" => 1.0,
                "CEST" | "MESZ" | "EET" | "SAST" | "MEST" => 2.0,
                "EEST" | "MSK" => 3.0,
                "IST" => 5.5,
                "HKT" | "SGT" | "AWST" => 8.0,
                "JST" | "KST" => 9.0,
                "AEST" => 10.0,
                "AEDT" => 11.0,
                "NZST" => 12.0,
                "NZDT" => 13.0,
                "HST" => -10.0,
                "AKST" => -9.0,
                "AKDT" => -8.0,
                "NST" => -3.5,
                "NDT" => -2.5,
                _ => return false,
            };
            found.standard &= matches!(upper.as_str(), "EDT" | "EST" | "CDT" | "CST" | "MDT" | "MST" | "PDT" | "PST" | "UT");
            found.offset = Some((hours * 60.0) as i32);
            return true;
        }
    };
    let digits: String = named.chars().filter(char::is_ascii_digit).collect();
    let minutes = match (digits.len(), digits.parse::<i32>()) {
        (1 | 2, Ok(n)) => n * 60,
        (3 | 4, Ok(n)) => n / 100 * 60 + n % 100,
        (6, Ok(n)) => n / 10_000 * 60 + n / 100 % 100,
        _ => return false,
    };
    found.standard &= named.len() == 5 && upper == named;
    // No place on earth is further from Greenwich than 14 hours.
    found.offset = Some(if minutes <= 14 * 60 && minutes % 60 < 60 { sign * minutes } else { 0 });
    true
}

fn year(number: u32, digits: usize) -> Option<i32> {
    let number = i32::try_from(number).ok()?;
    match digits {
        1 | 2 if number < 50 => Some(2000 + number),
        1..=3 if number < 1000 => Some(1900 + number),
        _ if (1900..=9999).contains(&number) => Some(number),
        _ => None,
    }
}

fn finish(mut found: Found) -> Option<Date> {
    for (number, digits) in std::mem::take(&mut found.numbers) {
        if digits >= 4 && found.year.is_none() {
            found.year = year(number, 4);
        } else if found.day.is_none() && (1..=31).contains(&number) && digits <= 2 {
            found.day = Some(number);
        } else if found.year.is_none() {
            found.year = year(number, digits);
            found.standard = false;
        }
    }
    let (year, month, day) = (found.year?, found.month?, found.day?);
    let (mut hour, minute, second) = found.time.unwrap_or_else(|| {
        found.standard = false;
        (0, 0, 0)
    });
    match found.afternoon {
        Some(true) if hour < 12 => hour += 12,
        Some(false) if hour == 12 => hour = 0,
        _ => {}
    }
    if !(1..=12).contains(&month) || day == 0 || day > days_in(year, month) {
        return None;
    }
    let offset = found.offset.unwrap_or_else(|| {
        found.standard = false;
        0
    });
    let mut out = String::with_capacity(25);
    let sign = if offset < 0 { '-' } else { '+' };
    let (zone_hours, zone_minutes) = (offset.abs() / 60, offset.abs() % 60);
    write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{sign}{zone_hours:02}:{zone_minutes:02}").ok()?;
    Some(Date { rfc3339: out, standard: found.standard })
}

const fn days_in(year: i32, month: u32) -> u32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> String {
        read(text).map(|d| d.rfc3339).unwrap_or_default()
    }

    #[test]
    fn the_standard_form_is_standard() {
        let d = read("Tue, 1 Jan 2030 10:20:30 -0330 (Newfoundland)").unwrap();
        assert_eq!(d, Date { rfc3339: "2030-01-01T10:20:30-03:30".into(), standard: true });
    }

    #[test]
    fn obsolete_forms() {
        assert_eq!(at("1 Jan 98 10:20 EST"), "1998-01-01T10:20:00-05:00");
        assert_eq!(at("Tue Jan  1 10:20:30 2030"), "2030-01-01T10:20:30+00:00");
        assert_eq!(at("Tue, 01 Jan 102 10:20:30 GMT"), "2002-01-01T10:20:30+00:00");
        assert_eq!(at("Tue, 1-Jan-2030 10:20:30 +0200"), "2030-01-01T10:20:30+02:00");
        assert_eq!(at("Tue Jan 1 10:20:30 PST 2030"), "2030-01-01T10:20:30-08:00");
    }

    #[test]
    fn foreign_and_invented_forms() {
        assert_eq!(at("2030-01-02T03:04:05.678Z"), "2030-01-02T03:04:05+00:00");
        assert_eq!(at("2030-01-02 03:04:05 +02:00"), "2030-01-02T03:04:05+02:00");
        assert_eq!(at("Di, 1 Mär 2030 10:20:30 GMT+2"), "2030-03-01T10:20:30+02:00");
        assert_eq!(at("mar., 1 août 2030 10:20:30 +0200"), "2030-08-01T10:20:30+02:00");
        assert_eq!(at("1/31/2030 3:04:05 PM"), "2030-01-31T15:04:05+00:00");
        assert_eq!(at("31.01.2030 15:04"), "2030-01-31T15:04:00+00:00");
        assert_eq!(at("Tue, 1 Jan 2030 10.20.30 +0000"), "2030-01-01T10:20:30+00:00");
        assert_eq!(at("Tue, 1 Jan 2030 10:20:30 +9900"), "2030-01-01T10:20:30+00:00");
        assert_eq!(at("Tue, 1 Jan 2030 10:20:60 +0000"), "2030-01-01T10:20:59+00:00");
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in ["", "yesterday", "31 Feb 2030 10:00:00 +0000", "Tue, 99 Jan 2030", "1 2 3", "\u{202e}"] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}
