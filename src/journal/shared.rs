//! What the handles, the writer and the readers of one open journal share.

use super::catalog::Catalog;
use super::folder::Folder;
use super::large::LargeBodies;
use super::marks::Marks;
use crate::limits::Limits;
use crate::mail::Position;
use crate::telemetry::Metrics;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::sync::{Semaphore, watch};

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) folder: Arc<Folder>,
    pub(super) limits: Arc<Limits>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) durable: watch::Sender<Position>,
    pub(super) large: Arc<LargeBodies>,
    /// Bytes that may wait for the writer.
    pub(super) room: Arc<Semaphore>,
    pub(super) catalog: RwLock<Catalog>,
    pub(super) marks: Mutex<Marks>,
    /// Held while a record is overwritten: it passes no checksum meanwhile.
    pub(super) erasing: Mutex<()>,
}

// Locks are taken in the order erasing, marks, catalog. A panic while one is held leaves nothing
// half done that the disk does not also have, so poison is not passed on.
impl Shared {
    pub(super) fn catalog(&self) -> RwLockReadGuard<'_, Catalog> {
        self.catalog.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn catalog_mut(&self) -> RwLockWriteGuard<'_, Catalog> {
        self.catalog.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn marks(&self) -> MutexGuard<'_, Marks> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn erasing(&self) -> MutexGuard<'_, ()> {
        self.erasing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
