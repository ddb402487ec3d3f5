//! `tidegate quarantine`: review what is held, from a terminal.
//!
//! It works on the database, beside a running gateway, which attaches what is released within
//! moments. Raw mail comes from this machine's journal.
//!
//! # Trust
//! Nothing a mail says reaches the terminal before its control characters are taken out.

use super::Global;
use super::database::{self, Fresh};
use crate::config::Config;
use crate::journal::Reader;
use crate::mail::{ConversationId, QuarantineId, ReasonCode};
use crate::store::{Error, QuarantineFilter, QuarantineItem, QuarantineState, Store};
use crate::telemetry::Metrics;
use crate::web::WHY_CHARS_MAX;
use crate::{classify, normalize};
use anyhow::Context;
use clap::{Subcommand, ValueEnum};
use std::io::Write;
use std::process::ExitCode;

/// How the audit names what was done from a terminal.
const ACTOR: &str = "cli";

/// Options of `tidegate quarantine`.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, Subcommand)]
enum Command {
    /// List what is held, newest first
    Ls {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
        /// In which state
        #[arg(long, value_enum, default_value = "held")]
        state: StateArg,
        /// Held for this reason, such as `reader-timed-out`
        #[arg(long, value_parser = reason)]
        reason: Option<ReasonCode>,
        /// Of this organisation only
        #[arg(long, value_name = "ID or NAME")]
        organisation: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// The page behind this item (the last id of the page before)
        #[arg(long, value_name = "ID")]
        after: Option<QuarantineId>,
    },
    /// Show one: why it is held, and what it says
    Show {
        /// The item's id
        id: QuarantineId,
        /// The raw mail instead, as it came
        #[arg(long, conflicts_with = "json")]
        raw: bool,
        /// As one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Let it through; with the first of a group all of it
    Release {
        /// The item's id
        id: QuarantineId,
        /// Into this conversation; without it the rules decide
        #[arg(long, value_name = "CONVERSATION")]
        to: Option<ConversationId>,
    },
    /// Decide that it becomes nothing, with the first of a group all of it; its raw bytes stay in the journal
    Discard {
        /// The item's id
        id: QuarantineId,
        /// Why; kept with the decision
        #[arg(long, value_name = "TEXT", value_parser = why)]
        why: String,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum StateArg {
    Held,
    Released,
    Attached,
    Discarded,
    All,
}

impl StateArg {
    const fn state(self) -> Option<QuarantineState> {
        match self {
            StateArg::Held => Some(QuarantineState::Held),
            StateArg::Released => Some(QuarantineState::Released),
            StateArg::Attached => Some(QuarantineState::Attached),
            StateArg::Discarded => Some(QuarantineState::Discarded),
            StateArg::All => None,
        }
    }
}

fn reason(word: &str) -> Result<ReasonCode, String> {
    let known = || ReasonCode::ALL.map(ReasonCode::as_str).join(", ");
    ReasonCode::from_word(word).ok_or_else(|| format!("known reasons: {}", known()))
}

/// A reason for discarding, as the pages ask for it.
fn why(said: &str) -> Result<String, String> {
    let said = said.trim();
    match said.chars().count() {
        1..=WHY_CHARS_MAX => Ok(said.to_owned()),
        _ => Err(format!("say why in 1 to {WHY_CHARS_MAX} characters, such as \"spam\"")),
    }
}

/// Runs it.
///
/// # Errors
/// What the exit code cannot say.
pub(super) fn run(args: Args, global: &Global) -> anyhow::Result<ExitCode> {
    let config = global.load()?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work(args.command, &config))
}

async fn work(command: Command, config: &Config) -> anyhow::Result<ExitCode> {
    database::expect(config, Fresh::Refused)?;
    let store = database::open(config, config.database.connections_max, Metrics::new().0).await?;
    match command {
        Command::Ls { json, state, reason, organisation, limit, after } => {
            let organisation = match organisation.as_deref().map(|named| store.organisation(named)) {
                None => None,
                Some(asked) => match asked.await {
                    Ok(found) => Some(found.id),
                    Err(error) => return Ok(told(Err(error), "")?),
                },
            };
            let filter = QuarantineFilter { state: state.state(), reason, organisation, before: after };
            list(&store, filter, limit, json).await
        }
        Command::Show { id, raw, json } => show(&store, config, id, raw, json).await,
        Command::Release { id, to } => {
            Ok(told(store.release(id, to, ACTOR).await, "released; a running gateway attaches it within moments")?)
        }
        Command::Discard { id, why } => Ok(told(store.discard(id, &why, ACTOR).await, "discarded")?),
    }
}

/// Says that it was done; what can't be done as things are is exit code 1 with its reason.
fn told(done: Result<(), Error>, what: &str) -> Result<ExitCode, Error> {
    match done {
        Ok(()) => {
            eprintln!("{what}");
            Ok(ExitCode::SUCCESS)
        }
        Err(error @ (Error::NotFound { .. } | Error::Conflict(_))) => {
            let hint = match error {
                Error::NotFound { kind: "quarantine item", .. } => ": `tidegate quarantine ls --state all` shows what there is",
                Error::NotFound { kind: "organisation", .. } => ": `tidegate org ls` lists them",
                _ => "",
            };
            eprintln!("tidegate: {error}{hint}");
            Ok(ExitCode::FAILURE)
        }
        Err(error) => Err(error),
    }
}

async fn list(store: &Store, mut filter: QuarantineFilter, limit: usize, as_json: bool) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let mut left = limit;
    while left > 0 {
        let items = store.quarantine_matching(&filter, left).await?;
        let Some(last) = items.last() else { break };
        filter.before = Some(last.id);
        left -= items.len();
        for item in &items {
            if as_json {
                writeln!(out, "{}", item.to_json())?;
            } else {
                let mut reasons: Vec<String> = item.reasons.iter().map(|r| r.code.as_str().to_owned()).collect();
                if item.group_items > 1 {
                    reasons.push(format!("group of {}", item.group_items));
                }
                writeln!(
                    out,
                    "{}  {}  {:<9}  {}  {}  {}",
                    item.id,
                    time(item.received_at_us),
                    item.state.as_str(),
                    reasons.join(","),
                    plain(item.sender.as_deref().unwrap_or("-")),
                    plain(item.subject.as_deref().unwrap_or("")),
                )?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(store: &Store, config: &Config, id: QuarantineId, raw: bool, as_json: bool) -> anyhow::Result<ExitCode> {
    let item = match store.quarantine_item(id).await {
        Ok(item) => item,
        Err(error @ Error::NotFound { .. }) => return Ok(told(Err(error), "")?),
        Err(error) => return Err(error.into()),
    };
    let mut out = std::io::stdout().lock();
    if as_json {
        writeln!(out, "{}", item.to_json())?;
        return Ok(ExitCode::SUCCESS);
    }
    let bytes = raw_mail(&item, config);
    if raw {
        out.write_all(&bytes?)?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "item      {}\nstate     {}", item.id, item.state.as_str())?;
    writeln!(out, "received  {}\nqueue id  {}", time(item.received_at_us), item.locator.position)?;
    if let Some(actor) = &item.actor {
        writeln!(out, "decided   by {actor}, {}", item.decided_at_us.map(time).unwrap_or_default())?;
    }
    match item.group {
        Some(_) if item.group_items > 1 => {
            writeln!(out, "group     the first of {}: what is decided on it holds for all", item.group_items)?;
        }
        Some(first) if first != item.id => writeln!(out, "group     of {first}")?,
        _ => {}
    }
    for r in &item.reasons {
        writeln!(out, "reason    {}: {}\n          {}", r.code.as_str(), r.code.explain(), plain(&r.detail))?;
    }
    let bytes = match bytes {
        Ok(bytes) => bytes,
        Err(error) => {
            writeln!(out, "\n(the raw mail can't be read here: {error:#})")?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    let limits = config.limits();
    // A thread of its own: the mail may be held because its reader panics.
    let reading = std::thread::spawn(move || {
        let mail = normalize::normalize(&bytes, &limits);
        let class = classify::classify(&mail, None);
        (mail, class)
    });
    let Ok((mail, class)) = reading.join() else {
        writeln!(out, "\n(the reader failed on this mail; --raw has its bytes)")?;
        return Ok(ExitCode::SUCCESS);
    };
    if let Some(from) = &mail.from {
        writeln!(out, "from      {} <{}>", plain(&from.name), plain(&from.address))?;
    }
    writeln!(out, "subject   {}\nclass     {}", plain(&mail.subject), class.class.as_str())?;
    for a in &mail.attachments {
        writeln!(out, "attached  {} ({}, {} bytes)", plain(&a.name), plain(&a.content_type), a.size)?;
    }
    writeln!(out, "\n{}", lines(&mail.text))?;
    Ok(ExitCode::SUCCESS)
}

/// The raw bytes of a held mail, for `corpus add`.
///
/// # Errors
/// The database, no such item, or this machine's journal does not have it.
pub(super) fn raw_of(id: QuarantineId, global: &Global) -> anyhow::Result<Vec<u8>> {
    let config = global.load()?;
    let work = async {
        database::expect(&config, Fresh::Refused)?;
        let store = database::open(&config, config.database.connections_max, Metrics::new().0).await?;
        let item = store.quarantine_item(id).await.map_err(|error| match error {
            Error::NotFound { .. } => anyhow::anyhow!(
                "{error}: `tidegate quarantine ls` shows what this gateway holds; --config FILE says which gateway's"
            ),
            other => other.into(),
        })?;
        store.note_access(item.organisation, ACTOR, "quarantine.raw", &id.to_string()).await?;
        raw_mail(&item, &config)
    };
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

fn raw_mail(item: &QuarantineItem, config: &Config) -> anyhow::Result<Vec<u8>> {
    let dir = config.journal_dir();
    let reader = Reader::open(&dir).with_context(|| format!("no journal in {}", dir.display()))?;
    anyhow::ensure!(reader.id() == item.locator.journal, "this mail is in another node's journal: ask on that machine");
    Ok(reader.body(item.locator.position)?)
}

fn time(us: i64) -> String {
    jiff::Timestamp::from_microsecond(us).map(|t| t.to_string()).unwrap_or_default()
}

/// One line without control characters.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Lines without control characters.
fn lines(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_does_not_drive_the_terminal() {
        assert_eq!(plain("a\x1b[2Jb\r\n"), "a [2Jb  ");
        assert_eq!(lines("a\n\x07b"), "a\n b");
    }

    #[test]
    fn a_wrong_reason_is_answered_with_the_right_ones() {
        assert!(reason("reader-timed-out").is_ok());
        assert!(reason("late").unwrap_err().contains("reader-timed-out"));
    }
}
