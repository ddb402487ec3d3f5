//! What must hold for any mail on its whole way through the core: a body of a fuzz target, replayed by `cargo test`.
//!
//! # Failure
//! A panic that says what did not hold, and nothing else.

use crate::classify::classify;
use crate::limits::Limits;
use crate::mail::{Class, Reading};
use crate::normalize::{normalize, sanitize};

/// Any bytes are classified, the same each time, with a reason, and can be shown.
///
/// # Panics
/// Where that does not hold.
pub fn classified(data: &[u8]) {
    let mail = normalize(data, &Limits::default());
    for reverse_path in [None, Some(""), Some("ann@a.example")] {
        let found = classify(&mail, reverse_path);
        assert_eq!(classify(&mail, reverse_path), found, "a mail is classified the same twice");
        assert!(found.class == Class::Person || !found.evidence.is_empty(), "{:?} without a reason", found.class);
        for evidence in &found.evidence {
            assert!(evidence.detail.len() <= 1024, "{} bytes of evidence", evidence.detail.len());
        }
        if let Some(bounce) = &found.bounce {
            assert!(matches!(found.class, Class::Bounce | Class::Delay | Class::Report), "{:?} that bounces", found.class);
            for recipient in &bounce.recipients {
                assert!(!recipient.address.contains(['\r', '\n', '\0']), "an address is not one line: {:?}", recipient.address);
                let digits = recipient.status.bytes().all(|b| b.is_ascii_digit() || b == b'.');
                assert!(digits, "{:?} is no status", recipient.status);
            }
        }
        let html = mail.html_source.as_deref().map(sanitize);
        let json = serde_json::to_string(&Reading::new(None, &mail, &found, html));
        assert!(json.is_ok(), "a reading can't be written: {json:?}");
    }
}
