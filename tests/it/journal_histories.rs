//! The journal from outside: the command line on a folder, also while somebody writes it, and after
//! its writer was killed. (Histories on a disk that tears and forgets are in `src/journal/histories.rs`.)

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use tidegate::journal::{Body, Journal, JournalOptions};
use tidegate::limits::Limits;
use tidegate::mail::{BodyType, Envelope, EnvelopeRecipient, MailboxId, OrganisationId, Position, Protocol};
use tidegate::telemetry::Metrics;
use uuid::Uuid;

fn tidegate(data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(arguments).env("TIDEGATE_DATA__DIR", data).env_remove("TIDEGATE_CONFIG").output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn open(data: &Path) -> Journal {
    let limits = Arc::new(Limits { disk_free_bytes_min: 1, ..Limits::default() });
    Journal::open(JournalOptions { dir: data.join("journal"), segment_bytes: 1 << 20, limits, metrics: Metrics::new().0 })
        .unwrap()
}

fn envelope(n: u64) -> Envelope {
    Envelope {
        received_at_us: 1_764_000_000_000_000 + n as i64,
        session: format!("s{n}"),
        protocol: Protocol::ESMTP,
        client_ip: None,
        client_name: None,
        helo: None,
        reverse_path: "sender@example.net".to_owned(),
        recipients: vec![EnvelopeRecipient {
            address: "help@example.com".to_owned(),
            organisation: OrganisationId(Uuid::from_u128(7)),
            mailbox: MailboxId(Uuid::from_u128(8)),
        }],
        tls: None,
        authenticated_as: None,
        smtputf8: false,
        body: BodyType::default(),
    }
}

/// Not text, and longer than one read of the disk.
fn mail(n: u64) -> Vec<u8> {
    (0..70_000u64).map(|i| ((i * (n + 3)) >> 3) as u8).collect()
}

async fn fill(journal: &Journal, count: u64) -> Vec<Position> {
    let mut positions = Vec::new();
    for n in 0..count {
        positions.push(journal.append(envelope(n), Body::Inline(mail(n))).await.unwrap());
    }
    positions
}

fn lines(output: &Output) -> Vec<Value> {
    text(&output.stdout).lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

#[tokio::test]
async fn the_command_line_reads_a_journal_that_is_being_written() {
    let data = tempfile::tempdir().unwrap();
    let journal = open(data.path());
    let positions = fill(&journal, 40).await;
    assert!(positions[39].segment > positions[0].segment);
    journal.mark_done(&positions[..2]).unwrap();
    journal.count_attempts(&positions[2..3]).unwrap();
    journal.erase(positions[3]).unwrap();

    let listed = tidegate(data.path(), &["journal", "ls", "--json"]);
    assert!(listed.status.success() && listed.stderr.is_empty(), "{listed:?}");
    assert!(!text(&listed.stdout).contains('@'), "ids, not addresses");
    let all = lines(&listed);
    let listed: Vec<Position> = all.iter().map(|l| l["position"].as_str().unwrap().parse().unwrap()).collect();
    assert_eq!(listed, positions);
    let states: Vec<&str> = all[..5].iter().map(|l| l["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["done", "done", "waiting", "erased", "waiting"]);
    assert_eq!((&all[2]["attempts"], &all[2]["bytes"], &all[2]["recipients"]), (&1.into(), &70_000.into(), &1.into()));
    assert_eq!(all[2]["received_at"], "2025-11-24T16:00:00.000002Z");

    let some = tidegate(data.path(), &["journal", "ls", "--from", &positions[10].to_string(), "--limit", "3"]);
    let some: Vec<&str> = text(&some.stdout).lines().collect();
    assert_eq!(some.len(), 3);
    assert!(some[0].starts_with(&positions[10].to_string()) && some[0].ends_with("waiting"), "{some:?}");

    let raw = tidegate(data.path(), &["journal", "cat", &positions[20].to_string()]);
    assert!(raw.status.success() && raw.stdout == mail(20));
    let verified = tidegate(data.path(), &["journal", "verify", "--json"]);
    assert!(verified.status.success());
    let report = &lines(&verified)[0];
    assert_eq!((&report["mails"], &report["erased"], &report["damages"]), (&40.into(), &1.into(), &Value::Array(vec![])));

    let more = fill(&journal, 1).await;
    assert!(tidegate(data.path(), &["journal", "cat", &more[0].to_string()]).status.success(), "nothing was locked out");
}

#[tokio::test]
async fn damage_is_listed_with_its_place_and_the_rest_is_still_there() {
    let data = tempfile::tempdir().unwrap();
    let positions = {
        let journal = open(data.path());
        fill(&journal, 40).await
    };
    let hurt = positions[5];
    let path = data.path().join(format!("journal/{:08x}.seg", hurt.segment));
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[hurt.offset as usize + 30_000] ^= 1;
    #[allow(clippy::disallowed_methods)] // damage needs no durability
    std::fs::write(&path, bytes).unwrap();

    let verified = tidegate(data.path(), &["journal", "verify"]);
    assert_eq!(verified.status.code(), Some(1));
    let said = text(&verified.stdout);
    assert!(said.contains(&format!("{hurt}  the raw mail does not pass")) && said.contains("1 PLACE IS DAMAGED"), "{said}");
    let report = &lines(&tidegate(data.path(), &["journal", "verify", "--json"]))[0];
    assert_eq!((report["mails"].as_u64(), &report["damages"][0]["at"]), (Some(39), &hurt.to_string().into()));

    let cat = tidegate(data.path(), &["journal", "cat", &hurt.to_string()]);
    assert_eq!(cat.status.code(), Some(1));
    assert!(cat.stdout.len() < 70_000, "a damaged mail never looks whole");
    assert!(text(&cat.stderr).contains("damaged"), "{cat:?}");
    for p in [positions[4], positions[6]] {
        assert!(tidegate(data.path(), &["journal", "cat", &p.to_string()]).status.success());
    }
    let journal = open(data.path());
    assert_eq!(journal.reader().body(positions[39]).unwrap(), mail(39));
}

#[test]
fn what_is_not_there_is_said_clearly() {
    let data = tempfile::tempdir().unwrap();
    let none = tidegate(data.path(), &["journal", "ls"]);
    assert_eq!(none.status.code(), Some(2));
    assert!(text(&none.stderr).contains("data.dir") && text(&none.stderr).contains("no journal"), "{none:?}");
    drop(open(data.path()));
    let empty = tidegate(data.path(), &["journal", "ls", "--json"]);
    assert!(empty.status.success() && empty.stdout.is_empty());
    let nowhere = tidegate(data.path(), &["journal", "cat", "0000000100001000"]);
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(text(&nowhere.stderr).contains("0000000100001000"), "{nowhere:?}");
    let wrong = tidegate(data.path(), &["journal", "cat", "feed"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("sixteen hexadecimal digits"), "{wrong:?}");
}
