//! How long to wait before trying again: doubling, capped, spread.

use std::time::Duration;

/// A run of attempts against something that is away.
#[derive(Debug, Clone)]
pub(super) struct Backoff {
    min: Duration,
    max: Duration,
    failures: u32,
}

impl Backoff {
    pub(super) fn new(min: Duration, max: Duration) -> Backoff {
        Backoff { min, max, failures: 0 }
    }

    /// The next wait. `spread` in 0..=255 takes up to half of it off, so that many nodes do not
    /// knock together.
    pub(super) fn next(&mut self, spread: u8) -> Duration {
        let wait = self.min.saturating_mul(1 << self.failures.min(20)).min(self.max);
        self.failures += 1;
        wait - wait.mul_f64(f64::from(spread) / 512.0)
    }

    /// It answered.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_most_and_start_again() {
        let mut b = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        let waits: Vec<u128> = (0..6).map(|_| b.next(0).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1000, 1000]);
        b.reset();
        assert_eq!(b.next(255).as_millis(), 50);
    }
}
