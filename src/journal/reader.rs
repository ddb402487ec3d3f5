//! Reading a journal: one's own while it is written, or one that another process writes.
//!
//! # Failure
//! Damage is reported once, with its place and where reading goes on; the next call goes on there.
//!
//! # Trust
//! None: every envelope and every raw mail is checked against its checksum when it is read.

use super::catalog::{Catalog, Segment, survey};
use super::disk::{Access, DiskFile, RealDisk};
use super::error::Error;
use super::folder::Folder;
use super::large::large_seed;
use super::marks::MarkState;
use super::record::{Kind, RecordHeader, SEGMENT_HEADER_BYTES};
use super::scan::{Check, Scan, Step};
use super::shared::Shared;
use crate::mail::{Envelope, JournalId, Position};
use std::collections::{BTreeSet, VecDeque};
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Read at once when only envelopes are wanted: some records. Bytes.
const ENTRIES_CHUNK: usize = 64 << 10;
/// Read at once for one mail: most are shorter. Bytes.
const MAIL_CHUNK: usize = 8 << 10;
/// Read at once when raw mails are wanted too. Bytes.
const MAILS_CHUNK: usize = 256 << 10;
/// Raw bytes given by one call of [`Reader::mails`], give or take the last mail.
const MAILS_BYTES_MAX: usize = 8 << 20;
/// Segment files kept open: the intake reads one or two at a time.
const FILES_OPEN_MAX: usize = 4;
/// Places of damage remembered as reported.
const REPORTED_MAX: usize = 4096;

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

/// A mail in the journal, with its raw bytes where they were wanted.
pub type EntryWithBody = (Entry, Option<Vec<u8>>);

/// What the marks say of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Every organisation has a disposition.
    Done,
    /// Not done; reading it was begun so many times.
    Waiting {
        /// How many times.
        attempts: u32,
    },
}

#[derive(Debug, Clone)]
enum View {
    /// This process writes it: only what is durable is seen.
    Live(Arc<Shared>),
    /// Another may write it: what passes its checksum is seen.
    Foreign(Arc<Mutex<(Catalog, MarkState)>>),
}

/// What is where a record should begin.
#[allow(clippy::large_enum_variant)] // nearly all are mails
enum Found {
    Mail(Entry, Option<Vec<u8>>),
    Link { next: Position },
    Unreadable { resume: Position, what: &'static str },
}

type OpenFiles = VecDeque<(u32, Arc<dyn DiskFile>)>;

/// Reads a journal, also one that another process is writing. Never writes. Its calls wait for the
/// disk, so they belong on a thread that may block.
#[derive(Debug, Clone)]
pub struct Reader {
    folder: Arc<Folder>,
    view: View,
    files: Arc<Mutex<OpenFiles>>,
    reported: Arc<Mutex<BTreeSet<Position>>>,
}

impl Reader {
    /// A reader over a folder, without being its writer (for the command line).
    ///
    /// # Errors
    /// No journal there.
    pub fn open(dir: &Path) -> Result<Reader, Error> {
        Reader::over(Folder::find(Arc::new(RealDisk), dir)?)
    }

    pub(super) fn over(folder: Folder) -> Result<Reader, Error> {
        let view = look(&folder)?;
        Ok(Reader::with(Arc::new(folder), View::Foreign(Arc::new(Mutex::new(view)))))
    }

    pub(super) fn live(shared: Arc<Shared>) -> Reader {
        Reader::with(Arc::clone(&shared.folder), View::Live(shared))
    }

    fn with(folder: Arc<Folder>, view: View) -> Reader {
        Reader { folder, view, files: Arc::default(), reported: Arc::default() }
    }

    /// Names the journal.
    #[must_use]
    pub fn id(&self) -> JournalId {
        self.folder.id
    }

    pub(super) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The entries from a position on (a position between records, or one returned as `next`;
    /// `Position::START` for all), at most `max`. Ends at the durable end.
    ///
    /// # Errors
    /// The disk, or damage with its place: it is reported once, and the next call goes on behind it.
    pub fn entries(&self, from: Position, max: usize) -> Result<Vec<Entry>, Error> {
        Ok(self.collect(from, max, None)?.into_iter().map(|(entry, _)| entry).collect())
    }

    /// As [`Reader::entries`], with the raw mail where it has at most `body_max` bytes and was not
    /// erased: from the same reading of the disk. One call gives about 8 MiB of them at most.
    ///
    /// # Errors
    /// As [`Reader::entries`].
    pub fn mails(&self, from: Position, max: usize, body_max: u64) -> Result<Vec<EntryWithBody>, Error> {
        self.collect(from, max, Some(body_max))
    }

    /// One entry.
    ///
    /// # Errors
    /// No mail there, or damage.
    pub fn entry(&self, position: Position) -> Result<Entry, Error> {
        let (segment, file) = self.segment_of(position)?;
        let mut scan = self.scan(&file, position, segment, Check::Envelope).with_chunk(MAIL_CHUNK);
        let header = self.mail_header(&mut scan, position)?;
        self.entry_of(&mut scan, position, &header)
    }

    /// The raw mail, checked against its checksum.
    ///
    /// # Errors
    /// No mail there, erased, or damage.
    pub fn body(&self, position: Position) -> Result<Vec<u8>, Error> {
        match self.body_once(position) {
            Err(Error::Damaged { .. }) => {
                self.wait_for_erasing();
                self.body_once(position)
            }
            other => other,
        }
    }

    fn body_once(&self, position: Position) -> Result<Vec<u8>, Error> {
        let (segment, file) = self.segment_of(position)?;
        let mut scan = self.scan(&file, position, segment, Check::Header).with_chunk(MAIL_CHUNK);
        let header = self.mail_header(&mut scan, position)?;
        let offset = u64::from(position.offset);
        if header.kind == Kind::Mail && !header.is_erased() {
            let body = scan.body(offset, &header).map_err(|e| self.io(position, &e))?;
            return match self.folder.seed(position.segment).crc(offset, body) == header.body_crc {
                true => Ok(body.to_vec()),
                false => Err(damaged_body(position, &header)),
            };
        }
        let mut stream = self.stream(position)?;
        // The length was checked against the file.
        let mut body = Vec::with_capacity(usize::try_from(stream.len()).unwrap_or(0));
        match stream.read_to_end(&mut body) {
            Ok(_) => Ok(body),
            Err(e) if e.kind() == io::ErrorKind::InvalidData => Err(damaged_body(position, &header)),
            Err(e) => Err(Error::disk("read", &stream.path, &e)),
        }
    }

    /// The raw mail as a stream: a large one is never whole in memory. The end of the stream is an
    /// error of kind `InvalidData` when what was read did not pass its checksum.
    ///
    /// # Errors
    /// No mail there, erased, or damage.
    pub fn stream(&self, position: Position) -> Result<BodyStream, Error> {
        let (segment, file) = self.segment_of(position)?;
        let mut scan = self.scan(&file, position, segment, Check::Header).with_chunk(0);
        let header = self.mail_header(&mut scan, position)?;
        let resume = Position { offset: position.offset + header.record_len() as u32, ..position };
        if header.is_erased() {
            return Err(Error::Erased(position));
        }
        let (path, file, at, crc) = if header.kind == Kind::LargeMail {
            let path = self.folder.large_path(header.large);
            let damaged = |what| Error::Damaged { at: position, resume, what };
            let file = match self.folder.disk.open(&path, Access::Read) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(damaged("the file of its large body is missing")),
                other => other.map_err(|e| Error::disk("open", &path, &e))?,
            };
            if file.len().map_err(|e| Error::disk("read", &path, &e))? != header.body_len {
                return Err(damaged("the file of its large body has another length"));
            }
            (path, file, 0, large_seed(&self.folder, header.large))
        } else {
            let at = u64::from(position.offset) + super::record::RECORD_HEADER_BYTES as u64 + u64::from(header.envelope_len);
            (
                self.folder.segment_path(position.segment),
                file,
                at,
                self.folder.seed(position.segment).begin(u64::from(position.offset)),
            )
        };
        let damage = damaged_body(position, &header);
        Ok(BodyStream { file, path, at, left: header.body_len, len: header.body_len, crc, expected: header.body_crc, damage })
    }

    /// What the marks say of a mail.
    #[must_use]
    pub fn state(&self, position: Position) -> State {
        let of = |marks: &MarkState| match marks.is_done(position) {
            true => State::Done,
            false => State::Waiting { attempts: marks.attempts(position) },
        };
        match &self.view {
            View::Live(shared) => of(shared.marks().state()),
            View::Foreign(view) => of(&view.lock().unwrap_or_else(PoisonError::into_inner).1),
        }
    }

    /// The segments that hold records, with their ends.
    pub(super) fn segments(&self) -> Vec<(u32, Segment)> {
        match &self.view {
            View::Live(shared) => shared.catalog().0.iter().map(|(n, s)| (*n, *s)).collect(),
            View::Foreign(view) => {
                view.lock().unwrap_or_else(PoisonError::into_inner).0.0.iter().map(|(n, s)| (*n, *s)).collect()
            }
        }
    }

    /// The first record at or behind a place; what another process wrote meanwhile is looked for.
    fn place(&self, from: Position) -> Result<Option<(Position, Segment)>, Error> {
        match &self.view {
            View::Live(shared) => Ok(shared.catalog().place(from)),
            View::Foreign(view) => {
                let mut view = view.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(found) = view.0.place(from) {
                    return Ok(Some(found));
                }
                *view = look(&self.folder)?;
                Ok(view.0.place(from))
            }
        }
    }

    fn collect(&self, from: Position, max: usize, body_max: Option<u64>) -> Result<Vec<EntryWithBody>, Error> {
        let mut out = Vec::new();
        let mut bytes = 0;
        let mut at = from;
        let check = body_max.map_or(Check::Envelope, Check::Body);
        while out.len() < max && bytes < MAILS_BYTES_MAX {
            let Some((place, segment)) = self.place(at)? else { break };
            at = place;
            let file = match self.file(at.segment) {
                Err(Error::Disk { kind: io::ErrorKind::NotFound, .. }) => {
                    let end = Position { offset: segment.end, ..at };
                    self.damaged(at, end, "the segment's file is missing", &out)?;
                    if !out.is_empty() {
                        break;
                    }
                    at = end;
                    continue;
                }
                other => other?,
            };
            let chunk = if body_max.is_some() { MAILS_CHUNK } else { ENTRIES_CHUNK };
            let mut scan = self.scan(&file, at, segment, check).with_chunk(chunk);
            while at.offset < segment.end && out.len() < max && bytes < MAILS_BYTES_MAX {
                let mut found = self.record(&mut scan, at, segment, body_max)?;
                if matches!(found, Found::Unreadable { .. }) && self.wait_for_erasing() {
                    scan = self.scan(&file, at, segment, check);
                    found = self.record(&mut scan, at, segment, body_max)?;
                }
                match found {
                    Found::Mail(entry, body) => {
                        at = entry.next;
                        bytes += body.as_ref().map_or(0, Vec::len);
                        out.push((entry, body));
                    }
                    Found::Link { next } => at = next,
                    Found::Unreadable { resume, what } => {
                        self.damaged(at, resume, what, &out)?;
                        if !out.is_empty() {
                            return Ok(out);
                        }
                        at = resume;
                    }
                }
            }
        }
        Ok(out)
    }

    /// What is at a place where a record should begin. One mail that can't be read stops no other.
    fn record(&self, scan: &mut Scan<'_>, at: Position, segment: Segment, body_max: Option<u64>) -> Result<Found, Error> {
        let offset = u64::from(at.offset);
        let place = |offset: u64| Position { offset: offset as u32, ..at };
        let header = match scan.step(offset).map_err(|e| self.io(at, &e))? {
            Step::Record(header) => header,
            Step::Gap { to, what } => return Ok(Found::Unreadable { resume: place(to), what }),
            Step::End => {
                let what = "no record passes its checksum up to the segment's end";
                return Ok(Found::Unreadable { resume: Position { offset: segment.end, ..at }, what });
            }
        };
        let resume = place(offset + header.record_len());
        if header.kind == Kind::Link {
            return Ok(Found::Link { next: resume });
        }
        let entry = match self.entry_of(scan, at, &header) {
            Ok(entry) => entry,
            Err(Error::Damaged { what, .. }) => return Ok(Found::Unreadable { resume, what }),
            Err(Error::Foreign { .. }) => {
                return Ok(Found::Unreadable { resume, what: "the mail was written by a newer Tidegate, which can read it" });
            }
            Err(e) => return Err(e),
        };
        let wanted = header.kind == Kind::Mail && !header.is_erased() && body_max.is_some_and(|max| header.body_len <= max);
        let body = match wanted {
            true => Some(scan.body(offset, &header).map_err(|e| self.io(at, &e))?.to_vec()),
            false => None,
        };
        Ok(Found::Mail(entry, body))
    }

    /// Reports damage once: as an error, unless mails before it are to be given first.
    fn damaged(&self, at: Position, resume: Position, what: &'static str, before: &[EntryWithBody]) -> Result<(), Error> {
        if !before.is_empty() {
            return Ok(());
        }
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        if reported.contains(&at) {
            return Ok(());
        }
        if reported.len() >= REPORTED_MAX {
            reported.clear();
        }
        reported.insert(at);
        if let View::Live(shared) = &self.view {
            shared.metrics.journal_errors.get_or_create(&[("kind", "damage")]).inc();
        }
        Err(Error::Damaged { at, resume, what })
    }

    fn io(&self, at: Position, e: &io::Error) -> Error {
        Error::disk("read", &self.folder.segment_path(at.segment), e)
    }

    fn scan<'a>(&self, file: &'a Arc<dyn DiskFile>, at: Position, segment: Segment, check: Check) -> Scan<'a> {
        Scan::new(&**file, self.folder.seed(at.segment), u64::from(segment.end), check)
    }

    /// The header of the mail that begins exactly here.
    fn mail_header(&self, scan: &mut Scan<'_>, at: Position) -> Result<RecordHeader, Error> {
        let header = scan.header(u64::from(at.offset)).map_err(|e| self.io(at, &e))?;
        let header = header.filter(RecordHeader::is_mail).ok_or(Error::NotFound(at))?;
        if header.kind == Kind::Newer { Err(self.newer(at)) } else { Ok(header) }
    }

    fn newer(&self, at: Position) -> Error {
        let problem = format!("the mail at {at} was written by a newer Tidegate: use that one");
        Error::Foreign { path: self.folder.segment_path(at.segment), problem }
    }

    fn entry_of(&self, scan: &mut Scan<'_>, position: Position, header: &RecordHeader) -> Result<Entry, Error> {
        if header.kind == Kind::Newer {
            return Err(self.newer(position));
        }
        let next = Position { offset: (u64::from(position.offset) + header.record_len()) as u32, ..position };
        let bytes = scan.envelope(u64::from(position.offset), header).map_err(|e| self.io(position, &e))?;
        let damaged = |what| Error::Damaged { at: position, resume: next, what };
        if self.folder.seed(position.segment).crc(u64::from(position.offset), bytes) != header.envelope_crc {
            return Err(damaged("the envelope does not pass its checksum"));
        }
        let envelope = serde_json::from_slice(bytes).map_err(|_| damaged("the envelope is whole and not understood"))?;
        Ok(Entry { position, next, envelope, body_len: header.body_len, erased: header.is_erased() })
    }

    /// The segment a mail is in, if its position may be one.
    fn segment_of(&self, position: Position) -> Result<(Segment, Arc<dyn DiskFile>), Error> {
        let found = self.place(position)?.filter(|(place, _)| *place == position && position.offset >= SEGMENT_HEADER_BYTES);
        let (_, segment) = found.ok_or(Error::NotFound(position))?;
        match self.file(position.segment) {
            Err(Error::Disk { kind: io::ErrorKind::NotFound, .. }) => Err(Error::NotFound(position)),
            file => Ok((segment, file?)),
        }
    }

    fn file(&self, number: u32) -> Result<Arc<dyn DiskFile>, Error> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, file)) = files.iter().find(|(n, _)| *n == number) {
            return Ok(Arc::clone(file));
        }
        let file = self.folder.open_segment(number, Access::Read)?;
        files.push_front((number, Arc::clone(&file)));
        files.truncate(FILES_OPEN_MAX);
        Ok(file)
    }

    /// What does not pass may be a mail that is being overwritten. False when that can't be.
    fn wait_for_erasing(&self) -> bool {
        let View::Live(shared) = &self.view else { return false };
        drop(shared.erasing());
        true
    }
}

fn look(folder: &Folder) -> Result<(Catalog, MarkState), Error> {
    let marks = MarkState::read(folder)?;
    Ok((survey(folder, &marks, false)?.catalog, marks))
}

fn damaged_body(at: Position, header: &RecordHeader) -> Error {
    let resume = Position { offset: (u64::from(at.offset) + header.record_len()) as u32, ..at };
    Error::Damaged { at, resume, what: "the raw mail does not pass its checksum" }
}

/// A raw mail, read as it is needed. When the whole does not pass its checksum, the last piece is
/// held back and an error given in its place.
#[derive(Debug)]
pub struct BodyStream {
    file: Arc<dyn DiskFile>,
    path: std::path::PathBuf,
    at: u64,
    left: u64,
    len: u64,
    crc: u32,
    expected: u32,
    damage: Error,
}

impl BodyStream {
    /// Length of the raw mail in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// The mail has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Read for BodyStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let want = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let n = if want == 0 { 0 } else { self.file.read_at(&mut buffer[..want], self.at)? };
        self.crc = crc32c::crc32c_append(self.crc, &buffer[..n]);
        self.at += n as u64;
        self.left -= n as u64;
        let ended = self.left == 0 && self.crc != self.expected;
        if (n == 0 && self.left > 0 && want > 0) || ended {
            return Err(io::Error::new(io::ErrorKind::InvalidData, self.damage.clone()));
        }
        Ok(n)
    }
}
