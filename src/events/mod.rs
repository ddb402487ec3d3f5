//! What happened, told to the product: the outbox, and its delivery to webhooks.
//! (being built: the signature of [`run`] is the contract)

use crate::config::Config;
use crate::store::Store;
use crate::telemetry::Metrics;
use std::sync::Arc;
use tokio::sync::watch;

/// Delivers the outbox to the webhooks until `shutdown` becomes true. Needs a rustls provider installed.
pub async fn run(_store: Store, _config: Arc<Config>, _metrics: Arc<Metrics>, mut shutdown: watch::Receiver<bool>) {
    let _ = shutdown.wait_for(|down| *down).await;
}
