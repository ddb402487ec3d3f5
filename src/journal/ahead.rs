//! The next segment, made ahead of time: zero-filled and durable under its name before the writer
//! needs it, by a thread of its own. Overwriting syncs nearly twice as fast as growing a file.

use super::disk::DiskFile;
use super::error::Error;
use super::folder::Folder;
use crossbeam_channel::{Receiver, Sender};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;

/// A segment file without records.
#[derive(Debug)]
pub(super) struct Fresh {
    pub(super) number: u32,
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) capacity: u32,
}

#[derive(Debug)]
enum Chore {
    Make,
    /// Gives back the room behind a sealed segment's end.
    Trim(Arc<dyn DiskFile>, u32),
}

/// Makes segments.
#[derive(Debug)]
pub(super) struct Maker {
    folder: Arc<Folder>,
    /// The highest number taken: a number is never used twice, even if making its file failed.
    highest: AtomicU32,
}

impl Maker {
    pub(super) fn new(folder: Arc<Folder>, highest: u32) -> Maker {
        Maker { folder, highest: AtomicU32::new(highest) }
    }

    pub(super) fn make(&self, capacity: u32) -> Result<Fresh, Error> {
        let number = self.highest.fetch_add(1, Ordering::SeqCst) + 1;
        let file = self.folder.make_segment(number, capacity, jiff::Timestamp::now().as_microsecond())?;
        Ok(Fresh { number, file, capacity })
    }
}

/// The writer's end of the thread.
#[derive(Debug)]
pub(super) struct Ahead {
    maker: Arc<Maker>,
    capacity: u32,
    thread: Option<Thread>,
}

#[derive(Debug)]
struct Thread {
    chores: Sender<Chore>,
    made: Receiver<Result<Fresh, Error>>,
    asked: bool,
    handle: JoinHandle<()>,
}

impl Ahead {
    /// Starts the thread, which makes the next segment at once. When no thread can be had (or for a
    /// test, which wants every step in its order), segments are made when they are needed.
    pub(super) fn start(maker: Maker, capacity: u32, in_background: bool) -> Ahead {
        let mut ahead = Ahead { maker: Arc::new(maker), capacity, thread: None };
        if in_background {
            let (chores, inbox) = crossbeam_channel::unbounded::<Chore>();
            let (outbox, made) = crossbeam_channel::bounded(1);
            let maker = Arc::clone(&ahead.maker);
            let work = move || {
                for chore in inbox {
                    match chore {
                        Chore::Make => {
                            let _ = outbox.send(maker.make(capacity));
                        }
                        Chore::Trim(file, end) => {
                            let _ = file.set_len(u64::from(end));
                        }
                    }
                }
            };
            match std::thread::Builder::new().name("journal-ahead".to_owned()).spawn(work) {
                Ok(handle) => ahead.thread = Some(Thread { chores, made, asked: false, handle }),
                Err(error) => tracing::warn!(%error, "no thread to make journal segments ahead; each is made when it is needed"),
            }
        }
        ahead.ask();
        ahead
    }

    /// The size of the segments it makes.
    pub(super) fn capacity(&self) -> u32 {
        self.capacity
    }

    fn ask(&mut self) {
        if let Some(t) = self.thread.as_mut().filter(|t| !t.asked) {
            t.asked = t.chores.send(Chore::Make).is_ok();
        }
    }

    /// The next segment; waits for it when the writer was faster.
    pub(super) fn take(&mut self) -> Result<Fresh, Error> {
        self.ask();
        let Some(t) = self.thread.as_mut() else { return self.maker.make(self.capacity) };
        t.asked = false;
        let fresh = t.made.recv().map_err(|_| Error::Closed)??;
        self.ask();
        Ok(fresh)
    }

    /// Cuts a sealed segment at its end, some time.
    pub(super) fn trim(&self, file: Arc<dyn DiskFile>, end: u32) {
        match &self.thread {
            Some(t) => drop(t.chores.send(Chore::Trim(file, end))),
            None => drop(file.set_len(u64::from(end))),
        }
    }

    /// Ends the thread and removes the segment nobody needs.
    pub(super) fn stop(self) {
        let Some(Thread { chores, made, handle, .. }) = self.thread else { return };
        drop(chores);
        for fresh in made.iter().flatten() {
            let _ = self.maker.folder.remove(&self.maker.folder.segment_path(fresh.number));
        }
        let _ = handle.join();
    }
}
