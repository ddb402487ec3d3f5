//! Seats: how many connections there may be, in all and from one client network.
//!
//! A network is a /24 of IPv4 or a /64 of IPv6: what one customer of a provider usually has.
//!
//! # Failure
//! A seat is given back when it is dropped, also by a session that panics.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The seats of one gateway.
#[derive(Debug)]
pub(crate) struct Seats {
    all: Arc<Semaphore>,
    per_network: usize,
    taken: Mutex<HashMap<[u8; 8], usize>>,
}

/// A seat among all, until dropped.
#[derive(Debug)]
pub(crate) struct Seat(#[allow(dead_code, reason = "held to be dropped")] OwnedSemaphorePermit);

/// A seat among those of a network, until dropped.
#[derive(Debug)]
pub(crate) struct NetworkSeat {
    seats: Arc<Seats>,
    network: [u8; 8],
}

impl Seats {
    pub(crate) fn new(all: usize, per_network: usize) -> Arc<Seats> {
        let all = Arc::new(Semaphore::new(all.min(Semaphore::MAX_PERMITS)));
        Arc::new(Seats { all, per_network, taken: Mutex::default() })
    }

    /// A seat, if there is one.
    pub(crate) fn take(&self) -> Option<Seat> {
        Arc::clone(&self.all).try_acquire_owned().ok().map(Seat)
    }

    /// A seat for an address's network, if there is one.
    pub(crate) fn take_for(self: &Arc<Self>, ip: IpAddr) -> Option<NetworkSeat> {
        let network = network(ip);
        let mut taken = self.lock();
        let count = taken.entry(network).or_default();
        if *count >= self.per_network {
            return None;
        }
        *count += 1;
        drop(taken);
        Some(NetworkSeat { seats: Arc::clone(self), network })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 8], usize>> {
        // Nothing can panic while it is held; if it did, the counts are still numbers.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for NetworkSeat {
    fn drop(&mut self) {
        let mut taken = self.seats.lock();
        if let Some(count) = taken.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.network);
            }
        }
    }
}

/// The /24 or /64. IPv4 is written as no IPv6 network is: with a first byte of the unused block 0000::/8.
fn network(ip: IpAddr) -> [u8; 8] {
    match ip.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            [0, 4, 0, 0, 0, a, b, c]
        }
        IpAddr::V6(v6) => {
            let o = v6.octets();
            [o[0], o[1], o[2], o[3], o[4], o[5], o[6], o[7]]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_its_own_seats_and_gets_them_back() {
        let seats = Seats::new(10, 2);
        let ip = |s: &str| s.parse().unwrap();
        let a = seats.take_for(ip("192.0.2.1")).unwrap();
        let _b = seats.take_for(ip("::ffff:192.0.2.200")).unwrap();
        assert!(seats.take_for(ip("192.0.2.3")).is_none());
        assert!(seats.take_for(ip("192.0.3.3")).is_some());
        assert!(seats.take_for(ip("2001:db8::1")).is_some());
        drop(a);
        assert!(seats.take_for(ip("192.0.2.3")).is_some());
        assert_eq!(seats.lock().len(), 1, "networks without connections are forgotten");
    }

    #[test]
    fn there_are_so_many_seats_in_all() {
        let seats = Seats::new(1, 9);
        let first = seats.take().unwrap();
        assert!(seats.take().is_none());
        drop(first);
        assert!(seats.take().is_some());
    }
}
