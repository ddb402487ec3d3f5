//! Opening a journal after whatever happened to it.
//!
//! # Failure
//! Every acknowledged mail is kept. A record that was torn was not acknowledged: the newest segment
//! is cut before it. Damage in what was durable is reported and left as it is; what lies behind it
//! is read. A mail that was written whole and never acknowledged may appear: a repeat at worst,
//! for its sender was told nothing.
//!
//! # Trust
//! Nothing on the disk that does not pass its checksum. The end of the newest segment is written
//! and synced once more: after a failed sync the system may believe that it is on the disk.

use super::ahead::{Ahead, Maker};
use super::catalog::survey;
use super::disk::{Access, Disk, write_all};
use super::error::Error;
use super::folder::{Folder, segment_number};
use super::large::LargeBodies;
use super::marks::{MarkState, Marks};
use super::record::{Kind, Link, SEGMENT_HEADER_BYTES};
use super::scan::{Check, Scan, Step, Summary};
use super::shared::Shared;
use super::writer::Writer;
use super::{JournalOptions, erase, retention};
use crate::mail::Position;
use std::collections::BTreeSet;
use std::fmt;
use std::io::IoSlice;
use std::sync::{Arc, Mutex, RwLock};
use tokio::sync::{Semaphore, watch};

/// Size of the first segment after a start: small, so that a start does not wait for zeros. Bytes.
const FIRST_SEGMENT_BYTES: u32 = 8 << 20;
/// Below this a segment would be mostly header. Bytes.
const SEGMENT_BYTES_MIN: u64 = 64 << 10;
/// Offsets have 32 bits.
const SEGMENT_BYTES_MAX: u64 = 1 << 31;
/// Bytes that may wait for the writer: two full commits. More waits at the sender.
const QUEUE_BYTES_MAX: usize = 16 << 20;

/// The lock on a folder; it ends with the value.
pub(super) type Lock = Box<dyn fmt::Debug + Send + Sync>;

/// Recovers the folder and makes everything ready to write.
pub(super) fn open(
    disk: Arc<dyn Disk>,
    options: &JournalOptions,
    in_background: bool,
) -> Result<(Arc<Shared>, Writer, Lock), Error> {
    let dir = &options.dir;
    for d in [dir.clone(), dir.join("large")] {
        disk.create_dir(&d).map_err(|e| Error::disk("make", &d, &e))?;
    }
    let lock = take_lock(&*disk, options)?;
    let folder = Arc::new(Folder::make(disk, dir)?);
    for name in folder.names()? {
        if name.ends_with(".new") {
            folder.remove(&dir.join(&name))?;
        } else if let Some(number) = name.strip_suffix(".gone").and_then(segment_number) {
            retention::finish(&folder, number)?;
        }
    }
    erase::finish(&folder)?;

    let marks = MarkState::read(&folder)?;
    let mut found = survey(&folder, &marks, true)?;
    let mut last = Link::default();
    if let Some((number, summary)) = &found.last {
        repair_end(&folder, *number, summary)?;
        for (from, to, what) in &summary.damage {
            options.metrics.journal_errors.get_or_create(&[("kind", "damage")]).inc();
            tracing::error!(
                segment = number,
                from,
                to,
                what,
                "the journal is damaged here; what is behind is read. See `tidegate journal verify`"
            );
        }
        last = Link { segment: *number, end: summary.end as u32, mails: summary.mails, newest_us: summary.newest_us };
        found.catalog.0.entry(*number).and_modify(|s| s.sealed = true);
    }

    // First the new one, then the empty ones go: so no number is used twice.
    let capacity = options.segment_bytes.clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX) as u32;
    let maker = Maker::new(Arc::clone(&folder), found.highest);
    let first = maker.make(capacity.min(FIRST_SEGMENT_BYTES))?;
    for number in &found.empty {
        set_aside(&folder, *number)?;
    }
    remove_orphans(&folder, &marks, &found.catalog.0.keys().copied().collect())?;
    let marks = Marks::open(&folder, marks, &found.catalog)?;

    let large = LargeBodies::new(Arc::clone(&folder), options.limits.disk_free_bytes_min, first.number);
    let durable = if found.catalog.0.is_empty() { Position::START } else { found.catalog.end() };
    let shared = Arc::new(Shared {
        folder,
        limits: Arc::clone(&options.limits),
        metrics: Arc::clone(&options.metrics),
        durable: watch::Sender::new(durable),
        large: Arc::new(large),
        room: Arc::new(Semaphore::new(QUEUE_BYTES_MAX)),
        catalog: RwLock::new(found.catalog),
        marks: Mutex::new(marks),
        erasing: Mutex::new(()),
    });
    let ahead = Ahead::start(maker, capacity, in_background);
    let writer = Writer::new(Arc::clone(&shared), ahead, first, last);
    Ok((shared, writer, lock))
}

/// The share of the queue that a mail takes.
pub(super) fn room_for(body_bytes: usize) -> u32 {
    const ENVELOPE_BYTES: usize = 1024;
    (body_bytes + ENVELOPE_BYTES).min(QUEUE_BYTES_MAX) as u32
}

/// The file that the process which writes holds a lock on.
pub(super) const LOCK: &str = "lock";

fn take_lock(disk: &dyn Disk, options: &JournalOptions) -> Result<Lock, Error> {
    let path = options.dir.join(LOCK);
    disk.lock(&path).map_err(|e| Error::disk("lock", &path, &e))?.ok_or_else(|| {
        let holder = super::disk::read_whole(disk, &path, 100).ok().flatten();
        let holder = holder.and_then(|h| String::from_utf8(h).ok()).map(|h| h.trim().to_owned()).filter(|h| !h.is_empty());
        Error::Locked { dir: options.dir.clone(), holder }
    })
}

/// Cuts the newest segment at its end, and makes what is before durable, whatever was believed of it.
fn repair_end(folder: &Folder, number: u32, summary: &Summary) -> Result<(), Error> {
    let path = folder.segment_path(number);
    let file = folder.open_segment(number, Access::Write)?;
    (|| {
        let from = summary.synced.clamp(u64::from(SEGMENT_HEADER_BYTES), summary.end);
        let mut bytes = vec![0; (summary.end - from) as usize];
        let n = file.read_at(&mut bytes, from)?;
        write_all(&*file, &mut [IoSlice::new(&bytes[..n])], from)?;
        file.set_len(summary.end)?;
        file.sync()
    })()
    .map_err(|e: std::io::Error| Error::disk("repair", &path, &e))
}

/// A segment no acknowledged mail is in goes. If something that looks like a record is in it all the
/// same (a write that failed, and whose file could not be cut), it is kept under another name.
fn set_aside(folder: &Folder, number: u32) -> Result<(), Error> {
    let path = folder.segment_path(number);
    let file = folder.open_segment(number, Access::Read)?;
    let io = |e: std::io::Error| Error::disk("set aside", &path, &e);
    let len = file.len().map_err(io)?;
    let first = Scan::new(&*file, folder.seed(number), len, Check::Header).step(u64::from(SEGMENT_HEADER_BYTES)).map_err(io)?;
    if first == Step::End {
        return folder.remove(&path);
    }
    tracing::warn!(
        segment = number,
        "a segment that was given up after a failed write is kept as .void; no acknowledged mail is in it"
    );
    folder.disk.rename(&path, &path.with_extension("void")).map_err(io)?;
    folder.disk.sync_dir(&folder.dir).map_err(io)
}

/// Removes large bodies that no record names. Only those begun since the last time all were known to
/// be named are looked for.
fn remove_orphans(folder: &Folder, marks: &MarkState, segments: &BTreeSet<u32>) -> Result<(), Error> {
    let mut orphans: BTreeSet<u64> =
        folder.large_bodies()?.into_iter().filter(|n| (n >> 32) as u32 >= marks.large_settled()).collect();
    let Some(from) = orphans.first().map(|n| (n >> 32) as u32) else { return Ok(()) };
    for number in segments.range(from..) {
        for large in large_bodies_of(folder, *number, None)? {
            orphans.remove(&large);
        }
    }
    for number in orphans {
        folder.remove(&folder.large_path(number))?;
        tracing::info!(large = format_args!("{number:016x}"), "a large body that no record names was removed");
    }
    Ok(())
}

/// The large bodies that a segment's records name. `path` when it has another name than its own.
pub(super) fn large_bodies_of(folder: &Folder, number: u32, path: Option<&std::path::Path>) -> Result<Vec<u64>, Error> {
    let own = folder.segment_path(number);
    let path = path.unwrap_or(&own);
    let io = |e: std::io::Error| Error::disk("read", path, &e);
    let file = folder.disk.open(path, Access::Read).map_err(io)?;
    let mut scan = Scan::new(&*file, folder.seed(number), file.len().map_err(io)?, Check::Header);
    let mut large = Vec::new();
    let mut at = u64::from(SEGMENT_HEADER_BYTES);
    loop {
        match scan.step(at).map_err(io)? {
            Step::Record(h) => {
                if h.kind == Kind::LargeMail {
                    large.push(h.large);
                }
                at += h.record_len();
            }
            Step::Gap { to, .. } => at = to,
            Step::End => return Ok(large),
        }
    }
}
