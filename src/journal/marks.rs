//! Marks: which mails are done, which were begun, how segments ended. A log of its own, so that
//! records are never rewritten.
//!
//! # Failure
//! Written without a sync: after a power cut the newest may be missing, and a lost mark means a
//! repeat. They survive the end of the process, however it ends. A mark that can't be written
//! counts in this process all the same.
//!
//! # Trust
//! Each mark has a checksum that begins with the journal's id; one that does not pass is skipped.
//! Memory is bounded by the mails that are in work: a segment whose mails are all done is one entry.

use super::catalog::{Catalog, Segment};
use super::disk::{Access, DiskFile, write_all, write_durably};
use super::error::Error;
use super::folder::Folder;
use crate::mail::Position;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::IoSlice;
use std::sync::Arc;

const NAME: &str = "marks";
/// Length of one mark.
const MARK_BYTES: usize = 20;
/// Length from which on the log is written anew when that makes it a quarter. Bytes.
const COMPACT_BYTES: u64 = 4 << 20;
/// Marks read at once.
const READ_MARKS: usize = 4096;

/// One mark, as it is written: kind, three numbers, checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Done(Position),
    /// Begun for the nth time.
    Attempt(Position, u32),
    AllDone(u32),
    /// Segment, end, mails.
    Sealed(u32, u32, u32),
    /// Segment, received time of its newest mail.
    Newest(u32, i64),
    /// Large bodies begun in earlier segments are all named by a record.
    LargeSettled(u32),
}

impl Mark {
    fn encode(self, seed: u32, out: &mut Vec<u8>) {
        let (kind, a, b, c) = match self {
            Mark::Done(p) => (1, p.segment, p.offset, 0),
            Mark::Attempt(p, n) => (2, p.segment, p.offset, n),
            Mark::AllDone(s) => (3, s, 0, 0),
            Mark::Sealed(s, end, mails) => (4, s, end, mails),
            Mark::Newest(s, us) => (5, s, us as u32, (us >> 32) as u32),
            Mark::LargeSettled(s) => (6, s, 0, 0),
        };
        let at = out.len();
        for n in [kind, a, b, c] {
            out.extend(u32::to_le_bytes(n));
        }
        let crc = crc32c::crc32c_append(seed, &out[at..]);
        out.extend(crc.to_le_bytes());
    }

    fn decode(bytes: &[u8], seed: u32) -> Option<Mark> {
        let mut n = [0; MARK_BYTES / 4];
        for (n, b) in n.iter_mut().zip(bytes.chunks_exact(4)) {
            *n = u32::from_le_bytes([b[0], b[1], b[2], b[3]]);
        }
        let [kind, a, b, c, crc] = n;
        if crc32c::crc32c_append(seed, bytes.get(..16)?) != crc {
            return None;
        }
        let position = Position { segment: a, offset: b };
        Some(match kind {
            1 => Mark::Done(position),
            2 => Mark::Attempt(position, c),
            3 => Mark::AllDone(a),
            4 => Mark::Sealed(a, b, c),
            5 => Mark::Newest(a, i64::from(c.cast_signed()) << 32 | i64::from(b)),
            6 => Mark::LargeSettled(a),
            _ => return None,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Done {
    All,
    /// Offsets, ascending.
    Some(Vec<u32>),
}

/// What the marks say.
#[derive(Debug, Clone, Default)]
pub(super) struct MarkState {
    done: BTreeMap<u32, Done>,
    attempts: HashMap<Position, u32>,
    sealed: BTreeMap<u32, Segment>,
    large_settled: u32,
}

impl MarkState {
    /// Reads the log; an absent one says nothing.
    pub(super) fn read(folder: &Folder) -> Result<MarkState, Error> {
        let path = folder.dir.join(NAME);
        let io = |e: std::io::Error| Error::disk("read", &path, &e);
        let mut state = MarkState::default();
        let file = match folder.disk.open(&path, Access::Read) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(state),
            Err(e) => return Err(io(e)),
        };
        let seed = seed(folder);
        let mut buffer = vec![0; READ_MARKS * MARK_BYTES];
        let mut at = 0;
        loop {
            let n = file.read_at(&mut buffer, at).map_err(io)?;
            for mark in buffer[..n].chunks_exact(MARK_BYTES).filter_map(|b| Mark::decode(b, seed)) {
                state.apply(mark);
            }
            if n < buffer.len() {
                return Ok(state);
            }
            at += n as u64;
        }
    }

    pub(super) fn is_done(&self, p: Position) -> bool {
        match self.done.get(&p.segment) {
            None => false,
            Some(Done::All) => true,
            Some(Done::Some(offsets)) => offsets.binary_search(&p.offset).is_ok(),
        }
    }

    pub(super) fn is_all_done(&self, segment: u32) -> bool {
        self.done.get(&segment) == Some(&Done::All)
    }

    pub(super) fn attempts(&self, p: Position) -> u32 {
        self.attempts.get(&p).copied().unwrap_or(0)
    }

    pub(super) fn sealed(&self, segment: u32) -> Option<Segment> {
        self.sealed.get(&segment).copied()
    }

    pub(super) fn large_settled(&self) -> u32 {
        self.large_settled
    }

    fn apply(&mut self, mark: Mark) {
        match mark {
            Mark::Done(p) => {
                self.attempts.remove(&p);
                if let Done::Some(offsets) = self.done.entry(p.segment).or_insert(Done::Some(Vec::new()))
                    && let Err(at) = offsets.binary_search(&p.offset)
                {
                    offsets.insert(at, p.offset);
                }
            }
            // Also of a mail that is done: staff may have released it, and it may crash its reader again.
            Mark::Attempt(p, 0) => {
                self.attempts.remove(&p);
            }
            Mark::Attempt(p, n) => {
                self.attempts.insert(p, n);
            }
            Mark::AllDone(s) => {
                self.attempts.retain(|p, _| p.segment != s);
                self.done.insert(s, Done::All);
            }
            Mark::Sealed(s, end, mails) => {
                let newest_us = self.sealed.get(&s).map_or(i64::MIN, |s| s.newest_us);
                self.sealed.insert(s, Segment { end, mails, newest_us, sealed: true });
            }
            Mark::Newest(s, us) => {
                if let Some(s) = self.sealed.get_mut(&s) {
                    s.newest_us = us;
                }
            }
            Mark::LargeSettled(s) => self.large_settled = self.large_settled.max(s),
        }
    }

    /// The segment's mails are all done, though not yet said in one mark.
    fn is_complete(&self, segment: u32) -> bool {
        match (self.done.get(&segment), self.sealed.get(&segment)) {
            (Some(Done::Some(offsets)), Some(s)) => offsets.len() >= s.mails as usize,
            (None, Some(s)) => s.mails == 0,
            _ => false,
        }
    }

    /// Says it all again in as few marks as possible.
    fn marks(&self) -> impl Iterator<Item = Mark> {
        let sealed = self.sealed.iter().flat_map(|(n, s)| [Mark::Sealed(*n, s.end, s.mails), Mark::Newest(*n, s.newest_us)]);
        let done = self.done.iter().flat_map(|(n, d)| match d {
            Done::All => vec![Mark::AllDone(*n)],
            Done::Some(offsets) => offsets.iter().map(|o| Mark::Done(Position { segment: *n, offset: *o })).collect(),
        });
        let attempts = self.attempts.iter().map(|(p, n)| Mark::Attempt(*p, *n));
        std::iter::once(Mark::LargeSettled(self.large_settled)).chain(sealed).chain(done).chain(attempts)
    }
}

/// The log, open for writing.
#[derive(Debug)]
pub(super) struct Marks {
    folder: Arc<Folder>,
    file: Arc<dyn DiskFile>,
    len: u64,
    state: MarkState,
    /// A mark counts that could not be written: the next write says everything again.
    behind: bool,
    seed: u32,
}

impl Marks {
    /// Takes over what was read, forgets what is not in the catalog, and writes the log anew.
    pub(super) fn open(folder: &Arc<Folder>, mut state: MarkState, catalog: &Catalog) -> Result<Marks, Error> {
        state.done.retain(|s, _| catalog.0.contains_key(s));
        state.attempts.retain(|p, _| catalog.0.contains_key(&p.segment));
        state.sealed = catalog.0.iter().filter(|(_, s)| s.sealed).map(|(n, s)| (*n, *s)).collect();
        let complete: Vec<u32> = state.sealed.keys().copied().filter(|s| state.is_complete(*s)).collect();
        complete.into_iter().for_each(|s| state.apply(Mark::AllDone(s)));
        let (file, len) = write_anew(folder, &state)?;
        Ok(Marks { folder: Arc::clone(folder), file, len, state, behind: false, seed: seed(folder) })
    }

    pub(super) fn state(&self) -> &MarkState {
        &self.state
    }

    /// Marks mails done.
    pub(super) fn done(&mut self, positions: &[Position]) -> Result<(), Error> {
        let mut marks: Vec<Mark> = positions.iter().filter(|p| !self.state.is_done(**p)).map(|p| Mark::Done(*p)).collect();
        marks.iter().for_each(|m| self.state.apply(*m));
        let mut touched: BTreeSet<u32> = positions.iter().map(|p| p.segment).collect();
        touched.retain(|s| self.state.is_complete(*s));
        for segment in touched {
            self.state.apply(Mark::AllDone(segment));
            marks.push(Mark::AllDone(segment));
        }
        self.write(&marks)
    }

    /// Counts one more begin for each.
    pub(super) fn attempt(&mut self, positions: &[Position]) -> Result<(), Error> {
        let marks: Vec<Mark> = positions.iter().map(|p| Mark::Attempt(*p, self.state.attempts(*p).saturating_add(1))).collect();
        marks.iter().for_each(|m| self.state.apply(*m));
        self.write(&marks)
    }

    /// Says that reading a mail ended, however it ended: only the attempts that never ended count.
    pub(super) fn attempt_ended(&mut self, position: Position) -> Result<(), Error> {
        let mark = Mark::Attempt(position, 0);
        self.state.apply(mark);
        self.write(&[mark])
    }

    /// Notes how a segment ended, and up to which segment large bodies are settled.
    pub(super) fn sealed(&mut self, number: u32, segment: Segment, large_settled: u32) -> Result<(), Error> {
        let mut marks = vec![
            Mark::Sealed(number, segment.end, segment.mails),
            Mark::Newest(number, segment.newest_us),
            Mark::LargeSettled(large_settled),
        ];
        marks.iter().for_each(|m| self.state.apply(*m));
        if self.state.is_complete(number) {
            self.state.apply(Mark::AllDone(number));
            marks.push(Mark::AllDone(number));
        }
        self.write(&marks)
    }

    /// Forgets a segment that is gone, and makes what is left durable.
    pub(super) fn forget(&mut self, segments: &[u32]) -> Result<(), Error> {
        for s in segments {
            self.state.done.remove(s);
            self.state.sealed.remove(s);
            self.state.attempts.retain(|p, _| p.segment != *s);
        }
        self.compact()
    }

    fn write(&mut self, marks: &[Mark]) -> Result<(), Error> {
        if self.behind {
            return self.compact();
        }
        if marks.is_empty() {
            return Ok(());
        }
        let mut bytes = Vec::with_capacity(marks.len() * MARK_BYTES);
        marks.iter().for_each(|m| m.encode(self.seed, &mut bytes));
        self.behind = true;
        write_all(&*self.file, &mut [IoSlice::new(&bytes)], self.len)
            .map_err(|e| Error::disk("write", &self.folder.dir.join(NAME), &e))?;
        self.behind = false;
        self.len += bytes.len() as u64;
        if self.len > COMPACT_BYTES && self.state.marks().count() * MARK_BYTES * 4 < self.len as usize {
            self.compact()?;
        }
        Ok(())
    }

    fn compact(&mut self) -> Result<(), Error> {
        self.behind = true;
        (self.file, self.len) = write_anew(&self.folder, &self.state)?;
        self.behind = false;
        Ok(())
    }
}

fn write_anew(folder: &Folder, state: &MarkState) -> Result<(Arc<dyn DiskFile>, u64), Error> {
    let mut bytes = Vec::new();
    let seed = seed(folder);
    state.marks().for_each(|m| m.encode(seed, &mut bytes));
    let file =
        write_durably(&*folder.disk, &folder.dir, NAME, &bytes).map_err(|e| Error::disk("write", &folder.dir.join(NAME), &e))?;
    Ok((file, bytes.len() as u64))
}

fn seed(folder: &Folder) -> u32 {
    crc32c::crc32c(folder.id.0.as_bytes())
}
