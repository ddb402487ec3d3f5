//! The table of attacks on threading: for each row what someone may try, and that he fails.
//!
//! | row | what is tried |
//! |---|---|
//! | ticket numbers | numbers in subjects are counted up to land in the tickets of others |
//! | in-reply-to | a Message-ID seen on a list or in a forwarded mail is answered |
//! | short macs | signatures are guessed, by many mails of one or about one |
//! | token leaks | a reply address that was passed on with a mail is used by whoever got it |
//! | another tenant | a token or a marker of one organisation is shown to another |
//! | agent spoofed | a mail says it is from an agent |
//! | verification mail | another site is made to send its sign-up code to the desk |
//! | references flood | endless and circular References |
//! | loop amplification | programs are made to answer each other |
//! | merge then read | two conversations are tied so that one's people read the other |
//! | decode smuggling | bytes that become line ends or headers when a token is decoded |
//!
//! And: somebody claims to be a participant while his mail fails DMARC.

use crate::desk::{DESK, Desk, ORG, OTHER, OTHER_DESK, mail, person};
use std::collections::{HashMap, HashSet};
use tidegate::limits::Limits;
use tidegate::mail::{
    BrakeState, ConversationFacts, ConversationId, Header, HoldReason, IdStanding, KnownId, May, NormalizedMail, Rule, Where,
};
use tidegate::threading::{LOOP_FIELD, TokenClaim, TokenUse, decide, given_tag_id, subject_tag_id};
use uuid::Uuid;

fn with(mut mail: NormalizedMail, name: &str, value: &str) -> NormalizedMail {
    mail.headers.insert(0, Header { name: name.to_owned(), value: value.to_owned() });
    mail
}

/// A desk that believes the Authentication-Results of its MX.
fn checked_desk() -> Desk {
    let mut desk = Desk::new();
    desk.limits.threading.authserv_ids = vec!["mx.desk.test".to_owned()];
    desk
}

const PASS: &str = "mx.desk.test; dmarc=pass header.from=a.test";
const FAIL: &str = "mx.desk.test; spf=softfail smtp.mailfrom=evil.test; dmarc=fail header.from=a.test";

#[test]
fn row_ticket_numbers_are_enumerated_a_guessed_number_or_subject_opens_no_conversation_of_another() {
    let mut desk = Desk::new();
    let (_, ann) = desk.take(&mail("ann@a.test", "1@a.test", "[Ticket#1234] Invoice", &[]), DESK);
    let (decision, there) = desk.take(&mail("mallory@m.test", "1@m.test", "Re: [Ticket#1234] Invoice", &[]), DESK);
    assert_eq!((decision.place, decision.may, decision.rule), (Where::New, May::Open, Rule::New));
    assert!(decision.suggestions.is_empty());
    assert_ne!(there, ann);
}

#[test]
fn row_in_reply_to_is_forged_an_id_from_a_public_list_lets_nobody_speak() {
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
fn row_a_token_leaks_by_forwarding_and_is_no_permission() {
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
fn row_a_token_is_shown_to_another_tenant_ignored_and_alarmed() {
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
fn row_a_token_leaks_what_everyone_sees_in_a_message_id_is_no_reply_address() {
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
fn row_merge_then_read_tying_two_conversations_lets_nobody_read_the_other() {
    let mut desk = Desk::new();
    // Mallory's is the older one, so his stays and Ann's is merged into it.
    let (_, mallory) = desk.take(&mail("mallory@m.test", "1@m.test", "mine", &[]), DESK);
    let (_, ann) = desk.take(&mail("ann@a.test", "1@a.test", "Invoice", &[]), DESK);
    let (decision, there) = desk.take(&mail("mallory@m.test", "2@m.test", "Re: mine", &["1@a.test", "1@m.test"]), DESK);
    assert_eq!((there, decision.may, decision.merges.as_slice()), (mallory, May::Unverified, [ann].as_slice()));
    assert_eq!(desk.participants(mallory), HashSet::new());
    let (decision, _) = desk.take(&mail("mallory@m.test", "3@m.test", "Re: mine", &["1@m.test"]), DESK);
    assert_eq!(decision.may, May::Unverified);
    // Nor is she, but what she writes is seen: it opens what was closed.
    desk.index.conversations.get_mut(&mallory).unwrap().open = false;
    let (decision, there) = desk.take(&mail("ann@a.test", "2@a.test", "Re: Invoice", &["1@a.test"]), DESK);
    assert_eq!((there, decision.may, desk.index.conversations[&mallory].open), (mallory, May::Unverified, true));
}

#[test]
fn row_merge_then_read_having_somebody_answer_a_mail_that_names_her_own_conversation() {
    let mut desk = Desk::new();
    let (_, ann) = desk.take(&mail("ann@a.test", "1@a.test", "Invoice", &[]), DESK);
    desk.take(&mail("mallory@m.test", "1@m.test", "Hello", &[]), DESK);
    // What he sent her alone has her id in its References, and her program takes both over.
    let (decision, there) = desk.take(&mail("ann@a.test", "2@a.test", "Re: Hello", &["1@a.test", "1@m.test"]), DESK);
    assert_eq!((there, decision.may), (ann, May::Unverified));
    assert!(!desk.participants(ann).contains("mallory@m.test"));
    let (decision, _) = desk.take(&mail("mallory@m.test", "2@m.test", "Re: Hello", &["1@m.test"]), DESK);
    assert_eq!(decision.may, May::Unverified);
}

#[test]
fn row_merge_then_read_a_stranger_makes_neither_read_the_other() {
    let mut desk = Desk::new();
    let (_, ann) = desk.take(&mail("ann@a.test", "1@a.test", "one", &[]), DESK);
    desk.take(&mail("bob@b.test", "1@b.test", "two", &[]), DESK);
    desk.take(&mail("mallory@m.test", "1@m.test", "Re: both", &["1@a.test", "1@b.test"]), DESK);
    assert_eq!(desk.participants(ann), HashSet::new());
}

#[test]
fn row_references_flood_and_ids_in_a_circle_end() {
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
fn row_ticket_numbers_are_enumerated_a_tag_of_ours_attaches_nobody_but_whom_it_was_given_to() {
    let tagged = |from: &str, id: &str| mail(from, id, "Re: [Ticket#1234] Invoice", &[]);
    let mut desk = checked_desk();
    let (_, ann) = desk.take(&mail("ann@a.test", "1@a.test", "Invoice", &[]), DESK);
    let known = KnownId { conversation: ann, standing: IdStanding::Outbound };
    for id in [subject_tag_id("Ticket#1234"), given_tag_id("[Ticket#1234]", "Ann@A.test")] {
        desk.index.ids.insert((ORG, id), known);
    }
    let also_there = with(mail("carl@a.test", "1@carl.test", "Re: Invoice", &["1@a.test"]), "Authentication-Results", PASS);
    let mut invited = with(mail("ann@a.test", "1b@a.test", "Re: Invoice", &["1@a.test"]), "Authentication-Results", PASS);
    invited.cc = vec![person("carl@a.test")];
    assert_eq!(desk.take(&invited, DESK).1, ann);
    assert_eq!(desk.take(&also_there, DESK).0.may, May::Participant);
    for (mail, attaches) in [
        // A participant to whom the product did not write.
        (with(tagged("carl@a.test", "2@carl.test"), "Authentication-Results", PASS), false),
        (tagged("mallory@m.test", "1@m.test"), false),
        (with(tagged("mallory@m.test", "2@m.test"), "Authentication-Results", "mx.desk.test; dmarc=pass"), false),
        (tagged("ann@a.test", "2@a.test"), false),
        (with(tagged("ann@a.test", "3@a.test"), "Authentication-Results", FAIL), false),
        (with(tagged("ann@a.test", "4@a.test"), "Authentication-Results", PASS), true),
    ] {
        let (decision, there) = desk.take(&mail, DESK);
        assert_eq!(there == ann, attaches, "{:?}", mail.message_id);
        if attaches {
            assert_eq!((decision.rule, decision.may), (Rule::SubjectTag, May::Participant));
        } else {
            assert_eq!(decision.place, Where::New);
            assert_eq!((decision.suggestions[0].conversation, decision.suggestions[0].rule), (ann, Rule::SubjectTag));
        }
    }
}

#[test]
fn row_ticket_numbers_are_enumerated_as_ids_that_only_the_rules_make() {
    let mut desk = Desk::new();
    let mut invoice = mail("ann@a.test", "1@a.test", "** PROBLEM Host Alert: db is DOWN **", &[]);
    invoice.headers.push(Header { name: "Thread-Index".to_owned(), value: "AQHbFHX5Q0zFrUqQ1kqXn3sQ2x4F8g==".to_owned() });
    let (_, ann) = desk.take(&invoice, DESK);
    let known = KnownId { conversation: ann, standing: IdStanding::Outbound };
    desk.index.ids.insert((ORG, subject_tag_id("Ticket#1234")), known);
    let keys = desk.keys(&invoice, DESK);
    let made: Vec<String> = keys.ties().skip(1).map(str::to_owned).chain([subject_tag_id("Ticket#1234")]).collect();
    assert_eq!(made.len(), 3, "{made:?}");
    for id in made.iter().flat_map(|id| [id.clone(), id.to_uppercase(), format!("<{id}>")]) {
        for place in ["references", "in-reply-to", "message-id"] {
            let mut guess = mail("mallory@m.test", "9@m.test", "hi", &[]);
            match place {
                "references" => guess.references = vec![id.clone()],
                "in-reply-to" => guess.in_reply_to = vec![id.clone()],
                _ => guess.message_id = Some(id.clone()),
            }
            let (decision, there) = desk.take(&guess, DESK);
            assert_ne!(there, ann, "{id} in {place}: {:?}", decision.rule);
        }
    }
}

#[test]
fn row_a_participant_is_forged_held_and_without_a_voice_also_when_released() {
    let mut desk = checked_desk();
    let (_, ann) = desk.take(&mail("ann@a.test", "1@a.test", "Invoice", &[]), DESK);
    let forged = with(mail("ann@a.test", "9@evil.test", "Re: Invoice", &["1@a.test"]), "Authentication-Results", FAIL);
    let (decision, there) = desk.take(&forged, DESK);
    assert_eq!((there, decision.hold, decision.may), (ann, Some(HoldReason::ForgedParticipant), May::Unverified));
    // Results that came with the mail are the forger's own.
    let mut own_word = forged.clone();
    own_word.headers.insert(1, Header { name: "Received".to_owned(), value: "from evil".to_owned() });
    own_word.headers.push(Header { name: "Authentication-Results".to_owned(), value: PASS.to_owned() });
    assert_eq!(desk.take(&own_word, DESK).0.hold, Some(HoldReason::ForgedParticipant));
    // A list breaks signatures: it is not held, and does not speak.
    let list = with(forged.clone(), "List-Id", "<team.b.test>");
    let (decision, _) = desk.take(&list, DESK);
    assert_eq!((decision.hold, decision.may), (None, May::Unverified));
    // Whoever stood in Cc of an answer of hers has the reply address she was given.
    let secret = desk.reply_address(ORG, ann, "ann@a.test");
    let (decision, _) = desk.take(&forged, &secret);
    assert_eq!((decision.hold, decision.may), (Some(HoldReason::ForgedParticipant), May::Unverified));
    let real = with(mail("ann@a.test", "10@a.test", "Re: Invoice", &["1@a.test"]), "Authentication-Results", PASS);
    let (decision, _) = desk.take(&real, &secret);
    assert_eq!((decision.hold, decision.may), (None, May::Participant));
    // Somebody who claims to be nobody in particular is not held.
    let (decision, _) = desk.take(&with(mail("x@a.test", "1@x.test", "Hi", &[]), "Authentication-Results", FAIL), DESK);
    assert_eq!((decision.hold, decision.may), (None, May::Open));
}

#[test]
fn row_short_macs_a_signature_has_128_bits_and_no_part_of_it_is_enough() {
    let mut desk = Desk::new();
    let (_, ann) = desk.take(&mail("ann@a.test", "1@a.test", "Invoice", &[]), DESK);
    let whole = desk.reply_address(ORG, ann, "ann@a.test");
    let token = whole.trim_start_matches("reply+").split('@').next().unwrap();
    for cut in [token.len() - 1, token.len() - 13, 31] {
        let padded = format!("reply+{}{}@desk.test", &token[..cut], "a".repeat(token.len() - cut));
        let short = format!("reply+{}@desk.test", &token[..cut]);
        for address in [padded, short] {
            let (decision, there) = desk.take(&mail("ann@a.test", &format!("{cut}@x.test"), "hi", &[]), &address);
            assert_ne!((there, decision.rule), (ann, Rule::Token), "{address}");
        }
    }
}

/// Takes mails one by one; says how many pass the brakes on reply addresses with wrong signatures.
fn pass(desk: &Desk, mails: impl Iterator<Item = (NormalizedMail, String)>) -> usize {
    let mut states: HashMap<String, BrakeState> = HashMap::new();
    let mut passed = 0;
    for (n, (mail, rcpt)) in mails.enumerate() {
        let keys = desk.keys(&mail, &rcpt);
        assert!(keys.tokens.is_empty(), "a guess was right: {rcpt}");
        let mut braked = false;
        for brake in keys.brakes.iter().filter(|b| b.what == "token") {
            braked |= states.entry(brake.key.clone()).or_default().count(brake, n as i64).is_some();
        }
        passed += usize::from(!braked);
    }
    passed
}

/// A reply address that names this conversation, with the signature of guess number `n`.
fn guessed(desk: &Desk, conversation: ConversationId, n: u32) -> String {
    let right = desk.reply_address(ORG, conversation, "ann@a.test");
    // The first 31 letters hold all that is signed.
    let (head, _) = right.split_at("reply+".len() + 31);
    let guess: String = (0..25).map(|at| char::from(b'a' + (n >> (at % 5 * 4) & 15) as u8)).collect();
    format!("{head}{guess}@desk.test")
}

#[test]
fn row_short_macs_a_sender_who_guesses_signatures_is_braked() {
    let desk = Desk::new();
    let most = Limits::default().threading.brakes.token_failures_max as usize;
    let of = |n: u32| ConversationId(Uuid::from_u128(u128::from(n) + 1));
    // One sender, each time at another conversation; in the envelope, and in a field that relays write.
    let one = (0..500).map(|n| (mail("mallory@m.test", &format!("{n}@m.test"), "hi", &[]), guessed(&desk, of(n), n)));
    assert_eq!(pass(&desk, one), most);
    let hidden = (0..500).map(|n| {
        let mail = mail("mallory@m.test", &format!("{n}@m.test"), "hi", &[]);
        (with(mail, "Delivered-To", &guessed(&desk, of(n), n)), DESK.to_owned())
    });
    assert_eq!(pass(&desk, hidden), most);
    // One conversation, each time from another sender, also one who says that he is a program.
    let many = (0..500).map(|n| {
        let mail = mail(&format!("m{n}@m.test"), &format!("{n}@m.test"), "hi", &[]);
        let mail = if n % 2 == 0 { with(mail, "Auto-Submitted", "auto-replied") } else { mail };
        (mail, guessed(&desk, of(1), n))
    });
    assert_eq!(pass(&desk, many), most);
}

#[test]
fn row_short_macs_only_wrong_signatures_of_ours_are_counted() {
    let mut desk = Desk::new();
    let (_, ann) = desk.take(&mail("ann@a.test", "1@a.test", "Invoice", &[]), DESK);
    let token_brakes = |desk: &Desk, from: &str, rcpt: &str| {
        desk.keys(&mail(from, "2@a.test", "Re: Invoice", &[]), rcpt).brakes.iter().filter(|b| b.what == "token").count()
    };
    assert_eq!(token_brakes(&desk, "ann@a.test", &desk.reply_address(ORG, ann, "ann@a.test")), 0, "the right one");
    assert_eq!(token_brakes(&desk, "ann@a.test", DESK), 0, "none at all");
    assert_eq!(token_brakes(&desk, "ann@a.test", &format!("reply+{}@desk.test", "b".repeat(56))), 0, "another system's");
    assert_eq!(token_brakes(&desk, "ann@home.test", &desk.reply_address(ORG, ann, "ann@a.test")), 2, "of a second address");
    // Who is not counted otherwise still does not guess at one conversation for ever.
    desk.limits.threading.unbraked = vec!["ann@home.test".to_owned()];
    assert_eq!(token_brakes(&desk, "ann@home.test", &desk.reply_address(ORG, ann, "ann@a.test")), 1);
    desk.limits.threading.brakes.token_failures_max = 0;
    assert_eq!(token_brakes(&desk, "mallory@m.test", &guessed(&desk, ann, 1)), 0, "switched off");
}

#[test]
fn row_a_marker_is_quoted_to_another_tenant_and_is_nothing_there() {
    let mut desk = Desk::new();
    let (_, ann) = desk.take(&mail("ann@a.test", "1@a.test", "Invoice", &[]), DESK);
    let claim = TokenClaim { organisation: ORG, conversation: ann, addressee: "ann@a.test", epoch: 0 };
    let mut quoted = mail("ann@a.test", "2@a.test", "Look", &[]);
    quoted.text = format!("> {}", desk.tokens.body_marker(&claim).unwrap());
    let keys = desk.keys_of_other(&quoted, OTHER_DESK);
    assert!(keys.tokens.is_empty() && !keys.foreign_token, "a quoted text goes anywhere: no alarm");
    // Ids of one tenant say nothing to the other.
    let reply = mail("ann@a.test", "3@a.test", "Re: Invoice", &["1@a.test"]);
    let decision = decide(&desk.keys_of_other(&reply, OTHER_DESK), &desk.index, ConversationId(Uuid::from_u128(9)));
    assert_eq!((decision.place, decision.suggestions.len()), (Where::New, 0));
    assert_ne!(ORG, OTHER);
}

#[test]
fn row_an_agent_is_spoofed_and_has_no_more_rights_than_a_stranger() {
    let mut desk = checked_desk();
    desk.limits.threading.agents = vec!["@desk.test".to_owned()];
    let (_, ann) = desk.take(&mail("ann@a.test", "1@a.test", "Invoice", &[]), DESK);
    for (from, id) in [(DESK, "1@m.test"), ("agent@desk.test", "2@m.test")] {
        let spoofed = mail(from, id, "Re: Invoice", &["1@a.test"]);
        let (decision, there) = desk.take(&spoofed, DESK);
        assert_eq!((there, decision.may), (ann, May::Unverified), "{from}");
    }
    assert_eq!(desk.participants(ann), HashSet::from(["ann@a.test"]));
}

#[test]
fn row_a_verification_mail_lands_where_nobody_outside_reads() {
    let mut desk = Desk::new();
    let (_, mallory) = desk.take(&mail("mallory@m.test", "1@m.test", "Hello", &[]), DESK);
    // He signs up elsewhere with an address of the desk, one of his conversation included.
    let address = desk.reply_address(ORG, mallory, "mallory@m.test");
    let signup = with(mail("no-reply@site.test", "1@site.test", "Your code", &[]), "Auto-Submitted", "auto-generated");
    let (decision, there) = desk.take(&signup, DESK);
    assert_eq!(decision.may, May::Automatic);
    assert!(desk.participants(there).is_empty(), "nobody could read it");
    // His reply address is bound to him: what another sends to it is not his.
    let (decision, there) = desk.take(&with(signup, "X-Code", "2"), &address);
    assert_ne!((there, decision.rule), (mallory, Rule::Token));
}

#[test]
fn row_loops_amplify_programs_never_change_a_thing_and_are_braked() {
    let mut desk = Desk::new();
    let (_, ann) = desk.take(&mail("ann@a.test", "1@a.test", "Invoice", &[]), DESK);
    let answer = |n: u32| {
        let reply = mail("bob@b.test", &format!("{n}@b.test"), "Automatic reply: Invoice", &["1@a.test"]);
        with(reply, "Auto-Submitted", "auto-replied")
    };
    let (decision, there) = desk.take(&answer(0), DESK);
    assert_eq!((there, decision.may), (ann, May::Automatic));
    assert_eq!(desk.participants(ann), HashSet::from(["ann@a.test"]));
    let keys = desk.keys(&answer(1), DESK);
    let brake = keys.brakes.iter().find(|b| b.what == "automatic").unwrap();
    let mut state = BrakeState::default();
    let passed = (0..10_000).take_while(|n| state.count(brake, *n).is_none()).count();
    assert_eq!(passed, Limits::default().threading.brakes.automatic_max as usize);
}

#[test]
fn row_loops_amplify_our_own_mail_is_known_when_it_comes_back() {
    let mut desk = Desk::new();
    let (_, ann) = desk.take(&mail("ann@a.test", "1@a.test", "Invoice", &[]), DESK);
    let claim = TokenClaim { organisation: ORG, conversation: ann, addressee: "", epoch: 0 };
    let mark = desk.tokens.loop_mark(&claim).unwrap();
    let signed = desk.tokens.message_id(&claim, Uuid::from_u128(5), "desk.test").unwrap();
    desk.index.ids.insert((ORG, "sent@p.test".to_owned()), KnownId { conversation: ann, standing: IdStanding::Outbound });
    let back = |id: &str| mail("ann@a.test", id, "Re: Invoice", &["1@a.test"]);
    for (mail, own) in [
        (with(back("2@a.test"), LOOP_FIELD, &mark), true),
        (back(&signed), true),
        (back("sent@p.test"), true),
        (with(back("3@a.test"), LOOP_FIELD, &"b".repeat(56)), false),
        (with(back("4@a.test"), LOOP_FIELD, &desk.tokens.sign(TokenUse::Body, &claim).unwrap()), false),
    ] {
        let (decision, there) = desk.take(&mail, DESK);
        assert_eq!(there, ann);
        assert_eq!(decision.may == May::Automatic, own, "{:?}", mail.message_id);
    }
    let own = desk.keys(&with(back("5@a.test"), LOOP_FIELD, &mark), DESK);
    assert!(own.brakes.iter().any(|b| b.what == "own"));
}

#[test]
fn row_a_token_leaks_and_is_no_permission_however_it_is_shown() {
    let mut desk = Desk::new();
    let (_, ann) = desk.take(&mail("ann@a.test", "1@a.test", "Invoice", &[]), DESK);
    let address = desk.reply_address(ORG, ann, "ann@a.test");
    let mut n = 0;
    let mut tried = |desk: &mut Desk, change: &dyn Fn(&mut NormalizedMail), rcpt: &str| {
        n += 1;
        let mut guess = mail("mallory@m.test", &format!("{n}@m.test"), "hi", &[]);
        change(&mut guess);
        let (decision, there) = desk.take(&guess, rcpt);
        (there == ann, decision.may)
    };
    // In places where no token is looked for, and in letters that only look like it.
    assert!(!tried(&mut desk, &|m| m.subject = format!("Re: {address}"), DESK).0, "subject");
    assert!(!tried(&mut desk, &|m| m.text = format!("Fwd:\n> Reply-To: {address}\n> {address}"), DESK).0, "text");
    assert!(!tried(&mut desk, &|m| m.reply_to = vec![person(&address), person("ann@a.test")], DESK).0, "Reply-To");
    for letters in [("a", "\u{430}"), ("e", "\u{435}"), ("a", "\u{ff41}"), ("2", "\u{ff12}"), ("b", "=62"), ("c", "%63")] {
        let (local, domain) = address.rsplit_once('@').unwrap();
        let (head, token) = local.split_at("reply+".len());
        let alike = format!("{head}{}@{domain}", token.replace(letters.0, letters.1));
        if alike != address {
            assert!(!tried(&mut desk, &|m| m.cc = vec![person("ann@a.test")], &alike).0, "{letters:?}");
        }
    }
    // Where it is found and he knows whose it is, he is heard as a stranger: in capitals, in fields of relays, with Sender, Resent-From
    // or a reverse-path of hers.
    let knowing = |m: &mut NormalizedMail| m.cc = vec![person("ann@a.test")];
    assert_eq!(tried(&mut desk, &knowing, &address.to_uppercase()), (true, May::Unverified));
    for name in ["Resent-To", "Delivered-To", "X-Original-To", "Envelope-To"] {
        let shown = |m: &mut NormalizedMail| {
            knowing(m);
            m.headers.push(Header { name: name.to_owned(), value: format!("<{address}>") });
            m.headers.push(Header { name: "Resent-From".to_owned(), value: "ann@a.test".to_owned() });
        };
        assert_eq!(tried(&mut desk, &shown, DESK), (true, May::Unverified), "{name}");
    }
    let as_secretary = |m: &mut NormalizedMail| m.sender = Some(person("ann@a.test"));
    assert_eq!(tried(&mut desk, &as_secretary, &address), (true, May::Unverified));
    assert_eq!(desk.participants(ann), HashSet::from(["ann@a.test"]));
    // Hers in capitals works for her.
    let (decision, there) = desk.take(&mail("Ann@A.test", "2@a.test", "Re", &[]), &address.to_uppercase());
    assert_eq!((there, decision.may), (ann, May::Participant));
}

#[test]
fn row_a_token_is_shown_to_another_tenant_in_a_field_that_everybody_writes() {
    let mut desk = Desk::new();
    let theirs = ConversationId(Uuid::from_u128(77));
    desk.index.conversations.insert(theirs, ConversationFacts::default());
    desk.index.owners.insert(theirs, OTHER);
    let token = desk.reply_address(OTHER, theirs, "mallory@m.test");
    // Written to both desks: at the other's address it is the other's business, and no alarm.
    let mut both = mail("mallory@m.test", "1@m.test", "hi", &[]);
    both.cc = vec![person(&token)];
    let (decision, there) = desk.take(&both, DESK);
    assert_eq!((decision.hold, decision.rule, there == theirs), (None, Rule::New, false));
    // At an address of ours it is odd, in every field.
    let ours = token.replace("other.test", "desk.test");
    let mut shown = mail("mallory@m.test", "2@m.test", "hi", &[]);
    shown.cc = vec![person(&ours)];
    let (decision, there) = desk.take(&shown, DESK);
    assert_eq!((decision.hold, there == theirs), (Some(HoldReason::ForeignEvidence), false));
    let resent = with(mail("mallory@m.test", "3@m.test", "hi", &[]), "Resent-To", &ours);
    assert_eq!(desk.take(&resent, DESK).0.hold, Some(HoldReason::ForeignEvidence));
}

#[test]
fn row_a_participant_is_forged_without_from_or_beside_another() {
    let mut desk = checked_desk();
    let (_, ann) = desk.take(&mail("ann@a.test", "1@a.test", "Invoice", &[]), DESK);
    // No From, so that DMARC has nothing to look at.
    let mut nameless = mail("ann@a.test", "2@m.test", "Re: Invoice", &["1@a.test"]);
    nameless.from = None;
    nameless.sender = Some(person("ann@a.test"));
    let nameless = with(nameless, "Authentication-Results", "mx.desk.test; spf=pass smtp.mailfrom=m@m.test; dmarc=none");
    let (decision, there) = desk.take(&nameless, DESK);
    assert_eq!((there, decision.hold, decision.may), (ann, Some(HoldReason::ForgedParticipant), May::Unverified));
    // Two authors: the relay looked at the one who is not shown.
    let beside = mail("ann@a.test", "3@m.test", "Re: Invoice", &["1@a.test"]);
    let beside = with(beside, "Authentication-Results", "mx.desk.test; dmarc=pass header.from=m.test");
    let (decision, _) = desk.take(&beside, DESK);
    assert_eq!((decision.hold, decision.may), (Some(HoldReason::ForgedParticipant), May::Unverified));
}

#[test]
fn row_a_participant_is_forged_by_a_mail_that_also_ties_a_conversation_he_is_not_in() {
    let mut desk = checked_desk();
    let (_, ann) = desk.take(&mail("ann@a.test", "1@a.test", "Invoice", &[]), DESK);
    desk.take(&mail("mallory@m.test", "1@m.test", "Hello", &[]), DESK);
    let failed = |m| with(m, "Authentication-Results", "mx.desk.test; dmarc=fail header.from=a.test");
    let both = failed(mail("ann@a.test", "2@m.test", "Re: Invoice", &["1@a.test", "1@m.test"]));
    let (decision, there) = desk.take(&both, DESK);
    assert_eq!((there, decision.hold, decision.may), (ann, Some(HoldReason::ForgedParticipant), May::Unverified));
    // Whoever fails DMARC and is in none of them is what every stranger is.
    let stranger = failed(mail("bob@a.test", "3@m.test", "Re: Invoice", &["1@a.test"]));
    let (decision, there) = desk.take(&stranger, DESK);
    assert_eq!((there, decision.hold, decision.may), (ann, None, May::Unverified));
}

#[test]
fn row_a_stranger_who_tied_two_conversations_stays_one_in_what_they_became() {
    let mut desk = Desk::new();
    let (_, ann) = desk.take(&mail("ann@a.test", "1@a.test", "Invoice", &[]), DESK);
    desk.take(&mail("bob@b.test", "1@b.test", "Delivery", &[]), DESK);
    for n in 1..4 {
        let ties = mail("mallory@m.test", &format!("{n}@m.test"), "Re: Invoice", &["1@a.test", "1@b.test"]);
        let (decision, there) = desk.take(&ties, DESK);
        assert_eq!((there, decision.may), (ann, May::Unverified), "mail {n}");
        assert!(!desk.participants(ann).contains("mallory@m.test"), "mail {n}");
    }
}

#[test]
fn row_decoding_smuggles_nothing() {
    let mut desk = Desk::new();
    for address in [
        format!("reply+{}\r\nRCPT TO:<x@y>@desk.test", "a".repeat(56)),
        format!("reply+{}@desk.test", "é".repeat(28)),
        format!("reply+{}\0@desk.test", "a".repeat(55)),
        format!("reply+{}@desk.test", "=".repeat(56)),
        format!("reply+{}@desk.test", "8".repeat(56)),
    ] {
        let (decision, _) = desk.take(&mail("m@m.test", "1@m.test", "hi", &[]), &address);
        assert_ne!(decision.rule, Rule::Token, "{address:?}");
        assert_eq!(decision.hold, None);
    }
}
