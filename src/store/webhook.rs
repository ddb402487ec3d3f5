//! Webhook endpoints: who is told what happened, and how far each has been told.
//!
//! # Failure
//! An endpoint is leased by one node at a time. A node that dies lets its lease run out; the next
//! one goes on behind the last event that was noted as delivered.

use super::connection::Query;
use super::value::{Columns, Row, values};
use super::{Error, Store, audit, now_us, page_rows};
use crate::mail::OrganisationId;
use serde::Serialize;
use std::str::FromStr;
use uuid::Uuid;

/// Names a webhook endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct EndpointId(pub Uuid);

impl std::fmt::Display for EndpointId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for EndpointId {
    type Err = crate::mail::ParseIdError;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(s).map(EndpointId).map_err(|_| crate::mail::ParseIdError {
            text: s.to_owned(),
            kind: "webhook id",
            expected: "a UUID such as 01936d0c-7d1e-7000-8000-000000000000",
        })
    }
}

/// A webhook endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its id.
    pub id: EndpointId,
    /// Whose events it gets.
    pub organisation: OrganisationId,
    /// Where they go.
    pub url: String,
    /// What signs them.
    pub secret: Vec<u8>,
    /// Whether it gets any.
    pub enabled: bool,
    /// When it was added, microseconds since 1970 UTC.
    pub created_at_us: i64,
    /// The sequence number of the last event it has got.
    pub delivered: i64,
    /// Failures in a row.
    pub failures: i64,
    /// Not before this it is tried again.
    pub retry_at_us: i64,
    /// Until when a node has it.
    pub leased_until_us: i64,
}

macro_rules! endpoint_columns {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            " id, organisation, url, secret, enabled, created_at, delivered, failures, retry_at, leased_until ",
            $after
        )
    };
}

const ADD: Query = Query::new(
    "webhook_add",
    "INSERT INTO webhook_endpoints
     (id, organisation, url, secret, enabled, created_at, delivered, failures, retry_at, leased_until)
     VALUES ($1, $2, $3, $4, TRUE, $5, COALESCE((SELECT sequence FROM outbox_heads WHERE organisation = $2), 0), 0, 0, 0)",
);
const ONE: Query = Query::new("webhook", endpoint_columns!("SELECT", "FROM webhook_endpoints WHERE id = $1"));
const PAGE: Query = Query::new(
    "webhooks",
    endpoint_columns!("SELECT", "FROM webhook_endpoints WHERE ($1 IS NULL OR organisation = $1) ORDER BY id LIMIT $2"),
);
const CHANGE: Query = Query::new(
    "webhook_change",
    "UPDATE webhook_endpoints SET url = COALESCE($2, url), enabled = CASE WHEN $3 = -1 THEN enabled ELSE $3 = 1 END,
     failures = 0, retry_at = 0 WHERE id = $1",
);
const REMOVE: Query = Query::new("webhook_remove", "DELETE FROM webhook_endpoints WHERE id = $1");
const LEASE: Query = Query::each(
    "webhook_lease",
    endpoint_columns!(
        "UPDATE webhook_endpoints SET leased_until = $2 WHERE id IN (
             SELECT e.id FROM webhook_endpoints e JOIN outbox_heads h ON h.organisation = e.organisation
             WHERE e.enabled AND e.retry_at <= $1 AND e.leased_until <= $1 AND h.sequence > e.delivered
             ORDER BY e.retry_at LIMIT $3) RETURNING",
        ""
    ),
    endpoint_columns!(
        "UPDATE webhook_endpoints SET leased_until = $2 WHERE id IN (
             SELECT e.id FROM webhook_endpoints e JOIN outbox_heads h ON h.organisation = e.organisation
             WHERE e.enabled AND e.retry_at <= $1 AND e.leased_until <= $1 AND h.sequence > e.delivered
             ORDER BY e.retry_at LIMIT $3 FOR UPDATE OF e SKIP LOCKED) RETURNING",
        ""
    ),
);
// The lease is named by its end: a node whose lease ran out, and was given to another, notes nothing any more.
const DELIVERED: Query = Query::new(
    "webhook_delivered",
    "UPDATE webhook_endpoints SET delivered = $3, failures = 0, retry_at = 0, leased_until = $4
     WHERE id = $1 AND leased_until = $2",
);
const FAILED: Query = Query::new(
    "webhook_failed",
    "UPDATE webhook_endpoints SET failures = failures + 1, retry_at = $3, leased_until = 0
     WHERE id = $1 AND leased_until = $2",
);
const RETURN: Query =
    Query::new("webhook_return", "UPDATE webhook_endpoints SET leased_until = 0 WHERE id = $1 AND leased_until = $2");

impl Store {
    /// Adds an endpoint, which gets what happens from now on.
    ///
    /// # Errors
    /// There is no such organisation, or the database.
    pub async fn add_endpoint(
        &self,
        organisation: OrganisationId,
        url: &str,
        secret: &[u8],
        actor: &str,
    ) -> Result<Endpoint, Error> {
        let id = EndpointId(Uuid::now_v7());
        let mut conn = self.writer().await?;
        conn.run(&ADD, values![id.0, organisation, url, secret, now_us()]).await.map_err(|e| {
            if e.broke("FOREIGN KEY") || e.broke("webhook_endpoints_organisation_fkey") {
                Error::NotFound { kind: "organisation", name: organisation.to_string() }
            } else {
                e
            }
        })?;
        audit::write(&mut conn, Some(organisation), actor, "webhook.added", &id.to_string(), "{}").await?;
        let row = conn.row(&ONE, values![id.0]).await?;
        let added = row.as_ref().map(endpoint).transpose()?.ok_or_else(|| missing(id))?;
        conn.commit().await?;
        Ok(added)
    }

    /// One endpoint.
    ///
    /// # Errors
    /// The database.
    pub async fn endpoint(&self, id: EndpointId) -> Result<Option<Endpoint>, Error> {
        self.reader().await?.row(&ONE, values![id.0]).await?.as_ref().map(endpoint).transpose()
    }

    /// Endpoints, of one organisation or all: at most `max`, and never more than a page.
    ///
    /// # Errors
    /// The database.
    pub async fn endpoints(&self, organisation: Option<OrganisationId>, max: usize) -> Result<Vec<Endpoint>, Error> {
        self.reader().await?.rows(&PAGE, values![organisation, page_rows(max)]).await?.iter().map(endpoint).collect()
    }

    /// Changes an endpoint's URL, or switches it on or off; its failures are forgotten.
    ///
    /// # Errors
    /// There is none, or the database.
    pub async fn change_endpoint(
        &self,
        id: EndpointId,
        url: Option<&str>,
        enabled: Option<bool>,
        actor: &str,
    ) -> Result<(), Error> {
        let mut conn = self.writer().await?;
        let found = conn.row(&ONE, values![id.0]).await?.as_ref().map(endpoint).transpose()?.ok_or_else(|| missing(id))?;
        conn.run(&CHANGE, values![id.0, url, enabled.map_or(-1, i64::from)]).await?;
        audit::write(&mut conn, Some(found.organisation), actor, "webhook.changed", &id.to_string(), "{}").await?;
        conn.commit().await
    }

    /// Removes an endpoint.
    ///
    /// # Errors
    /// There is none, or the database.
    pub async fn remove_endpoint(&self, id: EndpointId, actor: &str) -> Result<(), Error> {
        let mut conn = self.writer().await?;
        let found = conn.row(&ONE, values![id.0]).await?.as_ref().map(endpoint).transpose()?.ok_or_else(|| missing(id))?;
        conn.run(&REMOVE, values![id.0]).await?;
        audit::write(&mut conn, Some(found.organisation), actor, "webhook.removed", &id.to_string(), "{}").await?;
        conn.commit().await
    }

    /// Takes up to `max` endpoints that have something to get, are not leased and may be tried, until `until_us`.
    ///
    /// # Errors
    /// The database.
    pub async fn lease_endpoints(&self, now_us: i64, until_us: i64, max: usize) -> Result<Vec<Endpoint>, Error> {
        let mut conn = self.writer().await?;
        let rows = conn.rows(&LEASE, values![now_us, until_us, page_rows(max)]).await?;
        let leased = rows.iter().map(endpoint).collect::<Result<_, _>>()?;
        conn.commit().await?;
        Ok(leased)
    }

    /// Notes that an event was delivered, and keeps the lease until `until_us` (0 gives it back); `leased` is brought up
    /// to date. False when the lease is somebody else's by now.
    ///
    /// # Errors
    /// The database.
    pub async fn endpoint_delivered(&self, leased: &mut Endpoint, sequence: i64, until_us: i64) -> Result<bool, Error> {
        let noted = self.end_lease(&DELIVERED, values![leased.id.0, leased.leased_until_us, sequence, until_us]).await?;
        if noted {
            *leased = Endpoint { delivered: sequence, failures: 0, retry_at_us: 0, leased_until_us: until_us, ..leased.clone() };
        }
        Ok(noted)
    }

    /// Notes a failure, gives the lease back, and keeps the endpoint from being tried before `retry_at_us`. False when the
    /// lease is somebody else's by now.
    ///
    /// # Errors
    /// The database.
    pub async fn endpoint_failed(&self, leased: &Endpoint, retry_at_us: i64) -> Result<bool, Error> {
        self.end_lease(&FAILED, values![leased.id.0, leased.leased_until_us, retry_at_us]).await
    }

    /// Gives a lease back.
    ///
    /// # Errors
    /// The database.
    pub async fn return_endpoint(&self, leased: &Endpoint) -> Result<bool, Error> {
        self.end_lease(&RETURN, values![leased.id.0, leased.leased_until_us]).await
    }

    async fn end_lease(&self, query: &Query, values: Vec<super::value::Value>) -> Result<bool, Error> {
        let mut conn = self.writer().await?;
        let changed = conn.run(query, values).await?;
        conn.commit().await?;
        Ok(changed == 1)
    }
}

fn missing(id: EndpointId) -> Error {
    Error::NotFound { kind: "webhook", name: id.to_string() }
}

fn endpoint(row: &Row) -> Result<Endpoint, Error> {
    let mut c = Columns::of(ONE.name, row);
    Ok(Endpoint {
        id: EndpointId(c.take()?),
        organisation: OrganisationId(c.take()?),
        url: c.take()?,
        secret: c.take()?,
        enabled: c.take()?,
        created_at_us: c.take()?,
        delivered: c.take()?,
        failures: c.take()?,
        retry_at_us: c.take()?,
        leased_until_us: c.take()?,
    })
}
