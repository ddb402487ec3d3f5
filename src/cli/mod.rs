//! The command line: one binary, subcommands are the roles.
//!
//! A file for each subcommand, with `Args` and `run`. Exit codes: 0 fine, 1 the thing asked about
//! is not fine, 2 used wrongly (also a configuration that can't be used).

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

mod addressees;
mod corpus;
mod database;
mod import;
mod journal;
mod ledger;
mod line_ends;
mod mailbox;
mod mails;
mod migrate;
mod org;
mod quarantine;
mod read;
mod send;
mod serve;
mod thread;
mod user;

/// A robust inbound e-mail gateway. Without a subcommand: `tidegate serve` with the embedded defaults.
#[derive(Debug, Parser)]
#[command(version, about, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    global: Global,
}

/// Options of every subcommand.
#[derive(Debug, Clone, clap::Args)]
pub struct Global {
    /// The configuration file; none: embedded defaults and the environment
    #[arg(long, global = true, env = "TIDEGATE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The gateway: SMTP, LMTP, intake, web
    Serve(serve::Args),
    /// Hand mails (files, mboxes, folders) to a gateway over SMTP, to try it and to load it
    Send(send::Args),
    /// What Tidegate reads in a file
    Read(read::Args),
    /// Which files make a conversation, and why
    Thread(thread::Args),
    /// Take eml, mbox, Maildir into the journal as if they had arrived
    Import(import::Args),
    /// Prove that the books balance
    Ledger(ledger::Args),
    /// Look into the journal
    Journal(journal::Args),
    /// Review what is held
    Quarantine(quarantine::Args),
    /// Check, list and add samples of misbehaving mail
    Corpus(corpus::Args),
    /// Organisations
    Org(org::Args),
    /// Mailboxes: who gets mail
    Mailbox(mailbox::Args),
    /// People who may look, and relays
    User(user::Args),
    /// Bring the database's schema up to date
    Migrate(migrate::Args),
}

/// Runs what the command line asks for.
///
/// # Errors
/// What can't be answered with an exit code of its own; `main` prints it and exits 1, or 2 for a
/// [`crate::config::ConfigError`].
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let global = cli.global;
    match cli.command.unwrap_or(Command::Serve(serve::Args::default())) {
        Command::Serve(a) => serve::run(a, &global),
        Command::Send(a) => send::run(a, &global),
        Command::Read(a) => read::run(a, &global),
        Command::Thread(a) => thread::run(a, &global),
        Command::Import(a) => import::run(a, &global),
        Command::Ledger(a) => ledger::run(a, &global),
        Command::Journal(a) => journal::run(a, &global),
        Command::Quarantine(a) => quarantine::run(a, &global),
        Command::Corpus(a) => corpus::run(a, &global),
        Command::Org(a) => org::run(a, &global),
        Command::Mailbox(a) => mailbox::run(a, &global),
        Command::User(a) => user::run(a, &global),
        Command::Migrate(a) => migrate::run(a, &global),
    }
}

/// An error for who typed the command: each cause once, and without the promise to try again that holds in a gateway alone.
#[must_use]
pub fn said(error: &anyhow::Error) -> String {
    let mut words = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !words.contains(&cause) {
            words.push_str(": ");
            words.push_str(&cause);
        }
    }
    words.replace("It is tried again; is it running", "Is it running").replace("It is tried again", "Try again")
}

impl Global {
    /// The configuration as the options and the environment say.
    ///
    /// # Errors
    /// As `Config::load`.
    pub fn load(&self) -> Result<crate::config::Config, crate::config::ConfigError> {
        let mut ours = Vec::new();
        for (name, value) in std::env::vars_os() {
            // Other programs' variables may be any bytes; a name of ours is ASCII.
            let Some(name) = name.into_string().ok().filter(|name| name.starts_with("TIDEGATE_")) else { continue };
            let Ok(value) = value.into_string() else {
                let origin = format!("environment {name}");
                return Err(crate::config::ConfigError::Syntax { origin, message: "its value is not UTF-8".to_owned() });
            };
            ours.push((name, value));
        }
        let file = self.config.as_deref().filter(|path| !path.as_os_str().is_empty());
        crate::config::Config::load(file, ours)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        super::Cli::command().debug_assert();
    }

    #[test]
    fn a_cause_is_told_once_and_a_command_does_not_say_that_it_tries_again() {
        let away = crate::store::Error::Unavailable { query: "connect", reason: "refused".to_owned() };
        let error = anyhow::Error::from(crate::intake::ledger::LedgerError::from(away)).context("the books");
        assert_eq!(
            super::said(&error),
            "the books: the dispositions can't be read: connect: the database is not available (refused). Is it running, and may this user \
             reach it?"
        );
    }
}
