//! Erasing one mail: its bytes are overwritten in place, and what names people in its envelope.
//!
//! # Failure
//! What will be written is made durable in the file `erasing` first. A crash in the middle is
//! finished at the next start.

use super::disk::{Access, read_whole, write_all, write_durably};
use super::error::Error;
use super::folder::Folder;
use super::record::{FLAG_ERASED, Kind, RECORD_HEADER_BYTES, RecordHeader};
use super::scan::{Check, Scan};
use crate::mail::{Envelope, Position};
use std::io::{self, IoSlice};

const NAME: &str = "erasing";
/// Longest envelope there can be: a segment's worth.
const INTENTION_BYTES_MAX: u64 = 1 << 31;
/// Zeros written at once.
const ZEROS: usize = 256 << 10;

/// What overwriting one mail comes to.
struct Intention {
    position: Position,
    header: RecordHeader,
    /// The record's header and envelope as they will be.
    head: Vec<u8>,
}

/// Overwrites the mail at a position. `end` is where the durable part of its segment ends.
pub(super) fn erase(folder: &Folder, position: Position, end: u32) -> Result<(), Error> {
    let path = folder.segment_path(position.segment);
    let io = |e: io::Error| Error::disk("erase in", &path, &e);
    let file = folder.open_segment(position.segment, Access::Read)?;
    let seed = folder.seed(position.segment);
    let mut scan = Scan::new(&*file, seed, u64::from(end), Check::Header);
    let offset = u64::from(position.offset);
    let header = scan.header(offset).map_err(io)?.filter(|h| matches!(h.kind, Kind::Mail | Kind::LargeMail));
    let mut header = header.ok_or(Error::NotFound(position))?;
    if header.is_erased() {
        return Ok(());
    }
    let envelope = without_people(scan.envelope(offset, &header).map_err(io)?);
    header.flags |= FLAG_ERASED;
    header.envelope_crc = seed.crc(offset, &envelope);
    header.body_crc = if header.kind == Kind::Mail { crc_of_zeros(seed.begin(offset), header.body_len) } else { 0 };
    let mut head = header.encode(seed, offset).to_vec();
    head.extend(envelope);
    let intention = Intention { position, header, head };
    write_durably(&*folder.disk, &folder.dir, NAME, &intention.encode())
        .map_err(|e| Error::disk("write", &folder.dir.join(NAME), &e))?;
    carry_out(folder, &intention)
}

/// Finishes what a crash interrupted.
pub(super) fn finish(folder: &Folder) -> Result<(), Error> {
    let path = folder.dir.join(NAME);
    let Some(bytes) = read_whole(&*folder.disk, &path, INTENTION_BYTES_MAX).map_err(|e| Error::disk("read", &path, &e))? else {
        return Ok(());
    };
    match Intention::decode(&bytes) {
        // Its segment may have been retired since.
        Some(i) if folder.segments()?.contains(&i.position.segment) => carry_out(folder, &i),
        _ => folder.remove(&path),
    }
}

fn carry_out(folder: &Folder, intention: &Intention) -> Result<(), Error> {
    let Intention { position, header, head } = intention;
    let path = folder.segment_path(position.segment);
    let io = |e: io::Error| Error::disk("erase in", &path, &e);
    let file = folder.open_segment(position.segment, Access::Write)?;
    let offset = u64::from(position.offset);
    write_all(&*file, &mut [IoSlice::new(head)], offset).map_err(io)?;
    zero(&*file, offset + head.len() as u64, header.inline_len()).map_err(io)?;
    file.sync().map_err(io)?;
    if header.kind == Kind::LargeMail {
        let path = folder.large_path(header.large);
        let io = |e: io::Error| Error::disk("erase", &path, &e);
        match folder.disk.open(&path, Access::Write) {
            Ok(file) => {
                zero(&*file, 0, header.body_len).map_err(io)?;
                file.sync().map_err(io)?;
                folder.remove(&path)?;
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(io(e)),
        }
    }
    folder.remove(&folder.dir.join(NAME))
}

fn zero(file: &dyn super::disk::DiskFile, mut at: u64, mut len: u64) -> io::Result<()> {
    let zeros = vec![0; ZEROS];
    while len > 0 {
        let n = len.min(ZEROS as u64);
        write_all(file, &mut [IoSlice::new(&zeros[..n as usize])], at)?;
        at += n;
        len -= n;
    }
    Ok(())
}

fn crc_of_zeros(mut crc: u32, mut len: u64) -> u32 {
    let zeros = [0; 4096];
    while len > 0 {
        let n = len.min(zeros.len() as u64);
        crc = crc32c::crc32c_append(crc, &zeros[..n as usize]);
        len -= n;
    }
    crc
}

/// The envelope without what names a person, in as many bytes: whose mail it was stays, for the books.
fn without_people(json: &[u8]) -> Vec<u8> {
    let blank = |mut e: Envelope| {
        e.client_ip = None;
        e.client_name = None;
        e.helo = None;
        e.reverse_path.clear();
        e.recipients.iter_mut().for_each(|r| r.address.clear());
        serde_json::to_vec(&e).ok()
    };
    // White space may follow JSON. An envelope that is not understood goes whole.
    let mut out = serde_json::from_slice(json).ok().and_then(blank).filter(|b| b.len() <= json.len()).unwrap_or_default();
    out.resize(json.len(), b' ');
    out
}

impl Intention {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend(self.position.to_i64().to_le_bytes());
        out.extend(&self.head);
        let crc = crc32c::crc32c(&out);
        out.extend(crc.to_le_bytes());
        out
    }

    fn decode(bytes: &[u8]) -> Option<Intention> {
        let (content, crc) = bytes.split_last_chunk::<4>()?;
        if crc32c::crc32c(content) != u32::from_le_bytes(*crc) {
            return None;
        }
        let (position, head) = content.split_first_chunk::<8>()?;
        let header = RecordHeader::fields(head.first_chunk::<RECORD_HEADER_BYTES>()?);
        Some(Intention { position: Position::from_i64(i64::from_le_bytes(*position)), header, head: head.to_vec() })
    }
}
