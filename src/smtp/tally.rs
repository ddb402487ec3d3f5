//! What reception counts: closed sets of words, so that metrics stay small and hold nothing personal.
//!
//! # Failure
//! None: counting is an atomic addition.

use crate::telemetry::Metrics;
use prometheus_client::metrics::counter::Counter;
use std::fmt;
use std::sync::Arc;

/// A deviation of a client that was accepted all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tolerated {
    /// A command ended by LF alone, or by more than one CR before it.
    LineEnd,
    /// MAIL without HELO.
    NoHelo,
    /// HELO without a name, or with one that no host has.
    OddHelo,
    /// White space where the grammar has none.
    Space,
    /// A path without `<` and `>`, or with one of them.
    NoBrackets,
    /// The colon after FROM or TO is missing.
    NoColon,
    /// `<@relay:user@example>` (RFC 5321 appendix C).
    SourceRoute,
    /// A path that is no address by the grammar: double dots, blanks, no domain, a name in front.
    OddAddress,
    /// Eight-bit characters in a path without SMTPUTF8.
    Utf8Unasked,
    /// Bytes that are no UTF-8; taken for Latin-1.
    NotUtf8,
    /// A parameter of MAIL or RCPT that nobody knows, or a known one with a value nobody knows.
    UnknownParameter,
    /// Something behind a command that takes nothing.
    Argument,
    /// Commands that were sent together with STARTTLS; they were dropped.
    PipelinedStarttls,
    /// A connection that ended without QUIT, outside of a body.
    NoQuit,
}

impl Tolerated {
    /// The stable word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Tolerated::LineEnd => "line-end",
            Tolerated::NoHelo => "no-helo",
            Tolerated::OddHelo => "odd-helo",
            Tolerated::Space => "space",
            Tolerated::NoBrackets => "no-brackets",
            Tolerated::NoColon => "no-colon",
            Tolerated::SourceRoute => "source-route",
            Tolerated::OddAddress => "odd-address",
            Tolerated::Utf8Unasked => "utf8-unasked",
            Tolerated::NotUtf8 => "not-utf8",
            Tolerated::UnknownParameter => "unknown-parameter",
            Tolerated::Argument => "argument",
            Tolerated::PipelinedStarttls => "pipelined-starttls",
            Tolerated::NoQuit => "no-quit",
        }
    }
}

/// Something that was refused, or cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refused {
    /// Over `connections_max`.
    Connections,
    /// Over `connections_per_network_max`.
    ConnectionsPerNetwork,
    /// The listener could not accept (out of file descriptors, mostly).
    Accept,
    /// Over `command_bytes_max`.
    CommandTooLong,
    /// A command that is unknown or not understood.
    Command,
    /// A command at the wrong time.
    Sequence,
    /// A web browser, or somebody who uses one to speak SMTP.
    Http,
    /// Over `errors_max`.
    Errors,
    /// Over `transactions_max`.
    Transactions,
    /// Over `recipients_max`.
    Recipients,
    /// Over `message_bytes_max`.
    Size,
    /// No mailbox takes it.
    UnknownRecipient,
    /// Over `inflight_bytes_max`.
    Memory,
    /// The journal's disk is full.
    DiskFull,
    /// The journal's disk is failing.
    Disk,
    /// A wrong user name or password.
    Authentication,
    /// XCLIENT from a peer that may not.
    Xclient,
    /// A trusted peer without a (proper) PROXY header.
    ProxyHeader,
    /// A TLS handshake that failed or took too long.
    Tls,
    /// Over `command_timeout`.
    CommandTimeout,
    /// Over `body_block_timeout`.
    BodyTimeout,
    /// Over `session_timeout`.
    SessionTimeout,
    /// The client did not read its replies in time.
    WriteTimeout,
    /// The client went away in the middle of a body.
    BrokenBody,
    /// Tidegate is shutting down.
    Shutdown,
    /// A fault in Tidegate ended one session.
    Panic,
}

impl Refused {
    /// The stable word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Refused::Connections => "connections",
            Refused::ConnectionsPerNetwork => "connections-per-network",
            Refused::Accept => "accept",
            Refused::CommandTooLong => "command-too-long",
            Refused::Command => "command",
            Refused::Sequence => "sequence",
            Refused::Http => "http",
            Refused::Errors => "errors",
            Refused::Transactions => "transactions",
            Refused::Recipients => "recipients",
            Refused::Size => "size",
            Refused::UnknownRecipient => "unknown-recipient",
            Refused::Memory => "memory",
            Refused::DiskFull => "disk-full",
            Refused::Disk => "disk",
            Refused::Authentication => "authentication",
            Refused::Xclient => "xclient",
            Refused::ProxyHeader => "proxy-header",
            Refused::Tls => "tls",
            Refused::CommandTimeout => "command-timeout",
            Refused::BodyTimeout => "body-timeout",
            Refused::SessionTimeout => "session-timeout",
            Refused::WriteTimeout => "write-timeout",
            Refused::BrokenBody => "broken-body",
            Refused::Shutdown => "shutdown",
            Refused::Panic => "panic",
        }
    }
}

/// The codes of our replies, with their labels.
const CODES: [(u16, &str); 23] = [
    (250, "250"),
    (354, "354"),
    (220, "220"),
    (221, "221"),
    (214, "214"),
    (235, "235"),
    (252, "252"),
    (334, "334"),
    (421, "421"),
    (451, "451"),
    (452, "452"),
    (454, "454"),
    (500, "500"),
    (501, "501"),
    (502, "502"),
    (503, "503"),
    (504, "504"),
    (535, "535"),
    (538, "538"),
    (550, "550"),
    (552, "552"),
    (554, "554"),
    (0, "other"),
];

/// Counts for one gateway. The reply counters are resolved once: looking a label up for every
/// reply would cost more than making it.
pub struct Tally {
    metrics: Arc<Metrics>,
    replies: [Counter; CODES.len()],
}

impl fmt::Debug for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tally")
    }
}

impl Tally {
    /// Counts into these metrics.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Tally {
        let replies = CODES.map(|(_, label)| metrics.smtp_replies.get_or_create(&[("code", label)]).clone());
        Tally { metrics, replies }
    }

    /// The metrics themselves.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// A reply with this code was made.
    pub fn reply(&self, code: u16) {
        let index = CODES.iter().position(|(c, _)| *c == code).unwrap_or(CODES.len() - 1);
        self.replies[index].inc();
    }

    /// A deviation was tolerated.
    pub fn tolerated(&self, what: Tolerated) {
        self.metrics.smtp_tolerated.get_or_create(&[("what", what.as_str())]).inc();
    }

    /// Something was refused or cut.
    pub fn refused(&self, why: Refused) {
        self.metrics.smtp_refused.get_or_create(&[("reason", why.as_str())]).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_own_counter_and_strange_ones_share_one() {
        let (metrics, registry) = Metrics::new();
        let tally = Tally::new(metrics);
        tally.reply(354);
        tally.reply(299);
        tally.tolerated(Tolerated::LineEnd);
        tally.refused(Refused::Http);
        let text = crate::telemetry::render(&registry).unwrap();
        for line in [
            "tidegate_smtp_replies_total{code=\"354\"} 1",
            "tidegate_smtp_replies_total{code=\"other\"} 1",
            "tidegate_smtp_tolerated_total{what=\"line-end\"} 1",
            "tidegate_smtp_refused_total{reason=\"http\"} 1",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }
}
