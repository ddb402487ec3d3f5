//! The HTTP API, as a program uses it.

use super::client::Client;
use super::gateway::{API_TOKEN, Gateway, mail};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tidegate::mail::ReasonCode;

#[tokio::test]
async fn without_a_token_the_api_is_closed_and_says_which_key_to_set() {
    let gateway = Gateway::start_with("").await;
    let page = Client::with_token(&gateway).get("/v1/conversations").await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.json()["error"]["message"].as_str().unwrap().contains("web.api_token"));

    let gateway = Gateway::start().await;
    let page = Client::new(&gateway).get("/v1/conversations").await;
    assert_eq!((page.status, page.header("www-authenticate")), (StatusCode::UNAUTHORIZED, "Bearer"));
    let mut wrong = Client::new(&gateway);
    wrong.token = Some("nearly".into());
    assert_eq!(wrong.get("/v1/conversations").await.json()["error"]["code"], "wrong-token");
}

#[tokio::test]
async fn errors_are_json_and_help() {
    let gateway = Gateway::start().await;
    let mut api = Client::with_token(&gateway);
    let id = "01936d0c-7d1e-7000-8000-000000000000";
    for (path, status, words) in [
        ("/v1/nothing".to_owned(), 404, "docs/http-api.md"),
        ("/v1/conversations".to_owned(), 400, "organisation"),
        ("/v1/conversations/nonsense".to_owned(), 400, "UUID"),
        (format!("/v1/conversations/{id}"), 404, "conversation"),
        (format!("/v1/messages/{id}"), 404, "message"),
        (format!("/v1/quarantine/{id}"), 404, "quarantine item"),
        (format!("/v1/conversations?organisation={id}&after=x"), 400, "next"),
        (format!("/v1/conversations?organisation={id}&limit=many"), 400, "limit"),
        (format!("/v1/conversations?organisation={id}"), 404, "tidegate org ls"),
        (format!("/v1/events?organisation={id}"), 404, "tidegate org ls"),
        ("/v1/quarantine?reason=bored".to_owned(), 400, "reader-timed-out"),
        (format!("/v1/messages/{id}/attachments/x"), 400, ""),
    ] {
        let page = api.get(&path).await;
        let error = page.json()["error"].clone();
        assert_eq!(page.status.as_u16(), status, "{path}: {error}");
        assert!(error["code"].is_string() && error["message"].as_str().unwrap().contains(words), "{path}: {error}");
    }
    let page = api.send(Method::DELETE, "/v1/quarantine", &[], None).await;
    assert_eq!((page.status, page.json()["error"]["code"].as_str()), (StatusCode::METHOD_NOT_ALLOWED, Some("wrong-method")));
    let text = api.send(Method::POST, "/v1/webhooks", &[], Some(("text/plain", "x".into()))).await;
    assert_eq!(text.json()["error"]["code"], "not-json");
}

#[tokio::test]
async fn what_is_wrong_with_a_mail_to_be_sent_is_told_in_words_for_its_sender() {
    let gateway = Gateway::start().await;
    let mut api = Client::with_token(&gateway);
    let good = json!({ "organisation": gateway.organisation, "recipients": ["ada@example.com"] });
    assert_eq!(api.json(Method::POST, "/v1/outbound", &good).await.status, StatusCode::OK);
    let with = |key: &str, value: Value| {
        let mut changed = good.clone();
        changed[key] = value;
        changed
    };
    let nobody = "01936d0c-7d1e-7000-8000-000000000000";
    for (body, status, words) in [
        (json!([]), 422, "expected an object"),
        (json!({}), 422, "missing field `organisation`"),
        (with("organisation", json!("acme")), 400, "not an organisation id"),
        (with("organisation", json!(nobody)), 404, "no organisation"),
        (with("conversation", json!(nobody)), 404, "no conversation"),
        (with("recipients", json!([])), 400, "1 to 100"),
        (with("recipients", json!(["Ada <ada@example.com>"])), 400, "without names"),
        (with("recipients", json!("ada@example.com")), 422, "recipients: invalid type"),
        (with("message_id", json!("a@b>\r\nBcc: <x@y")), 400, "one Message-ID"),
        (with("subject_tag", json!("Ticket")), 400, "a digit"),
        (with("subjct", json!("x")), 422, "unknown field `subjct`"),
    ] {
        let page = api.json(Method::POST, "/v1/outbound", &body).await;
        let said = page.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(page.status.as_u16() == status && said.contains(words), "{body}: {} {said}", page.status);
        assert!(!said.contains("deserialize") && !said.contains("struct"), "{said}");
    }
}

#[tokio::test]
async fn a_held_mail_is_released_by_a_request_without_a_body() {
    let gateway = Gateway::start().await;
    let id = gateway.hold(&mail("Subject: held", "x"), tidegate::mail::ReasonCode::Loop).await;
    let mut api = Client::with_token(&gateway);
    let done = api.send(Method::POST, &format!("/v1/quarantine/{id}/release"), &[], None).await;
    assert_eq!((done.status, done.json()["state"].as_str()), (StatusCode::OK, Some("released")));
}

#[tokio::test]
async fn conversations_and_messages_are_read_in_pages_and_in_the_reading_format() {
    let gateway = Gateway::start().await;
    let mut raw = mail("Subject: First\nMessage-ID: <one@x>\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b", "");
    raw.extend_from_slice(
        b"--b\r\nContent-Type: text/plain\r\n\r\nHello\r\n> quoted\r\n--b\r\nContent-Type: text/csv; name=a.csv\r\nContent-Disposition: attachment; filename=a.csv\r\n\r\n1,2\r\n--b--\r\n",
    );
    let (conversation, message) = gateway.attached(&raw).await;
    gateway.attached(&mail("Subject: Re: First\nMessage-ID: <two@x>\nIn-Reply-To: <one@x>", "Answer")).await;
    for n in 0..3 {
        gateway.attached(&mail(&format!("Subject: Other {n}\nMessage-ID: <other{n}@x>"), "x")).await;
    }
    let mut api = Client::with_token(&gateway);

    let (mut seen, mut next) = (Vec::new(), String::new());
    loop {
        let page = api.get(&format!("/v1/conversations?organisation={}&limit=3{next}", gateway.organisation)).await.json();
        let rows = page["conversations"].as_array().unwrap();
        assert!(rows.len() <= 3);
        seen.extend(rows.iter().map(|c| c["subject"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next"].as_str() else { break };
        next = format!("&after={cursor}");
    }
    assert_eq!(seen, ["Other 2", "Other 1", "Other 0", "First"], "latest activity first, each once");

    let one = api.get(&format!("/v1/conversations/{conversation}")).await.json();
    assert_eq!((one["message_count"].as_i64(), one["state"].as_str()), (Some(2), Some("open")));
    assert!(one["participants"].as_array().unwrap().iter().any(|p| p["address"] == "ada@sender.example"), "{one}");
    assert!(one["created_at"].as_str().unwrap().ends_with('Z'), "{one}");

    let listed = api.get(&format!("/v1/conversations/{conversation}/messages")).await.json();
    let ids: Vec<&str> = listed["messages"].as_array().unwrap().iter().map(|m| m["message_id"].as_str().unwrap()).collect();
    assert_eq!((ids, listed["next"].clone()), (vec!["one@x", "two@x"], Value::Null));

    let shown = api.get(&format!("/v1/messages/{message}")).await.json();
    assert_eq!(shown["from"], json!({ "name": "Ada Lovelace", "address": "ada@sender.example" }));
    assert_eq!((shown["subject"].as_str(), shown["class"].as_str()), (Some("First"), Some("person")));
    assert!(
        shown["text"].as_str().unwrap().contains("quoted") && shown["may"] == "open" && shown["decision"]["rule"] == "new",
        "{shown}"
    );
    let file = &shown["attachments"][0];
    assert_eq!((file["name"].as_str(), file["content_type"].as_str()), (Some("a.csv"), Some("text/csv")));

    assert_eq!(api.get(&format!("/v1/messages/{message}/raw")).await.body, raw);
    let bytes = api.get(&format!("/v1/messages/{message}/attachments/{}", file["n"])).await;
    assert_eq!((bytes.body.as_slice(), bytes.header("content-type")), (b"1,2".as_slice(), "text/csv"));
    assert!(bytes.header("content-disposition").starts_with("attachment"));
}

#[tokio::test]
async fn the_names_are_those_of_the_reading_format() {
    use tidegate::mail::{Classification, Reading};
    let gateway = Gateway::start().await;
    let raw = mail("Subject: Names\nMessage-ID: <names@x>\nReply-To: r@x\nCc: C <c@x>", "Hi");
    let (_, message) = gateway.attached(&raw).await;
    let shown = Client::with_token(&gateway).get(&format!("/v1/messages/{message}")).await.json();
    let read = tidegate::normalize::normalize(&raw, &gateway.config.limits());
    let class: Classification = tidegate::classify::classify(&read, Some("ada@sender.example"));
    let reading = serde_json::to_value(Reading::new(None, &read, &class, None)).unwrap();
    for (name, value) in reading.as_object().unwrap() {
        if name != "attachments" && name != "class_evidence" {
            assert_eq!(&shown[name], value, "{name}");
        }
    }
}

#[tokio::test]
async fn html_is_sanitized_and_made_when_asked_for() {
    let gateway = Gateway::start().await;
    let raw = mail("Subject: h\nMessage-ID: <h@x>\nContent-Type: text/html", "<p onclick=x()>Hi<script>alert(1)</script></p>");
    let (_, message) = gateway.attached(&raw).await;
    let mut api = Client::with_token(&gateway);
    assert_eq!(api.get(&format!("/v1/messages/{message}")).await.json()["html"], Value::Null);
    let shown = api.get(&format!("/v1/messages/{message}?html=true")).await.json();
    let html = shown["html"].as_str().unwrap();
    assert!(html.contains("Hi") && !html.contains("script") && !html.contains("onclick"), "{html}");
}

#[tokio::test]
async fn the_quarantine_is_worked_by_programs_too() {
    let gateway = Gateway::start().await;
    let raw = mail("Subject: held", "x");
    let (first, second) = (gateway.hold(&raw, ReasonCode::Loop).await, gateway.hold(&raw, ReasonCode::StoreRefused).await);
    let mut api = Client::with_token(&gateway);
    let listed = api.get("/v1/quarantine?limit=1").await.json();
    assert_eq!(
        (listed["items"][0]["id"].as_str(), listed["next"].as_str()),
        (Some(second.to_string()).as_deref(), Some(second.to_string()).as_deref())
    );
    let rest = api.get(&format!("/v1/quarantine?limit=1&after={second}")).await.json();
    assert_eq!((rest["items"][0]["id"].as_str(), rest["next"].clone()), (Some(first.to_string()).as_deref(), Value::Null));
    let reason = api.get(&format!("/v1/quarantine/{second}")).await.json()["reasons"][0].clone();
    assert!(reason["code"] == "store-refused" && !reason["explanation"].as_str().unwrap().is_empty());
    assert_eq!(api.get(&format!("/v1/quarantine/{first}/raw")).await.body, raw);

    let released = api.json(Method::POST, &format!("/v1/quarantine/{first}/release"), &json!({})).await;
    assert_eq!((released.status, released.json()["state"].as_str()), (StatusCode::OK, Some("released")));
    let why = api.json(Method::POST, &format!("/v1/quarantine/{second}/discard"), &json!({ "why": " " })).await;
    assert_eq!(why.status, StatusCode::BAD_REQUEST);
    let path = format!("/v1/quarantine/{second}/discard");
    assert_eq!(api.json(Method::POST, &path, &json!({ "why": "test" })).await.json()["actor"], "api");
    let again = api.json(Method::POST, &path, &json!({ "why": "test" })).await;
    assert_eq!((again.status, again.json()["error"]["code"].as_str()), (StatusCode::CONFLICT, Some("conflict")));
}

#[tokio::test]
async fn events_are_pulled_and_streamed_without_gap() {
    let gateway = Gateway::start().await;
    gateway.attached(&mail("Subject: One\nMessage-ID: <one@x>", "x")).await;
    let mut api = Client::with_token(&gateway);
    let base = format!("organisation={}", gateway.organisation);
    let page = api.get(&format!("/v1/events?{base}&limit=1")).await.json();
    assert_eq!((page["events"][0]["type"].as_str(), page["next"].as_i64()), (Some("conversation.opened"), Some(1)));
    let page = api.get(&format!("/v1/events?{base}&after=1")).await.json();
    assert_eq!((page["events"][0]["type"].as_str(), page["next"].as_i64()), (Some("message.attached"), Some(2)));
    assert_eq!(api.get(&format!("/v1/events?{base}&after=2")).await.json(), json!({ "events": [], "next": 2 }));

    let url = gateway.url(&format!("/v1/events/stream?{base}"));
    let client = reqwest::Client::new();
    let mut stream = client.get(url).bearer_auth(API_TOKEN).header("last-event-id", "1").send().await.unwrap();
    let (mut text, begun) = (String::new(), Instant::now());
    // A burst while it watches: one update, not one for each.
    for n in 0..20 {
        gateway.hold(&mail(&format!("Subject: {n}"), "x"), ReasonCode::Loop).await;
    }
    tokio::time::timeout(Duration::from_secs(20), async {
        while !text.contains("\"sequence\":22") {
            text.push_str(std::str::from_utf8(&stream.chunk().await.unwrap().unwrap()).unwrap());
        }
    })
    .await
    .expect("all events in time");
    let mut sequences = Vec::new();
    let updates: Vec<&str> = text.lines().filter_map(|l| l.strip_prefix("data: ")).collect();
    for update in &updates {
        let events: Vec<Value> = serde_json::from_str(update).unwrap();
        sequences.extend(events.iter().map(|e| e["sequence"].as_i64().unwrap()));
    }
    assert_eq!(sequences, (2..=22).collect::<Vec<_>>());
    let most = begun.elapsed().as_secs() as usize + 2;
    assert!(updates.len() <= most, "{} updates in {:?}", updates.len(), begun.elapsed());
}

#[tokio::test]
async fn an_answer_to_what_the_product_sent_finds_its_conversation() {
    let gateway = Gateway::start().await;
    let mut api = Client::with_token(&gateway);
    let (conversation, _) = gateway.attached(&mail("Subject: Help\nMessage-ID: <help@x>", "x")).await;
    let body =
        json!({ "organisation": gateway.organisation, "conversation": conversation, "recipients": ["Ada@Sender.example"] });
    let sent = api.json(Method::POST, "/v1/outbound", &body).await;
    assert_eq!(sent.status, StatusCode::OK, "{}", sent.text());
    let sent = sent.json();
    assert_eq!((sent["in_reply_to"].as_str(), sent["references"].clone()), (Some("help@x"), json!(["help@x"])));
    assert!(
        sent["reply_to"].as_str().unwrap().starts_with("reply+") && sent["body_marker"].as_str().unwrap().starts_with("[ref:")
    );
    let answer = mail(
        &format!("Subject: Re: Help\nMessage-ID: <answer@x>\nIn-Reply-To: <{}>", sent["message_id"].as_str().unwrap()),
        "Thanks",
    );
    assert_eq!(gateway.attached(&answer).await.0, conversation);
    // Nothing but the text is left of the answer.
    let marked =
        mail("Subject: something else\nMessage-ID: <marked@x>", &format!("see {}", sent["body_marker"].as_str().unwrap()));
    assert_eq!(gateway.attached(&marked).await.0, conversation);

    let new = json!({ "organisation": gateway.organisation, "subject": "We begin", "recipients": ["grace@example.com"], "message_id": "<ours@product>" });
    let first = api.json(Method::POST, "/v1/outbound", &new).await.json();
    let again = api.json(Method::POST, "/v1/outbound", &new).await.json();
    assert_eq!((&first["conversation"], first["message_id"].as_str()), (&again["conversation"], Some("ours@product")));
    assert_ne!(first["conversation"], json!(conversation));
    let reply = mail("Subject: Re: We begin\nMessage-ID: <reply@x>\nReferences: <ours@product>", "Yes");
    assert_eq!(json!(gateway.attached(&reply).await.0), first["conversation"]);

    // With its text, what quotes it from the domain of somebody there is suggested, and the text itself is known.
    let said = "The order left our house on Monday, and the driver says that it will be at your door before Friday noon.";
    let told = json!({ "organisation": gateway.organisation, "conversation": first["conversation"], "recipients": ["grace@example.com"], "text": said });
    assert_eq!(api.json(Method::POST, "/v1/outbound", &told).await.status, StatusCode::OK);
    let quoting = format!("It is not here.\n\nOn Monday, Desk <help@desk.test> wrote:\n> {said}");
    let by_ada = String::from_utf8(mail("Subject: Case 12345\nMessage-ID: <crm@x>", &quoting)).unwrap();
    let by_system = by_ada.replace("ada@sender.example", "crm@example.com");
    let (apart, message) = gateway.attached(by_system.as_bytes()).await;
    assert_ne!(json!(apart), first["conversation"]);
    let shown = api.get(&format!("/v1/messages/{message}")).await.json();
    assert_eq!(shown["decision"]["suggestions"][0]["conversation"], first["conversation"], "{}", shown["decision"]);
    assert_eq!(shown["decision"]["suggestions"][0]["rule"], "quoted-text");
    let (_, message) = gateway.attached(&mail("Subject: Copy\nMessage-ID: <copy@x>", said)).await;
    assert_eq!(api.get(&format!("/v1/messages/{message}")).await.json()["may"], "automatic");

    let nobody = json!({ "organisation": gateway.organisation, "recipients": [] });
    assert_eq!(api.json(Method::POST, "/v1/outbound", &nobody).await.status, StatusCode::BAD_REQUEST);
    let strange = json!({ "organisation": gateway.organisation, "conversation": "01936d0c-7d1e-7000-8000-000000000000", "recipients": ["a@b"] });
    assert_eq!(api.json(Method::POST, "/v1/outbound", &strange).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_conversation_without_end_is_read_in_pages_and_tells_where_it_goes_on() {
    let config = format!("[web]\napi_token = \"{API_TOKEN}\"\n[threading]\nconversation_messages_max = 7\n");
    let gateway = Gateway::start_with(&config).await;
    let mut conversations = Vec::new();
    for n in 0..16 {
        let parent = if n == 0 { String::new() } else { format!("\nIn-Reply-To: <robot.{}@mail.example>", n - 1) };
        let headers = format!("Subject: robot\nMessage-ID: <robot.{n}@mail.example>\nCc: p{n}@sender.example{parent}");
        conversations.push(gateway.attached(&mail(&headers, &format!("message {n}"))).await.0);
    }
    conversations.dedup();
    let [first, second, third] = conversations[..] else { panic!("{conversations:?}") };
    let mut api = Client::with_token(&gateway);
    let pages = async |api: &mut Client<'_>, what: &str, name: &str| {
        let (mut seen, mut next) = (Vec::new(), String::new());
        loop {
            let page = api.get(&format!("/v1/conversations/{second}/{what}?limit=3{next}")).await.json();
            let rows = page[what].as_array().unwrap();
            assert!(rows.len() <= 3, "{page}");
            seen.extend(rows.iter().map(|r| r[name].as_str().unwrap().to_owned()));
            let Some(cursor) = page["next"].as_str() else { return seen };
            next = format!("&after={cursor}");
        }
    };
    assert_eq!(
        pages(&mut api, "messages", "message_id").await,
        (7..14).map(|n| format!("robot.{n}@mail.example")).collect::<Vec<_>>()
    );
    let people = pages(&mut api, "participants", "address").await;
    assert!(people.is_sorted() && people.contains(&"ada@sender.example".to_owned()), "{people:?}");
    let linked = api.get(&format!("/v1/conversations/{second}/links?limit=1")).await.json();
    let behind =
        api.get(&format!("/v1/conversations/{second}/links?limit=1&after={}", linked["next"].as_str().unwrap())).await.json();
    let whole = api.get(&format!("/v1/conversations/{second}")).await.json();
    assert_eq!(json!([linked["links"][0], behind["links"][0]]), whole["links"]);
    assert_eq!(whole["participants"].as_array().unwrap().len(), people.len());
    let mut links: Vec<Value> = whole["links"].as_array().unwrap().clone();
    links.sort_by_key(|l| l["conversation"].to_string());
    assert_eq!(
        links,
        [
            json!({ "conversation": second, "other": first, "kind": "continues" }),
            json!({ "conversation": third, "other": second, "kind": "continues" }),
        ]
    );
    assert_eq!(whole["message_count"], 7);
}
