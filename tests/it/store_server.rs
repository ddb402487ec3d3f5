//! A server that ends connections, is away, or has no schema yet: tried again, and never told with its password.

use crate::database::Database;
use crate::store_both::{Desk, decide};
use sqlx::{AssertSqlSafe, Connection, Executor};
use tidegate::store::{Error, Store};

#[tokio::test]
async fn connections_that_the_server_ended_are_replaced() {
    let Some(db) = Database::postgres().await else { return };
    let desk = Desk::new(&db.store, "acme").await;
    for n in 0..10 {
        let ended = "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity
                     WHERE datname = current_database() AND pid <> pg_backend_pid()";
        db.number(ended).await;
        let mail = [desk.mail(n, &format!("{n}@x"), &["root@x"])];
        for attempt in 0.. {
            match db.store.attach(&mail, &decide).await {
                Ok(_) => break,
                Err(e) => assert!(e.is_transient() && attempt < 10, "{e}"),
            }
        }
    }
    let all = db.store.conversations(desk.organisation, None, 10).await.unwrap();
    assert_eq!((all.len(), all[0].message_count), (1, 10));
    db.remove().await;
}

#[tokio::test]
async fn a_server_that_is_away_is_no_reason_to_give_up() {
    let (metrics, _) = tidegate::telemetry::Metrics::new();
    let url = "postgres://nobody:secret@127.0.0.1:1/none";
    let store = Store::open(url, 1, std::time::Duration::from_secs(1), metrics.clone()).await.unwrap();
    let error = store.ping().await.unwrap_err();
    assert!(error.is_transient() && !error.to_string().contains("secret"), "{error}");
    for url in ["mysql://u:secret@h/d", "sqlite:", "sqlite::memory:", "postgres://[/x"] {
        let error = Store::open(url, 1, std::time::Duration::from_secs(1), metrics.clone()).await.unwrap_err();
        assert!(matches!(error, Error::Url { .. }) && !error.to_string().contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn a_locked_database_is_busy_and_a_missing_schema_waits_for_a_migration() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("t.sqlite").display());
    let (metrics, _) = tidegate::telemetry::Metrics::new();
    let store = Store::open(&url, 1, std::time::Duration::from_secs(1), metrics).await.unwrap();
    let error = store.directory().await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("tidegate migrate"), "{error}");
    store.migrate().await.unwrap();
    store.migrate().await.unwrap();
    store.directory().await.unwrap();
}

// The database notes what each connection of the store has set: there is no other way to see it from outside.
#[tokio::test]
async fn what_is_written_to_the_wal_is_compressed_where_the_role_may_and_nobody_said_otherwise() {
    let Some(db) = Database::postgres().await else { return };
    let mut server = sqlx::PgConnection::connect(&db.url).await.unwrap();
    let name = db.url.split(['/', '?']).find(|s| s.starts_with("tidegate_test_")).unwrap();
    let plain = format!("{name}_plain");
    for statement in [
        "CREATE TABLE noted (setting text)".to_owned(),
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN INSERT INTO noted VALUES (current_setting('wal_compression')); RETURN NEW; END $$"
            .to_owned(),
        "CREATE TRIGGER note BEFORE INSERT ON organisations FOR EACH ROW EXECUTE FUNCTION note()".to_owned(),
        format!("CREATE ROLE {plain} LOGIN"),
        format!("GRANT ALL ON ALL TABLES IN SCHEMA public TO {plain}"),
    ] {
        server.execute(AssertSqlSafe(statement)).await.unwrap();
    }
    let noted = async |url: &str| {
        let store = Store::open(url, 1, std::time::Duration::from_secs(10), db.metrics.clone()).await.unwrap();
        store.add_organisation(&uuid::Uuid::now_v7().to_string(), None).await.unwrap();
        store.close().await;
        let mut server = sqlx::PgConnection::connect(&db.url).await.unwrap();
        sqlx::query_scalar::<_, String>("DELETE FROM noted RETURNING setting").fetch_one(&mut server).await.unwrap()
    };
    let knows_lz4 = "SELECT COUNT(*) FROM pg_settings WHERE name = 'wal_compression' AND 'lz4' = ANY (enumvals)";
    let may = if db.number(knows_lz4).await == 1 { "lz4" } else { "off" };
    assert_eq!(noted(&db.url).await, may);
    let user = db.url.split_once("://").and_then(|(_, rest)| rest.split_once('@')).unwrap().0;
    let as_plain = db.url.replacen(user, &plain, 1);
    assert_eq!(noted(&as_plain).await, "off", "connected all the same");
    if may == "lz4" {
        server.execute(AssertSqlSafe(format!("GRANT SET ON PARAMETER wal_compression TO {plain}"))).await.unwrap();
        assert_eq!(noted(&as_plain).await, may, "as the configuration tells its operator");
    }
    server.execute(AssertSqlSafe(format!("ALTER ROLE {plain} SET wal_compression = 'pglz'"))).await.unwrap();
    assert_eq!(noted(&as_plain).await, "pglz");
    server.execute(AssertSqlSafe(format!("DROP OWNED BY {plain}; DROP ROLE {plain}"))).await.unwrap();
    db.remove().await;
}
