//! Dates (RFC 5322 section 3.3) with their obsolete, foreign and invented forms, to RFC 3339.
//!
//! # Failure
//! A text that holds no date gives `None`. The sender's offset is kept; one that can't be read is
//! taken as UTC. Linear time; only the first 200 bytes are looked at.

use super::date_words::{WEEKDAYS, in_ascii, month, months};
use super::span::{Span, shorten};
use std::fmt::Write as _;

/// Longer fields hold no date.
const DATE_BYTES_MAX: usize = 200;
/// No place on earth is further from Greenwich.
const OFFSET_MINUTES_MAX: i32 = 14 * 60;
/// The year after it has days that are no points in time everywhere (RFC 3339 ends with it).
const YEAR_MAX: i32 = 9998;

/// A date as RFC 3339, and whether it had the form of RFC 5322.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Date {
    pub(super) rfc3339: String,
    pub(super) standard: bool,
}

/// The day of the week, 0 for Sunday (Sakamoto).
fn weekday(year: i32, month: u32, day: u32) -> usize {
    const SHIFTS: [i32; 12] = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4];
    let year = if month < 3 { year - 1 } else { year };
    let shift = SHIFTS.get(month.saturating_sub(1) as usize).copied().unwrap_or(0);
    let days = year + year / 4 - year / 100 + year / 400 + shift + i32::try_from(day).unwrap_or(0);
    usize::try_from(days.rem_euclid(7)).unwrap_or(0)
}

/// What has been found of a date.
#[derive(Default)]
struct Found {
    year: Option<i32>,
    month: Option<u32>,
    month_may_be_weekday: bool,
    /// What the month's word means in another language.
    other_month: Option<u32>,
    /// The day of the week, where it tells languages apart.
    weekday: Option<usize>,
    /// The next number is a month (`thg 11`).
    month_ahead: bool,
    /// The next number is a day of the week (`Thứ 3`).
    weekday_ahead: bool,
    /// The next word is a time (`kl. 9.12`).
    clock_ahead: bool,
    /// The zone was the bare `GMT`, which an offset may follow.
    bare_zone: bool,
    /// `DST` was said.
    summer: bool,
    /// A time that no clock shows.
    broken: bool,
    day: Option<u32>,
    time: Option<(u32, u32, u32)>,
    offset: Option<i32>,
    afternoon: Option<bool>,
    numbers: Vec<(u32, usize)>,
    standard: bool,
}

/// The months of RFC 5322.
const ENGLISH: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Reads a date.
pub(super) fn read(text: &str) -> Option<Date> {
    let text = strip_comments(shorten(text, DATE_BYTES_MAX));
    if let Some(date) = epoch(text.trim()) {
        return Some(date);
    }
    let plain = in_ascii(&text);
    let mut found = Found { standard: plain == text, ..Found::default() };
    let text = plain;
    for word in text.split(|c: char| c.is_whitespace() || matches!(c, ',' | '،')).filter(|w| !w.is_empty()) {
        take(word, &mut found);
    }
    finish(found)
}

/// Seconds or milliseconds since 1970.
fn epoch(text: &str) -> Option<Date> {
    let digits = text.split('.').next()?;
    if !text.bytes().all(|b| b.is_ascii_digit() || b == b'.') || !matches!(digits.len(), 9 | 10 | 13) {
        return None;
    }
    let number: i64 = digits.parse().ok()?;
    let seconds = if digits.len() == 13 { number / 1000 } else { number };
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    let (mut year, mut month, mut rest) = (1970, 1, days);
    loop {
        let length = i64::from(if days_in(year, 2) == 29 { 366u16 } else { 365 });
        if rest < length {
            break;
        }
        rest -= length;
        year += 1;
    }
    while rest >= i64::from(days_in(year, month)) {
        rest -= i64::from(days_in(year, month));
        month += 1;
    }
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    let rfc3339 = format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}+00:00", rest + 1);
    Some(Date { rfc3339, standard: false })
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
    found.clock_ahead = false;
    // `GMT +0100`.
    let offset_ahead = found.bare_zone && word.starts_with(['+', '-']);
    if found.time.is_some() && (found.offset.is_none() || offset_ahead) && take_zone(word, found) {
        return;
    }
    let lower = word.to_lowercase();
    if let Some(day) = WEEKDAYS.iter().position(|names| names.iter().any(|n| lower.starts_with(n))) {
        found.weekday = found.weekday.or(Some(day));
    }
    if let (other, Some(m)) = months(word) {
        // `mar.` before the day is a Tuesday in French, not March.
        if found.month.is_none() || std::mem::take(&mut found.month_may_be_weekday) {
            found.month_may_be_weekday = found.numbers.is_empty();
            found.month = Some(m);
            found.other_month = other;
            found.standard &= ENGLISH.contains(&lower.as_str());
        }
        return;
    }
    match lower.trim_matches('.') {
        "pm" | "p.m" | "nachm" | "pm:" | "μμ" | "öş" | "ös" | "م" => {
            found.afternoon = Some(true);
            found.standard = false;
            return;
        }
        "am:" => {
            found.afternoon = Some(false);
            found.standard = false;
            return;
        }
        "kl" | "klo" | "um" | "at" | "ore" | "kell" | "à" => {
            found.clock_ahead = true;
            found.standard = false;
            return;
        }
        "th" | "thứ" => {
            found.weekday_ahead = true;
            found.standard = false;
            return;
        }
        "thg" | "tháng" => {
            found.month_ahead = true;
            found.standard = false;
            return;
        }
        "dst" if found.offset.is_some() => {
            let later = |o: i32| if o + 60 <= OFFSET_MINUTES_MAX { o + 60 } else { o };
            if !std::mem::replace(&mut found.summer, true) {
                found.offset = found.offset.map(later);
            }
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
    if let Ok(number) = word.trim_end_matches(['.', 'º', 'ª']).trim_end_matches(|c: char| c.is_ascii_alphabetic()).parse::<u32>()
    {
        if word.starts_with(['+', '-']) {
            return;
        }
        let ordinal = word.trim_start_matches(|c: char| c.is_ascii_digit());
        if !matches!(ordinal, "" | "." | "º" | "ª" | "st" | "nd" | "rd" | "th" | "er") {
            return;
        }
        if std::mem::take(&mut found.month_ahead) && found.month.is_none() {
            found.month = Some(number);
            return;
        }
        if !std::mem::take(&mut found.weekday_ahead) {
            found.numbers.push((number, word.len() - ordinal.len()));
        }
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
    // `20261117T091244Z`.
    if let Some((date, time)) = word.split_once('T')
        && let ([y @ .., _, _, _, _], true) = (date.as_bytes(), date.len() == 8 && date.bytes().all(|b| b.is_ascii_digit()))
        && time.len() >= 6
        && time.bytes().take(6).all(|b| b.is_ascii_digit())
    {
        let (md, hms) = (date.after(y.len()), time.before(6));
        take_triple([date.before(4), md.before(2), md.after(2)], '-', found);
        found.standard = false;
        return take_time(&format!("{}:{}:{}{}", hms.before(2), hms.span(2, 4), hms.after(4), time.after(6)), found);
    }
    // `9h12`.
    if let Some((hour, minute)) = word.split_once(['h', 'H'])
        && !hour.is_empty()
        && hour.len() < 3
        && hour.bytes().chain(minute.bytes()).all(|b| b.is_ascii_digit())
    {
        found.standard = false;
        let minute = if minute.is_empty() { "00" } else { minute };
        return take_time(&format!("{hour}:{minute}"), found);
    }
    let digits_end = word.find(|c: char| !(c.is_ascii_digit() || c == ':' || c == '.')).unwrap_or(word.len());
    let (clock, zone) = word.split_at(digits_end);
    let dots = !clock.contains(':');
    let short = found.clock_ahead && clock.matches('.').count() == 1;
    if dots && !short && (clock.matches('.').count() != 2 || found.year.is_none() && found.numbers.len() < 2 || !zone.is_empty())
    {
        return false;
    }
    let mut pieces = clock.split(if dots { '.' } else { ':' });
    let mut number = || pieces.next().and_then(|p| p.split('.').next()).and_then(|p| p.parse::<u32>().ok());
    let (Some(hour), Some(minute)) = (number(), number()) else { return false };
    let second = number().unwrap_or(0);
    if hour > 24 || minute > 59 || second > 61 {
        found.broken |= !dots;
        return false;
    }
    found.standard &= !dots;
    found.standard &= hour < 24;
    found.time = Some((hour, minute, second.min(59)));
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
    } else if separator == '/' && x <= 12 && y > 12 {
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
            found.bare_zone = true;
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
                "EEST" | "MSK" | "IDT" | "TRT" => 3.0,
                "MSD" => 4.0,
                "PKT" => 5.0,
                "WIB" | "ICT" => 7.0,
                "BRT" | "ART" => -3.0,
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
    found.standard &= named.len() == 5 && upper == named && !std::mem::take(&mut found.bare_zone);
    found.offset = Some(if minutes <= OFFSET_MINUTES_MAX { sign * minutes } else { 0 });
    true
}

fn year(number: u32, digits: usize) -> Option<i32> {
    let number = i32::try_from(number).ok()?;
    match digits {
        // The Buddhist calendar of Thailand is 543 years ahead.
        4 if (2443..=2642).contains(&number) => Some(number - 543),
        1 | 2 if number < 50 => Some(2000 + number),
        1..=3 if number < 1000 => Some(1900 + number),
        _ if (1900..=YEAR_MAX).contains(&number) => Some(number),
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
    if found.broken {
        return None;
    }
    let (mut year, mut month, mut day) = (found.year?, found.month?, found.day?);
    if let (Some(other), Some(named)) = (found.other_month, found.weekday)
        && weekday(year, other, day) == named
        && weekday(year, month, day) != named
    {
        month = other;
    }
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
    if hour == 24 {
        hour = 0;
        day += 1;
        if day > days_in(year, month) {
            day = 1;
            month += 1;
        }
        if month > 12 {
            month = 1;
            year += 1;
        }
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
    fn forms_of_other_scripts_and_machines() {
        assert_eq!(at("1794903164"), "2026-11-17T08:12:44+00:00");
        assert_eq!(at("1709164800.25"), "2024-02-29T00:00:00+00:00");
        assert_eq!(at("20261117T091244+0100"), "2026-11-17T09:12:44+01:00");
        assert_eq!(at("٣١ ديسمبر ٢٠٢٦ ٠٩:١٢ +0300"), "2026-12-31T09:12:00+03:00");
        assert_eq!(at("2026年 1月 2日(金) 午後 1時02分"), "2026-01-02T13:02:00+00:00");
        assert_eq!(at("Thu, 31 Dec 2026 24:00:00 +0000"), "2027-01-01T00:00:00+00:00");
        assert_eq!(at("Tue, 17 Nov 2026 09:12:44 GMT +0100"), "2026-11-17T09:12:44+01:00");
        assert_eq!(at("Tue, 17 Nov 2026 09:12:44 EET DST"), "2026-11-17T09:12:44+03:00");
        assert_eq!(at("17 thg 2 2026 09:12:44 +0700"), "2026-02-17T09:12:44+07:00");
    }

    #[test]
    fn an_offset_is_of_a_place_on_earth_however_often_summer_is_said() {
        assert_eq!(at("Tue, 17 Nov 2026 09:12:44 EET DST DST DST"), "2026-11-17T09:12:44+03:00");
        assert_eq!(at("Tue, 17 Nov 2026 09:12:44 +1400 DST"), "2026-11-17T09:12:44+14:00");
        assert_eq!(at("31 Dec 9998 24:00:00 +0000"), "9999-01-01T00:00:00+00:00");
        assert_eq!(at("31 Dec 9999 24:00:00 +0000"), "");
    }

    #[test]
    fn the_day_of_the_week_tells_languages_apart() {
        assert_eq!(at("subota, 17 listopada 2026 09:12:44 +0200"), "2026-10-17T09:12:44+02:00");
        assert_eq!(at("wtorek, 17 listopada 2026 09:12:44 +0100"), "2026-11-17T09:12:44+01:00");
        assert_eq!((weekday(2026, 11, 24), weekday(2024, 2, 29), weekday(2000, 1, 1)), (2, 4, 6));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "yesterday",
            "31 Feb 2030 10:00:00 +0000",
            "Tue, 1 Jan 2030 25:00:00 +0000",
            "Tue, 99 Jan 2030",
            "1 2 3",
            "\u{202e}",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}
