//! Dispositions: the one outcome of each (mail, organisation), and how many there are of each kind.

use super::connection::{Bulk, Conn, Query};
use super::value::{Columns, Value, values};
use super::{Error, Store};
use crate::mail::{DispositionKind, JournalId, OrganisationId, Position, QuarantineId};
use std::collections::HashMap;

const OF_MAILS: Bulk = Bulk {
    name: "dispositions",
    head: "WITH k (journal, position) AS (",
    tail: ") SELECT d.position, d.organisation, d.kind FROM k CROSS JOIN dispositions d
           WHERE d.journal = k.journal AND d.position = k.position",
    width: 2,
};
const OF_PAIRS: Bulk = Bulk {
    name: "dispositions_of_batch",
    head: "WITH k (journal, position, organisation) AS (",
    tail: ") SELECT d.journal, d.position, d.organisation, d.kind, d.item FROM k CROSS JOIN dispositions d
           WHERE d.journal = k.journal AND d.position = k.position AND d.organisation = k.organisation",
    width: 3,
};
const RANGE: Query = Query::new(
    "dispositions_range",
    "SELECT position, organisation, kind FROM dispositions
     WHERE journal = $1 AND position >= $2 AND position < $3 ORDER BY position, organisation",
);
const COUNTS: Query = Query::new("ledger_counts", "SELECT kind, COUNT(*) FROM dispositions WHERE journal = $1 GROUP BY kind");

/// What is known of a (mail, organisation).
#[derive(Debug, Clone, Copy)]
pub(super) struct Disposition {
    pub(super) kind: DispositionKind,
    pub(super) item: Option<QuarantineId>,
}

/// A (mail, organisation).
pub(super) type Pair = (JournalId, Position, OrganisationId);

impl Store {
    /// Dispositions of mails of one journal, for the ledger and for restarts: those of `positions`.
    ///
    /// # Errors
    /// The database.
    pub async fn dispositions(
        &self,
        journal: JournalId,
        positions: &[Position],
    ) -> Result<Vec<(Position, OrganisationId, DispositionKind)>, Error> {
        let mut keys: Vec<Position> = positions.to_vec();
        keys.sort_unstable();
        keys.dedup();
        let keys = keys.into_iter().flat_map(|p| values![journal, p]).collect();
        let rows = self.reader().await?.bulk(&OF_MAILS, keys).await?;
        rows.iter().map(|row| disposition_of_position(&mut Columns::of(OF_MAILS.name, row))).collect()
    }

    /// Dispositions of all mails of a journal from `from` up to but not `before`, in the order of the journal. For the
    /// ledger, which asks in ranges of a few thousand mails.
    ///
    /// # Errors
    /// The database.
    pub async fn dispositions_between(
        &self,
        journal: JournalId,
        from: Position,
        before: Position,
    ) -> Result<Vec<(Position, OrganisationId, DispositionKind)>, Error> {
        let rows = self.reader().await?.rows(&RANGE, values![journal, from, before]).await?;
        rows.iter().map(|row| disposition_of_position(&mut Columns::of(RANGE.name, row))).collect()
    }

    /// How many (mail, organisation) pairs of a journal have each disposition.
    ///
    /// # Errors
    /// The database.
    pub async fn ledger_counts(&self, journal: JournalId) -> Result<HashMap<DispositionKind, u64>, Error> {
        let rows = self.reader().await?.rows(&COUNTS, values![journal]).await?;
        rows.iter()
            .map(|row| {
                let mut c = Columns::of(COUNTS.name, row);
                let kind = c.word("dispositions.kind", DispositionKind::from_word)?;
                Ok((kind, u64::try_from(c.take::<i64>()?).unwrap_or_default()))
            })
            .collect()
    }
}

fn disposition_of_position(c: &mut Columns<'_>) -> Result<(Position, OrganisationId, DispositionKind), Error> {
    Ok((Position::from_i64(c.take()?), OrganisationId(c.take()?), c.word("dispositions.kind", DispositionKind::from_word)?))
}

/// What is known of the pairs of a batch.
pub(super) async fn of_pairs(conn: &mut Conn, pairs: impl Iterator<Item = Pair>) -> Result<HashMap<Pair, Disposition>, Error> {
    let keys: Vec<Value> = pairs.flat_map(|(journal, position, organisation)| values![journal, position, organisation]).collect();
    let rows = conn.bulk(&OF_PAIRS, keys).await?;
    rows.iter()
        .map(|row| {
            let mut c = Columns::of(OF_PAIRS.name, row);
            let pair = (JournalId(c.take()?), Position::from_i64(c.take()?), OrganisationId(c.take()?));
            let kind = c.word("dispositions.kind", DispositionKind::from_word)?;
            Ok((pair, Disposition { kind, item: c.take::<Option<uuid::Uuid>>()?.map(QuarantineId) }))
        })
        .collect()
}
