//! No mail stops another: one that panics, hangs or kills the process ends in the quarantine, and
//! the rest flows. The intake runs in this process on a real journal and a real SQLite, with a
//! reader that misbehaves on marked mails.

use crate::rig::{Rig, mail, marked};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tidegate::intake;
use tidegate::limits::Limits;
use tidegate::mail::{DispositionKind, Position, QuarantineId};
use tidegate::store::QuarantineState;

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_panics_its_reader_is_held_and_the_rest_flows() {
    let rig = Rig::new(Limits::default()).await;
    let mut positions = Vec::new();
    for n in 0..40 {
        positions.push(rig.accept(&mail(n, if n == 17 { "POISON" } else { "hello" })).await);
    }
    let inner = intake::read_mail(rig.limits.clone());
    rig.start(Arc::new(move |raw, path| {
        assert!(!marked(raw, "POISON"), "the reader fell over its own feet");
        inner(raw, path)
    }));
    let settled = rig.settled(&positions).await;
    for (n, p) in positions.iter().enumerate() {
        let want = if n == 17 { DispositionKind::Quarantined } else { DispositionKind::Attached };
        assert_eq!(settled[p], want, "mail {n}");
    }
    rig.counted("quarantined", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_hangs_its_reader_is_held_and_the_rest_flows() {
    let rig = Rig::new(Limits { mail_time_max: Duration::from_millis(300), ..Limits::default() }).await;
    let mut positions = Vec::new();
    for n in 0..40 {
        positions.push(rig.accept(&mail(n, if n % 20 == 3 { "SLEEPY" } else { "hello" })).await);
    }
    let inner = intake::read_mail(rig.limits.clone());
    rig.start(Arc::new(move |raw, path| {
        while marked(raw, "SLEEPY") {
            std::thread::park_timeout(Duration::from_millis(50));
        }
        inner(raw, path)
    }));
    let settled = rig.settled(&positions).await;
    for (n, p) in positions.iter().enumerate() {
        let want = if n % 20 == 3 { DispositionKind::Quarantined } else { DispositionKind::Attached };
        assert_eq!(settled[p], want, "mail {n}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_killed_the_process_before_is_held_without_being_read_again() {
    let rig = Rig::new(Limits::default()).await;
    let killer = rig.accept(&mail(1, "KILLER")).await;
    let other = rig.accept(&mail(2, "hello")).await;
    // What earlier processes left on the disk when they died while reading it.
    for _ in 0..rig.limits.attempts_max {
        rig.journal.count_attempts(&[killer]).unwrap();
    }
    let reads = Arc::new(AtomicUsize::new(0));
    let inner = intake::read_mail(rig.limits.clone());
    let seen = reads.clone();
    rig.start(Arc::new(move |raw, path| {
        seen.fetch_add(usize::from(marked(raw, "KILLER")), Ordering::SeqCst);
        inner(raw, path)
    }));
    let settled = rig.settled(&[killer, other]).await;
    assert_eq!(settled[&killer], DispositionKind::Quarantined);
    assert_eq!(settled[&other], DispositionKind::Attached);
    assert_eq!(reads.load(Ordering::SeqCst), 0, "it was read again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_was_read_and_only_waits_is_not_blamed_for_a_crash() {
    let rig = Rig::new(Limits::default()).await;
    let mut positions = Vec::new();
    for n in 0..40 {
        positions.push(rig.accept(&mail(n, if n == 20 { "SLEEPY" } else { "hello" })).await);
    }
    let inner = intake::read_mail(rig.limits.clone());
    rig.start(Arc::new(move |raw, path| {
        while marked(raw, "SLEEPY") {
            std::thread::park_timeout(Duration::from_secs(5));
        }
        inner(raw, path)
    }));
    let read: Vec<_> = positions.iter().copied().filter(|p| *p != positions[20]).collect();
    rig.settled(&read).await;
    // What a kill at this instant would leave on the disk: one mail was begun and did not end.
    assert_eq!(rig.journal.attempts(positions[20]), 1);
    assert!(read.iter().all(|p| rig.journal.attempts(*p) == 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_attached_and_not_marked_is_not_attached_twice() {
    let rig = Rig::new(Limits::default()).await;
    let first = rig.accept(&mail(1, "hello")).await;
    rig.start(intake::read_mail(rig.limits.clone()));
    rig.settled(&[first]).await;
    // The same mail offered to the store again, as after a crash between the transaction and the mark.
    let _ = rig.stop.send(true);
    let twice = rig.accept(&mail(1, "hello")).await;
    rig.stop.send_replace(false);
    rig.start(intake::read_mail(rig.limits.clone()));
    let settled = rig.settled(&[first, twice]).await;
    assert_eq!(settled[&first], DispositionKind::Attached);
    assert_eq!(settled[&twice], DispositionKind::Duplicate, "a retry after a lost 250 is a duplicate");
}

/// A held mail, and the switch that mends its reader.
async fn held(rig: &Rig) -> (Position, QuarantineId, Arc<AtomicBool>) {
    let position = rig.accept(&mail(1, "POISON")).await;
    let broken = Arc::new(AtomicBool::new(true));
    let inner = intake::read_mail(rig.limits.clone());
    let switch = broken.clone();
    rig.start(Arc::new(move |raw, path| {
        assert!(!switch.load(Ordering::SeqCst) || !marked(raw, "POISON"), "the reader fell over its own feet");
        inner(raw, path)
    }));
    assert_eq!(rig.settled(&[position]).await[&position], DispositionKind::Quarantined);
    let items = rig.store.quarantine_items(QuarantineState::Held, None, 10).await.unwrap();
    (position, items[0].id, broken)
}

async fn state_becomes(rig: &Rig, item: QuarantineId, wanted: QuarantineState) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while rig.store.quarantine_item(item).await.unwrap().state != wanted {
        assert!(Instant::now() < deadline, "not {wanted:?} in time");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_released_mail_is_read_again_and_attached() {
    let rig = Rig::new(Limits::default()).await;
    let (position, item, broken) = held(&rig).await;
    broken.store(false, Ordering::SeqCst);
    rig.store.release(item, None, "cli").await.unwrap();
    state_becomes(&rig, item, QuarantineState::Attached).await;
    assert_eq!(rig.settled(&[position]).await[&position], DispositionKind::Attached);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_released_mail_that_still_can_not_be_read_is_held_again() {
    let rig = Rig::new(Limits::default()).await;
    let (position, item, _) = held(&rig).await;
    rig.store.release(item, None, "cli").await.unwrap();
    state_becomes(&rig, item, QuarantineState::Held).await;
    assert_eq!(rig.settled(&[position]).await[&position], DispositionKind::Quarantined);
}
