//! Reader threads: raw mail to [`Prepared`], each mail alone.
//!
//! # Failure
//! No mail stops another. A panic is caught; a mail that takes longer than
//! `Limits::mail_time_max` loses its thread to it and a new thread takes its place; a mail that
//! kills the process was counted on disk before it was begun, is read alone after the restart and
//! held for staff when that happens again. Each ends in the quarantine with that as the reason.
//!
//! # Trust
//! None in the mail; the journal's checksum says that it is the mail that was accepted.

use super::budget::Share;
use super::{Job, Lane, Shared};
use crate::mail::{Locator, Prepared, QuarantineReason, ReasonCode, Versions};
use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Mails taken from a lane at once: one look at the lock for all of them.
const TAKE_MAX: usize = 16;
/// A mail that takes longer than this keeps none waiting behind it: what its thread took with it goes back to the lane.
const PATIENCE: Duration = Duration::from_millis(200);
/// Threads lost to mails that do not end. With more, the process ends: the attempts are on disk, and a
/// restart is cheaper than a machine full of spinning threads.
const LOST_THREADS_MAX: usize = 8;

/// What is stored with every message of this build.
const VERSIONS: Versions = Versions {
    reader: crate::normalize::READER_VERSION,
    classes: crate::classify::RULES_VERSION,
    rules: crate::threading::RULES_VERSION,
};

/// What a reader made of a mail.
#[derive(Debug)]
pub(super) enum Ready {
    /// One for each organisation.
    Mail {
        job: Job,
        prepared: Vec<Prepared>,
        /// Gives the memory back when the mail is settled.
        _share: Option<Share>,
    },
    /// It goes to staff.
    Poison { job: Job, reasons: Vec<QuarantineReason> },
}

/// What one thread is at.
#[derive(Debug, Default)]
struct Desk {
    current: Option<(Instant, Job)>,
    pending: VecDeque<Job>,
    /// The thread was given up; its late result is dropped.
    lost: bool,
}

type Desks = Arc<Mutex<HashMap<u64, Arc<Mutex<Desk>>>>>;

fn lock<T>(m: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The reader threads and who watches them.
#[derive(Debug, Clone)]
pub(super) struct Readers {
    shared: Arc<Shared>,
    desks: Desks,
}

impl Readers {
    /// Starts the threads: `workers` for the fast lane, one for the slow one.
    pub(super) fn start(shared: Arc<Shared>, workers: usize) -> std::io::Result<Readers> {
        let readers = Readers { shared, desks: Arc::default() };
        for n in 0..workers as u64 {
            readers.spawn(n, Lane::Fast)?;
        }
        readers.spawn(workers as u64, Lane::Slow)?;
        Ok(readers)
    }

    fn spawn(&self, number: u64, lane: Lane) -> std::io::Result<()> {
        let desk = Arc::new(Mutex::new(Desk::default()));
        lock(&self.desks).insert(number, desk.clone());
        let shared = self.shared.clone();
        std::thread::Builder::new()
            .name(format!("reader-{}-{number}", lane.as_str()))
            .spawn(move || work(&shared, &desk, lane))?;
        Ok(())
    }

    /// Looks for mails that take too long; gives each to staff and its thread up.
    pub(super) async fn watch(self, mut shutdown: tokio::sync::watch::Receiver<bool>) {
        let limit = self.shared.limits.mail_time_max;
        let mut next_number = 1_000;
        let mut lost = 0;
        loop {
            tokio::select! {
                () = tokio::time::sleep((limit / 4).clamp(Duration::from_millis(5), PATIENCE / 2)) => {}
                _ = shutdown.wait_for(|stop| *stop) => return,
            }
            let desks: Vec<(u64, Arc<Mutex<Desk>>)> = lock(&self.desks).iter().map(|(n, d)| (*n, d.clone())).collect();
            for (number, desk) in desks {
                let waiting = left_waiting(&desk);
                if !waiting.is_empty() {
                    self.shared.queue.give_back(waiting);
                }
                let Some(job) = give_up(&desk, limit) else { continue };
                lock(&self.desks).remove(&number);
                lost += 1;
                tracing::error!(journal.position = %job.position, limit_s = limit.as_secs_f64(), "reading a mail takes too long: held for staff");
                let lane = job.lane;
                let detail = format!("not read after {} s; the limit is intake.mail_time_max_s", limit.as_secs_f64());
                let reasons = vec![QuarantineReason { code: ReasonCode::ReaderTimedOut, detail }];
                if self.shared.ready.send(Ready::Poison { job, reasons }).await.is_err() {
                    return;
                }
                if lost > LOST_THREADS_MAX {
                    tracing::error!(lost, "too many threads lost to mails that do not end: ending the process, to begin anew");
                    std::process::abort();
                }
                if self.spawn(next_number, lane).is_err() {
                    tracing::error!("no thread could be started: ending the process, to begin anew");
                    std::process::abort();
                }
                next_number += 1;
            }
        }
    }
}

/// Takes what waits behind a slow mail.
fn left_waiting(desk: &Mutex<Desk>) -> VecDeque<Job> {
    let mut d = lock(desk);
    match d.current {
        Some((since, _)) if since.elapsed() >= PATIENCE => std::mem::take(&mut d.pending),
        _ => VecDeque::new(),
    }
}

/// Takes the mail from a thread that is over time.
fn give_up(desk: &Mutex<Desk>, limit: Duration) -> Option<Job> {
    let mut d = lock(desk);
    if d.current.as_ref().is_none_or(|(since, _)| since.elapsed() < limit) {
        return None;
    }
    d.lost = true;
    d.current.take().map(|(_, job)| job)
}

/// A reader thread's life.
fn work(shared: &Shared, desk: &Mutex<Desk>, lane: Lane) {
    loop {
        let jobs = shared.queue.take(lane, TAKE_MAX);
        if jobs.is_empty() {
            return;
        }
        lock(desk).pending.extend(jobs);
        loop {
            let job = {
                let mut d = lock(desk);
                let Some(job) = d.pending.pop_front() else { break };
                if shared.stopping() {
                    d.pending.clear();
                    return;
                }
                job
            };
            let Some(share) = shared.budget.take(job.body_len) else { return };
            lock(desk).current = Some((Instant::now(), job.clone()));
            let ready = if job.attempts >= shared.limits.attempts_max {
                crashed_before(job)
            } else {
                let position = job.position;
                counted(shared, shared.journal.count_attempts(&[position]));
                let ready = read(shared, job, share);
                counted(shared, shared.journal.attempt_ended(position));
                ready
            };
            {
                let mut d = lock(desk);
                if d.lost {
                    return;
                }
                d.current = None;
            }
            if shared.ready.blocking_send(ready).is_err() {
                return;
            }
        }
    }
}

/// A mail that killed the process each time it was read is not read again.
fn crashed_before(job: Job) -> Ready {
    let detail = format!("the process ended {} times while reading this mail; the limit is intake.attempts_max", job.attempts);
    Ready::Poison { job, reasons: vec![QuarantineReason { code: ReasonCode::ReaderCrashed, detail }] }
}

/// Attempts are counted on disk where that can be; reading goes on all the same.
fn counted(shared: &Shared, result: Result<(), crate::journal::Error>) {
    if let Err(error) = result {
        shared.metrics.journal_errors.get_or_create(&[("kind", "attempts")]).inc();
        tracing::error!(%error, "attempts can't be counted on disk; reading all the same");
    }
}

/// Reads one mail, whatever it does.
fn read(shared: &Shared, job: Job, share: Share) -> Ready {
    let began = Instant::now();
    let body = match shared.reader.body(job.position) {
        Ok(body) => body,
        Err(error) => {
            tracing::error!(journal.position = %job.position, %error, "a mail can't be read back from the journal");
            let reasons = vec![QuarantineReason { code: ReasonCode::ReaderCrashed, detail: format!("the journal: {error}") }];
            return Ready::Poison { job, reasons };
        }
    };
    let result = catch_unwind(AssertUnwindSafe(|| prepare(shared, &job, &body)));
    shared.metrics.intake_stage.get_or_create(&[("stage", "read")]).observe(began.elapsed().as_secs_f64());
    match result {
        Ok(prepared) => Ready::Mail { job, prepared, _share: Some(share) },
        Err(panic) => {
            let words = panic.downcast_ref::<&str>().map(|s| (*s).to_owned()).or_else(|| panic.downcast_ref::<String>().cloned());
            tracing::error!(journal.position = %job.position, "reading a mail panicked: held for staff");
            // A panic's words may quote the mail; staff may see them, the log may not.
            let detail = words.unwrap_or_else(|| "a panic without words".to_owned());
            Ready::Poison { job, reasons: vec![QuarantineReason { code: ReasonCode::ReaderPanicked, detail }] }
        }
    }
}

/// The pure core, once, then its keys for each organisation.
fn prepare(shared: &Shared, job: &Job, body: &[u8]) -> Vec<Prepared> {
    let (mail, class) = (shared.read)(body, &job.envelope.reverse_path);
    let client = mail.client.unwrap_or("unknown");
    for repair in &mail.repairs {
        shared.metrics.normalize_repairs.get_or_create(&[("code", repair.code), ("client", client)]).inc();
    }
    shared.metrics.classify_mails.get_or_create(&[("class", class.class.as_str())]).inc();
    let mail = Arc::new(mail);
    let class = Arc::new(class);
    let directory = shared.directory.borrow().clone();
    let organisations = match &job.release {
        Some((organisation, _)) => vec![*organisation],
        None => job.envelope.organisations(),
    };
    organisations
        .into_iter()
        .map(|organisation| Prepared {
            locator: Locator { journal: shared.journal.id(), position: job.position },
            received_at_us: job.envelope.received_at_us,
            organisation,
            mailboxes: job.envelope.mailboxes(organisation),
            reverse_path: job.envelope.reverse_path.clone(),
            keys: crate::threading::keys(&mail, &class, &job.envelope, organisation, &directory, &shared.tokens, &shared.limits),
            mail: mail.clone(),
            class: class.clone(),
            versions: VERSIONS,
            release: job.release.as_ref().map(|(_, r)| r.clone()),
        })
        .collect()
}
