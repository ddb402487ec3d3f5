//! The secrets that sign reply addresses.

use super::connection::Query;
use super::value::values;
use super::{Error, Store, now_us};
use uuid::Uuid;

/// Bytes of a secret: as many as the MAC's output.
const SECRET_BYTES: usize = 32;

const ALL: Query = Query::new("token_keys", "SELECT secret FROM token_keys ORDER BY id DESC");
// Two nodes that start at once make one key: on PostgreSQL the table is locked until the commit.
const LOCK: Query = Query::each("token_keys_lock", "SELECT 1", "LOCK TABLE token_keys IN SHARE ROW EXCLUSIVE MODE");
const ADD: Query = Query::new("token_key_add", "INSERT INTO token_keys (id, secret, created_at) VALUES ($1, $2, $3)");

impl Store {
    /// The secrets, the newest first; the first one is made when there is none.
    ///
    /// # Errors
    /// The database, or the system has no randomness.
    pub async fn token_secrets(&self) -> Result<Vec<Vec<u8>>, Error> {
        let secrets = secrets(&mut self.reader().await?).await?;
        if !secrets.is_empty() {
            return Ok(secrets);
        }
        self.add_token_secret(true).await
    }

    /// Makes a new secret, which signs from now on; older ones still verify. Gives all, the newest first.
    ///
    /// # Errors
    /// The database, or the system has no randomness.
    pub async fn rotate_token_secret(&self) -> Result<Vec<Vec<u8>>, Error> {
        self.add_token_secret(false).await
    }

    async fn add_token_secret(&self, only_the_first: bool) -> Result<Vec<Vec<u8>>, Error> {
        let mut conn = self.writer().await?;
        conn.run(&LOCK, values![]).await?;
        let there = secrets(&mut conn).await?;
        if only_the_first && !there.is_empty() {
            conn.roll_back().await;
            return Ok(there);
        }
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut secret)
            .map_err(|e| Error::Unavailable { query: ADD.name, reason: format!("no randomness from the system: {e}") })?;
        conn.run(&ADD, values![Uuid::now_v7(), secret.as_slice(), now_us()]).await?;
        let secrets = secrets(&mut conn).await?;
        conn.commit().await?;
        Ok(secrets)
    }
}

async fn secrets(conn: &mut super::connection::Conn) -> Result<Vec<Vec<u8>>, Error> {
    conn.rows(&ALL, values![]).await?.iter().map(|row| row.get(ALL.name, 0)).collect()
}
