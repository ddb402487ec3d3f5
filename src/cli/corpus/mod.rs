//! `tidegate corpus`: check, list and add samples of misbehaving mail.
//!
//! # Failure
//! `check` exits 1 when an expectation does not hold or a sample is not whole, and names each.

mod add;
mod check;
mod kpi;
mod list;
mod mangle;
mod scrub;

use super::Global;
use clap::Subcommand;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Exit code of wrong use.
const USED_WRONGLY: u8 = 2;

/// That there are no samples where they were looked for.
fn absent(corpus: &Path) -> String {
    format!("there is no folder `{}` here: go to Tidegate's source folder first, or say --corpus FOLDER", corpus.display())
}

/// Options of `tidegate corpus`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// The folder of the samples
    #[arg(long, global = true, default_value = "corpus", value_name = "FOLDER")]
    corpus: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, Subcommand)]
enum Command {
    /// Hold every sample against what a person says is right, and mangled mails against their truth
    Check(check::Args),
    /// List the samples
    List(list::Args),
    /// Make a sample of a mail (or of the mails of a conversation), with what is read now as its expectation
    Add(add::Args),
    /// Odd mails whose truth is known: what real programs and relays do, from a seed
    Mangle(mangle::Args),
    /// Replace names, addresses, words and numbers in a mail, and keep every oddity
    Scrub(scrub::Args),
}

/// Runs it.
///
/// # Errors
/// The corpus can't be read, or a sample can't be written.
pub(crate) fn run(args: Args, global: &Global) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Check(_) | Command::List(_) if !args.corpus.is_dir() => {
            eprintln!("tidegate: {}", absent(&args.corpus));
            Ok(ExitCode::from(USED_WRONGLY))
        }
        Command::Check(check) => check::run(&check, &args.corpus),
        Command::List(list) => list::run(&list, &args.corpus),
        Command::Add(add) => add::run(&add, &args.corpus, global),
        Command::Mangle(mangle) => mangle::run(&mangle),
        Command::Scrub(scrub) => scrub::run(&scrub),
    }
}
