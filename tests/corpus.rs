//! The front door: every sample of `corpus/`, read with LF and with CRLF, held first against what a
//! person says is right (`[expect]`), then against its snapshot.
//!
//! `SAMPLE=<part of a name>` narrows it; `INSTA_UPDATE=always` accepts; under `CI=1` nothing is written.
#![allow(clippy::unwrap_used)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use tidegate::corpus::{self, Coverage, Expect, Sample};

/// The digest and the size of a part that is not transfer-encoded depend on its line ends.
fn without_digests(snapshot: &str) -> String {
    let mut reading: serde_json::Value = serde_json::from_str(snapshot).unwrap();
    for attachment in reading.get_mut("attachments").and_then(|a| a.as_array_mut()).into_iter().flatten() {
        attachment["sha256"] = serde_json::Value::Null;
        attachment["size"] = serde_json::Value::Null;
    }
    reading.to_string()
}

fn run(sample: &Sample) {
    let (count, misses) = corpus::check(sample);
    assert!(count > 0, "{}: nothing under [expect]: say what is right", sample.name);
    assert!(misses.is_empty(), "{}", misses.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    let [snapshot, crlf] = corpus::snapshots(sample);
    assert_eq!(without_digests(&snapshot), without_digests(&crlf), "{}: LF and CRLF read differently", sample.name);
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(sample.folder.canonicalize().unwrap());
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("expected", snapshot));
}

#[test]
fn every_sample_is_read_as_a_person_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let wanted = std::env::var("SAMPLE").unwrap_or_default();
    let mut ran = 0;
    let mut failed = Vec::new();
    for loaded in corpus::load(&root).unwrap() {
        match loaded {
            Ok(sample) if sample.name.contains(&wanted) => {
                ran += 1;
                if catch_unwind(AssertUnwindSafe(|| run(&sample))).is_err() {
                    failed.push(sample.name);
                }
            }
            Ok(_) => {}
            Err(error) => failed.push(error.to_string()),
        }
    }
    assert!(ran > 0, "no sample has `{wanted}` in its name");
    assert!(failed.is_empty(), "{} of {ran} samples failed:\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn every_sample_has_a_word_of_a_person_and_its_evidence() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut faults = Vec::new();
    for sample in corpus::load(&root).unwrap().into_iter().filter_map(Result::ok) {
        if sample.single().is_some_and(|mail| mail.expect == Expect::default()) {
            faults.push(format!("{}: nothing under [expect]", sample.name));
        }
        faults.extend(sample.missing());
        if !sample.redacted && !sample.name.starts_with("private/") {
            faults.push(format!("{}: `redacted = false` outside of private/", sample.name));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn coverage_counts_what_the_samples_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let samples: Vec<Sample> = corpus::load(&root).unwrap().into_iter().filter_map(Result::ok).collect();
    let coverage = Coverage::of(&samples);
    assert_eq!(coverage.samples, samples.len());
    assert_eq!(coverage.families.values().sum::<usize>(), samples.len());
    assert!(coverage.mails > coverage.samples, "conversations have several mails");
    assert_eq!(coverage.languages.values().sum::<usize>(), samples.iter().filter(|s| s.language.is_some()).count());
    eprintln!("{coverage}");
}

#[test]
fn the_corpus_covers_300_samples_25_languages_and_40_programs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let samples: Vec<Sample> = corpus::load(&root).unwrap().into_iter().filter_map(Result::ok).collect();
    let coverage = Coverage::of(samples.iter().filter(|s| !s.name.starts_with("private/")));
    let counts = [coverage.samples, coverage.languages.len(), coverage.programs.len()];
    assert!(counts[0] >= 300 && counts[1] >= 25 && counts[2] >= 40, "{coverage}");
}
