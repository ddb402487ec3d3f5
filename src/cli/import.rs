//! `tidegate import`: take eml, mbox, Maildir into the journal as if they had arrived.
//!
//! Writes the journal itself, so no gateway may be running on it; the next one attaches what was
//! imported. The time of arrival is now: what a mail says of its date stands in the mail.
//!
//! # Failure
//! What is not sure to be in the journal is not counted as imported. Importing the same mails again
//! is safe: the intake finds the duplicates. Exit 1 when a mail was left out.
//!
//! # Trust
//! None in the files. Memory is bounded, and a large mail is written in pieces.

use super::addressees::Addressees;
use super::database::{self, Fresh, Opened, plain};
use super::line_ends::as_travelled;
use super::{Global, mails};
use crate::config::Config;
use crate::directory::Directory;
use crate::journal::{self, Body, Journal, JournalOptions};
use crate::limits::{IMPORT_MEMORY_BYTES_MAX, IMPORT_PROBLEMS_LISTED};
use crate::mail::{BodyType, Envelope, EnvelopeRecipient, Protocol};
use crate::telemetry::Metrics;
use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Pieces in which a large mail is written. Bytes.
const PIECE_BYTES: usize = 256 << 10;

/// Options of `tidegate import`.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Args {
    /// Files, mboxes, Maildirs or folders of mails; `-` is standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// All of it is for this mailbox; again for more. None: for whom Delivered-To, X-Original-To and
    /// Envelope-To say, else To, Cc and Bcc
    #[arg(long, value_name = "ADDRESS")]
    to: Vec<String>,
    /// Where mails go that name no mailbox of ours
    #[arg(long, value_name = "ADDRESS", conflicts_with = "to")]
    unmatched: Option<String>,
    /// The summary as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Default, Serialize)]
struct Summary {
    imported: u64,
    bytes: u64,
    left_out: u64,
    listed: Vec<LeftOut>,
}

#[derive(Debug, Serialize)]
struct LeftOut {
    mail: String,
    problem: String,
}

impl Summary {
    fn left_out(&mut self, mail: &str, problem: impl Into<String>) {
        self.left_out += 1;
        if self.listed.len() < IMPORT_PROBLEMS_LISTED {
            self.listed.push(LeftOut { mail: mail.to_owned(), problem: problem.into() });
        }
    }
}

/// Runs it.
///
/// # Errors
/// What the exit code cannot say.
pub(super) fn run(args: Args, global: &Global) -> anyhow::Result<ExitCode> {
    database::with(global, Fresh::Made, async |Opened { store, config }| {
        let directory = store.directory().await?;
        let recipients = Recipients::new(&args, directory)?;
        let journal = open(&config)?;
        let imported = import(&args, &config, &journal, &recipients).await;
        journal.close();
        let summary = imported?;
        if args.json {
            println!("{}", serde_json::to_string(&summary)?);
        } else {
            print(&summary);
        }
        Ok(ExitCode::from(u8::from(summary.left_out > 0)))
    })
}

fn print(summary: &Summary) {
    for left_out in &summary.listed {
        println!("left out: {}\n  {}", plain(&left_out.mail), plain(&left_out.problem));
    }
    let listed = summary.listed.len() as u64;
    if summary.left_out > listed {
        println!("and {} more", summary.left_out - listed);
    }
    println!("{} imported, {} left out, {:.1} MB", summary.imported, summary.left_out, summary.bytes as f64 / 1e6);
    if summary.imported > 0 {
        println!("`tidegate serve` attaches them; `tidegate ledger` shows how far it is.");
    }
}

fn open(config: &Config) -> anyhow::Result<Journal> {
    let options = JournalOptions {
        dir: config.journal_dir(),
        segment_bytes: config.journal.segment_bytes,
        limits: Arc::new(config.limits()),
        metrics: Metrics::new().0,
    };
    match Journal::open(options) {
        Err(error @ journal::Error::Locked { .. }) => {
            let address = config.smtp.listen.first().map(|a| format!(" --server {a}")).unwrap_or_default();
            bail!("{error}. Or hand the mails to the running gateway: `tidegate send{address} PATH…`")
        }
        opened => Ok(opened?),
    }
}

/// For whom mails are.
struct Recipients {
    directory: Directory,
    fixed: Option<Vec<EnvelopeRecipient>>,
    unmatched: Option<EnvelopeRecipient>,
}

impl Recipients {
    fn new(args: &Args, directory: Directory) -> anyhow::Result<Recipients> {
        if directory.is_empty() {
            bail!(
                "nobody gets mail yet. Set up who does: `tidegate org add NAME`, then `tidegate mailbox add NAME ADDRESS`; \
                 or start `tidegate serve` once for a mailbox that takes everything"
            );
        }
        let known = |option: &str, address: &String| {
            recipient(&directory, address)
                .with_context(|| format!("{option} {address}: nobody gets mail there; `tidegate mailbox ls` lists who does"))
        };
        let fixed = args.to.iter().map(|a| known("--to", a)).collect::<anyhow::Result<Vec<_>>>()?;
        let unmatched = args.unmatched.as_ref().map(|a| known("--unmatched", a)).transpose()?;
        Ok(Recipients { fixed: (!fixed.is_empty()).then_some(fixed), unmatched, directory })
    }

    /// The best evidence that names a mailbox of ours wins; weaker evidence adds nobody.
    fn of(&self, found: &Addressees) -> Vec<EnvelopeRecipient> {
        if let Some(fixed) = &self.fixed {
            return fixed.clone();
        }
        for addresses in [&found.delivered, &found.addressed] {
            let ours: Vec<_> = addresses.iter().filter_map(|a| recipient(&self.directory, a)).collect();
            if !ours.is_empty() {
                return ours;
            }
        }
        self.unmatched.iter().cloned().collect()
    }
}

fn recipient(directory: &Directory, address: &str) -> Option<EnvelopeRecipient> {
    let mailbox = directory.lookup(address)?;
    Some(EnvelopeRecipient { address: address.to_owned(), organisation: mailbox.organisation, mailbox: mailbox.id })
}

async fn import(args: &Args, config: &Config, journal: &Journal, recipients: &Recipients) -> anyhow::Result<Summary> {
    let mut summary = Summary::default();
    let session = format!("import-{:08x}", getrandom::u32().map_err(|e| anyhow::anyhow!("no random number: {e}"))?);
    let memory = Arc::new(Semaphore::new(IMPORT_MEMORY_BYTES_MAX >> 10));
    let progress = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{pos} mails, {per_sec}") {
        progress.set_style(style);
    }
    let mut tasks: JoinSet<Result<u64, journal::Error>> = JoinSet::new();
    let mut broken = None;
    for found in mails::walk(&args.paths) {
        let (name, raw) = match found {
            Ok(found) => (found.name, as_travelled(found.raw)),
            Err(error) => {
                summary.left_out("nothing to read", error.to_string());
                continue;
            }
        };
        if raw.is_empty() {
            summary.left_out(&name, "the file is empty");
            continue;
        }
        if raw.len() as u64 > config.smtp.message_bytes_max {
            summary.left_out(&name, format!("{} bytes: above smtp.message_bytes_max", raw.len()));
            continue;
        }
        let found = Addressees::of(&raw);
        let for_whom = recipients.of(&found);
        if for_whom.is_empty() {
            summary.left_out(&name, "it names no mailbox of ours: say where it belongs with --unmatched or --to");
            continue;
        }
        let envelope = envelope(&session, found.sender, for_whom, raw.is_ascii())?;
        // A mail larger than the budget gets all of it, alone.
        let cost = (raw.len() >> 10).clamp(1, IMPORT_MEMORY_BYTES_MAX >> 10) as u32;
        let permit = Arc::clone(&memory).acquire_many_owned(cost).await?;
        let (journal, large) = (journal.clone(), config.journal.large_body_bytes);
        tasks.spawn(async move {
            let _permit = permit;
            let bytes = raw.len() as u64;
            append(&journal, envelope, raw, large).await?;
            Ok(bytes)
        });
        // Lets the writes begin, and counts those that are durable.
        tokio::task::yield_now().await;
        while broken.is_none()
            && let Some(done) = tasks.try_join_next()
        {
            broken = count(&mut summary, &progress, done?).err();
        }
        if broken.is_some() {
            break;
        }
    }
    while let Some(done) = tasks.join_next().await {
        if let Err(error) = count(&mut summary, &progress, done?) {
            broken.get_or_insert(error);
        }
    }
    progress.finish_and_clear();
    match broken {
        None => Ok(summary),
        Some(error) => Err(anyhow::Error::new(error).context(format!(
            "stopped; {} mails are in the journal. Run it again when this is mended: what is in already is found to be a duplicate",
            summary.imported
        ))),
    }
}

fn count(summary: &mut Summary, progress: &ProgressBar, done: Result<u64, journal::Error>) -> Result<(), journal::Error> {
    summary.bytes += done?;
    summary.imported += 1;
    progress.inc(1);
    Ok(())
}

fn envelope(session: &str, sender: Option<String>, recipients: Vec<EnvelopeRecipient>, ascii: bool) -> anyhow::Result<Envelope> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("this machine's clock stands before 1970")?;
    Ok(Envelope {
        received_at_us: i64::try_from(now.as_micros())?,
        session: session.to_owned(),
        protocol: Protocol::Import,
        client_ip: None,
        client_name: None,
        helo: None,
        reverse_path: sender.unwrap_or_default(),
        recipients,
        tls: None,
        authenticated_as: None,
        smtputf8: false,
        body: if ascii { BodyType::SevenBit } else { BodyType::EightBitMime },
    })
}

async fn append(journal: &Journal, envelope: Envelope, raw: Vec<u8>, large: u64) -> Result<(), journal::Error> {
    let body = if raw.len() as u64 <= large {
        Body::Inline(raw)
    } else {
        let mut writer = journal.begin_large().await?;
        for piece in raw.chunks(PIECE_BYTES) {
            writer.write(piece.to_vec()).await?;
        }
        Body::Large(writer.finish().await?)
    };
    journal.append(envelope, body).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::Mailbox;
    use crate::mail::{MailboxId, OrganisationId};
    use uuid::Uuid;

    fn recipients(args: &Args) -> anyhow::Result<Recipients> {
        let mailbox = |n: u128, address: &str| Mailbox {
            id: MailboxId(Uuid::from_u128(n)),
            organisation: OrganisationId(Uuid::from_u128(n)),
            address: address.to_owned(),
        };
        Recipients::new(args, Directory::new(1, [mailbox(1, "help@ours.test"), mailbox(2, "rest@ours.test")]))
    }

    fn of(args: &Args, header: &str) -> Vec<String> {
        let found = Addressees::of(header.as_bytes());
        recipients(args).unwrap().of(&found).into_iter().map(|r| r.address).collect()
    }

    #[test]
    fn the_best_evidence_that_names_us_wins() {
        let a = Args::default();
        assert_eq!(of(&a, "Delivered-To: Help+x@ours.test\nTo: rest@ours.test\n"), ["Help+x@ours.test"]);
        assert_eq!(of(&a, "Delivered-To: else@where.test\nTo: rest@ours.test, a@b.test\n"), ["rest@ours.test"]);
        assert!(of(&a, "To: a@b.test\n").is_empty());
    }

    #[test]
    fn what_names_nobody_goes_where_it_is_told_to() {
        let a = Args { unmatched: Some("rest@ours.test".into()), ..Args::default() };
        assert_eq!(of(&a, "To: a@b.test\n"), ["rest@ours.test"]);
        assert_eq!(of(&a, "To: help@ours.test\n"), ["help@ours.test"]);
        let a = Args { to: vec!["rest@ours.test".into()], ..Args::default() };
        assert_eq!(of(&a, "To: help@ours.test\n"), ["rest@ours.test"]);
    }

    #[test]
    fn an_address_of_nobody_is_refused_at_once() {
        let error = recipients(&Args { to: vec!["x@y.test".into()], ..Args::default() }).err().unwrap().to_string();
        assert!(error.contains("--to x@y.test") && error.contains("mailbox ls"), "{error}");
        let error = Recipients::new(&Args::default(), Directory::default()).err().unwrap().to_string();
        assert!(error.contains("tidegate org add"), "{error}");
    }
}
