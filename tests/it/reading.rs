//! `tidegate read` and `tidegate corpus` as people and programs call them.

use std::io::Write;
use std::process::{Command, Output, Stdio};

const MAIL: &str = "From: Ann <ann@sender.example>\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\n\nhello\n\n-- \nAnn\n";

fn tidegate(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn a_line_of_json_for_each_mail_and_an_unreadable_path_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let one = folder.path().join("one.eml");
    std::fs::File::create(&one).unwrap().write_all(MAIL.as_bytes()).unwrap();
    let missing = folder.path().join("missing.eml");
    let out = tidegate(&["read", "--json", &missing.display().to_string(), &one.display().to_string()], "");
    assert_eq!(out.status.code(), Some(1));
    assert!(String::from_utf8(out.stderr).unwrap().contains("missing.eml"));
    let text = String::from_utf8(out.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 1);
    let reading: serde_json::Value = serde_json::from_str(lines[0]).unwrap();
    assert_eq!(reading["file"], one.display().to_string());
    assert_eq!(reading["subject"], "Grüße");
    assert_eq!(reading["reply"], "hello");
    assert_eq!(reading["folds"][0]["kind"], "signature");
}

#[test]
fn standard_input_is_read_for_people_without_moving_their_cursor() {
    let out = tidegate(&["read", "-"], &MAIL.replace("hello", "hello \u{1b}[2J"));
    assert_eq!(out.status.code(), Some(0));
    let page = String::from_utf8(out.stdout).unwrap();
    assert!(page.contains("subject  Grüße") && page.contains("s│ Ann"), "{page}");
    assert!(!page.contains('\u{1b}'), "{page}");
}

#[test]
fn a_sample_that_is_added_holds_and_a_wrong_expectation_fails() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("corpus").display().to_string();
    let mail = folder.path().join("bad.eml");
    std::fs::File::create(&mail).unwrap().write_all(MAIL.as_bytes()).unwrap();
    let add = [
        "corpus",
        "--corpus",
        &root,
        "add",
        &mail.display().to_string(),
        "--in",
        "headers",
        "--name",
        "greeting",
        "--what",
        "plain",
        "--as-it-is",
        "--evidence",
        "RFC 2047 5",
    ];
    assert_eq!(tidegate(&add, "").status.code(), Some(0));
    assert_eq!(tidegate(&add, "").status.code(), Some(2), "a sample is never overwritten: another name is asked for");
    assert_eq!(tidegate(&["corpus", "--corpus", &root, "check", "--mangled", "0"], "").status.code(), Some(0));
    let description = folder.path().join("corpus/headers/greeting/sample.toml");
    let wrong = std::fs::read_to_string(&description).unwrap().replace("Grüße", "something else");
    std::fs::File::create(&description).unwrap().write_all(wrong.as_bytes()).unwrap();
    let out = tidegate(&["corpus", "--corpus", &root, "check", "--json", "--mangled", "0"], "");
    assert_eq!(out.status.code(), Some(1));
    let first: serde_json::Value = serde_json::from_str(String::from_utf8(out.stdout).unwrap().lines().next().unwrap()).unwrap();
    assert_eq!((first["field"].as_str(), first["got"].as_str()), (Some("subject"), Some("Grüße")));
    let unfounded = wrong.replace("something else", "Grüße").replace("\"RFC 2047 5\"", "");
    std::fs::File::create(&description).unwrap().write_all(unfounded.as_bytes()).unwrap();
    let out = tidegate(&["corpus", "--corpus", &root, "check", "--mangled", "0"], "");
    assert_eq!(out.status.code(), Some(1), "a sample in git names the failure it is modelled on");
    assert!(String::from_utf8(out.stdout).unwrap().contains("headers/greeting: no `evidence`"));
    std::fs::File::create(folder.path().join("corpus/headers/greeting/notes.txt")).unwrap();
    let out = tidegate(&["corpus", "--corpus", &root, "check", "--mangled", "0"], "");
    assert!(String::from_utf8(out.stdout).unwrap().contains("notes.txt"), "an unknown file beside a sample is an error");
}

#[test]
fn a_mangled_mail_is_printed_by_its_number_and_the_goal_decides_the_exit_code() {
    let mail = tidegate(&["corpus", "mangle", "--seed", "3", "--only", "19.1"], "");
    let again = tidegate(&["corpus", "mangle", "--seed", "3", "--only", "19.1"], "");
    assert_eq!((mail.status.code(), &mail.stdout), (Some(0), &again.stdout));
    let truth = tidegate(&["corpus", "mangle", "--seed", "3", "--only", "19.1", "--truth"], "");
    let truth: serde_json::Value = serde_json::from_slice(&truth.stdout).unwrap();
    assert_eq!((truth["number"].as_str(), truth["truth"]["class"].as_str()), (Some("19.1"), Some("person")));
    let check = |goal: &str| {
        let args = ["corpus", "check", "--mangled", "50", "--json", "--goal", goal];
        let out = tidegate(&args, "");
        let text = String::from_utf8(out.stdout).unwrap();
        (out.status.code(), serde_json::from_str::<serde_json::Value>(text.lines().last().unwrap()).unwrap())
    };
    let (code, report) = check("0.000001");
    assert_eq!(code, Some(1), "so few mails prove no such bound");
    assert!(report["kpi"]["mails"].as_u64().unwrap() > 50);
    assert_eq!(tidegate(&["corpus", "mangle", "--only", "x"], "").status.code(), Some(1));
}

#[test]
fn several_mails_become_a_conversation_without_its_people() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("corpus").display().to_string();
    let mails = [("1.eml", MAIL.to_owned()), ("2.eml", MAIL.replace("hello", "again\n\nQuillfeather"))];
    let mut add = vec!["corpus".to_owned(), "--corpus".to_owned(), root.clone(), "add".to_owned()];
    for (name, mail) in mails {
        let path = folder.path().join(name);
        std::fs::File::create(&path).unwrap().write_all(mail.as_bytes()).unwrap();
        add.push(path.display().to_string());
    }
    add.extend(
        ["--in", "conversations", "--name", "two", "--what", "x", "--language", "de", "--evidence", "RFC 2047 5"]
            .map(str::to_owned),
    );
    let out = tidegate(&add.iter().map(String::as_str).collect::<Vec<_>>(), "");
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8(out.stderr).unwrap());
    let told = String::from_utf8(out.stdout).unwrap();
    let steps: Vec<&str> =
        told.lines().filter_map(|line| line.strip_prefix("  ")?.split_once(". ")).map(|(number, _)| number).collect();
    assert_eq!(steps, ["1", "2", "3", "4", "5"], "it says what to do next, to the commit: {told}");
    assert!(told.trim_end().ends_with("commit."), "{told}");
    let sample = folder.path().join("corpus/conversations/two");
    let text = std::fs::read_to_string(sample.join("02.eml")).unwrap();
    assert!(!text.contains("Quillfeather") && !text.contains("ann@sender") && text.len() == MAIL.len() + 14, "{text}");
    assert!(std::fs::read_to_string(sample.join("sample.toml")).unwrap().contains("conversations = [[\"01\"], [\"02\"]]"));
    assert_eq!(tidegate(&["corpus", "--corpus", &root, "check"], "").status.code(), Some(0));
    let listed = tidegate(&["corpus", "--corpus", &root, "list", "--json"], "");
    let listed = String::from_utf8(listed.stdout).unwrap();
    let last: serde_json::Value = serde_json::from_str(listed.lines().last().unwrap()).unwrap();
    assert_eq!((&last["coverage"]["mails"], &last["coverage"]["languages"]["de"]), (&2.into(), &1.into()));
}
