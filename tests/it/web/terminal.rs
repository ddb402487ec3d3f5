//! `tidegate quarantine`, beside a running gateway.

use super::gateway::{Gateway, mail};
use serde_json::Value;
use std::process::{Command, Output};
use tidegate::mail::ReasonCode;
use tidegate::store::QuarantineState;

async fn run(gateway: &Gateway, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.arg("quarantine").args(arguments).env("TIDEGATE_DATA__DIR", &gateway.config.data.dir).env_remove("TIDEGATE_CONFIG");
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn held_mail_is_listed_shown_released_and_discarded() {
    let gateway = Gateway::start().await;
    let raw = mail("Subject: A \u{1b}[31mred one", "Hello\u{7} there");
    let (first, second) = (gateway.hold(&raw, ReasonCode::Loop).await, gateway.hold(&raw, ReasonCode::StoreRefused).await);

    let listed = run(&gateway, &["ls", "--json"]).await;
    let ids: Vec<String> = text(&listed.stdout)
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids, [second.to_string(), first.to_string()], "{}", text(&listed.stderr));
    let one = run(&gateway, &["ls", "--json", "--reason", "loop", "--limit", "1"]).await;
    assert!(text(&one.stdout).contains(&first.to_string()) && text(&one.stdout).lines().count() == 1);
    let rest = run(&gateway, &["ls", "--after", &second.to_string()]).await;
    assert!(text(&rest.stdout).starts_with(&first.to_string()) && text(&rest.stdout).contains("loop"));

    let shown = run(&gateway, &["show", &first.to_string()]).await;
    let page = text(&shown.stdout);
    assert!(page.contains("red one") && page.contains("Hello") && page.contains("held by a test"), "{page}");
    assert!(!page.contains(['\u{1b}', '\u{7}']), "a mail does not drive the terminal");
    assert_eq!(run(&gateway, &["show", "--raw", &first.to_string()]).await.stdout, raw);

    assert!(run(&gateway, &["release", &first.to_string()]).await.status.success());
    assert!(run(&gateway, &["discard", &second.to_string(), "--why", "spam"]).await.status.success());
    for (id, state) in [(first, QuarantineState::Released), (second, QuarantineState::Discarded)] {
        let item = gateway.store.quarantine_item(id).await.unwrap();
        assert_eq!((item.state, item.actor.as_deref()), (state, Some("cli")));
    }
    let again = run(&gateway, &["discard", &second.to_string(), "--why", "spam"]).await;
    assert_eq!(again.status.code(), Some(1), "not fine, and said why: {}", text(&again.stderr));
    assert!(text(&again.stderr).contains("not held"));
    assert_eq!(run(&gateway, &["discard", &second.to_string()]).await.status.code(), Some(2), "used wrongly: no --why");
    assert_eq!(run(&gateway, &["show", "nonsense"]).await.status.code(), Some(2));
}
