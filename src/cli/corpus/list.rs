//! `tidegate corpus list`: which samples there are, and what they cover.
//!
//! # Failure
//! A sample that is not whole is named on standard error, and the exit code is 1.

use crate::corpus::{self, Coverage};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

/// Options of `tidegate corpus list`.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// One JSON object a sample, and one with what they cover
    #[arg(long)]
    json: bool,
}

/// Runs it.
///
/// # Errors
/// The corpus can't be read, or standard output can't be written.
pub(super) fn run(args: &Args, root: &Path) -> anyhow::Result<ExitCode> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut samples = Vec::new();
    let mut broken = false;
    for loaded in corpus::load(root)? {
        match loaded {
            Ok(sample) => samples.push(sample),
            Err(error) => {
                eprintln!("tidegate: {error}");
                broken = true;
            }
        }
    }
    let coverage = Coverage::of(&samples);
    for sample in &samples {
        if args.json {
            let row = serde_json::json!({
                "name": sample.name, "family": sample.family(), "what": sample.what, "origin": sample.origin,
                "evidence": sample.evidence, "language": sample.language, "program": sample.program, "added": sample.added,
                "mails": sample.mails.len(), "bytes": sample.mails.iter().map(|m| m.raw.len()).sum::<usize>(),
            });
            writeln!(out, "{row}")?;
        } else {
            writeln!(out, "{:<44} {}", sample.name, sample.what)?;
        }
    }
    if args.json {
        writeln!(out, "{}", serde_json::json!({ "coverage": coverage }))?;
    } else {
        writeln!(out, "\n{coverage}")?;
    }
    out.flush()?;
    Ok(if broken { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
