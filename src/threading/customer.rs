//! Who the customer is, where that is not simply the author: lists that put themselves into From, contact forms, agents who
//! forward, mailboxes that forward to themselves.
//!
//! It is for the product to show and to offer. What a mail's author may do never follows from it: that is From's word.
//!
//! # Trust
//! None. What only the mail says is a proposal; an address out of the text counts only where it stands in the header block of
//! a recognised forward.

use super::keys::is_own;
use crate::directory::Directory;
use crate::mail::{Class, Customer, FoldKind, NormalizedMail, OrganisationId, Person, address_in, is_unread};

/// Header fields in which lists keep whom they took out of From.
const ORIGINAL_FROM: &[&str] = &["X-Original-From", "X-Original-Sender", "X-Google-Original-From", "X-MailFrom"];
/// Lines of a forwarded mail's header block that are looked at.
const BLOCK_LINES_MAX: usize = 12;
/// Characters of the name of a field in such a block, in any language.
const LABEL_CHARS_MAX: usize = 24;

/// The customer of a mail for one organisation; none when it is the organisation's own and names nobody.
pub(super) fn customer(
    mail: &NormalizedMail,
    class: Class,
    organisation: OrganisationId,
    directory: &Directory,
    agents: &[String],
) -> Option<Customer> {
    let of_house = |address: &str| {
        let address = address.to_lowercase();
        is_own(&address, organisation, directory) || address_in(&address, agents)
    };
    let usable = |p: &Person| p.address.contains('@') && !of_house(&p.address);
    let make = |p: &Person, evidence, proposed| Customer {
        person: Person { name: p.name.clone(), address: p.address.to_lowercase() },
        evidence,
        proposed,
    };
    let from = mail.from.as_ref().or(mail.sender.as_ref());
    if is_list(mail, class)
        && let Some(list) = from.filter(|p| speaks_for_others(p, mail))
    {
        let not_the_list =
            |p: &&Person| usable(p) && !p.address.eq_ignore_ascii_case(&list.address) && !is_posting(mail, &p.address);
        if let Some(original) = ORIGINAL_FROM.iter().filter_map(|name| person_in(mail.header(name)?)).find(|p| not_the_list(&p)) {
            return Some(make(&original, "original-from", false));
        }
        if let Some(person) = mail.reply_to.iter().find(not_the_list) {
            return Some(make(person, "reply-to", true));
        }
    }
    let Some(from) = from else { return mail.reply_to.iter().find(|p| usable(p)).map(|p| make(p, "reply-to", true)) };
    if of_house(&from.address) || class == Class::Machine || is_unread(&from.address.to_lowercase()) {
        // A contact form writes as the house or as a robot, and says who filled it in.
        if let Some(person) = mail.reply_to.iter().find(|p| usable(p) && !p.address.eq_ignore_ascii_case(&from.address)) {
            return Some(make(person, "reply-to", true));
        }
    }
    if of_house(&from.address) {
        return forwarded_from(mail).filter(|p| usable(p)).map(|p| make(&p, "forwarded-from", true));
    }
    from.address.contains('@').then(|| make(from, "from", false))
}

fn is_list(mail: &NormalizedMail, class: Class) -> bool {
    class == Class::List || ["List-Id", "List-Post", "Mailing-List", "X-Google-Group-Id"].iter().any(|n| mail.header(n).is_some())
}

/// From is the list, or "Somebody via list" at the list's address.
fn speaks_for_others(from: &Person, mail: &NormalizedMail) -> bool {
    is_posting(mail, &from.address) || (from.name.contains(" via ") && ORIGINAL_FROM.iter().any(|n| mail.header(n).is_some()))
}

/// The address at which the list takes mails.
fn is_posting(mail: &NormalizedMail, address: &str) -> bool {
    let address = address.to_lowercase();
    let posts = |name: &str| mail.headers_named(name).any(|v| v.to_lowercase().contains(&address));
    // `List-Id: <name.example.com>` is `name@example.com` by custom.
    let by_id = address.split_once('@').is_some_and(|(local, domain)| {
        mail.headers_named("List-Id").any(|v| v.to_lowercase().contains(&format!("<{local}.{domain}>")))
    });
    !address.is_empty() && (by_id || ["List-Post", "Mailing-List", "X-BeenThere", "X-Mailing-List"].into_iter().any(posts))
}

/// From of the mail that is passed on: the first field of the header block that has an address. That it is From holds in every
/// language, since To and Cc come behind it.
fn forwarded_from(mail: &NormalizedMail) -> Option<Person> {
    let fold = mail.folds.iter().find(|f| f.kind == FoldKind::Forward)?;
    let block = mail.text.get(fold.start..fold.end)?;
    let field = |line: &str| {
        let line = line.trim_start_matches(['>', '|', '*', ' ', '\t', '\u{a0}']);
        let (at, colon) = line.char_indices().take(LABEL_CHARS_MAX).find(|(_, c)| matches!(c, ':' | '：'))?;
        let label = &line[..at];
        (!label.contains('@') && !label.contains("//")).then(|| line[at + colon.len_utf8()..].trim_matches(['*', ' ']).to_owned())
    };
    block.lines().filter(|l| !l.trim().is_empty()).take(BLOCK_LINES_MAX).filter_map(field).find_map(|value| person_in(&value))
}

/// `Ann <ann@a.test>`, `ann@a.test`, `Ann [mailto:ann@a.test]`.
fn person_in(value: &str) -> Option<Person> {
    let outside = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '[' | ']' | '(' | ')' | ',' | ';' | '"' | '\'');
    let at = value.find('@')?;
    let start = value[..at].rfind(outside).map_or(0, |n| n + value[n..].chars().next().map_or(1, char::len_utf8));
    let end = value[at..].find(outside).map_or(value.len(), |n| at + n);
    let address = value.get(start..end)?;
    let address = address.strip_prefix("mailto:").unwrap_or(address);
    let (local, domain) = address.split_once('@')?;
    let name = value[..start].trim_matches(|c: char| outside(c)).trim().to_owned();
    (!local.is_empty() && domain.contains('.')).then(|| Person { name, address: address.to_lowercase() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::Mailbox;
    use crate::mail::{Fold, Header, MailboxId};
    use uuid::Uuid;

    const ORG: OrganisationId = OrganisationId(Uuid::from_u128(1));

    fn person(name: &str, address: &str) -> Person {
        Person { name: name.to_owned(), address: address.to_owned() }
    }

    fn of(mail: &NormalizedMail, class: Class) -> Option<(String, &'static str, bool)> {
        let desk = Mailbox { id: MailboxId(Uuid::from_u128(1)), organisation: ORG, address: "help@desk.test".to_owned() };
        let directory = Directory::new(1, [desk]);
        let found = customer(mail, class, ORG, &directory, &["@desk.test".to_owned()])?;
        Some((found.person.address, found.evidence, found.proposed))
    }

    fn mail(from: Person, headers: &[(&str, &str)]) -> NormalizedMail {
        let headers = headers.iter().map(|(n, v)| Header { name: (*n).to_owned(), value: (*v).to_owned() }).collect();
        NormalizedMail { from: Some(from), headers, ..NormalizedMail::default() }
    }

    #[test]
    fn the_author_is_the_customer_whoever_pressed_the_button() {
        let mut m = mail(person("Ann", "Ann@A.test"), &[]);
        m.sender = Some(person("Secretary", "sec@a.test"));
        m.reply_to = vec![person("", "elsewhere@a.test")];
        assert_eq!(of(&m, Class::Person), Some(("ann@a.test".into(), "from", false)));
    }

    #[test]
    fn a_list_that_wrote_itself_into_from_names_the_author() {
        let list = [("List-Id", "<team.b.test>"), ("X-Original-From", "Ann <Ann@A.test>")];
        let m = mail(person("Ann via team", "team@b.test"), &list);
        assert_eq!(of(&m, Class::List), Some(("ann@a.test".into(), "original-from", false)));
        let mut m = mail(person("Ann via team", "team@b.test"), &list[..1]);
        m.reply_to = vec![person("", "team@b.test"), person("Ann", "ann@a.test")];
        assert_eq!(of(&m, Class::List), Some(("ann@a.test".into(), "reply-to", true)), "not the list");
        // Without the signs of a list the field is anybody's word.
        let m = mail(person("Mallory", "m@m.test"), &[("X-Original-From", "ann@a.test")]);
        assert_eq!(of(&m, Class::Person), Some(("m@m.test".into(), "from", false)));
    }

    #[test]
    fn a_contact_form_names_who_filled_it_in() {
        let mut m = mail(person("Shop", "form@desk.test"), &[]);
        m.reply_to = vec![person("Ann", "ann@a.test")];
        assert_eq!(of(&m, Class::Person), Some(("ann@a.test".into(), "reply-to", true)));
        let mut m = mail(person("Forms", "noreply@forms.test"), &[]);
        m.reply_to = vec![person("Ann", "ann@a.test")];
        assert_eq!(of(&m, Class::Machine), Some(("ann@a.test".into(), "reply-to", true)));
        assert_eq!(of(&mail(person("", "help@desk.test"), &[]), Class::Person), None, "the house is no customer");
    }

    #[test]
    fn an_agent_who_forwards_proposes_the_author_of_the_block_and_nobody_else_does() {
        let block = "---------- Weitergeleitete Nachricht ----------\nVon: Ann <ann@a.test>\nAn: bob@b.test\nBetreff: x\n\nspam@evil.test";
        for (intro, expected) in [("", "ann@a.test"), ("see spam@evil.test first\n\n", "ann@a.test")] {
            let mut m = mail(person("Agent", "agent@desk.test"), &[]);
            m.text = format!("{intro}{block}");
            m.folds = vec![Fold { start: intro.len(), end: m.text.len(), kind: FoldKind::Forward }];
            assert_eq!(of(&m, Class::Person), Some((expected.into(), "forwarded-from", true)));
            m.from = Some(person("Customer", "c@c.test"));
            assert_eq!(of(&m, Class::Person), Some(("c@c.test".into(), "from", false)), "a customer who forwards stays it");
        }
    }

    #[test]
    fn an_address_is_found_in_the_forms_that_programs_write() {
        for value in ["Ann <ann@a.test>", "ann@a.test", "\"Ann\" [mailto:ann@a.test]", "<ann@a.test>;", "Ann (ann@a.test)"] {
            assert_eq!(person_in(value).map(|p| p.address).as_deref(), Some("ann@a.test"), "{value}");
        }
        for value in ["", "Ann", "@a.test", "ann@", "ann@localhost", "é@"] {
            assert_eq!(person_in(value), None, "{value}");
        }
    }
}
