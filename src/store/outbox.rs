//! The outbox: what happened, numbered for each organisation without gaps, written in the
//! transaction in which it happened.
//!
//! The number is taken from `outbox_heads` under that row's lock, so an event with a smaller
//! number never appears after one with a larger: who has read up to a number has missed nothing.

use super::connection::{Bulk, Conn, Query};
use super::value::{Columns, Row, values};
use super::{Error, Store, page_rows};
use crate::mail::{ConversationId, MessageId, OrganisationId, QuarantineId};
use serde::Serialize;
use std::collections::BTreeMap;
use uuid::Uuid;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum EventKind {
    ConversationOpened,
    MessageAttached,
    /// `merged` is an alias of `conversation` now, which has all its messages.
    ConversationMerged,
    QuarantineHeld,
    /// A released mail has become a message.
    QuarantineAttached,
    QuarantineDiscarded,
}

impl EventKind {
    /// All of them.
    pub const ALL: [EventKind; 6] = [
        Self::ConversationOpened,
        Self::MessageAttached,
        Self::ConversationMerged,
        Self::QuarantineHeld,
        Self::QuarantineAttached,
        Self::QuarantineDiscarded,
    ];

    /// The stable word for it, as stored and sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConversationOpened => "conversation.opened",
            Self::MessageAttached => "message.attached",
            Self::ConversationMerged => "conversation.merged",
            Self::QuarantineHeld => "quarantine.held",
            Self::QuarantineAttached => "quarantine.attached",
            Self::QuarantineDiscarded => "quarantine.discarded",
        }
    }

    /// The reverse of [`EventKind::as_str`].
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.as_str() == word)
    }
}

impl Serialize for EventKind {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

/// An event with its number: ids only, never words of a mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutboxEvent {
    /// Whose.
    pub organisation: OrganisationId,
    /// Its number, from 1, without gaps within the organisation.
    pub sequence: i64,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// To which conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationId>,
    /// Which conversation became its alias.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merged: Option<ConversationId>,
    /// Which message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageId>,
    /// Which quarantine item.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<QuarantineId>,
    /// When, microseconds since 1970 UTC; serialized as RFC 3339.
    #[serde(rename = "happened_at", serialize_with = "super::reading::serialize_rfc3339")]
    pub happened_at_us: i64,
}

/// An event that has no number yet.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) organisation: OrganisationId,
    pub(super) kind: EventKind,
    pub(super) conversation: Option<ConversationId>,
    pub(super) merged: Option<ConversationId>,
    pub(super) message: Option<MessageId>,
    pub(super) item: Option<QuarantineId>,
}

impl Event {
    pub(super) fn new(organisation: OrganisationId, kind: EventKind) -> Event {
        Event { organisation, kind, conversation: None, merged: None, message: None, item: None }
    }
}

const HEADS: Bulk = Bulk {
    name: "outbox_heads",
    head: "INSERT INTO outbox_heads (organisation, sequence)",
    tail: "ON CONFLICT (organisation) DO UPDATE SET sequence = outbox_heads.sequence + excluded.sequence
           RETURNING organisation, sequence",
    width: 2,
};
const INSERT: Bulk = Bulk {
    name: "insert_outbox",
    head: "INSERT INTO outbox (organisation, sequence, kind, conversation, merged, message, item, happened_at)",
    tail: "",
    width: 8,
};
const AFTER: Query = Query::new(
    "outbox_after",
    "SELECT organisation, sequence, kind, conversation, merged, message, item, happened_at FROM outbox
     WHERE organisation = $1 AND sequence > $2 ORDER BY sequence LIMIT $3",
);
const HEAD: Query = Query::new("outbox_head", "SELECT sequence FROM outbox_heads WHERE organisation = $1");
const TRIM: Query = Query::new(
    "outbox_trim",
    "DELETE FROM outbox WHERE happened_at < $1 AND NOT EXISTS (
         SELECT 1 FROM webhook_endpoints e
         WHERE e.organisation = outbox.organisation AND e.enabled AND e.delivered < outbox.sequence)",
);

impl Store {
    /// Events of an organisation after a number, in order: at most `max`, and never more than a page.
    ///
    /// # Errors
    /// The database.
    pub async fn outbox_after(&self, organisation: OrganisationId, sequence: i64, max: usize) -> Result<Vec<OutboxEvent>, Error> {
        let rows = self.reader().await?.rows(&AFTER, values![organisation, sequence, page_rows(max)]).await?;
        rows.iter().map(event).collect()
    }

    /// The number of an organisation's newest event; 0 before the first.
    ///
    /// # Errors
    /// The database.
    pub async fn outbox_head(&self, organisation: OrganisationId) -> Result<i64, Error> {
        let row = self.reader().await?.row(&HEAD, values![organisation]).await?;
        row.map_or(Ok(0), |row| row.get(HEAD.name, 0))
    }

    /// Removes events older than this (microseconds since 1970 UTC) that no enabled webhook still waits for. Gives how many.
    ///
    /// # Errors
    /// The database.
    pub async fn trim_outbox(&self, before_us: i64) -> Result<u64, Error> {
        let mut conn = self.writer().await?;
        let removed = conn.run(&TRIM, values![before_us]).await?;
        conn.commit().await?;
        Ok(removed)
    }
}

/// Numbers events and writes them.
pub(super) async fn record(conn: &mut Conn, now_us: i64, events: Vec<Event>) -> Result<(), Error> {
    let mut counts: BTreeMap<OrganisationId, i64> = BTreeMap::new();
    for event in &events {
        *counts.entry(event.organisation).or_default() += 1;
    }
    let heads = counts.iter().flat_map(|(organisation, n)| values![*organisation, *n]).collect();
    let mut next: BTreeMap<OrganisationId, i64> = BTreeMap::new();
    for row in conn.bulk(&HEADS, heads).await? {
        let mut c = Columns::of(HEADS.name, &row);
        let organisation = OrganisationId(c.take()?);
        let head: i64 = c.take()?;
        next.insert(organisation, head - counts.get(&organisation).copied().unwrap_or_default() + 1);
    }
    let mut values = Vec::with_capacity(events.len() * INSERT.width);
    for e in events {
        let sequence = next.entry(e.organisation).or_insert(1);
        values.extend(values![e.organisation, *sequence, e.kind.as_str(), e.conversation, e.merged, e.message, e.item, now_us]);
        *sequence += 1;
    }
    conn.bulk(&INSERT, values).await.map(drop)
}

fn event(row: &Row) -> Result<OutboxEvent, Error> {
    let mut c = Columns::of(AFTER.name, row);
    Ok(OutboxEvent {
        organisation: OrganisationId(c.take()?),
        sequence: c.take()?,
        kind: c.word("outbox.kind", EventKind::from_word)?,
        conversation: c.take::<Option<Uuid>>()?.map(ConversationId),
        merged: c.take::<Option<Uuid>>()?.map(ConversationId),
        message: c.take::<Option<Uuid>>()?.map(MessageId),
        item: c.take::<Option<Uuid>>()?.map(QuarantineId),
        happened_at_us: c.take()?,
    })
}
