//! `tidegate user`: people who may look at the review pages, and password hashes for relays.

use super::Global;
use super::database::{self, ACTOR, Fresh, Opened, plain};
use crate::config::Config;
use crate::store::Error;
use crate::web;
use anyhow::Context;
use clap::Subcommand;
use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;

/// Options of `tidegate user`.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, Subcommand)]
enum Command {
    /// Add a user; prints a one-time link with which they choose a password
    Add {
        /// The name to log in with
        #[arg(value_parser = database::name)]
        name: String,
        /// May change things beyond the quarantine
        #[arg(long)]
        admin: bool,
    },
    /// List them
    Ls {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Print a new one-time link for somebody who forgot their password
    Link {
        /// The name they log in with
        name: String,
    },
    /// Read a password from standard input and print its Argon2 hash, for `smtp.relays`
    Hash,
}

/// Runs it.
///
/// # Errors
/// The configuration, the database, or standard input.
pub(super) fn run(args: Args, global: &Global) -> anyhow::Result<ExitCode> {
    if let Command::Hash = args.command {
        return hash();
    }
    let fresh = if matches!(args.command, Command::Add { .. }) { Fresh::Made } else { Fresh::Refused };
    database::with(global, fresh, async |Opened { store, config }| {
        match args.command {
            Command::Add { name, admin } => {
                let id = store.add_user(&name, admin, ACTOR).await.map_err(|e| match e {
                    Error::Conflict(problem) if !name.trim().is_empty() => {
                        Error::Conflict(format!("{problem}: `tidegate user link NAME` gives them a new link"))
                    }
                    other => other,
                })?;
                println!("{}", web::login_link(&store, &config, id).await?);
                say_the_port(&config);
            }
            Command::Link { name } => {
                let user = store.user_named(&name).await?;
                let user = user.ok_or_else(|| Error::NotFound { kind: "user", name: format!("`{name}`") })?;
                println!("{}", web::login_link(&store, &config, user.id).await?);
                say_the_port(&config);
            }
            Command::Ls { json } => {
                let mut out = std::io::stdout().lock();
                for user in store.users().await? {
                    let has_password = user.password_hash.is_some();
                    if json {
                        let mut shown = serde_json::to_value(&user)?;
                        shown["has_password"] = has_password.into();
                        writeln!(out, "{shown}")?;
                    } else {
                        let admin = if user.admin { "  administrator" } else { "" };
                        let waits = if has_password { "" } else { "  (no password yet)" };
                        writeln!(out, "{}  {}{admin}{waits}", user.id, plain(&user.name))?;
                    }
                }
            }
            Command::Hash => unreachable!("it needs no database"),
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// A port that the system chose is known to the gateway alone.
fn say_the_port(config: &Config) {
    if config.web.public_url.is_empty() && config.web.listen.first().is_none_or(|address| address.port() == 0) {
        eprintln!("Put the address into it on which the gateway said that it listens (`listening web …`).");
    }
}

fn hash() -> anyhow::Result<ExitCode> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        eprint!("Password (it shows as you type; better: `tidegate user hash < FILE`): ");
    }
    let mut password = String::new();
    stdin.lock().read_line(&mut password).context("standard input is not readable as UTF-8 text")?;
    let password = password.trim_end_matches(['\r', '\n']);
    if let Some(complaint) = web::password::weakness(password) {
        eprintln!("tidegate: {complaint}");
        return Ok(ExitCode::FAILURE);
    }
    println!("{}", web::password::hash(password)?);
    Ok(ExitCode::SUCCESS)
}
