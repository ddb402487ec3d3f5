//! Organisations and mailboxes: who gets mail.
//!
//! Every change bumps the directory's revision in the same transaction, so that a gateway that
//! compares revisions never misses one.

use super::connection::{Conn, Query};
use super::value::{Columns, Row, key_text, values};
use super::{Error, Store, now_us};
use crate::directory::{Directory, Mailbox};
use crate::mail::{MailboxId, OrganisationId};
use serde::Serialize;
use uuid::Uuid;

/// A customer of the product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Organisation {
    /// Its id.
    pub id: OrganisationId,
    /// Its name; no two are the same.
    pub name: String,
    /// The organisation it is a part of.
    pub parent: Option<OrganisationId>,
    /// When it was added, microseconds since 1970 UTC.
    pub created_at_us: i64,
}

/// A mailbox with when it was added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MailboxRow {
    /// Its id.
    pub id: MailboxId,
    /// Whose it is.
    pub organisation: OrganisationId,
    /// `a@b`, `@b`, `@` or a pattern such as `a*@b`; lower case.
    pub address: String,
    /// When it was added, microseconds since 1970 UTC.
    pub created_at_us: i64,
}

const REVISION: Query = Query::new("directory_revision", "SELECT revision FROM directory_revision WHERE id = 1");
const BUMP: Query = Query::new("directory_bump", "UPDATE directory_revision SET revision = revision + 1 WHERE id = 1");
const ORGANISATIONS: Query = Query::new("organisations", "SELECT id, name, parent, created_at FROM organisations ORDER BY id");
const ORGANISATION_ADD: Query =
    Query::new("organisation_add", "INSERT INTO organisations (id, name, parent, created_at) VALUES ($1, $2, $3, $4)");
const MAILBOXES: Query = Query::new("mailboxes", "SELECT id, organisation, address, created_at FROM mailboxes ORDER BY id");
const MAILBOX_ADD: Query =
    Query::new("mailbox_add", "INSERT INTO mailboxes (id, organisation, address, created_at) VALUES ($1, $2, $3, $4)");
const MAILBOX_REMOVE: Query = Query::new("mailbox_remove", "DELETE FROM mailboxes WHERE id = $1");
const SEED: Query = Query::new(
    "organisation_seed",
    "INSERT INTO organisations (id, name, parent, created_at)
     SELECT $1, 'default', NULL, $2 WHERE NOT EXISTS (SELECT 1 FROM organisations)",
);

impl Store {
    /// The counter of changes to organisations and mailboxes.
    ///
    /// # Errors
    /// The database.
    pub async fn directory_revision(&self) -> Result<i64, Error> {
        revision(&mut self.reader().await?).await
    }

    /// The directory as it is now.
    ///
    /// # Errors
    /// The database.
    pub async fn directory(&self) -> Result<Directory, Error> {
        let mut conn = self.reader().await?;
        // The revision first: a change in between is looked for again, never missed.
        let revision = revision(&mut conn).await?;
        let rows = conn.rows(&MAILBOXES, values![]).await?;
        let mailboxes = rows.iter().map(mailbox).collect::<Result<Vec<_>, _>>()?;
        let mailboxes = mailboxes.into_iter().map(|m| Mailbox { id: m.id, organisation: m.organisation, address: m.address });
        Ok(Directory::new(revision, mailboxes))
    }

    /// Makes one organisation `default` with the catch-all mailbox `@`, if there is no organisation at all
    /// (the embedded default).
    ///
    /// # Errors
    /// The database.
    pub async fn seed_default_organisation(&self) -> Result<(), Error> {
        let mut conn = self.writer().await?;
        let (id, now) = (OrganisationId(Uuid::now_v7()), now_us());
        let made = match conn.run(&SEED, values![id, now]).await {
            // Another node was faster.
            Err(e) if e.broke("organisations") => return Ok(()),
            other => other?,
        };
        if made == 1 {
            conn.run(&MAILBOX_ADD, values![Uuid::now_v7(), id, "@", now]).await?;
            conn.run(&BUMP, values![]).await?;
        }
        conn.commit().await
    }

    /// Adds an organisation.
    ///
    /// # Errors
    /// The name is empty or taken, there is no such parent, or the database.
    pub async fn add_organisation(&self, name: &str, parent: Option<OrganisationId>) -> Result<OrganisationId, Error> {
        let name = name.trim();
        if name.is_empty() {
            return Err(Error::Conflict("an organisation needs a name".to_owned()));
        }
        let mut conn = self.writer().await?;
        let id = OrganisationId(Uuid::now_v7());
        conn.run(&ORGANISATION_ADD, values![id, key_text(name).as_ref(), parent, now_us()]).await.map_err(|e| match parent {
            _ if e.broke("organisations_name") || e.broke("organisations.name") => {
                Error::Conflict(format!("there is an organisation `{name}` already"))
            }
            Some(parent) if e.broke("FOREIGN KEY") || e.broke("organisations_parent_fkey") => {
                Error::NotFound { kind: "organisation", name: parent.to_string() }
            }
            _ => e,
        })?;
        conn.run(&BUMP, values![]).await?;
        conn.commit().await?;
        Ok(id)
    }

    /// All organisations, in the order they were added. A directory is small: it is held in memory whole.
    ///
    /// # Errors
    /// The database.
    pub async fn organisations(&self) -> Result<Vec<Organisation>, Error> {
        self.reader().await?.rows(&ORGANISATIONS, values![]).await?.iter().map(organisation).collect()
    }

    /// The organisation with this id or this name.
    ///
    /// # Errors
    /// There is none, or the database.
    pub async fn organisation(&self, id_or_name: &str) -> Result<Organisation, Error> {
        let id = id_or_name.parse::<OrganisationId>().ok();
        let all = self.organisations().await?;
        all.into_iter()
            .find(|o| Some(o.id) == id || o.name == id_or_name)
            .ok_or_else(|| Error::NotFound { kind: "organisation", name: format!("`{id_or_name}`") })
    }

    /// Adds a mailbox: `a@b` takes one address, `@b` a domain, `@` everything, `a*@b` what fits the pattern.
    ///
    /// # Errors
    /// It is not one of those, it is taken, there is no such organisation, or the database.
    pub async fn add_mailbox(&self, organisation: OrganisationId, address: &str) -> Result<MailboxId, Error> {
        let address = address.trim().to_lowercase();
        check_mailbox(&address)?;
        let mut conn = self.writer().await?;
        let id = MailboxId(Uuid::now_v7());
        conn.run(&MAILBOX_ADD, values![id, organisation, address.as_str(), now_us()]).await.map_err(|e| {
            if e.broke("mailboxes_address") || e.broke("mailboxes.address") {
                Error::Conflict(format!("there is a mailbox `{address}` already"))
            } else if e.broke("FOREIGN KEY") || e.broke("mailboxes_organisation_fkey") {
                Error::NotFound { kind: "organisation", name: organisation.to_string() }
            } else {
                e
            }
        })?;
        conn.run(&BUMP, values![]).await?;
        conn.commit().await?;
        Ok(id)
    }

    /// All mailboxes, in the order they were added.
    ///
    /// # Errors
    /// The database.
    pub async fn mailboxes(&self) -> Result<Vec<MailboxRow>, Error> {
        self.reader().await?.rows(&MAILBOXES, values![]).await?.iter().map(mailbox).collect()
    }

    /// Removes a mailbox: new mail for it is refused. What it received stays.
    ///
    /// # Errors
    /// There is none, or the database.
    pub async fn remove_mailbox(&self, id: MailboxId) -> Result<(), Error> {
        let mut conn = self.writer().await?;
        if conn.run(&MAILBOX_REMOVE, values![id]).await? == 0 {
            conn.roll_back().await;
            return Err(Error::NotFound { kind: "mailbox", name: id.to_string() });
        }
        conn.run(&BUMP, values![]).await?;
        conn.commit().await
    }
}

async fn revision(conn: &mut Conn) -> Result<i64, Error> {
    let row = conn.row(&REVISION, values![]).await?;
    row.map_or(Ok(0), |row| row.get(REVISION.name, 0))
}

fn organisation(row: &Row) -> Result<Organisation, Error> {
    let mut c = Columns::of(ORGANISATIONS.name, row);
    Ok(Organisation {
        id: OrganisationId(c.take()?),
        name: c.take()?,
        parent: c.take::<Option<Uuid>>()?.map(OrganisationId),
        created_at_us: c.take()?,
    })
}

fn mailbox(row: &Row) -> Result<MailboxRow, Error> {
    let mut c = Columns::of(MAILBOXES.name, row);
    Ok(MailboxRow {
        id: MailboxId(c.take()?),
        organisation: OrganisationId(c.take()?),
        address: c.take()?,
        created_at_us: c.take()?,
    })
}

fn check_mailbox(address: &str) -> Result<(), Error> {
    let problem = match address.rsplit_once('@') {
        None => Some("has no @"),
        Some(_) if address.chars().any(|c| c.is_whitespace() || c.is_control() || "<>,".contains(c)) => {
            Some("holds a character that no mailbox has")
        }
        Some((local, "")) if !local.is_empty() => Some("has no domain"),
        Some((local, _)) if local.contains('@') && !local.starts_with('"') => Some("has more than one @"),
        Some(_) if address.len() > 320 => Some("is longer than 320 bytes"),
        Some(_) => None,
    };
    match problem {
        None => Ok(()),
        Some(problem) => Err(Error::Conflict(format!(
            "`{address}` {problem}: give an address (a@b.example), a domain (@b.example), a pattern (reply+*@b.example) or @ for everything"
        ))),
    }
}
