//! Webhooks, as a receiver sees them.

use super::client::Client;
use super::gateway::{Gateway, mail, until};
use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tidegate::events::signature;
use tidegate::mail::ReasonCode;
use tokio::sync::watch;

/// A receiver that refuses the first `refusals` deliveries.
pub(super) struct Receiver {
    pub(super) url: String,
    taken: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
    asked: Arc<AtomicUsize>,
}

pub(super) async fn receiver(refusals: usize) -> Receiver {
    let taken: Arc<Mutex<Vec<(HeaderMap, Bytes)>>> = Arc::default();
    let asked = Arc::new(AtomicUsize::new(0));
    let (noted, counted) = (taken.clone(), asked.clone());
    let handler = move |headers: HeaderMap, body: Bytes| async move {
        if counted.fetch_add(1, Ordering::SeqCst) < refusals {
            return StatusCode::INTERNAL_SERVER_ERROR;
        }
        noted.lock().unwrap().push((headers, body));
        StatusCode::NO_CONTENT
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/hook", post(handler))).await });
    Receiver { url, taken, asked }
}

impl Receiver {
    pub(super) fn sequences(&self) -> Vec<i64> {
        let taken = self.taken.lock().unwrap();
        taken.iter().map(|(_, body)| serde_json::from_slice::<Value>(body).unwrap()["sequence"].as_i64().unwrap()).collect()
    }
}

async fn hook(gateway: &Gateway, url: &str) -> Value {
    let body = json!({ "organisation": gateway.organisation, "url": url });
    let page = Client::with_token(gateway).json(Method::POST, "/v1/webhooks", &body).await;
    assert_eq!(page.status, StatusCode::CREATED, "{}", page.text());
    page.json()
}

fn deliver(gateway: &Gateway) -> watch::Sender<bool> {
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(tidegate::events::run(gateway.store.clone(), gateway.config.clone(), gateway.metrics.clone(), stopped));
    stop
}

#[tokio::test]
async fn events_come_signed_in_order_with_what_the_mail_says() {
    let gateway = Gateway::start().await;
    let receiver = receiver(0).await;
    let added = hook(&gateway, &receiver.url).await;
    let (conversation, message) = gateway.attached(&mail("Subject: Question\nMessage-ID: <q@x>", "How?")).await;
    gateway.hold(&mail("Subject: odd", "x"), ReasonCode::Loop).await;
    let stop = deliver(&gateway);
    until("all three are there", || async { receiver.taken.lock().unwrap().len() >= 3 }).await;
    assert_eq!(receiver.sequences(), [1, 2, 3]);

    let secret = added["secret"].as_str().unwrap();
    let now = jiff_now();
    for (headers, body) in receiver.taken.lock().unwrap().iter() {
        let header = headers[signature::HEADER].to_str().unwrap();
        assert!(signature::verify(secret.as_bytes(), header, body, now, 300), "{header}");
    }
    let second: Value = serde_json::from_slice(&receiver.taken.lock().unwrap()[1].1).unwrap();
    assert_eq!(second["type"], "message.attached");
    assert_eq!(
        (second["conversation"].as_str(), second["message"].as_str()),
        (Some(conversation.to_string()).as_deref(), Some(message.to_string()).as_deref())
    );
    assert_eq!(
        (second["reading"]["subject"].as_str(), second["reading"]["from"]["address"].as_str()),
        (Some("Question"), Some("ada@sender.example"))
    );
    stop.send_replace(true);
}

fn jiff_now() -> i64 {
    tidegate::store::now_us() / 1_000_000
}

#[tokio::test]
async fn a_refused_event_comes_again_before_the_next() {
    let gateway = Gateway::start().await;
    let (failing, healthy) = (receiver(1).await, receiver(0).await);
    let failing_id = hook(&gateway, &failing.url).await["id"].as_str().unwrap().to_owned();
    hook(&gateway, &healthy.url).await;
    for n in 0..3 {
        gateway.hold(&mail(&format!("Subject: {n}"), "x"), ReasonCode::Loop).await;
    }
    let stop = deliver(&gateway);
    until("the healthy one has all", || async { healthy.taken.lock().unwrap().len() == 3 }).await;
    let mut api = Client::with_token(&gateway);
    let path = format!("/v1/webhooks/{failing_id}");
    until("the failing one has all", || async { failing.taken.lock().unwrap().len() == 3 }).await;
    assert_eq!((failing.sequences(), failing.asked.load(Ordering::SeqCst)), (vec![1, 2, 3], 4));
    until("it is noted", || async { Client::with_token(&gateway).get(&path).await.json()["delivered"] == 3 }).await;
    assert_eq!(api.get(&path).await.json()["circuit"], "closed");
    let metrics = api.get("/metrics").await;
    assert!(metrics.text().contains("tidegate_webhook_deliveries_total{outcome=\"refused\"} 1"), "{}", metrics.text());
    stop.send_replace(true);
}

#[tokio::test]
async fn an_endpoint_that_is_gone_keeps_its_events_waiting() {
    let gateway = Gateway::start().await;
    // Nobody listens there any more.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let id = hook(&gateway, &format!("http://{gone}/")).await["id"].as_str().unwrap().to_owned();
    gateway.hold(&mail("Subject: waits", "x"), ReasonCode::Loop).await;
    let stop = deliver(&gateway);
    let path = format!("/v1/webhooks/{id}");
    until("it has failed", || async { Client::with_token(&gateway).get(&path).await.json()["failures"] != 0 }).await;
    let mut api = Client::with_token(&gateway);
    let shown = api.get(&path).await.json();
    assert!(shown["delivered"] == 0 && shown["retry_at"].is_string(), "{shown}");
    // The receiver moves: the waiting event goes there at once.
    let receiver = receiver(0).await;
    let changed = api.json(Method::PATCH, &path, &json!({ "url": receiver.url })).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text());
    until("it is delivered", || async { receiver.sequences() == [1] }).await;
    stop.send_replace(true);
}

#[tokio::test]
async fn webhooks_are_added_shown_changed_and_removed() {
    let gateway = Gateway::start().await;
    let mut api = Client::with_token(&gateway);
    for url in ["ftp://x/", "javascript:alert(1)", "nonsense", ""] {
        let body = json!({ "organisation": gateway.organisation, "url": url });
        assert_eq!(api.json(Method::POST, "/v1/webhooks", &body).await.status, StatusCode::BAD_REQUEST, "{url}");
    }
    let strange = json!({ "organisation": "01936d0c-7d1e-7000-8000-000000000000", "url": "http://127.0.0.1/" });
    assert_eq!(api.json(Method::POST, "/v1/webhooks", &strange).await.status, StatusCode::NOT_FOUND);
    let added = hook(&gateway, "https://desk.example/hook").await;
    let path = format!("/v1/webhooks/{}", added["id"].as_str().unwrap());
    let listed = api.get("/v1/webhooks").await.json();
    assert_eq!(listed["webhooks"][0]["url"], "https://desk.example/hook");
    assert!(listed["webhooks"][0].get("secret").is_none(), "a secret is told once");
    let off = api.json(Method::PATCH, &path, &json!({ "enabled": false })).await.json();
    assert_eq!((off["enabled"].as_bool(), off["url"].as_str()), (Some(false), Some("https://desk.example/hook")));
    assert_eq!(api.json(Method::PATCH, &path, &json!({ "colour": "red" })).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(api.send(Method::DELETE, &path, &[], None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(api.get(&path).await.status, StatusCode::NOT_FOUND);
}
