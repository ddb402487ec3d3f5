//! The journal: where each accepted mail is written once, raw, before anyone is told 250.
//! (skeleton: the journal's builder replaces this file; the signatures below are the contract)

use crate::limits::Limits;
use crate::mail::{Envelope, JournalId, Position};
use crate::telemetry::Metrics;
use std::path::PathBuf;
use std::sync::Arc;

/// How a journal is opened.
#[derive(Debug, Clone)]
pub struct JournalOptions {
    /// The folder; made when missing.
    pub dir: PathBuf,
    /// Size of a segment file in bytes.
    pub segment_bytes: u64,
    /// Limits in force (large_body_bytes, disk_free_bytes_min).
    pub limits: Arc<Limits>,
    /// Where it counts.
    pub metrics: Arc<Metrics>,
}

/// What went wrong.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// placeholder
    #[error("journal: {0}")]
    Io(String),
}

impl Error {
    /// Whether trying again later may help. Everything that is our fault is.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        true
    }
    /// The disk is full (452) rather than failing (451).
    #[must_use]
    pub fn is_full(&self) -> bool {
        false
    }
}

/// The body of a mail on its way into the journal.
#[derive(Debug)]
pub enum Body {
    /// Whole, in memory; at most `Limits::large_body_bytes`.
    Inline(Vec<u8>),
    /// Already on the disk, synced, waiting for the record that names it.
    Large(LargeBody),
}

/// A large body that was streamed to the disk and synced. Dropped without being appended, its file goes.
#[derive(Debug)]
pub struct LargeBody;

/// A large body on its way to the disk. Dropped unfinished, its file goes.
#[derive(Debug)]
pub struct LargeWriter;

impl LargeWriter {
    /// Adds bytes.
    ///
    /// # Errors
    /// The disk is full or failing.
    pub async fn write(&mut self, _chunk: Vec<u8>) -> Result<(), Error> {
        todo!()
    }
    /// Syncs, so that a record may name it.
    ///
    /// # Errors
    /// The disk is full or failing.
    pub async fn finish(self) -> Result<LargeBody, Error> {
        todo!()
    }
}

/// A handle on the open journal; cheap to clone. Dropping the last ends the writer.
#[derive(Debug, Clone)]
pub struct Journal;

/// One mail in the journal, without its body.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its identity.
    pub position: Position,
    /// Where the next record begins or will begin.
    pub next: Position,
    /// What SMTP said.
    pub envelope: Envelope,
    /// Length of the raw mail in bytes.
    pub body_len: u64,
    /// Its bytes were overwritten on request.
    pub erased: bool,
}

/// Reads a journal, also one that another process is writing. Never writes.
#[derive(Debug, Clone)]
pub struct Reader;

impl Journal {
    /// Opens or makes a journal and recovers it: an unfinished record at the end is cut off, every
    /// acknowledged one is kept. Holds a lock on the folder; a second writer is refused.
    ///
    /// # Errors
    /// The folder can't be used (the message says why and what to do).
    pub fn open(_options: JournalOptions) -> Result<Journal, Error> {
        todo!()
    }
    /// Names this journal; made once for a folder.
    #[must_use]
    pub fn id(&self) -> JournalId {
        todo!()
    }
    /// Writes one mail. Returns when its bytes and envelope are on the disk: the write is shared with
    /// everything that waits. Waits while the writer's queue is full.
    ///
    /// # Errors
    /// The disk is full or failing: nothing was acknowledged, the mail may be offered again.
    pub async fn append(&self, _envelope: Envelope, _body: Body) -> Result<Position, Error> {
        todo!()
    }
    /// Begins a body that is streamed to the disk.
    ///
    /// # Errors
    /// The disk is full or failing.
    pub async fn begin_large(&self) -> Result<LargeWriter, Error> {
        todo!()
    }
    /// Where the durable part ends; changes with every commit. What wakes the intake.
    #[must_use]
    pub fn durable_end(&self) -> tokio::sync::watch::Receiver<Position> {
        todo!()
    }
    /// A reader over the same folder, seeing only what is durable.
    #[must_use]
    pub fn reader(&self) -> Reader {
        todo!()
    }
    /// The first position that is not marked done: where the intake begins after a start.
    #[must_use]
    pub fn first_unfinished(&self) -> Position {
        todo!()
    }
    /// Whether a mail was marked done.
    #[must_use]
    pub fn is_done(&self, _position: Position) -> bool {
        todo!()
    }
    /// How many times reading a mail was begun without a mark that it ended.
    #[must_use]
    pub fn attempts(&self, _position: Position) -> u32 {
        todo!()
    }
    /// Marks mails done: every organisation of each has a disposition. No sync: a lost mark means a
    /// repeat, and attaching is idempotent by position.
    ///
    /// # Errors
    /// The marks file can't be written; the marks count in this process all the same.
    pub fn mark_done(&self, _positions: &[Position]) -> Result<(), Error> {
        todo!()
    }
    /// Counts, on disk, that reading these mails begins. Survives a crash of the process.
    ///
    /// # Errors
    /// The marks file can't be written.
    pub fn count_attempts(&self, _positions: &[Position]) -> Result<(), Error> {
        todo!()
    }
    /// Overwrites one mail's bytes in place, and syncs. Its envelope's addresses go too.
    ///
    /// # Errors
    /// No such mail, or the disk.
    pub fn erase(&self, _position: Position) -> Result<(), Error> {
        todo!()
    }
    /// Removes segments that are sealed, whose mails are all done, and whose newest mail is older than this
    /// (microseconds since 1970 UTC). `may_go` is asked about each (quarantined mails keep their raw). Gives the removed segments' numbers.
    ///
    /// # Errors
    /// The disk.
    pub fn retire_segments(&self, _older_than_us: i64, _may_go: &mut dyn FnMut(u32) -> bool) -> Result<Vec<u32>, Error> {
        todo!()
    }
    /// Ends the writer after what waits is written.
    pub fn close(&self) {
        todo!()
    }
}

impl Reader {
    /// A reader over a folder, without being its writer (for the command line).
    ///
    /// # Errors
    /// No journal there.
    pub fn open(_dir: &std::path::Path) -> Result<Reader, Error> {
        todo!()
    }
    /// Names the journal.
    #[must_use]
    pub fn id(&self) -> JournalId {
        todo!()
    }
    /// The entries from a position on (a position between records, or one returned as `next`; `Position::START` for all), at most
    /// `max`. Ends at the durable end. A damaged record in a sealed segment is reported once as an error and the rest of that segment skipped on the next call.
    ///
    /// # Errors
    /// The disk, or damage, with the place.
    pub fn entries(&self, _from: Position, _max: usize) -> Result<Vec<Entry>, Error> {
        todo!()
    }
    /// One entry.
    ///
    /// # Errors
    /// No mail there, or damage.
    pub fn entry(&self, _position: Position) -> Result<Entry, Error> {
        todo!()
    }
    /// The raw mail, checked against its checksum.
    ///
    /// # Errors
    /// No mail there, erased, or damage.
    pub fn body(&self, _position: Position) -> Result<Vec<u8>, Error> {
        todo!()
    }
}
