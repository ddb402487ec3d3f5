//! Databases for tests: SQLite in a temporary folder, PostgreSQL in a database of its own under TEST_DATABASE_URL.
//!
//! `on_both_databases! { async fn it_does(db: Database) { … } }` makes a test for each. Without
//! TEST_DATABASE_URL the PostgreSQL half says on stderr that it was left out; `scripts/with-postgres` sets it.

use crate::left_out::left_out;
use prometheus_client::registry::Registry;
use std::sync::{Arc, Once};
use std::time::Duration;
use tidegate::store::Store;
use tidegate::telemetry::Metrics;
use uuid::Uuid;

/// A database that is this test's alone, migrated and empty.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) store: Store,
    pub(crate) url: String,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) registry: Registry,
    dir: Option<tempfile::TempDir>,
    server: Option<String>,
}

/// A test for each database.
macro_rules! on_both_databases {
    ($( $(#[$attr:meta])* async fn $name:ident($db:ident: Database) $body:block )+) => { $(
        mod $name {
            use super::*;

            async fn test($db: &Database) $body

            $(#[$attr])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                test(&Database::sqlite().await).await;
            }

            $(#[$attr])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                if let Some(db) = Database::postgres().await {
                    test(&db).await;
                    db.remove().await;
                }
            }
        }
    )+ };
}
pub(crate) use on_both_databases;

impl Database {
    pub(crate) async fn sqlite() -> Database {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("tidegate.sqlite").display());
        Database::at(url, Some(dir), None).await
    }

    /// `None` where there is no PostgreSQL to test with.
    pub(crate) async fn postgres() -> Option<Database> {
        static SAID: Once = Once::new();
        let Ok(server) = std::env::var("TEST_DATABASE_URL") else {
            SAID.call_once(|| {
                left_out("everything on PostgreSQL", "TEST_DATABASE_URL is not set (scripts/with-postgres sets it)");
            });
            return None;
        };
        let name = format!("tidegate_test_{}", Uuid::now_v7().simple());
        administer(&server, format!("CREATE DATABASE {name}")).await;
        Some(Database::at(with_database(&server, &name), None, Some(server)).await)
    }

    async fn at(url: String, dir: Option<tempfile::TempDir>, server: Option<String>) -> Database {
        let (metrics, registry) = Metrics::new();
        let store = open(&url, &metrics).await;
        store.migrate().await.unwrap();
        Database { store, url, metrics, registry, dir, server }
    }

    /// A second store on the same database, as another node has.
    pub(crate) async fn another_store(&self) -> Store {
        open(&self.url, &self.metrics).await
    }

    /// One number from the database itself.
    pub(crate) async fn number(&self, query: &'static str) -> i64 {
        if self.is_postgres() {
            let pool = sqlx::PgPool::connect(&self.url).await.unwrap();
            sqlx::query_scalar(query).fetch_one(&pool).await.unwrap()
        } else {
            let pool = sqlx::SqlitePool::connect(&self.url).await.unwrap();
            sqlx::query_scalar(query).fetch_one(&pool).await.unwrap()
        }
    }

    pub(crate) fn is_postgres(&self) -> bool {
        self.server.is_some()
    }

    /// Ends a PostgreSQL database; SQLite's goes with its folder.
    pub(crate) async fn remove(self) {
        self.store.close().await;
        if let Some(server) = &self.server {
            let name = self.url.split(['/', '?']).find(|s| s.starts_with("tidegate_test_")).unwrap();
            administer(server, format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
        drop(self.dir);
    }
}

async fn open(url: &str, metrics: &Arc<Metrics>) -> Store {
    Store::open(url, 4, Duration::from_secs(30), metrics.clone()).await.unwrap()
}

async fn administer(server: &str, statement: String) {
    use sqlx::{AssertSqlSafe, Connection, Executor};
    let mut conn = sqlx::PgConnection::connect(server).await.unwrap();
    conn.execute(AssertSqlSafe(statement)).await.unwrap();
    conn.close().await.unwrap();
}

/// The same URL with another database in its path.
fn with_database(url: &str, name: &str) -> String {
    let (place, options) = url.split_once('?').map_or((url, None), |(p, o)| (p, Some(o)));
    let after_scheme = place.find("://").unwrap() + 3;
    let host_end = place[after_scheme..].find('/').map_or(place.len(), |n| after_scheme + n);
    let options = options.map(|o| format!("?{o}")).unwrap_or_default();
    format!("{}/{name}{options}", &place[..host_end])
}
