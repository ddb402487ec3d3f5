//! Links between conversations: one continues another, began with a mail of it that was passed on, or mails tie both.
//!
//! # Failure
//! Reads only: an error changes nothing.

use super::connection::Query;
use super::value::{Columns, values};
use super::{Error, Store, page_rows};
use crate::mail::ConversationId;
use serde::Serialize;
use uuid::Uuid;

/// A link between two conversations. Links are ordered as they are compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ConversationLink {
    /// The one it begins at: it `continues` the other, a mail of the other was passed on to it, …
    pub conversation: ConversationId,
    /// The other, or the one that became a part of.
    pub other: ConversationId,
    /// `continues`, `forward` or `tied`.
    pub kind: String,
}

// Each half walks an index from the cursor on. No link leads from a conversation to itself, so no row is in both.
const LINKS: Query = Query::new(
    "conversation_links",
    "SELECT conversation, other, kind FROM (
       SELECT * FROM (SELECT conversation, other, kind FROM conversation_links
                      WHERE conversation = $1 AND (conversation, other, kind) > ($2, $3, $4)
                      ORDER BY conversation, other, kind LIMIT $5) AS from_here
       UNION ALL
       SELECT * FROM (SELECT conversation, other, kind FROM conversation_links
                      WHERE other = $1 AND (conversation, other, kind) > ($2, $3, $4)
                      ORDER BY conversation, other, kind LIMIT $5) AS to_here
     ) AS both_ways ORDER BY conversation, other, kind LIMIT $5",
);

impl Store {
    /// Links of a conversation, in both directions, from behind `after` on (the last one of the page before): at most `max`, and
    /// never more than a page.
    ///
    /// # Errors
    /// The database.
    pub async fn conversation_links(
        &self,
        id: ConversationId,
        after: Option<&ConversationLink>,
        max: usize,
    ) -> Result<Vec<ConversationLink>, Error> {
        let (conversation, other, kind) = match after {
            Some(last) => (last.conversation.0, last.other.0, last.kind.as_str()),
            None => (Uuid::nil(), Uuid::nil(), ""),
        };
        let rows = self.reader().await?.rows(&LINKS, values![id, conversation, other, kind, page_rows(max)]).await?;
        rows.iter()
            .map(|row| {
                let mut c = Columns::of(LINKS.name, row);
                let (conversation, other) = (ConversationId(c.take()?), ConversationId(c.take()?));
                Ok(ConversationLink { conversation, other, kind: c.take()? })
            })
            .collect()
    }
}
