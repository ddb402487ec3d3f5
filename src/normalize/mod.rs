//! Raw bytes to what a mail says. Reading never fails: it gives the value and the repairs.
//! (first slice: mail-parser's values as they are, so that the other rooms have mails to work on)

use crate::limits::Limits;
use crate::mail::{Attachment, Header, NormalizedMail, Person, ReportPart};
use mail_parser::{Address, HeaderValue, Message, MessageParser, MimeHeaders, PartType};
use sha2::{Digest, Sha256};

/// The version of the reader, stored with each message.
pub const READER_VERSION: i32 = 1;

fn people(address: Option<&Address<'_>>) -> Vec<Person> {
    address
        .map(|a| {
            a.iter()
                .map(|m| Person {
                    name: m.name().unwrap_or_default().to_owned(),
                    address: m.address().unwrap_or_default().to_owned(),
                })
                .collect()
        })
        .unwrap_or_default()
}

fn ids(value: &HeaderValue<'_>) -> Vec<String> {
    match value {
        HeaderValue::Text(t) => vec![t.to_string()],
        HeaderValue::TextList(l) => l.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    }
}

fn type_of(part: &mail_parser::MessagePart<'_>) -> String {
    part.content_type().map_or_else(
        || "text/plain".to_owned(),
        |c| format!("{}/{}", c.ctype(), c.subtype().unwrap_or("plain")).to_ascii_lowercase(),
    )
}

/// Reads a mail. Total: any bytes give a mail. Time and memory are linear in the size.
#[must_use]
pub fn normalize(raw: &[u8], limits: &Limits) -> NormalizedMail {
    let message: Message<'_> = MessageParser::default().parse(raw).unwrap_or_default();
    let mut mail = NormalizedMail { size: raw.len() as u64, ..NormalizedMail::default() };
    mail.from = people(message.from()).into_iter().next();
    mail.sender = people(message.sender()).into_iter().next();
    mail.reply_to = people(message.reply_to());
    mail.to = people(message.to());
    mail.cc = people(message.cc());
    mail.bcc = people(message.bcc());
    mail.subject = message.subject().unwrap_or_default().to_owned();
    mail.date = message.date().map(mail_parser::DateTime::to_rfc3339);
    mail.message_id = message.message_id().map(str::to_owned);
    mail.in_reply_to = ids(message.in_reply_to());
    mail.references = ids(message.references());
    for (name, value) in message.headers_raw().take(limits.headers_max) {
        mail.headers.push(Header { name: name.to_owned(), value: value.trim().replace(['\r', '\n'], "") });
    }
    let mut text = Vec::new();
    for i in 0..message.text_body.len() {
        text.extend(message.body_text(i));
    }
    mail.text = text.join("\n");
    mail.html_source = (0..message.html_body.len())
        .find_map(|i| message.html_part(i as u32).map(|_| message.body_html(i)))
        .flatten()
        .map(|h| h.into_owned());
    for (i, part) in message.parts.iter().enumerate() {
        let kind = type_of(part);
        if i == 0 {
            mail.content_type.clone_from(&kind);
            if let Some(c) = part.content_type() {
                mail.content_type_parameters =
                    c.attributes().unwrap_or_default().iter().map(|a| (a.name.to_lowercase(), a.value.to_string())).collect();
            }
        }
        if matches!(
            kind.as_str(),
            "message/delivery-status"
                | "message/feedback-report"
                | "message/disposition-notification"
                | "text/rfc822-headers"
                | "message/rfc822"
        ) {
            let bytes = match &part.body {
                PartType::Message(m) => m.raw_message.as_ref(),
                _ => part.contents(),
            };
            let bytes = bytes.get(..bytes.len().min(limits.report_part_bytes_max)).unwrap_or_default();
            mail.report_parts
                .push(ReportPart { content_type: kind.clone(), text: encoding_rs::UTF_8.decode(bytes).0.into_owned() });
        }
        mail.part_types.push(kind);
    }
    for part in message.attachments() {
        let bytes = part.contents();
        mail.attachments.push(Attachment {
            name: part.attachment_name().unwrap_or("unnamed").to_owned(),
            content_type: type_of(part),
            size: bytes.len() as u64,
            sha256: data_encoding::HEXLOWER.encode(&Sha256::digest(bytes)),
            inline: part.content_id().is_some(),
            content_id: part.content_id().map(str::to_owned),
            part: 0,
        });
    }
    mail.content_hash = Sha256::digest(raw).into();
    mail
}

/// Makes html safe to show: an allow-list of elements and attributes, nothing loaded from elsewhere.
#[must_use]
pub fn sanitize(html: &str) -> String {
    ammonia::clean(html)
}

/// Decodes the bytes of an attachment (`Attachment::part`) again from the raw mail.
#[must_use]
pub fn attachment_bytes(_raw: &[u8], _part: u32, _limits: &Limits) -> Option<Vec<u8>> {
    None
}
