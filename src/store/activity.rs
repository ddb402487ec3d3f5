//! When something was last said in which conversation: the rows that lists go by.
//!
//! A row is never moved. Whatever is said in a conversation makes a row at the end of its organisation; the one before is
//! taken away at once where it is recent, because then it stands near the end too, on a page that changes anyway. An
//! older one stands on a page that no other mail of the batch touches, and writing that page would be a good part of what
//! the mail costs beside millions of messages. So it stays: lists pass over every row that does not say what its
//! conversation says, and [`Store::sweep_activity`] takes them away later, page by page in the order of the table.
//!
//! # Failure
//! A row that is left over is passed over; one that is missing hides a conversation from lists, so rows are made in the
//! transaction that changes the conversation. A sweep that fails goes on at the next.
//!
//! # Trust
//! Whether a row counts is asked whenever it is read: it does where it says what its conversation says.

use super::connection::{Bulk, Conn, Query};
use super::value::{Columns, count, values};
use super::{Error, Store};
use crate::limits::ACTIVITY_SWEPT_ROWS;
use crate::mail::{ConversationId, OrganisationId};
use uuid::Uuid;

/// Rows so young are taken away at once, microseconds: an hour's mail is at the end of the table. So a conversation leaves
/// at most one row an hour, however much is said in it.
const RECENT_US: i64 = 3_600_000_000;

pub(super) const NEW: Bulk = Bulk {
    name: "insert_conversation_activity",
    head: "INSERT INTO conversation_activity (organisation, last_message_at, conversation)",
    tail: "ON CONFLICT DO NOTHING",
    width: 3,
};
const ROWS: Query = Query::new(
    "conversation_activity_rows",
    "SELECT a.organisation, a.last_message_at, a.conversation,
            COALESCE(c.last_message_at = a.last_message_at AND c.alias_of IS NULL, FALSE)
     FROM (SELECT organisation, last_message_at, conversation FROM conversation_activity
           WHERE (organisation, last_message_at, conversation) > ($1, $2, $3)
           ORDER BY organisation, last_message_at, conversation LIMIT $4) a
     LEFT JOIN conversations c ON c.id = a.conversation",
);
const GO: Bulk = Bulk {
    name: "conversation_activity_go",
    head: "WITH k (organisation, last_message_at, conversation) AS (",
    tail: ") DELETE FROM conversation_activity WHERE (organisation, last_message_at, conversation) IN (
           SELECT organisation, last_message_at, conversation FROM k)",
    width: 3,
};

/// The key of a row, in the order of the table.
type Key = (OrganisationId, i64, ConversationId);

/// How far a sweep got: where the next step begins. The default begins at the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ActivitySweep(Option<Key>);

impl ActivitySweep {
    /// The whole table has been gone through; the next step begins anew.
    #[must_use]
    pub const fn is_at_start(self) -> bool {
        self.0.is_none()
    }
}

/// What a batch says in a conversation that was there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said {
    pub(super) organisation: OrganisationId,
    pub(super) conversation: ConversationId,
    /// When its newest message was received before the batch, and after it: microseconds since 1970 UTC.
    pub(super) before_us: i64,
    pub(super) after_us: i64,
}

/// Notes when something was said in conversations that were there.
pub(super) async fn said(conn: &mut Conn, said: &[Said]) -> Result<(), Error> {
    let moved = || said.iter().filter(|s| s.before_us != s.after_us);
    let rows = moved().flat_map(|s| values![s.organisation, s.after_us, s.conversation]);
    let recent = moved().filter(|s| s.before_us > s.after_us.saturating_sub(RECENT_US));
    let recent = recent.flat_map(|s| values![s.organisation, s.before_us, s.conversation]);
    conn.bulk(&GO, recent.collect()).await?;
    conn.bulk(&NEW, rows.collect()).await.map(drop)
}

impl Store {
    /// One step of a sweep: looks at the next rows, at most `max` and [`ACTIVITY_SWEPT_ROWS`], and removes those that lists pass
    /// over. Gives where to go on and how many were removed. Writes nothing where nothing is left over, and several nodes may sweep at once.
    ///
    /// # Errors
    /// The database.
    pub async fn sweep_activity(&self, from: ActivitySweep, max: usize) -> Result<(ActivitySweep, usize), Error> {
        let (organisation, at, conversation) =
            from.0.unwrap_or((OrganisationId(Uuid::nil()), i64::MIN, ConversationId(Uuid::nil())));
        let max = count(max.clamp(1, ACTIVITY_SWEPT_ROWS));
        let rows = self.reader().await?.rows(&ROWS, values![organisation, at, conversation, max]).await?;
        let (mut left_over, mut last): (Vec<Key>, Option<Key>) = (Vec::new(), None);
        for row in &rows {
            let mut c = Columns::of(ROWS.name, row);
            let key = (OrganisationId(c.take()?), c.take()?, ConversationId(c.take()?));
            last = last.max(Some(key));
            if !c.take::<bool>()? {
                left_over.push(key);
            }
        }
        let next = last.filter(|_| count(rows.len()) >= max);
        left_over.sort_unstable();
        if !left_over.is_empty() {
            let mut conn = self.writer().await?;
            let keys = left_over.iter().flat_map(|(organisation, at, id)| values![*organisation, *at, *id]).collect();
            conn.bulk(&GO, keys).await?;
            conn.commit().await?;
        }
        Ok((ActivitySweep(next), left_over.len()))
    }
}
