//! What the review pages ask: the quarantine by state, reason and organisation, and what is new.

use super::connection::{Bulk, Query};
use super::quarantine::item;
use super::value::{Columns, Value, values};
use super::{Error, QuarantineItem, QuarantineState, Store, audit, page_rows};
use crate::mail::{OrganisationId, QuarantineId, ReasonCode};
use uuid::Uuid;

/// Which quarantine items; nothing set is all of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QuarantineFilter {
    /// In this state.
    pub state: Option<QuarantineState>,
    /// Held for this reason, perhaps among others.
    pub reason: Option<ReasonCode>,
    /// Of this organisation.
    pub organisation: Option<OrganisationId>,
    /// Made before this one: the last of the page before.
    pub before: Option<QuarantineId>,
}

// Reasons are JSON that this version wrote, so the text of one is known.
const MATCHING: Query = Query::new(
    "quarantine_matching",
    super::quarantine::select_listed_items!(
        "state = $1 AND id < $2 AND ($3 IS NULL OR reasons LIKE $3) AND ($4 IS NULL OR organisation = $4)
         ORDER BY id DESC LIMIT $5"
    ),
);
const MATCHING_RELEASED: Query = Query::new(
    "quarantine_matching_released",
    super::quarantine::select_released_items!(
        "id < $1 AND ($2 IS NULL OR reasons LIKE $2) AND ($3 IS NULL OR organisation = $3) ORDER BY id DESC LIMIT $4"
    ),
);
const MATCHING_ANY_STATE: Query = Query::new(
    "quarantine_matching_any_state",
    super::quarantine::select_listed_items!(
        "id < $1 AND ($2 IS NULL OR reasons LIKE $2) AND ($3 IS NULL OR organisation = $3) ORDER BY id DESC LIMIT $4"
    ),
);
const NEWEST_HELD: Query =
    Query::new("quarantine_newest_held", "SELECT id FROM quarantine_items WHERE state = 'held' ORDER BY id DESC LIMIT 1");
const ORGANISATION_NAMES: Query = Query::new("organisation_names", "SELECT id, name FROM organisations ORDER BY name LIMIT $1");
const ORGANISATION_NAME: Query = Query::new("organisation_name", "SELECT name FROM organisations WHERE id = $1");
const HEADS_OF: Bulk = Bulk {
    name: "outbox_heads_of",
    head: "WITH k (id) AS (",
    tail: ") SELECT h.organisation, h.sequence FROM k CROSS JOIN outbox_heads h WHERE h.organisation = k.id",
    width: 1,
};

impl Store {
    /// Items that match, newest first: at most `max`, and never more than a page.
    ///
    /// # Errors
    /// The database.
    pub async fn quarantine_matching(&self, filter: &QuarantineFilter, max: usize) -> Result<Vec<QuarantineItem>, Error> {
        let before = filter.before.map_or(Uuid::max(), |id| id.0);
        let reason = filter.reason.map(|code| format!("%\"code\":\"{}\"%", code.as_str()));
        let rest = values![before, reason, filter.organisation, page_rows(max)];
        let mut conn = self.reader().await?;
        let rows = match filter.state {
            Some(QuarantineState::Released) => conn.rows(&MATCHING_RELEASED, rest).await?,
            Some(state) => {
                let mut values = values![state.as_str()];
                values.extend(rest);
                conn.rows(&MATCHING, values).await?
            }
            None => conn.rows(&MATCHING_ANY_STATE, rest).await?,
        };
        rows.iter().map(item).collect()
    }

    /// The newest mail that is held.
    ///
    /// # Errors
    /// The database.
    pub async fn newest_held(&self) -> Result<Option<QuarantineId>, Error> {
        let row = self.reader().await?.row(&NEWEST_HELD, values![]).await?;
        row.map(|row| row.get(NEWEST_HELD.name, 0).map(QuarantineId)).transpose()
    }

    /// Names of organisations, in their order: at most `max`, and never more than a page.
    ///
    /// # Errors
    /// The database.
    pub async fn organisation_names(&self, max: usize) -> Result<Vec<(OrganisationId, String)>, Error> {
        let rows = self.reader().await?.rows(&ORGANISATION_NAMES, values![page_rows(max)]).await?;
        rows.iter()
            .map(|row| {
                let mut c = Columns::of(ORGANISATION_NAMES.name, row);
                Ok((OrganisationId(c.take()?), c.take()?))
            })
            .collect()
    }

    /// The name of one organisation.
    ///
    /// # Errors
    /// The database.
    pub async fn organisation_name(&self, id: OrganisationId) -> Result<Option<String>, Error> {
        let row = self.reader().await?.row(&ORGANISATION_NAME, values![id]).await?;
        row.map(|row| row.get(ORGANISATION_NAME.name, 0)).transpose()
    }

    /// The numbers of the newest events of these organisations; one without events is left out.
    ///
    /// # Errors
    /// The database.
    pub async fn outbox_heads(&self, organisations: &[OrganisationId]) -> Result<Vec<(OrganisationId, i64)>, Error> {
        let keys: Vec<Value> = organisations.iter().flat_map(|o| values![*o]).collect();
        let rows = self.reader().await?.bulk(&HEADS_OF, keys).await?;
        rows.iter()
            .map(|row| {
                let mut c = Columns::of(HEADS_OF.name, row);
                Ok((OrganisationId(c.take()?), c.take()?))
            })
            .collect()
    }

    /// Notes that somebody looked at a mail: `action` such as `quarantine.read`, `subject` the id of what was looked at.
    ///
    /// # Errors
    /// The database.
    pub async fn note_access(
        &self,
        organisation: OrganisationId,
        actor: &str,
        action: &'static str,
        subject: &str,
    ) -> Result<(), Error> {
        let mut conn = self.writer().await?;
        audit::write(&mut conn, Some(organisation), actor, action, subject, "{}").await?;
        conn.commit().await
    }
}
