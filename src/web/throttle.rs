//! The brake on guessing passwords: failures by network and by (network, name), in memory.
//!
//! A name alone is never locked, or anyone could lock out the staff from outside. What is
//! remembered is bounded; when it is full, the oldest failures are forgotten first.
//!
//! # Trust
//! The peer's address is the socket's; behind a proxy all logins share one network's allowance.

use crate::limits::Limits;
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Failures remembered at most, over all networks.
const REMEMBERED_MAX: usize = 10_000;
/// Part of a network's allowance that one name has.
const NAME_SHARE: u32 = 10;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Failure {
    network: IpAddr,
    name: Option<String>,
}

#[derive(Debug, Default)]
struct Memory {
    order: VecDeque<(Instant, Failure)>,
    counts: HashMap<Failure, u32>,
}

impl Memory {
    fn push(&mut self, at: Instant, failure: Failure) {
        *self.counts.entry(failure.clone()).or_default() += 1;
        self.order.push_back((at, failure));
        while self.order.len() > REMEMBERED_MAX {
            self.forget_oldest();
        }
    }

    fn take_back(&mut self, failure: &Failure) {
        if let Some(at) = self.order.iter().rposition(|(_, f)| f == failure) {
            self.order.remove(at);
            self.uncount(failure);
        }
    }

    fn uncount(&mut self, failure: &Failure) {
        if let Some(count) = self.counts.get_mut(failure) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(failure);
            }
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, failure)) = self.order.pop_front() {
            self.uncount(&failure);
        }
    }

    fn forget_until(&mut self, since: Option<Instant>) {
        let Some(since) = since else { return };
        while self.order.front().is_some_and(|(at, _)| *at <= since) {
            self.forget_oldest();
        }
    }
}

/// Counts failed logins.
#[derive(Debug)]
pub(super) struct Throttle {
    failures_max: u32,
    window: Duration,
    memory: Mutex<Memory>,
}

impl Throttle {
    pub(super) fn new(limits: &Limits) -> Throttle {
        Throttle { failures_max: limits.login_failures_max, window: limits.login_window, memory: Mutex::default() }
    }

    /// Whether this peer may try this name now.
    pub(super) fn admits(&self, peer: IpAddr, name: &str, now: Instant) -> bool {
        let network = network(peer);
        let mut memory = self.memory();
        memory.forget_until(now.checked_sub(self.window));
        let count = |name: Option<String>| memory.counts.get(&Failure { network, name }).copied().unwrap_or(0);
        count(None) < self.failures_max && count(Some(folded(name))) < (self.failures_max / NAME_SHARE).max(1)
    }

    /// Remembers a failure.
    pub(super) fn failed(&self, peer: IpAddr, name: &str, now: Instant) {
        let network = network(peer);
        let mut memory = self.memory();
        memory.push(now, Failure { network, name: None });
        memory.push(now, Failure { network, name: Some(folded(name)) });
    }

    /// Takes back what [`Throttle::failed`] counted ahead of the check.
    pub(super) fn succeeded(&self, peer: IpAddr, name: &str) {
        let network = network(peer);
        let mut memory = self.memory();
        memory.take_back(&Failure { network, name: None });
        memory.take_back(&Failure { network, name: Some(folded(name)) });
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // Counts stay usable whatever a panicking thread left.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bounded, and without regard to case, as names are compared.
fn folded(name: &str) -> String {
    name.chars().take(100).flat_map(char::to_lowercase).collect()
}

/// The /24 or /64 an address is in.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(a) => {
            let [a, b, c, _] = a.octets();
            IpAddr::from([a, b, c, 0])
        }
        IpAddr::V6(a) => {
            let [a, b, c, d, ..] = a.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttle() -> Throttle {
        Throttle::new(&Limits { login_failures_max: 30, login_window: Duration::from_secs(60), ..Limits::default() })
    }

    #[test]
    fn guessing_one_name_is_braked_before_the_network_is() {
        let (t, now, peer) = (throttle(), Instant::now(), "192.0.2.7".parse().unwrap());
        for _ in 0..3 {
            assert!(t.admits(peer, "ada", now));
            t.failed(peer, "ada", now);
        }
        assert!(!t.admits(peer, "ADA", now));
        assert!(!t.admits("192.0.2.9".parse().unwrap(), "ada", now), "a neighbour in the same network");
        assert!(t.admits(peer, "grace", now));
        assert!(t.admits("198.51.100.1".parse().unwrap(), "ada", now), "ada is not locked out elsewhere");
    }

    #[test]
    fn a_network_that_tries_many_names_is_braked() {
        let (t, now, peer) = (throttle(), Instant::now(), "2001:db8::1".parse().unwrap());
        for n in 0..30 {
            t.failed(peer, &format!("name{n}"), now);
        }
        assert!(!t.admits(peer, "fresh", now));
        assert!(t.admits("2001:db8:0:1::1".parse().unwrap(), "fresh", now));
    }

    #[test]
    fn failures_are_forgotten_after_the_window() {
        let (t, now, peer) = (throttle(), Instant::now(), "192.0.2.7".parse().unwrap());
        for _ in 0..3 {
            t.failed(peer, "ada", now);
        }
        assert!(!t.admits(peer, "ada", now + Duration::from_secs(59)));
        assert!(t.admits(peer, "ada", now + Duration::from_secs(60)));
        assert!(t.memory().counts.is_empty());
    }

    #[test]
    fn logging_in_leaves_no_trace_and_forgives_no_failure() {
        let (t, now, peer) = (throttle(), Instant::now(), "192.0.2.7".parse().unwrap());
        for _ in 0..100 {
            t.failed(peer, "ada", now);
            t.succeeded(peer, "ada");
        }
        assert!(t.memory().counts.is_empty() && t.memory().order.is_empty());
        for _ in 0..3 {
            t.failed(peer, "ada", now);
        }
        t.succeeded(peer, "grace");
        assert!(!t.admits(peer, "ada", now));
    }

    #[test]
    fn memory_is_bounded() {
        let (t, now) = (throttle(), Instant::now());
        for n in 0..20_000_u32 {
            t.failed(IpAddr::from(n.to_be_bytes()), "x", now);
        }
        assert!(t.memory().order.len() <= REMEMBERED_MAX && t.memory().counts.len() <= REMEMBERED_MAX);
    }
}
