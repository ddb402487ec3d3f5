//! Several mails that are held against the conversations they belong to.
//!
//! The truth is a partition. It is held in every order of arrival, since conversations may not depend on luck; what is
//! said of single mails (rule, may, suggestions, …) is held in the order of their names. Each mail is also held as one
//! that stands alone is.
//!
//! # Failure
//! What the author of a sample got wrong is said when it is loaded, in words for him.

mod orders;
mod setup;
#[cfg(test)]
mod tests;

pub use setup::{Before, EnvelopeSaid, Outbound, Setup};

use super::sample::SampleMail;
use super::verdict::Said;
use super::{Arrival, Desk, Read};
use crate::mail::{ConversationId, Decision, OrganisationId, ThreadKeys, Where};
use setup::{FIRST_US, OTHER};
use std::collections::{BTreeMap, HashMap};

/// Between two mails, where the sample does not say.
const BETWEEN_US: i64 = 60_000_000;

/// Orders of arrival in which the truth is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Every one.
    #[default]
    Any,
    /// Only that of the names; the sample says why.
    AsNamed,
}

/// Which mails make a conversation: their names, and labels of conversations that were there before.
#[derive(Debug, Clone, Default)]
pub struct Truth {
    /// Of the organisation.
    pub ours: Vec<Vec<String>>,
    /// Of the second one.
    pub others: Vec<Vec<String>>,
    /// In which orders of arrival.
    pub order: Order,
}

/// What makes a sample of several mails: what was known before, and the truth.
#[derive(Debug, Clone, Default)]
pub struct Scene {
    /// What a gateway would know.
    pub setup: Setup,
    /// The conversations.
    pub truth: Truth,
}

/// A mail that was filed.
struct Step {
    mail: usize,
    organisation: OrganisationId,
    /// None for another delivery of a mail that is there.
    decision: Option<Decision>,
    duplicate_of: Option<usize>,
    /// Its place among what the desk filed; of a duplicate, that of the first delivery.
    filed: usize,
    /// Who is in the conversation then.
    participants: Vec<String>,
    /// Which conversation each mail and label is in then, by the name of what began it.
    homes: BTreeMap<String, String>,
}

/// The mails of a scene, filed in one order.
struct Run {
    desk: Desk,
    steps: Vec<Step>,
    /// What began each conversation: a mail, or a label.
    begun: HashMap<ConversationId, String>,
}

impl Scene {
    /// Makes a scene, and fills the placeholders of its mails.
    ///
    /// # Errors
    /// Words for its author.
    pub(super) fn new(setup: Setup, truth: Truth, mails: &mut [SampleMail]) -> Result<Scene, String> {
        let names: Vec<&str> = mails.iter().map(|m| m.name.as_str()).collect();
        if let Some(fault) = setup.fault(&names) {
            return Err(fault);
        }
        if truth.ours.is_empty() && truth.others.is_empty() {
            return Err(
                "[expect]: `conversations` is missing: which mails make a conversation, [[\"01\", \"02\"], [\"03\"]]".to_owned()
            );
        }
        let labels = setup.labels();
        let said = || truth.ours.iter().chain(&truth.others).flatten().map(String::as_str);
        if let Some(name) = said().find(|n| !names.contains(n) && !labels.contains(n)) {
            return Err(format!("[expect]: `conversations` has `{name}`, which is no mail and no label"));
        }
        if let Some(name) = names.iter().find(|n| said().filter(|s| s == *n).count() == 0) {
            return Err(format!("[expect]: `conversations` leaves out `{name}`"));
        }
        for mail in mails {
            mail.raw = setup.fill(&mail.raw).map_err(|e| format!("{}: {e}", mail.name))?;
        }
        Ok(Scene { setup, truth })
    }

    fn arrival(&self, name: &str, nth: usize) -> Arrival {
        let said = self.setup.envelope.get(name).cloned().unwrap_or_default();
        let given = said.received.and_then(|at| at.parse::<jiff::Timestamp>().ok()).map(jiff::Timestamp::as_microsecond);
        Arrival {
            at_us: given.unwrap_or(FIRST_US + nth as i64 * BETWEEN_US),
            reverse_path: said.from,
            recipients: said.to.into_iter().flatten().map(|to| filled(&self.setup, to)).collect(),
        }
    }

    /// Reads the mails, once for all orders.
    fn read(&self, desk: &Desk, mails: &[(String, Vec<u8>)]) -> Vec<Read> {
        let mut reads = Vec::new();
        for (nth, (name, raw)) in mails.iter().enumerate() {
            let mut arrival = self.arrival(name, nth);
            if arrival.recipients.is_empty() {
                let said = desk.read(raw, &arrival).mail;
                let own = |a: &&String| desk.directory.lookup(a).is_some();
                let shown = said.to.iter().chain(&said.cc).map(|p| &p.address);
                arrival.recipients = shown.filter(own).cloned().collect();
                if arrival.recipients.is_empty() {
                    arrival.recipients.extend(self.setup.mailboxes.first().cloned());
                }
            }
            reads.push(desk.read(raw, &arrival));
        }
        reads
    }

    /// Files the mails in one order.
    fn run(&self, names: &[&str], reads: &[Read], keys: &[Vec<ThreadKeys>], order: &[usize]) -> Run {
        let mut times: Vec<i64> = reads.iter().map(|r| r.envelope.received_at_us).collect();
        times.sort_unstable();
        let known = self.setup.conversations();
        let mut run = Run {
            desk: self.setup.desk(),
            steps: Vec::new(),
            begun: known.iter().map(|(label, id)| (*id, (*label).to_owned())).collect(),
        };
        let mut filed = 0;
        let mut contents: HashMap<(OrganisationId, [u8; 32]), (usize, usize)> = HashMap::new();
        for (mail, at_us) in order.iter().copied().zip(times) {
            for of_one in &keys[mail] {
                let mut of_one = of_one.clone();
                of_one.received_at_us = at_us;
                let organisation = of_one.organisation;
                let content = (organisation, reads[mail].mail.content_hash);
                let said = std::iter::once(&content.1).chain(&reads[mail].mail.direct_hashes);
                let first = said.map(|hash| (organisation, *hash)).find_map(|said| contents.get(&said).copied());
                let (decision, duplicate_of, place) = match first {
                    Some((first, place)) => (None, Some(first), place),
                    None => {
                        let decision = run.desk.file(&of_one);
                        contents.insert(content, (mail, filed));
                        filed += 1;
                        (Some(decision), None, filed - 1)
                    }
                };
                let there = run.desk.partition.conversation(place);
                if let (Some(Where::New), Some(there)) = (decision.as_ref().map(|d| d.place), there) {
                    run.begun.insert(there, names[mail].to_owned());
                }
                let facts = there.and_then(|c| run.desk.partition.index().conversations.get(&c));
                let mut participants: Vec<String> = facts.into_iter().flat_map(|f| f.participants.iter().cloned()).collect();
                participants.sort();
                let homes = BTreeMap::new();
                run.steps.push(Step { mail, organisation, decision, duplicate_of, filed: place, participants, homes });
                let homes = run.homes(names, &known);
                if let Some(step) = run.steps.last_mut() {
                    step.homes = homes;
                }
            }
        }
        run
    }

    fn keys(desk: &Desk, reads: &[Read]) -> Vec<Vec<ThreadKeys>> {
        let of = |read: &Read| {
            let mut organisations = read.envelope.organisations();
            if organisations.is_empty() {
                organisations.push(Desk::ORGANISATION);
            }
            organisations.into_iter().map(|o| desk.keys(read, o)).collect()
        };
        reads.iter().map(of).collect()
    }

    /// Holds everything that is said of the mails, for one kind of line ends; the orders of arrival only if `all_orders`.
    pub(super) fn hold(&self, mails: &[SampleMail], raw: impl Fn(&[u8]) -> Vec<u8>, all_orders: bool) -> Vec<(String, Said)> {
        let names: Vec<&str> = mails.iter().map(|m| m.name.as_str()).collect();
        let raws: Vec<(String, Vec<u8>)> = mails.iter().map(|m| (m.name.clone(), raw(&m.raw))).collect();
        let desk = self.setup.desk();
        let reads = self.read(&desk, &raws);
        let keys = Scene::keys(&desk, &reads);
        let mut out = Vec::new();
        let orders = match self.truth.order {
            Order::Any if all_orders => orders::orders(mails.len()),
            _ => vec![(0..mails.len()).collect()],
        };
        let named = self.run(&names, &reads, &keys, &(0..mails.len()).collect::<Vec<_>>());
        for (field, organisation, truth) in
            [("conversations", Desk::ORGANISATION, &self.truth.ours), ("other_conversations", OTHER, &self.truth.others)]
        {
            let expected = shown(truth.clone(), &self.setup.labels());
            // The named order first, so that the plainest miss is the one that is told.
            let labels = self.setup.labels();
            let mut got = shown(self.groups(&names, &named, organisation), &labels);
            for order in orders.iter().skip(1) {
                if got != expected {
                    break;
                }
                got = shown(self.groups(&names, &self.run(&names, &reads, &keys, order), organisation), &labels);
                if got != expected {
                    let order: Vec<&str> = order.iter().map(|n| names[*n]).collect();
                    got = format!("{got} in the order {}", order.join(" "));
                }
            }
            out.push((String::new(), Said::new(field, expected, got)));
        }
        for (nth, mail) in mails.iter().enumerate() {
            for said in super::verdict::of_reading(&mail.expect, &reads[nth].mail, &reads[nth].class) {
                out.push((mail.name.clone(), said));
            }
            let step = named.steps.iter().filter(|s| s.mail == nth).min_by_key(|s| s.organisation);
            if let Some(step) = step {
                out.extend(named.of_decision(mail, step, &names).into_iter().map(|said| (mail.name.clone(), said)));
            }
        }
        out
    }

    /// The conversations of one organisation after a run.
    fn groups(&self, names: &[&str], run: &Run, organisation: OrganisationId) -> Vec<Vec<String>> {
        let mut groups: BTreeMap<ConversationId, Vec<String>> = BTreeMap::new();
        let index = run.desk.partition.index();
        for (label, id) in self.setup.conversations() {
            if index.owners.get(&id) == Some(&organisation) {
                groups.entry(index.resolve(id)).or_default().push(label.to_owned());
            }
        }
        for step in run.steps.iter().filter(|s| s.organisation == organisation) {
            if let Some(there) = run.desk.partition.conversation(step.filed) {
                groups.entry(there).or_default().push(names[step.mail].to_owned());
            }
        }
        groups.into_values().collect()
    }

    /// `[expect]` of a new sample: what is decided now, for a person to correct.
    pub(super) fn as_decided(&self, mails: &[SampleMail]) -> String {
        use std::fmt::Write as _;
        let names: Vec<&str> = mails.iter().map(|m| m.name.as_str()).collect();
        let raws: Vec<(String, Vec<u8>)> = mails.iter().map(|m| (m.name.clone(), m.raw.clone())).collect();
        let desk = self.setup.desk();
        let reads = self.read(&desk, &raws);
        let run = self.run(&names, &reads, &Scene::keys(&desk, &reads), &(0..mails.len()).collect::<Vec<_>>());
        let mut groups = self.groups(&names, &run, Desk::ORGANISATION);
        groups.sort();
        let mut out = format!(
            "\n# [setup]\n# mailboxes = [\"help@desk.example\"]   # what the gateway knew: corpus/README.md has the rest\n\n\
             # This is what Tidegate decides NOW. Correct what is wrong: it is a person's word, and the test.\n\
             [expect]\nconversations = {}\n",
            toml::Value::from(groups)
        );
        for step in &run.steps {
            let Some(decision) = &step.decision else {
                let first = step.duplicate_of.map(|n| names[n]).unwrap_or_default();
                let _ = write!(out, "\n[expect.mails.{:?}]\nduplicate_of = {first:?}\n", names[step.mail]);
                continue;
            };
            let (rule, may) = (decision.rule.as_str(), decision.may.as_str());
            let _ = write!(out, "\n[expect.mails.{:?}]\nrule = {rule:?}\nmay = {may:?}\n", names[step.mail]);
        }
        out
    }

    /// The readings and decisions in the order of the names, as text for a snapshot.
    pub(super) fn snapshot(&self, mails: &[SampleMail], raw: impl Fn(&[u8]) -> Vec<u8>) -> String {
        let names: Vec<&str> = mails.iter().map(|m| m.name.as_str()).collect();
        let raws: Vec<(String, Vec<u8>)> = mails.iter().map(|m| (m.name.clone(), raw(&m.raw))).collect();
        let desk = self.setup.desk();
        let reads = self.read(&desk, &raws);
        let keys = Scene::keys(&desk, &reads);
        let run = self.run(&names, &reads, &keys, &(0..mails.len()).collect::<Vec<_>>());
        let steps: Vec<serde_json::Value> = run
            .steps
            .iter()
            .map(|step| {
                let read = &reads[step.mail];
                serde_json::json!({
                    "mail": names[step.mail],
                    "second_organisation": step.organisation == OTHER,
                    "from": read.mail.from,
                    "subject": read.mail.subject,
                    "message_id": read.mail.message_id,
                    "references": keys[step.mail].first().map(|k| &k.references),
                    "class": read.class.class.as_str(),
                    "repairs": read.mail.repairs.iter().map(|r| r.code).collect::<Vec<_>>(),
                    "conversation": step.homes.get(names[step.mail]),
                    "duplicate_of": step.duplicate_of.map(|n| names[n]),
                    "participants": step.participants,
                    "decision": step.decision,
                })
            })
            .collect();
        let mut text = serde_json::to_string_pretty(&steps).unwrap_or_default();
        for (id, name) in &run.begun {
            text = text.replace(&id.to_string(), name);
        }
        text
    }
}

/// A placeholder in an envelope's address; its author was told at loading if it stands for nothing.
fn filled(setup: &Setup, address: String) -> String {
    let bytes = setup.fill(address.as_bytes()).ok();
    bytes.and_then(|b| String::from_utf8(b).ok()).unwrap_or(address)
}

/// Conversations as text: sorted, without labels nothing was added to.
fn shown(groups: Vec<Vec<String>>, labels: &[&str]) -> String {
    let mut groups: Vec<Vec<String>> =
        groups.into_iter().filter(|g| g.len() > 1 || g.iter().any(|name| !labels.contains(&name.as_str()))).collect();
    for group in &mut groups {
        group.sort();
    }
    groups.sort();
    groups.iter().map(|g| format!("[{}]", g.join(" "))).collect::<Vec<_>>().join(" ")
}

impl Run {
    /// Which conversation each mail and label is in now, by the name of what began it.
    fn homes(&self, names: &[&str], known: &[(&str, ConversationId)]) -> BTreeMap<String, String> {
        let mails = self.steps.iter().filter_map(|s| Some((names[s.mail], self.desk.partition.conversation(s.filed)?)));
        let labels = known.iter().map(|(label, id)| (*label, self.desk.partition.index().resolve(*id)));
        labels.chain(mails).map(|(name, there)| (name.to_owned(), self.begun.get(&there).cloned().unwrap_or_default())).collect()
    }

    /// What is said of a mail's decision with what was decided.
    fn of_decision(&self, mail: &SampleMail, step: &Step, names: &[&str]) -> Vec<Said> {
        let expect = &mail.expect;
        let mut out = Vec::new();
        let decision = step.decision.as_ref();
        let mut one = |field, expected: &Option<String>, got: String| {
            out.extend(expected.iter().map(|e| Said::new(field, e.clone(), got.clone())));
        };
        let or_duplicate = |word: Option<&str>| word.unwrap_or("(a duplicate)").to_owned();
        one("rule", &expect.rule, or_duplicate(decision.map(|d| d.rule.as_str())));
        one("may", &expect.may, or_duplicate(decision.map(|d| d.may.as_str())));
        let hold = decision.and_then(|d| d.hold).and_then(|h| serde_json::to_value(h).ok());
        one("hold", &expect.hold, hold.as_ref().and_then(|h| h.as_str()).unwrap_or_default().to_owned());
        one("duplicate_of", &expect.duplicate_of, step.duplicate_of.map(|n| names[n].to_owned()).unwrap_or_default());
        let mut list = |field, expected: Option<Vec<String>>, got: Vec<String>| {
            out.extend(expected.map(|e| Said::new(field, sorted(e), sorted(got))));
        };
        let name = |c: &ConversationId| self.begun.get(c).cloned().unwrap_or_else(|| c.to_string());
        let home = |names: &Vec<String>| names.iter().map(|n| step.homes.get(n).unwrap_or(n).clone()).collect();
        // A merge has made the name an alias already, so these are names of what began the conversations.
        list("merges", expect.merges.clone(), decision.into_iter().flat_map(|d| d.merges.iter().map(name)).collect());
        let suggested = decision.into_iter().flat_map(|d| d.suggestions.iter().map(|s| name(&s.conversation)));
        list("suggests", expect.suggests.as_ref().map(home), suggested.collect());
        let people = expect.participants.as_ref().map(|p| p.iter().map(|a| a.to_lowercase()).collect());
        list("participants", people, step.participants.clone());
        let lines = decision.into_iter().flat_map(|d| &d.evidence).map(|e| format!("{} {} {}", e.code, e.place, e.detail));
        let lines = lines.collect::<Vec<_>>().join("\n");
        for piece in expect.evidence_contains.iter().flatten() {
            out.push(Said::new("evidence_contains", piece.clone(), lines.clone()));
        }
        out
    }
}

fn sorted(mut names: Vec<String>) -> String {
    names.sort();
    names.dedup();
    names.join(", ")
}
