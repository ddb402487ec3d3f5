//! `tidegate thread`: which files make a conversation, and why.
//!
//! Files as the gateway would for one organisation without mailboxes of its own. The order of the
//! files does not matter: what is shown is the state after all of them are read.
//!
//! # Failure
//! A path that can't be read is named on standard error and makes the exit code 1; the others are
//! still read. A reader of the output that goes away (`| head`) ends it without a fuss.

use super::{Global, mails};
use crate::corpus::{Arrival, Desk};
use crate::mail::{ConversationId, Decision, Link};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Options of `tidegate thread`.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Args {
    /// One JSON object a line: file, conversation, rule, confidence, may, evidence, customer, links, `duplicate_of`
    #[arg(long)]
    json: bool,
    /// Mails, mboxes, Maildirs and folders; `-` is standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

/// What is kept of a mail until all are read.
struct Filed {
    name: String,
    message_id: String,
    /// Of the mail it answers, where it says so.
    parent: Option<String>,
    from: String,
    subject: String,
    date: String,
    decision: Decision,
    /// The first delivery of the same mail.
    duplicate_of: Option<usize>,
}

/// Runs it.
///
/// # Errors
/// Standard output can't be written.
pub(crate) fn run(args: Args, global: &Global) -> anyhow::Result<ExitCode> {
    let mut desk = Desk { limits: global.load()?.limits(), ..Desk::default() };
    let mut filed: Vec<Filed> = Vec::new();
    let mut contents: HashMap<[u8; 32], usize> = HashMap::new();
    let mut failed = false;
    for mail in mails::walk(&args.paths) {
        match mail {
            Ok(mail) => {
                let nth = filed.len();
                filed.push(file(&mut desk, nth, mail, &mut contents));
            }
            Err(error) => {
                eprintln!("tidegate: {error}");
                failed = true;
            }
        }
    }
    let groups = desk.partition.groups();
    let names = names(&desk, &filed, &groups);
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let written = if args.json { write_json(&mut out, &desk, &filed, &names) } else { write_tree(&mut out, &filed, &groups) };
    match written.and_then(|()| out.flush()) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => {}
        other => other?,
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Reads a mail and files it. `contents` are those that came before, by what they say.
fn file(desk: &mut Desk, nth: usize, mail: mails::MailFile, contents: &mut HashMap<[u8; 32], usize>) -> Filed {
    // The time only tells the older of two conversations: the one that was read first.
    let arrival = Arrival { at_us: i64::try_from(nth).unwrap_or(i64::MAX), ..Arrival::default() };
    let read = desk.read(&mail.raw, &arrival);
    let keys = desk.keys(&read, Desk::ORGANISATION);
    let decision = desk.file(&keys);
    let said = std::iter::once(&read.mail.content_hash).chain(&read.mail.direct_hashes);
    let duplicate_of = said.filter_map(|hash| contents.get(hash)).next().copied();
    contents.entry(read.mail.content_hash).or_insert(nth);
    Filed {
        name: mail.name,
        parent: keys.references.last().cloned(),
        from: keys.sender,
        subject: read.mail.subject,
        date: read.mail.date.unwrap_or_default(),
        message_id: keys.message_id,
        decision,
        duplicate_of,
    }
}

#[derive(Serialize)]
struct Line<'a> {
    file: &'a str,
    conversation: &'a str,
    rule: &'static str,
    confidence: f32,
    may: &'static str,
    evidence: &'a [crate::mail::Evidence],
    customer: Option<&'a crate::mail::Customer>,
    links: Vec<LinkedTo<'a>>,
    duplicate_of: Option<&'a str>,
}

/// Another conversation that a mail links its own to.
#[derive(Serialize)]
struct LinkedTo<'a> {
    conversation: &'a str,
    kind: &'static str,
}

/// The names of the conversations, after all mails are read.
fn names(desk: &Desk, filed: &[Filed], groups: &[Vec<usize>]) -> HashMap<ConversationId, String> {
    let named = |group: &Vec<usize>| Some((desk.partition.conversation(*group.first()?)?, conversation(filed, group)));
    groups.iter().filter_map(named).collect()
}

/// A line a mail, in the order they were read.
fn write_json(out: &mut impl Write, desk: &Desk, filed: &[Filed], names: &HashMap<ConversationId, String>) -> io::Result<()> {
    for (nth, mail) in filed.iter().enumerate() {
        let d = &mail.decision;
        let here = desk.partition.conversation(nth);
        let conversation = here.and_then(|id| names.get(&id)).map(String::as_str).unwrap_or_default();
        // Conversations that were linked first and became one later are not told.
        let other = |link: &Link| Some(desk.partition.index().resolve(link.conversation)).filter(|id| Some(*id) != here);
        let linked = |link: &Link| {
            let conversation = names.get(&other(link)?)?;
            Some(LinkedTo { conversation, kind: link.kind.as_str() })
        };
        let line = Line {
            file: &mail.name,
            conversation,
            rule: d.rule.as_str(),
            confidence: (d.confidence * 100.0).round() / 100.0,
            may: d.may.as_str(),
            evidence: &d.evidence,
            customer: d.customer.as_ref(),
            links: d.links.iter().filter_map(linked).collect(),
            duplicate_of: mail.duplicate_of.and_then(|first| filed.get(first)).map(|first| first.name.as_str()),
        };
        serde_json::to_writer(&mut *out, &line)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// Names a conversation by the mails in it, so that the order in which they were read does not show.
fn conversation(filed: &[Filed], group: &[usize]) -> String {
    let least = group.iter().map(|n| filed[*n].message_id.as_str()).min().unwrap_or_default();
    let hash = Sha256::digest(least.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

/// For people: each conversation with its mails as a tree, oldest first.
fn write_tree(out: &mut impl Write, filed: &[Filed], groups: &[Vec<usize>]) -> io::Result<()> {
    for group in groups {
        let mut by_date = group.clone();
        by_date.sort_by(|a, b| when(&filed[*a]).cmp(&when(&filed[*b])).then(a.cmp(b)));
        let subject = by_date.first().map_or("", |n| filed[*n].subject.as_str());
        let count = if group.len() == 1 { "1 mail".to_owned() } else { format!("{} mails", group.len()) };
        writeln!(
            out,
            "\n{} ({count}, {})",
            if subject.is_empty() { "(no subject)" } else { subject },
            conversation(filed, group)
        )?;
        for nth in &by_date {
            let mail = &filed[*nth];
            let depth = depth(filed, &by_date, *nth);
            let d = &mail.decision;
            let why: Vec<&str> = d.evidence.iter().map(|e| e.code).collect();
            let date = mail.date.get(..16).unwrap_or(&mail.date).replace('T', " ");
            writeln!(out, "{}{}  {date}  {}", "  ".repeat(depth + 1), mail.from, mail.name)?;
            let why = if why.is_empty() { String::new() } else { format!(", because: {}", why.join(", ")) };
            writeln!(
                out,
                "{}  {} {:.0} %, may: {}{why}",
                "  ".repeat(depth + 1),
                d.rule.as_str(),
                d.confidence * 100.0,
                d.may.as_str()
            )?;
        }
    }
    let mails = if filed.len() == 1 { "mail" } else { "mails" };
    let conversations = if groups.len() == 1 { "conversation" } else { "conversations" };
    writeln!(out, "\n{} {mails} in {} {conversations}", filed.len(), groups.len())
}

/// An instant that sorts; mails without a date come last.
fn when(mail: &Filed) -> i128 {
    mail.date.parse::<jiff::Timestamp>().map_or(i128::MAX, jiff::Timestamp::as_nanosecond)
}

/// How many mails of the conversation stand above it: what is shown of the tree; at most ten.
fn depth(filed: &[Filed], group: &[usize], nth: usize) -> usize {
    const DEPTH_MAX: usize = 10;
    let mut depth = 0;
    let mut parent = filed[nth].parent.as_deref();
    while let Some(id) = parent.filter(|_| depth < DEPTH_MAX) {
        let Some(above) = group.iter().find(|n| filed[**n].message_id == id) else { break };
        depth += 1;
        parent = filed[*above].parent.as_deref();
    }
    depth
}
