//! SMTP dialogues that a postmaster can read, from `tests/dialogues/*.smtp`, each run four times: whole
//! and byte by byte, against the session in memory and against a live listener with a journal.
//!
//! ```text
//! # why this dialogue is here
//! @ lmtp                      this is LMTP
//! @ limit recipients_max 2    a limit, by its name in limits.rs
//! @ mailbox @example.org      one more mailbox (u@, v@ and postmaster@example.test are there)
//! @ xclient, @ starttls, @ relay, @ tls
//! @ disk full|failing         what the journal says
//! @ memory                    not against the live listener (it can't be had there)
//! C: EHLO c.test              the client sends a line; \r \n \0 \\ \xff stand for bytes
//! C| half a line              … without the line's end
//! S: 250...                   a whole reply with this code
//! S: 250 2.1.0 Ok             exactly this line; * stands for anything
//! S: <close>                  the server has closed
//! M: <a@b.test> to <u@example.test>, <v@example.test>     a mail that was accepted
//! E: protocol "ESMTP"         a fact of its envelope
//! B: a line of its body       exactly; B| without the line's end
//! ```
//! What the client sends between two replies is one write: a pipelined group.

use super::reception::{Client, Gateway, Setup, check_facts};
use std::collections::HashMap;
use std::path::Path;
use tidegate::config::{Network, RelayConfig};
use tidegate::limits::Limits;
use tidegate::mail::Envelope;
use tidegate::smtp::rehearsal::{Rehearsal, Stage};
use tidegate::smtp::reply::Refusal;

#[derive(Debug, Default)]
struct Turn {
    sends: Vec<u8>,
    expects: Vec<String>,
}

#[derive(Debug, Default)]
struct Accepted {
    from: String,
    to: Vec<String>,
    facts: HashMap<String, serde_json::Value>,
    body: Vec<u8>,
}

#[derive(Debug, Default)]
struct Script {
    stage: Stage,
    memory_only: bool,
    turns: Vec<Turn>,
    mails: Vec<Accepted>,
}

fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'\\' {
            out.push(*first);
            continue;
        }
        let (byte, len) = match tail {
            [b'r', ..] => (b'\r', 1),
            [b'n', ..] => (b'\n', 1),
            [b'0', ..] => (0, 1),
            [b'\\', ..] => (b'\\', 1),
            [b'x', ..] => (u8::from_str_radix(&text[text.len() - tail.len() + 1..][..2], 16).unwrap(), 3),
            _ => panic!("no such escape in {text}"),
        };
        out.push(byte);
        rest = &tail[len..];
    }
    out
}

impl Script {
    fn read(text: &str) -> Script {
        // The greeting is the first turn, in which the client says nothing.
        let mut script = Script { turns: vec![Turn::default()], ..Script::default() };
        script.stage.limits = Limits { disk_free_bytes_min: 0, ..Limits::default() };
        for (n, line) in text.lines().enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (kind, rest) = line.split_at(line.len().min(2));
            let rest = rest.strip_prefix(' ').unwrap_or(rest);
            match kind {
                "@ " => script.set(rest),
                "C:" | "C|" => {
                    if script.turns.last().is_some_and(|t| !t.expects.is_empty()) {
                        script.turns.push(Turn::default());
                    }
                    let sends = &mut script.turns.last_mut().unwrap().sends;
                    sends.extend(unescape(rest));
                    if kind == "C:" {
                        sends.extend_from_slice(b"\r\n");
                    }
                }
                "S:" => script.turns.last_mut().unwrap().expects.push(rest.to_owned()),
                "M:" => {
                    let (from, to) = rest.split_once(" to ").unwrap();
                    let path = |s: &str| s.trim().strip_prefix('<').unwrap().strip_suffix('>').unwrap().to_owned();
                    script.mails.push(Accepted {
                        from: path(from),
                        to: to.split(", ").map(path).collect(),
                        ..Accepted::default()
                    });
                }
                "E:" => {
                    let (key, value) = rest.split_once(' ').unwrap();
                    script.mails.last_mut().unwrap().facts.insert(key.to_owned(), serde_json::from_str(value).unwrap());
                }
                "B:" | "B|" => {
                    let body = &mut script.mails.last_mut().unwrap().body;
                    body.extend(unescape(rest));
                    if kind == "B:" {
                        body.extend_from_slice(b"\r\n");
                    }
                }
                _ => panic!("line {}: {line} is not understood", n + 1),
            }
        }
        script
    }

    fn set(&mut self, directive: &str) {
        let limits = &mut self.stage.limits;
        match directive.split_whitespace().collect::<Vec<_>>()[..] {
            ["lmtp"] => self.stage.lmtp = true,
            ["xclient"] => self.stage.may_xclient = true,
            ["starttls"] => self.stage.starttls = true,
            ["relay"] => self.stage.relays = true,
            ["tls"] => self.stage.tls = true,
            ["memory"] => self.memory_only = true,
            ["mailbox", address] => self.stage.mailboxes.push(address.to_owned()),
            ["disk", "full"] => {
                self.stage.refusal = Some(Refusal::DiskFull);
                limits.disk_free_bytes_min = u64::MAX;
            }
            ["disk", "failing"] => self.stage.refusal = Some(Refusal::DiskFailing),
            ["limit", "recipients_max", n] => limits.recipients_max = n.parse().unwrap(),
            ["limit", "message_bytes_max", n] => limits.message_bytes_max = n.parse().unwrap(),
            ["limit", "command_bytes_max", n] => limits.command_bytes_max = n.parse().unwrap(),
            ["limit", "errors_max", n] => limits.errors_max = n.parse().unwrap(),
            ["limit", "transactions_max", n] => limits.transactions_max = n.parse().unwrap(),
            _ => panic!("@ {directive} is not understood"),
        }
    }

    fn setup(&self) -> Setup {
        let mut setup = Setup { limits: self.stage.limits.clone(), mailboxes: self.stage.mailboxes.clone(), ..Setup::default() };
        let everybody: Network = "127.0.0.0/8".parse().unwrap();
        if self.stage.may_xclient {
            setup.config.xclient_from = vec![everybody];
        }
        if self.stage.relays {
            setup.config.relays = vec![RelayConfig { name: "relay".into(), password_hash: "$argon2id$unused".into() }];
        }
        setup.tls = self.stage.starttls;
        setup
    }

    fn check_mails(&self, mails: &[(Envelope, Vec<u8>)]) -> Result<(), String> {
        let told = |m: &(Envelope, Vec<u8>)| {
            let to: Vec<String> = m.0.recipients.iter().map(|r| r.address.clone()).collect();
            (m.0.reverse_path.clone(), to, m.1.escape_ascii().to_string())
        };
        let wanted: Vec<_> =
            self.mails.iter().map(|m| (m.from.clone(), m.to.clone(), m.body.escape_ascii().to_string())).collect();
        let got: Vec<_> = mails.iter().map(told).collect();
        if wanted != got {
            return Err(format!("accepted {got:#?}\ninstead of {wanted:#?}"));
        }
        self.mails.iter().zip(mails).try_for_each(|(wanted, (envelope, _))| check_facts(envelope, &wanted.facts))
    }
}

/// `*` stands for anything.
fn matches(pattern: &str, line: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == line,
        Some((before, after)) => line.strip_prefix(before).is_some_and(|rest| rest.ends_with(after)),
    }
}

/// Holds what the server says against one `S:` line. `next` gives its next line.
fn check_reply(expected: &str, next: &mut dyn FnMut() -> Option<String>) -> Result<(), String> {
    if expected == "<close>" {
        return next().map_or(Ok(()), |line| Err(format!("wanted it closed, got {line}")));
    }
    if let Some(code) = expected.strip_suffix("...") {
        loop {
            let line = next().ok_or_else(|| format!("wanted {expected}, got nothing"))?;
            if !line.starts_with(code) {
                return Err(format!("wanted {expected}, got {line}"));
            }
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(());
            }
        }
    }
    match next() {
        Some(line) if matches(expected, &line) => Ok(()),
        got => Err(format!("wanted {expected}, got {got:?}")),
    }
}

fn in_memory(script: &Script, piece: usize) -> Result<(), String> {
    let mut r = Rehearsal::new(&script.stage);
    for turn in &script.turns {
        for bytes in turn.sends.chunks(piece.min(turn.sends.len().max(1))) {
            r.receive(bytes);
        }
        let said = String::from_utf8(std::mem::take(&mut r.output)).unwrap();
        let mut lines = said.lines().map(str::to_owned);
        for expected in &turn.expects {
            if expected == "<close>" && !r.closed {
                return Err("wanted it closed".into());
            }
            check_reply(expected, &mut || lines.next())?;
        }
        if let Some(line) = lines.next() {
            return Err(format!("after {:?} nobody expected {line}", turn.sends.escape_ascii().to_string()));
        }
    }
    script.check_mails(&r.mails)
}

fn live(script: &Script, piece: usize) -> Result<(), String> {
    let gateway = Gateway::start(script.setup());
    let mut client = Client::connect(if script.stage.lmtp { gateway.lmtp } else { gateway.smtp });
    for turn in &script.turns {
        for bytes in turn.sends.chunks(piece.min(turn.sends.len().max(1))) {
            client.send(bytes);
        }
        for expected in &turn.expects {
            check_reply(expected, &mut || client.line())?;
        }
    }
    client.end();
    if let Some(line) = client.line() {
        return Err(format!("at the end nobody expected {line}"));
    }
    script.check_mails(&gateway.mails())
}

fn run_all(way: &str, run: impl Fn(&Script) -> Option<Result<(), String>>) {
    let mut failures = Vec::new();
    let mut ran = 0;
    let mut paths: Vec<_> = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogues"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "smtp"))
        .collect();
    paths.sort();
    for path in paths {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if std::env::var("DIALOGUE").is_ok_and(|only| !name.contains(&only)) {
            continue;
        }
        match run(&Script::read(&std::fs::read_to_string(&path).unwrap())) {
            None => continue,
            Some(Ok(())) => {}
            Some(Err(problem)) => failures.push(format!("{name}, {way}: {problem}")),
        }
        ran += 1;
    }
    assert!(ran > 0, "no dialogue was run");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_dialogue_holds_in_memory() {
    run_all("whole", |s| Some(in_memory(s, usize::MAX)));
    run_all("byte by byte", |s| Some(in_memory(s, 1)));
}

#[test]
fn every_dialogue_holds_over_a_socket() {
    run_all("over a socket", |s| (!s.memory_only).then(|| live(s, usize::MAX)));
}

#[test]
fn every_dialogue_holds_over_a_socket_byte_by_byte() {
    run_all("over a socket, byte by byte", |s| (!s.memory_only).then(|| live(s, 1)));
}

#[test]
fn a_wrong_expectation_is_noticed() {
    let wrong = Script::read("S: 220...\nC: NOOP\nS: 251 *\n");
    assert!(in_memory(&wrong, 1).is_err());
    let wrong = Script::read("S: 220...\nC: NOOP\n");
    assert!(in_memory(&wrong, 1).is_err());
    let wrong = Script::read("S: 220...\nM: <a@b.test> to <u@example.test>\n");
    assert!(in_memory(&wrong, 1).is_err());
}
