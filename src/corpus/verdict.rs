//! Whether a reading holds against what a person says is right.

use super::sample::SampleMail;
use super::{Expect, Sample};
use crate::classify::classify;
use crate::limits::Limits;
use crate::mail::{Classification, NormalizedMail, Person, Reading};
use crate::normalize;
use std::fmt;

/// One expectation that did not hold.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Miss {
    /// The sample, `family/slug`.
    pub sample: String,
    /// `lf` or `crlf`.
    pub line_ends: &'static str,
    /// Which field.
    pub field: &'static str,
    /// What a person says is right.
    pub expected: String,
    /// What was read.
    pub got: String,
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} ({}): {}", self.sample, self.line_ends, self.field)?;
        writeln!(f, "  expected {:?}", self.expected)?;
        write!(f, "  got      {:?}", self.got)
    }
}

/// A mail with one kind of line ends.
#[derive(Debug, Clone)]
pub struct Variant {
    /// `lf` or `crlf`.
    pub line_ends: &'static str,
    /// The mail.
    pub raw: Vec<u8>,
}

/// The mail with LF and with CRLF. One without any LF (bare CR) stays as it is in both.
#[must_use]
pub fn variants(raw: &[u8]) -> [Variant; 2] {
    let mut lf = Vec::with_capacity(raw.len());
    let mut rest = raw.iter().peekable();
    while let Some(&byte) = rest.next() {
        if byte == b'\r' && rest.peek() == Some(&&b'\n') {
            continue;
        }
        lf.push(byte);
    }
    let mut crlf = Vec::with_capacity(lf.len() + 64);
    for &byte in &lf {
        if byte == b'\n' {
            crlf.push(b'\r');
        }
        crlf.push(byte);
    }
    [Variant { line_ends: "lf", raw: lf }, Variant { line_ends: "crlf", raw: crlf }]
}

/// The whole reading as text, for a snapshot.
#[must_use]
pub fn snapshot(raw: &[u8]) -> String {
    let mail = normalize::normalize(raw, &Limits::default());
    let class = classify(&mail, None);
    let html = mail.html_source.as_deref().map(normalize::sanitize);
    serde_json::to_string_pretty(&Reading::new(None, &mail, &class, html)).unwrap_or_default()
}

/// The readings of a sample as text, for a snapshot: with LF and with CRLF.
#[must_use]
pub fn snapshots(sample: &Sample) -> [String; 2] {
    [0, 1].map(|n| match (&sample.scene, sample.mails.first()) {
        (Some(scene), _) => scene.snapshot(&sample.mails, |raw| line_ends(raw, n)),
        (None, mail) => snapshot(&line_ends(mail.map_or(&[], |m| m.raw.as_slice()), n)),
    })
}

fn line_ends(raw: &[u8], n: usize) -> Vec<u8> {
    let [lf, crlf] = variants(raw);
    if n == 0 { lf.raw } else { crlf.raw }
}

/// One thing a person says, with what was read.
#[derive(Debug)]
pub(super) struct Said {
    field: &'static str,
    expected: String,
    got: String,
}

impl Said {
    pub(super) fn new(field: &'static str, expected: String, got: String) -> Said {
        Said { field, expected, got }
    }

    fn holds(&self) -> bool {
        match self.field {
            "text_contains" | "html_contains" | "evidence_contains" => self.got.contains(&self.expected),
            "html_lacks" => !self.got.contains(&self.expected),
            _ => self.got == self.expected,
        }
    }
}

fn hold(sample: &Sample) -> (usize, Vec<Miss>) {
    let mut count = 0;
    let mut misses = Vec::new();
    for (n, name) in ["lf", "crlf"].into_iter().enumerate() {
        let said = match &sample.scene {
            Some(scene) => scene.hold(&sample.mails, |raw| line_ends(raw, n), n == 0),
            None => sample.mails.iter().flat_map(|mail| alone(mail, n)).map(|said| (String::new(), said)).collect(),
        };
        for (mail, said) in said {
            count += 1;
            if !said.holds() {
                let sample = if mail.is_empty() { sample.name.clone() } else { format!("{}/{mail}", sample.name) };
                let Said { field, expected, got } = said;
                misses.push(Miss { sample, line_ends: name, field, expected, got });
            }
        }
    }
    (count, misses)
}

/// Holds a sample's expectations against the reading, with LF and with CRLF.
///
/// Returns how many expectations there are, and the misses. A panic of the reader is a miss of its own: one sample stops no other.
#[must_use]
pub fn check(sample: &Sample) -> (usize, Vec<Miss>) {
    std::panic::catch_unwind(|| hold(sample)).unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<String>().cloned();
        let words = words.or_else(|| panic.downcast_ref::<&str>().map(|w| (*w).to_owned()));
        let got = format!("a panic: {}", words.unwrap_or_default());
        let miss = Miss { sample: sample.name.clone(), line_ends: "lf", field: "reading", expected: "a reading".to_owned(), got };
        (1, vec![miss])
    })
}

/// What is said of a mail that stands alone.
fn alone(mail: &SampleMail, line_ends_n: usize) -> Vec<Said> {
    let read = normalize::normalize(&line_ends(&mail.raw, line_ends_n), &Limits::default());
    let class = classify(&read, None);
    of_reading(&mail.expect, &read, &class)
}

fn addresses(people: &[Person]) -> String {
    people.iter().map(|p| p.address.as_str()).collect::<Vec<_>>().join(", ")
}

/// Each stated expectation with what was read.
pub(super) fn of_reading(expect: &Expect, mail: &NormalizedMail, class: &Classification) -> Vec<Said> {
    let mut out: Vec<Said> = Vec::new();
    let mut one = |field: &'static str, expected: &Option<String>, got: &str| {
        if let Some(expected) = expected {
            out.push(Said::new(field, expected.clone(), got.to_owned()));
        }
    };
    let from = mail.from.clone().unwrap_or_default();
    one("from", &expect.from, &from.address);
    one("from_name", &expect.from_name, &from.name);
    one("subject", &expect.subject, &mail.subject);
    one("date", &expect.date, mail.date.as_deref().unwrap_or_default());
    one("message_id", &expect.message_id, mail.message_id.as_deref().unwrap_or_default());
    one("text", &expect.text.as_ref().map(|t| t.trim_end().to_owned()), &mail.text);
    one("reply", &expect.reply.as_ref().map(|t| t.trim_end().to_owned()), &mail.reply());
    one("class", &expect.class, class.class.as_str());
    let original = class.bounce.as_ref().and_then(|b| b.original_message_id.as_deref());
    one("original_message_id", &expect.original_message_id, original.unwrap_or_default());
    one("client", &expect.client, mail.client.unwrap_or_default());
    let said: Vec<&str> = mail
        .repairs
        .iter()
        .filter(|r| r.code.starts_with("charset.") || r.code == normalize::repair::HEADER_RAW_8BIT)
        .filter_map(|r| {
            let (_, charset) = r.detail.split_once("read as ")?;
            charset.split(',').next()
        })
        .collect();
    if let Some(charset) = &expect.charset {
        let found = said.iter().find(|s| s.eq_ignore_ascii_case(charset)).map(|_| charset.clone());
        one("charset", &expect.charset, &found.unwrap_or_else(|| said.join(", ")));
    }
    let mut list = |field: &'static str, expected: &Option<Vec<String>>, got: String| {
        if let Some(expected) = expected {
            out.push(Said::new(field, expected.join(", "), got));
        }
    };
    list("to", &expect.to, addresses(&mail.to));
    list("cc", &expect.cc, addresses(&mail.cc));
    list("reply_to", &expect.reply_to, addresses(&mail.reply_to));
    list("in_reply_to", &expect.in_reply_to, mail.in_reply_to.join(", "));
    list("references", &expect.references, mail.references.join(", "));
    let names: Vec<&str> = mail.attachments.iter().map(|a| a.name.as_str()).collect();
    list("attachments", &expect.attachments, names.join(", "));
    let digests: Vec<&str> = mail.attachments.iter().map(|a| a.sha256.as_str()).collect();
    list("attachment_sha256", &expect.attachment_sha256, digests.join(", "));
    let inline: Vec<&str> = mail.attachments.iter().filter(|a| a.inline).map(|a| a.name.as_str()).collect();
    list("inline", &expect.inline, inline.join(", "));
    let kinds: Vec<String> = mail.folds.iter().map(|f| format!("{:?}", f.kind).to_lowercase()).collect();
    list("folds", &expect.folds, kinds.join(", "));
    let bounced = class.bounce.iter().flat_map(|b| &b.recipients).map(|r| r.address.as_str()).collect::<Vec<_>>();
    list("bounced", &expect.bounced, bounced.join(", "));
    let status = class.bounce.iter().flat_map(|b| &b.recipients).map(|r| r.status.as_str()).collect::<Vec<_>>();
    list("bounce_status", &expect.bounce_status, status.join(", "));
    let mut codes: Vec<&str> = mail.repairs.iter().map(|r| r.code).collect();
    codes.sort_unstable();
    codes.dedup();
    let wanted = expect.repairs.clone().map(|mut r| {
        r.sort_unstable();
        r
    });
    list("repairs", &wanted, codes.join(", "));
    for piece in expect.text_contains.iter().flatten() {
        out.push(Said::new("text_contains", piece.clone(), mail.text.clone()));
    }
    if expect.html_contains.is_some() || expect.html_lacks.is_some() {
        let html = normalize::sanitize(mail.html_source.as_deref().unwrap_or_default());
        for (field, pieces) in [("html_contains", &expect.html_contains), ("html_lacks", &expect.html_lacks)] {
            out.extend(pieces.iter().flatten().map(|piece| Said::new(field, piece.clone(), html.clone())));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(expect: Expect) -> Sample {
        Sample {
            name: "headers/x".into(),
            folder: Default::default(),
            what: String::new(),
            origin: String::new(),
            evidence: Vec::new(),
            language: None,
            program: None,
            added: None,
            redacted: true,
            mails: vec![SampleMail { name: "message".into(), raw: b"From: a@b.example\nSubject: hi\n\nbody\n".to_vec(), expect }],
            scene: None,
        }
    }

    #[test]
    fn what_holds_is_counted_and_what_does_not_is_named() {
        let expect = Expect { subject: Some("hi".into()), from: Some("other@b.example".into()), ..Expect::default() };
        let (count, misses) = check(&sample(expect));
        assert_eq!((count, misses.len()), (4, 2));
        assert_eq!((misses[0].field, misses[0].got.as_str(), misses[0].line_ends), ("from", "a@b.example", "lf"));
    }

    #[test]
    fn both_line_ends_are_made() {
        let [lf, crlf] = variants(b"a\r\nb\nc\r");
        assert_eq!((lf.raw, crlf.raw), (b"a\nb\nc\r".to_vec(), b"a\r\nb\r\nc\r".to_vec()));
    }
}
