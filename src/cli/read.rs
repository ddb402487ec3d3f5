//! `tidegate read`: what Tidegate reads in a file, for people or as one JSON object a line.
//!
//! # Failure
//! A path that can't be read is named on standard error and makes the exit code 1; the others are
//! still read. A reader of the output that goes away (`| head`) ends it without a fuss.

use super::Global;
use super::mails;
use crate::classify;
use crate::limits::Limits;
use crate::mail::{Classification, FoldKind, NormalizedMail, Person, Reading};
use crate::normalize;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Options of `tidegate read`.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Args {
    /// One JSON object a line, in the reading format
    #[arg(long)]
    json: bool,
    /// Mails, mboxes, Maildirs and folders; `-` is standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

/// Runs it.
///
/// # Errors
/// Standard output can't be written.
pub(crate) fn run(args: Args, global: &Global) -> anyhow::Result<ExitCode> {
    let limits = global.load()?.limits();
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let mut failed = false;
    let mut first = true;
    for mail in mails::walk(&args.paths) {
        match mail {
            Ok(mail) => {
                let written = if args.json {
                    write_json(&mut out, &mail.name, &mail.raw, &limits)
                } else {
                    if !std::mem::take(&mut first) {
                        writeln!(out, "\n{}\n", "═".repeat(78))?;
                    }
                    write_page(&mut out, &mail.name, &mail.raw, &limits)
                };
                match written {
                    Err(e) if e.kind() == io::ErrorKind::BrokenPipe => return Ok(ExitCode::SUCCESS),
                    other => other?,
                }
            }
            Err(error) => {
                out.flush()?;
                eprintln!("tidegate: {error}");
                failed = true;
            }
        }
    }
    match out.flush() {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => {}
        other => other?,
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn read(raw: &[u8], limits: &Limits) -> (NormalizedMail, Classification, Option<String>) {
    let mail = normalize::normalize(raw, limits);
    let class = classify::classify(&mail, None);
    let html = mail.html_source.as_deref().map(normalize::sanitize);
    (mail, class, html)
}

fn write_json(out: &mut impl Write, name: &str, raw: &[u8], limits: &Limits) -> io::Result<()> {
    let (mail, class, html) = read(raw, limits);
    serde_json::to_writer(&mut *out, &Reading::new(Some(name), &mail, &class, html))?;
    out.write_all(b"\n")
}

fn people(list: &[Person]) -> String {
    list.iter()
        .map(|p| match (p.name.is_empty(), p.address.is_empty()) {
            (true, _) => p.address.clone(),
            (false, true) => p.name.clone(),
            (false, false) => format!("{} <{}>", p.name, p.address),
        })
        .collect::<Vec<_>>()
        .join(", ")
}

/// What would move a terminal's cursor or colour is shown as `·`.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && !matches!(c, '\n' | '\t') { '·' } else { c }).collect()
}

fn write_page(out: &mut impl Write, name: &str, raw: &[u8], limits: &Limits) -> io::Result<()> {
    let (mail, class, html) = read(raw, limits);
    let mut row = |label: &str, value: &str| -> io::Result<()> {
        if value.is_empty() { Ok(()) } else { writeln!(out, "{label:>12}  {}", printable(value)) }
    };
    row("file", name)?;
    row("from", &people(mail.from.as_slice()))?;
    row("sender", &people(mail.sender.as_slice()))?;
    row("reply-to", &people(&mail.reply_to))?;
    row("to", &people(&mail.to))?;
    row("cc", &people(&mail.cc))?;
    row("subject", &mail.subject)?;
    row("date", mail.date.as_deref().unwrap_or_default())?;
    row("message-id", mail.message_id.as_deref().unwrap_or_default())?;
    row("in-reply-to", &mail.in_reply_to.join(", "))?;
    row("references", &mail.references.join(", "))?;
    let why: Vec<String> = class.evidence.iter().map(|e| format!("{} in {}", e.code, e.place)).collect();
    row(
        "class",
        &if why.is_empty() { class.class.as_str().to_owned() } else { format!("{} ({})", class.class.as_str(), why.join(", ")) },
    )?;
    for recipient in class.bounce.iter().flat_map(|b| &b.recipients) {
        row("bounced", &format!("{} {} {} {}", recipient.address, recipient.action, recipient.status, recipient.diagnostic))?;
    }
    row("client", mail.client.unwrap_or_default())?;
    for attachment in &mail.attachments {
        let inline = if attachment.inline { ", inline" } else { "" };
        row("attachment", &format!("{} ({}, {} bytes{inline})", attachment.name, attachment.content_type, attachment.size))?;
    }
    for repair in &mail.repairs {
        row("repair", &format!("{} in {}: {} ({:.0} %)", repair.code, repair.place, repair.detail, repair.confidence * 100.0))?;
    }
    if let Some(html) = html {
        row("html", &format!("{} bytes, sanitized", html.len()))?;
    }
    writeln!(out)?;
    let mut folds = mail.folds.clone();
    folds.sort_by_key(|f| f.start);
    let mut at = 0;
    for fold in folds {
        write_lines(out, "  ", mail.text.get(at..fold.start).unwrap_or_default())?;
        let mark = match fold.kind {
            FoldKind::Quote => "q│",
            FoldKind::Signature => "s│",
            FoldKind::Forward => "f│",
            FoldKind::Disclaimer => "d│",
        };
        write_lines(out, mark, mail.text.get(fold.start..fold.end).unwrap_or_default())?;
        at = at.max(fold.end);
    }
    write_lines(out, "  ", mail.text.get(at..).unwrap_or_default())
}

fn write_lines(out: &mut impl Write, mark: &str, text: &str) -> io::Result<()> {
    for line in printable(text).lines() {
        writeln!(out, "{mark} {line}")?;
    }
    Ok(())
}
