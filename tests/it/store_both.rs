//! The store keeps its promises on both databases.
//!
//! The rules here are a small stand-in for `threading`: the store is handed its rules.

use crate::database::{Database, on_both_databases};
use std::sync::Arc;
use tidegate::mail::{
    Attachment, Class, Classification, ConversationId, Decision, DispositionKind, HoldReason, JournalId, Locator, MailboxId, May,
    MessageId, NormalizedMail, OrganisationId, Outcome, Person, Position, Prepared, QuarantineReason, ReasonCode, Release, Rule,
    ThreadIndex, ThreadKeys, UserId, Versions, Where,
};
use tidegate::store::{Error, EventKind, Outbound, QuarantineState, Registered, Store};
use uuid::Uuid;

const JOURNAL: JournalId = JournalId(Uuid::from_u128(7));

/// References decide; the oldest conversation stays; a subject of `hold` is held; a sender that is not known is unverified.
pub(crate) fn decide(keys: &ThreadKeys, index: &ThreadIndex, _fresh: ConversationId) -> Decision {
    let mut found: Vec<ConversationId> = keys
        .ids()
        .filter_map(|id| index.ids.get(&(keys.organisation, id.to_owned())))
        .map(|known| index.resolve(known.conversation))
        .collect();
    found.sort_by_key(|id| (index.conversations[id].created_at_us, *id));
    found.dedup();
    let mut found = found.into_iter();
    let (place, rule) = match found.next() {
        Some(first) => (Where::Existing(first), Rule::Reference),
        None => (Where::New, Rule::New),
    };
    let may = match place {
        _ if keys.class.is_automatic() => May::Automatic,
        Where::New => May::Open,
        Where::Existing(id) if index.conversations[&id].participants.contains(&keys.sender) => May::Participant,
        Where::Existing(_) => May::Unverified,
    };
    let hold = (keys.base_subject == "hold").then_some(HoldReason::ForgedParticipant);
    Decision { merges: found.collect(), hold, ..Decision::new(place, may, rule) }
}

/// Mails for one organisation.
pub(crate) struct Desk {
    pub(crate) organisation: OrganisationId,
    mailbox: MailboxId,
}

impl Desk {
    pub(crate) async fn new(store: &Store, name: &str) -> Desk {
        let organisation = store.add_organisation(name, None).await.unwrap();
        let mailbox = store.add_mailbox(organisation, &format!("help@{name}.test")).await.unwrap();
        Desk { organisation, mailbox }
    }

    /// A mail at an offset of the journal, with an id, and ids it refers to, from `ann@a.test`.
    pub(crate) fn mail(&self, offset: u32, id: &str, references: &[&str]) -> Prepared {
        let ann = Person { name: "Ann".into(), address: "ann@a.test".into() };
        let mut content_hash = [0; 32];
        content_hash[..4].copy_from_slice(&offset.to_be_bytes());
        Prepared {
            locator: Locator { journal: JOURNAL, position: Position { segment: 1, offset } },
            received_at_us: 1_000_000 + i64::from(offset),
            organisation: self.organisation,
            mailboxes: vec![self.mailbox],
            reverse_path: "ann@a.test".into(),
            mail: Arc::new(NormalizedMail {
                from: Some(ann.clone()),
                subject: format!("About {id}"),
                message_id: Some(id.into()),
                text: "Hello".into(),
                content_hash,
                ..NormalizedMail::default()
            }),
            class: Arc::new(Classification { class: Class::Person, evidence: vec![], bounce: None }),
            keys: ThreadKeys {
                references: references.iter().map(|r| (*r).to_owned()).collect(),
                base_subject: format!("about {id}"),
                sender: ann.address.clone(),
                people: vec![ann],
                received_at_us: 1_000_000 + i64::from(offset),
                ..ThreadKeys::new(self.organisation, id)
            },
            versions: Versions { reader: 1, classes: 1, rules: 1 },
            release: None,
        }
    }
}

fn attached(outcome: &Outcome) -> (MessageId, ConversationId) {
    match outcome {
        Outcome::Attached { message, conversation, .. } => (*message, *conversation),
        other => panic!("attached was expected: {other:?}"),
    }
}

async fn attach_one(store: &Store, mail: Prepared) -> Outcome {
    store.attach(&[mail], &decide).await.unwrap().remove(0)
}

/// Everybody in a conversation.
async fn people(store: &Store, conversation: ConversationId) -> Vec<String> {
    store.participants(conversation, None, 200).await.unwrap().into_iter().map(|p| p.address).collect()
}

on_both_databases! {
    async fn a_mail_is_attached_once_however_often_it_comes(db: Database) {
        let desk = Desk::new(&db.store, "acme").await;
        let batch = [desk.mail(1, "a@x", &[]), desk.mail(2, "b@x", &["a@x"]), desk.mail(1, "a@x", &[])];
        let outcomes = db.store.attach(&batch, &decide).await.unwrap();
        assert_eq!(attached(&outcomes[0]).1, attached(&outcomes[1]).1);
        assert_eq!(outcomes[2], Outcome::Already(DispositionKind::Attached));
        let again = db.store.attach(&batch, &decide).await.unwrap();
        assert!(again.iter().all(|o| *o == Outcome::Already(DispositionKind::Attached)), "{again:?}");
        assert_eq!(db.number("SELECT COUNT(*) FROM messages").await, 2);
        assert_eq!(db.number("SELECT message_count FROM conversations").await, 2);
        assert_eq!(db.number("SELECT COUNT(*) FROM outbox").await, 3, "one opened, two attached");
    }

    async fn the_same_content_again_is_a_duplicate_and_shows_in_its_mailbox_too(db: Database) {
        let desk = Desk::new(&db.store, "acme").await;
        let other = db.store.add_mailbox(desk.organisation, "sales@acme.test").await.unwrap();
        let first = desk.mail(1, "a@x", &[]);
        let again = |offset: u32| Prepared {
            locator: Locator { journal: JOURNAL, position: Position { segment: 1, offset } },
            mailboxes: vec![other],
            ..first.clone()
        };
        let outcomes = db.store.attach(&[first.clone(), again(2)], &decide).await.unwrap();
        let (message, _) = attached(&outcomes[0]);
        assert_eq!(outcomes[1], Outcome::DuplicateOf(message), "within the batch");
        assert_eq!(attach_one(&db.store, again(3)).await, Outcome::DuplicateOf(message), "from the database");
        assert_eq!(attach_one(&db.store, again(3)).await, Outcome::Already(DispositionKind::Duplicate));
        assert_eq!(db.store.message(message).await.unwrap().repeats, 2);
        assert_eq!(db.number("SELECT COUNT(*) FROM message_mailboxes").await, 2);
        // Another organisation has a message of its own.
        let theirs = Desk::new(&db.store, "other").await;
        let mail = Prepared { mail: first.mail.clone(), ..theirs.mail(1, "a@x", &[]) };
        let (_, conversation) = attached(&attach_one(&db.store, mail).await);
        assert_ne!(Some(conversation), db.store.message(message).await.ok().map(|m| m.conversation));
    }

    async fn a_mail_that_ties_two_conversations_makes_them_one_and_the_old_id_still_leads_there(db: Database) {
        let desk = Desk::new(&db.store, "acme").await;
        let mut second = desk.mail(2, "b@x", &[]);
        second.keys.people.push(Person { name: "Bob".into(), address: "bob@b.test".into() });
        let (_, stays) = attached(&attach_one(&db.store, desk.mail(1, "a@x", &[])).await);
        let (message, gone) = attached(&attach_one(&db.store, second).await);
        assert_ne!(stays, gone);
        let outcome = attach_one(&db.store, desk.mail(3, "c@x", &["a@x", "b@x"])).await;
        assert_eq!(attached(&outcome).1, stays);
        assert_eq!(db.store.message(message).await.unwrap().conversation, stays, "rows move");
        let merged = db.store.conversation(gone).await.unwrap();
        assert_eq!((merged.id, merged.message_count), (stays, 3), "the id that went leads to the one that stays");
        assert_eq!(people(&db.store, stays).await, ["ann@a.test", "bob@b.test"]);
        assert_eq!(people(&db.store, gone).await, [""; 0]);
        // What only knows ids of the one that went goes to the one that stays.
        assert_eq!(attached(&attach_one(&db.store, desk.mail(4, "d@x", &["b@x"])).await).1, stays);
        assert_eq!(db.store.conversations(desk.organisation, None, 10).await.unwrap().len(), 1);
        let events = db.store.outbox_after(desk.organisation, 0, 100).await.unwrap();
        let merge: Vec<_> = events.iter().filter(|e| e.kind == EventKind::ConversationMerged).collect();
        assert_eq!((merge[0].conversation, merge[0].merged), (Some(stays), Some(gone)));
        assert_eq!(db.store.audit_entries(None, 10).await.unwrap()[0].action, "conversation.merged");
    }

    async fn conversations_merge_within_one_batch_too(db: Database) {
        let desk = Desk::new(&db.store, "acme").await;
        let batch = [
            desk.mail(1, "a@x", &[]),
            desk.mail(2, "b@x", &[]),
            desk.mail(3, "c@x", &[]),
            desk.mail(4, "d@x", &["b@x", "c@x"]),
            desk.mail(5, "e@x", &["a@x", "d@x"]),
            desk.mail(6, "f@x", &["c@x"]),
        ];
        let outcomes = db.store.attach(&batch, &decide).await.unwrap();
        let (_, stays) = attached(&outcomes[0]);
        assert_eq!(attached(&outcomes[5]).1, stays);
        let all = db.store.conversations(desk.organisation, None, 10).await.unwrap();
        assert_eq!((all.len(), all[0].id, all[0].message_count), (1, stays, 6));
        assert_eq!(db.store.messages(stays, None, 10).await.unwrap().len(), 6);
        assert_eq!(db.number("SELECT COUNT(*) FROM participants").await, 1);
        assert_eq!(db.number("SELECT COUNT(*) FROM message_ids WHERE message IS NOT NULL").await, 6);
        for outcome in &outcomes {
            assert_eq!(db.store.conversation(attached(outcome).1).await.unwrap().id, stays, "every alias leads there");
        }
    }

    async fn a_stranger_who_ties_two_conversations_lets_nobody_into_either(db: Database) {
        let desk = Desk::new(&db.store, "acme").await;
        let from = |mut mail: Prepared, address: &str| {
            mail.keys.sender = address.to_owned();
            mail.keys.people = vec![Person { name: String::new(), address: address.to_owned() }];
            mail
        };
        let (_, stays) = attached(&attach_one(&db.store, desk.mail(1, "a@x", &[])).await);
        let (_, gone) = attached(&attach_one(&db.store, from(desk.mail(2, "m@x", &[]), "mallory@m.test")).await);
        let outcome = attach_one(&db.store, from(desk.mail(3, "n@x", &["a@x", "m@x"]), "mallory@m.test")).await;
        let Outcome::Attached { decision, conversation, .. } = outcome else { panic!("{outcome:?}") };
        assert_eq!((decision.may, conversation), (May::Unverified, stays));
        assert_eq!(people(&db.store, stays).await, [""; 0]);
        assert_eq!(people(&db.store, gone).await, [""; 0]);
        // So nobody may, but what is written there is seen.
        db.store.set_conversation_open(stays, false, "cli").await.unwrap();
        attach_one(&db.store, desk.mail(4, "b@x", &["a@x"])).await;
        assert_eq!(db.store.conversation(stays).await.unwrap().state, "open");
        assert_eq!(people(&db.store, stays).await, [""; 0]);
    }

    async fn only_a_person_who_may_speak_reopens_a_conversation_and_brings_people(db: Database) {
        let desk = Desk::new(&db.store, "acme").await;
        let (_, conversation) = attached(&attach_one(&db.store, desk.mail(1, "a@x", &[])).await);
        assert_eq!(db.store.conversation(conversation).await.unwrap().state, "open");
        db.store.set_conversation_open(conversation, false, "cli").await.unwrap();

        let mut stranger = desk.mail(2, "s@x", &["a@x"]);
        stranger.keys.sender = "eve@e.test".into();
        stranger.keys.people = vec![Person { name: "Eve".into(), address: "eve@e.test".into() }];
        let mut robot = desk.mail(3, "r@x", &["a@x"]);
        robot.keys.class = Class::AutoReply;
        robot.class = Arc::new(Classification { class: Class::AutoReply, evidence: vec![], bounce: None });
        db.store.attach(&[stranger, robot.clone()], &decide).await.unwrap();
        let after = db.store.conversation(conversation).await.unwrap();
        assert_eq!((after.state.as_str(), after.message_count), ("closed", 3));
        assert_eq!(people(&db.store, conversation).await, ["ann@a.test"]);

        let mut answer = desk.mail(4, "b@x", &["a@x"]);
        answer.keys.people.push(Person { name: "Bob".into(), address: "bob@b.test".into() });
        attach_one(&db.store, answer).await;
        let after = db.store.conversation(conversation).await.unwrap();
        assert_eq!((after.state.as_str(), after.touched_by_person), ("open", true));
        assert_eq!(people(&db.store, conversation).await, ["ann@a.test", "bob@b.test"]);

        robot.locator.position.offset = 5;
        robot.keys.message_id = "alone@x".into();
        robot.keys.references.clear();
        robot.mail = Arc::new(NormalizedMail { content_hash: [9; 32], ..NormalizedMail::default() });
        let (_, alone) = attached(&attach_one(&db.store, robot).await);
        assert_eq!(db.store.conversation(alone).await.unwrap().state, "closed", "a program opens nothing");
        assert_eq!(people(&db.store, alone).await, [""; 0]);
    }

    async fn a_held_mail_waits_and_is_attached_when_staff_release_it(db: Database) {
        let desk = Desk::new(&db.store, "acme").await;
        let (_, chosen) = attached(&attach_one(&db.store, desk.mail(1, "a@x", &[])).await);
        let mut mail = desk.mail(2, "h@x", &[]);
        mail.keys.base_subject = "hold".into();
        let Outcome::Quarantined(id, _) = attach_one(&db.store, mail.clone()).await else { panic!("it was not held") };
        let item = db.store.quarantine_item(id).await.unwrap();
        assert_eq!((item.state, item.reasons[0].code), (QuarantineState::Held, ReasonCode::ForgedParticipant));
        assert_eq!((item.subject.as_deref(), item.mailboxes), (Some("About h@x"), vec![desk.mailbox]));
        assert_eq!(attach_one(&db.store, mail.clone()).await, Outcome::Already(DispositionKind::Quarantined));
        assert!(db.store.released(JOURNAL, 10).await.unwrap().is_empty());
        assert_eq!(db.store.segments_with_held_mail(JOURNAL).await.unwrap().into_iter().collect::<Vec<_>>(), [1]);

        // Not into a conversation of others.
        let theirs = Desk::new(&db.store, "other").await;
        let (_, foreign) = attached(&attach_one(&db.store, theirs.mail(9, "o@x", &[])).await);
        assert!(matches!(db.store.release(id, Some(foreign), "cli").await, Err(Error::NotFound { .. })));

        let by = UserId(Uuid::from_u128(5));
        db.store.release(id, Some(chosen), &format!("user:{by}")).await.unwrap();
        let released = db.store.released(JOURNAL, 10).await.unwrap();
        assert_eq!((released[0].item, released[0].conversation, released[0].by), (id, Some(chosen), Some(by)));
        mail.release = Some(Release { item: id, conversation: Some(chosen) });
        let outcome = attach_one(&db.store, mail.clone()).await;
        let Outcome::Attached { decision, message, conversation } = outcome else { panic!("{outcome:?}") };
        assert_eq!((conversation, decision.rule), (chosen, Rule::Staff));
        let item = db.store.quarantine_item(id).await.unwrap();
        assert_eq!((item.state, item.message), (QuarantineState::Attached, Some(message)));
        let counts = db.store.ledger_counts(JOURNAL).await.unwrap();
        assert_eq!(counts.get(&DispositionKind::Attached), Some(&3));
        assert_eq!(counts.get(&DispositionKind::Quarantined), None);
        assert_eq!(attach_one(&db.store, mail).await, Outcome::Already(DispositionKind::Attached), "a repeat after a crash");
        assert!(matches!(db.store.release(id, None, "cli").await, Err(Error::Conflict(_))));
    }

    async fn a_released_mail_is_attached_even_if_its_content_was_seen(db: Database) {
        let desk = Desk::new(&db.store, "acme").await;
        let mut mail = desk.mail(1, "h@x", &[]);
        mail.keys.base_subject = "hold".into();
        let Outcome::Quarantined(id, _) = attach_one(&db.store, mail.clone()).await else { panic!("it was not held") };
        let mut twin = mail.clone();
        twin.locator.position.offset = 2;
        twin.keys.base_subject = "fine".into();
        attached(&attach_one(&db.store, twin).await);
        db.store.release(id, None, "cli").await.unwrap();
        mail.release = Some(Release { item: id, conversation: None });
        attached(&attach_one(&db.store, mail).await);
        assert_eq!(db.number("SELECT COUNT(*) FROM messages").await, 2);
    }

    async fn a_discarded_mail_stays_accounted_for(db: Database) {
        let desk = Desk::new(&db.store, "acme").await;
        let locator = Locator { journal: JOURNAL, position: Position { segment: 3, offset: 64 } };
        let reasons = [QuarantineReason { code: ReasonCode::ReaderPanicked, detail: "at src/x.rs:1".into() }];
        let whom = [(desk.organisation, vec![desk.mailbox])];
        let held = db.store.quarantine(locator, 5, &whom, &reasons).await.unwrap();
        assert_eq!(db.store.quarantine(locator, 5, &whom, &reasons).await.unwrap(), held, "holding twice is holding once");
        db.store.discard(held[0], "spam", "cli").await.unwrap();
        assert!(matches!(db.store.discard(held[0], "spam", "cli").await, Err(Error::Conflict(_))));
        assert!(matches!(db.store.release(held[0], None, "cli").await, Err(Error::Conflict(_))));
        assert!(db.store.quarantine(locator, 5, &whom, &reasons).await.unwrap().is_empty(), "it is not held any more");
        let known = db.store.dispositions(JOURNAL, &[locator.position, Position::START]).await.unwrap();
        assert_eq!(known, [(locator.position, desk.organisation, DispositionKind::Discarded)]);
        let end = Position { segment: 4, offset: 0 };
        assert_eq!(db.store.dispositions_between(JOURNAL, Position::START, end).await.unwrap(), known);
        let entry = &db.store.audit_entries(None, 1).await.unwrap()[0];
        assert_eq!((entry.actor.as_str(), entry.action.as_str()), ("cli", "quarantine.discarded"));
    }

    async fn a_released_mail_that_fails_again_is_held_again(db: Database) {
        let desk = Desk::new(&db.store, "acme").await;
        let locator = Locator { journal: JOURNAL, position: Position { segment: 3, offset: 64 } };
        let reason = |code| [QuarantineReason { code, detail: String::new() }];
        let whom = [(desk.organisation, vec![desk.mailbox])];
        let held = db.store.quarantine(locator, 5, &whom, &reason(ReasonCode::ReaderPanicked)).await.unwrap();
        db.store.release(held[0], None, "cli").await.unwrap();
        assert_eq!(db.store.quarantine(locator, 5, &whom, &reason(ReasonCode::ReaderTimedOut)).await.unwrap(), held);
        let item = db.store.quarantine_item(held[0]).await.unwrap();
        assert_eq!((item.state, item.reasons[0].code), (QuarantineState::Held, ReasonCode::ReaderTimedOut));
        assert!(db.store.released(JOURNAL, 10).await.unwrap().is_empty());
    }

    async fn nul_and_endless_keys_and_odd_letters_are_taken(db: Database) {
        let desk = Desk::new(&db.store, "acme").await;
        let id = format!("{}@x", "long".repeat(2_000));
        let mut mail = desk.mail(1, &id, &["nul\0@x"]);
        mail.reverse_path = "\0".into();
        mail.keys.people.push(Person { name: "N\0l".into(), address: format!("{}\0@x", "é".repeat(3_000)) });
        mail.mail = Arc::new(NormalizedMail {
            text: "a\0b \u{10ffff} \u{202e}".into(),
            subject: "\0".into(),
            in_reply_to: vec!["nul\0\\u0000@x".into()],
            from: Some(Person { name: "\0".into(), address: "\0".into() }),
            content_hash: [1; 32],
            attachments: vec![Attachment {
                name: "\0".into(),
                content_type: "a/b".into(),
                size: u64::MAX,
                sha256: String::new(),
                inline: false,
                content_id: Some("\0".into()),
                part: 0,
            }],
            ..NormalizedMail::default()
        });
        let (message, conversation) = attached(&attach_one(&db.store, mail).await);
        let shown = db.store.message(message).await.unwrap();
        assert_eq!(shown.text, "a\u{fffd}b \u{10ffff} \u{202e}");
        assert_eq!(shown.in_reply_to, serde_json::json!(["nul\u{fffd}\\u0000@x"]));
        assert_eq!(db.store.attachments(message).await.unwrap()[0].name, "\u{fffd}");
        // An answer finds it by the id as it was.
        assert_eq!(attached(&attach_one(&db.store, desk.mail(2, "b@x", &[&id])).await).1, conversation);
        assert_eq!(attached(&attach_one(&db.store, desk.mail(3, "c@x", &["nul\0@x"])).await).1, conversation);
    }

    async fn pages_follow_each_other_without_a_gap_or_a_repeat(db: Database) {
        let desk = Desk::new(&db.store, "acme").await;
        // Pairs were received at the same microsecond.
        let batch: Vec<Prepared> = (0..20).map(|n| {
            let mut mail = desk.mail(n, &format!("{n}@x"), &[]);
            mail.received_at_us = i64::from(n / 2);
            mail
        }).collect();
        db.store.attach(&batch, &decide).await.unwrap();
        let all = db.store.conversations(desk.organisation, None, 200).await.unwrap();
        assert_eq!(all.len(), 20);
        assert!(all.is_sorted_by_key(|c| std::cmp::Reverse((c.last_message_at_us, c.id))));
        let mut paged = Vec::new();
        let mut after = None;
        loop {
            let page = db.store.conversations(desk.organisation, after, 3).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some((last.last_message_at_us, last.id));
            paged.extend(page);
        }
        assert_eq!(paged, all);

        let answers: Vec<Prepared> = (20..31).map(|n| {
            let mut mail = desk.mail(n, &format!("{n}@x"), &["0@x"]);
            mail.received_at_us = i64::from(n % 3);
            mail
        }).collect();
        let (_, conversation) = attached(&db.store.attach(&answers, &decide).await.unwrap()[0]);
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = db.store.messages(conversation, after, 5).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some((last.received_at_us, last.id));
            seen.extend(page.iter().map(|m| (m.received_at_us, m.id)));
        }
        assert_eq!(seen.len(), 12);
        assert!(seen.is_sorted() && seen.windows(2).all(|w| w[0] != w[1]));
    }

    async fn a_batch_with_refused_data_writes_nothing_and_is_not_tried_again_as_it_is(db: Database) {
        let desk = Desk::new(&db.store, "acme").await;
        let nobodys = Desk { organisation: OrganisationId(Uuid::from_u128(404)), mailbox: desk.mailbox };
        let batch = [desk.mail(1, "a@x", &[]), nobodys.mail(2, "b@x", &[])];
        let error = db.store.attach(&batch, &decide).await.unwrap_err();
        assert!(!error.is_transient(), "{error}");
        assert_eq!(db.number("SELECT COUNT(*) FROM messages").await, 0);
        attached(&attach_one(&db.store, desk.mail(1, "a@x", &[])).await);
        // Held it can be, whatever is wrong with its organisation.
        let reasons = [QuarantineReason { code: ReasonCode::StoreRefused, detail: error.to_string() }];
        db.store.quarantine(batch[1].locator, 5, &[(nobodys.organisation, vec![])], &reasons).await.unwrap();
    }

    async fn rules_that_mix_up_organisations_are_refused(db: Database) {
        let (ours, theirs) = (Desk::new(&db.store, "acme").await, Desk::new(&db.store, "other").await);
        let (_, foreign) = attached(&attach_one(&db.store, theirs.mail(1, "a@x", &[])).await);
        let wrong = move |keys: &ThreadKeys, index: &ThreadIndex, fresh| {
            Decision { place: Where::Existing(foreign), ..decide(keys, index, fresh) }
        };
        let error = db.store.attach(&[ours.mail(2, "b@x", &[])], &wrong).await.unwrap_err();
        assert!(!error.is_transient() && error.to_string().contains("not of organisation"), "{error}");
    }

    async fn two_nodes_make_the_same_conversation_of_one_thread(db: Database) {
        let desk = Desk::new(&db.store, "acme").await;
        let other = db.another_store().await;
        // Each mail refers to the two before it; the nodes take turns.
        let mails: Vec<Prepared> = (2..62_u32)
            .map(|n| desk.mail(n, &format!("{n}@x"), &[&format!("{}@x", n - 2), &format!("{}@x", n - 1)]))
            .collect();
        let (mine, yours): (Vec<_>, Vec<_>) = mails.into_iter().partition(|m| m.locator.position.offset % 2 == 0);
        let run = |store: Store, mails: Vec<Prepared>| async move {
            for batch in mails.chunks(3) {
                loop {
                    match store.attach(batch, &decide).await {
                        Ok(outcomes) => break assert_eq!(outcomes.len(), batch.len()),
                        Err(e) => assert!(e.is_transient(), "{e}"),
                    }
                }
            }
        };
        let (mine, yours) = tokio::join!(tokio::spawn(run(db.store.clone(), mine)), tokio::spawn(run(other.clone(), yours)));
        mine.and(yours).unwrap();
        let all = db.store.conversations(desk.organisation, None, 10).await.unwrap();
        assert_eq!((all.len(), all[0].message_count), (1, 60));
        assert_eq!(db.number("SELECT COUNT(*) FROM messages m JOIN conversations c ON c.id = m.conversation WHERE c.alias_of IS NULL").await, 60);
        let events = db.store.outbox_after(desk.organisation, 0, 200).await.unwrap();
        assert!(events.iter().map(|e| e.sequence).eq(1..=i64::try_from(events.len()).unwrap()), "numbered without a gap");
        other.close().await;
    }

    async fn an_attach_that_is_given_up_halfway_leaves_nothing_behind(db: Database) {
        let desk = Desk::new(&db.store, "acme").await;
        let mut given_up = 0;
        for n in 0..30_u32 {
            let batch = [desk.mail(n * 2, &format!("{n}@x"), &["root@x"]), desk.mail(n * 2 + 1, &format!("{n}@y"), &["root@x"])];
            let moment = std::time::Duration::from_micros(u64::from(n) * 150);
            given_up += usize::from(tokio::time::timeout(moment, db.store.attach(&batch, &decide)).await.is_err());
            // Whatever became of it, the repeat settles it.
            db.store.attach(&batch, &decide).await.unwrap();
        }
        assert!(given_up > 0, "nothing was given up: the test tests nothing");
        let all = db.store.conversations(desk.organisation, None, 10).await.unwrap();
        assert_eq!((all.len(), all[0].message_count), (1, 60));
        assert_eq!(db.number("SELECT COUNT(*) FROM messages").await, 60);
        assert_eq!(db.number("SELECT COUNT(*) FROM dispositions").await, 60);
    }

    async fn the_database_remembers_what_the_real_rules_know_in_memory(db: Database) {
        let addresses = ["ann@a.test", "bob@b.test", "cleo@c.test", "dan@d.test"];
        for round in 0..6_u32 {
            let desk = Desk::new(&db.store, &format!("acme{round}")).await;
            // A small xorshift: the same mails in every run, another set in every round.
            let mut state = 0x9e37_79b9_u32 ^ (round + 1);
            let mut random = move |below: usize| {
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                state as usize % below
            };
            let mut mails: Vec<Prepared> = (0..60)
                .map(|n| {
                    let references: Vec<String> = (0..random(3)).map(|_| format!("{}@x", random(60))).collect();
                    let references: Vec<&str> = references.iter().map(String::as_str).collect();
                    let mut mail = desk.mail(round * 1_000 + n, &format!("{n}@x"), &references);
                    mail.keys.class = if random(6) == 0 { Class::AutoReply } else { Class::Person };
                    mail.keys.sender = addresses[random(4)].into();
                    let also = addresses[random(4)];
                    let people = [mail.keys.sender.clone(), also.to_owned()];
                    mail.keys.people = people.map(|address| Person { name: String::new(), address }).into();
                    mail
                })
                .collect();
            for n in (1..mails.len()).rev() {
                mails.swap(n, random(n + 1));
            }

            let mut memory = tidegate::threading::Partition::default();
            for mail in &mails {
                memory.add(&mail.keys);
            }
            let mut rest = mails.as_slice();
            while !rest.is_empty() {
                let (batch, after) = rest.split_at((1 + random(9)).min(rest.len()));
                db.store.attach(batch, &tidegate::threading::decide).await.unwrap();
                rest = after;
            }

            // Conversations are compared as: which subjects, who is there, in which state.
            let mut expected = Vec::new();
            for group in memory.groups() {
                let facts = &memory.index().conversations[&memory.conversation(group[0]).unwrap()];
                let mut subjects: Vec<String> = group.iter().map(|n| mails[*n].mail.subject.clone()).collect();
                subjects.sort();
                let mut people: Vec<String> = facts.participants.iter().cloned().collect();
                people.sort();
                expected.push((subjects, people, facts.message_count));
            }
            let mut found = Vec::new();
            for c in db.store.conversations(desk.organisation, None, 200).await.unwrap() {
                let messages = db.store.messages(c.id, None, 200).await.unwrap();
                let mut subjects: Vec<String> = messages.iter().map(|m| m.subject.clone()).collect();
                subjects.sort();
                found.push((subjects, people(&db.store, c.id).await, c.message_count));
            }
            expected.sort();
            found.sort();
            assert_eq!(found, expected, "round {round}");
            assert!(expected.iter().any(|(subjects, ..)| subjects.len() > 3), "threads grew: {expected:?}");
        }
    }

    async fn an_answer_that_came_before_its_mail_was_registered_ends_in_the_same_place(db: Database) {
        let desk = Desk::new(&db.store, "acme").await;
        let outbound = |conversation, ids: &[&str]| Outbound {
            organisation: desk.organisation,
            conversation,
            marks: vec![],
            message_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
            subject: "Your order".into(),
            addressees: vec![Person { name: "Cleo".into(), address: "Cleo@C.test".into() }],
            sent_at_us: 7,
        };
        let first = db.store.register_outbound(&outbound(None, &["o1@us", "o1@provider"])).await.unwrap();
        assert_eq!(db.store.register_outbound(&outbound(None, &["o1@us"])).await.unwrap(), first, "registered twice is once");
        assert_eq!(attached(&attach_one(&db.store, desk.mail(1, "a@x", &["o1@provider"])).await).1, first.conversation);
        assert_eq!(people(&db.store, first.conversation).await, ["cleo@c.test"], "the answer came from a stranger");

        let (_, early) = attached(&attach_one(&db.store, desk.mail(2, "b@x", &["o2@us"])).await);
        let late = db.store.register_outbound(&outbound(Some(first.conversation), &["o2@us"])).await.unwrap();
        assert_eq!(late, Registered { conversation: first.conversation, merged: vec![early] });
        assert_eq!(db.store.conversation(early).await.unwrap().id, first.conversation);
        assert_eq!(db.number("SELECT COUNT(*) FROM message_ids WHERE standing = 'outbound'").await, 3);
        let none = outbound(None, &[]);
        assert!(matches!(db.store.register_outbound(&none).await, Err(Error::Conflict(_))));
    }

    async fn an_endpoint_is_leased_by_one_and_told_in_order(db: Database) {
        let desk = Desk::new(&db.store, "acme").await;
        attach_one(&db.store, desk.mail(1, "a@x", &[])).await;
        let added = db.store.add_endpoint(desk.organisation, "https://x.test/", b"secret", "cli").await.unwrap();
        assert_eq!(added.delivered, 2, "it is told what happens from now on");
        assert!(db.store.lease_endpoints(10, 20, 5).await.unwrap().is_empty(), "nothing happened yet");
        attach_one(&db.store, desk.mail(2, "b@x", &["a@x"])).await;
        let mut leased = db.store.lease_endpoints(10, 20, 5).await.unwrap().remove(0);
        assert!(db.store.lease_endpoints(15, 25, 5).await.unwrap().is_empty(), "it is leased");
        let events = db.store.outbox_after(desk.organisation, leased.delivered, 10).await.unwrap();
        assert_eq!((events.len(), events[0].kind), (1, EventKind::MessageAttached));
        let mut late = db.store.lease_endpoints(21, 40, 5).await.unwrap().remove(0);
        assert!(!db.store.endpoint_delivered(&mut leased, events[0].sequence, 0).await.unwrap(), "the lease was lost");
        assert!(db.store.endpoint_failed(&late, 60).await.unwrap());
        assert!(db.store.lease_endpoints(59, 70, 5).await.unwrap().is_empty(), "not before its time");
        late = db.store.lease_endpoints(60, 70, 5).await.unwrap().remove(0);
        assert_eq!(late.failures, 1);
        assert!(db.store.endpoint_delivered(&mut late, events[0].sequence, 90).await.unwrap());
        assert!(db.store.return_endpoint(&late).await.unwrap());
        assert!(db.store.lease_endpoints(100, 110, 5).await.unwrap().is_empty(), "it has got everything");
        db.store.change_endpoint(added.id, None, Some(false), "cli").await.unwrap();
        let changed = db.store.endpoint(added.id).await.unwrap().unwrap();
        assert_eq!((changed.enabled, changed.url.as_str(), changed.failures), (false, "https://x.test/", 0));
        assert_eq!(db.store.endpoints(Some(desk.organisation), 10).await.unwrap(), [changed]);
        assert_eq!(db.store.trim_outbox(i64::MAX).await.unwrap(), 3);
        db.store.remove_endpoint(added.id, "cli").await.unwrap();
        assert_eq!(db.store.endpoint(added.id).await.unwrap(), None);
    }

    async fn every_query_is_timed_by_its_name(db: Database) {
        let desk = Desk::new(&db.store, "acme").await;
        attach_one(&db.store, desk.mail(1, "a@x", &[])).await;
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &db.registry).unwrap();
        for name in ["insert_messages", "index_ids", "commit", "migrate"] {
            assert!(text.contains(&format!("store_query_seconds_count{{query=\"{name}\"}} ")), "{name}: {text}");
        }
    }
}
