//! Bounces and complaints as JSON in a text (Amazon SES through SNS).

use super::Told;
use crate::classify::shorten;
use crate::mail::{BouncedRecipient, Evidence};
use serde_json::Value;

/// Bytes of JSON that are read.
const JSON_BYTES_MAX: usize = 256 << 10;

/// What a notification says; `None` when the text is none.
pub(super) fn read(text: &str) -> Option<Told> {
    let text = text.trim_start();
    if !text.starts_with('{') || text.len() > JSON_BYTES_MAX || !text.contains("otificationType") {
        return None;
    }
    // SNS breaks long lines as `!`, line end, space; a text follows the object.
    let joined = text.replace("\r\n", "\n").replace("!\n ", "").replace('\n', "");
    let outer = first_object(&joined)?;
    let inner = outer.get("Message").and_then(Value::as_str).and_then(first_object);
    let message = inner.unwrap_or(outer);
    let kind = message.get("notificationType").or_else(|| message.get("eventType"))?.as_str()?;
    let word = |v: &Value, key: &str| v.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (field, list) = match kind {
        "Bounce" => ("bounce", "bouncedRecipients"),
        "Complaint" => ("complaint", "complainedRecipients"),
        "Delivery" => ("delivery", "recipients"),
        _ => return None,
    };
    let body = message.get(field)?;
    let temporary = word(body, "bounceType") == "Transient";
    let recipients = body.get(list)?.as_array()?.iter().take(crate::classify::bounce::RECIPIENTS_MAX);
    let recipients = recipients
        .map(|r| BouncedRecipient {
            address: r.as_str().map_or_else(|| word(r, "emailAddress"), str::to_owned),
            status: match word(r, "status") {
                s if !s.is_empty() => s,
                _ if kind == "Delivery" => "2.0.0".to_owned(),
                _ => if temporary { "4.0.0" } else { "5.0.0" }.to_owned(),
            },
            action: match word(r, "action") {
                a if !a.is_empty() => a,
                _ => if kind == "Delivery" { "delivered" } else { "failed" }.to_owned(),
            },
            diagnostic: word(r, "diagnosticCode"),
        })
        .collect();
    let evidence = Evidence { code: "provider-notification", place: "text".to_owned(), detail: shorten(kind) };
    Some(Told { recipients, diagnostic: String::new(), status: String::new(), evidence, complaint: kind == "Complaint" })
}

/// The JSON object a text begins with.
fn first_object(text: &str) -> Option<Value> {
    serde_json::Deserializer::from_str(text).into_iter::<Value>().next()?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_within_a_notification_is_read_though_its_lines_are_broken() {
        let inner = r#"{"notificationType":"Bounce","bounce":{"bounceType":"Transient","bouncedRecipients":[{"emailAddress":"a@x.te!
 st","status":"4.4.7"}]}}"#;
        let outer = format!("{{\"Type\":\"Notification\",\"Message\":\"{}\"}}\n--\nunsubscribe", inner.replace('"', "\\\""));
        let told = read(&outer).unwrap();
        assert_eq!((told.recipients[0].address.as_str(), told.recipients[0].status.as_str()), ("a@x.test", "4.4.7"));
        assert!(!told.complaint);
        assert!(read("{\"Type\":\"Notification\"}").is_none());
    }
}
