//! TLS, by STARTTLS and from the beginning, and the logins that it allows.

use super::{Client, Gateway, PATIENCE, Setup};
use argon2::password_hash::{PasswordHasher, SaltString};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use tidegate::config::{Network, RelayConfig};
use tidegate::mail::Protocol;

type Encrypted = Client<StreamOwned<ClientConnection, TcpStream>>;

/// Shakes hands as a client that trusts the gateway's own certificate and no other.
fn encrypt(gateway: &Gateway, stream: TcpStream) -> Encrypted {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(gateway.dir().join("tls-self-signed.pem")).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connection = ClientConnection::new(Arc::new(config), "mx.test".try_into().unwrap()).unwrap();
    Client::over(StreamOwned::new(connection, stream))
}

fn with_tls() -> Setup {
    Setup { tls: true, ..Setup::default() }
}

#[test]
fn starttls_encrypts_and_the_envelope_tells() {
    let gateway = Gateway::start(with_tls());
    let mut client = Client::greeted(gateway.smtp);
    assert!(client.ask("EHLO clear.test").contains("\n250-STARTTLS\n"));
    client.expect(&[("STARTTLS", "220 2.0.0")]);
    let mut client = encrypt(&gateway, client.into_stream());
    assert!(client.ask("MAIL FROM:<>").starts_with("250"), "HELO is forgotten, which is tolerated");
    let offer = client.ask("EHLO c.test");
    assert!(!offer.contains("STARTTLS") && !offer.contains("AUTH"), "{offer}");
    assert!(client.mail("hidden").starts_with("250 2.0.0 Ok: queued as"));
    let (envelope, body) = &gateway.mails()[0];
    assert_eq!((envelope.protocol, body.as_slice()), (Protocol::ESMTPS, b"hidden\r\n".as_slice()));
    assert_eq!(envelope.helo.as_deref(), Some("c.test"));
    assert_eq!(envelope.tls.as_deref(), Some("TLSv1.3 TLS13_AES_256_GCM_SHA384"));
}

#[test]
fn what_is_sent_together_with_starttls_is_dropped() {
    let gateway = Gateway::start(with_tls());
    let mut client = Client::greeted(gateway.smtp);
    // One write, so one packet on loopback: an attacker on the way would do the same.
    client.send("STARTTLS\r\nMAIL FROM:<evil@b.test>\r\n");
    assert!(client.reply().starts_with("220"));
    let mut client = encrypt(&gateway, client.into_stream());
    client.expect(&[("RCPT TO:<u@example.test>", "503 5.5.1 MAIL FROM comes first")]);
    assert_eq!(gateway.metric("tidegate_smtp_tolerated_total{what=\"pipelined-starttls\"}"), 1);
}

#[test]
fn what_follows_starttls_in_the_clear_is_no_tls_and_ends_the_session() {
    let gateway = Gateway::start(with_tls());
    let mut client = Client::greeted(gateway.smtp);
    client.expect(&[("STARTTLS", "220")]);
    client.send("MAIL FROM:<evil@b.test>\r\nRCPT TO:<u@example.test>\r\n");
    gateway.wait_for("tidegate_smtp_refused_total{reason=\"tls\"}", 1);
}

#[test]
fn implicit_tls_is_spoken_from_the_first_byte_behind_a_proxy_too() {
    let mut setup = with_tls();
    let gateway = Gateway::start(setup.clone());
    let mut client = encrypt(&gateway, TcpStream::connect(gateway.smtps).unwrap());
    assert!(client.reply().starts_with("220 mx.test ESMTP"));
    client.expect(&[("EHLO c.test", "250")]);
    assert!(client.mail("hidden").starts_with("250"));
    client.expect(&[("QUIT", "221")]);

    setup.config.proxy_protocol_from = vec!["127.0.0.0/8".parse::<Network>().unwrap()];
    let gateway = Gateway::start(setup);
    let mut stream = TcpStream::connect(gateway.smtps).unwrap();
    stream.write_all(b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 465\r\n").unwrap();
    let mut client = encrypt(&gateway, stream);
    assert!(client.reply().starts_with("220"));
    assert!(client.mail("hidden").starts_with("250"));
    assert_eq!(gateway.mails()[0].0.client_ip, Some("192.0.2.7".parse().unwrap()));
}

#[test]
fn a_client_that_does_not_shake_hands_is_cut() {
    let mut setup = with_tls();
    setup.limits.handshake_timeout = std::time::Duration::from_millis(50);
    let gateway = Gateway::start(setup);
    let mut silent = TcpStream::connect(gateway.smtps).unwrap();
    silent.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(matches!(silent.read(&mut [0; 10]), Ok(0) | Err(_)));
    gateway.wait_for("tidegate_smtp_refused_total{reason=\"tls\"}", 1);
}

#[test]
fn a_large_mail_comes_whole_through_tls() {
    let gateway = Gateway::start(with_tls());
    let mut client = encrypt(&gateway, TcpStream::connect(gateway.smtps).unwrap());
    client.reply();
    let line = "0123456789 abcdefghijklmnopqrstuvwxyz\r\n..stuffed\r\n";
    let body = line.repeat(60_000);
    client.expect(&[("MAIL FROM:<>", "250"), ("RCPT TO:<u@example.test>", "250"), ("DATA", "354")]);
    client.send(format!("{body}.\r\n"));
    assert!(client.reply().starts_with("250"));
    let stored = &gateway.mails()[0].1;
    assert!(stored == body.replace("\r\n..", "\r\n.").as_bytes(), "{} bytes of {}", stored.len(), body.len());
}

#[test]
fn a_relay_logs_in_under_tls_and_is_named_in_the_envelope() {
    let salt = SaltString::encode_b64(b"saltsaltsalt").unwrap();
    // Weak on purpose: tests need not wait.
    let params = argon2::Params::new(argon2::Params::MIN_M_COST, 1, 1, None).unwrap();
    let hash = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    let mut setup = with_tls();
    setup.config.relays =
        vec![RelayConfig { name: "relay".into(), password_hash: hash.hash_password(b"secret", &salt).unwrap().to_string() }];
    let gateway = Gateway::start(setup);
    let mut clear = Client::greeted(gateway.smtp);
    assert!(!clear.ask("EHLO c.test").contains("AUTH"));
    clear.expect(&[("AUTH PLAIN AHJlbGF5AHNlY3JldA==", "538 5.7.11")]);

    let mut client = encrypt(&gateway, TcpStream::connect(gateway.smtps).unwrap());
    client.reply();
    assert!(client.ask("EHLO c.test").contains("\n250-AUTH PLAIN LOGIN\n"));
    client.expect(&[
        ("AUTH PLAIN AHJlbGF5AHdyb25n", "535 5.7.8"),
        ("AUTH LOGIN", "334 VXNlcm5hbWU6"),
        ("cmVsYXk=", "334 UGFzc3dvcmQ6"),
        ("c2VjcmV0", "235 2.7.0"),
    ]);
    assert!(client.mail("from a relay").starts_with("250"));
    let (envelope, _) = &gateway.mails()[0];
    assert_eq!((envelope.protocol, envelope.authenticated_as.as_deref()), (Protocol::ESMTPSA, Some("relay")));
    assert_eq!(gateway.metric("tidegate_smtp_refused_total{reason=\"authentication\"}"), 1);
}
