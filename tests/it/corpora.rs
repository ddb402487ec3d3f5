//! Every mail that other projects keep as a test of theirs, over a socket into a fresh gateway.
//!
//! The collection is no part of this repository. It is looked for beside it, or where
//! TIDEGATE_TEST_CORPORA says; without it this test says so and passes.

use crate::database::{Database, on_both_databases};
use crate::gateway::Gateway;
use crate::left_out::not_here;
use std::path::{Path, PathBuf};

fn corpora() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora");
    let dir = std::env::var_os("TIDEGATE_TEST_CORPORA").map_or(beside, PathBuf::from);
    if dir.is_dir() {
        return Some(dir);
    }
    not_here("the mails of other projects", &format!("no folder {}", dir.display()));
    None
}

on_both_databases! {
    async fn every_mail_of_other_projects_is_taken_and_has_one_disposition(db: Database) {
        let Some(corpora) = corpora() else { return };
        let gateway = Gateway::start(&format!("[database]\nurl = {:?}", db.url));
        let folder = corpora.to_str().unwrap();
        let (code, summary) =
            gateway.send(&["--connections", "8", "--to", "help@y.test", "--from", "anna@x.test", folder]);
        assert_eq!((code, &summary["failed"]), (Some(0), &0.into()), "{summary}");
        let accepted = summary["accepted"].as_u64().unwrap();
        assert!(accepted > 100, "only {accepted} mails in {folder}");
        assert_eq!(summary["replies"]["250"], accepted, "{summary}");

        let books = gateway.drained(accepted);
        assert_eq!(books["accepted"], accepted, "{books}");
        let outcomes = ["attached", "quarantined", "duplicate", "discarded"].map(|k| books[k].as_u64().unwrap());
        assert_eq!(outcomes.iter().sum::<u64>(), accepted, "{books}");
        assert!(books["quarantined"].as_u64().unwrap() * 100 < accepted, "too much is held: {books}");
        // What the ledger counts is what the tables hold.
        let messages = db.number("SELECT COUNT(*) FROM messages").await;
        assert_eq!(messages, i64::try_from(books["attached"].as_u64().unwrap()).unwrap(), "{books}");
        eprintln!("{accepted} mails: {books}");
    }
}
