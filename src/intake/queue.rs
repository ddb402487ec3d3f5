//! The lanes behind a lock that reader threads wait on.

use super::lanes::Lanes;
use super::{Job, Lane};
use std::sync::{Condvar, Mutex, PoisonError};

#[derive(Debug, Default)]
struct State {
    lanes: Lanes,
    closed: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
}

impl Queue {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds mails at the end.
    pub(super) fn push(&self, jobs: Vec<Job>) {
        let mut s = self.lock();
        for job in jobs {
            s.lanes.push(job);
        }
        drop(s);
        self.filled.notify_all();
    }

    /// Gives back mails that were taken and not begun.
    pub(super) fn give_back(&self, jobs: impl IntoIterator<Item = Job>) {
        let mut s = self.lock();
        for job in jobs {
            s.lanes.give_back(job);
        }
        drop(s);
        self.filled.notify_all();
    }

    /// Waits for mails of a lane; empty once the queue is closed.
    pub(super) fn take(&self, lane: Lane, most: usize) -> Vec<Job> {
        let mut s = self.lock();
        loop {
            if s.closed {
                return Vec::new();
            }
            let jobs = s.lanes.take(lane, most);
            if !jobs.is_empty() {
                return jobs;
            }
            s = self.filled.wait(s).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Sends every reader home.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }
}
