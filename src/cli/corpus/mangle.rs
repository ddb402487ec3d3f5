//! `tidegate corpus mangle`: odd mails whose truth is known, as many as one likes.
//!
//! # Failure
//! A number that is none, a folder or file that can't be written, and a file that can't be read are named.

use crate::corpus::generate::Dice;
use crate::corpus::kpi;
use crate::corpus::mangle::{Apply, Specimen, manglings};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Options of `tidegate corpus mangle`.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// List the manglings, and what they are known from
    #[arg(long)]
    list: bool,
    /// One JSON object a line, also for `--list`
    #[arg(long)]
    json: bool,
    /// Another seed gives other mails
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// How many numbers, from 0; one is a mail, or the mails of some small conversations
    #[arg(long, default_value_t = 10, value_name = "N")]
    count: u64,
    /// This mail alone, such as 123, or 129.2 for one of several: its bytes on standard output
    #[arg(long, value_name = "NUMBER")]
    only: Option<String>,
    /// With --only: what is right about it, instead of its bytes
    #[arg(long)]
    truth: bool,
    /// Write NUMBER.eml and NUMBER.json into this folder
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Mails that relays shall mangle: only what leaves their truth as it is, so that readings before and after must be equal
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Runs it.
///
/// # Errors
/// A file can't be read or written.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut out = BufWriter::new(io::stdout().lock());
    if args.list {
        list(args.json, &mut out)?;
    } else if let Some(number) = &args.only {
        only(args, number, &mut out)?;
    } else if args.files.is_empty() {
        for number in 0..args.count {
            let mails = kpi::mails(args.seed, number);
            let several = mails.len() > 1;
            for (nth, specimen) in mails.iter().enumerate() {
                let name = if several { format!("{number}.{nth}") } else { number.to_string() };
                let folder = args.out.as_deref();
                hand_out(&name, &specimen.raw, &described(&name, args.seed, specimen), folder, &mut out)?;
            }
        }
    } else {
        for path in &args.files {
            relay(path, args, &mut out)?;
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn list(json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    for m in manglings() {
        if json {
            let row = serde_json::json!({ "name": m.name, "known_from": m.known_from, "what": m.what });
            writeln!(out, "{row}")?;
        } else {
            writeln!(out, "{:<36} {} (known from: {})", m.name, m.what, m.known_from)?;
        }
    }
    if !json {
        writeln!(out, "\n{} manglings", manglings().count())?;
    }
    Ok(())
}

fn only(args: &Args, number: &str, out: &mut impl Write) -> anyhow::Result<()> {
    let (unit, nth) = number.split_once('.').unwrap_or((number, "0"));
    let (Ok(unit), Ok(nth)) = (unit.parse::<u64>(), nth.parse::<usize>()) else {
        anyhow::bail!("`{number}` is no number of a mail, such as 123 or 129.2");
    };
    let mails = kpi::mails(args.seed, unit);
    let Some(specimen) = mails.get(nth) else { anyhow::bail!("number {unit} has {} mails, counted from 0", mails.len()) };
    if args.truth || args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&described(number, args.seed, specimen))?)?;
    } else {
        out.write_all(&specimen.raw)?;
    }
    Ok(())
}

fn described(number: &str, seed: u64, specimen: &Specimen) -> serde_json::Value {
    let manglings: Vec<&str> = specimen.manglings.iter().map(|m| m.name).collect();
    serde_json::json!({
        "number": number, "seed": seed, "language": specimen.language, "program": specimen.program, "shape": specimen.shape,
        "manglings": manglings, "truth": specimen.truth,
    })
}

/// Into the folder, or as one line with the mail in base64.
fn hand_out(
    name: &str,
    raw: &[u8],
    described: &serde_json::Value,
    folder: Option<&Path>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let Some(folder) = folder else {
        let mut row = described.clone();
        row["raw"] = data_encoding::BASE64.encode(raw).into();
        writeln!(out, "{row}")?;
        return Ok(());
    };
    fs::create_dir_all(folder).map_err(|e| anyhow::anyhow!("{}: {e}", folder.display()))?;
    for (ending, bytes) in [("eml", raw), ("json", serde_json::to_string_pretty(described)?.as_bytes())] {
        let path = folder.join(format!("{name}.{ending}"));
        File::create(&path).and_then(|mut f| f.write_all(bytes)).map_err(|e| anyhow::anyhow!("{}: {e}", path.display()))?;
    }
    Ok(())
}

/// One mangling of the bytes each, to a mail whose truth is not known here.
fn relay(path: &Path, args: &Args, out: &mut impl Write) -> anyhow::Result<()> {
    let raw = fs::read(path).map_err(|e| anyhow::anyhow!("{}: {e}", path.display()))?;
    let stem = path.file_stem().map_or_else(String::new, |s| s.display().to_string());
    for (n, mangling) in manglings().enumerate() {
        let Apply::Wire(apply) = mangling.apply else { continue };
        let mut mangled = raw.clone();
        let mut dice = Dice::new(args.seed, n as u64);
        if apply(&mut mangled, &mut crate::corpus::generate::Truth::default(), &mut dice) {
            let name = format!("{stem}-{}", mangling.name);
            let row = serde_json::json!({ "number": name, "of": path.display().to_string(), "manglings": [mangling.name] });
            hand_out(&name, &mangled, &row, args.out.as_deref(), out)?;
        }
    }
    Ok(())
}
