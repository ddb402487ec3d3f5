//! The disk, as the journal sees it: a small interface, so that a model that forgets, tears and
//! fails can stand in for it in tests.
//!
//! # Failure
//! Every call may fail, and a write may be short. What was written is durable when `sync` on the
//! file returned; a name is durable when `sync_dir` on its folder returned. Nothing else is
//! promised: without a sync any sector of a write may be there or not.
//!
//! # Trust
//! That the device keeps what fdatasync said it keeps.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

/// Slices in one vectored write: what Linux takes (IOV_MAX).
const SLICES_MAX: usize = 1024;

/// What a file is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Reading only.
    Read,
    /// Reading and writing; it must exist.
    Write,
    /// Reading and writing; it must not exist.
    Create,
}

/// A folder tree on some disk.
pub(super) trait Disk: fmt::Debug + Send + Sync {
    /// Makes a folder with its parents, durably; fine when it is there.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;
    /// The names in a folder, in no order.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Opens a file.
    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn DiskFile>>;
    /// Gives a file another name, in place of what had that name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a name.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Bytes a process without privileges may still write.
    fn free_bytes(&self, dir: &Path) -> io::Result<u64>;
    /// Takes the lock that goes with a file; none when another has it. It ends with the value.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn fmt::Debug + Send + Sync>>>;
}

/// An open file. Reads and writes name their offset, so it may be shared.
pub(super) trait DiskFile: fmt::Debug + Send + Sync {
    /// Writes slices one after the other; gives how many bytes, which may be fewer.
    fn write_at(&self, slices: &[IoSlice<'_>], offset: u64) -> io::Result<usize>;
    /// Reads; fewer bytes than asked for only at the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Makes what was written durable, with the file's length (fdatasync).
    fn sync(&self) -> io::Result<()>;
    /// Its length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Cuts it, or makes it longer with zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Asks for room on the disk ahead of writing; a hint.
    fn allocate(&self, _len: u64) {}
}

/// Writes all slices, however short the single writes are.
pub(super) fn write_all(file: &dyn DiskFile, mut slices: &mut [IoSlice<'_>], mut offset: u64) -> io::Result<()> {
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        let window = slices.len().min(SLICES_MAX);
        match file.write_at(&slices[..window], offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => {
                offset += n as u64;
                IoSlice::advance_slices(&mut slices, n);
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Makes a small file durable under its name: written under another, synced, renamed, the folder synced.
pub(super) fn write_durably(disk: &dyn Disk, dir: &Path, name: &str, content: &[u8]) -> io::Result<Arc<dyn DiskFile>> {
    let temporary = dir.join(format!("{name}.new"));
    let _ = disk.remove(&temporary);
    let file = disk.open(&temporary, Access::Create)?;
    write_all(&*file, &mut [IoSlice::new(content)], 0)?;
    file.sync()?;
    disk.rename(&temporary, &dir.join(name))?;
    disk.sync_dir(dir)?;
    Ok(file)
}

/// Reads a small file whole; none when there is none. At most `max` bytes.
pub(super) fn read_whole(disk: &dyn Disk, path: &Path, max: u64) -> io::Result<Option<Vec<u8>>> {
    let file = match disk.open(path, Access::Read) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    let mut content = vec![0; usize::try_from(file.len()?.min(max)).unwrap_or(usize::MAX)];
    let n = file.read_at(&mut content, 0)?;
    content.truncate(n);
    Ok(Some(content))
}

/// The real one. Raw mail is its owner's alone.
#[derive(Debug)]
pub(super) struct RealDisk;

/// Mode of folders that are made.
const PRIVATE_DIR: u32 = 0o700;
/// Mode of files that are made.
const PRIVATE_FILE: u32 = 0o600;

impl Disk for RealDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        if dir.is_dir() {
            return Ok(());
        }
        if let Some(parent) = dir.parent().filter(|p| !p.as_os_str().is_empty()) {
            self.create_dir(parent)?;
        }
        match std::fs::DirBuilder::new().mode(PRIVATE_DIR).create(dir) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            other => other?,
        }
        match dir.parent() {
            Some(p) if !p.as_os_str().is_empty() => self.sync_dir(p),
            _ => self.sync_dir(Path::new(".")),
        }
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(dir)? {
            // A name that is not UTF-8 is not ours.
            names.extend(entry?.file_name().into_string().ok());
        }
        Ok(names)
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true).mode(PRIVATE_FILE);
        match access {
            Access::Read => &mut options,
            Access::Write => options.write(true),
            Access::Create => options.write(true).create_new(true),
        };
        Ok(Arc::new(RealFile(options.open(path)?)))
    }

    #[allow(clippy::disallowed_methods)] // this is the place the ban points to; the caller syncs the folder
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        let s = rustix::fs::statvfs(dir)?;
        Ok(s.f_bavail.saturating_mul(s.f_frsize))
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn fmt::Debug + Send + Sync>>> {
        let file = OpenOptions::new().mode(PRIVATE_FILE).read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Ok(None),
            Err(std::fs::TryLockError::Error(e)) => return Err(e),
        }
        // Only for the message a second process prints.
        let holder = format!("process {}\n", std::process::id());
        file.set_len(0)?;
        file.write_all_at(holder.as_bytes(), 0)?;
        Ok(Some(Box::new(file)))
    }
}

#[derive(Debug)]
struct RealFile(File);

impl DiskFile for RealFile {
    fn write_at(&self, slices: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        Ok(rustix::io::pwritev(&self.0, slices, offset)?)
    }

    fn read_at(&self, mut buffer: &mut [u8], mut offset: u64) -> io::Result<usize> {
        let mut total = 0;
        while !buffer.is_empty() {
            match self.0.read_at(buffer, offset) {
                Ok(0) => break,
                Ok(n) => {
                    total += n;
                    offset += n as u64;
                    buffer = &mut buffer[n..];
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(total)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn allocate(&self, len: u64) {
        let _ = rustix::fs::fallocate(&self.0, rustix::fs::FallocateFlags::KEEP_SIZE, 0, len);
    }
}

/// A file in memory: what the fuzzer's bytes are read through.
#[derive(Debug)]
pub(super) struct MemoryFile(pub(super) Vec<u8>);

impl DiskFile for MemoryFile {
    fn write_at(&self, _: &[IoSlice<'_>], _: u64) -> io::Result<usize> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|o| self.0.get(o..)).unwrap_or_default();
        let n = rest.len().min(buffer.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Takes three bytes at a time.
    #[derive(Debug, Default)]
    struct Reluctant(Mutex<Vec<u8>>);

    impl DiskFile for Reluctant {
        fn write_at(&self, slices: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
            assert!(slices.len() <= SLICES_MAX);
            let mut content = self.0.lock().unwrap();
            assert_eq!(content.len() as u64, offset);
            let taken: Vec<u8> = slices.iter().flat_map(|s| s.iter().copied()).take(3).collect();
            content.extend(&taken);
            Ok(taken.len())
        }
        fn read_at(&self, _: &mut [u8], _: u64) -> io::Result<usize> {
            unreachable!()
        }
        fn sync(&self) -> io::Result<()> {
            unreachable!()
        }
        fn len(&self) -> io::Result<u64> {
            unreachable!()
        }
        fn set_len(&self, _: u64) -> io::Result<()> {
            unreachable!()
        }
    }

    #[test]
    fn short_writes_and_more_slices_than_one_call_takes_are_written_whole() {
        let file = Reluctant::default();
        let pieces: Vec<Vec<u8>> = (0..3000u32).map(|n| n.to_string().into_bytes()).collect();
        let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|p| IoSlice::new(p)).collect();
        write_all(&file, &mut slices, 0).unwrap();
        assert_eq!(*file.0.lock().unwrap(), pieces.concat());
    }
}
