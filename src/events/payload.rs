//! What a webhook gets: the event, and for a message what it says.

use crate::store::{Error, OutboxEvent, Store};
use serde_json::Value;

/// Bytes of a message's text in a delivery; all of it is in the API. Receivers often take a
/// megabyte at most.
const TEXT_BYTES_MAX: usize = 64 << 10;

/// The body of the delivery of one event.
pub(super) async fn of(store: &Store, event: &OutboxEvent) -> Result<Vec<u8>, Error> {
    // Ids, words and a time: there is nothing in it that could not be JSON.
    let mut body = serde_json::to_value(event).unwrap_or_default();
    if let Some(id) = event.message {
        match store.message(id).await {
            Ok(message) => {
                let attachments = store.attachments(id).await?;
                let mut reading = message.reading(&attachments);
                shorten(&mut reading);
                body["reading"] = reading;
            }
            // Erased since: the event is told all the same.
            Err(Error::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(body.to_string().into_bytes())
}

/// Cuts `text` and what is made of it.
fn shorten(reading: &mut Value) {
    for key in ["text", "reply"] {
        let Some(text) = reading[key].as_str() else { continue };
        if text.len() <= TEXT_BYTES_MAX {
            continue;
        }
        let end = (0..=TEXT_BYTES_MAX).rev().find(|n| text.is_char_boundary(*n)).unwrap_or(0);
        reading[key] = text[..end].into();
        reading["text_truncated"] = true.into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_long_text_is_cut_and_said_to_be() {
        let mut reading = json!({ "text": "é".repeat(TEXT_BYTES_MAX), "reply": "short", "text_truncated": false });
        shorten(&mut reading);
        assert_eq!(reading["text"].as_str().unwrap().len(), TEXT_BYTES_MAX);
        assert_eq!((reading["reply"].as_str(), reading["text_truncated"].as_bool()), (Some("short"), Some(true)));
    }
}
