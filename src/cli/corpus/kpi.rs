//! The part of `tidegate corpus check` that is about mails without end: the share read wrongly, and how sure it is.
//!
//! # Failure
//! Exits 1 when the bound is above `--goal`; a README without the marks is an error that shows them.

use crate::corpus::kpi::bound::upper_bound;
use crate::corpus::kpi::readme::{BEGIN, END, with_figures};
use crate::corpus::kpi::{Count, Report, measure};
use crate::limits::Limits;
use crate::normalize::READER_VERSION;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Options about mangled mails.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Mangled {
    /// Generate and mangle so many mails besides the samples; 0: samples alone [default: 3000]
    #[arg(long, value_name = "N")]
    mangled: Option<u64>,
    /// Of the mangled mails
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Exit with 1 when the one-sided 95 % upper bound of the share is above so many percent
    #[arg(long, value_name = "PERCENT")]
    goal: Option<f64>,
    /// Write the figures between the two marks in this file
    #[arg(long, value_name = "FILE")]
    readme: Option<PathBuf>,
    /// Show so many of the mangled mails that were read wrongly
    #[arg(long, default_value_t = 20, value_name = "N")]
    misses: usize,
    /// The tables by language, program, structure and mangling, also where nothing was wrong
    #[arg(long)]
    tables: bool,
}

/// What the samples gave.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Samples {
    /// Those that are whole.
    pub(super) count: Count,
}

/// Mangled mails where nothing is said.
const MANGLED: u64 = 3_000;

/// Measures, prints, and says whether the goal is met. Of single samples there is no share to tell.
///
/// # Errors
/// Standard output or README can't be written, or README has no marks.
pub(super) fn run(args: &Mangled, single: bool, json: bool, samples: Samples, out: &mut impl Write) -> anyhow::Result<bool> {
    if single && args.mangled.is_none() && args.goal.is_none() && args.readme.is_none() {
        return Ok(true);
    }
    let report = measure(args.seed, args.mangled.unwrap_or(MANGLED), &Limits::default());
    let all = Count { mails: report.mangled.mails + samples.count.mails, wrong: report.mangled.wrong + samples.count.wrong };
    if json {
        for miss in &report.misses {
            serde_json::to_writer(&mut *out, miss)?;
            writeln!(out)?;
        }
        writeln!(out, "{}", as_json(&report, samples, all))?;
    } else {
        print(args, &report, samples, all, out)?;
    }
    if let Some(path) = &args.readme {
        write_readme(path, &figures(&report, samples, all))?;
    }
    Ok(args.goal.is_none_or(|goal| 100.0 * upper_bound(all.wrong, all.mails, 0.05) <= goal))
}

#[allow(clippy::cast_precision_loss)] // counts of mails are far below 2^52
fn percent(count: Count) -> f64 {
    if count.mails == 0 { 0.0 } else { 100.0 * count.wrong as f64 / count.mails as f64 }
}

fn as_json(report: &Report, samples: Samples, all: Count) -> serde_json::Value {
    serde_json::json!({
        "kpi": {
            "seed": report.seed, "reader": READER_VERSION, "mails": all.mails, "wrong": all.wrong,
            "share_percent": percent(all),
            "bound_percent_one_sided": 100.0 * upper_bound(all.wrong, all.mails, 0.05),
            "bound_percent_two_sided": 100.0 * upper_bound(all.wrong, all.mails, 0.025),
            "samples": samples.count, "mangled": report.mangled, "in_conversations": report.in_conversations,
            "families": report.families, "languages": report.languages, "programs": report.programs,
            "shapes": report.shapes, "manglings": report.manglings, "fields": report.fields,
        }
    })
}

fn print(args: &Mangled, report: &Report, samples: Samples, all: Count, out: &mut impl Write) -> io::Result<()> {
    for miss in report.misses.iter().take(args.misses) {
        writeln!(
            out,
            "mail {} ({}, {}, {}): {}",
            miss.number,
            miss.language,
            miss.program,
            miss.shape,
            if miss.manglings.is_empty() { "as it was written".to_owned() } else { miss.manglings.join(" + ") }
        )?;
        for wrong in &miss.wrong {
            writeln!(out, "  {}\n    expected {:?}\n    got      {:?}", wrong.field, wrong.expected, wrong.got)?;
        }
        writeln!(out, "  again: {}\n", miss.again)?;
    }
    if report.misses.len() > args.misses {
        writeln!(out, "… and {} more (--misses N, --json)\n", report.misses.len() - args.misses)?;
    }
    let tables = [
        ("family", &report.families),
        ("language", &report.languages),
        ("program", &report.programs),
        ("structure", &report.shapes),
        ("mangling", &report.manglings),
    ];
    for (title, table) in tables {
        for (name, count) in table.iter().filter(|(_, c)| args.tables || c.wrong > 0) {
            writeln!(out, "{title:<10} {name:<40} {:>6} mails {:>5} wrong {:>8.3} %", count.mails, count.wrong, percent(*count))?;
        }
    }
    for (field, count) in &report.fields {
        writeln!(out, "field      {field:<40} {count:>6} wrong")?;
    }
    writeln!(out, "{}", figures(report, samples, all))
}

/// The figures as README has them. No clock: the seed and the reader's version say what was measured.
fn figures(report: &Report, samples: Samples, all: Count) -> String {
    let mut text = String::new();
    let _ = write!(
        text,
        "**{} of {} mails read wrongly ({:.4} %)**; with 95 % confidence the share is below **{:.4} %** (exact binomial, one-sided; \
         two-sided {:.4} %).\n\n\
         {} samples and {} generated mails ({} of them in small conversations), {} languages, {} programs, {} manglings; seed {}, \
         reader version {}.",
        grouped(all.wrong),
        grouped(all.mails),
        percent(all),
        100.0 * upper_bound(all.wrong, all.mails, 0.05),
        100.0 * upper_bound(all.wrong, all.mails, 0.025),
        grouped(samples.count.mails),
        grouped(report.mangled.mails),
        grouped(report.in_conversations.mails),
        report.languages.len(),
        report.programs.len(),
        report.manglings.len(),
        report.seed,
        READER_VERSION
    );
    text
}

/// `20,000`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn write_readme(path: &Path, figures: &str) -> anyhow::Result<()> {
    let text = fs::read_to_string(path).map_err(|e| anyhow::anyhow!("{}: {e}", path.display()))?;
    let Some(text) = with_figures(&text, figures) else {
        anyhow::bail!("{}: the figures go between `{BEGIN}` and `{END}`; put these lines where they shall stand", path.display());
    };
    File::create(path).and_then(|mut f| f.write_all(text.as_bytes())).map_err(|e| anyhow::anyhow!("{}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn large_numbers_are_grouped() {
        assert_eq!([0, 999, 1_000, 20_000, 1_234_567].map(super::grouped), ["0", "999", "1,000", "20,000", "1,234,567"]);
    }
}
