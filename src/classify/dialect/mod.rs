//! Bounces of mail systems that write their own words (no RFC 3464 part, or an empty one).
//!
//! Most dialects have the same bones: an opening ("could not be delivered"), the recipients (at
//! the start of a line, or behind words that announce them), what the remote server said, and
//! the original behind a line that marks it. So there is one reader, and the words are data in
//! [`phrases`]; a new dialect is a line there.
//!
//! # Trust
//! None. A text is read as a bounce only with two signs: its words, and a sender, envelope or
//! subject that goes with them.

mod notification;
mod openings;
mod phrases;
mod recipients;
mod section;

pub(super) use recipients::address;

/// Every phrase that is looked for.
pub(super) fn words() -> impl Iterator<Item = &'static str> {
    phrases::all().chain(recipients::BEFORE.iter().chain(recipients::OF_ANOTHER).chain(recipients::TO).copied())
}

use super::origin::{Origin, is_answer};
use super::{locale, shorten, status};
use crate::mail::{BouncedRecipient, Evidence, NormalizedMail};
use section::Section;

/// What the text of a bounce says.
#[derive(Debug, Clone)]
pub(super) struct Told {
    /// For whom it failed.
    pub(super) recipients: Vec<BouncedRecipient>,
    /// What was said of all of them.
    pub(super) diagnostic: String,
    /// The status that all of it comes to; empty when unknown.
    pub(super) status: String,
    /// Why this is a bounce.
    pub(super) evidence: Evidence,
    /// It complains, and is no bounce (a provider's notification).
    pub(super) complaint: bool,
}

/// Reads the text. `machine_part` says that a part or a field has already shown that this is a bounce.
pub(super) fn read(mail: &NormalizedMail, origin: &Origin, machine_part: bool) -> Option<Told> {
    if let Some(told) = notification::read(&mail.text) {
        return Some(told);
    }
    let subject = locale::bounce(&mail.subject).or_else(|| locale::delay(&mail.subject));
    if !machine_part && !is_plausible(mail, origin, subject.is_some()) {
        return None;
    }
    let text = section::together(&mail.text);
    let section = Section::of(&text);
    let refusal = origin.list_robot.as_ref().and_then(|list| Some((list, phrases::LIST_REFUSALS.find(&section.folded)?)));
    let words = phrases::opening(&section.folded).or(refusal.map(|(_, words)| words));
    let fields = section.has_line("final-recipient:") && section.has_line("action:");
    let everything = status::Said::of(section.report);
    if !machine_part
        && refusal.is_none()
        && !is_bounce(mail, origin, words.is_some() || fields, subject.is_some(), &section, &everything)
    {
        return None;
    }
    let late = phrases::STILL_TRYING.find(&section.folded).is_some() || locale::delay(&mail.subject).is_some();
    let action = if late { "delayed" } else { "failed" };
    let mut recipients = recipients::find(mail, &section);
    // A list that refuses a mail names itself by its robot, if at all.
    if let Some(list) =
        refusal.map(|(list, _)| list).filter(|l| recipients.iter().all(|r| recipients::is_help(&r.address)) && !l.is_empty())
    {
        recipients.clear();
        recipients.push(BouncedRecipient { address: list.clone(), ..BouncedRecipient::default() });
    }
    let alone = recipients.len() == 1;
    for r in &mut recipients {
        if r.action.is_empty() {
            action.clone_into(&mut r.action);
        }
        if r.status.is_empty() {
            let own = status::Said::of(&r.diagnostic);
            // What a server said counts more than words about it, wherever it stands, if there is nobody else it may be of.
            let exact = everything.exact().filter(|_| alone && own.exact().is_none());
            r.status = exact.or_else(|| own.status()).or_else(|| everything.status()).unwrap_or_default();
            // What is still being tried has not failed for good, whatever it says of the reason.
            if late && r.status.starts_with('5') {
                r.status.replace_range(..1, "4");
            }
            if r.status == status::TIME_IS_UP && everything.is_final() && !late {
                status::TIME_WAS_UP.clone_into(&mut r.status);
            }
        }
    }
    let detail = match (words, subject) {
        (Some(words), _) => words.to_owned(),
        (None, Some(language)) => format!("{language}: {}", mail.subject),
        (None, None) => "Final-Recipient".to_owned(),
    };
    let place = if words.is_some() || fields { "text" } else { "header Subject" };
    let evidence = Evidence { code: "bounce-words", place: place.to_owned(), detail: shorten(&detail) };
    let status = everything.status().unwrap_or_default();
    Some(Told { recipients, diagnostic: recipients::transcript(&section), status, evidence, complaint: false })
}

/// Whether sender or subject allow a bounce at all ([`is_bounce`]): most mails are not read further.
fn is_plausible(mail: &NormalizedMail, origin: &Origin, subject: bool) -> bool {
    let by_a_machine = origin.daemon.is_some()
        || origin.null_sender
        || origin.unread.is_some()
        || origin.list_robot.is_some()
        || origin.automatic
        || is_nobodys(mail);
    by_a_machine || subject && !is_answer(mail)
}

/// A mail without From is no person's; a few systems forget it.
fn is_nobodys(mail: &NormalizedMail) -> bool {
    mail.from.as_ref().is_none_or(|p| p.address.is_empty())
}

/// Words alone prove nothing: people write of parcels that could not be delivered, and shops do.
/// So a second sign is wanted, and more of it the less the sender looks like a mail system.
fn is_bounce(
    mail: &NormalizedMail,
    origin: &Origin,
    words: bool,
    subject: bool,
    section: &Section<'_>,
    said: &status::Said,
) -> bool {
    let named = recipients::addresses(section.report).next().is_some();
    // A mail system that says in an unknown language whom a server refused, and with which code; or why there is no such
    // mailbox, or no room in it; or in few words that somebody did not get it.
    let plainly = || phrases::PLAINLY.find(&section.folded).is_some();
    if origin.daemon.is_some() && origin.null_sender && named && (said.has_code() || said.is_of_a_mailbox() || plainly()) {
        return true;
    }
    let original = !section.original.trim().is_empty() || mail.report_parts.iter().any(|p| p.content_type.contains("rfc822"));
    let technical = said.status().is_some() && (said.has_both_codes() || original);
    let begins_as_a_report = || phrases::begins_as_a_report(section.opening());
    if origin.daemon.is_some() && !origin.maybe_person || is_nobodys(mail) {
        return words || subject;
    }
    if origin.null_sender {
        // Who is away, or gone for good, says so without a sender too: not delivered, no longer here.
        let answers = locale::auto_reply(&mail.subject).is_some() || is_answered(mail);
        return if answers && !subject { words && (technical || begins_as_a_report()) } else { words || subject };
    }
    if origin.daemon.is_some() {
        return words && (subject || technical || begins_as_a_report()) && (subject || !is_answer(mail)) || subject && named;
    }
    // Carriers and gateways for short messages write that something was not delivered, too: they give no reason of a mailbox.
    let reasoned = || said.status().is_some() || begins_as_a_report();
    if origin.automatic && words && named && subject && reasoned() {
        return true;
    }
    if origin.unread.is_some() {
        return words && named && reasoned();
    }
    words
        && subject
        && named
        && !is_answer(mail)
        && (begins_as_a_report() || said.status().is_some() && original)
        && !is_quoted(mail)
}

/// A program answered for somebody (RFC 3834 section 5).
fn is_answered(mail: &NormalizedMail) -> bool {
    mail.header("Auto-Submitted").is_some_and(|v| {
        let word = v.trim().to_ascii_lowercase();
        word.starts_with("auto-replied") || word.starts_with("vacation")
    })
}

/// The words of a mail system are what somebody quotes.
fn is_quoted(mail: &NormalizedMail) -> bool {
    phrases::opening(&section::fold(&mail.reply())).is_none()
}

/// Message-ID of the original, where the bounce holds it in its text.
pub(super) fn original_message_id(mail: &NormalizedMail) -> Option<String> {
    let text = section::together(&mail.text);
    let (report, original) = section::halves(&text);
    super::fields::message_id(original).or_else(|| super::fields::message_id(report))
}
