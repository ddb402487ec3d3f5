//! Reports that are not about delivery: feedback (RFC 5965), DMARC (RFC 7489), TLS (RFC 8460),
//! read receipts (RFC 8098).

use super::fields::{self, blocks, get};
use super::{locale, shorten};
use crate::mail::{Evidence, NormalizedMail, ReportPart};

/// The evidence that a mail is a report, if it is one.
pub(super) fn report(mail: &NormalizedMail) -> Option<Evidence> {
    feedback(mail).or_else(|| aggregate(mail)).or_else(|| disposition(mail))
}

/// Message-ID of the mail that a report is about: a receipt names it (RFC 8098 section 3.2.5), a complaint brings it.
pub(super) fn original(mail: &NormalizedMail) -> Option<String> {
    let of = |fits: &dyn Fn(&str) -> bool| mail.report_parts.iter().filter(|p| fits(&p.content_type)).collect::<Vec<_>>();
    let named = of(&|kind| kind.ends_with("disposition-notification")).into_iter().find_map(|p| {
        let blocks = blocks(&p.text);
        let id = blocks.iter().find_map(|b| get(b, "original-message-id"))?;
        fields::message_id(&format!("Message-ID: {id}"))
    });
    named.or_else(|| {
        let brought = of(&|kind| matches!(kind, "message/rfc822" | "message/global") || kind.contains("rfc822-headers"));
        brought.into_iter().find_map(|p| fields::message_id(&p.text))
    })
}

fn evidence(code: &'static str, place: &str, detail: &str) -> Evidence {
    Evidence { code, place: place.to_owned(), detail: shorten(detail) }
}

/// The type of a multipart/report, or "".
pub(super) fn report_type(mail: &NormalizedMail) -> &str {
    mail.content_type_parameters.iter().find(|(n, _)| n == "report-type").map_or("", |(_, v)| v.as_str())
}

/// Complaints: RFC 5965, and the forms before it.
fn feedback(mail: &NormalizedMail) -> Option<Evidence> {
    if let Some(part) = mail.report_parts.iter().find(|p| p.content_type == "message/feedback-report") {
        let kind = blocks(&part.text).iter().find_map(|b| get(b, "feedback-type").map(str::to_owned)).unwrap_or_default();
        return Some(evidence("feedback-report", "part message/feedback-report", &kind));
    }
    if report_type(mail).eq_ignore_ascii_case("feedback-report") {
        return Some(evidence("feedback-report", "header Content-Type", "report-type=feedback-report"));
    }
    // Microsoft's Junk Mail Reporting Program: the complaint is a mail with this field and the original inside.
    let header_of = |text: &str| {
        text.lines().take_while(|l| !l.trim().is_empty()).any(|l| l.to_ascii_lowercase().starts_with("x-hmxmroriginalrecipient:"))
    };
    if mail.header("X-HmXmrOriginalRecipient").is_some() || mail.report_parts.iter().any(|p| header_of(p.text.trim_start())) {
        return Some(evidence("feedback-report", "header X-HmXmrOriginalRecipient", ""));
    }
    // Apple Mail's "unsubscribe", sent for a person to an address of List-Unsubscribe.
    if let Some(value) = mail.header("X-Apple-Unsubscribe").filter(|v| v.trim().eq_ignore_ascii_case("true")) {
        return Some(evidence("unsubscribe", "header X-Apple-Unsubscribe", value));
    }
    // Some loops write the fields into the text.
    let fields = ["feedback-type:", "user-agent:", "version:"];
    let text = mail.text.get(..mail.text.len().min(4_000)).unwrap_or_default().to_ascii_lowercase();
    // Nearly no text has it.
    memchr::memmem::find(text.as_bytes(), b"feedback-type:")?;
    let written = fields.iter().filter(|f| text.lines().any(|l| l.starts_with(*f))).count() >= 2;
    (written && text.lines().any(|l| l.starts_with("feedback-type:")))
        .then(|| evidence("feedback-report", "text", "Feedback-Type"))
}

/// DMARC and TLS aggregate reports.
fn aggregate(mail: &NormalizedMail) -> Option<Evidence> {
    if report_type(mail).eq_ignore_ascii_case("tlsrpt") || mail.part_types.iter().any(|t| t.starts_with("application/tlsrpt+")) {
        return Some(evidence("tls-report", "header Content-Type", "RFC 8460"));
    }
    if mail.header("TLS-Report-Domain").is_some() {
        return Some(evidence("tls-report", "header TLS-Report-Domain", "RFC 8460"));
    }
    // RFC 7489 section 7.2.1.1: `receiver!domain!begin!end.xml.gz`.
    let named = mail.attachments.iter().find(|a| {
        let lower = a.name.to_ascii_lowercase();
        let stem = [".xml.gz", ".xml", ".zip", ".gz"].iter().find_map(|e| lower.strip_suffix(e)).unwrap_or_default();
        let mut fields = stem.split('!').skip(2);
        stem.split('!').count() >= 4 && fields.by_ref().take(2).all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    });
    if let Some(a) = named {
        return Some(evidence("dmarc-report", "attachment", &a.name));
    }
    let subject = mail.subject.to_ascii_lowercase();
    let says = subject.contains("report domain:") && (subject.contains("submitter:") || subject.contains("report-id:"));
    says.then(|| evidence("dmarc-report", "header Subject", "Report Domain"))
}

/// Read receipts and other disposition notifications.
fn disposition(mail: &NormalizedMail) -> Option<Evidence> {
    let notification =
        |p: &&ReportPart| p.content_type.starts_with("message/") && p.content_type.ends_with("disposition-notification");
    if let Some(part) = mail.report_parts.iter().find(notification) {
        let what = blocks(&part.text).iter().find_map(|b| get(b, "disposition").map(str::to_owned)).unwrap_or_default();
        return Some(evidence("disposition-notification", &format!("part {}", part.content_type), &what));
    }
    if report_type(mail).eq_ignore_ascii_case("disposition-notification") {
        return Some(evidence("disposition-notification", "header Content-Type", "report-type=disposition-notification"));
    }
    // Relays and old programs leave the words alone.
    let language = locale::receipt(&mail.subject).filter(|_| locale::was_read(&mail.text))?;
    Some(evidence("receipt-words", "header Subject", &format!("{language}: {}", mail.subject)))
}
