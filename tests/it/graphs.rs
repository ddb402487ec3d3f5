//! Random graphs of mails that refer to each other, for the properties of threading: mails that answer, forward, bounce, come
//! twice or never, carry tokens, cases of trackers and Exchange threads.

use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use tidegate::mail::{
    Class, ConversationFacts, ConversationId, Decision, IdStanding, KnownId, LinkKind, OrganisationId, Person, Policy, Rule,
    RuleSet, SenderAuth, SubjectKind, ThreadIndex, ThreadKeys, TokenEvidence, TokenPlace,
};
use tidegate::threading::{given_tag_id, subject_tag_id};
use uuid::Uuid;

/// Conversations that began before the mails; the last is an alias of the first.
pub(crate) const BEGUN: usize = 3;

/// A mail of a random graph.
#[derive(Debug, Clone)]
pub(crate) struct Mail {
    /// Two mails may have the same id: clients that make bad ones, and the same mail by two ways.
    pub(crate) id: u8,
    /// What it says. Of those with one id that say the same each is a further delivery of the first.
    pub(crate) says: u8,
    /// What it answers and what stands before that; ids of mails that may be lost.
    pub(crate) refers: Vec<u8>,
    pub(crate) from: u8,
    pub(crate) to: Vec<u8>,
    pub(crate) class: Class,
    pub(crate) kind: SubjectKind,
    pub(crate) thread_index: Option<u8>,
    /// It answers a forward.
    pub(crate) answers_forward: bool,
    /// A case of a tracker.
    pub(crate) tracker: Option<u8>,
    /// A token of a conversation that began outside these mails.
    pub(crate) token: Option<(u8, TokenPlace)>,
    /// A tag that the product gave out in one.
    pub(crate) tag: Option<u8>,
    /// DMARC passed, or failed: then it is not held but filed, as if staff had released it.
    pub(crate) auth: SenderAuth,
    /// It quotes what the product wrote in one, or has no quote at all.
    pub(crate) quotes: Option<u8>,
    /// Its text is one that the product sent.
    pub(crate) own_text: bool,
}

/// To whom the product gave the tag of a conversation.
pub(crate) fn given(conversation: usize) -> [String; 2] {
    [conversation, conversation + 3].map(|n| format!("person{n}@people.test"))
}

/// What the product registered with a conversation: its tag, and the texts of what it wrote there.
pub(crate) fn marks(conversation: usize) -> Vec<String> {
    let tag = format!("Ticket#{conversation}");
    let given = given(conversation).map(|address| given_tag_id(&tag, &address));
    let prints = [format!("{conversation}@text.invalid"), format!("{conversation}@quoted-text.invalid")];
    given.into_iter().chain(prints).chain([subject_tag_id(&tag)]).collect()
}

fn mail(ids: u8) -> impl Strategy<Value = Mail> {
    let class =
        prop_oneof![8 => Just(Class::Person), 1 => Just(Class::AutoReply), 1 => Just(Class::List), 1 => Just(Class::Bounce)];
    let kind = prop_oneof![2 => Just(SubjectKind::Plain), 5 => Just(SubjectKind::Reply), 1 => Just(SubjectKind::Forward)];
    let refers = prop::collection::vec(0..ids, 0..4);
    let thread_index = prop_oneof![6 => Just(None), 1 => (0..3u8).prop_map(Some)];
    let tracker = prop_oneof![8 => Just(None), 1 => (0..2u8).prop_map(Some)];
    let place =
        prop_oneof![Just(TokenPlace::Envelope), Just(TokenPlace::Cc), Just(TokenPlace::MessageId), Just(TokenPlace::Body)];
    let token = prop_oneof![5 => Just(None), 1 => (0..BEGUN as u8, place).prop_map(Some)];
    let said = (class, kind, prop::bool::weighted(0.15), thread_index, tracker, token);
    let tag = prop_oneof![4 => Just(None), 1 => (0..BEGUN as u8).prop_map(Some)];
    let auth = prop_oneof![2 => Just(SenderAuth::Pass), 2 => Just(SenderAuth::Unknown), 1 => Just(SenderAuth::Fail)];
    let quotes = prop_oneof![1 => Just(None), 1 => (0..BEGUN as u8).prop_map(Some)];
    let shown = (tag, auth, quotes, prop::bool::weighted(0.1));
    ((0..ids, 0..2u8), refers, 0..6u8, prop::collection::vec(0..6u8, 0..3), said, shown).prop_map(
        |((id, says), refers, from, to, (class, kind, answers_forward, thread_index, tracker, token), shown)| Mail {
            id,
            says,
            refers,
            from,
            to,
            class,
            kind,
            answers_forward: answers_forward && kind == SubjectKind::Reply,
            thread_index,
            tracker,
            token,
            tag: shown.0,
            auth: shown.1,
            quotes: shown.2,
            own_text: shown.3,
        },
    )
}

/// What a mail says, received as the nth, in an organisation with these conversations.
pub(crate) fn keys(mail: &Mail, received: usize, organisation: OrganisationId, begun: &[ConversationId; BEGUN]) -> ThreadKeys {
    let message_id = format!("{}@x.test", mail.id);
    let person = |n: &u8| Person { name: String::new(), address: format!("person{n}@people.test") };
    let mut references: Vec<String> = Vec::new();
    let mut bounced_id = None;
    for id in mail.refers.iter().map(|r| format!("{r}@x.test")).filter(|r| *r != message_id) {
        if mail.class == Class::Bounce && bounced_id.is_none() {
            bounced_id = Some(id);
        } else if !references.contains(&id) {
            references.push(id);
        }
    }
    let token =
        mail.token.map(|(n, place)| TokenEvidence { conversation: begun[usize::from(n)], addressee_is_sender: n == 0, place });
    let tag = mail.tag.map(|n| format!("Ticket#{n}"));
    let sender = person(&mail.from).address;
    let known = mail.auth == SenderAuth::Pass;
    ThreadKeys {
        subject_tags: tag.iter().map(|tag| subject_tag_id(tag)).collect(),
        given_tags: tag.iter().filter(|_| known).map(|tag| given_tag_id(tag, &sender)).collect(),
        auth: mail.auth,
        quotes: mail.quotes.is_some(),
        quoted_prints: mail.quotes.iter().map(|n| format!("{n}@quoted-text.invalid")).collect(),
        text_print: mail.own_text.then(|| "0@text.invalid".to_owned()),
        references,
        tokens: token.into_iter().collect(),
        base_subject: "subject".to_owned(),
        subject_kind: mail.kind,
        answers_forward: mail.answers_forward,
        thread_index: mail.thread_index.map(|n| format!("{n}@thread-index.invalid")),
        tracker: mail.tracker.map(|n| format!("{n}@tracker.invalid")),
        sender,
        people: std::iter::once(&mail.from).chain(&mail.to).map(person).collect(),
        class: mail.class,
        bounced_id,
        received_at_us: received as i64,
        ..ThreadKeys::new(organisation, message_id)
    }
}

/// In memory: one organisation, and its conversations.
pub(crate) const ORGANISATION: OrganisationId = OrganisationId(Uuid::from_u128(1));
pub(crate) const CONVERSATIONS: [ConversationId; BEGUN] = [
    ConversationId(Uuid::from_u128(0xffff_0000)),
    ConversationId(Uuid::from_u128(0xffff_0001)),
    ConversationId(Uuid::from_u128(0xffff_0002)),
];

/// What is known before the first mail. `touched`: staff have worked on the first two.
pub(crate) fn known(touched: bool) -> ThreadIndex {
    let mut index = ThreadIndex::default();
    for (n, id) in CONVERSATIONS.into_iter().enumerate() {
        for mark in marks(n) {
            index.ids.insert((ORGANISATION, mark), KnownId { conversation: id, standing: IdStanding::Outbound });
        }
        let facts = ConversationFacts {
            created_at_us: -1,
            touched_by_person: touched && n < 2,
            alias_of: (n == BEGUN - 1).then_some(CONVERSATIONS[0]),
            ..ConversationFacts::default()
        };
        index.conversations.insert(id, facts);
        index.owners.insert(id, ORGANISATION);
    }
    index
}

/// The ids a mail ties, and the conversations that its token and its tag name.
fn ties(mail: &Mail, keys: &ThreadKeys) -> Vec<String> {
    let stays = |n: usize| CONVERSATIONS[n % (BEGUN - 1)].to_string();
    let alone = keys.is_forward() || keys.is_new_from_old();
    let token = mail.token.filter(|_| !alone).map(|(n, _)| usize::from(n));
    let in_address = mail.token.is_some_and(|(_, place)| matches!(place, TokenPlace::Envelope | TokenPlace::Cc));
    let given_to_sender = |n: &usize| given(*n).contains(&keys.sender) && mail.auth == SenderAuth::Pass;
    let tag = mail.tag.map(usize::from).filter(given_to_sender).filter(|_| !alone && !in_address);
    keys.ties().map(str::to_owned).chain(token.into_iter().chain(tag).map(stays)).collect()
}

/// What it should be: the connected components, by the plainest means.
pub(crate) fn components(mails: &[Mail], policy: Policy) -> BTreeSet<BTreeSet<usize>> {
    let of = |m: &Mail| ThreadKeys { policy, ..keys(m, 0, ORGANISATION, &CONVERSATIONS) };
    let all: Vec<ThreadKeys> = mails.iter().map(of).collect();
    let mut groups = Groups::default();
    for (n, k) in all.iter().enumerate() {
        for id in ties(&mails[n], k) {
            groups.join(&format!("mail {n}"), &id);
        }
    }
    groups.of_mails(mails.len())
}

/// Things that belong together, by name.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    group: BTreeMap<String, usize>,
}

impl Groups {
    pub(crate) fn join(&mut self, a: &str, b: &str) {
        let next = self.group.len();
        let a = *self.group.entry(a.to_owned()).or_insert(next);
        let next = self.group.len();
        let b = *self.group.entry(b.to_owned()).or_insert(next);
        for group in self.group.values_mut().filter(|g| **g == b) {
            *group = a;
        }
    }

    /// A mail went to a conversation, and what the decision makes of others. Conversations that are linked, because staff have
    /// worked on both or because one is over, are one here.
    pub(crate) fn decided(&mut self, nth: usize, conversation: ConversationId, decision: &Decision) {
        let name = conversation.to_string();
        self.join(&format!("mail {nth}"), &name);
        for merged in &decision.merges {
            self.join(&name, &merged.to_string());
        }
        for link in decision.links.iter().filter(|l| l.kind != LinkKind::Forward) {
            self.join(&name, &link.conversation.to_string());
        }
    }

    /// The groups as sets of the mails that were joined as `mail 0`, `mail 1` …
    pub(crate) fn of_mails(&self, count: usize) -> BTreeSet<BTreeSet<usize>> {
        let mut out: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for n in 0..count {
            out.entry(self.group[&format!("mail {n}")]).or_default().insert(n);
        }
        out.into_values().collect()
    }
}

/// Mails, and an order.
pub(crate) fn graph(most: usize) -> impl Strategy<Value = (Vec<Mail>, Vec<usize>)> {
    prop::collection::vec(mail(14), 1..most).prop_flat_map(|mails| {
        let order: Vec<usize> = (0..mails.len()).collect();
        (Just(mails), Just(order).prop_shuffle())
    })
}

/// Caps so low that conversations end all the time: three messages, and what is closed was so long ago.
pub(crate) fn short_lived() -> Policy {
    Policy { conversation_messages_max: 3, closed_us_max: i64::MIN, ..Policy::default() }
}

/// New mails that were made from old ones stand alone as well.
pub(crate) fn alone() -> Policy {
    Policy { rules: RuleSet::USUAL.with(Rule::NewFromOld, true), ..Policy::default() }
}

/// Staff closed the first conversation.
pub(crate) fn close(index: &mut ThreadIndex) {
    let first = index.conversations.entry(CONVERSATIONS[0]).or_default();
    (first.open, first.closed_at_us, first.touched_by_person) = (false, Some(-1), true);
}
