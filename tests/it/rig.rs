//! A gateway's inside in this process: a real journal, a real database, one organisation that takes every address,
//! and an intake to be started with a reader of the test's choice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tidegate::config::IntakeConfig;
use tidegate::directory::Directory;
use tidegate::intake::{self, Intake, ReadMail};
use tidegate::journal::{Body, Journal, JournalOptions};
use tidegate::limits::Limits;
use tidegate::mail::{DispositionKind, Envelope, EnvelopeRecipient, Position, Protocol};
use tidegate::store::Store;
use tidegate::telemetry::Metrics;
use tidegate::threading::TokenKeys;
use tokio::sync::watch;

/// A journal, a store with one organisation, and an intake to be started.
pub(crate) struct Rig {
    _dir: tempfile::TempDir,
    pub(crate) limits: Arc<Limits>,
    pub(crate) journal: Journal,
    pub(crate) store: Store,
    directory: Arc<Directory>,
    metrics: Arc<Metrics>,
    pub(crate) stop: watch::Sender<bool>,
}

impl Rig {
    /// On a SQLite of its own.
    pub(crate) async fn new(limits: Limits) -> Rig {
        let dir = tempfile::tempdir().unwrap();
        let (metrics, _) = Metrics::new();
        let url = format!("sqlite:{}", dir.path().join("t.sqlite").display());
        let store = Store::open(&url, 4, Duration::from_secs(5), metrics).await.unwrap();
        Rig::on(dir, store, limits).await
    }

    /// On a database that the test brings.
    pub(crate) async fn on(dir: tempfile::TempDir, store: Store, limits: Limits) -> Rig {
        let limits = Arc::new(limits);
        let (metrics, _) = Metrics::new();
        let journal = Journal::open(JournalOptions {
            dir: dir.path().join("journal"),
            segment_bytes: 4 << 20,
            limits: limits.clone(),
            metrics: metrics.clone(),
        })
        .unwrap();
        store.migrate().await.unwrap();
        store.seed_default_organisation().await.unwrap();
        let directory = Arc::new(store.directory().await.unwrap());
        Rig { _dir: dir, limits, journal, store, directory, metrics, stop: watch::Sender::new(false) }
    }

    pub(crate) async fn accept(&self, raw: &str) -> Position {
        let mailbox = self.directory.lookup("help@example.test").unwrap();
        let envelope = Envelope {
            received_at_us: 1_700_000_000_000_000,
            session: "test".into(),
            protocol: Protocol::ESMTP,
            client_ip: None,
            client_name: None,
            helo: None,
            reverse_path: "a@example.test".into(),
            recipients: vec![EnvelopeRecipient {
                address: "help@example.test".into(),
                organisation: mailbox.organisation,
                mailbox: mailbox.id,
            }],
            tls: None,
            authenticated_as: None,
            smtputf8: false,
            body: Default::default(),
        };
        self.journal.append(envelope, Body::Inline(raw.as_bytes().to_vec())).await.unwrap()
    }

    pub(crate) fn start(&self, read: ReadMail) {
        let config = IntakeConfig { retry_min_ms: 10, retry_max_s: 1, ..IntakeConfig::default() };
        tokio::spawn(intake::run(Intake {
            config: Arc::new(config),
            limits: self.limits.clone(),
            journal: self.journal.clone(),
            store: self.store.clone(),
            directory: watch::channel(self.directory.clone()).1,
            tokens: TokenKeys::default(),
            metrics: self.metrics.clone(),
            read,
            shutdown: self.stop.subscribe(),
        }));
    }

    /// Waits until all these mails have a disposition.
    pub(crate) async fn settled(&self, positions: &[Position]) -> BTreeMap<Position, DispositionKind> {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let rows = self.store.dispositions(self.journal.id(), positions).await.unwrap();
            let got: BTreeMap<_, _> = rows.into_iter().map(|(p, _, kind)| (p, kind)).collect();
            if got.len() == positions.len() {
                return got;
            }
            assert!(Instant::now() < deadline, "not settled in time: {} of {}", got.len(), positions.len());
            tokio::task::yield_now().await;
        }
    }

    /// How often something was tried in vain.
    pub(crate) fn retries(&self, reason: &'static str) -> u64 {
        self.metrics.intake_retries.get_or_create(&[("reason", reason)]).get()
    }

    /// Holds that so many mails left the intake this way and no more: it counts just after the transaction that others see.
    pub(crate) async fn counted(&self, outcome: &'static str, wanted: u64) {
        let deadline = Instant::now() + Duration::from_secs(30);
        let count = || self.metrics.intake_outcomes.get_or_create(&[("outcome", outcome)]).get();
        while count() < wanted && Instant::now() < deadline {
            tokio::task::yield_now().await;
        }
        assert_eq!(count(), wanted, "{outcome}");
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
    }
}

/// Mail number `n`, from somebody of its own, with one word.
pub(crate) fn mail(n: usize, word: &str) -> String {
    format!(
        "From: Ana <ana{n}@example.test>\r\nTo: help@example.test\r\nSubject: case {n}\r\nMessage-ID: <{n}@example.test>\r\n\r\n{word}\r\n"
    )
}

/// Whether a raw mail has a word.
pub(crate) fn marked(raw: &[u8], word: &str) -> bool {
    raw.windows(word.len()).any(|w| w == word.as_bytes())
}
