//! The database: SQLite or PostgreSQL behind one interface.
//! (skeleton: the builder of the store replaces this file; the signatures below are the contract)

use crate::directory::Directory;
use crate::mail::{
    ConversationId, Decision, DispositionKind, JournalId, Locator, MailboxId, OrganisationId, Outcome, Position, Prepared,
    QuarantineId, QuarantineReason, ThreadIndex, ThreadKeys, UserId,
};
use crate::telemetry::Metrics;
use std::sync::Arc;

/// What went wrong with the database.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// placeholder
    #[error("database: {0}")]
    Database(String),
}

impl Error {
    /// The database is away, busy or restarting: try again later. Else the statement or its data is at fault.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        true
    }
}

/// Decides where a mail belongs: `threading::decide`, handed in so that the store knows no rules.
pub type Decide<'a> = &'a (dyn Fn(&ThreadKeys, &ThreadIndex, ConversationId) -> Decision + Send + Sync);

/// A handle on the database; cheap to clone.
#[derive(Debug, Clone)]
pub struct Store;

impl Store {
    /// Connects, without migrating. `url` is `sqlite:PATH` or `postgres://…`. A lazy connection to PostgreSQL: succeeds when the server is away.
    ///
    /// # Errors
    /// The url is not understood, or the SQLite file can't be opened.
    pub async fn open(
        _url: &str,
        _connections_max: u32,
        _query_timeout: std::time::Duration,
        _metrics: Arc<Metrics>,
    ) -> Result<Store, Error> {
        todo!()
    }
    /// Runs what is missing of the migrations.
    ///
    /// # Errors
    /// The database.
    pub async fn migrate(&self) -> Result<(), Error> {
        todo!()
    }
    /// Answers when the database does.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<(), Error> {
        todo!()
    }
    /// The counter of changes to organisations and mailboxes.
    ///
    /// # Errors
    /// The database.
    pub async fn directory_revision(&self) -> Result<i64, Error> {
        todo!()
    }
    /// The directory as it is now.
    ///
    /// # Errors
    /// The database.
    pub async fn directory(&self) -> Result<Directory, Error> {
        todo!()
    }
    /// Makes one organisation with the catch-all mailbox `@`, if there is no organisation at all (the embedded default).
    ///
    /// # Errors
    /// The database.
    pub async fn seed_default_organisation(&self) -> Result<(), Error> {
        todo!()
    }
    /// Attaches a batch in one transaction: skips what has a disposition, finds duplicates by content hash, loads the index
    /// set-wise, decides each in order (applying each to the index), writes all. One outcome for each, in order.
    ///
    /// # Errors
    /// The whole batch failed and nothing was written; `is_transient` says whether to repeat or to split.
    pub async fn attach(&self, _batch: &[Prepared], _decide: Decide<'_>) -> Result<Vec<Outcome>, Error> {
        todo!()
    }
    /// Holds a mail that never became a [`Prepared`] for staff, one item for each organisation. Idempotent.
    ///
    /// # Errors
    /// The database.
    pub async fn quarantine(
        &self,
        _locator: Locator,
        _received_at_us: i64,
        _for_whom: &[(OrganisationId, Vec<MailboxId>)],
        _reasons: &[QuarantineReason],
    ) -> Result<Vec<QuarantineId>, Error> {
        todo!()
    }
    /// Dispositions of mails of one journal, for the ledger and for restarts: those of `positions`.
    ///
    /// # Errors
    /// The database.
    pub async fn dispositions(
        &self,
        _journal: JournalId,
        _positions: &[Position],
    ) -> Result<Vec<(Position, OrganisationId, DispositionKind)>, Error> {
        todo!()
    }
    /// Quarantine items of one journal that staff have released and the intake has not attached yet.
    ///
    /// # Errors
    /// The database.
    pub async fn released(&self, _journal: JournalId, _max: usize) -> Result<Vec<ReleasedItem>, Error> {
        todo!()
    }
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
