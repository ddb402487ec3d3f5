//! TLS: the certificate, and what is said of an encrypted session.
//!
//! With `tls.certificate` and `tls.key` the operator's chain is used; without, a self-signed certificate is
//! made once in the data folder and used again. Mail servers encrypt to any certificate (RFC 7435); a
//! proper one is wanted by those that check (MTA-STS, DANE).
//!
//! # Failure
//! [`server_config`] says which file is at fault and what to do; at start that ends the start, on SIGHUP
//! the old certificate stays in use.
//!
//! # Trust
//! The files of the operator.

use crate::config::TlsConfig;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Name of the self-signed certificate (with its key) in the data folder.
const SELF_SIGNED: &str = "tls-self-signed.pem";

/// A certificate that ends within this time is told of: what renews by itself does so a month ahead.
const ENDS_SOON_S: i64 = 14 * 86_400;

/// A certificate that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A PEM file can't be read.
    #[error("{key} = {path}: {problem}")]
    File {
        /// The key of the configuration.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// Certificate and key do not go together, or are of a kind that is not supported.
    #[error("tls.certificate and tls.key do not go together: {0}")]
    Pair(String),
    /// TLS itself can't be set up.
    #[error("TLS can't be set up: {0}")]
    Setup(#[from] rustls::Error),
    /// The self-signed certificate can't be made.
    #[error("self-signed certificate {path}: {problem}. Set tls.certificate and tls.key, or make the folder writable")]
    SelfSigned {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

/// The TLS settings for a certificate of the operator, or for the self-signed one in `data_dir`.
///
/// # Errors
/// See [`TlsError`].
pub fn server_config(tls: &TlsConfig, data_dir: &Path, hostname: &str) -> Result<Arc<ServerConfig>, TlsError> {
    let (chain, key) = if tls.certificate.as_os_str().is_empty() {
        self_signed(data_dir, hostname)?
    } else {
        (read_chain("tls.certificate", &tls.certificate)?, read_key("tls.key", &tls.key)?)
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|e| TlsError::Pair(pair_problem(&e)))?;
    Ok(Arc::new(config))
}

/// From when until when the operator's certificate holds, in seconds since 1970 UTC. `None` for the self-signed one, and
/// for one that can't be read.
#[must_use]
pub fn validity(tls: &TlsConfig) -> Option<(i64, i64)> {
    if tls.certificate.as_os_str().is_empty() {
        return None;
    }
    certificate_validity(read_chain("tls.certificate", &tls.certificate).ok()?.first()?)
}

/// What is wrong with the operator's certificate at a time (seconds since 1970 UTC): expired, about to, not valid yet.
#[must_use]
pub fn out_of_date(tls: &TlsConfig, now: i64) -> Option<String> {
    let (from, until) = validity(tls)?;
    let day = |s: i64| jiff::Timestamp::from_second(s).map(|t| t.strftime("%Y-%m-%d %H:%M UTC").to_string()).unwrap_or_default();
    let path = tls.certificate.display();
    if until < now {
        Some(format!(
            "the certificate in {path} ended on {}: servers that check it send no mail. Renew it, then SIGHUP",
            day(until)
        ))
    } else if from > now {
        Some(format!(
            "the certificate in {path} begins on {}: until then servers that check it send no mail. Is the clock right?",
            day(from)
        ))
    } else if until - now < ENDS_SOON_S {
        Some(format!("the certificate in {path} ends on {}: renew it, then SIGHUP", day(until)))
    } else {
        None
    }
}

/// `TLSv1.3 TLS13_AES_256_GCM_SHA384`: version and cipher suite of a session, for the envelope.
#[must_use]
pub fn describe(session: &rustls::CommonState) -> String {
    let version = match session.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
        _ => "TLS",
    };
    match session.negotiated_cipher_suite() {
        Some(suite) => format!("{version} {:?}", suite.suite()),
        None => version.to_owned(),
    }
}

type Chain = Vec<CertificateDer<'static>>;

/// The validity of a certificate (RFC 5280 4.1.2.5), read off its DER: version, serial number, algorithm and issuer stand before it.
fn certificate_validity(der: &[u8]) -> Option<(i64, i64)> {
    let (_, certificate, _) = element(der)?;
    let (_, mut at, _) = element(certificate)?;
    if at.first() == Some(&0xa0) {
        at = element(at)?.2;
    }
    for _ in 0..3 {
        at = element(at)?.2;
    }
    let (_, validity, _) = element(at)?;
    let (from_kind, from, rest) = element(validity)?;
    let (until_kind, until, _) = element(rest)?;
    Some((time(from_kind, from)?, time(until_kind, until)?))
}

/// One element of DER: its tag, its content, and what is behind it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 | 0x82 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |n, b| n << 8 | usize::from(*b)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// UTCTime (two digits of the year) or GeneralizedTime, as seconds since 1970.
fn time(kind: u8, text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let text = match kind {
        0x17 => format!("{}{text}", if text.get(..2)? < "50" { "20" } else { "19" }),
        0x18 => text.to_owned(),
        _ => return None,
    };
    let time = jiff::civil::DateTime::strptime("%Y%m%d%H%M%SZ", text).ok()?;
    Some(jiff::tz::TimeZone::UTC.to_timestamp(time).ok()?.as_second())
}

/// Why a certificate and a key are of no use together.
fn pair_problem(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InconsistentKeys(_) => "the key is of another certificate".to_owned(),
        other => format!("{other}. RSA keys and those of P-256, P-384 and Ed25519 can be used"),
    }
}

fn read_chain(key: &'static str, path: &Path) -> Result<Chain, TlsError> {
    let wrong = |problem: String| TlsError::File { key, path: path.to_owned(), problem };
    let file = std::fs::read(path).map_err(|e| wrong(unreadable(&e)))?;
    let chain: Chain = CertificateDer::pem_slice_iter(&file).collect::<Result<_, _>>().map_err(|e| wrong(not_pem(&e, &file)))?;
    if chain.is_empty() { Err(wrong(lacks("certificate", &file))) } else { Ok(chain) }
}

fn read_key(key: &'static str, path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let wrong = |problem: String| TlsError::File { key, path: path.to_owned(), problem };
    let file = std::fs::read(path).map_err(|e| wrong(unreadable(&e)))?;
    PrivateKeyDer::from_pem_slice(&file).map_err(|e| match e {
        rustls::pki_types::pem::Error::NoItemsFound => wrong(lacks("private key", &file)),
        e => wrong(not_pem(&e, &file)),
    })
}

fn unreadable(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "this user may not read it".to_owned(),
        _ => error.to_string(),
    }
}

fn not_pem(error: &rustls::pki_types::pem::Error, file: &[u8]) -> String {
    if is_protected(file) { lacks("private key", file) } else { format!("it is no PEM file: {error}") }
}

fn is_protected(file: &[u8]) -> bool {
    memchr::memmem::find(file, b"ENCRYPTED").is_some()
}

/// That something is not in a file, and the usual reasons.
fn lacks(what: &str, file: &[u8]) -> String {
    if file.first() == Some(&0x30) {
        "it is DER, and PEM is wanted: `openssl x509 -inform der` (`openssl pkey -inform der` for a key) makes it".to_owned()
    } else if is_protected(file) {
        "it is protected by a password: `openssl pkey -in OLD -out NEW` takes that off".to_owned()
    } else {
        format!("there is no {what} in it")
    }
}

/// Reads it, or makes it. A file that can't be read (a start that was killed half way) is made anew.
fn self_signed(dir: &Path, hostname: &str) -> Result<(Chain, PrivateKeyDer<'static>), TlsError> {
    let path = dir.join(SELF_SIGNED);
    if let (Ok(chain), Ok(key)) = (read_chain("tls.certificate", &path), read_key("tls.key", &path)) {
        return Ok((chain, key));
    }
    let wrong = |problem: String| TlsError::SelfSigned { path: path.clone(), problem };
    let names = [hostname.to_owned(), "localhost".to_owned()].into_iter().filter(|n| n.is_ascii() && !n.is_empty());
    let made = rcgen::generate_simple_self_signed(names.collect::<Vec<_>>()).map_err(|e| wrong(e.to_string()))?;
    let text = format!("{}{}", made.signing_key.serialize_pem(), made.cert.pem());
    let write = || -> std::io::Result<()> {
        std::fs::create_dir_all(dir)?;
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|e| wrong(e.to_string()))?;
    Ok((read_chain("tls.certificate", &path)?, read_key("tls.key", &path)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_self_signed_certificate_is_made_once_and_used_again() {
        let dir = tempfile::tempdir().unwrap();
        server_config(&TlsConfig::default(), dir.path(), "mx.test").unwrap();
        let first = std::fs::read(dir.path().join(SELF_SIGNED)).unwrap();
        server_config(&TlsConfig::default(), dir.path(), "mx.test").unwrap();
        assert_eq!(first, std::fs::read(dir.path().join(SELF_SIGNED)).unwrap());
    }

    #[test]
    fn a_torn_self_signed_certificate_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        server_config(&TlsConfig::default(), dir.path(), "mx.test").unwrap();
        let path = dir.path().join(SELF_SIGNED);
        std::fs::File::options().write(true).open(&path).unwrap().set_len(100).unwrap();
        server_config(&TlsConfig::default(), dir.path(), "mx.test").unwrap();
    }

    #[test]
    fn a_missing_file_is_named_with_its_key() {
        let dir = tempfile::tempdir().unwrap();
        let tls = TlsConfig { certificate: dir.path().join("no.pem"), key: dir.path().join("no.key") };
        let e = server_config(&tls, dir.path(), "mx.test").unwrap_err().to_string();
        assert!(e.contains("tls.certificate") && e.contains("no.pem"), "{e}");
    }

    /// A certificate for these days, with its key, in a folder.
    fn made(dir: &Path, from: (i32, u8, u8), until: (i32, u8, u8)) -> TlsConfig {
        let mut params = rcgen::CertificateParams::new(vec!["mx.test".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(from.0, from.1, from.2);
        params.not_after = rcgen::date_time_ymd(until.0, until.1, until.2);
        let key = rcgen::KeyPair::generate().unwrap();
        let tls = TlsConfig { certificate: dir.join("mx.pem"), key: dir.join("mx.key") };
        write(&tls.certificate, params.self_signed(&key).unwrap().pem());
        write(&tls.key, key.serialize_pem());
        tls
    }

    fn write(path: &Path, text: impl AsRef<[u8]>) {
        std::fs::File::create(path).unwrap().write_all(text.as_ref()).unwrap();
    }

    #[test]
    fn a_certificate_is_told_of_when_it_has_ended_or_will_soon() {
        let dir = tempfile::tempdir().unwrap();
        let tls = made(dir.path(), (2026, 1, 1), (2026, 12, 31));
        let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_second();
        let said = |time: &str| out_of_date(&tls, at(time)).unwrap_or_default();
        assert_eq!(said("2026-12-01T00:00:00Z"), "");
        assert!(said("2026-12-24T00:00:00Z").contains("ends on 2026-12-31 00:00 UTC"));
        assert!(said("2027-01-01T00:00:00Z").contains("ended on 2026-12-31"));
        assert!(said("2025-12-31T00:00:00Z").contains("begins on 2026-01-01"));
        let far = made(dir.path(), (1999, 1, 1), (2060, 1, 1));
        assert_eq!(validity(&far), Some((at("1999-01-01T00:00:00Z"), at("2060-01-01T00:00:00Z"))));
    }

    #[test]
    fn a_file_of_another_kind_is_answered_with_what_makes_it_right() {
        let dir = tempfile::tempdir().unwrap();
        let good = made(dir.path(), (2026, 1, 1), (2026, 12, 31));
        let said = |tls: &TlsConfig| server_config(tls, dir.path(), "mx.test").unwrap_err().to_string();
        server_config(&good, dir.path(), "mx.test").unwrap();

        let other = dir.path().join("other.key");
        write(&other, rcgen::KeyPair::generate().unwrap().serialize_pem());
        assert!(said(&TlsConfig { key: other, ..good.clone() }).contains("of another certificate"));

        let der = dir.path().join("mx.der");
        write(&der, read_chain("tls.certificate", &good.certificate).unwrap().first().unwrap());
        assert!(said(&TlsConfig { certificate: der, ..good.clone() }).contains("openssl x509 -inform der"));

        let locked = dir.path().join("locked.key");
        write(&locked, "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
        assert!(said(&TlsConfig { key: locked, ..good.clone() }).contains("password"));

        let swapped = TlsConfig { certificate: good.key.clone(), key: good.certificate.clone() };
        assert!(said(&swapped).contains("there is no certificate in it"));
    }
}
