//! Walking the records of one segment, over what is torn or damaged.
//!
//! # Failure
//! A gap (bytes that are no record, with a record behind them) is told, with where it ends. Only
//! the disk itself makes an error.
//!
//! # Trust
//! None: see `record`. Memory is bounded by the segment, whatever lengths a header claims.

use super::disk::DiskFile;
use super::record::{ALIGN, Kind, Link, RECORD_HEADER_BYTES, RECORD_MAGIC, RecordHeader, SEGMENT_HEADER_BYTES, Seed};
use std::io;

/// Read at once when nothing says how much is needed.
const CHUNK: usize = 64 << 10;

/// How much of a record is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// The header.
    Header,
    /// The header and the envelope.
    Envelope,
    /// All that is in the segment, where the raw mail has at most this many bytes.
    Body(u64),
    /// All lengths as the headers claim, no checksum: for the fuzzer.
    Nothing,
}

/// A segment's file, and the part of it that was read last.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    file: &'a dyn DiskFile,
    seed: Seed,
    /// Nothing at or behind this offset is looked at.
    limit: u64,
    check: Check,
    chunk: usize,
    window: Vec<u8>,
    window_at: u64,
}

/// What is at an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// A record that passes.
    Record(RecordHeader),
    /// No record; the next one begins at `to`.
    Gap {
        /// Where the next record begins.
        to: u64,
        /// What does not fit.
        what: &'static str,
    },
    /// No record here and none behind.
    End,
}

impl<'a> Scan<'a> {
    pub(super) fn new(file: &'a dyn DiskFile, seed: Seed, limit: u64, check: Check) -> Scan<'a> {
        Scan { file, seed, limit, check, chunk: CHUNK, window: Vec::new(), window_at: 0 }
    }

    /// Reads so many bytes at once.
    pub(super) fn with_chunk(mut self, chunk: usize) -> Self {
        self.chunk = chunk.max(RECORD_HEADER_BYTES);
        self
    }

    /// What is at `offset`; behind a record go on at `offset + record_len()`.
    pub(super) fn step(&mut self, offset: u64) -> io::Result<Step> {
        let Some(header) = self.header(offset)? else {
            return Ok(match self.find(offset + ALIGN)? {
                Some(to) => Step::Gap { to, what: "a record's header does not pass its checksum" },
                None => Step::End,
            });
        };
        let to = offset + header.record_len();
        if self.check == Check::Header || self.check == Check::Nothing {
            return Ok(Step::Record(header));
        }
        let seed = self.seed;
        if seed.crc(offset, self.envelope(offset, &header)?) != header.envelope_crc {
            return Ok(Step::Gap { to, what: "the envelope does not pass its checksum" });
        }
        if let Check::Body(max) = self.check
            && header.kind != Kind::LargeMail
            && header.body_len <= max
            && seed.crc(offset, self.body(offset, &header)?) != header.body_crc
        {
            return Ok(Step::Gap { to, what: "the raw mail does not pass its checksum" });
        }
        Ok(Step::Record(header))
    }

    /// The header at an offset, if one passes there and its record fits.
    pub(super) fn header(&mut self, offset: u64) -> io::Result<Option<RecordHeader>> {
        let (seed, trusting) = (self.seed, self.check == Check::Nothing);
        let Some(bytes) = self.bytes(offset, RECORD_HEADER_BYTES as u64)? else { return Ok(None) };
        let header = match bytes.first_chunk() {
            Some(b) if trusting && b[..4] == RECORD_MAGIC => Some(RecordHeader::fields(b)),
            _ => RecordHeader::decode(bytes, seed, offset),
        };
        Ok(header.filter(|h| offset.saturating_add(h.record_len()) <= self.limit))
    }

    /// The envelope of a record; empty when the file ends before.
    pub(super) fn envelope(&mut self, offset: u64, header: &RecordHeader) -> io::Result<&[u8]> {
        let at = offset + RECORD_HEADER_BYTES as u64;
        Ok(self.bytes(at, u64::from(header.envelope_len))?.unwrap_or_default())
    }

    /// The raw mail of a record that has it in the segment; empty when the file ends before.
    pub(super) fn body(&mut self, offset: u64, header: &RecordHeader) -> io::Result<&[u8]> {
        let at = offset + RECORD_HEADER_BYTES as u64 + u64::from(header.envelope_len);
        Ok(self.bytes(at, header.inline_len())?.unwrap_or_default())
    }

    /// How the segment before ended, if this one's first record says so.
    pub(super) fn link(&mut self) -> io::Result<Option<Link>> {
        let at = u64::from(SEGMENT_HEADER_BYTES);
        let Some(header) = self.header(at)?.filter(|h| h.kind == Kind::Link) else { return Ok(None) };
        let seed = self.seed;
        let body = self.body(at, &header)?;
        Ok(if seed.crc(at, body) == header.body_crc { Link::decode(body) } else { None })
    }

    /// The next offset from `from` on where a header passes.
    fn find(&mut self, from: u64) -> io::Result<Option<u64>> {
        let mut at = from;
        while at.saturating_add(RECORD_HEADER_BYTES as u64) <= self.limit {
            // What was read already first, so that a mail full of magics costs no more than any other.
            let read = (self.window_at + self.window.len() as u64).min(self.limit);
            let left = if at >= self.window_at { read.saturating_sub(at) } else { 0 };
            let want = if left >= RECORD_HEADER_BYTES as u64 { left } else { (self.limit - at).min(self.chunk as u64) };
            let Some(bytes) = self.bytes(at, want)? else { return Ok(None) };
            // Aligned, so none lies across the edge of two windows.
            let hit = memchr::memmem::find_iter(bytes, &RECORD_MAGIC).find(|hit| (at + *hit as u64).is_multiple_of(ALIGN));
            match hit {
                Some(hit) => {
                    at += hit as u64;
                    if self.header(at)?.is_some() {
                        return Ok(Some(at));
                    }
                    at += ALIGN;
                }
                None => at += want & !(ALIGN - 1),
            }
        }
        Ok(None)
    }

    /// Bytes of the file, through the window; none when it ends before.
    fn bytes(&mut self, offset: u64, len: u64) -> io::Result<Option<&[u8]>> {
        let Some(end) = offset.checked_add(len).filter(|end| *end <= self.limit) else { return Ok(None) };
        let window_end = self.window_at + self.window.len() as u64;
        if offset < self.window_at || end > window_end {
            // Never more than the segment holds: `end` is within the limit.
            let want = len.max(self.chunk as u64).min(self.limit - offset);
            self.window.resize(usize::try_from(want).map_err(io::Error::other)?, 0);
            self.window_at = offset;
            let got = self.file.read_at(&mut self.window, offset)?;
            self.window.truncate(got);
            if (got as u64) < len {
                return Ok(None);
            }
        }
        let at = (offset - self.window_at) as usize;
        Ok(self.window.get(at..at + len as usize))
    }
}

/// What a walk over a whole segment found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Summary {
    /// Where the last record ends.
    pub(super) end: u64,
    /// Where the last write began, as far as the records tell.
    pub(super) synced: u64,
    /// Mails in it.
    pub(super) mails: u32,
    /// When the newest was received.
    pub(super) newest_us: i64,
    /// Bytes that are no record though what is behind says they were durable: from, to, what.
    pub(super) damage: Vec<(u64, u64, &'static str)>,
    /// How the segment before ended.
    pub(super) link: Option<Link>,
}

/// Walks a segment whose end nobody wrote down: up to the first record that is torn. See
/// `record` for how torn and damaged are told apart.
pub(super) fn summarize(scan: &mut Scan<'_>) -> io::Result<Summary> {
    let link = scan.link()?;
    let mut now = Summary { end: u64::from(SEGMENT_HEADER_BYTES), newest_us: i64::MIN, link, ..Summary::default() };
    // What was known before each gap, in case it turns out to be the end.
    let mut before: Vec<(u64, u32, i64)> = Vec::new();
    let mut at = now.end;
    loop {
        match scan.step(at)? {
            Step::Record(h) => {
                now.synced = now.synced.max(u64::from(h.synced));
                if h.is_mail() {
                    now.mails = now.mails.saturating_add(1);
                    now.newest_us = now.newest_us.max(h.received_at_us);
                }
                at += h.record_len();
                now.end = at;
            }
            Step::Gap { to, what } => {
                before.push((now.end, now.mails, now.newest_us));
                now.damage.push((at, to, what));
                at = to;
            }
            Step::End => break,
        }
    }
    if let Some(torn) = now.damage.iter().position(|(from, ..)| *from >= now.synced) {
        (now.end, now.mails, now.newest_us) = before[torn];
        now.damage.truncate(torn);
    }
    Ok(now)
}
