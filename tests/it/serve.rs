//! The gateway as an operator meets it: what it says when it can't start, and what a restart finds.

use crate::gateway::{Gateway, signal, wait_until};
use std::process::{Command, Output, Stdio};

/// `tidegate serve` with nothing but these variables, which has to end by itself.
fn refused(variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.arg("serve").env("TIDEGATE_DATA__DIR", dir.path().join("data")).stdin(Stdio::null());
    for key in ["SMTP", "LMTP", "WEB"] {
        command.env(format!("TIDEGATE_{key}__LISTEN"), "[\"127.0.0.1:0\"]");
    }
    let Output { status, stderr, .. } = command.envs(variables.iter().copied()).output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

#[test]
fn a_port_that_is_taken_is_named_with_its_key() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, words) = refused(&[("TIDEGATE_LMTP__LISTEN", &format!("[\"{address}\"]"))]);
    assert_eq!(code, Some(2), "{words}");
    assert!(words.contains("`lmtp.listen`") && words.contains(&address) && words.contains("taken"), "{words}");
}

#[test]
fn a_folder_that_can_not_be_used_is_named_with_its_key() {
    let (code, words) = refused(&[("TIDEGATE_DATA__DIR", "/proc/nowhere")]);
    assert_eq!(code, Some(2), "{words}");
    assert!(words.contains("`data.dir`") && words.contains("/proc/nowhere"), "{words}");
}

#[test]
fn the_embedded_default_does_not_take_the_worlds_mail() {
    let (code, words) = refused(&[("TIDEGATE_SMTP__LISTEN", "[\"0.0.0.0:0\"]")]);
    assert_eq!(code, Some(2), "{words}");
    assert!(words.contains("`smtp.listen`") && words.contains("tidegate mailbox add"), "{words}");
}

#[test]
fn a_check_says_where_it_would_listen_and_listens_nowhere() {
    let gateway = Gateway::start("");
    let output = gateway.tidegate(&["serve", "--check"]);
    let words = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{words}");
    assert!(words.contains("smtp 127.0.0.1:") && words.contains("web 127.0.0.1:"), "{words}");
}

#[test]
fn a_second_start_finds_the_data_of_the_first() {
    let mut gateway = Gateway::start("");
    let dir = tempfile::tempdir().unwrap();
    let mail = dir.path().join("one.eml");
    crate::gateway::write(&mail, "From: a@b.test\nSubject: one\nMessage-ID: <1@b.test>\n\nhello\n");
    let path = mail.to_str().unwrap();
    assert_eq!(gateway.send(&["--to", "help@example.test", path]).0, Some(0));
    assert_eq!(gateway.drained(1)["attached"], 1);
    gateway.stop();
    gateway.start_again();
    assert_eq!(gateway.send(&["--to", "help@example.test", path]).0, Some(0));
    let books = gateway.drained(2);
    assert_eq!((&books["attached"], &books["duplicate"]), (&1.into(), &1.into()), "{books}");
}

#[test]
fn a_start_without_the_database_takes_mail_for_the_mailboxes_it_knew() {
    let mut gateway = Gateway::start("");
    assert!(gateway.tidegate(&["mailbox", "add", "default", "help@example.test"]).status.success());
    let known = gateway.data_dir.join("known.json");
    wait_until("the new mailbox is known", || std::fs::read_to_string(&known).is_ok_and(|s| s.contains("help@example.test")));
    gateway.stop();
    // Nothing listens on this port any more: PostgreSQL is away.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    gateway.configure(&format!("[database]\nurl = \"postgres://nobody@127.0.0.1:{closed}/none\"\n"));
    gateway.start_again();
    let dir = tempfile::tempdir().unwrap();
    let mail = dir.path().join("one.eml");
    crate::gateway::write(&mail, "From: a@b.test\nSubject: one\n\nhello\n");
    assert_eq!(gateway.send(&["--to", "help@example.test", mail.to_str().unwrap()]).0, Some(0));
    assert_eq!(gateway.raw_mails().len(), 1);
}

#[test]
fn a_hangup_keeps_what_was_in_force_when_the_new_configuration_is_broken() {
    let mut gateway = Gateway::start("");
    gateway.configure("[log]\nlevl = \"debug\"\n");
    signal("HUP", gateway.child.id());
    wait_until("the hangup is answered", || gateway.log().contains("nothing changed"));
    assert!(gateway.log().contains("levl"));
    gateway.configure("[log]\nlevel = \"debug\"\n");
    signal("HUP", gateway.child.id());
    wait_until("the hangup is answered", || gateway.log().contains("read again"));
    gateway.stop();
}
