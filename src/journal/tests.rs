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
