//! The structures that real programs produce, each with what it shows and what it attaches.
//!
//! # Failure
//! None; the room's promises are those of [`super`].

use super::compose::Setting;
use super::dice::Dice;
use super::draft::{Content, Part, Transfer};
use super::letter::Letter;
use super::letters::{Charset, UTF_8};
use super::truth::{TrueFile, Truth, words};

/// What a mail looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Shape {
    Plain,
    Flowed,
    Html,
    Alternative,
    Mixed,
    MixedAlternative,
    Related,
    OutlookFull,
    AppleOrder,
    Signed,
    Pgp,
    NestedMail,
    ForwardedMail,
    Calendar,
    Reply,
    ReplyHtml,
    List,
    AutoReply,
    Bounce,
    Delay,
    Machine,
    ImageOnly,
    Empty,
}

const SHAPES: &[(Shape, &str, usize)] = &[
    (Shape::Plain, "plain", 14),
    (Shape::Flowed, "flowed", 5),
    (Shape::Html, "html", 8),
    (Shape::Alternative, "alternative", 12),
    (Shape::Mixed, "mixed", 10),
    (Shape::MixedAlternative, "mixed-alternative", 6),
    (Shape::Related, "related", 5),
    (Shape::OutlookFull, "outlook-full", 5),
    (Shape::AppleOrder, "apple-order", 4),
    (Shape::Signed, "signed", 4),
    (Shape::Pgp, "pgp", 2),
    (Shape::NestedMail, "nested-mail", 3),
    (Shape::ForwardedMail, "forwarded-mail", 3),
    (Shape::Calendar, "calendar", 3),
    (Shape::Reply, "reply", 12),
    (Shape::ReplyHtml, "reply-html", 10),
    (Shape::List, "list", 4),
    (Shape::AutoReply, "auto-reply", 4),
    (Shape::Bounce, "bounce", 4),
    (Shape::Delay, "delay", 1),
    (Shape::Machine, "machine", 4),
    (Shape::ImageOnly, "image-only", 2),
    (Shape::Empty, "empty", 1),
];

impl Shape {
    /// Frequent ones more often.
    pub fn of_chance(dice: &mut Dice) -> Shape {
        let all: usize = SHAPES.iter().map(|s| s.2).sum();
        let mut at = dice.below(all);
        for (shape, _, weight) in SHAPES {
            if at < *weight {
                return *shape;
            }
            at -= weight;
        }
        Shape::Plain
    }

    /// Its word.
    #[must_use]
    pub fn name(self) -> &'static str {
        SHAPES.iter().find(|s| s.0 == self).map_or("plain", |s| s.1)
    }
}

/// The body of one mail being written.
pub(super) struct Writing<'a> {
    pub(super) dice: &'a mut Dice,
    pub(super) setting: &'a Setting,
    pub(super) charset: Charset,
    pub(super) letter: &'a Letter,
    pub(super) truth: &'a mut Truth,
}

impl Writing<'_> {
    /// The root part of a shape; what it says goes into the truth.
    pub(super) fn root(&mut self, shape: Shape) -> Part {
        let plain = self.letter.plain(self.setting.program, self.setting.language);
        let is_reply = matches!(shape, Shape::Reply | Shape::ReplyHtml);
        self.truth.words = words(&plain);
        match shape {
            Shape::Plain | Shape::Reply | Shape::AutoReply => {
                self.truth.text = Some(plain.clone());
                if self.letter.signature.is_empty() || is_reply {
                    self.truth.reply = Some(self.letter.own_words());
                }
                self.text("text/plain", plain)
            }
            Shape::List => {
                let text = format!(
                    "{plain}\n\n_______________________________________________\n{} mailing list\nhttps://lists.example/{}",
                    self.setting.language.firm, self.setting.language.firm
                );
                self.truth.words = words(&text);
                self.truth.text = Some(text.clone());
                self.text("text/plain", text)
            }
            Shape::Flowed => self.flowed(),
            Shape::Html | Shape::Machine => {
                self.truth.words = self.letter.html_words(self.setting.program, self.setting.language);
                self.html("")
            }
            Shape::Alternative => {
                self.truth.reply = Some(self.letter.own_words());
                self.alternative("")
            }
            Shape::ReplyHtml => {
                self.truth.reply = Some(self.letter.own_words());
                self.truth.words = self.letter.html_words(self.setting.program, self.setting.language);
                if self.dice.chance(50) {
                    return self.html("");
                }
                self.alternative("")
            }
            Shape::Mixed => {
                self.truth.text = Some(plain.clone());
                let mut parts = vec![self.text("text/plain", plain)];
                let n = self.dice.within(1, 3);
                parts.extend((0..n).map(|_| self.file()));
                self.multipart("mixed", parts)
            }
            Shape::MixedAlternative => {
                let parts = vec![self.alternative(""), self.file()];
                self.multipart("mixed", parts)
            }
            Shape::Related => {
                let (image, tag) = self.inline_image();
                let parts = vec![self.alternative(&tag), image];
                self.multipart("related", parts)
            }
            Shape::OutlookFull => {
                let (image, tag) = self.inline_image();
                let related = vec![self.alternative(&tag), image];
                let parts = vec![self.multipart("related", related), self.file()];
                self.multipart("mixed", parts)
            }
            Shape::AppleOrder => self.apple_order(),
            Shape::Signed | Shape::Pgp => self.signed(shape, plain),
            Shape::NestedMail | Shape::ForwardedMail => self.nested(shape, plain),
            Shape::Calendar => self.calendar(),
            Shape::Bounce | Shape::Delay => self.bounce(shape),
            Shape::ImageOnly => {
                self.truth.words.clear();
                self.truth.text = Some(String::new());
                let parts = vec![self.text("text/plain", String::new()), self.image_file()];
                self.multipart("mixed", parts)
            }
            Shape::Empty => {
                self.truth.words.clear();
                self.truth.text = Some(String::new());
                self.text("text/plain", String::new())
            }
        }
    }

    fn text(&mut self, kind: &str, text: String) -> Part {
        let mut part = Part::new(kind, Content::Text(text.clone()));
        let charset = if self.charset.encode(&text).is_some() { self.charset } else { UTF_8 };
        part.charset = charset;
        let quoted = self.dice.chance(50);
        part.label = Some(if quoted { format!("\"{}\"", charset.label) } else { charset.label.to_owned() });
        let is_ascii = charset.encode(&text).is_some_and(|b| b.is_ascii());
        let letters: Vec<char> = self.setting.program.transfers.chars().collect();
        part.transfer = match self.dice.pick(&letters) {
            _ if charset.is_seven_bit() && charset.label != "us-ascii" => Transfer::SevenBit,
            'b' => Transfer::Base64,
            'q' => Transfer::QuotedPrintable,
            _ if is_ascii => Transfer::SevenBit,
            _ => Transfer::EightBit,
        };
        part
    }

    fn html(&mut self, more: &str) -> Part {
        let head = match self.dice.below(3) {
            0 => String::new(),
            1 => "<style type=\"text/css\">p { margin: 0; color: #222 }</style>\n".to_owned(),
            _ => "<title>mail</title>\n<meta name=\"generator\" content=\"x\">\n".to_owned(),
        };
        let html = self.letter.html(self.setting.program, self.setting.language, &head, more);
        self.text("text/html", html)
    }

    fn alternative(&mut self, more: &str) -> Part {
        let plain = self.letter.plain(self.setting.program, self.setting.language);
        self.truth.text = Some(plain.clone());
        self.truth.words = words(&plain);
        let parts = vec![self.text("text/plain", plain), self.html(more)];
        self.multipart("alternative", parts)
    }

    fn multipart(&mut self, subtype: &str, parts: Vec<Part>) -> Part {
        let boundary = self.setting.program.new_boundary(self.dice);
        let mut part = Part::multipart(subtype, boundary, parts);
        if self.dice.chance(30) {
            part.boundary.preamble = "This is a multi-part message in MIME format.".to_owned();
        }
        part
    }

    /// RFC 3676: paragraphs flow; a blank at the end of a line says so.
    fn flowed(&mut self) -> Part {
        let joined: Vec<String> = self.letter.paragraphs.iter().map(|p| p.join(" ")).collect();
        let blanks = !self.setting.language.is_without_blanks();
        let on_wire: Vec<String> =
            self.letter.paragraphs.iter().map(|p| if blanks { p.join(" \n") } else { p.join(" ") }).collect();
        let text = joined.join("\n\n");
        self.truth.words = words(&text);
        self.truth.text = Some(text);
        let mut part = self.text("text/plain", on_wire.join("\n\n"));
        part.more = "; format=flowed".to_owned();
        part
    }

    /// A file of chance, listed.
    fn file(&mut self) -> Part {
        if self.dice.chance(40) {
            return self.image_file();
        }
        let own = self.dice.chance(60);
        let listed: Vec<&String> = self.setting.language.files.iter().filter(|f| !f.ends_with(".jpg")).collect();
        let name = if own && !listed.is_empty() {
            (*self.dice.pick(&listed)).clone()
        } else {
            (*self.dice.pick(&["invoice 2026.pdf", "data.zip", "table.xlsx", "contract.docx", "values.csv"])).to_owned()
        };
        let (kind, magic): (&str, &[u8]) = match name.rsplit('.').next().unwrap_or_default() {
            "pdf" => ("application/pdf", b"%PDF-1.4\n"),
            "xlsx" => ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", b"PK\x03\x04"),
            "docx" => ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", b"PK\x03\x04"),
            "csv" => ("text/csv", b"day;hours\r\n1;7\r\n2;8\r\n"),
            _ => ("application/zip", b"PK\x03\x04"),
        };
        self.attach(name, kind, magic)
    }

    fn image_file(&mut self) -> Part {
        let own: Vec<&String> = self.setting.language.files.iter().filter(|f| f.ends_with(".jpg")).collect();
        let name = own.first().map_or_else(|| "photo.jpg".to_owned(), |n| (*n).clone());
        self.attach(name, "image/jpeg", b"\xff\xd8\xff\xe0\x00\x10JFIF")
    }

    fn attach(&mut self, name: String, kind: &str, magic: &[u8]) -> Part {
        let n = self.dice.within(20, 900);
        let mut bytes = magic.to_vec();
        if kind != "text/csv" {
            bytes.extend(self.dice.bytes(n));
        }
        self.truth.attachments.push(TrueFile::of(Some(&name), kind, &bytes, false));
        let mut part = Part::new(kind, Content::Bytes(bytes));
        part.transfer = Transfer::Base64;
        part.disposition = Some("attachment");
        part.name = Some(name);
        part
    }

    /// An image that the html shows, and the element that shows it.
    fn inline_image(&mut self) -> (Part, String) {
        let n = self.dice.within(40, 400);
        let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
        bytes.extend(self.dice.bytes(n));
        let id = format!("image001.png@01D{}.{}", self.dice.hex(5).to_uppercase(), self.dice.hex(8).to_uppercase());
        self.truth.attachments.push(TrueFile::of(Some("image001.png"), "image/png", &bytes, true));
        let mut part = Part::new("image/png", Content::Bytes(bytes));
        part.transfer = Transfer::Base64;
        part.disposition = Some("inline");
        part.name = Some("image001.png".to_owned());
        part.id = Some(id.clone());
        (part, format!("<p><img width=\"120\" src=\"cid:{id}\"></p>\n"))
    }

    /// Apple Mail: what stands before and after a file are texts of their own.
    fn apple_order(&mut self) -> Part {
        let split = self.letter.paragraphs.len() / 2;
        let (before, after) = self.letter.paragraphs.split_at(split);
        let html = |paragraphs: &[Vec<String>]| {
            let letter = Letter { paragraphs: paragraphs.to_vec(), signature: Vec::new(), quote: None };
            letter.html(self.setting.program, self.setting.language, "", "")
        };
        let (first, last) = (html(before), html(after));
        self.truth.words = self.letter.own_words();
        let plain = self.letter.plain(self.setting.program, self.setting.language);
        let with_plain = self.dice.chance(50);
        let parts = vec![self.text("text/html", first), self.file(), self.text("text/html", last)];
        let mixed = self.multipart("mixed", parts);
        if !with_plain {
            return mixed;
        }
        let parts = vec![self.text("text/plain", plain), mixed];
        self.multipart("alternative", parts)
    }

    fn signed(&mut self, shape: Shape, plain: String) -> Part {
        self.truth.text = Some(plain.clone());
        let text = self.text("text/plain", plain);
        let bytes = self.dice.bytes(300);
        let (kind, name, protocol) = if shape == Shape::Pgp {
            ("application/pgp-signature", "signature.asc", "application/pgp-signature")
        } else {
            ("application/pkcs7-signature", "smime.p7s", "application/pkcs7-signature")
        };
        let bytes = if shape == Shape::Pgp {
            format!(
                "-----BEGIN PGP SIGNATURE-----\n\n{}\n-----END PGP SIGNATURE-----\n",
                data_encoding::BASE64.encode(&bytes[..60])
            )
            .into_bytes()
        } else {
            bytes
        };
        self.truth.attachments.push(TrueFile::of(Some(name), kind, &bytes, false));
        let mut signature = Part::new(kind, Content::Bytes(bytes));
        signature.transfer = Transfer::Base64;
        signature.name = Some(name.to_owned());
        signature.disposition = Some("attachment");
        let mut part = self.multipart("signed", vec![text, signature]);
        part.more = format!(";\r\n protocol=\"{protocol}\"; micalg=sha-256");
        part
    }

    /// A mail within the mail: marked as a file, or shown below.
    fn nested(&mut self, shape: Shape, plain: String) -> Part {
        let l = self.setting.language;
        let inner = Letter::new(self.dice, l, "Ann");
        let inner_text = inner.plain(self.setting.program, l);
        let bytes = format!(
            "From: ann@partner.example\r\nDate: {}\r\nSubject: inner letter\r\nMessage-ID: <{}@partner.example>\r\n\
             MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{}\r\n",
            self.setting.when.field(),
            self.dice.hex(12),
            inner_text.replace('\n', "\r\n")
        );
        // Line ends of a text may change on the way, so its digest is not known.
        self.truth.attachments.push(TrueFile {
            name: Some("inner letter.eml".to_owned()),
            content_type: "message/rfc822".to_owned(),
            sha256: None,
            size: 0,
            inline: false,
        });
        let mut mail = Part::new("message/rfc822", Content::Encoded(bytes.into_bytes()));
        mail.transfer = Transfer::EightBit;
        if shape == Shape::NestedMail {
            mail.disposition = Some("attachment");
            self.truth.text = Some(plain.clone());
        } else {
            self.truth.words = words(&plain);
            self.truth.gap = Some(self.truth.words.len());
            self.truth.words.extend(words(&inner_text));
            self.truth.reply = Some(self.letter.own_words()).filter(|_| self.letter.signature.is_empty());
        }
        let parts = vec![self.text("text/plain", plain), mail];
        self.multipart("mixed", parts)
    }

    fn calendar(&mut self) -> Part {
        let mut alternative = self.alternative("");
        let s = self.setting;
        let event = format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//{}//EN\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:{}@{}\r\n\
             DTSTART:20260310T090000Z\r\nDTEND:20260310T100000Z\r\nSUMMARY:{}\r\nORGANIZER:mailto:{}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
            s.program.name,
            self.dice.hex(16),
            s.domain,
            s.subject,
            s.author.address
        );
        self.truth.attachments.push(TrueFile::of(None, "text/calendar", event.as_bytes(), false));
        let mut part = Part::new("text/calendar", Content::Encoded(event.into_bytes()));
        part.label = Some("utf-8".to_owned());
        part.more = "; method=REQUEST".to_owned();
        part.transfer = Transfer::Base64;
        if let Content::Parts(children) = &mut alternative.content {
            children.push(part);
        }
        alternative
    }

    fn bounce(&mut self, shape: Shape) -> Part {
        let s = self.setting;
        let recipient = format!("{}@gone.{}", s.author.address.split('@').next().unwrap_or("x"), s.domain);
        let (action, status, said) = if shape == Shape::Delay {
            ("delayed", "4.4.1", "connect to mx.gone.example[192.0.2.9]:25: Connection timed out")
        } else {
            *self.dice.pick(&[
                ("failed", "5.1.1", "550 5.1.1 The address is not known here"),
                ("failed", "5.2.2", "552 5.2.2 There is no room left in this box"),
                ("failed", "5.7.1", "554 5.7.1 We do not take this"),
                ("failed", "5.4.4", "Host or domain name not found"),
            ])
        };
        let original = s.program.new_id(self.dice, "desk.example");
        let note = format!(
            "This is the mail system at host mx.{}.\n\nYour letter could not be handed over to the person named below.\n\n<{recipient}>: {said}",
            s.domain
        );
        self.truth.words = words(&note);
        self.truth.text = Some(note.clone());
        self.truth.bounce = vec![(recipient.clone(), status.to_owned())];
        self.truth.bounced_id = Some(original.clone());
        let status = format!(
            "Reporting-MTA: dns; mx.{}\r\nArrival-Date: {}\r\n\r\nFinal-Recipient: rfc822; {recipient}\r\nAction: {action}\r\n\
             Status: {status}\r\nDiagnostic-Code: smtp; {said}\r\n",
            s.domain,
            s.when.field()
        );
        let headers = format!(
            "Received: from desk.example\r\nFrom: support@desk.example\r\nTo: {recipient}\r\nSubject: answer\r\nDate: {}\r\nMessage-ID: <{original}>\r\n",
            s.when.field()
        );
        let whole = self.dice.chance(50);
        let mut report = self.text("text/plain", note);
        report.extra.push("Content-Description: Notification".to_owned());
        let mut machine = Part::new("message/delivery-status", Content::Encoded(status.into_bytes()));
        machine.extra.push("Content-Description: Delivery report".to_owned());
        let (kind, bytes) =
            if whole { ("message/rfc822", format!("{headers}\r\nWhat we wrote.\r\n")) } else { ("text/rfc822-headers", headers) };
        let original = Part::new(kind, Content::Encoded(bytes.into_bytes()));
        for content_type in ["message/delivery-status", kind] {
            self.truth.attachments.push(TrueFile {
                name: None,
                content_type: content_type.to_owned(),
                sha256: None,
                size: 0,
                inline: false,
            });
        }
        let mut part = self.multipart("report", vec![report, machine, original]);
        part.more = "; report-type=delivery-status".to_owned();
        part
    }
}
