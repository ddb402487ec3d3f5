//! What tells whether two deliveries are of the same mail: one digest of what they have in common.
//!
//! That is who, what and when, and the raw body with its line ends made one and without blanks at its
//! end. Each attachment is digested anyway, and most of a large mail are attachments: where one stands in
//! the mail in base64, its digest and length stand for the encoded bytes, so that these are not digested
//! as well, and how a relay wraps them makes no other mail of it.
//!
//! # What is digested
//! Date, From, Subject and Message-ID, each with a NUL behind it; then the body, line by line, each line
//! without its blanks at the end and with an LF. An attachment that is left out is a mark: the bytes
//! digested of the body since the mark before it (u64), the SHA-256 of the file, its length (u64). If there
//! was any, the body ends with the bytes since the last mark (u64), the number of marks (u64) and a NUL.
//! Numbers are big-endian.
//!
//! Read from its end, that is one body with one list of files only, and no other mail can be made to look
//! like it: without a mark the last byte is always an LF, with one it is a NUL.
//!
//! # Failure
//! None. Time is linear in the size.

use super::header::{self, Fields};
use super::reader::EncodedFile;
use super::span::Span;
use crate::mail::Attachment;
use ring::digest;

/// Bytes that are gathered for a digest, which takes large pieces faster.
const HASHED_AT_ONCE: usize = 4 << 10;

/// The digest. `fields` are those of the mail, `encoded` the files that stand in it as base64, in order.
pub(super) fn of(fields: &Fields<'_>, raw: &[u8], encoded: &[EncodedFile], attachments: &[Attachment]) -> [u8; 32] {
    let mut hash = Hash { context: digest::Context::new(&digest::SHA256), gathered: Vec::with_capacity(HASHED_AT_ONCE), body: 0 };
    for name in ["Date", "From", "Subject", "Message-ID"] {
        hash.add(&header::unfold(fields.get(name).unwrap_or_default()));
        hash.add(&[0]);
    }
    hash.body = 0;
    let end = raw.trim_ascii_end().len();
    let mut at = fields.end;
    let mut marks: u64 = 0;
    for encoded in encoded {
        let place = encoded.place.start..encoded.place.end.min(end);
        // They are in order, and apart, unless the mail is a riddle.
        let Some(file) = attachments.get(encoded.file).filter(|_| at <= place.start && place.start < place.end) else { continue };
        hash.lines(raw.span(at, place.start));
        hash.length();
        hash.add(file.sha256.as_bytes());
        hash.add(&file.size.to_be_bytes());
        hash.body = 0;
        marks += 1;
        at = place.end;
    }
    hash.lines(raw.span(at, end.max(at)));
    if marks > 0 {
        hash.length();
        hash.add(&marks.to_be_bytes());
        hash.add(&[0]);
    }
    hash.finish()
}

struct Hash {
    context: digest::Context,
    gathered: Vec<u8>,
    /// Bytes added since it was set to 0.
    body: u64,
}

impl Hash {
    fn add(&mut self, bytes: &[u8]) {
        self.body += bytes.len() as u64;
        if self.gathered.len() + bytes.len() >= HASHED_AT_ONCE {
            self.context.update(&self.gathered);
            self.gathered.clear();
        }
        if bytes.len() >= HASHED_AT_ONCE {
            self.context.update(bytes);
        } else {
            self.gathered.extend_from_slice(bytes);
        }
    }

    /// Adds every line, and the last one even if it is empty.
    fn lines(&mut self, mut rest: &[u8]) {
        loop {
            let end = memchr::memchr(b'\n', rest);
            self.add(rest.before(end.unwrap_or(rest.len())).trim_ascii_end());
            self.add(b"\n");
            match end {
                Some(end) => rest = rest.after(end + 1),
                None => break,
            }
        }
    }

    /// Adds how many bytes were added.
    fn length(&mut self) {
        self.add(&self.body.to_be_bytes());
    }

    fn finish(mut self) -> [u8; 32] {
        self.context.update(&self.gathered);
        let mut out = [0; 32];
        out.iter_mut().zip(self.context.finish().as_ref()).for_each(|(to, from)| *to = *from);
        out
    }
}

#[cfg(test)]
mod tests {
    use crate::limits::Limits;
    use crate::normalize::normalize;

    fn hash(raw: &str) -> [u8; 32] {
        normalize(raw.as_bytes(), &Limits::default()).content_hash
    }

    /// A mail with a text, a file in base64 and a text below it.
    fn with_file(encoded: &str) -> String {
        format!(
            "From: a@b.example\nSubject: s\nContent-Type: multipart/mixed; boundary=b\n\npreamble\n--b\n\nwords\n--b\n\
             Content-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: base64\n\n{encoded}\n--b\n\nmore\n--b--\nepilogue\n"
        )
    }

    const FILE: &str = "VGhlIHBhcGVycyBvZiB0aGUgaG91c2UsIHNpZ25lZC4=";

    #[test]
    fn it_is_of_what_two_deliveries_share() {
        let one = hash("Received: x\nFrom: a@b.example\nSubject: s\n\nbody\n");
        assert_eq!(one, hash("Received: y\r\nReceived: z\r\nFrom: a@b.example\r\nSubject: s\r\n\r\nbody\r\n"));
        assert_ne!(one, hash("From: a@b.example\nSubject: s\n\nother\n"));
    }

    #[test]
    fn how_a_file_is_wrapped_makes_no_other_mail() {
        let (left, right) = FILE.split_at(16);
        let one = hash(&with_file(FILE));
        for wrapped in [format!("{left}\n{right}"), format!("{left} \r\n{right}\n\n"), format!("\n{left}\n\t{right}")] {
            assert_eq!(one, hash(&with_file(&wrapped)), "{wrapped:?}");
        }
        assert_eq!(one, hash(&with_file(FILE).replace('\n', "\r\n")));
        // A mail that is only a file ends with it.
        let only = |end: &str| {
            hash(&format!(
                "From: a@b.example\nContent-Type: image/png\nContent-Transfer-Encoding: base64\n\n{left}\n{right}{end}"
            ))
        };
        assert_eq!(only(""), only("\n \n"));
    }

    #[test]
    fn every_other_byte_of_the_body_makes_another_mail() {
        let raw = with_file(FILE);
        let (_, body) = raw.split_once("\n\n").unwrap();
        let start = raw.len() - body.len();
        let one = hash(&raw);
        for at in start..raw.trim_end().len() {
            let mut other = raw.clone().into_bytes();
            // Blanks at the end of a line and unused bits of base64 are not told apart.
            if other[at].is_ascii_whitespace() || other[at] == b'=' {
                continue;
            }
            other[at] ^= 0x08;
            assert_ne!(one, hash(&String::from_utf8(other).unwrap()), "{at}: {:?}", raw.get(at..).unwrap());
        }
    }

    #[test]
    fn what_is_mixed_into_a_file_is_not_left_out() {
        let one = hash(&with_file(FILE));
        assert_ne!(one, hash(&with_file(&FILE.replacen('V', "V*", 1))), "a byte that does not belong");
        let footer = |words: &str| hash(&with_file(&format!("{FILE}\n\n{words}\n")));
        assert_ne!(one, footer("This list is run by volunteers."));
        assert_ne!(footer("This list is run by volunteers."), footer("This list is run by somebody else."));
        assert_ne!(one, hash(&with_file(FILE).replace("base64", "7bit")));
    }

    #[test]
    fn files_in_another_order_or_number_make_another_mail() {
        let part = |file: &str| format!("--b\nContent-Type: image/png\nContent-Transfer-Encoding: base64\n\n{file}\n");
        let mail = |parts: &[&str]| {
            let parts: String = parts.iter().map(|p| part(p)).collect();
            hash(&format!("From: a@b.example\nContent-Type: multipart/mixed; boundary=b\n\n{parts}--b--\n"))
        };
        let all = [mail(&["YQ==", "Yg=="]), mail(&["Yg==", "YQ=="]), mail(&["YQ=="]), mail(&["YQ==", "YQ=="]), mail(&["YWI="])];
        for (n, one) in all.iter().enumerate() {
            assert!(all.iter().skip(n + 1).all(|other| other != one), "{n}");
        }
    }

    #[test]
    fn files_within_a_mail_within_the_mail_are_digested_as_they_stand() {
        let within = |encoded: &str| {
            let inner = with_file(encoded);
            hash(&format!(
                "From: a@b.example\nContent-Type: multipart/mixed; boundary=o\n\n--o\n\nsee below\n--o\n\
                 Content-Type: message/rfc822\n\n{inner}\n--o--\n"
            ))
        };
        let (left, right) = FILE.split_at(16);
        assert_ne!(within(FILE), within(&format!("{left}\n{right}")));
    }
}
