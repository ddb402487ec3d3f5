//! Large bodies: streamed to files of their own, so that they are never whole in memory and small
//! mails never wait behind them.
//!
//! # Failure
//! A body counts only when a record names it. One that is dropped before takes its file along. One that a crash left
//! behind, or whose record may or may not be on the disk, stays: the next start removes it if no record names it.

use super::disk::{Access, DiskFile, write_all};
use super::error::Error;
use super::folder::Folder;
use std::collections::BTreeSet;
use std::io::IoSlice;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes gathered before they are handed to a thread that may block: a hand-over costs about 10 µs.
const HANDOVER_BYTES: usize = 256 << 10;

/// What the large bodies of one journal share.
#[derive(Debug)]
pub(super) struct LargeBodies {
    folder: Arc<Folder>,
    free_min: u64,
    counter: AtomicU32,
    /// The segment that is written now: a record naming a body begun now will be in it or a later one.
    segment: AtomicU32,
    /// Begun and not yet named by a record.
    open: Mutex<BTreeSet<u64>>,
}

impl LargeBodies {
    pub(super) fn new(folder: Arc<Folder>, free_min: u64, segment: u32) -> LargeBodies {
        LargeBodies { folder, free_min, counter: AtomicU32::new(0), segment: AtomicU32::new(segment), open: Mutex::default() }
    }

    /// The writer goes on in this segment.
    pub(super) fn now_in(&self, segment: u32) {
        self.segment.store(segment, Ordering::SeqCst);
    }

    /// All bodies begun in segments before this one are named by a record or gone.
    pub(super) fn settled(&self) -> u32 {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.first().map_or_else(|| self.segment.load(Ordering::SeqCst), |n| (n >> 32) as u32)
    }

    fn begin(self: &Arc<Self>) -> Result<LargeFile, Error> {
        check_free(&self.folder, self.free_min)?;
        let number = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            let counter = self.counter.fetch_add(1, Ordering::SeqCst);
            let number = u64::from(self.segment.load(Ordering::SeqCst)) << 32 | u64::from(counter);
            open.insert(number);
            number
        };
        let path = self.folder.large_path(number);
        match self.folder.disk.open(&path, Access::Create) {
            Ok(file) => Ok(LargeFile {
                bodies: Arc::clone(self),
                number,
                file,
                len: 0,
                crc: large_seed(&self.folder, number),
                named: false,
            }),
            Err(e) => {
                self.settle(number);
                Err(Error::disk("make", &path, &e))
            }
        }
    }

    fn settle(&self, number: u64) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
    }
}

/// What the checksum of a large body begins with.
pub(super) fn large_seed(folder: &Folder, number: u64) -> u32 {
    folder.seed(0).begin(number)
}

/// An error when less than `min` bytes are free.
pub(super) fn check_free(folder: &Folder, min: u64) -> Result<(), Error> {
    match folder.disk.free_bytes(&folder.dir) {
        Ok(free) if free < min => Err(Error::Full { free, min }),
        // A disk that can't say is asked by writing.
        _ => Ok(()),
    }
}

/// The file of a body that no record names yet.
#[derive(Debug)]
struct LargeFile {
    bodies: Arc<LargeBodies>,
    number: u64,
    file: Arc<dyn DiskFile>,
    len: u64,
    crc: u32,
    named: bool,
}

impl LargeFile {
    fn add(&mut self, chunks: &[Vec<u8>]) -> Result<(), Error> {
        check_free(&self.bodies.folder, self.bodies.free_min)?;
        let mut slices: Vec<IoSlice<'_>> = chunks.iter().map(|c| IoSlice::new(c)).collect();
        write_all(&*self.file, &mut slices, self.len)
            .map_err(|e| Error::disk("write", &self.bodies.folder.large_path(self.number), &e))?;
        for chunk in chunks {
            self.crc = crc32c::crc32c_append(self.crc, chunk);
            self.len += chunk.len() as u64;
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), Error> {
        let folder = &self.bodies.folder;
        self.file.sync().map_err(|e| Error::disk("sync", &folder.large_path(self.number), &e))?;
        folder.disk.sync_dir(&folder.large_dir()).map_err(|e| Error::disk("sync", &folder.large_dir(), &e))
    }
}

impl Drop for LargeFile {
    fn drop(&mut self) {
        if self.named {
            return;
        }
        let (bodies, number) = (Arc::clone(&self.bodies), self.number);
        let remove = move || {
            let _ = bodies.folder.disk.remove(&bodies.folder.large_path(number));
            bodies.settle(number);
        };
        // A client that went away drops its body on the reactor's thread, which must not wait for the disk.
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(remove)),
            Err(_) => remove(),
        }
    }
}

/// A large body that was streamed to the disk and synced. Dropped without being appended, its file goes.
#[derive(Debug)]
pub struct LargeBody(LargeFile);

impl LargeBody {
    /// Its length in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.len
    }

    /// Nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.len == 0
    }

    pub(super) fn number(&self) -> u64 {
        self.0.number
    }

    pub(super) fn crc(&self) -> u32 {
        self.0.crc
    }

    /// A durable record names it.
    pub(super) fn named(mut self) {
        self.0.named = true;
        self.0.bodies.settle(self.0.number);
    }

    /// A record that names it was written and could not be synced: it may come to light at the next start, and then its
    /// body has to be there. Not settled, so that this start looks for it.
    pub(super) fn in_doubt(mut self) {
        self.0.named = true;
    }
}

/// A large body on its way to the disk. Dropped unfinished, its file goes.
#[derive(Debug)]
pub struct LargeWriter {
    file: Option<LargeFile>,
    failed: Error,
    waiting: Vec<Vec<u8>>,
    waiting_bytes: usize,
}

impl LargeWriter {
    pub(super) async fn begin(bodies: Arc<LargeBodies>) -> Result<LargeWriter, Error> {
        let file = blocking(move || bodies.begin()).await??;
        Ok(LargeWriter { file: Some(file), failed: Error::Closed, waiting: Vec::new(), waiting_bytes: 0 })
    }

    /// Adds bytes. They are gathered and written by a thread that may block.
    ///
    /// # Errors
    /// The disk is full or failing; from then on every call says so.
    pub async fn write(&mut self, chunk: Vec<u8>) -> Result<(), Error> {
        self.waiting_bytes += chunk.len();
        self.waiting.push(chunk);
        if self.waiting_bytes >= HANDOVER_BYTES { self.hand_over(false).await } else { Ok(()) }
    }

    /// Writes what is left and syncs, so that a record may name it.
    ///
    /// # Errors
    /// The disk is full or failing.
    pub async fn finish(mut self) -> Result<LargeBody, Error> {
        self.hand_over(true).await?;
        self.file.take().map(LargeBody).ok_or(self.failed)
    }

    async fn hand_over(&mut self, sync: bool) -> Result<(), Error> {
        let chunks = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        // When this future is dropped, the file is dropped with the closure and goes.
        let Some(mut file) = self.file.take() else { return Err(self.failed.clone()) };
        let done = blocking(move || {
            file.add(&chunks)?;
            if sync {
                file.sync()?;
            }
            Ok(file)
        })
        .await
        .and_then(|done| done);
        match done {
            Ok(file) => {
                self.file = Some(file);
                Ok(())
            }
            Err(e) => {
                self.failed = e.clone();
                Err(e)
            }
        }
    }
}

/// Runs something that waits for the disk away from the reactor.
async fn blocking<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    // The only other outcome is a runtime that is going down.
    tokio::task::spawn_blocking(f).await.map_err(|_| Error::Closed)
}
