//! The listeners: accept, give each connection a task, and end in order.
//!
//! # Failure
//! A failing accept (out of file descriptors, mostly) backs off and is tried again: connections that are
//! open go on, and each that ends frees what the next needs. A panic ends its own session and is counted.
//! On shutdown nothing is accepted any more, idle sessions are told 421, bodies that are coming in may
//! finish within `shutdown_grace`; what is cut then was not acknowledged.

use super::connection::{self, Shared};
use super::reply::Reply;
use super::spool::Spool;
use super::tally::Refused;
use super::wire::Stop;
use super::{ListenerKind, Reception};
use std::io::ErrorKind;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// First wait after a failed accept; doubled up to [`BACKOFF_MAX`].
const BACKOFF_MIN: Duration = Duration::from_millis(10);
/// Longest wait after a failed accept: a second is short for a sender and long for a processor.
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// Serves until shutdown. Blocking.
pub(crate) fn serve<S: Spool>(reception: &Reception<S>, listeners: Vec<(ListenerKind, TcpListener)>) {
    let mut builder = if reception.config.threads <= 1 {
        tokio::runtime::Builder::new_current_thread()
    } else {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(reception.config.threads);
        builder
    };
    let runtime = match builder.enable_all().thread_name("smtp").build() {
        Ok(runtime) => runtime,
        Err(e) => return tracing::error!(error = %e, "reception can't start"),
    };
    runtime.block_on(serve_shared(Shared::new(reception), listeners));
    // Drops what the grace did not suffice for.
    runtime.shutdown_background();
}

/// Accepts until shutdown, and returns when the last session has ended or the grace is over.
pub(crate) async fn serve_shared<S: Spool>(shared: Arc<Shared<S>>, listeners: Vec<(ListenerKind, TcpListener)>) {
    // Every task holds a clone; when all are gone, `ended` gets its end.
    let (alive, mut ended) = mpsc::channel::<()>(1);
    for (kind, listener) in listeners {
        let listener = listener.set_nonblocking(true).and_then(|()| tokio::net::TcpListener::from_std(listener));
        match listener {
            Ok(listener) => {
                tokio::spawn(accept(Arc::clone(&shared), kind, listener, alive.clone()));
            }
            Err(e) => tracing::error!(error = %e, "a listener can't be used"),
        }
    }
    drop(alive);
    let mut stop = Stop::new(shared.shutdown.clone());
    let grace = async {
        stop.wait().await;
        tokio::time::sleep(shared.limits.shutdown_grace).await;
    };
    tokio::select! {
        _ = ended.recv() => {}
        () = grace => tracing::warn!("sessions were cut at the end of the grace"),
    }
}

async fn accept<S: Spool>(
    shared: Arc<Shared<S>>,
    kind: ListenerKind,
    listener: tokio::net::TcpListener,
    alive: mpsc::Sender<()>,
) {
    let connections = shared.tally.metrics().smtp_connections.get_or_create(&[("listener", label(kind))]).clone();
    let mut stop = Stop::new(shared.shutdown.clone());
    let mut backoff = BACKOFF_MIN;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.wait() => return,
        };
        let (stream, from) = match accepted {
            Ok(accepted) => accepted,
            // The client gave up before its turn.
            Err(e) if matches!(e.kind(), ErrorKind::ConnectionAborted | ErrorKind::Interrupted) => continue,
            Err(e) => {
                tracing::warn!(error = %e, "no connection can be accepted");
                shared.tally.refused(Refused::Accept);
                tokio::select! {
                    () = tokio::time::sleep(backoff) => {}
                    () = stop.wait() => return,
                }
                backoff = (backoff * 2).min(BACKOFF_MAX);
                continue;
            }
        };
        backoff = BACKOFF_MIN;
        connections.inc();
        // Without it a reply would wait for the acknowledgement of the one before.
        let _ = stream.set_nodelay(true);
        let Some(seat) = shared.seats.take() else {
            turn_away(&shared, kind, &stream);
            continue;
        };
        let open = Open::new(&shared);
        let (shared, alive) = (Arc::clone(&shared), alive.clone());
        tokio::spawn(async move {
            // Dropped in this order also when the session panics.
            let _alive = alive;
            let _seat = seat;
            let _open = open;
            connection::serve(shared, stream, kind, from.ip().to_canonical()).await;
        });
    }
}

fn label(kind: ListenerKind) -> &'static str {
    match kind {
        ListenerKind::Smtp => "smtp",
        ListenerKind::SmtpTls => "smtp-tls",
        ListenerKind::Lmtp => "lmtp",
    }
}

/// No seat: says so, as far as it can be said without waiting.
fn turn_away<S: Spool>(shared: &Shared<S>, kind: ListenerKind, stream: &TcpStream) {
    shared.tally.refused(Refused::Connections);
    if kind != ListenerKind::SmtpTls {
        let mut reply = Vec::new();
        shared.tally.reply(Reply::TooManyConnections.write(&mut reply));
        let _ = stream.try_write(&reply);
    }
}

/// Counts an open connection, and a panic when there was one.
struct Open<S> {
    shared: Arc<Shared<S>>,
}

impl<S> Open<S> {
    fn new(shared: &Arc<Shared<S>>) -> Open<S> {
        shared.tally.metrics().smtp_connections_open.inc();
        Open { shared: Arc::clone(shared) }
    }
}

impl<S> Drop for Open<S> {
    fn drop(&mut self) {
        self.shared.tally.metrics().smtp_connections_open.dec();
        if std::thread::panicking() {
            self.shared.tally.refused(Refused::Panic);
            tracing::error!("a session panicked and was ended; the others go on");
        }
    }
}
