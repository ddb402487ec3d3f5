//! `tidegate journal`: looks into the journal. Reads only, also while the gateway runs.
//!
//! What it prints holds ids, never addresses; `cat` prints the mail itself, which is what it is for.

use super::Global;
use crate::journal::{Error, Reader, State, Verification};
use crate::mail::{OrganisationId, Position};
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::io::{self, Write};
use std::process::ExitCode;

/// Entries read at once; what was printed is not kept.
const ENTRIES_AT_ONCE: usize = 500;

/// Options of `tidegate journal`.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Clone, Subcommand)]
enum What {
    /// List the mails in it
    Ls {
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
        /// Begin at this position
        #[arg(long, value_name = "POSITION", default_value_t = Position::START, hide_default_value = true)]
        from: Position,
        /// At most this many
        #[arg(long, value_name = "N", default_value_t = usize::MAX, hide_default_value = true)]
        limit: usize,
    },
    /// Print one raw mail, byte for byte
    Cat {
        /// Sixteen hexadecimal digits, as in the reply after DATA
        position: Position,
    },
    /// Check every checksum; exit code 1 and a list when something does not pass
    Verify {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

/// Runs it. Exit code 1 when something is damaged or the mail is not there.
///
/// # Errors
/// There is no journal, or the disk.
pub(super) fn run(args: Args, global: &Global) -> anyhow::Result<ExitCode> {
    let config = global.load()?;
    let reader = Reader::open(&config.journal_dir())
        .map_err(|e| config.invalid("data.dir", format!("names a folder whose journal can't be read: {e}")))?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let done = match args.what {
        What::Ls { json, from, limit } => list(&reader, &mut out, json, from, limit),
        What::Cat { position } => cat(&reader, &mut out, position),
        What::Verify { json } => verify(&reader, &mut out, json),
    };
    match done.and_then(|code| Ok(out.flush().map(|()| code)?)) {
        // Whoever read our output has seen enough.
        Err(e) if e.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) => Ok(ExitCode::SUCCESS),
        other => other,
    }
}

/// A line of `tidegate journal ls --json`.
#[derive(Debug, Serialize)]
struct Line {
    position: Position,
    received_at: String,
    bytes: u64,
    recipients: usize,
    organisations: Vec<OrganisationId>,
    /// `done`, `waiting` or `erased`.
    state: &'static str,
    /// How many times reading it was begun, while it waits.
    attempts: u32,
}

fn list(reader: &Reader, out: &mut dyn Write, json: bool, from: Position, limit: usize) -> anyhow::Result<ExitCode> {
    let (mut at, mut left, mut code) = (from, limit, ExitCode::SUCCESS);
    while left > 0 {
        let entries = match reader.entries(at, left.min(ENTRIES_AT_ONCE)) {
            Ok(entries) => entries,
            Err(damage @ Error::Damaged { resume, .. }) => {
                eprintln!("tidegate: {damage}");
                code = ExitCode::from(1);
                at = resume;
                continue;
            }
            Err(e) => return Err(e.into()),
        };
        let Some(last) = entries.last() else { break };
        at = last.next;
        left -= entries.len();
        for entry in &entries {
            let (state, attempts) = match (entry.erased, reader.state(entry.position)) {
                (true, _) => ("erased", 0),
                (false, State::Done) => ("done", 0),
                (false, State::Waiting { attempts }) => ("waiting", attempts),
            };
            let line = Line {
                position: entry.position,
                received_at: rfc3339(entry.envelope.received_at_us),
                bytes: entry.body_len,
                recipients: entry.envelope.recipients.len(),
                organisations: entry.envelope.organisations(),
                state,
                attempts,
            };
            if json {
                serde_json::to_writer(&mut *out, &line).map_err(io::Error::from)?;
                writeln!(out)?;
            } else {
                let Line { position, received_at, bytes, recipients, .. } = line;
                let begun = if attempts > 0 { format!(", begun {attempts} times") } else { String::new() };
                writeln!(out, "{position}  {received_at}  {bytes:>10} bytes  {recipients:>4} recipients  {state}{begun}")?;
            }
        }
    }
    Ok(code)
}

fn cat(reader: &Reader, out: &mut dyn Write, position: Position) -> anyhow::Result<ExitCode> {
    let mut body = match reader.stream(position) {
        Ok(body) => body,
        Err(e) => {
            eprintln!("tidegate: {e}");
            return Ok(ExitCode::from(1));
        }
    };
    match io::copy(&mut body, out) {
        Ok(_) => Ok(ExitCode::SUCCESS),
        Err(e) if e.kind() == io::ErrorKind::InvalidData => {
            // The last piece is held back, so that it never looks whole.
            out.flush()?;
            eprintln!("tidegate: {e}");
            Ok(ExitCode::from(1))
        }
        Err(e) => Err(e.into()),
    }
}

/// What `tidegate journal verify --json` prints.
#[derive(Debug, Serialize)]
struct Report {
    journal: String,
    segments: u64,
    mails: u64,
    bytes: u64,
    erased: u64,
    damages: Vec<DamageLine>,
}

#[derive(Debug, Serialize)]
struct DamageLine {
    at: Position,
    resume: Position,
    what: &'static str,
}

fn verify(reader: &Reader, out: &mut dyn Write, json: bool) -> anyhow::Result<ExitCode> {
    // Drawn on standard error, and only on a terminal.
    let bar =
        ProgressBar::new(0).with_style(ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}")?);
    let Verification { segments, mails, bytes, erased, damages } = reader.verify(&mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    let code = if damages.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) };
    if json {
        let damages = damages.iter().map(|d| DamageLine { at: d.at, resume: d.resume, what: d.what }).collect();
        let report = Report { journal: reader.id().to_string(), segments, mails, bytes, erased, damages };
        serde_json::to_writer(&mut *out, &report).map_err(io::Error::from)?;
        writeln!(out)?;
        return Ok(code);
    }
    for d in &damages {
        writeln!(out, "{}  {}; reading goes on at {}", d.at, d.what, d.resume)?;
    }
    let verdict = match damages.len() {
        0 => "every checksum passes".to_owned(),
        1 => "1 PLACE IS DAMAGED".to_owned(),
        n => format!("{n} PLACES ARE DAMAGED"),
    };
    writeln!(out, "{mails} mails ({bytes} bytes, {erased} erased) in {segments} segments: {verdict}")?;
    Ok(code)
}

fn rfc3339(us: i64) -> String {
    jiff::Timestamp::from_microsecond(us).map_or_else(|_| format!("{us} µs"), |t| t.to_string())
}
