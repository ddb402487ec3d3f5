//! Who gets mail: the organisations and their mailboxes, in memory.
//!
//! Built by the store, read at RCPT TO, replaced whole when the database says it changed. A
//! lookup never waits and never fails. What it trusts: the rows it was built from.
//!
//! Addresses are compared without regard to case (RFC 5321 lets local parts differ by case; no
//! mail system that people use does), domains also in their A-label form.

use crate::mail::{MailboxId, OrganisationId};
use std::collections::HashMap;

/// What a mailbox takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MailboxKind {
    /// One address, with any `+detail` behind the local part.
    Address,
    /// Every address of a domain (written `@example.com`), or of all domains (written `@`).
    CatchAll,
    /// An address with `*` for any run of characters, such as `reply+*@example.com`.
    Pattern,
}

impl MailboxKind {
    /// What the text of a mailbox says it is.
    #[must_use]
    pub fn of(address: &str) -> MailboxKind {
        if address.starts_with('@') {
            MailboxKind::CatchAll
        } else if address.contains('*') {
            MailboxKind::Pattern
        } else {
            MailboxKind::Address
        }
    }
}

/// A row of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// Its id.
    pub id: MailboxId,
    /// Whose it is.
    pub organisation: OrganisationId,
    /// As it was set up, lower case: `a@b`, `@b`, `@`, `a*@b`.
    pub address: String,
}

/// The directory, ready for lookups.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    exact: HashMap<String, Mailbox>,
    catch_all: HashMap<String, Mailbox>,
    everything: Option<Mailbox>,
    patterns: Vec<Mailbox>,
    /// The database's counter of changes that this was built from.
    pub revision: i64,
}

impl Directory {
    /// Builds it from rows; of two rows for the same address the first stays.
    #[must_use]
    pub fn new(revision: i64, mailboxes: impl IntoIterator<Item = Mailbox>) -> Directory {
        let mut d = Directory { revision, ..Directory::default() };
        for mut m in mailboxes {
            m.address = canonical(&m.address);
            match MailboxKind::of(&m.address) {
                MailboxKind::Address => {
                    d.exact.entry(m.address.clone()).or_insert(m);
                }
                MailboxKind::Pattern => d.patterns.push(m),
                MailboxKind::CatchAll if m.address == "@" => {
                    d.everything.get_or_insert(m);
                }
                MailboxKind::CatchAll => {
                    d.catch_all.entry(m.address[1..].to_owned()).or_insert(m);
                }
            }
        }
        d
    }

    /// Nobody gets mail.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.catch_all.is_empty() && self.everything.is_none() && self.patterns.is_empty()
    }

    /// Every mailbox, in no particular order.
    pub fn mailboxes(&self) -> impl Iterator<Item = &Mailbox> {
        self.exact.values().chain(self.catch_all.values()).chain(&self.everything).chain(&self.patterns)
    }

    /// The mailbox for an address: exact, then without `+detail`, then a pattern, then the
    /// domain's catch-all, then the catch-all of everything. An address without a domain
    /// (`postmaster`) goes to a mailbox of that local part in any domain, then to a catch-all.
    #[must_use]
    pub fn lookup(&self, address: &str) -> Option<&Mailbox> {
        let address = canonical(address);
        let Some((local, domain)) = address.rsplit_once('@') else {
            return self
                .exact
                .iter()
                .filter(|(a, _)| a.rsplit_once('@').is_some_and(|(l, _)| l == address))
                .min_by_key(|(_, m)| m.id)
                .map(|(_, m)| m)
                .or_else(|| self.catch_all.values().min_by_key(|m| m.id))
                .or(self.everything.as_ref());
        };
        if let Some(m) = self.exact.get(&address) {
            return Some(m);
        }
        if let Some((base, _)) = local.split_once('+')
            && let Some(m) = self.exact.get(&format!("{base}@{domain}"))
        {
            return Some(m);
        }
        self.patterns
            .iter()
            .find(|m| matches_pattern(&m.address, &address))
            .or_else(|| self.catch_all.get(domain))
            .or(self.everything.as_ref())
    }
}

/// Lower case, and a domain of letters beyond ASCII as its A-labels: `bücher.example` and
/// `xn--bcher-kva.example` are one. A domain that IDNA refuses stays as it is.
fn canonical(address: &str) -> String {
    let address = address.to_lowercase();
    match address.rsplit_once('@') {
        Some((local, domain)) if !domain.is_ascii() => match idna::domain_to_ascii(domain) {
            Ok(domain) => format!("{local}@{domain}"),
            Err(_) => address,
        },
        _ => address,
    }
}

/// `*` stands for any run of characters. Linear in the address for each `*`.
fn matches_pattern(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut pieces = pieces.peekable();
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return rest.ends_with(piece);
        }
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn directory(addresses: &[&str]) -> Directory {
        let org = OrganisationId(Uuid::from_u128(1));
        Directory::new(
            1,
            addresses.iter().enumerate().map(|(n, a)| Mailbox {
                id: MailboxId(Uuid::from_u128(n as u128)),
                organisation: org,
                address: (*a).to_owned(),
            }),
        )
    }

    fn found(d: &Directory, a: &str) -> Option<String> {
        d.lookup(a).map(|m| m.address.clone())
    }

    #[test]
    fn the_most_specific_mailbox_wins() {
        let d = directory(&["@", "@b.test", "help@b.test", "reply+*@b.test", "*-case@b.test"]);
        assert_eq!(found(&d, "HELP@B.test").as_deref(), Some("help@b.test"));
        assert_eq!(found(&d, "help+urgent@b.test").as_deref(), Some("help@b.test"));
        assert_eq!(found(&d, "reply+abc@b.test").as_deref(), Some("reply+*@b.test"));
        assert_eq!(found(&d, "12-case@b.test").as_deref(), Some("*-case@b.test"));
        assert_eq!(found(&d, "other@b.test").as_deref(), Some("@b.test"));
        assert_eq!(found(&d, "other@c.test").as_deref(), Some("@"));
        assert_eq!(found(&d, "\"a@b\"@b.test").as_deref(), Some("@b.test"));
    }

    #[test]
    fn a_domain_is_found_in_both_its_forms() {
        let d = directory(&["help@Bücher.example", "@xn--mnchen-3ya.example"]);
        assert!(d.lookup("help@xn--bcher-kva.example").is_some());
        assert!(d.lookup("Help+x@BÜCHER.example").is_some());
        assert!(d.lookup("anyone@münchen.example").is_some());
        assert!(d.lookup("help@büchen.example").is_none());
    }

    #[test]
    fn postmaster_without_a_domain_finds_somebody() {
        assert_eq!(found(&directory(&["postmaster@x.test", "@y.test"]), "Postmaster").as_deref(), Some("postmaster@x.test"));
        assert_eq!(found(&directory(&["a@x.test", "@y.test"]), "postmaster").as_deref(), Some("@y.test"));
        assert_eq!(found(&directory(&["a@x.test"]), "postmaster"), None);
    }

    #[test]
    fn without_a_catch_all_strangers_are_refused() {
        assert_eq!(found(&directory(&["a@x.test"]), "b@x.test"), None);
        assert!(directory(&[]).is_empty());
    }
}
