//! What happened, told to the product: the outbox, delivered to webhooks.
//!
//! Every event has a sequence number within its organisation, and an endpoint gets the events of
//! its organisation in that order, one at a time. An endpoint is leased from the database, so any
//! node may deliver and only one does.
//!
//! # Failure
//! An event counts as delivered when the endpoint answered 2xx, and the next is sent only then:
//! nothing is dropped, and an event may come twice (after a crash between the answer and the note
//! of it). An endpoint that fails is tried again after a growing, random wait up to
//! `webhooks.retry_max_s`; after `Limits::webhook_failures_max` failures in a row its circuit is
//! open: one event is offered as a probe, until it is taken. Other endpoints do not notice. While
//! the database is away nothing is delivered, and nothing is lost.
//!
//! # Trust
//! An endpoint's answer is its status; of the body a bounded part is read and thrown away.
//! Redirects are not followed: the URL that was set up is the one that gets the events.

mod delivery;
mod payload;
pub mod signature;

use crate::config::Config;
use crate::store::{Store, now_us};
use crate::telemetry::Metrics;
use delivery::Courier;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How often it is looked for endpoints with something to get.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Wait before looking again while the database is away.
const DATABASE_PAUSE: Duration = Duration::from_secs(5);

/// Delivers the outbox to the webhooks until `shutdown` becomes true; what is in flight then may
/// end within its own time limit. Needs a rustls provider installed by the caller.
pub async fn run(store: Store, config: Arc<Config>, metrics: Arc<Metrics>, mut shutdown: watch::Receiver<bool>) {
    let limits = config.limits();
    let courier = match Courier::new(store.clone(), &config, &limits, metrics, shutdown.clone()) {
        Ok(courier) => Arc::new(courier),
        Err(error) => {
            tracing::error!(%error, "events: no HTTP client can be made, so webhooks are not delivered; everything else goes on");
            return;
        }
    };
    let mut in_flight = JoinSet::new();
    loop {
        let free = limits.webhook_inflight_max.saturating_sub(in_flight.len());
        let pause = match lease(&store, &courier, free, &mut in_flight).await {
            Ok(()) => LOOK_EVERY,
            Err(error) => {
                tracing::warn!(%error, "events: webhooks wait for the database");
                DATABASE_PAUSE
            }
        };
        tokio::select! {
            _ = shutdown.wait_for(|down| *down) => break,
            () = tokio::time::sleep(pause) => {}
            // Its endpoint may have more to get, and another one its seat.
            Some(_) = in_flight.join_next() => {}
        }
        while in_flight.try_join_next().is_some() {}
    }
    while in_flight.join_next().await.is_some() {}
}

/// Begins a turn for up to `free` endpoints that have something to get.
async fn lease(
    store: &Store,
    courier: &Arc<Courier>,
    free: usize,
    in_flight: &mut JoinSet<()>,
) -> Result<(), crate::store::Error> {
    if free == 0 {
        return Ok(());
    }
    let now = now_us();
    for endpoint in store.lease_endpoints(now, courier.lease_until_us(now), free).await? {
        let courier = courier.clone();
        in_flight.spawn(async move { courier.serve(endpoint).await });
    }
    Ok(())
}
