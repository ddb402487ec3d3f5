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
fn a_check_beside_the_gateway_that_runs_says_that_its_ports_are_taken_and_is_fine() {
    let gateway = Gateway::start("");
    let fixed = format!("[smtp]\nlisten = [\"{}\"]\n[web]\nlisten = [\"{}\"]\n", gateway.smtp, gateway.web);
    gateway.configure(&fixed);
    let output = gateway.tidegate(&["serve", "--check"]);
    let words = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{words}{}", String::from_utf8(output.stderr).unwrap());
    assert!(words.contains(&format!("smtp {} (taken now", gateway.smtp)), "{words}");
    // Another gateway's data folder: then somebody else has the port.
    let elsewhere = tempfile::tempdir().unwrap();
    gateway.configure(&format!("{fixed}[data]\ndir = {:?}\n", elsewhere.path().to_str().unwrap()));
    assert_eq!(gateway.tidegate(&["serve", "--check"]).status.code(), Some(2));
}

#[test]
fn a_check_looks_at_the_database_too() {
    let gateway = Gateway::start("");
    for url in ["postgres://user@host:port/x", "sqlite:/proc/version/x.sqlite", "sqlite:/"] {
        gateway.configure(&format!("[database]\nurl = {url:?}\n"));
        let output = gateway.tidegate(&["serve", "--check"]);
        let words = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && words.contains("`database.url`"), "{url}: {words}");
    }
}

#[test]
fn the_first_administrators_link_has_the_port_that_was_chosen() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.env("TIDEGATE_DATA__DIR", dir.path().join("data")).stdin(Stdio::null()).stdout(Stdio::piped());
    for key in ["SMTP", "LMTP", "WEB"] {
        command.env(format!("TIDEGATE_{key}__LISTEN"), "[\"127.0.0.1:0\"]");
    }
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
    let said: Vec<String> = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()))
        .map_while(Result::ok)
        .take_while(|line| line != "ready")
        .collect();
    let _ = child.kill();
    let _ = child.wait();
    let web = said.iter().find_map(|l| l.strip_prefix("listening web ")).unwrap();
    let link = said.iter().find(|l| l.starts_with("first administrator")).unwrap();
    assert!(link.contains(&format!("http://{web}/login/")) && !link.contains(":0/"), "{said:?}");
}

/// A start under a shell's limits of open files: what the process may have, and what its log says.
fn with_open_files(limit: &str) -> (String, String) {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit {limit} && exec \"$0\" serve"), env!("CARGO_BIN_EXE_tidegate")]);
    command.env("TIDEGATE_DATA__DIR", dir.path().join("data")).stdin(Stdio::null()).stdout(Stdio::piped());
    for key in ["SMTP", "LMTP", "WEB"] {
        command.env(format!("TIDEGATE_{key}__LISTEN"), "[\"127.0.0.1:0\"]");
    }
    let mut child = command.stderr(std::fs::File::create(&log).unwrap()).spawn().unwrap();
    let said = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    assert!(said.map_while(Result::ok).any(|line| line == "ready"), "{}", std::fs::read_to_string(&log).unwrap());
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    let _ = child.kill();
    let _ = child.wait();
    let open = limits.lines().find(|l| l.starts_with("Max open files")).unwrap().to_owned();
    (open, std::fs::read_to_string(&log).unwrap())
}

#[test]
fn the_limit_of_open_files_is_raised_for_the_connections_and_told_where_it_may_not_be() {
    let (open, log) = with_open_files("-Sn 256");
    assert!(!open.contains(" 256 "), "{open}");
    assert!(!log.contains("LimitNOFILE"), "{log}");
    let (open, log) = with_open_files("-n 256");
    assert!(open.contains(" 256 ") && log.contains("LimitNOFILE") && log.contains("smtp.connections_max"), "{open}: {log}");
}

#[test]
fn a_start_that_can_take_no_mail_for_want_of_room_says_so() {
    let gateway = Gateway::start("[journal]\ndisk_free_bytes_min = 9000000000000000000\n");
    wait_until("the log says it", || {
        gateway.log().contains("no mail can be taken") && gateway.log().contains("not ready any more")
    });
    assert!(gateway.log().contains("disk_free_bytes_min"), "{}", gateway.log());
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
