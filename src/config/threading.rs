//! `[threading]`: which rules hold where, the caps of conversations, trackers, and the brakes.
//!
//! # Failure
//! A value out of its range is an error that names its key; the file's line is added where it is read.

use crate::limits;
use crate::mail::{BrakeLimits, DAY_US, Network, Policy, Rule, RuleSet, ThreadingPolicy, Tracker};
use serde::{Deserialize, Serialize};

/// `[threading]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct ThreadingConfig {
    /// Whose `Authentication-Results` are believed.
    pub authserv_ids: Vec<String>,
    /// From where mail with such a field comes; empty: from everywhere.
    pub authserv_relays: Vec<Network>,
    /// Addresses and `@domains` of the organisations' own people.
    pub agents: Vec<String>,
    /// 0: a closed conversation is reopened however old.
    pub closed_days_max: u32,
    /// 0: no conversation is too old.
    pub conversation_days_max: u32,
    /// 0: no conversation is too long.
    pub conversation_messages_max: u32,
    pub subject_days_max: u32,
    pub trackers: Vec<TrackerConfig>,
    pub flood_window_s: u64,
    pub flood_sender_max: u32,
    pub flood_automatic_max: u32,
    pub flood_own_max: u32,
    /// 0: signatures may be guessed for ever.
    pub flood_token_failures_max: u32,
    /// Senders and `@domains` that no brake counts.
    pub flood_unbraked: Vec<String>,
    pub rules: RulesConfig,
}

/// A system that numbers its cases; see [`Tracker`].
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct TrackerConfig {
    pub name: String,
    pub from: String,
    pub subject: String,
    #[serde(default)]
    pub machines_only: bool,
}

/// One rule's switch and scope.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RuleConfig {
    /// On or off.
    pub enabled: bool,
    /// Mailboxes, as they were set up, for whose mails it holds; empty: all.
    pub mailboxes: Vec<String>,
}

impl Default for RuleConfig {
    fn default() -> Self {
        RuleConfig { enabled: true, mailboxes: Vec::new() }
    }
}

macro_rules! rules_config {
    ($($name:ident => $rule:expr;)+) => {
        /// `[threading.rules]`
        #[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
        #[serde(default, deny_unknown_fields)]
        #[allow(missing_docs)]
        pub struct RulesConfig {
            $(pub $name: RuleConfig,)+
        }

        impl Default for RulesConfig {
            fn default() -> Self {
                RulesConfig {
                    $($name: RuleConfig { enabled: RuleSet::USUAL.has($rule), ..RuleConfig::default() },)+
                }
            }
        }

        impl RulesConfig {
            /// Every rule with its key in the file.
            fn each(&self) -> impl Iterator<Item = (&'static str, Rule, &RuleConfig)> {
                [$((concat!("threading.rules.", stringify!($name)), $rule, &self.$name),)+].into_iter()
            }
        }
    };
}

rules_config! {
    token => Rule::Token;
    outbound_id => Rule::OutboundId;
    reference => Rule::Reference;
    shared_ancestor => Rule::SharedAncestor;
    bounced_id => Rule::BouncedId;
    body_marker => Rule::BodyMarker;
    tracker => Rule::Tracker;
    thread_index => Rule::ThreadIndex;
    subject_tag => Rule::SubjectTag;
    subject_and_people => Rule::SubjectAndPeople;
    quoted_text => Rule::QuotedText;
    forward => Rule::Forward;
    new_from_old => Rule::NewFromOld;
    closed => Rule::Closed;
    rollover => Rule::Rollover;
}

impl Default for ThreadingConfig {
    fn default() -> Self {
        ThreadingConfig {
            authserv_ids: Vec::new(),
            authserv_relays: Vec::new(),
            agents: Vec::new(),
            closed_days_max: limits::CLOSED_DAYS_MAX,
            conversation_days_max: limits::CONVERSATION_DAYS_MAX,
            conversation_messages_max: u32::try_from(limits::CONVERSATION_MESSAGES_MAX).unwrap_or(u32::MAX),
            subject_days_max: limits::SUBJECT_DAYS_MAX,
            trackers: Vec::new(),
            flood_window_s: limits::FLOOD_WINDOW.as_secs(),
            flood_sender_max: limits::FLOOD_SENDER_MAX,
            flood_automatic_max: limits::FLOOD_AUTOMATIC_MAX,
            flood_own_max: limits::FLOOD_OWN_MAX,
            flood_token_failures_max: limits::TOKEN_FAILURES_MAX,
            flood_unbraked: Vec::new(),
            rules: RulesConfig::default(),
        }
    }
}

impl ThreadingConfig {
    /// What is wrong with it: the key, and what would be right.
    pub(super) fn problem(&self) -> Option<(&'static str, String)> {
        let has_place = |a: &String| a.rsplit_once('@').is_some_and(|(_, domain)| !domain.is_empty());
        for (key, list) in [("threading.agents", &self.agents), ("threading.flood_unbraked", &self.flood_unbraked)] {
            if let Some(bad) = list.iter().find(|a| !has_place(a)) {
                return Some((key, format!("has `{bad}`: addresses such as ann@example.com, or domains such as @example.com")));
            }
        }
        if let Some(bad) = self.authserv_ids.iter().find(|id| id.trim().is_empty() || id.contains([' ', ';'])) {
            return Some((
                "threading.authserv_ids",
                format!("has `{bad}`: the first word of the relay's Authentication-Results, such as mx.example.com"),
            ));
        }
        for (key, _, rule) in self.rules.each() {
            if let Some(bad) = rule.mailboxes.iter().find(|m| !m.contains('@')) {
                return Some((key, format!("names `{bad}`: mailboxes as `tidegate mailbox ls` shows them")));
            }
        }
        for t in &self.trackers {
            if t.name.is_empty() || t.from.is_empty() || t.from.contains('@') {
                return Some(("threading.trackers", format!("`{}`: `from` is a domain such as example.com, or *", t.name)));
            }
            let marks = ["{digits}", "{key}", "{rest}"].iter().map(|c| t.subject.matches(c).count()).sum::<usize>();
            if marks != 1 {
                let name = &t.name;
                return Some(("threading.trackers", format!("`{name}`: `subject` needs one of {{digits}}, {{key}}, {{rest}}")));
            }
        }
        (self.flood_window_s == 0).then(|| ("threading.flood_window_s", "must be at least 1".to_owned()))
    }

    /// As values for the rules.
    #[must_use]
    pub fn policy(&self) -> ThreadingPolicy {
        let lower = |list: &[String]| list.iter().map(|a| a.trim().to_lowercase()).collect::<Vec<_>>();
        let days = |n: u32| if n == 0 { i64::MAX } else { i64::from(n).saturating_mul(DAY_US) };
        let usual = |rule: Rule, on: bool| RuleSet::USUAL.has(rule) == on;
        let messages = i64::from(self.conversation_messages_max);
        ThreadingPolicy {
            switches: self.rules.each().filter(|(_, r, c)| !usual(*r, c.enabled)).map(|(_, r, c)| (r, c.enabled)).collect(),
            scopes: self
                .rules
                .each()
                .filter(|(_, _, c)| !c.mailboxes.is_empty())
                .map(|(_, r, c)| (r, lower(&c.mailboxes)))
                .collect(),
            caps: Policy {
                rules: RuleSet::USUAL,
                closed_us_max: days(self.closed_days_max),
                conversation_us_max: days(self.conversation_days_max),
                conversation_messages_max: if messages == 0 { i64::MAX } else { messages },
                subject_us_max: i64::from(self.subject_days_max).saturating_mul(DAY_US),
            },
            authserv_ids: lower(&self.authserv_ids),
            authserv_relays: self.authserv_relays.clone(),
            agents: lower(&self.agents),
            trackers: self
                .trackers
                .iter()
                .map(|t| Tracker {
                    name: t.name.clone(),
                    from: t.from.to_lowercase(),
                    subject: t.subject.clone(),
                    machines_only: t.machines_only,
                })
                .collect(),
            brakes: BrakeLimits {
                sender_max: self.flood_sender_max,
                automatic_max: self.flood_automatic_max,
                own_max: self.flood_own_max,
                token_failures_max: self.flood_token_failures_max,
                window_us: i64::try_from(self.flood_window_s).unwrap_or(i64::MAX).saturating_mul(1_000_000),
            },
            unbraked: lower(&self.flood_unbraked),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use crate::mail::{Rule, ThreadingPolicy};

    fn load(text: &str) -> Result<Config, String> {
        Config::from_text("t.toml", text, []).map_err(|e| e.to_string())
    }

    #[test]
    fn the_defaults_are_the_policy_of_the_rules() {
        assert_eq!(load("").unwrap().threading.policy(), ThreadingPolicy::default());
    }

    #[test]
    fn a_rule_is_switched_off_and_scoped_by_a_line() {
        let text = "[threading.rules]\nreference = { enabled = false }\ntracker = { mailboxes = [\"ERP@desk.test\"] }\n";
        let policy = load(text).unwrap().threading.policy();
        let at = |mailbox: &str| policy.for_mailboxes(&[mailbox]).rules;
        assert!(!at("erp@desk.test").has(Rule::Reference) && at("erp@desk.test").has(Rule::Tracker));
        assert!(!at("help@desk.test").has(Rule::Tracker) && at("help@desk.test").has(Rule::Token));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let e = load("[threading.rules]\n\nrefrence = { enabled = false }\n").unwrap_err();
        assert!(e.contains("line 3") && e.contains("refrence"), "{e}");
        let e = load("[threading.rules]\n\ntracker = { mailboxes = [\"erp\"] }\n").unwrap_err();
        assert!(e.contains("line 3") && e.contains("`threading.rules.tracker`"), "{e}");
        let e = load("[threading]\nagents = [\"desk.test\"]\n").unwrap_err();
        assert!(e.contains("line 2") && e.contains("@example.com"), "{e}");
        let e = load("[[threading.trackers]]\nname = \"erp\"\nfrom = \"erp.test\"\nsubject = \"Case\"\n").unwrap_err();
        assert!(e.contains("line 1") && e.contains("{digits}"), "{e}");
    }
}
