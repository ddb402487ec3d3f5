//! One SMTP or LMTP session, as a client.
//!
//! Uses what the server offers: with PIPELINING a mail costs two round trips (one with BDAT), and
//! a session carries many mails.
//!
//! # Failure
//! [`Failure`] says at which stage and whose fault. In one case nobody knows whether the mail
//! arrived: it was sent and the reply never came (`Broken` at [`Stage::Body`]); it is not sent again.
//!
//! # Trust
//! The server may say anything: a reply is bounded and waited for a bounded time.

use super::reply::{Failure, Reply, Stage, read_reply};
use super::wire::{Stamp, Wire};
use crate::limits::{SEND_CONNECT_TIMEOUT, SEND_GREETING_TIMEOUT, SEND_REPLY_TIMEOUT};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// Bodies up to this many bytes go out in the same write as what frames them.
const ONE_WRITE_BYTES: usize = 256 << 10;
/// BDAT chunks of a large mail, in bytes.
const CHUNK_BYTES: usize = 1 << 20;

/// What a mail is sent with.
#[derive(Debug, Clone)]
pub(super) struct Envelope {
    pub(super) from: String,
    pub(super) to: Vec<String>,
}

/// A mail that arrived.
#[derive(Debug)]
pub(super) struct Accepted {
    /// The (first) good reply to the whole mail.
    pub(super) reply: Reply,
    /// What other recipients were refused with.
    pub(super) refused: Vec<Reply>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Offers {
    pipelining: bool,
    chunking: bool,
    binary_mime: bool,
    eight_bit_mime: bool,
    smtputf8: bool,
    size: bool,
}

/// An open session.
#[derive(Debug)]
pub(super) struct Client {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    offers: Offers,
    lmtp: bool,
    /// The last transaction was left open, so the next begins with RSET.
    open_transaction: bool,
    out: Vec<u8>,
}

/// How to speak.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Manner {
    pub(super) lmtp: bool,
    /// BDAT for every mail, not only for those DATA can't carry.
    pub(super) bdat: bool,
}

impl Client {
    /// Connects and says EHLO (or LHLO, or HELO to a server that wants it).
    pub(super) async fn connect(server: &str, manner: Manner) -> Result<Client, Failure> {
        let connecting = tokio::time::timeout(SEND_CONNECT_TIMEOUT, TcpStream::connect(server));
        let stream = match connecting.await {
            Ok(Ok(stream)) => stream,
            Ok(Err(source)) => return Err(Failure::Broken { stage: Stage::Connect, source }),
            Err(_) => return Err(Failure::Broken { stage: Stage::Connect, source: io::ErrorKind::TimedOut.into() }),
        };
        stream.set_nodelay(true).map_err(|source| Failure::Broken { stage: Stage::Connect, source })?;
        let (reader, writer) = stream.into_split();
        let mut client = Client {
            reader: BufReader::with_capacity(4 << 10, reader),
            writer,
            offers: Offers::default(),
            lmtp: manner.lmtp,
            open_transaction: false,
            out: Vec::new(),
        };
        let greeting = client.reply(Stage::Greeting).await?;
        if !greeting.is_good() {
            return Err(Failure::Refused { stage: Stage::Greeting, reply: greeting });
        }
        let hello = if manner.lmtp { "LHLO" } else { "EHLO" };
        let mut reply = client.ask(&format!("{hello} localhost\r\n"), Stage::Hello).await?;
        if !reply.is_good() && !manner.lmtp && reply.code != 421 {
            reply = client.ask("HELO localhost\r\n", Stage::Hello).await?;
        }
        if !reply.is_good() {
            return Err(Failure::Refused { stage: Stage::Hello, reply });
        }
        client.offers = Offers::from_hello(&reply.text);
        Ok(client)
    }

    /// Hands over one mail.
    pub(super) async fn send(
        &mut self,
        mail: &Wire,
        stamp: &Stamp,
        envelope: &Envelope,
        manner: Manner,
    ) -> Result<Accepted, Failure> {
        if manner.bdat && !self.offers.chunking {
            return Err(Failure::NotOffered("CHUNKING (BDAT)"));
        }
        let by_bdat = manner.bdat || (mail.binary && self.offers.chunking);
        let ascii = envelope.from.is_ascii() && envelope.to.iter().all(|to| to.is_ascii());
        if !ascii && !self.offers.smtputf8 {
            return Err(Failure::NotOffered("SMTPUTF8"));
        }
        let mut from = format!("MAIL FROM:<{}>", envelope.from);
        if self.offers.size {
            from.push_str(&format!(" SIZE={}", mail.len(stamp)));
        }
        if by_bdat && mail.binary && self.offers.binary_mime {
            from.push_str(" BODY=BINARYMIME");
        } else if mail.eight_bit && self.offers.eight_bit_mime {
            from.push_str(" BODY=8BITMIME");
        }
        if self.offers.smtputf8 && (!ascii || mail.utf8_header) {
            from.push_str(" SMTPUTF8");
        }
        from.push_str("\r\n");
        let recipients = envelope.to.iter().map(|to| format!("RCPT TO:<{to}>\r\n"));
        let done = if self.offers.pipelining {
            self.pipelined(mail, stamp, &from, recipients.collect(), by_bdat).await
        } else {
            self.step_by_step(mail, stamp, &from, recipients.collect(), by_bdat).await
        };
        self.open_transaction = done.is_err();
        done
    }

    async fn pipelined(
        &mut self,
        mail: &Wire,
        stamp: &Stamp,
        from: &str,
        recipients: Vec<String>,
        by_bdat: bool,
    ) -> Result<Accepted, Failure> {
        let mut out = std::mem::take(&mut self.out);
        out.clear();
        let reset = self.open_transaction;
        if reset {
            out.extend_from_slice(b"RSET\r\n");
        }
        out.extend_from_slice(from.as_bytes());
        for line in &recipients {
            out.extend_from_slice(line.as_bytes());
        }
        let chunks = if by_bdat {
            // RFC 3030 4.2: chunks may follow at once. The server swallows them if it refuses.
            self.write_chunks(&mut out, mail, stamp).await?
        } else {
            out.extend_from_slice(b"DATA\r\n");
            self.write(&out, Stage::MailFrom).await?;
            0
        };
        self.out = out;
        if reset {
            self.reply(Stage::MailFrom).await?;
        }
        let from = self.reply(Stage::MailFrom).await?;
        let mut good = 0;
        let mut refused = Vec::new();
        for _ in &recipients {
            let reply = self.reply(Stage::RcptTo).await?;
            if reply.is_good() { good += 1 } else { refused.push(reply) }
        }
        let (mut trouble, mut finish) = (None, None);
        if by_bdat {
            trouble = self.chunk_replies(chunks).await?;
        } else {
            finish = Some(self.reply(Stage::Data).await?);
        }
        if !from.is_good() || good == 0 {
            // The refusals of what followed say nothing of their own, but they must be read. A
            // server that said 354 all the same gets an empty mail to refuse (RFC 2920 3.1).
            match finish {
                Some(reply) if reply.code == 354 => {
                    self.ask(".\r\n", Stage::Body).await?;
                }
                Some(_) => {}
                None => {
                    self.reply(Stage::Body).await?;
                }
            }
            return Err(match refused.into_iter().next() {
                Some(reply) if from.is_good() => Failure::Refused { stage: Stage::RcptTo, reply },
                _ => Failure::Refused { stage: Stage::MailFrom, reply: from },
            });
        }
        if let Some(reply) = finish {
            if reply.code != 354 {
                return Err(Failure::Refused { stage: Stage::Data, reply });
            }
            self.write_data(mail, stamp).await?;
        }
        self.verdict(good, refused, trouble).await
    }

    async fn step_by_step(
        &mut self,
        mail: &Wire,
        stamp: &Stamp,
        from: &str,
        recipients: Vec<String>,
        by_bdat: bool,
    ) -> Result<Accepted, Failure> {
        if self.open_transaction {
            self.ask("RSET\r\n", Stage::MailFrom).await?;
        }
        let reply = self.ask(from, Stage::MailFrom).await?;
        if !reply.is_good() {
            return Err(Failure::Refused { stage: Stage::MailFrom, reply });
        }
        let mut good = 0;
        let mut refused = Vec::new();
        for line in recipients {
            let reply = self.ask(&line, Stage::RcptTo).await?;
            if reply.is_good() { good += 1 } else { refused.push(reply) }
        }
        if good == 0
            && let Some(reply) = refused.pop()
        {
            return Err(Failure::Refused { stage: Stage::RcptTo, reply });
        }
        if by_bdat {
            let chunks = self.write_chunks(&mut Vec::new(), mail, stamp).await?;
            let trouble = self.chunk_replies(chunks).await?;
            return self.verdict(good, refused, trouble).await;
        }
        let reply = self.ask("DATA\r\n", Stage::Data).await?;
        if reply.code != 354 {
            return Err(Failure::Refused { stage: Stage::Data, reply });
        }
        self.write_data(mail, stamp).await?;
        self.verdict(good, refused, None).await
    }

    /// The reply to the whole mail; with LMTP one for each recipient that was taken (RFC 2033 4.2).
    /// `trouble` is what an earlier chunk was refused with: it says more than the last reply.
    async fn verdict(&mut self, good: usize, mut refused: Vec<Reply>, trouble: Option<Reply>) -> Result<Accepted, Failure> {
        let mut accepted = None;
        for _ in 0..if self.lmtp { good } else { 1 } {
            let reply = self.reply(Stage::Body).await?;
            if !reply.is_good() {
                refused.push(reply);
            } else if accepted.is_none() {
                accepted = Some(reply);
            }
        }
        match (accepted, refused.pop()) {
            (Some(reply), last) => {
                refused.extend(last);
                Ok(Accepted { reply, refused })
            }
            (None, Some(reply)) => Err(Failure::Refused { stage: Stage::Body, reply: trouble.unwrap_or(reply) }),
            (None, None) => Err(Failure::Broken { stage: Stage::Body, source: io::ErrorKind::InvalidData.into() }),
        }
    }

    /// The replies to all chunks but the last; the first refusal among them.
    async fn chunk_replies(&mut self, chunks: usize) -> Result<Option<Reply>, Failure> {
        let mut trouble = None;
        for _ in 1..chunks {
            let reply = self.reply(Stage::Body).await?;
            if !reply.is_good() && trouble.is_none() {
                trouble = Some(reply);
            }
        }
        Ok(trouble)
    }

    async fn write_data(&mut self, mail: &Wire, stamp: &Stamp) -> Result<(), Failure> {
        let mut out = std::mem::take(&mut self.out);
        out.clear();
        mail.write_data(stamp, &mut out);
        let written = self.write(&out, Stage::Body).await;
        self.out = out;
        self.out.shrink_to(ONE_WRITE_BYTES);
        written
    }

    /// Writes what is in `out`, then the mail in chunks; how many chunks there were.
    async fn write_chunks(&mut self, out: &mut Vec<u8>, mail: &Wire, stamp: &Stamp) -> Result<usize, Failure> {
        let mut left = mail.len(stamp);
        let pieces = mail.pieces(stamp);
        let mut bytes = pieces.iter().flat_map(|p| p.chunks(CHUNK_BYTES));
        let mut current: &[u8] = &[];
        let mut chunks = 0;
        loop {
            let size = left.min(CHUNK_BYTES);
            left -= size;
            chunks += 1;
            out.extend_from_slice(format!("BDAT {size}{}\r\n", if left == 0 { " LAST" } else { "" }).as_bytes());
            let mut missing = size;
            while missing > 0 {
                if current.is_empty() {
                    current = bytes.next().unwrap_or_default();
                    continue;
                }
                let (now, later) = current.split_at(missing.min(current.len()));
                out.extend_from_slice(now);
                missing -= now.len();
                current = later;
            }
            if left == 0 || out.len() >= ONE_WRITE_BYTES {
                self.write(out, Stage::Body).await?;
                out.clear();
            }
            if left == 0 {
                return Ok(chunks);
            }
        }
    }

    /// Says goodbye, without waiting long for the answer.
    pub(super) async fn quit(mut self) {
        let _ = self.writer.write_all(b"QUIT\r\n").await;
        let _ = tokio::time::timeout(Duration::from_secs(1), self.reply(Stage::Body)).await;
    }

    async fn ask(&mut self, line: &str, stage: Stage) -> Result<Reply, Failure> {
        self.write(line.as_bytes(), stage).await?;
        self.reply(stage).await
    }

    async fn write(&mut self, bytes: &[u8], stage: Stage) -> Result<(), Failure> {
        match tokio::time::timeout(SEND_REPLY_TIMEOUT, self.writer.write_all(bytes)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(source)) => Err(self.last_words(stage, source).await),
            Err(_) => Err(Failure::Broken { stage, source: io::ErrorKind::TimedOut.into() }),
        }
    }

    /// A server that hangs up while it is written to has often said why.
    async fn last_words(&mut self, stage: Stage, source: io::Error) -> Failure {
        match tokio::time::timeout(Duration::from_secs(1), self.reply(stage)).await {
            Ok(Ok(reply)) if reply.code == 421 || reply.code >= 500 => Failure::Refused { stage, reply },
            _ => Failure::Broken { stage, source },
        }
    }

    async fn reply(&mut self, stage: Stage) -> Result<Reply, Failure> {
        let patience = if stage == Stage::Greeting { SEND_GREETING_TIMEOUT } else { SEND_REPLY_TIMEOUT };
        match tokio::time::timeout(patience, read_reply(&mut self.reader)).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(source)) => Err(Failure::Broken { stage, source }),
            Err(_) => Err(Failure::Broken { stage, source: io::ErrorKind::TimedOut.into() }),
        }
    }
}

impl Offers {
    /// From the lines of the reply, joined by spaces: a keyword is a word of its own.
    fn from_hello(text: &str) -> Offers {
        let has = |word: &str| text.split_ascii_whitespace().any(|w| w.eq_ignore_ascii_case(word));
        Offers {
            pipelining: has("PIPELINING"),
            chunking: has("CHUNKING"),
            binary_mime: has("BINARYMIME"),
            eight_bit_mime: has("8BITMIME"),
            smtputf8: has("SMTPUTF8"),
            size: has("SIZE"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncBufReadExt, AsyncReadExt};
    use tokio::net::TcpListener;

    /// A server that follows a script: it reads `c ` lines to the byte and writes `s ` lines. In
    /// the script `_` stands for what need not be compared.
    async fn served(script: &'static str) -> (String, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let (reader, mut writer) = stream.into_split();
            let mut reader = BufReader::new(reader);
            for line in script.lines().map(str::trim).filter(|l| !l.is_empty()) {
                let (who, text) = line.split_once(' ').unwrap();
                if who == "s" {
                    writer.write_all(format!("{text}\r\n").as_bytes()).await.unwrap();
                    continue;
                }
                let mut got = String::new();
                reader.read_line(&mut got).await.unwrap();
                assert_eq!(got.trim_end(), text.trim_end());
            }
            let mut rest = Vec::new();
            reader.read_to_end(&mut rest).await.unwrap();
            assert_eq!(rest, b"QUIT\r\n");
        });
        (address, server)
    }

    const PLAIN: Manner = Manner { lmtp: false, bdat: false };

    async fn hand_over(script: &'static str, manner: Manner, mails: &[(&[u8], &[&str])]) -> Vec<Result<Accepted, Failure>> {
        let (address, server) = served(script).await;
        let mut client = Client::connect(&address, manner).await.unwrap();
        let mut out = Vec::new();
        for (raw, to) in mails {
            let envelope = Envelope { from: "a@x.test".into(), to: to.iter().map(|t| (*t).to_owned()).collect() };
            out.push(client.send(&Wire::new("t", raw.to_vec()), &Stamp::default(), &envelope, manner).await);
        }
        client.writer.write_all(b"QUIT\r\n").await.unwrap();
        drop(client);
        server.await.unwrap();
        out
    }

    #[tokio::test]
    async fn a_server_without_extensions_is_spoken_to_step_by_step() {
        let script = "
            s 220 mx
            c EHLO localhost
            s 502 what
            c HELO localhost
            s 250 mx
            c MAIL FROM:<a@x.test>
            s 250 ok
            c RCPT TO:<b@y.test>
            s 550 5.1.1 no
            c RCPT TO:<c@y.test>
            s 250 ok
            c DATA
            s 354 go
            c A: b
            c ..c
            c .
            s 250 2.0.0 Ok: queued as 1";
        let got = hand_over(script, PLAIN, &[(b"A: b\n.c\n", &["b@y.test", "c@y.test"])]).await;
        let accepted = got[0].as_ref().unwrap();
        assert_eq!((accepted.reply.queue_id(), accepted.refused.len()), (Some("1"), 1));
    }

    #[tokio::test]
    async fn with_pipelining_a_refused_mail_leaves_the_session_usable() {
        let script = "
            s 220 mx
            c EHLO localhost
            s 250-mx
            s 250-SIZE 1000
            s 250-PIPELINING
            s 250 8BITMIME
            c MAIL FROM:<a@x.test> SIZE=8
            c RCPT TO:<no@y.test>
            c DATA
            s 250 ok
            s 550 5.1.1 no
            s 354 go
            c .
            s 554 5.5.1 nobody
            c RSET
            c MAIL FROM:<a@x.test> SIZE=10 BODY=8BITMIME
            c RCPT TO:<b@y.test>
            c DATA
            s 250 ok
            s 250 ok
            s 250 ok
            s 354 go
            c A: b
            c é
            c .
            s 250 ok";
        let got = hand_over(script, PLAIN, &[(b"A: b\n\n", &["no@y.test"]), ("A: b\né\n".as_bytes(), &["b@y.test"])]).await;
        assert!(matches!(&got[0], Err(Failure::Refused { stage: Stage::RcptTo, reply }) if reply.code == 550));
        assert!(got[1].is_ok());
    }

    #[tokio::test]
    async fn what_data_cannot_carry_goes_by_bdat() {
        let script = "
            s 220 mx
            c EHLO localhost
            s 250-mx
            s 250-PIPELINING
            s 250-CHUNKING
            s 250 BINARYMIME
            c MAIL FROM:<a@x.test> BODY=BINARYMIME
            c RCPT TO:<b@y.test>
            c BDAT 11 LAST
            c A: b
            c .
            c c
            s 250 ok
            s 250 ok
            s 250 ok, queued as 0000000100000040";
        let got = hand_over(script, PLAIN, &[(b"A: b\r\n.\nc\r\n", &["b@y.test"])]).await;
        assert_eq!(got[0].as_ref().unwrap().reply.queue_id(), Some("0000000100000040"));
    }

    #[tokio::test]
    async fn lmtp_answers_for_each_recipient() {
        let script = "
            s 220 mx
            c LHLO localhost
            s 250-mx
            s 250 PIPELINING
            c MAIL FROM:<a@x.test>
            c RCPT TO:<b@y.test>
            c RCPT TO:<c@y.test>
            c RCPT TO:<d@y.test>
            c DATA
            s 250 ok
            s 250 ok
            s 550 no
            s 250 ok
            s 354 go
            c A: b
            c .
            s 452 full
            s 250 ok";
        let manner = Manner { lmtp: true, bdat: false };
        let got = hand_over(script, manner, &[(b"A: b\n", &["b@y.test", "c@y.test", "d@y.test"])]).await;
        let codes: Vec<u16> = got[0].as_ref().unwrap().refused.iter().map(|r| r.code).collect();
        assert_eq!(codes, [550, 452]);
    }

    #[tokio::test]
    async fn a_server_that_hangs_up_says_at_which_stage() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"421 4.3.2 too many connections\r\n").await.unwrap();
        });
        let failure = Client::connect(&address, PLAIN).await.unwrap_err();
        assert!(matches!(failure, Failure::Refused { stage: Stage::Greeting, .. }) && failure.ends_session());
        server.await.unwrap();
    }
    #[tokio::test]
    async fn a_server_that_never_greets_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        // Connected by the kernel, never accepted. Time passes by itself while everything waits.
        tokio::time::pause();
        let began = tokio::time::Instant::now();
        let failure = Client::connect(&address, PLAIN).await.unwrap_err();
        assert!(began.elapsed() <= SEND_CONNECT_TIMEOUT + SEND_GREETING_TIMEOUT, "{:?}", began.elapsed());
        assert!(matches!(&failure, Failure::Broken { stage: Stage::Connect | Stage::Greeting, .. }), "{failure}");
    }
}
