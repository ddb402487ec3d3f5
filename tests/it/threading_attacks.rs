//! What someone may try with ids, tokens and subjects, and what he gets.

use std::collections::HashSet;
use tidegate::classify::classify;
use tidegate::directory::{Directory, Mailbox};
use tidegate::limits::Limits;
use tidegate::mail::{
    ConversationFacts, ConversationId, Decision, Envelope, EnvelopeRecipient, Header, HoldReason, IdStanding, KnownId, MailboxId,
    May, NormalizedMail, OrganisationId, Person, Protocol, Rule, ThreadIndex, ThreadKeys, TokenPlace, Where,
};
use tidegate::threading::{TokenClaim, TokenKeys, decide, keys};
use uuid::Uuid;

const ORG: OrganisationId = OrganisationId(Uuid::from_u128(1));
const OTHER: OrganisationId = OrganisationId(Uuid::from_u128(2));
const DESK: &str = "help@desk.test";
const OTHER_DESK: &str = "help@other.test";

/// A desk with its conversations, and mails that come in one by one.
struct Desk {
    index: ThreadIndex,
    directory: Directory,
    tokens: TokenKeys,
    fresh: u128,
}

impl Desk {
    fn new() -> Desk {
        let mailbox = |n, organisation, address: &str| Mailbox {
            id: MailboxId(Uuid::from_u128(n)),
            organisation,
            address: address.to_owned(),
        };
        let mailboxes = [
            mailbox(1, ORG, DESK),
            mailbox(2, ORG, "reply+*@desk.test"),
            mailbox(3, OTHER, OTHER_DESK),
            mailbox(4, OTHER, "reply+*@other.test"),
        ];
        Desk {
            index: ThreadIndex::default(),
            directory: Directory::new(1, mailboxes),
            tokens: TokenKeys::from_secrets(["a secret of at least sixteen bytes"]),
            fresh: 0,
        }
    }

    fn keys(&self, mail: &NormalizedMail, rcpt: &str) -> ThreadKeys {
        let envelope = Envelope {
            received_at_us: self.fresh as i64,
            session: String::new(),
            protocol: Protocol::ESMTP,
            client_ip: None,
            client_name: None,
            helo: None,
            reverse_path: mail.from.as_ref().map(|p| p.address.clone()).unwrap_or_default(),
            recipients: vec![EnvelopeRecipient {
                address: rcpt.to_owned(),
                organisation: ORG,
                mailbox: MailboxId(Uuid::from_u128(1)),
            }],
            tls: None,
            authenticated_as: None,
            smtputf8: false,
            body: Default::default(),
        };
        let class = classify(mail, Some(&envelope.reverse_path));
        keys(mail, &class, &envelope, ORG, &self.directory, &self.tokens, &Limits::default())
    }

    /// Takes a mail in, and tells what was decided and where it went.
    fn take(&mut self, mail: &NormalizedMail, rcpt: &str) -> (Decision, ConversationId) {
        self.fresh += 1;
        let fresh = ConversationId(Uuid::from_u128(0x1000 + self.fresh));
        let keys = self.keys(mail, rcpt);
        let decision = decide(&keys, &self.index, fresh);
        let there = match decision.place {
            Where::New => fresh,
            Where::Existing(c) => c,
        };
        self.index.apply(&keys, &decision, there);
        (decision, self.index.resolve(there))
    }

    fn participants(&self, conversation: ConversationId) -> HashSet<&str> {
        self.index.conversations[&self.index.resolve(conversation)].participants.iter().map(String::as_str).collect()
    }

    fn reply_address(&self, organisation: OrganisationId, conversation: ConversationId, addressee: &str) -> String {
        let domain = if organisation == ORG { "desk.test" } else { "other.test" };
        self.tokens.reply_address(&TokenClaim { organisation, conversation, addressee, epoch: 0 }, domain).unwrap()
    }
}

fn person(address: &str) -> Person {
    Person { name: String::new(), address: address.to_owned() }
}

fn mail(from: &str, id: &str, subject: &str, references: &[&str]) -> NormalizedMail {
    NormalizedMail {
        from: Some(person(from)),
        to: vec![person(DESK)],
        subject: subject.to_owned(),
        message_id: Some(id.to_owned()),
        references: references.iter().map(|r| (*r).to_owned()).collect(),
        text: "Hello".to_owned(),
        content_type: "text/plain".to_owned(),
        ..NormalizedMail::default()
    }
}

#[test]
fn a_number_or_a_subject_that_was_guessed_opens_no_conversation_of_another() {
    let mut desk = Desk::new();
    let (_, ann) = desk.take(&mail("ann@a.test", "1@a.test", "[Ticket#1234] Invoice", &[]), DESK);
    let (decision, there) = desk.take(&mail("mallory@m.test", "1@m.test", "Re: [Ticket#1234] Invoice", &[]), DESK);
    assert_eq!((decision.place, decision.may, decision.rule), (Where::New, May::Open, Rule::New));
    assert!(decision.suggestions.is_empty());
    assert_ne!(there, ann);
}

#[test]
fn the_same_person_with_the_same_subject_is_only_a_suggestion() {
    let mut desk = Desk::new();
    let (_, first) = desk.take(&mail("ann@a.test", "1@a.test", "Invoice", &[]), DESK);
    let (decision, second) = desk.take(&mail("ann@a.test", "2@a.test", "RE: Invoice", &[]), DESK);
    assert_ne!(first, second);
    assert_eq!((decision.suggestions[0].conversation, decision.suggestions[0].rule), (first, Rule::SubjectAndPeople));
}

#[test]
fn a_message_id_from_a_public_list_lets_nobody_speak() {
    let mut desk = Desk::new();
    let (_, ann) = desk.take(&mail("ann@a.test", "1@a.test", "Invoice", &[]), DESK);
    let (decision, there) = desk.take(&mail("mallory@m.test", "1@m.test", "Re: Invoice", &["1@a.test"]), DESK);
    assert_eq!((there, decision.may), (ann, May::Unverified));
    assert_eq!(desk.participants(ann), HashSet::from(["ann@a.test"]));
    // And not at the second try either.
    let (decision, _) = desk.take(&mail("mallory@m.test", "2@m.test", "Re: Invoice", &["1@m.test"]), DESK);
    assert_eq!(decision.may, May::Unverified);
}

#[test]
fn somebody_in_cc_of_a_participant_may_speak() {
    let mut desk = Desk::new();
    let mut first = mail("ann@a.test", "1@a.test", "Invoice", &[]);
    first.cc = vec![person("Bob@B.test")];
    let (_, ann) = desk.take(&first, DESK);
    let (decision, there) = desk.take(&mail("bob@b.test", "1@b.test", "AW: Invoice", &["1@a.test"]), DESK);
    assert_eq!((there, decision.may, decision.rule), (ann, May::Participant, Rule::Reference));
}

#[test]
fn a_reply_address_works_for_its_addressee_wherever_it_stands() {
    for place in [TokenPlace::Envelope, TokenPlace::DeliveredTo, TokenPlace::To, TokenPlace::Cc, TokenPlace::Bcc] {
        let mut desk = Desk::new();
        let (_, ann) = desk.take(&mail("ann@a.test", "1@a.test", "Invoice", &[]), DESK);
        let address = desk.reply_address(ORG, ann, "ann@a.test").to_uppercase();
        let mut reply = mail("Ann@A.test", "2@a.test", "a new subject", &[]);
        match place {
            TokenPlace::DeliveredTo => {
                reply.headers.push(Header { name: "X-Original-To".to_owned(), value: format!("rfc822; <{address}>") });
            }
            TokenPlace::To => reply.to = vec![person(&address)],
            TokenPlace::Cc => reply.cc = vec![person(&address)],
            TokenPlace::Bcc => reply.bcc = vec![person(&address)],
            _ => {}
        }
        let rcpt = if place == TokenPlace::Envelope { address.as_str() } else { DESK };
        let (decision, there) = desk.take(&reply, rcpt);
        assert_eq!((there, decision.rule, decision.may), (ann, Rule::Token, May::Participant), "{place:?}");
    }
}

#[test]
fn a_token_leaked_by_forwarding_is_no_permission() {
    let mut desk = Desk::new();
    let (_, ann) = desk.take(&mail("ann@a.test", "1@a.test", "Invoice", &[]), DESK);
    let address = desk.reply_address(ORG, ann, "ann@a.test");
    // He does not know whose it was: it is nothing.
    let (decision, there) = desk.take(&mail("mallory@m.test", "1@m.test", "hi", &[]), &address);
    assert_eq!((decision.rule, there == ann), (Rule::New, false));
    // He knows: his mail is filed there, as unverified.
    let mut knowing = mail("mallory@m.test", "2@m.test", "hi", &[]);
    knowing.cc = vec![person("ann@a.test")];
    let (decision, there) = desk.take(&knowing, &address);
    assert_eq!((there, decision.rule, decision.may), (ann, Rule::Token, May::Unverified));
    assert_eq!(desk.participants(ann), HashSet::from(["ann@a.test"]));
}

#[test]
fn a_token_of_another_organisation_is_ignored_and_raises_an_alarm() {
    let mut desk = Desk::new();
    let theirs = ConversationId(Uuid::from_u128(77));
    desk.index.conversations.insert(theirs, ConversationFacts::default());
    desk.index.owners.insert(theirs, OTHER);
    let token = desk.reply_address(OTHER, theirs, "mallory@m.test").replace("other.test", "desk.test");
    let (decision, there) = desk.take(&mail("mallory@m.test", "1@m.test", "hi", &[]), &token);
    assert_eq!((decision.hold, decision.rule), (Some(HoldReason::ForeignEvidence), Rule::New));
    assert_ne!(there, theirs);
    // A token that is valid nowhere is only noise.
    let (decision, _) = desk.take(&mail("mallory@m.test", "2@m.test", "hi", &[]), &format!("reply+{}@desk.test", "b".repeat(56)));
    assert_eq!(decision.hold, None);
}

#[test]
fn an_answer_to_two_desks_at_once_is_no_alarm() {
    let mut desk = Desk::new();
    let (_, ann) = desk.take(&mail("ann@a.test", "1@a.test", "Invoice", &[]), DESK);
    let mut reply = mail("ann@a.test", "2@a.test", "Re: Invoice", &[]);
    let ours = desk.reply_address(ORG, ann, "ann@a.test");
    let theirs = desk.reply_address(OTHER, ConversationId(Uuid::from_u128(77)), "ann@a.test");
    reply.to = vec![person(&ours), person(&theirs)];
    let (decision, there) = desk.take(&reply, &ours);
    assert_eq!((there, decision.hold, decision.may), (ann, None, May::Participant));
}

#[test]
fn what_everyone_sees_in_a_message_id_is_no_reply_address() {
    let mut desk = Desk::new();
    let (_, ann) = desk.take(&mail("ann@a.test", "1@a.test", "Invoice", &[]), DESK);
    let claim = TokenClaim { organisation: ORG, conversation: ann, addressee: "", epoch: 0 };
    let sent = desk.tokens.message_id(&claim, Uuid::from_u128(5), "desk.test").unwrap();
    let token = sent.split('.').next().unwrap();
    let (decision, _) = desk.take(&mail("mallory@m.test", "1@m.test", "hi", &[]), &format!("reply+{token}@desk.test"));
    assert_eq!(decision.rule, Rule::New);
    // In References it says where, although the product never told that it sent it; it does not say who may.
    let (decision, there) = desk.take(&mail("mallory@m.test", "2@m.test", "Re: hi", &[&sent]), DESK);
    assert_eq!((there, decision.rule, decision.may), (ann, Rule::OutboundId, May::Unverified));
    let (decision, there) = desk.take(&mail("ann@a.test", "2@a.test", "Re: hi", &[&sent]), DESK);
    assert_eq!((there, decision.may), (ann, May::Participant));
}

#[test]
fn a_reply_address_wins_over_references_and_the_conflict_is_shown() {
    let mut desk = Desk::new();
    let (_, first) = desk.take(&mail("ann@a.test", "1@a.test", "One", &[]), DESK);
    let (_, second) = desk.take(&mail("ann@a.test", "2@a.test", "Two", &[]), DESK);
    let address = desk.reply_address(ORG, first, "ann@a.test");
    let (decision, there) = desk.take(&mail("ann@a.test", "3@a.test", "Re: Two", &["2@a.test"]), &address);
    assert_eq!((there, decision.rule), (first, Rule::Token));
    assert!(decision.merges.is_empty());
    assert_eq!(decision.suggestions[0].conversation, second);
    assert!(decision.evidence.iter().any(|e| e.code == "conflict"));
}

#[test]
fn a_mail_to_two_reply_addresses_goes_to_the_first_and_merges_nothing() {
    let mut desk = Desk::new();
    let (_, first) = desk.take(&mail("ann@a.test", "1@a.test", "One", &[]), DESK);
    let (_, second) = desk.take(&mail("ann@a.test", "2@a.test", "Two", &[]), DESK);
    let mut reply = mail("ann@a.test", "3@a.test", "Both", &[]);
    reply.cc = vec![person(&desk.reply_address(ORG, second, "ann@a.test"))];
    let (decision, there) = desk.take(&reply, &desk.reply_address(ORG, first, "ann@a.test"));
    assert_eq!((there, decision.merges.len()), (first, 0));
    assert_eq!(decision.suggestions[0].conversation, second);
}

#[test]
fn the_token_of_an_erased_conversation_begins_a_new_one() {
    let mut desk = Desk::new();
    let erased = ConversationId(Uuid::from_u128(99));
    let address = desk.reply_address(ORG, erased, "ann@a.test");
    let (decision, there) = desk.take(&mail("ann@a.test", "1@a.test", "hi", &[]), &address);
    assert_eq!((decision.place, decision.hold), (Where::New, None));
    assert_ne!(there, erased);
}

#[test]
fn tying_two_conversations_lets_nobody_read_the_other() {
    let mut desk = Desk::new();
    // Mallory's is the older one, so his stays and Ann's is merged into it.
    let (_, mallory) = desk.take(&mail("mallory@m.test", "1@m.test", "mine", &[]), DESK);
    let (_, ann) = desk.take(&mail("ann@a.test", "1@a.test", "Invoice", &[]), DESK);
    let (decision, there) = desk.take(&mail("mallory@m.test", "2@m.test", "Re: mine", &["1@a.test", "1@m.test"]), DESK);
    assert_eq!((there, decision.may, decision.merges.as_slice()), (mallory, May::Unverified, [ann].as_slice()));
    assert_eq!(desk.participants(mallory), HashSet::from(["ann@a.test"]));
    let (decision, _) = desk.take(&mail("mallory@m.test", "3@m.test", "Re: mine", &["1@m.test"]), DESK);
    assert_eq!(decision.may, May::Unverified);
    let (decision, _) = desk.take(&mail("ann@a.test", "2@a.test", "Re: Invoice", &["1@a.test"]), DESK);
    assert_eq!(decision.may, May::Participant);
}

#[test]
fn a_stranger_who_ties_two_conversations_makes_neither_read_the_other() {
    let mut desk = Desk::new();
    let (_, ann) = desk.take(&mail("ann@a.test", "1@a.test", "one", &[]), DESK);
    desk.take(&mail("bob@b.test", "1@b.test", "two", &[]), DESK);
    desk.take(&mail("mallory@m.test", "1@m.test", "Re: both", &["1@a.test", "1@b.test"]), DESK);
    assert_eq!(desk.participants(ann), HashSet::new());
}

#[test]
fn conversations_of_one_person_are_merged_with_all_their_people() {
    let mut desk = Desk::new();
    let (_, first) = desk.take(&mail("ann@a.test", "1@a.test", "one", &[]), DESK);
    let mut second = mail("ann@a.test", "2@a.test", "two", &[]);
    second.cc = vec![person("bob@b.test")];
    let (_, other) = desk.take(&second, DESK);
    let (decision, there) = desk.take(&mail("ann@a.test", "3@a.test", "Re: both", &["1@a.test", "2@a.test"]), DESK);
    assert_eq!((there, decision.may, decision.merges.as_slice()), (first, May::Participant, [other].as_slice()));
    assert_eq!(desk.participants(first), HashSet::from(["ann@a.test", "bob@b.test"]));
}

#[test]
fn what_two_people_of_the_staff_have_worked_on_is_never_merged_by_a_rule() {
    let mut desk = Desk::new();
    let (_, first) = desk.take(&mail("ann@a.test", "1@a.test", "one", &[]), DESK);
    let (_, second) = desk.take(&mail("ann@a.test", "2@a.test", "two", &[]), DESK);
    let both = mail("ann@a.test", "3@a.test", "Re: both", &["1@a.test", "2@a.test"]);
    // One of them: it stays, although it is the younger.
    desk.index.conversations.get_mut(&second).unwrap().touched_by_person = true;
    let decision = decide(&desk.keys(&both, DESK), &desk.index, ConversationId(Uuid::from_u128(9)));
    assert_eq!((decision.place, decision.merges.as_slice()), (Where::Existing(second), [first].as_slice()));
    // Both: the nearer one gets the mail, the other is suggested.
    desk.index.conversations.get_mut(&first).unwrap().touched_by_person = true;
    let decision = decide(&desk.keys(&both, DESK), &desk.index, ConversationId(Uuid::from_u128(9)));
    assert_eq!((decision.place, decision.merges.len()), (Where::Existing(second), 0));
    assert_eq!(decision.suggestions[0].conversation, first);
}

#[test]
fn a_mail_passed_on_begins_a_conversation_of_its_own() {
    let mut desk = Desk::new();
    let (_, old) = desk.take(&mail("ann@a.test", "1@a.test", "Rechnung", &[]), DESK);
    for (n, subject) in ["WG: Rechnung", "Fwd: Re: Rechnung", "TR: Rechnung", "转发：Rechnung"].into_iter().enumerate() {
        let id = format!("forward{n}@a.test");
        let (decision, there) = desk.take(&mail("ann@a.test", &id, subject, &["1@a.test"]), DESK);
        assert_eq!((decision.rule, decision.place), (Rule::Forward, Where::New), "{subject}");
        assert_eq!(decision.suggestions[0].conversation, old, "{subject}");
        assert_ne!(there, old);
    }
    // To the reply address of the conversation it is meant for it.
    let address = desk.reply_address(ORG, old, "ann@a.test");
    let (decision, there) = desk.take(&mail("ann@a.test", "99@a.test", "WG: Rechnung", &["1@a.test"]), &address);
    assert_eq!((there, decision.rule), (old, Rule::Token));
}

#[test]
fn a_program_is_filed_and_opens_no_door() {
    let mut desk = Desk::new();
    let (_, ann) = desk.take(&mail("ann@a.test", "1@a.test", "Invoice", &[]), DESK);
    let mut answer = mail("bob@b.test", "1@b.test", "Out of office: Invoice", &["1@a.test"]);
    answer.headers.push(Header { name: "Auto-Submitted".to_owned(), value: "auto-replied".to_owned() });
    let (decision, there) = desk.take(&answer, DESK);
    assert_eq!((there, decision.may), (ann, May::Automatic));
    assert_eq!(desk.participants(ann), HashSet::from(["ann@a.test"]));
    // A sign-up mail of another site, sent to the desk on purpose: its conversation has no participants who could read it.
    let mut signup = mail("no-reply@site.test", "1@site.test", "Your code", &[]);
    signup.headers.push(Header { name: "Auto-Submitted".to_owned(), value: "auto-generated".to_owned() });
    let (decision, there) = desk.take(&signup, DESK);
    assert_eq!(decision.may, May::Automatic);
    assert!(desk.participants(there).is_empty());
}

#[test]
fn a_flood_of_references_and_ids_in_a_circle_end() {
    let mut desk = Desk::new();
    let many: Vec<String> = (0..100_000).map(|n| format!("{n}@flood.test")).collect();
    let mut flood = mail("mallory@m.test", "1@m.test", "Re: x", &[]);
    flood.references = many;
    assert_eq!(desk.keys(&flood, DESK).references.len(), Limits::default().references_max);
    desk.take(&flood, DESK);
    let (_, a) = desk.take(&mail("m@m.test", "a@m.test", "Re: x", &["b@m.test"]), DESK);
    let (_, b) = desk.take(&mail("m@m.test", "b@m.test", "Re: x", &["a@m.test"]), DESK);
    let (_, c) = desk.take(&mail("m@m.test", "c@m.test", "Re: x", &["c@m.test", "c@m.test"]), DESK);
    assert_eq!(a, b);
    assert_ne!(a, c);
}

#[test]
fn an_id_that_a_provider_gave_our_mail_leads_back() {
    let mut desk = Desk::new();
    let (_, ann) = desk.take(&mail("ann@a.test", "1@a.test", "Invoice", &[]), DESK);
    desk.index.ids.insert((ORG, "0102@provider.test".to_owned()), KnownId { conversation: ann, standing: IdStanding::Outbound });
    let (decision, there) = desk.take(&mail("ann@a.test", "2@a.test", "anything", &["0102@provider.test"]), DESK);
    assert_eq!((there, decision.rule, decision.may), (ann, Rule::OutboundId, May::Participant));
}

#[test]
fn two_answers_to_a_mail_nobody_has_seen_are_one_conversation() {
    let mut desk = Desk::new();
    let (_, ann) = desk.take(&mail("ann@a.test", "1@a.test", "Re: plan", &["unseen@x.test"]), DESK);
    let mut second = mail("bob@b.test", "1@b.test", "Re: plan", &["unseen@x.test"]);
    second.cc = vec![person("ann@a.test")];
    let (decision, there) = desk.take(&second, DESK);
    assert_eq!((there, decision.rule, decision.may), (ann, Rule::SharedAncestor, May::Unverified));
}

#[test]
fn exchange_threads_hold_together_under_one_subject_only() {
    let index = "AdGJ2K1VYm9yZGVybGVzc3RocmVhZGluZw==";
    let with = |from: &str, id: &str, subject: &str| {
        let mut m = mail(from, id, subject, &[]);
        m.headers.push(Header { name: "Thread-Index".to_owned(), value: index.to_owned() });
        m
    };
    let mut desk = Desk::new();
    let (_, ann) = desk.take(&with("ann@a.test", "1@a.test", "Invoice"), DESK);
    let (decision, there) = desk.take(&with("ann@a.test", "2@a.test", "AW: Invoice"), DESK);
    assert_eq!((there, decision.rule, decision.may), (ann, Rule::ThreadIndex, May::Participant));
    let (_, there) = desk.take(&with("ann@a.test", "3@a.test", "Another matter"), DESK);
    assert_ne!(there, ann);
}

#[test]
fn a_marker_in_the_text_leads_back_when_nothing_else_was_kept() {
    let mut desk = Desk::new();
    let (_, ann) = desk.take(&mail("ann@a.test", "1@a.test", "Invoice", &[]), DESK);
    let claim = TokenClaim { organisation: ORG, conversation: ann, addressee: "ann@a.test", epoch: 0 };
    let mut stripped = mail("ann@a.test", "CASE-1@erp.test", "Case 00012", &[]);
    stripped.text = format!("Done.\n\n> {}\n", desk.tokens.body_marker(&claim).unwrap());
    let (decision, there) = desk.take(&stripped, DESK);
    assert_eq!((there, decision.rule, decision.may), (ann, Rule::Token, May::Participant));
    assert!(decision.confidence < 0.9);
}
