//! When to try again what failed: doubling, capped, spread.

use std::time::Duration;

/// The wait after `failures` failures in a row (from 1).
///
/// It is `first`, doubled each time up to `most`, and between half and all of that, so that those who fell over together do not get up together.
/// `random` is from 0.0 to 1.0.
#[must_use]
pub fn wait(failures: u32, first: Duration, most: Duration, random: f64) -> Duration {
    let doubled = first.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
    doubled.min(most).mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
}

/// A number from 0.0 to 1.0; 1.0 when the system gives none (the longest wait).
#[must_use]
pub fn random() -> f64 {
    getrandom::u32().map_or(1.0, |n| f64::from(n) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FIRST: Duration = Duration::from_secs(1);

    proptest! {
        #[test]
        fn the_wait_is_bounded_and_never_falls(failures in 1_u32..=u32::MAX, random in 0.0_f64..=1.0) {
            let most = Duration::from_secs(3_600);
            let now = wait(failures, FIRST, most, random);
            prop_assert!(now <= most && now >= FIRST / 2);
            prop_assert!(wait(failures.saturating_add(1), FIRST, most, random) >= now);
        }
    }

    #[test]
    fn it_doubles_from_a_second() {
        let most = Duration::from_secs(60);
        assert_eq!(wait(1, FIRST, most, 1.0), Duration::from_secs(1));
        assert_eq!(wait(2, FIRST, most, 1.0), Duration::from_secs(2));
        assert_eq!(wait(7, FIRST, most, 1.0), most);
        assert_eq!(wait(3, FIRST, most, 0.0), Duration::from_secs(2));
    }
}
