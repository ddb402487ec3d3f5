//! What each rule of threading does with a mail, and does not.

use crate::desk::{DESK, Desk, ORG, OTHER, mail, person};
use std::collections::HashSet;
use tidegate::mail::{ConversationId, Header, IdStanding, KnownId, LinkKind, May, Policy, Rule, TokenPlace, Where};
use tidegate::threading::{TokenClaim, decide, text_print};
use uuid::Uuid;

#[test]
fn the_same_person_with_the_same_subject_is_only_a_suggestion() {
    let mut desk = Desk::new();
    let (_, first) = desk.take(&mail("ann@a.test", "1@a.test", "Invoice", &[]), DESK);
    let (decision, second) = desk.take(&mail("ann@a.test", "2@a.test", "RE: Invoice", &[]), DESK);
    assert_ne!(first, second);
    assert_eq!((decision.suggestions[0].conversation, decision.suggestions[0].rule), (first, Rule::SubjectAndPeople));
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
    assert_eq!((there, decision.rule, decision.may), (ann, Rule::BodyMarker, May::Participant));
    assert!(decision.confidence < 0.9);
}

#[test]
fn an_answer_to_a_forward_stays_with_it_and_leaves_the_old_conversation_alone() {
    // In both orders: the forward first, the answer first.
    let forward = || mail("ann@a.test", "f@a.test", "Fwd: Invoice", &["1@a.test"]);
    let answer = || mail("bob@b.test", "r@b.test", "Re: Fwd: Invoice", &["1@a.test", "f@a.test"]);
    for mails in [[forward(), answer()], [answer(), forward()]] {
        let mut desk = Desk::new();
        let (_, old) = desk.take(&mail("ann@a.test", "1@a.test", "Invoice", &[]), DESK);
        let there: Vec<_> = mails.iter().map(|m| desk.take(m, DESK).1).collect();
        assert_eq!(there[0], there[1]);
        assert_ne!(there[0], old);
    }
}

#[test]
fn a_forward_is_linked_to_what_it_was_taken_from() {
    let mut desk = Desk::new();
    let (_, old) = desk.take(&mail("ann@a.test", "1@a.test", "Invoice", &[]), DESK);
    let (decision, _) = desk.take(&mail("ann@a.test", "2@a.test", "Fwd: Invoice", &["1@a.test"]), DESK);
    assert_eq!((decision.links[0].conversation, decision.links[0].kind), (old, LinkKind::Forward));
}

#[test]
fn a_conversation_that_is_full_goes_on_in_a_new_one_and_whatever_ties_to_it_follows() {
    let mut desk = Desk::new();
    desk.limits.threading.caps.conversation_messages_max = 2;
    let first = mail("ann@a.test", "1@a.test", "Log", &[]);
    let (_, old) = desk.take(&first, DESK);
    desk.take(&mail("ann@a.test", "2@a.test", "Re: Log", &["1@a.test"]), DESK);
    let (decision, new) = desk.take(&mail("ann@a.test", "3@a.test", "Re: Log", &["1@a.test"]), DESK);
    assert_eq!((decision.place, decision.rule, decision.continues), (Where::New, Rule::Rollover, Some(old)));
    assert_eq!((decision.may, decision.links[0].kind), (May::Participant, LinkKind::Continues));
    assert_ne!(new, old);
    // One that knows only the oldest id goes to the newest of the chain, and its people are still its people.
    let (decision, there) = desk.take(&mail("ann@a.test", "4@a.test", "Re: Log", &["1@a.test"]), DESK);
    assert_eq!((there, decision.may), (new, May::Participant));
    let (_, third) = desk.take(&mail("mallory@m.test", "5@m.test", "Re: Log", &["1@a.test"]), DESK);
    assert!(third != new && third != old);
    assert_eq!(desk.participants(third), HashSet::from(["ann@a.test"]), "a stranger who happens to begin it gains nothing");
}

#[test]
fn what_was_closed_long_ago_is_not_reopened_and_what_was_closed_lately_is() {
    let mut desk = Desk::new();
    let (_, old) = desk.take(&mail("ann@a.test", "1@a.test", "Invoice", &[]), DESK);
    let facts = desk.index.conversations.get_mut(&old).unwrap();
    (facts.open, facts.closed_at_us) = (false, Some(10));
    desk.now_us = 10 + Policy::default().closed_us_max - 1_000;
    let (decision, there) = desk.take(&mail("mallory@m.test", "1@m.test", "Re: Invoice", &["1@a.test"]), DESK);
    assert_eq!((there, decision.may), (old, May::Unverified));
    assert!(!desk.index.conversations[&old].open, "a stranger reopens nothing");
    desk.now_us = 10 + Policy::default().closed_us_max + 1_000;
    let (decision, new) = desk.take(&mail("ann@a.test", "2@a.test", "Re: Invoice", &["1@a.test"]), DESK);
    assert_eq!((decision.rule, decision.continues, decision.may), (Rule::Closed, Some(old), May::Participant));
    assert!(new != old && desk.index.conversations[&new].open && !desk.index.conversations[&old].open);
}

#[test]
fn a_rule_that_is_off_does_nothing_and_one_with_a_scope_only_there() {
    let mut desk = Desk::new();
    let (_, ann) = desk.take(&mail("ann@a.test", "1@a.test", "Invoice", &[]), DESK);
    desk.limits.threading.switches = vec![(Rule::Forward, false)];
    let (decision, there) = desk.take(&mail("ann@a.test", "2@a.test", "Fwd: Invoice", &["1@a.test"]), DESK);
    assert_eq!((there, decision.rule), (ann, Rule::Reference));
    desk.limits.threading.switches = vec![(Rule::Reference, false)];
    let (decision, there) = desk.take(&mail("ann@a.test", "3@a.test", "Re: Invoice", &["1@a.test"]), DESK);
    assert_ne!(there, ann);
    assert_eq!((decision.suggestions[0].conversation, decision.suggestions[0].rule), (ann, Rule::Reference), "still an idea");
    desk.limits.threading.switches = vec![];
    desk.limits.threading.scopes = vec![(Rule::Reference, vec!["other@desk.test".to_owned()])];
    assert_ne!(desk.take(&mail("ann@a.test", "4@a.test", "Re: Invoice", &["1@a.test"]), DESK).1, ann);
    desk.limits.threading.scopes = vec![(Rule::Reference, vec![DESK.to_owned()])];
    assert_eq!(desk.take(&mail("ann@a.test", "5@a.test", "Re: Invoice", &["1@a.test"]), DESK).1, ann);
}

#[test]
fn a_new_mail_made_from_an_old_one_is_new_where_that_rule_is_on() {
    let made = |id: &str| mail("ann@a.test", id, "Another matter", &["1@a.test"]);
    let mut desk = Desk::new();
    let (_, ann) = desk.take(&mail("ann@a.test", "1@a.test", "Invoice", &[]), DESK);
    assert_eq!(desk.take(&made("2@a.test"), DESK).1, ann, "off unless asked for");
    desk.limits.threading.switches = vec![(Rule::NewFromOld, true)];
    let (decision, there) = desk.take(&made("3@a.test"), DESK);
    assert_ne!(there, ann);
    assert_eq!((decision.rule, decision.links[0].conversation), (Rule::NewFromOld, ann));
    let (_, there) = desk.take(&mail("ann@a.test", "4@a.test", "Re: Invoice", &["1@a.test"]), DESK);
    assert_eq!(there, ann, "an answer is an answer");
}

#[test]
fn mails_of_a_tracker_about_one_case_are_one_conversation_and_a_person_with_that_number_is_not_in_it() {
    let mut desk = Desk::new();
    let tracker = |n: u32, subject: &str| mail("acme@service-now.com", &format!("{n}@sn.test"), subject, &[]);
    let (_, case) = desk.take(&tracker(1, "Incident INC0012345 was opened"), DESK);
    let (decision, there) = desk.take(&tracker(2, "INC0012345 - comments added"), DESK);
    assert_eq!((there, decision.rule), (case, Rule::Tracker));
    assert_ne!(desk.take(&tracker(3, "INC0012346 - comments added"), DESK).1, case);
    assert_ne!(desk.take(&mail("mallory@m.test", "1@m.test", "INC0012345", &[]), DESK).1, case);
}

#[test]
fn a_text_of_ours_that_comes_back_without_its_headers_is_known() {
    let mut desk = Desk::new();
    let mut back = mail("list@b.test", "changed@b.test", "Your case", &[]);
    back.text = "Thank you for your mail. We have received it and will answer it within two working days.".to_owned();
    let known = KnownId { conversation: ConversationId(Uuid::from_u128(77)), standing: IdStanding::Outbound };
    desk.index.ids.insert((ORG, text_print(&back).unwrap()), known);
    let (decision, _) = desk.take(&back, DESK);
    assert_eq!((decision.place, decision.may), (Where::New, May::Automatic), "it says what it is, not where it belongs");
    assert!(decision.evidence.iter().any(|e| e.code == "own-mail"));
}

#[test]
fn a_bounce_to_the_address_of_a_recipient_comes_back_to_the_conversation() {
    let mut desk = Desk::new();
    let (_, ann) = desk.take(&mail("ann@a.test", "1@a.test", "Invoice", &[]), DESK);
    let path = desk.reply_address(ORG, ann, "gone@b.test");
    let mut bounce = mail("mailer-daemon@b.test", "1@b.test", "Undelivered Mail Returned to Sender", &[]);
    bounce.content_type = "multipart/report".to_owned();
    bounce.content_type_parameters = vec![("report-type".to_owned(), "delivery-status".to_owned())];
    bounce.report_parts = vec![tidegate::mail::ReportPart {
        content_type: "message/delivery-status".to_owned(),
        text: "Reporting-MTA: dns; mx.b.test\n\nFinal-Recipient: rfc822; gone@b.test\nAction: failed\nStatus: 5.1.1\n".to_owned(),
    }];
    let (decision, there) = desk.take(&bounce, &path);
    assert_eq!((there, decision.rule, decision.may), (ann, Rule::Token, May::Automatic));
}
