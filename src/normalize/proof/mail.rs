//! What must hold for any mail.
//!
//! # Failure
//! A panic that says what did not hold, and nothing else.

use super::super::span::Span;
use super::super::{attachment_bytes, normalize, repair, sanitize};
use super::bodies::{assert_allowed, assert_folds};
use super::letter::{Letter, same_meaning};
use crate::limits::Limits;
use crate::mail::NormalizedMail;
use sha2::{Digest, Sha256};

/// Text and html are at most so many times the mail: one byte can be a letter of three, which may be
/// an entity of six in html, and a mail within the mail is shown and attached.
const TEXT_FACTOR: usize = 24;
/// Bytes of attachments for each byte of the mail: compressed RTF grows eightfold, and a file can be
/// in a mail that is in a wrapper.
const FILES_FACTOR: usize = 16;
/// What a mail of no bytes may have.
const CONSTANT: usize = 4096;
/// Attachments that are decoded again: each costs a walk over the mail.
const DECODED_AGAIN: usize = 4;

/// Any bytes are a mail.
pub fn mail(data: &[u8]) {
    check(data, &normalize(data, &Limits::default()));
}

/// What must hold for `mail`, which was read from `data`.
///
/// # Panics
/// Where it does not.
pub fn check(data: &[u8], mail: &NormalizedMail) {
    let limits = Limits::default();
    assert!(normalize(data, &limits) == *mail, "the same mail reads differently the second time");
    bounds(data, mail, &limits);
    assert_folds(&mail.text, &mail.folds);
    if let Some(html) = &mail.html_source {
        assert_allowed(html, &sanitize(html));
    }
    attachments(data, mail, &limits);
    line_ends(data, mail, &limits);
    words_of_a_plain_text(data, mail);
    if let Some(letter) = Letter::of(mail) {
        let again = normalize(&letter.raw, &limits);
        if let Err(why) = same_meaning(&letter, &again) {
            panic!("written as a clean mail, it reads differently: {why}");
        }
    }
}

fn bounds(data: &[u8], mail: &NormalizedMail, limits: &Limits) {
    assert!(mail.part_types.len() <= limits.parts_max, "too many parts");
    assert!(mail.headers.len() <= limits.headers_max, "too many fields");
    assert!(mail.repairs.len() <= repair::REPAIRS_MAX, "too many repairs");
    assert!(mail.references.len() <= limits.references_max, "too many references");
    let shown = mail.text.len() + mail.html_source.as_ref().map_or(0, String::len);
    assert!(shown <= TEXT_FACTOR * data.len() + CONSTANT, "{shown} bytes of text from {} bytes", data.len());
    let files: u64 = mail.attachments.iter().map(|a| a.size).sum();
    assert!(files <= (FILES_FACTOR * data.len() + CONSTANT) as u64, "{files} bytes of files from {} bytes", data.len());
    let people = mail.to.len() + mail.cc.len() + mail.bcc.len() + mail.reply_to.len();
    assert!(people <= data.len() + 1, "{people} people from {} bytes", data.len());
    for header in &mail.headers {
        assert!(header.name.is_ascii() && !header.name.is_empty(), "a field has no name");
        assert!(!header.value.contains(['\r', '\n', '\0']), "a value is not one line: {:?}", header.value);
    }
    assert!(!mail.subject.contains(['\r', '\n', '\0']), "the subject is not one line: {:?}", mail.subject);
    for person in [&mail.from, &mail.sender].into_iter().flatten().chain(&mail.to).chain(&mail.cc).chain(&mail.reply_to) {
        assert!(!person.name.contains(['\r', '\n', '\0']), "a name is not one line: {:?}", person.name);
        assert!(!person.address.contains(['\r', '\n', '\0']), "an address is not one line: {:?}", person.address);
        assert!(!person.name.is_empty() || !person.address.is_empty(), "a person is nobody");
    }
    for attachment in &mail.attachments {
        let name = &attachment.name;
        assert!(!name.is_empty() && name.len() <= 256, "a file's name has {} bytes", name.len());
        assert!(
            !name.contains(['/', '\\', '\r', '\n', '\0']) && name != "." && name != "..",
            "a file's name is no name: {name:?}"
        );
    }
    assert!(!mail.text.contains(['\r', '\0']), "the text has a CR or a NUL");
}

fn attachments(data: &[u8], mail: &NormalizedMail, limits: &Limits) {
    for attachment in mail.attachments.iter().take(DECODED_AGAIN) {
        let Some(bytes) = attachment_bytes(data, attachment.part, limits) else {
            panic!("part {} can't be decoded again", attachment.part)
        };
        assert_eq!(bytes.len() as u64, attachment.size, "part {} has another size the second time", attachment.part);
        let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(&bytes));
        assert_eq!(digest, attachment.sha256, "part {} has other bytes the second time", attachment.part);
    }
    assert_eq!(attachment_bytes(data, u32::MAX, limits), None, "a part that is not there has no bytes");
}

/// A reading without what depends on line ends: the bytes of parts that are not transfer-encoded.
fn without_bytes(mut mail: NormalizedMail) -> NormalizedMail {
    for attachment in &mut mail.attachments {
        attachment.size = 0;
        attachment.sha256.clear();
    }
    mail.size = 0;
    mail
}

/// With LF, with CRLF. `None` for a mail in which CR is more than half of a line end, and for one with NULs or wide
/// charsets, in which both may be halves of letters.
fn both_line_ends(data: &[u8]) -> Option<[Vec<u8>; 2]> {
    let lower = data.to_ascii_lowercase();
    if [&b"utf-16"[..], b"utf16", b"utf-32", b"utf32", b"ucs-", b"unicode"]
        .iter()
        .any(|w| memchr::memmem::find(&lower, w).is_some())
    {
        return None;
    }
    let lf: Vec<u8> =
        data.iter().enumerate().filter(|(i, b)| **b != b'\r' || data.get(i + 1) != Some(&b'\n')).map(|(_, b)| *b).collect();
    if lf.contains(&b'\r') || lf.contains(&0) || !lf.contains(&b'\n') {
        return None;
    }
    let mut crlf = Vec::with_capacity(lf.len() + lf.len() / 16);
    for byte in &lf {
        if *byte == b'\n' {
            crlf.push(b'\r');
        }
        crlf.push(*byte);
    }
    Some([lf, crlf])
}

fn line_ends(data: &[u8], mail: &NormalizedMail, limits: &Limits) {
    let Some([lf, crlf]) = both_line_ends(data) else { return };
    let lf = if lf == data { mail.clone() } else { normalize(&lf, limits) };
    let [lf, crlf] = [lf, normalize(&crlf, limits)].map(without_bytes);
    assert_eq!(lf.text, crlf.text, "LF and CRLF give another text");
    assert_eq!(lf.html_source, crlf.html_source, "LF and CRLF give another html");
    assert_eq!(lf.repairs, crlf.repairs, "LF and CRLF give other repairs");
    assert_eq!(lf, crlf, "LF and CRLF read differently");
}

/// A mail that can only be a plain ASCII text, seen without our reader: its header (ordinary fields,
/// none about content) and its body.
fn plain_body(data: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(data).ok().filter(|t| t.is_ascii())?;
    let (header, body) = text.split_once("\n\n")?;
    let is_field = |line: &str| {
        line.split_once(':').is_some_and(|(name, _)| {
            !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !name.to_ascii_lowercase().starts_with("content")
        })
    };
    let lines_are_plain = header.split('\n').all(is_field);
    // What a reader may take for something else: a field, a delimiter, html, an encoding, a packed file.
    let first = body.trim_start();
    let is_plain = lines_are_plain
        && body.bytes().all(|b| matches!(b, b' '..=b'~' | b'\n'))
        && !body.contains(['=', '+', '<', '&', '~', ':', '`', '('])
        && !body.contains("begin ")
        && !first.starts_with("--")
        && !body.contains("\n--")
        && body.split('\n').all(|l| l.len() < 78 && l.split(' ').all(|w| w.len() < 40));
    is_plain.then_some(body)
}

fn words_of_a_plain_text(data: &[u8], mail: &NormalizedMail) {
    let Some(body) = plain_body(data) else { return };
    let mut rest = mail.text.as_str();
    for word in body.split_ascii_whitespace() {
        let Some(at) = rest.find(word) else {
            panic!("{word:?} of {body:?} is missing, or at another place, in {:?}", mail.text)
        };
        rest = rest.after(at + word.len());
    }
}
