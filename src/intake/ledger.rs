//! The ledger: every accepted (mail, organisation) has exactly one disposition, or is in flight.
//!
//! Reads the journal's entries and the database's dispositions side by side, a page at a time, so
//! memory is bounded whatever the size. Works beside a running gateway: what is accepted meanwhile
//! counts as in flight.
//!
//! # Failure
//! A damaged record or an unreachable database is an error: books that were not read to the end
//! are not called balanced.

use crate::journal::{self, Reader, State};
use crate::mail::{DispositionKind, OrganisationId, Position};
use crate::store::{self, Store};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Mails looked at in one step.
const PAGE: usize = 2_000;
/// Problems that are listed; all are counted.
const PROBLEMS_MAX: usize = 100;

/// The books could not be read to the end.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The journal.
    #[error("the journal can't be read to its end: {0}")]
    Journal(#[from] journal::Error),
    /// The database.
    #[error("the dispositions can't be read: {0}")]
    Store(#[from] store::Error),
}

/// Where the books do not balance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The mail.
    pub position: Position,
    /// For whom.
    pub organisation: OrganisationId,
    /// What is wrong, and what to do.
    pub what: &'static str,
}

/// The count, by (mail, organisation).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct Books {
    pub accepted: u64,
    pub attached: u64,
    pub quarantined: u64,
    pub duplicate: u64,
    pub discarded: u64,
    pub in_flight: u64,
    pub balanced: bool,
    /// The first hundred.
    pub problems: Vec<Problem>,
    pub problems_total: u64,
}

impl Books {
    fn problem(&mut self, position: Position, organisation: OrganisationId, what: &'static str) {
        self.problems_total += 1;
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem { position, organisation, what });
        }
    }

    fn enter(&mut self, kind: DispositionKind) {
        match kind {
            DispositionKind::Attached => self.attached += 1,
            DispositionKind::Quarantined => self.quarantined += 1,
            DispositionKind::Duplicate => self.duplicate += 1,
            DispositionKind::Discarded => self.discarded += 1,
        }
    }

    /// One page: the pairs that were accepted, the mails marked done, and the dispositions of that stretch.
    fn take_page(
        &mut self,
        accepted: &[(Position, OrganisationId)],
        done: &HashSet<Position>,
        found: &[(Position, OrganisationId, DispositionKind)],
    ) {
        let segments: BTreeSet<u32> = accepted.iter().map(|(p, _)| p.segment).collect();
        let mut dispositions: BTreeMap<(Position, OrganisationId), DispositionKind> = BTreeMap::new();
        for (position, organisation, kind) in found {
            if dispositions.insert((*position, *organisation), *kind).is_some() {
                self.problem(*position, *organisation, "has two dispositions: the database was changed by hand");
            }
        }
        for (position, organisation) in accepted {
            self.accepted += 1;
            match dispositions.remove(&(*position, *organisation)) {
                Some(kind) => self.enter(kind),
                None => {
                    self.in_flight += 1;
                    if done.contains(position) {
                        self.problem(
                            *position,
                            *organisation,
                            "is marked done and has no disposition: is this the database it was attached to? \
                             With the right one and the folder's `marks` file removed, a restart attaches it",
                        );
                    }
                }
            }
        }
        // What a retired segment had stays in the database; what this stretch of the journal never had must not be there.
        for (position, organisation) in dispositions.into_keys() {
            if segments.contains(&position.segment) {
                self.problem(position, organisation, "has a disposition, and the journal has no such mail for this organisation");
            }
        }
    }
}

/// Reads the books.
///
/// # Errors
/// They could not be read to the end.
pub async fn look(reader: &Reader, store: &Store) -> Result<Books, LedgerError> {
    let mut books = Books::default();
    let mut at = Position::START;
    loop {
        let page = {
            let reader = reader.clone();
            tokio::task::spawn_blocking(move || {
                let entries = reader.entries(at, PAGE)?;
                // The marks are read before the dispositions: a mark is written after its transaction.
                let done: HashSet<Position> =
                    entries.iter().map(|e| e.position).filter(|p| reader.state(*p) == State::Done).collect();
                Ok::<_, journal::Error>((entries, done))
            })
            .await
        };
        let (entries, done) = match page {
            Ok(page) => page?,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
        let Some(last) = entries.last() else { break };
        let next = last.next;
        let found = store.dispositions_between(reader.id(), at, next).await?;
        let accepted: Vec<_> =
            entries.iter().flat_map(|e| e.envelope.organisations().into_iter().map(|o| (e.position, o))).collect();
        books.take_page(&accepted, &done, &found);
        at = next;
    }
    behind_the_end(&mut books, reader, store, at).await?;
    books.balanced = books.problems_total == 0
        && books.accepted == books.attached + books.quarantined + books.duplicate + books.discarded + books.in_flight;
    Ok(books)
}

/// Behind the end there are the mails that came meanwhile. Anything else says that the journal lost its tail.
async fn behind_the_end(books: &mut Books, reader: &Reader, store: &Store, end: Position) -> Result<(), LedgerError> {
    // The largest position that the database can hold.
    let last = Position { segment: i32::MAX.cast_unsigned(), offset: u32::MAX };
    for (position, organisation, _) in store.dispositions_between(reader.id(), end, last).await? {
        let reader = reader.clone();
        match tokio::task::spawn_blocking(move || reader.entry(position)).await {
            Ok(Ok(entry)) if entry.envelope.organisations().contains(&organisation) => {}
            Ok(Ok(_) | Err(journal::Error::NotFound(_))) => {
                books.problem(
                    position,
                    organisation,
                    "has a disposition, and the journal has no such mail for this organisation",
                );
            }
            Ok(Err(error)) => return Err(error.into()),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use DispositionKind::{Attached, Quarantined};
    use uuid::Uuid;

    fn at(offset: u32) -> Position {
        Position { segment: 1, offset }
    }

    fn organisation(n: u128) -> OrganisationId {
        OrganisationId(Uuid::from_u128(n))
    }

    fn page(
        accepted: &[(Position, OrganisationId)],
        done: &[Position],
        found: &[(Position, OrganisationId, DispositionKind)],
    ) -> Books {
        let mut books = Books::default();
        books.take_page(accepted, &done.iter().copied().collect(), found);
        books
    }

    #[test]
    fn one_mail_for_two_organisations_counts_twice() {
        let (a, b) = (organisation(1), organisation(2));
        let books = page(&[(at(0), a), (at(0), b)], &[at(0)], &[(at(0), a, Attached), (at(0), b, Quarantined)]);
        assert_eq!((books.accepted, books.attached, books.quarantined, books.in_flight), (2, 1, 1, 0));
        assert!(books.problems.is_empty());
    }

    #[test]
    fn a_mail_without_a_disposition_is_in_flight_until_it_is_marked_done() {
        let a = organisation(1);
        assert_eq!(page(&[(at(0), a)], &[], &[]).problems_total, 0);
        let lost = page(&[(at(0), a)], &[at(0)], &[]);
        assert_eq!((lost.in_flight, lost.problems_total), (1, 1));
    }

    #[test]
    fn a_disposition_without_a_mail_is_found_and_one_of_a_retired_segment_is_not() {
        let a = organisation(1);
        let retired = Position { segment: 0, offset: 64 };
        let books = page(&[(at(0), a)], &[], &[(at(0), a, Attached), (at(8), a, Attached), (retired, a, Attached)]);
        assert_eq!((books.attached, books.problems_total), (1, 1));
        assert_eq!(books.problems[0].position, at(8));
    }
}
