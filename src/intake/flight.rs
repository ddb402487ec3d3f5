//! The mails between the journal and their dispositions: what is bounded, and what is oldest.
//!
//! The feeder takes a mail in, whoever settles it takes it out. Memory is bounded by
//! `Limits::window_max` entries of a few bytes.

use super::Lane;
use crate::mail::Position;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

#[derive(Debug, Clone, Copy)]
struct Mail {
    received_at_us: i64,
    lane: Lane,
}

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Flight {
    mails: Arc<Mutex<BTreeMap<Position, Mail>>>,
    room: Arc<Notify>,
    most: usize,
}

impl Flight {
    pub(super) fn new(most: usize) -> Flight {
        Flight { mails: Arc::default(), room: Arc::default(), most }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Position, Mail>> {
        // A panic while the map was held leaves it whole: every change is one call.
        self.mails.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until at least one more mail may be taken in.
    pub(super) async fn room(&self) -> usize {
        loop {
            let notified = self.room.notified();
            let free = self.most.saturating_sub(self.lock().len());
            if free > 0 {
                return free;
            }
            notified.await;
        }
    }

    /// Takes a mail in; false when it is in already.
    pub(super) fn enter(&self, position: Position, received_at_us: i64, lane: Lane) -> bool {
        self.lock().insert(position, Mail { received_at_us, lane }).is_none()
    }

    /// Takes mails out.
    pub(super) fn leave(&self, positions: &[Position]) {
        let mut mails = self.lock();
        for p in positions {
            mails.remove(p);
        }
        drop(mails);
        self.room.notify_one();
    }

    /// How many are in, and when the oldest was received, by lane.
    pub(super) fn look(&self, lane: Lane) -> (usize, Option<i64>) {
        let mails = self.lock();
        let mut count = 0;
        let mut oldest: Option<i64> = None;
        for m in mails.values().filter(|m| m.lane == lane) {
            count += 1;
            oldest = Some(oldest.map_or(m.received_at_us, |o| o.min(m.received_at_us)));
        }
        (count, oldest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_window_is_bounded_and_opens_again() {
        let flight = Flight::new(2);
        let at = |n| Position { segment: 1, offset: n };
        assert_eq!(flight.room().await, 2);
        assert!(flight.enter(at(1), 7, Lane::Fast));
        assert!(flight.enter(at(2), 5, Lane::Fast));
        assert!(!flight.enter(at(2), 5, Lane::Fast));
        assert_eq!(flight.look(Lane::Fast), (2, Some(5)));
        let waiting = {
            let f = flight.clone();
            tokio::spawn(async move { f.room().await })
        };
        flight.leave(&[at(2)]);
        assert_eq!(waiting.await.unwrap(), 1);
        assert_eq!(flight.look(Lane::Fast), (1, Some(7)));
    }
}
