//! What waits to be read: two lanes, each fair between organisations.
//!
//! A huge mail takes the slow lane, so it stands before no small one; within a lane
//! organisations take turns, so one customer's flood delays another by one mail, not by its
//! length. Pure data: the lock and the waiting are `mod.rs`'s.

use super::Job;
use crate::mail::OrganisationId;
use std::collections::{HashMap, VecDeque};

/// A scheduling class of the intake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Ordinary mail.
    Fast,
    /// Mail above `Limits::slow_lane_bytes`.
    Slow,
}

impl Lane {
    /// Both.
    pub const ALL: [Lane; 2] = [Lane::Fast, Lane::Slow];

    /// The stable word for it, as a metric label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Lane::Fast => "fast",
            Lane::Slow => "slow",
        }
    }

    /// Where a mail of this size goes.
    #[must_use]
    pub const fn of(body_len: u64, slow_lane_bytes: u64) -> Lane {
        if body_len > slow_lane_bytes { Lane::Slow } else { Lane::Fast }
    }
}

/// One lane: a queue for each organisation, served in turn.
#[derive(Debug, Default)]
struct Fair {
    queues: HashMap<OrganisationId, VecDeque<Job>>,
    turns: VecDeque<OrganisationId>,
}

impl Fair {
    fn push(&mut self, job: Job, front: bool) {
        let organisation = job.turn();
        let queue = self.queues.entry(organisation).or_default();
        if queue.is_empty() {
            self.turns.push_back(organisation);
        }
        if front {
            queue.push_front(job);
        } else {
            queue.push_back(job);
        }
    }

    fn peek(&self) -> Option<&Job> {
        self.turns.front().and_then(|o| self.queues.get(o)).and_then(VecDeque::front)
    }

    fn pop(&mut self) -> Option<Job> {
        let organisation = self.turns.pop_front()?;
        let queue = self.queues.get_mut(&organisation)?;
        let job = queue.pop_front();
        if queue.is_empty() {
            self.queues.remove(&organisation);
        } else {
            self.turns.push_back(organisation);
        }
        job
    }
}

/// Both lanes.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    fast: Fair,
    slow: Fair,
}

impl Lanes {
    fn lane(&mut self, lane: Lane) -> &mut Fair {
        match lane {
            Lane::Fast => &mut self.fast,
            Lane::Slow => &mut self.slow,
        }
    }

    /// Adds a mail at the end of its organisation's queue.
    pub(super) fn push(&mut self, job: Job) {
        self.lane(job.lane).push(job, false);
    }

    /// Gives back a mail that was taken and not begun.
    pub(super) fn give_back(&mut self, job: Job) {
        self.lane(job.lane).push(job, true);
    }

    /// Takes up to `most` mails of one lane. A suspect (its reading was begun before and never
    /// ended) comes alone, so that a second crash names it.
    pub(super) fn take(&mut self, lane: Lane, most: usize) -> Vec<Job> {
        let fair = self.lane(lane);
        let mut out = Vec::new();
        while out.len() < most {
            match fair.peek() {
                None => break,
                Some(next) if next.suspect && !out.is_empty() => break,
                Some(_) => {}
            }
            let Some(job) = fair.pop() else { break };
            let alone = job.suspect;
            out.push(job);
            if alone {
                break;
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::job;
    use super::*;

    fn offsets(jobs: &[Job]) -> Vec<u32> {
        jobs.iter().map(|j| j.position.offset).collect()
    }

    #[test]
    fn one_customers_flood_delays_another_by_one_mail() {
        let mut lanes = Lanes::default();
        for n in 0..1000 {
            lanes.push(job(1, n, 10));
        }
        lanes.push(job(2, 5000, 10));
        assert_eq!(offsets(&lanes.take(Lane::Fast, 3)), [0, 5000, 1]);
        assert_eq!(lanes.take(Lane::Fast, 5_000).len(), 998);
    }

    #[test]
    fn a_huge_mail_stands_before_no_small_one() {
        let mut lanes = Lanes::default();
        lanes.push(job(1, 0, 1 << 30));
        lanes.push(job(1, 1, 10));
        assert_eq!(offsets(&lanes.take(Lane::Fast, 8)), [1]);
        assert_eq!(offsets(&lanes.take(Lane::Slow, 8)), [0]);
    }

    #[test]
    fn a_suspect_is_read_alone() {
        let mut lanes = Lanes::default();
        for n in 0..4 {
            let mut j = job(1, n, 10);
            j.suspect = n == 1;
            lanes.push(j);
        }
        assert_eq!(offsets(&lanes.take(Lane::Fast, 8)), [0]);
        assert_eq!(offsets(&lanes.take(Lane::Fast, 8)), [1]);
        assert_eq!(offsets(&lanes.take(Lane::Fast, 8)), [2, 3]);
    }

    #[test]
    fn what_is_given_back_comes_first() {
        let mut lanes = Lanes::default();
        lanes.push(job(1, 0, 10));
        lanes.push(job(1, 1, 10));
        let taken = lanes.take(Lane::Fast, 1);
        lanes.give_back(taken.into_iter().next().unwrap());
        assert_eq!(offsets(&lanes.take(Lane::Fast, 8)), [0, 1]);
    }
}
