//! The format on the disk: the header of a segment file and the frame of a record.
//!
//! A segment file begins with a block of [`SEGMENT_HEADER_BYTES`]; records follow, each at a
//! multiple of 8: a header of [`RECORD_HEADER_BYTES`], the envelope as JSON, the raw mail. All
//! numbers are little-endian.
//!
//! | offset | bytes | field of a record's header |
//! |---|---|---|
//! | 0 | 4 | magic `TGr1` |
//! | 4 | 1 | version, 1 |
//! | 5 | 1 | kind |
//! | 6 | 2 | flags: 1 erased; 0x00f0 compression and 0x0f00 encryption, reserved |
//! | 8 | 4 | length of the envelope |
//! | 12 | 4 | synced: the segment was durable up to here when this was written |
//! | 16 | 8 | length of the raw mail |
//! | 24 | 8 | received, microseconds since 1970 UTC |
//! | 32 | 8 | number of the large body's file, else 0 |
//! | 40 | 4 | CRC-32C of the envelope |
//! | 44 | 4 | CRC-32C of the raw mail |
//! | 48 | 4 | reserved, 0 |
//! | 52 | 4 | CRC-32C of the bytes before |
//!
//! Every checksum begins with the journal's id, the segment's number and the record's offset, so
//! that a record of another journal, another segment or another place never passes.
//!
//! `synced` tells a torn write from damage: what lies before the `synced` of any later record was
//! durable once, so if it does not pass its checksum it is damaged. What lies behind was never
//! acknowledged.
//!
//! # Trust
//! Nothing that does not pass its checksum; lengths are checked against the segment all the same.

use crate::mail::JournalId;

/// Room for a segment's header: a page, so that no write of a record touches it.
pub(super) const SEGMENT_HEADER_BYTES: u32 = 4096;
/// Length of a record's header.
pub(super) const RECORD_HEADER_BYTES: usize = 56;
/// Records begin at multiples of this.
pub(super) const ALIGN: u64 = 8;
/// What a record begins with.
pub(super) const RECORD_MAGIC: [u8; 4] = *b"TGr1";

const SEGMENT_MAGIC: [u8; 8] = *b"TIDEGATE";
const FORMAT_VERSION: u32 = 1;
const RECORD_VERSION: u8 = 1;
const SEGMENT_HEADER_USED: usize = 44;

/// The mail's bytes were overwritten.
pub(super) const FLAG_ERASED: u16 = 1;
/// Flags a reader of this version understands.
const FLAGS_KNOWN: u16 = FLAG_ERASED;

/// What the checksums of one segment begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seed(u32);

impl Seed {
    pub(super) fn of(journal: JournalId, segment: u32) -> Seed {
        Seed(crc32c::crc32c_append(crc32c::crc32c(journal.0.as_bytes()), &segment.to_le_bytes()))
    }

    /// The checksum of some bytes of the record at `offset`.
    pub(super) fn crc(self, offset: u64, bytes: &[u8]) -> u32 {
        crc32c::crc32c_append(self.begin(offset), bytes)
    }

    /// The checksum of the record at `offset` before any bytes; go on with `crc32c_append`.
    pub(super) fn begin(self, offset: u64) -> u32 {
        crc32c::crc32c_append(self.0, &offset.to_le_bytes())
    }
}

/// What a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A mail, whole.
    Mail = 1,
    /// A mail whose raw bytes are in a file of their own.
    LargeMail = 2,
    /// The first record of a segment: how the one before ended.
    Link = 3,
    /// Whole, and written by a newer Tidegate in a way this one can't read: kept, not read.
    Newer = 255,
}

/// A record's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordHeader {
    pub(super) kind: Kind,
    pub(super) flags: u16,
    pub(super) envelope_len: u32,
    pub(super) synced: u32,
    pub(super) body_len: u64,
    pub(super) received_at_us: i64,
    pub(super) large: u64,
    pub(super) envelope_crc: u32,
    pub(super) body_crc: u32,
}

impl RecordHeader {
    /// Bytes of the raw mail that are in the segment.
    pub(super) fn inline_len(&self) -> u64 {
        if self.kind == Kind::LargeMail { 0 } else { self.body_len }
    }

    /// Bytes from this record's beginning to the next one's. Saturates, so no length overflows.
    pub(super) fn record_len(&self) -> u64 {
        align((RECORD_HEADER_BYTES as u64).saturating_add(u64::from(self.envelope_len)).saturating_add(self.inline_len()))
    }

    pub(super) fn is_erased(&self) -> bool {
        self.flags & FLAG_ERASED != 0
    }

    pub(super) fn is_mail(&self) -> bool {
        self.kind != Kind::Link
    }

    pub(super) fn encode(&self, seed: Seed, offset: u64) -> [u8; RECORD_HEADER_BYTES] {
        let mut b = [0; RECORD_HEADER_BYTES];
        b[0..4].copy_from_slice(&RECORD_MAGIC);
        b[4] = RECORD_VERSION;
        b[5] = self.kind as u8;
        b[6..8].copy_from_slice(&self.flags.to_le_bytes());
        b[8..12].copy_from_slice(&self.envelope_len.to_le_bytes());
        b[12..16].copy_from_slice(&self.synced.to_le_bytes());
        b[16..24].copy_from_slice(&self.body_len.to_le_bytes());
        b[24..32].copy_from_slice(&self.received_at_us.to_le_bytes());
        b[32..40].copy_from_slice(&self.large.to_le_bytes());
        b[40..44].copy_from_slice(&self.envelope_crc.to_le_bytes());
        b[44..48].copy_from_slice(&self.body_crc.to_le_bytes());
        let crc = seed.crc(offset, &b[..52]);
        b[52..56].copy_from_slice(&crc.to_le_bytes());
        b
    }

    /// None when it is not a record's header, or not of this segment and place.
    pub(super) fn decode(bytes: &[u8], seed: Seed, offset: u64) -> Option<RecordHeader> {
        let b: &[u8; RECORD_HEADER_BYTES] = bytes.first_chunk()?;
        if b[0..4] != RECORD_MAGIC || u32_at(b, 52) != seed.crc(offset, &b[..52]) {
            return None;
        }
        Some(RecordHeader::fields(b))
    }

    /// The fields without regard to the checksum: for the fuzzer, which can't forge it.
    pub(super) fn fields(b: &[u8; RECORD_HEADER_BYTES]) -> RecordHeader {
        let flags = u16::from_le_bytes([b[6], b[7]]);
        let known = b[4] == RECORD_VERSION && flags & !FLAGS_KNOWN == 0;
        RecordHeader {
            kind: match b[5] {
                1 if known => Kind::Mail,
                2 if known => Kind::LargeMail,
                3 if known => Kind::Link,
                _ => Kind::Newer,
            },
            flags,
            envelope_len: u32_at(b, 8),
            synced: u32_at(b, 12),
            body_len: u64_at(b, 16),
            received_at_us: u64_at(b, 24).cast_signed(),
            large: u64_at(b, 32),
            envelope_crc: u32_at(b, 40),
            body_crc: u32_at(b, 44),
        }
    }
}

/// How a segment ended. Written as the first record of the next one, so that an end is known for
/// certain: what lies behind it was never acknowledged, what is missing before it is damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Link {
    /// Its number; 0 when there is none before.
    pub(super) segment: u32,
    /// Where its last record ended.
    pub(super) end: u32,
    /// How many mails it holds.
    pub(super) mails: u32,
    /// When its newest mail was received.
    pub(super) newest_us: i64,
}

impl Link {
    pub(super) const BYTES: usize = 24;

    pub(super) fn encode(&self) -> [u8; Link::BYTES] {
        let mut b = [0; Link::BYTES];
        b[0..4].copy_from_slice(&self.segment.to_le_bytes());
        b[4..8].copy_from_slice(&self.end.to_le_bytes());
        b[8..12].copy_from_slice(&self.mails.to_le_bytes());
        b[16..24].copy_from_slice(&self.newest_us.to_le_bytes());
        b
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Link> {
        let b: &[u8; Link::BYTES] = bytes.first_chunk()?;
        Some(Link { segment: u32_at(b, 0), end: u32_at(b, 4), mails: u32_at(b, 8), newest_us: u64_at(b, 16).cast_signed() })
    }
}

/// The header of a segment file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) journal: JournalId,
    pub(super) segment: u32,
    pub(super) created_at_us: i64,
}

/// Why a block is not the header of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotASegment {
    /// Not one, or damaged.
    Invalid,
    /// Of a newer Tidegate.
    Version(u32),
}

impl SegmentHeader {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut b = Vec::with_capacity(SEGMENT_HEADER_BYTES as usize);
        b.extend(SEGMENT_MAGIC);
        b.extend(FORMAT_VERSION.to_le_bytes());
        b.extend(self.segment.to_le_bytes());
        b.extend(self.journal.0.as_bytes());
        b.extend(self.created_at_us.to_le_bytes());
        let crc = crc32c::crc32c(&b);
        b.extend(crc.to_le_bytes());
        b.resize(SEGMENT_HEADER_BYTES as usize, 0);
        b
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<SegmentHeader, NotASegment> {
        let b: &[u8; SEGMENT_HEADER_USED] = bytes.first_chunk().ok_or(NotASegment::Invalid)?;
        if b[0..8] != SEGMENT_MAGIC || u32_at(b, 40) != crc32c::crc32c(&b[..40]) {
            return Err(NotASegment::Invalid);
        }
        match u32_at(b, 8) {
            FORMAT_VERSION => {}
            other => return Err(NotASegment::Version(other)),
        }
        let mut id = [0; 16];
        id.copy_from_slice(&b[16..32]);
        Ok(SegmentHeader {
            journal: JournalId(uuid::Uuid::from_bytes(id)),
            segment: u32_at(b, 12),
            created_at_us: u64_at(b, 32).cast_signed(),
        })
    }
}

/// The next multiple of [`ALIGN`].
pub(super) fn align(n: u64) -> u64 {
    n.saturating_add(ALIGN - 1) & !(ALIGN - 1)
}

fn u32_at(b: &[u8], at: usize) -> u32 {
    let mut n = [0; 4];
    n.copy_from_slice(&b[at..at + 4]);
    u32::from_le_bytes(n)
}

fn u64_at(b: &[u8], at: usize) -> u64 {
    let mut n = [0; 8];
    n.copy_from_slice(&b[at..at + 8]);
    u64::from_le_bytes(n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    const HEADER: RecordHeader = RecordHeader {
        kind: Kind::Mail,
        flags: 0,
        envelope_len: 300,
        synced: 4096,
        body_len: 5_000,
        received_at_us: -1,
        large: 0,
        envelope_crc: 7,
        body_crc: 8,
    };

    #[test]
    fn a_record_passes_only_in_its_journal_segment_and_place() {
        let journal = JournalId(Uuid::from_u128(1));
        let seed = Seed::of(journal, 3);
        let bytes = HEADER.encode(seed, 4096);
        assert_eq!(RecordHeader::decode(&bytes, seed, 4096), Some(HEADER));
        assert_eq!(RecordHeader::decode(&bytes, seed, 8192), None);
        assert_eq!(RecordHeader::decode(&bytes, Seed::of(journal, 4), 4096), None);
        assert_eq!(RecordHeader::decode(&bytes, Seed::of(JournalId(Uuid::from_u128(2)), 3), 4096), None);
    }

    #[test]
    fn flags_of_a_newer_version_are_kept_rather_than_read_wrongly() {
        let seed = Seed::of(JournalId(Uuid::from_u128(1)), 3);
        let compressed = RecordHeader { flags: 0x10, ..HEADER };
        let read = RecordHeader::decode(&compressed.encode(seed, 0), seed, 0).unwrap();
        assert_eq!(read.kind, Kind::Newer);
        assert_eq!(read.record_len(), HEADER.record_len());
    }

    #[test]
    fn the_header_of_a_segment_survives_and_a_newer_format_is_named() {
        let h = SegmentHeader { journal: JournalId(Uuid::from_u128(9)), segment: 0xfeed, created_at_us: 5 };
        let mut bytes = h.encode();
        assert_eq!(bytes.len(), SEGMENT_HEADER_BYTES as usize);
        assert_eq!(SegmentHeader::decode(&bytes), Ok(h));
        bytes[8] = 2;
        let crc = crc32c::crc32c(&bytes[..40]);
        bytes[40..44].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(SegmentHeader::decode(&bytes), Err(NotASegment::Version(2)));
    }

    proptest! {
        #[test]
        fn any_flipped_bit_of_a_header_is_noticed(byte in 0..RECORD_HEADER_BYTES, bit in 0..8u8) {
            let seed = Seed::of(JournalId(Uuid::from_u128(1)), 3);
            let mut bytes = HEADER.encode(seed, 4096);
            bytes[byte] ^= 1 << bit;
            prop_assert_eq!(RecordHeader::decode(&bytes, seed, 4096), None);
        }
    }
}
