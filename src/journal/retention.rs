//! The end of a segment's life: when all its mails are done and old enough, it goes with its large
//! bodies.
//!
//! # Failure
//! The segment gets another name first; from then on it is no longer read, and a crash in the
//! middle is finished at the next start.

use super::error::Error;
use super::folder::{Folder, segment_name};
use super::recovery::large_bodies_of;
use super::shared::Shared;

/// Removes what may go; gives the numbers.
pub(super) fn retire(shared: &Shared, older_than_us: i64, may_go: &mut dyn FnMut(u32) -> bool) -> Result<Vec<u32>, Error> {
    let old: Vec<u32> =
        shared.catalog().0.iter().filter(|(_, s)| s.sealed && s.newest_us < older_than_us).map(|(n, _)| *n).collect();
    let old: Vec<u32> = old.into_iter().filter(|n| shared.marks().state().is_all_done(*n)).collect();
    let mut gone = Vec::new();
    for number in old {
        if !may_go(number) {
            continue;
        }
        let from = shared.folder.segment_path(number);
        let to = gone_path(&shared.folder, number);
        let disk = &shared.folder.disk;
        disk.rename(&from, &to).and_then(|()| disk.sync_dir(&shared.folder.dir)).map_err(|e| Error::disk("retire", &from, &e))?;
        shared.catalog_mut().0.remove(&number);
        finish(&shared.folder, number)?;
        gone.push(number);
    }
    if !gone.is_empty() {
        shared.metrics.journal_segments.set(shared.catalog().0.len() as i64);
        shared.marks().forget(&gone)?;
    }
    Ok(gone)
}

/// Removes a segment that has its last name already.
pub(super) fn finish(folder: &Folder, number: u32) -> Result<(), Error> {
    let path = gone_path(folder, number);
    for large in large_bodies_of(folder, number, Some(&path))? {
        folder.remove(&folder.large_path(large))?;
    }
    folder.remove(&path)
}

fn gone_path(folder: &Folder, number: u32) -> std::path::PathBuf {
    folder.dir.join(format!("{}.gone", segment_name(number)))
}
