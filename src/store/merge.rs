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
use super::{Error, audit};
use crate::mail::{ConversationId, OrganisationId};
use serde::Serialize;

// Whatever went on in the one that is over goes on in the new one: chains have length one.
const CONTINUE: Query =
    Query::new("continue_conversation", "UPDATE conversations SET continued_by = $2 WHERE id = $1 OR continued_by = $1");

const MERGE_MESSAGES: Query = Query::new("merge_messages", "UPDATE messages SET conversation = $2 WHERE conversation = $1");
const MERGE_PEOPLE: Query = Query::new(
    "merge_people",
    "INSERT INTO participants (conversation, address, organisation, name, role, added_at)
     SELECT $2, address, organisation, name, role, added_at FROM participants WHERE conversation = $1
     ON CONFLICT DO NOTHING",
);
const MERGE_PEOPLE_LEAVE: Query = Query::new("merge_people_leave", "DELETE FROM participants WHERE conversation = $1");
// Before the facts: what the conversations say is where the rows are.
const MERGE_ACTIVITY: Query = Query::new(
    "merge_activity",
    "UPDATE conversation_activity SET last_message_at = gone.last_message_at FROM conversations AS gone, conversations AS stays
     WHERE gone.id = $1 AND stays.id = $2 AND gone.last_message_at > stays.last_message_at
     AND conversation_activity.organisation = stays.organisation
     AND conversation_activity.last_message_at = stays.last_message_at AND conversation_activity.conversation = stays.id",
);
const MERGE_ACTIVITY_GOES: Query = Query::new(
    "merge_activity_goes",
    "DELETE FROM conversation_activity WHERE (organisation, last_message_at, conversation) IN (
     SELECT organisation, last_message_at, id FROM conversations WHERE id = $1)",
);
const MERGE_FACTS: Query = Query::new(
    "merge_facts",
    "UPDATE conversations SET message_count = conversations.message_count + gone.message_count,
     created_at = CASE WHEN gone.created_at < conversations.created_at THEN gone.created_at ELSE conversations.created_at END,
     last_message_at = CASE WHEN gone.last_message_at > conversations.last_message_at
                       THEN gone.last_message_at ELSE conversations.last_message_at END,
     state = CASE WHEN gone.state = 'open' THEN 'open' ELSE conversations.state END,
     closed_at = CASE WHEN gone.state = 'open' OR conversations.state = 'open' THEN NULL
                 WHEN gone.closed_at > conversations.closed_at THEN gone.closed_at ELSE conversations.closed_at END,
     touched_by_person = conversations.touched_by_person OR gone.touched_by_person
     FROM conversations AS gone WHERE gone.id = $1 AND conversations.id = $2",
);
// Whatever pointed to the one that goes points to the one that stays: chains have length one.
const MERGE_ALIAS: Query = Query::new(
    "merge_alias",
    "UPDATE conversations SET alias_of = $2, message_count = 0, state = 'closed' WHERE id = $1 OR alias_of = $1",
);

const MERGE_CONTINUED: Query =
    Query::new("merge_continued", "UPDATE conversations SET continued_by = $2 WHERE continued_by = $1");
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
    conn.run(&MERGE_MESSAGES, pair()).await?;
    conn.run(&MERGE_OUTBOUND, pair()).await?;
    conn.run(&MERGE_PEOPLE, pair()).await?;
    conn.run(&MERGE_PEOPLE_LEAVE, values![merge.from]).await?;
    conn.run(&MERGE_ACTIVITY, pair()).await?;
    conn.run(&MERGE_ACTIVITY_GOES, values![merge.from]).await?;
    conn.run(&MERGE_FACTS, pair()).await?;
    conn.run(&MERGE_ALIAS, pair()).await?;
    conn.run(&MERGE_CONTINUED, pair()).await?;
    conn.run(&MERGE_LINKS_FROM, pair()).await?;
    conn.run(&MERGE_LINKS_TO, pair()).await?;
    conn.run(&MERGE_LINKS_GO, values![merge.from]).await?;
    audit::write(conn, Some(merge.organisation), "rules", "conversation.merged", &merge.from.to_string(), &json(&merge)).await
}
