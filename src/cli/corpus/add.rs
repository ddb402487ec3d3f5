//! `tidegate corpus add`: a mail that was handled wrongly becomes a sample.
//!
//! # Failure
//! Nothing is written when a mail can't be had. A mail that panics the reader can be added.
//!
//! # Trust
//! What goes into git is scrubbed, unless asked otherwise. The mail of a quarantine item leaves the gateway's care here:
//! that is noted in its audit.

use crate::cli::{Global, mails, quarantine};
use crate::corpus::{self, NewSample};
use crate::mail::QuarantineId;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Options of `tidegate corpus add`.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// The mail; several (or a folder, or an mbox) make a conversation, in this order
    #[arg(required_unless_present = "from_quarantine", value_name = "FILE")]
    paths: Vec<PathBuf>,
    /// The mail of a quarantine item of this gateway
    #[arg(long, value_name = "ID", conflicts_with = "paths")]
    from_quarantine: Vec<QuarantineId>,
    /// The family, such as `charset`, `structure`, `headers`, `conversations`
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
    /// A link to the failure, or a section of a standard
    #[arg(long)]
    evidence: Vec<String>,
    /// BCP 47 tag of its words, such as `ja`
    #[arg(long)]
    language: Option<String>,
    /// Who sends or relays such mail
    #[arg(long)]
    program: Option<String>,
    /// Keep it out of git, under `private`
    #[arg(long)]
    private: bool,
    /// Replace names, addresses, words and numbers; the rule for what is not private
    #[arg(long, conflicts_with = "as_it_is")]
    scrub: bool,
    /// Keep names, addresses and words; the rule for what is private
    #[arg(long)]
    as_it_is: bool,
    /// The same seed gives the same words when scrubbing
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Runs it.
///
/// # Errors
/// A mail can't be had, or the sample can't be written.
pub(super) fn run(args: &Args, corpus: &Path, global: &Global) -> anyhow::Result<ExitCode> {
    let mut raws = had(args, global)?;
    let scrubs = args.scrub || !args.private && !args.as_it_is;
    if scrubs {
        let scrubbed = corpus::scrub(&raws, args.seed);
        let differs: Vec<&str> = scrubbed.differs.concat();
        if !differs.is_empty() {
            eprintln!(
                "tidegate: it reads otherwise with other words ({}): look whether the failure is still there; another --seed may \
                 help, or --private, where the mail stays as it is",
                differs.join(", ")
            );
        }
        raws = scrubbed.mails;
    }
    let root = if args.private { corpus.join("private") } else { corpus.to_owned() };
    let today = jiff::Timestamp::now().to_string();
    let new = NewSample {
        family: &args.family,
        slug: &args.name,
        what: &args.what,
        origin: &args.origin,
        added: today.get(..10).unwrap_or_default(),
        evidence: &args.evidence,
        language: args.language.as_deref(),
        program: args.program.as_deref(),
        redacted: scrubs,
        mails: &raws,
    };
    let folder = corpus::add(&root, &new)?;
    let folder = folder.display();
    if let [raw] = raws.as_slice()
        && let Ok(snapshot) = std::panic::catch_unwind(|| corpus::snapshot(raw))
    {
        println!("{snapshot}\n");
    }
    println!("{folder}: written. Next:");
    println!(
        "  1. Look at the mail: {}.",
        if scrubs { "nobody may be recognised in it" } else { "names and addresses are still in it" }
    );
    println!("  2. In {folder}/sample.toml put what is right under [expect], and take out what does not matter there.");
    if args.evidence.is_empty() && !args.private {
        println!("     Name the failure in `evidence`: a link, or a section of a standard such as \"RFC 2047 5\".");
    }
    println!("  3. SAMPLE={} cargo test --test corpus      fails as long as Tidegate is wrong", args.name);
    println!("  4. Mend the cause in src/, then INSTA_UPDATE=always cargo test --test corpus, and commit both.");
    Ok(ExitCode::SUCCESS)
}

/// The raw mails that were asked for.
fn had(args: &Args, global: &Global) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut raws = Vec::new();
    for id in &args.from_quarantine {
        raws.push(quarantine::raw_of(*id, global)?);
    }
    for mail in mails::walk(&args.paths) {
        raws.push(mail?.raw);
    }
    anyhow::ensure!(
        !raws.is_empty(),
        "no mail in {}",
        args.paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", ")
    );
    Ok(raws)
}
