//! One connection: drives a session over a socket, keeps its clocks, and hands its mails to the journal.
//!
//! Replies are sent when all input that has come is handled, so that a pipelined group gets its answers in
//! one packet. A body is kept in memory while it is small and the budget has room, and is streamed to the
//! disk else.
//!
//! # Failure
//! Whatever goes wrong while a body comes in, it is read to its end and answered there; the connection
//! stays usable. A mail is acknowledged only after the spool said that it is on the disk. A connection that
//! is cut leaves nothing behind: what was kept of a body goes with it.
//!
//! # Trust
//! PROXY headers from `smtp.proxy_protocol_from` (which must send one), XCLIENT from `smtp.xclient_from`.

use super::auth::{Authenticator, Credentials};
use super::budget::{Budget, Share};
use super::proxy;
use super::reply::{Refusal, Reply};
use super::seats::Seats;
use super::session::{Event, Peer, Rules, Session, Waiting};
use super::spool::Spool;
use super::stream::Io;
use super::tally::{Refused, Tally, Tolerated};
use super::wire::{Cut, Stop, Wire};
use super::{ListenerKind, Reception};
use crate::config::SmtpConfig;
use crate::directory::Directory;
use crate::limits::Limits;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;
use tokio::time::Instant;

/// First share of memory for a body, in bytes: most mails need no second.
const FIRST_SHARE: usize = 16 << 10;

/// Bytes of a body that goes to the disk, handed over at once.
const STREAMED_BYTES: usize = 256 << 10;

/// More than a body's declared size, so that its terminator needs no second share. Bytes.
const DECLARED_SLACK: usize = 64;

/// Body bytes that renew the wait for the next block: one byte a minute is no progress.
const BLOCK_BYTES: usize = 1 << 10;

/// Replies are sent at the latest when so many bytes of them wait: a client may pipeline without end.
const REPLIES_BYTES_MAX: usize = 16 << 10;

/// Wait after a wrong password, for each one so far: guessing takes time.
const FAILED_LOGIN_DELAY: Duration = Duration::from_secs(1);

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Shared<S> {
    pub(crate) config: Arc<SmtpConfig>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) spool: S,
    pub(crate) tls: Option<watch::Receiver<Arc<rustls::ServerConfig>>>,
    pub(crate) shutdown: watch::Receiver<bool>,
    pub(crate) tally: Arc<Tally>,
    pub(crate) seats: Arc<Seats>,
    directory: watch::Receiver<Arc<Directory>>,
    budget: Budget,
    authenticator: Authenticator,
    smtp: Arc<Rules>,
    lmtp: Arc<Rules>,
    started_s: u64,
    sessions: AtomicU64,
}

impl<S: Spool> Shared<S> {
    /// From what reception was given; `spool` is its journal (or stands for one).
    pub(crate) fn new(reception: &Reception<S>) -> Arc<Shared<S>> {
        let Reception { config, hostname, limits, journal, directory, tls, metrics, shutdown } = reception.clone();
        let tally = Arc::new(Tally::new(Arc::clone(&metrics)));
        let rules = |lmtp| {
            Arc::new(Rules {
                lmtp,
                hostname: hostname.clone(),
                limits: Arc::clone(&limits),
                starttls: tls.is_some(),
                auth: !config.relays.is_empty(),
                tally: Arc::clone(&tally),
            })
        };
        Arc::new(Shared {
            spool: journal,
            seats: Seats::new(limits.connections_max, limits.connections_per_network_max),
            budget: Budget::new(limits.inflight_bytes_max, limits.inflight_wait, metrics.smtp_inflight.clone()),
            authenticator: Authenticator::new(config.relays.clone()),
            smtp: rules(false),
            lmtp: rules(true),
            started_s: now_us() as u64 / 1_000_000,
            sessions: AtomicU64::new(0),
            config,
            limits,
            directory,
            tls,
            shutdown,
            tally,
        })
    }

    /// Unique as long as the clock does not go back by a restart: seconds of the start, and a counter.
    fn session_id(&self) -> String {
        format!("{:x}-{:x}", self.started_s, self.sessions.fetch_add(1, Ordering::Relaxed))
    }
}

fn now_us() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|d| i64::try_from(d.as_micros()).ok()).unwrap_or(0)
}

/// What is kept of a body until it is complete.
enum Kept<L> {
    Nothing,
    /// Whole, in the session.
    Memory(Share),
    /// On the disk, save what the session still holds.
    Disk(L, Share),
}

/// Serves one connection to its end.
pub(crate) async fn serve<T: Io, S: Spool>(shared: Arc<Shared<S>>, io: T, kind: ListenerKind, from: IpAddr) {
    let mut stop = Stop::new(shared.shutdown.clone());
    let limits = Arc::clone(&shared.limits);
    let handshake = Instant::now() + limits.handshake_timeout;
    let mut wire = Wire::new(io, handshake);

    let mut client = from;
    if shared.config.proxy_protocol_from.iter().any(|n| n.contains(from)) {
        match proxied(&mut wire, handshake, &mut stop).await {
            Ok(told) => client = told.unwrap_or(from),
            Err(Cut::Stopped) => return,
            Err(_) => return shared.tally.refused(Refused::ProxyHeader),
        }
    }
    let Some(_seat) = shared.seats.take_for(client) else {
        shared.tally.refused(Refused::ConnectionsPerNetwork);
        if kind != ListenerKind::SmtpTls {
            shared.tally.reply(Reply::TooManyFromNetwork.write(&mut wire.out));
        }
        return wire.close(false).await;
    };
    if kind == ListenerKind::SmtpTls {
        let Some(config) = shared.tls.as_ref().map(|tls| Arc::clone(&tls.borrow())) else { return };
        if wire.encrypt(config, handshake).await.is_err() {
            return shared.tally.refused(Refused::Tls);
        }
    }

    let rules = if kind == ListenerKind::Lmtp { &shared.lmtp } else { &shared.smtp };
    let peer =
        Peer { ip: Some(client), may_xclient: shared.config.xclient_from.iter().any(|n| n.contains(from)), tls: wire.tls() };
    let session = Session::new(Arc::clone(rules), peer, shared.session_id());
    tracing::debug!(smtp.session.id = session.id(), peer.addr = %client, "session begins");
    let now = Instant::now();
    let mut connection = Connection {
        session_end: now + limits.session_timeout,
        deadline: now + limits.command_timeout,
        waiting: Waiting::Command,
        progress: true,
        block: 0,
        kept: Kept::Nothing,
        shared,
        wire,
        session,
        stop,
    };
    connection.session.greet(&mut connection.wire.out);
    connection.run().await;
    tracing::debug!(smtp.session.id = connection.session.id(), "session ends");
}

/// Reads the PROXY header of a trusted peer.
async fn proxied<T: Io>(wire: &mut Wire<T>, deadline: Instant, stop: &mut Stop) -> Result<Option<IpAddr>, Cut> {
    loop {
        match proxy::parse(wire.pending()) {
            proxy::Header::Complete { len, client } => {
                wire.consume(len);
                return Ok(client);
            }
            proxy::Header::Invalid => return Err(Cut::Gone),
            proxy::Header::Incomplete => wire.fill(false, deadline, Some(stop)).await?,
        }
    }
}

struct Connection<T, S: Spool> {
    shared: Arc<Shared<S>>,
    wire: Wire<T>,
    session: Session,
    stop: Stop,
    kept: Kept<S::Large>,
    session_end: Instant,
    /// Until when what is waited for must come.
    deadline: Instant,
    waiting: Waiting,
    /// Something was handled since the deadline was set.
    progress: bool,
    /// Body bytes since then.
    block: usize,
}

impl<T: Io, S: Spool> Connection<T, S> {
    async fn run(&mut self) {
        loop {
            match self.handle_input().await {
                Ok(true) => {}
                Ok(false) => return self.wire.close(self.session.has_quit()).await,
                Err(cut) => return self.cut(cut).await,
            }
            if let Err(cut) = self.read().await {
                return self.cut(cut).await;
            }
        }
    }

    /// Handles all that has come. False: the session is over.
    async fn handle_input(&mut self) -> Result<bool, Cut> {
        let directory = Arc::clone(&self.shared.directory.borrow());
        loop {
            let in_body = self.session.waiting() == Waiting::Body;
            let (input, out) = self.wire.split();
            let (done, event) = self.session.step(input, &directory, out);
            self.wire.consume(done);
            if in_body {
                self.block += done;
            }
            if !self.session.wants_body() {
                self.kept = Kept::Nothing;
            }
            match event {
                Event::Continue => {
                    self.progress |= !in_body || self.session.waiting() == Waiting::Command;
                    if self.wire.out.len() > REPLIES_BYTES_MAX {
                        self.flush().await?;
                    }
                }
                Event::NeedInput => return Ok(true),
                Event::NeedRoom => self.make_room().await?,
                Event::MailComplete => self.store().await,
                Event::StartTls => self.start_tls().await?,
                Event::Check(credentials) => self.check(credentials).await,
                Event::Close => return Ok(false),
            }
        }
    }

    /// Sends the replies, and waits for more input.
    async fn read(&mut self) -> Result<(), Cut> {
        self.flush().await?;
        let waiting = self.session.waiting();
        if self.progress || waiting != self.waiting || self.block >= BLOCK_BYTES {
            let limits = &self.shared.limits;
            let patience = match waiting {
                Waiting::Command => limits.command_timeout,
                Waiting::Body => limits.body_block_timeout,
            };
            self.deadline = (Instant::now() + patience).min(self.session_end);
            (self.waiting, self.progress, self.block) = (waiting, false, 0);
        }
        let body = waiting == Waiting::Body;
        let stop = if body { None } else { Some(&mut self.stop) };
        self.wire.fill(body, self.deadline, stop).await
    }

    async fn flush(&mut self) -> Result<(), Cut> {
        if self.wire.out.is_empty() {
            return Ok(());
        }
        let deadline = (Instant::now() + self.shared.limits.command_timeout).min(self.session_end);
        self.wire.flush(deadline).await.map_err(|cut| {
            if cut == Cut::Late {
                self.shared.tally.refused(Refused::WriteTimeout);
            }
            // Nobody reads what else there is to say.
            Cut::Gone
        })
    }

    /// The session can't go on: says why, where somebody listens, and closes.
    async fn cut(&mut self, cut: Cut) {
        let in_body = self.session.waiting() == Waiting::Body;
        let (reason, reply) = match cut {
            Cut::Gone if in_body => (Refused::BrokenBody, None),
            Cut::Gone => return self.shared.tally.tolerated(Tolerated::NoQuit),
            Cut::Stopped => (Refused::Shutdown, Some(Reply::ShuttingDown)),
            Cut::Late if Instant::now() >= self.session_end => (Refused::SessionTimeout, Some(Reply::SessionTimeout)),
            Cut::Late if in_body => (Refused::BodyTimeout, Some(Reply::Timeout)),
            Cut::Late => (Refused::CommandTimeout, Some(Reply::Timeout)),
        };
        self.kept = Kept::Nothing;
        self.shared.tally.refused(reason);
        if let Some(reply) = reply {
            self.session.close_with(reply, &mut self.wire.out);
            self.wire.close(false).await;
        }
    }

    /// Body bytes wait for room: finds some in memory or on the disk, or refuses the body.
    async fn make_room(&mut self) -> Result<(), Cut> {
        let large = usize::try_from(self.shared.limits.large_body_bytes).unwrap_or(usize::MAX);
        match std::mem::replace(&mut self.kept, Kept::Nothing) {
            Kept::Nothing => {
                let declared = usize::try_from(self.session.declared_size()).unwrap_or(usize::MAX);
                let whole = declared <= large;
                let first = if whole {
                    declared.saturating_add(DECLARED_SLACK).clamp(FIRST_SHARE, large.max(FIRST_SHARE))
                } else {
                    STREAMED_BYTES
                };
                let share = match self.shared.budget.now(first) {
                    Some(share) => share,
                    None => {
                        // Backpressure: the client waits, but not for the replies that are due.
                        self.flush().await?;
                        // A small share is found sooner.
                        match self.shared.budget.wait(FIRST_SHARE).await {
                            Some(share) => share,
                            None => {
                                self.session.refuse_body(Refusal::Busy);
                                return Ok(());
                            }
                        }
                    }
                };
                if whole {
                    self.session.grant(share.bytes());
                    self.kept = Kept::Memory(share);
                } else {
                    self.begin_streaming(share).await;
                }
            }
            Kept::Memory(mut share) => {
                let has = share.bytes();
                let more = has.min(large.saturating_sub(has));
                match (more > 0).then(|| self.shared.budget.now(more)).flatten() {
                    Some(more) => {
                        self.session.grant(more.bytes());
                        share.add(more);
                        self.kept = Kept::Memory(share);
                    }
                    None => self.begin_streaming(share).await,
                }
            }
            Kept::Disk(mut writer, share) => match S::write(&mut writer, self.session.take_chunk()).await {
                Ok(()) => {
                    self.session.grant(share.bytes());
                    self.kept = Kept::Disk(writer, share);
                }
                Err(why) => self.session.refuse_body(why),
            },
        }
        Ok(())
    }

    /// From now on the body goes to the disk as it comes.
    async fn begin_streaming(&mut self, mut share: Share) {
        let begun = async {
            let mut writer = self.shared.spool.begin_large().await?;
            let so_far = self.session.take_chunk();
            if !so_far.is_empty() {
                S::write(&mut writer, so_far).await?;
            }
            Ok(writer)
        };
        match begun.await {
            Ok(writer) => {
                share.shrink_to(STREAMED_BYTES);
                self.session.grant(share.bytes());
                self.kept = Kept::Disk(writer, share);
            }
            Err(why) => self.session.refuse_body(why),
        }
    }

    /// Hands a complete mail to the journal, and tells the session what became of it.
    async fn store(&mut self) {
        let (envelope, rest) = self.session.take_mail(now_us());
        let spool = &self.shared.spool;
        let (result, share) = match std::mem::replace(&mut self.kept, Kept::Nothing) {
            Kept::Nothing => (spool.append(envelope, rest).await, None),
            Kept::Memory(share) => (spool.append(envelope, rest).await, Some(share)),
            Kept::Disk(mut writer, share) => {
                let written = if rest.is_empty() { Ok(()) } else { S::write(&mut writer, rest).await };
                let result = match written {
                    Ok(()) => spool.append_large(envelope, writer).await,
                    Err(why) => Err(why),
                };
                (result, Some(share))
            }
        };
        drop(share);
        if let Ok(position) = &result {
            tracing::debug!(smtp.session.id = self.session.id(), journal.position = %position, "mail accepted");
        }
        self.session.stored(result, &mut self.wire.out);
        self.progress = true;
        if *self.shared.shutdown.borrow() {
            self.session.drain();
        }
    }

    async fn start_tls(&mut self) -> Result<(), Cut> {
        self.flush().await?;
        let deadline = Instant::now() + self.shared.limits.handshake_timeout;
        let config = self.shared.tls.as_ref().map(|tls| Arc::clone(&tls.borrow()));
        let shaken = match config {
            Some(config) => self.wire.encrypt(config, deadline).await.is_ok(),
            None => false,
        };
        if !shaken {
            self.shared.tally.refused(Refused::Tls);
            return Err(Cut::Gone);
        }
        self.session.tls_established(self.wire.tls().unwrap_or_default());
        self.progress = true;
        Ok(())
    }

    async fn check(&mut self, credentials: Credentials) {
        let name = credentials.name.clone();
        let result = self.shared.authenticator.check(credentials).await;
        if result == Ok(false) {
            tokio::time::sleep(FAILED_LOGIN_DELAY * (self.session.failed_logins() + 1)).await;
        }
        self.session.checked(name, result, &mut self.wire.out);
        self.progress = true;
    }
}

#[cfg(test)]
mod tests;
