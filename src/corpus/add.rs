//! A new sample: its mails, a `sample.toml` that a person finishes, and the snapshot.
//!
//! # Failure
//! A mail that panics the reader becomes a sample like any other, with nothing read. What is there is never overwritten.

use super::description::Expect;
use super::sample::{DESCRIPTION, MAIL, SNAPSHOT, SampleMail, plain_word};
use super::{Sample, SampleError, Scene, Setup, Truth};
use crate::classify::classify;
use crate::limits::Limits;
use crate::mail::{Classification, NormalizedMail};
use crate::normalize;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

/// Bytes of a text that are offered as its expectation; of longer ones the first line.
const TEXT_BYTES_MAX: usize = 1_500;
/// Mails of a conversation: their names have two digits.
const MAILS_MAX: usize = 99;

/// What is needed for a new sample.
#[derive(Debug, Clone)]
pub struct NewSample<'a> {
    /// The family: `charset`, `structure`, …
    pub family: &'a str,
    /// The folder's name.
    pub slug: &'a str,
    /// What is odd about it, in a sentence.
    pub what: &'a str,
    /// Where it is from.
    pub origin: &'a str,
    /// Its day, `YYYY-MM-DD`.
    pub added: &'a str,
    /// Links to the failure, or sections of a standard.
    pub evidence: &'a [String],
    /// BCP 47 tag of its words.
    pub language: Option<&'a str>,
    /// Who sends or relays such mail.
    pub program: Option<&'a str>,
    /// Names, addresses and words are not those of people.
    pub redacted: bool,
    /// The mail; several make a conversation.
    pub mails: &'a [Vec<u8>],
}

/// Where a sample of this family and name goes below `root`, if it can.
///
/// # Errors
/// A name is no plain word, or the sample is there already.
pub fn place(root: &Path, family: &str, slug: &str) -> Result<PathBuf, SampleError> {
    for word in [family, slug] {
        if word.is_empty() || !word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
            return Err(SampleError::Name(word.to_owned(), plain_word(word)));
        }
    }
    let folder = root.join(family).join(slug);
    if folder.exists() { Err(SampleError::Exists(folder)) } else { Ok(folder) }
}

/// Writes a new sample below `root`, with what is read now as its expectation, and returns its folder.
///
/// # Errors
/// As [`place`]; nothing says what it is, there is no mail or too many, or a file can't be written.
pub fn add(root: &Path, new: &NewSample<'_>) -> Result<PathBuf, SampleError> {
    let folder = place(root, new.family, new.slug)?;
    // One line, however it was typed.
    let what = new.what.split_whitespace().collect::<Vec<_>>().join(" ");
    if what.is_empty() {
        return Err(SampleError::What);
    }
    let new = &NewSample { what: &what, ..new.clone() };
    if new.mails.is_empty() {
        return Err(SampleError::NoMail(folder));
    }
    if new.mails.len() > MAILS_MAX {
        return Err(SampleError::TooMany(new.mails.len(), MAILS_MAX));
    }
    fs::create_dir_all(root.join(new.family)).map_err(SampleError::io(&folder))?;
    fs::create_dir(&folder).map_err(SampleError::io(&folder))?;
    let mut sample = Sample {
        name: format!("{}/{}", new.family, new.slug),
        folder: folder.clone(),
        what: new.what.to_owned(),
        origin: new.origin.to_owned(),
        evidence: new.evidence.to_vec(),
        language: new.language.map(str::to_owned),
        program: new.program.map(str::to_owned),
        added: Some(new.added.to_owned()),
        redacted: new.redacted,
        mails: Vec::new(),
        scene: None,
    };
    for (n, raw) in new.mails.iter().enumerate() {
        let name = if new.mails.len() == 1 { MAIL.trim_end_matches(".eml").to_owned() } else { format!("{:02}", n + 1) };
        create(&folder.join(format!("{name}.eml")), raw)?;
        sample.mails.push(SampleMail { name, raw: raw.clone(), expect: Expect::default() });
    }
    let mut text = head(new);
    match sample.mails.as_slice() {
        [mail] => {
            let raw = &mail.raw;
            let read = catch_unwind(|| {
                let read = normalize::normalize(raw, &Limits::default());
                let class = classify(&read, None);
                (read, class)
            });
            text.push_str(&expectations(read.ok()));
        }
        several => {
            let scene = Scene { setup: Setup::default(), truth: Truth::default() };
            text.push_str(&scene.as_decided(several));
            sample.scene = Some(scene);
        }
    }
    create(&folder.join(DESCRIPTION), text.as_bytes())?;
    if let Ok([snapshot, _]) = catch_unwind(|| super::snapshots(&sample)) {
        let snapshot = format!("---\nsource: tests/corpus.rs\n---\n{snapshot}\n");
        create(&folder.join(SNAPSHOT), snapshot.as_bytes())?;
    }
    Ok(folder)
}

fn create(path: &Path, bytes: &[u8]) -> Result<(), SampleError> {
    File::create_new(path).and_then(|mut f| f.write_all(bytes)).map_err(SampleError::io(path))
}

/// A value as TOML writes it.
fn toml(value: impl Into<toml::Value>) -> String {
    value.into().to_string()
}

fn head(new: &NewSample<'_>) -> String {
    let mut out = String::new();
    let mut line = |key: &str, value: String| {
        let _ = writeln!(out, "{key} = {value}");
    };
    line("what", toml(new.what));
    line("origin", toml(new.origin));
    line("added", new.added.to_owned());
    line("redacted", toml(new.redacted));
    line("evidence", toml(new.evidence.to_vec()));
    match new.language {
        Some(language) => line("language", toml(language)),
        None => line("# language", "\"en\"  # BCP 47, of its words".to_owned()),
    }
    match new.program {
        Some(program) => line("program", toml(program)),
        None => line("# program", "\"Outlook 2016\"  # who sends or relays such mail".to_owned()),
    }
    out
}

/// What is read now, for a person to correct.
fn expectations(read: Option<(NormalizedMail, Classification)>) -> String {
    let Some((mail, class)) = read else {
        return "\n[expect]\n# The reader panics on this mail. Say what is right: from, subject, text, …\n".to_owned();
    };
    let mut out = "\n# This is what Tidegate reads NOW. Correct what is wrong, and take out what does not matter here:\n\
        # what stays is a person's word, and the test.\n[expect]\n"
        .to_owned();
    let mut line = |key: &str, value: Option<toml::Value>| {
        if let Some(value) = value {
            let _ = writeln!(out, "{key} = {value}");
        }
    };
    let text = |t: &str| Some(toml::Value::from(t)).filter(|_| !t.is_empty());
    let list = |l: Vec<String>| Some(toml::Value::from(l.clone())).filter(|_| !l.is_empty());
    let addresses = |people: &[crate::mail::Person]| people.iter().map(|p| p.address.clone()).collect::<Vec<_>>();
    if let Some(from) = &mail.from {
        line("from", text(&from.address));
        line("from_name", text(&from.name));
    }
    line("to", list(addresses(&mail.to)));
    line("cc", list(addresses(&mail.cc)));
    line("reply_to", list(addresses(&mail.reply_to)));
    line("subject", Some(mail.subject.as_str().into()));
    line("date", mail.date.as_deref().and_then(text));
    line("attachments", list(mail.attachments.iter().map(|a| a.name.clone()).collect()));
    line("class", Some(class.class.as_str().into()));
    line("client", mail.client.and_then(text));
    let mut codes: Vec<String> = mail.repairs.iter().map(|r| r.code.to_owned()).collect();
    codes.sort_unstable();
    codes.dedup();
    line("repairs", Some(codes.into()));
    if mail.text.len() <= TEXT_BYTES_MAX {
        line("text", Some(mail.text.as_str().into()));
    } else if let Some(first) = mail.text.lines().find(|l| !l.trim().is_empty()) {
        line("text_contains", list(vec![first.to_owned()]));
    }
    out
}
