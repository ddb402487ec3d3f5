//! The configuration: one TOML file, every key with a default, then the environment.
//!
//! Read once into types and validated once. An error names the file, the line and the key, and
//! says what would be right. What it trusts: nothing; the file is the operator's, and typing
//! errors are the usual thing. `config/tidegate.toml` documents every key; a test holds it
//! against these types.
//!
//! Environment: `TIDEGATE_<SECTION>__<KEY>` overrides a key, as `TIDEGATE_SMTP__LISTEN='["0.0.0.0:25"]'`
//! (a TOML value; a bare word is taken as a string).

mod threading;

pub use crate::mail::Network;
pub use threading::{RuleConfig, RulesConfig, ThreadingConfig, TrackerConfig};

use crate::limits::Limits;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A configuration that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("configuration {path} can't be read; give another file with --config, or none for the embedded defaults")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The text is not TOML, or a key is unknown or of the wrong type.
    #[error("configuration {origin}: {message}")]
    Syntax {
        /// The file or the environment variable.
        origin: String,
        /// The place, the key and what was expected.
        message: String,
    },
    /// A value is of the right type and still impossible.
    #[error("configuration {origin}{}: `{key}` {problem}", .line.map(|n| format!(", line {n}")).unwrap_or_default())]
    Invalid {
        /// The file, or where the value came from.
        origin: String,
        /// The line, where the file has the key.
        line: Option<usize>,
        /// Which key, as `section.key`.
        key: &'static str,
        /// What is wrong and what would be right.
        problem: String,
    },
}

/// Everything an operator can set.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Default)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Config {
    pub smtp: SmtpConfig,
    pub lmtp: LmtpConfig,
    pub tls: TlsConfig,
    pub web: WebConfig,
    pub data: DataConfig,
    pub database: DatabaseConfig,
    pub journal: JournalConfig,
    pub intake: IntakeConfig,
    pub threading: ThreadingConfig,
    pub webhooks: WebhookConfig,
    pub log: LogConfig,
    /// Where this came from, for messages: a path, or "embedded defaults".
    #[serde(skip)]
    pub origin: String,
    #[serde(skip)]
    source: String,
}

/// `[smtp]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct SmtpConfig {
    pub listen: Vec<SocketAddr>,
    /// Implicit TLS (RFC 8314).
    pub listen_tls: Vec<SocketAddr>,
    pub hostname: String,
    pub threads: usize,
    pub message_bytes_max: u64,
    pub recipients_max: usize,
    pub connections_max: usize,
    pub connections_per_network_max: usize,
    pub command_timeout_s: u64,
    pub body_block_timeout_s: u64,
    pub session_timeout_s: u64,
    pub shutdown_grace_s: u64,
    pub inflight_bytes_max: u64,
    /// Peers that speak the PROXY protocol: addresses or networks.
    pub proxy_protocol_from: Vec<Network>,
    /// Peers that may send XCLIENT.
    pub xclient_from: Vec<Network>,
    /// Relays that may log in.
    pub relays: Vec<RelayConfig>,
}

/// A relay that may log in with AUTH.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RelayConfig {
    /// Its user name.
    pub name: String,
    /// An Argon2 hash in PHC form, from `tidegate user hash`.
    pub password_hash: String,
}

/// `[lmtp]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct LmtpConfig {
    pub listen: Vec<SocketAddr>,
}

/// `[tls]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Default)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct TlsConfig {
    /// PEM file with the chain; empty: a self-signed one is made in the data folder.
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// `[web]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct WebConfig {
    pub listen: Vec<SocketAddr>,
    /// How browsers reach it; empty: `http://` and the first address listened on.
    pub public_url: String,
    pub session_hours: u64,
    /// Bearer token of the HTTP API; empty: the API is closed.
    pub api_token: String,
}

/// `[data]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct DataConfig {
    pub dir: PathBuf,
}

/// `[database]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct DatabaseConfig {
    /// `sqlite:PATH` or `postgres://…`; empty: SQLite in the data folder.
    pub url: String,
    pub connections_max: u32,
    pub query_timeout_s: u64,
}

/// `[journal]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct JournalConfig {
    pub segment_bytes: u64,
    pub large_body_bytes: u64,
    pub disk_free_bytes_min: u64,
    /// 0 keeps for ever.
    pub retention_days: u32,
}

/// `[intake]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct IntakeConfig {
    /// Readers side by side; 0 holds all mail in the journal.
    pub workers: usize,
    pub batch_max: usize,
    pub batch_wait_ms: u64,
    pub mail_time_max_s: u64,
    pub attempts_max: u32,
    pub slow_lane_bytes: u64,
    pub retry_min_ms: u64,
    pub retry_max_s: u64,
}

/// `[webhooks]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct WebhookConfig {
    pub timeout_s: u64,
    pub retry_max_s: u64,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct LogConfig {
    pub level: String,
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum LogFormat {
    Text,
    Json,
}

const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

impl Default for SmtpConfig {
    fn default() -> Self {
        let l = Limits::default();
        SmtpConfig {
            listen: vec![SocketAddr::new(LOOPBACK, 2525)],
            listen_tls: Vec::new(),
            hostname: String::new(),
            threads: 1,
            message_bytes_max: l.message_bytes_max,
            recipients_max: l.recipients_max,
            connections_max: l.connections_max,
            connections_per_network_max: l.connections_per_network_max,
            command_timeout_s: l.command_timeout.as_secs(),
            body_block_timeout_s: l.body_block_timeout.as_secs(),
            session_timeout_s: l.session_timeout.as_secs(),
            shutdown_grace_s: l.shutdown_grace.as_secs(),
            inflight_bytes_max: l.inflight_bytes_max,
            proxy_protocol_from: Vec::new(),
            xclient_from: Vec::new(),
            relays: Vec::new(),
        }
    }
}

impl Default for LmtpConfig {
    fn default() -> Self {
        LmtpConfig { listen: vec![SocketAddr::new(LOOPBACK, 2424)] }
    }
}

impl Default for WebConfig {
    fn default() -> Self {
        WebConfig {
            listen: vec![SocketAddr::new(LOOPBACK, 8025)],
            public_url: String::new(),
            session_hours: 12,
            api_token: String::new(),
        }
    }
}

impl Default for DataConfig {
    fn default() -> Self {
        DataConfig { dir: PathBuf::from("./tidegate-data") }
    }
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        DatabaseConfig { url: String::new(), connections_max: 8, query_timeout_s: 30 }
    }
}

impl Default for JournalConfig {
    fn default() -> Self {
        let l = Limits::default();
        JournalConfig {
            segment_bytes: 64 << 20,
            large_body_bytes: l.large_body_bytes,
            disk_free_bytes_min: l.disk_free_bytes_min,
            retention_days: 0,
        }
    }
}

impl Default for IntakeConfig {
    fn default() -> Self {
        let l = Limits::default();
        IntakeConfig {
            workers: 2,
            batch_max: l.batch_max,
            batch_wait_ms: 2,
            mail_time_max_s: l.mail_time_max.as_secs(),
            attempts_max: l.attempts_max,
            slow_lane_bytes: l.slow_lane_bytes,
            retry_min_ms: 100,
            retry_max_s: 60,
        }
    }
}

impl Default for WebhookConfig {
    fn default() -> Self {
        WebhookConfig { timeout_s: 10, retry_max_s: 3_600 }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        LogConfig { level: "info".into(), format: LogFormat::Text }
    }
}

impl Config {
    /// Reads a file (or the embedded defaults), then the environment, and validates the whole.
    ///
    /// # Errors
    /// Whatever keeps it from being used; the message is for the operator.
    pub fn load(path: Option<&Path>, environment: impl IntoIterator<Item = (String, String)>) -> Result<Config, ConfigError> {
        let (origin, text) = match path {
            None => ("embedded defaults".to_owned(), String::new()),
            Some(p) => (
                p.display().to_string(),
                std::fs::read_to_string(p).map_err(|source| ConfigError::Unreadable { path: p.to_owned(), source })?,
            ),
        };
        Config::from_text(&origin, &text, environment)
    }

    /// As [`Config::load`], from text.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn from_text(
        origin: &str,
        text: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Config, ConfigError> {
        // The text alone first: its errors carry the line.
        toml::from_str::<Config>(text).map_err(|e| syntax(origin, &e))?;
        let mut table: toml::Table = text.parse().map_err(|e| syntax(origin, &e))?;
        for (name, value) in environment {
            let Some(key) = name.strip_prefix("TIDEGATE_") else { continue };
            let Some((section, key)) = key.split_once("__") else { continue };
            let (section, key) = (section.to_lowercase(), key.to_lowercase());
            let parsed = format!("v = {value}")
                .parse::<toml::Table>()
                .ok()
                .and_then(|mut t| t.remove("v"))
                .unwrap_or(toml::Value::String(value));
            let entry = table.entry(section).or_insert_with(|| toml::Value::Table(toml::Table::new()));
            if let Some(t) = entry.as_table_mut() {
                t.insert(key, parsed);
            }
            // Check after each variable, so that the message names the one at fault.
            toml::Value::Table(table.clone()).try_into::<Config>().map_err(|e| syntax(&format!("environment {name}"), &e))?;
        }
        let mut config: Config = toml::Value::Table(table).try_into().map_err(|e| syntax(origin, &e))?;
        config.origin = origin.to_owned();
        config.source = text.to_owned();
        config.validate()?;
        Ok(config)
    }

    /// Whether another configuration asks for something that only a restart brings: anything but certificates and the log.
    #[must_use]
    pub fn needs_restart_for(&self, new: &Config) -> bool {
        let same = Config { tls: self.tls.clone(), log: self.log.clone(), source: self.source.clone(), ..new.clone() };
        same != *self
    }

    /// An error about a key, with its line where the file has it.
    #[must_use]
    pub fn invalid(&self, key: &'static str, problem: impl Into<String>) -> ConfigError {
        ConfigError::Invalid { origin: self.origin.clone(), line: line_of(&self.source, key), key, problem: problem.into() }
    }

    fn validate(&self) -> Result<(), ConfigError> {
        let positive: [(&'static str, u64); 16] = [
            ("smtp.threads", self.smtp.threads as u64),
            ("smtp.recipients_max", self.smtp.recipients_max as u64),
            ("smtp.connections_max", self.smtp.connections_max as u64),
            ("smtp.connections_per_network_max", self.smtp.connections_per_network_max as u64),
            ("smtp.command_timeout_s", self.smtp.command_timeout_s),
            ("smtp.body_block_timeout_s", self.smtp.body_block_timeout_s),
            ("smtp.session_timeout_s", self.smtp.session_timeout_s),
            ("database.connections_max", u64::from(self.database.connections_max)),
            ("database.query_timeout_s", self.database.query_timeout_s),
            ("intake.batch_max", self.intake.batch_max as u64),
            ("intake.mail_time_max_s", self.intake.mail_time_max_s),
            ("intake.attempts_max", u64::from(self.intake.attempts_max)),
            ("intake.retry_min_ms", self.intake.retry_min_ms),
            ("intake.retry_max_s", self.intake.retry_max_s),
            ("web.session_hours", self.web.session_hours),
            ("webhooks.timeout_s", self.webhooks.timeout_s),
        ];
        for (key, value) in positive {
            if value == 0 {
                return Err(self.invalid(key, "must be at least 1"));
            }
        }
        let segment = self.journal.segment_bytes;
        if !(1 << 20..=1 << 31).contains(&segment) {
            return Err(self.invalid("journal.segment_bytes", "must be from 1048576 (1 MiB) to 2147483648 (2 GiB)"));
        }
        if self.journal.large_body_bytes < 64 << 10 || self.journal.large_body_bytes > segment / 2 {
            return Err(self.invalid(
                "journal.large_body_bytes",
                "must be at least 65536 (64 KiB) and at most half of journal.segment_bytes",
            ));
        }
        if self.smtp.message_bytes_max < 64 << 10 {
            return Err(self.invalid("smtp.message_bytes_max", "must be at least 65536: RFC 5321 4.5.3.1.7 wants 64 KiB"));
        }
        if self.smtp.inflight_bytes_max < 2 * self.journal.large_body_bytes {
            return Err(
                self.invalid("smtp.inflight_bytes_max", "must be at least twice journal.large_body_bytes, or no mail could pass")
            );
        }
        if self.tls.certificate.as_os_str().is_empty() != self.tls.key.as_os_str().is_empty() {
            return Err(self.invalid("tls.key", "goes with tls.certificate: give both, or neither for a self-signed one"));
        }
        let url = &self.database.url;
        if !(url.is_empty() || url.starts_with("sqlite:") || url.starts_with("postgres://") || url.starts_with("postgresql://")) {
            return Err(self.invalid(
                "database.url",
                "must start with `sqlite:` or `postgres://`, or be empty for SQLite in the data folder",
            ));
        }
        if let Some((key, problem)) = self.threading.problem() {
            return Err(self.invalid(key, problem));
        }
        for r in &self.smtp.relays {
            if !r.password_hash.starts_with("$argon2") {
                return Err(self.invalid("smtp.relays", format!("`{}`: password_hash is made by `tidegate user hash`", r.name)));
            }
        }
        Ok(())
    }

    /// The limits in force with this configuration.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits {
            connections_max: self.smtp.connections_max,
            connections_per_network_max: self.smtp.connections_per_network_max,
            recipients_max: self.smtp.recipients_max,
            message_bytes_max: self.smtp.message_bytes_max,
            command_timeout: Duration::from_secs(self.smtp.command_timeout_s),
            body_block_timeout: Duration::from_secs(self.smtp.body_block_timeout_s),
            session_timeout: Duration::from_secs(self.smtp.session_timeout_s),
            shutdown_grace: Duration::from_secs(self.smtp.shutdown_grace_s),
            inflight_bytes_max: self.smtp.inflight_bytes_max,
            large_body_bytes: self.journal.large_body_bytes,
            disk_free_bytes_min: self.journal.disk_free_bytes_min,
            batch_max: self.intake.batch_max,
            batch_wait: Duration::from_millis(self.intake.batch_wait_ms),
            mail_time_max: Duration::from_secs(self.intake.mail_time_max_s),
            attempts_max: self.intake.attempts_max,
            slow_lane_bytes: self.intake.slow_lane_bytes,
            threading: self.threading.policy(),
            ..Limits::default()
        }
    }

    /// Where the journal lives.
    #[must_use]
    pub fn journal_dir(&self) -> PathBuf {
        self.data.dir.join("journal")
    }

    /// The database's URL, with the default filled in.
    #[must_use]
    pub fn database_url(&self) -> String {
        if self.database.url.is_empty() {
            format!("sqlite:{}", self.data.dir.join("tidegate.sqlite").display())
        } else {
            self.database.url.clone()
        }
    }

    /// The name in greetings and replies: `smtp.hostname`, else this machine's.
    #[must_use]
    pub fn hostname(&self) -> String {
        if !self.smtp.hostname.is_empty() {
            return self.smtp.hostname.clone();
        }
        std::fs::read_to_string("/proc/sys/kernel/hostname")
            .map(|s| s.trim().to_owned())
            .ok()
            .filter(|s| !s.is_empty())
            .unwrap_or_else(|| "localhost".to_owned())
    }
}

fn syntax(origin: &str, e: &toml::de::Error) -> ConfigError {
    ConfigError::Syntax { origin: origin.to_owned(), message: e.to_string().trim_end().to_owned() }
}

/// The line (from 1) on which a file sets `section.key`.
fn line_of(text: &str, dotted: &str) -> Option<usize> {
    let (section, key) = dotted.rsplit_once('.')?;
    let mut here = String::new();
    for (n, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[') {
            here = name.trim_matches(|c| c == '[' || c == ']').trim().to_owned();
            if here == dotted {
                return Some(n + 1);
            }
        } else if here == section && line.split('=').next().map(str::trim) == Some(key) {
            return Some(n + 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Config, ConfigError> {
        Config::from_text("t.toml", text, [])
    }

    #[test]
    fn nothing_at_all_is_a_good_configuration() {
        let c = load("").unwrap();
        assert_eq!(c.smtp.listen, vec!["127.0.0.1:2525".parse().unwrap()]);
        assert_eq!(c.limits(), Limits::default());
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let e = load("[smtp]\nlisten = []\nlisten_tsl = []\n").unwrap_err().to_string();
        assert!(e.contains("line 3") && e.contains("listen_tsl") && e.contains("listen_tls"), "{e}");
    }

    #[test]
    fn an_impossible_value_is_named_with_its_line() {
        let e = load("[journal]\n\nsegment_bytes = 3\n").unwrap_err().to_string();
        assert!(e.contains("line 3") && e.contains("`journal.segment_bytes`") && e.contains("1 MiB"), "{e}");
    }

    #[test]
    fn the_environment_overrides_and_is_named_when_wrong() {
        let env = |k: &str, v: &str| [(k.to_owned(), v.to_owned())];
        let c = Config::from_text("t", "", env("TIDEGATE_SMTP__LISTEN", "[\"127.0.0.1:0\"]")).unwrap();
        assert_eq!(c.smtp.listen[0].port(), 0);
        let c = Config::from_text("t", "", env("TIDEGATE_LOG__LEVEL", "debug")).unwrap();
        assert_eq!(c.log.level, "debug");
        let e = Config::from_text("t", "", env("TIDEGATE_SMTP__LISTEN", "7")).unwrap_err().to_string();
        assert!(e.contains("TIDEGATE_SMTP__LISTEN"), "{e}");
    }
}
