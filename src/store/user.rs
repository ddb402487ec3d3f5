//! People who may look: users, their sessions, and the one-time links that let them choose a password.
//!
//! # Trust
//! Tokens of sessions and links reach this file as their SHA-256 and passwords as Argon2 strings:
//! what the database holds opens nothing.

use super::connection::Query;
use super::value::{Columns, Row, key_text, values};
use super::{Error, Store, audit, now_us};
use crate::mail::UserId;
use serde::Serialize;
use uuid::Uuid;

/// The SHA-256 of a secret token.
pub type TokenHash = [u8; 32];

/// A person who may look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// The name to log in with; no two are the same.
    pub name: String,
    /// May change things beyond the quarantine.
    pub admin: bool,
    /// An Argon2 PHC string; none until a password was chosen.
    #[serde(skip)]
    pub password_hash: Option<String>,
    /// When it was added, microseconds since 1970 UTC.
    pub created_at_us: i64,
}

macro_rules! select_user {
    ($rest:literal) => {
        concat!("SELECT u.id, u.name, u.admin, u.password_hash, u.created_at FROM users u ", $rest)
    };
}

const ALL: Query = Query::new("users", select_user!("ORDER BY u.id"));
const NAMED: Query = Query::new("user_named", select_user!("WHERE u.name = $1"));
const OF_SESSION: Query = Query::new(
    "user_of_session",
    select_user!("JOIN sessions s ON s.user_id = u.id WHERE s.token_hash = $1 AND s.expires_at > $2"),
);
const OF_LINK: Query = Query::new(
    "user_of_link",
    select_user!("JOIN login_links l ON l.user_id = u.id WHERE l.token_hash = $1 AND l.expires_at > $2"),
);
const ADD: Query =
    Query::new("user_add", "INSERT INTO users (id, name, admin, password_hash, created_at) VALUES ($1, $2, $3, NULL, $4)");
const SET_LOGIN: Query = Query::new("user_set_login", "UPDATE users SET name = $2, password_hash = $3 WHERE id = $1");
const ANY_PASSWORD: Query =
    Query::new("user_any_password", "SELECT 1 FROM users WHERE admin AND password_hash IS NOT NULL LIMIT 1");
const SESSION_ADD: Query =
    Query::new("session_begin", "INSERT INTO sessions (token_hash, user_id, created_at, expires_at) VALUES ($1, $2, $3, $4)");
const SESSION_END: Query = Query::new("session_end", "DELETE FROM sessions WHERE token_hash = $1");
const SESSIONS_END: Query = Query::new("sessions_end", "DELETE FROM sessions WHERE user_id = $1");
const SESSIONS_EXPIRED: Query = Query::new("sessions_expired", "DELETE FROM sessions WHERE expires_at <= $1");
const LINK_ADD: Query =
    Query::new("login_link_add", "INSERT INTO login_links (token_hash, user_id, created_at, expires_at) VALUES ($1, $2, $3, $4)");
const LINK_USE: Query =
    Query::new("login_link_use", "DELETE FROM login_links WHERE token_hash = $1 AND expires_at > $2 RETURNING user_id");
const LINKS_OF_USER: Query = Query::new("login_links_of_user", "DELETE FROM login_links WHERE user_id = $1");
const LINKS_EXPIRED: Query = Query::new("login_links_expired", "DELETE FROM login_links WHERE expires_at <= $1");

impl Store {
    /// Adds a user, who has no password yet: a link lets them choose one.
    ///
    /// # Errors
    /// The name is empty or taken, or the database.
    pub async fn add_user(&self, name: &str, admin: bool, actor: &str) -> Result<UserId, Error> {
        let name = name.trim();
        if name.is_empty() {
            return Err(Error::Conflict("a user needs a name".to_owned()));
        }
        let id = UserId(Uuid::now_v7());
        let mut conn = self.writer().await?;
        conn.run(&ADD, values![id, key_text(name).as_ref(), admin, now_us()]).await.map_err(|e| taken(e, name))?;
        let detail = if admin { r#"{"admin":true}"# } else { "{}" };
        audit::write(&mut conn, None, actor, "user.added", &id.to_string(), detail).await?;
        conn.commit().await?;
        Ok(id)
    }

    /// All users, in the order they were added: a team, not a crowd.
    ///
    /// # Errors
    /// The database.
    pub async fn users(&self) -> Result<Vec<User>, Error> {
        self.reader().await?.rows(&ALL, values![]).await?.iter().map(user).collect()
    }

    /// The user with this name.
    ///
    /// # Errors
    /// The database.
    pub async fn user_named(&self, name: &str) -> Result<Option<User>, Error> {
        self.reader().await?.row(&NAMED, values![key_text(name).as_ref()]).await?.as_ref().map(user).transpose()
    }

    /// Whether any administrator has chosen a password: if not, the gateway prints a link at its start.
    ///
    /// # Errors
    /// The database.
    pub async fn has_administrator(&self) -> Result<bool, Error> {
        Ok(self.reader().await?.row(&ANY_PASSWORD, values![]).await?.is_some())
    }

    /// Adds a one-time link for a user; links they had before work no more.
    ///
    /// # Errors
    /// There is no such user, or the database.
    pub async fn add_login_link(&self, link: &TokenHash, user: UserId, now_us: i64, until_us: i64) -> Result<(), Error> {
        let mut conn = self.writer().await?;
        conn.run(&LINKS_EXPIRED, values![now_us]).await?;
        conn.run(&LINKS_OF_USER, values![user]).await?;
        conn.run(&LINK_ADD, values![link.as_slice(), user, now_us, until_us]).await?;
        conn.commit().await
    }

    /// For whom a link is that still works.
    ///
    /// # Errors
    /// The database.
    pub async fn login_link_user(&self, link: &TokenHash, now_us: i64) -> Result<Option<User>, Error> {
        self.reader().await?.row(&OF_LINK, values![link.as_slice(), now_us]).await?.as_ref().map(user).transpose()
    }

    /// Uses a link up: sets its user's name and password, and ends the sessions they had. `None` when the link does not
    /// work (any more); of two at once, one wins.
    ///
    /// # Errors
    /// The name is taken (the link still works then), or the database.
    pub async fn use_login_link(
        &self,
        link: &TokenHash,
        name: &str,
        password_hash: &str,
        now_us: i64,
    ) -> Result<Option<User>, Error> {
        let name = key_text(name.trim()).into_owned();
        let mut conn = self.writer().await?;
        let Some(row) = conn.row(&LINK_USE, values![link.as_slice(), now_us]).await? else {
            conn.roll_back().await;
            return Ok(None);
        };
        let id = UserId(row.get(LINK_USE.name, 0)?);
        conn.run(&SET_LOGIN, values![id, name.as_str(), password_hash]).await.map_err(|e| taken(e, &name))?;
        conn.run(&SESSIONS_END, values![id]).await?;
        audit::write(&mut conn, None, &format!("user:{id}"), "user.password-chosen", &id.to_string(), "{}").await?;
        let found = conn.row(&NAMED, values![name]).await?.as_ref().map(user).transpose()?;
        conn.commit().await?;
        Ok(found)
    }

    /// Begins a session that lasts until `until_us`; removes those that are over.
    ///
    /// # Errors
    /// The database.
    pub async fn begin_session(&self, session: &TokenHash, user: UserId, now_us: i64, until_us: i64) -> Result<(), Error> {
        let mut conn = self.writer().await?;
        conn.run(&SESSIONS_EXPIRED, values![now_us]).await?;
        conn.run(&SESSION_ADD, values![session.as_slice(), user, now_us, until_us]).await?;
        conn.commit().await
    }

    /// Whose session it is, while it lasts.
    ///
    /// # Errors
    /// The database.
    pub async fn session_user(&self, session: &TokenHash, now_us: i64) -> Result<Option<User>, Error> {
        self.reader().await?.row(&OF_SESSION, values![session.as_slice(), now_us]).await?.as_ref().map(user).transpose()
    }

    /// Ends a session, if there is one.
    ///
    /// # Errors
    /// The database.
    pub async fn end_session(&self, session: &TokenHash) -> Result<(), Error> {
        let mut conn = self.writer().await?;
        conn.run(&SESSION_END, values![session.as_slice()]).await?;
        conn.commit().await
    }
}

fn taken(error: Error, name: &str) -> Error {
    if error.broke("users_name") || error.broke("users.name") {
        Error::Conflict(format!("there is a user `{name}` already"))
    } else {
        error
    }
}

fn user(row: &Row) -> Result<User, Error> {
    let mut c = Columns::of(ALL.name, row);
    Ok(User { id: UserId(c.take()?), name: c.take()?, admin: c.take()?, password_hash: c.take()?, created_at_us: c.take()? })
}
