//! Mails that wait for staff: held with their reasons, released or discarded by a named person.
//!
//! ```text
//!            ┌────────── held again: reading it failed once more ──────────┐
//!            ▼                                                             │
//! held ──► released (by staff) ──► attached (by the intake, as a message)  │
//!   │          └───────────────────────────────────────────────────────────┘
//!   └────► discarded (by staff)
//! ```
//! The disposition follows in the same transaction: `quarantined` while held or released, then
//! `attached` or `discarded`.

use super::attach::lock_organisations;
use super::connection::{Conn, Query};
use super::outbox::{Event, EventKind, record};
use super::value::{Columns, Row, json, values};
use super::{Error, Store, audit, now_us, page_rows};
use crate::mail::{
    ConversationId, JournalId, Locator, MailboxId, MessageId, OrganisationId, Position, QuarantineId, QuarantineReason,
    ReasonCode, UserId,
};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use uuid::Uuid;

/// Where an item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum QuarantineState {
    Held,
    /// By staff; the intake has not attached it yet.
    Released,
    Attached,
    Discarded,
}

impl QuarantineState {
    /// All of them.
    pub const ALL: [QuarantineState; 4] = [Self::Held, Self::Released, Self::Attached, Self::Discarded];

    /// The stable word for it, as stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Released => "released",
            Self::Attached => "attached",
            Self::Discarded => "discarded",
        }
    }

    /// The reverse of [`QuarantineState::as_str`].
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == word)
    }
}

/// A quarantine item.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QuarantineItem {
    /// Its id: the key for the next page.
    pub id: QuarantineId,
    /// For whom.
    pub organisation: OrganisationId,
    /// Where the raw mail is.
    pub locator: Locator,
    /// When it was received, microseconds since 1970 UTC.
    pub received_at_us: i64,
    /// When it was held.
    pub held_at_us: i64,
    /// In which mailboxes it would show.
    pub mailboxes: Vec<MailboxId>,
    /// Why it is held.
    pub reasons: Vec<QuarantineReason>,
    /// Where it stands.
    pub state: QuarantineState,
    /// Whose act it is, if the reader got that far.
    pub sender: Option<String>,
    /// Its subject, if the reader got that far.
    pub subject: Option<String>,
    /// The decision that would be taken, as JSON.
    pub proposed: Option<serde_json::Value>,
    /// Where staff want it.
    pub released_to: Option<ConversationId>,
    /// Who released or discarded it.
    pub actor: Option<String>,
    /// When.
    pub decided_at_us: Option<i64>,
    /// What it became.
    pub message: Option<MessageId>,
    /// The first item of the group it was held with: a loop or a flood. Deciding on that one decides on all of them.
    pub group: Option<QuarantineId>,
    /// For the first item of a group: items of the group in its state, with itself. Otherwise 0.
    pub group_items: u64,
}

impl QuarantineItem {
    /// In the words of the HTTP API and of `tidegate quarantine --json`.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        use super::rfc3339;
        let reasons = self.reasons.iter();
        let reasons = reasons.map(|r| serde_json::json!({ "code": r.code, "detail": r.detail, "explanation": r.code.explain() }));
        serde_json::json!({
            "id": self.id,
            "organisation": self.organisation,
            "state": self.state.as_str(),
            "received_at": rfc3339(self.received_at_us),
            "held_at": rfc3339(self.held_at_us),
            "position": self.locator.position,
            "sender": self.sender,
            "subject": self.subject,
            "reasons": reasons.collect::<Vec<_>>(),
            "proposed": self.proposed,
            "actor": self.actor,
            "decided_at": self.decided_at_us.map(rfc3339),
            "message": self.message,
            "group": self.group,
            "group_items": self.group_items,
        })
    }
}

/// A count with its state, for the first line of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The state.
    pub state: QuarantineState,
    /// How many items are in it.
    pub items: u64,
}

/// A quarantine item that staff have released.
#[derive(Debug, Clone)]
pub struct ReleasedItem {
    /// The item.
    pub item: QuarantineId,
    /// The mail.
    pub position: Position,
    /// For whom.
    pub organisation: OrganisationId,
    /// Where to put it; `None` lets the rules decide.
    pub conversation: Option<ConversationId>,
    /// Who released it.
    pub by: Option<UserId>,
}

macro_rules! select_item {
    ($($condition:literal),+) => {
        concat!(
            "SELECT id, organisation, journal, position, received_at, held_at, mailboxes, reasons, state, sender, subject,
             proposed, released_to, actor, decided_at, message, group_id,
             CASE WHEN group_id = id THEN (SELECT COUNT(*) FROM quarantine_items m
               WHERE m.group_id = quarantine_items.id AND m.state = quarantine_items.state) ELSE 0 END
             FROM quarantine_items WHERE ",
            $($condition),+
        )
    };
}
// A list shows of a group its first item. (The index of these lists has just those rows.) An item whose state parts from
// that of the first leaves the group, so nothing that waits for staff is hidden.
macro_rules! select_listed_items {
    ($condition:literal) => {
        $crate::store::quarantine::select_item!("(group_id IS NULL OR group_id = id) AND ", $condition)
    };
}
// What is released is attached one after the other, the first one first: then the others are shown.
macro_rules! select_released_items {
    ($condition:literal) => {
        $crate::store::quarantine::select_item!(
            "NOT EXISTS (SELECT 1 FROM quarantine_items g WHERE g.id = quarantine_items.group_id
               AND g.id <> quarantine_items.id AND g.state = 'released') AND state = 'released' AND ",
            $condition
        )
    };
}
pub(super) use select_item;
pub(super) use select_listed_items;
pub(super) use select_released_items;

const OF_MAIL: Query = Query::new(
    "quarantine_of_mail",
    "SELECT d.kind, d.item, q.state FROM dispositions d LEFT JOIN quarantine_items q ON q.id = d.item
     WHERE d.journal = $1 AND d.position = $2 AND d.organisation = $3",
);
const HOLD: Query = Query::new(
    "quarantine_hold",
    "INSERT INTO quarantine_items (id, organisation, journal, position, received_at, held_at, mailboxes, reasons, state)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'held')",
);
const HOLD_DISPOSITION: Query = Query::new(
    "quarantine_hold_disposition",
    "INSERT INTO dispositions (journal, position, organisation, kind, item, decided_at) VALUES ($1, $2, $3, 'quarantined', $4, $5)",
);
const HOLD_AGAIN: Query = Query::new(
    "quarantine_hold_again",
    "UPDATE quarantine_items SET state = 'held', reasons = $2, held_at = $3, released_to = NULL,
       group_id = CASE WHEN group_id = $1 THEN group_id END WHERE id = $1",
);
const RELEASED: Query = Query::new(
    "quarantine_released",
    "SELECT id, position, organisation, released_to, actor FROM quarantine_items
     WHERE state = 'released' AND journal = $1 ORDER BY id LIMIT $2",
);
const ITEM: Query = Query::new("quarantine_item", select_item!("id = $1"));
const PAGE: Query = Query::new("quarantine_page", select_listed_items!("state = $1 AND id < $2 ORDER BY id DESC LIMIT $3"));
const COUNTS: Query = Query::new("quarantine_counts", "SELECT state, COUNT(*) FROM quarantine_items GROUP BY state");
const SET_RELEASED: Query = Query::new(
    "quarantine_release",
    "UPDATE quarantine_items SET state = 'released', released_to = $2, actor = $3, decided_at = $4,
       group_id = CASE WHEN group_id = $1 THEN group_id END
     WHERE (id = $1 OR group_id = $1) AND state IN ('held', 'released')",
);
// What is held from now on is another group.
const LEAVE_GROUP: Query = Query::new("brakes_leave_group", "UPDATE brakes SET group_id = NULL, held = 0 WHERE group_id = $1");
const SET_DISCARDED: Query = Query::new(
    "quarantine_discard",
    "UPDATE quarantine_items SET state = 'discarded', actor = $2, decided_at = $3,
       group_id = CASE WHEN group_id = $1 THEN group_id END
     WHERE (id = $1 OR group_id = $1) AND state = 'held'",
);
const DISCARD_DISPOSITION: Query = Query::new(
    "quarantine_discard_disposition",
    "UPDATE dispositions SET kind = 'discarded', decided_at = $2 FROM quarantine_items q
     WHERE (q.id = $1 OR q.group_id = $1) AND q.state = 'held' AND dispositions.journal = q.journal
     AND dispositions.position = q.position AND dispositions.organisation = q.organisation",
);
const CONVERSATION_OWNER: Query = Query::new("conversation_owner", "SELECT organisation FROM conversation_records WHERE id = $1");
// A position's upper half is the segment's number.
const SEGMENTS_HELD: Query = Query::new(
    "quarantine_segments",
    "SELECT DISTINCT position / $2 FROM quarantine_items WHERE journal = $1 AND state IN ('held', 'released')",
);

impl Store {
    /// Holds a mail that never became a [`crate::mail::Prepared`] for staff, one item for each organisation. Gives the
    /// items that hold it now, in the order of `for_whom`. Idempotent: an organisation for which the mail has a disposition
    /// keeps it, and one whose staff had released it gets it back with the new reasons.
    ///
    /// # Errors
    /// The database.
    pub async fn quarantine(
        &self,
        locator: Locator,
        received_at_us: i64,
        for_whom: &[(OrganisationId, Vec<MailboxId>)],
        reasons: &[QuarantineReason],
    ) -> Result<Vec<QuarantineId>, Error> {
        let mut conn = self.writer().await?;
        lock_organisations(&mut conn, for_whom.iter().map(|(o, _)| *o)).await?;
        let (now, mut held, mut events) = (now_us(), Vec::new(), Vec::new());
        for (organisation, mailboxes) in for_whom {
            let key = || values![locator.journal, locator.position, *organisation];
            let known = match conn.row(&OF_MAIL, key()).await? {
                None => None,
                Some(row) => {
                    let mut c = Columns::of(OF_MAIL.name, &row);
                    Some((c.take::<String>()?, c.take::<Option<Uuid>>()?.map(QuarantineId), c.take::<Option<String>>()?))
                }
            };
            let item = match known {
                None => {
                    let item = QuarantineId(Uuid::now_v7());
                    let (mailboxes, reasons) = (json(mailboxes), json(&reasons));
                    let mut row = values![item, *organisation, locator.journal, locator.position, received_at_us, now];
                    row.extend(values![mailboxes, reasons]);
                    conn.run(&HOLD, row).await?;
                    let mut row = key();
                    row.extend(values![item, now]);
                    conn.run(&HOLD_DISPOSITION, row).await?;
                    item
                }
                Some((kind, Some(item), state)) if kind == "quarantined" => {
                    if state.as_deref() != Some(QuarantineState::Released.as_str()) {
                        held.push(item);
                        continue;
                    }
                    conn.run(&HOLD_AGAIN, values![item, json(&reasons), now]).await?;
                    item
                }
                Some(_) => continue,
            };
            held.push(item);
            events.push(Event { item: Some(item), ..Event::new(*organisation, EventKind::QuarantineHeld) });
        }
        record(&mut conn, now, events).await?;
        conn.commit().await?;
        Ok(held)
    }

    /// Quarantine items of one journal that staff have released and the intake has not attached yet, oldest first.
    ///
    /// # Errors
    /// The database.
    pub async fn released(&self, journal: JournalId, max: usize) -> Result<Vec<ReleasedItem>, Error> {
        let rows = self.reader().await?.rows(&RELEASED, values![journal, page_rows(max)]).await?;
        rows.iter()
            .map(|row| {
                let mut c = Columns::of(RELEASED.name, row);
                Ok(ReleasedItem {
                    item: QuarantineId(c.take()?),
                    position: Position::from_i64(c.take()?),
                    organisation: OrganisationId(c.take()?),
                    conversation: c.take::<Option<Uuid>>()?.map(ConversationId),
                    by: c.take::<Option<String>>()?.and_then(|actor| actor.strip_prefix("user:")?.parse().ok()),
                })
            })
            .collect()
    }

    /// One item.
    ///
    /// # Errors
    /// There is none, or the database.
    pub async fn quarantine_item(&self, id: QuarantineId) -> Result<QuarantineItem, Error> {
        load(&mut self.reader().await?, id).await
    }

    /// Items in one state, newest first, from before `before` on: at most `max`, and never more than a page.
    ///
    /// # Errors
    /// The database.
    pub async fn quarantine_items(
        &self,
        state: QuarantineState,
        before: Option<QuarantineId>,
        max: usize,
    ) -> Result<Vec<QuarantineItem>, Error> {
        let from = before.map_or(Uuid::max(), |id| id.0);
        let rows = self.reader().await?.rows(&PAGE, values![state.as_str(), from, page_rows(max)]).await?;
        rows.iter().map(item).collect()
    }

    /// How many items are in each state.
    ///
    /// # Errors
    /// The database.
    pub async fn quarantine_counts(&self) -> Result<Vec<Summary>, Error> {
        let rows = self.reader().await?.rows(&COUNTS, values![]).await?;
        rows.iter()
            .map(|row| {
                let mut c = Columns::of(COUNTS.name, row);
                Ok(Summary {
                    state: c.word("quarantine_items.state", QuarantineState::from_word)?,
                    items: u64::try_from(c.take::<i64>()?).unwrap_or_default(),
                })
            })
            .collect()
    }

    /// Lets a held mail go on, and with the first of a group all of it: the intake attaches it, into `conversation` or where the rules put it. `actor` is
    /// `user:ID` or `cli`. Releasing again changes where it goes, until it is attached.
    ///
    /// # Errors
    /// There is no such item or conversation of its organisation, it is not held, or the database.
    pub async fn release(&self, id: QuarantineId, conversation: Option<ConversationId>, actor: &str) -> Result<(), Error> {
        let mut conn = self.writer().await?;
        let item = load(&mut conn, id).await?;
        lock_organisations(&mut conn, std::iter::once(item.organisation)).await?;
        if let Some(conversation) = conversation {
            let owner = conn.row(&CONVERSATION_OWNER, values![conversation]).await?;
            let owner = owner.map(|row| row.get(CONVERSATION_OWNER.name, 0).map(OrganisationId)).transpose()?;
            if owner != Some(item.organisation) {
                return Err(Error::NotFound { kind: "conversation of this organisation:", name: conversation.to_string() });
            }
        }
        let items = conn.run(&SET_RELEASED, values![id, conversation, actor, now_us()]).await?;
        if items == 0 {
            return Err(not_held(&item));
        }
        conn.run(&LEAVE_GROUP, values![id]).await?;
        let detail = json(&serde_json::json!({ "conversation": conversation, "items": items }));
        audit::write(&mut conn, Some(item.organisation), actor, "quarantine.released", &id.to_string(), &detail).await?;
        conn.commit().await
    }

    /// Decides that a held mail becomes nothing, and with the first of a group all of it, and why. Its raw bytes stay in the journal as long as others do.
    ///
    /// # Errors
    /// There is no such item, it is not held, or the database.
    pub async fn discard(&self, id: QuarantineId, why: &str, actor: &str) -> Result<(), Error> {
        let mut conn = self.writer().await?;
        let item = load(&mut conn, id).await?;
        lock_organisations(&mut conn, std::iter::once(item.organisation)).await?;
        let now = now_us();
        conn.run(&DISCARD_DISPOSITION, values![id, now]).await?;
        let items = conn.run(&SET_DISCARDED, values![id, actor, now]).await?;
        if items == 0 {
            return Err(not_held(&item));
        }
        conn.run(&LEAVE_GROUP, values![id]).await?;
        let why = json(&serde_json::json!({ "why": why, "items": items }));
        audit::write(&mut conn, Some(item.organisation), actor, "quarantine.discarded", &id.to_string(), &why).await?;
        let event = Event { item: Some(id), ..Event::new(item.organisation, EventKind::QuarantineDiscarded) };
        record(&mut conn, now, vec![event]).await?;
        conn.commit().await
    }

    /// Segments of a journal that have mails that staff have yet to decide on: their raw mails must stay.
    ///
    /// # Errors
    /// The database.
    pub async fn segments_with_held_mail(&self, journal: JournalId) -> Result<HashSet<u32>, Error> {
        let rows = self.reader().await?.rows(&SEGMENTS_HELD, values![journal, 1_i64 << 32]).await?;
        rows.iter().map(|row| row.get::<i64>(SEGMENTS_HELD.name, 0).map(|n| u32::try_from(n).unwrap_or(u32::MAX))).collect()
    }
}

fn not_held(item: &QuarantineItem) -> Error {
    let by = item.actor.as_ref().map(|a| format!(" by {a}")).unwrap_or_default();
    Error::Conflict(format!("quarantine item {} is not held: it was {}{by}", item.id, item.state.as_str()))
}

async fn load(conn: &mut Conn, id: QuarantineId) -> Result<QuarantineItem, Error> {
    match conn.row(&ITEM, values![id]).await? {
        Some(row) => item(&row),
        None => Err(Error::NotFound { kind: "quarantine item", name: id.to_string() }),
    }
}

#[derive(Deserialize)]
struct StoredReason {
    code: String,
    detail: String,
}

pub(super) fn item(row: &Row) -> Result<QuarantineItem, Error> {
    let mut c = Columns::of(ITEM.name, row);
    Ok(QuarantineItem {
        id: QuarantineId(c.take()?),
        organisation: OrganisationId(c.take()?),
        locator: Locator { journal: JournalId(c.take()?), position: Position::from_i64(c.take()?) },
        received_at_us: c.take()?,
        held_at_us: c.take()?,
        mailboxes: c.json("quarantine_items.mailboxes")?,
        reasons: c
            .json::<Vec<StoredReason>>("quarantine_items.reasons")?
            .into_iter()
            .filter_map(|r| Some(QuarantineReason { code: ReasonCode::from_word(&r.code)?, detail: r.detail }))
            .collect(),
        state: c.word("quarantine_items.state", QuarantineState::from_word)?,
        sender: c.take()?,
        subject: c.take()?,
        proposed: c.take::<Option<String>>()?.and_then(|text| serde_json::from_str(&text).ok()),
        released_to: c.take::<Option<Uuid>>()?.map(ConversationId),
        actor: c.take()?,
        decided_at_us: c.take()?,
        message: c.take::<Option<Uuid>>()?.map(MessageId),
        group: c.take::<Option<Uuid>>()?.map(QuarantineId),
        group_items: u64::try_from(c.take::<i64>()?).unwrap_or_default(),
    })
}
