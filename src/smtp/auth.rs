//! AUTH for relays: PLAIN and LOGIN (RFC 4954, RFC 4616), under TLS only.
//!
//! Tidegate needs no login to take mail for its own mailboxes; a relay that logs in is named in the
//! envelope. [`Exchange`] is the conversation, without I/O. [`Authenticator`] checks passwords against
//! Argon2 hashes, off the reactor and only so many at a time: a check costs tens of milliseconds and
//! megabytes on purpose, and strangers may ask for it.
//!
//! # Failure
//! A check that can't be made now is our fault (454), never a wrong password (535).
//!
//! # Trust
//! Nothing from the client. An unknown name costs as much time as a wrong password.

use crate::config::RelayConfig;
use argon2::password_hash::{PasswordHash, PasswordVerifier};
use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use std::fmt;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Passwords checked at the same time: each takes a core and, by Argon2's defaults, 19 MiB.
const CHECKS_AT_ONCE: usize = 2;

/// Checks that may wait for their turn before clients are told to come again.
const CHECKS_WAITING: usize = 64;

/// Name and password, as the client gave them.
#[derive(Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Credentials {
    pub name: String,
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// Where the conversation stands.
#[derive(Clone, PartialEq, Eq)]
pub enum Exchange {
    /// PLAIN: the one response is due.
    Plain,
    /// LOGIN: the name is due.
    LoginName,
    /// LOGIN: the password is due.
    LoginPassword(String),
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exchange(…)")
    }
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Send this challenge, wait for the response.
    Challenge(&'static str, Exchange),
    /// Everything was said.
    Check(Credentials),
    /// The response is not understood.
    Malformed,
    /// No such mechanism.
    Unknown,
}

impl Exchange {
    /// After `AUTH mechanism [initial-response]`.
    #[must_use]
    pub fn begin(mechanism: &[u8], initial: Option<&[u8]>) -> Next {
        let (exchange, challenge) = if mechanism.eq_ignore_ascii_case(b"PLAIN") {
            (Exchange::Plain, "")
        } else if mechanism.eq_ignore_ascii_case(b"LOGIN") {
            // "Username:", which some clients wait for to the letter.
            (Exchange::LoginName, "VXNlcm5hbWU6")
        } else {
            return Next::Unknown;
        };
        match initial {
            // RFC 4954 4: an empty initial response is written `=`.
            Some(b"=") => exchange.respond(b""),
            Some(response) => exchange.respond(response),
            None => Next::Challenge(challenge, exchange),
        }
    }

    /// After a response of the client, still in base64.
    #[must_use]
    pub fn respond(self, response: &[u8]) -> Next {
        let Some(text) = decode(response) else { return Next::Malformed };
        match self {
            Exchange::Plain => {
                let mut parts = text.split('\0');
                // The first part, whom to act for, is of no use here.
                match (parts.next(), parts.next(), parts.next(), parts.next()) {
                    (Some(_), Some(name), Some(password), None) => {
                        Next::Check(Credentials { name: name.to_owned(), password: password.to_owned() })
                    }
                    _ => Next::Malformed,
                }
            }
            // "Password:"
            Exchange::LoginName => Next::Challenge("UGFzc3dvcmQ6", Exchange::LoginPassword(text)),
            Exchange::LoginPassword(name) => Next::Check(Credentials { name, password: text }),
        }
    }
}

fn decode(response: &[u8]) -> Option<String> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    String::from_utf8(LENIENT.decode(response.trim_ascii()).ok()?).ok()
}

/// Passwords cannot be checked now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unavailable;

/// Checks credentials against the relays of the configuration.
#[derive(Debug)]
pub struct Authenticator {
    relays: Arc<Vec<RelayConfig>>,
    running: Arc<Semaphore>,
    waiting: Semaphore,
}

impl Authenticator {
    /// For these relays.
    #[must_use]
    pub fn new(relays: Vec<RelayConfig>) -> Authenticator {
        Authenticator {
            relays: Arc::new(relays),
            running: Arc::new(Semaphore::new(CHECKS_AT_ONCE)),
            waiting: Semaphore::new(CHECKS_WAITING),
        }
    }

    /// Whether the credentials are right.
    ///
    /// # Errors
    /// Too many checks are waiting, or the check could not run: our fault.
    pub async fn check(&self, credentials: Credentials) -> Result<bool, Unavailable> {
        let _place = self.waiting.try_acquire().map_err(|_| Unavailable)?;
        let turn = Arc::clone(&self.running).acquire_owned().await.map_err(|_| Unavailable)?;
        let relays = Arc::clone(&self.relays);
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            right(&relays, &credentials)
        })
        .await
        .map_err(|_| Unavailable)
    }
}

fn right(relays: &[RelayConfig], credentials: &Credentials) -> bool {
    let relay = relays.iter().find(|r| r.name == credentials.name);
    // Some hash is always computed, so that time does not tell which names exist.
    let Some(hash) = relay.or_else(|| relays.first()).and_then(|r| PasswordHash::new(&r.password_hash).ok()) else {
        return false;
    };
    let matches = argon2::Argon2::default().verify_password(credentials.password.as_bytes(), &hash).is_ok();
    relay.is_some() && matches
}

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::password_hash::{PasswordHasher, SaltString};

    fn check(name: &str, password: &str) -> Next {
        Next::Check(Credentials { name: name.into(), password: password.into() })
    }

    #[test]
    fn plain_is_said_at_once_or_after_a_challenge() {
        assert_eq!(Exchange::begin(b"PLAIN", Some(b"AGEAYg==")), check("a", "b"));
        assert_eq!(Exchange::begin(b"plain", None), Next::Challenge("", Exchange::Plain));
        assert_eq!(Exchange::Plain.respond(b"eABhAGI"), check("a", "b"));
        for bad in [&b"!"[..], b"", b"AGE=", b"AGEAYgBj"] {
            assert_eq!(Exchange::Plain.respond(bad), Next::Malformed);
        }
        assert_eq!(Exchange::begin(b"CRAM-MD5", None), Next::Unknown);
    }

    #[test]
    fn login_asks_for_both() {
        let Next::Challenge("VXNlcm5hbWU6", exchange) = Exchange::begin(b"LOGIN", None) else { panic!() };
        let Next::Challenge("UGFzc3dvcmQ6", exchange) = exchange.respond(b"YQ==") else { panic!() };
        assert_eq!(exchange.respond(b"Yg=="), check("a", "b"));
        assert!(matches!(Exchange::begin(b"LOGIN", Some(b"YQ==")), Next::Challenge("UGFzc3dvcmQ6", _)));
    }

    #[tokio::test]
    async fn a_password_is_right_for_its_own_name_only() {
        let salt = SaltString::encode_b64(b"saltsaltsalt").unwrap();
        // Weak on purpose: tests need not wait.
        let weak = argon2::Argon2::new(
            argon2::Algorithm::Argon2id,
            argon2::Version::V0x13,
            argon2::Params::new(argon2::Params::MIN_M_COST, 1, 1, None).unwrap(),
        );
        let hash = weak.hash_password(b"secret", &salt).unwrap().to_string();
        let a = Authenticator::new(vec![RelayConfig { name: "relay".into(), password_hash: hash }]);
        let with = |name: &str, password: &str| Credentials { name: name.into(), password: password.into() };
        assert_eq!(a.check(with("relay", "secret")).await, Ok(true));
        assert_eq!(a.check(with("relay", "wrong")).await, Ok(false));
        assert_eq!(a.check(with("other", "secret")).await, Ok(false));
        assert_eq!(Authenticator::new(vec![]).check(with("relay", "secret")).await, Ok(false));
    }
}
