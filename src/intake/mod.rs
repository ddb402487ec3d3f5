//! Intake: from the journal to a disposition, for every mail and each of its organisations.
//!
//! ```text
//! journal ─► feeder ─► lanes ─► reader threads ─► batches ─► one transaction ─► marks
//!            window    fast,    normalize,        up to      attach, or
//!                      slow     classify, keys    500        quarantine
//! ```
//!
//! # Failure
//! The journal is the queue, so a crash loses nothing: what is not marked done is read again,
//! and the store skips what has a disposition. No mail stops another (see `reading`); the
//! database may be away (see `attaching`).
//!
//! # Trust
//! The journal's checksums. Nothing in a mail.

mod attaching;
mod budget;
mod feeder;
mod flight;
mod lanes;
pub mod ledger;
mod queue;
mod reading;
mod releases;

pub use lanes::Lane;

use crate::config::IntakeConfig;
use crate::directory::Directory;
use crate::journal::{Journal, Reader};
use crate::limits::Limits;
use crate::mail::{Classification, Envelope, NormalizedMail, OrganisationId, Position, QuarantineId, Release};
use crate::store::Store;
use crate::telemetry::Metrics;
use crate::threading::TokenKeys;
use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// How a raw mail (with its reverse-path) is read: `normalize` and `classify`. Handed in, so that a test can hand in a reader that
/// panics or never ends.
pub type ReadMail = Arc<dyn Fn(&[u8], &str) -> (NormalizedMail, Classification) + Send + Sync>;

/// Everything the intake needs.
#[derive(Clone)]
#[allow(missing_docs)]
pub struct Intake {
    pub config: Arc<IntakeConfig>,
    pub limits: Arc<Limits>,
    pub journal: Journal,
    pub store: Store,
    pub directory: watch::Receiver<Arc<Directory>>,
    pub tokens: TokenKeys,
    pub metrics: Arc<Metrics>,
    pub read: ReadMail,
    /// Becomes true when it shall end.
    pub shutdown: watch::Receiver<bool>,
}

impl std::fmt::Debug for Intake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Intake").field("config", &self.config).finish_non_exhaustive()
    }
}

/// The reader of the product: lenient reading, then the class.
#[must_use]
pub fn read_mail(limits: Arc<Limits>) -> ReadMail {
    Arc::new(move |raw, reverse_path| {
        let mail = crate::normalize::normalize(raw, &limits);
        let class = crate::classify::classify(&mail, Some(reverse_path));
        (mail, class)
    })
}

/// One mail to be read.
#[derive(Debug, Clone)]
struct Job {
    position: Position,
    envelope: Arc<Envelope>,
    body_len: u64,
    lane: Lane,
    /// Readings begun before this process, that never ended.
    attempts: u32,
    /// Read alone.
    suspect: bool,
    /// Staff released it from the quarantine, for this organisation.
    release: Option<(OrganisationId, Release)>,
}

impl Job {
    /// Whose turn it is when this mail is next.
    fn turn(&self) -> OrganisationId {
        self.envelope.recipients.first().map_or(OrganisationId(uuid::Uuid::nil()), |r| r.organisation)
    }
}

/// What the parts of the intake share.
struct Shared {
    limits: Arc<Limits>,
    journal: Journal,
    reader: Reader,
    store: Store,
    directory: watch::Receiver<Arc<Directory>>,
    tokens: TokenKeys,
    metrics: Arc<Metrics>,
    read: ReadMail,
    queue: queue::Queue,
    flight: flight::Flight,
    budget: budget::Budget,
    ready: mpsc::Sender<reading::Ready>,
    /// Releases on their way, so that none is begun twice.
    releasing: Mutex<HashSet<QuarantineId>>,
    retry: (Duration, Duration),
    shutdown: watch::Receiver<bool>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shared")
    }
}

impl Shared {
    fn stopping(&self) -> bool {
        *self.shutdown.borrow()
    }
}

/// Bytes of raw mail that are read and not attached yet: with it memory is bounded whatever the sizes.
const READY_BYTES_MAX: u64 = 64 << 20;
/// How often the gauges are set.
const GAUGE_EVERY: Duration = Duration::from_secs(1);

/// Runs the intake until shutdown. With `intake.workers = 0` all mail stays in the journal.
///
/// # Errors
/// No thread could be started.
pub async fn run(intake: Intake) -> std::io::Result<()> {
    let Intake { config, limits, journal, store, directory, tokens, metrics, read, mut shutdown } = intake;
    if config.workers == 0 {
        tracing::warn!("intake.workers is 0: all mail is held in the journal");
        let _ = shutdown.wait_for(|stop| *stop).await;
        return Ok(());
    }
    let (ready, to_attach) = mpsc::channel(limits.batch_max * 2);
    let shared = Arc::new(Shared {
        reader: journal.reader(),
        queue: queue::Queue::default(),
        flight: flight::Flight::new(limits.window_max),
        budget: budget::Budget::new(READY_BYTES_MAX),
        ready,
        releasing: Mutex::default(),
        retry: (Duration::from_millis(config.retry_min_ms), Duration::from_secs(config.retry_max_s)),
        shutdown: shutdown.clone(),
        limits,
        journal,
        store,
        directory,
        tokens,
        metrics,
        read,
    });
    let readers = reading::Readers::start(shared.clone(), config.workers)?;
    let attaching = tokio::spawn(attaching::attach(shared.clone(), to_attach, shutdown.clone()));
    tokio::spawn(feeder::feed(shared.clone(), shutdown.clone()));
    tokio::spawn(readers.watch(shutdown.clone()));
    tokio::spawn(releases::follow(shared.clone(), shutdown.clone()));
    tokio::spawn(gauges(shared.clone(), shutdown.clone()));

    let _ = shutdown.wait_for(|stop| *stop).await;
    shared.queue.close();
    shared.budget.close();
    // What is ready is attached; what is not settled then is read again at the next start.
    let _ = tokio::time::timeout(Duration::from_secs(5), attaching).await;
    Ok(())
}

/// Keeps the gauges of the lanes current.
async fn gauges(shared: Arc<Shared>, mut shutdown: watch::Receiver<bool>) {
    loop {
        let now = jiff::Timestamp::now().as_microsecond();
        for lane in Lane::ALL {
            let (count, oldest) = shared.flight.look(lane);
            let label = [("lane", lane.as_str())];
            shared.metrics.intake_waiting.get_or_create(&label).set(count as i64);
            let age = oldest.map_or(0, |o| (now - o).max(0) / 1_000_000);
            shared.metrics.intake_oldest_age.get_or_create(&label).set(age);
        }
        tokio::select! {
            () = tokio::time::sleep(GAUGE_EVERY) => {}
            _ = shutdown.wait_for(|stop| *stop) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::{EnvelopeRecipient, MailboxId, Protocol};
    use uuid::Uuid;

    pub(super) fn job(organisation: u128, offset: u32, body_len: u64) -> Job {
        let envelope = Envelope {
            received_at_us: 0,
            session: String::new(),
            protocol: Protocol::ESMTP,
            client_ip: None,
            client_name: None,
            helo: None,
            reverse_path: String::new(),
            recipients: vec![EnvelopeRecipient {
                address: "a@b.test".into(),
                organisation: OrganisationId(Uuid::from_u128(organisation)),
                mailbox: MailboxId(Uuid::from_u128(1)),
            }],
            tls: None,
            authenticated_as: None,
            smtputf8: false,
            body: Default::default(),
        };
        Job {
            position: Position { segment: 1, offset },
            envelope: Arc::new(envelope),
            body_len,
            lane: Lane::of(body_len, 1 << 20),
            attempts: 0,
            suspect: false,
            release: None,
        }
    }
}
