//! What the rules of threading leave in both databases: chains, links, groups that are held, customers, suggestions, one mail that
//! comes by many ways.

use crate::database::{Database, on_both_databases};
use std::sync::Arc;
use tidegate::classify::classify;
use tidegate::directory::{Directory, Mailbox};
use tidegate::limits::Limits;
use tidegate::mail::{
    ConversationId, Decision, Envelope, EnvelopeRecipient, JournalId, Locator, MailboxId, May, MessageId, OrganisationId,
    Outcome, Position, Prepared, Protocol, QuarantineId, QuarantineReason, ReasonCode, Release, Rule, Versions,
};
use tidegate::normalize::normalize;
use tidegate::store::{ConversationLink, QuarantineFilter, QuarantineState, Store};
use tidegate::threading::{TokenKeys, decide, keys};
use uuid::Uuid;

const JOURNAL: JournalId = JournalId(Uuid::from_u128(7));

/// A desk with one mailbox or more, whose mails are read as the gateway reads them.
pub(crate) struct Desk {
    pub(crate) store: Store,
    pub(crate) organisation: OrganisationId,
    mailboxes: Vec<MailboxId>,
    directory: Directory,
    pub(crate) limits: Limits,
    offset: std::cell::Cell<u32>,
}

impl Desk {
    pub(crate) async fn new(db: &Database, name: &str, mailboxes: &[&str]) -> Desk {
        let organisation = db.store.add_organisation(name, None).await.unwrap();
        let mut ids = Vec::new();
        for address in mailboxes {
            ids.push(db.store.add_mailbox(organisation, address).await.unwrap());
        }
        let rows = mailboxes.iter().zip(&ids).map(|(a, id)| Mailbox { id: *id, organisation, address: (*a).to_owned() });
        Desk {
            store: db.store.clone(),
            organisation,
            directory: Directory::new(1, rows),
            mailboxes: ids,
            limits: Limits::default(),
            offset: std::cell::Cell::new(0),
        }
    }

    /// A mail to some of the mailboxes, received at this second.
    pub(crate) fn mail(&self, second: i64, mailboxes: &[usize], raw: &str) -> Prepared {
        self.offset.set(self.offset.get() + 1);
        let mail = normalize(raw.replace('\n', "\r\n").as_bytes(), &self.limits);
        let reverse_path = mail.from.as_ref().map(|p| p.address.clone()).unwrap_or_default();
        let recipients = mailboxes.iter().map(|n| EnvelopeRecipient {
            address: self.directory.mailboxes().find(|m| m.id == self.mailboxes[*n]).unwrap().address.clone(),
            organisation: self.organisation,
            mailbox: self.mailboxes[*n],
        });
        let envelope = Envelope {
            received_at_us: second * 1_000_000,
            session: String::new(),
            protocol: Protocol::ESMTP,
            client_ip: None,
            client_name: None,
            helo: None,
            reverse_path: reverse_path.clone(),
            recipients: recipients.collect(),
            tls: None,
            authenticated_as: None,
            smtputf8: false,
            body: Default::default(),
        };
        let class = classify(&mail, Some(&reverse_path));
        let tokens = TokenKeys::default();
        let keys = keys(&mail, &class, &envelope, self.organisation, &self.directory, &tokens, &self.limits);
        Prepared {
            locator: Locator { journal: JOURNAL, position: Position { segment: 1, offset: self.offset.get() } },
            received_at_us: envelope.received_at_us,
            organisation: self.organisation,
            mailboxes: envelope.mailboxes(self.organisation),
            reverse_path,
            mail: Arc::new(mail),
            class: Arc::new(class),
            keys,
            versions: Versions { reader: 1, classes: 1, rules: 1 },
            release: None,
        }
    }

    pub(crate) async fn take(&self, mail: Prepared) -> Outcome {
        self.store.attach(&[mail], &decide).await.unwrap().remove(0)
    }

    pub(crate) async fn attach(&self, mail: Prepared) -> (MessageId, ConversationId, Decision) {
        match self.take(mail).await {
            Outcome::Attached { message, conversation, decision } => (message, conversation, *decision),
            other => panic!("attached was expected: {other:?}"),
        }
    }
}

/// A mail from Ann to the desk.
pub(crate) fn raw(id: &str, subject: &str, more: &str, text: &str) -> String {
    format!(
        "From: Ann <ann@a.test>\nTo: help@desk.test\nSubject: {subject}\nDate: Tue, 24 Nov 2026 10:00:00 +0100\n\
         Message-ID: <{id}>\n{more}\n{text}\n"
    )
}

on_both_databases! {
    async fn a_full_conversation_is_one_chain_whatever_mails_refer_to(db: Database) {
        let mut desk = Desk::new(db, "acme", &["help@desk.test"]).await;
        desk.limits.threading.caps.conversation_messages_max = 3;
        let mut chain = Vec::new();
        // All refer to the first only, in one batch and one by one.
        let first = desk.mail(1, &[0], &raw("0@a.test", "Log", "", "0"));
        let log = |n: i64| desk.mail(n, &[0], &raw(&format!("{n}@a.test"), "Re: Log", "References: <0@a.test>\n", &n.to_string()));
        let batch: Vec<Prepared> = std::iter::once(first).chain((1..8).map(log)).collect();
        for outcome in desk.store.attach(&batch, &decide).await.unwrap() {
            let Outcome::Attached { conversation, .. } = outcome else { panic!("{outcome:?}") };
            chain.push(conversation);
        }
        for n in 8..14 {
            chain.push(desk.attach(log(n)).await.1);
        }
        let sizes: Vec<usize> = chain.chunk_by(|a, b| a == b).map(<[_]>::len).collect();
        assert_eq!(sizes, [3, 3, 3, 3, 2]);
        chain.dedup();
        for (old, new) in chain.iter().zip(&chain[1..]) {
            let links = desk.store.conversation_links(*old, None, 200).await.unwrap();
            let mut one_by_one: Vec<ConversationLink> = Vec::new();
            while let Some(next) = desk.store.conversation_links(*old, one_by_one.last(), 1).await.unwrap().pop() {
                one_by_one.push(next);
            }
            assert_eq!(one_by_one, links);
            assert!(links.iter().any(|l| l.conversation == *new && l.other == *old && l.kind == "continues"), "{links:?}");
            assert_eq!(desk.store.participants(*new, None, 10).await.unwrap().len(), 1, "the people go with it");
        }
        assert_eq!(db.number("SELECT COUNT(DISTINCT continued_by) FROM conversations").await, 1, "all lead to the newest");
        assert_eq!(db.number("SELECT COUNT(*) FROM conversations WHERE state = 'open'").await, 5);
    }

    async fn what_staff_closed_long_ago_goes_on_in_a_new_conversation(db: Database) {
        let mut desk = Desk::new(db, "acme", &["help@desk.test"]).await;
        let later = tidegate::store::now_us() / 1_000_000 + 60;
        let (_, old, _) = desk.attach(desk.mail(later - 120, &[0], &raw("1@a.test", "Invoice", "", "1"))).await;
        desk.store.set_conversation_open(old, false, "cli").await.unwrap();
        let again = |n: i64, at: i64| desk.mail(at, &[0], &raw(&format!("{n}@a.test"), "Re: Invoice", "References: <1@a.test>\n", &n.to_string()));
        assert_eq!(desk.attach(again(2, later)).await.1, old, "closed a minute ago");
        assert_eq!(desk.store.conversation(old).await.unwrap().state, "open");
        desk.store.set_conversation_open(old, false, "cli").await.unwrap();
        desk.limits.threading.caps.closed_us_max = 10_000_000;
        let again = |n: i64, at: i64| desk.mail(at, &[0], &raw(&format!("{n}@a.test"), "Re: Invoice", "References: <1@a.test>\n", &n.to_string()));
        let (_, new, decision) = desk.attach(again(3, later)).await;
        assert_eq!((decision.rule, decision.continues, decision.may), (Rule::Closed, Some(old), May::Participant));
        assert_eq!(desk.store.conversation(old).await.unwrap().state, "closed");
        assert_eq!(desk.attach(again(4, later)).await.1, new);
    }

    async fn the_tail_of_a_flood_is_one_group_that_is_discarded_as_one(db: Database) {
        let mut desk = Desk::new(db, "acme", &["help@desk.test"]).await;
        desk.limits.threading.brakes.sender_max = 3;
        let flood = |n: i64| desk.mail(n, &[0], &raw(&format!("{n}@a.test"), &format!("Mail {n}"), "", &n.to_string()));
        let batch: Vec<Prepared> = (0..6).map(flood).collect();
        let mut outcomes = desk.store.attach(&batch, &decide).await.unwrap();
        outcomes.push(desk.take(flood(6)).await);
        let held: Vec<QuarantineId> = outcomes
            .iter()
            .filter_map(|o| match o {
                Outcome::Quarantined(id, reason) => Some((*id, *reason)),
                _ => None,
            })
            .map(|(id, reason)| {
                assert_eq!(reason, ReasonCode::Loop);
                id
            })
            .collect();
        assert_eq!((outcomes.len(), held.len()), (7, 4));
        // Staff see one item, and the product one event.
        let filter = QuarantineFilter { state: Some(QuarantineState::Held), ..QuarantineFilter::default() };
        let listed = desk.store.quarantine_matching(&filter, 50).await.unwrap();
        assert_eq!((listed.len(), listed[0].id, listed[0].group_items), (1, held[0], 4));
        assert_eq!(desk.store.quarantine_item(held[2]).await.unwrap().group, Some(held[0]));
        assert_eq!(db.number("SELECT COUNT(*) FROM outbox WHERE kind = 'quarantine.held'").await, 1);

        desk.store.discard(held[0], "a loop", "cli").await.unwrap();
        assert_eq!(db.number("SELECT COUNT(*) FROM dispositions WHERE kind = 'discarded'").await, 4);
        assert_eq!(db.number("SELECT COUNT(*) FROM dispositions WHERE kind = 'quarantined'").await, 0);
        assert!(desk.store.quarantine_matching(&filter, 50).await.unwrap().is_empty());
        assert!(desk.store.discard(held[0], "again", "cli").await.is_err());

        // What comes now is another group: nothing hides behind one that was decided.
        let Outcome::Quarantined(next, _) = desk.take(flood(7)).await else { panic!("the flood goes on") };
        let listed = desk.store.quarantine_matching(&filter, 50).await.unwrap();
        assert_eq!((listed.len(), listed[0].id, listed[0].group), (1, next, Some(next)));

        // Released as one; each is attached when its turn comes.
        desk.take(flood(8)).await;
        desk.store.release(next, None, "cli").await.unwrap();
        let released = desk.store.released(JOURNAL, 10).await.unwrap();
        assert_eq!(released.len(), 2);
        let mut mail = flood(7);
        mail.locator.position = released[0].position;
        mail.release = Some(Release { item: released[0].item, conversation: None });
        desk.attach(mail).await;

        // An hour later there is no flood.
        assert!(matches!(desk.take(flood(20_000)).await, Outcome::Attached { .. }));
        // Another organisation never had one.
        let other = Desk::new(db, "other", &["help@other.test"]).await;
        assert!(matches!(other.take(other.mail(9, &[0], &raw("9@a.test", "x", "", "9"))).await, Outcome::Attached { .. }));
    }

    async fn what_is_decided_by_itself_leaves_its_group_and_is_never_hidden(db: Database) {
        let mut desk = Desk::new(db, "acme", &["help@desk.test"]).await;
        desk.limits.threading.brakes.sender_max = 1;
        let flood = |n: i64| desk.mail(n, &[0], &raw(&format!("{n}@a.test"), &format!("Mail {n}"), "", &n.to_string()));
        let mut held = Vec::new();
        for outcome in desk.store.attach(&(0..5).map(flood).collect::<Vec<_>>(), &decide).await.unwrap() {
            if let Outcome::Quarantined(id, _) = outcome {
                held.push(id);
            }
        }
        let [first, second, third, fourth] = held[..] else { panic!("{held:?}") };
        let shown = async |state| {
            let filter = QuarantineFilter { state: Some(state), ..QuarantineFilter::default() };
            let items = desk.store.quarantine_matching(&filter, 50).await.unwrap();
            items.iter().map(|i| (i.id, i.group_items)).collect::<Vec<_>>()
        };
        desk.store.release(third, None, "cli").await.unwrap();
        assert_eq!(shown(QuarantineState::Held).await, [(first, 3)]);
        assert_eq!(shown(QuarantineState::Released).await, [(third, 0)]);

        // Its reader fails: staff see it again, beside the group.
        let locator = desk.store.quarantine_item(third).await.unwrap().locator;
        let failed = [QuarantineReason { code: ReasonCode::ReaderTimedOut, detail: "20 s".into() }];
        let again = desk.store.quarantine(locator, 1, &[(desk.organisation, vec![])], &failed).await.unwrap();
        assert_eq!(again, [third]);
        assert_eq!(shown(QuarantineState::Held).await, [(third, 0), (first, 3)]);

        // The rest is released, and stays in sight until the last is attached.
        desk.store.release(first, None, "cli").await.unwrap();
        assert_eq!((shown(QuarantineState::Held).await, shown(QuarantineState::Released).await), (vec![(third, 0)], vec![(first, 3)]));
        let mut mail = flood(1);
        mail.locator = desk.store.quarantine_item(first).await.unwrap().locator;
        mail.release = Some(Release { item: first, conversation: None });
        desk.attach(mail).await;
        assert_eq!(shown(QuarantineState::Released).await, [(fourth, 0), (second, 0)]);
        assert_eq!(shown(QuarantineState::Attached).await, [(first, 1)]);
    }

    async fn counts_of_brakes_that_are_over_do_not_stay(db: Database) {
        let desk = Desk::new(db, "acme", &["help@desk.test"]).await;
        let from = |n: i64, second: i64| {
            let raw = raw(&format!("{n}@a.test"), "x", "", &n.to_string()).replace("ann@", &format!("ann{n}@"));
            desk.mail(second, &[0], &raw)
        };
        let old: Vec<Prepared> = (0..20).map(|n| from(n, n)).collect();
        desk.store.attach(&old, &decide).await.unwrap();
        desk.attach(from(99, tidegate::store::now_us() / 1_000_000)).await;
        assert_eq!(db.number("SELECT COUNT(*) FROM brakes").await, 1);
    }

    async fn who_is_named_by_a_participant_was_one_when_he_wrote(db: Database) {
        let desk = Desk::new(db, "acme", &["help@desk.test"]).await;
        // Ann answers a mail of Bob that comes late, and does not name him.
        let answer = raw("2@a.test", "Re: Plan", "References: <1@b.test>\n", "yes");
        let late = raw("1@b.test", "Plan", "", "shall we?").replace("Ann <ann@a.test>", "Bob <bob@b.test>");
        let (_, there, _) = desk.attach(desk.mail(1, &[0], &answer)).await;
        let (bobs, conversation, decision) = desk.attach(desk.mail(2, &[0], &late)).await;
        assert_eq!((conversation, decision.may), (there, May::Unverified), "an id is no permission");
        let naming = raw("3@a.test", "Re: Plan", "References: <1@b.test>\nCc: bob@b.test\n", "Bob is with us");
        desk.attach(desk.mail(3, &[0], &naming)).await;
        assert_eq!(desk.store.message(bobs).await.unwrap().may, "participant");
    }

    async fn what_a_stranger_made_one_is_nobodys_until_the_product_answers(db: Database) {
        let mut desk = Desk::new(db, "acme", &["help@desk.test"]).await;
        let from = |who: &str, id: &str, ids: &str| {
            let references = if ids.is_empty() { String::new() } else { format!("References: {ids}\n") };
            raw(id, "Invoice", &references, id).replace("Ann <ann@a.test>", &format!("<{who}>"))
        };
        let both = "<1@a.test> <1@b.test>";
        let batch = [("ann@a.test", "1@a.test", ""), ("bob@b.test", "1@b.test", ""), ("mallory@m.test", "1@m.test", both)];
        let batch: Vec<Prepared> = (1..).zip(batch).map(|(n, (who, id, ids))| desk.mail(n, &[0], &from(who, id, ids))).collect();
        let outcomes = desk.store.attach(&batch, &decide).await.unwrap();
        let Outcome::Attached { conversation: one, .. } = outcomes[2] else { panic!("{outcomes:?}") };
        let nobody = async |conversation| desk.store.participants(conversation, None, 10).await.unwrap().is_empty();
        let (_, there, decision) = desk.attach(desk.mail(4, &[0], &from("mallory@m.test", "2@m.test", both))).await;
        assert_eq!((there, decision.may, nobody(one).await), (one, May::Unverified, true));
        // One of his own tied to it brings him in as little.
        desk.attach(desk.mail(5, &[0], &from("mallory@m.test", "3@m.test", ""))).await;
        let (_, there, decision) = desk.attach(desk.mail(6, &[0], &from("mallory@m.test", "4@m.test", "<1@a.test> <3@m.test>"))).await;
        assert_eq!((there, decision.may, nobody(one).await), (one, May::Unverified, true));
        // Nor does it when that goes on elsewhere.
        desk.store.set_conversation_open(one, false, "cli").await.unwrap();
        desk.limits.threading.caps.closed_us_max = 1;
        let later = tidegate::store::now_us() / 1_000_000 + 60;
        let (_, next, decision) = desk.attach(desk.mail(later, &[0], &from("mallory@m.test", "5@m.test", both))).await;
        assert_eq!((decision.continues, decision.may, nobody(next).await), (Some(one), May::Unverified, true));
        let (_, there, decision) = desk.attach(desk.mail(later, &[0], &from("mallory@m.test", "6@m.test", both))).await;
        assert_eq!((there, decision.may), (next, May::Unverified));
        let sent = tidegate::store::Outbound {
            organisation: desk.organisation,
            conversation: Some(next),
            message_ids: vec!["out@desk.test".to_owned()],
            marks: vec![],
            subject: "Re: Invoice".to_owned(),
            addressees: vec![tidegate::mail::Person { name: String::new(), address: "ann@a.test".to_owned() }],
            sent_at_us: later * 1_000_000,
        };
        desk.store.register_outbound(&sent).await.unwrap();
        for (who, may) in [("ann@a.test", May::Participant), ("mallory@m.test", May::Unverified)] {
            let (.., decision) = desk.attach(desk.mail(later, &[0], &from(who, &format!("7.{who}"), "<out@desk.test>"))).await;
            assert_eq!(decision.may, may, "{who}");
        }
    }

    async fn of_a_crowd_only_those_are_loaded_who_are_asked_about_until_it_is_merged(db: Database) {
        let desk = Desk::new(db, "acme", &["help@desk.test"]).await;
        let (_, there, _) = desk.attach(desk.mail(1, &[0], &raw("0@a.test", "Plan", "", "0"))).await;
        // Two hundred of a mail, three times.
        for n in 0..3 {
            let cc: Vec<String> = (0..190).map(|m| format!("p{n}.{m}@crowd.test")).collect();
            let more = format!("References: <0@a.test>\nCc: {}\n", cc.join(",\n "));
            desk.attach(desk.mail(2, &[0], &raw(&format!("c{n}@a.test"), "Re: Plan", &more, &n.to_string()))).await;
        }
        let everybody = db.number("SELECT COUNT(*) FROM participants").await;
        assert_eq!(everybody, 571);
        let from = |who: &str, id: &str, refers: &str| {
            let raw = raw(id, "Re: Plan", &format!("References: {refers}\n"), id).replace("Ann <ann@a.test>", who);
            desk.mail(3, &[0], &raw)
        };
        let last = from("p2.189@crowd.test", "l@crowd.test", "<0@a.test>");
        let index = desk.store.thread_index(std::slice::from_ref(&last.keys)).await.unwrap();
        let facts = &index.conversations[&there];
        assert!(facts.participants.len() <= 202 && facts.crowd == Some(571), "{}", facts.participants.len());
        assert_eq!(desk.attach(last).await.2.may, May::Participant);
        assert_eq!(desk.attach(from("x@stranger.test", "x@s.test", "<0@a.test>")).await.2.may, May::Unverified);
        assert_eq!(db.number("SELECT COUNT(*) FROM participants").await, everybody);
        // A stranger ties it to one of a few of its people: those stay who were in both.
        let (_, few, _) = desk.attach(from("p0.1@crowd.test", "few@crowd.test", "<few0@crowd.test>")).await;
        assert_ne!(few, there);
        let tie = desk.attach(from("x@stranger.test", "y@s.test", "<0@a.test> <few@crowd.test>")).await;
        assert_eq!((tie.1, tie.2.may), (there, May::Unverified));
        assert_eq!(db.number("SELECT COUNT(*) FROM participants").await, 1);
    }

    async fn the_customer_and_ideas_by_subject_are_stored(db: Database) {
        let desk = Desk::new(db, "acme", &["help@desk.test"]).await;
        let (message, first, _) = desk.attach(desk.mail(1, &[0], &raw("1@a.test", "Order 12", "", "1"))).await;
        let customer = desk.store.message(message).await.unwrap().customer.unwrap();
        assert_eq!((customer["address"].as_str(), customer["evidence"].as_str()), (Some("ann@a.test"), Some("from")));
        let list = "List-Id: <team.b.test>\nX-Original-From: Cleo <cleo@c.test>\n";
        let list = raw("2@b.test", "x", list, "2").replace("Ann <ann@a.test>", "Cleo via team <team@b.test>");
        let (message, _, _) = desk.attach(desk.mail(2, &[0], &list)).await;
        let customer = desk.store.message(message).await.unwrap().customer.unwrap();
        assert_eq!((customer["address"].as_str(), customer["evidence"].as_str()), (Some("cleo@c.test"), Some("original-from")));

        // The same person with the same subject, from the database and not from the batch.
        let (_, second, decision) = desk.attach(desk.mail(3, &[0], &raw("3@a.test", "AW: Order 12", "", "3"))).await;
        assert_ne!(first, second);
        assert_eq!((decision.suggestions[0].conversation, decision.suggestions[0].rule), (first, Rule::SubjectAndPeople));
        // Another person, or the same after a month, gets no such idea.
        let other = raw("4@b.test", "Order 12", "", "4").replace("ann@a.test", "bob@b.test");
        assert!(desk.attach(desk.mail(4, &[0], &other)).await.2.suggestions.is_empty());
        let month = 31 * 86_400;
        assert!(desk.attach(desk.mail(month, &[0], &raw("5@a.test", "Order 12", "", "5"))).await.2.suggestions.is_empty());
    }

    async fn one_mail_to_two_mailboxes_is_one_message_that_shows_in_both(db: Database) {
        let desk = Desk::new(db, "acme", &["help@desk.test", "sales@desk.test"]).await;
        let text = raw("1@a.test", "Invoice", "", "one");
        // As one transaction, then as two deliveries by two relays.
        let (message, there, _) = desk.attach(desk.mail(1, &[0, 1], &text)).await;
        assert_eq!(db.number("SELECT COUNT(*) FROM message_mailboxes").await, 2);
        let by = |relay: &str, mailbox| {
            desk.mail(2, &[mailbox], &format!("Received: from {relay}\nDelivered-To: x@desk.test\n{text}\n\n"))
        };
        assert_eq!(desk.take(by("one", 0)).await, Outcome::DuplicateOf(message));
        assert_eq!(desk.take(by("two", 1)).await, Outcome::DuplicateOf(message));
        assert_eq!(desk.store.message(message).await.unwrap().repeats, 2);
        // The answer to all comes once as well.
        let reply = raw("2@a.test", "Re: Invoice", "References: <1@a.test>\n", "two");
        let batch = [desk.mail(3, &[0], &reply), desk.mail(3, &[1], &reply)];
        let outcomes = desk.store.attach(&batch, &decide).await.unwrap();
        assert!(matches!(outcomes[0], Outcome::Attached { conversation, .. } if conversation == there), "{outcomes:?}");
        assert!(matches!(outcomes[1], Outcome::DuplicateOf(_)), "{outcomes:?}");
        assert_eq!(desk.store.conversation(there).await.unwrap().message_count, 2);
        assert_eq!(db.number("SELECT COUNT(*) FROM message_mailboxes").await, 4);
    }

    async fn a_relay_that_encodes_anew_delivers_the_same_mail(db: Database) {
        let desk = Desk::new(db, "acme", &["help@desk.test"]).await;
        let head = "From: Ann <ann@a.test>\nTo: help@desk.test\nSubject: Maße\nMessage-ID: <1@a.test>\nContent-Type: text/plain; charset=utf-8\n";
        let eight = format!("{head}Content-Transfer-Encoding: 8bit\n\nDie Maße stimmen nicht.\n");
        let seven = format!("Received: from old\n{head}Content-Transfer-Encoding: quoted-printable\n\nDie Ma=C3=9Fe stimmen=\n nicht.\n");
        let (message, _, _) = desk.attach(desk.mail(1, &[0], &eight)).await;
        assert_eq!(desk.take(desk.mail(2, &[0], &seven)).await, Outcome::DuplicateOf(message));
        // With other words it is none, whatever its id says.
        let other = desk.attach(desk.mail(3, &[0], &seven.replace("nicht", "nun"))).await;
        assert_ne!(other.0, message);
    }

    async fn the_copy_of_a_list_is_the_same_mail_whichever_comes_first(db: Database) {
        let desk = Desk::new(db, "acme", &["help@desk.test"]).await;
        let copies = |n: u32| {
            let direct = raw(&format!("{n}@a.test"), "Lunch", "Cc: talk@lists.test\n", "At noon.");
            let footer = "____________________\nTalk mailing list\nhttps://lists.test/talk\n";
            let head = "List-Id: <talk.lists.test>\nList-Post: <mailto:talk@lists.test>\n";
            [direct.clone(), format!("{head}{}\n{footer}", direct.replace("Subject: ", "Subject: [Talk] "))]
        };
        let [direct, list] = copies(1);
        let (message, _, _) = desk.attach(desk.mail(1, &[0], &direct)).await;
        assert_eq!(desk.take(desk.mail(2, &[0], &list)).await, Outcome::DuplicateOf(message));
        let [direct, list] = copies(2);
        let (message, _, _) = desk.attach(desk.mail(3, &[0], &list)).await;
        assert_eq!(desk.take(desk.mail(4, &[0], &direct)).await, Outcome::DuplicateOf(message));
    }

    async fn the_copy_of_a_list_that_put_itself_into_from_is_counted_with_the_direct_one(db: Database) {
        let desk = Desk::new(db, "acme", &["help@desk.test"]).await;
        let copies = |n: u32| {
            let direct = raw(&format!("{n}@a.test"), "Lunch", "Cc: talk@lists.test\n", "At noon.");
            let head = "List-Id: <talk.lists.test>\nList-Post: <mailto:talk@lists.test>\nReply-To: Ann <ann@a.test>\n";
            let from = "From: Ann via Talk <talk@lists.test>\n";
            let list = direct.lines().map(|line| if line.starts_with("From: ") { from.trim_end() } else { line });
            [direct.clone(), format!("{head}{}\n", list.collect::<Vec<_>>().join("\n"))]
        };
        let [direct, list] = copies(1);
        let (message, there, _) = desk.attach(desk.mail(1, &[0], &direct)).await;
        assert_eq!(desk.take(desk.mail(2, &[0], &list)).await, Outcome::DuplicateOf(message));
        assert_eq!(desk.take(desk.mail(3, &[0], &list)).await, Outcome::DuplicateOf(message));
        assert_eq!(desk.store.message(message).await.unwrap().repeats, 2);
        assert_eq!(desk.store.conversation(there).await.unwrap().message_count, 1);
        // Whoever saw the mail could send such a copy first: it keeps nobody's own mail out.
        let [direct, list] = copies(2);
        let (first, there, _) = desk.attach(desk.mail(4, &[0], &list)).await;
        let (second, also_there, _) = desk.attach(desk.mail(5, &[0], &direct)).await;
        assert_eq!((first != second, also_there), (true, there));
        // In one batch, too.
        let [direct, list] = copies(3);
        let batch = [desk.mail(6, &[0], &direct), desk.mail(7, &[0], &list)];
        let outcomes = desk.store.attach(&batch, &decide).await.unwrap();
        assert!(matches!(outcomes[1], Outcome::DuplicateOf(_)), "{outcomes:?}");
    }

    async fn one_mail_to_two_organisations_is_two_messages_that_know_nothing_of_each_other(db: Database) {
        let acme = Desk::new(db, "acme", &["help@desk.test"]).await;
        let other = Desk::new(db, "other", &["help@other.test"]).await;
        let text = raw("1@a.test", "Invoice", "", "one");
        let mut theirs = other.mail(1, &[0], &text);
        let ours = acme.mail(1, &[0], &text);
        theirs.locator = ours.locator;
        let outcomes = db.store.attach(&[ours, theirs], &decide).await.unwrap();
        let [Outcome::Attached { conversation: a, .. }, Outcome::Attached { conversation: b, .. }] = outcomes.as_slice() else {
            panic!("{outcomes:?}")
        };
        assert_ne!(a, b);
        let reply = raw("2@a.test", "Re: Invoice", "References: <1@a.test>\n", "two");
        assert_eq!(other.attach(other.mail(2, &[0], &reply)).await.1, *b);
    }

    async fn a_system_that_keeps_no_references_is_suggested_where_it_quotes_what_the_product_wrote(db: Database) {
        let desk = Desk::new(db, "acme", &["help@desk.test"]).await;
        let (_, there, _) = desk.attach(desk.mail(1, &[0], &raw("1@a.test", "Delivery", "", "Where is it?"))).await;
        let said = "The order left our house on Monday, and the driver says that it will be at your door before Friday noon.";
        let sent = tidegate::store::Outbound {
            organisation: desk.organisation,
            conversation: Some(there),
            message_ids: vec!["out@desk.test".to_owned()],
            marks: tidegate::threading::beginning_print(said).into_iter().collect(),
            subject: "Re: Delivery".to_owned(),
            addressees: vec![],
            sent_at_us: 2_000_000,
        };
        desk.store.register_outbound(&sent).await.unwrap();
        let answer = |n: u32, from: &str| {
            let text = format!("It is not here yet.\n\nOn Monday, Desk <help@desk.test> wrote:\n> {said}\n");
            raw(&format!("new{n}@crm.test"), "Case 00012345", "", &text).replace("ann@a.test", from)
        };
        let (_, own, decision) = desk.attach(desk.mail(3, &[0], &answer(1, "crm@a.test"))).await;
        assert_ne!(own, there, "only suggested");
        assert_eq!((decision.suggestions[0].conversation, decision.suggestions[0].rule), (there, Rule::QuotedText));
        let (.., decision) = desk.attach(desk.mail(4, &[0], &answer(2, "mallory@m.test"))).await;
        assert!(decision.suggestions.is_empty(), "of another domain: {decision:?}");
    }
}
