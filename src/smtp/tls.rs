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

/// A certificate that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A PEM file can't be read.
    #[error("{key} = {path}: {problem}. It must be a PEM file that this user may read")]
    File {
        /// The key of the configuration.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Certificate and key do not go together, or are of a kind that is not supported.
    #[error("tls.certificate and tls.key do not go together: {0}")]
    Pair(#[from] rustls::Error),
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
        .with_single_cert(chain, key)?;
    Ok(Arc::new(config))
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

fn read_chain(key: &'static str, path: &Path) -> Result<Chain, TlsError> {
    let wrong = |problem: String| TlsError::File { key, path: path.to_owned(), problem };
    let chain: Chain = CertificateDer::pem_file_iter(path).and_then(Iterator::collect).map_err(|e| wrong(e.to_string()))?;
    if chain.is_empty() { Err(wrong("there is no certificate in it".into())) } else { Ok(chain) }
}

fn read_key(key: &'static str, path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|e| TlsError::File { key, path: path.to_owned(), problem: e.to_string() })
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
}
