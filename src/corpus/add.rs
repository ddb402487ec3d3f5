//! A new sample.

use super::SampleError;
use super::sample::{DESCRIPTION, MAIL, SNAPSHOT};
use crate::limits::Limits;
use crate::normalize;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

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
