//! Peers that tell who the client is, limits, a directory that changes, and the shutdown.

use super::{Client, Gateway, Setup, wait_until};
use std::sync::Arc;
use std::time::Duration;
use tidegate::config::Network;
use tidegate::mail::BodyType;
use tidegate::smtp::rehearsal;

fn loopback() -> Vec<Network> {
    vec!["127.0.0.0/8".parse().unwrap()]
}

#[test]
fn a_proxy_tells_who_the_client_is() {
    let mut setup = Setup::default();
    setup.config.proxy_protocol_from = loopback();
    let gateway = Gateway::start(setup);
    for header in [
        b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 25\r\n".to_vec(),
        [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".as_slice(), &[192, 0, 2, 7, 192, 0, 2, 1, 18, 52, 0, 25]].concat(),
    ] {
        let mut client = Client::connect(gateway.smtp);
        client.send(&header);
        assert!(client.reply().starts_with("220"));
        assert!(client.mail("through a proxy").starts_with("250"));
    }
    let from: Vec<_> = gateway.mails().iter().map(|m| m.0.client_ip).collect();
    assert_eq!(from, [Some("192.0.2.7".parse().unwrap()); 2]);
}

#[test]
fn a_proxy_that_does_not_tell_is_cut() {
    let mut setup = Setup::default();
    setup.config.proxy_protocol_from = loopback();
    setup.limits.handshake_timeout = Duration::from_millis(100);
    let gateway = Gateway::start(setup);
    let mut talks = Client::connect(gateway.smtp);
    talks.send("EHLO c.test\r\n");
    assert_eq!(talks.line(), None, "it was served without a header");
    let mut silent = Client::connect(gateway.smtp);
    assert_eq!(silent.line(), None);
    gateway.wait_for("tidegate_smtp_refused_total{reason=\"proxy-header\"}", 2);
}

#[test]
fn the_seats_of_a_network_are_those_of_the_real_clients() {
    let mut setup = Setup::default();
    setup.config.proxy_protocol_from = loopback();
    setup.limits.connections_per_network_max = 1;
    let gateway = Gateway::start(setup);
    let from = |network: u8| {
        let mut client = Client::connect(gateway.smtp);
        client.send(format!("PROXY TCP4 192.0.{network}.7 192.0.2.1 4711 25\r\n"));
        client
    };
    let (mut a, mut b, mut again) = (from(2), from(3), from(2));
    let replies = [a.reply(), again.reply()];
    assert_eq!(replies.iter().filter(|r| r.starts_with("220")).count(), 1, "{replies:?}");
    assert_eq!(replies.iter().filter(|r| r.starts_with("421 4.7.0")).count(), 1, "{replies:?}");
    assert!(b.reply().starts_with("220"));
}

#[test]
fn there_are_so_many_seats_and_a_freed_one_is_free() {
    let mut setup = Setup::default();
    setup.limits.connections_max = 2;
    let gateway = Gateway::start(setup);
    let mut seated = [Client::greeted(gateway.smtp), Client::greeted(gateway.lmtp)];
    let mut third = Client::connect(gateway.smtp);
    assert!(third.reply().starts_with("421 4.3.2"));
    assert_eq!(third.line(), None);
    assert_eq!(gateway.metric("tidegate_smtp_refused_total{reason=\"connections\"}"), 1);
    seated[0].expect(&[("QUIT", "221")]);
    gateway.wait_for("tidegate_smtp_connections_open", 1);
    Client::greeted(gateway.smtp);
}

#[test]
fn many_idle_clients_keep_nobody_out() {
    let gateway = Gateway::start(Setup::default());
    let _idle: Vec<_> = (0..100).map(|_| Client::greeted(gateway.smtp)).collect();
    assert!(Client::greeted(gateway.smtp).mail("hello").starts_with("250"));
}

#[test]
fn a_new_mailbox_gets_mail_within_the_same_session() {
    let gateway = Gateway::start(Setup::default());
    let mut client = Client::greeted(gateway.smtp);
    client.expect(&[("MAIL FROM:<a@b.test>", "250"), ("RCPT TO:<new@example.test>", "550 5.1.1")]);
    gateway.directory.send(Arc::new(rehearsal::directory(&["new@example.test".into()]))).unwrap();
    client.expect(&[("RCPT TO:<new@example.test>", "250"), ("RCPT TO:<u@example.test>", "550 5.1.1")]);
}

#[test]
fn large_mails_by_data_and_by_bdat_come_whole() {
    let gateway = Gateway::start(Setup::default());
    let mut client = Client::greeted(gateway.smtp);
    let line = "a line of a large mail that ends properly\r\n";
    let body = line.repeat(3 << 20 >> 5);
    client.expect(&[("MAIL FROM:<>", "250"), ("RCPT TO:<u@example.test>", "250"), ("DATA", "354")]);
    client.send(format!("{body}.\r\n"));
    assert!(client.reply().starts_with("250 2.0.0 Ok: queued as"));
    // Chunks of all sizes, one of them over the threshold by itself.
    client.expect(&[("MAIL FROM:<> BODY=BINARYMIME", "250"), ("RCPT TO:<u@example.test>", "250")]);
    let mut rest = body.as_bytes();
    for size in [1, 10_000, 2_000_000, 65_536] {
        let (chunk, behind) = rest.split_at(size);
        client.send([format!("BDAT {size}\r\n").as_bytes(), chunk].concat());
        assert!(client.reply().starts_with("250"));
        rest = behind;
    }
    client.send([format!("BDAT {} LAST\r\n", rest.len()).as_bytes(), rest].concat());
    assert!(client.reply().starts_with("250 2.0.0 Ok: queued as"));
    let mails = gateway.mails();
    assert_eq!(mails[1].0.body, BodyType::BinaryMime);
    for (_, stored) in &mails {
        assert!(stored == body.as_bytes(), "{} bytes of {}", stored.len(), body.len());
    }
    assert_eq!(gateway.metric("tidegate_smtp_inflight_bytes"), 0);
    assert_eq!(gateway.metric("tidegate_smtp_message_bytes_total"), 2 * body.len() as u64);
}

#[test]
fn shutdown_says_421_to_the_idle_and_waits_for_a_body() {
    let gateway = Gateway::start(Setup::default());
    let (mut idle, mut busy) = (Client::greeted(gateway.smtp), Client::greeted(gateway.smtp));
    busy.expect(&[("MAIL FROM:<a@b.test>", "250"), ("RCPT TO:<u@example.test>", "250"), ("DATA", "354")]);
    busy.send("half");
    gateway.stop.send(true).unwrap();
    assert!(idle.reply().starts_with("421 4.3.2"));
    assert_eq!(idle.line(), None);
    wait_until("nothing to be accepted any more", || std::net::TcpStream::connect(gateway.smtp).is_err());
    busy.send(" and half\r\n.\r\n");
    assert!(busy.reply().starts_with("250 2.0.0 Ok: queued as"));
    assert!(busy.reply().starts_with("421 4.3.2"));
    assert_eq!(gateway.mails().len(), 1);
    let grace = tidegate::limits::Limits::default().shutdown_grace;
    assert!(gateway.shut_down() < grace, "it returns when the last session has ended");
}

#[test]
fn shutdown_does_not_wait_longer_than_the_grace() {
    let mut setup = Setup::default();
    setup.limits.shutdown_grace = Duration::from_millis(100);
    let gateway = Gateway::start(setup);
    let mut stuck = Client::greeted(gateway.smtp);
    stuck.expect(&[("MAIL FROM:<a@b.test>", "250"), ("RCPT TO:<u@example.test>", "250"), ("DATA", "354")]);
    stuck.send("half");
    let journal = gateway.journal.clone();
    gateway.shut_down();
    assert_eq!(stuck.line(), None, "what was not whole was not acknowledged");
    assert_eq!(journal.reader().entries(tidegate::mail::Position::START, 9).unwrap().len(), 0);
}

#[test]
fn several_threads_serve_as_one_does() {
    let mut setup = Setup::default();
    setup.config.threads = 2;
    let gateway = Gateway::start(setup);
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let at = gateway.smtp;
            std::thread::spawn(move || {
                let mut client = Client::greeted(at);
                for _ in 0..5 {
                    assert!(client.mail("one of many").starts_with("250"));
                }
                client.expect(&[("QUIT", "221")]);
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
    assert_eq!(gateway.mails().len(), 40);
    assert!(gateway.shut_down() < Duration::from_secs(10));
}
