//! Values on their way into a query, and rows on their way out, the same for both databases.
//!
//! # Trust
//! Text comes from mails. PostgreSQL's TEXT has no place for U+0000, so it becomes U+FFFD here,
//! for both databases, and a JSON text's `\u0000` does too. Text that is part of a key is cut to
//! a bounded length by [`key_text`], because PostgreSQL's B-trees refuse long entries.

use super::Error;
use crate::limits::KEY_TEXT_BYTES_MAX;
use crate::mail::{ConversationId, JournalId, MailboxId, MessageId, OrganisationId, Position, QuarantineId, UserId};
use serde::Serialize;
use sha2::{Digest, Sha256};
use sqlx::error::BoxDynError;
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, Decode, Postgres, Row as _, Sqlite, Type};
use std::borrow::Cow;
use uuid::Uuid;

/// One bound value. A missing one keeps its type: PostgreSQL wants to know it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Int(Option<i64>),
    Real(f64),
    Bool(bool),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
    Uuid(Option<Uuid>),
}

macro_rules! bind {
    ($name:ident, $arguments:ty) => {
        pub(super) fn $name(values: Vec<Value>) -> Result<$arguments, BoxDynError> {
            let mut arguments = <$arguments>::default();
            arguments.reserve(values.len(), values.len() * 16);
            for value in values {
                match value {
                    Value::Int(v) => arguments.add(v)?,
                    Value::Real(v) => arguments.add(v)?,
                    Value::Bool(v) => arguments.add(v)?,
                    Value::Text(v) => arguments.add(v)?,
                    Value::Bytes(v) => arguments.add(v)?,
                    Value::Uuid(v) => arguments.add(v)?,
                }
            }
            Ok(arguments)
        }
    };
}
bind!(sqlite_arguments, SqliteArguments);
bind!(postgres_arguments, PgArguments);

macro_rules! into_value {
    ($($from:ty => |$v:ident| $to:expr;)+) => {
        $( impl From<$from> for Value { fn from($v: $from) -> Value { $to } } )+
    };
}

into_value! {
    i64 => |v| Value::Int(Some(v));
    i32 => |v| Value::Int(Some(i64::from(v)));
    u32 => |v| Value::Int(Some(i64::from(v)));
    Option<i64> => |v| Value::Int(v);
    f64 => |v| Value::Real(v);
    bool => |v| Value::Bool(v);
    &str => |v| Value::Text(Some(clean(v).into_owned()));
    String => |v| Value::Text(Some(clean_owned(v)));
    &String => |v| Value::from(v.as_str());
    Option<&str> => |v| Value::Text(v.map(|v| clean(v).into_owned()));
    Option<String> => |v| Value::Text(v.map(clean_owned));
    &[u8] => |v| Value::Bytes(Some(v.to_vec()));
    Vec<u8> => |v| Value::Bytes(Some(v));
    Uuid => |v| Value::Uuid(Some(v));
    OrganisationId => |v| Value::Uuid(Some(v.0));
    MailboxId => |v| Value::Uuid(Some(v.0));
    ConversationId => |v| Value::Uuid(Some(v.0));
    MessageId => |v| Value::Uuid(Some(v.0));
    QuarantineId => |v| Value::Uuid(Some(v.0));
    UserId => |v| Value::Uuid(Some(v.0));
    JournalId => |v| Value::Uuid(Some(v.0));
    Option<OrganisationId> => |v| Value::Uuid(v.map(|v| v.0));
    Option<ConversationId> => |v| Value::Uuid(v.map(|v| v.0));
    Option<MessageId> => |v| Value::Uuid(v.map(|v| v.0));
    Option<QuarantineId> => |v| Value::Uuid(v.map(|v| v.0));
    Position => |v| Value::Int(Some(v.to_i64()));
}

/// A vector of [`Value`]s from anything that is one.
macro_rules! values {
    ($($v:expr),* $(,)?) => { vec![$( $crate::store::value::Value::from($v) ),*] };
}
pub(super) use values;

/// A length or count, as the database keeps it.
pub(super) fn count(n: impl TryInto<i64>) -> i64 {
    n.try_into().unwrap_or(i64::MAX)
}

fn clean(text: &str) -> Cow<'_, str> {
    if memchr::memchr(0, text.as_bytes()).is_some() { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}

fn clean_owned(text: String) -> String {
    if memchr::memchr(0, text.as_bytes()).is_some() { text.replace('\0', "\u{fffd}") } else { text }
}

/// Anything as JSON text.
pub(super) fn json(value: &impl Serialize) -> String {
    // Our types have string keys and no failing serializer.
    let text = serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned());
    if text.contains("\\u0000") { clean_json(&text) } else { text }
}

/// Replaces the escape `\u0000`, but not a `u0000` behind an escaped backslash.
fn clean_json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        if let Some(after) = escape.strip_prefix("\\u0000") {
            out.push_str("\\ufffd");
            rest = after;
        } else {
            let pair = escape.get(..2).unwrap_or(escape);
            out.push_str(pair);
            rest = &escape[pair.len()..];
        }
    }
    out.push_str(rest);
    out
}

/// Text that is part of a key: as it is, or when longer than [`KEY_TEXT_BYTES_MAX`] cut and ended
/// with its hash, so that different texts stay different.
pub(super) fn key_text(text: &str) -> Cow<'_, str> {
    let text = clean(text);
    if text.len() <= KEY_TEXT_BYTES_MAX {
        return text;
    }
    let hash = data_encoding::HEXLOWER.encode(&Sha256::digest(text.as_bytes()));
    let mut end = KEY_TEXT_BYTES_MAX - hash.len() - 1;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Cow::Owned(format!("{}#{hash}", &text[..end]))
}

/// A row of either database.
#[derive(Debug)]
pub(super) enum Row {
    Sqlite(sqlx::sqlite::SqliteRow),
    Postgres(sqlx::postgres::PgRow),
}

/// What a column can be read as, in both databases.
pub(super) trait Column:
    for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres> + Send + Unpin
{
}
impl<T> Column for T where
    T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres> + Send + Unpin
{
}

impl Row {
    /// The column at an index, from 0.
    pub(super) fn get<T: Column>(&self, query: &'static str, index: usize) -> Result<T, Error> {
        match self {
            Row::Sqlite(row) => row.try_get(index),
            Row::Postgres(row) => row.try_get(index),
        }
        .map_err(|e| Error::from_sqlx(query, &e))
    }
}

/// Reads the columns of a row in their order.
#[derive(Debug)]
pub(super) struct Columns<'r> {
    row: &'r Row,
    query: &'static str,
    at: usize,
}

impl<'r> Columns<'r> {
    pub(super) fn of(query: &'static str, row: &'r Row) -> Columns<'r> {
        Columns { row, query, at: 0 }
    }

    /// The next column.
    pub(super) fn take<T: Column>(&mut self) -> Result<T, Error> {
        self.at += 1;
        self.row.get(self.query, self.at - 1)
    }

    /// The next column, which holds a word of a closed set.
    pub(super) fn word<T>(&mut self, column: &'static str, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, Error> {
        let word: String = self.take()?;
        parse(&word).ok_or_else(|| Error::unknown_word(self.query, column))
    }

    /// The next column, which holds JSON that this version wrote.
    pub(super) fn json<T: serde::de::DeserializeOwned>(&mut self, column: &'static str) -> Result<T, Error> {
        let text: String = self.take()?;
        serde_json::from_str(&text).map_err(|_| Error::unknown_word(self.query, column))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nul_becomes_the_replacement_character_in_text_and_in_json() {
        assert_eq!(Value::from("a\0b"), Value::Text(Some("a\u{fffd}b".to_owned())));
        assert_eq!(json(&"a\0b"), "\"a\\ufffdb\"");
        assert_eq!(json(&"\\u0000 is written so"), r#""\\u0000 is written so""#);
        assert_eq!(json(&"\\\0é"), "\"\\\\\\ufffdé\"");
    }

    #[test]
    fn a_long_key_is_cut_and_stays_itself() {
        let long = "é".repeat(2_000);
        let key = key_text(&long);
        assert!(key.len() <= KEY_TEXT_BYTES_MAX, "{}", key.len());
        assert_eq!(key_text(&long), key);
        assert_ne!(key_text(&format!("{long}!")), key);
        assert_eq!(key_text("short@x.test"), "short@x.test");
    }
}
