//! Small conversations whose partition is known, filed in an order of chance by the pure core.
//!
//! What clients do to them: they lose References or In-Reply-To, keep the last id alone, write another
//! subject, pass a mail on, and two customers write under the same subject.
//!
//! # Failure
//! None: a mail that is filed wrongly is a miss with the number that makes it again.

use crate::corpus::generate::compose::{self, Setting};
use crate::corpus::generate::draft::{Draft, Field, Mailbox, Value};
use crate::corpus::generate::language::languages;
use crate::corpus::generate::{Dice, Shape};
use crate::corpus::mangle::{Mangling, Specimen, mangle_sparing, manglings, slot};
use crate::corpus::{Desk, Read};

/// Shapes of a first mail.
const TEXTS: &[Shape] = &[Shape::Plain, Shape::Alternative, Shape::Html, Shape::Mixed];
/// Shapes of an answer.
const QUOTES: &[Shape] = &[Shape::Reply, Shape::ReplyHtml, Shape::Plain];

/// Mails, and the number of the conversation each belongs to.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    /// In the order in which they were written.
    pub(super) mails: Vec<Specimen>,
    /// Of each.
    pub(super) conversations: Vec<usize>,
    /// The order in which they arrive.
    pub(super) arrival: Vec<usize>,
}

/// How much of what it answers a mail still says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ties {
    Both,
    ReplyAlone,
    ReferencesAlone,
    LastReference,
    /// Nothing but Exchange's Thread-Index.
    ThreadIndex,
}

/// The conversations with this number under a seed.
#[must_use]
pub(super) fn conversations(seed: u64, number: u64) -> Unit {
    let mut dice = Dice::new(seed ^ 0xC0DE, number);
    let language = dice.pick(languages());
    let setting = compose::setting(&mut dice, language);
    let mut written: Vec<(Draft, usize)> = Vec::new();
    // A time and a GUID; each answer adds five bytes.
    let mut thread_index = dice.chance(35).then(|| [&[1, 0xd9], dice.bytes(20).as_slice()].concat());
    let count = dice.within(2, 4);
    let mut ids: Vec<String> = Vec::new();
    for n in 0..count {
        let shape = if n == 0 { *dice.pick(TEXTS) } else { *dice.pick(QUOTES) };
        let writer = if n % 2 == 0 { setting.author.clone() } else { compose::person(&mut dice, language, &setting.domain) };
        let s = Setting {
            author: writer,
            subject: setting.subject.clone(),
            desk: setting.desk.clone(),
            domain: setting.domain.clone(),
            ..setting
        };
        let mut draft = compose::draft(&mut dice, &s, shape);
        untie(&mut draft);
        let may_lose_all = thread_index.is_some();
        let ties = *dice.pick(if may_lose_all {
            &[Ties::Both, Ties::ReplyAlone, Ties::ReferencesAlone, Ties::LastReference, Ties::ThreadIndex]
        } else {
            &[Ties::Both, Ties::ReplyAlone, Ties::ReferencesAlone, Ties::LastReference, Ties::Both]
        });
        let subject = if n == 0 { setting.subject.clone() } else { answered(&mut dice, &setting) };
        // Who keeps the ids may change the subject; who keeps the subject alone may not.
        let subject =
            if n > 0 && ties != Ties::ThreadIndex && dice.chance(8) { dice.pick(&language.subjects).clone() } else { subject };
        rename(&mut draft, &subject);
        if n > 0 {
            tie(&mut draft, &ids, ties);
        }
        if let Some(index) = &mut thread_index {
            if n > 0 {
                index.extend(dice.bytes(5));
            }
            draft.add_raw("Thread-Index", data_encoding::BASE64.encode(index));
        }
        ids.extend(draft.truth.message_id.clone());
        written.push((draft, 0));
    }
    let mut next = 1;
    if dice.chance(40) {
        // Another customer, the same subject, no ids in common.
        let other = Mailbox { name: "Jo Other".to_owned(), address: format!("jo{}@elsewhere.example", dice.below(999)) };
        let s = Setting {
            author: other,
            desk: setting.desk.clone(),
            subject: setting.subject.clone(),
            domain: "elsewhere.example".to_owned(),
            ..setting
        };
        let shape = *dice.pick(TEXTS);
        let mut draft = compose::draft(&mut dice, &s, shape);
        untie(&mut draft);
        rename(&mut draft, &setting.subject);
        written.push((draft, next));
        next += 1;
    }
    if dice.chance(30) {
        // Passed on: a new matter, whatever its ids say.
        let shape = *dice.pick(QUOTES);
        let mut draft = compose::draft(
            &mut dice,
            &Setting {
                author: setting.author.clone(),
                desk: setting.desk.clone(),
                subject: setting.subject.clone(),
                domain: setting.domain.clone(),
                ..setting
            },
            shape,
        );
        untie(&mut draft);
        rename(&mut draft, &format!("{}: {}", language.forward, setting.subject));
        // What it says anew and what it passes on is another question than where it belongs.
        draft.truth.reply = None;
        // "VS" is a forward in Danish and an answer in Finnish: with ids of an old mail nobody can tell.
        if language.forward != "VS" {
            tie(&mut draft, &ids, Ties::Both);
        }
        written.push((draft, next));
    }
    let mut mails = Vec::new();
    let mut conversations = Vec::new();
    for (draft, conversation) in written {
        let mut order: Vec<&'static Mangling> = manglings().filter(|m| m.name != "headers.no-message-id").collect();
        dice.shuffle(&mut order);
        let n = dice.below(3);
        mails.push(mangle_sparing(draft, &order, n, slot::SUBJECT, &mut dice));
        conversations.push(conversation);
    }
    let mut arrival: Vec<usize> = (0..mails.len()).collect();
    dice.shuffle(&mut arrival);
    Unit { mails, conversations, arrival }
}

/// The subject of an answer, as programs prefix it.
fn answered(dice: &mut Dice, s: &Setting) -> String {
    let prefix = if dice.chance(50) { "Re".to_owned() } else { s.language.reply.clone() };
    match dice.below(6) {
        0 => format!("{prefix}: Re: {}", s.subject),
        1 => format!("{prefix}:{}", s.subject),
        _ => format!("{prefix}: {}", s.subject),
    }
}

fn rename(draft: &mut Draft, subject: &str) {
    draft.set("Subject", Value::Text(subject.to_owned()));
    draft.truth.subject = subject.to_owned();
}

fn untie(draft: &mut Draft) {
    draft.fields.retain(|f| !matches!(f.name.as_str(), "In-Reply-To" | "References"));
    draft.truth.in_reply_to.clear();
    draft.truth.references.clear();
}

fn tie(draft: &mut Draft, ids: &[String], ties: Ties) {
    let last = ids.last().cloned().unwrap_or_default();
    if matches!(ties, Ties::Both | Ties::ReplyAlone) {
        draft.truth.in_reply_to = vec![last.clone()];
        draft.fields.push(Field::new("In-Reply-To", Value::Ids(vec![last.clone()])));
    }
    let references = match ties {
        Ties::Both | Ties::ReferencesAlone => ids.to_vec(),
        Ties::LastReference => vec![last],
        _ => return,
    };
    draft.truth.references.clone_from(&references);
    draft.fields.push(Field::new("References", Value::Ids(references)));
}

/// For each mail of a unit whether it lies with other mails than it should. `read` are its mails as `desk` reads them.
#[must_use]
pub(super) fn misfiled(unit: &Unit, read: &[Read], mut desk: Desk) -> Vec<bool> {
    for (nth, mail) in unit.arrival.iter().enumerate() {
        let Some(read) = read.get(*mail) else { continue };
        let mut keys = desk.keys(read, Desk::ORGANISATION);
        keys.received_at_us = i64::try_from(nth).unwrap_or(i64::MAX);
        desk.file(&keys);
    }
    let place = |mail: usize| unit.arrival.iter().position(|a| *a == mail).and_then(|nth| desk.partition.conversation(nth));
    let together = |a: usize, b: usize| place(a) == place(b);
    let meant = |a: usize, b: usize| unit.conversations.get(a) == unit.conversations.get(b);
    let all = 0..unit.mails.len();
    all.clone().map(|a| all.clone().any(|b| together(a, b) != meant(a, b))).collect()
}
