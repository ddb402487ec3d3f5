//! What reception needs of the journal, as a small interface, so that a disk that is full, slow or failing
//! can stand in for it in tests.
//!
//! # Failure
//! Every error is ours and becomes a 4xx: see [`Refusal`]. Nothing was acknowledged when one comes back.

use super::reply::Refusal;
use crate::journal::{Body, Error, Journal, LargeWriter};
use crate::mail::{Envelope, Position};
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Where mails are made durable.
pub trait Spool: Clone + Send + Sync + 'static {
    /// A body that is streamed to the disk. Dropped unfinished, it goes.
    type Large: Send + 'static;

    /// Writes one mail. `Ok` means that it is on the disk.
    fn append(&self, envelope: Envelope, body: Vec<u8>) -> impl Future<Output = Result<Position, Refusal>> + Send;

    /// Begins a body that is streamed.
    fn begin_large(&self) -> impl Future<Output = Result<Self::Large, Refusal>> + Send;

    /// Adds to a streamed body.
    fn write(large: &mut Self::Large, chunk: Vec<u8>) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// Writes the mail whose body was streamed. `Ok` means that all of it is on the disk.
    fn append_large(&self, envelope: Envelope, large: Self::Large) -> impl Future<Output = Result<Position, Refusal>> + Send;
}

/// Between two lines of the log: under load a full disk refuses thousands of mails a second, and the log is often on it.
const SAY_AGAIN: Duration = Duration::from_secs(5);

/// Logs what went wrong (it names files and errors of the system, no mail), and says who is to blame.
fn refusal(e: &Error) -> Refusal {
    static SAID: Mutex<Said> = Mutex::new(Said { when: None, passed_over: 0 });
    let more = SAID.lock().unwrap_or_else(PoisonError::into_inner).again(Instant::now());
    if let Some(passed_over) = more {
        tracing::warn!(error = %e, passed_over, "the journal took no mail");
    }
    Refusal::from(e)
}

/// When a failure was last written to the log, and how many were passed over since; metrics count them all.
struct Said {
    when: Option<Instant>,
    passed_over: u64,
}

impl Said {
    /// How many were passed over, when it is time to say so.
    fn again(&mut self, now: Instant) -> Option<u64> {
        if self.when.is_some_and(|when| now.duration_since(when) < SAY_AGAIN) {
            self.passed_over += 1;
            return None;
        }
        self.when = Some(now);
        Some(std::mem::take(&mut self.passed_over))
    }
}

impl Spool for Journal {
    type Large = LargeWriter;

    async fn append(&self, envelope: Envelope, body: Vec<u8>) -> Result<Position, Refusal> {
        Journal::append(self, envelope, Body::Inline(body)).await.map_err(|e| refusal(&e))
    }

    async fn begin_large(&self) -> Result<LargeWriter, Refusal> {
        Journal::begin_large(self).await.map_err(|e| refusal(&e))
    }

    async fn write(large: &mut LargeWriter, chunk: Vec<u8>) -> Result<(), Refusal> {
        large.write(chunk).await.map_err(|e| refusal(&e))
    }

    async fn append_large(&self, envelope: Envelope, large: LargeWriter) -> Result<Position, Refusal> {
        let body = large.finish().await.map_err(|e| refusal(&e))?;
        Journal::append(self, envelope, Body::Large(body)).await.map_err(|e| refusal(&e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_fills_no_log() {
        let mut said = Said { when: None, passed_over: 0 };
        let start = Instant::now();
        assert_eq!(said.again(start), Some(0));
        assert_eq!(said.again(start + SAY_AGAIN / 2), None);
        assert_eq!(said.again(start + SAY_AGAIN / 2), None);
        assert_eq!(said.again(start + SAY_AGAIN), Some(2));
    }
}
