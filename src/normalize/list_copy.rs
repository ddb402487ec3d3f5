//! What a mailing list adds to a mail on its way: a tag in the subject and lines below the text.
//!
//! Who writes to a list and to us at once has two copies delivered, of which one came by the list. Without what the list
//! added, both say the same (see `content_hash`). Nothing is taken from what is shown.
//!
//! # Failure
//! None. Of a text the last lines are looked at.
//!
//! # Trust
//! Only a mail with a list's header fields has such additions, and only lines that begin with a rule and name an address or
//! a link are taken for one. Where that is wrong, the copies are told apart: both are shown.

use super::address;
use super::header::{self, Fields};
use super::repair::Repairs;
use crate::mail::{NormalizedMail, Person};
use std::borrow::Cow;

/// Header fields that lists set (RFC 2919, RFC 2369 and customs).
const FIELDS: &[&str] = &["List-Id", "List-Post", "X-Mailing-List", "Mailing-List", "X-Google-Group-Id", "X-BeenThere"];
/// Header fields in which lists keep the author whom they took out of From.
const ORIGINAL_FROM: &[&str] = &["X-Original-From", "X-Google-Original-From", "X-Original-Sender", "X-MailFrom"];
/// People who may be the author of a mail that has its list in From: each is tried with his name and without.
const AUTHORS_MAX: usize = 4;
/// Lines of a footer, with the blank ones. The longest met has eleven.
const FOOTER_LINES_MAX: usize = 16;
/// Marks in a rule across the page; shorter ones are anybody's.
const RULE_MARKS_MIN: usize = 10;

/// The list a mail came by: what its fields say, in lower case.
#[derive(Debug)]
pub(super) struct List(String);

impl List {
    /// `None` for a mail that came by no list.
    pub(super) fn of(fields: &Fields<'_>) -> Option<List> {
        let mut names = String::new();
        for value in FIELDS.iter().filter_map(|name| fields.get(name)) {
            names.extend(header::unfold(value).iter().map(|b| char::from(b.to_ascii_lowercase())));
            names.push(' ');
        }
        (!names.is_empty()).then_some(List(names))
    }

    /// The subject without the list's tag: `[name]`, where the name is the list's.
    pub(super) fn subject<'s>(&self, subject: &'s str) -> Cow<'s, str> {
        let Some((before, rest)) = subject.split_once('[') else { return Cow::Borrowed(subject) };
        let Some((tag, after)) = rest.split_once(']') else { return Cow::Borrowed(subject) };
        // A number counts the list's mails: `[name:1234]`, `[name 1234]`.
        let name =
            tag.trim().trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches([':', ' ', ',', '#']).to_lowercase();
        if name.is_empty() || !self.0.contains(&name) {
            return Cow::Borrowed(subject);
        }
        Cow::Owned(format!("{before}{}", after.trim_start()))
    }

    /// Who may have written the mail, where the list has put itself into From: with the names he may have written under.
    pub(super) fn authors(&self, fields: &Fields<'_>, mail: &NormalizedMail) -> Vec<Person> {
        let Some(from) = &mail.from else { return Vec::new() };
        let within = within_local_part(&from.address);
        if within.is_none() && !self.posts_at(&from.address) {
            return Vec::new();
        }
        let (name, comment) = name_and_comment(&from.name);
        let original = ORIGINAL_FROM.iter().filter_map(|name| fields.get(name)).flat_map(|value| {
            let value = header::unfold(value);
            address::list(&value, None, "", &mut Repairs::default()).into_iter().take(1)
        });
        let bare = |address: String| Person { name: String::new(), address };
        let named = within.into_iter().chain(comment).map(bare);
        let shown = mail.reply_to.iter().chain(&mail.cc).take(AUTHORS_MAX).cloned();
        let mut authors: Vec<Person> = Vec::new();
        for person in original.chain(named).chain(shown) {
            let known = authors.iter().any(|a| a.address.eq_ignore_ascii_case(&person.address) && a.name == person.name);
            if person.address.contains('@') && !self.posts_at(&person.address) && !known && authors.len() < AUTHORS_MAX {
                authors.push(person);
            }
        }
        let mut out: Vec<Person> = Vec::new();
        for author in authors {
            for name in [author.name.as_str(), name, ""] {
                let person = Person { name: name.to_owned(), address: author.address.clone() };
                if !out.contains(&person) {
                    out.push(person);
                }
            }
        }
        out
    }

    /// The address at which the list takes mails: named in its fields, or by its id (`<name.example.com>` by custom).
    fn posts_at(&self, address: &str) -> bool {
        let address = address.to_lowercase();
        let Some((local, domain)) = address.split_once('@').filter(|(l, d)| !l.is_empty() && !d.is_empty()) else { return false };
        let whole = |at: usize| {
            let part = |c: char| c.is_alphanumeric() || "@.-_+=".contains(c);
            let (before, after) = (self.0.get(..at), self.0.get(at + address.len()..));
            before.is_some_and(|b| !b.ends_with(part)) && after.is_some_and(|a| !a.starts_with(part))
        };
        self.0.match_indices(&address).any(|(at, _)| whole(at)) || self.0.contains(&format!("<{local}.{domain}>"))
    }

    /// The text without the lines that the list added at its end.
    pub(super) fn text<'s>(&self, text: &'s str) -> &'s str {
        let text = text.trim_end();
        let mut start = text.len();
        for _ in 0..FOOTER_LINES_MAX {
            let end = start;
            start = text.get(..end).and_then(|text| text.rfind('\n')).unwrap_or_default();
            let line = text.get(start..end).unwrap_or_default().trim();
            let below = text.get(end..).unwrap_or_default();
            if is_rule(line, below) && names_a_place(below) {
                return text.get(..start).unwrap_or_default().trim_end();
            }
            if start == 0 {
                break;
            }
        }
        text
    }
}

/// `ann=b.example@lists.example`, `ann=40b.example@dmarc.lists.example`: the author within the list's address.
fn within_local_part(address: &str) -> Option<String> {
    let (local, _) = address.rsplit_once('@')?;
    let (name, domain) = local.rsplit_once('=')?;
    let domain = domain.strip_prefix("40").unwrap_or(domain);
    (!name.is_empty() && domain.contains('.')).then(|| format!("{name}@{domain}"))
}

/// A name without what the list wrote behind it (`Ann via Talk`, `'Ann' via Talk`, `Ann (via Talk)`), and an address that stands there.
fn name_and_comment(name: &str) -> (&str, Option<String>) {
    let (before, comment) = name.split_once('(').unwrap_or((name, ""));
    let comment = comment.split_once(')').map_or(comment, |(inside, _)| inside).trim();
    let bare = before.rsplit_once(" via ").map_or(before, |(bare, _)| bare);
    (bare.trim().trim_matches('\'').trim(), Some(comment.to_owned()).filter(|c| c.contains('@') && !c.contains(' ')))
}

/// A line across the page, or the mark of a signature below which a list introduces itself.
fn is_rule(line: &str, below: &str) -> bool {
    let marks = line.chars().filter(|c| !c.is_whitespace()).count();
    let rule = marks >= RULE_MARKS_MIN && line.chars().all(|c| "-_=#*~ ".contains(c));
    rule || (line == "--" && below.to_lowercase().contains("subscri"))
}

/// Lines that lead somewhere: lists say where to unsubscribe.
fn names_a_place(lines: &str) -> bool {
    lines.contains("://") || lines.contains("www.") || lines.contains('@')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> List {
        List("talk about it <talk.lists.example> ".to_owned())
    }

    #[test]
    fn the_tag_of_the_list_goes_and_no_other() {
        for (subject, bare) in [
            ("[talk] Lunch", "Lunch"),
            ("Re: [Talk] Lunch", "Re: Lunch"),
            ("[talk:512] Lunch", "Lunch"),
            ("[urgent] Lunch", "[urgent] Lunch"),
            ("[] Lunch", "[] Lunch"),
            ("Lunch [talk", "Lunch [talk"),
        ] {
            assert_eq!(list().subject(subject), bare);
        }
    }

    #[test]
    fn lines_below_a_rule_that_lead_somewhere_are_the_lists() {
        let said = "See you there.\n\n-- \nAnn";
        for footer in [
            "_______________________________________________\nTalk mailing list\nhttps://lists.example/talk",
            "-- \nYou received this message because you are subscribed to the group.\nTo stop, write to talk+off@lists.example.\n",
            "-=-=-=-=-=-=-=-=-=-=-=-\nLinks: You get all mails of this group.\nMute: https://lists.example/mute\n-=-=-=-=-=-=-=-=-=-=-=-\n",
            "---------------------------------------------------------------------\nTo unsubscribe: talk-off@lists.example",
        ] {
            let text = format!("{said}\n\n{footer}");
            let bare = list().text(&text);
            assert!(bare.starts_with(said), "{bare}");
            assert!(!bare.contains("lists.example"), "{bare}");
        }
    }

    #[test]
    fn what_people_write_stays() {
        for text in [
            "See you.\n-- \nAnn\nann@a.example",
            "a\n____________________\nb",
            "",
            "\n",
            "-----------\n",
            "Totals\n===========\n12",
        ] {
            assert_eq!(list().text(text), text.trim_end());
        }
    }
}
