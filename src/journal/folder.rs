//! The journal's folder: which names are in it, and whose it is.
//!
//! | name | what |
//! |---|---|
//! | `id` | the journal's id, made once |
//! | `lock` | held by the one process that writes |
//! | `00000001.seg` … | segments, in hexadecimal, never numbered twice |
//! | `00000001.seg.gone` | a segment whose retention ended, on its way out |
//! | `large/00000001-00000001.body` | a large body: segment in use when it began, counter |
//! | `marks` | what is done, begun, sealed |
//! | `erasing` | a mail that is being overwritten: finished at the next start if need be |
//! | `*.new` | unfinished; removed at the next start |

use super::disk::{Access, Disk, DiskFile, read_whole, write_durably};
use super::error::Error;
use super::record::{NotASegment, SEGMENT_HEADER_BYTES, Seed, SegmentHeader};
use crate::mail::JournalId;
use std::io::IoSlice;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use uuid::Uuid;

/// Zeros written at once while a segment is made: small, so that a commit never waits long behind it.
const ZEROS: usize = 1 << 20;

/// A journal's folder on some disk.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) dir: PathBuf,
    pub(super) id: JournalId,
}

impl Folder {
    /// The folder of an existing journal.
    pub(super) fn find(disk: Arc<dyn Disk>, dir: &Path) -> Result<Folder, Error> {
        let id = read_id(&*disk, dir)?.ok_or_else(|| Error::NoJournal { dir: dir.to_owned() })?;
        Ok(Folder { disk, dir: dir.to_owned(), id })
    }

    /// The folder of a journal, made and named durably when it is new.
    pub(super) fn make(disk: Arc<dyn Disk>, dir: &Path) -> Result<Folder, Error> {
        if let Some(id) = read_id(&*disk, dir)? {
            return Ok(Folder { disk, dir: dir.to_owned(), id });
        }
        let mut folder = Folder { disk, dir: dir.to_owned(), id: JournalId(Uuid::nil()) };
        // An id that was lost is still in every segment.
        let known = folder.segments()?.into_iter().find_map(|n| folder.segment_header(n).ok().flatten());
        folder.id = known.map_or_else(|| JournalId(Uuid::now_v7()), |h| h.journal);
        write_durably(&*folder.disk, dir, "id", format!("{}\n", folder.id).as_bytes())
            .map_err(|e| Error::disk("write", &dir.join("id"), &e))?;
        Ok(folder)
    }

    pub(super) fn seed(&self, segment: u32) -> Seed {
        Seed::of(self.id, segment)
    }

    pub(super) fn segment_path(&self, number: u32) -> PathBuf {
        self.dir.join(segment_name(number))
    }

    pub(super) fn large_dir(&self) -> PathBuf {
        self.dir.join("large")
    }

    pub(super) fn large_path(&self, number: u64) -> PathBuf {
        self.large_dir().join(format!("{:08x}-{:08x}.body", number >> 32, number & 0xffff_ffff))
    }

    /// The names in the folder.
    pub(super) fn names(&self) -> Result<Vec<String>, Error> {
        self.disk.list(&self.dir).map_err(|e| Error::disk("list", &self.dir, &e))
    }

    /// The numbers of the segment files, ascending.
    pub(super) fn segments(&self) -> Result<Vec<u32>, Error> {
        let mut numbers: Vec<u32> = self.names()?.iter().filter_map(|n| segment_number(n)).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The numbers of the large bodies' files.
    pub(super) fn large_bodies(&self) -> Result<Vec<u64>, Error> {
        let dir = self.large_dir();
        match self.disk.list(&dir) {
            Ok(names) => Ok(names.iter().filter_map(|n| large_number(n)).collect()),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(e) => Err(Error::disk("list", &dir, &e)),
        }
    }

    pub(super) fn open_segment(&self, number: u32, access: Access) -> Result<Arc<dyn DiskFile>, Error> {
        let path = self.segment_path(number);
        self.disk.open(&path, access).map_err(|e| Error::disk("open", &path, &e))
    }

    /// The header of a segment; none when it does not pass its checksum.
    pub(super) fn segment_header(&self, number: u32) -> Result<Option<SegmentHeader>, Error> {
        let path = self.segment_path(number);
        let block = read_whole(&*self.disk, &path, u64::from(SEGMENT_HEADER_BYTES))
            .map_err(|e| Error::disk("read", &path, &e))?
            .unwrap_or_default();
        match SegmentHeader::decode(&block) {
            Ok(h) if h.segment != number => {
                Err(Error::Foreign { path, problem: format!("holds segment {:08x}: the file was renamed", h.segment) })
            }
            Ok(h) if self.id.0 != Uuid::nil() && h.journal != self.id => Err(Error::Foreign {
                path,
                problem: format!("belongs to journal {}, this one is {}: move it to its own folder", h.journal, self.id),
            }),
            Ok(h) => Ok(Some(h)),
            Err(NotASegment::Invalid) => Ok(None),
            Err(NotASegment::Version(v)) => {
                Err(Error::Foreign { path, problem: format!("has format {v}, which needs a newer Tidegate") })
            }
        }
    }

    /// Makes a segment file full of zeros, durable under its name.
    pub(super) fn make_segment(&self, number: u32, bytes: u32, now_us: i64) -> Result<Arc<dyn DiskFile>, Error> {
        let path = self.segment_path(number);
        let temporary = self.dir.join(format!("{}.new", segment_name(number)));
        let made = (|| {
            let _ = self.disk.remove(&temporary);
            let file = self.disk.open(&temporary, Access::Create)?;
            file.allocate(u64::from(bytes));
            let header = SegmentHeader { journal: self.id, segment: number, created_at_us: now_us };
            super::disk::write_all(&*file, &mut [IoSlice::new(&header.encode())], 0)?;
            let zeros = vec![0; ZEROS.min(bytes as usize)];
            let mut at = u64::from(SEGMENT_HEADER_BYTES);
            while at < u64::from(bytes) {
                let n = zeros.len().min((u64::from(bytes) - at) as usize);
                super::disk::write_all(&*file, &mut [IoSlice::new(&zeros[..n])], at)?;
                file.sync()?;
                at += n as u64;
            }
            self.disk.rename(&temporary, &path)?;
            self.disk.sync_dir(&self.dir)?;
            Ok(file)
        })();
        made.map_err(|e: std::io::Error| {
            let _ = self.disk.remove(&temporary);
            Error::disk("make", &path, &e)
        })
    }

    /// Removes a file of the folder, durably.
    pub(super) fn remove(&self, path: &Path) -> Result<(), Error> {
        match self.disk.remove(path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            other => other.map_err(|e| Error::disk("remove", path, &e))?,
        }
        let dir = path.parent().unwrap_or(&self.dir);
        self.disk.sync_dir(dir).map_err(|e| Error::disk("sync", dir, &e))
    }
}

pub(super) fn segment_name(number: u32) -> String {
    format!("{number:08x}.seg")
}

/// The number in a segment's file name.
pub(super) fn segment_number(name: &str) -> Option<u32> {
    let digits = name.strip_suffix(".seg")?;
    u32::from_str_radix(digits, 16).ok().filter(|n| *n > 0 && segment_name(*n) == name)
}

fn large_number(name: &str) -> Option<u64> {
    let (segment, counter) = name.strip_suffix(".body")?.split_once('-')?;
    if segment.len() != 8 || counter.len() != 8 {
        return None;
    }
    Some(u64::from(u32::from_str_radix(segment, 16).ok()?) << 32 | u64::from(u32::from_str_radix(counter, 16).ok()?))
}

fn read_id(disk: &dyn Disk, dir: &Path) -> Result<Option<JournalId>, Error> {
    let path = dir.join("id");
    let Some(bytes) = read_whole(disk, &path, 100).map_err(|e| Error::disk("read", &path, &e))? else { return Ok(None) };
    let id = std::str::from_utf8(&bytes).ok().and_then(|t| t.trim().parse().ok());
    id.map(Some).ok_or_else(|| Error::Foreign {
        path,
        problem: "is not a journal's id: restore it, or remove it to have it taken from the segments".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_strangers_are_not() {
        assert_eq!(segment_number(&segment_name(0xbeef)), Some(0xbeef));
        for name in ["beef.seg", "00000000.seg", "0000BEEF.seg", "00000001.seg.new", "00000001.seg.gone", "marks"] {
            assert_eq!(segment_number(name), None, "{name}");
        }
        assert_eq!(large_number("00000002-0000000a.body"), Some(0x2_0000_000a));
        assert_eq!(large_number("2-a.body"), None);
    }
}
