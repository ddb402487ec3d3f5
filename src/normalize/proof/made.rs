//! Mails made by a grammar: parts, boundaries, encodings, nesting, labels and oddities, with their truth.
//!
//! Every oddity here is one that real programs write and that leaves the meaning beyond doubt, so what
//! the reader must find is known: each word that is shown, each file's bytes, subject and sender.
//!
//! # Failure
//! None: any bytes make a mail.

use super::super::normalize;
use super::choice::Choices;
use crate::limits::Limits;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// Words of a language, and the charsets its mails are written in.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Script {
    pub(super) words: &'static [&'static str],
    pub(super) charsets: &'static [&'static str],
}

/// The languages of made mails.
pub(super) const SCRIPTS: &[Script] = &[
    Script { words: &["water", "gate", "tide", "harbour"], charsets: &["utf-8", "us-ascii", "iso-8859-1", "windows-1252"] },
    Script {
        words: &["Schlüssel", "größer", "Übung", "heiß"],
        charsets: &["utf-8", "iso-8859-1", "windows-1252", "iso-8859-15"],
    },
    Script { words: &["déjà", "forêt", "garçon", "Noël"], charsets: &["utf-8", "iso-8859-1", "windows-1252"] },
    Script { words: &["żółw", "gęś", "źródło", "łódź"], charsets: &["utf-8", "iso-8859-2", "windows-1250"] },
    Script { words: &["říční", "kůň", "žluť", "město"], charsets: &["utf-8", "iso-8859-2", "windows-1250"] },
    Script {
        words: &["река", "ворота", "прилив", "гавань"],
        charsets: &["utf-8", "koi8-r", "windows-1251", "iso-8859-5", "cp866"],
    },
    Script { words: &["їжак", "ґанок", "річка", "щогла"], charsets: &["utf-8", "koi8-u", "windows-1251"] },
    Script {
        words: &["θάλασσα", "λιμάνι", "πύλη", "νερό"], charsets: &["utf-8", "iso-8859-7", "windows-1253"]
    },
    Script { words: &["ağaç", "şişe", "İzmir", "ışık"], charsets: &["utf-8", "iso-8859-9", "windows-1254"] },
    Script { words: &["שער", "מים", "נמל", "גאות"], charsets: &["utf-8", "windows-1255", "iso-8859-8-i"] },
    Script { words: &["باب", "ماء", "ميناء", "بحر"], charsets: &["utf-8", "windows-1256", "iso-8859-6"] },
    Script {
        words: &["ประตู", "น้ำ", "ทะเล", "ท่าเรือ"], charsets: &["utf-8", "windows-874"]
    },
    Script { words: &["港口", "潮汐", "闸门", "河水"], charsets: &["utf-8", "gb2312", "gbk", "gb18030"] },
    Script { words: &["港口", "潮汐", "閘門", "河水"], charsets: &["utf-8", "big5"] },
    Script {
        words: &["港の門", "潮の流れ", "みず", "カモメ"], charsets: &["utf-8", "iso-2022-jp", "shift_jis", "euc-jp"]
    },
    Script { words: &["바다", "항구", "수문", "물결"], charsets: &["utf-8", "euc-kr", "ks_c_5601-1987"] },
    Script { words: &["नदी", "जल", "द्वार", "समुद्र"], charsets: &["utf-8"] },
];

/// Text in a charset; `None` where it has not all the letters.
pub(super) fn encode(text: &str, label: &str) -> Option<Vec<u8>> {
    let encoding = encoding_rs::Encoding::for_label(label.as_bytes())?;
    let (bytes, used, lacking) = encoding.encode(text);
    (!lacking && used == encoding && (label != "us-ascii" || text.is_ascii())).then(|| bytes.into_owned())
}

/// A made mail and what it says.
#[derive(Debug, Default, Clone)]
pub struct Made {
    /// The mail.
    pub raw: Vec<u8>,
    /// Every word that must be shown; each is in the mail once, or in all alternatives.
    pub words: Vec<String>,
    /// SHA-256 of each file, in order.
    pub files: Vec<String>,
    /// Their names, where they are beyond doubt.
    pub names: Vec<String>,
    /// The subject.
    pub subject: String,
    /// The sender's address.
    pub from: String,
}

impl Made {
    /// The mail these bytes choose.
    #[must_use]
    pub fn by(bytes: &[u8]) -> Made {
        let mut maker = Maker { choices: Choices::new(bytes), made: Made::default(), boundaries: 0, parts: 0 };
        maker.mail();
        maker.made
    }
}

/// The bytes choose a mail; it is read as it was meant, and as any mail is.
pub fn made(data: &[u8]) {
    let made = Made::by(data);
    let mail = normalize(&made.raw, &Limits::default());
    let raw = || String::from_utf8(made.raw.iter().map(|b| if b.is_ascii() { *b } else { b'?' }).collect()).unwrap_or_default();
    for word in &made.words {
        assert!(mail.text.contains(word.as_str()), "{word:?} is missing in {:?} of\n{}", mail.text, raw());
    }
    let files: Vec<&str> = mail.attachments.iter().map(|a| a.sha256.as_str()).collect();
    assert_eq!(files, made.files, "other files ({:?}) in\n{}", mail.attachments, raw());
    let names: Vec<&str> = mail.attachments.iter().map(|a| a.name.as_str()).collect();
    assert_eq!(names, made.names, "other names in\n{}", raw());
    assert_eq!(mail.subject, made.subject, "another subject in\n{}", raw());
    assert_eq!(mail.from.as_ref().map(|p| p.address.as_str()), Some(made.from.as_str()), "another sender in\n{}", raw());
    super::mail::check(&made.raw, &mail);
}

/// Multiparts within multiparts.
const DEPTH_MAX: usize = 6;
/// Parts of one mail.
const PARTS_MAX: usize = 24;

struct Maker<'a> {
    choices: Choices<'a>,
    made: Made,
    boundaries: usize,
    parts: usize,
}

/// What a part is.
enum Part {
    Text { html: bool },
    File,
    Mixed,
    Alternative,
    Related,
}

impl Maker<'_> {
    fn mail(&mut self) {
        match self.choices.below(8) {
            5 => self.line("From ann@a.example Tue Jan  1 10:20:30 2030"),
            6 => self.line(""),
            7 => self.made.raw.extend(b"\xef\xbb\xbf"),
            _ => {}
        }
        self.made.from = self.choices.one_of(&["ann@a.example", "bob.smith@b.example", "c+d@c-d.example"]).to_owned();
        let script = self.choices.one_of(SCRIPTS);
        let mut fields = vec![("From", self.sender(script)), ("Subject", self.subject(script))];
        fields.push(("Date", "Tue, 1 Jan 2030 10:20:30 +0100".to_owned()));
        fields.push(("To", "desk@desk.example".to_owned()));
        if self.choices.rarely(3) {
            fields.push(("MIME-Version", "1.0".to_owned()));
        }
        if self.choices.rarely(4) {
            fields.push((
                "Received",
                "from x.example (x.example [192.0.2.1])\n\tby y.example; Tue, 1 Jan 2030 10:20:31 +0100".to_owned(),
            ));
        }
        if self.choices.rarely(2) {
            fields.reverse();
        }
        for (name, value) in fields {
            self.field(name, &value);
        }
        self.part(0, false);
        if self.choices.rarely(2) {
            // As most mail comes.
            let raw = std::mem::take(&mut self.made.raw);
            for byte in raw {
                if byte == b'\n' {
                    self.made.raw.push(b'\r');
                }
                self.made.raw.push(byte);
            }
        }
    }

    fn line(&mut self, text: &str) {
        self.made.raw.extend_from_slice(text.as_bytes());
        self.made.raw.push(b'\n');
    }

    fn field(&mut self, name: &str, value: &str) {
        let name = match self.choices.below(6) {
            4 => name.to_lowercase(),
            5 => name.to_uppercase(),
            _ => name.to_owned(),
        };
        let colon = self.choices.one_of(&[": ", ":", ":  ", ":\n ", ":\t", " : "]);
        self.line(&format!("{name}{colon}{value}"));
    }

    fn sender(&mut self, script: Script) -> String {
        let address = self.made.from.clone();
        let name = format!("{} {}", self.choices.one_of(script.words), self.choices.one_of(script.words));
        match self.choices.below(5) {
            0 => address,
            1 => format!("{name} <{address}>"),
            2 => format!("\"{name}\" <{address}>"),
            3 => format!("=?utf-8?B?{}?= <{address}>", STANDARD.encode(name)),
            _ => format!("<{address}>"),
        }
    }

    fn subject(&mut self, script: Script) -> String {
        let count = 1 + self.choices.below(5);
        let text = (0..count).map(|_| self.choices.one_of(script.words)).collect::<Vec<_>>().join(" ");
        self.made.subject.clone_from(&text);
        let label = self.choices.one_of(script.charsets);
        match (self.choices.below(3), encode(&text, label)) {
            (0, Some(bytes)) => format!("=?{label}?B?{}?=", STANDARD.encode(bytes)),
            (1, Some(bytes)) => {
                let words: String = bytes.iter().map(|b| if *b == b' ' { "_".to_owned() } else { format!("={b:02X}") }).collect();
                format!("=?{label}?Q?{words}?=")
            }
            _ => text,
        }
    }

    /// A word that is in the mail only once.
    fn word(&mut self, script: Script) -> String {
        let word = format!("{}{}", self.choices.one_of(script.words), 100 + self.made.words.len());
        self.made.words.push(word.clone());
        word
    }

    /// Writes a part: its fields, the blank line, its body. `file_only`: where a text would not be shown.
    fn part(&mut self, depth: usize, file_only: bool) {
        self.parts += 1;
        let room = depth < DEPTH_MAX && self.parts < PARTS_MAX && !self.choices.is_over();
        let kind = match self.choices.below(8) {
            _ if file_only => Part::File,
            1 => Part::Text { html: true },
            2 if depth > 0 => Part::File,
            3 | 4 if room => Part::Mixed,
            5 if room => Part::Alternative,
            6 if room => Part::Related,
            _ => Part::Text { html: false },
        };
        match kind {
            Part::Text { html } => {
                let words = self.sentence();
                self.text(html, &words);
            }
            Part::File => self.file(),
            Part::Mixed => {
                let count = 1 + self.choices.below(4);
                self.multipart("mixed", |maker, open| {
                    for _ in 0..count {
                        open(maker);
                        maker.part(depth + 1, false);
                    }
                });
            }
            Part::Alternative => {
                let words = self.sentence();
                self.multipart("alternative", |maker, open| {
                    open(maker);
                    maker.text(false, &words);
                    open(maker);
                    maker.text(true, &words);
                });
            }
            Part::Related => {
                let words = self.sentence();
                let count = self.choices.below(3);
                self.multipart("related", |maker, open| {
                    open(maker);
                    maker.text(true, &words);
                    for _ in 0..count {
                        open(maker);
                        maker.part(depth + 1, true);
                    }
                });
            }
        }
    }

    fn sentence(&mut self) -> (Script, Vec<String>) {
        let script = self.choices.one_of(SCRIPTS);
        let count = 3 + self.choices.below(12);
        (script, (0..count).map(|_| self.word(script)).collect())
    }

    fn multipart(&mut self, kind: &str, parts: impl FnOnce(&mut Self, &dyn Fn(&mut Self))) {
        self.boundaries += 1;
        let stem = self.choices.one_of(&["b", "----=_NextPart", "=_mixed (1)", "0", "--", "boundary'", "a b"]);
        // Inner boundaries often begin like outer ones.
        let boundary = format!("{stem}{}", "x".repeat(self.boundaries));
        let form = match self.choices.below(4) {
            1 if boundary.bytes().all(|b| b.is_ascii_alphanumeric()) => format!("multipart/{kind}; boundary={boundary}"),
            2 => format!("Multipart/{kind};\n\tcharset=\"utf-8\";\n\tboundary=\"{boundary}\""),
            3 => format!("multipart/{kind} ; BOUNDARY = \"{boundary}\""),
            _ => format!("multipart/{kind}; boundary=\"{boundary}\""),
        };
        self.field("Content-Type", &form);
        self.line("");
        if self.choices.rarely(4) {
            self.line("This is a multi-part message in MIME format.");
        }
        let trailing = self.choices.one_of(&["", "", " ", "\t "]);
        let delimiter = format!("--{boundary}{trailing}");
        parts(self, &|maker: &mut Self| {
            if !maker.made.raw.ends_with(b"\n") {
                maker.line("");
            }
            maker.line(&delimiter);
        });
        if !self.made.raw.ends_with(b"\n") {
            self.line("");
        }
        // The outermost one may be cut off.
        if self.boundaries > 1 || !self.choices.rarely(5) {
            self.line(&format!("--{boundary}--{trailing}"));
        } else {
            // A blank line behind it would be the last part's.
            return;
        }
        if self.choices.rarely(4) {
            self.line("");
        }
    }

    fn text(&mut self, html: bool, (script, words): &(Script, Vec<String>)) {
        let per_line = 1 + self.choices.below(6);
        let lines: Vec<String> = words.chunks(per_line).map(|l| l.join(" ")).collect();
        let mut label = self.choices.one_of(script.charsets);
        let text = if html {
            let form = self.choices.below(4);
            let joined = match form {
                1 => lines.iter().map(|l| format!("<p>{l}</p>\n")).collect::<String>(),
                2 => format!("<table><tr><td>{}</td></tr></table>", lines.join("</td>\n<td>")),
                3 => format!("<ul><li>{}</ul>", lines.join("\n<li>")),
                _ => format!("<div>{}</div>", lines.join("<br>\n")),
            };
            format!("<html><body>{joined}</body></html>\n")
        } else {
            lines.join("\n") + "\n"
        };
        let bytes = encode(&text, label).unwrap_or_else(|| {
            label = "utf-8";
            text.clone().into_bytes()
        });
        let subtype = if html { "html" } else { "plain" };
        let flowed = if !html && self.choices.rarely(6) { "; format=flowed" } else { "" };
        let spelled = match self.choices.below(5) {
            1 => format!("\"{label}\""),
            2 => label.to_uppercase(),
            3 => format!("{label} "),
            _ => label.to_owned(),
        };
        self.field("Content-Type", &format!("text/{subtype}; charset={spelled}{flowed}"));
        if self.choices.rarely(5) {
            self.field("Content-Disposition", "inline");
        }
        self.body(&bytes, true);
    }

    fn file(&mut self) {
        let count = self.choices.below(120);
        let seed = self.choices.byte();
        let mut bytes: Vec<u8> = (0..count).map(|i| (i as u8).wrapping_mul(seed | 1).wrapping_add(seed)).collect();
        // Told apart, and no text: nothing in it looks like mail.
        bytes.extend([0x89, 0, 0xff, self.made.files.len() as u8]);
        self.made.files.push(data_encoding::HEXLOWER.encode(&Sha256::digest(&bytes)));
        let script = self.choices.one_of(SCRIPTS);
        let name = format!("{} {}.bin", self.choices.one_of(script.words), self.made.files.len());
        let (kind, disposition) = match self.choices.below(4) {
            1 => {
                let mut value = String::new();
                for byte in name.bytes() {
                    let _ = write!(value, "%{byte:02x}");
                }
                // In pieces of whole bytes (RFC 2231 section 3).
                let (one, two) = value.split_at(value.len() / 6 * 3);
                (
                    "application/octet-stream".to_owned(),
                    Some(format!("attachment;\n filename*0*=utf-8''{one};\n filename*1*={two}")),
                )
            }
            2 => (format!("application/x-tide; name=\"=?utf-8?B?{}?=\"", STANDARD.encode(&name)), Some("attachment".to_owned())),
            3 => (format!("image/x-tide; name=\"{name}\""), Some(format!("inline; filename=\"{name}\""))),
            _ => ("application/octet-stream".to_owned(), Some(format!("attachment; filename=\"{name}\""))),
        };
        self.made.names.push(name);
        self.field("Content-Type", &kind);
        if let Some(disposition) = disposition {
            self.field("Content-Disposition", &disposition);
        }
        if self.choices.rarely(4) {
            let id = format!("<part{}@a.example>", self.parts);
            self.field("Content-ID", &id);
        }
        self.body(&bytes, false);
    }

    /// The transfer encoding, the blank line and the encoded bytes.
    fn body(&mut self, bytes: &[u8], is_text: bool) {
        let choice = self.choices.below(4);
        match choice {
            0 if is_text => {
                let eight = self.choices.one_of(&["8bit", "8BIT", "binary", "7bit"]);
                self.field("Content-Transfer-Encoding", eight);
                self.line("");
                self.made.raw.extend_from_slice(bytes);
            }
            1 => {
                let name =
                    self.choices.one_of(&["quoted-printable", "Quoted-Printable", "quoted-printable ", "\"quoted-printable\""]);
                self.field("Content-Transfer-Encoding", name);
                self.line("");
                let lower = self.choices.rarely(3);
                let width = 20 + self.choices.below(57);
                let mut column = 0;
                for (at, byte) in bytes.iter().enumerate() {
                    if is_text && *byte == b'\n' {
                        self.made.raw.push(b'\n');
                        column = 0;
                        continue;
                    }
                    if column + 3 >= width {
                        self.made.raw.extend_from_slice(b"=\n");
                        column = 0;
                    }
                    let ends_line = matches!(bytes.get(at + 1), None | Some(b'\n'));
                    if matches!(byte, b'!'..=b'<' | b'>'..=b'~') || (*byte == b' ' && !ends_line) {
                        self.made.raw.push(*byte);
                        column += 1;
                    } else {
                        let hex = if lower { format!("={byte:02x}") } else { format!("={byte:02X}") };
                        self.made.raw.extend_from_slice(hex.as_bytes());
                        column += 3;
                    }
                }
                if !is_text {
                    // A file has no line end of its own.
                    self.made.raw.extend_from_slice(b"=\n");
                }
            }
            _ => {
                let name = self.choices.one_of(&["base64", "BASE64", "Base64 ", "base64;"]);
                self.field("Content-Transfer-Encoding", name);
                self.line("");
                let width = 4 + 4 * self.choices.below(30);
                let mut encoded = STANDARD.encode(bytes);
                if self.choices.rarely(6) {
                    // Some writers leave out the padding.
                    encoded.truncate(encoded.trim_end_matches('=').len());
                }
                for line in encoded.as_bytes().chunks(width) {
                    self.made.raw.extend_from_slice(line);
                    self.made.raw.push(b'\n');
                }
            }
        }
    }
}
