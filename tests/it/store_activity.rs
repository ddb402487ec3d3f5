//! Lists go by what was said last, whatever is left over of what was said before.

use crate::database::{Database, on_both_databases};
use crate::store_both::{Desk, decide};
use tidegate::limits::ACTIVITY_SWEPT_ROWS;
use tidegate::mail::{OrganisationId, Outcome, Prepared};
use tidegate::store::{ActivitySweep, Store};

const HOUR_US: i64 = 3_600_000_000;

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
