//! What goes on beside the mail: readiness, the ledger's gauges, retention, what lists pass over.

use crate::config::Config;
use crate::intake::ledger;
use crate::journal::Journal;
use crate::limits::ACTIVITY_SWEPT_ROWS;
use crate::mail::DispositionKind;
use crate::store::{ActivitySweep, Store};
use crate::telemetry::Metrics;
use crate::web::Readiness;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

const READINESS_EVERY: Duration = Duration::from_secs(2);
/// The ledger reads the whole journal's headers: not more often than this.
const LEDGER_EVERY: Duration = Duration::from_secs(300);
const RETENTION_EVERY: Duration = Duration::from_secs(3_600);
/// A step costs some ten milliseconds: nobody notices one in thirty seconds.
const SWEEP_EVERY: Duration = Duration::from_secs(30);
const DAY_US: i64 = 86_400_000_000;

/// Waits; false when shutdown came.
async fn pause(length: Duration, shutdown: &mut watch::Receiver<bool>) -> bool {
    tokio::select! {
        () = tokio::time::sleep(length) => true,
        _ = shutdown.wait_for(|stop| *stop) => false,
    }
}

/// Keeps what `/readyz` shows current.
pub(super) async fn readiness(
    journal: Journal,
    store: Store,
    readiness: watch::Sender<Readiness>,
    mut shutdown: watch::Receiver<bool>,
) {
    loop {
        let database = match tokio::time::timeout(READINESS_EVERY, store.ping()).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("no answer within {} s", READINESS_EVERY.as_secs())),
        };
        let now = Readiness { journal: journal.trouble(), database };
        tell_changes(&readiness.borrow(), &now);
        readiness.send_if_modified(|old| std::mem::replace(old, now.clone()) != now);
        if !pause(READINESS_EVERY, &mut shutdown).await {
            return;
        }
    }
}

/// What stopped working, and what works again: the log of what is tried in between ends in neither.
fn tell_changes(before: &Readiness, now: &Readiness) {
    for (what, before, now) in [("journal", &before.journal, &now.journal), ("database", &before.database, &now.database)] {
        match (before, now) {
            (None, Some(why)) => tracing::warn!(what, why, "not ready any more"),
            (Some(_), None) => tracing::info!(what, "ready again"),
            _ => {}
        }
    }
}

/// Proves the books now and then, and sets the gauges.
pub(super) async fn look_often(journal: Journal, store: Store, metrics: Arc<Metrics>, mut shutdown: watch::Receiver<bool>) {
    while pause(LEDGER_EVERY, &mut shutdown).await {
        match ledger::look(&journal.reader(), &store).await {
            Ok(books) => {
                for (kind, count) in [
                    (DispositionKind::Attached, books.attached),
                    (DispositionKind::Quarantined, books.quarantined),
                    (DispositionKind::Duplicate, books.duplicate),
                    (DispositionKind::Discarded, books.discarded),
                ] {
                    metrics.ledger_pairs.get_or_create(&[("disposition", kind.as_str())]).set(count as i64);
                }
                metrics.ledger_pairs.get_or_create(&[("disposition", "in_flight")]).set(books.in_flight as i64);
                metrics.ledger_balanced.set(i64::from(books.balanced));
                if !books.balanced {
                    tracing::error!("the books do not balance: run `tidegate ledger`");
                }
            }
            Err(error) => tracing::warn!(%error, "the books could not be looked at"),
        }
    }
}

/// Removes what lists pass over, a step at a time: the whole of five million conversations in a working day.
pub(super) async fn sweep(store: Store, mut shutdown: watch::Receiver<bool>) {
    let mut from = ActivitySweep::default();
    while pause(SWEEP_EVERY, &mut shutdown).await {
        match store.sweep_activity(from, ACTIVITY_SWEPT_ROWS).await {
            Ok((next, gone)) => {
                from = next;
                tracing::debug!(gone, "rows of conversation_activity that were left over");
            }
            Err(error) => {
                tracing::debug!(%error, "rows of conversation_activity that are left over stay until the database answers")
            }
        }
    }
}

/// Removes segments whose time is over: all done, all old, nothing in them still held for staff.
pub(super) async fn retire(config: Arc<Config>, journal: Journal, store: Store, mut shutdown: watch::Receiver<bool>) {
    let days = i64::from(config.journal.retention_days);
    if days == 0 {
        return;
    }
    while pause(RETENTION_EVERY, &mut shutdown).await {
        let held = match store.segments_with_held_mail(journal.id()).await {
            Ok(held) => held,
            Err(error) => {
                tracing::warn!(%error, "retention waits: what is held for staff can't be looked up");
                continue;
            }
        };
        let older_than = jiff::Timestamp::now().as_microsecond() - days * DAY_US;
        let journal = journal.clone();
        match tokio::task::spawn_blocking(move || journal.retire_segments(older_than, &mut |segment| !held.contains(&segment)))
            .await
        {
            Ok(Ok(gone)) if !gone.is_empty() => tracing::info!(segments = gone.len(), "retention: segments removed"),
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::error!(%error, "retention: a segment can't be removed"),
            Err(_) => return,
        }
    }
}
