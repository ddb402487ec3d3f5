//! From a held mail to a sample, as a developer does it.

use crate::gateway::{Gateway, write};
use std::path::PathBuf;
use std::process::{Command, Output};
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
        let base = ["corpus", "--corpus", root, "add", "--from-quarantine", &id, "--in", "charset", "--what", "a wrong label"];
        gateway.tidegate(&[&base, more].concat())
    };
    let added = add(&["--name", "oboe"]);
    assert!(added.status.success(), "{}", String::from_utf8(added.stderr).unwrap());
    let told = String::from_utf8(added.stdout).unwrap();
    assert!(told.contains("SAMPLE=charset/oboe INSTA_UPDATE=always cargo test --test corpus"), "{told}");

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

    let nothing = add(&["--from-quarantine", "0193-not-an-id", "--name", "x"]);
    assert_eq!(nothing.status.code(), Some(2), "an id that is none is wrong use");
}

/// A folder with an empty corpus and a mail, and `tidegate corpus` run there.
struct Desk {
    folder: tempfile::TempDir,
    mail: PathBuf,
}

impl Desk {
    fn new() -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let mail = folder.path().join("bad.eml");
        write(&mail, MAIL);
        std::fs::create_dir(folder.path().join("corpus")).unwrap();
        Desk { folder, mail }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("corpus")
    }

    /// The exit code and what it said: output, and errors.
    fn corpus(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        let Output { status, stdout, stderr } =
            command.arg("corpus").args(arguments).current_dir(self.folder.path()).output().unwrap();
        (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
    }

    fn add(&self, more: &[&str]) -> (Option<i32>, String, String) {
        self.corpus(&[&["add", self.mail.to_str().unwrap()], more].concat())
    }

    fn is_empty(&self) -> bool {
        std::fs::read_dir(self.root()).unwrap().next().is_none()
    }
}

#[test]
fn a_sample_of_which_nothing_is_said_is_refused() {
    let desk = Desk::new();
    for blank in ["", "  ", "\n"] {
        let (code, _, said) = desk.add(&["--in", "charset", "--name", "oboe", "--what", blank]);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("--what") && said.contains("says utf-8, is windows-1252"), "{said}");
        let (code, _, said) = desk.add(&["--in", "charset", "--name", "oboe", "--what", "x y", "--evidence", blank]);
        assert_eq!(code, Some(2), "{said}");
    }
    assert!(desk.is_empty());
    let new = corpus::NewSample {
        family: "charset",
        slug: "x",
        what: " \t",
        origin: "own",
        added: "2026-11-24",
        evidence: &[],
        language: None,
        program: None,
        redacted: true,
        mails: &[],
    };
    let nothing = corpus::add(&desk.root(), &new);
    assert!(matches!(nothing, Err(corpus::SampleError::What)), "{nothing:?}");
    // What is typed over two lines is one sentence.
    assert_eq!(desk.add(&["--in", "charset", "--name", "oboe", "--what", "a wrong\n  label"]).0, Some(0));
    assert_eq!(corpus::load(&desk.root()).unwrap().remove(0).unwrap().what, "a wrong label");
}

#[test]
fn a_misspelt_family_is_answered_with_the_families_and_makes_none() {
    let desk = Desk::new();
    let (code, _, said) = desk.add(&["--in", "charsets", "--name", "oboe", "--what", "a wrong label"]);
    assert_eq!(code, Some(2), "{said}");
    let parts = ["did you mean --in charset?", "conversations", "--new-family"];
    assert!(parts.iter().all(|part| said.contains(part)), "{said}");
    let (code, _, said) = desk.add(&["--in", "encryption", "--name", "oboe", "--what", "a wrong label"]);
    assert!(code == Some(2) && !said.contains("did you mean"), "{said}");
    assert!(desk.is_empty());
    let new = ["--in", "encryption", "--new-family", "--name", "oboe", "--what", "a wrong label"];
    assert_eq!(desk.add(&new).0, Some(0));
    // Now it is one, also for what is private.
    assert_eq!(desk.add(&["--in", "encryption", "--name", "oboe", "--what", "a wrong label", "--private"]).0, Some(0));
    let (_, _, said) = desk.add(&["--in", "encriptions", "--name", "tuba", "--what", "a wrong label"]);
    assert!(said.contains("did you mean --in encryption?"), "{said}");
}

#[test]
fn what_can_not_be_is_said_once_with_the_way_out() {
    let desk = Desk::new();
    let add = |name: &str| desk.add(&["--in", "charset", "--name", name, "--what", "a wrong label"]);
    let (code, _, said) = add("Oboe Umlaut");
    assert!(code == Some(2) && said.contains("`oboe-umlaut`"), "{said}");
    assert_eq!(add("oboe").0, Some(0));
    let before = std::fs::read(desk.root().join("charset/oboe/message.eml")).unwrap();
    let (code, _, said) = add("oboe");
    assert!(code == Some(2) && said.contains("there is such a sample already"), "{said}");
    assert!(!said.contains("File exists"), "{said}");
    assert_eq!(std::fs::read(desk.root().join("charset/oboe/message.eml")).unwrap(), before);

    let (code, _, said) = desk.corpus(&["add", "nowhere.eml", "--in", "charset", "--name", "tuba", "--what", "a wrong label"]);
    assert_eq!((code, said.matches("No such file").count()), (Some(1), 1), "{said}");
    let (code, _, said) = desk.corpus(&["--corpus", "elsewhere", "check"]);
    assert!(code == Some(2) && said.contains("no folder `elsewhere`") && said.contains("--corpus FOLDER"), "{said}");
    let folder = desk.root().with_file_name("too-many");
    for n in 0..100 {
        write(&folder.join(format!("{n}.eml")), MAIL);
    }
    let (code, _, said) =
        desk.corpus(&["add", folder.to_str().unwrap(), "--in", "charset", "--name", "tuba", "--what", "a wrong label"]);
    assert!(code == Some(1) && said.contains("more than 99 mails"), "{said}");
    std::fs::remove_dir_all(desk.root()).unwrap();
    let (code, _, said) = add("oboe");
    assert!(code == Some(2) && said.contains("--corpus FOLDER"), "{said}");
}

#[test]
fn a_wrong_reading_goes_from_a_failing_sample_to_one_that_holds() {
    let desk = Desk::new();
    let added = ["--in", "charset", "--name", "oboe", "--what", "a wrong label", "--evidence", "RFC 2045 5.2", "--as-it-is"];
    let (code, told, _) = desk.add(&added);
    assert!(code == Some(0) && told.contains("cargo corpus check charset/oboe"), "{told}");
    let description = desk.root().join("charset/oboe/sample.toml");
    let text = std::fs::read_to_string(&description).unwrap();
    assert!(text.contains("redacted = true"), "its writer says that nobody is in it: {text}");
    // The person's word: not what is read now.
    write(&description, text.replace("Gruß an Knopfler", "Gruß an alle"));
    let (code, told, _) = desk.corpus(&["check", "charset/oboe"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("charset/oboe (lf): subject") && told.contains("expected \"Gruß an alle\""), "{told}");
    assert!(!told.contains("read wrongly"), "one sample is no share: {told}");
    write(&description, text);
    // What `cargo test --test corpus` leaves when it fails is no obstacle to the next run.
    write(&description.with_file_name("expected.snap.new"), "what was read");
    let (code, told, _) = desk.corpus(&["check", "oboe"]);
    assert_eq!((code, told.contains("1 of 1 sample holds (100.0 %)")), (Some(0), true), "{told}");
    let (code, told, _) = desk.corpus(&["check", "--mangled", "20"]);
    assert_eq!((code, told.contains("mails read wrongly")), (Some(0), true), "{told}");
    let (code, _, said) = desk.corpus(&["check", "bassoon"]);
    assert!(code == Some(1) && said.contains("corpus list"), "{said}");
}

/// Nothing is put into the database by hand: a loop of automatic mails comes by SMTP, and the gateway holds its tail.
#[test]
fn a_mail_held_by_a_running_gateway_becomes_a_sample() {
    let gateway = Gateway::start("[threading]\nflood_automatic_max = 1\n");
    let folder = tempfile::tempdir().unwrap();
    let mails = folder.path().join("mails");
    for n in 0..3 {
        let mail = format!(
            "From: Kassenwart Pfänder <kasse@sparverein.example>\r\nTo: help@y.test\r\nSubject: Kontostand {n}\r\n\
             Message-ID: <buchung-{n}@sparverein.example>\r\nAuto-Submitted: auto-generated\r\n\r\nIhr Guthaben: 98765 Taler\r\n"
        );
        write(&mails.join(format!("{n}.eml")), mail);
    }
    assert_eq!(gateway.send(&[mails.to_str().unwrap()]).0, Some(0));
    gateway.drained(3);
    let listed = String::from_utf8(gateway.tidegate(&["quarantine", "ls"]).stdout).unwrap();
    let id = listed.split_whitespace().next().unwrap_or_else(|| panic!("nothing is held: {listed}")).to_owned();

    let root = folder.path().join("corpus");
    let add = |more: &[&str]| {
        let base = ["corpus", "--corpus", root.to_str().unwrap(), "add", "--in", "classes", "--what", "a loop of statements"];
        let added = gateway.tidegate(&[&base, more].concat());
        (added.status.code(), String::from_utf8(added.stderr).unwrap())
    };
    let (code, said) = add(&["--from-quarantine", &id, "--name", "loop"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(add(&["--from-quarantine", &id, "--name", "loop-kept", "--private"]).0, Some(0));
    let read = |at: &str| String::from_utf8(std::fs::read(root.join(at)).unwrap()).unwrap();
    let kept = read("private/classes/loop-kept/message.eml");
    assert!(kept.contains("Pfänder") && kept.contains("98765 Taler"), "{kept}");
    let scrubbed = read("classes/loop/message.eml");
    assert_eq!(scrubbed.len(), kept.len());
    for personal in ["Pfänder", "sparverein", "buchung", "98765", "Guthaben"] {
        assert!(!scrubbed.contains(personal), "{personal}: {scrubbed}");
    }
    assert!(scrubbed.contains("Auto-Submitted: auto-generated"), "{scrubbed}");

    // An item that is not there.
    let other = "01900000-0000-7000-8000-000000000000";
    let (code, said) = add(&["--from-quarantine", other, "--name", "other"]);
    assert!(code == Some(1) && said.contains(other) && said.contains("quarantine ls"), "{said}");
    assert!(!root.join("classes/other").exists());
}

#[test]
fn scrubbing_draws_a_seed_that_nobody_knows_unless_one_is_given() {
    let desk = Desk::new();
    let path = desk.folder.path().join("oboe.eml");
    write(&path, MAIL.replace('\u{f6}', "o").as_bytes());
    let scrub = |more: &[&str]| {
        let (code, mail, _) = desk.corpus(&[&["scrub", path.to_str().unwrap()], more].concat());
        assert_eq!(code, Some(0));
        mail
    };
    assert_ne!(scrub(&[]), scrub(&[]));
    assert_eq!(scrub(&["--seed", "7"]), scrub(&["--seed", "7"]));
}
