//! Reception: SMTP and LMTP in, durable before 250.
//! (skeleton: the builder of reception replaces this file; the signatures below are the contract)

use crate::config::SmtpConfig;
use crate::directory::Directory;
use crate::journal::Journal;
use crate::limits::Limits;
use crate::telemetry::Metrics;
use std::net::TcpListener;
use std::sync::Arc;
use tokio::sync::watch;

/// What a listener speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ListenerKind {
    Smtp,
    /// Implicit TLS.
    SmtpTls,
    Lmtp,
}

/// Everything reception needs.
#[derive(Debug, Clone)]
pub struct Reception {
    /// Peers, relays and threads.
    pub config: Arc<SmtpConfig>,
    /// The name in greetings.
    pub hostname: String,
    /// Limits in force.
    pub limits: Arc<Limits>,
    /// Where mail goes.
    pub journal: Journal,
    /// Who gets mail; replaced whole when it changes.
    pub directory: watch::Receiver<Arc<Directory>>,
    /// TLS, where there is a certificate; replaced on SIGHUP.
    pub tls: Option<watch::Receiver<Arc<rustls::ServerConfig>>>,
    /// Where it counts.
    pub metrics: Arc<Metrics>,
    /// Becomes true on SIGTERM.
    pub shutdown: watch::Receiver<bool>,
}

/// Serves the listeners until shutdown, on `config.threads` threads of its own, and returns when the last session ended
/// or the grace is over. Blocking: the caller gives it a thread.
pub fn serve(_reception: Reception, _listeners: Vec<(ListenerKind, TcpListener)>) {
    todo!()
}
