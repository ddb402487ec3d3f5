//! A web server with its store and journal in a folder of its own, ended when it is dropped.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Once};
use std::time::Duration;
use tempfile::TempDir;
use tidegate::config::Config;
use tidegate::journal::{Body, Journal, JournalOptions};
use tidegate::limits::Limits;
use tidegate::mail::{
    ConversationId, Envelope, EnvelopeRecipient, Locator, MailboxId, OrganisationId, Outcome, Prepared, QuarantineId,
    QuarantineReason, ReasonCode, Versions,
};
use tidegate::store::Store;
use tidegate::telemetry::Metrics;
use tidegate::threading::TokenKeys;
use tidegate::web::{Readiness, WebState};
use tidegate::{classify, normalize, threading};
use tokio::sync::watch;

pub(super) const API_TOKEN: &str = "test-token-of-the-api";

pub(super) struct Gateway {
    pub(super) store: Store,
    pub(super) journal: Journal,
    pub(super) config: Arc<Config>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) organisation: OrganisationId,
    pub(super) mailbox: MailboxId,
    pub(super) address: SocketAddr,
    pub(super) readiness: watch::Sender<Readiness>,
    pub(super) tokens: TokenKeys,
    shutdown: watch::Sender<bool>,
    _folder: TempDir,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.shutdown.send_replace(true);
    }
}

/// reqwest wants one, also for http.
pub(super) fn install_crypto() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

impl Gateway {
    pub(super) async fn start() -> Gateway {
        Gateway::start_with(&format!("[web]\napi_token = \"{API_TOKEN}\"\n")).await
    }

    pub(super) async fn start_with(config: &str) -> Gateway {
        install_crypto();
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::from_text("test", config, []).unwrap();
        config.data.dir = folder.path().to_owned();
        let config = Arc::new(config);
        let (metrics, registry) = Metrics::new();
        let store = Store::open(&config.database_url(), 4, Duration::from_secs(5), metrics.clone()).await.unwrap();
        store.migrate().await.unwrap();
        store.seed_default_organisation().await.unwrap();
        let directory = store.directory().await.unwrap();
        let seeded = directory.mailboxes().next().unwrap().clone();
        let journal = Journal::open(JournalOptions {
            dir: config.journal_dir(),
            segment_bytes: 1 << 20,
            limits: Arc::new(Limits { disk_free_bytes_min: 0, ..config.limits() }),
            metrics: metrics.clone(),
        })
        .unwrap();
        let tokens = TokenKeys::from_secrets([b"thirty-two bytes that nobody knows"]);
        let (readiness, ready) = watch::channel(Readiness::default());
        let (shutdown, down) = watch::channel(false);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = WebState {
            store: store.clone(),
            journal: journal.reader(),
            config: config.clone(),
            directory: watch::channel(Arc::new(directory)).1,
            tokens: tokens.clone(),
            metrics: metrics.clone(),
            registry: Arc::new(registry),
            readiness: ready,
        };
        tokio::spawn(tidegate::web::serve(state, vec![listener], down));
        Gateway {
            store,
            journal,
            config,
            metrics,
            organisation: seeded.organisation,
            mailbox: seeded.id,
            address,
            readiness,
            tokens,
            shutdown,
            _folder: folder,
        }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn envelope(&self, from: &str) -> Envelope {
        Envelope {
            received_at_us: tidegate::store::now_us(),
            session: "test".into(),
            protocol: tidegate::mail::Protocol::ESMTP,
            client_ip: Some("192.0.2.1".parse().unwrap()),
            client_name: None,
            helo: Some("mail.example".into()),
            reverse_path: from.into(),
            recipients: vec![EnvelopeRecipient {
                address: "help@desk.example".into(),
                organisation: self.organisation,
                mailbox: self.mailbox,
            }],
            tls: None,
            authenticated_as: None,
            smtputf8: false,
            body: tidegate::mail::BodyType::default(),
        }
    }

    async fn append(&self, envelope: &Envelope, raw: &[u8]) -> Locator {
        let position = self.journal.append(envelope.clone(), Body::Inline(raw.to_vec())).await.unwrap();
        Locator { journal: self.journal.id(), position }
    }

    /// A mail that is held for `code`.
    pub(super) async fn hold(&self, raw: &[u8], code: ReasonCode) -> QuarantineId {
        let envelope = self.envelope("ada@sender.example");
        let locator = self.append(&envelope, raw).await;
        let whom = [(self.organisation, vec![self.mailbox])];
        let reasons = [QuarantineReason { code, detail: "held by a test".into() }];
        self.store.quarantine(locator, envelope.received_at_us, &whom, &reasons).await.unwrap()[0]
    }

    /// A mail that goes all the way into a conversation.
    pub(super) async fn attach(&self, raw: &[u8]) -> Outcome {
        let envelope = self.envelope("ada@sender.example");
        let locator = self.append(&envelope, raw).await;
        let limits = self.config.limits();
        let mail = normalize::normalize(raw, &limits);
        let class = classify::classify(&mail, Some(&envelope.reverse_path));
        let directory = self.store.directory().await.unwrap();
        let keys = threading::keys(&mail, &class, &envelope, self.organisation, &directory, &self.tokens, &limits);
        let prepared = Prepared {
            locator,
            received_at_us: envelope.received_at_us,
            organisation: self.organisation,
            mailboxes: vec![self.mailbox],
            reverse_path: envelope.reverse_path.clone(),
            mail: Arc::new(mail),
            class: Arc::new(class),
            keys,
            versions: Versions { reader: 1, classes: 1, rules: 1 },
            release: None,
        };
        self.store.attach(&[prepared], &threading::decide).await.unwrap().remove(0)
    }

    /// As [`Gateway::attach`], for a mail that must begin or join a conversation.
    pub(super) async fn attached(&self, raw: &[u8]) -> (ConversationId, tidegate::mail::MessageId) {
        match self.attach(raw).await {
            Outcome::Attached { message, conversation, .. } => (conversation, message),
            other => panic!("not attached: {other:?}"),
        }
    }
}

/// A short mail with CRLF line ends.
pub(super) fn mail(headers: &str, body: &str) -> Vec<u8> {
    let mut text =
        String::from("From: Ada Lovelace <ada@sender.example>\nTo: help@desk.example\nDate: Tue, 1 Apr 2025 10:00:00 +0000\n");
    text.push_str(headers.trim());
    text.push_str("\n\n");
    text.push_str(body);
    text.replace('\n', "\r\n").into_bytes()
}

/// Asks until it is so; a deadline ends the test.
pub(super) async fn until<F: Future<Output = bool>>(what: &str, mut so: impl FnMut() -> F) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !so().await {
        assert!(tokio::time::Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
