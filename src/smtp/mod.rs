//! Reception: SMTP and LMTP in, durable before 250.
//!
//! `session` is the state machine (bytes in, replies and events out), `command` and `body` read what the
//! client says, `reply` holds every answer. `connection` drives a session over a socket and hands finished
//! mails to the journal; `listener` accepts. `proxy`, `xclient`, `auth` and `tls` are what a session may
//! begin with; `tally` is what is counted.
//!
//! # Failure
//! A 250 after a body is only said when the journal has the mail on the disk. Whatever fails on our side
//! is a 4xx, and the connection stays usable. A fault in one session ends that session only.
//!
//! # Trust
//! Nothing from clients; PROXY and XCLIENT from configured peers only.

pub mod auth;
pub mod body;
mod budget;
pub mod command;
mod connection;
mod listener;
pub mod proxy;
pub mod rehearsal;
pub mod reply;
mod seats;
pub mod session;
pub mod spool;
mod stream;
pub mod tally;
pub mod tls;
mod wire;
pub mod xclient;

pub use rehearsal::{fuzz_command, fuzz_session};
pub use spool::Spool;
pub use tls::{TlsError, server_config};

use crate::config::SmtpConfig;
use crate::directory::Directory;
use crate::journal::Journal;
use crate::limits::Limits;
use crate::telemetry::Metrics;
use std::net::TcpListener;
use std::sync::Arc;
use tokio::sync::watch;

/// Bytes kept of a name in HELO or XCLIENT: a host name has 255 at most, the rest is nonsense.
const HELO_BYTES_MAX: usize = 255;

/// Wrong passwords in one session before 421: a person mistypes twice, a relay never.
const FAILED_LOGINS_MAX: u32 = 3;

/// A refused body is read over up to so many times `message_bytes_max`; then the connection goes.
const DRAIN_FACTOR: u64 = 4;

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
pub struct Reception<S = Journal> {
    /// Peers, relays and threads.
    pub config: Arc<SmtpConfig>,
    /// The name in greetings.
    pub hostname: String,
    /// Limits in force.
    pub limits: Arc<Limits>,
    /// Where mail goes.
    pub journal: S,
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
pub fn serve<S: Spool>(reception: Reception<S>, listeners: Vec<(ListenerKind, TcpListener)>) {
    listener::serve(&reception, listeners);
}
