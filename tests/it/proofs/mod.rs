//! The bodies of the fuzz targets, without a fuzzer: over seeds from the corpus, over what fuzzers have found
//! (`fuzz/regressions/<target>/`), and over a round of mutations that is the same each time.
//!
//! `TIDEGATE_FUZZ_SEEDS=<folder> cargo test --test it proofs::` also writes the seeds for a fuzzer to start from
//! (`scripts/fuzz` does). `FUZZ_EXECS=<number>` changes how many mutations of each target are tried.

#![allow(clippy::disallowed_methods)] // inputs for a person or a fuzzer, not data to keep

mod mutation;
mod seeds;

use crate::cpu_time::cpu_time;
use mutation::Mutator;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tidegate::{corpus, journal, normalize, smtp, threading};

/// CPU time of one input, without optimisation: what grows with the square of the input takes minutes.
const TIME_MAX: Duration = Duration::from_secs(20);

/// A target: its name in `fuzz/`, its body, its seeds.
struct Target {
    name: &'static str,
    body: fn(&[u8]),
    seeds: fn() -> Vec<Vec<u8>>,
    /// Mutations tried by `cargo test`: what fits into a second without optimisation.
    execs: usize,
}

const TARGETS: &[Target] = &[
    Target { name: "mail", body: normalize::proof::mail, seeds: seeds::mails, execs: 300 },
    Target { name: "made_mail", body: normalize::proof::made, seeds: seeds::choices, execs: 300 },
    Target { name: "headers", body: normalize::proof::headers, seeds: seeds::headers, execs: 500 },
    Target { name: "addresses", body: normalize::proof::addresses, seeds: seeds::addresses, execs: 4_000 },
    Target { name: "dates", body: normalize::proof::dates, seeds: seeds::dates, execs: 4_000 },
    Target { name: "encoded_words", body: normalize::proof::encoded_words, seeds: seeds::encoded_words, execs: 4_000 },
    Target { name: "charset", body: normalize::proof::charset, seeds: seeds::charset, execs: 2_000 },
    Target { name: "html", body: normalize::proof::html, seeds: seeds::html, execs: 500 },
    Target { name: "tnef", body: normalize::proof::tnef, seeds: seeds::tnef, execs: 3_000 },
    Target { name: "folds", body: normalize::proof::folds, seeds: seeds::folds, execs: 1_000 },
    Target { name: "growth", body: normalize::proof::growth, seeds: seeds::growth, execs: 0 },
    Target { name: "classify", body: corpus::proof::classified, seeds: seeds::mails, execs: 200 },
    Target { name: "threading", body: threading::proof::graph, seeds: seeds::choices, execs: 1_000 },
    Target { name: "tokens", body: threading::proof::tokens, seeds: seeds::tokens, execs: 2_000 },
    Target { name: "smtp_command", body: smtp::fuzz_command, seeds: seeds::commands, execs: 5_000 },
    Target { name: "smtp_session", body: smtp::fuzz_session, seeds: seeds::sessions, execs: 1_000 },
    Target { name: "journal_reader", body: journal::fuzz_reader, seeds: seeds::segments, execs: 1_000 },
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Inputs that once broke a promise, with their file names.
fn regressions(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = root().join("fuzz/regressions").join(target);
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
    files.sort();
    files.iter().map(|f| (f.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(f).unwrap())).collect()
}

fn holds(target: &Target, input: &[u8]) -> bool {
    catch_unwind(AssertUnwindSafe(|| (target.body)(input))).is_ok()
}

/// Where a failing input goes, so that it can be looked at and kept.
fn keep(target: &Target, input: &[u8]) -> PathBuf {
    let folder = std::env::temp_dir().join("tidegate-fuzz").join(target.name);
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("{:08x}", crc32c::crc32c(input)));
    std::fs::write(&path, input).unwrap();
    path
}

#[test]
fn every_target_has_a_body_that_is_replayed() {
    let manifest = std::fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
    let mut declared: Vec<&str> = manifest
        .split("[[bin]]")
        .skip(1)
        .filter_map(|s| s.lines().find_map(|l| l.strip_prefix("name = ")))
        .map(|n| n.trim_matches('"'))
        .collect();
    let mut replayed: Vec<&str> = TARGETS.iter().map(|t| t.name).collect();
    declared.sort_unstable();
    replayed.sort_unstable();
    assert_eq!(declared, replayed);
    for folder in std::fs::read_dir(root().join("fuzz/regressions")).into_iter().flatten() {
        let name = folder.unwrap().file_name();
        assert!(replayed.contains(&name.to_str().unwrap()), "fuzz/regressions/{name:?} is of no target");
    }
}

#[test]
fn what_fuzzers_have_found_holds_now() {
    let mut broken = Vec::new();
    for target in TARGETS {
        for (name, input) in regressions(target.name) {
            let (held, took) = cpu_time(|| holds(target, &input));
            if !held || took > TIME_MAX {
                broken.push(format!("fuzz/regressions/{}/{name}", target.name));
            }
        }
    }
    assert!(broken.is_empty(), "broken again: {broken:#?}");
}

/// One test for each target, so that they run beside each other.
macro_rules! rounds {
    ($($test:ident: $name:literal,)*) => {
        $(#[test] fn $test() { round($name); })*

        #[test]
        fn every_target_has_its_round() {
            let names = [$($name),*];
            assert_eq!(names.to_vec(), TARGETS.iter().map(|t| t.name).collect::<Vec<_>>());
        }
    };
}

rounds! {
    any_mutation_of_a_mail_is_a_mail: "mail",
    any_made_mail_is_read_as_it_was_meant: "made_mail",
    any_mutation_of_a_header_is_a_header: "headers",
    any_mutation_of_an_address_list_is_read: "addresses",
    any_mutation_of_a_date_is_a_date_or_none: "dates",
    any_mutation_of_an_encoded_word_is_read: "encoded_words",
    any_bytes_are_text_under_any_label: "charset",
    any_mutation_of_html_is_made_safe: "html",
    any_mutation_of_a_winmail_is_unpacked: "tnef",
    any_mutation_of_a_text_is_folded: "folds",
    any_piece_may_come_again_and_again: "growth",
    any_mutation_of_a_mail_is_classified: "classify",
    any_graph_has_one_partition: "threading",
    any_text_holds_no_token_of_ours: "tokens",
    any_line_is_a_command_or_none: "smtp_command",
    any_session_does_not_depend_on_the_split: "smtp_session",
    any_segment_is_read_within_bounds: "journal_reader",
}

fn round(name: &str) {
    let target = TARGETS.iter().find(|t| t.name == name).unwrap();
    let mut inputs = (target.seeds)();
    assert!(inputs.len() > 3, "{name} has only {} seeds", inputs.len());
    if let Some(folder) = std::env::var_os("TIDEGATE_FUZZ_SEEDS") {
        let folder = Path::new(&folder).join(name);
        std::fs::create_dir_all(&folder).unwrap();
        for input in &inputs {
            std::fs::write(folder.join(format!("seed-{:08x}", crc32c::crc32c(input))), input).unwrap();
        }
    }
    for input in &inputs {
        assert!(holds(target, input), "a seed of {name} does not hold: {}", keep(target, input).display());
    }
    inputs.extend(regressions(name).into_iter().map(|(_, input)| input));
    // The larger the sample the slower: mutations of small ones find as much.
    inputs.retain(|i| i.len() < 8 << 10);
    let execs = std::env::var("FUZZ_EXECS").map_or(target.execs, |n| n.parse().unwrap());
    let mut mutator = Mutator::new(name, &inputs);
    let start = Instant::now();
    for _ in 0..execs {
        let input = mutator.next();
        let (held, took) = cpu_time(|| holds(target, &input));
        assert!(held, "a mutation in {name} does not hold: {}", keep(target, &input).display());
        assert!(took < TIME_MAX, "{took:?} for {} bytes: {}", input.len(), keep(target, &input).display());
    }
    println!("{name}: {execs} mutations of {} seeds in {:.1} s", inputs.len(), start.elapsed().as_secs_f64());
}
