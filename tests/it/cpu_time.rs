//! CPU time of a piece of work on this thread: a bound on reading is held against it, since a busy machine stretches the
//! time on the wall.

use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// What `work` gives, and the time that this thread worked for it.
pub(crate) fn cpu_time<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let before = now();
    let result = work();
    (result, now() - before)
}

fn now() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap()
}

#[test]
fn waiting_takes_none_and_working_takes_some() {
    let (_never, nothing) = std::sync::mpsc::channel::<()>();
    let (_, idle) = cpu_time(|| nothing.recv_timeout(Duration::from_millis(200)));
    assert!(idle < Duration::from_millis(100), "{idle:?}");
    let (_, busy) = cpu_time(|| (0..2_000_000u64).fold(0, |a, n| std::hint::black_box(a ^ n)));
    assert!(busy > Duration::from_micros(100), "{busy:?}");
}
