//! Memory for bodies, shared by all sessions: `inflight_bytes_max` bytes, and backpressure beyond.
//!
//! A body first gets a small share and may wait for it; a client whose body finds none in time is told
//! 452. More is only given when it is there at once: a body that can't grow goes to the disk instead, so
//! that sessions that hold a share never wait for each other.
//!
//! # Failure
//! A share that is dropped is given back, whatever happened to its session.

use prometheus_client::metrics::gauge::Gauge;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The memory there is.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    bytes: Arc<Semaphore>,
    most: usize,
    wait: Duration,
    gauge: Gauge,
}

/// A part of it, until dropped.
#[derive(Debug)]
pub(crate) struct Share {
    permit: OwnedSemaphorePermit,
    gauge: Gauge,
}

impl Budget {
    pub(crate) fn new(bytes: u64, wait: Duration, gauge: Gauge) -> Budget {
        let most = usize::try_from(bytes).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Budget { bytes: Arc::new(Semaphore::new(most)), most, wait, gauge }
    }

    /// As much as there could ever be, at most what is asked for.
    fn bounded(&self, bytes: usize) -> u32 {
        u32::try_from(bytes.min(self.most)).unwrap_or(u32::MAX)
    }

    /// A share at once, or none.
    pub(crate) fn now(&self, bytes: usize) -> Option<Share> {
        let permit = Arc::clone(&self.bytes).try_acquire_many_owned(self.bounded(bytes)).ok()?;
        Some(self.share(permit))
    }

    /// A share, with the wait that a client can be asked for.
    pub(crate) async fn wait(&self, bytes: usize) -> Option<Share> {
        let permit = Arc::clone(&self.bytes).acquire_many_owned(self.bounded(bytes));
        let permit = tokio::time::timeout(self.wait, permit).await.ok()?.ok()?;
        Some(self.share(permit))
    }

    fn share(&self, permit: OwnedSemaphorePermit) -> Share {
        self.gauge.inc_by(count(permit.num_permits()));
        Share { permit, gauge: self.gauge.clone() }
    }
}

impl Share {
    /// Its size in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.permit.num_permits()
    }

    /// Takes another share into this one.
    pub(crate) fn add(&mut self, mut other: Share) {
        // `other` is dropped empty, so the gauge keeps counting its part.
        if let Some(permit) = other.permit.split(other.permit.num_permits()) {
            self.permit.merge(permit);
        }
    }

    /// Gives back what is beyond so many bytes.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let beyond = self.permit.num_permits().saturating_sub(bytes);
        if let Some(permit) = self.permit.split(beyond) {
            self.gauge.dec_by(count(permit.num_permits()));
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.gauge.dec_by(count(self.permit.num_permits()));
    }
}

fn count(permits: usize) -> i64 {
    i64::try_from(permits).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_dropped_is_there_again_and_the_gauge_tells() {
        let gauge = Gauge::default();
        let budget = Budget::new(100, Duration::from_secs(5), gauge.clone());
        let mut a = budget.now(60).unwrap();
        assert!(budget.now(60).is_none());
        a.add(budget.now(30).unwrap());
        assert_eq!((a.bytes(), gauge.get()), (90, 90));
        assert!(budget.wait(60).await.is_none(), "the wait is bounded");
        a.shrink_to(40);
        assert_eq!((a.bytes(), gauge.get()), (40, 40));
        let b = budget.wait(60).await.unwrap();
        assert_eq!(gauge.get(), 100);
        drop((a, b));
        assert_eq!(gauge.get(), 0);
        assert_eq!(budget.now(1_000).unwrap().bytes(), 100, "more than there is means all there is");
    }
}
