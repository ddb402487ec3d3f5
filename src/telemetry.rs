//! Tracing and metrics: the one place for their names.
//!
//! Logs carry ids, never addresses, subjects or bodies. Metric labels come from closed sets.

#[cfg(not(fuzzing))]
use crate::config::{LogConfig, LogFormat};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use std::sync::Arc;

/// One label from a closed set.
pub type Label = [(&'static str, &'static str); 1];
/// Two labels from closed sets.
pub type Labels2 = [(&'static str, &'static str); 2];

/// Histograms by one label.
pub type HistogramFamily = Family<Label, Histogram, fn() -> Histogram>;

/// Seconds from 50 µs to about 100 s.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.000_05, 2.0, 21))
}

/// Counts from 1 to 4,096.
fn sizes() -> Histogram {
    Histogram::new(exponential_buckets(1.0, 2.0, 13))
}

macro_rules! metrics {
    ($( $(#[doc = $help:literal])+ $name:ident : $ty:ty $(= $init:expr)? , $registered:literal $(, $unit:expr)? ; )+) => {
        /// Every metric of the gateway. The doc comment is the help text.
        #[derive(Debug)]
        pub struct Metrics {
            $( $(#[doc = $help])+ pub $name: $ty, )+
        }

        impl Metrics {
            /// Makes and registers them all.
            #[must_use]
            pub fn new() -> (Arc<Metrics>, Registry) {
                let mut registry = Registry::with_prefix("tidegate");
                let m = Metrics { $( $name: metrics!(@init $($init)?), )+ };
                $( metrics!(@register registry, $registered, concat!($($help),+).trim(), m.$name.clone() $(, $unit)?); )+
                (Arc::new(m), registry)
            }
        }
    };
    (@init) => { Default::default() };
    (@init $init:expr) => { $init };
    (@register $r:ident, $n:literal, $h:expr, $m:expr) => { $r.register($n, $h, $m) };
    (@register $r:ident, $n:literal, $h:expr, $m:expr, $u:expr) => { $r.register_with_unit($n, $h, $u, $m) };
}

metrics! {
    /// Connections taken, by listener
    smtp_connections: Family<Label, Counter>, "smtp_connections";
    /// Connections open now
    smtp_connections_open: Gauge, "smtp_connections_open";
    /// Replies sent, by code
    smtp_replies: Family<Label, Counter>, "smtp_replies";
    /// Deviations of clients that were tolerated, by what
    smtp_tolerated: Family<Label, Counter>, "smtp_tolerated";
    /// Things refused, by reason
    smtp_refused: Family<Label, Counter>, "smtp_refused";
    /// Bytes of accepted mails
    smtp_message: Counter, "smtp_message", Unit::Bytes;
    /// Bytes of bodies in memory that are not in the journal yet
    smtp_inflight: Gauge, "smtp_inflight", Unit::Bytes;
    /// Mails written to the journal and acknowledged
    journal_mails: Counter, "journal_mails";
    /// Bytes written to the journal
    journal_written: Counter, "journal_written", Unit::Bytes;
    /// Time of one write with its fdatasync
    journal_sync: Histogram = seconds(), "journal_sync", Unit::Seconds;
    /// Mails that shared one fdatasync
    journal_batch: Histogram = sizes(), "journal_batch_mails";
    /// Failures of the journal's disk, by kind
    journal_errors: Family<Label, Counter>, "journal_errors";
    /// Segment files on the disk
    journal_segments: Gauge, "journal_segments";
    /// Mails that left the intake, by outcome
    intake_outcomes: Family<Label, Counter>, "intake_outcomes";
    /// Mails waiting, by lane
    intake_waiting: Family<Label, Gauge>, "intake_waiting";
    /// Age of the oldest mail without a disposition, by lane
    intake_oldest_age: Family<Label, Gauge>, "intake_oldest_age", Unit::Seconds;
    /// Time in a stage (read, batch, attach), by stage
    intake_stage: HistogramFamily = HistogramFamily::new_with_constructor(seconds), "intake_stage", Unit::Seconds;
    /// Mails attached in one transaction
    intake_batch: Histogram = sizes(), "intake_batch_mails";
    /// Attempts that will be repeated, by reason
    intake_retries: Family<Label, Counter>, "intake_retries";
    /// Repairs made while reading, by code and sending client
    normalize_repairs: Family<Labels2, Counter>, "normalize_repairs";
    /// Mails read, by class
    classify_mails: Family<Label, Counter>, "classify_mails";
    /// Decisions where a mail belongs, by rule
    threading_decisions: Family<Label, Counter>, "threading_decisions";
    /// Mails held by a rule, by reason: `foreign-evidence`, `forged-participant`, `loop` and `invalid-tokens` are alarms
    threading_holds: Family<Label, Counter>, "threading_holds";
    /// Time of a named query
    store_query: HistogramFamily = HistogramFamily::new_with_constructor(seconds), "store_query", Unit::Seconds;
    /// Errors of the database, by kind
    store_errors: Family<Label, Counter>, "store_errors";
    /// (mail, organisation) pairs by disposition, as the last look at the books found them
    ledger_pairs: Family<Label, Gauge>, "ledger_pairs";
    /// 1 when the books balanced at the last look
    ledger_balanced: Gauge, "ledger_balanced";
    /// Webhook deliveries, by outcome
    webhook_deliveries: Family<Label, Counter>, "webhook_deliveries";
    /// HTTP requests, by status class
    web_requests: Family<Label, Counter>, "web_requests";
}

/// Renders the registry as Prometheus reads it.
///
/// # Errors
/// Never in practice: writing into a `String` does not fail.
pub fn render(registry: &Registry) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    prometheus_client::encoding::text::encode(&mut out, registry)?;
    Ok(out)
}

type SetLevel = dyn Fn(&str) -> Result<(), String> + Send + Sync;

/// Changes the log level while running (SIGHUP).
pub struct LogHandle(Box<SetLevel>);

impl std::fmt::Debug for LogHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LogHandle")
    }
}

impl LogHandle {
    /// Sets the level: `info`, or directives such as `tidegate::smtp=debug,info`.
    ///
    /// # Errors
    /// The words of the directive that are not understood.
    pub fn set(&self, level: &str) -> Result<(), String> {
        (self.0)(level)
    }
}

/// Starts logging to standard error. Called once, by `main`.
///
/// # Errors
/// The level is not understood, or logging was started before.
#[cfg(not(fuzzing))]
pub fn start_logging(config: &LogConfig) -> Result<LogHandle, String> {
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::util::SubscriberInitExt;
    use tracing_subscriber::{EnvFilter, Registry, fmt, reload};
    let parse = |level: &str| EnvFilter::builder().parse(level).map_err(|e| format!("`{level}` is not a log level: {e}"));
    let (filter, handle) = reload::Layer::new(parse(&config.level)?);
    let registry = Registry::default().with(filter);
    match config.format {
        LogFormat::Text => {
            let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
            registry.with(fmt::layer().with_ansi(colours).with_writer(std::io::stderr)).try_init()
        }
        LogFormat::Json => registry.with(fmt::layer().json().with_writer(std::io::stderr)).try_init(),
    }
    .map_err(|e| e.to_string())?;
    Ok(LogHandle(Box::new(move |level| {
        let filter = EnvFilter::builder().parse(level).map_err(|e| format!("`{level}` is not a log level: {e}"))?;
        handle.reload(filter).map_err(|e| e.to_string())
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_rendered_with_their_help_and_unit() {
        let (m, registry) = Metrics::new();
        m.smtp_replies.get_or_create(&[("code", "250")]).inc();
        m.journal_sync.observe(0.001);
        let text = render(&registry).unwrap();
        assert!(text.contains("tidegate_smtp_replies_total{code=\"250\"} 1"), "{text}");
        assert!(text.contains("# HELP tidegate_journal_sync_seconds Time of one write"), "{text}");
    }
}
