//! A disk that forgets, tears and fails: stands in for the real one in tests.
//!
//! What was not synced may be lost at a power cut, sector by sector. A failed sync keeps some
//! sectors and believes itself clean of the rest, as Linux does. Names that were not synced are
//! lost from some operation on. At a chosen operation the process or the power may go.

use super::disk::{Access, Disk, DiskFile};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

const SECTOR: u64 = 512;

/// What may be made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Write,
    Sync,
    Create,
    Rename,
    SyncDir,
    SetLen,
}

#[derive(Debug, Clone)]
enum Change {
    Write(u64, Vec<u8>),
    SetLen(u64),
}

#[derive(Debug, Default)]
struct Inode {
    /// What the process sees.
    seen: Vec<u8>,
    /// What is on the platter.
    durable: Vec<u8>,
    /// What is seen and not known to be durable, in order.
    pending: Vec<Change>,
}

#[derive(Debug, Clone)]
enum NameChange {
    Set(PathBuf, usize),
    Remove(PathBuf),
    Rename(PathBuf, PathBuf),
}

#[derive(Debug, Default)]
struct State {
    inodes: Vec<Inode>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    pending_names: Vec<NameChange>,
    /// Handles of an earlier life are dead.
    life: u64,
    dead: bool,
    locked: bool,
    full: bool,
    /// Which fault strikes after how many operations of its kind.
    faults: Vec<(Fault, u32)>,
    /// Operations until everything stops.
    dies_in: Option<u32>,
    /// Syncs until everything stops.
    dies_at_sync: Option<u32>,
    chance: u64,
}

/// The disk. Clones are the same disk.
#[derive(Clone, Default)]
pub(super) struct ModelDisk(Arc<Mutex<State>>, Arc<(Mutex<bool>, Condvar)>);

impl fmt::Debug for ModelDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ModelDisk")
    }
}

fn apply(content: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write(at, bytes) => {
            let end = *at as usize + bytes.len();
            if content.len() < end {
                content.resize(end, 0);
            }
            content[*at as usize..end].copy_from_slice(bytes);
        }
        Change::SetLen(len) => content.resize(*len as usize, 0),
    }
}

fn apply_name(names: &mut BTreeMap<PathBuf, usize>, change: &NameChange) {
    match change {
        NameChange::Set(p, inode) => drop(names.insert(p.clone(), *inode)),
        NameChange::Remove(p) => drop(names.remove(p)),
        NameChange::Rename(from, to) => {
            if let Some(inode) = names.remove(from) {
                names.insert(to.clone(), inode);
            }
        }
    }
}

impl State {
    /// A number below `n`, the same for the same history.
    fn chance(&mut self, n: u64) -> u64 {
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.chance;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    fn operation(&mut self, life: Option<u64>, kind: Option<Fault>) -> io::Result<()> {
        if self.dead || life.is_some_and(|l| l != self.life) {
            return Err(io::Error::other("the process is gone"));
        }
        if let Some(left) = &mut self.dies_in {
            if *left == 0 {
                self.dead = true;
                return Err(io::Error::other("the process is gone"));
            }
            *left -= 1;
        }
        if kind == Some(Fault::Sync)
            && let Some(left) = &mut self.dies_at_sync
        {
            self.dead |= *left == 0;
            *left = left.saturating_sub(1);
        }
        if self.dead {
            return Err(io::Error::other("the process is gone"));
        }
        let mut strikes = false;
        for (fault, left) in self.faults.iter_mut().filter(|(f, _)| Some(*f) == kind) {
            let _ = fault;
            strikes |= *left == 0;
            *left = left.wrapping_sub(1);
        }
        self.faults.retain(|(_, left)| *left != u32::MAX);
        if strikes { Err(io::Error::other("injected failure")) } else { Ok(()) }
    }

    /// Some sectors of what is pending reach the platter; the rest is forgotten.
    fn tear(&mut self, inode: usize) {
        for change in std::mem::take(&mut self.inodes[inode].pending) {
            match change {
                Change::Write(at, bytes) => {
                    let (mut from, end) = (at, at + bytes.len() as u64);
                    while from < end {
                        let to = ((from / SECTOR + 1) * SECTOR).min(end);
                        if self.chance(2) == 0 {
                            let part = bytes[(from - at) as usize..(to - at) as usize].to_vec();
                            apply(&mut self.inodes[inode].durable, &Change::Write(from, part));
                        }
                        from = to;
                    }
                }
                Change::SetLen(_) => {
                    if self.chance(2) == 0 {
                        apply(&mut self.inodes[inode].durable, &change);
                    }
                }
            }
        }
    }
}

impl ModelDisk {
    pub(super) fn new(seed: u64) -> ModelDisk {
        let disk = ModelDisk::default();
        disk.state().chance = seed;
        disk
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// While it is paused, whoever asks for free space waits: so that a crowd gathers.
    pub(super) fn pause(&self, paused: bool) {
        *self.1.0.lock().unwrap() = paused;
        self.1.1.notify_all();
    }

    /// The nth next operation of a kind fails.
    pub(super) fn fail(&self, fault: Fault, after: u32) {
        self.state().faults.push((fault, after));
    }

    pub(super) fn heal(&self) {
        let mut s = self.state();
        s.faults.clear();
        s.full = false;
        s.dies_in = None;
        s.dies_at_sync = None;
    }

    pub(super) fn set_full(&self, full: bool) {
        self.state().full = full;
    }

    /// After so many operations nothing is done any more, until a restart.
    pub(super) fn die_in(&self, operations: u32) {
        self.state().dies_in = Some(operations);
    }

    /// The process ends before the sync that comes after so many more.
    pub(super) fn die_at_sync(&self, after: u32) {
        self.state().dies_at_sync = Some(after);
    }

    /// Nothing has ended the process.
    pub(super) fn is_alive(&self) -> bool {
        !self.state().dead
    }

    /// The process ended, however; a power cut also takes what was not synced.
    pub(super) fn restart(&self, power_cut: bool) {
        let mut s = self.state();
        s.life += 1;
        s.dead = false;
        s.locked = false;
        s.dies_in = None;
        s.dies_at_sync = None;
        if power_cut {
            for inode in 0..s.inodes.len() {
                s.tear(inode);
                s.inodes[inode].seen = s.inodes[inode].durable.clone();
            }
            let kept = s.pending_names.len() as u64 + 1;
            let kept = s.chance(kept) as usize;
            let changes = std::mem::take(&mut s.pending_names);
            changes[..kept].iter().for_each(|c| apply_name(&mut s.durable_names, c));
            s.names = s.durable_names.clone();
        }
    }

    /// Changes bytes on the platter: damage. False when there is no such file or it is shorter.
    pub(super) fn corrupt(&self, path: &Path, at: usize, len: usize) -> bool {
        let mut s = self.state();
        let Some(inode) = s.names.get(path).copied() else { return false };
        let inode = &mut s.inodes[inode];
        for content in [&mut inode.seen, &mut inode.durable] {
            let Some(part) = content.get_mut(at..at + len) else { return false };
            part.iter_mut().for_each(|b| *b ^= 0x55);
        }
        true
    }
}

#[derive(Debug)]
struct ModelFile {
    disk: ModelDisk,
    inode: usize,
    life: u64,
}

#[derive(Debug)]
struct ModelLock(ModelDisk, u64);

impl Drop for ModelLock {
    fn drop(&mut self) {
        let mut s = self.0.state();
        if s.life == self.1 {
            s.locked = false;
        }
    }
}

impl Disk for ModelDisk {
    fn create_dir(&self, _: &Path) -> io::Result<()> {
        self.state().operation(None, None)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let s = self.state();
        let names = s.names.keys().filter(|p| p.parent() == Some(dir));
        Ok(names.filter_map(|p| p.file_name()?.to_str().map(str::to_owned)).collect())
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        let mut s = self.state();
        s.operation(None, (access == Access::Create).then_some(Fault::Create))?;
        let inode = match (s.names.get(path).copied(), access) {
            (Some(_), Access::Create) => return Err(io::ErrorKind::AlreadyExists.into()),
            (None, Access::Create) => {
                s.inodes.push(Inode::default());
                let inode = s.inodes.len() - 1;
                s.names.insert(path.to_owned(), inode);
                s.pending_names.push(NameChange::Set(path.to_owned(), inode));
                inode
            }
            (Some(inode), _) => inode,
            (None, _) => return Err(io::ErrorKind::NotFound.into()),
        };
        Ok(Arc::new(ModelFile { disk: self.clone(), inode, life: s.life }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut s = self.state();
        s.operation(None, Some(Fault::Rename))?;
        if !s.names.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let change = NameChange::Rename(from.to_owned(), to.to_owned());
        apply_name(&mut s.names, &change);
        s.pending_names.push(change);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut s = self.state();
        s.operation(None, None)?;
        s.names.remove(path).ok_or(io::ErrorKind::NotFound)?;
        s.pending_names.push(NameChange::Remove(path.to_owned()));
        Ok(())
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        let mut s = self.state();
        s.operation(None, Some(Fault::SyncDir))?;
        for change in std::mem::take(&mut s.pending_names) {
            apply_name(&mut s.durable_names, &change);
        }
        Ok(())
    }

    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        drop(self.1.1.wait_while(self.1.0.lock().unwrap(), |paused| *paused).unwrap());
        Ok(if self.state().full { 0 } else { u64::MAX })
    }

    fn lock(&self, _: &Path) -> io::Result<Option<Box<dyn fmt::Debug + Send + Sync>>> {
        let mut s = self.state();
        if std::mem::replace(&mut s.locked, true) {
            return Ok(None);
        }
        let life = s.life;
        drop(s);
        Ok(Some(Box::new(ModelLock(self.clone(), life))))
    }
}

impl ModelFile {
    fn change(&self, change: Change) {
        let mut s = self.disk.state();
        let inode = &mut s.inodes[self.inode];
        apply(&mut inode.seen, &change);
        inode.pending.push(change);
    }
}

impl DiskFile for ModelFile {
    fn write_at(&self, slices: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        let bytes: Vec<u8> = slices.iter().flat_map(|s| s.iter().copied()).collect();
        let (outcome, part) = {
            let mut s = self.disk.state();
            let longer = s.inodes[self.inode].seen.len() < offset as usize + bytes.len();
            let outcome = match s.operation(Some(self.life), Some(Fault::Write)) {
                Ok(()) if s.full && longer => Err(io::ErrorKind::StorageFull.into()),
                other => other,
            };
            // A write may be short, also one that fails or that the process did not live to see.
            let short = outcome.is_err() || s.chance(4) == 0;
            let gone = self.life != s.life;
            (
                outcome,
                if gone {
                    0
                } else if short {
                    s.chance(bytes.len() as u64) + 1
                } else {
                    bytes.len() as u64
                },
            )
        };
        if part > 0 {
            self.change(Change::Write(offset, bytes[..part as usize].to_vec()));
        }
        outcome.map(|()| part as usize)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let s = self.disk.state();
        let rest = s.inodes[self.inode].seen.get(offset as usize..).unwrap_or_default();
        let n = rest.len().min(buffer.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }

    fn sync(&self) -> io::Result<()> {
        let mut s = self.disk.state();
        if let Err(e) = s.operation(Some(self.life), Some(Fault::Sync)) {
            if !s.dead && s.life == self.life {
                s.tear(self.inode);
            }
            return Err(e);
        }
        let inode = &mut s.inodes[self.inode];
        for change in std::mem::take(&mut inode.pending) {
            apply(&mut inode.durable, &change);
        }
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.state().inodes[self.inode].seen.len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.state().operation(Some(self.life), Some(Fault::SetLen))?;
        self.change(Change::SetLen(len));
        Ok(())
    }
}
