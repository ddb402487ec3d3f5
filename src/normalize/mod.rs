//! Raw bytes to what a mail says.
//!
//! The way of the bytes: [`structure`] walks the raw mail once into parts (with [`header`] for
//! their fields); [`reader`] decodes each part ([`transfer`], [`charset`]), opens wrappers
//! ([`smime`], [`tnef`]) and sorts what is shown ([`body`], [`html`]) from what is attached
//! ([`attachment`]); [`quote`] marks what a view may fold; [`content_hash`] tells copies. Fields are
//! read by [`encoded_word`], [`address`], [`date`] and [`parameter`].
//!
//! # Failure
//! Reading never fails: it gives the value and the repairs. It is total, deterministic, linear in
//! the size of the mail and bounded by [`Limits`].
//!
//! # Trust
//! None in the mail. No clock, no file, no network.

// Tests may index: a panic there is a failure that is seen.
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod addr_spec;
mod address;
mod attachment;
mod attribution;
mod body;
mod calendar;
mod charset;
mod charset_choice;
mod charset_label;
mod charset_legacy;
mod charset_mend;
mod charset_pages;
mod charset_score;
mod client;
mod content_hash;
mod date;
mod date_words;
mod delimiter;
mod enclosed;
mod encoded_word;
mod header;
mod header_ahead;
mod html;
mod lacking;
mod list_copy;
mod locale;
mod markup;
mod notice;
mod parameter;
mod phrase;
pub mod proof;
mod quote;
mod reader;
pub mod repair;
mod role;
mod rtf;
mod sanitize;
mod signature;
mod smime;
mod span;
mod structure;
mod tnef;
pub(crate) mod tnef_wire;
mod transfer;
mod tree_cost;

use crate::limits::Limits;
use crate::mail::{Header, NormalizedMail, Person};
use reader::Reader;
use repair::Repairs;
use span::Span;
use std::borrow::Cow;
use structure::Tree;

pub use sanitize::{ELEMENTS, GENERIC_ATTRIBUTES, sanitize};

/// The version of the reader, stored with each message: raise it with every change of what is read.
pub const READER_VERSION: i32 = 6;

/// Received fields looked at for a time: loops are broken by relays before they have as many.
const RECEIVED_MAX: usize = 100;

/// Reads a mail. Total: any bytes give a mail. Time and memory are linear in the size.
#[must_use]
pub fn normalize(raw: &[u8], limits: &Limits) -> NormalizedMail {
    let mut repairs = Repairs::default();
    let mut tree = structure::walk(raw, limits, &mut repairs);
    let mut reader = Reader::new(limits, &mut repairs, None);
    let mut pieces = reader.tree(&tree);
    // Of the parts only the mail's own header is still needed: they may take as much room as the mail.
    tree.keep_root();
    let spares = std::mem::take(&mut reader.spare);
    if !spares.is_empty() {
        let shown = pieces.iter().map(|p| p.text.as_str()).collect::<Vec<_>>().join("\n");
        for spare in spares {
            // A wrapper repeats the body as a rule; it is shown where it says something new.
            if shown.trim().is_empty() || body::leaves_out(&shown, &spare.text) {
                pieces.push(spare);
            }
        }
    }
    if pieces.iter().all(|p| p.text.trim().is_empty()) {
        pieces.append(&mut reader.otherwise);
    }
    let locations = std::mem::take(&mut reader.locations);
    let with_lf = std::mem::take(&mut reader.with_lf);
    let hint = reader.hint.take();
    let spare_subject = reader.spare_subject.take();
    let mut mail = NormalizedMail {
        size: raw.len() as u64,
        attachments: std::mem::take(&mut reader.attachments),
        report_parts: std::mem::take(&mut reader.report_parts),
        part_types: std::mem::take(&mut reader.part_types),
        is_meeting: reader.is_meeting,
        ..NormalizedMail::default()
    };
    let body = body::join(pieces);
    if let Some(html) = &body.html {
        attachment::mark_inline(&mut mail.attachments, &locations, html);
    }
    mail.folds = quote::folds(&body.text, &body.quotes, &body.forwards);
    mail.text = body.text;
    mail.html_source = body.html;
    read_fields(&tree, hint.as_deref(), limits, &mut mail, &mut repairs);
    if mail.subject.is_empty()
        && let Some(subject) = spare_subject
    {
        // Out of a winmail.dat, and as hostile as what a field holds.
        mail.subject = encoded_word::one_line(&subject).collect::<String>().trim().to_owned();
    }
    if let Some(root) = tree.root() {
        mail.content_hash = content_hash::of(&root.fields, &mail, &with_lf);
        mail.direct_hashes = content_hash::of_direct_copies(&root.fields, &mail, &with_lf);
    }
    mail.repairs = repairs.into_list();
    mail
}

/// Decodes the bytes of an attachment (`Attachment::part`) again from the raw mail.
#[must_use]
pub fn attachment_bytes(raw: &[u8], part: u32, limits: &Limits) -> Option<Vec<u8>> {
    let mut repairs = Repairs::default();
    let tree = structure::walk(raw, limits, &mut repairs);
    let mut reader = Reader::new(limits, &mut repairs, Some(part));
    reader.tree(&tree);
    reader.wanted
}

/// The words of html, as [`normalize`] shows them.
#[must_use]
pub fn html_text(html: &str) -> String {
    reader::html_text(html)
}

/// Every word that reading looks for (attributions, labels of quotes, notices, months, programs), for tools that must not
/// take it away. In lower case.
pub fn words() -> impl Iterator<Item = &'static str> {
    let phrases = [include_str!("locale/quotes.txt"), include_str!("locale/notices.txt")];
    // A line: list, language, then phrases.
    let phrases =
        phrases.into_iter().flat_map(str::lines).filter(|l| !l.starts_with('#')).filter_map(|l| l.splitn(3, ' ').nth(2));
    let others = [include_str!("locale/months.txt"), include_str!("locale/clients.txt")];
    phrases.chain(others.into_iter().flat_map(str::lines).filter(|l| !l.starts_with('#')))
}

/// The charset that bytes are read in where that is another than the label says, or where there is none; `label` is what
/// is said of them.
#[must_use]
pub fn charset_read(bytes: &[u8], label: Option<&[u8]>) -> Option<String> {
    let (_, detail, _) = charset::decode(bytes, label, None).repair?;
    Some(detail.split_once("read as ")?.1.split([',', ';', '(', ' ']).next()?.to_ascii_lowercase())
}

/// The charset that a label names, spelt as it may be; `None` where it names none, or none that browsers have.
#[must_use]
pub fn charset_named(label: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    charset::named(label)
}

/// Where the base64 of a body ends: behind it may be prose.
#[must_use]
pub fn base64_end(body: &[u8]) -> usize {
    let tail = transfer::base64(body).tail.len();
    if tail == 0 { body.len() } else { body.trim_ascii_end().len() - tail }
}

/// The text that bytes are read as; `label` is what is said of their charset.
#[must_use]
pub fn charset_text(bytes: &[u8], label: Option<&[u8]>) -> String {
    charset::decode(bytes, label, None).text.into_owned()
}

/// Whether a field of this name tells a header from prose where the form is broken.
#[must_use]
pub fn is_known_field(name: &[u8]) -> bool {
    header::is_known(name)
}

/// Whether the line at `at` of a header is a known field that is indented by mistake.
///
/// It is none where it is a fold of the `open` field (its name, its value so far) that looks like one; `before` are the names of the
/// fields above that.
pub fn is_indented_field<'n>(raw: &[u8], at: usize, open: (&str, &[u8]), before: impl Iterator<Item = &'n str>) -> bool {
    header_ahead::indented_field(raw, at, header::LineEnds::Lf, open, before).is_some()
}

/// Whether a text of which no encoding is said can only be quoted-printable.
#[must_use]
pub fn is_quoted_printable(body: &[u8]) -> bool {
    transfer::must_be_quoted_printable(body)
}

/// Reads the fields of the mail itself.
fn read_fields(tree: &Tree<'_>, hint: Option<&[u8]>, limits: &Limits, mail: &mut NormalizedMail, repairs: &mut Repairs) {
    let Some(root) = tree.root() else { return };
    let fields = &root.fields;
    mail.content_type.clone_from(&root.content_type.value);
    mail.content_type_parameters.clone_from(&root.content_type.parameters);
    mail.client = client::recognise(fields);
    for field in &fields.list {
        let place = format!("header {}", field.name);
        let value = encoded_word::decode(&header::unfold(field.value), hint, &place, repairs);
        mail.headers.push(Header { name: field.name.to_owned(), value });
    }
    for name in ["From", "Subject", "Date", "Message-ID", "Content-Type"] {
        if fields.all(name).count() > 1 {
            repairs.note(repair::HEADER_REPEATED, &format!("header {name}"), "the first one with a value counts", 0.7);
        }
    }
    let subject = mail.headers_named("Subject").map(str::trim).find(|s| !s.is_empty()).unwrap_or_default().to_owned();
    mail.subject = subject;
    let mut people = |name: &str| -> Vec<Person> {
        let place = format!("header {name}");
        fields.all(name).flat_map(|v| address::list(&header::unfold(v), hint, &place, repairs)).collect()
    };
    mail.to = people("To");
    mail.cc = people("Cc");
    mail.bcc = people("Bcc");
    mail.reply_to = people("Reply-To");
    mail.sender = first_person(people("Sender"));
    mail.from = first_person(people("From"));
    // A user of the sender's machine or an X.500 name can't be answered; the envelope's address can.
    let daemon = |a: &str| ["mailer-daemon", "postmaster"].iter().any(|d| a.eq_ignore_ascii_case(d));
    if mail.from.as_ref().is_none_or(|p| !p.address.contains('@') && !daemon(&p.address)) {
        let found =
            ["Sender", "X-Sender", "Reply-To", "Return-Path"].into_iter().find_map(|n| first_person(people(n)).map(|p| (n, p)));
        if let Some((name, person)) = found.filter(|(_, p)| p.address.contains('@')) {
            repairs.note(repair::FROM_MISSING, "header From", format!("the sender was taken from {name}"), 0.6);
            let name = mail.from.take().map(|p| p.name).unwrap_or_default();
            mail.from = Some(Person { name: if name.is_empty() { person.name } else { name }, address: person.address });
        }
    }
    read_date(mail, repairs);
    mail.message_id = mail.header("Message-ID").and_then(|v| ids(v, 1).pop());
    mail.in_reply_to = all_ids(mail, "In-Reply-To", limits.references_max);
    mail.references = all_ids(mail, "References", limits.references_max);
}

/// Message-IDs of all fields of this name, each once, the newest (last) `max`.
fn all_ids(mail: &NormalizedMail, name: &str, max: usize) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    let mut found: Vec<String> =
        mail.headers_named(name).flat_map(|v| ids(v, max)).filter(|id| seen.insert(id.clone())).collect();
    let surplus = found.len().saturating_sub(max);
    found.drain(..surplus);
    found
}

/// The first person with an address, else the first.
fn first_person(people: Vec<Person>) -> Option<Person> {
    let at = people.iter().position(|p| p.address.contains('@')).unwrap_or(0);
    people.into_iter().nth(at)
}

/// The first Date that can be read; without one the time at which the nearest relay received the mail.
fn read_date(mail: &mut NormalizedMail, repairs: &mut Repairs) {
    let dates = || mail.headers_named("Date").filter(|v| !v.trim().is_empty());
    let (given, found) = (dates().next().is_some(), dates().find_map(date::read));
    if let Some(date) = found {
        if !date.standard {
            repairs.note(repair::DATE_NONSTANDARD, "header Date", "read as meant", 0.8);
        }
        mail.date = Some(date.rfc3339);
        return;
    }
    if given {
        repairs.note(repair::DATE_UNREADABLE, "header Date", "no date could be read", 1.0);
    }
    let received = mail.headers_named("Received").take(RECEIVED_MAX).find_map(|v| date::read(v.rsplit_once(';')?.1));
    if let Some(date) = received {
        repairs.note(repair::DATE_FROM_RECEIVED, "header Date", "the time at which a relay received the mail was taken", 0.7);
        mail.date = Some(date.rfc3339);
    }
}

/// Message-IDs of a field, each once, the newest (last) `max`. What is in no brackets counts where
/// nothing is in brackets and it looks like one.
fn ids(value: &str, max: usize) -> Vec<String> {
    let plain = unescaped_ids(value);
    let value = plain.as_ref();
    let mut found: Vec<String> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    let mut rest = value;
    while let Some(open) = rest.find('<') {
        rest = rest.after(open + 1);
        let end = rest.find(['>', '<']).unwrap_or(rest.len());
        let id: String = rest.before(end).split_whitespace().collect();
        rest = rest.after(end);
        if !id.is_empty() && seen.insert(id.clone()) {
            found.push(id);
        }
    }
    if found.is_empty() {
        let is_one_word = !value.trim().contains(char::is_whitespace);
        found = value
            .split(|c: char| c.is_whitespace() || c == ',')
            .map(|w| w.trim_matches(|c: char| matches!(c, '>' | '"' | ';')))
            .filter(|w| !w.is_empty() && (w.contains('@') || is_one_word))
            .filter(|w| seen.insert((*w).to_owned()))
            .map(str::to_owned)
            .collect();
    }
    if max == 1 {
        found.truncate(1);
    }
    let surplus = found.len().saturating_sub(max);
    found.drain(..surplus);
    found
}

/// What a program wrote as if it were html or a part of a URL: `&lt;1@x&gt;`, `%3C1%40x%3E`.
fn unescaped_ids(value: &str) -> Cow<'_, str> {
    let start = |text: &str| value.trim_start().get(..text.len()).is_some_and(|s| s.eq_ignore_ascii_case(text));
    if start("&lt;") {
        return value.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").into();
    }
    if !start("%3c") {
        return value.into();
    }
    let mut bytes = Vec::with_capacity(value.len());
    parameter::percent_decode(value.as_bytes(), &mut bytes);
    charset::decode(&bytes, None, None).text.into_owned().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(raw: &str) -> NormalizedMail {
        normalize(raw.as_bytes(), &Limits::default())
    }

    #[test]
    fn nothing_is_a_mail_too() {
        let mail = read("");
        assert_eq!((mail.text.as_str(), mail.from, mail.subject.as_str()), ("", None, ""));
        proof::mail(b"");
        proof::mail(b"\0\xff\r\r\n--\n=?=?<>\"(");
    }

    #[test]
    fn an_attachment_between_texts_hides_neither() {
        let raw = "From: a@b.example\nContent-Type: multipart/alternative; boundary=a\n\n--a\nContent-Type: text/plain\n\nbefore after\n\
            --a\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n\n<p>before</p>\n--b\n\
            Content-Type: application/pdf; name=x.pdf\nContent-Transfer-Encoding: base64\n\nSGk=\n--b\nContent-Type: text/html\n\n<p>after</p>\n--b--\n--a--\n";
        let mail = read(raw);
        assert_eq!(mail.text, "before after");
        assert!(mail.html_source.as_ref().unwrap().contains("after"));
        assert_eq!(mail.attachments.iter().map(|a| (a.name.as_str(), a.size)).collect::<Vec<_>>(), [("x.pdf", 2)]);
        assert_eq!(attachment_bytes(raw.as_bytes(), mail.attachments[0].part, &Limits::default()), Some(b"Hi".to_vec()));
    }

    #[test]
    fn a_subject_out_of_a_winmail_dat_is_one_line() {
        let subject = b"two\r\nBcc: lines\x01\0";
        let sum = subject.iter().fold(0_u16, |sum, byte| sum.wrapping_add(u16::from(*byte)));
        let length = u32::try_from(subject.len()).unwrap();
        // The signature and a key; level, id and length of the subject; its checksum.
        let head = [&[0x78, 0x9f, 0x3e, 0x22, 1, 0, 1, 0x04, 0x80, 1, 0][..], &length.to_le_bytes()].concat();
        let file = data_encoding::BASE64.encode(&[&head, &subject[..], &sum.to_le_bytes()].concat());
        let mail = read(&format!("Content-Type: application/ms-tnef\nContent-Transfer-Encoding: base64\n\n{file}\n"));
        assert_eq!(mail.subject, "two  Bcc: lines");
    }

    #[test]
    fn a_nested_mail_is_an_attachment_with_its_exact_bytes() {
        let inner = "Subject: inner\nContent-Type: multipart/mixed; boundary=z\n\n--z\n\nhi\n--z--\n";
        let raw = format!(
            "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nouter\n--b\nContent-Type: message/rfc822\n\n{inner}\n--b--\n"
        );
        let mail = read(&raw);
        assert_eq!(mail.text, "outer\n\nSubject: inner\n\nhi");
        assert_eq!((mail.reply().as_str(), mail.folds[0].kind), ("outer", crate::mail::FoldKind::Forward));
        assert_eq!(mail.attachments[0].name, "inner.eml");
        assert_eq!(attachment_bytes(raw.as_bytes(), mail.attachments[0].part, &Limits::default()).unwrap(), inner.as_bytes());
        assert_eq!(mail.report_parts[0].content_type, "message/rfc822");
    }

    #[test]
    fn a_hundred_thousand_nested_mails_do_no_harm() {
        let raw = "Content-Type: message/rfc822\r\n\r\n".repeat(100_000);
        let mail = read(&raw);
        assert_eq!(mail.attachments.len(), 1);
    }

    /// What is read of many or long fields is bounded, and all that comes behind them is still read.
    #[test]
    fn a_flood_of_header_does_no_harm() {
        let limits = Limits::default();
        let bodies = "From: a@b.example\nSubject: hi\n\nbody\n";
        let floods = [
            format!("X-Long: {}\n", "x".repeat(1 << 20)),
            format!("X-Long: {}\n", "=?utf-8?Q?=C3=A4?= ".repeat(60_000)),
            format!("X-Folded: a\n{}", " =?\n".repeat(250_000)),
            format!("To: {}\n", "Ann, <a@b.example>, ".repeat(50_000)),
            format!("To: {}\n", "(".repeat(1 << 20)),
            format!("References: {}\n", "<a@b.example> ".repeat(70_000)),
            format!("Received: {}\n", "; Tue, 17 Nov 2026 ".repeat(50_000)),
            "Received: by b.example; never\n".repeat(limits.headers_max / 2),
            "no field\n".repeat(20).repeat(50),
            "Date: x\n".repeat(100),
        ];
        for flood in &floods {
            let start = std::time::Instant::now();
            let mail = read(&format!("{flood}{bodies}"));
            let shown = flood.get(..12).unwrap_or_default();
            assert!(mail.headers.len() <= limits.headers_max && mail.references.len() <= limits.references_max, "{shown}");
            assert!(mail.subject == "hi" || shown.starts_with("no field"), "{shown}: {:?}", mail.subject);
            // Seconds in a debug build on a busy machine; hours if a step went back over the value.
            assert!(start.elapsed().as_secs() < 60, "{shown}");
        }
        let mail = read(&format!("From: a@b.example\nSubject: hi\n{}\nbody\n", "X-Many: x\n".repeat(100_000)));
        assert_eq!((mail.subject.as_str(), mail.text.as_str(), mail.headers.len()), ("hi", "body", limits.headers_max));
        assert!(mail.repairs.iter().any(|r| r.code == repair::HEADER_TOO_MANY));
        let mail = read(&format!("From: a@b.example\nSubject: {}\n\nbody\n", "long ".repeat(200_000)));
        assert_eq!((mail.subject.len(), mail.text.as_str()), (999_999, "body"));
    }

    #[test]
    fn two_hundred_thousand_parts_are_read_up_to_the_bound_and_the_rest_is_kept() {
        let limits = Limits::default();
        let raw = format!("Content-Type: multipart/mixed; boundary=b\n\n{}--b--\n", "--b\n\nx\n".repeat(200_000));
        let mail = normalize(raw.as_bytes(), &limits);
        assert!(mail.part_types.len() <= limits.parts_max && mail.attachments.len() <= limits.parts_max);
        let read: usize = mail.text.matches('x').count();
        assert_eq!(read, 200_000, "the rest is one part, and its words are there");
        assert!(mail.repairs.iter().any(|r| r.code == repair::PARTS_TOO_MANY));
    }

    #[test]
    fn nesting_without_end_is_followed_to_the_bound_and_loses_nothing() {
        let mut raw = String::new();
        for n in 0..20_000 {
            raw.push_str(&format!("Content-Type: multipart/mixed; boundary=n{n}\n\n--n{n}\n"));
        }
        raw.push_str("\nthe deepest words");
        let limits = Limits::default();
        let mail = normalize(raw.as_bytes(), &limits);
        assert!(mail.part_types.len() <= limits.nesting_max + 1);
        let kept = attachment_bytes(raw.as_bytes(), mail.attachments[0].part, &limits).unwrap();
        assert!(kept.ends_with(b"the deepest words"));
        assert!(mail.repairs.iter().any(|r| r.code == repair::NESTING_TOO_DEEP));
    }

    #[test]
    fn ids_come_in_many_forms() {
        assert_eq!(ids("<a@b> <c@d> <a@b>", 50), ["a@b", "c@d"]);
        assert_eq!(ids("a@b", 1), ["a@b"]);
        assert_eq!(ids("Your message of Tue <a@b> by me", 50), ["a@b"]);
        assert_eq!(ids("<a@b><c@\n d", 50), ["a@b", "c@d"]);
        assert_eq!(ids("<1> <2> <3>", 2), ["2", "3"]);
        assert_eq!(ids("&lt;a@b&gt; &lt;c@d&gt;", 50), ["a@b", "c@d"]);
        assert_eq!(ids("%3Ca%2B1%40b%3E", 50), ["a+1@b"]);
    }

    #[test]
    fn a_repeated_field_repeats_no_id() {
        let mail = read("References: <1@a> <2@a>\nReferences: <2@a> <3@a>\nIn-Reply-To: <3@a>\nIn-Reply-To: <3@a>\n\n");
        assert_eq!((mail.references.join(" "), mail.in_reply_to.join(" ")), ("1@a 2@a 3@a".to_owned(), "3@a".to_owned()));
    }
}
