//! How many mails a second the store attaches, in batches of 1, 100 and 500, on one connection; and what a mail costs
//! beside many stored messages and in an endless conversation.
//!
//! `cargo bench --bench attach` for SQLite in the temporary folder; with TEST_DATABASE_URL PostgreSQL too
//! (`WITH_POSTGRES_DURABLE=1 scripts/with-postgres cargo bench --bench attach`). Every commit is durable.
//! `-- stored 1000 100000 5000000` for the cost beside so many stored messages (5 million need about 25 GB of disk and
//! 10 minutes a database), `-- endless` for the cost in one conversation of 100,000. `sqlite` or `postgres` leaves the other out.
//! CPU is this process's own: SQLite's work is in it, a PostgreSQL server's is not.

#![allow(clippy::unwrap_used)]

mod mails;
mod stored;

use mails::mail;
use prometheus_client::registry::Registry;
use sqlx::{AssertSqlSafe, Connection, Executor};
use std::time::{Duration, Instant};
use stored::{Filled, Kind};
use tidegate::mail::{ConversationId, Decision, JournalId, Prepared, ThreadIndex, ThreadKeys};
use tidegate::store::Store;
use tidegate::telemetry::Metrics;
use uuid::Uuid;

/// Mails of one measurement.
const MAILS: usize = 20_000;
/// Mails of one measurement when each is a transaction of its own.
const MAILS_ALONE: usize = 2_000;

/// The rules of the product.
fn threading(keys: &ThreadKeys, index: &ThreadIndex, fresh: ConversationId) -> Decision {
    tidegate::threading::decide(keys, index, fresh)
}

/// User and system time of this process.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Fields 14 and 15, counted behind the name in parentheses, in ticks of 10 ms.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|f| f.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// Where the time went, by the names of the queries, if SHOW_QUERIES is set.
fn show_queries(registry: &Registry) {
    if std::env::var_os("SHOW_QUERIES").is_none() {
        return;
    }
    let text = tidegate::telemetry::render(registry).unwrap();
    let mut sums: Vec<(f64, &str)> = text
        .lines()
        .filter_map(|l| l.strip_prefix("tidegate_store_query_seconds_sum"))
        .filter_map(|l| l.split_once(' '))
        .filter_map(|(name, sum)| Some((sum.parse().ok()?, name)))
        .collect();
    sums.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (sum, name) in sums.iter().take(25) {
        println!("    {sum:8.3} s  {name}");
    }
}

async fn measure(what: &str, url: &str) {
    let (metrics, registry) = Metrics::new();
    let store = Store::open(url, 4, Duration::from_secs(30), metrics).await.unwrap();
    store.migrate().await.unwrap();
    for size in [1, 100, 500] {
        let organisation = store.add_organisation(&format!("bench {size}"), None).await.unwrap();
        let mailbox = store.add_mailbox(organisation, &format!("help@desk{size}.test")).await.unwrap();
        let mails = if size == 1 { MAILS_ALONE } else { MAILS };
        let batches: Vec<Vec<Prepared>> = (0..mails)
            .step_by(size)
            .map(|from| {
                let mut batch: Vec<Prepared> = (from..from + size).map(|n| mail(organisation, mailbox, n)).collect();
                // A journal of its own for each measurement: positions are identities.
                batch.iter_mut().for_each(|m| m.locator.journal = JournalId(Uuid::from_u128(size as u128)));
                batch
            })
            .collect();
        let (begun, cpu_before) = (Instant::now(), cpu());
        for batch in &batches {
            store.attach(batch, &threading).await.unwrap();
        }
        let (took, cpu) = (begun.elapsed(), cpu() - cpu_before);
        println!(
            "{what:<10} batches of {size:>3}: {:>7.0} mails/s, {:.3} ms each, {:.3} ms CPU each",
            mails as f64 / took.as_secs_f64(),
            took.as_secs_f64() * 1e3 / mails as f64,
            cpu.as_secs_f64() * 1e3 / mails as f64,
        );
    }
    show_queries(&registry);
    store.close().await;
}

/// A database of its own for one measurement, removed afterwards.
enum Place {
    Sqlite(tempfile::TempDir),
    Postgres { server: String, name: String },
}

impl Place {
    fn sqlite() -> (Place, String) {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("bench.sqlite").display());
        (Place::Sqlite(dir), url)
    }

    async fn postgres(server: &str) -> (Place, String) {
        let name = format!("tidegate_bench_{}", Uuid::now_v7().simple());
        let mut conn = sqlx::PgConnection::connect(server).await.unwrap();
        conn.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
        conn.close().await.unwrap();
        let url = server.replacen("/postgres?", &format!("/{name}?"), 1);
        assert_ne!(url, server, "TEST_DATABASE_URL is expected to be of scripts/with-postgres");
        (Place::Postgres { server: server.to_owned(), name }, url)
    }

    async fn remove(self) {
        match self {
            Place::Sqlite(dir) => dir.close().unwrap(),
            Place::Postgres { server, name } => {
                let mut conn = sqlx::PgConnection::connect(&server).await.unwrap();
                conn.execute(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).await.unwrap();
                conn.close().await.unwrap();
            }
        }
    }
}

/// What was asked for on the command line.
enum Asked {
    Batches,
    Stored(Vec<u64>),
    Endless,
}

async fn run(kind: Kind, what: &str, asked: &Asked, server: &str) {
    let place = async || match kind {
        Kind::Sqlite => Place::sqlite(),
        Kind::Postgres => Place::postgres(server).await,
    };
    match asked {
        Asked::Batches => {
            let (place, url) = place().await;
            measure(what, &url).await;
            place.remove().await;
        }
        Asked::Endless => {
            let (place, url) = place().await;
            stored::long_conversation(what, &url).await;
            place.remove().await;
        }
        Asked::Stored(sizes) => {
            let (mut places, mut filled) = (Vec::new(), Vec::new());
            for size in sizes {
                let (place, url) = place().await;
                filled.push(Filled::new(kind, what, &url, *size).await);
                places.push(place);
            }
            stored::measure(what, filled).await;
            for place in places {
                place.remove().await;
            }
        }
    }
}

fn main() {
    let mut words: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let mut named = |database: &str| {
        let before = words.len();
        words.retain(|word| word != database);
        words.len() < before
    };
    let (only_sqlite, only_postgres) = (named("sqlite"), named("postgres"));
    let asked = match words.split_first() {
        Some((word, sizes)) if word == "stored" => Asked::Stored(sizes.iter().map(|s| s.parse().unwrap()).collect()),
        Some((word, _)) if word == "endless" => Asked::Endless,
        _ => Asked::Batches,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        if !only_postgres {
            run(Kind::Sqlite, "sqlite", &asked, "").await;
        }
        match std::env::var("TEST_DATABASE_URL") {
            _ if only_sqlite => {}
            Ok(server) => run(Kind::Postgres, "postgres", &asked, &server).await,
            Err(_) => println!("postgres   left out: TEST_DATABASE_URL is not set (scripts/with-postgres sets it)"),
        }
    });
}
