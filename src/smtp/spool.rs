//! What reception needs of the journal, as a small interface, so that a disk that is full, slow or failing
//! can stand in for it in tests.
//!
//! # Failure
//! Every error is ours and becomes a 4xx: see [`Refusal`]. Nothing was acknowledged when one comes back.

use super::reply::Refusal;
use crate::journal::{Body, Error, Journal, LargeWriter};
use crate::mail::{Envelope, Position};
use std::future::Future;

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

/// Logs what went wrong (it names files and errors of the system, no mail), and says who is to blame.
fn refusal(e: &Error) -> Refusal {
    tracing::warn!(error = %e, "the journal took no mail");
    Refusal::from(e)
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
