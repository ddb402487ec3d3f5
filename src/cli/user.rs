//! `tidegate user`: people who may look at the review pages, and password hashes for relays.

use super::Global;
use super::database::{self, ACTOR, Opened, plain};
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
    database::with(global, async |Opened { store, config }| {
        match args.command {
            Command::Add { name, admin } => {
                let id = store.add_user(&name, admin, ACTOR).await?;
                println!("{}", web::login_link(&store, &config, id).await?);
            }
            Command::Link { name } => {
                let user = store.user_named(&name).await?;
                let user = user.ok_or_else(|| Error::NotFound { kind: "user", name: format!("`{name}`") })?;
                println!("{}", web::login_link(&store, &config, user.id).await?);
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
