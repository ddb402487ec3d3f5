//! `tidegate corpus scrub`: a mail without its people.
//!
//! # Failure
//! A mail that reads otherwise afterwards is written all the same; what differs is told on standard error, and the exit
//! code is 1.

use crate::corpus;
use anyhow::Context;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Options of `tidegate corpus scrub`.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// The mails; what is the same in several stays the same; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    paths: Vec<PathBuf>,
    /// Where to: a new file for one mail, a folder for several; else standard output
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
    /// The same seed gives the same words; who knows it can try which names they stand for [default: a random one]
    #[arg(long)]
    seed: Option<u64>,
}

/// Runs it.
///
/// # Errors
/// A mail can't be read, or the result can't be written.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let from = |path: &Path| {
        let mut mail = Vec::new();
        if path == Path::new("-") { io::stdin().lock().read_to_end(&mut mail).map(|_| mail) } else { std::fs::read(path) }
    };
    let read = |path: &PathBuf| from(path).with_context(|| path.display().to_string());
    let mails: Vec<Vec<u8>> = args.paths.iter().map(read).collect::<Result<_, _>>()?;
    anyhow::ensure!(mails.len() == 1 || args.out.is_some(), "several mails need a folder to go to: --out FOLDER");
    let scrubbed = corpus::scrub(&mails, seed(args.seed)?);
    for ((path, mail), differs) in args.paths.iter().zip(&scrubbed.mails).zip(&scrubbed.differs) {
        match &args.out {
            None => io::stdout().lock().write_all(mail)?,
            Some(out) if mails.len() == 1 && !out.is_dir() => create(out, mail)?,
            Some(folder) => {
                std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
                create(&folder.join(path.file_name().unwrap_or_default()), mail)?;
            }
        }
        if !differs.is_empty() {
            eprintln!("{}: reads otherwise than before: {}", path.display(), differs.join(", "));
        }
    }
    eprintln!("Look at the result before anybody else does: pictures, signatures and what a writer tells are still his.");
    let same = scrubbed.differs.iter().all(Vec::is_empty);
    Ok(if same { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The seed that was given, or one that nobody knows.
pub(super) fn seed(given: Option<u64>) -> anyhow::Result<u64> {
    given.map_or_else(|| getrandom::u64().map_err(|e| anyhow::anyhow!("no random number: {e}")), Ok)
}

/// A new file: what is there is never overwritten.
fn create(path: &Path, mail: &[u8]) -> anyhow::Result<()> {
    let written = File::create_new(path).and_then(|mut f| f.write_all(mail));
    written.with_context(|| format!("{}: can't be written", path.display()))
}
