//! What can go wrong with the journal, whose fault it is, and what to do about it.

use crate::mail::Position;
use std::io;
use std::path::{Path, PathBuf};

/// What went wrong. Cloned to everyone who shared the write that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Too little room is left on the journal's disk. Ours, and the operator's: the sender tries again later.
    #[error(
        "the journal's disk is nearly full: {free} bytes are free, {min} must stay free. \
         Make room, set journal.retention_days, or lower journal.disk_free_bytes_min"
    )]
    Full {
        /// Bytes that are free.
        free: u64,
        /// Bytes that must stay free.
        min: u64,
    },
    /// The disk refused something. Ours: the sender tries again later.
    #[error("the journal's disk failed to {action} {}: {message}", path.display())]
    Disk {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What kind of failure.
        kind: io::ErrorKind,
        /// What the system said.
        message: String,
    },
    /// Another process writes this journal.
    #[error(
        "the journal in {} is in use by another process{}: stop that gateway first, or give this one another data.dir",
        dir.display(), holder.as_deref().map(|pid| format!(" ({pid})")).unwrap_or_default()
    )]
    Locked {
        /// The folder.
        dir: PathBuf,
        /// What its lock file says of the holder.
        holder: Option<String>,
    },
    /// There is no journal in this folder.
    #[error("there is no journal in {}: is it the data folder of the gateway (--config, TIDEGATE_DATA__DIR)? Its first start makes one", dir.display())]
    NoJournal {
        /// The folder.
        dir: PathBuf,
    },
    /// A file in the folder is not of this journal, or of a newer Tidegate.
    #[error("{}: {problem}", path.display())]
    Foreign {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        problem: String,
    },
    /// No mail begins at this position. The caller's.
    #[error("no mail begins at {0} in this journal: it never did, or its segment's retention ended")]
    NotFound(Position),
    /// The mail's bytes were overwritten on request.
    #[error("the mail at {0} was erased on request; its envelope without addresses is what is left")]
    Erased(Position),
    /// What was durable no longer passes its checksum. The disk's; nothing reads it again.
    #[error("the journal is damaged at {at}: {what}. The rest is read from {resume}; restore the segment from a backup")]
    Damaged {
        /// Where.
        at: Position,
        /// Where reading goes on.
        resume: Position,
        /// What does not fit.
        what: &'static str,
    },
    /// A record that fits no segment. Ours: reception should have streamed or refused it.
    #[error("a record of {bytes} bytes does not fit a segment of {capacity}: raise journal.segment_bytes")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// What fits.
        capacity: u64,
    },
    /// The journal was closed: the gateway is stopping.
    #[error("the journal is closed: the gateway is stopping")]
    Closed,
}

impl Error {
    /// Whether trying again later may help. Everything that is our fault is.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Error::Full { .. } | Error::Disk { .. } | Error::Locked { .. } | Error::Closed)
    }

    /// The disk is full (452) rather than failing (451).
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Error::Full { .. } => true,
            Error::Disk { kind, .. } => matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded),
            _ => false,
        }
    }

    /// Says what was tried on which file.
    pub(super) fn disk(action: &'static str, path: &Path, e: &io::Error) -> Error {
        Error::Disk { action, path: path.to_owned(), kind: e.kind(), message: e.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_a_failing_one() {
        let full = Error::disk("write", Path::new("x"), &io::Error::from(io::ErrorKind::StorageFull));
        let failing = Error::disk("write", Path::new("x"), &io::Error::other("EIO"));
        assert!(full.is_full() && full.is_transient());
        assert!(!failing.is_full() && failing.is_transient());
        assert!(Error::Full { free: 1, min: 2 }.is_full());
        assert!(!Error::NotFound(Position::START).is_transient());
    }
}
