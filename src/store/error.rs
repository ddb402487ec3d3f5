//! What goes wrong with a database: whose fault it is, and whether to try again.
//!
//! # Failure
//! [`Error::is_transient`] is true for everything that is not the fault of the statement's data:
//! the server is away, busy, shutting down or damaged, the disk is full, the schema is missing.
//! A mail must never be held for staff because of those.
//!
//! # Trust
//! A database's own words may quote the data it was given (`Key (address)=(…)`), so for errors
//! about data only the code and the constraint's name are kept.

use std::time::Duration;

/// What went wrong with the database.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL is not one of a database.
    #[error("database.url {url:?}: {problem}. Use `sqlite:PATH` or `postgres://USER@HOST/DATABASE`")]
    Url {
        /// The scheme and path; no password.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The database can't be reached, is starting or going down, or the file can't be opened.
    #[error("{query}: the database is not available ({reason}). It is tried again; is it running, and may this user reach it?")]
    Unavailable {
        /// The named query.
        query: &'static str,
        /// The database's words.
        reason: String,
    },
    /// Somebody else holds what this needs: a lock, a serialization conflict, every connection.
    #[error("{query}: the database is busy ({reason}). It is tried again")]
    Busy {
        /// The named query.
        query: &'static str,
        /// The database's words.
        reason: String,
    },
    /// No answer in time.
    #[error("{query}: no answer from the database in {}s. It is tried again; see database.query_timeout_s", .after.as_secs())]
    Timeout {
        /// The named query.
        query: &'static str,
        /// How long was waited.
        after: Duration,
    },
    /// The database's disk is full.
    #[error("{query}: the database's disk is full ({reason}). Free some space; mail waits in the journal meanwhile")]
    Full {
        /// The named query.
        query: &'static str,
        /// The database's words.
        reason: String,
    },
    /// The schema is not the one this version knows.
    #[error(
        "{query}: the database's schema does not fit ({reason}). Is it the database that --config names? Then run `tidegate migrate` of this version"
    )]
    Schema {
        /// The named query.
        query: &'static str,
        /// The database's words.
        reason: String,
    },
    /// The database refused the data of this statement. Repeating it changes nothing.
    #[error("{query}: the database refused the data ({reason})")]
    Refused {
        /// The named query.
        query: &'static str,
        /// The code and the constraint.
        reason: String,
    },
    /// There is no such thing.
    #[error("there is no {kind} {name}")]
    NotFound {
        /// What was looked for.
        kind: &'static str,
        /// How it was named.
        name: String,
    },
    /// It can't be done as things are.
    #[error("{0}")]
    Conflict(String),
}

impl Error {
    /// The fault is the database's or its surroundings': try again later. Else the statement's data are at fault.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Error::Unavailable { .. } | Error::Busy { .. } | Error::Timeout { .. } | Error::Full { .. } | Error::Schema { .. }
        )
    }

    /// The label in metrics.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Error::Url { .. } => "url",
            Error::Unavailable { .. } => "unavailable",
            Error::Busy { .. } => "busy",
            Error::Timeout { .. } => "timeout",
            Error::Full { .. } => "full",
            Error::Schema { .. } => "schema",
            Error::Refused { .. } => "refused",
            Error::NotFound { .. } => "not-found",
            Error::Conflict(_) => "conflict",
        }
    }

    /// The constraint that refused the data, if this is such a refusal.
    pub(super) fn broke(&self, constraint: &str) -> bool {
        matches!(self, Error::Refused { reason, .. } if reason.contains(constraint))
    }

    pub(super) fn from_sqlx(query: &'static str, error: &sqlx::Error) -> Error {
        match error {
            sqlx::Error::Database(e) => match e.try_downcast_ref::<sqlx::postgres::PgDatabaseError>() {
                Some(pg) => from_postgres(query, pg),
                None => from_sqlite(query, e.as_ref()),
            },
            // sqlx does not tell a server that is away from connections that are all in use.
            sqlx::Error::PoolTimedOut => {
                Error::Unavailable { query, reason: "no connection in time: the server is away, or all are in use".to_owned() }
            }
            sqlx::Error::Encode(e) => Error::Refused { query, reason: format!("encoding: {e}") },
            sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } | sqlx::Error::ColumnIndexOutOfBounds { .. } => {
                Error::Schema { query, reason: "a column is not of the expected type".to_owned() }
            }
            // Io, Tls, Protocol, PoolClosed, WorkerCrashed, Configuration: of the way to the database.
            other => Error::Unavailable { query, reason: other.to_string() },
        }
    }

    /// A stored value is not what this version writes.
    pub(super) fn unknown_word(query: &'static str, column: &'static str) -> Error {
        Error::Schema { query, reason: format!("`{column}` holds a word this version does not know") }
    }
}

/// Appendix A of PostgreSQL's manual: five characters, the first two name the class.
fn from_postgres(query: &'static str, e: &sqlx::postgres::PgDatabaseError) -> Error {
    let code = e.code();
    let words = || format!("{code}: {}", e.message());
    match code {
        "57014" => Error::Busy { query, reason: "cancelled: statement_timeout".to_owned() },
        "40001" | "40P01" | "55P03" | "55006" => Error::Busy { query, reason: words() },
        "53100" => Error::Full { query, reason: words() },
        "42P01" | "42703" | "42704" | "42883" | "3F000" => Error::Schema { query, reason: words() },
        // Feature and syntax errors, program limits (an index row too long), data and constraints:
        // the words may quote the mail, so only the code and the constraint's name.
        _ if ["0A", "21", "22", "23", "42", "44", "54"].iter().any(|class| code.starts_with(class)) => Error::Refused {
            query,
            reason: match e.constraint() {
                Some(constraint) => format!("{code}, {constraint}"),
                None => code.to_owned(),
            },
        },
        _ => Error::Unavailable { query, reason: words() },
    }
}

/// <https://sqlite.org/rescode.html>: the low byte is the primary code. SQLite's words name
/// tables and columns, never values.
fn from_sqlite(query: &'static str, e: &dyn sqlx::error::DatabaseError) -> Error {
    let code: i32 = e.code().and_then(|c| c.parse().ok()).unwrap_or_default();
    let reason = e.message().to_owned();
    match code & 0xff {
        5 | 6 => Error::Busy { query, reason },
        13 => Error::Full { query, reason },
        // The generic code, for what did not compile.
        1 => Error::Schema { query, reason },
        18..=20 | 25 => Error::Refused { query, reason },
        _ => Error::Unavailable { query, reason },
    }
}
