//! The database: SQLite or PostgreSQL behind one interface.
//!
//! Organisations and mailboxes, conversations with their messages and people, the quarantine, the
//! dispositions that the ledger counts, the outbox, and who may look. `docs/schema.md` describes the
//! tables; every query is a named text in the file of its noun, written once where one text serves
//! both databases.
//!
//! SQLite has one connection that writes (`BEGIN IMMEDIATE`, WAL, synchronous=FULL) and a pool that
//! only reads. PostgreSQL has one pool, and a lock for each organisation while mails are attached, so
//! that nodes side by side make the same conversations as one.
//!
//! # Failure
//! A call does all it promises in one transaction or nothing. [`Error::is_transient`] says whether
//! to try again; opening PostgreSQL succeeds while the server is away, and every call waits at most
//! for a connection and the query timeout.
//!
//! # Trust
//! Values come from mails and are only ever bound, never written into a query's text.

mod activity;
mod attach;
mod audit;
mod connection;
mod conversation;
mod directory;
mod error;
mod index;
mod ledger;
mod links;
mod merge;
mod outbound;
mod outbox;
mod plan;
mod quarantine;
mod reading;
mod review;
mod token;
mod user;
mod value;
mod webhook;
mod writes;

pub use activity::ActivitySweep;
pub use attach::Decide;
pub use audit::AuditEntry;
pub use conversation::{AttachmentRow, Conversation, Message, Participant};
pub use directory::{MailboxRow, Organisation};
pub use error::Error;
pub use links::ConversationLink;
pub use outbound::{Outbound, Registered};
pub use outbox::{EventKind, OutboxEvent};
pub use quarantine::{QuarantineItem, QuarantineState, ReleasedItem, Summary};
pub use reading::rfc3339;
pub use review::QuarantineFilter;
pub use user::{TokenHash, User};
pub use webhook::{Endpoint, EndpointId};

use crate::telemetry::Metrics;
use connection::{Conn, Query, Raw, Texts};
use sqlx::Executor as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqlSafeStr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use value::values;

/// Wait for a connection of a pool, or for SQLite's lock: above it the work is tried again.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// Prepared statements kept by each connection: all of the store's, with all sizes of its bulks.
const STATEMENTS_MAX: usize = 256;
/// SQLite's pages kept by each connection that reads, in KiB (16 MiB), as the pragma wants it.
const READER_CACHE: &str = "-16384";
/// SQLite's pages kept by the one that writes, in KiB (64 MiB): a batch, and the inner pages of trees of some million rows.
/// With the default of 2 MiB a large batch is written twice.
const WRITER_CACHE: &str = "-65536";
/// Pages of SQLite's WAL before they are written into the file: 64 MiB. The default of 1,000 is two batches beside many
/// stored messages, and each checkpoint waits for the disk twice.
const WAL_PAGES: &str = "16384";

/// A handle on the database; cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    pools: Pools,
    query_timeout: Duration,
    metrics: Arc<Metrics>,
    texts: Texts,
}

#[derive(Debug)]
enum Pools {
    Sqlite { write: SqlitePool, read: SqlitePool },
    Postgres(PgPool),
}

impl Shared {
    /// Times a query by its name and counts its failure.
    fn observe<T>(&self, name: &'static str, begun: Instant, result: Result<T, Error>) -> Result<T, Error> {
        self.metrics.store_query.get_or_create(&[("query", name)]).observe(begun.elapsed().as_secs_f64());
        if let Err(e) = &result {
            self.metrics.store_errors.get_or_create(&[("kind", e.kind())]).inc();
        }
        result
    }
}

impl Store {
    /// Connects, without migrating. `url` is `sqlite:PATH` or `postgres://…`. SQLite's file is opened, and made
    /// with its folder when missing; a connection to PostgreSQL is lazy: this succeeds when the server is away.
    ///
    /// # Errors
    /// The url is not understood, or the SQLite file can't be opened.
    pub async fn open(url: &str, connections_max: u32, query_timeout: Duration, metrics: Arc<Metrics>) -> Result<Store, Error> {
        let pools = if let Some(path) = url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            open_sqlite(url, path, connections_max).await?
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Pools::Postgres(open_postgres(url, connections_max, query_timeout)?)
        } else {
            return Err(Error::Url { url: without_password(url), problem: "is of no database that is known".to_owned() });
        };
        Ok(Store { shared: Arc::new(Shared { pools, query_timeout, metrics, texts: Texts::default() }) })
    }

    /// Runs what is missing of the migrations. Several nodes may do so at once.
    ///
    /// # Errors
    /// The database, or a schema of a newer Tidegate.
    pub async fn migrate(&self) -> Result<(), Error> {
        let begun = Instant::now();
        let result = match &self.shared.pools {
            Pools::Sqlite { write, .. } => {
                let steps = migrations(&[
                    ("first", include_str!("../../migrations/sqlite/0001_first.sql")),
                    ("threading", include_str!("../../migrations/sqlite/0002_threading.sql")),
                    ("groups", include_str!("../../migrations/sqlite/0003_groups.sql")),
                    ("fewer pages", include_str!("../../migrations/sqlite/0004_fewer_pages.sql")),
                    ("activity", include_str!("../../migrations/sqlite/0005_activity.sql")),
                    ("fewer pages still", include_str!("../../migrations/sqlite/0006_fewer_pages_still.sql")),
                    ("orphaned", include_str!("../../migrations/sqlite/0007_orphaned.sql")),
                ]);
                match steps.run(write).await {
                    // Another process may have been at it at the same time: then the second look finds it done.
                    Err(sqlx::migrate::MigrateError::Execute(_) | sqlx::migrate::MigrateError::ExecuteMigration(..)) => {
                        steps.run(write).await
                    }
                    other => other,
                }
            }
            Pools::Postgres(pool) => {
                let steps = migrations(&[
                    ("first", include_str!("../../migrations/postgres/0001_first.sql")),
                    ("threading", include_str!("../../migrations/postgres/0002_threading.sql")),
                    ("groups", include_str!("../../migrations/postgres/0003_groups.sql")),
                    ("fewer pages", include_str!("../../migrations/postgres/0004_fewer_pages.sql")),
                    ("activity", include_str!("../../migrations/postgres/0005_activity.sql")),
                    ("fewer pages still", include_str!("../../migrations/postgres/0006_fewer_pages_still.sql")),
                    ("orphaned", include_str!("../../migrations/postgres/0007_orphaned.sql")),
                ]);
                async {
                    let mut conn = pool.acquire().await?;
                    // It waits for other nodes' migrations, and may itself be long.
                    conn.close_on_drop();
                    sqlx::query("SET statement_timeout = 0").execute(&mut *conn).await?;
                    steps.run(&mut *conn).await
                }
                .await
            }
        };
        let result = result.map_err(|e| match e {
            sqlx::migrate::MigrateError::Execute(e) | sqlx::migrate::MigrateError::ExecuteMigration(e, _) => {
                Error::from_sqlx("migrate", &e)
            }
            other => Error::Schema { query: "migrate", reason: other.to_string() },
        });
        self.shared.observe("migrate", begun, result)
    }

    /// Answers when the database does.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<(), Error> {
        const PING: Query = Query::new("ping", "SELECT 1");
        self.reader().await?.rows(&PING, values![]).await.map(drop)
    }

    /// Closes the connections after what is in use comes back. Later calls fail.
    pub async fn close(&self) {
        match &self.shared.pools {
            Pools::Sqlite { write, read } => {
                read.close().await;
                write.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }

    /// A connection for a query that only reads.
    async fn reader(&self) -> Result<Conn, Error> {
        self.acquire(false).await
    }

    /// A connection inside a transaction that may write.
    async fn writer(&self) -> Result<Conn, Error> {
        let mut conn = self.acquire(true).await?;
        conn.begin().await?;
        Ok(conn)
    }

    async fn acquire(&self, write: bool) -> Result<Conn, Error> {
        let begun = Instant::now();
        let raw = match &self.shared.pools {
            Pools::Sqlite { write: pool, .. } if write => pool.acquire().await.map(Raw::Sqlite),
            Pools::Sqlite { read: pool, .. } => pool.acquire().await.map(Raw::Sqlite),
            Pools::Postgres(pool) => pool.acquire().await.map(Raw::Postgres),
        };
        let raw = self.shared.observe("connect", begun, raw.map_err(|e| Error::from_sqlx("connect", &e)))?;
        Ok(Conn::new(raw, self.shared.clone()))
    }
}

/// Now, in microseconds since 1970 UTC.
#[must_use]
pub fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

fn migrations(steps: &[(&'static str, &'static str)]) -> Migrator {
    let steps = (1..).zip(steps).map(|(version, (name, text))| {
        Migration::new(version, (*name).into(), MigrationType::Simple, text.into_sql_str(), false)
    });
    Migrator::with_migrations(steps.collect())
}

async fn open_sqlite(url: &str, path: &str, connections_max: u32) -> Result<Pools, Error> {
    if path.is_empty() || path.contains(":memory:") || path.contains('?') {
        return Err(Error::Url { url: url.to_owned(), problem: "must name a file, without options".to_owned() });
    }
    let path = Path::new(path);
    let unusable = |e: std::io::Error| Error::Unavailable { query: "open", reason: format!("{}: {e}", path.display()) };
    if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(unusable)?;
    }
    // Made before SQLite does, because it holds mail and is nobody else's business; the WAL takes its mode from it.
    let mut file = std::fs::OpenOptions::new();
    file.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
    file.open(path).map_err(unusable)?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(ACQUIRE_TIMEOUT)
        .statement_cache_capacity(STATEMENTS_MAX)
        .pragma("cache_size", READER_CACHE)
        .pragma("wal_autocheckpoint", WAL_PAGES)
        .disable_statement_logging();
    let pool = || SqlitePoolOptions::new().acquire_timeout(ACQUIRE_TIMEOUT).test_before_acquire(false).max_lifetime(None);
    // What a statement of many rows would have to undo is kept in memory, at most the pages of a batch: else each page that is
    // changed is written to a temporary file first.
    let writer = options.clone().pragma("cache_size", WRITER_CACHE).pragma("temp_store", "MEMORY");
    let write = pool().max_connections(1).idle_timeout(None).connect_with(writer).await;
    let write = write.map_err(|e| match Error::from_sqlx("open", &e) {
        Error::Unavailable { query, reason } => Error::Unavailable { query, reason: format!("{}: {reason}", path.display()) },
        other => other,
    })?;
    let read = pool().max_connections(connections_max).connect_lazy_with(options.pragma("query_only", "ON"));
    Ok(Pools::Sqlite { write, read })
}

// Most of what a batch writes beside millions of messages are whole pages, each the first time after a checkpoint. Where the
// server's owner said something else, or does not let this role say it, or the server is older than 15, things stay as they are.
const COMPRESSED_WAL: &str = "DO $$ BEGIN
    IF current_setting('wal_compression') = 'off' THEN SET wal_compression = 'lz4'; END IF;
EXCEPTION WHEN OTHERS THEN NULL; END $$";

fn open_postgres(url: &str, connections_max: u32, query_timeout: Duration) -> Result<PgPool, Error> {
    let options: PgConnectOptions =
        url.parse().map_err(|e: sqlx::Error| Error::Url { url: without_password(url), problem: e.to_string() })?;
    let options = options
        .application_name("tidegate")
        .statement_cache_capacity(STATEMENTS_MAX)
        .options([
            ("statement_timeout", query_timeout.as_millis().to_string()),
            // A node that stalls inside a transaction does not hold its organisations' locks for ever.
            ("idle_in_transaction_session_timeout", (query_timeout * 2).as_millis().to_string()),
        ])
        .disable_statement_logging();
    let wait = ACQUIRE_TIMEOUT.min(query_timeout);
    let pool = PgPoolOptions::new().max_connections(connections_max).acquire_timeout(wait);
    let pool = pool.after_connect(|conn, _| Box::pin(async move { conn.execute(COMPRESSED_WAL).await.map(drop) }));
    Ok(pool.connect_lazy_with(options))
}

fn without_password(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, place))) => format!("{scheme}://…@{place}"),
        _ => url.to_owned(),
    }
}

/// The rows of a page: what was asked for, within [`crate::limits::PAGE_ROWS_MAX`].
fn page_rows(max: usize) -> i64 {
    value::count(max.clamp(1, crate::limits::PAGE_ROWS_MAX))
}
