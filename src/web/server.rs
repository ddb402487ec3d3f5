//! The HTTP listeners: accept, bounded in number and time, and an orderly end.
//!
//! hyper is driven directly: `axum::serve` sets no timeout on a request's header, and a peer that
//! never finishes one would keep its seat.
//!
//! # Failure
//! An accept error (no file handles) is logged and waited out. A connection that breaks is
//! nobody's fault and leaves no trace but a debug line.

use crate::limits::Limits;
use axum::Router;
use axum::extract::ConnectInfo;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// A peer that takes no bytes for this long is gone, whatever TCP hopes.
const STALLED_PEER: Duration = Duration::from_secs(60);
/// Wait after an accept error: handles come back when connections end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

pub(super) async fn run(
    router: Router,
    limits: &Limits,
    listeners: Vec<TcpListener>,
    shutdown: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let seats = Arc::new(Semaphore::new(limits.web_connections_max));
    let mut accepting = JoinSet::new();
    for listener in listeners {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        accepting.spawn(accept(listener, router.clone(), seats.clone(), limits.clone(), shutdown.clone()));
    }
    while accepting.join_next().await.is_some() {}
    Ok(())
}

async fn accept(
    listener: tokio::net::TcpListener,
    router: Router,
    seats: Arc<Semaphore>,
    limits: Limits,
    mut shutdown: watch::Receiver<bool>,
) {
    let mut open = JoinSet::new();
    loop {
        let next = async {
            // A closed semaphore is not possible: nobody closes it.
            let seat = seats.clone().acquire_owned().await.ok();
            (listener.accept().await, seat)
        };
        let (accepted, seat) = tokio::select! {
            () = told_to_end(&mut shutdown) => break,
            accepted = next => accepted,
        };
        while open.try_join_next().is_some() {}
        match accepted {
            Ok((stream, peer)) => {
                let (router, shutdown, header_timeout) = (router.clone(), shutdown.clone(), limits.web_header_timeout);
                open.spawn(async move {
                    connection(stream, peer, router, header_timeout, shutdown).await;
                    drop(seat);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "web: accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let all = async { while open.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.shutdown_grace, all).await.is_err() {
        tracing::warn!("web: requests were cut off at the end of the grace");
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    header_timeout: Duration,
    mut shutdown: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let _ = rustix::net::sockopt::set_tcp_user_timeout(&stream, STALLED_PEER.as_millis() as u32);
    let inner = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        inner.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = told_to_end(&mut shutdown) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "web: connection ended");
    }
}

/// Returns when the gateway ends (or whoever could say so is gone).
pub(super) async fn told_to_end(shutdown: &mut watch::Receiver<bool>) {
    let _ = shutdown.wait_for(|down| *down).await;
}
