//! The one writer: takes everything that waits, writes it with one vectored write, makes it durable
//! with one fdatasync, then answers all. The cost of durability is shared by the crowd.
//!
//! # Failure
//! After a write or a sync that failed nobody knows what is on the disk. The segment is cut at its
//! last synced end and never written again; all who shared the write are refused; the next goes to
//! a new segment, whose first record says where the old one ended.

use super::ahead::{Ahead, Fresh};
use super::catalog::Segment;
use super::disk::{DiskFile, write_all};
use super::error::Error;
use super::large::{LargeBody, check_free};
use super::record::{Kind, Link, RECORD_HEADER_BYTES, RecordHeader, SEGMENT_HEADER_BYTES, Seed};
use super::shared::Shared;
use crate::mail::{Envelope, Position};
use std::collections::VecDeque;
use std::io::IoSlice;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

/// Mails that share one write: two slices each, and what one call takes is 1,024 slices.
const COMMIT_MAILS_MAX: usize = 511;
/// Bytes that share one write: a small mail never waits for more than these. About 10 ms.
const COMMIT_BYTES_MAX: u64 = 8 << 20;
/// Kept of the buffer for headers and envelopes after an unusual batch.
const HEADS_KEPT: usize = 1 << 20;

/// The body of a mail on its way into the journal.
#[derive(Debug)]
pub enum Body {
    /// Whole, in memory; at most `Limits::large_body_bytes`.
    Inline(Vec<u8>),
    /// Already on the disk, synced, waiting for the record that names it.
    Large(LargeBody),
}

/// One mail that waits.
#[derive(Debug)]
pub(super) struct Append {
    pub(super) envelope: Envelope,
    pub(super) body: Body,
    pub(super) answer: oneshot::Sender<Result<Position, Error>>,
    /// Its share of the queue's room, given back when it is answered.
    pub(super) _room: OwnedSemaphorePermit,
}

/// What the writer is told.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // all but one are appends, and a box for each would cost
pub(super) enum Job {
    Append(Append),
    /// End after what waits.
    Close,
}

/// The segment that is written.
#[derive(Debug)]
struct Current {
    number: u32,
    file: Arc<dyn DiskFile>,
    seed: Seed,
    capacity: u32,
    /// Where the durable part ends.
    end: u32,
    mails: u32,
    newest_us: i64,
}

impl Current {
    fn is_empty(&self) -> bool {
        self.end == SEGMENT_HEADER_BYTES
    }

    fn as_segment(&self, sealed: bool) -> Segment {
        Segment { end: self.end, mails: self.mails, newest_us: self.newest_us, sealed }
    }
}

/// Records gathered for one write.
#[derive(Debug, Default)]
struct Batch {
    /// Padding of the record before, header, envelope; one after the other.
    heads: Vec<u8>,
    /// For each record its part of `heads`.
    records: Vec<Range<usize>>,
    offsets: Vec<u32>,
    newest_us: i64,
    /// Where it ends in the segment.
    end: u64,
}

#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
    ahead: Ahead,
    current: Option<Current>,
    /// How the last segment with records ended.
    last: Link,
    batch: Batch,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, ahead: Ahead, first: Fresh, last: Link) -> Writer {
        let mut writer = Writer { shared, ahead, current: None, last, batch: Batch::default() };
        writer.go_on_in(first);
        writer
    }

    /// Until the last handle is dropped or one says close.
    pub(super) fn run(mut self, mut jobs: mpsc::UnboundedReceiver<Job>) {
        let mut taken = Vec::with_capacity(COMMIT_MAILS_MAX);
        let mut waiting = VecDeque::with_capacity(COMMIT_MAILS_MAX);
        // Zero: all handles are gone, or the queue was closed and is empty.
        while jobs.blocking_recv_many(&mut taken, COMMIT_MAILS_MAX) > 0 {
            for job in taken.drain(..) {
                match job {
                    Job::Append(append) => waiting.push_back(append),
                    Job::Close => jobs.close(),
                }
            }
            self.write(&mut waiting);
        }
        self.stop();
    }

    /// Writes and answers all.
    fn write(&mut self, waiting: &mut VecDeque<Append>) {
        if let Err(e) = check_free(&self.shared.folder, self.shared.limits.disk_free_bytes_min) {
            self.count_error("full");
            return refuse(waiting.drain(..), &e);
        }
        while !waiting.is_empty() {
            if let Err(e) = self.have_segment() {
                self.count_error("segment");
                tracing::error!(error = %e, "no new journal segment; mail is refused until there is one");
                return refuse(waiting.drain(..), &e);
            }
            let Some(current) = &self.current else { continue };
            gather(&mut self.batch, current, &self.last, waiting);
            if self.batch.records.is_empty() {
                self.make_room(waiting);
            } else {
                self.commit(waiting);
            }
        }
    }

    /// Writes and syncs what was gathered, and answers those.
    fn commit(&mut self, waiting: &mut VecDeque<Append>) {
        let Some(current) = &mut self.current else { return };
        let began = Instant::now();
        let count = self.batch.records.len();
        let mut slices = Vec::with_capacity(2 * count);
        for (append, head) in waiting.iter().zip(&self.batch.records) {
            slices.push(IoSlice::new(&self.batch.heads[head.clone()]));
            if let Body::Inline(body) = &append.body {
                slices.push(IoSlice::new(body));
            }
        }
        let path = || self.shared.folder.segment_path(current.number);
        let written = write_all(&*current.file, &mut slices, u64::from(current.end))
            .map_err(|e| ("write", Error::disk("write", &path(), &e)))
            .and_then(|()| current.file.sync().map_err(|e| ("sync", Error::disk("sync", &path(), &e))));
        if let Err((what, e)) = written {
            self.count_error(what);
            self.give_up(&e);
            for append in waiting.drain(..count) {
                if let Body::Large(large) = append.body {
                    large.in_doubt();
                }
                let _ = append.answer.send(Err(e.clone()));
            }
            return;
        }
        let bytes = self.batch.end - u64::from(current.end);
        current.end = self.batch.end as u32;
        current.mails += count as u32;
        current.newest_us = current.newest_us.max(self.batch.newest_us);
        let segment = current.number;
        self.shared.catalog_mut().0.insert(segment, current.as_segment(false));
        self.shared.durable.send_replace(Position { segment, offset: current.end });
        for (append, offset) in waiting.drain(..count).zip(&self.batch.offsets) {
            if let Body::Large(large) = append.body {
                large.named();
            }
            // Whoever asked may have gone; the mail is in the journal all the same.
            let _ = append.answer.send(Ok(Position { segment, offset: *offset }));
        }
        let m = &self.shared.metrics;
        m.journal_sync.observe(began.elapsed().as_secs_f64());
        m.journal_batch.observe(count as f64);
        m.journal_mails.inc_by(count as u64);
        m.journal_written.inc_by(bytes);
    }

    fn have_segment(&mut self) -> Result<(), Error> {
        if self.current.is_none() {
            let fresh = self.ahead.take()?;
            self.go_on_in(fresh);
        }
        Ok(())
    }

    fn go_on_in(&mut self, fresh: Fresh) {
        self.shared.large.now_in(fresh.number);
        self.current = Some(Current {
            seed: self.shared.folder.seed(fresh.number),
            number: fresh.number,
            file: fresh.file,
            capacity: fresh.capacity,
            end: SEGMENT_HEADER_BYTES,
            mails: 0,
            newest_us: i64::MIN,
        });
        self.shared.metrics.journal_segments.set(self.shared.catalog().0.len() as i64 + 1);
    }

    /// The first that waits does not fit the current segment.
    fn make_room(&mut self, waiting: &mut VecDeque<Append>) {
        let Some(current) = self.current.take() else { return };
        if !current.is_empty() {
            return self.seal(&current, true);
        }
        if current.capacity >= self.ahead.capacity() {
            let capacity = u64::from(current.capacity - SEGMENT_HEADER_BYTES);
            let bytes = waiting.front().map_or(0, |a| a.inline_len() + RECORD_HEADER_BYTES as u64);
            refuse(waiting.drain(..1), &Error::TooLarge { bytes, capacity });
            self.current = Some(current);
        } else {
            // The small one made at the start. Its file goes with the next start.
            self.ahead.trim(current.file, SEGMENT_HEADER_BYTES);
        }
    }

    /// Nothing is added to it any more.
    fn seal(&mut self, current: &Current, trim: bool) {
        let segment = current.as_segment(true);
        self.last = Link { segment: current.number, end: segment.end, mails: segment.mails, newest_us: segment.newest_us };
        self.shared.catalog_mut().0.insert(current.number, segment);
        let settled = self.shared.large.settled();
        if let Err(e) = self.shared.marks().sealed(current.number, segment, settled) {
            tracing::warn!(error = %e, "the end of a journal segment is not marked; the next segment says it too");
        }
        if trim {
            self.ahead.trim(Arc::clone(&current.file), current.end);
        }
    }

    /// After a failed write: what is behind the synced end is unknown and stays out of sight.
    fn give_up(&mut self, e: &Error) {
        let Some(current) = self.current.take() else { return };
        tracing::error!(error = %e, segment = current.number, end = current.end, "a journal segment is closed at its last synced end");
        // At best; the next segment's first record says where this one ended in any case.
        let _ = current.file.set_len(u64::from(current.end));
        let _ = current.file.sync();
        if current.is_empty() {
            let _ = self.shared.folder.remove(&self.shared.folder.segment_path(current.number));
        } else {
            self.seal(&current, false);
        }
    }

    fn stop(mut self) {
        if let Some(current) = self.current.take() {
            // Also an empty one stays: its number must not be used again.
            let _ = current.file.set_len(u64::from(current.end));
            if !current.is_empty() {
                self.seal(&current, false);
            }
        }
        self.ahead.stop();
    }

    fn count_error(&self, kind: &'static str) {
        self.shared.metrics.journal_errors.get_or_create(&[("kind", kind)]).inc();
    }
}

impl Append {
    fn inline_len(&self) -> u64 {
        match &self.body {
            Body::Inline(b) => b.len() as u64,
            Body::Large(_) => 0,
        }
    }
}

/// Lays out as many of the waiting mails as fit: nothing is copied but the envelopes.
fn gather(batch: &mut Batch, current: &Current, last: &Link, waiting: &VecDeque<Append>) {
    batch.heads.clear();
    batch.heads.shrink_to(HEADS_KEPT);
    batch.records.clear();
    batch.offsets.clear();
    batch.newest_us = i64::MIN;
    batch.end = u64::from(current.end);
    let synced = current.end;
    // Where the bytes gathered so far end in the segment, before padding.
    let mut written = batch.end;
    let mut head = 0;
    if current.is_empty() {
        let body = last.encode();
        let seed = current.seed;
        let header = RecordHeader {
            kind: Kind::Link,
            flags: 0,
            envelope_len: 0,
            synced,
            body_len: Link::BYTES as u64,
            received_at_us: 0,
            large: 0,
            envelope_crc: seed.crc(batch.end, &[]),
            body_crc: seed.crc(batch.end, &body),
        };
        batch.heads.extend(header.encode(seed, batch.end));
        batch.heads.extend(body);
        written += (RECORD_HEADER_BYTES + Link::BYTES) as u64;
        batch.end += header.record_len();
    }
    for append in waiting {
        let before = batch.heads.len();
        batch.heads.resize(before + (batch.end - written) as usize, 0);
        let at = batch.heads.len();
        batch.heads.resize(at + RECORD_HEADER_BYTES, 0);
        let offset = batch.end;
        // Writing into memory does not fail, and every envelope has a JSON form.
        let _ = serde_json::to_writer(&mut batch.heads, &append.envelope);
        let envelope = &batch.heads[at + RECORD_HEADER_BYTES..];
        let mut header = RecordHeader {
            kind: Kind::Mail,
            flags: 0,
            envelope_len: envelope.len() as u32,
            synced,
            body_len: 0,
            received_at_us: append.envelope.received_at_us,
            large: 0,
            envelope_crc: current.seed.crc(offset, envelope),
            body_crc: 0,
        };
        match &append.body {
            Body::Inline(body) => {
                header.body_len = body.len() as u64;
                header.body_crc = current.seed.crc(offset, body);
            }
            Body::Large(large) => {
                header.kind = Kind::LargeMail;
                header.body_len = large.len();
                header.large = large.number();
                header.body_crc = large.crc();
            }
        }
        let end = offset + header.record_len();
        let first = batch.records.is_empty();
        if end > u64::from(current.capacity) || (!first && end - u64::from(synced) > COMMIT_BYTES_MAX) {
            batch.heads.truncate(before);
            break;
        }
        batch.heads[at..at + RECORD_HEADER_BYTES].copy_from_slice(&header.encode(current.seed, offset));
        batch.records.push(head..batch.heads.len());
        batch.offsets.push(offset as u32);
        batch.newest_us = batch.newest_us.max(append.envelope.received_at_us);
        written = offset + RECORD_HEADER_BYTES as u64 + u64::from(header.envelope_len) + header.inline_len();
        batch.end = end;
        head = batch.heads.len();
    }
}

fn refuse(appends: impl Iterator<Item = Append>, e: &Error) {
    for append in appends {
        let _ = append.answer.send(Err(e.clone()));
    }
}
