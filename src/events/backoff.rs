//! When to try an endpoint again.

use std::time::Duration;

/// Wait after the first failure.
const FIRST: Duration = Duration::from_secs(1);

/// The wait after `failures` failures in a row (from 1): doubled each time up to `most`, and
/// between half and all of that, so that endpoints that fell over together do not get up together.
/// `random` is from 0.0 to 1.0.
pub(super) fn wait(failures: u32, most: Duration, random: f64) -> Duration {
    let doubled = FIRST.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
    doubled.min(most).mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
}

/// A number from 0.0 to 1.0; 1.0 when the system gives none (the longest wait).
pub(super) fn random() -> f64 {
    getrandom::u32().map_or(1.0, |n| f64::from(n) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_wait_is_bounded_and_never_falls(failures in 1_u32..=u32::MAX, random in 0.0_f64..=1.0) {
            let most = Duration::from_secs(3_600);
            let now = wait(failures, most, random);
            prop_assert!(now <= most && now >= FIRST / 2);
            prop_assert!(wait(failures.saturating_add(1), most, random) >= now);
        }
    }

    #[test]
    fn it_doubles_from_a_second() {
        let most = Duration::from_secs(60);
        assert_eq!(wait(1, most, 1.0), Duration::from_secs(1));
        assert_eq!(wait(2, most, 1.0), Duration::from_secs(2));
        assert_eq!(wait(7, most, 1.0), most);
        assert_eq!(wait(3, most, 0.0), Duration::from_secs(2));
    }
}
