//! The journal on the real disk.

use super::*;
use crate::mail::{EnvelopeRecipient, MailboxId, OrganisationId};
use std::path::Path;
use uuid::Uuid;

pub(super) fn envelope(n: u64) -> Envelope {
    Envelope {
        received_at_us: 1_000_000 + n as i64,
        session: format!("s{n}"),
        protocol: crate::mail::Protocol::ESMTP,
        client_ip: Some("192.0.2.1".parse().unwrap()),
        client_name: None,
        helo: Some("client.example".to_owned()),
        reverse_path: format!("sender{n}@example.net"),
        recipients: vec![EnvelopeRecipient {
            address: "help@example.com".to_owned(),
            organisation: OrganisationId(Uuid::from_u128(7)),
            mailbox: MailboxId(Uuid::from_u128(8)),
        }],
        tls: None,
        authenticated_as: None,
        smtputf8: false,
        body: crate::mail::BodyType::default(),
    }
}

/// A body that says which it is, of any length from 8.
pub(super) fn body(n: u64, len: usize) -> Vec<u8> {
    let mut b = n.to_le_bytes().to_vec();
    b.extend((8..len.max(8)).map(|i| (i as u64).wrapping_mul(n + 31) as u8));
    b
}

pub(super) fn options(dir: &Path) -> JournalOptions {
    let limits = Limits { large_body_bytes: 16 << 10, disk_free_bytes_min: 1, ..Limits::default() };
    JournalOptions { dir: dir.to_owned(), segment_bytes: 128 << 10, limits: Arc::new(limits), metrics: Metrics::new().0 }
}

fn all(reader: &Reader) -> Vec<Entry> {
    let (mut out, mut at) = (Vec::new(), Position::START);
    loop {
        let some = reader.entries(at, 7).unwrap();
        let Some(last) = some.last() else { return out };
        at = last.next;
        out.extend(some);
    }
}

async fn append(journal: &Journal, n: u64, len: usize) -> Position {
    journal.append(envelope(n), Body::Inline(body(n, len))).await.unwrap()
}

async fn append_large(journal: &Journal, n: u64, len: usize) -> Position {
    let mut large = journal.begin_large().await.unwrap();
    for chunk in body(n, len).chunks(40_000) {
        large.write(chunk.to_vec()).await.unwrap();
    }
    let large = large.finish().await.unwrap();
    assert_eq!(large.len(), len as u64);
    journal.append(envelope(n), Body::Large(large)).await.unwrap()
}

#[tokio::test]
async fn raw_mail_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(options(&dir.path().join("journal"))).unwrap();
    append_large(&journal, 1, 20 << 10).await;
    write_durably(&dir.path().join("known.json"), b"{}").unwrap();
    let (mut todo, mut seen) = (vec![dir.path().join("journal"), dir.path().join("known.json")], 0);
    while let Some(path) = todo.pop() {
        let meta = std::fs::metadata(&path).unwrap();
        assert_eq!(meta.permissions().mode() & 0o077, 0, "{}", path.display());
        seen += 1;
        if meta.is_dir() {
            todo.extend(std::fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
        }
    }
    assert!(seen > 4, "{seen} files");
}

#[tokio::test]
async fn what_was_acknowledged_is_read_back_byte_for_byte_and_in_order_also_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for round in 0..3 {
        let journal = Journal::open(options(dir.path())).unwrap();
        let end = journal.durable_end();
        for n in round * 100..round * 100 + 60 {
            let len = (n as usize * 977) % 9_000 + 8;
            let position = if n % 20 == 7 { append_large(&journal, n, 300_000).await } else { append(&journal, n, len).await };
            assert!(*end.borrow() > position);
            expected.push((position, n, if n % 20 == 7 { 300_000 } else { len }));
        }
        for reader in [journal.reader(), Reader::open(dir.path()).unwrap()] {
            let entries = all(&reader);
            assert_eq!(entries.len(), expected.len());
            for (entry, (position, n, len)) in entries.iter().zip(&expected) {
                assert_eq!((entry.position, entry.body_len), (*position, *len as u64));
                assert_eq!(entry.envelope, envelope(*n));
                assert_eq!(reader.body(*position).unwrap(), body(*n, *len));
                assert_eq!(reader.entry(*position).unwrap(), *entry);
            }
        }
    }
    assert!(expected.last().unwrap().0.segment > 5, "several segments were filled");
}

#[tokio::test]
async fn many_at_once_share_their_syncs_and_each_gets_its_own_position() {
    let dir = tempfile::tempdir().unwrap();
    let metrics = Metrics::new();
    let journal = Journal::open(JournalOptions { metrics: metrics.0, segment_bytes: 1 << 20, ..options(dir.path()) }).unwrap();
    let tasks: Vec<_> = (0..2_000)
        .map(|n| {
            let journal = journal.clone();
            tokio::spawn(async move { (n, append(&journal, n, 300 + n as usize).await) })
        })
        .collect();
    let reader = journal.reader();
    let mut positions = std::collections::BTreeSet::new();
    for task in tasks {
        let (n, position) = task.await.unwrap();
        assert_eq!(reader.body(position).unwrap(), body(n, 300 + n as usize));
        positions.insert(position);
    }
    assert_eq!(positions.len(), 2_000);
    let text = crate::telemetry::render(&metrics.1).unwrap();
    let count = |name: &str| text.lines().find_map(|l| l.strip_prefix(name)).unwrap().trim().parse::<u64>().unwrap();
    assert_eq!(count("tidegate_journal_mails_total "), 2_000);
    assert!(count("tidegate_journal_sync_seconds_count ") < 1_000, "{text}");
}

#[tokio::test]
async fn a_second_writer_is_refused_and_told_who_has_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    let first = Journal::open(options(dir.path())).unwrap();
    let refused = Journal::open(options(dir.path())).unwrap_err();
    assert!(
        matches!(&refused, Error::Locked { holder: Some(h), .. } if h.contains(&std::process::id().to_string())),
        "{refused}"
    );
    let id = first.id();
    drop(first);
    assert_eq!(Journal::open(options(dir.path())).unwrap().id(), id, "dropping gives the folder back");
}

#[tokio::test]
async fn closing_writes_what_waits_and_refuses_what_comes() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(options(dir.path())).unwrap();
    let waiting: Vec<_> = (0..50)
        .map(|n| {
            let journal = journal.clone();
            tokio::spawn(async move { append(&journal, n, 5_000).await })
        })
        .collect();
    // Each runs once, so each is in the queue.
    tokio::task::yield_now().await;
    journal.close();
    for append in waiting {
        append.await.unwrap();
    }
    assert_eq!(journal.append(envelope(99), Body::Inline(vec![])).await, Err(Error::Closed));
    assert_eq!(all(&journal.reader()).len(), 50);
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).collect();
    assert!(left.iter().sum::<u64>() < 400_000, "no room is held: {left:?}");
}

#[tokio::test]
async fn a_large_body_that_is_given_up_leaves_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(options(dir.path())).unwrap();
    let files = || std::fs::read_dir(dir.path().join("large")).unwrap().count();
    let mut unfinished = journal.begin_large().await.unwrap();
    unfinished.write(vec![1; 600_000]).await.unwrap();
    let finished = journal.begin_large().await.unwrap().finish().await.unwrap();
    assert_eq!(files(), 2);
    drop((unfinished, finished));
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while files() > 0 {
        assert!(std::time::Instant::now() < deadline);
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_large_body_no_record_names_goes_at_the_next_start_and_a_named_one_stays() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(options(dir.path())).unwrap();
    let position = append_large(&journal, 1, 200_000).await;
    let orphan = journal.begin_large().await.unwrap().finish().await.unwrap();
    let large = dir.path().join("large");
    assert_eq!(std::fs::read_dir(&large).unwrap().count(), 2);
    std::mem::forget(orphan); // as if the process had ended
    drop(journal);
    for _ in 0..3 {
        let journal = Journal::open(options(dir.path())).unwrap();
        assert_eq!(std::fs::read_dir(&large).unwrap().count(), 1);
        assert_eq!(journal.reader().body(position).unwrap(), body(1, 200_000));
        let mut streamed = Vec::new();
        std::io::Read::read_to_end(&mut journal.reader().stream(position).unwrap(), &mut streamed).unwrap();
        assert_eq!(streamed, body(1, 200_000));
    }
}

#[tokio::test]
async fn an_erased_mail_leaves_no_byte_and_no_address_on_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(options(dir.path())).unwrap();
    let secret = |n: u64| [format!("the secret of {n}").into_bytes(), body(n, 3_000)].concat();
    let mut positions = Vec::new();
    for n in 0..3 {
        positions.push(journal.append(envelope(n), Body::Inline(secret(n))).await.unwrap());
    }
    let large = append_large(&journal, 3, 200_000).await;
    for p in [positions[1], large] {
        journal.erase(p).unwrap();
        journal.erase(p).unwrap();
    }
    let file = std::fs::read(dir.path().join(format!("{:08x}.seg", large.segment))).unwrap();
    let has = |text: &str| memchr::memmem::find(&file, text.as_bytes()).is_some();
    assert!(has("the secret of 0") && has("sender0@") && has("the secret of 2"));
    assert!(!has("the secret of 1") && !has("sender1@") && !has("sender3@"));
    assert_eq!(std::fs::read_dir(dir.path().join("large")).unwrap().count(), 0);
    for reader in [journal.reader(), Reader::open(dir.path()).unwrap()] {
        let entry = reader.entry(positions[1]).unwrap();
        assert!(entry.erased && entry.envelope.recipients[0].address.is_empty());
        assert_eq!(entry.envelope.organisations(), envelope(1).organisations(), "the books still balance");
        assert_eq!(reader.body(positions[1]), Err(Error::Erased(positions[1])));
        assert_eq!(reader.body(positions[2]).unwrap(), secret(2));
        let verified = reader.verify(&mut |_, _| {}).unwrap();
        assert_eq!((verified.mails, verified.erased, verified.damages.len()), (4, 2, 0));
    }
    let nowhere = Position { offset: positions[1].offset + 8, ..positions[1] };
    assert_eq!(journal.erase(nowhere), Err(Error::NotFound(nowhere)));
}

#[tokio::test]
async fn a_folder_that_is_no_journal_and_a_segment_of_another_are_named() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    assert!(matches!(Reader::open(one.path()).unwrap_err(), Error::NoJournal { .. }));
    append(&Journal::open(options(one.path())).unwrap(), 1, 100).await;
    drop(Journal::open(options(other.path())).unwrap());
    std::fs::copy(one.path().join("00000001.seg"), other.path().join("0000000f.seg")).unwrap();
    let renamed = Journal::open(options(other.path())).unwrap_err().to_string();
    assert!(renamed.contains("0000000f.seg") && renamed.contains("renamed"), "{renamed}");
    std::fs::remove_file(other.path().join("0000000f.seg")).unwrap();
    std::fs::copy(one.path().join("00000001.seg"), other.path().join("00000001.seg")).unwrap();
    let foreign = Journal::open(options(other.path())).unwrap_err().to_string();
    assert!(foreign.contains("belongs to journal"), "{foreign}");
}

#[tokio::test]
async fn an_id_that_was_lost_is_found_in_the_segments() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(options(dir.path())).unwrap();
    append(&journal, 1, 100).await;
    let id = journal.id();
    drop(journal);
    std::fs::remove_file(dir.path().join("id")).unwrap();
    let journal = Journal::open(options(dir.path())).unwrap();
    assert_eq!((journal.id(), all(&journal.reader()).len()), (id, 1));
}

#[tokio::test]
async fn a_record_that_fits_no_segment_is_refused_and_the_others_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(options(dir.path())).unwrap();
    append(&journal, 1, 100).await;
    let refused = journal.append(envelope(2), Body::Inline(vec![0; 200_000])).await.unwrap_err();
    assert!(matches!(refused, Error::TooLarge { .. }) && !refused.is_transient(), "{refused}");
    append(&journal, 3, 100).await;
    assert_eq!(all(&journal.reader()).len(), 2);
}
