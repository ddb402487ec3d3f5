//! A stored message in the words of the reading format (`tidegate read --json`), for the HTTP API
//! and the webhooks, and times as they are shown outside.

use super::{AttachmentRow, Message};
use serde::Serializer;
use serde_json::{Value as Json, json};

/// A time in microseconds since 1970 as RFC 3339 in UTC.
#[must_use]
pub fn rfc3339(us: i64) -> String {
    // Out of the range of years -9999 to 9999 there is no such text.
    jiff::Timestamp::from_microsecond(us).unwrap_or_default().to_string()
}

pub(super) fn serialize_rfc3339<S: Serializer>(us: &i64, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(&rfc3339(*us))
}

impl Message {
    /// In the words of the reading format, and what the database knows besides. `html` is left `null`: it is made again from
    /// the raw mail.
    #[must_use]
    pub fn reading(&self, attachments: &[AttachmentRow]) -> Json {
        let from = (!self.from_address.is_empty() || !self.from_name.is_empty())
            .then(|| json!({ "name": self.from_name, "address": self.from_address }));
        let attachments: Vec<Json> = attachments
            .iter()
            .map(|a| {
                json!({
                    "n": a.part,
                    "name": a.name,
                    "content_type": a.content_type,
                    "size": a.size,
                    "sha256": a.sha256,
                    "inline": a.inline,
                    "content_id": a.content_id,
                })
            })
            .collect();
        json!({
            "id": self.id,
            "organisation": self.organisation,
            "conversation": self.conversation,
            "received_at": rfc3339(self.received_at_us),
            "size": self.size,
            "from": from,
            "sender": self.people["sender"],
            "reply_to": self.people["reply_to"],
            "to": self.people["to"],
            "cc": self.people["cc"],
            "subject": self.subject,
            "date": self.date,
            "message_id": self.message_id,
            "in_reply_to": self.in_reply_to,
            "references": self.references,
            "text": self.text,
            "text_truncated": self.text_cut,
            "reply": without_folds(&self.text, &self.folds),
            "folds": self.folds,
            "has_html": self.has_html,
            "html": null,
            "attachments": attachments,
            "attachment_count": self.attachment_count,
            "class": self.class,
            "class_evidence": self.class_evidence,
            "bounce": self.bounce,
            "client": self.client,
            "repairs": self.repairs,
            "author": self.author,
            "may": self.may,
            "decision": self.decision,
            "customer": self.customer,
            "versions": { "reader": self.reader_version, "classes": self.classes_version, "rules": self.rules_version },
        })
    }
}

/// The text without what is folded, as `NormalizedMail::reply` gives it; also of a text that is cut.
fn without_folds(text: &str, folds: &Json) -> String {
    let place = |fold: &Json, key: &str| fold[key].as_u64().and_then(|n| usize::try_from(n).ok());
    let folds = folds.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut folds: Vec<(usize, usize)> =
        folds.iter().filter_map(|fold| Some((place(fold, "start")?, place(fold, "end")?))).collect();
    folds.sort_unstable();
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    for (start, end) in folds {
        if start > at {
            out.push_str(text.get(at..start.min(text.len())).unwrap_or_default());
        }
        at = at.max(end);
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_are_left_out_of_the_reply_also_when_the_text_is_cut() {
        let folds = json!([{ "start": 20, "end": 30, "kind": "quote" }, { "start": 3, "end": 8, "kind": "signature" }]);
        assert_eq!(without_folds("ab 12345 cd", &folds), "ab  cd");
        assert_eq!(without_folds("ab 12", &folds), "ab");
        assert_eq!(without_folds("whole", &json!([])), "whole");
        assert_eq!(without_folds("odd", &json!({ "start": 1 })), "odd");
    }

    #[test]
    fn times_are_rfc_3339() {
        assert_eq!(rfc3339(1_700_000_000_123_456), "2023-11-14T22:13:20.123456Z");
    }
}
