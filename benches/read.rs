//! What reading a mail costs: Tidegate (`normalize` and `classify`) beside mail-parser, Python's email,
//! nodemailer's mailparser and Ruby's mail, in one sitting and in turns.
//!
//! ```text
//! cargo bench --bench read                       the mails of corpus/, and generated ones of three kinds
//! cargo bench --bench read -- FOLDER             the mails below FOLDER instead of corpus/
//! cargo bench --bench read -- --only tidegate --rounds 3 FOLDER    one reader, nothing else: for callgrind
//! ```
//! Each reader must do the same: decode the bodies and the attachments of every part, and read the
//! people, the subject and the date. Tidegate does more meanwhile (text of html, folds, digests, the
//! class); the peers' libraries that do less of it are not asked for it.
//!
//! PYTHON, NODE and RUBY name the programs (`python3`, `node`, `ruby`), and NODE_PATH is where node
//! finds `mailparser`. A peer that is not there is left out, and said so.
//! `benches/instructions` counts instructions, which a busy machine does not disturb.

#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::time::Instant;
use tidegate::classify::classify;
use tidegate::limits::Limits;
use tidegate::normalize::normalize;

/// Turns of each reader; the best of them counts, since what else the machine does only adds.
const ROUNDS: usize = 5;
/// A set is read so often that a round takes about as many bytes.
const ROUND_BYTES: usize = 8 << 20;

struct Mails {
    name: String,
    raw: Vec<Vec<u8>>,
    paths: Vec<PathBuf>,
}

impl Mails {
    fn bytes(&self) -> usize {
        self.raw.iter().map(Vec::len).sum()
    }

    fn below(name: &str, folder: &Path) -> Mails {
        let mut paths = Vec::new();
        walk(folder, &mut paths);
        Mails { name: name.to_owned(), raw: paths.iter().map(|p| std::fs::read(p).unwrap()).collect(), paths }
    }

    fn generated(name: &str, folder: &Path, mails: Vec<String>) -> Mails {
        let raw: Vec<Vec<u8>> = mails.into_iter().map(String::into_bytes).collect();
        let paths: Vec<PathBuf> = (0..raw.len()).map(|n| folder.join(format!("{}-{n}.eml", name.replace(' ', "-")))).collect();
        for (path, raw) in paths.iter().zip(&raw) {
            std::fs::File::create(path).unwrap().write_all(raw).unwrap();
        }
        Mails { name: name.to_owned(), raw, paths }
    }
}

/// Every file below a folder that is a mail by its name, or has none of the other names of a corpus.
fn walk(path: &Path, out: &mut Vec<PathBuf>) {
    if path.is_dir() {
        let mut entries: Vec<PathBuf> = std::fs::read_dir(path).unwrap().map(|e| e.unwrap().path()).collect();
        entries.sort();
        entries.iter().for_each(|e| walk(e, out));
    } else if !path.extension().is_some_and(|e| ["toml", "snap", "md", "json", "txt.expected"].iter().any(|x| e == *x)) {
        out.push(path.to_owned());
    }
}

fn by_tidegate(raw: &[u8], limits: &Limits) {
    let mail = normalize(raw, limits);
    let class = classify(&mail, None);
    black_box((mail, class));
}

fn by_mail_parser(raw: &[u8]) {
    let Some(mail) = mail_parser::MessageParser::default().parse(raw) else { return };
    black_box((mail.from(), mail.to(), mail.cc(), mail.subject(), mail.date(), mail.message_id()));
    let bytes: usize = mail.parts.iter().map(|p| p.contents().len()).sum();
    black_box(bytes);
    black_box(mail);
}

/// The same, and its text of html where that is the body.
fn by_mail_parser_with_text(raw: &[u8]) {
    let Some(mail) = mail_parser::MessageParser::default().parse(raw) else { return };
    for n in 0..mail.text_body.len() {
        black_box(mail.body_text(n));
    }
    black_box(mail);
}

/// A reader in another language: reads each mail once for each line it gets, and answers with the seconds it took.
struct Peer {
    name: &'static str,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Peer {
    fn start(name: &'static str, variable: &str, program: &str, script: &str, list: &Path) -> Option<Peer> {
        let program = std::env::var_os(variable).unwrap_or_else(|| program.into());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers").join(script);
        let spawned = Command::new(&program)
            .arg(script)
            .arg(list)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = match spawned {
            Ok(child) => child,
            Err(error) => {
                eprintln!("LEFT OUT: {name}: {}: {error}", program.display());
                return None;
            }
        };
        let input = child.stdin.take()?;
        let mut output = BufReader::new(child.stdout.take()?);
        let mut line = String::new();
        output.read_line(&mut line).ok()?;
        if line.trim() != "ready" {
            eprintln!("LEFT OUT: {name}: its library is not there");
            let _ = child.wait();
            return None;
        }
        Some(Peer { name, child, input, output })
    }

    fn round(&mut self) -> f64 {
        self.input.write_all(b"go\n").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim().parse().unwrap_or(f64::NAN)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn timed(mails: &Mails, times: usize, read: &dyn Fn(&[u8])) -> f64 {
    let start = Instant::now();
    for _ in 0..times {
        mails.raw.iter().for_each(|raw| read(raw));
    }
    start.elapsed().as_secs_f64() / times as f64
}

fn compare(mails: &Mails, folder: &Path) {
    let limits = Limits::default();
    let list = folder.join("list");
    let lines: Vec<u8> = mails.paths.iter().flat_map(|p| [p.as_os_str().as_encoded_bytes(), b"\n"].concat()).collect();
    std::fs::File::create(&list).unwrap().write_all(&lines).unwrap();
    let mut peers: Vec<Peer> = [
        Peer::start("Python email", "PYTHON", "python3", "read.py", &list),
        Peer::start("nodemailer mailparser", "NODE", "node", "mailparser.cjs", &list),
        Peer::start("Ruby mail", "RUBY", "ruby", "mail.rb", &list),
    ]
    .into_iter()
    .flatten()
    .collect();
    let times = (ROUND_BYTES / mails.bytes().max(1)).clamp(1, 200);
    let mut best: Vec<(&str, f64)> =
        ["tidegate", "mail-parser", "mail-parser, html to text"].map(|n| (n, f64::INFINITY)).to_vec();
    best.extend(peers.iter().map(|p| (p.name, f64::INFINITY)));
    for round in 0..ROUNDS {
        let mut took = vec![
            timed(mails, times, &|raw| by_tidegate(raw, &limits)),
            timed(mails, times, &by_mail_parser),
            timed(mails, times, &by_mail_parser_with_text),
        ];
        // The slow ones need fewer turns.
        took.extend(peers.iter_mut().map(|p| if round < 3 { p.round() } else { f64::INFINITY }));
        for (best, took) in best.iter_mut().zip(took) {
            best.1 = best.1.min(took);
        }
    }
    let ours = best.first().map_or(1.0, |b| b.1);
    println!("\n{}: {} mails, {:.1} MiB", mails.name, mails.raw.len(), mails.bytes() as f64 / f64::from(1 << 20));
    println!("  {:<28} {:>10} {:>12} {:>22}", "reader", "MB/s", "mails/s", "time, tidegate = 1");
    for (name, seconds) in best {
        let rate = mails.bytes() as f64 / 1e6 / seconds;
        println!("  {name:<28} {rate:>10.1} {:>12.0} {:>22.2}", mails.raw.len() as f64 / seconds, seconds / ours);
    }
}

/// Words in some order, the same every time.
fn prose(bytes: usize, seed: usize) -> String {
    const WORDS: &[&str] = &[
        "the",
        "order",
        "came",
        "without",
        "its",
        "cable",
        "please",
        "tell",
        "me",
        "when",
        "you",
        "can",
        "send",
        "another",
        "Größe",
        "naïve",
        "invoice",
        "thank",
        "you",
        "for",
        "looking",
        "into",
        "this",
        "yesterday",
        "again",
    ];
    let mut out = String::with_capacity(bytes + 16);
    let mut n = seed.wrapping_mul(2_654_435_761) | 1;
    let mut column = 0;
    while out.len() < bytes {
        n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let word = WORDS[(n >> 33) % WORDS.len()];
        column += word.len() + 1;
        out.push_str(word);
        out.push_str(if column > 70 { "\r\n" } else { " " });
        column %= 71;
    }
    out
}

fn header(n: usize, content_type: &str) -> String {
    format!(
        "Return-Path: <ann{n}@customer.example>\r\nReceived: from mx.customer.example (mx.customer.example [192.0.2.7])\r\n\
         \tby mail.desk.example with ESMTPS id 4{n}; Tue, 24 Nov 2026 10:00:00 +0100 (CET)\r\n\
         From: =?utf-8?Q?Ann_M=C3=BCller?= <ann{n}@customer.example>\r\nTo: Help <help@desk.example>\r\n\
         Subject: Re: order {n}\r\nDate: Tue, 24 Nov 2026 10:00:00 +0100\r\nMessage-ID: <{n}.a@customer.example>\r\n\
         In-Reply-To: <{n}.b@desk.example>\r\nReferences: <{n}.c@desk.example>\r\n <{n}.b@desk.example>\r\n\
         X-Mailer: Microsoft Outlook 16.0\r\nMIME-Version: 1.0\r\nContent-Type: {content_type}\r\n"
    )
}

fn plain(n: usize) -> String {
    let quoted = prose(1_200, n).replace("\r\n", "\r\n> ");
    let head = header(n, "text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit");
    format!("{head}\r\n{}\r\n\r\nOn Mon, 23 Nov 2026, Help wrote:\r\n> {quoted}\r\n", prose(2_100, n + 7))
}

fn html(n: usize) -> String {
    let mut body = String::from("<html><head><style>p { margin: 0 } .x { color: #333 }</style></head><body>");
    let mut k = 0;
    while body.len() < 96 << 10 {
        k += 1;
        let words = prose(300, n + k);
        body.push_str(&format!(
            "<table class=\"x\" width=\"600\" cellpadding=\"0\" style=\"border-collapse:collapse\"><tr><td style=\"padding:3px\">\
             <p class=\"MsoNormal\" style=\"margin:0cm;font-family:Calibri,sans-serif\">{words}&nbsp;<b>{k}</b> &amp; more<br>\r\n\
             <a href=\"https://shop.example/item?id={k}&amp;ref=mail\">item {k}</a></p></td></tr></table>\r\n"
        ));
    }
    body.push_str("</body></html>\r\n");
    let head = header(n, "text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit");
    format!("{head}\r\n{body}")
}

fn attached(n: usize) -> String {
    let mut state = n as u64 | 1;
    let bytes: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    })
    .take(768 << 10)
    .collect();
    let encoded = data_encoding::BASE64_MIME.encode(&bytes);
    let head = header(n, "multipart/mixed; boundary=\"b1\"");
    format!(
        "{head}\r\n--b1\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{}\r\n--b1\r\nContent-Type: application/pdf\r\n\
         Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=\"offer.pdf\"\r\n\r\n{encoded}--b1--\r\n",
        prose(600, n)
    )
}

fn main() -> ExitCode {
    let mut only = None;
    let mut rounds = 1usize;
    let mut folder = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--only" => only = arguments.next(),
            "--rounds" => rounds = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(1),
            "--bench" => {}
            path => folder = Some(PathBuf::from(path)),
        }
    }
    let named = folder.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus"));
    let temporary = tempfile::tempdir().unwrap();
    if let Some(only) = only {
        let limits = Limits::default();
        let read: &dyn Fn(&[u8]) = match only.as_str() {
            "tidegate" => &|raw| by_tidegate(raw, &limits),
            "mail-parser" => &by_mail_parser,
            "mail-parser-text" => &by_mail_parser_with_text,
            other => {
                eprintln!("--only tidegate, mail-parser or mail-parser-text, not {other}");
                return ExitCode::from(2);
            }
        };
        let mails = match named.to_str() {
            Some("generated:plain") => Mails::generated("plain", temporary.path(), vec![plain(1)]),
            Some("generated:html") => Mails::generated("html", temporary.path(), vec![html(1)]),
            Some("generated:attachment") => Mails::generated("attachment", temporary.path(), vec![attached(1)]),
            _ => Mails::below("mails", &named),
        };
        for _ in 0..rounds {
            mails.raw.iter().for_each(|raw| read(raw));
        }
        return ExitCode::SUCCESS;
    }
    let sets = [
        Mails::below(&named.display().to_string(), &named),
        Mails::generated("plain 4 KiB", temporary.path(), (0..50).map(plain).collect()),
        Mails::generated("html 100 KiB", temporary.path(), (0..20).map(html).collect()),
        Mails::generated("attachment 1 MiB", temporary.path(), (0..5).map(attached).collect()),
    ];
    println!("the best of {ROUNDS} rounds (of 3 for other languages); one thread");
    for mails in &sets {
        compare(mails, temporary.path());
    }
    ExitCode::SUCCESS
}
