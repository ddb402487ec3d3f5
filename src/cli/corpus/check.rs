//! `tidegate corpus check`: every sample held against what a person says is right, and as many mangled mails
//! as one likes against their truth.
//!
//! # Failure
//! Exits 1 when a sample does not hold or is not whole, and names each. A reader that panics on a sample is a miss of that sample.

use super::kpi;
use crate::corpus;
use crate::corpus::kpi::Count;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

/// Options of `tidegate corpus check`.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// Only the samples with one of these in their names, such as `charset/` or `outlook`, and no mangled mails unless
    /// --mangled says so
    #[arg(value_name = "SAMPLE")]
    names: Vec<String>,
    /// One JSON object a miss, and one with the totals
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    kpi: kpi::Mangled,
}

/// Runs it.
///
/// # Errors
/// The corpus can't be read, or standard output can't be written.
pub(super) fn run(args: &Args, root: &Path) -> anyhow::Result<ExitCode> {
    let json = args.json;
    let mut out = BufWriter::new(io::stdout().lock());
    let (mut samples, mut whole, mut count, mut held, mut broken) = (0_u64, 0_u64, 0, 0, 0);
    let began = Instant::now();
    let is_wanted = |loaded: &Result<corpus::Sample, corpus::SampleError>| match loaded {
        Ok(sample) => args.names.is_empty() || args.names.iter().any(|n| sample.name.contains(n.as_str())),
        Err(error) => args.names.is_empty() || args.names.iter().any(|n| error.to_string().contains(n.as_str())),
    };
    for loaded in corpus::load(root)?.into_iter().filter(is_wanted) {
        samples += 1;
        let missing = loaded.as_ref().ok().and_then(corpus::Sample::missing);
        let loaded = loaded.map_err(|error| error.to_string());
        if let Some(error) = loaded.as_ref().err().or(missing.as_ref()) {
            broken += 1;
            if json {
                serde_json::to_writer(&mut out, &serde_json::json!({ "error": error }))?;
                writeln!(out)?;
            } else {
                writeln!(out, "{error}\n")?;
            }
        }
        let Ok(sample) = loaded else { continue };
        let (expectations, misses) = corpus::check(&sample);
        count += expectations;
        held += expectations - misses.len();
        whole += u64::from(misses.is_empty());
        for miss in misses {
            if json {
                serde_json::to_writer(&mut out, &miss)?;
                writeln!(out)?;
            } else {
                writeln!(out, "{miss}\n")?;
            }
        }
    }
    if samples == 0 {
        eprintln!("tidegate: no sample has `{}` in its name; `tidegate corpus list` shows them all", args.names.join("` or `"));
        return Ok(ExitCode::FAILURE);
    }
    if !json {
        writeln!(out, "{} read in {:.2} s", counted(samples, "sample"), began.elapsed().as_secs_f64())?;
    }
    if json {
        let totals = serde_json::json!({
            "samples": samples, "samples_held": whole, "broken": broken, "expectations": count, "expectations_held": held,
        });
        writeln!(out, "{totals}")?;
    } else {
        #[allow(clippy::cast_precision_loss)] // counts of files
        let share = if samples > 0 { 100.0 * whole as f64 / samples as f64 } else { 0.0 };
        writeln!(
            out,
            "{whole} of {} {} ({share:.1} %), {held} of {}{}",
            counted(samples, "sample"),
            if samples == 1 { "holds" } else { "hold" },
            counted(count as u64, "expectation"),
            match broken {
                0 => String::new(),
                1 => "; 1 sample is not whole".to_owned(),
                n => format!("; {n} samples are not whole"),
            }
        )?;
    }
    let found = kpi::Samples { count: Count { mails: samples, wrong: samples - whole } };
    let reached = kpi::run(&args.kpi, !args.names.is_empty(), json, found, &mut out)?;
    out.flush()?;
    Ok(if held == count && broken == 0 && reached { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// `1 sample`, `2 samples`.
fn counted(n: u64, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn one_is_not_many() {
        assert_eq!([0, 1, 2].map(|n| counted(n, "sample")), ["0 samples", "1 sample", "2 samples"]);
    }
}
