//! Samples on disk.

use super::description::Description;
use super::{Expect, Scene};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub(super) const MAIL: &str = "message.eml";
pub(super) const DESCRIPTION: &str = "sample.toml";
pub(super) const SNAPSHOT: &str = "expected.snap";
const SNAPSHOT_PENDING: &str = "expected.snap.new";

/// What is wrong with a sample, or with the corpus. The fault is in the files; mending them is the way out.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// A file or folder can't be read or written.
    #[error("{path}: {reason}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why. It is in the message already, so it is no source.
        reason: io::Error,
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
    #[error("{0}: not part of a sample (message.eml, or 01.eml 02.eml … of a conversation, sample.toml, expected.snap)")]
    UnknownFile(PathBuf),
    /// A folder without a mail.
    #[error("{0}: no mail in it (message.eml, or 01.eml 02.eml … of a conversation)")]
    NoMail(PathBuf),
    /// More mails than a sample holds.
    #[error("{0} mails: a sample holds at most {1}")]
    TooMany(usize, usize),
    /// There is nothing to check, which would look like success.
    #[error("{0}: no samples")]
    Empty(PathBuf),
    /// A new sample's name or family is no plain word; and one that is.
    #[error("`{0}` can't be a folder's name here: lower-case letters, digits and dashes, such as `{1}`")]
    Name(String, String),
    /// Nobody has said what the sample is.
    #[error("nothing says what is odd about the mail; a sentence such as \"says utf-8, is windows-1252\"")]
    What,
    /// A sample of this name is there.
    #[error("{0}: there is such a sample already: choose another name, or remove that folder first")]
    Exists(PathBuf),
}

impl SampleError {
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |reason| SampleError::Io { path, reason }
    }
}

/// A word as folders here are named: `Outlook Latin1!` becomes `outlook-latin1`.
pub(super) fn plain_word(said: &str) -> String {
    let lower = said.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()).collect();
    if words.is_empty() { "a-short-name".to_owned() } else { words.join("-") }
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
    /// The day it was added.
    pub added: Option<String>,
    /// Names, addresses and words are not those of people.
    pub redacted: bool,
    /// Its mails: one, or those of a conversation in the order of their names.
    pub mails: Vec<SampleMail>,
    /// What makes it a sample of whole conversations.
    pub scene: Option<Scene>,
}

/// A mail of a sample.
#[derive(Debug, Clone)]
pub struct SampleMail {
    /// `message`, or its number in a conversation: `01`.
    pub name: String,
    /// Exact bytes; in a conversation with placeholders filled.
    pub raw: Vec<u8>,
    /// What a person says is right.
    pub expect: Expect,
}

impl Sample {
    /// Its family, the private ones' as well.
    #[must_use]
    pub fn family(&self) -> &str {
        self.name.rsplit('/').nth(1).unwrap_or_default()
    }

    /// What is missing in its description, in words for its author: what is in git names the failure it is modelled on.
    #[must_use]
    pub fn missing(&self) -> Option<String> {
        let is_missing = self.evidence.is_empty() && !self.name.starts_with("private/");
        is_missing.then(|| {
            let name = &self.name;
            format!(
                "{name}: no `evidence` in sample.toml: a link to the failure it is modelled on, or a section of a standard \
                 (`RFC 2047 5`); `corpus add --evidence …` writes it"
            )
        })
    }

    /// The mail of a sample that is no conversation.
    #[must_use]
    pub fn single(&self) -> Option<&SampleMail> {
        self.mails.first().filter(|_| self.scene.is_none())
    }
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

pub(super) fn load_sample(name: String, folder: PathBuf) -> Result<Sample, SampleError> {
    let mut files = Vec::new();
    for path in entries(&folder)? {
        match file_name(&path).as_str() {
            // What a failed run wrote is beside the next one; git does not take it.
            DESCRIPTION | SNAPSHOT | SNAPSHOT_PENDING => {}
            file if file == MAIL || is_numbered(file) => files.push(path),
            _ => return Err(SampleError::UnknownFile(path)),
        }
    }
    let description = folder.join(DESCRIPTION);
    let text = fs::read_to_string(&description).map_err(SampleError::io(&description))?;
    let said = |message: String| SampleError::Description { path: description.clone(), message };
    let read: Description = toml::from_str(&text).map_err(|e| said(e.to_string()))?;
    let mut mails = Vec::new();
    for path in &files {
        let raw = fs::read(path).map_err(SampleError::io(path))?;
        let name = file_name(path).trim_end_matches(".eml").to_owned();
        mails.push(SampleMail { name, raw, expect: Expect::default() });
    }
    let alone = mails.iter().any(|m| m.name == "message");
    let scene = match mails.as_mut_slice() {
        [] => return Err(SampleError::NoMail(folder)),
        [mail] if alone => {
            mail.expect = read.expect().map_err(said)?;
            None
        }
        _ if alone => return Err(SampleError::UnknownFile(folder.join(MAIL))),
        several => {
            let (truth, mut of_mails) = read.truth().map_err(said)?;
            for mail in several.iter_mut() {
                mail.expect = of_mails.remove(&mail.name).unwrap_or_default();
            }
            if let Some(lost) = of_mails.into_keys().next() {
                return Err(said(format!("[expect.mails.\"{lost}\"]: there is no such mail")));
            }
            Some(Scene::new(read.setup.clone().unwrap_or_default(), truth, several).map_err(said)?)
        }
    };
    let Description { what, origin, added, redacted, evidence, language, program, .. } = read;
    let added = added.map(|day| day.to_string());
    Ok(Sample { name, folder, what, origin, added, redacted, evidence, language, program, mails, scene })
}

/// `01.eml`: two digits, so that the order of names is that of numbers.
fn is_numbered(file: &str) -> bool {
    file.strip_suffix(".eml").is_some_and(|number| number.len() == 2 && number.bytes().all(|b| b.is_ascii_digit()))
}
