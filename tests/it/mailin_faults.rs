//! mailin-embedded 0.8.3, which was the first choice for reception: its faults, pinned over a socket.
//!
//! It stays as the baseline of the benchmark. A release that mends one of these makes this test fail; then the
//! decision in ARCHITECTURE.md wants a second look. What ours does instead is in `tests/dialogues/`.

use super::reception::{Client, PATIENCE, wait_until};
use mailin_embedded::{Handler, Response, Server, SslConfig, response};
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the handler does with a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    Accept,
    FailAtTheEnd,
    FailInTheMiddle,
}

#[derive(Clone)]
struct Pinned {
    does: Does,
    lines: usize,
    body: Vec<u8>,
    accepted: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Handler for Pinned {
    fn mail(&mut self, _ip: IpAddr, _helo: &str, _from: &str) -> Response {
        response::OK
    }

    fn data_start(&mut self, _helo: &str, _from: &str, _is8bit: bool, _to: &[String]) -> Response {
        (self.lines, self.body) = (0, Vec::new());
        response::OK
    }

    fn data(&mut self, line: &[u8]) -> io::Result<()> {
        self.lines += 1;
        if self.does == Does::FailInTheMiddle && self.lines == 2 {
            return Err(io::Error::other("disk full"));
        }
        self.body.extend_from_slice(line);
        Ok(())
    }

    fn data_end(&mut self) -> Response {
        if self.does == Does::FailAtTheEnd {
            return Response::custom(451, "4.3.0 try again".into());
        }
        self.accepted.lock().unwrap().push(std::mem::take(&mut self.body));
        response::OK
    }
}

/// Starts it, with a thread for each client at a time. Nothing ends it but the process: one more of its faults.
fn start(does: Does, threads: u32) -> (SocketAddr, Arc<Mutex<Vec<Vec<u8>>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let accepted = Arc::default();
    let handler = Pinned { does, lines: 0, body: Vec::new(), accepted: Arc::clone(&accepted) };
    std::thread::spawn(move || {
        let mut server = Server::new(handler);
        server.with_name("mx.test").with_num_threads(threads).with_tcp_listener(listener);
        server.with_ssl(SslConfig::None).unwrap();
        let _ = server.serve();
    });
    (at, accepted)
}

fn hello(at: SocketAddr) -> Client<TcpStream> {
    let mut client = Client::greeted(at);
    assert!(client.ask("EHLO c.test").starts_with("250"));
    client
}

fn begin_body(client: &mut Client<TcpStream>) {
    client.expect(&[("MAIL FROM:<a@b.test>", "250"), ("RCPT TO:<u@example.test>", "250"), ("DATA", "354")]);
}

#[test]
fn mailin_still_refuses_the_null_reverse_path() {
    let (at, _) = start(Does::Accept, 2);
    assert!(hello(at).ask("MAIL FROM:<>").starts_with("500"));
}

#[test]
fn mailin_still_takes_a_smuggled_mail() {
    let (at, accepted) = start(Does::Accept, 2);
    let mut client = hello(at);
    begin_body(&mut client);
    client.send("one\r\n\n.\r\nMAIL FROM:<ceo@victim.test>\r\nRCPT TO:<u@example.test>\r\nDATA\r\nsmuggled\r\n.\r\nNOOP\r\n");
    wait_until("the smuggled mail", || accepted.lock().unwrap().len() == 2);
    assert!(accepted.lock().unwrap()[1].starts_with(b"smuggled"));
}

#[test]
fn mailin_still_eats_commands_as_body_after_a_refusal_at_the_end() {
    let (at, _) = start(Does::FailAtTheEnd, 2);
    let mut client = hello(at);
    begin_body(&mut client);
    client.send("hi\r\n.\r\n");
    assert!(client.reply().starts_with("451"));
    // RSET and NOOP get no reply; the next dot does.
    client.send("RSET\r\nNOOP\r\n.\r\n");
    assert!(client.reply().starts_with("451"));
}

#[test]
fn mailin_still_acknowledges_a_mutilated_mail() {
    let (at, accepted) = start(Does::FailInTheMiddle, 2);
    let mut client = hello(at);
    begin_body(&mut client);
    client.send("line1\r\nline2\r\n");
    assert!(client.reply().starts_with("554"), "in the middle of the body");
    client.send("line3\r\n.\r\n");
    assert!(client.reply().starts_with("250"));
    assert_eq!(accepted.lock().unwrap()[..], [b"line1\r\nline3\r\n".to_vec()]);
}

#[test]
fn mailin_still_knows_no_parameters_and_few_commands() {
    let (at, _) = start(Does::Accept, 2);
    let mut client = hello(at);
    for command in [
        "MAIL FROM:<a@b.test> SIZE=100",
        "MAIL FROM:<a@b.test> SMTPUTF8",
        "MAIL FROM:<a@b.test> AUTH=<>",
        "MAIL FROM:<a@b.test> RET=HDRS",
        "BDAT 5 LAST",
        "HELP",
        "MAIL FROM: <a@b.test>",
        "MAIL FROM:a@b.test",
        "MAIL FROM:<a@b.test> ",
        "MAIL FROM:<\"a b\"@b.test>",
        "NOOP foo",
        "QUIT ",
        "EHLO",
    ] {
        assert!(client.ask(command).starts_with("500"), "{command} is understood now");
    }
    client.send("EHLO c\n");
    assert!(client.reply().starts_with("500"), "LF alone is understood now");
    client.expect(&[("MAIL FROM:<a@b.test>", "250")]);
    assert!(client.ask("RCPT TO:<u@example.test> NOTIFY=NEVER").starts_with("500"));
}

#[test]
fn mailin_still_has_no_limit_on_a_line() {
    let (at, _) = start(Does::Accept, 2);
    let mut client = hello(at);
    let megabyte = vec![b'x'; 1 << 20];
    for _ in 0..8 {
        client.send(&megabyte);
    }
    client.send("\r\n");
    assert!(client.reply().starts_with("500"), "after eight mebibytes, and not before");
}

#[test]
fn mailin_still_lets_idle_clients_keep_others_out() {
    let (at, _) = start(Does::Accept, 2);
    let idle = [Client::greeted(at), Client::greeted(at)];
    let third = TcpStream::connect(at).unwrap();
    third.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let waited = (&third).read(&mut [0; 100]).map_err(|e| e.kind());
    assert_eq!(waited, Err(io::ErrorKind::WouldBlock), "a third client is served now");
    third.set_read_timeout(Some(PATIENCE)).unwrap();
    drop(idle);
    assert!(Client::over(third).reply().starts_with("220"));
}
