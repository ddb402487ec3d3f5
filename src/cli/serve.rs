//! `tidegate serve`: puts the rooms together and runs them until SIGTERM.
//!
//! # Failure
//! What can't work is said before anything listens, with the key at fault, and the exit code is
//! 2. The database being away is not that: with the last known directory mail is accepted, and
//! the rest follows when the database answers.
//!
//! # Trust
//! The configuration and the data folder.

mod books;
mod known;
mod listeners;
mod signals;

use super::{Global, database};
use crate::config::{Config, ConfigError};
use crate::directory::Directory;
use crate::intake::{Intake, read_mail};
use crate::journal::{Journal, JournalOptions};
use crate::limits::Limits;
use crate::smtp::Reception;
use crate::store::Store;
use crate::telemetry::{LogHandle, Metrics};
use crate::web::{Readiness, WebState};
use anyhow::Context;
use listeners::Listeners;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Files open besides connections: segments, the database, certificates, logs.
const OPEN_FILES_BESIDE: u64 = 200;

/// Options of `tidegate serve`.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Args {
    /// Only say whether the configuration, certificates, data folder and addresses can be used
    #[arg(long)]
    check: bool,
}

/// Runs it.
///
/// # Errors
/// What keeps the gateway from starting, or made it end.
pub(super) fn run(args: Args, global: &Global) -> anyhow::Result<ExitCode> {
    let config = Arc::new(global.load()?);
    // Two providers may be linked (tests bring a second); ours is named, once.
    let _ = rustls::crypto::ring::default_provider().install_default();
    prepare_data_dir(&config)?;
    let tls = listeners::tls(&config)?;
    let beside_a_running_one = args.check && crate::journal::in_use(&config.journal_dir());
    let listeners = Listeners::bind(&config, beside_a_running_one)?;
    if args.check {
        database::check(&config)?;
        println!("{}: fine. It would listen on:", config.origin);
        for line in listeners.describe() {
            println!("  {line}");
        }
        if let Some(problem) = listeners::out_of_date(&config) {
            println!("But {problem}");
        }
        return Ok(ExitCode::SUCCESS);
    }
    let log = crate::telemetry::start_logging(&config.log).map_err(|e| config.invalid("log.level", e))?;
    keep_panics_quiet();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("tidegate")
        .enable_all()
        .build()
        .context("no threads to run on")?;
    runtime.block_on(gateway(config, global.clone(), log, tls, listeners))?;
    runtime.shutdown_timeout(Duration::from_secs(2));
    Ok(ExitCode::SUCCESS)
}

/// Raises the limit of open files to what the configuration may need, as far as this user may. A shell's usual 1,024 is
/// below a thousand connections with what stands behind them.
fn raise_open_files(config: &Config, limits: &Limits) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let connections = config.smtp.connections_max + limits.web_connections_max + config.database.connections_max as usize;
    let wanted = connections as u64 + OPEN_FILES_BESIDE;
    let now = getrlimit(Resource::Nofile);
    if now.current.is_none_or(|current| current >= wanted) {
        return;
    }
    let reached = now.maximum.map_or(wanted, |most| most.min(wanted));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(reached), maximum: now.maximum });
    if raised.is_err() || reached < wanted {
        tracing::warn!(
            wanted,
            may = reached,
            "so many files may not be open at once: with all connections in use, more wait. Raise it (LimitNOFILE= of systemd, \
             ulimit -n), or lower smtp.connections_max"
        );
    }
}

fn prepare_data_dir(config: &Config) -> Result<(), ConfigError> {
    let dir = &config.data.dir;
    let unusable = |e: &dyn std::fmt::Display| {
        config.invalid(
            "data.dir",
            format!(
                "names `{}`, which can't be used: {e}. Make it writable for this user, or name another folder",
                dir.display()
            ),
        )
    };
    std::fs::create_dir_all(dir).map_err(|e| unusable(&e))?;
    tempfile_in(dir).map_err(|e| unusable(&e))
}

/// A panic's words may quote a mail, and the log may not: it gets the place only.
fn keep_panics_quiet() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a thread panicked; what it was at is answered for where it is caught");
    }));
}

/// Proves that a file can be made in a folder.
fn tempfile_in(dir: &std::path::Path) -> std::io::Result<()> {
    let probe = dir.join(format!(".probe-{}", std::process::id()));
    std::fs::File::create(&probe)?;
    std::fs::remove_file(&probe)
}

async fn gateway(
    config: Arc<Config>,
    global: Global,
    log: LogHandle,
    tls: listeners::Tls,
    listeners: Listeners,
) -> anyhow::Result<()> {
    let limits = Arc::new(config.limits());
    raise_open_files(&config, &limits);
    let (metrics, registry) = Metrics::new();
    let (stop, shutdown) = watch::channel(false);

    let journal = open_journal(&config, &limits, &metrics)?;
    if let Some(trouble) = journal.trouble() {
        tracing::warn!(trouble, "no mail can be taken: senders are told to try again later");
    }
    if let Some(problem) = listeners::out_of_date(&config) {
        tracing::warn!("{problem}");
    }
    let store = database::open(&config, config.database.connections_max, metrics.clone()).await?;
    let known = known::learn(&config, &store, listeners.beyond_loopback()).await?;
    let (directory_tx, directory) = watch::channel(Arc::new(known.directory));
    tokio::spawn(known::follow(config.clone(), store.clone(), directory_tx, shutdown.clone()));

    // Signals are taken before anything is acknowledged.
    let signals = signals::Signals::take(config.clone(), global, log, tls.sender.clone(), stop.clone())?;
    tokio::spawn(signals.follow());

    let announced = listeners.describe();
    // The pages are told where they are: the port may have been chosen, or the socket given.
    let mut as_listened = Config::clone(&config);
    if as_listened.web.public_url.is_empty() {
        as_listened.web.public_url = listeners.public_url(&config).unwrap_or_default();
    }
    let as_listened = Arc::new(as_listened);
    let Listeners { mail, web, .. } = listeners;
    let reception = Reception {
        config: Arc::new(config.smtp.clone()),
        hostname: config.hostname(),
        limits: limits.clone(),
        journal: journal.clone(),
        directory: directory.clone(),
        tls: Some(tls.sender.subscribe()),
        metrics: metrics.clone(),
        shutdown: shutdown.clone(),
    };
    let reception = std::thread::Builder::new()
        .name("reception".into())
        .spawn(move || crate::smtp::serve(reception, mail))
        .context("no thread for reception")?;

    let (readiness_tx, readiness) = watch::channel(Readiness::default());
    tokio::spawn(books::readiness(journal.clone(), store.clone(), readiness_tx, shutdown.clone()));
    tokio::spawn(books::look_often(journal.clone(), store.clone(), metrics.clone(), shutdown.clone()));
    tokio::spawn(books::sweep(store.clone(), shutdown.clone()));
    tokio::spawn(books::retire(config.clone(), journal.clone(), store.clone(), shutdown.clone()));
    let intake = tokio::spawn(crate::intake::run(Intake {
        config: Arc::new(config.intake.clone()),
        limits: limits.clone(),
        journal: journal.clone(),
        store: store.clone(),
        directory: directory.clone(),
        tokens: known.tokens.clone(),
        metrics: metrics.clone(),
        read: read_mail(limits.clone()),
        shutdown: shutdown.clone(),
    }));
    let events = tokio::spawn(crate::events::run(store.clone(), config.clone(), metrics.clone(), shutdown.clone()));
    let web_server = tokio::spawn(crate::web::serve(
        WebState {
            store: store.clone(),
            journal: journal.reader(),
            config: as_listened.clone(),
            directory: directory.clone(),
            tokens: known.tokens,
            metrics: metrics.clone(),
            registry: Arc::new(registry),
            readiness,
        },
        web,
        shutdown.clone(),
    ));

    say_hello(&as_listened, &store, &announced, directory.borrow().as_ref()).await;
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);

    // Reception ends by itself when the shutdown came and the last body is done.
    let ended = tokio::task::spawn_blocking(move || reception.join()).await;
    let failed = !matches!(ended, Ok(Ok(())));
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    let _ = stop.send(true);
    let _ = tokio::time::timeout(Duration::from_secs(10), async {
        let _ = tokio::join!(intake, events, web_server);
    })
    .await;
    tokio::task::spawn_blocking(move || journal.close()).await?;
    if failed {
        anyhow::bail!("reception ended by itself; the log above says why");
    }
    Ok(())
}

fn open_journal(config: &Config, limits: &Arc<Limits>, metrics: &Arc<Metrics>) -> anyhow::Result<Journal> {
    Journal::open(JournalOptions {
        dir: config.journal_dir(),
        segment_bytes: config.journal.segment_bytes,
        limits: limits.clone(),
        metrics: metrics.clone(),
    })
    .map_err(|e| match e {
        // Not the configuration's fault: who starts it again may find it mended.
        e if e.is_full() => anyhow::anyhow!("{e}. Free some space and start again; what was accepted is safe"),
        e => config.invalid("data.dir", format!("names a folder that can't be used: {e}")).into(),
    })
}

/// Says on standard output where it listens and what to do next. A line each, for people and for programs that wait for `ready`.
async fn say_hello(config: &Config, store: &Store, announced: &[String], directory: &Directory) {
    let mut text = String::new();
    for line in announced {
        text.push_str(&format!("listening {line}\n"));
    }
    let reachable = !config.web.public_url.is_empty();
    match crate::web::first_admin_link(store, config).await {
        Ok(Some(_)) if !reachable => {
            text.push_str("no page for staff: web.listen is empty. Set it or web.public_url, then: tidegate user link admin\n");
        }
        Ok(Some(link)) => text.push_str(&format!("first administrator, once, within a day: {link}\n")),
        Ok(None) => {}
        Err(error) => {
            text.push_str(&format!("no link for the first administrator yet ({error}); later: tidegate user link NAME\n"))
        }
    }
    let to = directory
        .mailboxes()
        .map(|m| m.address.as_str())
        .find(|a| !a.starts_with('@') && !a.contains('*'))
        .unwrap_or("support@example.com");
    if let Some(smtp) = announced.iter().find_map(|l| l.strip_prefix("smtp ")) {
        text.push_str(&format!(
            "try: curl --url smtp://{smtp} --mail-from you@example.com --mail-rcpt {to} -T corpus/charset/outlook-latin1-as-utf8/message.eml\n or: tidegate send --server {smtp} --to {to} corpus\n"
        ));
    }
    text.push_str("ready\n");
    let mut out = std::io::stdout().lock();
    // Nobody reads it (a closed pipe): the gateway runs all the same.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
