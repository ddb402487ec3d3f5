//! `tidegate send` and `tidegate import`, against a real gateway.

use crate::gateway::{Gateway, wait_until, write};
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;
use tidegate::mail::{Position, Protocol};

fn mail(n: usize) -> String {
    format!(
        "From: Anna <anna@x.test>\nTo: help@y.test\nSubject: question {n}\nMessage-ID: <{n}@x.test>\n\
         Date: Thu, 1 Jan 2026 00:00:00 +0000\n\nHow do I do thing {n}?\n"
    )
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The value of the field that `--acknowledged` adds.
fn send_id(raw: &[u8]) -> Option<&str> {
    let line = raw.split(|b| *b == b'\n').find(|l| l.starts_with(b"X-Tidegate-Send-Id: "))?;
    std::str::from_utf8(line).ok()?.trim_end().strip_prefix("X-Tidegate-Send-Id: ")
}

#[test]
fn what_is_sent_arrives_to_the_byte() {
    let gateway = Gateway::start("");
    let dir = tempfile::tempdir().unwrap();
    let odd: [(&str, &[u8], &[u8]); 6] = [
        ("lf", b"Subject: lf\n\n.\n..two\n", b"Subject: lf\r\n\r\n.\r\n..two\r\n"),
        ("dots", b"Subject: dots\r\n\r\n.\r\n.\r\n\r\n.", b"Subject: dots\r\n\r\n.\r\n.\r\n\r\n.\r\n"),
        ("eight", b"Subject: \xe9\r\n\r\n\xff\xfe\r\n", b"Subject: \xe9\r\n\r\n\xff\xfe\r\n"),
        // What DATA can't carry goes by BDAT, to the byte.
        ("bare", b"Subject: bare\r\n\r\na\rb\nc\0\n.\nd", b"Subject: bare\r\n\r\na\rb\nc\0\n.\nd"),
        ("smuggle", b"Subject: s\r\n\r\n\n.\r\nMAIL FROM:<a@b>\r\n", b"Subject: s\r\n\r\n\n.\r\nMAIL FROM:<a@b>\r\n"),
        ("empty-body", b"Subject: none\r\n\r\n", b"Subject: none\r\n\r\n"),
    ];
    let mut large = b"Subject: large\r\n\r\n".to_vec();
    for n in 0..60_000_u32 {
        large.extend_from_slice(format!(".line {n} of a large mail that does not fit a chunk\r\n").as_bytes());
    }
    for (name, raw, _) in odd {
        write(&dir.path().join(name), raw);
    }
    write(&dir.path().join("z-large"), &large);
    let (code, summary) = gateway.send(&["--to", "help@y.test", "--from", "anna@x.test", path(dir.path())]);
    assert_eq!((code, &summary["accepted"], &summary["failed"]), (Some(0), &7.into(), &0.into()), "{summary}");
    // Everything again, by BDAT alone.
    let (code, summary) = gateway.send(&["--bdat", "--to", "help@y.test", "--from", "anna@x.test", path(dir.path())]);
    assert_eq!((code, &summary["accepted"]), (Some(0), &7.into()), "{summary}");

    let arrived: Vec<Vec<u8>> = gateway.raw_mails().into_iter().map(|(_, body)| body).collect();
    assert_eq!(arrived.len(), 14);
    for (name, raw, by_data) in odd {
        assert!(arrived[..7].iter().any(|a| a == by_data), "{name}, by DATA");
        let by_bdat = if name == "lf" { by_data } else { raw };
        assert!(arrived[7..].iter().any(|a| a == by_bdat), "{name}, by BDAT");
    }
    assert!(arrived[..7].contains(&large) && arrived[7..].contains(&large));
    gateway.drained(14);
}

#[test]
fn many_connections_carry_many_mails_and_each_acknowledged_one_is_named() {
    let gateway = Gateway::start("");
    let dir = tempfile::tempdir().unwrap();
    let mbox: String = (0..20).map(|n| format!("From a@x.test Thu Jan  1 00:00:00 2026\n{}\n", mail(n))).collect();
    write(&dir.path().join("box"), mbox);
    let acknowledged = dir.path().join("acknowledged");
    let (code, summary) = gateway.send(&[
        "--connections",
        "8",
        "--count",
        "100",
        "--acknowledged",
        path(&acknowledged),
        path(&dir.path().join("box")),
    ]);
    assert_eq!((code, &summary["accepted"], &summary["replies"]["250"]), (Some(0), &100.into(), &100.into()), "{summary}");
    assert!(summary["latency_ms"]["p50"].as_f64().unwrap() > 0.0, "{summary}");

    // A repeat is a mail of its own, so nothing is a duplicate.
    let books = gateway.drained(100);
    assert_eq!((&books["attached"], &books["duplicate"]), (&100.into(), &0.into()), "{books}");
    let by_position: HashMap<Position, Vec<u8>> =
        gateway.raw_mails().into_iter().map(|(entry, body)| (entry.position, body)).collect();
    let lines = std::fs::read_to_string(&acknowledged).unwrap();
    assert_eq!(lines.lines().count(), 100);
    for line in lines.lines() {
        let (id, queue_id) = line.split_once(' ').unwrap();
        assert_eq!(send_id(&by_position[&queue_id.parse().unwrap()]), Some(id));
    }
    // For whom and from whom it says itself.
    let (entry, _) = gateway.raw_mails().swap_remove(0);
    assert_eq!(
        (entry.envelope.reverse_path.as_str(), entry.envelope.recipients[0].address.as_str()),
        ("anna@x.test", "help@y.test")
    );
}

#[test]
fn by_lmtp_every_recipient_is_answered() {
    let gateway = Gateway::start("");
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("m"), mail(1));
    let file = dir.path().join("m");
    let output = gateway.tidegate(&[
        "send",
        "--json",
        "--lmtp",
        "--server",
        &gateway.lmtp.to_string(),
        "--to",
        "a@y.test",
        "--to",
        "b@y.test",
        path(&file),
    ]);
    assert!(output.status.success(), "{output:?}");
    let (entry, _) = gateway.raw_mails().swap_remove(0);
    assert_eq!((entry.envelope.protocol, entry.envelope.recipients.len()), (Protocol::LMTP, 2));
}

#[test]
fn what_is_refused_is_listed_with_what_to_do() {
    let gateway = Gateway::start("[smtp]\nmessage_bytes_max = 65536");
    let mailboxes = gateway.tidegate(&["mailbox", "ls", "--json"]);
    let catch_all: Value = serde_json::from_slice(mailboxes.stdout.split(|b| *b == b'\n').next().unwrap()).unwrap();
    assert!(gateway.tidegate(&["mailbox", "rm", catch_all["id"].as_str().unwrap()]).status.success());
    let orgs = gateway.tidegate(&["org", "ls", "--json"]);
    let org: Value = serde_json::from_slice(orgs.stdout.split(|b| *b == b'\n').next().unwrap()).unwrap();
    assert!(gateway.tidegate(&["mailbox", "add", org["id"].as_str().unwrap(), "help@y.test"]).status.success());

    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("1"), mail(1));
    write(&dir.path().join("2"), mail(2) + &"x".repeat(70).repeat(1_000));
    write(&dir.path().join("3"), mail(3));
    let file = dir.path().join("1");
    wait_until("the gateway knows the new mailbox", || gateway.send(&["--to", "else@y.test", path(&file)]).0 == Some(1));
    let (code, summary) = gateway.send(&["--to", "else@y.test", "--to", "help@y.test", path(dir.path())]);
    assert_eq!(code, Some(1), "{summary}");
    assert_eq!((&summary["accepted"], &summary["failed"], &summary["recipients_refused"]), (&2.into(), &1.into(), &2.into()));
    assert_eq!((&summary["replies"]["552"], &summary["replies"]["550"]), (&1.into(), &2.into()), "{summary}");
    let listed = &summary["failures"][0];
    assert!(listed["mail"].as_str().unwrap().ends_with("/2"), "{summary}");
    assert!(listed["what_to_do"].as_str().unwrap().contains("message_bytes_max"), "{summary}");
}

#[test]
fn without_a_gateway_it_says_so_and_fails() {
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("m"), mail(1));
    // A port that was just free.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(["send", "--server", &port.to_string(), "--to", "a@b.test", path(dir.path())])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("0 accepted, 1 not") && said.contains("tidegate serve"), "{said}");
}

#[test]
fn a_rate_is_kept() {
    let gateway = Gateway::start("");
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("m"), mail(1));
    let (code, summary) = gateway.send(&["--connections", "4", "--rate", "50", "--count", "31", path(dir.path())]);
    assert_eq!(code, Some(0), "{summary}");
    // 30 gaps of 20 ms.
    assert!(summary["seconds"].as_f64().unwrap() >= 0.59, "{summary}");
}

#[test]
fn what_was_imported_is_attached_by_the_next_gateway_and_once() {
    let mut gateway = Gateway::start("");
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    write(&root.join("eml/one.eml"), mail(1));
    let quoted = mail(3).replace("How do", ">From here, how do");
    write(
        &root.join("box.mbox"),
        format!("From a@x.test Thu Jan  1 00:00:00 2026\n{}\nFrom a@x.test Thu Jan  1 00:00:01 2026\n{quoted}\n", mail(2)),
    );
    for folder in ["cur", "new", "tmp"] {
        write(&root.join("maildir").join(folder).join(format!("17.{folder}.host:2,S")), mail(4 + folder.len()) + folder);
    }
    write(&root.join("large.eml"), mail(9) + &"a line of a large mail\n".repeat(100_000));
    let paths = [path(root)];

    let beside = gateway.tidegate(&[&["import"], &paths[..]].concat());
    let said = String::from_utf8(beside.stderr).unwrap();
    assert!(beside.status.code() == Some(1) && said.contains("tidegate send"), "{said}");

    gateway.stop();
    let import = || {
        let output = gateway.tidegate(&[&["import", "--json", "--to", "help@y.test"], &paths[..]].concat());
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["imported"].clone()
    };
    assert_eq!(import(), 6, "a Maildir's tmp is not delivered yet");
    let books = gateway.books();
    assert_eq!((&books["accepted"], &books["in_flight"], &books["balanced"]), (&6.into(), &6.into(), &true.into()));
    assert_eq!(import(), 6);
    let raw = gateway.raw_mails();
    assert!(raw.iter().all(|(entry, _)| entry.envelope.protocol == Protocol::Import));
    assert!(raw.iter().any(|(_, body)| contains(body, b"\r\nFrom here, how do")), "mboxrd's quoting is undone");

    gateway.start_again();
    let books = gateway.drained(12);
    assert_eq!((&books["attached"], &books["duplicate"]), (&6.into(), &6.into()), "{books}");
}

fn contains(body: &[u8], what: &[u8]) -> bool {
    body.windows(what.len()).any(|w| w == what)
}

#[test]
fn books_that_do_not_balance_are_shown() {
    let mut gateway = Gateway::start("");
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("m"), mail(1));
    assert_eq!(gateway.send(&[path(dir.path())]).0, Some(0));
    gateway.drained(1);
    gateway.stop();
    // Somebody restores an old backup of the database.
    std::fs::remove_file(gateway.data_dir.join("tidegate.sqlite")).unwrap();
    for file in ["tidegate.sqlite-wal", "tidegate.sqlite-shm"] {
        let _ = std::fs::remove_file(gateway.data_dir.join(file));
    }
    assert!(gateway.tidegate(&["migrate"]).status.success());
    let books = gateway.books();
    assert_eq!((&books["balanced"], &books["problems_total"]), (&false.into(), &1.into()), "{books}");
    let said = String::from_utf8(gateway.tidegate(&["ledger"]).stdout).unwrap();
    assert!(said.contains("NOT BALANCE"), "{said}");
}
