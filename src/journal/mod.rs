//! The journal: where each accepted mail is written once, raw, before anyone is told 250.
//!
//! Segment files hold records one after the other, framed and with checksums (`record`); one
//! writer shares a write and a sync among all that wait (`writer`), into segments made ahead
//! (`ahead`); bodies too large for memory stream to files of their own (`large`); what is done is
//! noted beside (`marks`). `recovery` opens it after whatever happened, `reader` reads it,
//! `erase` and `retention` take things out again. The disk stands behind `disk`.
//!
//! # Failure
//! A position that was returned is durable. Nothing that was acknowledged is ever dropped, and
//! nothing torn is ever given out. When the disk is full or failing, `append` says so and nothing was
//! acknowledged; the next append tries anew. Damage is reported with its place, and what lies behind
//! it is still read.
//!
//! # Trust
//! That the disk keeps what fdatasync said it keeps. Otherwise nothing: see `record`.

mod ahead;
mod catalog;
mod disk;
mod erase;
mod error;
mod folder;
mod large;
mod marks;
mod reader;
mod record;
mod recovery;
mod retention;
mod scan;
mod shared;
mod verify;
mod writer;

pub use error::Error;
pub use large::{LargeBody, LargeWriter};
pub use reader::{BodyStream, Entry, EntryWithBody, Reader, State};
pub use verify::{Damage, Verification, fuzz_reader};
pub use writer::Body;

use crate::limits::Limits;
use crate::mail::{Envelope, JournalId, Position};
use crate::telemetry::Metrics;
use disk::{Access, Disk, RealDisk};
use record::SEGMENT_HEADER_BYTES;
use recovery::Lock;
use scan::{Check, Scan, Step};
use shared::Shared;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};
use writer::{Append, Job};

/// How a journal is opened.
#[derive(Debug, Clone)]
pub struct JournalOptions {
    /// The folder; made when missing.
    pub dir: PathBuf,
    /// Size of a segment file in bytes; from 64 KiB to 2 GiB.
    pub segment_bytes: u64,
    /// Limits in force (large_body_bytes, disk_free_bytes_min).
    pub limits: Arc<Limits>,
    /// Where it counts.
    pub metrics: Arc<Metrics>,
}

/// Whether a process writes the journal in this folder now. Only for words to an operator: it may end or begin at once.
#[must_use]
pub fn in_use(dir: &std::path::Path) -> bool {
    let held = std::fs::File::open(dir.join(recovery::LOCK)).map(|file| file.try_lock_shared());
    matches!(held, Ok(Err(std::fs::TryLockError::WouldBlock)))
}

/// A handle on the open journal; cheap to clone. Dropping the last ends the writer after what waits
/// is written.
#[derive(Debug, Clone)]
pub struct Journal(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    jobs: mpsc::UnboundedSender<Job>,
    /// The writer's thread, and the lock, which ends after it.
    running: Mutex<Option<(JoinHandle<()>, Lock)>>,
    /// From here on not all is known to be done.
    unfinished: Mutex<Position>,
}

/// Makes a small file durable under its name, whole or not at all, readable by its owner only: for the
/// other things that live in the data folder.
///
/// # Errors
/// The disk; the file is as it was before.
pub fn write_durably(path: &std::path::Path, content: &[u8]) -> std::io::Result<()> {
    let (Some(dir), Some(name)) = (path.parent(), path.file_name().and_then(|n| n.to_str())) else {
        return Err(std::io::Error::from(std::io::ErrorKind::InvalidInput));
    };
    disk::write_durably(&RealDisk, dir, name, content).map(drop)
}

impl Journal {
    /// Opens or makes a journal and recovers it: an unfinished record at the end is cut off, every
    /// acknowledged one is kept. Holds a lock on the folder; a second writer is refused.
    ///
    /// # Errors
    /// The folder can't be used (the message says why and what to do).
    pub fn open(options: JournalOptions) -> Result<Journal, Error> {
        Journal::open_on(Arc::new(RealDisk), &options, true)
    }

    fn open_on(disk: Arc<dyn Disk>, options: &JournalOptions, in_background: bool) -> Result<Journal, Error> {
        let (shared, writer, lock) = recovery::open(disk, options, in_background)?;
        let (jobs, inbox) = mpsc::unbounded_channel();
        let handle = std::thread::Builder::new()
            .name("journal-writer".to_owned())
            .spawn(move || writer.run(inbox))
            .map_err(|e| Error::disk("start the writer of", &options.dir, &e))?;
        let running = Mutex::new(Some((handle, lock)));
        Ok(Journal(Arc::new(Inner { shared, jobs, running, unfinished: Mutex::new(Position::START) })))
    }

    /// Names this journal; made once for a folder.
    #[must_use]
    pub fn id(&self) -> JournalId {
        self.0.shared.folder.id
    }

    /// Writes one mail. Returns when its bytes and envelope are on the disk: the write is shared with
    /// everything that waits. Waits while the writer's queue is full. When this future is dropped,
    /// the mail may be written all the same.
    ///
    /// # Errors
    /// The disk is full or failing: nothing was acknowledged, the mail may be offered again.
    pub async fn append(&self, envelope: Envelope, body: Body) -> Result<Position, Error> {
        let bytes = match &body {
            Body::Inline(b) => b.len(),
            Body::Large(_) => 0,
        };
        let room =
            Arc::clone(&self.0.shared.room).acquire_many_owned(recovery::room_for(bytes)).await.map_err(|_| Error::Closed)?;
        let (answer, answered) = oneshot::channel();
        self.0.jobs.send(Job::Append(Append { envelope, body, answer, _room: room })).map_err(|_| Error::Closed)?;
        answered.await.map_err(|_| Error::Closed)?
    }

    /// Begins a body that is streamed to the disk. Needs a tokio runtime, whose blocking threads write.
    ///
    /// # Errors
    /// The disk is full or failing.
    pub async fn begin_large(&self) -> Result<LargeWriter, Error> {
        LargeWriter::begin(Arc::clone(&self.0.shared.large)).await
    }

    /// Where the durable part ends; changes with every commit. What wakes the intake.
    #[must_use]
    pub fn durable_end(&self) -> tokio::sync::watch::Receiver<Position> {
        self.0.shared.durable.subscribe()
    }

    /// A reader over the same folder, seeing only what is durable.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::live(Arc::clone(&self.0.shared))
    }

    /// The first position that is not marked done: where the intake begins after a start. The durable
    /// end when all is done. Reads headers from the disk.
    #[must_use]
    pub fn first_unfinished(&self) -> Position {
        let shared = &self.0.shared;
        let mut known = self.0.unfinished.lock().unwrap_or_else(PoisonError::into_inner);
        let mut at = *known;
        while let Some((place, segment)) = { shared.catalog().place(at) } {
            at = place;
            let end = Position { offset: segment.end, ..at };
            if !shared.marks().state().is_all_done(at.segment) {
                let Ok(file) = shared.folder.open_segment(at.segment, Access::Read) else { break };
                let mut scan = Scan::new(&*file, shared.folder.seed(at.segment), u64::from(segment.end), Check::Header);
                while at < end {
                    let Ok(Step::Record(h)) = scan.step(u64::from(at.offset)) else { break };
                    if h.is_mail() && !shared.marks().state().is_done(at) {
                        break;
                    }
                    at.offset += h.record_len() as u32;
                }
                if at < end {
                    break;
                }
            }
            at = end;
        }
        *known = at;
        at
    }

    /// Whether a mail was marked done.
    #[must_use]
    pub fn is_done(&self, position: Position) -> bool {
        self.0.shared.marks().state().is_done(position)
    }

    /// How many times reading a mail was begun without a mark that it ended.
    #[must_use]
    pub fn attempts(&self, position: Position) -> u32 {
        self.0.shared.marks().state().attempts(position)
    }

    /// Marks mails done: every organisation of each has a disposition. No sync: a lost mark means a
    /// repeat, and attaching is idempotent by position. One small write for all of them.
    ///
    /// # Errors
    /// The marks file can't be written; the marks count in this process all the same.
    pub fn mark_done(&self, positions: &[Position]) -> Result<(), Error> {
        self.0.shared.marks().done(positions)
    }

    /// Counts, on disk, that reading these mails begins. Survives a crash of the process.
    ///
    /// # Errors
    /// The marks file can't be written.
    pub fn count_attempts(&self, positions: &[Position]) -> Result<(), Error> {
        self.0.shared.marks().attempt(positions)
    }

    /// Says, on disk, that reading a mail ended: its attempts so far did not kill the process and count no more. From
    /// here on a crash is not this mail's fault, however long it waits for the database.
    ///
    /// # Errors
    /// The marks file can't be written; it counts in this process all the same.
    pub fn attempt_ended(&self, position: Position) -> Result<(), Error> {
        self.0.shared.marks().attempt_ended(position)
    }

    /// Overwrites one mail's bytes in place, and syncs. Its envelope's addresses go too.
    ///
    /// # Errors
    /// No such mail, or the disk. Interrupted, it is finished at the next start.
    pub fn erase(&self, position: Position) -> Result<(), Error> {
        let shared = &self.0.shared;
        let _erasing = shared.erasing();
        let found = { shared.catalog().place(position) }
            .filter(|(place, _)| *place == position && position.offset >= SEGMENT_HEADER_BYTES);
        let (_, segment) = found.ok_or(Error::NotFound(position))?;
        erase::erase(&shared.folder, position, segment.end)
    }

    /// Removes segments that are sealed, whose mails are all done, and whose newest mail is older than this
    /// (microseconds since 1970 UTC). `may_go` is asked about each (quarantined mails keep their raw). Gives the removed segments' numbers.
    ///
    /// # Errors
    /// The disk.
    pub fn retire_segments(&self, older_than_us: i64, may_go: &mut dyn FnMut(u32) -> bool) -> Result<Vec<u32>, Error> {
        retention::retire(&self.0.shared, older_than_us, may_go)
    }

    /// Why mail can't be written right now, in words for an operator; `None` when it can. Asks the disk for its free space.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        if self.0.jobs.is_closed() {
            return Some(Error::Closed.to_string());
        }
        large::check_free(&self.0.shared.folder, self.0.shared.limits.disk_free_bytes_min).err().map(|e| e.to_string())
    }

    /// Ends the writer after what waits is written, and gives up the folder. Waits for it. Appends
    /// from now on are refused; readers go on.
    pub fn close(&self) {
        self.0.close();
    }
}

impl Inner {
    fn close(&self) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((writer, lock)) = running.take() {
            let _ = self.jobs.send(Job::Close);
            if writer.join().is_err() {
                tracing::error!("the journal's writer ended in a panic");
            }
            drop(lock);
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod failures;
#[cfg(test)]
mod histories;
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
