//! The same mail twice: one message, and what only a further delivery says of where it belongs counts as well.

use crate::database::{Database, on_both_databases};
use crate::threading_rows::{Desk, raw};
use tidegate::mail::{ConversationId, DispositionKind, May, Outcome, SenderAuth, Where};
use tidegate::store::{Outbound, Store, now_us};
use tidegate::threading::decide;

async fn people(store: &Store, conversation: ConversationId) -> Vec<String> {
    store.participants(conversation, None, 10).await.unwrap().into_iter().map(|p| p.address).collect()
}

/// What the product sent: a mail that is registered, and nobody is told of.
fn sent(desk: &Desk) -> Outbound {
    Outbound {
        organisation: desk.organisation,
        conversation: None,
        message_ids: vec!["out@desk.test".into()],
        marks: vec![],
        subject: "Invoice".into(),
        addressees: vec![],
        sent_at_us: 1,
    }
}

on_both_databases! {
    async fn the_same_message_id_with_other_words_is_never_a_duplicate(db: Database) {
        let desk = Desk::new(db, "acme", &["help@desk.test"]).await;
        let (_, first, _) = desk.attach(desk.mail(1, &[0], &raw("1@bad.test", "Scan", "", "page one"))).await;
        let (_, second, decision) = desk.attach(desk.mail(2, &[0], &raw("1@bad.test", "Scan", "", "page two"))).await;
        assert_eq!((first, decision.place), (second, Where::Existing(first)), "kept, beside the first");
        assert_eq!(desk.store.conversation(first).await.unwrap().message_count, 2);
    }

    async fn whatever_has_an_id_the_next_delivery_of_each_is_known(db: Database) {
        let desk = Desk::new(db, "acme", &["help@desk.test"]).await;
        desk.store.register_outbound(&sent(&desk)).await.unwrap();
        // Mentioned before it is seen; then had by two mails; and an id that the product gave out; and one too long for a key.
        let long = format!("{}@a.test", "i".repeat(900));
        let mails = [
            raw("2@a.test", "Re: Scan", "References: <1@a.test>\n", "an answer"),
            raw("1@a.test", "Scan", "", "page one"),
            raw("1@a.test", "Scan", "", "page two"),
            raw("1@a.test", "Scan", "", "page three"),
            raw("out@desk.test", "Invoice", "", "what was sent"),
            raw(&long, "Long", "", "one"),
            raw(&long, "Long", "", "two"),
        ];
        let mut messages = Vec::new();
        for (n, mail) in (1..).zip(&mails) {
            messages.push(desk.attach(desk.mail(n, &[0], mail)).await.0);
        }
        for (n, (mail, message)) in (11..).zip(mails.iter().zip(messages)) {
            assert_eq!(desk.take(desk.mail(n, &[0], mail)).await, Outcome::DuplicateOf(message), "{mail}");
        }
    }

    async fn mails_without_a_message_id_are_told_apart_by_what_they_say(db: Database) {
        let desk = Desk::new(db, "acme", &["help@desk.test"]).await;
        let without = |text: &str| raw("x", "Fax", "", text).replace("Message-ID: <x>\n", "");
        let (one, a, _) = desk.attach(desk.mail(1, &[0], &without("one"))).await;
        let (_, b, _) = desk.attach(desk.mail(2, &[0], &without("two"))).await;
        assert_ne!(a, b);
        assert_eq!(desk.take(desk.mail(3, &[0], &without("one"))).await, Outcome::DuplicateOf(one));
    }

    async fn what_the_product_sent_is_no_duplicate_of_what_comes_in(db: Database) {
        let desk = Desk::new(db, "acme", &["help@desk.test"]).await;
        let conversation = desk.store.register_outbound(&sent(&desk)).await.unwrap().conversation;
        let copy = desk.mail(1, &[0], &raw("out@desk.test", "Invoice", "", "the mail one sends to oneself"));
        let (_, there, decision) = desk.attach(copy).await;
        assert_eq!((there, decision.may), (conversation, May::Automatic), "shown, and nothing follows from it");
    }

    async fn the_same_mail_after_a_lost_reply_is_one_message_with_a_count(db: Database) {
        let desk = Desk::new(db, "acme", &["help@desk.test"]).await;
        let mail = desk.mail(1, &[0], &raw("1@a.test", "Invoice", "", "one"));
        let (message, _, _) = desk.attach(mail.clone()).await;
        assert_eq!(desk.take(mail).await, Outcome::Already(DispositionKind::Attached), "the same position: a repeat");
        let again = desk.mail(2, &[0], &raw("1@a.test", "Invoice", "", "one"));
        assert_eq!(desk.take(again).await, Outcome::DuplicateOf(message));
        assert_eq!(desk.store.message(message).await.unwrap().repeats, 1);
    }

    async fn what_only_a_further_delivery_refers_to_counts_in_either_order(db: Database) {
        let whole = raw("2@a.test", "Re: Invoice", "References: <1@a.test>\n", "the answer");
        let bare = raw("2@a.test", "Re: Invoice", "", "the answer");
        for (n, order) in [[&whole, &bare], [&bare, &whole]].into_iter().enumerate() {
            for at_once in [false, true] {
                let desk = Desk::new(db, &format!("acme {n} {at_once}"), &[&format!("help@{n}{at_once}.test")]).await;
                let (_, there, _) = desk.attach(desk.mail(1, &[0], &raw("1@a.test", "Invoice", "", "the invoice"))).await;
                let both = order.map(|mail| desk.mail(2, &[0], mail));
                let outcomes = if at_once {
                    desk.store.attach(&both, &decide).await.unwrap()
                } else {
                    let [one, other] = both;
                    vec![desk.take(one).await, desk.take(other).await]
                };
                let [Outcome::Attached { message, .. }, Outcome::DuplicateOf(repeated)] = outcomes.as_slice() else {
                    panic!("{outcomes:?}")
                };
                assert_eq!(message, repeated);
                let message = desk.store.message(*message).await.unwrap();
                assert_eq!((message.conversation, message.repeats), (there, 1));
                assert_eq!(desk.store.conversation(there).await.unwrap().message_count, 2, "one message, whatever came first");
                assert_eq!(desk.store.conversations(desk.organisation, None, 10).await.unwrap().len(), 1);
                // What only the further delivery mentions leads there as well.
                let also = raw("2@a.test", "Re: Invoice", "References: <0@a.test> <1@a.test>\n", "the answer");
                assert_eq!(desk.take(desk.mail(3, &[0], &also)).await, Outcome::DuplicateOf(*repeated));
                let (_, late, _) = desk.attach(desk.mail(4, &[0], &raw("0@a.test", "Order", "", "how it began"))).await;
                assert_eq!(late, there);
            }
        }
    }

    async fn a_further_delivery_opens_nothing_and_goes_on_in_no_new_conversation(db: Database) {
        let mut desk = Desk::new(db, "acme", &["help@desk.test"]).await;
        let later = now_us() / 1_000_000 + 60;
        let (_, old, _) = desk.attach(desk.mail(later, &[0], &raw("1@a.test", "Invoice", "", "the invoice"))).await;
        let bare = raw("2@a.test", "Re: Invoice", "", "the answer");
        let (message, new, _) = desk.attach(desk.mail(later, &[0], &bare)).await;
        desk.store.set_conversation_open(old, false, "cli").await.unwrap();
        let again = desk.mail(later, &[0], &raw("1@a.test", "Invoice", "", "the invoice"));
        assert!(matches!(desk.take(again).await, Outcome::DuplicateOf(_)));
        assert_eq!(desk.store.conversation(old).await.unwrap().state, "closed");
        // That conversation was closed too long ago, so both are linked.
        desk.limits.threading.caps.closed_us_max = 1;
        let whole = raw("2@a.test", "Re: Invoice", "References: <1@a.test>\n", "the answer");
        assert_eq!(desk.take(desk.mail(later + 60, &[0], &whole)).await, Outcome::DuplicateOf(message));
        assert_eq!(desk.store.message(message).await.unwrap().conversation, new);
        let links = desk.store.conversation_links(new, None, 10).await.unwrap();
        let links: Vec<_> = links.iter().map(|l| (l.conversation, l.other, l.kind.as_str())).collect();
        assert_eq!(links, [(new, old, "tied")]);
        assert_eq!(desk.store.conversation(old).await.unwrap().state, "closed");
    }

    async fn a_further_delivery_that_is_forged_ties_nothing(db: Database) {
        let desk = Desk::new(db, "acme", &["help@desk.test"]).await;
        let said = |more: &str| raw("1@a.test", "Invoice", more, "the invoice");
        let (message, anns, _) = desk.attach(desk.mail(1, &[0], &said(""))).await;
        let mallorys = raw("m@m.test", "Hello", "", "let me in").replace("ann@a.test", "mallory@m.test");
        let (_, his, _) = desk.attach(desk.mail(2, &[0], &mallorys)).await;
        let mut forged = desk.mail(3, &[0], &said("References: <m@m.test>\n"));
        forged.keys.auth = SenderAuth::Fail;
        assert_eq!(desk.take(forged).await, Outcome::DuplicateOf(message));
        assert_eq!(people(&desk.store, anns).await, ["ann@a.test"]);
        assert_eq!(people(&desk.store, his).await, ["mallory@m.test"]);
    }
}
