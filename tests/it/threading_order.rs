//! The same mails make the same conversations, whatever the order they come in.

use crate::graphs::{
    CONVERSATIONS, Groups, Mail, ORGANISATION, alone, close, components, graph, keys as keys_of, known, short_lived,
};
use proptest::prelude::*;
use proptest::sample::Index;
use std::collections::{BTreeMap, BTreeSet};
use tidegate::mail::{Class, ConversationFacts, ConversationId, Policy, SenderAuth, SubjectKind, ThreadIndex, ThreadKeys, Where};
use tidegate::threading::{Partition, decide};
use uuid::Uuid;

fn keys(mail: &Mail, received: usize) -> ThreadKeys {
    keys_of(mail, received, ORGANISATION, &CONVERSATIONS)
}

/// Files the mails in an order under a policy; tells which belong together, also where conversations are only linked.
fn linked(mails: &[Mail], order: &[usize], before: ThreadIndex, policy: Policy) -> BTreeSet<BTreeSet<usize>> {
    let mut partition = Partition::from_index(before);
    let mut groups = Groups::default();
    for (at, n) in order.iter().enumerate() {
        let decision = partition.add(&ThreadKeys { policy, ..keys(&mails[*n], at) });
        groups.decided(*n, partition.conversation(at).unwrap(), &decision);
    }
    groups.of_mails(mails.len())
}

/// Files the mails in an order, and tells the conversations in the numbers of `mails`.
fn filed(mails: &[Mail], order: &[usize], policy: Policy) -> BTreeSet<BTreeSet<usize>> {
    let mut partition = Partition::from_index(known(false));
    for (at, n) in order.iter().enumerate() {
        partition.add(&ThreadKeys { policy, ..keys(&mails[*n], at) });
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
            .flat_map(|k| k.lookups().filter_map(|i| self.everything.ids.get(&(k.organisation, i.to_owned()))))
            .map(|known| known.conversation)
            .chain(batch.iter().flat_map(|k| k.tokens.iter().map(|t| t.conversation)))
            .collect();
        for id in batch.iter().flat_map(|k| k.lookups().map(|i| (k.organisation, i.to_owned()))) {
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_order_gives_the_connected_components((mails, order) in graph(24)) {
        for policy in [Policy::default(), alone()] {
            let expected = components(&mails, policy);
            prop_assert_eq!(&filed(&mails, &(0..mails.len()).collect::<Vec<_>>(), policy), &expected);
            prop_assert_eq!(&filed(&mails, &order, policy), &expected);
        }
    }

    #[test]
    fn what_staff_have_worked_on_is_linked_and_stays_apart((mails, order) in graph(24)) {
        prop_assert_eq!(linked(&mails, &order, known(true), Policy::default()), components(&mails, Policy::default()));
        let mut partition = Partition::from_index(known(true));
        for (at, n) in order.iter().enumerate() {
            let decision = partition.add(&keys(&mails[*n], at));
            prop_assert!(!decision.merges.contains(&CONVERSATIONS[0]) && !decision.merges.contains(&CONVERSATIONS[1]));
        }
    }

    #[test]
    fn conversations_that_end_are_one_chain_with_those_they_go_on_in((mails, order) in graph(24)) {
        let expected = components(&mails, short_lived());
        prop_assert_eq!(&linked(&mails, &order, known(false), short_lived()), &expected);
        prop_assert_eq!(&linked(&mails, &order, known(true), short_lived()), &expected);
        let mut closed = known(false);
        close(&mut closed);
        prop_assert_eq!(&linked(&mails, &order, closed, short_lived()), &expected);
    }

    #[test]
    fn the_same_mail_twice_changes_nothing((mails, order) in graph(24), again in prop::collection::vec(any::<Index>(), 0..6)) {
        let twice: Vec<usize> = order.iter().copied().chain(again.iter().map(|i| i.index(mails.len()))).collect();
        prop_assert_eq!(filed(&mails, &twice, Policy::default()), components(&mails, Policy::default()));
    }

    #[test]
    fn batches_cut_anywhere_give_the_same((mails, order) in graph(24), cuts in prop::collection::vec(1..6usize, 24)) {
        let all: Vec<ThreadKeys> = order.iter().enumerate().map(|(at, n)| keys(&mails[*n], at)).collect();
        let mut rows = Rows { everything: known(false), placed: Vec::new() };
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
        prop_assert_eq!(groups.into_values().collect::<BTreeSet<_>>(), components(&mails, Policy::default()));
    }

    #[test]
    fn every_conversation_that_stays_counts_its_messages((mails, order) in graph(24)) {
        let mut partition = Partition::from_index(known(false));
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
    let mut partition = Partition::from_index(known(false));
    // Every second mail first, so that each one after joins two conversations.
    let order = (0..2_000).step_by(2).chain((0..2_000).skip(1).step_by(2)).rev();
    for n in order {
        let mail = Mail {
            id: 0,
            says: 0,
            refers: Vec::new(),
            from: 0,
            to: Vec::new(),
            class: Class::Person,
            kind: SubjectKind::Reply,
            answers_forward: false,
            thread_index: None,
            tracker: None,
            token: None,
            tag: None,
            auth: SenderAuth::Unknown,
            quotes: None,
            own_text: false,
        };
        let mut k = keys(&mail, n);
        k.message_id = format!("{n}@x.test");
        k.references = vec![format!("{}@x.test", n + 1)];
        partition.add(&k);
    }
    assert_eq!(partition.groups().len(), 1);
}
