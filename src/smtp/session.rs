//! One SMTP or LMTP session as a state machine: bytes in, replies and events out. No socket, no clock,
//! no disk.
//!
//! Whoever drives it calls [`Session::step`] with the bytes that have come, sends what is in `out`, and
//! does what the [`Event`] asks for: read more, grant room for a body, write a finished mail to the
//! journal, begin TLS, check a password. `connection.rs` is the driver with sockets, `rehearsal.rs` the
//! one in memory for tests and fuzzing. One step handles at most one command or one run of body bytes;
//! a command is handled when its line is whole, so that the split into packets never matters.
//!
//! # Failure
//! Nothing here fails. A body that can't be taken (too big, no room, a failing disk) is read to its end,
//! and the reply comes there: never in the middle of it, and never a 250 for a mutilated mail.
//!
//! # Trust
//! Nothing from the client, save where the configuration names it (XCLIENT).

mod commands;

use super::auth::{Credentials, Exchange, Unavailable};
use super::body::{ChunkReader, DataReader};
use super::command::{self, Fault};
use super::reply::{Offer, Refusal, Reply};
use super::tally::{Refused, Tally, Tolerated};
use crate::directory::Directory;
use crate::limits::Limits;
use crate::mail::{BodyType, Envelope, EnvelopeRecipient, Position, Protocol};
use std::net::IpAddr;
use std::sync::Arc;

/// What the sessions of one listener have in common.
#[derive(Debug, Clone)]
pub struct Rules {
    /// LMTP (RFC 2033) rather than SMTP.
    pub lmtp: bool,
    /// The name in greetings.
    pub hostname: String,
    /// Limits in force.
    pub limits: Arc<Limits>,
    /// There is a certificate, so STARTTLS is offered.
    pub starttls: bool,
    /// There are relays that may log in.
    pub auth: bool,
    /// Where it counts.
    pub tally: Arc<Tally>,
}

/// Who is at the other end.
#[derive(Debug, Clone, Default)]
pub struct Peer {
    /// Its address (after the PROXY protocol).
    pub ip: Option<IpAddr>,
    /// It may send XCLIENT.
    pub may_xclient: bool,
    /// TLS version and cipher suite, when the session began encrypted.
    pub tls: Option<String>,
}

/// What the driver has to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// Something was handled: call again with the rest.
    Continue,
    /// Everything that can be handled was: send `out`, read more.
    NeedInput,
    /// Body bytes are waiting and there is no room for them: call [`Session::grant`] or
    /// [`Session::refuse_body`].
    NeedRoom,
    /// A mail is complete: [`Session::take_mail`], store it, then [`Session::stored`].
    MailComplete,
    /// Send `out`, forget all input, shake hands, then [`Session::tls_established`].
    StartTls,
    /// Check these, then [`Session::checked`].
    Check(Credentials),
    /// Send `out` and close.
    Close,
}

/// What the session is waiting for; the driver's timeouts depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// The next command.
    Command,
    /// The next block of a body.
    Body,
}

#[derive(Debug)]
enum Phase {
    Command,
    Data(DataReader),
    Chunk {
        reader: ChunkReader,
        size: u64,
        last: bool,
        /// The chunk belongs to no mail: it is read over, and this is said at its end.
        verdict: Option<Reply<'static>>,
    },
    Credentials(Exchange),
    /// The driver is at work: storing, checking, shaking hands.
    Driver,
    Closed,
}

/// A mail that was begun with MAIL.
#[derive(Debug, Default)]
struct Transaction {
    reverse_path: String,
    recipients: Vec<EnvelopeRecipient>,
    /// RCPT commands, accepted or not.
    named: u32,
    size: Option<u64>,
    smtputf8: bool,
    body: BodyType,
}

/// A body on its way in.
#[derive(Debug, Default)]
struct Incoming {
    bytes: Vec<u8>,
    /// Bytes so far, also those taken by the driver or thrown away.
    total: u64,
    /// Bytes that may still be added to `bytes`.
    room: usize,
    refused: Option<Refusal>,
}

/// Which of its facts a session has from XCLIENT.
#[derive(Debug, Default)]
struct Told {
    helo: bool,
    login: bool,
    esmtp: Option<bool>,
}

/// One session. See the module for how it is driven.
#[derive(Debug)]
pub struct Session {
    rules: Arc<Rules>,
    peer: Peer,
    id: String,
    client_name: Option<String>,
    helo: Option<String>,
    esmtp: bool,
    authenticated: Option<String>,
    /// What a trusted peer told with XCLIENT; what it says and does itself does not replace that.
    told: Told,
    transaction: Option<Transaction>,
    body: Option<Incoming>,
    /// Replies due when the driver has stored the mail: LMTP wants one for each recipient.
    replies_due: usize,
    phase: Phase,
    /// In an over-long line, whose rest is thrown away.
    skipping_line: bool,
    errors: u32,
    failed_logins: u32,
    mails: u32,
    draining: bool,
    quit: bool,
}

impl Session {
    /// A new session; `id` names it in logs and envelopes.
    #[must_use]
    pub fn new(rules: Arc<Rules>, peer: Peer, id: String) -> Session {
        Session {
            rules,
            peer,
            id,
            client_name: None,
            helo: None,
            esmtp: false,
            authenticated: None,
            told: Told::default(),
            transaction: None,
            body: None,
            replies_due: 0,
            phase: Phase::Command,
            skipping_line: false,
            errors: 0,
            failed_logins: 0,
            mails: 0,
            draining: false,
            quit: false,
        }
    }

    /// Says 220.
    pub fn greet(&mut self, out: &mut Vec<u8>) {
        let rules = Arc::clone(&self.rules);
        self.say(Reply::Greeting { hostname: &rules.hostname, lmtp: rules.lmtp }, out);
    }

    /// Names the session.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it is waiting for.
    #[must_use]
    pub fn waiting(&self) -> Waiting {
        match self.phase {
            Phase::Data(_) | Phase::Chunk { .. } => Waiting::Body,
            _ => Waiting::Command,
        }
    }

    /// Whether a body is coming in that is still wanted. When it turns false, the driver drops what it
    /// has kept of the body.
    #[must_use]
    pub fn wants_body(&self) -> bool {
        self.body.as_ref().is_some_and(|b| b.refused.is_none())
    }

    /// Nothing was begun: the session can end without anybody losing work.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.transaction.is_none() && matches!(self.phase, Phase::Command)
    }

    /// How large the client said the body would be: SIZE=, or the chunk that has begun. Bytes; a hint.
    #[must_use]
    pub fn declared_size(&self) -> u64 {
        let said = self.transaction.as_ref().and_then(|t| t.size).unwrap_or(0);
        match &self.phase {
            Phase::Chunk { reader, .. } => said.max(reader.left()),
            _ => said,
        }
    }

    /// Body bytes that wait in the session.
    #[must_use]
    pub fn body_len(&self) -> usize {
        self.body.as_ref().map_or(0, |b| b.bytes.len())
    }

    /// Allows so many more body bytes to be kept.
    pub fn grant(&mut self, room: usize) {
        let declared = usize::try_from(self.declared_size()).unwrap_or(usize::MAX);
        if let Some(body) = &mut self.body {
            if body.bytes.capacity() == 0 {
                // What was declared will be needed: better at once than by growing and copying.
                body.bytes.reserve_exact(declared.min(room));
            }
            body.room += room;
        }
    }

    /// Takes the body bytes that have come so far, to write them somewhere.
    pub fn take_chunk(&mut self) -> Vec<u8> {
        self.body.as_mut().map(|b| std::mem::take(&mut b.bytes)).unwrap_or_default()
    }

    /// The body can't be taken: it is read to its end, and the reply comes there.
    pub fn refuse_body(&mut self, why: Refusal) {
        if let Some(body) = &mut self.body
            && body.refused.is_none()
        {
            body.refused = Some(why);
            body.bytes = Vec::new();
            self.rules.tally.refused(why.counts_as());
        }
    }

    /// After [`Event::MailComplete`]: the envelope, and the body bytes that were not taken yet.
    #[must_use]
    pub fn take_mail(&mut self, received_at_us: i64) -> (Envelope, Vec<u8>) {
        let transaction = self.transaction.take().unwrap_or_default();
        self.replies_due = if self.rules.lmtp { transaction.recipients.len() } else { 1 };
        let envelope = Envelope {
            received_at_us,
            session: self.id.clone(),
            protocol: self.protocol(),
            client_ip: self.peer.ip,
            client_name: self.client_name.clone(),
            helo: self.helo.clone(),
            reverse_path: transaction.reverse_path,
            recipients: transaction.recipients,
            tls: self.peer.tls.clone(),
            authenticated_as: self.authenticated.clone(),
            smtputf8: transaction.smtputf8,
            body: transaction.body,
        };
        (envelope, self.take_chunk())
    }

    /// After [`Session::take_mail`]: what became of it. Only now is there a 250.
    pub fn stored(&mut self, result: Result<Position, Refusal>, out: &mut Vec<u8>) {
        let size = self.body.take().map_or(0, |b| b.total);
        let reply = match result {
            Ok(position) => {
                self.mails += 1;
                // A client that gets mail through is no scanner.
                self.errors = 0;
                self.rules.tally.metrics().smtp_message.inc_by(size);
                Reply::Queued(position)
            }
            Err(why) => {
                self.rules.tally.refused(why.counts_as());
                why.reply()
            }
        };
        for _ in 0..std::mem::take(&mut self.replies_due) {
            self.say(reply, out);
        }
        self.phase = Phase::Command;
    }

    /// After [`Event::StartTls`]: nothing that was said in the clear counts any more (RFC 3207 4.2).
    pub fn tls_established(&mut self, tls: String) {
        self.forget_hello();
        self.peer.tls = Some(tls);
        self.phase = Phase::Command;
    }

    /// After [`Event::Check`]: whether the credentials were right.
    pub fn checked(&mut self, name: String, result: Result<bool, Unavailable>, out: &mut Vec<u8>) {
        self.phase = Phase::Command;
        match result {
            Ok(true) => {
                self.authenticated = Some(name);
                self.say(Reply::Authenticated, out);
            }
            Ok(false) => {
                self.failed_logins += 1;
                self.rules.tally.refused(Refused::Authentication);
                if self.failed_logins >= super::FAILED_LOGINS_MAX {
                    self.close_with(Reply::TooManyLogins, out);
                } else {
                    self.say(Reply::WrongCredentials, out);
                }
            }
            Err(Unavailable) => self.say(Reply::AuthBusy, out),
        }
    }

    /// Wrong passwords so far; the driver waits longer with each.
    #[must_use]
    pub fn failed_logins(&self) -> u32 {
        self.failed_logins
    }

    /// The client said QUIT, so it expects the end.
    #[must_use]
    pub fn has_quit(&self) -> bool {
        self.quit
    }

    /// No new mail may begin: MAIL gets 421.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// Ends the session with a 421, between commands: a timeout, a shutdown.
    pub fn close_with(&mut self, reply: Reply<'_>, out: &mut Vec<u8>) {
        self.say(reply, out);
        self.phase = Phase::Closed;
        self.transaction = None;
        self.body = None;
    }

    /// Handles one command, or one run of body bytes. Gives how many bytes of `input` are done with; the
    /// driver keeps the rest and offers it again.
    pub fn step(&mut self, input: &[u8], directory: &Directory, out: &mut Vec<u8>) -> (usize, Event) {
        match &self.phase {
            Phase::Closed => (input.len(), Event::Close),
            Phase::Driver => (0, Event::NeedInput),
            Phase::Command | Phase::Credentials(_) => self.line(input, directory, out),
            Phase::Data(_) | Phase::Chunk { .. } => self.body_bytes(input, out),
        }
    }

    fn line(&mut self, input: &[u8], directory: &Directory, out: &mut Vec<u8>) -> (usize, Event) {
        let max = self.rules.limits.command_bytes_max;
        let end = memchr::memchr(b'\n', input).map(|at| at + 1);
        if self.skipping_line || end.unwrap_or(input.len() + 1) > max {
            // Not one byte of an over-long line is ever read as a command.
            return match end {
                Some(end) => {
                    self.skipping_line = false;
                    self.rules.tally.refused(Refused::CommandTooLong);
                    if matches!(self.phase, Phase::Credentials(_)) {
                        self.phase = Phase::Command;
                    }
                    self.fault(Reply::CommandTooLong, out);
                    (end, self.next())
                }
                None if self.skipping_line || input.len() >= max => {
                    self.skipping_line = true;
                    (input.len(), Event::NeedInput)
                }
                None => (0, Event::NeedInput),
            };
        }
        let Some(end) = end else { return (0, Event::NeedInput) };
        let line = &input[..end];
        if let Phase::Credentials(exchange) = &self.phase {
            let exchange = exchange.clone();
            self.phase = Phase::Command;
            let event = self.credentials(exchange, line.trim_ascii(), out);
            return (end, event);
        }
        let mut odd = Vec::new();
        let parsed = command::parse(line, &mut odd);
        for what in odd {
            self.rules.tally.tolerated(what);
        }
        match parsed {
            Ok(command::Command::StartTls) => match self.starttls(out) {
                // What came in the same packets was not said under TLS: RFC 3207 4.2, CVE-2011-0411.
                Event::StartTls => {
                    if input.len() > end {
                        self.rules.tally.tolerated(Tolerated::PipelinedStarttls);
                    }
                    (input.len(), Event::StartTls)
                }
                event => (end, event),
            },
            Ok(command) => (end, self.command(command, directory, out)),
            Err(fault) => (end, self.not_understood(fault, out)),
        }
    }

    fn not_understood(&mut self, fault: Fault, out: &mut Vec<u8>) -> Event {
        let (reply, counts_as) = match fault {
            Fault::Unknown => (Reply::UnknownCommand, Refused::Command),
            Fault::Control => (Reply::ControlCharacter, Refused::Command),
            Fault::Usage(usage) => (Reply::Usage(usage), Refused::Command),
            Fault::Size => (Reply::BadSize, Refused::Command),
            Fault::EmptyRecipient => (Reply::EmptyRecipient, Refused::Command),
            Fault::AddressTooLong => (Reply::AddressTooLong, Refused::Command),
            Fault::ChunkSize => (Reply::BadChunkSize, Refused::Command),
            Fault::Http => (Reply::NotHttp, Refused::Http),
        };
        self.rules.tally.refused(counts_as);
        if matches!(fault, Fault::ChunkSize | Fault::Http) {
            self.close_with(reply, out);
        } else {
            self.fault(reply, out);
        }
        self.next()
    }

    fn body_bytes(&mut self, input: &[u8], out: &mut Vec<u8>) -> (usize, Event) {
        if input.is_empty() {
            return (0, Event::NeedInput);
        }
        let max = self.rules.limits.message_bytes_max;
        let drain_max = max.saturating_mul(super::DRAIN_FACTOR);
        // A chunk that belongs to no mail is read over like a refused body.
        let mut astray = Incoming { refused: Some(Refusal::TooBig), ..Incoming::default() };
        let stray = matches!(self.phase, Phase::Chunk { verdict: Some(_), .. });
        let body = if stray { &mut astray } else { self.body.get_or_insert_default() };
        let take = match body.refused {
            // Not further than to where the reading over ends, so that the split does not matter.
            Some(_) => usize::try_from(drain_max.saturating_add(1) - body.total).unwrap_or(usize::MAX).min(input.len()),
            None if body.room == 0 => return (0, Event::NeedRoom),
            None => input.len().min(body.room),
        };
        let before = body.bytes.len();
        let read = match &mut self.phase {
            Phase::Data(reader) => reader.read(&input[..take], &mut body.bytes),
            Phase::Chunk { reader, .. } => reader.read(&input[..take], &mut body.bytes),
            _ => return (0, Event::NeedInput),
        };
        let added = body.bytes.len() - before;
        body.total += added as u64;
        body.room = body.room.saturating_sub(added);
        let total = body.total;
        if body.refused.is_some() {
            body.bytes.clear();
        } else if total > max {
            self.refuse_body(Refusal::TooBig);
        }
        if read.ended {
            let event = self.body_ended(out);
            return (read.consumed, event);
        }
        if total > drain_max {
            self.close_with(Reply::EndlessBody, out);
            return (read.consumed, self.next());
        }
        (read.consumed, Event::Continue)
    }

    /// The terminator of DATA, or the last byte of a chunk.
    fn body_ended(&mut self, out: &mut Vec<u8>) -> Event {
        let phase = std::mem::replace(&mut self.phase, Phase::Command);
        let refused = self.body.as_ref().and_then(|b| b.refused);
        let last = match phase {
            Phase::Chunk { verdict: Some(reply), .. } => {
                self.no_body(reply, out);
                return self.next();
            }
            Phase::Chunk { size, last: false, .. } => {
                match refused {
                    Some(why) => self.say(why.reply(), out),
                    None => self.say(Reply::ChunkOk { bytes: size }, out),
                }
                false
            }
            _ => true,
        };
        if !last {
            return Event::Continue;
        }
        if let Some(why) = refused {
            let transaction = self.transaction.take().unwrap_or_default();
            self.body = None;
            let replies = if self.rules.lmtp { transaction.recipients.len() } else { 1 };
            for _ in 0..replies {
                self.say(why.reply(), out);
            }
            return Event::Continue;
        }
        self.phase = Phase::Driver;
        Event::MailComplete
    }

    /// What a step ends with.
    fn next(&self) -> Event {
        if matches!(self.phase, Phase::Closed) { Event::Close } else { Event::Continue }
    }

    fn say(&mut self, reply: Reply<'_>, out: &mut Vec<u8>) {
        let code = reply.write(out);
        self.rules.tally.reply(code);
    }

    /// A reply to a bad command; too many of them end the session.
    fn fault(&mut self, reply: Reply<'_>, out: &mut Vec<u8>) {
        self.errors += 1;
        if self.errors > self.rules.limits.errors_max {
            self.rules.tally.refused(Refused::Errors);
            self.close_with(Reply::TooManyErrors, out);
        } else {
            self.say(reply, out);
        }
    }

    fn forget_mail(&mut self) {
        self.transaction = None;
        self.body = None;
    }

    fn forget_hello(&mut self) {
        self.forget_mail();
        if !self.told.helo {
            self.helo = None;
        }
        if !self.told.login {
            self.authenticated = None;
        }
        self.esmtp = false;
    }

    fn offer(&self) -> Offer {
        let encrypted = self.peer.tls.is_some();
        Offer {
            size: self.rules.limits.message_bytes_max,
            starttls: self.rules.starttls && !encrypted,
            auth: self.rules.auth && encrypted,
            xclient: self.peer.may_xclient,
        }
    }

    fn protocol(&self) -> Protocol {
        match (self.rules.lmtp, self.peer.tls.is_some(), self.authenticated.is_some()) {
            (true, false, false) => Protocol::LMTP,
            (true, true, false) => Protocol::LMTPS,
            (true, false, true) => Protocol::LMTPA,
            (true, true, true) => Protocol::LMTPSA,
            (false, true, true) => Protocol::ESMTPSA,
            (false, true, false) => Protocol::ESMTPS,
            (false, false, true) => Protocol::ESMTPA,
            (false, false, false) if self.told.esmtp.unwrap_or(self.esmtp) => Protocol::ESMTP,
            (false, false, false) => Protocol::SMTP,
        }
    }
}
