//! The store keeps its promises on both databases.
//!
//! The rules here are a small stand-in for `threading`: the store is handed its rules.

use crate::database::{Database, on_both_databases};
use std::sync::Arc;
use tidegate::mail::{
    Class, Classification, ConversationId, Decision, DispositionKind, HoldReason, JournalId, Locator, MailboxId, May, MessageId,
    NormalizedMail, OrganisationId, Outcome, Person, Position, Prepared, Release, Rule, ThreadIndex, ThreadKeys, Versions, Where,
};
use tidegate::store::Store;
use uuid::Uuid;

const JOURNAL: JournalId = JournalId(Uuid::from_u128(7));

/// References decide; the oldest conversation stays; a subject of `hold` is held; a sender that is not known is unverified.
fn decide(keys: &ThreadKeys, index: &ThreadIndex, _fresh: ConversationId) -> Decision {
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
    Decision { place, merges: found.collect(), may, rule, confidence: 1.0, evidence: vec![], suggestions: vec![], hold }
}

/// Mails for one organisation.
struct Desk {
    organisation: OrganisationId,
    mailbox: MailboxId,
}

impl Desk {
    async fn new(store: &Store, name: &str) -> Desk {
        let organisation = store.add_organisation(name, None).await.unwrap();
        let mailbox = store.add_mailbox(organisation, &format!("help@{name}.test")).await.unwrap();
        Desk { organisation, mailbox }
    }

    /// A mail at an offset of the journal, with an id, and ids it refers to, from `ann@a.test`.
    fn mail(&self, offset: u32, id: &str, references: &[&str]) -> Prepared {
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
                organisation: self.organisation,
                message_id: id.into(),
                references: references.iter().map(|r| (*r).to_owned()).collect(),
                tokens: vec![],
                foreign_token: false,
                base_subject: format!("about {id}"),
                subject_kind: tidegate::mail::SubjectKind::Plain,
                thread_index: None,
                sender: ann.address.clone(),
                people: vec![ann],
                class: Class::Person,
                bounced_id: None,
                received_at_us: 1_000_000 + i64::from(offset),
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
    }
}
