//! How a webhook proves where it comes from: HMAC-SHA256 over the time and the body.
//!
//! `Tidegate-Signature: t=1700000000,v1=<hex>`, where the signed text is `t`, a dot, and the body's
//! bytes. The time is part of it, so that a recorded delivery can't be played again later.

use data_encoding::HEXLOWER;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// The header's name.
pub const HEADER: &str = "tidegate-signature";

/// The value of the header.
#[must_use]
pub fn sign(secret: &[u8], unix_seconds: i64, body: &[u8]) -> String {
    format!("t={unix_seconds},v1={}", HEXLOWER.encode(&mac(secret, unix_seconds, body).finalize().into_bytes()))
}

/// Whether a header is ours and at most `tolerance_s` old: what a receiver does, here for tests
/// and as the reference.
#[must_use]
pub fn verify(secret: &[u8], header: &str, body: &[u8], now_unix_seconds: i64, tolerance_s: i64) -> bool {
    let mut time = None;
    let mut signature = None;
    for field in header.split(',') {
        match field.trim().split_once('=') {
            Some(("t", t)) => time = t.parse::<i64>().ok(),
            Some(("v1", v)) => signature = HEXLOWER.decode(v.as_bytes()).ok(),
            _ => {}
        }
    }
    let (Some(time), Some(signature)) = (time, signature) else { return false };
    now_unix_seconds.abs_diff(time) <= tolerance_s.unsigned_abs() && mac(secret, time, body).verify_slice(&signature).is_ok()
}

#[allow(clippy::expect_used)]
fn mac(secret: &[u8], unix_seconds: i64, body: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length (RFC 2104)");
    mac.update(unix_seconds.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_good_for_its_body_its_secret_and_a_while() {
        let header = sign(b"secret", 1_700_000_000, b"{}");
        assert!(verify(b"secret", &header, b"{}", 1_700_000_299, 300));
        assert!(!verify(b"secret", &header, b"{}", 1_700_000_301, 300), "too old");
        assert!(!verify(b"secret", &header, b"{ }", 1_700_000_000, 300), "another body");
        assert!(!verify(b"other", &header, b"{}", 1_700_000_000, 300), "another secret");
        assert!(!verify(b"secret", &header.replace("t=17", "t=18"), b"{}", 1_800_000_000, 300), "another time");
        assert!(!verify(b"secret", "", b"{}", 0, 300) && !verify(b"secret", "t=x,v1=zz", b"{}", 0, 300));
    }

    #[test]
    fn the_form_is_what_the_documentation_says() {
        // printf '1.{}' | openssl dgst -sha256 -hmac k
        assert_eq!(sign(b"k", 1, b"{}"), "t=1,v1=3dd49b2593d0f9a349e9e71c4bde3e2b862c2be4003fe9b4ba81332029310158");
    }
}
