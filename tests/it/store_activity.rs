//! Lists go by what was said last, whatever is left over of what was said before.

use crate::database::{Database, on_both_databases};
use crate::store_both::{Desk, decide};
use tidegate::limits::ACTIVITY_SWEPT_ROWS;
use tidegate::mail::{OrganisationId, Outcome, Prepared};
use tidegate::store::{ActivitySweep, Store};

const HOUR_US: i64 = 3_600_000_000;

/// Conversations that do not say how many messages they have and when the newest was received.
pub(crate) const MISCOUNTED: &str = "SELECT COUNT(*) FROM conversations c
    WHERE c.message_count <> (SELECT COUNT(*) FROM messages m WHERE m.conversation = c.id)
    OR c.last_message_at <> COALESCE((SELECT MAX(m.received_at) FROM messages m WHERE m.conversation = c.id), c.created_at)";

/// Sweeps to the end, so many rows a step; how many went.
pub(crate) async fn sweep(store: &Store, rows: usize) -> usize {
    let (mut from, mut gone) = store.sweep_activity(ActivitySweep::default(), rows).await.unwrap();
    while !from.is_at_start() {
        let (next, more) = store.sweep_activity(from, rows).await.unwrap();
        assert_ne!(next, from);
        (from, gone) = (next, gone + more);
    }
    gone
}

/// The subjects of all conversations, in the order of lists, in pages of two.
async fn listed(store: &Store, organisation: OrganisationId) -> Vec<String> {
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = store.conversations(organisation, after, 2).await.unwrap();
        let Some(last) = page.last() else { return seen };
        after = Some((last.last_message_at_us, last.id));
        seen.extend(page.into_iter().map(|c| c.subject));
    }
}

fn mail(desk: &Desk, n: u32, hour: i64, references: &[&str]) -> Prepared {
    let mut mail = desk.mail(n, &format!("{n}@x"), references);
    mail.received_at_us = hour * HOUR_US;
    std::sync::Arc::make_mut(&mut mail.mail).subject = format!("{n}");
    mail
}

on_both_databases! {
    async fn a_conversation_is_listed_once_by_what_was_said_last(db: Database) {
        let desk = Desk::new(&db.store, "acme").await;
        let other = Desk::new(&db.store, "other").await;
        db.store.attach(&[mail(&other, 100, 1, &[])], &decide).await.unwrap();
        db.store.attach(&[mail(&desk, 0, 1, &[]), mail(&desk, 1, 2, &[]), mail(&desk, 2, 3, &[])], &decide).await.unwrap();
        // The oldest is answered, again after a day, and once more by a mail that was under way for long.
        for (n, hour) in [(3, 10), (4, 34), (5, 20)] {
            db.store.attach(&[mail(&desk, n, hour, &["0@x"])], &decide).await.unwrap();
        }
        assert_eq!(listed(&db.store, desk.organisation).await, ["0", "2", "1"]);
        let rows = "SELECT COUNT(*) FROM conversation_activity";
        assert_eq!(db.number(rows).await, 6, "rows of hours 1 and 10 are left over");
        assert_eq!(sweep(&db.store, 1).await, 2);
        assert_eq!(db.number(rows).await, 4);
        assert_eq!(sweep(&db.store, 1).await, 0);
        assert_eq!(listed(&db.store, desk.organisation).await, ["0", "2", "1"]);
        assert_eq!(listed(&db.store, other.organisation).await, ["100"]);
    }

    async fn a_conversation_counts_its_messages_whenever_they_were_received(db: Database) {
        let desk = Desk::new(&db.store, "acme").await;
        let attach = async |mails: &[Prepared]| db.store.attach(mails, &decide).await.unwrap();
        attach(&[mail(&desk, 0, 9, &[]), mail(&desk, 1, 8, &[])]).await;
        // Later, at the same time, long before; and all of it in one batch.
        for (n, hour) in [(2, 10), (3, 10), (4, 1), (5, 10)] {
            attach(&[mail(&desk, n, hour, &["0@x"])]).await;
            assert_eq!(db.number(MISCOUNTED).await, 0, "after {n}");
        }
        attach(&[mail(&desk, 6, 12, &["0@x"]), mail(&desk, 7, 3, &["0@x"]), mail(&desk, 8, 12, &["0@x"])]).await;
        attach(&[mail(&desk, 9, 2, &["1@x"]), mail(&desk, 10, 7, &["1@x"]), mail(&desk, 11, 7, &["1@x"])]).await;
        assert_eq!(db.number(MISCOUNTED).await, 0);
        // Two become one: the newest message is of the one that goes, or of the one that stays.
        attach(&[mail(&desk, 12, 14, &["1@x"])]).await;
        attach(&[mail(&desk, 13, 1, &["0@x", "1@x"])]).await;
        attach(&[mail(&desk, 14, 13, &[]), mail(&desk, 15, 13, &["14@x", "0@x"])]).await;
        assert_eq!(db.number(MISCOUNTED).await, 0);
        assert_eq!(db.number("SELECT MAX(message_count) FROM conversations").await, 16);
        assert_eq!(db.number("SELECT COUNT(*) FROM conversations WHERE alias_of IS NULL").await, 1);
    }

    async fn what_the_product_begins_has_no_message_until_it_is_answered(db: Database) {
        let desk = Desk::new(&db.store, "acme").await;
        let sent = |id: &str, conversation| tidegate::store::Outbound {
            organisation: desk.organisation,
            conversation,
            message_ids: vec![id.to_owned()],
            subject: id.to_owned(),
            marks: Vec::new(),
            addressees: Vec::new(),
            sent_at_us: 10 * HOUR_US,
        };
        let first = db.store.register_outbound(&sent("first@x", None)).await.unwrap().conversation;
        db.store.register_outbound(&sent("second@x", None)).await.unwrap();
        assert_eq!(listed(&db.store, desk.organisation).await, ["second@x", "first@x"]);
        // The clock of the product is ahead.
        db.store.attach(&[mail(&desk, 1, 9, &["first@x"])], &decide).await.unwrap();
        assert_eq!((db.number(MISCOUNTED).await, db.store.conversation(first).await.unwrap().message_count), (0, 1));
        assert_eq!(listed(&db.store, desk.organisation).await, ["second@x", "first@x"]);
        // Both are one after all.
        db.store.register_outbound(&sent("second@x", Some(first))).await.unwrap();
        assert_eq!(listed(&db.store, desk.organisation).await, ["first@x"]);
        assert_eq!(db.number(MISCOUNTED).await, 0);
        sweep(&db.store, ACTIVITY_SWEPT_ROWS).await;
        assert_eq!(db.number("SELECT COUNT(*) FROM conversation_activity").await, 1);
    }

    async fn much_that_is_said_in_an_hour_leaves_nothing_over(db: Database) {
        let desk = Desk::new(&db.store, "acme").await;
        db.store.attach(&[mail(&desk, 0, 1, &[])], &decide).await.unwrap();
        for n in 1..20 {
            let mut answer = mail(&desk, n, 1, &["0@x"]);
            answer.received_at_us += i64::from(n) * 1_000_000;
            db.store.attach(&[answer], &decide).await.unwrap();
        }
        assert_eq!(db.number("SELECT COUNT(*) FROM conversation_activity").await, 1);
    }

    async fn what_is_left_over_of_a_merged_conversation_lists_nothing(db: Database) {
        let desk = Desk::new(&db.store, "acme").await;
        db.store.attach(&[mail(&desk, 0, 1, &[]), mail(&desk, 1, 2, &[])], &decide).await.unwrap();
        db.store.attach(&[mail(&desk, 2, 10, &["0@x"]), mail(&desk, 3, 20, &["1@x"])], &decide).await.unwrap();
        let both = db.store.attach(&[mail(&desk, 4, 30, &["0@x", "1@x"])], &decide).await.unwrap();
        assert!(matches!(&both[..], [Outcome::Attached { .. }]), "{both:?}");
        assert_eq!(listed(&db.store, desk.organisation).await, ["0"]);
        assert!(sweep(&db.store, ACTIVITY_SWEPT_ROWS).await > 0);
        assert_eq!(db.number("SELECT COUNT(*) FROM conversation_activity").await, 1);
        assert_eq!(listed(&db.store, desk.organisation).await, ["0"]);
    }
}
