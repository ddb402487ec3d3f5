//! A budget of bytes that threads wait for.
//!
//! One request larger than the whole budget passes when nothing else is out: it must, or the
//! mail would never be read; and alone it stays within `Limits::message_bytes_max`.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

#[derive(Debug, Default)]
struct State {
    out: u64,
    closed: bool,
}

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    inner: Arc<(Mutex<State>, Condvar)>,
    most: u64,
}

/// Bytes taken from a budget; given back when dropped.
#[derive(Debug)]
pub(super) struct Share {
    budget: Budget,
    bytes: u64,
}

impl Budget {
    pub(super) fn new(most: u64) -> Budget {
        Budget { inner: Arc::default(), most }
    }

    /// Waits for `bytes`; `None` once the budget is closed.
    pub(super) fn take(&self, bytes: u64) -> Option<Share> {
        let (state, changed) = &*self.inner;
        let mut s = state.lock().unwrap_or_else(PoisonError::into_inner);
        while !s.closed && s.out > 0 && s.out + bytes > self.most {
            s = changed.wait(s).unwrap_or_else(PoisonError::into_inner);
        }
        if s.closed {
            return None;
        }
        s.out += bytes;
        Some(Share { budget: self.clone(), bytes })
    }

    /// Lets everybody go without.
    pub(super) fn close(&self) {
        self.inner.0.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.inner.1.notify_all();
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let (state, changed) = &*self.budget.inner;
        state.lock().unwrap_or_else(PoisonError::into_inner).out -= self.bytes;
        changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_waits_until_another_is_given_back() {
        let budget = Budget::new(10);
        let first = budget.take(8).unwrap();
        let other = {
            let b = budget.clone();
            std::thread::spawn(move || b.take(5).map(|s| s.bytes))
        };
        drop(first);
        assert_eq!(other.join().unwrap(), Some(5));
    }

    #[test]
    fn one_larger_than_all_passes_alone() {
        let budget = Budget::new(10);
        let huge = budget.take(1_000).unwrap();
        budget.close();
        drop(huge);
        assert!(budget.take(1).is_none());
    }
}
