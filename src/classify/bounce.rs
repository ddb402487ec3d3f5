//! Bounces and delays: RFC 3464 wherever it is nested, `X-Failed-Recipients`, then the dialects.
//!
//! # Failure
//! A report that names nobody is still a bounce, with no recipients.

use super::fields::{self, Fields, blocks, get};
use super::origin::Origin;
use super::{dialect, header, locale, report, shorten, status};
use crate::mail::{Bounce, BouncedRecipient, Class, Classification, Evidence, NormalizedMail, ReportPart};
use std::borrow::Cow;

/// Recipients of one bounce that are kept.
pub(super) const RECIPIENTS_MAX: usize = 1_000;

/// The classification of a mail that reports on a delivery.
pub(super) fn bounce(mail: &NormalizedMail, origin: &Origin) -> Option<Classification> {
    let mut evidence = Vec::new();
    let mut recipients: Vec<BouncedRecipient> = Vec::new();
    let wrapped = wrapped(mail, origin);
    for part in statuses(mail).into_iter().filter(|_| !is_passed_on(mail, origin)).chain(wrapped.iter().map(|(status, _)| status))
    {
        let found = delivery_status(part);
        evidence.push(Evidence {
            code: "delivery-status",
            place: format!("part {}", part.content_type),
            detail: shorten(&found.iter().map(|r| r.action.as_str()).collect::<Vec<_>>().join(" ")),
        });
        for r in found {
            add(&mut recipients, r);
        }
    }
    for name in ["X-Failed-Recipients", "X-Failed-Recipient"] {
        if let Some(value) = mail.header(name) {
            evidence.push(header("failed-recipients", name, value));
            for address in value.split([',', ' ', ';']).filter_map(dialect::address) {
                add(&mut recipients, BouncedRecipient { address, action: "failed".to_owned(), ..BouncedRecipient::default() });
            }
        }
    }
    if evidence.is_empty() && report::report_type(mail).eq_ignore_ascii_case("delivery-status") {
        evidence.push(header("delivery-status", "Content-Type", "report-type=delivery-status"));
    }
    let machine_part = !evidence.is_empty();
    // A field lists some of the recipients; the text may name more.
    let complete_list = recipients.iter().any(|r| !(r.address.is_empty() || r.status.is_empty() && r.diagnostic.is_empty()));
    let told = dialect::read(mail, origin, machine_part);
    if let Some(told) = told {
        if told.complaint {
            return Some(Classification { class: Class::Report, evidence: vec![told.evidence], bounce: None });
        }
        if !machine_part {
            evidence.push(told.evidence.clone());
        }
        enrich(&mut recipients, told, complete_list);
    }
    if evidence.is_empty() {
        return None;
    }
    for r in &mut recipients {
        status::complete(r);
    }
    let actions = |word: &str| recipients.iter().any(|r| r.action == word);
    let class = if actions("failed") {
        Class::Bounce
    } else if actions("delayed") || recipients.is_empty() && locale::delay(&mail.subject).is_some() {
        Class::Delay
    } else if actions("delivered") || actions("relayed") || actions("expanded") {
        Class::Report
    } else {
        Class::Bounce
    };
    let in_wrapper = wrapped.iter().find_map(|(_, original)| fields::message_id(original));
    let original_message_id = in_wrapper.or_else(|| original(mail));
    Some(Classification { class, evidence, bounce: Some(Bounce { recipients, original_message_id }) })
}

/// A person who passes a report on may send its parts as files: no mail system sends it so under a subject of its own.
fn is_passed_on(mail: &NormalizedMail, origin: &Origin) -> bool {
    let of_a_system = origin.daemon.is_some() || origin.null_sender || origin.automatic || origin.unread.is_some();
    let is_report = mail.content_type == "multipart/report" || mail.content_type.starts_with("message/");
    !of_a_system && !is_report && locale::bounce(&mail.subject).or_else(|| locale::delay(&mail.subject)).is_none()
}

/// The delivery status of this mail: not that in a mail it brings back, which may be a report itself. Where there is no other,
/// a gateway put the whole report into a mail of its own.
fn statuses(mail: &NormalizedMail) -> Vec<&ReportPart> {
    let all = || mail.report_parts.iter().filter(|p| is_status(p));
    let brought_back = |status: &ReportPart| {
        let mails = mail.report_parts.iter().filter(|p| matches!(p.content_type.as_str(), "message/rfc822" | "message/global"));
        let said = status.text.trim();
        !said.is_empty() && mails.into_iter().any(|m| m.text.contains(said))
    };
    let own: Vec<&ReportPart> = all().filter(|p| !brought_back(p)).collect();
    if own.is_empty() { all().collect() } else { own }
}

/// The delivery status in a report that a gateway put into a mail of its own, and what stands behind it. What a person passes
/// on is no bounce, so the mail has to be a mail system's.
fn wrapped(mail: &NormalizedMail, origin: &Origin) -> Option<(ReportPart, String)> {
    if !(origin.daemon.is_some() && origin.null_sender) || mail.report_parts.iter().any(is_status) {
        return None;
    }
    mail.report_parts.iter().filter(|p| matches!(p.content_type.as_str(), "message/rfc822" | "message/global")).find_map(
        |inner| {
            let mut lines = inner.text.split_inclusive('\n');
            let is_type = |line: &str| {
                let line = line.trim().to_ascii_lowercase();
                let kind = line.strip_prefix("content-type:").map(str::trim_start);
                kind.is_some_and(|k| {
                    k.starts_with("message/")
                        && k.trim_start_matches("message/").trim_start_matches("global-").starts_with("delivery-status")
                })
            };
            lines.find(|line| is_type(line))?;
            lines.find(|line| line.trim().is_empty())?;
            let text: String = lines.by_ref().take_while(|line| !line.starts_with("--")).collect();
            Some((ReportPart { content_type: "message/delivery-status".to_owned(), text }, lines.collect()))
        },
    )
}

fn is_status(part: &ReportPart) -> bool {
    matches!(part.content_type.as_str(), "message/delivery-status" | "message/global-delivery-status" | "text/delivery-status")
}

/// Each recipient once; what is known of him twice is put together.
fn add(recipients: &mut Vec<BouncedRecipient>, new: BouncedRecipient) {
    let Some(n) = recipients.iter().position(|r| r.address.eq_ignore_ascii_case(&new.address)) else {
        if recipients.len() < RECIPIENTS_MAX {
            recipients.push(new);
        }
        return;
    };
    let known = &mut recipients[n];
    let gaps = [(&mut known.status, new.status), (&mut known.action, new.action), (&mut known.diagnostic, new.diagnostic)];
    for (have, got) in gaps {
        if have.is_empty() {
            *have = got;
        }
    }
}

/// Puts what the text says to what the machine part said: the text only fills gaps there.
fn enrich(recipients: &mut Vec<BouncedRecipient>, told: dialect::Told, complete_list: bool) {
    for r in told.recipients {
        let known = recipients.iter().any(|k| k.address.eq_ignore_ascii_case(&r.address));
        if known || !complete_list {
            add(recipients, r);
        }
    }
    for r in recipients.iter_mut().filter(|r| r.status.is_empty() && r.diagnostic.is_empty()) {
        r.status.clone_from(&told.status);
    }
    // What the text says of all of them.
    if let [only] = recipients.as_mut_slice()
        && only.diagnostic.is_empty()
    {
        only.diagnostic = told.diagnostic;
    }
}

/// The recipients of a message/delivery-status (RFC 3464 section 2), read leniently.
pub(super) fn delivery_status(part: &ReportPart) -> Vec<BouncedRecipient> {
    let mut out = Vec::new();
    for block in blocks(&part.text) {
        let mut rest: Fields = Vec::new();
        // Some write all recipients into one block: a new one begins where a field comes again.
        for (name, value) in block {
            let begins =
                matches!(name.as_str(), "final-recipient" | "original-recipient") && rest.iter().any(|(n, _)| *n == name);
            if begins {
                out.extend(recipient(&rest));
                rest.clear();
            }
            rest.push((name, value));
        }
        out.extend(recipient(&rest));
    }
    out.truncate(RECIPIENTS_MAX);
    out
}

/// One recipient out of his fields; none where the block is about the whole mail.
fn recipient(fields: &Fields) -> Option<BouncedRecipient> {
    let of = |name| get(fields, name).map(|v| unescaped(v, typed(v))).as_deref().and_then(dialect::address);
    // A host name alone is a mailbox inside the system that failed; what the sender wrote says more.
    let whole = |a: &String| a.rsplit_once('@').is_some_and(|(_, domain)| domain.contains('.'));
    let names = ["final-recipient", "original-recipient", "x-actual-recipient"];
    let address = names.iter().find_map(|n| of(n).filter(whole)).or_else(|| names.iter().find_map(|n| of(n)));
    let diagnostic = get(fields, "diagnostic-code").map(typed).unwrap_or_default();
    let action = get(fields, "action").map(status::action).unwrap_or_default();
    let status = get(fields, "status").and_then(status::enhanced).unwrap_or_default();
    if address.is_none() && action.is_empty() && status.is_empty() {
        return None;
    }
    let address = address.unwrap_or_default();
    Some(BouncedRecipient { address, status, action, diagnostic: diagnostic.to_owned() })
}

/// An address of type `utf-8` whose letters were written in ASCII (RFC 6533 section 3): `\x{438}` is one of them.
fn unescaped<'a>(value: &str, typed: &'a str) -> Cow<'a, str> {
    if !typed.contains("\\x{") || !value.trim_start().get(..5).is_some_and(|kind| kind.eq_ignore_ascii_case("utf-8")) {
        return Cow::Borrowed(typed);
    }
    let mut out = String::with_capacity(typed.len());
    let mut rest = typed;
    while let Some((before, after)) = rest.split_once("\\x{") {
        out.push_str(before);
        let letter = after.split_once('}').and_then(|(hex, behind)| {
            let c = u32::from_str_radix(hex, 16).ok().and_then(char::from_u32).filter(|c| !c.is_control())?;
            Some((c, behind))
        });
        match letter {
            Some((c, behind)) => {
                out.push(c);
                rest = behind;
            }
            None => {
                out.push_str("\\x{");
                rest = after;
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The value behind its type (`rfc822; x`, `smtp; 550 …`).
fn typed(value: &str) -> &str {
    match value.split_once(';') {
        Some((kind, rest)) if kind.trim().len() <= 20 && !kind.contains(['@', ' ']) => rest.trim(),
        _ => value,
    }
}

/// Message-ID of the mail the report is about: in the part that holds it, else in the text behind the report,
/// else what the report says it answers.
fn original(mail: &NormalizedMail) -> Option<String> {
    let parts = mail.report_parts.iter().filter(|p| {
        matches!(
            p.content_type.as_str(),
            "message/rfc822"
                | "text/rfc822-headers"
                | "message/rfc822-headers"
                | "message/global"
                | "message/global-headers"
                | "message/partial"
        )
    });
    let in_parts = parts.filter_map(|p| fields::message_id(&p.text)).next();
    in_parts
        .or_else(|| dialect::original_message_id(mail))
        .or_else(|| mail.header("X-Original-Message-ID").and_then(|v| fields::message_id(&format!("Message-ID: {v}"))))
        // A bounce answers what it is about (Exchange, Gmail and others), where it repeats nothing of it.
        .or_else(|| mail.in_reply_to.first().cloned())
        .or_else(|| mail.references.last().cloned())
}
