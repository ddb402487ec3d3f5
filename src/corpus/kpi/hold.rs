//! A reading held against the truth: every field, letters exactly, words in order, files byte for byte.
//!
//! # Failure
//! None: what differs is the answer.
//!
//! # Trust
//! The truth, which comes from how a mail was made; the reading not at all.

use crate::corpus::generate::{TruePerson, Truth};
use crate::mail::{Classification, NormalizedMail, Person};
use serde::Serialize;

/// A field that was read wrongly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wrong {
    /// Which.
    pub field: &'static str,
    /// What is right.
    pub expected: String,
    /// What was read.
    pub got: String,
}

/// What of a reading differs from the truth.
#[must_use]
pub fn hold(truth: &Truth, mail: &NormalizedMail, class: &Classification) -> Vec<Wrong> {
    let mut held = Held { wrong: Vec::new() };
    held.field("from", person(truth.from.as_ref()), read(mail.from.as_ref()));
    held.field("sender", person(truth.sender.as_ref()), read(mail.sender.as_ref()));
    held.field("reply-to", people(&truth.reply_to), readers(&mail.reply_to));
    held.field("to", people(&truth.to), readers(&mail.to));
    held.field("cc", people(&truth.cc), readers(&mail.cc));
    held.field("subject", truth.subject.clone(), mail.subject.clone());
    held.field("date", date(truth.date.as_deref(), 0), date(mail.date.as_deref(), truth.date.as_ref().map_or(0, String::len)));
    held.field("message-id", truth.message_id.clone().unwrap_or_default(), mail.message_id.clone().unwrap_or_default());
    held.field("in-reply-to", truth.in_reply_to.join(" "), mail.in_reply_to.join(" "));
    held.field("references", truth.references.join(" "), mail.references.join(" "));
    if let Some(text) = &truth.text {
        held.field("text", text.trim_end().trim_start_matches('\n').to_owned(), mail.text.clone());
    } else {
        held.words(truth, &mail.text);
    }
    if let Some(reply) = &truth.reply {
        held.field("reply", joined(reply.iter().map(String::as_str)), joined(mail.reply().split_whitespace()));
    }
    held.files(truth, mail);
    held.field("class", truth.class.to_owned(), class.class.as_str().to_owned());
    let bounced = class.bounce.as_ref();
    let got = bounced.map(|b| b.recipients.iter().map(|r| format!("{} {}", r.address, r.status)).collect::<Vec<_>>());
    let expected: Vec<String> = truth.bounce.iter().map(|(a, s)| format!("{a} {s}")).collect();
    held.field("bounce", expected.join(", "), got.unwrap_or_default().join(", "));
    let got = bounced.and_then(|b| b.original_message_id.clone()).unwrap_or_default();
    held.field("bounced-id", truth.bounced_id.clone().unwrap_or_default(), got);
    held.wrong
}

struct Held {
    wrong: Vec<Wrong>,
}

impl Held {
    fn field(&mut self, field: &'static str, expected: String, got: String) {
        if expected != got {
            self.wrong.push(Wrong { field, expected, got });
        }
    }

    fn words(&mut self, truth: &Truth, text: &str) {
        let expected: Vec<&str> = truth.words.iter().map(String::as_str).filter(|w| !is_rule(w)).collect();
        let got: Vec<&str> = text.split_whitespace().filter(|w| !is_rule(w)).collect();
        let held = match truth.gap {
            None => expected == got,
            Some(at) => {
                let (before, after) = expected.split_at(at.min(expected.len()));
                got.len() >= expected.len() && got.starts_with(before) && got.ends_with(after)
            }
        };
        if !held {
            self.wrong.push(Wrong { field: "words", expected: expected.join(" "), got: got.join(" ") });
        }
    }

    fn files(&mut self, truth: &Truth, mail: &NormalizedMail) {
        let mut expected = Vec::new();
        let mut got = Vec::new();
        let place = |inline: bool| if inline { "inline" } else { "listed" };
        for (n, file) in truth.attachments.iter().enumerate() {
            let (name, sha256) = (file.name.as_deref(), file.sha256.as_deref());
            expected.push(format!(
                "{} {} {} {}",
                name.unwrap_or("*"),
                file.content_type,
                sha256.unwrap_or("*"),
                place(file.inline)
            ));
            let Some(r) = mail.attachments.get(n) else { continue };
            // A made-up name may be any, but there must be one.
            let any =
                |known: Option<&str>, read: &str| if known.is_none() && !read.is_empty() { "*".into() } else { read.to_owned() };
            got.push(format!("{} {} {} {}", any(name, &r.name), r.content_type, any(sha256, &r.sha256), place(r.inline)));
        }
        got.extend(mail.attachments.iter().skip(truth.attachments.len()).map(|r| format!("{} {}", r.name, r.content_type)));
        self.field("attachments", expected.join("\n"), got.join("\n"));
    }
}

/// A rule or a bullet: layout that html and text draw differently.
fn is_rule(word: &str) -> bool {
    word.chars().all(|c| matches!(c, '-' | '_' | '*' | '•' | '—' | '>'))
}

fn joined<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.filter(|w| !is_rule(w)).collect::<Vec<_>>().join(" ")
}

fn person(p: Option<&TruePerson>) -> String {
    p.map(|p| format!("{} <{}>", p.name, p.address)).unwrap_or_default()
}

fn people(list: &[TruePerson]) -> String {
    list.iter().map(|p| person(Some(p))).collect::<Vec<_>>().join(", ")
}

fn read(p: Option<&Person>) -> String {
    p.map(|p| format!("{} <{}>", p.name, p.address)).unwrap_or_default()
}

fn readers(list: &[Person]) -> String {
    list.iter().map(|p| read(Some(p))).collect::<Vec<_>>().join(", ")
}

/// `Z` and `+00:00` are the same offset; where the truth has none (19 letters), none is compared.
fn date(date: Option<&str>, known: usize) -> String {
    let date = date.unwrap_or_default();
    let date = if known == 19 { date.get(..19).unwrap_or(date) } else { date };
    date.strip_suffix("+00:00").or_else(|| date.strip_suffix("-00:00")).map_or_else(|| date.to_owned(), |d| format!("{d}Z"))
}
