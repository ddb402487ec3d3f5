//! What people and programs see: review pages for staff, the HTTP API under `/v1`, metrics and health.
//!
//! Pages are compiled in, load nothing from elsewhere and work without JavaScript. Staff log in
//! with a name and a password; programs carry the bearer token `web.api_token`.
//!
//! # Failure
//! The database being away gives a 503 that says so, at once or after `database.query_timeout_s`,
//! never a hang. A mail that crashes or hangs its reader costs one of
//! [`Limits::web_readers_max`] seats and the page says what happened; the raw mail can always be
//! downloaded. Every request is bounded in time, size and number.
//!
//! # Trust
//! Nothing that comes by the socket. A POST from a browser needs a session, a token derived from
//! it and, where the browser sends one, our own `Origin`. What a mail says is shown as text, or
//! sanitized and in a sandboxed frame with a policy of its own.

mod guard;
mod health;
mod layout;
pub mod password;
mod problem;
mod server;
mod session;
mod throttle;

use crate::config::Config;
use crate::directory::Directory;
use crate::journal;
use crate::limits::Limits;
use crate::store::Store;
use crate::telemetry::Metrics;
use crate::threading::TokenKeys;
use axum::Router;
use axum::routing::get;
use prometheus_client::registry::Registry;
use std::net::TcpListener;
use std::sync::Arc;
use tokio::sync::{Semaphore, watch};

/// What the gateway can do right now; `None` is fine, else what is wrong in words for an operator.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Readiness {
    /// The journal takes mail.
    pub journal: Option<String>,
    /// The database answers.
    pub database: Option<String>,
}

/// Everything the web needs.
#[derive(Debug, Clone)]
pub struct WebState {
    /// Where conversations, quarantine, users and events are.
    pub store: Store,
    /// Raw mail of this node's journal.
    pub journal: journal::Reader,
    /// The configuration in force.
    pub config: Arc<Config>,
    /// Who gets mail, for the proposed decision; replaced whole when it changes.
    pub directory: watch::Receiver<Arc<Directory>>,
    /// The keys that sign reply addresses.
    pub tokens: TokenKeys,
    /// Where it counts.
    pub metrics: Arc<Metrics>,
    /// What `/metrics` shows.
    pub registry: Arc<Registry>,
    /// What `/readyz` shows.
    pub readiness: watch::Receiver<Readiness>,
}

/// [`WebState`] with the bounds that all requests share.
struct App {
    state: WebState,
    limits: Limits,
    requests: Arc<Semaphore>,
}

type SharedApp = Arc<App>;

/// Serves the listeners until `shutdown` becomes true, then lets requests end for
/// `smtp.shutdown_grace_s`.
///
/// # Errors
/// A listener can't be handed to the runtime.
pub async fn serve(state: WebState, listeners: Vec<TcpListener>, shutdown: watch::Receiver<bool>) -> std::io::Result<()> {
    let limits = state.config.limits();
    let app = Arc::new(App { requests: Arc::new(Semaphore::new(limits.web_requests_max)), limits, state });
    server::run(router(app.clone()), &app.limits, listeners, shutdown).await
}

fn router(app: SharedApp) -> Router {
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .fallback(layout::not_found)
        .layer(axum::extract::DefaultBodyLimit::max(app.limits.web_body_bytes_max))
        .layer(axum::middleware::from_fn_with_state(app.clone(), guard::watch_over))
        .with_state(app)
}
