//! A session driven in memory: for tests, for the dialogues, for the fuzzer.
//!
//! It does what `connection.rs` does, without sockets and without waiting, so that the state machine can
//! be asked what it would do with any bytes in any split.

use super::reply::Refusal;
use super::session::{Event, Peer, Rules, Session};
use super::tally::Tally;
use crate::directory::{Directory, Mailbox};
use crate::limits::Limits;
use crate::mail::{Envelope, MailboxId, OrganisationId, Position};
use crate::telemetry::Metrics;
use std::sync::Arc;
use uuid::Uuid;

/// How a rehearsal is set up.
#[derive(Debug, Clone)]
pub struct Stage {
    /// LMTP rather than SMTP.
    pub lmtp: bool,
    /// The peer may send XCLIENT.
    pub may_xclient: bool,
    /// STARTTLS is offered (and always succeeds).
    pub starttls: bool,
    /// There are relays that may log in (with the password `secret`).
    pub relays: bool,
    /// The session is encrypted from its beginning.
    pub tls: bool,
    /// Limits in force.
    pub limits: Limits,
    /// Who gets mail.
    pub mailboxes: Vec<String>,
    /// What storing answers; `None`: it works.
    pub refusal: Option<Refusal>,
}

impl Default for Stage {
    fn default() -> Self {
        Stage {
            lmtp: false,
            may_xclient: false,
            starttls: false,
            relays: false,
            tls: false,
            limits: Limits::default(),
            mailboxes: vec!["u@example.test".into(), "v@example.test".into(), "postmaster@example.test".into()],
            refusal: None,
        }
    }
}

/// Builds a directory in which every mailbox belongs to one organisation.
#[must_use]
pub fn directory(mailboxes: &[String]) -> Directory {
    Directory::new(
        1,
        mailboxes.iter().enumerate().map(|(n, address)| Mailbox {
            id: MailboxId(Uuid::from_u128(n as u128 + 1)),
            organisation: OrganisationId(Uuid::from_u128(1)),
            address: address.clone(),
        }),
    )
}

/// A session, what it said, and the mails it took.
#[derive(Debug)]
pub struct Rehearsal {
    session: Session,
    directory: Directory,
    refusal: Option<Refusal>,
    input: Vec<u8>,
    /// Replies that were not looked at yet.
    pub output: Vec<u8>,
    /// Mails that were acknowledged.
    pub mails: Vec<(Envelope, Vec<u8>)>,
    /// The session has ended.
    pub closed: bool,
}

impl Rehearsal {
    /// A session that has said its greeting.
    #[must_use]
    pub fn new(stage: &Stage) -> Rehearsal {
        let (metrics, _) = Metrics::new();
        let rules = Rules {
            lmtp: stage.lmtp,
            hostname: "mx.test".into(),
            limits: Arc::new(stage.limits.clone()),
            starttls: stage.starttls,
            auth: stage.relays,
            tally: Arc::new(Tally::new(metrics)),
        };
        let peer = Peer { ip: None, may_xclient: stage.may_xclient, tls: stage.tls.then(|| "TLSv1.3 rehearsed".into()) };
        let mut session = Session::new(Arc::new(rules), peer, "rehearsal".into());
        let mut output = Vec::new();
        session.greet(&mut output);
        Rehearsal {
            session,
            directory: directory(&stage.mailboxes),
            refusal: stage.refusal,
            input: Vec::new(),
            output,
            mails: Vec::new(),
            closed: false,
        }
    }

    /// The client sends these bytes.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        let mut pos = 0;
        while !self.closed {
            let (done, event) = self.session.step(&self.input[pos..], &self.directory, &mut self.output);
            pos += done;
            match event {
                Event::Continue => {}
                Event::NeedInput => break,
                // Little by little, so that every boundary is met.
                Event::NeedRoom => self.session.grant(100),
                Event::MailComplete => {
                    let mail = self.session.take_mail(0);
                    let result = match self.refusal {
                        Some(why) => Err(why),
                        None => {
                            self.mails.push(mail);
                            Ok(Position { segment: 1, offset: self.mails.len() as u32 })
                        }
                    };
                    self.session.stored(result, &mut self.output);
                }
                Event::StartTls => {
                    pos = self.input.len();
                    self.session.tls_established("TLSv1.3 rehearsed".into());
                }
                Event::Check(credentials) => {
                    let right = credentials.password == "secret";
                    self.session.checked(credentials.name, Ok(right), &mut self.output);
                }
                Event::Close => {
                    self.closed = true;
                    pos = self.input.len();
                }
            }
        }
        self.input.drain(..pos.min(self.input.len()));
    }
}

/// For the fuzzer: a client sends `data` behind its first byte, which chooses how it is split.
///
/// What the session says and takes must not depend on the split; every 250 stands for one mail, which has
/// recipients and is within the limit.
///
/// # Panics
/// When it does: that is the fault looked for.
pub fn fuzz_session(data: &[u8]) {
    let Some((&seed, input)) = data.split_first() else { return };
    let mut limits =
        Limits { message_bytes_max: 600, command_bytes_max: 120, recipients_max: 3, errors_max: 6, ..Limits::default() };
    limits.transactions_max = 4;
    // STARTTLS is left out: it drops what came in the same packets, so there the split matters on purpose.
    let stage = Stage { limits, lmtp: seed & 1 == 1, may_xclient: seed & 2 == 2, relays: true, tls: true, ..Stage::default() };
    let mut whole = Rehearsal::new(&stage);
    whole.receive(input);
    for most in [1, 2 + usize::from(seed >> 2) % 60] {
        let (mut pieces, mut at, mut turn) = (Rehearsal::new(&stage), 0, usize::from(seed));
        while at < input.len() {
            turn = turn.wrapping_mul(31).wrapping_add(17);
            let end = (at + 1 + turn % most).min(input.len());
            pieces.receive(&input[at..end]);
            at = end;
        }
        assert_eq!(
            whole.output.escape_ascii().to_string(),
            pieces.output.escape_ascii().to_string(),
            "replies depend on the split"
        );
        assert_eq!(whole.mails, pieces.mails, "mails depend on the split");
        assert_eq!(whole.closed, pieces.closed, "the end depends on the split");
    }
    for (envelope, body) in &whole.mails {
        assert!(!envelope.recipients.is_empty(), "a mail for nobody was taken");
        assert!(body.len() as u64 <= stage.limits.message_bytes_max, "a mail over the limit was taken");
    }
    let acknowledged = whole.output.windows(10).filter(|w| w == b"queued as ").count();
    if !stage.lmtp {
        assert_eq!(acknowledged, whole.mails.len(), "one 250 for each mail");
    }
}

/// For the fuzzer: one command line. What is read in it is read again from its clean form, and is never
/// more than the line.
///
/// # Panics
/// When it is not: that is the fault looked for.
pub fn fuzz_command(data: &[u8]) {
    use super::command::{Command, parse};
    // What is behind the end of the line is another line.
    let data = data.split_inclusive(|b| *b == b'\n').next().unwrap_or_default();
    let (mut odd, mut again) = (Vec::new(), Vec::new());
    let read = parse(data, &mut odd);
    assert_eq!(read, parse(data, &mut again), "a command reads the same twice");
    assert_eq!(odd, again, "the same is odd about it twice");
    assert!(odd.len() <= data.len() + 1, "{} oddities in {} bytes", odd.len(), data.len());
    let (verb, path) = match read {
        Ok(Command::Mail { path, .. }) => ("MAIL FROM", path),
        Ok(Command::Rcpt { path }) => ("RCPT TO", path),
        _ => return,
    };
    assert!(path.len() <= data.len() * 3, "{path:?} from {} bytes", data.len());
    assert!(!path.contains(['\r', '\n', '\0']), "{path:?} is not one line");
    let clean =
        !path.contains(['<', '>', '"', '\\', ' ', '\t', ':']) && !path.starts_with('@') && !path.contains(char::is_whitespace);
    if clean {
        let line = format!("{verb}:<{path}>\r\n");
        let said = match parse(line.as_bytes(), &mut Vec::new()) {
            Ok(Command::Mail { path, .. } | Command::Rcpt { path }) => path,
            other => format!("{other:?}"),
        };
        assert_eq!(said, path, "{line:?} is read otherwise than it is written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_mail_is_taken_to_the_byte() {
        let mut r = Rehearsal::new(&Stage::default());
        r.receive(b"EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<u@example.test>\r\nDATA\r\nA: b\r\n\r\n..\0\n.\r\n.\r\nQUIT\r\n");
        assert_eq!(r.mails.len(), 1);
        assert_eq!(r.mails[0].1, b"A: b\r\n\r\n.\0\n.\r\n");
        assert_eq!(r.mails[0].0.reverse_path, "");
        assert!(r.closed && r.output.ends_with(b"250 2.0.0 Ok: queued as 0000000100000001\r\n221 2.0.0 Bye\r\n"));
    }

    /// Pieces that a session is likely to stumble over.
    fn piece() -> impl Strategy<Value = Vec<u8>> {
        let known: Vec<&[u8]> = vec![
            b"EHLO c\r\n",
            b"LHLO c\n",
            b"HELO\r\n",
            b"MAIL FROM:<a@b.test>\r\n",
            b"MAIL FROM:<> SIZE=700 BODY=BINARYMIME\r\n",
            b"mail from: a@b\n",
            b"RCPT TO:<u@example.test>\r\n",
            b"RCPT TO:<v@example.test>\r\n",
            b"RCPT TO:<nobody@example.test>\r\n",
            b"DATA\r\n",
            b"\r\n.\r\n",
            b".\r\n",
            b"\n.\n",
            b"\r.\r",
            b"\r\n.\r\r\n",
            b"BDAT 5\r\nabcde",
            b"BDAT 7 LAST\r\n.\r\n.\r\n.",
            b"BDAT 0 LAST\r\n",
            b"BDAT 650\r\n",
            b"BDAT 99999999999999999999\r\n",
            b"RSET\r\n",
            b"NOOP\r\n",
            b"QUIT\r\n",
            b"XCLIENT ADDR=1.2.3.4 HELO=x\r\n",
            b"AUTH PLAIN\r\n",
            b"VRFY x\r\n",
            b"\0\r\n",
        ];
        prop_oneof![
            6 => proptest::sample::select(known).prop_map(<[u8]>::to_vec),
            1 => proptest::collection::vec(any::<u8>(), 0..20),
            1 => proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'.'), Just(b'x')], 0..300),
        ]
    }

    proptest! {
        #[test]
        fn the_split_into_packets_never_matters(seed: u8, pieces in proptest::collection::vec(piece(), 0..24)) {
            let mut data = vec![seed];
            data.extend(pieces.concat());
            fuzz_session(&data);
        }
    }
}
