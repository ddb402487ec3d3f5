//! One endpoint's turn: event after event, until there is none, one fails, or the turn is over.

use super::{payload, signature};
use crate::backoff;
use crate::config::Config;
use crate::limits::Limits;
use crate::store::{Endpoint, Error, OutboxEvent, Store, now_us};
use crate::telemetry::Metrics;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Events of one turn: then other endpoints have theirs.
const TURN_EVENTS: usize = 100;
/// What a lease lasts longer than a delivery may take: the note of it in the database.
const LEASE_MARGIN: Duration = Duration::from_secs(30);
/// Wait after the first failure of an endpoint.
const RETRY_FIRST: Duration = Duration::from_secs(1);

/// Carries events to endpoints.
pub(super) struct Courier {
    store: Store,
    client: reqwest::Client,
    timeout: Duration,
    retry_max: Duration,
    failures_max: u32,
    answer_bytes_max: usize,
    metrics: Arc<Metrics>,
    shutdown: watch::Receiver<bool>,
}

/// How one delivery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Taken,
    /// Another status than 2xx.
    Refused(u16),
    /// No connection, no TLS, no answer in time.
    Unreachable,
}

impl Answer {
    const fn label(self) -> &'static str {
        match self {
            Answer::Taken => "delivered",
            Answer::Refused(_) => "refused",
            Answer::Unreachable => "unreachable",
        }
    }
}

impl Courier {
    pub(super) fn new(
        store: Store,
        config: &Config,
        limits: &Limits,
        metrics: Arc<Metrics>,
        shutdown: watch::Receiver<bool>,
    ) -> Result<Courier, reqwest::Error> {
        let timeout = Duration::from_secs(config.webhooks.timeout_s);
        let client = reqwest::Client::builder()
            .timeout(timeout)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("tidegate/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Courier {
            store,
            client,
            timeout,
            retry_max: Duration::from_secs(config.webhooks.retry_max_s),
            failures_max: limits.webhook_failures_max,
            answer_bytes_max: limits.webhook_answer_bytes_max,
            metrics,
            shutdown,
        })
    }

    /// Until when an endpoint that is leased now is leased, for one delivery.
    pub(super) fn lease_until_us(&self, now_us: i64) -> i64 {
        after(now_us, self.timeout + LEASE_MARGIN)
    }

    /// Delivers what a leased endpoint waits for, in order, and gives the lease back.
    pub(super) async fn serve(&self, mut endpoint: Endpoint) {
        let id = endpoint.id;
        if let Err(error) = self.turn(&mut endpoint).await {
            // The lease runs out by itself; then the event is delivered once more.
            tracing::warn!(%error, webhook.id = %id, "events: webhook {id} waits for the database");
        }
    }

    async fn turn(&self, endpoint: &mut Endpoint) -> Result<(), Error> {
        // An open circuit lets one event through as a probe.
        let is_probe = endpoint.failures >= i64::from(self.failures_max);
        let most = if is_probe { 1 } else { TURN_EVENTS };
        for event in self.store.outbox_after(endpoint.organisation, endpoint.delivered, most).await? {
            if *self.shutdown.borrow() {
                break;
            }
            let answer = self.deliver(endpoint, &event).await?;
            self.metrics.webhook_deliveries.get_or_create(&[("outcome", answer.label())]).inc();
            if answer == Answer::Taken {
                let until = self.lease_until_us(now_us());
                if !self.store.endpoint_delivered(endpoint, event.sequence, until).await? {
                    return Ok(());
                }
            } else {
                return self.failed(endpoint, answer).await;
            }
        }
        self.store.return_endpoint(endpoint).await.map(drop)
    }

    async fn failed(&self, endpoint: &Endpoint, answer: Answer) -> Result<(), Error> {
        let failures = u32::try_from(endpoint.failures).unwrap_or(u32::MAX).saturating_add(1);
        let wait = backoff::wait(failures, RETRY_FIRST, self.retry_max, backoff::random());
        let id = endpoint.id;
        if failures == self.failures_max {
            tracing::warn!(webhook.id = %id, failures, ?answer, "events: webhook {id} fails again and again; its circuit is open");
        } else {
            tracing::info!(webhook.id = %id, failures, ?answer, "events: webhook {id} failed; tried again in {wait:?}");
        }
        self.store.endpoint_failed(endpoint, after(now_us(), wait)).await.map(drop)
    }

    async fn deliver(&self, endpoint: &Endpoint, event: &OutboxEvent) -> Result<Answer, Error> {
        let body = payload::of(&self.store, event).await?;
        let now = now_us() / 1_000_000;
        let request = self
            .client
            .post(&endpoint.url)
            .header("content-type", "application/json")
            .header(signature::HEADER, signature::sign(&endpoint.secret, now, &body))
            .header("tidegate-event", event.kind.as_str())
            .header("tidegate-sequence", event.sequence.to_string())
            .body(body);
        let Ok(mut response) = request.send().await else { return Ok(Answer::Unreachable) };
        let status = response.status();
        // What is read lets the connection be used again; more than that is not worth it.
        let mut read = 0;
        while let Ok(Some(chunk)) = response.chunk().await {
            read += chunk.len();
            if read > self.answer_bytes_max {
                break;
            }
        }
        Ok(if status.is_success() { Answer::Taken } else { Answer::Refused(status.as_u16()) })
    }
}

fn after(now_us: i64, wait: Duration) -> i64 {
    now_us.saturating_add(i64::try_from(wait.as_micros()).unwrap_or(i64::MAX))
}
