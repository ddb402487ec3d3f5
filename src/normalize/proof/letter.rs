//! A reading written again as a clean mail, and what must be read in it then.
//!
//! What has more than one clean form, or none, is left out of the letter: addresses that are not
//! plain, and texts in which another reading is due whatever stands around them (html, packed files).
//!
//! # Failure
//! `None` where a reading has no clean form.

use super::super::role::looks_like_html;
use crate::mail::{Attachment, NormalizedMail, Person};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// Bytes of text that are written again: more costs time and shows nothing new.
const TEXT_MAX: usize = 64 << 10;
/// Files whose names are written again.
const FILES_MAX: usize = 4;

/// A clean mail and what it says.
#[derive(Debug, Default)]
pub struct Letter {
    /// The mail, CRLF, 7-bit.
    pub raw: Vec<u8>,
    from: Option<Person>,
    to: Vec<Person>,
    cc: Vec<Person>,
    reply_to: Vec<Person>,
    subject: String,
    date: Option<String>,
    message_id: Option<String>,
    in_reply_to: Vec<String>,
    references: Vec<String>,
    /// `None` where the text can't be written so that it is only text.
    text: Option<String>,
    files: Vec<(String, Vec<u8>)>,
}

impl Letter {
    /// Writes what was read. `None` where there is too much of it.
    #[must_use]
    pub fn of(mail: &NormalizedMail) -> Option<Letter> {
        if mail.text.len() > TEXT_MAX || mail.to.len() + mail.cc.len() > 500 {
            return None;
        }
        // What looks like an encoded-word is read again, whatever it is wrapped in.
        let is_plain = |p: &Person| is_plain_address(&p.address) && !p.name.contains("=?");
        let plain = |people: &[Person]| people.iter().filter(|p| is_plain(p)).cloned().collect();
        let files = mail.attachments.iter().take(FILES_MAX).map(|a| (a.name.clone(), contents(a))).collect();
        let from = mail.from.clone().filter(is_plain);
        // A mail that names no sender is taken to be from whom it says to answer.
        let reply_to = if from.is_some() { plain(&mail.reply_to) } else { Vec::new() };
        let mut letter = Letter {
            from,
            to: plain(&mail.to),
            cc: plain(&mail.cc),
            reply_to,
            subject: Some(one_line(&mail.subject)).filter(|s| !s.contains("=?")).unwrap_or_default(),
            // Years beyond are of other calendars.
            date: mail.date.clone().filter(|d| ("1900".."2200").contains(&d.as_str())),
            message_id: mail.message_id.clone().filter(|id| is_plain_id(id)),
            in_reply_to: mail.in_reply_to.iter().filter(|id| is_plain_id(id)).cloned().collect(),
            references: mail.references.iter().filter(|id| is_plain_id(id)).cloned().collect(),
            text: Some(mail.text.clone()).filter(|t| is_only_text(t)),
            files,
            raw: Vec::new(),
        };
        letter.raw = letter.written().into_bytes();
        Some(letter)
    }

    fn written(&self) -> String {
        let mut out = String::new();
        let from: Vec<Person> = self.from.clone().into_iter().collect();
        for (name, people) in [("From", &from), ("To", &self.to), ("Cc", &self.cc), ("Reply-To", &self.reply_to)] {
            if !people.is_empty() {
                let list: Vec<String> = people.iter().map(|p| format!("{}<{}>", phrase(&p.name), p.address)).collect();
                field(&mut out, name, &list.join(",\r\n "));
            }
        }
        if !self.subject.is_empty() {
            field(&mut out, "Subject", &words(&self.subject));
        }
        if let Some(date) = self.date.as_deref().and_then(rfc5322) {
            field(&mut out, "Date", &date);
        }
        let id = self.message_id.as_slice();
        for (name, ids) in [("Message-ID", id), ("In-Reply-To", &self.in_reply_to), ("References", &self.references)] {
            if !ids.is_empty() {
                let list: Vec<String> = ids.iter().map(|i| format!("<{i}>")).collect();
                field(&mut out, name, &list.join("\r\n "));
            }
        }
        field(&mut out, "MIME-Version", "1.0");
        let text = self.text.as_deref().unwrap_or_default();
        if self.files.is_empty() {
            part(&mut out, "text/plain; charset=utf-8", None, text.replace('\n', "\r\n").as_bytes());
            return out;
        }
        field(&mut out, "Content-Type", "multipart/mixed; boundary=\"=_letter_=\"");
        out.push_str("\r\n--=_letter_=\r\n");
        part(&mut out, "text/plain; charset=utf-8", None, text.replace('\n', "\r\n").as_bytes());
        for (name, bytes) in &self.files {
            out.push_str("--=_letter_=\r\n");
            part(&mut out, "application/x-file", Some(name), bytes);
        }
        out.push_str("--=_letter_=--\r\n");
        out
    }
}

/// What stands for a file: the letter is about its name, and that its bytes come through.
fn contents(attachment: &Attachment) -> Vec<u8> {
    attachment.name.bytes().map(|b| b.wrapping_mul(31)).collect::<Vec<u8>>().repeat(1 + attachment.name.len() % 3)
}

/// Whether a letter was read as it was written.
///
/// # Errors
/// What differs.
pub fn same_meaning(letter: &Letter, again: &NormalizedMail) -> Result<(), String> {
    // Letters that come from a wrong charset may be repaired only now, when they stand alone.
    if again.repairs.iter().any(|r| r.code.starts_with("charset.")) {
        return Ok(());
    }
    fn same<T: PartialEq + std::fmt::Debug>(what: &str, written: &T, read: &T) -> Result<(), String> {
        if written == read { Ok(()) } else { Err(format!("{what}: {written:?} is read as {read:?}")) }
    }
    same("from", &letter.from, &again.from)?;
    same("to", &letter.to, &again.to)?;
    same("cc", &letter.cc, &again.cc)?;
    same("reply-to", &letter.reply_to, &again.reply_to)?;
    same("subject", &letter.subject, &again.subject)?;
    same("date", &letter.date, &again.date)?;
    same("message-id", &letter.message_id, &again.message_id)?;
    same("in-reply-to", &letter.in_reply_to, &again.in_reply_to)?;
    same("references", &letter.references, &again.references)?;
    if let Some(text) = &letter.text {
        same("text", text, &again.text)?;
    }
    let written: Vec<(&str, String)> = letter
        .files
        .iter()
        .map(|(name, bytes)| (name.as_str(), data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))))
        .collect();
    let read: Vec<(&str, String)> = again.attachments.iter().map(|a| (a.name.as_str(), a.sha256.clone())).collect();
    same("files", &written, &read)?;
    match again.repairs.as_slice() {
        [] => Ok(()),
        [repair, ..] if letter.text.is_none() || repair.code.starts_with("date.") => Ok(()),
        repairs => Err(format!("a clean mail is repaired: {repairs:?}")),
    }
}

/// Local part and domain of letters that need no quotes.
fn is_plain_address(address: &str) -> bool {
    let is_atom = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'+');
    address.split_once('@').is_some_and(|(local, domain)| {
        [local, domain].iter().all(|s| s.starts_with(|c: char| c.is_ascii_alphanumeric()) && s.bytes().all(is_atom))
            && domain.ends_with(|c: char| c.is_ascii_alphanumeric())
    })
}

fn is_plain_id(id: &str) -> bool {
    id.len() < 900
        && id.split_once('@').is_some_and(|(left, right)| {
            !left.is_empty()
                && !right.is_empty()
                && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'+' | b'$' | b'@'))
        })
}

/// Nothing in it is read as something else than text, and no invisible letter at its ends goes.
fn is_only_text(text: &str) -> bool {
    let start = text.get(..text.floor_char_boundary(1024)).unwrap_or_default();
    !looks_like_html(start.as_bytes())
        && !text.contains("begin ")
        && !text.contains("=ybegin ")
        && !text.contains('\u{1b}')
        && !text.starts_with('\u{feff}')
        && text.trim() == text
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

fn field(out: &mut String, name: &str, value: &str) {
    let _ = write!(out, "{name}: {value}\r\n");
}

fn part(out: &mut String, kind: &str, name: Option<&str>, bytes: &[u8]) {
    field(out, "Content-Type", kind);
    if let Some(name) = name {
        let mut value = String::new();
        for byte in name.bytes() {
            if byte.is_ascii_alphanumeric() || byte == b'.' {
                value.push(char::from(byte));
            } else {
                let _ = write!(value, "%{byte:02X}");
            }
        }
        field(out, "Content-Disposition", &format!("attachment; filename*=utf-8''{value}"));
    }
    field(out, "Content-Transfer-Encoding", "base64");
    out.push_str("\r\n");
    let encoded = STANDARD.encode(bytes);
    for line in encoded.as_bytes().chunks(76) {
        out.extend(line.iter().map(|b| char::from(*b)));
        out.push_str("\r\n");
    }
}

/// A display name with the blank behind it.
fn phrase(name: &str) -> String {
    let plain = name.bytes().all(|b| matches!(b, b' '..=b'~') && !matches!(b, b'"' | b'\\'));
    match name {
        "" => String::new(),
        _ if plain => format!("\"{name}\" "),
        _ => words(name) + " ",
    }
}

/// A text as encoded-words of whole letters (RFC 2047).
fn words(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (word, after) = rest.split_at(rest.floor_char_boundary(45));
        let _ = write!(out, "=?utf-8?B?{}?=", STANDARD.encode(word));
        rest = after;
        if !rest.is_empty() {
            out.push_str("\r\n ");
        }
    }
    out
}

/// `2030-01-02T03:04:05+01:00` as `2 Jan 2030 03:04:05 +0100`.
fn rfc5322(rfc3339: &str) -> Option<String> {
    let number = |from: usize, to: usize| rfc3339.get(from..to)?.parse::<usize>().ok();
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = months.get(number(5, 7)?.checked_sub(1)?)?;
    let (day, year, time) = (number(8, 10)?, number(0, 4)?, rfc3339.get(11..19)?);
    let zone = rfc3339.get(19..)?;
    let zone = if zone == "Z" { "+0000".to_owned() } else { zone.replace(':', "") };
    Some(format!("{day} {month} {year:04} {time} {zone}"))
}
