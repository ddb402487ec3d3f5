//! Real mail servers and clients relay to a real gateway: Postfix, Exim, swaks, curl.
//!
//! Every peer has its own configuration, queue folder and loopback port, is started by its test
//! and ended by its process id. Postfix and Exim start as root only.

mod exim;
mod postfix;
mod tap;

use crate::gateway::{Gateway, wait_until, write};
use crate::left_out::left_out;
use exim::Exim;
use postfix::Postfix;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tap::Tap;
use tidegate::mail::Protocol;

/// Mails that a relay has to carry unchanged: dots, umlauts, long headers, a body of a megabyte.
fn mails(dir: &Path) -> Vec<Vec<u8>> {
    let head = |n: usize, more: &str| {
        format!(
            "From: Anna <anna@x.test>\nTo: help@y.test\nSubject: relayed {n}\nMessage-ID: <relayed.{n}@x.test>\n\
             Date: Thu, 1 Jan 2026 00:00:00 +0000\n{more}\n"
        )
    };
    let folded: String = (0..40).map(|n| format!("\n <{n}.folded.reference@x.test>")).collect();
    let bodies = [
        head(0, "") + "plain\n",
        head(1, "") + ".\n..\n.hidden\n\n.\n",
        head(2, "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n")
            + "gr\u{fc}\u{df}e\n",
        head(3, &format!("References:{folded}\n")) + "long header\n",
        head(4, "") + &"a line of a large mail, seventy-two characters long, again and again\n".repeat(15_000),
        head(5, "") + "no end of line",
    ];
    for (n, body) in bodies.iter().enumerate() {
        write(&dir.join(format!("{n}.eml")), body);
    }
    // As it travels, without its header, which relays add to.
    bodies.iter().map(|b| b.split_once("\n\n").unwrap().1.trim_end_matches('\n').replace('\n', "\r\n").into_bytes()).collect()
}

fn has_body(raw: &[u8], body: &[u8]) -> bool {
    let trimmed = raw.strip_suffix(b"\r\n").unwrap_or(raw);
    trimmed.strip_suffix(b"\r\n\r\n").unwrap_or(trimmed).ends_with(body) || trimmed.ends_with(body)
}

/// Everything arrived as it was, by this protocol, and is attached.
fn all_arrived(gateway: &Gateway, bodies: &[Vec<u8>], protocol: Protocol) {
    let count = bodies.len() as u64;
    let books = gateway.drained(count);
    assert_eq!((&books["accepted"], &books["attached"]), (&count.into(), &count.into()), "{books}");
    let arrived = gateway.raw_mails();
    for (n, body) in bodies.iter().enumerate() {
        let times = arrived.iter().filter(|(_, raw)| has_body(raw, body)).count();
        assert_eq!(times, 1, "mail {n}");
    }
    for (entry, _) in &arrived {
        assert_eq!((entry.envelope.protocol, entry.envelope.reverse_path.as_str()), (protocol, "anna@x.test"));
        assert_eq!(entry.envelope.tls.is_some(), matches!(protocol, Protocol::ESMTPS | Protocol::LMTPS));
        assert_eq!(entry.envelope.recipients[0].address, "help@y.test");
    }
}

/// Hands mails to a relay with our own client, which is tried on another server by that.
fn hand_over(server: SocketAddr, arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(["send", "--json", "--from", "anna@x.test", "--server", &server.to_string()])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn postfix_relays_by_smtp_with_pipelining() {
    let gateway = Gateway::start("");
    let tap = Tap::before(gateway.smtp);
    let Some(postfix) = Postfix::relaying_to(&format!("smtp:[127.0.0.1]:{}", tap.address.port()), "") else { return };
    let dir = tempfile::tempdir().unwrap();
    let bodies = mails(dir.path());
    // By BDAT into Postfix, so that our client is tried on another server's CHUNKING.
    hand_over(postfix.address, &["--bdat", "--connections", "2", "--to", "help@y.test", dir.path().to_str().unwrap()]);
    all_arrived(&gateway, &bodies, Protocol::ESMTP);
    let commands = tap.first_segments();
    assert!(commands.iter().any(|c| c.contains("MAIL FROM:") && c.contains("RCPT TO:") && c.contains("DATA")), "{commands:?}");
}

#[test]
fn postfix_relays_by_lmtp() {
    let gateway = Gateway::start("");
    let Some(postfix) = Postfix::relaying_to(&format!("lmtp:inet:127.0.0.1:{}", gateway.lmtp.port()), "") else { return };
    let dir = tempfile::tempdir().unwrap();
    let bodies = mails(dir.path());
    hand_over(postfix.address, &["--to", "help@y.test", dir.path().to_str().unwrap()]);
    all_arrived(&gateway, &bodies, Protocol::LMTP);
}

#[test]
fn postfix_relays_by_starttls_when_it_must_and_when_it_may() {
    for level in ["encrypt", "may"] {
        let gateway = Gateway::start("");
        let more = format!("smtp_tls_security_level = {level}\nsmtp_tls_loglevel = 1\n");
        let Some(postfix) = Postfix::relaying_to(&format!("smtp:[127.0.0.1]:{}", gateway.smtp.port()), &more) else { return };
        let dir = tempfile::tempdir().unwrap();
        let bodies = mails(dir.path());
        hand_over(postfix.address, &["--to", "help@y.test", dir.path().to_str().unwrap()]);
        all_arrived(&gateway, &bodies, Protocol::ESMTPS);
    }
}

#[test]
fn one_mail_for_many_recipients_stays_one_mail() {
    let gateway = Gateway::start("");
    let Some(postfix) = Postfix::relaying_to(&format!("lmtp:inet:127.0.0.1:{}", gateway.lmtp.port()), "") else { return };
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("m"), "Subject: many\n\nbody\n");
    let to: Vec<String> = (0..40).map(|n| format!("r{n}@y.test")).collect();
    let to: Vec<&str> = to.iter().flat_map(|t| ["--to", t.as_str()]).collect();
    hand_over(postfix.address, &[&to[..], &[dir.path().to_str().unwrap()]].concat());
    let books = gateway.drained(1);
    assert_eq!((&books["accepted"], &books["attached"]), (&1.into(), &1.into()), "{books}");
    assert_eq!(gateway.raw_mails()[0].0.envelope.recipients.len(), 40);
}

/// Only `help@y.test` gets mail.
fn only_one_mailbox(gateway: &Gateway) {
    let one = |arguments: &[&str]| -> Value {
        let output = gateway.tidegate(arguments);
        serde_json::from_slice(output.stdout.split(|b| *b == b'\n').next().unwrap()).unwrap()
    };
    let (catch_all, organisation) = (one(&["mailbox", "ls", "--json"]), one(&["org", "ls", "--json"]));
    let run = |arguments: &[&str]| assert!(gateway.tidegate(arguments).status.success(), "{arguments:?}");
    run(&["mailbox", "add", organisation["id"].as_str().unwrap(), "help@y.test"]);
    run(&["mailbox", "rm", catch_all["id"].as_str().unwrap()]);
    wait_until("strangers are refused", || {
        let output = reply_to_rcpt(gateway.smtp, "nobody@y.test");
        output.starts_with("550")
    });
}

/// The reply to one RCPT, asked by hand.
fn reply_to_rcpt(server: SocketAddr, to: &str) -> String {
    use std::io::{BufRead, BufReader, Write};
    let stream = std::net::TcpStream::connect(server).unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
    let mut said = lines.next().unwrap();
    for command in ["HELO probe.test".to_owned(), "MAIL FROM:<>".to_owned(), format!("RCPT TO:<{to}>")] {
        (&stream).write_all(format!("{command}\r\n").as_bytes()).unwrap();
        said = lines.next().unwrap();
    }
    said
}

#[test]
fn a_refused_recipient_is_bounced_by_the_senders_server_and_not_by_us() {
    let gateway = Gateway::start("");
    let Some(postfix) = Postfix::relaying_to(&format!("smtp:[127.0.0.1]:{}", gateway.smtp.port()), "") else { return };
    only_one_mailbox(&gateway);
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("m"), "From: help@y.test\nTo: nobody@y.test\nSubject: typo\nMessage-ID: <typo@y.test>\n\nbody\n");
    let output = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(["send", "--from", "help@y.test", "--to", "nobody@y.test", "--server", &postfix.address.to_string()])
        .arg(dir.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");

    // Postfix makes the bounce and relays it to the sender, who is one of ours.
    let books = gateway.drained(1);
    assert_eq!((&books["accepted"], &books["attached"]), (&1.into(), &1.into()), "{books}");
    let (entry, raw) = gateway.raw_mails().swap_remove(0);
    let text = std::str::from_utf8(&raw).unwrap();
    assert_eq!((entry.envelope.reverse_path.as_str(), entry.envelope.recipients[0].address.as_str()), ("", "help@y.test"));
    assert!(text.contains("multipart/report") && text.contains("Status: 5.1.1"), "{text}");
    assert!(text.contains("Reporting-MTA: dns; peer.test"), "the sender's server made it: {text}");
    // Nothing is left in its queue, and nobody but our client handed it a mail.
    wait_until("Postfix is done", || postfix.queue_is_empty());
    assert_eq!(postfix.log().matches(": client=").count(), 1, "{}", postfix.log());
}

#[test]
fn exim_relays_by_bdat() {
    let gateway = Gateway::start("");
    let tap = Tap::before(gateway.smtp);
    let Some(exim) = Exim::relaying_to(tap.address.port(), "hosts_try_chunking = *\n  hosts_avoid_tls = *") else { return };
    let dir = tempfile::tempdir().unwrap();
    let bodies = mails(dir.path());
    for n in 0..bodies.len() {
        exim.hand_over("anna@x.test", "help@y.test", &dir.path().join(format!("{n}.eml")));
    }
    all_arrived(&gateway, &bodies, Protocol::ESMTP);
    let commands = tap.everything();
    assert!(commands.contains("BDAT ") && commands.contains(" LAST\r\n") && !commands.contains("\r\nDATA\r\n"), "no BDAT");
}

#[test]
fn exim_relays_by_starttls_and_data() {
    let gateway = Gateway::start("");
    let Some(exim) = Exim::relaying_to(gateway.smtp.port(), "hosts_try_chunking = :\n  hosts_require_tls = *") else { return };
    let dir = tempfile::tempdir().unwrap();
    let bodies = mails(dir.path());
    for n in 0..bodies.len() {
        exim.hand_over("anna@x.test", "help@y.test", &dir.path().join(format!("{n}.eml")));
    }
    all_arrived(&gateway, &bodies, Protocol::ESMTPS);
}

/// Runs a client; `None` where it is not installed.
fn client(program: &str, arguments: &[&str]) -> Option<Output> {
    match Command::new(program).args(arguments).stdin(Stdio::null()).output() {
        Ok(output) => Some(output),
        Err(error) => {
            left_out(program, &error.to_string());
            None
        }
    }
}

#[test]
fn swaks_sends_by_smtp_with_and_without_tls_and_by_lmtp() {
    let gateway = Gateway::start("");
    let (smtp, lmtp) = (gateway.smtp.to_string(), gateway.lmtp.to_string());
    let common = ["--from", "anna@x.test", "--to", "help@y.test", "--helo", "client.test", "--pipeline"];
    for (n, special) in
        [&["--server", &smtp][..], &["--server", &smtp, "--tls"], &["--server", &lmtp, "--protocol", "LMTP"]].iter().enumerate()
    {
        // Debian may lack swaks' own optional module for TLS; STARTTLS is tried by Postfix, Exim and curl too.
        let Some(output) = client("swaks", &[&common[..], special].concat()) else { return };
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && said.contains("<"), "{n}: {said} {:?}", output.stderr);
    }
    gateway.drained(3);
    let protocols: Vec<Protocol> = gateway.raw_mails().iter().map(|(e, _)| e.envelope.protocol).collect();
    assert_eq!(protocols, [Protocol::ESMTP, Protocol::ESMTPS, Protocol::LMTP]);
}

#[test]
fn curl_sends_a_file_as_the_first_lines_of_the_readme_say() {
    let gateway = Gateway::start("");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("message.eml");
    write(&file, "From: you@example.com\r\nSubject: curl\r\n\r\n.\r\nbody\r\n");
    let url = format!("smtp://{}", gateway.smtp);
    let plain =
        ["--silent", "--show-error", "--url", &url, "--mail-from", "you@example.com", "--mail-rcpt", "support@example.com"];
    for tls in [&[][..], &["--ssl-reqd", "--insecure"]] {
        let Some(output) = client("curl", &[&plain[..], tls, &["-T", file.to_str().unwrap()]].concat()) else { return };
        assert!(output.status.success(), "{output:?}");
    }
    let books = gateway.drained(2);
    assert_eq!((&books["attached"], &books["duplicate"]), (&1.into(), &1.into()), "{books}");
    assert!(gateway.raw_mails().iter().all(|(_, raw)| raw.ends_with(b"\r\n\r\n.\r\nbody\r\n")));
}
