//! Passwords of staff: Argon2id in PHC form.
//!
//! Hashing is slow on purpose, so it never runs on the reactor; [`Hashing`] bounds how many run at
//! once, and a caller waits its turn.
//!
//! # Trust
//! A password that comes by the wire is bounded before it is hashed.

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Characters a password has at least (NIST SP 800-63B says 8; staff see other people's mail).
pub const PASSWORD_CHARS_MIN: usize = 10;
/// Bytes of a password at most: enough for a sentence.
pub const PASSWORD_BYTES_MAX: usize = 1_024;

/// Hash of nothing in particular: verified against when there is no such user, so that the time
/// of an answer does not tell which names exist.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$dGlkZWdhdGUtbm9ib2R5$Lk8hKJ9YS3VMWJz9eVQF5xkVjWCkOdRFS3KDo2mO9hU";

/// Why a new password is not taken, in words for the person who chose it.
#[must_use]
pub fn weakness(password: &str) -> Option<String> {
    if password.chars().count() < PASSWORD_CHARS_MIN {
        return Some(format!("Choose a password of at least {PASSWORD_CHARS_MIN} characters."));
    }
    (password.len() > PASSWORD_BYTES_MAX).then(|| format!("Choose a password of at most {PASSWORD_BYTES_MAX} bytes."))
}

/// Hashes a password. Takes tens of milliseconds and 19 MiB.
///
/// # Errors
/// The system gives no random bytes.
pub fn hash(password: &str) -> std::io::Result<String> {
    let mut salt = [0_u8; 16];
    getrandom::fill(&mut salt).map_err(|e| std::io::Error::other(e.to_string()))?;
    let salt = SaltString::encode_b64(&salt).map_err(|e| std::io::Error::other(e.to_string()))?;
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt).map_err(|e| std::io::Error::other(e.to_string()))?;
    Ok(hash.to_string())
}

/// Whether a password is the one that was hashed. `None` (no such user) takes as long and is false.
#[must_use]
pub fn verify(password: &str, hash: Option<&str>) -> bool {
    if password.len() > PASSWORD_BYTES_MAX {
        return false;
    }
    let matches = PasswordHash::new(hash.unwrap_or(NOBODY))
        .is_ok_and(|parsed| Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok());
    matches && hash.is_some()
}

/// Runs [`hash`] and [`verify`] off the reactor, a few at once.
#[derive(Debug, Clone)]
pub(super) struct Hashing(Arc<Semaphore>);

impl Hashing {
    pub(super) fn new(at_once: usize) -> Hashing {
        Hashing(Arc::new(Semaphore::new(at_once)))
    }

    pub(super) async fn hash(&self, password: String) -> std::io::Result<String> {
        self.off_the_reactor(move || hash(&password)).await?
    }

    pub(super) async fn verify(&self, password: String, hash: Option<String>) -> std::io::Result<bool> {
        self.off_the_reactor(move || verify(&password, hash.as_deref())).await
    }

    async fn off_the_reactor<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> std::io::Result<T> {
        let seat = self.0.clone().acquire_owned().await.map_err(std::io::Error::other)?;
        let task = tokio::task::spawn_blocking(move || {
            let _seat = seat;
            work()
        });
        task.await.map_err(std::io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_password_of_a_known_user_is_taken() {
        let h = hash("correct horse battery").unwrap();
        assert!(h.starts_with("$argon2id$"));
        assert!(verify("correct horse battery", Some(&h)));
        assert!(!verify("correct horse batterx", Some(&h)));
        assert!(!verify("correct horse battery", None));
        assert!(!verify(&"x".repeat(2_000), Some(&h)));
    }

    #[test]
    fn an_unknown_name_takes_as_long_as_a_wrong_password() {
        let parsed = PasswordHash::new(NOBODY).unwrap();
        let fresh = hash("whatever it was").unwrap();
        let fresh = PasswordHash::new(&fresh).unwrap();
        assert_eq!(parsed.params, fresh.params, "the same cost as a real hash");
        assert_eq!(parsed.algorithm, fresh.algorithm);
    }

    #[test]
    fn weak_passwords_are_named() {
        assert!(weakness("short").is_some());
        assert!(weakness("längeres Wort").is_none());
        assert!(weakness(&"x".repeat(2_000)).is_some());
    }
}
