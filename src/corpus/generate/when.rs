//! An instant on the sender's clock.
//!
//! # Failure
//! None; the room's promises are those of [`super`].

use super::dice::Dice;

/// Days of the week, Monday first.
pub const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
/// Months.
pub const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Date and time with its offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct When {
    pub year: i32,
    /// From 1.
    pub month: usize,
    pub day: i32,
    pub hour: i32,
    pub minute: i32,
    pub second: i32,
    /// Minutes east of Greenwich.
    pub offset: i32,
}

impl When {
    /// One of the last years.
    pub fn new(dice: &mut Dice) -> Self {
        let number = |dice: &mut Dice, low: usize, high: usize| i32::try_from(dice.within(low, high)).unwrap_or(0);
        When {
            year: number(dice, 2012, 2026),
            month: dice.within(1, 12),
            day: number(dice, 1, 28),
            hour: number(dice, 0, 23),
            minute: number(dice, 0, 59),
            second: number(dice, 0, 59),
            offset: *dice.pick(&[0, 60, 120, 180, 330, 480, 540, -180, -300, -480, 570, 210]),
        }
    }

    /// 0 is Monday (Sakamoto's method).
    #[must_use]
    pub fn weekday(self) -> usize {
        const SHIFT: [i32; 12] = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4];
        let year = if self.month < 3 { self.year - 1 } else { self.year };
        let sunday_first = (year + year / 4 - year / 100 + year / 400 + SHIFT[self.month - 1] + self.day).rem_euclid(7);
        usize::try_from((sunday_first + 6) % 7).unwrap_or(0)
    }

    /// `+0100`.
    #[must_use]
    pub fn zone(self) -> String {
        let sign = if self.offset < 0 { '-' } else { '+' };
        format!("{sign}{:02}{:02}", self.offset.abs() / 60, self.offset.abs() % 60)
    }

    /// `14:05:33`.
    #[must_use]
    pub fn clock(self) -> String {
        format!("{:02}:{:02}:{:02}", self.hour, self.minute, self.second)
    }

    /// As RFC 5322 has it.
    #[must_use]
    pub fn field(self) -> String {
        format!(
            "{}, {} {} {} {} {}",
            DAYS[self.weekday()],
            self.day,
            MONTHS[self.month - 1],
            self.year,
            self.clock(),
            self.zone()
        )
    }

    /// When the first relay took it: a date that can't be read is not hidden by a trace that says the same.
    #[must_use]
    pub fn received(self) -> Self {
        When { minute: (self.minute + 1) % 60, ..self }
    }

    /// As RFC 3339 has it, without the offset.
    #[must_use]
    pub fn local(self) -> String {
        format!("{:04}-{:02}-{:02}T{}", self.year, self.month, self.day, self.clock())
    }

    /// As RFC 3339 has it.
    #[must_use]
    pub fn rfc3339(self) -> String {
        if self.offset == 0 {
            return format!("{}Z", self.local());
        }
        let zone = self.zone();
        format!("{}{}:{}", self.local(), &zone[..3], &zone[3..])
    }

    /// Seconds since 1970.
    #[must_use]
    pub fn epoch(self) -> i64 {
        let (y, m) = (i64::from(self.year), i64::try_from(self.month).unwrap_or(1));
        let (y, m) = if m < 3 { (y - 1, m + 9) } else { (y, m - 3) };
        let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + i64::from(self.day) - 719_469;
        days * 86_400 + i64::from(self.hour) * 3600 + i64::from(self.minute - self.offset) * 60 + i64::from(self.second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calendar_is_right() {
        let when = When { year: 2026, month: 11, day: 24, hour: 11, minute: 30, second: 5, offset: 60 };
        assert_eq!(when.field(), "Tue, 24 Nov 2026 11:30:05 +0100");
        assert_eq!(when.rfc3339(), "2026-11-24T11:30:05+01:00");
        assert_eq!(when.epoch(), 1_795_516_205);
    }
}
