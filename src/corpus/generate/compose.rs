//! A well-formed mail whose truth is known, from a seed.
//!
//! # Failure
//! None; the room's promises are those of [`super`].

use super::body::{self, Shape};
use super::dice::Dice;
use super::draft::{Draft, Field, Form, Mailbox, Part, Style, Value};
use super::language::{Language, languages};
use super::letter::Letter;
use super::letters::{Charset, UTF_8};
use super::program::Program;
use super::truth::{TruePerson, Truth};
use super::when::When;

/// What the shapes need to know of a mail.
#[derive(Debug)]
pub struct Setting {
    /// Its words.
    pub language: &'static Language,
    /// Its sender's program.
    pub program: &'static Program,
    /// The charset of its texts.
    pub charset: Charset,
    /// The author.
    pub author: Mailbox,
    /// Of the author.
    pub domain: String,
    /// The desk it is sent to.
    pub desk: Mailbox,
    /// When it was sent.
    pub when: When,
    /// The subject without a prefix.
    pub subject: String,
}

/// A mail of chance.
#[must_use]
pub fn compose(dice: &mut Dice) -> Draft {
    // Languages with several old charsets go wrong in more ways.
    let many = |l: &&Language| matches!(l.tag, "ja" | "zh-Hans" | "zh-Hant" | "ko" | "ru");
    let language = if dice.chance(25) {
        let list: Vec<&'static Language> = languages().iter().filter(many).collect();
        list[dice.below(list.len())]
    } else {
        dice.pick(languages())
    };
    compose_in(dice, language)
}

/// A mail of chance in a language.
#[must_use]
pub fn compose_in(dice: &mut Dice, language: &'static Language) -> Draft {
    let shape = Shape::of_chance(dice);
    let setting = setting(dice, language);
    draft(dice, &setting, shape)
}

/// Who writes to whom, when and about what.
pub fn setting(dice: &mut Dice, language: &'static Language) -> Setting {
    let program = Program::of_language(dice, language.tag);
    let domain = format!("{}.example", language.firm);
    let author = person(dice, language, &domain);
    let label = if dice.chance(40) { "utf-8" } else { dice.pick(&language.charsets).as_str() };
    let charset = Charset::named(label).unwrap_or(UTF_8);
    let desk = Mailbox {
        name: (*dice.pick(&["", "Support", "Service Desk", "Help & Care"])).to_owned(),
        address: (*dice.pick(&["support@desk.example", "help@desk.example", "service@hilfe.example"])).to_owned(),
    };
    Setting {
        program,
        charset,
        author,
        domain,
        desk,
        when: When::new(dice),
        subject: dice.pick(&language.subjects).clone(),
        language,
    }
}

/// Somebody who writes in a language.
pub fn person(dice: &mut Dice, language: &Language, domain: &str) -> Mailbox {
    let (name, local) = dice.pick(&language.people).split_once('|').unwrap_or_default();
    Mailbox { name: name.to_owned(), address: format!("{local}@{domain}") }
}

/// Writes a mail of a shape.
pub fn draft(dice: &mut Dice, s: &Setting, shape: Shape) -> Draft {
    let l = s.language;
    let mut truth = Truth { class: "person", date: Some(s.when.rfc3339()), ..Truth::default() };
    let mut author = s.author.clone();
    let mut subject = s.subject.clone();
    let mut extra: Vec<Field> = Vec::new();
    let mut answered: Vec<String> = Vec::new();
    let mut letter = Letter::new(dice, l, &author.name);
    let message_id = s.program.new_id(dice, &s.domain);
    match shape {
        Shape::Reply | Shape::ReplyHtml => {
            let count = dice.within(1, 4);
            answered = (0..count).map(|_| s.program.new_id(dice, "desk.example")).collect();
            let helper = person(dice, l, "desk.example");
            letter = letter.answering(dice, l, helper, &author, &subject);
            subject = format!("{}: {subject}", l.reply);
        }
        Shape::List => {
            truth.class = "list";
            let name = format!("{}-users", l.firm);
            extra.push(Field::raw("List-Id", format!("<{name}.lists.example>")));
            extra.push(Field::raw("List-Post", format!("<mailto:{name}@lists.example>")));
            extra.push(Field::raw("Precedence", "list"));
        }
        Shape::AutoReply => {
            truth.class = "auto-reply";
            subject = l.away.clone();
            answered = vec![s.program.new_id(dice, "desk.example")];
            extra.push(Field::raw("Auto-Submitted", "auto-replied"));
            extra.push(Field::raw("X-Auto-Response-Suppress", "All"));
        }
        Shape::Machine => {
            truth.class = "machine";
            author = Mailbox { name: author.name.clone(), address: format!("no-reply@{}", s.domain) };
            extra.push(Field::raw("List-Unsubscribe", format!("<https://{}/leave/{}>", s.domain, dice.hex(12))));
            extra.push(Field::raw("Precedence", "bulk"));
        }
        Shape::Calendar => truth.class = "calendar",
        Shape::Bounce | Shape::Delay => {
            truth.class = if shape == Shape::Bounce { "bounce" } else { "delay" };
            author = Mailbox { name: "Mail Delivery System".to_owned(), address: format!("MAILER-DAEMON@mx.{}", s.domain) };
            subject =
                if shape == Shape::Bounce { "Undelivered Mail Returned to Sender" } else { "Delayed Mail (still being retried)" }
                    .to_owned();
            extra.push(Field::raw("Auto-Submitted", "auto-replied"));
        }
        _ => {}
    }
    if dice.chance(30) && matches!(shape, Shape::Plain | Shape::Reply | Shape::Mixed) {
        letter.signature = vec![author.name.clone(), s.domain.clone()];
    }
    // What does not fit into the charset is written in UTF-8 by every program.
    let all = [letter.plain(s.program, l), subject.clone(), l.notice.clone()].concat();
    let charset = if s.charset.encode(&all).is_some() { s.charset } else { UTF_8 };
    let form = Form { charset, label: charset.label.to_owned(), letter: s.program.letter, style: Style::Standard };
    let form = if charset.label == "iso-2022-jp" { Form { letter: 'B', ..form } } else { form };

    let mut to = vec![s.desk.clone()];
    let mut cc = Vec::new();
    if dice.chance(35) {
        to.push(person(dice, l, &s.domain));
    }
    if dice.chance(30) {
        let n = dice.within(1, 3);
        cc = (0..n).map(|_| person(dice, l, "partner.example")).collect();
        cc.dedup();
    }
    let mut fields = vec![
        Field::raw(
            "Return-Path",
            if matches!(shape, Shape::Bounce | Shape::Delay) { "<>".to_owned() } else { format!("<{}>", author.address) },
        ),
        Field::raw(
            "Received",
            format!(
                "from mail.{} (mail.{} [192.0.2.{}])\r\n\tby mx.desk.example (Postfix) with ESMTPS id {}\r\n\tfor <{}>; {}",
                s.domain,
                s.domain,
                dice.below(250),
                dice.hex(10).to_uppercase(),
                s.desk.address,
                s.when.received().field()
            ),
        ),
        Field::new("From", Value::People(vec![author.clone()])),
        Field::new("To", Value::People(to.clone())),
    ];
    if !cc.is_empty() {
        fields.push(Field::new("Cc", Value::People(cc.clone())));
    }
    if dice.chance(12) && truth.class == "person" {
        let other = person(dice, l, &s.domain);
        truth.reply_to = vec![TruePerson::from(&other)];
        fields.push(Field::new("Reply-To", Value::People(vec![other])));
    }
    if dice.chance(6) && truth.class == "person" {
        let other = person(dice, l, &s.domain);
        truth.sender = Some(TruePerson::from(&other));
        fields.push(Field::new("Sender", Value::People(vec![other])));
    }
    fields.push(Field::new("Subject", Value::Text(subject.clone())));
    fields.push(Field::raw("Date", s.when.field()));
    fields.push(Field::new("Message-ID", Value::Ids(vec![message_id.clone()])));
    if let Some(last) = answered.last() {
        fields.push(Field::new("In-Reply-To", Value::Ids(vec![last.clone()])));
        fields.push(Field::new("References", Value::Ids(answered.clone())));
        truth.in_reply_to = vec![last.clone()];
        truth.references.clone_from(&answered);
    }
    if !s.program.field.1.is_empty() {
        fields.push(Field::raw(s.program.field.0, s.program.field.1));
    }
    fields.extend(extra);
    truth.from = Some(TruePerson::from(&author));
    truth.to = to.iter().map(TruePerson::from).collect();
    truth.cc = cc.iter().map(TruePerson::from).collect();
    truth.subject = subject;
    truth.message_id = Some(message_id);
    let mut written = body::Writing { dice, setting: s, charset, letter: &letter, truth: &mut truth };
    let root: Part = written.root(shape);
    Draft {
        language: l,
        program: s.program,
        shape: shape.name(),
        fields,
        root,
        form,
        mime_version: true,
        gap: b"\r\n",
        hidden_words: false,
        when: s.when,
        truth,
    }
}
