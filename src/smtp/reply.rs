//! Every reply Tidegate gives, in one place: code, enhanced code (RFC 3463) and a text that helps the
//! postmaster who finds it in a log.
//!
//! Whose fault it is decides the class: what we can't do now is 4xx, so that the sender keeps the mail
//! and tries again; only what no repetition can mend is 5xx. [`Refusal`] is the one place where an error
//! becomes a reply.
//!
//! # Failure
//! None. # Trust: client bytes never enter a reply.

use super::tally::Refused;
use crate::mail::Position;
use std::io::Write;

/// Why a body was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Larger than `message_bytes_max`. The sender's fault: 5xx.
    TooBig,
    /// No memory for it within the wait allowed. Ours: 4xx.
    Busy,
    /// The journal's disk is full. Ours: 4xx.
    DiskFull,
    /// The journal's disk is failing. Ours: 4xx.
    DiskFailing,
}

impl Refusal {
    /// The reply for it.
    #[must_use]
    pub const fn reply(self) -> Reply<'static> {
        match self {
            Refusal::TooBig => Reply::TooBig,
            Refusal::Busy => Reply::Busy,
            Refusal::DiskFull => Reply::DiskFull,
            Refusal::DiskFailing => Reply::DiskFailing,
        }
    }

    /// What it counts as.
    #[must_use]
    pub const fn counts_as(self) -> Refused {
        match self {
            Refusal::TooBig => Refused::Size,
            Refusal::Busy => Refused::Memory,
            Refusal::DiskFull => Refused::DiskFull,
            Refusal::DiskFailing => Refused::Disk,
        }
    }
}

impl From<&crate::journal::Error> for Refusal {
    fn from(e: &crate::journal::Error) -> Refusal {
        if e.is_full() { Refusal::DiskFull } else { Refusal::DiskFailing }
    }
}

/// What EHLO offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Offer {
    pub size: u64,
    pub starttls: bool,
    pub auth: bool,
    pub xclient: bool,
}

/// A reply. The names say what happened; `write` has the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Reply<'a> {
    Greeting { hostname: &'a str, lmtp: bool },
    Hello { hostname: &'a str },
    Capabilities { hostname: &'a str, offer: Offer },
    Bye,
    Help,
    Done,
    Noop,
    SenderOk,
    RecipientOk,
    VerifyNot,
    StartBody,
    ChunkOk { bytes: u64 },
    Queued(Position),
    ReadyForTls,
    Challenge(&'static str),
    Authenticated,

    UnknownCommand,
    ControlCharacter,
    CommandTooLong,
    Usage(&'static str),
    BadSize,
    BadChunkSize,
    EmptyRecipient,
    AddressTooLong,
    NotImplemented,
    SayLhlo,
    LhloIsLmtp,
    NeedMail,
    NeedRcpt,
    NestedMail,
    BodyBegun,
    BinaryNeedsBdat,
    NoValidRecipients,
    NoValidRecipientsLmtp,
    UnknownRecipient,
    TooManyRecipients,
    TooBig,
    NoTls,
    TlsActive,
    TlsFirst,
    NoAuth,
    AlreadyAuthenticated,
    NotInTransaction,
    UnknownMechanism,
    BadCredentialSyntax,
    AuthCancelled,
    WrongCredentials,
    AuthBusy,
    XclientDenied,
    BadXclient,
    TlsFailed,

    Busy,
    DiskFull,
    DiskFailing,
    TooManyErrors,
    TooManyLogins,
    TooManyMails,
    TooManyConnections,
    TooManyFromNetwork,
    Timeout,
    SessionTimeout,
    ShuttingDown,
    NotHttp,
    EndlessBody,
}

impl Reply<'_> {
    /// Adds it to `out`, with its line ends. Gives the code, for counting.
    pub fn write(&self, out: &mut Vec<u8>) -> u16 {
        let (code, status, text) = match self {
            // Writing into a Vec does not fail.
            Reply::Greeting { hostname, lmtp } => {
                let _ = write!(out, "220 {hostname} {} Tidegate\r\n", if *lmtp { "LMTP" } else { "ESMTP" });
                return 220;
            }
            Reply::Hello { hostname } => {
                let _ = write!(out, "250 {hostname}\r\n");
                return 250;
            }
            Reply::Capabilities { hostname, offer } => {
                let _ = write!(out, "250-{hostname}\r\n250-PIPELINING\r\n250-SIZE {}\r\n", offer.size);
                for (offered, line) in [
                    (offer.starttls, "STARTTLS"),
                    (offer.auth, "AUTH PLAIN LOGIN"),
                    (offer.xclient, "XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT"),
                ] {
                    if offered {
                        let _ = write!(out, "250-{line}\r\n");
                    }
                }
                // No DSN: its parameters are accepted, but whoever relays here is the one that reports
                // (RFC 3461 4.2: success reports come from the last server that knows DSN).
                out.extend_from_slice(
                    b"250-8BITMIME\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n250-BINARYMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 HELP\r\n",
                );
                return 250;
            }
            Reply::ChunkOk { bytes } => {
                let _ = write!(out, "250 2.0.0 Ok: chunk of {bytes} bytes\r\n");
                return 250;
            }
            Reply::Queued(position) => {
                let _ = write!(out, "250 2.0.0 Ok: queued as {position}\r\n");
                return 250;
            }
            Reply::Usage(usage) => {
                let _ = write!(out, "501 5.5.4 Not understood; it is written: {usage}\r\n");
                return 501;
            }
            Reply::Challenge(text) => {
                let _ = write!(out, "334 {text}\r\n");
                return 334;
            }
            Reply::Help => {
                out.extend_from_slice(
                    b"214-2.0.0 Tidegate takes mail for its own mailboxes; it relays nothing.\r\n\
                      214-2.0.0 EHLO HELO LHLO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT\r\n\
                      214 2.0.0 STARTTLS AUTH XCLIENT where EHLO offers them\r\n",
                );
                return 214;
            }
            Reply::StartBody => (354, "", "End the mail with <CRLF>.<CRLF>"),

            Reply::Bye => (221, "2.0.0", "Bye"),
            Reply::Done | Reply::Noop => (250, "2.0.0", "Ok"),
            Reply::SenderOk => (250, "2.1.0", "Ok"),
            Reply::RecipientOk => (250, "2.1.5", "Ok"),
            Reply::VerifyNot => (252, "2.5.0", "Not said; send the mail and see"),
            Reply::ReadyForTls => (220, "2.0.0", "Ready to start TLS"),
            Reply::Authenticated => (235, "2.7.0", "Welcome"),

            Reply::UnknownCommand => (500, "5.5.1", "No such command; HELP lists them"),
            Reply::ControlCharacter => (500, "5.5.2", "A command may not hold NUL or a bare CR"),
            Reply::CommandTooLong => (500, "5.5.6", "Line too long; it was ignored to its end"),
            Reply::BadSize => (501, "5.5.4", "SIZE= wants a number of bytes"),
            Reply::BadChunkSize => (501, "5.5.4", "BDAT wants a number of bytes; where the chunk ends is unknown, so closing"),
            Reply::EmptyRecipient => (501, "5.1.3", "A recipient may not be empty"),
            Reply::AddressTooLong => (501, "5.1.7", "The address is too long"),
            Reply::NotImplemented => (502, "5.5.1", "Not offered here"),
            Reply::SayLhlo => (500, "5.5.1", "This is LMTP; say LHLO"),
            Reply::LhloIsLmtp => (500, "5.5.1", "This is SMTP; say EHLO"),
            Reply::NeedMail => (503, "5.5.1", "MAIL FROM comes first"),
            Reply::NeedRcpt => (503, "5.5.1", "RCPT TO comes first"),
            Reply::NestedMail => (503, "5.5.1", "A mail was begun already; RSET gives it up"),
            Reply::BodyBegun => (503, "5.5.1", "The body was begun with BDAT; go on with BDAT, or RSET"),
            Reply::BinaryNeedsBdat => (503, "5.5.1", "BODY=BINARYMIME goes with BDAT, not with DATA"),
            Reply::NoValidRecipients => (554, "5.5.1", "No valid recipients"),
            Reply::NoValidRecipientsLmtp => (503, "5.5.1", "No valid recipients"),
            Reply::UnknownRecipient => (550, "5.1.1", "No mailbox here takes mail for this address"),
            Reply::TooManyRecipients => (452, "4.5.3", "Too many recipients; send the rest in another mail"),
            Reply::TooBig => (552, "5.3.4", "The mail is larger than this server takes; see SIZE in EHLO"),
            Reply::NoTls => (502, "5.5.1", "TLS is not set up here"),
            Reply::TlsActive => (503, "5.5.1", "TLS is active already"),
            Reply::TlsFirst => (538, "5.7.11", "STARTTLS first: passwords do not travel in the clear"),
            Reply::NoAuth => (503, "5.5.1", "No relay may log in here; mail to our mailboxes needs none"),
            Reply::AlreadyAuthenticated => (503, "5.5.1", "Logged in already"),
            Reply::NotInTransaction => (503, "5.5.1", "Not in the middle of a mail"),
            Reply::UnknownMechanism => (504, "5.5.4", "PLAIN and LOGIN are known"),
            Reply::BadCredentialSyntax => (501, "5.5.2", "Credentials are not understood"),
            Reply::AuthCancelled => (501, "5.7.0", "Login given up"),
            Reply::WrongCredentials => (535, "5.7.8", "Wrong name or password"),
            Reply::AuthBusy => (454, "4.7.0", "Cannot check passwords now; try again later"),
            Reply::XclientDenied => (550, "5.7.1", "XCLIENT is not for this peer; see smtp.xclient_from"),
            Reply::BadXclient => (501, "5.5.4", "XCLIENT is not understood"),
            Reply::TlsFailed => (454, "4.7.0", "TLS is not available now"),

            Reply::Busy => (452, "4.3.1", "Too much mail at once; try again soon"),
            Reply::DiskFull => (452, "4.3.1", "No room on the disk now; try again later"),
            Reply::DiskFailing => (451, "4.3.0", "The mail could not be stored now; try again later"),
            Reply::TooManyErrors => (421, "4.7.0", "Too many bad commands; closing"),
            Reply::TooManyLogins => (421, "4.7.0", "Too many failed logins; closing"),
            Reply::TooManyMails => (421, "4.7.0", "Enough mails in one connection; please open another"),
            Reply::TooManyConnections => (421, "4.3.2", "Too many connections; try again later"),
            Reply::TooManyFromNetwork => (421, "4.7.0", "Too many connections from your network; try again later"),
            Reply::Timeout => (421, "4.4.2", "Nothing (or too little) came for too long; closing"),
            Reply::SessionTimeout => (421, "4.4.2", "The connection was open for too long; please open another"),
            Reply::ShuttingDown => (421, "4.3.2", "Shutting down; try again soon"),
            Reply::NotHttp => (421, "4.7.0", "This is a mail server"),
            Reply::EndlessBody => (421, "4.7.0", "The mail does not end; closing"),
        };
        // By hand: formatting would cost more than the whole rest of a short command.
        out.extend_from_slice(&[b'0' + (code / 100) as u8, b'0' + (code / 10 % 10) as u8, b'0' + (code % 10) as u8, b' ']);
        if !status.is_empty() {
            out.extend_from_slice(status.as_bytes());
            out.push(b' ');
        }
        out.extend_from_slice(text.as_bytes());
        out.extend_from_slice(b"\r\n");
        code
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(reply: Reply<'_>) -> String {
        let mut out = Vec::new();
        let code = reply.write(&mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with(&code.to_string()));
        text
    }

    #[test]
    fn what_is_our_fault_is_temporary_and_the_rest_is_not() {
        assert_eq!(text(Refusal::TooBig.reply()).get(..9), Some("552 5.3.4"));
        assert_eq!(text(Refusal::Busy.reply()).get(..9), Some("452 4.3.1"));
        assert_eq!(text(Refusal::DiskFull.reply()).get(..9), Some("452 4.3.1"));
        assert_eq!(text(Refusal::DiskFailing.reply()).get(..9), Some("451 4.3.0"));
    }

    #[test]
    fn the_position_is_the_queue_id() {
        assert_eq!(text(Reply::Queued(Position { segment: 1, offset: 0x2000 })), "250 2.0.0 Ok: queued as 0000000100002000\r\n");
    }

    #[test]
    fn the_enhanced_code_is_of_the_class_of_the_code() {
        for reply in [
            Reply::Bye,
            Reply::SenderOk,
            Reply::UnknownCommand,
            Reply::TooManyErrors,
            Reply::TlsFirst,
            Reply::AuthBusy,
            Reply::NoValidRecipients,
        ] {
            let text = text(reply);
            assert_eq!(text.as_bytes()[0], text.as_bytes()[4], "{text}");
        }
    }

    #[test]
    fn ehlo_offers_what_there_is() {
        let offer = Offer { size: 1000, starttls: true, auth: false, xclient: false };
        let all = text(Reply::Capabilities { hostname: "mx.test", offer });
        assert!(all.starts_with("250-mx.test\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-STARTTLS\r\n"), "{all}");
        assert!(!all.contains("AUTH") && !all.contains("XCLIENT") && all.ends_with("\r\n250 HELP\r\n"), "{all}");
    }
}
