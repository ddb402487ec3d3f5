//! Takes up what staff have released from the quarantine.
//!
//! A release is a row in the database, made by the web or the command line on any node; the node
//! whose journal holds the raw mail reads it again and attaches it, and the disposition changes
//! in that transaction. Until then the mail is still quarantined.

use super::{Job, Lane, Shared};
use crate::mail::Release;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How often released items are looked for: staff see the result within about this time.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Releases taken up at once.
const RELEASES_MAX: usize = 100;

pub(super) async fn follow(shared: Arc<Shared>, mut shutdown: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = shutdown.wait_for(|stop| *stop) => return,
        }
        let items = match shared.store.released(shared.journal.id(), RELEASES_MAX).await {
            Ok(items) => items,
            Err(error) => {
                tracing::debug!(%error, "released items can't be looked up; trying again");
                continue;
            }
        };
        let mut jobs = Vec::new();
        for item in items {
            if !shared.releasing.lock().unwrap_or_else(PoisonError::into_inner).insert(item.item) {
                continue;
            }
            let reader = shared.reader.clone();
            let position = item.position;
            match tokio::task::spawn_blocking(move || reader.entry(position)).await {
                Ok(Ok(entry)) => jobs.push(Job {
                    position,
                    envelope: Arc::new(entry.envelope),
                    body_len: entry.body_len,
                    lane: Lane::of(entry.body_len, shared.limits.slow_lane_bytes),
                    attempts: shared.journal.attempts(position),
                    suspect: true,
                    release: Some((item.organisation, Release { item: item.item, conversation: item.conversation })),
                }),
                Ok(Err(error)) => {
                    tracing::error!(quarantine.item = %item.item, %error, "a released mail can't be read from the journal")
                }
                Err(_) => return,
            }
        }
        if !jobs.is_empty() {
            shared.queue.push(jobs);
        }
    }
}
