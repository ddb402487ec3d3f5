//! Floods, loops and guesses by real SMTP into the binary: the tail of each is held as one group, which staff see as one row
//! and decide on as one, and the books balance.

use super::client::Client;
use super::gateway::API_TOKEN;
use crate::database::{Database, on_both_databases};
use crate::gateway::{Gateway, wait_until, write};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tidegate::mail::OrganisationId;

/// A gateway with small limits (lines of `[threading]`), and how it is asked.
pub(super) struct Desk {
    pub(super) gateway: Gateway,
    pub(super) api: Client<'static>,
    organisation: OrganisationId,
    mails: tempfile::TempDir,
    sent: u64,
}

impl Desk {
    pub(super) async fn new(db: &Database, limits: &str) -> Desk {
        let config = format!(
            "[web]\napi_token = \"{API_TOKEN}\"\n[database]\nurl = {:?}\n[threading]\n{limits}\nflood_window_s = 3600\n",
            db.url
        );
        let gateway = Gateway::start(&config);
        let mut api = Client::at(gateway.web);
        api.token = Some(API_TOKEN.to_owned());
        let organisation = db.store.organisation("default").await.unwrap().id;
        Desk { gateway, api, organisation, mails: tempfile::tempdir().unwrap(), sent: 0 }
    }

    /// Sends mails, each from and to these addresses with these fields, and waits until all have a disposition.
    pub(super) fn take(&mut self, mails: impl IntoIterator<Item = (String, String, String)>) -> Value {
        let folder = self.mails.path().join(self.sent.to_string());
        for (from, to, fields) in mails {
            self.sent += 1;
            let n = self.sent;
            let mail = format!(
                "From: <{from}>\r\nTo: <{to}>\r\nSubject: mail {n}\r\nMessage-ID: <{n}@x.test>\r\n{fields}\r\nword {n}\r\n"
            );
            write(&folder.join(format!("{n:04}.eml")), mail);
        }
        assert_eq!(self.gateway.send(&[folder.to_str().unwrap()]).0, Some(0));
        self.gateway.drained(self.sent)
    }

    /// `tidegate quarantine ls`, once for people and once for programs: what is held.
    pub(super) fn held(&self) -> Vec<Value> {
        let said = |arguments: &[&str]| String::from_utf8(self.gateway.tidegate(arguments).stdout).unwrap();
        let items: Vec<Value> = said(&["quarantine", "ls", "--json"]).lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        let rows = said(&["quarantine", "ls"]);
        assert_eq!(rows.lines().count(), items.len());
        for (row, item) in rows.lines().zip(&items) {
            assert!(row.starts_with(item["id"].as_str().unwrap()), "{row}");
            let size = item["group_items"].as_u64().unwrap();
            assert_eq!(row.contains(&format!("group of {size}")), size > 1, "{row}");
        }
        items
    }

    /// The one row that is held: its id, after a look at how many it stands for and why.
    fn one_row(&self, size: usize, code: &str, detail: &str) -> String {
        let items = self.held();
        let [item] = items.as_slice() else { panic!("{items:?}") };
        assert_eq!((&item["group_items"], &item["group"]), (&json!(size), &item["id"]), "{item}");
        let reason = &item["reasons"][0];
        assert_eq!(reason["code"], code, "{item}");
        assert!(reason["detail"].as_str().unwrap().starts_with(detail), "{item}");
        item["id"].as_str().unwrap().to_owned()
    }

    /// Waits until the books say this.
    pub(super) fn settled(&self, attached: u64, quarantined: u64, discarded: u64) {
        let wanted = [("attached", attached), ("quarantined", quarantined), ("discarded", discarded), ("in_flight", 0)];
        wait_until("what was decided is done", || {
            let books = self.gateway.books();
            assert_eq!(books["balanced"], true, "{books}");
            wanted.iter().all(|(name, n)| books[name] == *n)
        });
        assert_eq!(self.gateway.books()["accepted"], attached + quarantined + discarded);
    }

    pub(super) async fn outbound(&mut self, recipient: &str) -> Value {
        let body = json!({ "organisation": self.organisation, "recipients": [recipient], "subject": "Your order" });
        self.api.json(Method::POST, "/v1/outbound", &body).await.json()
    }

    /// How many messages have which `may`, over all conversations.
    pub(super) async fn rights(&mut self) -> BTreeMap<String, usize> {
        let mut rights = BTreeMap::new();
        let path = format!("/v1/conversations?organisation={}&limit=200", self.organisation);
        let conversations = self.api.get(&path).await.json();
        for conversation in conversations["conversations"].as_array().unwrap() {
            let path = format!("/v1/conversations/{}/messages?limit=200", conversation["id"].as_str().unwrap());
            for message in self.api.get(&path).await.json()["messages"].as_array().unwrap() {
                *rights.entry(message["may"].as_str().unwrap().to_owned()).or_default() += 1;
            }
        }
        rights
    }
}

fn from(sender: &str, n: usize) -> Vec<(String, String, String)> {
    vec![(sender.to_owned(), "help@desk.test".to_owned(), String::new()); n]
}

/// A reply address whose signature is another: as somebody makes it who guesses.
fn forged(address: &str, n: usize) -> String {
    let (local, domain) = address.rsplit_once('@').unwrap();
    let letters = ["aa", "bb", "cc", "dd", "ee", "ff", "gg", "hh", "ii", "jj", "kk", "ll"];
    format!("{}{}@{domain}", &local[..local.len() - 4], letters[n].repeat(2))
}

on_both_databases! {
    async fn the_tail_of_a_flood_is_one_row_that_is_released_or_discarded_as_one(db: Database) {
        let mut desk = Desk::new(db, "flood_sender_max = 5").await;
        let books = desk.take(from("robot@flood.test", 12));
        assert_eq!((&books["attached"], &books["quarantined"]), (&5.into(), &7.into()), "{books}");
        let group = desk.one_row(7, "loop", "mails of one sender: 6 of at most 5 in 60 minutes");
        // Others are not held for it.
        assert_eq!(desk.take(from("ann@a.test", 2))["attached"], 7);

        // Staff see one row with its size.
        let link = desk.gateway.tidegate(&["user", "link", "admin"]);
        let mut browser = Client::at(desk.gateway.web);
        browser.log_in_by(std::str::from_utf8(&link.stdout).unwrap()).await;
        let list = browser.get("/quarantine").await;
        assert_eq!(list.text().matches("class=\"item\"").count(), 1, "{}", list.text());
        assert!(list.text().contains("Group of 7") && list.text().contains("Loop or flood"), "{}", list.text());
        let page = browser.get(&format!("/quarantine/{group}")).await;
        assert!(page.text().contains("a group of 7 mails"), "{}", page.text());

        // Released as one from the terminal.
        assert!(desk.gateway.tidegate(&["quarantine", "release", &group]).status.success());
        desk.settled(14, 0, 0);
        assert_eq!(desk.held(), Vec::<Value>::new());

        // What goes on is another group, discarded as one by the API.
        desk.take(from("robot@flood.test", 4));
        let group = desk.one_row(4, "loop", "mails of one sender: 13 of at most 5");
        let path = format!("/v1/quarantine/{group}/discard");
        assert_eq!(desk.api.json(Method::POST, &path, &json!({ "why": "a robot" })).await.status, StatusCode::OK);
        desk.settled(14, 0, 4);
        assert_eq!(desk.api.json(Method::POST, &path, &json!({ "why": "again" })).await.status, StatusCode::CONFLICT);

        // And one on its page.
        desk.take(from("robot@flood.test", 3));
        let group = desk.one_row(3, "loop", "mails of one sender");
        let csrf = browser.get(&format!("/quarantine/{group}")).await.csrf();
        let fields = [("csrf", csrf.as_str()), ("why", "a robot")];
        let done = browser.post(&format!("/quarantine/{group}/discard"), &fields).await;
        assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text());
        desk.settled(14, 0, 7);
        assert!(browser.get("/quarantine").await.text().contains("Nothing is held"));
        assert_eq!(db.number("SELECT COUNT(*) FROM messages").await, 14);
    }

    async fn two_programs_that_answer_each_other_change_nothing_and_are_held_as_one_group(db: Database) {
        let mut desk = Desk::new(db, "flood_automatic_max = 3").await;
        let sent = desk.outbound("away@a.test").await;
        let reply_to = sent["reply_to"].as_str().unwrap().to_owned();
        let answer = format!(
            "Auto-Submitted: auto-replied\r\nIn-Reply-To: <{}>\r\n",
            sent["message_id"].as_str().unwrap()
        );
        let books = desk.take(vec![("away@a.test".to_owned(), reply_to, answer); 8]);
        assert_eq!((&books["attached"], &books["quarantined"]), (&3.into(), &5.into()), "{books}");
        let group = desk.one_row(5, "loop", "mails of one program to one mailbox: 4 of at most 3");
        assert_eq!(desk.rights().await, BTreeMap::from([("automatic".to_owned(), 3)]));
        let path = format!("/v1/quarantine/{group}/release");
        assert_eq!(desk.api.json(Method::POST, &path, &json!({})).await.status, StatusCode::OK);
        desk.settled(8, 0, 0);
        assert_eq!(desk.rights().await, BTreeMap::from([("automatic".to_owned(), 8)]));
    }

    async fn mail_of_the_product_that_comes_back_is_known_and_braked(db: Database) {
        let mut desk = Desk::new(db, "flood_own_max = 2").await;
        let sent = desk.outbound("list@l.test").await;
        let mark = sent["headers"]["X-Tidegate-Loop"].as_str().unwrap().to_owned();
        let fields = format!("X-Tidegate-Loop: {mark}\r\n");
        // As a list sends it back: under another name each time.
        let back = (0..6).map(|n| (format!("bounce{n}@l.test"), "help@desk.test".to_owned(), fields.clone()));
        let books = desk.take(back);
        assert_eq!((&books["attached"], &books["quarantined"]), (&2.into(), &4.into()), "{books}");
        let group = desk.one_row(4, "loop", "the product's own mails come back: 3 of at most 2");
        assert_eq!(desk.rights().await, BTreeMap::from([("automatic".to_owned(), 2)]));
        assert!(desk.gateway.tidegate(&["quarantine", "discard", &group, "--why", "a loop"]).status.success());
        desk.settled(2, 0, 4);
    }

    async fn guessed_reply_addresses_open_nothing_and_are_held_as_one_group(db: Database) {
        let mut desk = Desk::new(db, "flood_token_failures_max = 3").await;
        let sent = desk.outbound("ann@a.test").await;
        let address = sent["reply_to"].as_str().unwrap().to_owned();
        // Somebody else each time: the conversation he aims at is the same.
        let guesses = (0..9).map(|n| (format!("m{n}@m.test"), forged(&address, n), String::new()));
        let books = desk.take(guesses);
        assert_eq!((&books["attached"], &books["quarantined"]), (&3.into(), &6.into()), "{books}");
        let group = desk.one_row(6, "invalid-tokens", "mails to reply addresses whose signature is wrong: 4 of at most 3");
        // Whom it was given to is heard meanwhile.
        assert_eq!(desk.take([("ann@a.test".to_owned(), address, String::new())])["attached"], 4);
        let path = format!("/v1/conversations/{}/messages", sent["conversation"].as_str().unwrap());
        let messages = desk.api.get(&path).await.json()["messages"].clone();
        let [message] = messages.as_array().unwrap().as_slice() else { panic!("{messages}") };
        assert_eq!((&message["author"], &message["may"]), (&json!("ann@a.test"), &json!("participant")));
        assert_eq!(message["decision"]["rule"], "token");
        // Released they are mail like any other, in conversations of their own.
        assert!(desk.gateway.tidegate(&["quarantine", "release", &group]).status.success());
        desk.settled(10, 0, 0);
        assert_eq!(desk.api.get(&path).await.json()["messages"].as_array().unwrap().len(), 1);
    }
}
