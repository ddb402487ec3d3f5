//! Brakes: counts of mails over time, so that a loop or a flood ends as one group in the quarantine.
//!
//! Time is the mail's own time of reception, handed in. A count belongs to one window; a brake that
//! was hit stays on while the windows that follow are as busy.
//!
//! # Trust
//! The key of a count is a hash of what the mail shows, so a sender who changes his address with each mail
//! is not braked by it; the limits of reception are for him.

use super::QuarantineId;

/// What is counted for a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brake {
    /// Of bounded length; says nothing about people.
    pub key: String,
    /// `token`, `sender`, `automatic` or `own`.
    pub what: &'static str,
    /// Mails of a window that pass.
    pub max: u32,
    /// Microseconds.
    pub window_us: i64,
}

/// A count, as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BrakeState {
    /// Begin of its window, microseconds since 1970 UTC.
    pub began_at_us: i64,
    /// Mails in it, those that were held too.
    pub count: u32,
    /// Set while the brake is on: the group that takes what is held. Its name is that of the first item.
    pub group: Option<QuarantineId>,
    /// Items in the group.
    pub held: u32,
}

/// A brake that is on for a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Braked {
    /// The group that takes the mail; none yet for the first.
    pub group: Option<QuarantineId>,
    /// Mails of the window so far, with this one.
    pub count: u32,
}

impl BrakeState {
    /// Counts a mail that was received at `at_us`; says whether it is to be held.
    pub fn count(&mut self, brake: &Brake, at_us: i64) -> Option<Braked> {
        let age = at_us.saturating_sub(self.began_at_us);
        if self.count == 0 || age >= brake.window_us {
            // As busy as before, without a pause of a window: the brake stays on.
            let goes_on = self.group.is_some() && self.count > brake.max && age < brake.window_us.saturating_mul(2);
            *self = BrakeState {
                began_at_us: at_us,
                count: 0,
                group: self.group.filter(|_| goes_on),
                held: if goes_on { self.held } else { 0 },
            };
        }
        self.count = self.count.saturating_add(1);
        if self.group.is_none() && self.count <= brake.max {
            return None;
        }
        if self.held >= crate::limits::GROUP_ITEMS_MAX {
            (self.group, self.held) = (None, 0);
        }
        Some(Braked { group: self.group, count: self.count })
    }

    /// The mail that was counted last is held, as this item.
    pub fn hold(&mut self, item: QuarantineId) {
        self.group.get_or_insert(item);
        self.held = self.held.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const HOUR: i64 = 3_600_000_000;

    fn brake() -> Brake {
        Brake { key: "k".to_owned(), what: "sender", max: 3, window_us: HOUR }
    }

    /// Counts mails at these minutes; gives which were held, and in which group.
    fn run(minutes: &[i64]) -> Vec<Option<u128>> {
        let mut state = BrakeState::default();
        let mut items = 0;
        minutes
            .iter()
            .map(|m| {
                let braked = state.count(&brake(), 1_000 * HOUR + m * 60_000_000)?;
                items += 1;
                let item = QuarantineId(Uuid::from_u128(items));
                state.hold(item);
                Some(braked.group.unwrap_or(item).0.as_u128())
            })
            .collect()
    }

    #[test]
    fn the_tail_of_a_flood_is_one_group() {
        assert_eq!(run(&[0, 1, 2, 3, 4, 5]), [None, None, None, Some(1), Some(1), Some(1)]);
    }

    #[test]
    fn a_few_mails_each_hour_are_no_flood() {
        assert!(run(&[0, 1, 2, 60, 61, 62, 120, 121, 122]).iter().all(Option::is_none));
    }

    #[test]
    fn the_brake_stays_on_while_the_flood_does_and_ends_after_a_quiet_hour() {
        let busy: Vec<i64> = (0..40).map(|n| n * 5).collect();
        let held = run(&busy);
        assert!(held[3..].iter().all(|g| *g == Some(1)), "{held:?}");
        assert_eq!(run(&[0, 1, 2, 3, 200, 201, 202]), [None, None, None, Some(1), None, None, None]);
        // Busy until the end of an hour, then slow: the slow hour is still held, the one after is not.
        let mut slow = run(&[0, 1, 2, 3, 4, 61, 80, 125]);
        assert_eq!(slow.split_off(5), [Some(1), Some(1), None]);
    }
}
