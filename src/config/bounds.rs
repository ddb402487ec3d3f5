//! Values that are of the right type and can't work: outside their range, or against each other.
//!
//! # Failure
//! [`problem`] gives the key and what would be right; the file's line is added where it is read. What a value of
//! any size would do to the process (a thread each, a deadline beyond the clock's end) is said here, not found out by a panic.

use super::Config;
use std::net::SocketAddr;

const YEAR_S: u64 = 366 * 24 * 3_600;

/// What is wrong with it: the key, and what would be right.
pub(super) fn problem(config: &Config) -> Option<(&'static str, String)> {
    ranges(config)
        .or_else(|| sizes(config))
        .or_else(|| names(config))
        .or_else(|| twice(config))
        .or_else(|| config.threading.problem())
        .or_else(|| relays(config))
}

fn ranges(c: &Config) -> Option<(&'static str, String)> {
    let ranges: [(&'static str, u64, u64, u64); 23] = [
        ("smtp.threads", c.smtp.threads as u64, 1, 256),
        ("smtp.recipients_max", c.smtp.recipients_max as u64, 1, 100_000),
        ("smtp.connections_max", c.smtp.connections_max as u64, 1, 1_000_000),
        ("smtp.connections_per_network_max", c.smtp.connections_per_network_max as u64, 1, 1_000_000),
        ("smtp.command_timeout_s", c.smtp.command_timeout_s, 1, YEAR_S),
        ("smtp.body_block_timeout_s", c.smtp.body_block_timeout_s, 1, YEAR_S),
        ("smtp.session_timeout_s", c.smtp.session_timeout_s, 1, YEAR_S),
        ("smtp.shutdown_grace_s", c.smtp.shutdown_grace_s, 0, YEAR_S),
        ("smtp.message_bytes_max", c.smtp.message_bytes_max, 0, 1 << 31),
        ("smtp.inflight_bytes_max", c.smtp.inflight_bytes_max, 0, 1 << 40),
        ("web.session_hours", c.web.session_hours, 1, YEAR_S / 3_600),
        ("database.connections_max", u64::from(c.database.connections_max), 1, 1_000),
        ("database.query_timeout_s", c.database.query_timeout_s, 1, YEAR_S),
        ("intake.workers", c.intake.workers as u64, 0, 256),
        ("intake.batch_max", c.intake.batch_max as u64, 1, 100_000),
        ("intake.batch_wait_ms", c.intake.batch_wait_ms, 0, 60_000),
        ("intake.mail_time_max_s", c.intake.mail_time_max_s, 1, YEAR_S),
        ("intake.attempts_max", u64::from(c.intake.attempts_max), 1, 1_000),
        ("intake.retry_max_s", c.intake.retry_max_s, 1, YEAR_S),
        ("intake.retry_min_ms", c.intake.retry_min_ms, 1, c.intake.retry_max_s.saturating_mul(1_000)),
        ("threading.flood_window_s", c.threading.flood_window_s, 0, YEAR_S),
        ("webhooks.timeout_s", c.webhooks.timeout_s, 1, YEAR_S),
        ("webhooks.retry_max_s", c.webhooks.retry_max_s, 0, YEAR_S),
    ];
    let (key, _, least, most) = ranges.into_iter().find(|(_, value, least, most)| !(least..=most).contains(&value))?;
    let why = if key == "intake.retry_min_ms" { ", which is intake.retry_max_s" } else { "" };
    Some((key, format!("must be from {least} to {most}{why}")))
}

fn sizes(c: &Config) -> Option<(&'static str, String)> {
    let segment = c.journal.segment_bytes;
    let large = c.journal.large_body_bytes;
    let found = if !(1 << 20..=1 << 31).contains(&segment) {
        ("journal.segment_bytes", "must be from 1048576 (1 MiB) to 2147483648 (2 GiB)")
    } else if large < 64 << 10 || large > segment / 2 {
        ("journal.large_body_bytes", "must be at least 65536 (64 KiB) and at most half of journal.segment_bytes")
    } else if c.smtp.message_bytes_max < 64 << 10 {
        ("smtp.message_bytes_max", "must be at least 65536: RFC 5321 4.5.3.1.7 wants 64 KiB")
    } else if c.smtp.inflight_bytes_max < 2 * large {
        ("smtp.inflight_bytes_max", "must be at least twice journal.large_body_bytes, or no mail could pass")
    } else {
        return None;
    };
    Some((found.0, found.1.to_owned()))
}

fn names(c: &Config) -> Option<(&'static str, String)> {
    let hostname = &c.smtp.hostname;
    let of_a_name = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
    if hostname.len() > 255 || !hostname.bytes().all(of_a_name) {
        let what = "is a name of the DNS, such as mx.example.com: letters, digits, hyphens and dots; another script as xn--…";
        return Some(("smtp.hostname", what.to_owned()));
    }
    let certificate = c.tls.certificate.as_os_str().is_empty();
    if certificate != c.tls.key.as_os_str().is_empty() {
        let (there, lacks) = if certificate { ("tls.key", "tls.certificate") } else { ("tls.certificate", "tls.key") };
        return Some((there, format!("needs {lacks} beside it: give both, or neither for a self-signed one")));
    }
    let url = &c.database.url;
    if !(url.is_empty() || ["sqlite:", "postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme))) {
        let what = "must start with `sqlite:` or `postgres://`, or be empty for SQLite in the data folder";
        return Some(("database.url", what.to_owned()));
    }
    let url = c.web.public_url.trim_end_matches('/');
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let is_host = |h: &str| !h.is_empty() && h.bytes().all(of_a_name);
    if !url.is_empty() && !host.is_some_and(is_host) {
        let what = "must be http:// or https:// with a host and, if need be, a port, as https://mail.example.com: the pages stand at its root";
        return Some(("web.public_url", what.to_owned()));
    }
    level(&c.log.level).map(|problem| ("log.level", problem))
}

/// A word that is no level would be taken as the name of a room, and nothing be logged.
fn level(level: &str) -> Option<String> {
    let is_level = |word: &str| ["off", "error", "warn", "info", "debug", "trace"].contains(&word.to_lowercase().as_str());
    let is_room = |word: &str| word.contains("::") || word.starts_with("tidegate") || word.contains('=') || word.contains('[');
    let bad = level.split(',').map(str::trim).find(|word| !is_level(word) && !is_room(word))?;
    Some(format!("has `{bad}`: error, warn, info, debug or trace, or by room, as \"tidegate::smtp=debug,info\""))
}

/// Two listeners on one address. Said here, because the system would only say that it is taken.
fn twice(c: &Config) -> Option<(&'static str, String)> {
    let lists: [(&'static str, &[SocketAddr]); 4] = [
        ("smtp.listen", &c.smtp.listen),
        ("smtp.listen_tls", &c.smtp.listen_tls),
        ("lmtp.listen", &c.lmtp.listen),
        ("web.listen", &c.web.listen),
    ];
    let all: Vec<(&'static str, SocketAddr)> =
        lists.into_iter().flat_map(|(key, addresses)| addresses.iter().map(move |a| (key, *a))).collect();
    let same = |a: SocketAddr, b: SocketAddr| {
        let everywhere = a.ip().is_unspecified() || b.ip().is_unspecified();
        a.port() == b.port() && a.port() != 0 && a.is_ipv4() == b.is_ipv4() && (a.ip() == b.ip() || everywhere)
    };
    all.iter().enumerate().find_map(|(n, (key, address))| {
        let (other, first) = all[..n].iter().find(|(_, a)| same(*a, *address))?;
        Some((*key, format!("has {address}, and {other} has {first}: one address can be listened on once")))
    })
}

fn relays(c: &Config) -> Option<(&'static str, String)> {
    let bad = c.smtp.relays.iter().find(|r| !r.password_hash.starts_with("$argon2"))?;
    Some(("smtp.relays", format!("`{}`: password_hash is made by `tidegate user hash`", bad.name)))
}
