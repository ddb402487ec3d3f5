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

use super::header::{self, Fields};
use std::borrow::Cow;

/// Header fields that lists set (RFC 2919, RFC 2369 and customs).
const FIELDS: &[&str] = &["List-Id", "List-Post", "X-Mailing-List", "Mailing-List", "X-Google-Group-Id", "X-BeenThere"];
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
