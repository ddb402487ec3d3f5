//! From a held mail to a sample, as a developer does it.

use crate::gateway::{Gateway, write};
use std::time::Duration;
use tidegate::corpus;
use tidegate::mail::{Locator, QuarantineReason, ReasonCode};
use tidegate::store::Store;
use tidegate::telemetry::Metrics;

const MAIL: &str = "From: Hildegard Knopfler <h.knopfler@orchester.example>\nTo: help@y.test\nSubject: =?iso-8859-1?Q?Gru=DF_an_Knopfler?=\n\
    Message-ID: <partitur-88123@orchester.example>\nContent-Type: text/plain; charset=utf-8\n\nDie Oboe klemmt, Tel. +49 30 5551234.\nIhr Knopfl\u{f6}r\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_held_mail_becomes_a_sample_without_its_people() {
    let mut gateway = Gateway::start("");
    gateway.stop();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("held.eml");
    write(&path, MAIL.replace('\u{f6}', "o").as_bytes());
    let imported = gateway.tidegate(&["import", "--to", "help@y.test", path.to_str().unwrap()]);
    assert!(imported.status.success(), "{}", String::from_utf8(imported.stderr).unwrap());
    let (entry, raw) = gateway.raw_mails().remove(0);

    let url = format!("sqlite:{}", gateway.data_dir.join("tidegate.sqlite").display());
    let store = Store::open(&url, 2, Duration::from_secs(10), Metrics::new().0).await.unwrap();
    let journal = tidegate::journal::Reader::open(&gateway.data_dir.join("journal")).unwrap().id();
    let recipient = &entry.envelope.recipients[0];
    let whom = [(recipient.organisation, vec![recipient.mailbox])];
    let reasons = [QuarantineReason { code: ReasonCode::ReaderTimedOut, detail: "held by a test".to_owned() }];
    let locator = Locator { journal, position: entry.position };
    let id = store.quarantine(locator, 1, &whom, &reasons).await.unwrap()[0].to_string();

    let root = folder.path().join("corpus");
    let add = |more: &[&str]| {
        let root = root.to_str().unwrap();
        let base = ["corpus", "--corpus", root, "add", "--from-quarantine", &id, "--in", "charset", "--what", "x"];
        gateway.tidegate(&[&base, more].concat())
    };
    let added = add(&["--name", "oboe"]);
    assert!(added.status.success(), "{}", String::from_utf8(added.stderr).unwrap());
    let told = String::from_utf8(added.stdout).unwrap();
    assert!(told.contains("SAMPLE=oboe cargo test --test corpus"), "{told}");

    let sample = corpus::load(&root).unwrap().remove(0).unwrap();
    let scrubbed = &sample.mails[0].raw;
    assert_eq!((sample.redacted, scrubbed.len()), (true, raw.len()));
    let text = String::from_utf8(scrubbed.clone()).unwrap();
    for personal in ["nopfler", "ildegard", "rchester", "88123", "5551234", "Oboe"] {
        assert!(!text.contains(personal), "{personal}: {text}");
    }
    assert!(text.contains("=?iso-8859-1?Q?"), "{text}");
    let (count, misses) = corpus::check(&sample);
    assert!(count > 10 && misses.is_empty(), "{misses:?}");
    let audited = store.audit_entries(None, 1).await.unwrap();
    assert_eq!((audited[0].actor.as_str(), audited[0].action.as_str()), ("cli", "quarantine.raw"));

    assert!(add(&["--name", "as-it-is", "--private"]).status.success());
    let kept =
        corpus::load(&root).unwrap().into_iter().map(Result::unwrap).find(|s| s.name == "private/charset/as-it-is").unwrap();
    assert_eq!((kept.redacted, &kept.mails[0].raw), (false, &raw));

    let nothing =
        gateway.tidegate(&["corpus", "add", "--from-quarantine", "0193-not-an-id", "--in", "x", "--name", "x", "--what", "x"]);
    assert_eq!(nothing.status.code(), Some(2), "an id that is none is wrong use");
}
