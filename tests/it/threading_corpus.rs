//! Threads that another project knows, if its mails are at hand: the same ones, in any order.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// Which files make a conversation, as `tidegate thread --json` says.
fn threads(root: &Path, files: &[String]) -> BTreeSet<BTreeSet<String>> {
    let out = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(["thread", "--json"])
        .args(files.iter().map(|f| root.join(f)))
        .output()
        .unwrap();
    assert!(out.status.success());
    let mut groups: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in String::from_utf8(out.stdout).unwrap().lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let file = Path::new(line["file"].as_str().unwrap()).strip_prefix(root).unwrap();
        groups.entry(line["conversation"].as_str().unwrap().to_owned()).or_default().insert(file.display().to_string());
    }
    groups.into_values().collect()
}

#[test]
fn the_threads_of_notmuch_are_found_in_any_order() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora/notmuch");
    let Ok(expected) = std::fs::read_to_string(root.join("expected-threads.jsonl")) else {
        eprintln!("LEFT OUT: no mails with known threads beside this repository");
        return;
    };
    let mut sets: BTreeMap<String, BTreeSet<BTreeSet<String>>> = BTreeMap::new();
    for line in expected.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let files = row["files"].as_array().unwrap().iter().map(|f| f.as_str().unwrap().to_owned()).collect();
        sets.entry(row["corpus"].as_str().unwrap().to_owned()).or_default().insert(files);
    }
    assert!(!sets.is_empty());
    for (name, threads_known) in sets {
        let mut files: Vec<String> = threads_known.iter().flatten().cloned().collect();
        assert_eq!(threads(&root, &files), threads_known, "{name}");
        files.reverse();
        assert_eq!(threads(&root, &files), threads_known, "{name} backwards");
        let middle = files.len() / 2;
        files.rotate_left(middle);
        assert_eq!(threads(&root, &files), threads_known, "{name} from the middle");
    }
}

#[test]
fn the_names_of_conversations_do_not_depend_on_the_order_of_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let files: Vec<String> = (1..=3).map(|n| format!("{n}.eml")).collect();
    for (n, file) in files.iter().enumerate() {
        let parent = if n == 2 { String::new() } else { format!("In-Reply-To: <{}@x.test>\n", n + 1) };
        #[allow(clippy::disallowed_methods)] // a test needs no durability
        std::fs::write(dir.path().join(file), format!("From: a@x.test\nMessage-ID: <{n}@x.test>\n{parent}Subject: s\n\ntext\n"))
            .unwrap();
    }
    let names = |files: &[&str]| -> BTreeMap<String, String> {
        let out = Command::new(env!("CARGO_BIN_EXE_tidegate"))
            .args(["thread", "--json"])
            .args(files)
            .current_dir(dir.path())
            .output()
            .unwrap();
        let lines = String::from_utf8(out.stdout).unwrap();
        lines
            .lines()
            .map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap())
            .map(|l| (l["file"].as_str().unwrap().to_owned(), l["conversation"].as_str().unwrap().to_owned()))
            .collect()
    };
    let forwards = names(&["1.eml", "2.eml", "3.eml"]);
    assert_eq!(forwards.values().collect::<BTreeSet<_>>().len(), 1);
    assert_eq!(names(&["1.eml", "3.eml", "2.eml"]), forwards);
}

#[test]
fn a_line_says_all_that_is_documented_and_a_conversation_that_goes_on_elsewhere_is_linked() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("t.toml");
    crate::gateway::write(&config, "[threading]\nconversation_messages_max = 2\n");
    for n in 1..=3 {
        let parent = if n == 1 { String::new() } else { format!("In-Reply-To: <{}@x.test>\n", n - 1) };
        let mail = format!("From: Ann <a@x.test>\nMessage-ID: <{n}@x.test>\n{parent}Subject: s\n\ntext\n");
        crate::gateway::write(&dir.path().join("mails").join(format!("{n}.eml")), mail);
    }
    let out = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(["thread", "--json", "--config"])
        .arg(&config)
        .arg(dir.path().join("mails"))
        .output()
        .unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines.len(), 3, "{}", String::from_utf8(out.stderr).unwrap());
    let manual = include_str!("../../docs/threading.md");
    for key in lines[0].as_object().unwrap().keys() {
        assert!(manual.contains(&format!("`{key}`")), "docs/threading.md does not name `{key}`");
    }
    for key in ["file", "conversation", "rule", "confidence", "may", "evidence", "customer", "links", "duplicate_of"] {
        assert!(lines.iter().all(|l| l.get(key).is_some()), "{key}: {text}");
    }
    assert_eq!((&lines[1]["rule"], &lines[1]["may"]), (&"reference".into(), &"participant".into()));
    assert_eq!((&lines[1]["conversation"], &lines[1]["links"]), (&lines[0]["conversation"], &serde_json::json!([])));
    assert_eq!(lines[1]["customer"]["address"], "a@x.test");
    assert_eq!(lines[2]["rule"], "rollover");
    assert_ne!(lines[2]["conversation"], lines[0]["conversation"]);
    assert_eq!(lines[2]["links"], serde_json::json!([{ "conversation": lines[0]["conversation"], "kind": "continues" }]));
    // The rules are told by their words, all of them.
    for rule in tidegate::mail::Rule::ALL {
        assert!(manual.contains(&format!("`{}`", rule.as_str())), "docs/threading.md does not name the rule `{}`", rule.as_str());
    }
}
