//! `tidegate corpus add`: a mail that was handled wrongly becomes a sample.

use crate::corpus::{self, NewSample};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Options of `tidegate corpus add`.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// The mail
    path: PathBuf,
    /// The family, such as `charset`, `structure`, `headers`
    #[arg(long = "in", value_name = "FAMILY")]
    family: String,
    /// The sample's name
    #[arg(long)]
    name: String,
    /// What is odd about it, in a sentence
    #[arg(long)]
    what: String,
    /// Where it is from
    #[arg(long, default_value = "support ticket")]
    origin: String,
    /// Keep it out of git, under `private`
    #[arg(long)]
    private: bool,
}

/// Runs it.
///
/// # Errors
/// The mail can't be read, or the sample can't be written.
pub(super) fn run(args: &Args, corpus: &Path) -> anyhow::Result<ExitCode> {
    let raw = std::fs::read(&args.path).map_err(|e| anyhow::anyhow!("{}: {e}", args.path.display()))?;
    let root = if args.private { corpus.join("private") } else { corpus.to_owned() };
    let today = jiff::Timestamp::now().to_string();
    let added = today.get(..10).unwrap_or_default();
    let new = NewSample { family: &args.family, slug: &args.name, what: &args.what, origin: &args.origin, added, raw: &raw };
    let folder = corpus::add(&root, &new)?;
    println!("{}", corpus::snapshot(&raw));
    println!("\n{}: written, with the mail as it is: names and addresses are still in it.", folder.display());
    println!(
        "Wrong? Put the right value under [expect] in sample.toml; that makes a failing test, which is a perfect bug report."
    );
    Ok(ExitCode::SUCCESS)
}
