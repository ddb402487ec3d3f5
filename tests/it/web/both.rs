//! What the pages and webhooks ask of the database, on SQLite and PostgreSQL alike.

use super::gateway::{install_crypto, until};
use super::hooks;
use crate::database::{Database, on_both_databases};
use std::sync::Arc;
use tidegate::config::Config;
use tidegate::mail::{ConversationId, JournalId, Locator, OrganisationId, Position, QuarantineId, QuarantineReason, ReasonCode};
use tidegate::store::{Outbound, QuarantineFilter, QuarantineState, Store, now_us};
use uuid::Uuid;

async fn hold(store: &Store, organisation: OrganisationId, offset: u32, code: ReasonCode) -> QuarantineId {
    let locator = Locator { journal: JournalId(Uuid::from_u128(5)), position: Position { segment: 1, offset } };
    let reasons = [QuarantineReason { code, detail: "100 % \"sure\"".into() }];
    store.quarantine(locator, now_us(), &[(organisation, vec![])], &reasons).await.unwrap()[0]
}

async fn ids(store: &Store, filter: QuarantineFilter, max: usize) -> Vec<QuarantineId> {
    store.quarantine_matching(&filter, max).await.unwrap().into_iter().map(|i| i.id).collect()
}

on_both_databases! {
    async fn the_quarantine_is_filtered_and_paged(db: Database) {
        let store = &db.store;
        let a = store.add_organisation("acme", None).await.unwrap();
        let b = store.add_organisation("bolt", None).await.unwrap();
        let first = hold(store, a, 1, ReasonCode::Loop).await;
        let second = hold(store, b, 2, ReasonCode::Loop).await;
        let third = hold(store, a, 3, ReasonCode::ReaderTimedOut).await;
        let all = QuarantineFilter::default();
        assert_eq!(ids(store, all, 10).await, [third, second, first]);
        assert_eq!(ids(store, QuarantineFilter { before: Some(third), ..all }, 1).await, [second]);
        assert_eq!(ids(store, QuarantineFilter { organisation: Some(a), ..all }, 10).await, [third, first]);
        assert_eq!(ids(store, QuarantineFilter { reason: Some(ReasonCode::Loop), ..all }, 10).await, [second, first]);
        assert_eq!(store.newest_held().await.unwrap(), Some(third));
        store.discard(third, "a test", "cli").await.unwrap();
        let held = QuarantineFilter { state: Some(QuarantineState::Held), ..all };
        assert_eq!(ids(store, held, 10).await, [second, first]);
        let both = QuarantineFilter { organisation: Some(b), reason: Some(ReasonCode::Loop), ..held };
        assert_eq!(ids(store, both, 10).await, [second]);
        assert_eq!(store.newest_held().await.unwrap(), Some(second));
        assert_eq!(store.organisation_name(b).await.unwrap().as_deref(), Some("bolt"));
        let names: Vec<String> = store.organisation_names(10).await.unwrap().into_iter().map(|(_, name)| name).collect();
        assert_eq!(names, ["acme", "bolt"]);
        let mut heads = store.outbox_heads(&[a, b, OrganisationId(Uuid::from_u128(9))]).await.unwrap();
        heads.sort();
        assert_eq!(heads, [(a, 3), (b, 1)]);
        store.note_access(a, "cli", "quarantine.read", &first.to_string()).await.unwrap();
        assert_eq!(store.audit_entries(None, 1).await.unwrap()[0].action, "quarantine.read");
    }

    async fn a_fresh_link_ends_the_one_before(db: Database) {
        let config = Config::from_text("test", "", []).unwrap();
        let first = tidegate::web::first_admin_link(&db.store, &config).await.unwrap().unwrap();
        let second = tidegate::web::first_admin_link(&db.store, &config).await.unwrap().unwrap();
        assert_ne!(first, second);
        assert_eq!(db.number("SELECT COUNT(*) FROM login_links").await, 1);
        assert_eq!(db.number("SELECT COUNT(*) FROM users").await, 1);
    }

    async fn the_newest_ids_of_a_conversation_are_for_references(db: Database) {
        let organisation = db.store.add_organisation("acme", None).await.unwrap();
        let sent = Outbound {
            organisation,
            conversation: None,
            message_ids: vec!["ours@x".into()],
            marks: vec![],
            subject: "s".into(),
            addressees: vec![],
            sent_at_us: now_us(),
        };
        let conversation: ConversationId = db.store.register_outbound(&sent).await.unwrap().conversation;
        assert_eq!(db.store.newest_message_ids(conversation, 5).await.unwrap(), ["ours@x"], "an answer refers to what was sent");
    }

    async fn of_two_nodes_one_delivers_and_nothing_comes_twice(db: Database) {
        install_crypto();
        let organisation = db.store.add_organisation("acme", None).await.unwrap();
        let receiver = hooks::receiver(0).await;
        db.store.add_endpoint(organisation, &receiver.url, b"secret", "cli").await.unwrap();
        for offset in 0..20 {
            hold(&db.store, organisation, offset, ReasonCode::Loop).await;
        }
        let config = Arc::new(Config::from_text("test", "", []).unwrap());
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let node = || tokio::spawn(tidegate::events::run(db.store.clone(), config.clone(), db.metrics.clone(), stopped.clone()));
        let nodes = [node(), node(), node()];
        until("all are delivered", || async {
            db.store.endpoints(Some(organisation), 1).await.unwrap()[0].delivered == 20
        })
        .await;
        stop.send_replace(true);
        for node in nodes {
            node.await.unwrap();
        }
        assert_eq!(receiver.sequences(), (1..=20).collect::<Vec<_>>());
        assert_eq!(db.store.endpoints(Some(organisation), 1).await.unwrap()[0].leased_until_us, 0, "the lease was given back");
    }
}
