//! What tells whether two deliveries are of the same mail: one digest of what both say.
//!
//! That is who, what and when, and what a reader gets: the words and the files. How it was encoded on the way is
//! left out: a relay that has to turn 8 bits into quoted-printable (RFC 6152), wraps base64 anew, takes other boundaries or
//! rewrites encoded-words makes no other mail of it, nor does a list with its tag and its footer (`list_copy`), nor a
//! store that keeps a file's lines with LF.
//!
//! # What is digested
//! The fields Date and Message-ID as they stand, the decoded From and Subject, and Content-Type where there is no
//! Message-ID (its boundary is what tells two such mails apart): each with its length in front. Then the number of
//! files, and of each its name, its SHA-256 and its size: both without the CRs before LF, unless these are its own (it came
//! in base64 and is no text). Then the text, line by line without blanks at the end of a line. Numbers are 8 bytes,
//! big-endian. So every digested text belongs to one mail only.
//!
//! # Failure
//! None. Time is linear in the size.
//!
//! # Trust
//! Reading leaves no word and no file out (parts beyond a limit are files), so what is equal here is equal to people.

use super::header::{self, Fields};
use super::list_copy::List;
use super::span::Span;
use super::transfer::Decoded;
use crate::mail::{NormalizedMail, Person};
use ring::digest;
use std::borrow::Cow;

/// Bytes that are gathered for a digest, which takes large pieces faster.
const HASHED_AT_ONCE: usize = 4 << 10;

/// A file whose lines end with CRLF, as it is with LF: what it is in a mail kept by a program that uses LF.
#[derive(Debug)]
pub(super) struct WithLf {
    /// Number of the part.
    part: u32,
    sha256: String,
    size: u64,
}

impl WithLf {
    /// `None` where the file's own digest says the same. In base64 every byte stands for itself; but a relay encodes
    /// texts as well.
    pub(super) fn of(file: &Decoded<'_>, part: u32) -> Option<WithLf> {
        let bytes = &*file.bytes;
        let first = memchr::memmem::find(bytes, b"\r\n")?;
        if file.is_base64 && memchr::memchr(0, bytes).is_some() {
            return None;
        }
        let mut lf = bytes.before(first).to_vec();
        let mut rest = bytes.after(first);
        while let Some(at) = memchr::memmem::find(rest, b"\r\n") {
            lf.extend_from_slice(rest.before(at));
            rest = rest.after(at + 1);
        }
        lf.extend_from_slice(rest);
        let sha256 = data_encoding::HEXLOWER.encode(digest::digest(&digest::SHA256, &lf).as_ref());
        Some(WithLf { part, sha256, size: lf.len() as u64 })
    }
}

/// The digest of a mail that is read, and its fields. `with_lf` are in the order of its files.
pub(super) fn of(fields: &Fields<'_>, mail: &NormalizedMail, with_lf: &[WithLf]) -> [u8; 32] {
    digest(fields, mail, mail.from.as_ref(), with_lf)
}

/// What [`of`] gives for the copies that did not come by the list which put itself into From of this one; see
/// `NormalizedMail::direct_hashes`.
pub(super) fn of_direct_copies(fields: &Fields<'_>, mail: &NormalizedMail, with_lf: &[WithLf]) -> Vec<[u8; 32]> {
    let authors = List::of(fields).map(|list| list.authors(fields, mail)).unwrap_or_default();
    authors.iter().map(|author| digest(fields, mail, Some(author), with_lf)).collect()
}

fn digest(fields: &Fields<'_>, mail: &NormalizedMail, from: Option<&Person>, with_lf: &[WithLf]) -> [u8; 32] {
    let mut hash = Hash { context: digest::Context::new(&digest::SHA256), gathered: Vec::with_capacity(HASHED_AT_ONCE) };
    let field = |name: &str| header::unfold(fields.get(name).unwrap_or_default());
    hash.field(field("Date").trim_ascii());
    hash.field(field("Message-ID").trim_ascii());
    if mail.message_id.is_none() {
        hash.field(field("Content-Type").trim_ascii());
    }
    hash.field(from.map_or("", |from| &from.name).as_bytes());
    hash.field(from.map_or("", |from| &from.address).as_bytes());
    let list = List::of(fields);
    hash.field(list.as_ref().map_or(Cow::Borrowed(mail.subject.as_str()), |list| list.subject(&mail.subject)).as_bytes());
    hash.number(mail.attachments.len() as u64);
    let mut with_lf = with_lf.iter().peekable();
    for file in &mail.attachments {
        let lf = with_lf.next_if(|lf| lf.part == file.part);
        hash.field(file.name.as_bytes());
        hash.field(lf.map_or(&file.sha256, |lf| &lf.sha256).as_bytes());
        hash.number(lf.map_or(file.size, |lf| lf.size));
    }
    hash.lines(list.map_or(mail.text.as_str(), |list| list.text(&mail.text)).as_bytes().trim_ascii());
    hash.finish()
}

struct Hash {
    context: digest::Context,
    gathered: Vec<u8>,
}

impl Hash {
    fn add(&mut self, bytes: &[u8]) {
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

    fn number(&mut self, number: u64) {
        self.add(&number.to_be_bytes());
    }

    fn field(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.add(bytes);
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

    /// A mail with a text and a file in base64.
    fn with_file(encoded: &str) -> String {
        format!(
            "From: a@b.example\nSubject: s\nMessage-ID: <1@b.example>\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nwords\n\
             --b\nContent-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: base64\n\n{encoded}\n--b--\n"
        )
    }

    const FILE: &str = "VGhlIHBhcGVycyBvZiB0aGUgaG91c2UsIHNpZ25lZC4=";

    #[test]
    fn it_is_of_what_two_deliveries_share() {
        let one = hash("Received: x\nFrom: a@b.example\nSubject: s\n\nbody\n");
        assert_eq!(one, hash("Received: y\r\nReceived: z\r\nFrom: a@b.example\r\nSubject: s\r\n\r\nbody \r\n\r\n"));
        assert_ne!(one, hash("From: a@b.example\nSubject: s\n\nother\n"));
    }

    #[test]
    fn how_relays_encode_it_makes_no_other_mail() {
        let head = "Message-ID: <1@b.example>\nDate: Tue, 24 Nov 2026 10:00:00 +0100\n";
        let eight = format!(
            "{head}From: Jörg Weiß <j@b.example>\nSubject: Größe\nContent-Type: text/plain; charset=utf-8\n\
             Content-Transfer-Encoding: 8bit\n\nDie Größe passt nicht.\n\nGrüße\n"
        );
        let seven = format!(
            "{head}From: =?utf-8?Q?J=C3=B6rg_Wei=C3=9F?= <j@b.example>\nSubject: =?iso-8859-1?Q?Gr=F6=DFe?=\n\
             Content-Type: text/plain; charset=\"iso-8859-1\"\nContent-Transfer-Encoding: quoted-printable\n\n\
             Die Gr=F6=DFe passt=\n nicht.\n\nGr=FC=DFe\n"
        );
        assert_eq!(hash(&eight), hash(&seven));
        assert_ne!(hash(&eight), hash(&eight.replace("passt nicht", "passt")));
    }

    #[test]
    fn the_copy_of_a_list_is_the_same_mail() {
        let said = "Message-ID: <1@b.example>\nFrom: Ann <a@b.example>\nTo: talk@lists.example\nCc: help@desk.example\n";
        let footer = "____________________\nTalk mailing list\nhttps://lists.example/talk\n";
        let direct = hash(&format!("{said}Subject: Lunch\n\nAt noon.\n"));
        let list = "List-Id: <talk.lists.example>\n";
        assert_eq!(direct, hash(&format!("{list}{said}Subject: [Talk] Lunch\n\nAt noon.\n\n{footer}")));
        // Without the list's fields these are words like any other, and other words above are other words.
        assert_ne!(direct, hash(&format!("{said}Subject: [Talk] Lunch\n\nAt noon.\n\n{footer}")));
        assert_ne!(
            direct,
            hash(&format!("List-Unsubscribe: <https://b.example/off>\n{said}Subject: Lunch\n\nAt noon.\n\n{footer}"))
        );
        assert_ne!(direct, hash(&format!("{list}{said}Subject: [Talk] Lunch\n\nAt one.\n\n{footer}")));
    }

    #[test]
    fn the_copy_of_a_list_that_put_itself_into_from_knows_the_direct_one() {
        let said = |from: &str, more: &str, end: &str| {
            normalize(
                format!(
                    "Message-ID: <1@b.example>\nDate: Tue, 24 Nov 2026 10:00:00 +0100\nFrom: {from}\nTo: talk@lists.example\n{more}\
                     Subject: Lunch\n\nAt noon.\n{end}"
                )
                .as_bytes(),
                &Limits::default(),
            )
        };
        let direct = |from: &str| said(from, "", "").content_hash;
        let (ann, bare) = (direct("Ann Lee <ann@b.example>"), direct("ann@b.example"));
        let list = "List-Id: Talk <talk.lists.example>\nList-Post: <mailto:talk@lists.example>\n";
        let footer = "\n____________________\nTalk mailing list\nhttps://lists.example/talk\n";
        for (from, more) in [
            ("Ann Lee via Talk <talk@lists.example>", "Reply-To: Ann Lee <ann@b.example>\n"),
            (
                "\"Ann Lee via Talk\" <talk@lists.example>",
                "Reply-To: talk@lists.example\nCc: x@c.example, Ann Lee <ann@b.example>\n",
            ),
            ("'Ann Lee' via Talk <talk@lists.example>", "X-Original-Sender: ann@b.example\n"),
            ("Ann Lee via Talk <talk@lists.example>", "X-Original-From: Ann Lee <ann@b.example>\nReply-To: talk@lists.example\n"),
            ("Ann Lee (via Talk list) <talk@lists.example>", "Reply-To: Ann Lee <ann@b.example>\n"),
            ("Ann Lee <ann=40b.example@dmarc.lists.example>", ""),
            ("Ann Lee <ann=b.example@lists.example>", ""),
            ("\"Ann Lee (ann@b.example)\" <talk@lists.example>", ""),
        ] {
            let copy = said(from, &format!("{list}{more}"), footer);
            assert!(copy.direct_hashes.contains(&ann), "{from} {more}");
            assert_ne!(copy.content_hash, ann, "the direct one is never left out for it");
            assert!(copy.direct_hashes.len() <= 12, "{}", copy.direct_hashes.len());
        }
        let copy = said("ann via Talk <talk@lists.example>", &format!("{list}Reply-To: ann@b.example\n"), footer);
        assert!(copy.direct_hashes.contains(&bare));
        // Other words, or no list that put itself there, or another author: another mail.
        let reply_to = "Reply-To: Ann Lee <ann@b.example>\n";
        for (from, more, end) in [
            ("Ann Lee via Talk <talk@lists.example>", format!("{list}{reply_to}"), "And bring Bob."),
            ("Ann Lee via Talk <talk@lists.example>", reply_to.to_owned(), ""),
            ("Mallory <m@m.example>", format!("{list}{reply_to}"), ""),
            ("Mallory <m@m.example>", format!("{list}X-Original-From: Ann Lee <ann@b.example>\n"), ""),
            ("Eve via Talk <talk@lists.example>", format!("{list}Reply-To: Eve <eve@b.example>\n"), ""),
        ] {
            assert!(!said(from, &more, end).direct_hashes.contains(&ann), "{from} {more}{end}");
        }
    }

    #[test]
    fn how_a_file_is_wrapped_and_parted_makes_no_other_mail() {
        let (left, right) = FILE.split_at(16);
        let one = hash(&with_file(FILE));
        for wrapped in [format!("{left}\n{right}"), format!("{left} \r\n{right}\n\n"), format!("\n{left}\n\t{right}")] {
            assert_eq!(one, hash(&with_file(&wrapped)), "{wrapped:?}");
        }
        assert_eq!(one, hash(&with_file(FILE).replace('\n', "\r\n")));
        assert_eq!(one, hash(&with_file(FILE).replace("boundary=b", "boundary=bb").replace("--b", "--bb")));
    }

    #[test]
    fn line_ends_of_a_file_make_no_other_mail() {
        for kind in ["message/rfc822", "text/csv; name=a.csv", "application/x-log; name=a.log"] {
            let raw = format!(
                "From: a@b.example\nMessage-ID: <1@b.example>\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nwords\n\
                 --b\nContent-Type: {kind}\nContent-Disposition: attachment\n\nSubject: x\n\none\ntwo\n--b\n\
                 Content-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: base64\n\n{FILE}\n--b--\n"
            );
            assert_eq!(hash(&raw), hash(&raw.replace('\n', "\r\n")), "{kind}");
            assert_ne!(hash(&raw), hash(&raw.replace("one\ntwo", "onetwo").replace('\n', "\r\n")), "{kind}");
        }
        let quoted = with_file("=00a\n=00b").replace("base64", "quoted-printable");
        assert_eq!(hash(&quoted), hash(&quoted.replace('\n', "\r\n")));
        // In base64 and no text, a CR is a byte like any other.
        let binary = |bytes: &[u8]| hash(&with_file(&data_encoding::BASE64.encode(bytes)));
        assert_ne!(binary(b"\0\r\n"), binary(b"\0\n"));
        assert_eq!(binary(b"a\r\nb\r\n\r\n"), binary(b"a\nb\n\n"));
    }

    #[test]
    fn other_words_files_names_and_fields_make_another_mail() {
        let raw = with_file(FILE);
        let one = hash(&raw);
        let changes = [
            ("words", "swords"),
            ("words", "words\n\nmore"),
            ("a.pdf", "b.pdf"),
            ("VGhl", "VGhm"),
            ("Subject: s", "Subject: t"),
            ("From: a@", "From: Ann <a@"),
            ("Message-ID: <1@", "Message-ID: <2@"),
            ("Subject: s", "Date: Tue, 24 Nov 2026 10:00:00 +0100\nSubject: s"),
        ];
        for (from, to) in changes {
            let other = raw.replacen(from, to, 1);
            assert_ne!(other, raw);
            assert_ne!(one, hash(&other), "{to}");
        }
    }

    #[test]
    fn without_a_message_id_a_boundary_tells_two_mails_apart() {
        let raw = with_file(FILE).replace("Message-ID: <1@b.example>\n", "");
        assert_ne!(hash(&raw), hash(&raw.replace("boundary=b", "boundary=bb").replace("--b", "--bb")));
        assert_eq!(hash(&raw), hash(&format!("Received: from relay\n{raw}")));
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
    fn words_do_not_pass_for_fields_or_files() {
        let plain = |subject: &str, text: &str| hash(&format!("From: a@b.example\nSubject: {subject}\n\n{text}\n"));
        assert_ne!(plain("a", "b"), plain("ab", ""));
        assert_ne!(plain("", "a\nb"), plain("a", "b"));
    }
}
