//! `tidegate mailbox`: which addresses get mail, and whose they are.

use super::Global;
use super::database::{self, Fresh, Opened, plain};
use crate::store::Error;
use clap::Subcommand;
use std::io::Write;
use std::process::ExitCode;

/// Options of `tidegate mailbox`.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, Subcommand)]
enum Command {
    /// Add a mailbox; prints its id. A running gateway takes mail for it within a second or two
    Add {
        /// Whose it is: an id or a name
        organisation: String,
        /// An address (a@b.example), a domain (@b.example), a pattern (reply+*@b.example) or @ for everything
        address: String,
    },
    /// List them
    Ls {
        /// Of this organisation only
        #[arg(long, value_name = "ID or NAME")]
        organisation: Option<String>,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Remove one: new mail for it is refused, what it received stays
    Rm {
        /// Its id or its address
        mailbox: String,
    },
}

/// Runs it.
///
/// # Errors
/// The configuration or the database.
pub(super) fn run(args: Args, global: &Global) -> anyhow::Result<ExitCode> {
    // Before a mailbox there is its organisation.
    database::with(global, Fresh::Refused, async |Opened { store, .. }| {
        match args.command {
            Command::Add { organisation, address } => {
                let organisation = store.organisation(&organisation).await?;
                match store.add_mailbox(organisation.id, &address).await {
                    Err(Error::Conflict(problem)) => {
                        let taken = store.mailboxes().await?.into_iter().find(|m| m.address == address.trim().to_lowercase());
                        let names = store.organisations().await?;
                        let owner = taken.and_then(|m| names.into_iter().find(|o| o.id == m.organisation));
                        let owner = owner.map(|o| format!(", of `{}`: `tidegate mailbox rm` first", plain(&o.name)));
                        return Err(Error::Conflict(problem + &owner.unwrap_or_default()).into());
                    }
                    added => println!("{}", added?),
                }
            }
            Command::Ls { organisation, json } => {
                let only = match organisation {
                    Some(organisation) => Some(store.organisation(&organisation).await?.id),
                    None => None,
                };
                let names = store.organisations().await?;
                let mut out = std::io::stdout().lock();
                for m in store.mailboxes().await?.iter().filter(|m| only.is_none_or(|only| only == m.organisation)) {
                    if json {
                        writeln!(out, "{}", serde_json::to_string(m)?)?;
                    } else {
                        let owner = names.iter().find(|o| o.id == m.organisation);
                        let owner = owner.map(|o| plain(&o.name)).unwrap_or_default();
                        writeln!(out, "{}  {}  {owner}", m.id, plain(&m.address))?;
                    }
                }
            }
            Command::Rm { mailbox } => {
                let address = mailbox.to_lowercase();
                let found = store.mailboxes().await?.into_iter().find(|m| m.address == address || m.id.to_string() == address);
                let found = found.ok_or_else(|| Error::NotFound { kind: "mailbox", name: format!("`{mailbox}`") })?;
                store.remove_mailbox(found.id).await?;
                eprintln!("removed {}", plain(&found.address));
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}
