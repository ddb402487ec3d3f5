//! The same mails make the same conversations on both databases, whatever the order, the cuts of the batches, and however
//! many workers attach at the same time.

use crate::database::{Database, on_both_databases};
use crate::graphs::{BEGUN, Groups, Mail, alone, components, graph, keys, marks, short_lived};
use crate::store_activity;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeSet;
use std::sync::Arc;
use tidegate::limits::ACTIVITY_SWEPT_ROWS;
use tidegate::mail::{
    Classification, ConversationId, Decision, JournalId, Locator, MessageId, NormalizedMail, OrganisationId, Outcome, Policy,
    Position, Prepared, ThreadIndex, ThreadKeys, Versions,
};
use tidegate::store::{Outbound, Store};
use uuid::Uuid;

/// Workers side by side, each with a store of its own as nodes have.
const WORKERS: usize = 3;

/// A random case: mails, their order, where it is cut into batches, what staff have done and how long conversations may get.
#[derive(Debug, Clone)]
struct Case {
    mails: Vec<Mail>,
    order: Vec<usize>,
    cuts: Vec<usize>,
    touched: bool,
    closed: bool,
    policy: Policy,
}

fn case() -> impl Strategy<Value = Case> {
    let policy = prop_oneof![Just(Policy::default()), Just(alone()), Just(short_lived())];
    (graph(20), prop::collection::vec(1..5usize, 20), any::<bool>(), any::<bool>(), policy)
        .prop_map(|((mails, order), cuts, touched, closed, policy)| Case { mails, order, cuts, touched, closed, policy })
}

fn prepared(keys: ThreadKeys, says: u8, journal: u128, offset: u32) -> Prepared {
    let mut content_hash = [says; 32];
    content_hash[1..=keys.message_id.len()].copy_from_slice(keys.message_id.as_bytes());
    Prepared {
        locator: Locator { journal: JournalId(Uuid::from_u128(journal)), position: Position { segment: 1, offset } },
        received_at_us: keys.received_at_us,
        organisation: keys.organisation,
        mailboxes: vec![],
        reverse_path: String::new(),
        mail: Arc::new(NormalizedMail { content_hash, ..NormalizedMail::default() }),
        class: Arc::new(Classification { class: keys.class, evidence: vec![], bounce: None }),
        keys,
        versions: Versions { reader: 1, classes: 1, rules: 1 },
        release: None,
    }
}

/// An organisation whose product has begun the conversations that tokens name; the last has become a part of the first.
async fn begin(store: &Store, name: &str, case: &Case) -> (OrganisationId, [ConversationId; BEGUN]) {
    let organisation = store.add_organisation(name, None).await.unwrap();
    let sent = |ids: &[&str], conversation, marks: Vec<String>| Outbound {
        organisation,
        conversation,
        message_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        marks,
        subject: "begun".to_owned(),
        addressees: vec![],
        sent_at_us: -1,
    };
    let mut begun = [ConversationId(Uuid::nil()); BEGUN];
    for (n, id) in begun.iter_mut().enumerate() {
        *id = store.register_outbound(&sent(&[&format!("begun{n}@desk.test")], None, marks(n))).await.unwrap().conversation;
    }
    let last = format!("begun{}@desk.test", BEGUN - 1);
    let merged = store.register_outbound(&sent(&["again@desk.test", &last], Some(begun[0]), vec![])).await.unwrap().merged;
    assert_eq!(merged, [begun[BEGUN - 1]]);
    if case.touched {
        store.touch_conversation(begun[0], "cli").await.unwrap();
        store.touch_conversation(begun[1], "cli").await.unwrap();
    }
    if case.closed {
        store.set_conversation_open(begun[0], false, "cli").await.unwrap();
    }
    (organisation, begun)
}

/// What would be held for staff is filed as if they had released it.
fn filed(keys: &ThreadKeys, index: &ThreadIndex, fresh: ConversationId) -> Decision {
    Decision { hold: None, ..tidegate::threading::decide(keys, index, fresh) }
}

/// Attaches the mails with several workers; gives each message, in the numbers of the mails.
async fn attach_all(db: &Database, stores: &[Store], case: &Case, n: usize) -> Vec<(usize, MessageId)> {
    let (organisation, begun) = begin(&db.store, &format!("case {n}"), case).await;
    let policy = case.policy;
    let mut batches: Vec<Vec<(usize, Prepared)>> = Vec::new();
    let mut rest = case.order.as_slice();
    for cut in &case.cuts {
        let (batch, after) = rest.split_at((*cut).min(rest.len()));
        rest = after;
        let keys = |m: usize| ThreadKeys { policy, ..keys(&case.mails[m], m, organisation, &begun) };
        batches.push(batch.iter().map(|m| (*m, prepared(keys(*m), case.mails[*m].says, n as u128 + 1, *m as u32 + 1))).collect());
    }
    let mut shares: Vec<Vec<Vec<(usize, Prepared)>>> = vec![Vec::new(); WORKERS];
    for (at, batch) in batches.into_iter().filter(|b| !b.is_empty()).enumerate() {
        shares[at % WORKERS].push(batch);
    }
    let workers = shares.into_iter().zip(stores.to_vec()).map(|(share, store)| {
        tokio::spawn(async move {
            let mut done = Vec::new();
            for batch in share {
                let mails: Vec<Prepared> = batch.iter().map(|(_, p)| p.clone()).collect();
                let outcomes = loop {
                    match store.attach(&mails, &filed).await {
                        Ok(outcomes) => break outcomes,
                        Err(error) => assert!(error.is_transient(), "{error}"),
                    }
                };
                for ((m, _), outcome) in batch.iter().zip(outcomes) {
                    let (Outcome::Attached { message, .. } | Outcome::DuplicateOf(message)) = outcome else {
                        panic!("{outcome:?}")
                    };
                    done.push((*m, message));
                }
            }
            done
        })
    });
    let mut all = Vec::new();
    for worker in workers.collect::<Vec<_>>() {
        all.extend(worker.await.unwrap());
    }
    all
}

/// Which mails belong together, as the database has it: in one conversation, or in conversations that are linked.
async fn groups(store: &Store, messages: &[(usize, MessageId)]) -> BTreeSet<BTreeSet<usize>> {
    let mut groups = Groups::default();
    let mut seen = BTreeSet::new();
    let mut todo = Vec::new();
    for (m, message) in messages {
        let conversation = store.message(*message).await.unwrap().conversation;
        groups.join(&format!("mail {m}"), &conversation.to_string());
        todo.push(conversation);
    }
    while let Some(conversation) = todo.pop() {
        if seen.insert(conversation) {
            for link in store.conversation_links(conversation, None, 200).await.unwrap().iter().filter(|l| l.kind != "forward") {
                groups.join(&link.conversation.to_string(), &link.other.to_string());
                todo.extend([link.conversation, link.other]);
            }
        }
    }
    groups.of_mails(messages.len())
}

async fn hold(db: &Database, cases: usize) {
    let mut stores = Vec::new();
    for _ in 0..WORKERS {
        stores.push(db.another_store().await);
    }
    let mut runner = TestRunner::new(Config::default());
    for n in 0..cases {
        let case = case().new_tree(&mut runner).unwrap().current();
        let messages = attach_all(db, &stores, &case, n).await;
        assert_eq!(groups(&db.store, &messages).await, components(&case.mails, case.policy), "{case:#?}");
        if !case.touched && !case.closed && case.policy != short_lived() {
            // Then nothing is only linked: it is one conversation.
            for (_, message) in &messages {
                let conversation = db.store.message(*message).await.unwrap().conversation;
                let links = db.store.conversation_links(conversation, None, 200).await.unwrap();
                assert!(links.iter().all(|l| l.kind == "forward"), "{links:?}\n{case:#?}");
            }
        }
    }
    store_activity::sweep(&db.store, ACTIVITY_SWEPT_ROWS).await;
    // Lists show every conversation that is no alias, when something was last said in it, and nothing else.
    let living = "SELECT COUNT(*) FROM conversations WHERE alias_of IS NULL";
    let listed = "SELECT COUNT(*) FROM conversation_activity a JOIN conversations c ON c.id = a.conversation
                  WHERE c.alias_of IS NULL AND c.organisation = a.organisation AND c.last_message_at = a.last_message_at";
    let rows = db.number("SELECT COUNT(*) FROM conversation_activity").await;
    let living = db.number(living).await;
    assert!(living > 0);
    assert_eq!((db.number(listed).await, rows), (living, living));
    assert_eq!(db.number(store_activity::MISCOUNTED).await, 0);
    for store in stores {
        store.close().await;
    }
}

on_both_databases! {
    async fn any_order_cut_and_number_of_workers_gives_the_connected_components(db: Database) {
        hold(db, 40).await;
    }
}
