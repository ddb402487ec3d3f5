//! `tidegate org|mailbox|user|migrate`, as an operator uses them on a fresh folder.

use std::path::Path;
use std::process::{Command, Output, Stdio};

fn tidegate(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(arguments).env("TIDEGATE_DATA__DIR", dir).env_remove("TIDEGATE_CONFIG").stdin(Stdio::null());
    command.output().unwrap()
}

fn prints(dir: &Path, arguments: &[&str]) -> String {
    let output = tidegate(dir, arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Exit code and what was said about it.
fn refuses(dir: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = tidegate(dir, arguments);
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn an_operator_sets_up_who_gets_mail() {
    let dir = tempfile::tempdir().unwrap();
    let dir = &dir.path().join("data");
    prints(dir, &["migrate"]);
    let acme = prints(dir, &["org", "add", "acme"]);
    prints(dir, &["org", "add", "acme/support", "--parent", acme.trim()]);
    let mailbox = prints(dir, &["mailbox", "add", "acme/support", "Help@Acme.test"]);
    prints(dir, &["mailbox", "add", "acme", "@acme.test"]);

    let orgs = prints(dir, &["org", "ls"]);
    assert!(orgs.contains("acme/support  (part of acme)"), "{orgs}");
    let json: Vec<serde_json::Value> =
        prints(dir, &["mailbox", "ls", "--json"]).lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!((json.len(), &json[0]["address"], &json[0]["id"]), (2, &"help@acme.test".into(), &mailbox.trim().into()));
    prints(dir, &["mailbox", "rm", "HELP@acme.test"]);
    let left = prints(dir, &["mailbox", "ls", "--organisation", "acme"]);
    assert_eq!(left.lines().count(), 1, "{left}");

    for (arguments, word) in [
        (&["org", "add", "acme"][..], "already"),
        (&["org", "add", "x", "--parent", "nobody"], "no organisation `nobody`"),
        (&["org", "ls", "x"], "unexpected"),
        (&["mailbox", "add", "nobody", "x@acme.test"], "`tidegate org ls`"),
        (&["mailbox", "add", "acme/support", "@ACME.test"], "already, of `acme`"),
        (&["mailbox", "add", "acme", "nonsense"], "has no @"),
        (&["mailbox", "add", "acme", "help@@acme.test"], "has more than one @"),
        (&["mailbox", "rm", "help@acme.test"], "no mailbox"),
        (&["user", "link", "nobody"], "no user `nobody`"),
    ] {
        let (code, said) = refuses(dir, arguments);
        let usage = said.contains("Usage:");
        assert!(code == Some(if usage { 2 } else { 1 }) && said.contains(word), "{arguments:?}: {code:?} {said}");
    }
    let long = "n".repeat(101);
    for name in ["", " ", "x\ny", "a\x1b[31m", long.as_str()] {
        for arguments in [&["org", "add", name][..], &["user", "add", name]] {
            let (code, said) = refuses(dir, arguments);
            assert!(code == Some(2) && said.contains("a name has"), "{arguments:?}: {code:?} {said}");
        }
    }
    let nobody = "01936d0c-7d1e-7000-8000-000000000000";
    for (arguments, code, words) in [
        (&["quarantine", "ls", "--organisation", "acme"][..], 0, ""),
        (&["quarantine", "ls", "--organisation", "nobody"], 1, "`tidegate org ls`"),
        (&["quarantine", "release", nobody], 1, "`tidegate quarantine ls"),
        (&["quarantine", "discard", nobody, "--why", " "], 2, "say why"),
    ] {
        let (got, said) = refuses(dir, arguments);
        assert!(got == Some(code) && said.contains(words), "{arguments:?}: {got:?} {said}");
    }
    assert_eq!(refuses(dir, &["org", "add"]).0, Some(2), "used wrongly");
}

#[test]
fn a_user_is_added_with_a_link_and_a_password_is_hashed() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let link = prints(dir, &["user", "add", "ann", "--admin"]);
    assert!(link.starts_with("http://127.0.0.1:8025/login/"), "{link}");
    assert_ne!(prints(dir, &["user", "link", "ann"]), link);
    let users: serde_json::Value = serde_json::from_str(&prints(dir, &["user", "ls", "--json"])).unwrap();
    assert_eq!((&users["name"], &users["admin"], &users["has_password"]), (&"ann".into(), &true.into(), &false.into()));
    assert!(users.get("password_hash").is_none());

    let hash = |password: &str| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tidegate"))
            .args(["user", "hash"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), password.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let hashed = String::from_utf8(hash("correct horse battery\n").stdout).unwrap();
    assert!(hashed.starts_with("$argon2id$"), "{hashed}");
    assert!(tidegate::web::password::verify("correct horse battery", Some(hashed.trim())));
    assert_eq!(hash("short\n").status.code(), Some(1));
}

#[test]
fn a_command_that_looks_makes_no_database_where_there_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("not-the-gateways");
    for arguments in
        [&["org", "ls"][..], &["mailbox", "ls"], &["user", "ls"], &["quarantine", "ls"], &["ledger"], &["journal", "ls"]]
    {
        let (code, said) = refuses(&data, arguments);
        assert!(code == Some(2) && said.contains("`data.dir`") && said.contains("--config"), "{arguments:?}: {code:?} {said}");
    }
    assert!(!data.exists());
    let made = tidegate(&data, &["org", "add", "acme"]);
    let said = String::from_utf8(made.stderr).unwrap();
    assert!(made.status.success() && said.contains("a new database is made") && said.contains("not-the-gateways"), "{said}");
    assert!(tidegate(&data, &["org", "add", "other"]).stderr.is_empty());
}

#[test]
fn who_reads_no_further_is_not_told_of_a_failure() {
    let dir = tempfile::tempdir().unwrap();
    prints(dir.path(), &["org", "add", "acme"]);
    for arguments in [&["org", "ls"][..], &["serve", "--check"], &["user", "add", "ann"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.args(arguments).env("TIDEGATE_DATA__DIR", dir.path()).stdin(Stdio::null()).stderr(Stdio::piped());
        for key in ["SMTP", "LMTP", "WEB"] {
            command.env(format!("TIDEGATE_{key}__LISTEN"), "[\"127.0.0.1:0\"]");
        }
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command.stdout(writer).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && said.is_empty(), "{arguments:?}: {:?} {said}", output.status);
    }
}

#[test]
fn a_file_that_is_no_database_is_not_called_away() {
    let dir = tempfile::tempdir().unwrap();
    crate::gateway::write(
        &dir.path().join("tidegate.sqlite"),
        "not a database at all, but long enough to have a header. ".repeat(20),
    );
    let (code, said) = refuses(dir.path(), &["org", "ls"]);
    assert!(code == Some(2) && said.contains("`data.dir`") && said.contains("not a database"), "{code:?} {said}");
    assert!(!said.contains("tried again"), "{said}");
}

#[test]
fn a_database_that_cannot_be_named_is_the_configurations_fault() {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(["org", "ls"])
        .env("TIDEGATE_DATA__DIR", dir.path())
        .env("TIDEGATE_DATABASE__URL", "sqlite::memory:")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && said.contains("database.url"), "{said}");
}
