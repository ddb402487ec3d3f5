//! Somebody claims to be a participant, and a relay that is believed says that he is not: from the configuration to the
//! quarantine and back, by real SMTP into the binary.

use super::client::Client;
use super::floods::Desk;
use super::gateway::API_TOKEN;
use crate::database::{Database, on_both_databases};
use serde_json::json;

const IDS: &str = "authserv_ids = [\"mx.desk.test\"]\n";
const FAIL: &str = "Authentication-Results: mx.desk.test; spf=fail smtp.mailfrom=evil.test; dmarc=fail header.from=a.test\r\n";
const PASS: &str = "Authentication-Results: mx.desk.test; dmarc=pass header.from=a.test\r\n";
const ANSWER: &str = "In-Reply-To: <1@x.test>\r\n";

fn by_ann(fields: &[&str]) -> Option<(String, String, String)> {
    Some(("ann@a.test".to_owned(), "help@desk.test".to_owned(), fields.concat()))
}

on_both_databases! {
    async fn a_forged_participant_is_held_and_has_no_voice_when_released(db: Database) {
        let mut desk = Desk::new(db, IDS).await;
        assert_eq!(desk.take(by_ann(&[PASS]))["attached"], 1);
        assert_eq!(desk.take(by_ann(&[PASS, ANSWER]))["attached"], 2, "she is herself");
        assert_eq!(desk.take(by_ann(&[ANSWER]))["attached"], 3, "nobody said anything");
        let others = "Authentication-Results: mx.evil.test; dmarc=fail header.from=a.test\r\n";
        assert_eq!(desk.take(by_ann(&[others, ANSWER]))["attached"], 4, "nobody who is believed said anything");
        // What he writes himself below the relay's field, or further down, is no answer to it.
        let forged = [by_ann(&[FAIL, ANSWER]), by_ann(&[FAIL, PASS, ANSWER]), by_ann(&[FAIL, "Received: from evil\r\n", PASS, ANSWER])];
        let books = desk.take(forged.into_iter().flatten());
        assert_eq!((&books["attached"], &books["quarantined"]), (&4.into(), &3.into()), "{books}");
        let held = desk.held();
        for item in &held {
            let reason = &item["reasons"][0];
            assert_eq!(reason["code"], "forged-participant", "{item}");
            assert!(reason["detail"].as_str().unwrap().contains("header Authentication-Results"), "{item}");
        }

        let link = desk.gateway.tidegate(&["user", "link", "admin"]);
        let mut browser = Client::at(desk.gateway.web);
        browser.log_in_by(std::str::from_utf8(&link.stdout).unwrap()).await;
        let page = browser.get(&format!("/quarantine/{}", held[0]["id"].as_str().unwrap())).await;
        assert!(page.text().contains("Sender may be forged"), "{}", page.text());
        for item in &held {
            assert!(desk.gateway.tidegate(&["quarantine", "release", item["id"].as_str().unwrap()]).status.success());
        }
        desk.settled(7, 0, 0);
        let rights: serde_json::Value = desk.rights().await.into_iter().collect();
        assert_eq!(rights, json!({ "open": 1, "participant": 3, "unverified": 3 }));
    }

    async fn a_client_that_is_no_relay_of_ours_says_nothing_of_itself(db: Database) {
        let elsewhere = format!("{IDS}authserv_relays = [\"192.0.2.0/24\"]\n");
        let mut desk = Desk::new(db, &elsewhere).await;
        assert_eq!(desk.take(by_ann(&[PASS]))["attached"], 1);
        assert_eq!(desk.take(by_ann(&[FAIL, ANSWER]))["attached"], 2, "who talks to us directly may write what he likes");
        let here = format!("{IDS}authserv_relays = [\"192.0.2.0/24\", \"127.0.0.1\"]\n");
        desk.gateway.configure(&format!("[web]\napi_token = \"{}\"\n[database]\nurl = {:?}\n[threading]\n{here}", API_TOKEN, db.url));
        desk.gateway.stop();
        desk.gateway.start_again();
        let books = desk.take(by_ann(&[FAIL, ANSWER]));
        assert_eq!(books["quarantined"], 1, "{books}");
    }
}
