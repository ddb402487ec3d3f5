//! Histories of appends, failures, crashes and reopenings on the model disk.

use super::model::{Fault, ModelDisk};
use super::tests::{body, envelope, options};
use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

pub(super) const DIR: &str = "/journal";

#[derive(Debug, Clone)]
enum Event {
    /// So many mails at once, of sizes that follow from this number.
    Append(u8, u16),
    AppendLarge(u32),
    MarkDone(u8),
    CountAttempt(u8),
    Erase(u8),
    Fail(Fault, u8),
    Full,
    /// The process or the power goes after so many operations of the disk.
    DieIn(u8),
    /// The process or the power goes when something is written and not yet synced.
    DieAtSync(u8),
    /// Faults end.
    Heal,
    Reopen(Ending),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Close,
    Kill,
    PowerCut,
}

fn event() -> impl Strategy<Value = Event> {
    let fault = prop_oneof![
        Just(Fault::Write),
        Just(Fault::Sync),
        Just(Fault::Create),
        Just(Fault::Rename),
        Just(Fault::SyncDir),
        Just(Fault::SetLen)
    ];
    let ending = prop_oneof![Just(Ending::Close), Just(Ending::Kill), Just(Ending::PowerCut)];
    prop_oneof![
        8 => (1..12u8, any::<u16>()).prop_map(|(n, s)| Event::Append(n, s)),
        2 => (1..60_000u32).prop_map(Event::AppendLarge),
        1 => any::<u8>().prop_map(Event::MarkDone),
        1 => any::<u8>().prop_map(Event::CountAttempt),
        1 => any::<u8>().prop_map(Event::Erase),
        3 => (fault, 0..6u8).prop_map(|(f, n)| Event::Fail(f, n)),
        1 => Just(Event::Full),
        2 => (0..60u8).prop_map(Event::DieIn),
        2 => (0..6u8).prop_map(Event::DieAtSync),
        2 => Just(Event::Heal),
        3 => ending.prop_map(Event::Reopen),
    ]
}

/// What is known of one mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Erased {
    No,
    Perhaps,
    Yes,
}

/// A journal on the model disk, and what must be true of it.
struct History {
    disk: ModelDisk,
    journal: Option<Journal>,
    next: u64,
    /// Length by number of every mail that was ever offered.
    offered: BTreeMap<u64, usize>,
    acknowledged: BTreeMap<Position, u64>,
    erased: BTreeMap<Position, Erased>,
    done: BTreeSet<Position>,
    attempts: BTreeMap<Position, u32>,
}

impl History {
    fn new(seed: u64) -> History {
        let mut h = History {
            disk: ModelDisk::new(seed),
            journal: None,
            next: 0,
            offered: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            erased: BTreeMap::new(),
            done: BTreeSet::new(),
            attempts: BTreeMap::new(),
        };
        h.open();
        h
    }

    fn open(&mut self) {
        let options = options(Path::new(DIR));
        let open = |d: &ModelDisk| Journal::open_on(Arc::new(d.clone()), &options, false);
        let journal = match open(&self.disk) {
            Ok(journal) => journal,
            Err(_) => {
                // It may die again while it recovers, and then once more nothing may be lost.
                self.disk.heal();
                self.disk.restart(false);
                open(&self.disk).unwrap()
            }
        };
        self.journal = Some(journal);
        // What is shown once is acted upon, so from now on it must stay.
        for (p, n) in self.check() {
            self.acknowledged.insert(p, n);
        }
    }

    /// Everything acknowledged is there byte for byte, in order; nothing torn is given out.
    fn check(&mut self) -> Vec<(Position, u64)> {
        let Some(journal) = &self.journal else { return Vec::new() };
        let reader = journal.reader();
        let (mut entries, mut at) = (Vec::new(), Position::START);
        loop {
            let some = reader.mails(at, 5, 2_000).unwrap();
            let Some((last, _)) = some.last() else { break };
            at = last.next;
            entries.extend(some);
        }
        assert!(entries.is_sorted_by(|a, b| a.0.position < b.0.position));
        let mut numbers = BTreeSet::new();
        let mut seen = Vec::new();
        for (entry, inline) in &entries {
            let p = entry.position;
            let n: u64 = entry.envelope.session[1..].parse().unwrap();
            assert!(numbers.insert(n), "mail {n} is there twice");
            if let Some(acknowledged) = self.acknowledged.get(&p) {
                assert_eq!(*acknowledged, n);
            }
            seen.push((p, n));
            let len = self.offered[&n];
            assert_eq!(entry.body_len, len as u64);
            let state = self.erased.entry(p).or_insert(Erased::No);
            if *state == Erased::Perhaps {
                *state = if entry.erased { Erased::Yes } else { Erased::No };
            }
            assert_eq!(entry.erased, *state == Erased::Yes, "{p}");
            if entry.erased {
                assert_eq!(reader.body(p), Err(Error::Erased(p)));
                assert!(!format!("{entry:?}").contains('@'), "{entry:?}");
            } else {
                assert_eq!(entry.envelope, envelope(n));
                assert!(reader.body(p).unwrap() == body(n, len), "mail {n} at {p} has other bytes");
                assert!(inline.as_ref().is_none_or(|b| *b == body(n, len)));
            }
        }
        let found: BTreeSet<Position> = seen.iter().map(|(p, _)| *p).collect();
        for (p, n) in &self.acknowledged {
            assert!(found.contains(p), "acknowledged mail {n} at {p} is lost");
        }
        let verified = reader.verify(&mut |_, _| {}).unwrap();
        assert_eq!((verified.damages.as_slice(), verified.mails), (&[][..], seen.len() as u64));
        let unfinished = seen.iter().map(|(p, _)| *p).find(|p| !journal.is_done(*p));
        let first = journal.first_unfinished();
        assert!(unfinished.is_none_or(|u| first == u), "{unfinished:?} {first}");
        seen
    }

    /// What the process that refused a mail shows never has that mail in it.
    fn check_nothing_refused_is_shown(&mut self) {
        for (p, _) in self.check() {
            assert!(self.acknowledged.contains_key(&p), "{p} was refused and is shown");
        }
    }

    fn offer(&mut self, len: usize) -> u64 {
        self.next += 1;
        self.offered.insert(self.next, len.max(8));
        self.next
    }

    async fn happen(&mut self, event: &Event) {
        let before = self.acknowledged.last_key_value().map(|(p, _)| *p);
        let pick = |n: u8, from: &BTreeMap<Position, u64>| from.keys().nth(n as usize % from.len().max(1)).copied();
        let Some(journal) = self.journal.clone() else { return };
        match event {
            Event::Append(count, sizes) => {
                let mut answers = Vec::new();
                self.disk.pause(true);
                for i in 0..u64::from(*count) {
                    let len = (u64::from(*sizes).wrapping_mul(i * i + 1) % 9_000) as usize;
                    let n = self.offer(len);
                    let (journal, len) = (journal.clone(), self.offered[&n]);
                    let append = async move { (n, journal.append(envelope(n), Body::Inline(body(n, len))).await) };
                    answers.push(tokio::spawn(append));
                }
                // The first opens a write of its own, the others share the next.
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                }
                self.disk.pause(false);
                for answer in answers {
                    if let (n, Ok(p)) = answer.await.unwrap() {
                        assert!(before.is_none_or(|b| p > b), "positions go on");
                        assert!(self.acknowledged.insert(p, n).is_none(), "{p} was given twice");
                    }
                }
            }
            Event::AppendLarge(len) => {
                let n = self.offer(*len as usize);
                let appended = async {
                    let mut large = journal.begin_large().await?;
                    for chunk in body(n, self.offered[&n]).chunks(7_000) {
                        large.write(chunk.to_vec()).await?;
                    }
                    let large = large.finish().await?;
                    journal.append(envelope(n), Body::Large(large)).await
                };
                if let Ok(p) = appended.await {
                    self.acknowledged.insert(p, n);
                }
            }
            Event::MarkDone(n) => {
                if let Some(p) = pick(*n, &self.acknowledged) {
                    if journal.mark_done(&[p]).is_ok() {
                        self.done.insert(p);
                    }
                    assert!(journal.is_done(p));
                }
            }
            Event::CountAttempt(n) => {
                if let Some(p) = pick(*n, &self.acknowledged).filter(|p| !journal.is_done(*p)) {
                    let count = journal.attempts(p) + 1;
                    if journal.count_attempts(&[p]).is_ok() {
                        self.attempts.insert(p, count);
                    }
                }
            }
            Event::Erase(n) => {
                if let Some(p) = pick(*n, &self.acknowledged) {
                    let erased = journal.erase(p).is_ok();
                    let before = self.erased.get(&p) == Some(&Erased::Yes);
                    self.erased.insert(p, if erased || before { Erased::Yes } else { Erased::Perhaps });
                    if !erased {
                        // Half erased: made whole by the next start.
                        drop(journal);
                        self.reopen(Ending::Kill);
                    }
                }
            }
            Event::Fail(fault, after) => self.disk.fail(*fault, u32::from(*after)),
            Event::Full => self.disk.set_full(true),
            Event::DieIn(operations) => self.disk.die_in(u32::from(*operations)),
            Event::DieAtSync(after) => self.disk.die_at_sync(u32::from(*after)),
            Event::Heal => self.disk.heal(),
            Event::Reopen(ending) => {
                drop(journal);
                self.reopen(*ending);
            }
        }
    }

    fn reopen(&mut self, ending: Ending) {
        if ending == Ending::Close {
            self.journal = None;
        }
        self.disk.restart(ending == Ending::PowerCut);
        // Whatever the process of an earlier life still does comes to nothing.
        self.journal = None;
        self.open();
        let Some(journal) = &self.journal else { return };
        if ending == Ending::PowerCut {
            self.done.retain(|p| journal.is_done(*p));
            self.attempts.clear();
        }
        for p in &self.done {
            assert!(journal.is_done(*p), "a mark survives the process");
        }
        for (p, n) in &self.attempts {
            assert!(journal.is_done(*p) || journal.attempts(*p) >= *n, "a begin survives the process");
        }
    }
}

fn run(seed: u64, events: &[Event]) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut history = History::new(seed);
        for event in events {
            history.happen(event).await;
        }
        history.disk.heal();
        // A disk whose process died shows nothing; the next life does.
        if history.disk.is_alive() {
            history.check_nothing_refused_is_shown();
        }
        for ending in [Ending::Kill, Ending::PowerCut, Ending::Close] {
            history.reopen(ending);
            history.happen(&Event::Append(3, 99)).await;
            history.check_nothing_refused_is_shown();
        }
    });
}

proptest! {
    // About ten seconds in a debug build; PROPTEST_CASES asks for more.
    #![proptest_config(match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig { failure_persistence: None, ..ProptestConfig::default() },
        None => ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() },
    })]

    #[test]
    fn whatever_happens_every_acknowledged_mail_is_there_and_no_torn_one(
        seed in any::<u64>(),
        events in prop::collection::vec(event(), 1..40),
    ) {
        run(seed, &events);
    }
}
