//! Named queries on one of two databases.
//!
//! A query is a name and a text ([`Query`]); where the databases differ in a text it has two. Work
//! on many rows is a [`Bulk`]: a text around a list of VALUES, sent in pieces of 64, 32, 16 … rows,
//! so that a handful of prepared statements serves every batch.
//!
//! # Failure
//! Every query is timed by its name and given up after the query timeout. A [`Conn`] that is
//! dropped inside a transaction, or after a query that was given up, is closed rather than
//! returned: the database rolls back, and no answer of the old query meets a new one.

use super::value::{Row, Value, postgres_arguments, sqlite_arguments};
use super::{Error, Shared};
use crate::limits::STATEMENT_ROWS_MAX;
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Executor, Postgres, SqlSafeStr, SqlStr, Sqlite};
use std::collections::HashMap;
use std::fmt::Write;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How much longer than the server this side waits, before it gives up on the server.
const GRACE: Duration = Duration::from_secs(5);

/// A query with its name in metrics and errors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Query {
    pub(super) name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

impl Query {
    /// One text for both.
    pub(super) const fn new(name: &'static str, text: &'static str) -> Query {
        Query { name, sqlite: text, postgres: text }
    }

    /// A text for each.
    pub(super) const fn each(name: &'static str, sqlite: &'static str, postgres: &'static str) -> Query {
        Query { name, sqlite, postgres }
    }
}

/// A text around a list of VALUES: `head VALUES (…), (…) tail`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bulk {
    pub(super) name: &'static str,
    pub(super) head: &'static str,
    pub(super) tail: &'static str,
    /// Values in a row.
    pub(super) width: usize,
}

/// The texts of [`Bulk`]s by name and number of rows; made once.
pub(super) type Texts = Mutex<HashMap<(&'static str, usize), Arc<str>>>;

impl Bulk {
    fn text(&self, texts: &Texts, rows: usize, dialect: Dialect) -> SqlStr {
        let mut texts = texts.lock().unwrap_or_else(PoisonError::into_inner);
        let text = texts.entry((self.name, rows)).or_insert_with(|| self.write(rows, dialect).into());
        // Built of constants and placeholders only.
        AssertSqlSafe(text.clone()).into_sql_str()
    }

    fn write(&self, rows: usize, dialect: Dialect) -> String {
        let mut out = format!("{} VALUES ", self.head);
        for n in 0..rows * self.width {
            out.push_str(match (n, n % self.width) {
                (0, _) => "(",
                (_, 0) => "), (",
                _ => ", ",
            });
            match dialect {
                // Without numbers: SQLite looks numbered ones up in a list, one after the other.
                Dialect::Sqlite => out.push('?'),
                Dialect::Postgres => {
                    let _ = write!(out, "${}", n + 1);
                }
            }
        }
        out.push_str(") ");
        out.push_str(self.tail);
        out
    }
}

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

/// A connection from a pool.
#[derive(Debug)]
pub(super) enum Raw {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

/// A connection in use, possibly inside a transaction.
#[derive(Debug)]
pub(super) struct Conn {
    raw: Raw,
    shared: Arc<Shared>,
    /// Not fit to be used by others: inside a transaction, or with an answer outstanding.
    unfinished: bool,
}

impl Drop for Conn {
    fn drop(&mut self) {
        if self.unfinished {
            match &mut self.raw {
                Raw::Sqlite(c) => c.close_on_drop(),
                Raw::Postgres(c) => c.close_on_drop(),
            }
        }
    }
}

const BEGIN: Query = Query::each("begin", "BEGIN IMMEDIATE", "BEGIN");
const COMMIT: Query = Query::new("commit", "COMMIT");
const ROLLBACK: Query = Query::new("rollback", "ROLLBACK");

impl Conn {
    pub(super) fn new(raw: Raw, shared: Arc<Shared>) -> Conn {
        Conn { raw, shared, unfinished: false }
    }

    pub(super) fn dialect(&self) -> Dialect {
        match self.raw {
            Raw::Sqlite(_) => Dialect::Sqlite,
            Raw::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Begins a transaction that lasts until [`Conn::commit`]; dropped before that, it is undone.
    pub(super) async fn begin(&mut self) -> Result<(), Error> {
        self.unfinished = true;
        self.run(&BEGIN, Vec::new()).await.map(drop)
    }

    pub(super) async fn commit(mut self) -> Result<(), Error> {
        self.run(&COMMIT, Vec::new()).await?;
        self.unfinished = false;
        Ok(())
    }

    /// Undoes the transaction and keeps the connection, where that works.
    pub(super) async fn roll_back(mut self) {
        if self.run(&ROLLBACK, Vec::new()).await.is_ok() {
            self.unfinished = false;
        }
    }

    /// The rows a query gives.
    pub(super) async fn rows(&mut self, query: &Query, values: Vec<Value>) -> Result<Vec<Row>, Error> {
        let text = self.text(query);
        let (shared, begun) = (self.shared.clone(), Instant::now());
        let result = self.fetch(query.name, text, values).await;
        shared.observe(query.name, begun, result)
    }

    /// The first row a query gives, if it gives any.
    pub(super) async fn row(&mut self, query: &Query, values: Vec<Value>) -> Result<Option<Row>, Error> {
        Ok(self.rows(query, values).await?.into_iter().next())
    }

    /// Runs a statement; gives how many rows it touched.
    pub(super) async fn run(&mut self, query: &Query, values: Vec<Value>) -> Result<u64, Error> {
        let text = self.text(query);
        let (shared, begun) = (self.shared.clone(), Instant::now());
        let result = self.execute(query.name, text, values).await;
        shared.observe(query.name, begun, result)
    }

    /// Runs a [`Bulk`] over rows laid end to end, and gives what it returns. Nothing to do for no rows.
    pub(super) async fn bulk(&mut self, bulk: &Bulk, mut values: Vec<Value>) -> Result<Vec<Row>, Error> {
        debug_assert_eq!(values.len() % bulk.width, 0, "{}", bulk.name);
        if values.is_empty() {
            return Ok(Vec::new());
        }
        let (shared, begun) = (self.shared.clone(), Instant::now());
        let mut out = Vec::new();
        let mut result = Ok(());
        while !values.is_empty() {
            let rows = piece(values.len() / bulk.width);
            let rest = values.split_off(rows * bulk.width);
            let text = bulk.text(&shared.texts, rows, self.dialect());
            match self.fetch(bulk.name, text, std::mem::replace(&mut values, rest)).await {
                Ok(mut rows) => out.append(&mut rows),
                Err(e) => {
                    result = Err(e);
                    break;
                }
            }
        }
        shared.observe(bulk.name, begun, result.map(|()| out))
    }

    fn text(&self, query: &Query) -> SqlStr {
        match self.raw {
            Raw::Sqlite(_) => query.sqlite,
            Raw::Postgres(_) => query.postgres,
        }
        .into_sql_str()
    }

    async fn fetch(&mut self, name: &'static str, text: SqlStr, values: Vec<Value>) -> Result<Vec<Row>, Error> {
        let refused = |e| Error::from_sqlx(name, &sqlx::Error::Encode(e));
        let (limit, unfinished) = (self.shared.query_timeout, &mut self.unfinished);
        match &mut self.raw {
            Raw::Sqlite(c) => {
                let query = sqlx::query_with(text, sqlite_arguments(values).map_err(refused)?);
                let rows = in_time(name, limit, unfinished, c.fetch_all(query)).await?;
                Ok(rows.into_iter().map(Row::Sqlite).collect())
            }
            Raw::Postgres(c) => {
                let query = sqlx::query_with(text, postgres_arguments(values).map_err(refused)?);
                let rows = in_time(name, limit, unfinished, c.fetch_all(query)).await?;
                Ok(rows.into_iter().map(Row::Postgres).collect())
            }
        }
    }

    async fn execute(&mut self, name: &'static str, text: SqlStr, values: Vec<Value>) -> Result<u64, Error> {
        let refused = |e| Error::from_sqlx(name, &sqlx::Error::Encode(e));
        let (limit, unfinished) = (self.shared.query_timeout, &mut self.unfinished);
        match &mut self.raw {
            Raw::Sqlite(c) => {
                let query = sqlx::query_with(text, sqlite_arguments(values).map_err(refused)?);
                Ok(in_time(name, limit, unfinished, c.execute(query)).await?.rows_affected())
            }
            Raw::Postgres(c) => {
                let query = sqlx::query_with(text, postgres_arguments(values).map_err(refused)?);
                Ok(in_time(name, limit, unfinished, c.execute(query)).await?.rows_affected())
            }
        }
    }
}

/// The largest power of two that is at most `rows` and at most [`STATEMENT_ROWS_MAX`].
fn piece(rows: usize) -> usize {
    let most = rows.clamp(1, STATEMENT_ROWS_MAX);
    1 << (usize::BITS - 1 - most.leading_zeros())
}

/// Waits for an answer at most the query timeout and a grace: the server's own timeout comes
/// first and leaves the connection usable. Cancelled or given up, the connection stays unfinished.
async fn in_time<T>(
    name: &'static str,
    limit: Duration,
    unfinished: &mut bool,
    answer: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, Error> {
    let before = std::mem::replace(unfinished, true);
    let after = limit + GRACE;
    match tokio::time::timeout(after, answer).await {
        Err(_) => Err(Error::Timeout { query: name, after }),
        Ok(Ok(value)) => {
            *unfinished = before;
            Ok(value)
        }
        Ok(Err(error)) => {
            let error = Error::from_sqlx(name, &error);
            // What the database itself answered leaves the connection in order.
            if !matches!(error, Error::Unavailable { .. }) {
                *unfinished = before;
            }
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sent_in_powers_of_two() {
        let mut rest = 500;
        let mut pieces = Vec::new();
        while rest > 0 {
            pieces.push(piece(rest));
            rest -= piece(rest);
        }
        assert_eq!(pieces, [64, 64, 64, 64, 64, 64, 64, 32, 16, 4]);
    }

    #[test]
    fn placeholders_are_written_for_each_database() {
        let bulk = Bulk { name: "t", head: "INSERT INTO t (a, b)", tail: "ON CONFLICT DO NOTHING", width: 2 };
        assert_eq!(bulk.write(2, Dialect::Postgres), "INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4) ON CONFLICT DO NOTHING");
        assert_eq!(bulk.write(1, Dialect::Sqlite), "INSERT INTO t (a, b) VALUES (?, ?) ON CONFLICT DO NOTHING");
    }
}
