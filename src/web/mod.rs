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

mod api;
mod disposition;
mod guard;
mod health;
mod item;
mod layout;
mod live;
mod login;
pub mod password;
mod problem;
mod proposal;
mod reading;
mod review;
mod server;
mod session;
mod throttle;

pub use disposition::WHY_CHARS_MAX;

use crate::config::Config;
use crate::directory::Directory;
use crate::journal;
use crate::limits::Limits;
use crate::mail::UserId;
use crate::store::{Error, Store, now_us};
use crate::telemetry::Metrics;
use crate::threading::TokenKeys;
use axum::Router;
use axum::routing::{get, post};
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
    /// Seats for reading held mails.
    readers: Arc<Semaphore>,
    hashing: password::Hashing,
    throttle: throttle::Throttle,
    live: live::Live,
    /// How browsers reach it, without a slash at the end.
    public_url: String,
    /// It is reached by https, so cookies are for that only.
    secure: bool,
}

type SharedApp = Arc<App>;

/// Serves the listeners until `shutdown` becomes true, then lets requests end for
/// `smtp.shutdown_grace_s`.
///
/// # Errors
/// A listener can't be handed to the runtime.
pub async fn serve(state: WebState, listeners: Vec<TcpListener>, shutdown: watch::Receiver<bool>) -> std::io::Result<()> {
    let limits = state.config.limits();
    let public_url = public_url(&state.config);
    let app = Arc::new(App {
        requests: Arc::new(Semaphore::new(limits.web_requests_max)),
        readers: Arc::new(Semaphore::new(limits.web_readers_max)),
        hashing: password::Hashing::new(limits.web_hashing_max),
        throttle: throttle::Throttle::new(&limits),
        live: live::Live::new(&limits, shutdown.clone()),
        secure: public_url.starts_with("https://"),
        public_url,
        limits,
        state,
    });
    let serving = server::run(router(app.clone()), &app.limits, listeners, shutdown);
    let (served, ()) = tokio::join!(serving, app.live.run(&app.state.store));
    served
}

fn router(app: SharedApp) -> Router {
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/", get(login::home))
        .route("/login", post(login::log_in))
        .route("/login/{token}", get(login::show_link).post(login::use_link))
        .route("/logout", post(login::log_out))
        .route("/quarantine", get(review::list))
        .route("/quarantine/live", get(review::live))
        .route("/quarantine/{id}", get(item::show))
        .route("/quarantine/{id}/html", get(item::formatted))
        .route("/quarantine/{id}/raw", get(item::raw))
        .route("/quarantine/{id}/attachments/{part}", get(item::attachment))
        .route("/quarantine/{id}/release", post(disposition::release))
        .route("/quarantine/{id}/discard", post(disposition::discard))
        .route("/style.css", get(layout::style))
        .route("/live.js", get(layout::script))
        .route("/icon.svg", get(layout::icon))
        .nest("/v1", api::routes(&app))
        .fallback(layout::not_found)
        .layer(axum::extract::DefaultBodyLimit::max(app.limits.web_body_bytes_max))
        .layer(axum::middleware::from_fn_with_state(app.clone(), guard::watch_over))
        .with_state(app)
}

/// How long a one-time link is good, microseconds.
const LINK_US: i64 = 24 * 3_600 * 1_000_000;

/// The link with which the first administrator chooses a name and a password: while nobody has one, a fresh link that is good
/// for a day and replaces earlier ones; `None` as soon as somebody has.
///
/// # Errors
/// The database.
pub async fn first_admin_link(store: &Store, config: &Config) -> Result<Option<String>, Error> {
    if store.has_administrator().await? {
        return Ok(None);
    }
    let users = store.users().await?;
    let user = match users.into_iter().find(|u| u.admin) {
        Some(user) => user.id,
        None => store.add_user("admin", true, "gateway").await?,
    };
    login_link(store, config, user).await.map(Some)
}

/// A one-time link with which a user chooses a name and a password; good for a day, and the only one they have.
///
/// # Errors
/// There is no such user, or the database.
pub async fn login_link(store: &Store, config: &Config, user: UserId) -> Result<String, Error> {
    let secret = session::Secret::random()
        .map_err(|e| Error::Unavailable { query: "login_link_add", reason: format!("no random bytes: {e}") })?;
    let now = now_us();
    store.add_login_link(&secret.hash(), user, now, now + LINK_US).await?;
    Ok(format!("{}/login/{}", public_url(config), secret.as_str()))
}

/// How browsers reach it, without a slash at the end.
fn public_url(config: &Config) -> String {
    if config.web.public_url.is_empty() {
        config.web.listen.first().map(|address| format!("http://{address}")).unwrap_or_default()
    } else {
        config.web.public_url.trim_end_matches('/').to_owned()
    }
}
