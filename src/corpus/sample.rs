//! Samples on disk.

use crate::limits::Limits;
use crate::normalize;
use serde::Deserialize;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const MAIL: &str = "message.eml";
const DESCRIPTION: &str = "sample.toml";
const SNAPSHOT: &str = "expected.snap";

/// What is wrong with a sample, or with the corpus. The fault is in the files; mending them is the way out.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// A file or folder can't be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// `sample.toml` can't be understood.
    #[error("{path}: {message}")]
    Description {
        /// Which.
        path: PathBuf,
        /// What the parser said.
        message: String,
    },
    /// A file that belongs to no sample.
    #[error(
        "{0}: not part of a sample (message.eml, sample.toml, expected.snap); a failed run leaves .new files: look at them, then remove them"
    )]
    UnknownFile(PathBuf),
    /// There is nothing to check, which would look like success.
    #[error("{0}: no samples")]
    Empty(PathBuf),
    /// A new sample's name or family is no plain word.
    #[error("`{0}`: lower-case letters, digits and dashes only")]
    Name(String),
}

impl SampleError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| SampleError::Io { path, source }
    }
}

/// What a person says is right; a field that is left out is not checked.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Expect {
    pub from: Option<String>,
    pub from_name: Option<String>,
    pub to: Option<Vec<String>>,
    pub cc: Option<Vec<String>>,
    pub reply_to: Option<Vec<String>>,
    pub subject: Option<String>,
    pub date: Option<String>,
    pub message_id: Option<String>,
    pub in_reply_to: Option<Vec<String>>,
    pub references: Option<Vec<String>>,
    pub text: Option<String>,
    /// Each must be in the text.
    pub text_contains: Option<Vec<String>>,
    pub reply: Option<String>,
    /// Names, in order.
    pub attachments: Option<Vec<String>>,
    /// SHA-256 of the decoded bytes, in order; for parts whose transfer encoding hides their line ends.
    pub attachment_sha256: Option<Vec<String>>,
    /// Names of the attachments that the html shows, in order.
    pub inline: Option<Vec<String>>,
    /// The kinds of the folds, in order.
    pub folds: Option<Vec<String>>,
    /// Each must be in the sanitized html.
    pub html_contains: Option<Vec<String>>,
    /// None may be in the sanitized html.
    pub html_lacks: Option<Vec<String>>,
    /// For whom a bounce or a delay is, in order.
    pub bounced: Option<Vec<String>>,
    /// What the charset repair says the bytes are.
    pub charset: Option<String>,
    /// The codes, all of them, in any order.
    pub repairs: Option<Vec<String>>,
    pub class: Option<String>,
    pub client: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    what: String,
    origin: String,
    #[serde(default)]
    #[allow(dead_code)] // for people; checked to be a date when it is read
    added: Option<toml::value::Datetime>,
    #[serde(default)]
    #[allow(dead_code)]
    redacted: bool,
    #[serde(default)]
    evidence: Vec<String>,
    language: Option<String>,
    program: Option<String>,
    #[serde(default)]
    expect: Expect,
}

/// One sample.
#[derive(Debug, Clone)]
pub struct Sample {
    /// `family/slug`.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// What it is.
    pub what: String,
    /// Where it is from.
    pub origin: String,
    /// The real failures it is modelled on: links, or sections of a standard.
    pub evidence: Vec<String>,
    /// BCP 47 tag of its words.
    pub language: Option<String>,
    /// Who sends or relays such mail.
    pub program: Option<String>,
    /// The mail, exact bytes.
    pub raw: Vec<u8>,
    /// What a person says is right.
    pub expect: Expect,
}

/// Loads the samples below `root`, in order of name, and those below `root/private`.
///
/// # Errors
/// `root` can't be read or holds no sample. What is wrong with single samples is in the list.
pub fn load(root: &Path) -> Result<Vec<Result<Sample, SampleError>>, SampleError> {
    let mut out = Vec::new();
    load_families(root, "", &mut out)?;
    let private = root.join("private");
    if private.is_dir() {
        load_families(&private, "private/", &mut out)?;
    }
    if out.is_empty() { Err(SampleError::Empty(root.to_owned())) } else { Ok(out) }
}

fn load_families(root: &Path, prefix: &str, out: &mut Vec<Result<Sample, SampleError>>) -> Result<(), SampleError> {
    for family in entries(root)? {
        let name = file_name(&family);
        if !family.is_dir() || name == "private" {
            if family.is_file() && name != "README.md" {
                out.push(Err(SampleError::UnknownFile(family)));
            }
            continue;
        }
        for folder in entries(&family)? {
            if folder.is_dir() {
                let name = format!("{prefix}{name}/{}", file_name(&folder));
                out.push(load_sample(name, folder));
            } else {
                out.push(Err(SampleError::UnknownFile(folder)));
            }
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, SampleError> {
    let mut list: Vec<PathBuf> =
        fs::read_dir(folder).and_then(|d| d.map(|e| e.map(|e| e.path())).collect()).map_err(SampleError::io(folder))?;
    list.sort();
    Ok(list)
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|n| n.display().to_string()).unwrap_or_default()
}

fn load_sample(name: String, folder: PathBuf) -> Result<Sample, SampleError> {
    if let Some(strange) = entries(&folder)?.into_iter().find(|p| ![MAIL, DESCRIPTION, SNAPSHOT].contains(&file_name(p).as_str()))
    {
        return Err(SampleError::UnknownFile(strange));
    }
    let mail = folder.join(MAIL);
    let raw = fs::read(&mail).map_err(SampleError::io(&mail))?;
    let description = folder.join(DESCRIPTION);
    let text = fs::read_to_string(&description).map_err(SampleError::io(&description))?;
    let read: Description =
        toml::from_str(&text).map_err(|e| SampleError::Description { path: description, message: e.to_string() })?;
    let Description { what, origin, evidence, language, program, expect, .. } = read;
    Ok(Sample { name, folder, what, origin, evidence, language, program, raw, expect })
}

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
    /// The mail.
    pub raw: &'a [u8],
}

/// Writes a new sample below `root`, with what is read now as its expectation, and returns its folder.
///
/// # Errors
/// The name is no plain word, the sample exists, or a file can't be written.
pub fn add(root: &Path, new: &NewSample<'_>) -> Result<PathBuf, SampleError> {
    for word in [new.family, new.slug] {
        if word.is_empty() || !word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
            return Err(SampleError::Name(word.to_owned()));
        }
    }
    let folder = root.join(new.family).join(new.slug);
    fs::create_dir_all(root.join(new.family)).map_err(SampleError::io(&folder))?;
    fs::create_dir(&folder).map_err(SampleError::io(&folder))?;
    let mail = normalize::normalize(new.raw, &Limits::default());
    let mut table = toml::Table::new();
    table.insert("what".into(), new.what.into());
    table.insert("origin".into(), new.origin.into());
    if let Ok(day) = new.added.parse::<toml::value::Datetime>() {
        table.insert("added".into(), toml::Value::Datetime(day));
    }
    table.insert("redacted".into(), false.into());
    let mut expect = toml::Table::new();
    if let Some(from) = &mail.from {
        expect.insert("from".into(), from.address.clone().into());
    }
    expect.insert("subject".into(), mail.subject.clone().into());
    let mut codes: Vec<&str> = mail.repairs.iter().map(|r| r.code).collect();
    codes.sort_unstable();
    codes.dedup();
    expect.insert("repairs".into(), codes.into());
    table.insert("expect".into(), expect.into());
    create(&folder.join(MAIL), new.raw)?;
    create(&folder.join(DESCRIPTION), table.to_string().as_bytes())?;
    let snapshot = format!("---\nsource: tests/corpus.rs\n---\n{}\n", super::snapshot(&super::variants(new.raw)[0].raw));
    create(&folder.join(SNAPSHOT), snapshot.as_bytes())?;
    Ok(folder)
}

fn create(path: &Path, bytes: &[u8]) -> Result<(), SampleError> {
    File::create_new(path).and_then(|mut f| f.write_all(bytes)).map_err(SampleError::io(path))
}
