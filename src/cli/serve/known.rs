//! What reception must know to say yes: the directory and the token keys.
//!
//! Both come from the database; the last known ones are kept in the data folder, so that a
//! gateway that starts while the database is away accepts mail for the mailboxes it knew.
//!
//! # Trust
//! The file is readable by its owner only: it holds the keys that sign reply addresses.

use crate::backoff;
use crate::config::Config;
use crate::directory::{Directory, Mailbox};
use crate::mail::{MailboxId, OrganisationId};
use crate::store::Store;
use crate::threading::TokenKeys;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How often the database is asked whether the directory changed: a new mailbox gets mail within this time.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a start waits for the database before it goes on with what it knew.
const START_WAIT: Duration = Duration::from_secs(5);

/// Between two questions of a start that waits for the database.
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// Between two lines of the log that say the same of it.
const SAY_AGAIN: Duration = Duration::from_secs(30);
/// The first wait of a start that went on without it; it doubles.
const MIGRATE_AGAIN_FIRST: Duration = Duration::from_secs(1);
/// And the longest: so late may the schema be after the database came back.
const MIGRATE_AGAIN_MOST: Duration = Duration::from_secs(8);

/// What is known.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) directory: Directory,
    pub(super) tokens: TokenKeys,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    revision: i64,
    mailboxes: Vec<(MailboxId, OrganisationId, String)>,
    token_secrets: Vec<String>,
}

fn path(config: &Config) -> PathBuf {
    config.data.dir.join("known.json")
}

/// Learns it from the database, or from the last time.
pub(super) async fn learn(config: &Arc<Config>, store: &Store, beyond_loopback: bool) -> anyhow::Result<Known> {
    let began = Instant::now();
    let mut said: Option<(String, Instant)> = None;
    loop {
        let last = recall(config);
        // With something to go on with, the wait for an answer is bounded, not only that between questions.
        let patience = if last.is_some() { START_WAIT } else { Duration::MAX };
        let away = match tokio::time::timeout(patience, ask(config, store, beyond_loopback)).await {
            Ok(Ok(known)) => return Ok(known),
            Ok(Err(error)) if error.downcast_ref::<crate::store::Error>().is_some_and(crate::store::Error::is_transient) => {
                format!("{error:#}")
            }
            Ok(Err(error)) => return Err(error),
            Err(_) => format!("no answer within {} s", patience.as_secs()),
        };
        if let Some(known) = last.filter(|_| began.elapsed() >= START_WAIT) {
            tracing::warn!(away, "the database is away: accepting mail for the mailboxes known from the last time");
            migrate_later(store.clone());
            return Ok(known);
        }
        // The same words again only now and then.
        if said.as_ref().is_none_or(|(words, when)| *words != away || when.elapsed() >= SAY_AGAIN) {
            tracing::warn!(
                away,
                "the database is away, and nothing is known from the last time: no mail is taken before it answers"
            );
            said = Some((away, Instant::now()));
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

async fn ask(config: &Config, store: &Store, beyond_loopback: bool) -> anyhow::Result<Known> {
    store.migrate().await?;
    if !beyond_loopback {
        store.seed_default_organisation().await?;
    }
    let directory = store.directory().await?;
    // The embedded default takes every address: fine for a try on this machine, an open sink for the world.
    let only_everything = directory.mailboxes().all(|m| m.address == "@");
    if beyond_loopback && only_everything {
        return Err(config
            .invalid(
                "smtp.listen",
                "is reachable from other machines, but no mailbox was set up: first `tidegate org add NAME` and `tidegate mailbox add ORGANISATION ADDRESS`, or listen on 127.0.0.1 only",
            )
            .into());
    }
    let secrets = store.token_secrets().await?;
    keep(config, &directory, &secrets);
    Ok(Known { directory, tokens: TokenKeys::from_secrets(secrets) })
}

/// Brings the schema up to date once the database answers, on a thread of its own: sqlx's migrator
/// gives a future that may not move between threads.
fn migrate_later(store: Store) {
    let runtime = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || {
        let mut failures = 0_u32;
        while let Err(error) = runtime.block_on(store.migrate()) {
            failures = failures.saturating_add(1);
            let wait = backoff::wait(failures, MIGRATE_AGAIN_FIRST, MIGRATE_AGAIN_MOST, backoff::random());
            tracing::warn!(%error, "the database's schema can't be looked at yet");
            runtime.block_on(tokio::time::sleep(wait));
        }
    });
}

fn keep(config: &Config, directory: &Directory, secrets: &[Vec<u8>]) {
    let kept = Kept {
        revision: directory.revision,
        mailboxes: directory.mailboxes().map(|m| (m.id, m.organisation, m.address.clone())).collect(),
        token_secrets: secrets.iter().map(|s| data_encoding::HEXLOWER.encode(s)).collect(),
    };
    let result = serde_json::to_vec(&kept)
        .map_err(std::io::Error::other)
        .and_then(|bytes| crate::journal::write_durably(&path(config), &bytes));
    if let Err(error) = result {
        tracing::warn!(%error, "what is known can't be kept for a start without the database");
    }
}

fn recall(config: &Config) -> Option<Known> {
    let kept: Kept = serde_json::from_slice(&std::fs::read(path(config)).ok()?).ok()?;
    let mailboxes = kept.mailboxes.into_iter().map(|(id, organisation, address)| Mailbox { id, organisation, address });
    let secrets: Vec<Vec<u8>> =
        kept.token_secrets.iter().filter_map(|s| data_encoding::HEXLOWER.decode(s.as_bytes()).ok()).collect();
    Some(Known { directory: Directory::new(kept.revision, mailboxes), tokens: TokenKeys::from_secrets(secrets) })
}

/// Replaces the directory whole when the database says it changed.
pub(super) async fn follow(
    config: Arc<Config>,
    store: Store,
    directory: watch::Sender<Arc<Directory>>,
    mut shutdown: watch::Receiver<bool>,
) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = shutdown.wait_for(|stop| *stop) => return,
        }
        let known = directory.borrow().revision;
        let changed = match store.directory_revision().await {
            Ok(revision) if revision != known => store.directory().await,
            Ok(_) => continue,
            Err(error) => Err(error),
        };
        match changed {
            Ok(new) => {
                tracing::info!(revision = new.revision, "the directory changed");
                if let Ok(secrets) = store.token_secrets().await {
                    keep(&config, &new, &secrets);
                }
                directory.send_replace(Arc::new(new));
            }
            Err(error) => tracing::debug!(%error, "the directory can't be looked at; the last one stays"),
        }
    }
}
