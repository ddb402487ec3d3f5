//! What a run of `tidegate send` came to: counts, rates, latencies, failures.
//!
//! Bounded whatever the run's length: latencies go into a histogram with a relative error of at
//! most 1/64, and only the first failures keep their words.

use super::reply::{Failure, Reply};
use crate::cli::database::plain;
use crate::limits::SEND_FAILURES_LISTED;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// Counts while sending.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Mails answered by 250.
    pub(super) accepted: u64,
    /// Mails refused or lost on the way.
    pub(super) failed: u64,
    /// Recipients refused of mails that others got.
    pub(super) recipients_refused: u64,
    /// Bytes of accepted mails.
    pub(super) bytes: u64,
    latency: Histogram,
    replies: BTreeMap<u16, u64>,
    failures: Vec<Listed>,
}

#[derive(Debug, Clone, Serialize)]
struct Listed {
    mail: String,
    problem: String,
    what_to_do: &'static str,
}

impl Tally {
    /// A mail is on the other side now.
    pub(super) fn accepted(&mut self, bytes: usize, took: Duration, refused: &[Reply]) {
        self.accepted += 1;
        self.bytes += bytes as u64;
        self.latency.record(took);
        *self.replies.entry(250).or_default() += 1;
        self.recipients_refused += refused.len() as u64;
        for reply in refused {
            *self.replies.entry(reply.code).or_default() += 1;
        }
    }

    /// A mail is not.
    pub(super) fn failed(&mut self, mail: &str, failure: &Failure) {
        self.failed += 1;
        if let Some(code) = failure.code() {
            *self.replies.entry(code).or_default() += 1;
        }
        if self.failures.len() < SEND_FAILURES_LISTED {
            self.failures.push(Listed { mail: mail.to_owned(), problem: failure.to_string(), what_to_do: failure.what_to_do() });
        }
    }

    /// The end of it. `unsent` when sending stopped before the last mail.
    pub(super) fn summary(&self, took: Duration, unsent: bool) -> Summary {
        let seconds = took.as_secs_f64();
        let per_second = |n: u64| if seconds > 0.0 { n as f64 / seconds } else { 0.0 };
        let ms = |share: f64| self.latency.at(share).as_secs_f64() * 1e3;
        Summary {
            accepted: self.accepted,
            failed: self.failed,
            recipients_refused: self.recipients_refused,
            stopped_early: unsent,
            seconds,
            mails_per_second: per_second(self.accepted),
            bytes_per_second: per_second(self.bytes),
            latency_ms: Latency { p50: ms(0.5), p90: ms(0.9), p99: ms(0.99), max: self.latency.max.as_secs_f64() * 1e3 },
            replies: self.replies.iter().map(|(code, n)| (code.to_string(), *n)).collect(),
            failures: self.failures.clone(),
        }
    }
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    pub(super) accepted: u64,
    pub(super) failed: u64,
    recipients_refused: u64,
    pub(super) stopped_early: bool,
    seconds: f64,
    mails_per_second: f64,
    bytes_per_second: f64,
    latency_ms: Latency,
    replies: BTreeMap<String, u64>,
    failures: Vec<Listed>,
}

#[derive(Debug, Serialize)]
struct Latency {
    p50: f64,
    p90: f64,
    p99: f64,
    max: f64,
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "{} accepted, {} not, in {:.2} s: {:.0} mails/s, {:.2} MB/s",
            self.accepted,
            self.failed,
            self.seconds,
            self.mails_per_second,
            self.bytes_per_second / 1e6
        )?;
        let l = &self.latency_ms;
        if self.accepted > 0 {
            writeln!(
                f,
                "from MAIL FROM to 250: p50 {:.1} ms, p90 {:.1} ms, p99 {:.1} ms, max {:.1} ms",
                l.p50, l.p90, l.p99, l.max
            )?;
        }
        if !self.replies.is_empty() {
            let codes: Vec<String> = self.replies.iter().map(|(code, n)| format!("{code}: {n}")).collect();
            writeln!(f, "replies: {}", codes.join(", "))?;
        }
        if self.recipients_refused > 0 {
            writeln!(f, "{} recipients were refused of mails that others got", self.recipients_refused)?;
        }
        for x in &self.failures {
            // A file's name and a server's words may hold anything.
            writeln!(f, "not accepted: {}\n  {}\n  {}", plain(&x.mail), plain(&x.problem), x.what_to_do)?;
        }
        let listed = self.failures.len() as u64;
        if self.failed > listed {
            writeln!(f, "and {} more", self.failed - listed)?;
        }
        if self.stopped_early {
            writeln!(f, "stopped before the last mail: no connection was left")?;
        }
        Ok(())
    }
}

/// Microseconds in buckets: 64 for each power of two, so that p99 is right to 1/64.
#[derive(Debug, Default)]
struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    max: Duration,
}

impl Histogram {
    const STEPS: u64 = 64;

    fn record(&mut self, took: Duration) {
        let bucket = Self::bucket(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        if self.buckets.len() <= bucket {
            self.buckets.resize(bucket + 1, 0);
        }
        self.buckets[bucket] += 1;
        self.count += 1;
        self.max = self.max.max(took);
    }

    /// Below 64 each value has its bucket; above, the six bits behind the highest one choose.
    fn bucket(us: u64) -> usize {
        if us < Self::STEPS {
            return us as usize;
        }
        let shift = us.ilog2() - Self::STEPS.ilog2();
        (Self::STEPS * u64::from(shift) + (us >> shift)) as usize
    }

    /// The largest value of a bucket.
    fn ceiling(bucket: usize) -> u64 {
        let bucket = bucket as u64;
        if bucket < 2 * Self::STEPS {
            return bucket;
        }
        let shift = bucket / Self::STEPS - 1;
        let top = bucket - Self::STEPS * shift;
        ((top + 1) << shift) - 1
    }

    /// The value below which this share of all lies.
    fn at(&self, share: f64) -> Duration {
        let wanted = (share * self.count as f64).ceil() as u64;
        let mut seen = 0;
        for (bucket, n) in self.buckets.iter().enumerate() {
            seen += n;
            if seen >= wanted && seen > 0 {
                return Duration::from_micros(Self::ceiling(bucket)).min(self.max);
            }
        }
        self.max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_right_to_a_sixty_fourth() {
        let mut h = Histogram::default();
        for us in 1..=100_000 {
            h.record(Duration::from_micros(us));
        }
        for (share, us) in [(0.5, 50_000.0), (0.9, 90_000.0), (0.99, 99_000.0)] {
            let got = h.at(share).as_micros() as f64;
            assert!(got >= us && got <= us * (1.0 + 1.0 / 64.0) + 1.0, "{share}: {got}");
        }
        assert_eq!(h.max, Duration::from_millis(100));
        assert_eq!(Histogram::default().at(0.5), Duration::ZERO);
    }

    #[test]
    fn a_bucket_holds_its_ceiling() {
        for bucket in 0..2_000 {
            assert_eq!(Histogram::bucket(Histogram::ceiling(bucket)), bucket);
            assert_eq!(Histogram::bucket(Histogram::ceiling(bucket) + 1), bucket + 1);
        }
    }

    #[test]
    fn a_million_failures_are_counted_and_a_few_listed() {
        let mut t = Tally::default();
        let f = Failure::Refused {
            stage: super::super::reply::Stage::RcptTo,
            reply: Reply { code: 550, text: "5.1.1 nobody".into() },
        };
        for _ in 0..1_000 {
            t.failed("a.eml", &f);
        }
        let s = t.summary(Duration::from_secs(1), false);
        let text = s.to_string();
        assert!(text.contains("0 accepted, 1000 not") && text.contains("550: 1000") && text.contains("and 980 more"), "{text}");
        assert!(text.contains("tidegate mailbox"), "{text}");
    }
}
