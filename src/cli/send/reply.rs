//! What a server answers, and what it means for the mail.
//!
//! # Trust
//! The server may say anything: a reply is bounded in length and lines.

use crate::limits::{SEND_REPLY_LINE_BYTES_MAX, SEND_REPLY_LINES_MAX};
use std::fmt;
use std::io;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// A reply; the text of its lines joined by spaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) code: u16,
    pub(super) text: String,
}

impl Reply {
    pub(super) fn is_good(&self) -> bool {
        self.code / 100 == 2
    }

    /// The name the server gave the mail, if the reply has one: what stands behind "queued as",
    /// else sixteen hexadecimal digits (a journal position), else nothing.
    pub(super) fn queue_id(&self) -> Option<&str> {
        let words: Vec<&str> =
            self.text.split_whitespace().map(|w| w.trim_matches(|c: char| !c.is_ascii_alphanumeric())).collect();
        let behind = words.windows(2).position(|w| w[0] == "as").map(|at| words[at + 1]);
        behind.or_else(|| words.iter().copied().find(|w| w.parse::<crate::mail::Position>().is_ok()))
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.text)
    }
}

/// Where in a session it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Connect,
    Greeting,
    Hello,
    MailFrom,
    RcptTo,
    Data,
    Body,
}

impl Stage {
    const fn as_str(self) -> &'static str {
        match self {
            Stage::Connect => "connecting",
            Stage::Greeting => "the greeting",
            Stage::Hello => "EHLO",
            Stage::MailFrom => "MAIL FROM",
            Stage::RcptTo => "RCPT TO",
            Stage::Data => "DATA",
            Stage::Body => "the end of the mail",
        }
    }
}

/// Why a mail is not on the other side.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The server said no.
    #[error("{} was answered by {reply}", .stage.as_str())]
    Refused { stage: Stage, reply: Reply },
    /// The connection failed.
    #[error("{}: {source}", .stage.as_str())]
    Broken { stage: Stage, source: io::Error },
    /// The mail needs what the server does not offer.
    #[error("the server does not offer {0}")]
    NotOffered(&'static str),
}

impl Failure {
    pub(super) fn code(&self) -> Option<u16> {
        match self {
            Failure::Refused { reply, .. } => Some(reply.code),
            _ => None,
        }
    }

    /// The session is over and nothing of the mail can have been taken: a fresh session may do.
    pub(super) fn wants_a_fresh_session(&self) -> bool {
        match self {
            Failure::Refused { reply, .. } => reply.code == 421,
            Failure::Broken { stage, .. } => !matches!(stage, Stage::Connect | Stage::Body),
            Failure::NotOffered(_) => false,
        }
    }

    /// Whether the session can carry another mail.
    pub(super) fn ends_session(&self) -> bool {
        matches!(self, Failure::Broken { .. }) || self.code() == Some(421)
    }

    /// For the person at the terminal.
    pub(super) fn what_to_do(&self) -> &'static str {
        match self {
            Failure::Broken { stage: Stage::Connect, .. } => "Is the gateway running (`tidegate serve`), and is --server right?",
            Failure::Broken { stage: Stage::Body, .. } => {
                "Nobody knows whether it arrived: sending it again is safe, a gateway finds the duplicate."
            }
            Failure::Broken { .. } => "The connection ended; the server's log says why. Send it again.",
            Failure::NotOffered(_) => "Leave the option out, or use a server that offers it.",
            Failure::Refused { stage, reply } => match (stage, reply.code) {
                (_, 421) => "The server ends sessions: fewer --connections, or later.",
                (_, 452) => "The server is short of room: see its disk, or send more slowly with --rate.",
                (_, 400..=499) => "A passing trouble of the server, its log says which: send it again later.",
                (_, 552) => "It is larger than the server takes: `smtp.message_bytes_max` in its configuration.",
                (Stage::RcptTo, _) => "Nobody gets mail there: see `tidegate mailbox ls`, or name a mailbox with --to.",
                (Stage::MailFrom, _) => "The server does not like the sender: give another with --from.",
                (_, 500..=504) => "The server does not understand: is it an SMTP server (or LMTP, with --lmtp)?",
                _ => "The reply says why.",
            },
        }
    }
}

/// Reads one reply, of one line or many.
pub(super) async fn read_reply<R: AsyncBufRead + Unpin>(reader: &mut R) -> io::Result<Reply> {
    let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what);
    let mut reply = Reply { code: 0, text: String::new() };
    let mut line = Vec::new();
    for _ in 0..SEND_REPLY_LINES_MAX {
        line.clear();
        (&mut *reader).take(SEND_REPLY_LINE_BYTES_MAX as u64).read_until(b'\n', &mut line).await?;
        if line.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection"));
        }
        if line.pop() != Some(b'\n') {
            return Err(bad("a reply line is too long or ends in its middle"));
        }
        let text = std::str::from_utf8(&line).map_err(|_| bad("a reply is not UTF-8"))?.trim_end();
        reply.code = text.get(..3).and_then(|c| c.parse().ok()).ok_or_else(|| bad("not an SMTP reply"))?;
        let more = text.as_bytes().get(3) == Some(&b'-');
        if !reply.text.is_empty() {
            reply.text.push(' ');
        }
        reply.text.push_str(text.get(4..).unwrap_or_default());
        if !more {
            return Ok(reply);
        }
    }
    Err(bad("a reply of too many lines"))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(text: &[u8]) -> io::Result<Reply> {
        read_reply(&mut &*text).await
    }

    #[tokio::test]
    async fn replies_of_many_lines_are_one_reply() {
        let reply = read(b"250-mx\r\n250-PIPELINING\n250 SIZE 10\r\nrest").await.unwrap();
        assert_eq!(reply, Reply { code: 250, text: "mx PIPELINING SIZE 10".into() });
        assert_eq!(read(b"354\r\n").await.unwrap().code, 354);
    }

    #[tokio::test]
    async fn nonsense_is_an_error_and_bounded() {
        assert!(read(b"HTTP/1.1 400\r\n").await.is_err());
        assert!(read(b"").await.is_err() && read(b"250 half").await.is_err());
        assert!(read(&[b'2'; 10_000]).await.is_err());
        assert!(read(&b"250-x\r\n".repeat(10_000)).await.is_err());
    }

    #[test]
    fn the_queue_id_is_found_in_the_replies_of_servers() {
        let id = |text: &str| Reply { code: 250, text: text.into() }.queue_id().map(str::to_owned);
        assert_eq!(id("2.0.0 Ok: queued as 4Fz8Ww0Kzyz"), Some("4Fz8Ww0Kzyz".into()));
        assert_eq!(id("2.6.0 accepted, 0000000100000040"), Some("0000000100000040".into()));
        assert_eq!(id("OK id=1abcde-0001"), None);
    }
}
