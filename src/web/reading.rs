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
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

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

/// The entry of a mail and its raw bytes.
pub(super) async fn raw(app: &SharedApp, locator: Locator) -> Result<(Entry, Vec<u8>), Unreadable> {
    let reader = local(app, locator)?;
    let load = move || -> Result<_, journal::Error> { Ok((reader.entry(locator.position)?, reader.body(locator.position)?)) };
    match tokio::task::spawn_blocking(load).await {
        Ok(loaded) => loaded.map_err(Unreadable::Journal),
        Err(_) => Err(Unreadable::Panicked),
    }
}

/// Reads a mail whole.
pub(super) async fn read(app: &SharedApp, locator: Locator) -> Result<Arc<ReadMail>, Unreadable> {
    let (entry, raw) = raw(app, locator).await?;
    let limits = app.limits.clone();
    in_a_seat(app, move || {
        let mail = normalize::normalize(&raw, &limits);
        let class = classify::classify(&mail, Some(&entry.envelope.reverse_path));
        let html = mail.html_source.as_deref().map(normalize::sanitize);
        Arc::new(ReadMail { entry, mail, class, html })
    })
    .await
}

/// The bytes of an attachment, by its place in the reading.
pub(super) async fn attachment(app: &SharedApp, locator: Locator, part: u32) -> Result<Option<Vec<u8>>, Unreadable> {
    let (_, raw) = raw(app, locator).await?;
    let limits = app.limits.clone();
    in_a_seat(app, move || normalize::attachment_bytes(&raw, part, &limits)).await
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

pub(super) async fn in_a_seat<T: Send + 'static>(
    app: &SharedApp,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Unreadable> {
    let limit = app.limits.web_read_time_max;
    let seat = match tokio::time::timeout(limit, Arc::clone(&app.readers).acquire_owned()).await {
        Ok(Ok(seat)) => seat,
        _ => return Err(Unreadable::Busy),
    };
    let task = tokio::task::spawn_blocking(move || {
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

    #[test]
    fn the_header_ends_at_the_first_empty_line() {
        assert_eq!(header_end(b"A: b\r\n\r\nbody\n\n"), 8);
        assert_eq!(header_end(b"A: b\n\nbody\r\n\r\n"), 6);
        assert_eq!(header_end(b"A: b"), 4);
    }
}
