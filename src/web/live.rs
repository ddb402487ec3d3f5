//! One look at the database a second for all who watch, however many they are.
//!
//! Watchers are told the newest held mail, or that an organisation's outbox has grown. They are
//! woken at most once an interval, so a burst of mails is one update.
//!
//! # Failure
//! While the database is away nobody is told anything; afterwards everybody is.

use super::server::told_to_end;
use crate::limits::Limits;
use crate::mail::{OrganisationId, QuarantineId};
use crate::store::Store;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// A stream ends after this; browsers come back by themselves, and show that they are still let in.
const STREAM_TIME_MAX: Duration = Duration::from_secs(3_600);
/// Nothing to say for this long: a comment, so that proxies keep the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// A stream of events as axum wants it.
pub(super) type Events = Sse<axum::response::sse::KeepAliveStream<Pin<Box<dyn Stream<Item = Result<Event, Infallible>> + Send>>>>;

/// Who watches what.
#[derive(Debug)]
pub(super) struct Live {
    seats: Arc<Semaphore>,
    interval: Duration,
    held: watch::Sender<Option<QuarantineId>>,
    heads: Mutex<HashMap<OrganisationId, watch::Sender<i64>>>,
    shutdown: watch::Receiver<bool>,
}

impl Live {
    pub(super) fn new(limits: &Limits, shutdown: watch::Receiver<bool>) -> Live {
        Live {
            seats: Arc::new(Semaphore::new(limits.web_watchers_max)),
            interval: limits.web_update_interval,
            held: watch::Sender::new(None),
            heads: Mutex::default(),
            shutdown,
        }
    }

    /// How far apart updates are at least.
    pub(super) fn interval(&self) -> Duration {
        self.interval
    }

    /// A seat for a watcher; `None` when there is none left.
    pub(super) fn seat(&self) -> Option<OwnedSemaphorePermit> {
        self.seats.clone().try_acquire_owned().ok()
    }

    /// The newest held mail, as it changes.
    pub(super) fn held(&self) -> watch::Receiver<Option<QuarantineId>> {
        self.held.subscribe()
    }

    /// The last sequence number of an organisation's outbox, as it grows.
    pub(super) fn head(&self, organisation: OrganisationId) -> watch::Receiver<i64> {
        self.watched().entry(organisation).or_insert_with(|| watch::Sender::new(0)).subscribe()
    }

    /// Looks until the gateway ends.
    pub(super) async fn run(&self, store: &Store) {
        let mut shutdown = self.shutdown.clone();
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = told_to_end(&mut shutdown) => return,
                _ = ticks.tick() => {}
            }
            if let Err(error) = self.look(store).await {
                tracing::debug!(%error, "web: live updates wait for the database");
            }
        }
    }

    async fn look(&self, store: &Store) -> Result<(), crate::store::Error> {
        if self.held.receiver_count() > 0 {
            let newest = store.newest_held().await?;
            self.held.send_if_modified(|known| std::mem::replace(known, newest) != newest);
        }
        let watched: Vec<OrganisationId> = {
            let mut heads = self.watched();
            heads.retain(|_, head| head.receiver_count() > 0);
            heads.keys().copied().collect()
        };
        if watched.is_empty() {
            return Ok(());
        }
        for (organisation, sequence) in store.outbox_heads(&watched).await? {
            if let Some(head) = self.watched().get(&organisation) {
                head.send_if_modified(|known| std::mem::replace(known, sequence) != sequence);
            }
        }
        Ok(())
    }

    fn watched(&self) -> MutexGuard<'_, HashMap<OrganisationId, watch::Sender<i64>>> {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A stream that asks `next` for one event after the other, until it gives none, the gateway
    /// ends, or its time is over. It holds `seat` as long as it lives.
    pub(super) fn stream<S, F>(
        &self,
        seat: OwnedSemaphorePermit,
        state: S,
        next: impl Fn(S) -> F + Send + Sync + 'static,
    ) -> Events
    where
        S: Send + 'static,
        F: Future<Output = Option<(Event, S)>> + Send + 'static,
    {
        let end = tokio::time::Instant::now() + STREAM_TIME_MAX;
        let begin = (state, self.shutdown.clone(), seat, next);
        let stream = futures_util::stream::unfold(begin, move |(state, mut shutdown, seat, next)| async move {
            let (event, state) = tokio::select! {
                () = told_to_end(&mut shutdown) => return None,
                () = tokio::time::sleep_until(end) => return None,
                found = next(state) => found?,
            };
            Some((Ok(event), (state, shutdown, seat, next)))
        });
        let boxed: Pin<Box<dyn Stream<Item = Result<Event, Infallible>> + Send>> = Box::pin(stream);
        Sse::new(boxed).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
    }
}
