//! What the subcommands that work on the database have in common: opening it, and saying how it went.

use super::Global;
use crate::config::Config;
use crate::store::{Error, Store};
use crate::telemetry::Metrics;
use std::process::ExitCode;
use std::time::Duration;

/// How the audit names what was done from a terminal.
pub(super) const ACTOR: &str = "cli";

/// The database, with its schema up to date.
pub(super) struct Opened {
    pub(super) store: Store,
    pub(super) config: Config,
}

/// Opens the database, brings its schema up to date (so that a fresh folder works) and does the work. What is not
/// there or can't be done as things are is exit code 1 with its reason.
///
/// # Errors
/// The configuration, or the database.
pub(super) fn with(global: &Global, work: impl AsyncFnOnce(Opened) -> anyhow::Result<ExitCode>) -> anyhow::Result<ExitCode> {
    let config = global.load()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (metrics, _) = Metrics::new();
        let timeout = Duration::from_secs(config.database.query_timeout_s);
        let store = match Store::open(&config.database_url(), config.database.connections_max, timeout, metrics).await {
            Err(e @ Error::Url { .. }) => return Err(config.invalid("database.url", e.to_string()).into()),
            other => other?,
        };
        store.migrate().await?;
        let done = work(Opened { store: store.clone(), config }).await;
        store.close().await;
        match done {
            Err(e) if matches!(e.downcast_ref(), Some(Error::NotFound { .. } | Error::Conflict(_))) => {
                eprintln!("tidegate: {e}");
                Ok(ExitCode::FAILURE)
            }
            other => other,
        }
    })
}

/// Text for a terminal: one line, without control characters.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
