//! Two conversations may be linked in several ways, and each is kept.

use crate::database::{Database, on_both_databases};
use crate::store_both::Desk;
use tidegate::mail::{Decision, Link, LinkKind, May, Outcome, Prepared, Rule, ThreadKeys, Where};

on_both_databases! {
    async fn a_forward_in_a_batch_does_not_take_the_place_of_what_ties_both(db: Database) {
        let desk = Desk::new(&db.store, "acme").await;
        let place = async |mails: &[(u32, Where, Vec<Link>)]| {
            let references = |n: u32| -> &[&str] { if n < 3 { &[] } else { &["1@x", "2@x"] } };
            let prepared: Vec<Prepared> =
                mails.iter().map(|(n, ..)| desk.mail(*n, &format!("{n}@x"), references(*n))).collect();
            let decide = |keys: &ThreadKeys, _: &_, _| {
                let (_, place, links) = mails.iter().find(|(n, ..)| keys.message_id == format!("{n}@x")).unwrap();
                Decision { links: links.clone(), ..Decision::new(*place, May::Open, Rule::New) }
            };
            let home = |outcome| match outcome {
                Outcome::Attached { conversation, .. } => conversation,
                other => panic!("{other:?}"),
            };
            db.store.attach(&prepared, &decide).await.unwrap().into_iter().map(home).collect::<Vec<_>>()
        };
        let begun = place(&[(1, Where::New, vec![]), (2, Where::New, vec![])]).await;
        let link = |kind| vec![Link { conversation: begun[1], kind }];
        let home = Where::Existing(begun[0]);
        place(&[(3, home, link(LinkKind::Forward)), (4, home, link(LinkKind::Tied)), (5, home, link(LinkKind::Tied))]).await;
        let links = db.store.conversation_links(begun[0], None, 10).await.unwrap();
        let mut kinds: Vec<&str> = links.iter().map(|l| l.kind.as_str()).collect();
        kinds.sort_unstable();
        assert_eq!(kinds, ["forward", "tied"]);
    }
}
