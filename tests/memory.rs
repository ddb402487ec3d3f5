//! What reading takes of memory: beside the mail itself at most three times its size and one MiB.
//!
//! One test in a binary of its own, since the allocator counts for the whole process.
#![allow(clippy::unwrap_used)]

use peak_alloc::PeakAlloc;
use tidegate::classify::classify;
use tidegate::limits::Limits;
use tidegate::normalize::normalize;

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

const MIB: usize = 1 << 20;
/// Bytes of the large mails: enough that what is fixed does not count.
const LARGE: usize = 4 * MIB;

fn mail(fields: &str, body: &str) -> Vec<u8> {
    format!("From: a@b.example\nTo: c@d.example\nSubject: s\n{fields}\n\n{body}").into_bytes()
}

fn repeated(text: &str, bytes: usize) -> String {
    text.repeat(bytes / text.len())
}

fn base64(bytes: usize) -> String {
    let content: Vec<u8> = (0..bytes * 3 / 4).map(|n| (n * 7 + n / 251) as u8).collect();
    data_encoding::BASE64_MIME.encode(&content)
}

fn mails() -> Vec<(&'static str, Vec<u8>)> {
    let line = "Some words of a long text that goes on and on, as logs do, for megabytes.\n";
    let html = "<p class=x>Some <b>words</b> &amp; text that <a href='https://x.example/y'>goes</a> on and on</p>\n";
    let mixed = "Content-Type: multipart/mixed; boundary=b";
    let file = "--b\nContent-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: base64\n\n";
    vec![
        ("attachment", mail(mixed, &format!("--b\n\nhi\n{file}{}--b--\n", base64(LARGE)))),
        ("plain", mail("X: y", &repeated(line, LARGE))),
        (
            "plain, CRLF",
            mail("X: y", &repeated(line, LARGE))
                .iter()
                .flat_map(|b| if *b == b'\n' { vec![b'\r', b'\n'] } else { vec![*b] })
                .collect(),
        ),
        (
            "plain, base64",
            mail(
                "Content-Transfer-Encoding: base64",
                &data_encoding::BASE64_MIME.encode(repeated(line, LARGE * 3 / 4).as_bytes()),
            ),
        ),
        ("short lines", mail("X: y", &repeated("a\n", LARGE))),
        ("latin 1", {
            let mut raw = mail("Content-Type: text/plain; charset=iso-8859-1", "");
            (0..LARGE / 64)
                .for_each(|_| raw.extend_from_slice(b"caf\xe9 au lait, and other words that make a line of usual length\n"));
            raw
        }),
        ("html", mail("Content-Type: text/html", &repeated(html, LARGE))),
        (
            "both",
            mail(
                "Content-Type: multipart/alternative; boundary=b",
                &format!(
                    "--b\n\n{}\n--b\nContent-Type: text/html\n\n{}--b--\n",
                    repeated(line, LARGE / 2),
                    repeated(html, LARGE / 2)
                ),
            ),
        ),
        ("one field", mail(&format!("X-Long: {}", "z".repeat(LARGE)), "hi")),
        ("recipients", mail(&format!("Cc: {}", repeated("a@b.example, ", LARGE)), "hi")),
        ("many parts", mail(mixed, &format!("{}--b--\n", "--b\n\nsome words of a part\n".repeat(200_000)))),
        ("many parts of a letter", mail(mixed, &format!("{}--b--\n", "--b\n\nx\n".repeat(200_000)))),
        ("many files", mail(mixed, &format!("{}--b--\n", "--b\nContent-Type: image/png\n\nx\n".repeat(200_000)))),
        ("nested mails", "Content-Type: message/rfc822\n\n".repeat(100_000).into_bytes()),
        (
            "mail in a mail",
            mail(mixed, &format!("--b\nContent-Type: message/rfc822\n\nSubject: x\n\n{}\n--b--\n", repeated(line, LARGE / 8))),
        ),
    ]
}

#[test]
fn reading_takes_at_most_three_times_the_mail_and_one_mib() {
    let limits = Limits::default();
    // Word lists are built once, whatever is read.
    drop(classify(&normalize(b"From: mailer-daemon@x.example\nReturn-Path: <>\n\nOn 1 Jan 2030, A <a@b.example> wrote:\n> x\n\nThis e-mail is confidential.\n", &limits), None));
    let mut over = Vec::new();
    for (name, raw) in mails() {
        let before = ALLOCATED.current_usage();
        ALLOCATED.reset_peak_usage();
        let read = normalize(&raw, &limits);
        let class = classify(&read, None);
        let taken = ALLOCATED.peak_usage() - before;
        drop((read, class));
        if taken > 3 * raw.len() + MIB {
            over.push(format!("{name}: {taken} bytes for {} ({:.1} times)", raw.len(), taken as f64 / raw.len() as f64));
        }
    }
    assert!(over.is_empty(), "{}", over.join("\n"));
}
