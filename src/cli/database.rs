//! What the subcommands that work on the database have in common: opening it, and saying how it went.

use super::Global;
use crate::config::{Config, ConfigError};
use crate::store::{Error, Store};
use crate::telemetry::Metrics;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// How the audit names what was done from a terminal.
pub(super) const ACTOR: &str = "cli";

/// The database, with its schema up to date.
pub(super) struct Opened {
    pub(super) store: Store,
    pub(super) config: Config,
}

/// Whether a database may be made where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fresh {
    /// The first organisation of a new gateway, say. It is told of: the folder may be the wrong one.
    Made,
    /// There is nothing to look at.
    Refused,
}

/// Opens the database as it is configured, without looking at its schema.
///
/// # Errors
/// It can't be named, or SQLite's file can't be used: the configuration's fault. Its disk is full: not.
pub(super) async fn open(config: &Config, connections: u32, metrics: Arc<Metrics>) -> anyhow::Result<Store> {
    let timeout = Duration::from_secs(config.database.query_timeout_s);
    Store::open(&config.database_url(), connections, timeout, metrics).await.map_err(|e| match e {
        Error::Url { url, problem } => {
            let words = format!("is `{url}`: {problem}. Use `sqlite:PATH` or `postgres://USER@HOST/DATABASE`");
            config.invalid("database.url", words).into()
        }
        Error::Unavailable { reason, .. } => unusable(config, &reason).into(),
        other => anyhow::Error::from(other),
    })
}

/// Says whether the database could be opened, and makes nothing. PostgreSQL may be away.
///
/// # Errors
/// As [`open`].
pub(super) fn check(config: &Config) -> anyhow::Result<()> {
    match sqlite_file(config) {
        Some(file) if file.exists() => {
            let opened = std::fs::OpenOptions::new().read(true).write(true).open(&file);
            opened.map_err(|e| unusable(config, &format!("{}: {e}", file.display())))?;
        }
        Some(file) => {
            let above = file.ancestors().skip(1).map(|a| if a.as_os_str().is_empty() { Path::new(".") } else { a });
            let folder = above.into_iter().find(|a| a.exists()).unwrap_or(Path::new("/"));
            if !folder.is_dir() {
                return Err(unusable(config, &format!("{} is no folder", folder.display())).into());
            }
        }
        None => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(open(config, 1, Metrics::new().0))?;
        }
    }
    Ok(())
}

/// SQLite's file, where the database is SQLite and its name could be one.
fn sqlite_file(config: &Config) -> Option<PathBuf> {
    let url = config.database_url();
    let path = url.strip_prefix("sqlite:")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    (!path.is_empty() && !path.contains(":memory:") && !path.contains('?')).then(|| PathBuf::from(path))
}

fn unusable(config: &Config, reason: &str) -> ConfigError {
    config.invalid(key(config), format!("names a database that can't be opened: {reason}. Name a file that this user may write"))
}

/// The key that says where the database is.
fn key(config: &Config) -> &'static str {
    if config.database.url.is_empty() { "data.dir" } else { "database.url" }
}

/// Says so when SQLite's file is not there yet.
///
/// # Errors
/// There is none, and none may be made.
pub(super) fn expect(config: &Config, fresh: Fresh) -> Result<(), ConfigError> {
    let Some(file) = sqlite_file(config).filter(|file| !file.exists()) else { return Ok(()) };
    let which = "Is it the one of the gateway (--config, TIDEGATE_DATA__DIR)?";
    match fresh {
        Fresh::Refused => {
            let words = format!("leads to no database: there is no {}. {which} Its first start makes one", file.display());
            Err(config.invalid(key(config), words))
        }
        Fresh::Made => {
            eprintln!("tidegate: a new database is made, {}. {which}", file.display());
            Ok(())
        }
    }
}

/// Opens the database, brings its schema up to date (so that a fresh folder works) and does the work. What is not
/// there or can't be done as things are is exit code 1 with its reason.
///
/// # Errors
/// The configuration, or the database.
pub(super) fn with(
    global: &Global,
    fresh: Fresh,
    work: impl AsyncFnOnce(Opened) -> anyhow::Result<ExitCode>,
) -> anyhow::Result<ExitCode> {
    let config = global.load()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        expect(&config, fresh)?;
        let store = open(&config, config.database.connections_max, Metrics::new().0).await?;
        store.migrate().await?;
        let done = work(Opened { store: store.clone(), config }).await;
        store.close().await;
        match done {
            Err(e) if matches!(e.downcast_ref(), Some(Error::NotFound { .. } | Error::Conflict(_))) => {
                eprintln!("tidegate: {e}{}", hint(&e));
                Ok(ExitCode::FAILURE)
            }
            other => other,
        }
    })
}

/// What to do about something that is not there.
fn hint(error: &anyhow::Error) -> &'static str {
    match error.downcast_ref() {
        Some(Error::NotFound { kind: "organisation", .. }) => ": `tidegate org ls` lists them, `tidegate org add NAME` adds one",
        Some(Error::NotFound { kind: "mailbox", .. }) => ": `tidegate mailbox ls` lists them",
        Some(Error::NotFound { kind: "user", .. }) => ": `tidegate user ls` lists them, `tidegate user add NAME` adds one",
        _ => "",
    }
}

/// Characters of a name that somebody is given on the command line, as the pages take it.
const NAME_CHARS_MAX: usize = 100;

/// The name of an organisation or of somebody: one line that a person can type again.
pub(super) fn name(given: &str) -> Result<String, String> {
    let given = given.trim();
    if given.chars().any(char::is_control) {
        return Err("a name has no line breaks and no control characters".to_owned());
    }
    match given.chars().count() {
        1..=NAME_CHARS_MAX => Ok(given.to_owned()),
        _ => Err(format!("a name has 1 to {NAME_CHARS_MAX} characters")),
    }
}

/// Text for a terminal: one line, without control characters.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
