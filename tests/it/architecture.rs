//! Holds the direction of dependencies: five floors, and every arrow points down.
//!
//! Reads the `crate::…` paths of every file below `src/`. What a room may use is written out here,
//! so that a new arrow is a decision in a diff of this file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Shared leaves: plain values, limits, names. Everybody may use them.
const LEAVES: &[&str] = &["backoff", "config", "limits", "mail", "telemetry", "directory"];

/// The rooms from the top floor down, and what else each may use.
const ROOMS: &[(&str, &[&str])] = &[
    ("cli", &["smtp", "intake", "events", "web", "corpus", "journal", "normalize", "classify", "threading", "store"]),
    ("smtp", &["journal"]),
    ("intake", &["journal", "normalize", "classify", "threading", "store"]),
    ("events", &["store"]),
    // A held mail is read again for the page (`normalize`, `classify`); of `threading` only the keys of signed
    // reply addresses, no rules.
    ("web", &["journal", "normalize", "classify", "store", "threading"]),
    ("corpus", &["normalize", "classify", "threading"]),
    ("journal", &[]),
    ("store", &[]),
    ("normalize", &[]),
    ("classify", &[]),
    ("threading", &[]),
];

/// The functional core may not even see the configuration and the metrics.
const PURE: &[&str] = &["normalize", "classify", "threading"];
const PURE_LEAVES: &[&str] = &["mail", "limits", "directory"];

fn rust_files(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

/// The room of a file: `src/smtp/session.rs` and `src/smtp.rs` are `smtp`.
fn room(src: &Path, file: &Path) -> String {
    let first = file.strip_prefix(src).unwrap().iter().next().unwrap().to_str().unwrap();
    first.strip_suffix(".rs").unwrap_or(first).to_owned()
}

/// Without comments, and without the unit tests at the bottom of a file: a test may set up more.
fn code(text: &str) -> String {
    let text = text.find("\nmod tests {").map_or(text, |at| &text[..at]);
    let without_comment = |line: &str| line.find("//").map_or(line, |at| &line[..at]).to_owned();
    text.lines().map(|line| without_comment(line) + "\n").collect()
}

/// First segments of every `crate::…` path, also of `use crate::{a, b::{c, d}}`.
fn used(code: &str) -> BTreeSet<String> {
    let name = |s: &str| -> String { s.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect() };
    let mut out = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let standing_alone = !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let rest = &code[at + "crate::".len()..];
        let Some(group) = rest.strip_prefix('{') else {
            if standing_alone {
                out.insert(name(rest));
            }
            continue;
        };
        let (mut depth, mut start) = (1, 0);
        for (i, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 || (c == ',' && depth == 1) {
                out.insert(name(group[start..i].trim_start()));
                start = i + 1;
            }
            if depth == 0 {
                break;
            }
        }
    }
    out.remove("");
    out
}

#[test]
fn every_arrow_points_down() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let may: BTreeMap<&str, &[&str]> = ROOMS.iter().copied().collect();
    let mut files = Vec::new();
    rust_files(&src, &mut files);
    let mut wrong = Vec::new();
    let mut arrows = 0;
    for file in &files {
        let room = room(&src, file);
        for other in used(&code(&std::fs::read_to_string(file).unwrap())) {
            if other == room {
                continue;
            }
            arrows += 1;
            let allowed = match room.as_str() {
                "main" | "lib" => true,
                leaf if LEAVES.contains(&leaf) => LEAVES.contains(&other.as_str()),
                pure if PURE.contains(&pure) => PURE_LEAVES.contains(&other.as_str()),
                room => LEAVES.contains(&other.as_str()) || may.get(room).is_some_and(|m| m.contains(&other.as_str())),
            };
            if !allowed {
                wrong.push(format!("{}: `{room}` may not use `{other}`", file.strip_prefix(&src).unwrap().display()));
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that do not point down (the floors are in ARCHITECTURE.md):\n{}", wrong.join("\n"));
    assert!(arrows > 20, "only {arrows} arrows in {} files: the test reads the wrong thing", files.len());
}

#[test]
fn every_room_stands_on_a_floor() {
    let lib = include_str!("../../src/lib.rs");
    let declared: BTreeSet<&str> = lib.lines().filter_map(|l| l.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let known: BTreeSet<&str> = ROOMS.iter().map(|r| r.0).chain(LEAVES.iter().copied()).collect();
    assert_eq!(declared, known);
}

#[test]
fn a_room_uses_only_rooms_of_lower_floors() {
    const FLOORS: &[&[&str]] =
        &[&["cli"], &["smtp", "intake", "events", "web", "corpus"], &["journal", "normalize", "classify", "threading", "store"]];
    let floor = |room: &str| FLOORS.iter().position(|f| f.contains(&room)).unwrap();
    for (room, may) in ROOMS {
        for other in *may {
            assert!(floor(room) < floor(other), "{room} and {other}");
        }
    }
}

#[test]
fn paths_are_found_however_they_are_written() {
    let code = code(
        "use crate::mail::Position; // crate::cli\nuse crate::{limits, store::{self, Store}, web};\n\
         fn f() { crate::journal::x(); $crate::telemetry!() }\n#[cfg(test)]\nmod tests { use crate::smtp; }\n",
    );
    let used: Vec<String> = used(&code).into_iter().collect();
    assert_eq!(used, ["journal", "limits", "mail", "store", "telemetry", "web"]);
}
