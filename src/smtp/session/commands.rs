//! What each command does in a session.

use super::{Event, Incoming, Phase, Session, Transaction};
use crate::directory::{Directory, Mailbox};
use crate::mail::{BodyType, EnvelopeRecipient};
use crate::smtp::auth::{Exchange, Next};
use crate::smtp::body::{ChunkReader, DataReader};
use crate::smtp::command::{Command, MailParameters};
use crate::smtp::reply::{Refusal, Reply};
use crate::smtp::tally::{Refused, Tolerated};
use crate::smtp::xclient;
use std::borrow::Cow;
use std::sync::Arc;

impl Session {
    pub(super) fn command(&mut self, command: Command<'_>, directory: &Directory, out: &mut Vec<u8>) -> Event {
        match command {
            Command::Mail { path, parameters } => self.mail(path, parameters, out),
            Command::Rcpt { path } => self.rcpt(path, directory, out),
            Command::Data => self.data(out),
            Command::Bdat { size, last } => return self.bdat(size, last, out),
            Command::Rset => {
                self.forget_mail();
                self.say(Reply::Done, out);
            }
            Command::Helo(name) if !self.rules.lmtp => {
                self.hello(name, false);
                let rules = Arc::clone(&self.rules);
                self.say(Reply::Hello { hostname: &rules.hostname }, out);
            }
            Command::Ehlo(name) if !self.rules.lmtp => self.extended_hello(name, out),
            Command::Lhlo(name) if self.rules.lmtp => self.extended_hello(name, out),
            Command::Helo(_) | Command::Ehlo(_) => self.out_of_place(Reply::SayLhlo, out),
            Command::Lhlo(_) => self.out_of_place(Reply::LhloIsLmtp, out),
            Command::Noop => self.say(Reply::Noop, out),
            Command::Help => self.say(Reply::Help, out),
            // 252 says neither yes nor no (RFC 5321 3.5.3): who may know is asked with RCPT.
            Command::Vrfy => self.say(Reply::VerifyNot, out),
            Command::Expn => self.refuse(Refused::Command, Reply::NotImplemented, out),
            Command::Quit => {
                self.quit = true;
                self.close_with(Reply::Bye, out);
            }
            Command::Auth { mechanism, initial } => return self.auth(mechanism, initial, out),
            Command::Xclient(attributes) => self.xclient(attributes, out),
            // Handled by the caller, which has the input to drop.
            Command::StartTls => {}
        }
        self.next()
    }

    fn out_of_place(&mut self, reply: Reply<'_>, out: &mut Vec<u8>) {
        self.refuse(Refused::Sequence, reply, out);
    }

    fn refuse(&mut self, why: Refused, reply: Reply<'_>, out: &mut Vec<u8>) {
        self.rules.tally.refused(why);
        self.fault(reply, out);
    }

    /// RFC 5321 4.1.4: HELO at any time gives up the mail that was begun.
    fn hello(&mut self, name: Option<String>, esmtp: bool) {
        self.forget_mail();
        if !self.told.helo {
            // Nothing is a name too: the client did say HELO.
            self.helo = Some(name.unwrap_or_default());
        }
        self.esmtp = esmtp;
    }

    fn extended_hello(&mut self, name: Option<String>, out: &mut Vec<u8>) {
        self.hello(name, true);
        let rules = Arc::clone(&self.rules);
        self.say(Reply::Capabilities { hostname: &rules.hostname, offer: self.offer() }, out);
    }

    fn mail(&mut self, reverse_path: String, parameters: MailParameters, out: &mut Vec<u8>) {
        if self.draining {
            self.rules.tally.refused(Refused::Shutdown);
            return self.close_with(Reply::ShuttingDown, out);
        }
        if self.transaction.is_some() {
            return self.out_of_place(Reply::NestedMail, out);
        }
        if self.mails >= self.rules.limits.transactions_max {
            self.rules.tally.refused(Refused::Transactions);
            return self.close_with(Reply::TooManyMails, out);
        }
        if parameters.size.is_some_and(|size| size > self.rules.limits.message_bytes_max) {
            // No bad command, so no error counted: the client asked, and this is the answer.
            self.rules.tally.refused(Refused::Size);
            return self.say(Reply::TooBig, out);
        }
        if self.helo.is_none() {
            self.rules.tally.tolerated(Tolerated::NoHelo);
        }
        let MailParameters { size, body, smtputf8 } = parameters;
        self.transaction = Some(Transaction { reverse_path, size, smtputf8, body, ..Transaction::default() });
        self.say(Reply::SenderOk, out);
    }

    fn rcpt(&mut self, address: String, directory: &Directory, out: &mut Vec<u8>) {
        if self.body.is_some() {
            return self.out_of_place(Reply::BodyBegun, out);
        }
        let max = self.rules.limits.recipients_max;
        let Some(transaction) = &mut self.transaction else {
            return self.out_of_place(Reply::NeedMail, out);
        };
        transaction.named = transaction.named.saturating_add(1);
        if transaction.recipients.len() >= max {
            self.rules.tally.refused(Refused::Recipients);
            return self.say(Reply::TooManyRecipients, out);
        }
        match find(directory, &address) {
            Some(mailbox) => {
                let (organisation, mailbox) = (mailbox.organisation, mailbox.id);
                transaction.recipients.push(EnvelopeRecipient { address, organisation, mailbox });
                self.say(Reply::RecipientOk, out);
            }
            // Nor is this one a bad command: lists have old addresses.
            None => {
                self.rules.tally.refused(Refused::UnknownRecipient);
                self.say(Reply::UnknownRecipient, out);
            }
        }
    }

    /// What is wrong with beginning a body now.
    fn not_ready_for_body(&self) -> Option<Reply<'static>> {
        match &self.transaction {
            None => Some(Reply::NeedMail),
            Some(t) if !t.recipients.is_empty() => None,
            Some(t) if t.named == 0 => Some(Reply::NeedRcpt),
            // RFC 2033 4.2 wants this code, RFC 5321 3.3 the other.
            Some(_) if self.rules.lmtp => Some(Reply::NoValidRecipientsLmtp),
            Some(_) => Some(Reply::NoValidRecipients),
        }
    }

    /// DATA or BDAT at the wrong time. That all recipients were refused is no bad command: with PIPELINING
    /// the client could not know.
    pub(super) fn no_body(&mut self, reply: Reply<'_>, out: &mut Vec<u8>) {
        if matches!(reply, Reply::NoValidRecipients | Reply::NoValidRecipientsLmtp) {
            self.say(reply, out);
        } else {
            self.out_of_place(reply, out);
        }
    }

    fn data(&mut self, out: &mut Vec<u8>) {
        if self.body.is_some() {
            return self.out_of_place(Reply::BodyBegun, out);
        }
        if let Some(reply) = self.not_ready_for_body() {
            return self.no_body(reply, out);
        }
        if self.transaction.as_ref().is_some_and(|t| t.body == BodyType::BinaryMime) {
            return self.out_of_place(Reply::BinaryNeedsBdat, out);
        }
        self.body = Some(Incoming::default());
        self.phase = Phase::Data(DataReader::default());
        self.say(Reply::StartBody, out);
    }

    fn bdat(&mut self, size: u64, last: bool, out: &mut Vec<u8>) -> Event {
        // The bytes of the chunk are on their way whatever is wrong: they are read over, so that they are
        // never taken for commands.
        if size > self.rules.limits.message_bytes_max.saturating_mul(crate::smtp::DRAIN_FACTOR) {
            self.rules.tally.refused(Refused::Size);
            self.close_with(Reply::TooBig, out);
            return self.next();
        }
        let verdict = if self.body.is_some() { None } else { self.not_ready_for_body() };
        if verdict.is_none() {
            let body = self.body.get_or_insert_default();
            if body.total.saturating_add(size) > self.rules.limits.message_bytes_max {
                self.refuse_body(Refusal::TooBig);
            }
        }
        self.phase = Phase::Chunk { reader: ChunkReader::new(size), size, last, verdict };
        if size == 0 {
            return self.body_ended(out);
        }
        Event::Continue
    }

    pub(super) fn starttls(&mut self, out: &mut Vec<u8>) -> Event {
        if self.peer.tls.is_some() {
            self.out_of_place(Reply::TlsActive, out);
        } else if !self.rules.starttls {
            self.refuse(Refused::Command, Reply::NoTls, out);
        } else {
            self.say(Reply::ReadyForTls, out);
            self.phase = Phase::Driver;
            return Event::StartTls;
        }
        self.next()
    }

    fn auth(&mut self, mechanism: &[u8], initial: Option<&[u8]>, out: &mut Vec<u8>) -> Event {
        let wrong = if !self.rules.auth {
            Some(Reply::NoAuth)
        } else if self.peer.tls.is_none() {
            Some(Reply::TlsFirst)
        } else if self.authenticated.is_some() {
            Some(Reply::AlreadyAuthenticated)
        } else if self.transaction.is_some() {
            Some(Reply::NotInTransaction)
        } else {
            None
        };
        if let Some(reply) = wrong {
            self.out_of_place(reply, out);
            return self.next();
        }
        self.exchange(Exchange::begin(mechanism, initial), out)
    }

    /// A line of the client within AUTH.
    pub(super) fn credentials(&mut self, exchange: Exchange, line: &[u8], out: &mut Vec<u8>) -> Event {
        if line == b"*" {
            self.fault(Reply::AuthCancelled, out);
            return self.next();
        }
        self.exchange(exchange.respond(line), out)
    }

    fn exchange(&mut self, next: Next, out: &mut Vec<u8>) -> Event {
        match next {
            Next::Challenge(text, exchange) => {
                self.phase = Phase::Credentials(exchange);
                self.say(Reply::Challenge(text), out);
                return Event::Continue;
            }
            Next::Check(credentials) => {
                self.phase = Phase::Driver;
                return Event::Check(credentials);
            }
            Next::Malformed => self.refuse(Refused::Command, Reply::BadCredentialSyntax, out),
            Next::Unknown => self.refuse(Refused::Command, Reply::UnknownMechanism, out),
        }
        self.next()
    }

    fn xclient(&mut self, attributes: &[u8], out: &mut Vec<u8>) {
        if !self.peer.may_xclient {
            return self.refuse(Refused::Xclient, Reply::XclientDenied, out);
        }
        if self.transaction.is_some() {
            return self.out_of_place(Reply::NotInTransaction, out);
        }
        let Some(told) = xclient::parse(attributes) else {
            return self.refuse(Refused::Command, Reply::BadXclient, out);
        };
        // Back to the greeting, but what was told stays (Postfix, XCLIENT_README).
        self.forget_hello();
        if let Some(address) = told.address {
            self.peer.ip = address;
        }
        if let Some(name) = told.name {
            self.client_name = name;
        }
        if let Some(helo) = told.helo {
            self.told.helo = helo.is_some();
            self.helo = helo;
        }
        if let Some(login) = told.login {
            self.told.login = login.is_some();
            self.authenticated = login;
        }
        self.told.esmtp = told.esmtp.or(self.told.esmtp);
        self.greet(out);
    }
}

/// The mailbox for a recipient. Quotes that need not be there do not make another address.
fn find<'d>(directory: &'d Directory, address: &str) -> Option<&'d Mailbox> {
    let address = unquoted(address);
    if address.contains('@') || address.eq_ignore_ascii_case("postmaster") {
        directory.lookup(&address)
    } else {
        // Without a domain nobody can say whose mailbox is meant; only who takes everything does.
        directory.lookup(&format!("{address}@"))
    }
}

/// `"help"@b.test` is `help@b.test` (RFC 5321 4.1.2), as long as the quotes only hold plain characters.
fn unquoted(address: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    match address.rsplit_once('@') {
        Some((local, domain)) => match local.strip_prefix('"').and_then(|l| l.strip_suffix('"')) {
            Some(inside) if !inside.is_empty() && inside.chars().all(plain) => Cow::Owned(format!("{inside}@{domain}")),
            _ => Cow::Borrowed(address),
        },
        None => Cow::Borrowed(address),
    }
}
