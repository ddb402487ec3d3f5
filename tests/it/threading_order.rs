//! The same mails make the same conversations, whatever the order they come in.

use proptest::prelude::*;
use proptest::sample::Index;
use std::collections::{BTreeMap, BTreeSet};
use tidegate::mail::{
    Class, ConversationFacts, ConversationId, OrganisationId, Person, SubjectKind, ThreadIndex, ThreadKeys, TokenEvidence,
    TokenPlace, Where,
};
use tidegate::threading::{Partition, decide};
use uuid::Uuid;

/// A mail of a random graph.
#[derive(Debug, Clone)]
struct Mail {
    /// Two mails may have the same id: clients that make bad ones, and the same mail by two ways.
    id: u8,
    /// What it answers and what stands before that; ids of mails that may be lost.
    refers: Vec<u8>,
    from: u8,
    to: Vec<u8>,
    class: Class,
    kind: SubjectKind,
    thread_index: Option<u8>,
    /// A token of a conversation that began outside these mails.
    token: Option<(u8, TokenPlace)>,
}

fn mail(ids: u8) -> impl Strategy<Value = Mail> {
    let class =
        prop_oneof![8 => Just(Class::Person), 1 => Just(Class::AutoReply), 1 => Just(Class::List), 1 => Just(Class::Bounce)];
    let kind = prop_oneof![2 => Just(SubjectKind::Plain), 5 => Just(SubjectKind::Reply), 1 => Just(SubjectKind::Forward)];
    let refers = prop::collection::vec(0..ids, 0..4);
    let thread_index = prop_oneof![6 => Just(None), 1 => (0..3u8).prop_map(Some)];
    let place = prop_oneof![Just(TokenPlace::Envelope), Just(TokenPlace::Cc), Just(TokenPlace::MessageId)];
    let token = prop_oneof![5 => Just(None), 1 => (0..2u8, place).prop_map(Some)];
    (0..ids, refers, 0..6u8, prop::collection::vec(0..6u8, 0..3), class, kind, thread_index, token).prop_map(
        |(id, refers, from, to, class, kind, thread_index, token)| Mail {
            id,
            refers,
            from,
            to,
            class,
            kind,
            thread_index,
            token,
        },
    )
}

fn keys(mail: &Mail, received: usize) -> ThreadKeys {
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
    ThreadKeys {
        organisation: OrganisationId(Uuid::from_u128(1)),
        message_id,
        references,
        tokens: mail
            .token
            .map(|(n, place)| TokenEvidence { conversation: begun(n), addressee_is_sender: n == 0, place })
            .into_iter()
            .collect(),
        foreign_token: false,
        base_subject: "subject".to_owned(),
        subject_kind: mail.kind,
        thread_index: mail.thread_index.map(|n| format!("{n}@thread-index.invalid")),
        sender: person(&mail.from).address,
        people: std::iter::once(&mail.from).chain(&mail.to).map(person).collect(),
        class: mail.class,
        bounced_id,
        received_at_us: received as i64,
    }
}

/// A conversation that the product began.
fn begun(n: u8) -> ConversationId {
    ConversationId(Uuid::from_u128(0xffff_0000 + u128::from(n)))
}

/// What is known before the first mail.
fn known() -> ThreadIndex {
    let mut index = ThreadIndex::default();
    for n in 0..2 {
        index.conversations.insert(begun(n), ConversationFacts { created_at_us: -1, ..ConversationFacts::default() });
        index.owners.insert(begun(n), OrganisationId(Uuid::from_u128(1)));
    }
    index
}

/// The ids a mail ties, and the conversation its token names.
fn ties(keys: &ThreadKeys) -> Vec<String> {
    let token = keys.tokens.first().filter(|_| !keys.is_forward()).map(|t| t.conversation.to_string());
    keys.ties().map(str::to_owned).chain(token).collect()
}

/// What it should be: the connected components, by the plainest means.
fn components(mails: &[Mail]) -> BTreeSet<BTreeSet<usize>> {
    let all: Vec<ThreadKeys> = mails.iter().map(|m| keys(m, 0)).collect();
    let mut group: Vec<usize> = (0..all.len()).collect();
    let mut first: BTreeMap<String, usize> = BTreeMap::new();
    loop {
        let mut changed = false;
        for (n, k) in all.iter().enumerate() {
            for id in ties(k) {
                let least = *first.get(&id).unwrap_or(&group[n]).min(&group[n]);
                changed |= group[n] != least || first.get(&id).is_some_and(|f| *f != least);
                group[n] = least;
                first.insert(id, least);
            }
        }
        if !changed {
            break;
        }
    }
    let mut out: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for (n, g) in group.iter().enumerate() {
        out.entry(*g).or_default().insert(n);
    }
    out.into_values().collect()
}

/// Files the mails in an order, and tells the conversations in the numbers of `mails`.
fn filed(mails: &[Mail], order: &[usize]) -> BTreeSet<BTreeSet<usize>> {
    let mut partition = Partition::from_index(known());
    for (at, n) in order.iter().enumerate() {
        partition.add(&keys(&mails[*n], at));
    }
    partition.groups().into_iter().map(|g| g.into_iter().map(|at| order[at]).collect()).collect()
}

/// As a store does it: an index for each batch, with only what the batch asks for, and the rest in rows.
struct Rows {
    everything: ThreadIndex,
    placed: Vec<ConversationId>,
}

impl Rows {
    fn batch(&mut self, batch: &[ThreadKeys]) {
        let mut index = ThreadIndex::default();
        let asked: Vec<ConversationId> = batch
            .iter()
            .flat_map(|k| k.ids().filter_map(|i| self.everything.ids.get(&(k.organisation, i.to_owned()))))
            .map(|known| known.conversation)
            .chain(batch.iter().flat_map(|k| k.tokens.iter().map(|t| t.conversation)))
            .collect();
        for id in batch.iter().flat_map(|k| k.ids().map(|i| (k.organisation, i.to_owned()))) {
            index.ids.extend(self.everything.ids.get(&id).map(|known| (id, *known)));
        }
        for conversation in asked {
            let stays = self.everything.resolve(conversation);
            for conversation in [conversation, stays] {
                let facts = self.everything.conversations[&conversation].clone();
                // The rows keep the way short.
                let facts = ConversationFacts { alias_of: facts.alias_of.map(|_| stays), ..facts };
                index.conversations.insert(conversation, facts);
            }
        }
        for k in batch {
            let fresh = ConversationId(Uuid::from_u128(self.placed.len() as u128 + 1));
            let decision = decide(k, &index, fresh);
            let conversation = match decision.place {
                Where::New => fresh,
                Where::Existing(c) => c,
            };
            index.apply(k, &decision, conversation);
            self.placed.push(conversation);
        }
        self.everything.ids.extend(index.ids);
        self.everything.conversations.extend(index.conversations);
    }
}

fn graph() -> impl Strategy<Value = (Vec<Mail>, Vec<usize>)> {
    prop::collection::vec(mail(14), 1..24).prop_flat_map(|mails| {
        let order: Vec<usize> = (0..mails.len()).collect();
        (Just(mails), Just(order).prop_shuffle())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_order_gives_the_connected_components((mails, order) in graph()) {
        let expected = components(&mails);
        prop_assert_eq!(&filed(&mails, &(0..mails.len()).collect::<Vec<_>>()), &expected);
        prop_assert_eq!(&filed(&mails, &order), &expected);
    }

    #[test]
    fn the_same_mail_twice_changes_nothing((mails, order) in graph(), again in prop::collection::vec(any::<Index>(), 0..6)) {
        let twice: Vec<usize> = order.iter().copied().chain(again.iter().map(|i| i.index(mails.len()))).collect();
        prop_assert_eq!(filed(&mails, &twice), components(&mails));
    }

    #[test]
    fn batches_cut_anywhere_give_the_same((mails, order) in graph(), cuts in prop::collection::vec(1..6usize, 24)) {
        let all: Vec<ThreadKeys> = order.iter().enumerate().map(|(at, n)| keys(&mails[*n], at)).collect();
        let mut rows = Rows { everything: known(), placed: Vec::new() };
        let mut rest = all.as_slice();
        for cut in cuts {
            let (batch, after) = rest.split_at(cut.min(rest.len()));
            rows.batch(batch);
            rest = after;
        }
        let mut groups: BTreeMap<ConversationId, BTreeSet<usize>> = BTreeMap::new();
        for (at, conversation) in rows.placed.iter().enumerate() {
            groups.entry(rows.everything.resolve(*conversation)).or_default().insert(order[at]);
        }
        prop_assert_eq!(groups.into_values().collect::<BTreeSet<_>>(), components(&mails));
    }

    #[test]
    fn every_conversation_that_stays_counts_its_messages((mails, order) in graph()) {
        let mut partition = Partition::from_index(known());
        for (at, n) in order.iter().enumerate() {
            partition.add(&keys(&mails[*n], at));
        }
        for group in partition.groups() {
            let stays = partition.conversation(group[0]).unwrap();
            let facts = &partition.index().conversations[&stays];
            prop_assert_eq!(facts.message_count, group.len() as i64);
            prop_assert!(facts.alias_of.is_none());
        }
    }
}

#[test]
fn a_chain_of_two_thousand_mails_read_backwards_is_one_conversation() {
    let mut partition = Partition::from_index(known());
    // Every second mail first, so that each one after joins two conversations.
    let order = (0..2_000).step_by(2).chain((0..2_000).skip(1).step_by(2)).rev();
    for n in order {
        let mail = Mail {
            id: 0,
            refers: Vec::new(),
            from: 0,
            to: Vec::new(),
            class: Class::Person,
            kind: SubjectKind::Reply,
            thread_index: None,
            token: None,
        };
        let mut k = keys(&mail, n);
        k.message_id = format!("{n}@x.test");
        k.references = vec![format!("{}@x.test", n + 1)];
        partition.add(&k);
    }
    assert_eq!(partition.groups().len(), 1);
}
