//! What happens to whole conversations: one goes into another, or goes on in another.
//!
//! A merge moves rows: messages and people of the conversation that goes belong to the one that stays,
//! so that `WHERE conversation = …` is the whole truth; the id that goes stays as an alias, for those who
//! still hold it, its known Message-IDs among them. One that goes on keeps its rows; its people come along.
//!
//! # Failure
//! Part of the transaction of a batch: all or nothing.

use super::connection::{Conn, Query};
use super::value::{json, values};
use super::writes::ORDINALS;
use super::{Error, audit};
use crate::mail::{ConversationId, OrganisationId};
use serde::Serialize;

// Whatever went on in the one that is over goes on in the new one: chains have length one.
const CONTINUE: Query =
    Query::new("continue_conversation", "UPDATE conversation_records SET continued_by = $2 WHERE id = $1 OR continued_by = $1");

const MERGE_MESSAGES: Query = Query::new("merge_messages", "UPDATE messages SET conversation = $2 WHERE conversation = $1");
const MERGE_PEOPLE: Query = Query::new(
    "merge_people",
    "INSERT INTO participants (conversation, address, organisation, name, role, added_at)
     SELECT $2, address, organisation, name, role, added_at FROM participants WHERE conversation = $1
     ON CONFLICT DO NOTHING",
);
const MERGE_PEOPLE_LEAVE: Query = Query::new("merge_people_leave", "DELETE FROM participants WHERE conversation = $1");
const MERGE_COUNT: Query = Query::new(
    "merge_count",
    "SELECT CAST(COALESCE(SUM(message_count), 0) AS BIGINT) FROM conversations WHERE id = $1 OR id = $2",
);
// Before rows move, and after: what the conversations say is where the rows are.
const MERGE_ACTIVITY_GOES: Query = Query::new(
    "merge_activity_goes",
    "DELETE FROM conversation_activity WHERE (organisation, last_message_at, conversation) IN (
     SELECT organisation, last_message_at, id FROM conversations WHERE id = $1 OR id = $2)",
);
const MERGE_ACTIVITY: Query = Query::new(
    "merge_activity",
    "INSERT INTO conversation_activity (organisation, last_message_at, conversation)
     SELECT organisation, last_message_at, id FROM conversations WHERE id = $1 ON CONFLICT DO NOTHING",
);
const MERGE_FACTS: Query = Query::new(
    "merge_facts",
    "UPDATE conversation_records SET
     created_at = CASE WHEN gone.created_at < conversation_records.created_at
                  THEN gone.created_at ELSE conversation_records.created_at END,
     state = CASE WHEN gone.state = 'open' THEN 'open' ELSE conversation_records.state END,
     closed_at = CASE WHEN gone.state = 'open' OR conversation_records.state = 'open' THEN NULL
                 WHEN gone.closed_at > conversation_records.closed_at THEN gone.closed_at
                 ELSE conversation_records.closed_at END,
     touched_by_person = conversation_records.touched_by_person OR gone.touched_by_person,
     orphaned = conversation_records.orphaned OR gone.orphaned
     FROM conversation_records AS gone WHERE gone.id = $1 AND conversation_records.id = $2",
);
// Whatever pointed to the one that goes points to the one that stays: chains have length one.
const MERGE_ALIAS: Query =
    Query::new("merge_alias", "UPDATE conversation_records SET alias_of = $2, state = 'closed' WHERE id = $1 OR alias_of = $1");

const MERGE_CONTINUED: Query =
    Query::new("merge_continued", "UPDATE conversation_records SET continued_by = $2 WHERE continued_by = $1");
const MERGE_LINKS_FROM: Query = Query::new(
    "merge_links_from",
    "INSERT INTO conversation_links (conversation, other, kind, created_at)
     SELECT $2, other, kind, created_at FROM conversation_links WHERE conversation = $1 AND other <> $2 ON CONFLICT DO NOTHING",
);
const MERGE_LINKS_TO: Query = Query::new(
    "merge_links_to",
    "INSERT INTO conversation_links (conversation, other, kind, created_at)
     SELECT conversation, $2, kind, created_at FROM conversation_links WHERE other = $1 AND conversation <> $2
     ON CONFLICT DO NOTHING",
);
const MERGE_LINKS_GO: Query =
    Query::new("merge_links_go", "DELETE FROM conversation_links WHERE conversation = $1 OR other = $1");
const MERGE_OUTBOUND: Query = Query::new("merge_outbound", "UPDATE outbound_mails SET conversation = $2 WHERE conversation = $1");

/// What happens to whole conversations, in the order it was decided.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Merge(Merge),
    /// The first is over and goes on in the second.
    Continue(ConversationId, ConversationId),
}

/// One conversation goes into another.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Merge {
    pub(super) organisation: OrganisationId,
    pub(super) from: ConversationId,
    pub(super) into: ConversationId,
}

impl Step {
    /// Writes it.
    pub(super) async fn write(self, conn: &mut Conn) -> Result<(), Error> {
        match self {
            Step::Merge(merge) => write_merge(conn, merge).await,
            Step::Continue(old, new) => {
                conn.run(&MERGE_PEOPLE, values![old, new]).await?;
                conn.run(&CONTINUE, values![old, new]).await.map(drop)
            }
        }
    }
}

/// Moves all rows of the conversation that goes.
async fn write_merge(conn: &mut Conn, merge: Merge) -> Result<(), Error> {
    let pair = || values![merge.from, merge.into];
    let count = conn.row(&MERGE_COUNT, pair()).await?;
    let count: i64 = count.map_or(Ok(0), |row| row.get(MERGE_COUNT.name, 0))?;
    conn.run(&MERGE_ACTIVITY_GOES, pair()).await?;
    conn.run(&MERGE_MESSAGES, pair()).await?;
    conn.bulk(&ORDINALS, values![merge.into, count]).await?;
    conn.run(&MERGE_OUTBOUND, pair()).await?;
    conn.run(&MERGE_PEOPLE, pair()).await?;
    conn.run(&MERGE_PEOPLE_LEAVE, values![merge.from]).await?;
    conn.run(&MERGE_FACTS, pair()).await?;
    conn.run(&MERGE_ALIAS, pair()).await?;
    conn.run(&MERGE_ACTIVITY, values![merge.into]).await?;
    conn.run(&MERGE_CONTINUED, pair()).await?;
    conn.run(&MERGE_LINKS_FROM, pair()).await?;
    conn.run(&MERGE_LINKS_TO, pair()).await?;
    conn.run(&MERGE_LINKS_GO, values![merge.from]).await?;
    audit::write(conn, Some(merge.organisation), "rules", "conversation.merged", &merge.from.to_string(), &json(&merge)).await
}
