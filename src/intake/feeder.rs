//! Follows the journal and puts what is not done into the lanes.
//!
//! The journal is the queue: the feeder keeps a place in it, not a copy. It stops while the
//! window is full and goes on when mails are settled.
//!
//! # Failure
//! A damaged record is reported and counted, and reading goes on behind it; the mail stays in
//! the journal for `tidegate journal verify`, and the ledger shows it as in flight.

use super::{Job, Lane, Shared};
use crate::mail::Position;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Entries read from the journal at once.
const ENTRIES_MAX: usize = 256;
/// A wait after the journal could not be read: the disk is asked again, not hammered.
const PAUSE: Duration = Duration::from_millis(500);

pub(super) async fn feed(shared: Arc<Shared>, mut shutdown: watch::Receiver<bool>) {
    let mut end = shared.journal.durable_end();
    let mut at = shared.journal.first_unfinished();
    loop {
        let room = tokio::select! {
            room = shared.flight.room() => room,
            _ = shutdown.wait_for(|stop| *stop) => return,
        };
        let durable = *end.borrow_and_update();
        let entries = {
            let reader = shared.reader.clone();
            tokio::task::spawn_blocking(move || reader.entries(at, room.min(ENTRIES_MAX))).await
        };
        match entries {
            Ok(Ok(entries)) if entries.is_empty() => {
                if *end.borrow() != durable {
                    continue;
                }
                tokio::select! {
                    changed = end.changed() => if changed.is_err() { return },
                    _ = shutdown.wait_for(|stop| *stop) => return,
                }
            }
            Ok(Ok(entries)) => {
                let mut jobs = Vec::with_capacity(entries.len());
                for entry in entries {
                    at = entry.next;
                    if entry.erased || shared.journal.is_done(entry.position) {
                        continue;
                    }
                    let lane = Lane::of(entry.body_len, shared.limits.slow_lane_bytes);
                    if shared.flight.enter(entry.position, entry.envelope.received_at_us, lane) {
                        let attempts = shared.journal.attempts(entry.position);
                        jobs.push(Job {
                            position: entry.position,
                            envelope: Arc::new(entry.envelope),
                            body_len: entry.body_len,
                            lane,
                            attempts,
                            suspect: attempts > 0,
                            release: None,
                        });
                    }
                }
                shared.queue.push(jobs);
            }
            Ok(Err(error)) => {
                shared.metrics.journal_errors.get_or_create(&[("kind", "read")]).inc();
                tracing::error!(journal.position = %at, %error, "the journal can't be read here; going on behind it");
                at = at.max(Position::START);
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => {}
                    _ = shutdown.wait_for(|stop| *stop) => return,
                }
            }
            Err(_) => return,
        }
    }
}
