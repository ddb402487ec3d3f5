//! Checking every checksum of a journal.

use super::disk::Access;
use super::error::Error;
use super::reader::Reader;
use super::record::{Kind, SEGMENT_HEADER_BYTES};
use super::scan::{Check, Scan, Step};
use crate::mail::Position;
use std::io::{self, Read};

/// A place that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Where it begins.
    pub at: Position,
    /// Where reading goes on.
    pub resume: Position,
    /// What does not fit.
    pub what: &'static str,
}

/// What a check of everything found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verification {
    /// Segments with records.
    pub segments: u64,
    /// Mails whose every byte passes.
    pub mails: u64,
    /// Their raw bytes.
    pub bytes: u64,
    /// Mails among them that were erased on request.
    pub erased: u64,
    /// What does not pass.
    pub damages: Vec<Damage>,
}

impl Reader {
    /// Reads everything there is and checks it. `progress` is told the bytes of segments checked so
    /// far and their total.
    ///
    /// # Errors
    /// The disk. Damage is no error but the answer.
    pub fn verify(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<Verification, Error> {
        let segments = self.segments();
        let total = segments.iter().map(|(_, s)| u64::from(s.end)).sum();
        let mut checked = 0;
        let mut v = Verification::default();
        for (number, segment) in segments {
            self.verify_segment(number, segment.end, &mut v)?;
            checked += u64::from(segment.end);
            progress(checked, total);
        }
        Ok(v)
    }

    fn verify_segment(&self, number: u32, end: u32, v: &mut Verification) -> Result<(), Error> {
        let folder = self.folder();
        let io = |e: io::Error| Error::disk("read", &folder.segment_path(number), &e);
        let place = |offset: u64| Position { segment: number, offset: offset as u32 };
        let file = match folder.open_segment(number, Access::Read) {
            // Retired meanwhile, or lost: a reader can't know which, the list of segments can.
            Err(Error::Disk { kind: io::ErrorKind::NotFound, .. }) => {
                v.damages.push(Damage { at: place(0), resume: place(u64::from(end)), what: "the segment's file is missing" });
                return Ok(());
            }
            other => other?,
        };
        v.segments += 1;
        if folder.segment_header(number)?.is_none() {
            let resume = place(u64::from(SEGMENT_HEADER_BYTES));
            v.damages.push(Damage { at: place(0), resume, what: "the segment's header does not pass its checksum" });
        }
        let mut scan = Scan::new(&*file, folder.seed(number), u64::from(end), Check::Body(u64::MAX));
        let mut at = u64::from(SEGMENT_HEADER_BYTES);
        while at < u64::from(end) {
            let (to, what) = match scan.step(at).map_err(io)? {
                Step::Record(h) => {
                    let to = at + h.record_len();
                    let large = h.kind == Kind::LargeMail && !h.is_erased();
                    if large && let Some(what) = self.large_damage(place(at))? {
                        v.damages.push(Damage { at: place(at), resume: place(to), what });
                    } else if h.is_mail() {
                        v.mails += 1;
                        v.bytes += h.body_len;
                        v.erased += u64::from(h.is_erased());
                    }
                    at = to;
                    continue;
                }
                Step::Gap { to, what } => (to, what),
                Step::End => (u64::from(end), "no record passes its checksum up to the segment's end"),
            };
            v.damages.push(Damage { at: place(at), resume: place(to), what });
            at = to;
        }
        Ok(())
    }

    /// What is wrong with the file of a large body.
    fn large_damage(&self, position: Position) -> Result<Option<&'static str>, Error> {
        let mut stream = match self.stream(position) {
            Err(Error::Damaged { what, .. }) => return Ok(Some(what)),
            other => other?,
        };
        let mut buffer = vec![0; 256 << 10];
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => return Ok(None),
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::InvalidData => return Ok(Some("the large body does not pass its checksum")),
                Err(e) => return Err(Error::disk("read", &self.folder().dir, &e)),
            }
        }
    }
}

/// Reads arbitrary bytes as a segment, and as the records behind an empty header.
///
/// Once as they are, once without regard to checksums (which a fuzzer can't forge). Never panics, never takes more
/// memory than the bytes themselves.
pub fn fuzz_reader(data: &[u8]) {
    segment_is_read(data);
    segment_is_read(&[&[0; SEGMENT_HEADER_BYTES as usize][..], data].concat());
}

fn segment_is_read(data: &[u8]) {
    use super::disk::MemoryFile;
    use super::record::{Link, Seed, SegmentHeader};
    let header = SegmentHeader::decode(data);
    let seed = header.map_or(Seed::of(crate::mail::JournalId(uuid::Uuid::nil()), 1), |h| Seed::of(h.journal, h.segment));
    let file = MemoryFile(data.to_vec());
    for check in [Check::Body(u64::MAX), Check::Nothing] {
        let limit = data.len() as u64;
        let mut scan = Scan::new(&file, seed, limit, check);
        if let Ok(summary) = super::scan::summarize(&mut scan) {
            assert!(summary.end <= limit.max(u64::from(SEGMENT_HEADER_BYTES)));
        }
        let mut at = u64::from(SEGMENT_HEADER_BYTES);
        while let Ok(Step::Record(h)) = scan.step(at) {
            let envelope = scan.envelope(at, &h).map(<[u8]>::to_vec).unwrap_or_default();
            assert_eq!(envelope.len(), h.envelope_len as usize);
            let _ = serde_json::from_slice::<crate::mail::Envelope>(&envelope);
            let body = scan.body(at, &h).map(<[u8]>::len).unwrap_or_default();
            assert_eq!(body as u64, h.inline_len());
            let _ = Link::decode(&envelope);
            at += h.record_len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::{RECORD_HEADER_BYTES, RECORD_MAGIC, RecordHeader, Seed};
    use super::*;
    use crate::mail::JournalId;
    use proptest::prelude::*;

    /// Bytes that are mostly records, with any lengths.
    fn segment() -> impl Strategy<Value = Vec<u8>> {
        let record = (any::<[u8; RECORD_HEADER_BYTES - 4]>(), 0..200u32, 0..200u64, prop::collection::vec(any::<u8>(), 0..300));
        let record = record.prop_map(|(header, envelope_len, body_len, content)| {
            let mut bytes = [RECORD_MAGIC.as_slice(), &header].concat();
            bytes[4..8].copy_from_slice(&[1, header[0] % 4, 0, 0]);
            if header[1] < 200 {
                bytes[8..12].copy_from_slice(&envelope_len.to_le_bytes());
                bytes[16..24].copy_from_slice(&body_len.to_le_bytes());
            }
            bytes.extend(content);
            bytes.resize(bytes.len().next_multiple_of(8), 0);
            bytes
        });
        prop::collection::vec(record, 0..20).prop_map(|records| {
            let mut bytes = vec![0; SEGMENT_HEADER_BYTES as usize];
            bytes.extend(records.concat());
            bytes
        })
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_reader_panic(bytes in prop_oneof![segment(), prop::collection::vec(any::<u8>(), 0..9_000)]) {
            fuzz_reader(&bytes);
        }
    }

    #[test]
    fn a_mail_full_of_magics_in_a_damaged_place_costs_no_more_than_another() {
        // Quadratic behaviour would take minutes here.
        let mut bytes = vec![0; SEGMENT_HEADER_BYTES as usize];
        bytes.extend([RECORD_MAGIC, [0; 4]].concat().repeat(500_000));
        fuzz_reader(&bytes);
        let seed = Seed::of(JournalId(uuid::Uuid::nil()), 1);
        assert!(RecordHeader::decode(&bytes[4096..], seed, 4096).is_none());
    }
}
