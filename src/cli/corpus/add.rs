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
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Mails of one sample: their names have two digits, and nobody reads more. A folder named by mistake ends here.
const MAILS_MAX: usize = 99;

/// Options of `tidegate corpus add`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "For example:\n  \
    tidegate corpus add bad.eml --in charset --name outlook-latin1-as-utf8 --what \"says utf-8, is windows-1252\"\n  \
    tidegate corpus add --from-quarantine ID --in structure --name two-closing-lines --what \"the boundary is closed twice\"\n\n\
    `tidegate quarantine ls` shows the IDs of what a gateway holds; --config says which gateway's.")]
pub(super) struct Args {
    /// The mail; several (or a folder, or an mbox) make a conversation, in this order
    #[arg(required_unless_present = "from_quarantine", value_name = "FILE")]
    paths: Vec<PathBuf>,
    /// The mail of a quarantine item of this gateway; again for each mail of a conversation
    #[arg(long, value_name = "ID", conflicts_with = "paths")]
    from_quarantine: Vec<QuarantineId>,
    /// The family, such as `charset`, `structure`, `headers`, `conversations`; a wrong one is answered with all of them
    #[arg(long = "in", value_name = "FAMILY")]
    family: String,
    /// FAMILY is one that is not there yet
    #[arg(long)]
    new_family: bool,
    /// The sample's name: lower-case letters, digits and dashes
    #[arg(long)]
    name: String,
    /// What is odd about it, in a sentence
    #[arg(long, value_parser = sentence)]
    what: String,
    /// Where it is from
    #[arg(long, default_value = "support ticket", value_parser = sentence)]
    origin: String,
    /// A link to the failure, or a section of a standard, such as "RFC 2047 5"; again for each
    #[arg(long, value_parser = sentence)]
    evidence: Vec<String>,
    /// BCP 47 tag of its words, such as `ja`
    #[arg(long, value_parser = sentence)]
    language: Option<String>,
    /// Who sends or relays such mail
    #[arg(long, value_parser = sentence)]
    program: Option<String>,
    /// Keep it out of git, under `private`
    #[arg(long)]
    private: bool,
    /// Replace names, addresses, words and numbers; the rule for what is not private
    #[arg(long, conflicts_with = "as_it_is")]
    scrub: bool,
    /// Keep names, addresses and words: the rule for what is private, and for mails you made up yourself
    #[arg(long)]
    as_it_is: bool,
    /// The same seed gives the same words when scrubbing; who knows it can try which names they stand for [default: a
    /// random one]
    #[arg(long)]
    seed: Option<u64>,
}

/// Words, in one line.
fn sentence(said: &str) -> Result<String, String> {
    let line = said.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() {
        Err("it is empty; say it in words, such as \"says utf-8, is windows-1252\"".to_owned())
    } else {
        Ok(line)
    }
}

/// What is wrong with where the sample shall go, in words for who asked.
fn misplaced(args: &Args, corpus: &Path, root: &Path) -> Option<String> {
    if !corpus.is_dir() && corpus == Path::new("corpus") {
        return Some(super::absent(corpus));
    }
    let families = corpus::families(corpus);
    if !args.new_family && !families.contains(&args.family) {
        let mut said = format!("there is no family `{}`", args.family);
        if let Some(meant) = corpus::nearest(&families, &args.family) {
            let _ = write!(said, "; did you mean --in {meant}?");
        }
        said.push_str("\n\nThe families:\n");
        for name in &families {
            let about = corpus::FAMILIES.iter().find(|(n, _)| n == name).map_or("", |f| f.1);
            let _ = writeln!(said, "  {}", format!("{name:<15} {about}").trim_end());
        }
        let _ = write!(said, "\n--new-family makes `{}`, where none of them fits.", args.family);
        return Some(said);
    }
    corpus::place(root, &args.family, &args.name).err().map(|error| error.to_string())
}

/// Runs it.
///
/// # Errors
/// A mail can't be had, or the sample can't be written.
pub(super) fn run(args: &Args, corpus: &Path, global: &Global) -> anyhow::Result<ExitCode> {
    let root = if args.private { corpus.join("private") } else { corpus.to_owned() };
    // Before a mail is taken out of a gateway's care for it.
    if let Some(said) = misplaced(args, corpus, &root) {
        eprintln!("tidegate: {said}");
        return Ok(ExitCode::from(super::USED_WRONGLY));
    }
    let mut raws = had(args, global)?;
    let scrubs = args.scrub || !args.private && !args.as_it_is;
    if scrubs {
        let scrubbed = corpus::scrub(&raws, super::scrub::seed(args.seed)?);
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
        // As it is and for all to see: its writer says that nobody is in it.
        redacted: scrubs || !args.private,
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
        "  1. Look at what is there: {}.",
        match (scrubs, args.private) {
            (true, _) => "nobody may be recognised in it",
            (false, true) => "names and addresses are still in it; git does not see this folder",
            (false, false) => "names and addresses are still in it, and all of them have to be made up",
        }
    );
    println!("  2. In {folder}/sample.toml put what is right under [expect], and take out what does not matter there.");
    if args.evidence.is_empty() && !args.private {
        println!("     Name the failure in `evidence`: a link, or a section of a standard such as \"RFC 2047 5\".");
    }
    let sample = format!("{}{}/{}", if args.private { "private/" } else { "" }, args.family, args.name);
    println!("  3. cargo corpus check {sample}      says what is wrong, as long as Tidegate is");
    println!("  4. Mend the cause in src/, then SAMPLE={sample} INSTA_UPDATE=always cargo test --test corpus");
    println!("     writes expected.snap: read it.");
    let last = if args.private { "commit the mend, and a mail of your own that fails alike" } else { "commit" };
    println!("  5. cargo corpus check      all samples hold, and the share of mails read wrongly has not grown: {last}.");
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
        anyhow::ensure!(
            raws.len() <= MAILS_MAX,
            "more than {MAILS_MAX} mails: name the files that the failure needs, not a whole folder"
        );
    }
    anyhow::ensure!(
        !raws.is_empty(),
        "no mail in {}",
        args.paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", ")
    );
    Ok(raws)
}
