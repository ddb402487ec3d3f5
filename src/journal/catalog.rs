//! Which segments there are, and where each ends.

use super::disk::Access;
use super::error::Error;
use super::folder::Folder;
use super::marks::MarkState;
use super::record::{RECORD_HEADER_BYTES, SEGMENT_HEADER_BYTES};
use super::scan::{Check, Scan, Summary, summarize};
use crate::mail::Position;
use std::collections::BTreeMap;

/// One segment that holds records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    /// Where its last durable record ends.
    pub(super) end: u32,
    /// Mails in it.
    pub(super) mails: u32,
    /// When the newest was received.
    pub(super) newest_us: i64,
    /// Nothing is added any more.
    pub(super) sealed: bool,
}

/// The segments by number.
#[derive(Debug, Clone, Default)]
pub(super) struct Catalog(pub(super) BTreeMap<u32, Segment>);

impl Catalog {
    /// Where the durable part ends.
    pub(super) fn end(&self) -> Position {
        self.0.last_key_value().map_or(Position::START, |(n, s)| Position { segment: *n, offset: s.end })
    }

    /// The first place at or behind `from` where a record may begin: never before a segment's first
    /// record, never at a segment's end. None when there is nothing behind.
    pub(super) fn place(&self, from: Position) -> Option<(Position, Segment)> {
        self.0.range(from.segment..).find_map(|(n, s)| {
            let offset = if *n == from.segment { from.offset.max(SEGMENT_HEADER_BYTES) } else { SEGMENT_HEADER_BYTES };
            (offset < s.end).then_some((Position { segment: *n, offset }, *s))
        })
    }
}

/// What a look at the folder found.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) catalog: Catalog,
    /// The newest segment with records, walked whole.
    pub(super) last: Option<(u32, Summary)>,
    /// Segments without a record that counts: made ahead, or given up after a failed write.
    pub(super) empty: Vec<u32>,
    /// The highest number there is.
    pub(super) highest: u32,
}

/// Looks at every segment. `deep` also looks behind zeros, where only damage could have put them:
/// what the writer does before it cuts a segment, and a reader need not.
pub(super) fn survey(folder: &Folder, marks: &MarkState, deep: bool) -> Result<Survey, Error> {
    let mut found = Survey::default();
    let mut numbers = folder.segments()?;
    found.highest = numbers.last().copied().unwrap_or(0);
    let mut link = None;
    while let Some(number) = numbers.pop() {
        if folder.segment_header(number)?.is_none() {
            tracing::warn!(
                segment = number,
                "the header of a journal segment does not pass its checksum; its records are read all the same"
            );
        }
        let file = match folder.open_segment(number, Access::Read) {
            // Retired meanwhile.
            Err(Error::Disk { kind: std::io::ErrorKind::NotFound, .. }) => continue,
            other => other?,
        };
        let io = |e: std::io::Error| Error::disk("read", &folder.segment_path(number), &e);
        let len = file.len().map_err(io)?;
        let known_end = marks.sealed(number);
        let limit = known_end.map_or(len, |s| len.min(u64::from(s.end)));
        if found.last.is_none() {
            let mut first = [0; RECORD_HEADER_BYTES];
            file.read_at(&mut first, u64::from(SEGMENT_HEADER_BYTES)).map_err(io)?;
            if !deep && first.iter().all(|b| *b == 0) {
                found.empty.push(number);
                continue;
            }
            let summary = summarize(&mut Scan::new(&*file, folder.seed(number), limit, Check::Body(u64::MAX))).map_err(io)?;
            if summary.end == u64::from(SEGMENT_HEADER_BYTES) && summary.damage.is_empty() {
                found.empty.push(number);
                continue;
            }
            let segment = Segment { end: summary.end as u32, mails: summary.mails, newest_us: summary.newest_us, sealed: false };
            found.catalog.0.insert(number, segment);
            link = summary.link;
            found.last = Some((number, summary));
            continue;
        }
        let mut scan = Scan::new(&*file, folder.seed(number), limit, Check::Header);
        let segment = match link {
            Some(l) if l.segment < number => {
                found.empty.push(number);
                continue;
            }
            Some(l) if l.segment == number => Segment { end: l.end, mails: l.mails, newest_us: l.newest_us, sealed: true },
            _ => match known_end {
                Some(known) => known,
                // Nobody says where it ended: it was cut there when it was sealed.
                None => {
                    let s = summarize(&mut scan).map_err(io)?;
                    Segment { end: s.end as u32, mails: s.mails, newest_us: s.newest_us, sealed: true }
                }
            },
        };
        link = scan.link().map_err(io)?;
        found.catalog.0.insert(number, segment);
    }
    Ok(found)
}
