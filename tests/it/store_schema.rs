//! The schemas of the two databases are the same, docs/schema.md names all of it, and data of an older one are kept.

use crate::database::{Database, on_both_databases};
use crate::store_activity::MISCOUNTED;
use crate::store_both::{Desk, decide};
use sqlx::{AssertSqlSafe, Connection, Executor};

/// Undoes migrations 0006 and 0007.
const BEFORE_0006: &str = "
    CREATE TABLE before AS SELECT * FROM conversations;
    DROP VIEW conversations;
    DROP INDEX messages_conversation;
    ALTER TABLE messages DROP COLUMN ordinal;
    CREATE INDEX messages_conversation ON messages (conversation, received_at, id);
    ALTER TABLE conversation_records DROP COLUMN orphaned;
    ALTER TABLE conversation_records RENAME TO conversations;
    ALTER TABLE conversations ADD COLUMN last_message_at BIGINT NOT NULL DEFAULT 0;
    ALTER TABLE conversations ADD COLUMN message_count BIGINT NOT NULL DEFAULT 0;
    UPDATE conversations SET last_message_at = before.last_message_at, message_count = before.message_count
    FROM before WHERE before.id = conversations.id;
    DROP TABLE before;
    DELETE FROM _sqlx_migrations WHERE version >= 6;";
/// What only PostgreSQL had.
const BEFORE_0006_POSTGRES: &str = "
    ALTER TABLE messages ADD CONSTRAINT messages_conversation_fkey FOREIGN KEY (conversation) REFERENCES conversations (id);
    ALTER TABLE message_ids ADD CONSTRAINT message_ids_conversation_fkey FOREIGN KEY (conversation) REFERENCES conversations (id);";

on_both_databases! {
    async fn conversations_of_an_older_schema_count_the_same_afterwards(db: Database) {
        let desk = Desk::new(&db.store, "acme").await;
        let mut mails = Vec::new();
        for n in 0..20 {
            let reference = format!("{}@x", n % 3);
            let references = [reference.as_str()];
            let mut mail = desk.mail(n, &format!("{n}@x"), if n < 3 { &[] } else { &references });
            mail.received_at_us = i64::from(n * 7 % 5);
            mails.push(mail);
        }
        db.store.attach(&mails, &decide).await.unwrap();
        let before = db.store.conversations(desk.organisation, None, 10).await.unwrap();
        db.store.attach(&[desk.mail(20, "20@x", &["0@x", "1@x"])], &decide).await.unwrap();
        let merged = db.store.conversations(desk.organisation, None, 10).await.unwrap();
        assert_eq!((before.len(), merged.len()), (3, 2), "one of them is an alias");
        if db.is_postgres() {
            let mut conn = sqlx::PgConnection::connect(&db.url).await.unwrap();
            conn.execute(sqlx::raw_sql(BEFORE_0006)).await.unwrap();
            conn.execute(sqlx::raw_sql(BEFORE_0006_POSTGRES)).await.unwrap();
        } else {
            let mut conn = sqlx::SqliteConnection::connect(&db.url).await.unwrap();
            conn.execute(sqlx::raw_sql(AssertSqlSafe(BEFORE_0006.replace("BIGINT", "INTEGER")))).await.unwrap();
        }
        let store = db.another_store().await;
        store.migrate().await.unwrap();
        assert_eq!(store.conversations(desk.organisation, None, 10).await.unwrap(), merged);
        assert_eq!(db.number(MISCOUNTED).await, 0);
        store.attach(&[desk.mail(21, "21@x", &["20@x"])], &decide).await.unwrap();
        assert_eq!(db.number(MISCOUNTED).await, 0);
        store.close().await;
    }
}

#[test]
fn both_databases_have_the_same_tables_and_columns() {
    let columns = |text: &str| -> Vec<String> {
        let mut out = Vec::new();
        let mut table = None;
        for line in text.lines().map(str::trim).filter(|l| !l.starts_with("--")) {
            if let Some(name) = line.strip_prefix("CREATE TABLE ") {
                table = name.split(' ').next().map(str::to_owned);
            } else if line.starts_with(')') {
                table = None;
            } else if let Some(added) = line.strip_prefix("ALTER TABLE ") {
                out.extend(
                    added
                        .split_once(" ADD COLUMN ")
                        .map(|(table, rest)| format!("{table}.{}", rest.split(' ').next().unwrap_or_default())),
                );
            } else if line.starts_with("CREATE ") || line.starts_with("PRIMARY KEY") {
                out.push(line.to_owned());
            } else if let (Some(table), Some((column, rest))) = (&table, line.split_once(' ')) {
                out.push(format!("{table}.{column}{}", if rest.contains("NOT NULL") { "!" } else { "" }));
            }
        }
        out
    };
    let both = [
        (include_str!("../../migrations/sqlite/0001_first.sql"), include_str!("../../migrations/postgres/0001_first.sql")),
        (
            include_str!("../../migrations/sqlite/0002_threading.sql"),
            include_str!("../../migrations/postgres/0002_threading.sql"),
        ),
        (include_str!("../../migrations/sqlite/0003_groups.sql"), include_str!("../../migrations/postgres/0003_groups.sql")),
        (
            include_str!("../../migrations/sqlite/0004_fewer_pages.sql"),
            include_str!("../../migrations/postgres/0004_fewer_pages.sql"),
        ),
        // 0005 makes a table anew in SQLite only.
        (
            include_str!("../../migrations/sqlite/0006_fewer_pages_still.sql"),
            include_str!("../../migrations/postgres/0006_fewer_pages_still.sql"),
        ),
        (include_str!("../../migrations/sqlite/0007_orphaned.sql"), include_str!("../../migrations/postgres/0007_orphaned.sql")),
    ];
    let mut sqlite = Vec::new();
    for (one, other) in both {
        assert_eq!(columns(one), columns(other));
        sqlite.extend(columns(one));
    }
    assert!(sqlite.len() > 100, "{sqlite:?}");

    // What is stable is documented.
    let manual = include_str!("../../docs/schema.md");
    let own = [
        "message_ids",
        "brakes",
        "outbound_mails",
        "webhook_endpoints",
        "users",
        "sessions",
        "login_links",
        "token_keys",
        "directory_revision",
        "outbox_heads",
    ];
    for (table, column) in sqlite.iter().filter_map(|line| line.trim_end_matches('!').split_once('.')) {
        assert!(manual.contains(&format!("`{table}`")), "docs/schema.md does not name `{table}`");
        let named = ["`", ", ", "("].iter().any(|before| manual.contains(&format!("{before}{column}")));
        assert!(own.contains(&table) || named, "docs/schema.md does not name `{column}` of `{table}`");
    }
}
