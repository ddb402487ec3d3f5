//! `tidegate corpus`: check, list and add samples of misbehaving mail.
//!
//! # Failure
//! `check` exits 1 when an expectation does not hold or a sample is not whole, and names each.

use super::Global;
use crate::corpus::{self, NewSample};
use clap::Subcommand;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

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
    /// Hold every sample against what a person says is right
    Check {
        /// One JSON object a miss, and one with the totals
        #[arg(long)]
        json: bool,
    },
    /// List the samples
    List {
        /// One JSON object a sample
        #[arg(long)]
        json: bool,
    },
    /// Make a sample of a mail, with what is read now as its expectation
    Add {
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
    },
}

/// Runs it.
///
/// # Errors
/// The corpus can't be read, or a sample can't be written.
pub(crate) fn run(args: Args, _global: &Global) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Check { json } => check(&args.corpus, json),
        Command::List { json } => list(&args.corpus, json),
        Command::Add { path, family, name, what, origin, private } => {
            let raw = std::fs::read(&path).map_err(|e| anyhow::anyhow!("{}: {e}", path.display()))?;
            let root = if private { args.corpus.join("private") } else { args.corpus };
            let today = jiff::Timestamp::now().to_string();
            let added = today.get(..10).unwrap_or_default();
            let new = NewSample { family: &family, slug: &name, what: &what, origin: &origin, added, raw: &raw };
            let folder = corpus::add(&root, &new)?;
            println!("{}", corpus::snapshot(&raw));
            println!("\n{}: written, with the mail as it is: names and addresses are still in it.", folder.display());
            println!(
                "Wrong? Put the right value under [expect] in sample.toml; that makes a failing test, which is a perfect bug report."
            );
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn check(root: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let mut out = BufWriter::new(io::stdout().lock());
    let (mut samples, mut whole, mut count, mut held, mut broken) = (0, 0, 0, 0, 0);
    for loaded in corpus::load(root)? {
        samples += 1;
        match loaded {
            Ok(sample) => {
                let (expectations, misses) = corpus::check(&sample);
                count += expectations;
                held += expectations - misses.len();
                whole += usize::from(misses.is_empty());
                for miss in misses {
                    if json {
                        serde_json::to_writer(&mut out, &miss)?;
                        writeln!(out)?;
                    } else {
                        writeln!(out, "{miss}\n")?;
                    }
                }
            }
            Err(error) => {
                broken += 1;
                if json {
                    serde_json::to_writer(&mut out, &serde_json::json!({ "error": error.to_string() }))?;
                    writeln!(out)?;
                } else {
                    writeln!(out, "{error}\n")?;
                }
            }
        }
    }
    if json {
        let totals = serde_json::json!({
            "samples": samples, "samples_held": whole, "broken": broken, "expectations": count, "expectations_held": held,
        });
        writeln!(out, "{totals}")?;
    } else {
        let share = if samples > 0 { 100.0 * f64::from(whole as u32) / f64::from(samples) } else { 0.0 };
        writeln!(
            out,
            "{whole} of {samples} samples hold ({share:.1} %), {held} of {count} expectations; {broken} samples are not whole"
        )?;
    }
    out.flush()?;
    Ok(if held == count && broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn list(root: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut broken = false;
    for loaded in corpus::load(root)? {
        match loaded {
            Ok(sample) if json => {
                let row = serde_json::json!({
                    "name": sample.name, "what": sample.what, "origin": sample.origin, "bytes": sample.raw.len(),
                });
                writeln!(out, "{row}")?;
            }
            Ok(sample) => writeln!(out, "{:<44} {}", sample.name, sample.what)?,
            Err(error) => {
                out.flush()?;
                eprintln!("tidegate: {error}");
                broken = true;
            }
        }
    }
    out.flush()?;
    Ok(if broken { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
