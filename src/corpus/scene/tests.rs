use super::super::sample::load_sample;
use super::super::{SampleError, check};

/// A sample in a folder of its own, from its description and mails.
fn sample(toml: &str, mails: &[&str]) -> Result<super::super::Sample, SampleError> {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        std::io::Write::write_all(&mut std::fs::File::create_new(dir.path().join(name)).unwrap(), text.as_bytes()).unwrap()
    };
    write("sample.toml", &format!("what = \"x\"\norigin = \"own\"\n{toml}"));
    for (n, mail) in mails.iter().enumerate() {
        write(&format!("{:02}.eml", n + 1), mail);
    }
    load_sample("conversations/x".to_owned(), dir.path().to_owned())
}

fn misses(toml: &str, mails: &[&str]) -> Vec<String> {
    let (count, misses) = check(&sample(toml, mails).unwrap());
    assert!(count > 0);
    misses.iter().filter(|m| m.line_ends == "lf").map(|m| format!("{}: {} / {}", m.field, m.expected, m.got)).collect()
}

const FIRST: &str = "From: a@x.test\nMessage-ID: <1@x.test>\nSubject: s\n\none\n";
const ANSWER: &str = "From: a@x.test\nMessage-ID: <2@x.test>\nIn-Reply-To: <1@x.test>\nSubject: Re: s\n\ntwo\n";
const FORWARD: &str = "From: b@x.test\nMessage-ID: <3@x.test>\nReferences: <1@x.test>\nSubject: Fwd: s\n\nthree\n";

#[test]
fn conversations_that_a_person_says_otherwise_are_a_miss_with_both_sides() {
    assert!(misses("[expect]\nconversations = [[\"01\", \"02\"]]", &[FIRST, ANSWER]).is_empty());
    assert_eq!(
        misses("[expect]\nconversations = [[\"01\"], [\"02\"]]", &[FIRST, ANSWER]),
        ["conversations: [01] [02] / [01 02]"]
    );
    assert_eq!(
        misses("[expect]\nconversations = [[\"01\", \"02\", \"03\"]]", &[FIRST, ANSWER, FORWARD]),
        ["conversations: [01 02 03] / [01 02] [03]"]
    );
}

#[test]
fn what_is_said_of_one_mail_is_held_in_the_named_order() {
    let toml = "[expect]\nconversations = [[\"01\", \"02\"]]\n[expect.mails.\"02\"]\nmay = \"unverified\"\nsubject = \"Re: s\"";
    assert_eq!(misses(toml, &[FIRST, ANSWER]), ["may: unverified / participant"]);
}

#[test]
fn a_mail_that_came_twice_is_another_delivery_and_no_other_mail() {
    let toml = "[expect]\nconversations = [[\"01\", \"02\"]]\n[expect.mails.\"02\"]\nduplicate_of = \"01\"\nrule = \"new\"";
    let again = format!("Received: by relay\n{FIRST}");
    assert_eq!(misses(toml, &[FIRST, &again]), ["rule: new / (a duplicate)"]);
}

#[test]
fn what_was_signed_stands_in_the_mails_and_finds_its_conversation() {
    let setup = "[setup]\nmailboxes = [\"help@desk.test\", \"reply+*@desk.test\"]\n[[setup.outbound]]\nconversation = \"A\"\nto = [\"a@x.test\"]\n";
    for (place, rule) in [("To: {{reply-address:A}}", "token"), ("References: <{{message-id:A}}>", "outbound-id")] {
        let toml = format!(
            "{setup}[expect]\nconversations = [[\"A\", \"01\"]]\n[expect.mails.\"01\"]\nrule = \"{rule}\"\nmay = \"participant\""
        );
        let mail = format!("From: a@x.test\n{place}\nMessage-ID: <1@x.test>\nSubject: s\n\none\n");
        assert_eq!(misses(&toml, &[&mail]), [""; 0], "{place}");
    }
    let marked = "From: b@x.test\nMessage-ID: <1@x.test>\nSubject: s\n\none {{marker:A:b@x.test}}\n";
    let toml = format!("{setup}[expect]\nconversations = [[\"A\", \"01\"]]");
    assert_eq!(misses(&toml, &[marked]), [""; 0]);
}

#[test]
fn a_description_that_makes_no_sense_is_refused_with_words() {
    let said = |toml: &str, mail: &str| sample(toml, &[mail]).unwrap_err().to_string();
    assert!(said("", FIRST).contains("`conversations` is missing"));
    assert!(said("[expect]\nconversations = [[\"01\", \"02\"]]", FIRST).contains("`02`, which is no mail"));
    assert!(said("[setup.envelope.\"07\"]\n[expect]\nconversations = [[\"01\"]]", FIRST).contains("no such mail"));
    assert!(said("[expect]\nconversations = [[\"01\"]]\n[expect.mails.\"03\"]\nmay = \"open\"", FIRST).contains("no such mail"));
    assert!(said("[expect]\nconversations = [[\"01\"]]\norder = \"as-named\"", FIRST).contains("needs a reason"));
    assert!(said("[expect]\nconversations = [[\"01\"]]", "To: {{reply-address:B}}\n\n").contains("stands for nothing"));
    assert!(said("[expect]\nconversations = [[\"01\"]]\n[expect.mails.\"01\"]\nmey = \"open\"", FIRST).contains("mey"));
    // Braces that are no placeholder are text.
    assert!(sample("[expect]\nconversations = [[\"01\"]]", &["Subject: {{name}} {{\n\n"]).is_ok());
}
