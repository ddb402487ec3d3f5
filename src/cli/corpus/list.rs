//! `tidegate corpus list`: which samples there are.

use crate::corpus;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

/// Options of `tidegate corpus list`.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// One JSON object a sample
    #[arg(long)]
    json: bool,
}

/// Runs it.
///
/// # Errors
/// The corpus can't be read, or standard output can't be written.
pub(super) fn run(args: &Args, root: &Path) -> anyhow::Result<ExitCode> {
    let json = args.json;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut broken = false;
    for loaded in corpus::load(root)? {
        match loaded {
            Ok(sample) if json => {
                let row = serde_json::json!({
                    "name": sample.name, "what": sample.what, "origin": sample.origin, "bytes": sample.mails.iter().map(|m| m.raw.len()).sum::<usize>(),
                    "mails": sample.mails.len(),
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
