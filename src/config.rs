//! The configuration: one TOML file, every key with a default, then the environment.
//!
//! Read once into types and validated once. An error names the file, the line and the key, and
//! says what would be right. What it trusts: nothing; the file is the operator's, and typing
//! errors are the usual thing. `config/tidegate.toml` documents every key; a test holds it
//! against these types.
//!
//! Environment: `TIDEGATE_<SECTION>__<KEY>` overrides a key, as `TIDEGATE_SMTP__LISTEN='["0.0.0.0:25"]'`
//! (a TOML value; a bare word is taken as a string).

mod bounds;
mod environment;
mod threading;
mod words;

pub use crate::mail::Network;
pub use threading::{RuleConfig, RulesConfig, ThreadingConfig, TrackerConfig};

use crate::limits::Limits;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
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
    /// Keys that the environment set, with the variable's name.
    #[serde(skip)]
    overridden: BTreeMap<String, String>,
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
            Some(p) => {
                let bytes = std::fs::read(p).map_err(|source| ConfigError::Unreadable { path: p.to_owned(), source })?;
                let origin = p.display().to_string();
                (origin.clone(), words::utf8(bytes).map_err(|message| ConfigError::Syntax { origin, message })?)
            }
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
        let syntax = |origin: &str, message| ConfigError::Syntax { origin: origin.to_owned(), message };
        // The text alone first: its errors carry the line.
        toml::from_str::<Config>(text).map_err(|e| syntax(origin, words::explain(&e)))?;
        let mut table: toml::Table = text.parse().map_err(|e| syntax(origin, words::explain(&e)))?;
        let mut overridden = BTreeMap::new();
        for (name, value) in environment {
            let set = environment::set(&mut table, &name, value);
            if let Some(key) = set.map_err(|message| syntax(&format!("environment {name}"), message))? {
                overridden.insert(key, name);
            }
        }
        let mut config: Config = toml::Value::Table(table).try_into().map_err(|e| syntax(origin, words::explain(&e)))?;
        config.origin = origin.to_owned();
        config.source = text.to_owned();
        config.overridden = overridden;
        match bounds::problem(&config) {
            Some((key, problem)) => Err(config.invalid(key, problem)),
            None => Ok(config),
        }
    }

    /// Whether another configuration asks for something that only a restart brings: anything but certificates and the log.
    #[must_use]
    pub fn needs_restart_for(&self, new: &Config) -> bool {
        let same = Config {
            tls: self.tls.clone(),
            log: self.log.clone(),
            source: self.source.clone(),
            overridden: self.overridden.clone(),
            ..new.clone()
        };
        same != *self
    }

    /// An error about a key, with its line where the file has it, or the variable of the environment that set it.
    #[must_use]
    pub fn invalid(&self, key: &'static str, problem: impl Into<String>) -> ConfigError {
        let (origin, line) = match self.overridden.get(key) {
            Some(variable) => (format!("environment {variable}"), None),
            None => (self.origin.clone(), words::line_of(&self.source, key)),
        };
        ConfigError::Invalid { origin, line, key, problem: problem.into() }
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

#[cfg(test)]
mod tests;
