//! Mails as odd as real ones: a proptest strategy of mails in many languages with wrong labels, broken structure,
//! broken fields, odd line ends; and what must hold for them.
//!
//! The words of each text are told apart, so that it can be said of every one where it went: shown, in a file, or in
//! a field. Time that grows faster than the mail is looked for with pieces that come again and again.

use crate::cpu_time::cpu_time;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::time::Duration;
use tidegate::limits::Limits;
use tidegate::mail::NormalizedMail;
use tidegate::normalize::proof::{Letter, check_mail, same_meaning};
use tidegate::normalize::{attachment_bytes, normalize, sanitize};

fn read(raw: &[u8]) -> NormalizedMail {
    normalize(raw, &Limits::default())
}

/// A language: how its mails say hello, and the charsets they come in.
type Language = (&'static str, &'static [&'static str]);

const LANGUAGES: &[Language] = &[
    ("good morning everybody", &["utf-8", "us-ascii", "iso-8859-1"]),
    ("schöne Grüße aus Köln", &["utf-8", "iso-8859-1", "windows-1252", "iso-8859-15"]),
    ("à bientôt, ça va, l’été", &["utf-8", "windows-1252"]),
    ("dzień dobry, żółta łódź", &["utf-8", "iso-8859-2", "windows-1250"]),
    ("добрый день, всем привет", &["utf-8", "koi8-r", "windows-1251", "iso-8859-5", "ibm866"]),
    ("доброго ранку, їжаче", &["utf-8", "koi8-u", "windows-1251"]),
    ("καλημέρα σε όλους", &["utf-8", "iso-8859-7", "windows-1253"]),
    ("günaydın, iyi işler", &["utf-8", "iso-8859-9", "windows-1254"]),
    ("בוקר טוב לכולם", &["utf-8", "windows-1255", "iso-8859-8-i"]),
    ("صباح الخير للجميع", &["utf-8", "windows-1256"]),
    ("สวัสดีตอนเช้าทุกคน", &["utf-8", "windows-874"]),
    ("大家早上好，谢谢", &["utf-8", "gb2312", "gbk", "gb18030"]),
    ("大家早安，謝謝", &["utf-8", "big5"]),
    ("おはようございます、カモメです", &["utf-8", "iso-2022-jp", "shift_jis", "euc-jp"]),
    ("좋은 아침입니다, 여러분", &["utf-8", "euc-kr", "ks_c_5601-1987"]),
    ("xin chào các bạn, cảm ơn", &["utf-8"]),
    ("सुप्रभात सभी को", &["utf-8"]),
];

/// Labels as they come: right ones are put in beside these.
const WRONG_LABELS: &[&str] =
    &["utf-8", "us-ascii", "iso-8859-1", "x-unknown", "uft-8", "1252", "none", "\"\"", "iso-2022-jp", "gb2312", "utf-16"];

const ENCODINGS: &[&str] =
    &["7bit", "8bit", "binary", "base64", "quoted-printable", "x-uuencode", "utf-8", "", "base64 ;", "QUOTED-PRINTABLE"];

fn encoded(text: &str, label: &str) -> Vec<u8> {
    encoding_rs::Encoding::for_label(label.as_bytes()).map_or_else(|| text.as_bytes().to_vec(), |e| e.encode(text).0.into_owned())
}

/// What is in a text: its words, marked so that none is like another.
#[derive(Debug, Clone)]
struct Words {
    language: Language,
    count: usize,
}

fn words() -> impl Strategy<Value = Words> {
    (select(LANGUAGES), 1usize..12).prop_map(|(language, count)| Words { language, count })
}

/// How the text of a part is written.
#[derive(Debug, Clone)]
struct TextPart {
    words: Words,
    html: bool,
    charset: usize,
    /// Says another charset than it has.
    label: Option<&'static str>,
    /// Says another encoding than it has, or the right one.
    encoding: &'static str,
    really: &'static str,
    trimmings: &'static str,
}

#[derive(Debug, Clone)]
enum Part {
    Text(TextPart),
    File { name: &'static str, disposition: &'static str, bytes: Vec<u8>, encoding: &'static str },
    Multipart { kind: &'static str, boundary: Boundary, children: Vec<Part> },
    Mail(Box<Part>),
}

/// What is wrong with a boundary.
#[derive(Debug, Clone, Copy)]
struct Boundary {
    name: &'static str,
    declared: &'static str,
    unclosed: bool,
    trailing: &'static str,
}

fn text_part() -> impl Strategy<Value = Part> {
    let label = prop_oneof![3 => Just(None), 1 => select(WRONG_LABELS).prop_map(Some)];
    let trimmings = select(vec![
        "",
        "",
        "\n-- \nAnn\n",
        "\nOn Tue, 1 Jan 2030 at 10:20, Ann <ann@a.example> wrote:\n> earlier\n",
        "\nAm 1. Januar 2030 schrieb Bob:\n> früher\n",
        "\n-----Original Message-----\nFrom: Ann\nSent: today\nTo: Bob\nSubject: x\n\nearlier\n",
        "\nbegin 644 a.txt\n#0V%T\n`\nend\n",
        "\nSent from my iPhone",
        "\n\u{a0}\u{feff}\u{200f}\n",
    ]);
    let really = select(vec!["8bit", "base64", "quoted-printable"]);
    let encoding = prop_oneof![3 => Just("="), 1 => select(ENCODINGS)];
    (words(), any::<bool>(), 0usize..5, label, encoding, really, trimmings).prop_map(
        |(words, html, charset, label, encoding, really, trimmings)| {
            Part::Text(TextPart { words, html, charset, label, encoding, really, trimmings })
        },
    )
}

fn file_part() -> impl Strategy<Value = Part> {
    let name = select(vec![
        "filename=a.pdf",
        "filename=\"../../etc/passwd\"",
        "filename*=utf-8''%e2%82%ac.pdf",
        "filename*0=long; filename*1=er.pdf",
        "filename=\"=?utf-8?Q?=C3=A4.pdf?=\"",
        "filename=\"\"",
        "filename=a b c.pdf",
        "filename=\"a\"b.pdf\"",
        "filename=\u{202e}fdp.exe",
        "filename*=x''%ff%fe; filename=b.pdf",
        "name",
        "",
    ]);
    let disposition = select(vec!["attachment", "inline", "ATTACHMENT", "attach", "", "form-data"]);
    (name, disposition, vec(any::<u8>(), 0..200), select(vec!["base64", "quoted-printable", "binary"]))
        .prop_map(|(name, disposition, bytes, encoding)| Part::File { name, disposition, bytes, encoding })
}

fn boundary() -> impl Strategy<Value = Boundary> {
    let name = select(vec!["b", "bb", "=_b", "b b", "--", "0"]);
    let declared = prop_oneof![4 => Just("="), 1 => select(vec!["", "wrong", "b;", "\"b"])];
    (name, declared, prop::bool::weighted(0.2), select(vec!["", "", " ", "\t"]))
        .prop_map(|(name, declared, unclosed, trailing)| Boundary { name, declared, unclosed, trailing })
}

fn part() -> impl Strategy<Value = Part> {
    let leaf = prop_oneof![3 => text_part(), 1 => file_part()];
    leaf.prop_recursive(4, 16, 4, |inner| {
        let kind = select(vec!["mixed", "alternative", "related", "report", "digest", "signed", "appledouble", "x-odd", ""]);
        prop_oneof![
            4 => (kind, boundary(), vec(inner.clone(), 0..4))
                .prop_map(|(kind, boundary, children)| Part::Multipart { kind, boundary, children }),
            1 => inner.prop_map(|part| Part::Mail(Box::new(part))),
        ]
    })
}

/// A field that may be in any mail, right or odd.
fn field() -> impl Strategy<Value = Vec<u8>> {
    let odd: Vec<&'static [u8]> = vec![
        b"From: Ann <ann@a.example>",
        b"From: ann@a.example (Ann)",
        b"From: Lee, Ann <ann@a.example>",
        b"From: \"Ann <ann@a.example>",
        b"From: =?utf-8?B?w6RubiA8YW5uQGEuZXhhbXBsZT4=?=",
        b"From: \xc4nn <ann@a.example>",
        b"From:",
        b"To: undisclosed-recipients:;",
        b"To: Friends: bob@b.example, cy@c.example;, dan@d.example",
        b"To: <<bob@b.example>>, , cy@c.example,",
        b"To: bob..b.@b.example; \"a b\"@c.example",
        b"Cc: =?x?Q?=?= <e@e.example>, IMCEAEX-_O=X@f.example",
        b"Subject: plain words",
        b"Subject: =?utf-8?Q?=C3?=\n =?utf-8?Q?=A4pfel?=",
        b"Subject: =?iso-2022-jp?B?GyRCJCI=?= =?utf-8?B?w6Q=",
        b"Subject: =?gb2312?Q?=C4=E3=BA?==?gb2312?Q?=C3?= \xff\xfe",
        b"Subject :\n  folded\n\t twice",
        b"Subject: \x1b$B$\"$$\x1b(B",
        b"subject: a\0b\rc",
        b"Date: Tue, 1 Jan 2030 10:20:30 +0100 (CET)",
        b"Date: 01.02.30 10.20",
        b"Date: mar., 1 janv. 2030 10:20:30 +0100",
        b"Date: Thu, 00 Xxx 0000",
        b"Message-ID: <1@a.example>",
        b"Message-ID: <a b@c",
        b"References: <1@a.example><2@a.example>\n <3@a",
        b"In-Reply-To: Your message of Tue <4@a.example>",
        b"X-Mailer: Tide 1.0",
        b"Received: from a\n\tby b; Tue, 1 Jan 2030 10:20:30 +0100",
        b"a line that is no field",
        b"  indented: x",
        b"MIME-Version: 1.0 (made)",
        b"Auto-Submitted: auto-replied",
    ];
    select(odd).prop_map(<[u8]>::to_vec)
}

/// A whole mail: some fields, a part, and what happened to it on its way.
#[derive(Debug, Clone)]
struct Odd {
    start: &'static str,
    fields: Vec<Vec<u8>>,
    part: Part,
    line_ends: usize,
    /// The part of it that is left, in 64ths.
    cut: Option<usize>,
}

fn odd() -> impl Strategy<Value = Odd> {
    let start = select(vec!["", "", "", "\n", "From a@b Tue Jan  1 10:20:30 2030\n", "\u{feff}", ">From x\n"]);
    let cut = prop_oneof![5 => Just(None), 1 => (0usize..64).prop_map(Some)];
    (start, vec(field(), 0..8), part(), 0usize..4, cut).prop_map(|(start, fields, part, line_ends, cut)| Odd {
        start,
        fields,
        part,
        line_ends,
        cut,
    })
}

fn base64_lines(bytes: &[u8]) -> Vec<u8> {
    let text = data_encoding::BASE64.encode(bytes);
    text.as_bytes().chunks(76).flat_map(|l| [l, b"\n"].concat()).collect()
}

fn quoted(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for (n, byte) in bytes.iter().enumerate() {
        match byte {
            b'\n' => out.push(b'\n'),
            b'!'..=b'<' | b'>'..=b'~' => out.push(*byte),
            b => out.extend(format!("={b:02X}").into_bytes()),
        }
        if n % 24 == 23 {
            out.extend(b"=\n");
        }
    }
    out
}

/// Writes parts, and remembers the ASCII marks in the texts that are written in a plain way.
#[derive(Default)]
struct Writer {
    out: Vec<u8>,
    marks: Vec<String>,
    depth: usize,
}

impl Writer {
    fn line(&mut self, text: &str) {
        self.out.extend(text.as_bytes());
        self.out.push(b'\n');
    }

    fn part(&mut self, part: &Part) {
        match part {
            Part::Text(text) => self.text(text),
            Part::File { name, disposition, bytes, encoding } => {
                self.line("Content-Type: application/octet-stream");
                self.line(&format!("Content-Disposition: {disposition}; {name}"));
                self.line(&format!("Content-Transfer-Encoding: {encoding}\n"));
                let body = match *encoding {
                    "base64" => base64_lines(bytes),
                    "quoted-printable" => quoted(bytes),
                    _ => bytes.clone(),
                };
                self.out.extend(body);
                self.out.push(b'\n');
            }
            Part::Mail(inner) => {
                self.line("Content-Type: message/rfc822\n\nFrom: Cy <cy@c.example>\nSubject: within");
                self.part(inner);
            }
            Part::Multipart { kind, boundary, children } => {
                let name = format!("{}{}", boundary.name, "x".repeat(self.depth));
                let declared = if boundary.declared == "=" { format!("\"{name}\"") } else { boundary.declared.to_owned() };
                self.line(&format!("Content-Type: multipart/{kind}; boundary={declared}\n"));
                self.depth += 1;
                for child in children {
                    self.line(&format!("--{name}{}", boundary.trailing));
                    self.part(child);
                    self.out.push(b'\n');
                }
                self.depth -= 1;
                if !boundary.unclosed {
                    self.line(&format!("--{name}--{}", boundary.trailing));
                }
            }
        }
    }

    fn text(&mut self, part: &TextPart) {
        let (hello, charsets) = part.words.language;
        let charset = charsets[part.charset % charsets.len()];
        let marks: Vec<String> = (0..part.words.count).map(|n| format!("mark{}q{n}q", self.marks.len())).collect();
        let lines: Vec<String> = marks.iter().map(|m| format!("{hello} {m}")).collect();
        let text = if part.html {
            format!("<p>{}</p><blockquote>{}</blockquote>", lines.join("</p>\n<p>"), part.trimmings)
        } else {
            format!("{}\n{}", lines.join("\n"), part.trimmings)
        };
        let bytes = encoded(&text, charset);
        let subtype = if part.html { "html" } else { "plain" };
        self.line(&format!("Content-Type: text/{subtype}; charset={}", part.label.unwrap_or(charset)));
        let encoding = if part.encoding == "=" { part.really } else { part.encoding };
        if !encoding.is_empty() {
            self.line(&format!("Content-Transfer-Encoding: {encoding}"));
        }
        self.line("");
        let body = match part.really {
            "base64" => base64_lines(&bytes),
            "quoted-printable" => quoted(&bytes),
            _ => bytes,
        };
        self.out.extend(body);
        // Where label and bytes agree, the reader has no excuse.
        if part.label.is_none() && part.encoding == "=" {
            self.marks.extend(marks);
        }
    }
}

impl Odd {
    fn written(&self) -> (Vec<u8>, Vec<String>) {
        let mut writer = Writer { out: self.start.as_bytes().to_vec(), ..Writer::default() };
        for field in &self.fields {
            writer.out.extend(field);
            writer.out.push(b'\n');
        }
        writer.part(&self.part);
        let mut raw = writer.out;
        if let Some(cut) = self.cut {
            raw.truncate(raw.len() * cut / 64);
            writer.marks.clear();
        }
        // A blank line and then no known field: there the header is over, for every program.
        if !self.start.is_empty() && self.fields.first().is_some_and(|f| !f.contains(&b':') || f.starts_with(b" ")) {
            writer.marks.clear();
        }
        let end: &[u8] = match self.line_ends {
            1 => b"\r\n",
            2 => b"\r\r\n",
            _ => b"\n",
        };
        let raw = raw.split(|b| *b == b'\n').collect::<Vec<_>>().join(end);
        (raw, writer.marks)
    }
}

/// Everything a mail was read to: shown, in fields, in files.
fn all_of(raw: &[u8], mail: &NormalizedMail) -> String {
    let mut all = mail.text.clone();
    for header in &mail.headers {
        all.push('\n');
        all.push_str(&header.value);
    }
    all.push_str(mail.html_source.as_deref().unwrap_or_default());
    for attachment in &mail.attachments {
        let bytes = attachment_bytes(raw, attachment.part, &Limits::default()).unwrap_or_default();
        all.push('\n');
        all.extend(bytes.iter().map(|b| if b.is_ascii() { char::from(*b) } else { '?' }));
        // A mail within the mail is kept as it came: its own parts may be encoded.
        if attachment.content_type.starts_with("message/") {
            let inner = normalize(&bytes, &Limits::default());
            if inner.attachments.len() < 20 {
                all.push_str(&all_of(&bytes, &inner));
            }
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    /// Same twice, LF as CRLF, folds within the text, files decoded again, safe html, bounded, and written again.
    #[test]
    fn an_odd_mail_is_read_like_any_other(odd in odd()) {
        let (raw, _) = odd.written();
        check_mail(&raw, &read(&raw));
    }

    #[test]
    fn no_word_of_an_odd_mail_is_lost(odd in odd()) {
        let (raw, marks) = odd.written();
        let mail = read(&raw);
        let all = all_of(&raw, &mail);
        for mark in marks {
            prop_assert!(all.contains(&mark), "{} is nowhere in {:#?} of\n{}", mark, mail, String::from_utf8_lossy_of(&raw));
        }
    }

    #[test]
    fn a_reading_written_again_reads_the_same(odd in odd()) {
        let (raw, _) = odd.written();
        let first = read(&raw);
        let letter = Letter::of(&first).unwrap();
        let second = read(&letter.raw);
        prop_assert_eq!(same_meaning(&letter, &second), Ok(()));
        // And from there on nothing changes any more.
        if same_meaning(&letter, &second).is_ok() && second.repairs.is_empty() {
            let again = Letter::of(&second).unwrap();
            prop_assert_eq!(again.raw, letter.raw);
        }
    }
}

/// For messages only.
trait Shown {
    fn from_utf8_lossy_of(raw: &[u8]) -> String;
}

impl Shown for String {
    fn from_utf8_lossy_of(raw: &[u8]) -> String {
        raw.escape_ascii().to_string().replace("\\n", "\n")
    }
}

/// A mail of one piece that comes again and again, so long.
fn repeated(start: &str, piece: &str, bytes: usize) -> Vec<u8> {
    [start, &piece.repeat(bytes / piece.len().max(1))].concat().into_bytes()
}

fn time(raw: &[u8]) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..2 {
        let (_, took) = cpu_time(|| read(raw).html_source.as_deref().map(sanitize));
        best = best.min(took);
    }
    best
}

fn piece() -> impl Strategy<Value = String> {
    let pieces = select(vec![
        "=?utf-8?Q?a",
        "?=",
        " ",
        "\n",
        "\n ",
        "--b\n",
        "\n--b--\n",
        "<",
        ">",
        "\"",
        "(",
        ")",
        ",",
        ";",
        "a@b.example",
        "a",
        "=",
        "=\n",
        "&amp;",
        "&",
        "<div>",
        "</div>",
        "<p>",
        "<b>",
        "</b>",
        "<table>",
        "<td>",
        "<li>",
        "<ol>",
        "<a href=x>",
        "</a>",
        "<blockquote>",
        "<img alt=a>",
        "<!--",
        "-->",
        "> ",
        "On 1 Jan 2030, Ann <a@b.example> wrote:\n",
        "From: a\n",
        "Sent: b\n",
        "To: c\n",
        "Subject: d\n",
        "-- \n",
        "________\n",
        "Content-Type: text/plain\n\n",
        "Content-Type: multipart/mixed; boundary=b\n\n",
        "Content-Type: message/rfc822\n\n",
        "begin 644 a\n",
        "#0V%T\n",
        "end\n",
        "a*1*=b",
        "=?gb2312?B?",
        "\u{1b}$B",
        "\u{e9}",
        "\u{4e2d}",
        "\u{a0}",
        "\t",
        "\r",
        "<script>",
        "<style>",
        "<svg>",
        "<font color=a>",
        "a: b\n",
        "+AAA-",
        "~{",
    ]);
    vec(pieces, 1..5).prop_map(|p| p.concat())
}

fn start() -> impl Strategy<Value = &'static str> {
    select(vec![
        "",
        "From: a@b.example\n\n",
        "Content-Type: text/html\n\n",
        "Content-Type: multipart/mixed; boundary=b\n\n--b\n",
        "Content-Type: multipart/alternative; boundary=b\n\n--b\n\na\n--b\nContent-Type: text/html\n\n",
        "Subject: ",
        "To: ",
        "Content-Type: text/plain; a",
        "Content-Type: text/plain; charset=iso-2022-jp\n\n",
        "Content-Transfer-Encoding: quoted-printable\n\n",
        "Content-Type: text/plain; format=flowed\n\n",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 20, ..ProptestConfig::default() })]

    /// Eight times the mail takes eight times the time, sixty-four times if it were quadratic. The margin is for
    /// caches, which others use meanwhile.
    #[test]
    fn time_grows_no_faster_than_the_mail(start in start(), piece in piece()) {
        let small = time(&repeated(start, &piece, 12 << 10));
        let large = time(&repeated(start, &piece, 96 << 10));
        prop_assert!(
            large < small * 24 + Duration::from_millis(500),
            "{:?} for 12 KiB and {:?} for 96 KiB of {:?} behind {:?}", small, large, piece, start
        );
    }
}
