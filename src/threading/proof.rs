//! What must hold for any mails: the bodies of the fuzz targets, replayed by `cargo test`.
//!
//! # Failure
//! A panic that says what did not hold, and nothing else.

use super::{Partition, TokenClaim, TokenKeys, TokenUse, token_in_address, tokens_in_text};
use crate::mail::{
    Class, ConversationFacts, ConversationId, OrganisationId, Person, SubjectKind, ThreadIndex, ThreadKeys, TokenEvidence,
    TokenPlace,
};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Mails of one graph: the order is tried four times, each costs as much as the mails.
const MAILS_MAX: usize = 64;

const ORGANISATION: OrganisationId = OrganisationId(Uuid::from_u128(1));

/// The bytes make mails that refer to each other; the conversations are the connected components of
/// what the mails tie, whatever order the mails come in.
///
/// # Panics
/// Where they are not.
pub fn graph(data: &[u8]) {
    let mails = mails(data);
    let expected = components(&mails);
    let straight: Vec<usize> = (0..mails.len()).collect();
    let mut backwards = straight.clone();
    backwards.reverse();
    let halves: Vec<usize> = straight.iter().copied().skip(1).step_by(2).chain(straight.iter().copied().step_by(2)).collect();
    let shuffled = shuffled(straight.clone(), data);
    for order in [straight, backwards, halves, shuffled] {
        let found = filed(&mails, &order);
        assert_eq!(found, expected, "in the order {order:?} {mails:#?} make other conversations");
    }
}

/// Eight bytes make a mail: its id, what it refers to, who, which kind.
fn mails(data: &[u8]) -> Vec<ThreadKeys> {
    data.chunks(8).take(MAILS_MAX).map(mail).collect()
}

fn mail(bytes: &[u8]) -> ThreadKeys {
    let byte = |n: usize| bytes.get(n).copied().unwrap_or_default();
    let id = |n: u8| format!("{}@x.test", n % 32);
    let person = |n: u8| Person { name: String::new(), address: format!("person{}@people.test", n % 8) };
    let class = match byte(4) % 16 {
        0 => Class::AutoReply,
        1 => Class::List,
        2 => Class::Bounce,
        3 => Class::Calendar,
        _ => Class::Person,
    };
    let kind = match byte(5) % 8 {
        0 => SubjectKind::Plain,
        1 => SubjectKind::Forward,
        _ => SubjectKind::Reply,
    };
    let message_id = id(byte(0));
    let count = usize::from(byte(5) >> 6);
    let mut references: Vec<String> = Vec::new();
    for reference in [byte(1), byte(2), byte(3)].map(id).into_iter().take(count) {
        if reference != message_id && !references.contains(&reference) {
            references.push(reference);
        }
    }
    let bounced_id = (class == Class::Bounce).then(|| references.pop()).flatten();
    let place = [TokenPlace::Envelope, TokenPlace::Cc, TokenPlace::MessageId, TokenPlace::Body][usize::from(byte(7) >> 6)];
    let token = (byte(7) % 8 == 1).then(|| TokenEvidence {
        conversation: begun(byte(7) >> 4 & 1),
        addressee_is_sender: byte(7) & 0x20 == 0,
        place,
    });
    ThreadKeys {
        renamed_from: (byte(4) >> 5 == 7).then(|| id(byte(4))).into_iter().collect(),
        references,
        tokens: token.into_iter().collect(),
        base_subject: "subject".to_owned(),
        subject_kind: kind,
        answers_forward: kind == SubjectKind::Reply && byte(5) & 0x38 == 0x38,
        thread_index: (byte(6) % 8 == 1).then(|| format!("{}@thread-index.invalid", byte(6) >> 6)),
        tracker: (byte(6) % 8 == 2).then(|| format!("{}@tracker.invalid", byte(6) >> 6)),
        sender: person(byte(6)).address,
        people: vec![person(byte(6)), person(byte(4) >> 4)],
        class,
        bounced_id,
        ..ThreadKeys::new(ORGANISATION, message_id)
    }
}

/// A conversation that began outside these mails.
fn begun(n: u8) -> ConversationId {
    ConversationId(Uuid::from_u128(0xffff_0000 + u128::from(n)))
}

fn known() -> ThreadIndex {
    let mut index = ThreadIndex::default();
    for n in 0..2 {
        index.conversations.insert(begun(n), ConversationFacts { created_at_us: -1, ..ConversationFacts::default() });
        index.owners.insert(begun(n), ORGANISATION);
    }
    index
}

fn shuffled(mut order: Vec<usize>, data: &[u8]) -> Vec<usize> {
    let mut state = data.iter().fold(0x9e37_79b9_7f4a_7c15u64, |s, b| (s ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3));
    for last in (1..order.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        order.swap(last, (state >> 33) as usize % (last + 1));
    }
    order
}

/// The conversations as sets of numbers of `mails`.
fn filed(mails: &[ThreadKeys], order: &[usize]) -> BTreeSet<BTreeSet<usize>> {
    let mut partition = Partition::from_index(known());
    for (at, n) in order.iter().enumerate() {
        partition.add(&ThreadKeys { received_at_us: at as i64, ..mails[*n].clone() });
    }
    let groups = partition.groups();
    for group in &groups {
        let stays = group.first().and_then(|n| partition.conversation(*n));
        let facts = stays.and_then(|c| partition.index().conversations.get(&c));
        assert_eq!(facts.map(|f| f.message_count), Some(group.len() as i64), "a conversation counts its messages");
    }
    groups.into_iter().map(|g| g.into_iter().map(|at| order[at]).collect()).collect()
}

/// What they should be, by the plainest means: colours that spread over what mails tie until nothing changes.
fn components(mails: &[ThreadKeys]) -> BTreeSet<BTreeSet<usize>> {
    let ties: Vec<Vec<String>> = mails
        .iter()
        .map(|k| {
            let token = k.tokens.first().filter(|_| !k.is_forward()).map(|t| t.conversation.to_string());
            k.ties().map(str::to_owned).chain(token).collect()
        })
        .collect();
    let mut colour: Vec<usize> = (0..mails.len()).collect();
    loop {
        let mut least: BTreeMap<&str, usize> = BTreeMap::new();
        for (n, ids) in ties.iter().enumerate() {
            for id in ids {
                let entry = least.entry(id).or_insert(colour[n]);
                *entry = colour[n].min(*entry);
            }
        }
        let spread: Vec<usize> =
            ties.iter().enumerate().map(|(n, ids)| ids.iter().map(|id| least[id.as_str()]).min().unwrap_or(n)).collect();
        if spread == colour {
            break;
        }
        colour = spread;
    }
    let mut out: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for (n, c) in colour.iter().enumerate() {
        out.entry(*c).or_default().insert(n);
    }
    out.into_values().collect()
}

/// Any bytes are an address and a text in which tokens are looked for: none of ours is made up, and one
/// of ours is found and verified whatever stands around it.
///
/// # Panics
/// Where that does not hold.
pub fn tokens(data: &[u8]) {
    let text: String = data.utf8_chunks().flat_map(|c| c.valid().chars()).collect();
    let keys = TokenKeys::from_secrets(["a secret of the fuzzer, thirty-two bytes or more"]);
    let found: Vec<&str> = token_in_address(&text).into_iter().chain(tokens_in_text(&text)).collect();
    for token in found {
        assert!(token.len() == super::TOKEN_LETTERS && token.is_ascii());
        for purpose in [TokenUse::ReplyAddress, TokenUse::MessageId, TokenUse::Body] {
            assert_eq!(keys.verify(token, purpose, ORGANISATION, ["", "ann@a.test"]), None, "a token is made up");
        }
    }
    let claim = TokenClaim { organisation: ORGANISATION, conversation: begun(1), addressee: "ann@a.test", epoch: 0 };
    let mark = keys.body_marker(&claim).unwrap_or_default();
    let around = format!("{text}{mark}{text}");
    let verified = tokens_in_text(&around).find_map(|t| keys.verify(t, TokenUse::Body, ORGANISATION, ["ann@a.test"]));
    assert_eq!(verified, Some((begun(1), 0)), "a token is lost in {around:?}");
}
