//! Who did what: an entry for every act of a person, and for what rules did to conversations.

use super::connection::{Conn, Query};
use super::value::{Columns, values};
use super::{Error, Store, now_us, page_rows};
use crate::mail::OrganisationId;
use serde::Serialize;
use uuid::Uuid;

/// An act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// Its id: the key for the next page.
    pub id: Uuid,
    /// Whose matter it was; none for the gateway's own, such as users.
    pub organisation: Option<OrganisationId>,
    /// When, microseconds since 1970 UTC.
    pub happened_at_us: i64,
    /// `user:NAME`, `cli` or `rules`.
    pub actor: String,
    /// `quarantine.released`, `conversation.merged`, …
    pub action: String,
    /// The id of what was acted upon.
    pub subject: String,
    /// More, as JSON.
    pub detail: String,
}

const WRITE: Query = Query::new(
    "audit_write",
    "INSERT INTO audit_entries (id, organisation, happened_at, actor, action, subject, detail)
     VALUES ($1, $2, $3, $4, $5, $6, $7)",
);
const PAGE: Query = Query::new(
    "audit_page",
    "SELECT id, organisation, happened_at, actor, action, subject, detail FROM audit_entries
     WHERE id < $1 ORDER BY id DESC LIMIT $2",
);

impl Store {
    /// Entries from the newest on, or from before `before` on: at most `max`, and never more than a page.
    ///
    /// # Errors
    /// The database.
    pub async fn audit_entries(&self, before: Option<Uuid>, max: usize) -> Result<Vec<AuditEntry>, Error> {
        let from = before.unwrap_or(Uuid::max());
        let rows = self.reader().await?.rows(&PAGE, values![from, page_rows(max)]).await?;
        rows.iter()
            .map(|row| {
                let mut c = Columns::of(PAGE.name, row);
                Ok(AuditEntry {
                    id: c.take()?,
                    organisation: c.take::<Option<Uuid>>()?.map(OrganisationId),
                    happened_at_us: c.take()?,
                    actor: c.take()?,
                    action: c.take()?,
                    subject: c.take()?,
                    detail: c.take()?,
                })
            })
            .collect()
    }
}

/// Adds an entry, in the transaction of the act itself.
pub(super) async fn write(
    conn: &mut Conn,
    organisation: Option<OrganisationId>,
    actor: &str,
    action: &'static str,
    subject: &str,
    detail: &str,
) -> Result<(), Error> {
    conn.run(&WRITE, values![Uuid::now_v7(), organisation, now_us(), actor, action, subject, detail]).await.map(drop)
}
