//! Rounds of `kill -9` at random moments under load; then the books have to balance.
//!
//! Two rounds in plain `cargo test`; `scripts/torture ROUNDS` runs more. Each round sends mails no
//! other round has (a few of them twice, some large, some in conversations), keeps what was
//! acknowledged, and kills the gateway; the next one goes on with the same folder.

use crate::database::{Database, on_both_databases};
use crate::gateway::{Gateway, wait_until, write};
use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tidegate::mail::Position;

const MAILS_A_ROUND: u64 = 4_000;

/// Numbers that a seed repeats (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|v| v.parse().unwrap_or_else(|_| panic!("{name}={v} is not a number")))
}

/// The mails of one round, as an mbox.
fn mbox(round: u64, random: &mut Random) -> String {
    let mut out = String::new();
    let mut mails: Vec<String> = Vec::new();
    for n in 0..MAILS_A_ROUND {
        if random.below(40) == 0 && !mails.is_empty() {
            let again = mails[random.below(mails.len() as u64) as usize].clone();
            mails.push(again);
            continue;
        }
        let mut mail = format!(
            "From: p{}@x.test\nTo: help@y.test\nSubject: torture {round} {n}\nMessage-ID: <{round}.{n}@torture.test>\n\
             Date: Thu, 1 Jan 2026 00:00:00 +0000\n",
            random.below(50)
        );
        if random.below(3) == 0 && n > 0 {
            let _ = writeln!(mail, "References: <{round}.{}@torture.test>", random.below(n));
        }
        mail.push('\n');
        let lines = if random.below(200) == 0 { 4_000 } else { 1 + random.below(60) };
        for line in 0..lines {
            let _ = writeln!(mail, "line {line} of mail {n} in round {round}, {:016x}", random.below(u64::MAX));
        }
        mails.push(mail);
    }
    for mail in mails {
        let _ = write!(out, "From p@x.test Thu Jan  1 00:00:00 2026\n{mail}\n");
    }
    out
}

/// One round: load, a random moment, `kill -9`.
fn round(gateway: &mut Gateway, dir: &Path, acknowledged: &Path, round: u64, random: &mut Random) {
    let path = dir.join(format!("round-{round}"));
    write(&path, mbox(round, random));
    let mut send = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(["send", "--connections", "10", "--server", &gateway.smtp.to_string(), "--acknowledged"])
        .arg(acknowledged)
        .arg(&path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Most moments are in the load, some before it and some in the drain behind it.
    let moment = Instant::now() + Duration::from_millis(random.below(1_500));
    wait_until("the moment has come", || Instant::now() >= moment);
    gateway.kill();
    wait_until("the sender gives up", || send.try_wait().unwrap().is_some());
    std::fs::remove_file(path).unwrap();
}

fn lines(path: &Path) -> Vec<(String, Position)> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let split = |line: &str| line.split_once(' ').map(|(id, at)| (id.to_owned(), at.parse().unwrap())).unwrap();
    text.lines().map(split).collect()
}

fn field<'a>(raw: &'a [u8], name: &str) -> Option<&'a str> {
    let line = raw.split(|b| *b == b'\n').take_while(|l| *l != b"\r").find(|l| l.starts_with(name.as_bytes()))?;
    std::str::from_utf8(&line[name.len()..]).ok().map(str::trim)
}

on_both_databases! {
    async fn what_was_acknowledged_survives_kill_9_and_is_attached_once(db: Database) {
        let rounds = number("TORTURE_ROUNDS").unwrap_or(2);
        let seed = number("TORTURE_SEED").unwrap_or_else(|| uuid::Uuid::now_v7().as_u64_pair().1 >> 32);
        eprintln!("{rounds} rounds; TORTURE_SEED={seed} repeats the mails and the moments");
        let mut random = Random(seed);
        let dir = tempfile::tempdir().unwrap();
        let acknowledged = dir.path().join("acknowledged");
        // Small segments, so that rounds end in the middle of all of it: sealing, large bodies, preallocation.
        let config = format!(
            "[database]\nurl = {:?}\n[journal]\nsegment_bytes = 4194304\nlarge_body_bytes = 65536\n[log]\nlevel = \"warn\"",
            db.url
        );
        let mut gateway = Gateway::start(&config);
        for n in 0..rounds {
            round(&mut gateway, dir.path(), &acknowledged, n, &mut random);
            gateway.start_again();
            if (n + 1) % 10 == 0 {
                eprintln!("round {} of {rounds}: {} acknowledged so far", n + 1, lines(&acknowledged).len());
            }
        }
        let acknowledged = lines(&acknowledged);
        let books = gateway.drained(acknowledged.len() as u64);
        gateway.stop();

        // Everything acknowledged is in the journal, where the reply said, once.
        let mut copies: HashMap<String, Vec<Position>> = HashMap::new();
        let mut distinct: HashSet<String> = HashSet::new();
        gateway.each_mail(|entry, body| {
            copies.entry(field(body, "X-Tidegate-Send-Id:").unwrap().to_owned()).or_default().push(entry.position);
            distinct.insert(field(body, "Message-ID:").unwrap().to_owned());
        });
        let lost: Vec<_> = acknowledged.iter().filter(|(id, at)| copies.get(id) != Some(&vec![*at])).take(5).collect();
        assert!(lost.is_empty(), "acknowledged, and not in the journal once: {lost:?}");
        let ids: HashSet<&String> = acknowledged.iter().map(|(id, _)| id).collect();
        assert_eq!(ids.len(), acknowledged.len());

        // Each has one disposition, as the table itself says.
        let journal = tidegate::journal::Reader::open(&gateway.data_dir.join("journal")).unwrap().id();
        for some in acknowledged.chunks(500) {
            let positions: Vec<Position> = some.iter().map(|(_, at)| *at).collect();
            let found = db.store.dispositions(journal, &positions).await.unwrap();
            let of: HashSet<Position> = found.iter().map(|(at, _, _)| *at).collect();
            assert_eq!((found.len(), of.len()), (some.len(), some.len()));
        }

        // Nothing is attached twice, neither a mail nor its contents.
        let attached = i64::try_from(books["attached"].as_u64().unwrap()).unwrap();
        assert_eq!(db.number("SELECT COUNT(*) FROM messages").await, attached);
        let twice = "SELECT COUNT(*) FROM (SELECT 1 FROM messages GROUP BY journal, position, organisation HAVING COUNT(*) > 1) AS t";
        assert_eq!(db.number(twice).await, 0);
        let contents = "SELECT COUNT(*) FROM (SELECT DISTINCT organisation, content_hash FROM messages) AS t";
        assert_eq!(db.number(contents).await, attached);
        let held = i64::try_from(books["quarantined"].as_u64().unwrap()).unwrap();
        let distinct = i64::try_from(distinct.len()).unwrap();
        assert!(attached <= distinct && distinct <= attached + held, "{distinct} different mails, {books}");
        eprintln!("{rounds} rounds, {} acknowledged, {} accepted, {books}", acknowledged.len(), copies.len());
    }
}
