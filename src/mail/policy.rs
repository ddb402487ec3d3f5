//! What an operator may set about threading, as values: which rules are on, in which mailboxes,
//! and the caps. `config` reads it, `threading` follows it.
//!
//! # Failure
//! None: values only; `config` has checked them.

use super::{Network, Rule};
use crate::limits;

/// A set of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleSet(u32);

impl RuleSet {
    /// All but the one that is only for those who ask for it ([`Rule::NewFromOld`]).
    pub const USUAL: RuleSet = RuleSet(!(1 << Rule::NewFromOld as u32));

    /// Whether a rule is on.
    #[must_use]
    pub const fn has(self, rule: Rule) -> bool {
        self.0 & (1 << rule as u32) != 0
    }

    /// The same with a rule on or off.
    #[must_use]
    pub const fn with(self, rule: Rule, on: bool) -> RuleSet {
        let bit = 1 << rule as u32;
        RuleSet(if on { self.0 | bit } else { self.0 & !bit })
    }
}

/// What holds for one mail: it depends on the mail and the configuration alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The rules that are on for the mailboxes of the mail.
    pub rules: RuleSet,
    /// A conversation that staff closed longer ago than this goes on in a new one. Microseconds.
    pub closed_us_max: i64,
    /// A conversation that began longer ago than this goes on in a new one. Microseconds.
    pub conversation_us_max: i64,
    /// A conversation with this many messages goes on in a new one.
    pub conversation_messages_max: i64,
    /// How far back a conversation with the same subject is suggested. Microseconds.
    pub subject_us_max: i64,
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            rules: RuleSet::USUAL,
            closed_us_max: i64::from(limits::CLOSED_DAYS_MAX) * DAY_US,
            conversation_us_max: i64::from(limits::CONVERSATION_DAYS_MAX) * DAY_US,
            conversation_messages_max: limits::CONVERSATION_MESSAGES_MAX,
            subject_us_max: i64::from(limits::SUBJECT_DAYS_MAX) * DAY_US,
        }
    }
}

/// Microseconds of a day.
pub const DAY_US: i64 = 86_400_000_000;

/// A system that numbers its cases in the subject (a tracker), or names what a mail is about (a monitoring robot).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracker {
    /// Its name, in evidence.
    pub name: String,
    /// The sender's domain, or a domain above it; `*`: any, and then only mails of one address belong together.
    pub from: String,
    /// The subject behind its reply prefixes: words as they stand, `*` for any run, and one of `{digits}`, `{key}`
    /// (letters, a dash, digits), `{rest}` (the rest of it) for what tells cases apart.
    pub subject: String,
    /// Only for mails that a program wrote.
    pub machines_only: bool,
}

/// How many mails of a kind pass in a window of time before the rest is held as one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrakeLimits {
    /// Of one sender, to all mailboxes of an organisation. 0: no brake.
    pub sender_max: u32,
    /// Written by a program, of one sender to one mailbox: what two automatic answerers send each other.
    pub automatic_max: u32,
    /// Of the product's own mails that come back to one mailbox.
    pub own_max: u32,
    /// To reply addresses whose signatures are wrong, of one sender or about one conversation.
    pub token_failures_max: u32,
    /// Microseconds.
    pub window_us: i64,
}

impl Default for BrakeLimits {
    fn default() -> Self {
        BrakeLimits {
            sender_max: limits::FLOOD_SENDER_MAX,
            automatic_max: limits::FLOOD_AUTOMATIC_MAX,
            own_max: limits::FLOOD_OWN_MAX,
            token_failures_max: limits::TOKEN_FAILURES_MAX,
            window_us: i64::try_from(limits::FLOOD_WINDOW.as_micros()).unwrap_or(i64::MAX),
        }
    }
}

/// The whole of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ThreadingPolicy {
    /// Rules that are not as usual, each with on or off.
    pub switches: Vec<(Rule, bool)>,
    /// Rules that hold only for these mailboxes (lower case).
    pub scopes: Vec<(Rule, Vec<String>)>,
    /// The caps.
    pub caps: Policy,
    /// Whose `Authentication-Results` are believed (the authserv-id of RFC 8601), lower case.
    pub authserv_ids: Vec<String>,
    /// From where such mail comes: of a client elsewhere the field is not believed. Empty: from everywhere.
    pub authserv_relays: Vec<Network>,
    /// Addresses and `@domains` of the organisations' own people, lower case.
    pub agents: Vec<String>,
    /// Beside those that are built in.
    pub trackers: Vec<Tracker>,
    /// The brakes.
    pub brakes: BrakeLimits,
    /// Senders and `@domains` that no brake counts, lower case.
    pub unbraked: Vec<String>,
}

impl ThreadingPolicy {
    /// What holds for a mail to these mailboxes: a rule with a scope is on when one of them is in it.
    #[must_use]
    pub fn for_mailboxes(&self, mailboxes: &[&str]) -> Policy {
        let mut rules = self.caps.rules;
        for (rule, on) in &self.switches {
            rules = rules.with(*rule, *on);
        }
        for (rule, scope) in &self.scopes {
            let inside = mailboxes.iter().any(|m| scope.iter().any(|s| s == m));
            rules = rules.with(*rule, rules.has(*rule) && inside);
        }
        Policy { rules, ..self.caps }
    }
}

/// Whether an address (lower case) is in a list of addresses and `@domains`.
#[must_use]
pub fn address_in(address: &str, list: &[String]) -> bool {
    let domain = address.rfind('@').and_then(|at| address.get(at..)).unwrap_or_default();
    list.iter().any(|entry| entry == address || (!domain.is_empty() && entry == domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_can_be_off_and_can_be_for_one_mailbox_only() {
        let policy = ThreadingPolicy {
            switches: vec![(Rule::Reference, false), (Rule::NewFromOld, true)],
            scopes: vec![(Rule::Tracker, vec!["erp@desk.test".to_owned()])],
            ..ThreadingPolicy::default()
        };
        let help = policy.for_mailboxes(&["help@desk.test"]).rules;
        assert!(!help.has(Rule::Reference) && help.has(Rule::NewFromOld) && help.has(Rule::Token) && !help.has(Rule::Tracker));
        assert!(policy.for_mailboxes(&["help@desk.test", "erp@desk.test"]).rules.has(Rule::Tracker));
        assert!(!ThreadingPolicy::default().for_mailboxes(&[]).rules.has(Rule::NewFromOld));
    }

    #[test]
    fn a_list_has_addresses_and_domains() {
        let list = ["ann@a.test".to_owned(), "@b.test".to_owned()];
        assert!(address_in("ann@a.test", &list) && address_in("x@b.test", &list));
        assert!(!address_in("bob@a.test", &list) && !address_in("x@sub.b.test", &list) && !address_in("", &list));
    }
}
