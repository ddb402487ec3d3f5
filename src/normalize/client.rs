//! The sending program, from what it says of itself, or from how it names and delimits things: a
//! name from a closed list (`locale/clients.txt`), for statistics.
//!
//! # Failure
//! None: a program that is not in the list is `None`.

use super::header::{self, Fields};
use super::span::before_as_lf;
use memchr::memmem;
use std::sync::LazyLock;

/// Bytes of a field that are looked at.
const VALUE_BYTES: usize = 1_000;

/// Fields in which a program says what it is.
const NAMES: &[&str] = &["X-Mailer", "User-Agent", "X-MimeOLE", "X-Newsreader", "X-Mail-Agent", "X-MailAgent"];

/// The marks of `locale/clients.txt`, by where they stand.
#[derive(Debug, Default)]
struct Marks {
    mailer: Vec<(&'static str, &'static str)>,
    has: Vec<(&'static str, &'static str)>,
    id: Vec<(&'static str, &'static str)>,
    boundary: Vec<(&'static str, &'static str)>,
}

static MARKS: LazyLock<Marks> = LazyLock::new(|| {
    let mut marks = Marks::default();
    for line in include_str!("locale/clients.txt").lines().filter(|l| !l.starts_with('#')) {
        let mut fields = line.split(" | ");
        let (Some(place), Some(mark), Some(name)) = (fields.next(), fields.next(), fields.next()) else { continue };
        match place {
            "mailer" => marks.mailer.push((mark, name)),
            "has" => marks.has.push((mark, name)),
            "id" => marks.id.push((mark, name)),
            "boundary" => marks.boundary.push((mark, name)),
            _ => {}
        }
    }
    marks
});

/// Recognises the sending program.
pub(super) fn recognise(fields: &Fields<'_>) -> Option<&'static str> {
    let within = |list: &[(&'static str, &'static str)], value: &[u8]| {
        let value = header::unfold(before_as_lf(value, VALUE_BYTES)).to_ascii_lowercase();
        list.iter().find(|(mark, _)| memmem::find(&value, mark.as_bytes()).is_some()).map(|(_, name)| *name)
    };
    let of = |list: &[(&'static str, &'static str)], name: &str| fields.get(name).and_then(|value| within(list, value));
    let own =
        || fields.list.iter().find_map(|f| MARKS.has.iter().find(|(mark, _)| f.name.eq_ignore_ascii_case(mark))).map(|(_, n)| *n);
    NAMES
        .iter()
        .find_map(|name| of(&MARKS.mailer, name))
        .or_else(own)
        .or_else(|| of(&MARKS.id, "Message-ID"))
        .or_else(|| of(&MARKS.boundary, "Content-Type"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalize::header::Field;

    fn of(name: &'static str, value: &'static str) -> Option<&'static str> {
        recognise(&Fields { list: vec![Field { name, value: value.as_bytes() }], end: 0 })
    }

    #[test]
    fn programs_are_recognised_by_what_they_say() {
        assert_eq!(of("X-Mailer", " Microsoft Outlook 16.0"), Some("Outlook"));
        assert_eq!(of("User-Agent", " Mozilla/5.0 (X11) Thunderbird/115"), Some("Thunderbird"));
        assert_eq!(of("Message-ID", " <x@mail.gmail.com>"), Some("Gmail"));
        assert_eq!(of("X-Mailer", " Something Unheard Of"), None);
    }

    #[test]
    fn programs_that_say_nothing_are_recognised_by_what_they_leave() {
        assert_eq!(of("X-QQ-mid", " webmail1"), Some("QQ Mail"));
        assert_eq!(of("Content-Type", " multipart/mixed; boundary=\"--_com.samsung.android.email_12\""), Some("Samsung Email"));
        assert_eq!(of("Content-Type", " multipart/mixed; boundary=\"b\""), None);
    }

    #[test]
    fn the_list_is_whole_and_nothing_hides_behind_an_earlier_mark() {
        let mut names = std::collections::HashSet::new();
        let mut before: Vec<(&str, &str)> = Vec::new();
        for line in include_str!("locale/clients.txt").lines().filter(|l| !l.starts_with('#')) {
            let fields: Vec<&str> = line.split(" | ").collect();
            let [place @ ("mailer" | "has" | "id" | "boundary"), mark, name] = fields.as_slice() else { panic!("{line}") };
            assert_eq!(*mark, mark.to_lowercase(), "{line}");
            assert!(!before.iter().any(|(p, m)| p == place && mark.contains(m)), "{line} can never count");
            before.push((place, mark));
            names.insert(*name);
        }
        assert!(names.len() >= 60, "{}", names.len());
    }
}
