//! Attaching what is ready: batches, one transaction each, until it is settled.
//!
//! # Failure
//! The database away: the same batch is tried again with growing waits; reading stops when
//! what is ready fills its bounds, and accepting goes on. The database refusing: the batch is
//! split until the mail at fault is alone, and that one is held for staff with the database's
//! words. A crash at any instant repeats what was not marked; the store skips what has a
//! disposition.

use super::reading::Ready;
use super::{Job, Shared};
use crate::backoff;
use crate::mail::{Locator, OrganisationId, Outcome, Position, Prepared, QuarantineReason, ReasonCode};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{mpsc, watch};

/// Attaches until shutdown, then what is ready already.
pub(super) async fn attach(shared: Arc<Shared>, mut ready: mpsc::Receiver<Ready>, mut shutdown: watch::Receiver<bool>) {
    let mut attacher = Attacher { failures: 0, shutdown: shutdown.clone(), shared };
    loop {
        let first = tokio::select! {
            biased;
            first = ready.recv() => first,
            _ = shutdown.wait_for(|stop| *stop) => None,
        };
        let Some(first) = first else { return };
        let mut batch = vec![first];
        let filled = tokio::time::Instant::now() + attacher.shared.limits.batch_wait;
        while batch.len() < attacher.shared.limits.batch_max {
            match ready.try_recv() {
                Ok(next) => batch.push(next),
                Err(mpsc::error::TryRecvError::Disconnected) => break,
                Err(mpsc::error::TryRecvError::Empty) => match tokio::time::timeout_at(filled, ready.recv()).await {
                    Ok(Some(next)) => batch.push(next),
                    Ok(None) | Err(_) => break,
                },
            }
        }
        if attacher.settle(batch).await.is_none() {
            return;
        }
    }
}

struct Attacher {
    shared: Arc<Shared>,
    /// In a row.
    failures: u32,
    shutdown: watch::Receiver<bool>,
}

impl Attacher {
    /// Settles a batch; `None` when shutdown came while the database was away.
    async fn settle(&mut self, batch: Vec<Ready>) -> Option<()> {
        let mut mails = Vec::with_capacity(batch.len());
        let mut shares = Vec::with_capacity(batch.len());
        let mut poison = Vec::new();
        let mut jobs = Vec::with_capacity(batch.len());
        for ready in batch {
            match ready {
                Ready::Mail { job, prepared, _share } => {
                    mails.extend(prepared);
                    shares.push(_share);
                    jobs.push(job);
                }
                Ready::Poison { job, reasons } => poison.push((job, reasons)),
            }
        }
        // Halves still to do; the first last, so that they are done in order.
        let mut todo: Vec<&[Prepared]> = if mails.is_empty() { Vec::new() } else { vec![&mails] };
        while let Some(part) = todo.pop() {
            match self.attach_part(part).await? {
                Attached::Done => {}
                Attached::Refused(_) if part.len() > 1 => {
                    let (a, b) = part.split_at(part.len() / 2);
                    todo.push(b);
                    todo.push(a);
                }
                Attached::Refused(words) => {
                    for p in part {
                        self.refuse(p, &words).await?;
                    }
                }
            }
        }
        self.done(&jobs);
        for (job, reasons) in poison {
            self.hold(&job, &reasons).await?;
            self.done(std::slice::from_ref(&job));
        }
        Some(())
    }

    async fn attach_part(&mut self, part: &[Prepared]) -> Option<Attached> {
        loop {
            let began = Instant::now();
            let result = self.shared.store.attach(part, &crate::threading::decide).await;
            self.shared.metrics.intake_stage.get_or_create(&[("stage", "attach")]).observe(began.elapsed().as_secs_f64());
            match result {
                Ok(outcomes) => {
                    self.failures = 0;
                    self.shared.metrics.intake_batch.observe(part.len() as f64);
                    for outcome in &outcomes {
                        self.count(outcome);
                    }
                    return Some(Attached::Done);
                }
                Err(error) if error.is_transient() => self.wait("attach", &error).await?,
                Err(error) => return Some(Attached::Refused(error.to_string())),
            }
        }
    }

    fn count(&self, outcome: &Outcome) {
        let m = &self.shared.metrics;
        let word = match outcome {
            Outcome::Attached { decision, .. } => {
                m.threading_decisions.get_or_create(&[("rule", decision.rule.as_str())]).inc();
                "attached"
            }
            Outcome::DuplicateOf(_) => "duplicate",
            Outcome::Quarantined(_, reason) => {
                m.threading_holds.get_or_create(&[("reason", reason.as_str())]).inc();
                "quarantined"
            }
            Outcome::Already(_) => "repeat",
        };
        m.intake_outcomes.get_or_create(&[("outcome", word)]).inc();
    }

    /// Holds one mail of one organisation that the database refused.
    async fn refuse(&mut self, p: &Prepared, words: &str) -> Option<()> {
        let reasons = [QuarantineReason { code: ReasonCode::StoreRefused, detail: words.to_owned() }];
        self.quarantine(p.locator, p.received_at_us, &[(p.organisation, p.mailboxes.clone())], &reasons).await
    }

    /// Holds one mail for all its organisations.
    async fn hold(&mut self, job: &Job, reasons: &[QuarantineReason]) -> Option<()> {
        let for_whom: Vec<_> = match &job.release {
            Some((organisation, _)) => vec![(*organisation, job.envelope.mailboxes(*organisation))],
            None => job.envelope.organisations().into_iter().map(|o| (o, job.envelope.mailboxes(o))).collect(),
        };
        let locator = Locator { journal: self.shared.journal.id(), position: job.position };
        self.quarantine(locator, job.envelope.received_at_us, &for_whom, reasons).await
    }

    async fn quarantine(
        &mut self,
        locator: Locator,
        received_at_us: i64,
        for_whom: &[(OrganisationId, Vec<crate::mail::MailboxId>)],
        reasons: &[QuarantineReason],
    ) -> Option<()> {
        loop {
            match self.shared.store.quarantine(locator, received_at_us, for_whom, reasons).await {
                Ok(items) => {
                    self.failures = 0;
                    self.shared.metrics.intake_outcomes.get_or_create(&[("outcome", "quarantined")]).inc_by(items.len() as u64);
                    return Some(());
                }
                // Also when the database calls it our fault: there is no third place, and the mail is safe in the journal.
                Err(error) => self.wait("quarantine", &error).await?,
            }
        }
    }

    /// Waits before the next attempt; `None` when shutdown came.
    async fn wait(&mut self, what: &'static str, error: &crate::store::Error) -> Option<()> {
        self.failures = self.failures.saturating_add(1);
        let wait = backoff::wait(self.failures, self.shared.retry.0, self.shared.retry.1, backoff::random());
        self.shared.metrics.intake_retries.get_or_create(&[("reason", what)]).inc();
        tracing::warn!(%error, wait_ms = wait.as_millis() as u64, "the database did not take it ({what}); trying again");
        tokio::select! {
            () = tokio::time::sleep(wait) => Some(()),
            _ = self.shutdown.wait_for(|stop| *stop) => None,
        }
    }

    /// Marks mails done and takes them out of the flight.
    fn done(&self, jobs: &[Job]) {
        let positions: Vec<Position> = jobs.iter().map(|j| j.position).collect();
        if let Err(error) = self.shared.journal.mark_done(&positions) {
            self.shared.metrics.journal_errors.get_or_create(&[("kind", "marks")]).inc();
            tracing::error!(%error, "marks can't be written: these mails are looked at again after a restart");
        }
        self.shared.flight.leave(&positions);
        let released: Vec<_> = jobs.iter().filter_map(|j| j.release.as_ref().map(|(_, r)| r.item)).collect();
        self.shared.releasing.lock().unwrap_or_else(std::sync::PoisonError::into_inner).retain(|item| !released.contains(item));
    }
}

enum Attached {
    Done,
    Refused(String),
}
