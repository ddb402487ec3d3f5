//! `tidegate org`: the organisations that get mail.

use super::Global;
use super::database::{self, Fresh, Opened, plain};
use clap::Subcommand;
use std::io::Write;
use std::process::ExitCode;

/// Options of `tidegate org`.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, Subcommand)]
enum Command {
    /// Add an organisation; prints its id
    Add {
        /// Its name; no two are the same
        #[arg(value_parser = database::name)]
        name: String,
        /// The organisation it is a part of
        #[arg(long, value_name = "ID or NAME")]
        parent: Option<String>,
    },
    /// List them
    Ls {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
}

/// Runs it.
///
/// # Errors
/// The configuration or the database.
pub(super) fn run(args: Args, global: &Global) -> anyhow::Result<ExitCode> {
    let fresh = if matches!(args.command, Command::Add { .. }) { Fresh::Made } else { Fresh::Refused };
    database::with(global, fresh, async |Opened { store, .. }| {
        match args.command {
            Command::Add { name, parent } => {
                let parent = match parent {
                    Some(parent) => Some(store.organisation(&parent).await?.id),
                    None => None,
                };
                println!("{}", store.add_organisation(&name, parent).await?);
            }
            Command::Ls { json } => {
                let all = store.organisations().await?;
                let mut out = std::io::stdout().lock();
                for o in &all {
                    if json {
                        writeln!(out, "{}", serde_json::to_string(o)?)?;
                    } else {
                        let parent = o.parent.and_then(|id| all.iter().find(|p| p.id == id));
                        let parent = parent.map(|p| format!("  (part of {})", plain(&p.name))).unwrap_or_default();
                        writeln!(out, "{}  {}{parent}", o.id, plain(&o.name))?;
                    }
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}
