//! The quarantine as staff see it.

use super::client::Client;
use super::gateway::{API_TOKEN, Gateway, mail, until};
use reqwest::StatusCode;
use std::time::{Duration, Instant};
use tidegate::mail::ReasonCode;
use tidegate::store::QuarantineState;
use tidegate::web::Readiness;

const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

fn with_attachment() -> Vec<u8> {
    mail(
        "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b",
        &format!(
            "--b\nContent-Type: text/html; charset=utf-8\n\n<p>Hello <b>desk</b></p><script>alert(1)</script><img src=http://evil.example/x.png>\n\
             --b\nContent-Type: image/png; name=\"../photo 1.png\"\nContent-Transfer-Encoding: base64\n\
             Content-Disposition: attachment; filename=\"../photo 1.png\"\n\n{PNG}\n--b--\n"
        ),
    )
}

#[tokio::test]
async fn a_held_mail_is_listed_shown_and_released() {
    let gateway = Gateway::start().await;
    let id = gateway.hold(&with_attachment(), ReasonCode::ReaderTimedOut).await;
    let mut browser = Client::new(&gateway);
    browser.log_in_first().await;

    let list = browser.get("/quarantine").await;
    assert!(list.text().contains("Grüße") && list.text().contains("Ada Lovelace"), "{}", list.text());
    assert!(list.text().contains("Took too long to read") && list.text().contains(&id.to_string()));

    let page = browser.get(&format!("/quarantine/{id}")).await;
    let text = page.text();
    assert_eq!(page.status, StatusCode::OK);
    for words in ["Grüße", "held by a test", "Hello", "photo 1.png", "192.0.2.1", "help@desk.example", "sandbox=\"\""] {
        assert!(text.contains(words), "{words} is missing: {text}");
    }
    assert!(text.contains("would begin a new conversation"), "{text}");
    assert!(!text.contains("<script>alert") && !text.contains("evil.example/x.png\""), "{text}");

    let csrf = page.csrf();
    let done = browser.post(&format!("/quarantine/{id}/release"), &[("csrf", &csrf)]).await;
    assert_eq!((done.status, done.location()), (StatusCode::SEE_OTHER, format!("/quarantine/{id}").as_str()));
    let after = browser.get(done.location()).await;
    assert!(after.text().contains("Released by ada"), "{}", after.text());
    assert_eq!(gateway.store.quarantine_item(id).await.unwrap().state, QuarantineState::Released);
    assert!(browser.get("/quarantine").await.text().contains("Nothing is held"));
    assert!(browser.get("/quarantine?state=released").await.text().contains("Grüße"));

    let acts: Vec<String> = gateway.store.audit_entries(None, 50).await.unwrap().into_iter().map(|a| a.action).collect();
    for act in ["quarantine.read", "quarantine.released"] {
        assert!(acts.iter().any(|a| a == act), "{act} is not in {acts:?}");
    }
}

#[tokio::test]
async fn files_are_downloads_and_html_is_in_a_sandbox() {
    let gateway = Gateway::start().await;
    let raw = with_attachment();
    let id = gateway.hold(&raw, ReasonCode::Loop).await;
    let mut browser = Client::new(&gateway);
    browser.log_in_first().await;

    let page = browser.get(&format!("/quarantine/{id}/raw")).await;
    assert_eq!(page.body, raw, "every byte");
    assert_eq!(page.header("content-type"), "message/rfc822");
    assert!(page.header("content-disposition").starts_with("attachment; filename="));

    let page = browser.get(&format!("/quarantine/{id}/html")).await;
    assert!(page.header("content-security-policy").starts_with("sandbox; default-src 'none'"));
    assert!(
        page.text().contains("<b>desk</b>") && !page.text().contains("<script") && !page.text().contains("evil.example/x.png")
    );

    let shown = browser.get(&format!("/quarantine/{id}")).await;
    let link = format!("/quarantine/{id}/attachments/");
    let at = shown.text().find(&link).unwrap();
    let path: String = shown.text()[at..].chars().take_while(|c| *c != '"').collect();
    let file = browser.get(&path).await;
    assert!(file.body.starts_with(b"\x89PNG"));
    assert_eq!((file.header("content-type"), file.header("x-content-type-options")), ("application/octet-stream", "nosniff"));
    assert!(file.header("content-disposition").contains("photo 1.png"));
    assert_eq!(browser.get(&format!("{link}999")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_a_mail_says_never_becomes_part_of_the_page() {
    let gateway = Gateway::start().await;
    let evil = "<script>alert(1)</script>\"><img src=x onerror=alert(2)>";
    let raw = mail(&format!("Subject: {evil}\nX-Odd: {evil}\nMessage-ID: <{evil}@x>"), evil);
    let id = gateway.hold(&raw, ReasonCode::ReaderPanicked).await;
    let mut browser = Client::new(&gateway);
    browser.log_in_first().await;
    for path in ["/quarantine".to_owned(), format!("/quarantine/{id}")] {
        let page = browser.get(&path).await;
        assert!(page.text().contains("&lt;script&gt;"), "{path}");
        assert!(!page.text().contains("<script>alert") && !page.text().contains("<img"), "{path}: {}", page.text());
    }
}

#[tokio::test]
async fn of_two_people_the_first_one_decides() {
    let gateway = Gateway::start().await;
    let id = gateway.hold(&mail("Subject: once", "x"), ReasonCode::Loop).await;
    let mut browser = Client::new(&gateway);
    browser.log_in_first().await;
    let page = browser.get(&format!("/quarantine/{id}")).await;
    let csrf = page.csrf();
    let first = browser.post(&format!("/quarantine/{id}/discard"), &[("csrf", &csrf), ("why", "spam")]).await;
    assert_eq!(first.status, StatusCode::SEE_OTHER);
    for act in ["release", "discard"] {
        let second = browser.post(&format!("/quarantine/{id}/{act}"), &[("csrf", &csrf), ("why", "too")]).await;
        assert_eq!(second.status, StatusCode::CONFLICT);
        assert!(second.text().contains("Already handled") && second.text().contains("discarded by ada"), "{}", second.text());
        assert!(second.text().contains(&format!("href=\"/quarantine/{id}\"")) && !second.text().contains("user:"));
    }
    let acts = gateway.store.audit_entries(None, 50).await.unwrap();
    let act = acts.iter().find(|a| a.action == "quarantine.discarded").unwrap();
    assert!(act.detail.contains("spam") && act.actor.starts_with("user:"), "{act:?}");
}

#[tokio::test]
async fn a_release_without_a_good_token_or_into_a_strange_conversation_is_refused() {
    let gateway = Gateway::start().await;
    let id = gateway.hold(&mail("Subject: once", "x"), ReasonCode::Loop).await;
    let mut browser = Client::new(&gateway);
    browser.log_in_first().await;
    let csrf = browser.get(&format!("/quarantine/{id}")).await.csrf();
    let path = format!("/quarantine/{id}/release");
    assert_eq!(browser.post(&path, &[("csrf", "guessed")]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(browser.post(&path, &[("csrf", &csrf), ("conversation", "nonsense")]).await.status, StatusCode::BAD_REQUEST);
    let strange = [("csrf", csrf.as_str()), ("conversation", "01936d0c-7d1e-7000-8000-000000000000")];
    assert_eq!(browser.post(&path, &strange).await.status, StatusCode::NOT_FOUND);
    assert_eq!(gateway.store.quarantine_item(id).await.unwrap().state, QuarantineState::Held);
    let there = gateway.attached(&mail("Subject: there\nMessage-ID: <there@x>", "x")).await.0.to_string();
    assert_eq!(browser.post(&path, &[("csrf", &csrf), ("conversation", &there)]).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_suggested_conversation_is_a_button_with_its_subject() {
    let gateway = Gateway::start().await;
    let (there, _) = gateway.attached(&mail("Subject: The <b>parcel</b> 4711\nMessage-ID: <there@x>", "x")).await;
    let id =
        gateway.hold(&mail("Subject: Re: The <b>parcel</b> 4711\nMessage-ID: <late@x>", "x"), ReasonCode::ReaderTimedOut).await;
    let mut browser = Client::new(&gateway);
    browser.log_in_first().await;
    let page = browser.get(&format!("/quarantine/{id}")).await;
    let button = format!("name=\"conversation\" value=\"{there}\"");
    assert!(page.text().contains(&button), "{}", page.text());
    assert!(page.text().contains("Release into “<bdi>The &lt;b&gt;parcel&lt;/b&gt; 4711</bdi>”"), "{}", page.text());
    assert!(page.text().contains("subject and people are the same. That one is open, has 1 message."), "{}", page.text());
    let pressed = [("csrf", page.csrf()), ("conversation", there.to_string())];
    let pressed: Vec<(&str, &str)> = pressed.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let done = browser.post(&format!("/quarantine/{id}/release"), &pressed).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text());
}

#[tokio::test]
async fn after_each_decision_the_next_held_mail_is_one_step_away() {
    let gateway = Gateway::start().await;
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(gateway.hold(&mail(&format!("Subject: number {n}"), "x"), ReasonCode::Loop).await);
    }
    let mut browser = Client::new(&gateway);
    browser.log_in_first().await;
    // From the middle down, then from the top: the newest first, as the list has them.
    for (id, then) in [(ids[1], Some(ids[0])), (ids[0], Some(ids[2])), (ids[2], None)] {
        let csrf = browser.get(&format!("/quarantine/{id}")).await.csrf();
        let done = browser.post(&format!("/quarantine/{id}/discard"), &[("csrf", &csrf), ("why", "spam")]).await;
        let page = browser.get(done.location()).await;
        let words = match then {
            Some(next) => format!("<a href=\"/quarantine/{next}\">Next held mail</a>"),
            None => "Nothing else is held".to_owned(),
        };
        assert!(page.text().contains(&words), "{words}: {}", page.text());
    }
}

#[tokio::test]
async fn an_address_or_a_form_that_no_page_makes_is_answered_by_a_page() {
    let gateway = Gateway::start().await;
    let id = gateway.hold(&mail("Subject: once", "x"), ReasonCode::Loop).await;
    let mut browser = Client::new(&gateway);
    browser.log_in_first().await;
    let csrf = browser.get(&format!("/quarantine/{id}")).await.csrf();
    for (page, status) in [
        (browser.get("/quarantine?state=held&state=all").await, StatusCode::BAD_REQUEST),
        (browser.get("/quarantine/%ff").await, StatusCode::BAD_REQUEST),
        (browser.get(&format!("/quarantine/{id}/attachments/-1")).await, StatusCode::BAD_REQUEST),
        (browser.get(&format!("/quarantine/{id}/release")).await, StatusCode::METHOD_NOT_ALLOWED),
        (browser.post(&format!("/quarantine/{id}/discard"), &[("csrf", &csrf)]).await, StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        assert_eq!(page.status, status, "{}", page.text());
        assert!(page.text().contains("Back to the quarantine") && !page.text().contains("deserialize"), "{}", page.text());
    }
}

#[tokio::test]
async fn letters_of_a_mail_are_not_turned_around_on_the_page() {
    let gateway = Gateway::start().await;
    let raw = mail("Subject: =?utf-8?q?invoice_=E2=80=AEfdp.exe?=\nX-Odd: =?utf-8?q?=E2=80=AEfdp?=", "see \u{202e}fdp.exe");
    let id = gateway.hold(&raw, ReasonCode::Loop).await;
    let mut browser = Client::new(&gateway);
    browser.log_in_first().await;
    for path in ["/quarantine".to_owned(), format!("/quarantine/{id}")] {
        let page = browser.get(&path).await;
        assert!(page.text().contains("invoice \u{fffd}fdp.exe") && !page.text().contains('\u{202e}'), "{path}: {}", page.text());
    }
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repeat() {
    let gateway = Gateway::start().await;
    for n in 0..55 {
        gateway.hold(&mail(&format!("Subject: number {n:02}"), "x"), ReasonCode::Loop).await;
    }
    let mut browser = Client::new(&gateway);
    browser.log_in_first().await;
    let first = browser.get("/quarantine").await;
    let next = first
        .text()
        .split("href=\"")
        .find(|s| s.contains("rel=\"next\""))
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .replace("&amp;", "&");
    let second = browser.get(&next).await;
    for n in 0..55 {
        let on = [&first, &second].map(|p| p.text().contains(&format!("number {n:02}")));
        assert_eq!(on, if n < 5 { [false, true] } else { [true, false] }, "number {n}");
    }
    assert!(browser.get("/quarantine?reason=loop").await.text().contains("number 54"));
    assert!(browser.get("/quarantine?reason=store-refused").await.text().contains("Nothing matches"));
    assert_eq!(browser.get("/quarantine?state=lost").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_list_says_when_more_is_held() {
    let gateway = Gateway::start().await;
    let mut browser = Client::new(&gateway);
    browser.log_in_first().await;
    let cookie = format!("tidegate={}", browser.cookies["tidegate"]);
    let client = reqwest::Client::new();
    let mut stream = client.get(gateway.url("/quarantine/live")).header("cookie", cookie).send().await.unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let id = gateway.hold(&mail("Subject: new", "x"), ReasonCode::Loop).await;
    let mut seen = String::new();
    tokio::time::timeout(Duration::from_secs(20), async {
        while !seen.contains(&id.to_string()) {
            seen.push_str(std::str::from_utf8(&stream.chunk().await.unwrap().unwrap()).unwrap());
        }
    })
    .await
    .expect("told in time");
    assert!(seen.contains("event: held"), "{seen}");
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let gateway = Gateway::start().await;
    let mut browser = Client::new(&gateway);
    for path in ["/", "/nowhere", "/style.css", "/v1/conversations", "/login/x"] {
        let page = browser.get(path).await;
        let policy = page.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe-inline"), "{path}: {policy}");
        assert_eq!(page.header("x-frame-options"), "DENY");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(page.header("referrer-policy"), "same-origin");
    }
}

#[tokio::test]
async fn cookies_are_secure_when_the_public_url_is_https() {
    let gateway = Gateway::start_with("[web]\npublic_url = \"https://desk.example\"\n").await;
    let page = Client::new(&gateway).get("/").await;
    let cookie = page.header("set-cookie");
    assert!(cookie.starts_with("__Host-tidegate-visit=") && cookie.contains("; Secure"), "{cookie}");
    let link = tidegate::web::first_admin_link(&gateway.store, &gateway.config).await.unwrap().unwrap();
    assert!(link.starts_with("https://desk.example/login/"), "{link}");
}

#[tokio::test]
async fn a_database_that_is_away_is_said_and_not_waited_for() {
    let gateway = Gateway::start().await;
    let mut browser = Client::new(&gateway);
    browser.log_in_first().await;
    gateway.readiness.send_replace(Readiness { journal: None, database: Some("connection refused".into()) });
    let begun = Instant::now();
    let page = browser.get("/quarantine").await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.text().contains("database does not answer") && !page.header("retry-after").is_empty(), "{}", page.text());
    browser.token = Some(API_TOKEN.into());
    let answer = browser.get("/v1/conversations").await;
    assert_eq!(
        (answer.status, answer.json()["error"]["code"].as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, Some("database-away"))
    );
    assert!(begun.elapsed() < Duration::from_secs(2));
    // It closes under us, and nobody has noticed yet.
    gateway.readiness.send_replace(Readiness::default());
    gateway.store.close().await;
    let page = browser.get("/quarantine").await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE, "{}", page.text());
}

#[tokio::test]
async fn probes_and_metrics_answer_without_a_login() {
    let gateway = Gateway::start().await;
    let mut probe = Client::new(&gateway);
    assert_eq!(probe.get("/healthz").await.status, StatusCode::OK);
    assert_eq!(probe.get("/readyz").await.json()["ready"], true);
    let problem = Readiness { journal: Some("the disk is full".into()), database: None };
    gateway.readiness.send_replace(problem);
    let not_ready = probe.get("/readyz").await;
    assert_eq!(not_ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        (not_ready.json()["journal"].as_str(), not_ready.json()["database"].as_str()),
        (Some("the disk is full"), Some("ok"))
    );
    assert_eq!(probe.get("/healthz").await.status, StatusCode::OK, "it lives all the same");
    let metrics = probe.get("/metrics").await;
    assert!(metrics.text().contains("tidegate_web_requests_total{status=\"5xx\"} 1"), "{}", metrics.text());
    assert!(metrics.text().ends_with("# EOF\n"));
}

#[tokio::test]
async fn a_request_body_is_bounded() {
    let gateway = Gateway::start().await;
    let mut client = Client::with_token(&gateway);
    let long = "x".repeat(300 << 10);
    let page = client.json(reqwest::Method::POST, "/v1/webhooks", &serde_json::json!({ "organisation": long })).await;
    assert_eq!((page.status, page.json()["error"]["code"].as_str()), (StatusCode::PAYLOAD_TOO_LARGE, Some("too-large")));
}

#[tokio::test]
async fn at_the_end_of_the_gateway_streams_end_too() {
    let gateway = Gateway::start().await;
    let url = gateway.url(&format!("/v1/events/stream?organisation={}", gateway.organisation));
    let mut stream = reqwest::Client::new().get(url).bearer_auth(API_TOKEN).send().await.unwrap();
    let address = gateway.address;
    drop(gateway);
    let ended = async { while let Ok(Some(_)) = stream.chunk().await {} };
    tokio::time::timeout(Duration::from_secs(10), ended).await.expect("the stream ends");
    until("nobody listens", || async move { tokio::net::TcpStream::connect(address).await.is_err() }).await;
}
