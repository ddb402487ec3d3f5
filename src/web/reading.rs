//! Reading a held mail for a page, although that mail may be held because it kills its reader.
//!
//! # Failure
//! Off the reactor, in one of a few seats, for a few seconds. A reader that hangs keeps its seat
//! until it ends and the page is told [`Unreadable::TimedOut`] at once; with all seats taken the
//! next page is told [`Unreadable::Busy`]. A panic is [`Unreadable::Panicked`]. Nested mails that
//! would overflow the stack are flattened by `normalize` itself.
//!
//! # Trust
//! Nothing in the mail. The html that comes out is sanitized.

use super::SharedApp;
use crate::journal;
use crate::journal::Entry;
use crate::limits::Limits;
use crate::mail::{Classification, Locator, NormalizedMail, Position};
use crate::{classify, normalize};
use axum::body::Body;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};

/// Bytes of a raw mail that are read from the disk at once.
const CHUNK_BYTES: usize = 64 << 10;
/// Bytes of a mail's header that a list reads.
const GLIMPSE_BYTES_MAX: usize = 64 << 10;
/// A list does not load bigger mails to show a subject.
const GLIMPSE_MAIL_BYTES_MAX: u64 = 1 << 20;
/// Time a list waits for its subjects.
const GLIMPSE_TIME_MAX: Duration = Duration::from_millis(1_500);

/// Why there is no reading.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("this mail was accepted by another node; its raw bytes are in that node's journal")]
    Elsewhere,
    #[error("the journal can't give the raw mail: {0}")]
    Journal(journal::Error),
    #[error("the reader failed on this mail")]
    Panicked,
    #[error("reading this mail takes longer than a page may wait")]
    TimedOut,
    #[error("all readers are busy with mails that take long; try again in a moment")]
    Busy,
}

/// A mail, read.
#[derive(Debug)]
pub(super) struct ReadMail {
    pub(super) entry: Entry,
    pub(super) mail: NormalizedMail,
    pub(super) class: Classification,
    /// Sanitized.
    pub(super) html: Option<String>,
}

/// What a list shows of a mail.
#[derive(Debug, Clone, Default)]
pub(super) struct Glimpse {
    pub(super) from: String,
    pub(super) subject: String,
}

/// A raw mail, read from the journal as fast as it is taken; and its length.
pub(super) async fn raw(app: &SharedApp, locator: Locator) -> Result<(u64, Body), Unreadable> {
    let reader = local(app, locator)?;
    let opened = tokio::task::spawn_blocking(move || reader.stream(locator.position)).await;
    let source = opened.map_err(|_| Unreadable::Panicked)?.map_err(Unreadable::Journal)?;
    let length = source.len();
    // One turn on a blocking thread for each chunk: a slow client holds no thread.
    let chunks = futures_util::stream::try_unfold(source, |mut source| async move {
        let read = tokio::task::spawn_blocking(move || {
            let mut chunk = vec![0; CHUNK_BYTES];
            let n = source.read(&mut chunk)?;
            chunk.truncate(n);
            Ok((chunk, source))
        });
        let (chunk, source) = read.await.map_err(io::Error::other).flatten()?;
        io::Result::Ok((!chunk.is_empty()).then_some((chunk, source)))
    });
    Ok((length, Body::from_stream(chunks)))
}

/// Reads a mail whole.
pub(super) async fn read(app: &SharedApp, locator: Locator) -> Result<Arc<ReadMail>, Unreadable> {
    let (reader, limits) = (local(app, locator)?, app.limits.clone());
    let work = move || {
        let entry = reader.entry(locator.position).map_err(Unreadable::Journal)?;
        let raw = reader.body(locator.position).map_err(Unreadable::Journal)?;
        let mail = normalize::normalize(&raw, &limits);
        let class = classify::classify(&mail, Some(&entry.envelope.reverse_path));
        let html = mail.html_source.as_deref().map(normalize::sanitize);
        Ok(Arc::new(ReadMail { entry, mail, class, html }))
    };
    in_a_seat(app, work).await.flatten()
}

/// The bytes of an attachment, by its place in the reading.
pub(super) async fn attachment(app: &SharedApp, locator: Locator, part: u32) -> Result<Option<Vec<u8>>, Unreadable> {
    let (reader, limits) = (local(app, locator)?, app.limits.clone());
    let work = move || {
        let raw = reader.body(locator.position).map_err(Unreadable::Journal)?;
        Ok(normalize::attachment_bytes(&raw, part, &limits))
    };
    in_a_seat(app, work).await.flatten()
}

/// Sender and subject of the mails of a list, in order; `None` where there was no time or the mail
/// is elsewhere. The header alone is read.
pub(super) async fn glimpses(app: &SharedApp, locators: &[Locator]) -> Vec<Option<Glimpse>> {
    let wanted: Vec<Option<Position>> = locators.iter().map(|l| local(app, *l).ok().map(|_| l.position)).collect();
    let mut found = vec![None; wanted.len()];
    let Ok(seat) = app.readers.clone().try_acquire_owned() else { return found };
    let (reader, limits) = (app.state.journal.clone(), app.limits.clone());
    let (tell, mut told) = mpsc::channel(wanted.len().max(1));
    tokio::task::spawn_blocking(move || {
        let _seat = seat;
        for (n, position) in wanted.into_iter().enumerate() {
            let Some(position) = position else { continue };
            // The page may have gone on without the rest.
            if tell.blocking_send((n, glimpse(&reader, position, &limits))).is_err() {
                break;
            }
        }
    });
    let collect = async {
        while let Some((n, glimpse)) = told.recv().await {
            found[n] = glimpse;
        }
    };
    let _ = tokio::time::timeout(GLIMPSE_TIME_MAX, collect).await;
    found
}

fn glimpse(reader: &journal::Reader, position: Position, limits: &Limits) -> Option<Glimpse> {
    let entry = reader.entry(position).ok()?;
    let envelope_only = Glimpse { from: entry.envelope.reverse_path.clone(), subject: String::new() };
    if entry.erased || entry.body_len > GLIMPSE_MAIL_BYTES_MAX {
        return Some(envelope_only);
    }
    let Ok(mut raw) = reader.body(position) else { return Some(envelope_only) };
    raw.truncate(header_end(&raw).min(GLIMPSE_BYTES_MAX));
    let mail = normalize::normalize(&raw, limits);
    let from = mail.from.map_or(envelope_only.from, |p| if p.name.is_empty() { p.address } else { p.name });
    Some(Glimpse { from, subject: mail.subject })
}

/// Where the first empty line ends, or the end.
fn header_end(raw: &[u8]) -> usize {
    let lf = memchr::memmem::find(raw, b"\n\n").map(|n| n + 2);
    let crlf = memchr::memmem::find(raw, b"\r\n\r\n").map(|n| n + 4);
    lf.into_iter().chain(crlf).min().unwrap_or(raw.len())
}

fn local(app: &SharedApp, locator: Locator) -> Result<journal::Reader, Unreadable> {
    if app.state.journal.id() == locator.journal { Ok(app.state.journal.clone()) } else { Err(Unreadable::Elsewhere) }
}

/// Runs work on a mail off the reactor, in one of the seats, for at most the time that a page waits.
pub(super) async fn in_a_seat<T: Send + 'static>(
    app: &SharedApp,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Unreadable> {
    within(&app.readers, app.limits.web_read_time_max, work).await
}

async fn within<T: Send + 'static>(
    seats: &Arc<Semaphore>,
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Unreadable> {
    let Ok(Ok(seat)) = tokio::time::timeout(limit, Arc::clone(seats).acquire_owned()).await else {
        return Err(Unreadable::Busy);
    };
    let task = tokio::task::spawn_blocking(move || {
        // Given back when the work ends, however long that takes: a thread can't be stopped.
        let _seat = seat;
        work()
    });
    match tokio::time::timeout(limit, task).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(_)) => Err(Unreadable::Panicked),
        Err(_) => Err(Unreadable::TimedOut),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_reader_that_hangs_costs_its_seat_and_nothing_else() {
        let (seats, limit) = (Arc::new(Semaphore::new(1)), Duration::from_millis(50));
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let hung = within(&seats, limit, move || ended.recv().is_ok()).await;
        assert!(matches!(hung, Err(Unreadable::TimedOut)), "{hung:?}");
        assert!(matches!(within(&seats, limit, || 1).await, Err(Unreadable::Busy)));
        drop(end);
        assert!(matches!(within(&seats, Duration::from_secs(20), || 2).await, Ok(2)), "the seat came back");
    }

    #[tokio::test]
    async fn a_reader_that_panics_is_said_and_gives_its_seat_back() {
        let (seats, limit) = (Arc::new(Semaphore::new(1)), Duration::from_secs(20));
        let failed = within(&seats, limit, move || assert!(limit.is_zero(), "a test of a panic")).await;
        assert!(matches!(failed, Err(Unreadable::Panicked)), "{failed:?}");
        assert!(matches!(within(&seats, limit, || 3).await, Ok(3)));
    }

    #[test]
    fn the_header_ends_at_the_first_empty_line() {
        assert_eq!(header_end(b"A: b\r\n\r\nbody\n\n"), 8);
        assert_eq!(header_end(b"A: b\n\nbody\r\n\r\n"), 6);
        assert_eq!(header_end(b"A: b"), 4);
    }
}
