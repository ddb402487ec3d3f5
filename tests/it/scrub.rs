//! A mail that was scrubbed has other words and is in all else what it was.

use crate::left_out::not_here;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use tidegate::corpus::{self, Portrait, scrub, stays};
use tidegate::limits::Limits;
use tidegate::normalize::normalize;

fn samples() -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let samples = corpus::load(&root).unwrap().into_iter().map(Result::unwrap);
    samples.flat_map(|s| s.mails.into_iter().map(move |m| (format!("{}/{}", s.name, m.name), m.raw))).collect()
}

/// Letters and digits of what may not be left.
const TOLD_MIN: usize = 4;

/// What a reader is told: the words and numbers of texts, names, addresses, ids and files, in lower case; and the addresses.
fn told(raw: &[u8]) -> (HashSet<String>, HashSet<String>) {
    let mail = normalize(raw, &Limits::default());
    let mut addresses = HashSet::new();
    let people = mail.from.iter().chain(&mail.sender).chain(&mail.to).chain(&mail.cc).chain(&mail.bcc).chain(&mail.reply_to);
    let mut said = vec![mail.subject.clone(), mail.text.clone()];
    said.extend(mail.message_id.iter().chain(&mail.in_reply_to).chain(&mail.references).cloned());
    said.extend(mail.attachments.iter().map(|a| a.name.clone()));
    for person in people {
        said.extend([person.name.clone(), person.address.clone()]);
        if person.address.contains('@') {
            addresses.insert(person.address.to_lowercase());
        }
    }
    // An escape in an address of the web (`%2F`) is no part of the word behind it; the dot of a Turkish capital belongs
    // to its letter.
    let said = without_escapes(&said.join("\n"));
    let lower: Vec<char> = said.to_lowercase().chars().filter(|c| *c != '\u{307}').collect();
    // In the scripts of India the signs between letters are of the word.
    let is_sign = |c: &char| ('\u{900}'..FIRST_WITHOUT_BLANKS).contains(c) && !matches!(c, '\u{964}' | '\u{965}' | '\u{970}');
    let kind = |c: &char| (c.is_alphanumeric() || is_sign(c), *c >= FIRST_WITHOUT_BLANKS);
    let words = lower.chunk_by(|a, b| kind(a) == kind(b)).filter(|w| kind(&w[0]).0);
    // Between words that stay a letter or two of the others may well come again.
    let least = |w: &[char]| if w[0] >= FIRST_WITHOUT_BLANKS { 3 * TOLD_MIN } else { TOLD_MIN };
    let words = words.filter(|w| w.len() >= least(w)).map(|w| w.iter().collect::<String>());
    (words.filter(|w| !is_date(w)).collect(), addresses)
}

/// With a blank for each `%XX`.
fn without_escapes(text: &str) -> String {
    let mut pieces = text.split('%');
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let is_escape = piece.len() >= 2 && piece.bytes().take(2).all(|b| b.is_ascii_hexdigit());
        out.push(' ');
        out.push_str(if is_escape { &piece[2..] } else { piece });
    }
    out
}

/// From Thai on, scripts are written without blanks between words.
const FIRST_WITHOUT_BLANKS: char = '\u{e00}';

/// A year (of the Gregorian or the Buddhist era), or a zone: dates stay about when they were.
fn is_date(word: &str) -> bool {
    let native = word.chars().all(|c| c.is_numeric() && !c.is_ascii()) && word.chars().count() == 4;
    native
        || word.len() == 4
            && word.bytes().all(|b| b.is_ascii_digit())
            && (["19", "20", "24", "25"].iter().any(|century| word.starts_with(century)) || word <= "1400")
}

/// Stays: what reading looks for, what a program says of itself, names of types, and the reader's own (`image1`).
fn may_stay(word: &str) -> bool {
    stays(word) || stays(word.trim_end_matches(|c: char| c.is_ascii_digit()))
}

/// Line ends and the length of each line.
fn lines(raw: &[u8]) -> Vec<(usize, bool)> {
    raw.split_inclusive(|b| *b == b'\n').map(|l| (l.len(), l.ends_with(b"\r\n"))).collect()
}

/// Digits in groups that may be a telephone number: seven or more, none of the groups a year.
fn telephones(text: &str) -> HashSet<String> {
    let mut out = HashSet::new();
    let mut run = String::new();
    for c in text.chars().chain(['x']) {
        if c.is_ascii_digit() || (!run.is_empty() && " -()".contains(c)) {
            run.push(c);
            continue;
        }
        let number = std::mem::take(&mut run);
        let groups: Vec<&str> = number.split(|c: char| !c.is_ascii_digit()).filter(|g| !g.is_empty()).collect();
        let year = |g: &&str| g.len() == 4 && (g.starts_with("19") || g.starts_with("20"));
        if groups.concat().len() >= 7 && groups.len() > 1 && !groups.iter().any(year) {
            out.insert(groups.join(" "));
        }
    }
    out
}

/// What of a mail's people is still to be read in it afterwards.
fn survivors(before: &[u8], after: &[u8]) -> Vec<String> {
    let ((words, addresses), (left, _)) = (told(before), told(after));
    let mut out: Vec<String> = words.intersection(&left).filter(|w| !may_stay(w)).cloned().collect();
    let raw = after.to_ascii_lowercase();
    let is_of_somebody = |a: &&String| {
        a.split(|c: char| !c.is_alphanumeric())
            .any(|w| w.chars().count() > 2 && !stays(w) && !w.chars().all(|c| c.is_ascii_digit()))
    };
    out.extend(addresses.iter().filter(is_of_somebody).filter(|a| raw.windows(a.len()).any(|w| w == a.as_bytes())).cloned());
    let text = |raw: &[u8]| telephones(&normalize(raw, &Limits::default()).text);
    out.extend(text(before).intersection(&text(after)).cloned());
    out
}

fn holds(name: &str, raw: &[u8]) -> Vec<String> {
    let scrubbed = scrub(&[raw.to_vec()], 7);
    let after = &scrubbed.mails[0];
    let mut faults = Vec::new();
    if lines(raw) != lines(after) {
        faults.push(format!("{name}: lines have other lengths"));
    }
    if !scrubbed.differs[0].is_empty() {
        faults.push(format!("{name}: reads otherwise: {}", scrubbed.differs[0].join(", ")));
    }
    let left = survivors(raw, after);
    if !left.is_empty() {
        faults.push(format!("{name}: left: {left:?}"));
    }
    if scrub(&[raw.to_vec()], 7).mails[0] != *after {
        faults.push(format!("{name}: the same seed gives another mail"));
    }
    faults
}

#[test]
fn samples_read_as_before_with_other_words() {
    let samples = samples();
    let faults: Vec<String> = samples.iter().flat_map(|(name, raw)| holds(name, raw)).collect();
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), samples.len(), faults.join("\n"));
}

/// How many mails a test takes: so many, or what `MAILS` says, to measure with.
fn mails(usual: u32) -> u32 {
    std::env::var("MAILS").ok().and_then(|n| n.parse().ok()).unwrap_or(usual)
}

/// Mails of the generator, with what programs and relays did to them.
#[test]
fn any_generated_and_mangled_mail_reads_as_before_with_other_words() {
    let config = proptest::test_runner::Config { cases: mails(400), failure_persistence: None, ..Default::default() };
    let rng = proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha);
    let mut runner = proptest::test_runner::TestRunner::new_with_rng(config, rng);
    let mails = (any::<u64>(), 0u64..1_000_000);
    let outcome = runner.run(&mails, |(seed, number)| {
        let specimen = corpus::mangle::specimen(seed, number);
        let faults = holds(&format!("--seed {seed} --only {number}"), &specimen.raw);
        prop_assert!(faults.is_empty(), "{}", faults.join("\n"));
        Ok(())
    });
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
}

#[test]
fn several_mails_keep_what_ties_them() {
    let first =
        b"From: Anneliese Brugger <a.brugger@werk.example>\nMessage-ID: <77812@werk.example>\nSubject: Turbine\n\nHallo Yusuf\n"
            .to_vec();
    let answer = b"From: yusuf@kunde.example\nTo: Brugger <A.Brugger@WERK.example>\nIn-Reply-To: <77812@werk.example>\nSubject: Re: Turbine\n\nok\n".to_vec();
    let mails = scrub(&[first, answer], 3).mails;
    let read = |n: usize| normalize(&mails[n], &Limits::default());
    let (first, answer) = (read(0), read(1));
    assert_eq!(first.message_id.as_ref(), answer.in_reply_to.first());
    assert_ne!(first.message_id.as_deref(), Some("77812@werk.example"));
    assert_eq!(first.from.unwrap().address, answer.to[0].address.to_lowercase());
    assert_eq!(answer.subject, format!("Re: {}", first.subject));
}

/// Mails with what mails have that is odd, made of pieces: all of them in one charset, under whatever label.
fn odd_mail() -> impl Strategy<Value = Vec<u8>> {
    const ODD: &[&[u8]] = &[
        b"Brugger",
        b"Zaphod",
        b"Kowalczyk",
        b"+49 30 1234567",
        b"=?utf-8?B?TcO8bGxlcmluIFp1Y2tlcg==?=",
        b"=?iso-8859-1?Q?Caf=E9_Prunelle?=",
        b"=?utf-8?Q?cut=C3?= =?utf-8?Q?=A9letter?=",
        b"=C3=BCbermorgen",
        b"=\r\n",
        b"=ZZ",
        b"\0",
        b"\r",
        b"<b>Zaphod</b>",
        b"&#1087;&nbsp;",
        b"> Quoted",
        b"--",
        b"Wm9lIFF1aWxsaWdhbg==",
    ];
    let charset = prop::sample::select(vec![
        "Łódźkowa Привет, Наталья Grüße żółw".as_bytes().to_vec(),
        b"\xcf\xf0\xe8\xe2\xe5\xf2\xf1\xf2\xe2\xe8\xe5 \xc7\xe4\xf0\xe0\xe2\xf1\xf2\xe2\xf3\xe9\xf2\xe5 \xed\xe0\xf8 \xe7\xe0\xea\xe0\xe7 \xef\xf0\xe8\xf8\xb8\xeb".to_vec(),
        b"\x1b$B4A;z$H$+$J\x1b(B and \x1b$B$3$s$K$A$O\x1b(B".to_vec(),
        b"Gr\xfc\xdfe aus M\xfcnchen, Fran\xe7oise".to_vec(),
        b"plain Habakuk".to_vec(),
    ]);
    charset.prop_flat_map(|letters| {
        let word = prop_oneof![prop::sample::select(ODD).prop_map(<[u8]>::to_vec), Just(letters)];
        built_of(prop::collection::vec(word, 1..12).prop_map(|w| w.join(&b" "[..])).boxed())
    })
}

/// A mail of fields and lines with these texts.
fn built_of(text: BoxedStrategy<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let field = prop::sample::select(vec!["Subject: ", "X-Odd: ", "Comments:", " folded ", "To: ", "no colon "]);
    let kind = prop::sample::select(vec![
        "",
        "Content-Type: text/plain; charset=utf-8\n",
        "Content-Type: text/plain; charset=windows-1251\n",
        "Content-Type: text/html\n",
        "Content-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n",
        "Content-Type: text/plain\nContent-Transfer-Encoding: base64\n",
        "Content-Type: multipart/mixed; boundary=\"=_Zaphod_1\"\n",
        "Content-Type: text/plain; charset=gb2312\n",
        "Content-Type: text/plain; charset=iso-2022-jp\n",
    ]);
    (prop::collection::vec((field, text.clone()), 0..4), kind, prop::collection::vec(text, 1..4), any::<bool>()).prop_map(
        |(fields, kind, lines, crlf)| {
            let mut out = b"From: Zaphod Kowalczyk <zaphod.k@bettel.example>\nMessage-ID: <a77x@bettel.example>\n".to_vec();
            for (name, value) in fields {
                out.extend([name.as_bytes(), &value, b"\n"].concat());
            }
            out.extend(kind.as_bytes());
            out.extend(b"\n");
            for line in lines {
                if kind.contains("multipart") {
                    out.extend(b"--=_Zaphod_1\n\n");
                }
                out.extend([&line, &b"\n"[..]].concat());
            }
            if crlf { corpus::variants(&out)[1].raw.clone() } else { out }
        },
    )
}

#[test]
fn made_mails_read_as_before_with_other_words() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let made: Vec<Vec<u8>> = (0..mails(400)).map(|_| odd_mail().new_tree(&mut runner).unwrap().current()).collect();
    let faults: Vec<String> = made
        .iter()
        .flat_map(|raw| holds("made", raw).into_iter().map(move |f| format!("{f} in {}", raw.escape_ascii())))
        .collect();
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), made.len(), faults.join("\n"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_mail_keeps_its_lines_and_what_differs_is_told(raw in odd_mail()) {
        let scrubbed = scrub(std::slice::from_ref(&raw), 7);
        let after = &scrubbed.mails[0];
        prop_assert_eq!(lines(&raw), lines(after));
        prop_assert_eq!(Portrait::of(&raw).differs(&Portrait::of(after)), scrubbed.differs[0].clone());
        prop_assert_eq!(after, &scrub(&[raw], 7).mails[0]);
    }
}

#[test]
fn mails_of_other_projects_read_as_before() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora");
    let dir = std::env::var_os("TIDEGATE_TEST_CORPORA").map_or(beside, PathBuf::from);
    if !dir.is_dir() {
        not_here("the mails of other projects", &format!("no folder {}", dir.display()));
        return;
    }
    let mut paths = Vec::new();
    let mut folders = vec![dir];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "eml" || e == "msg" || e == "txt") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    let wanted = std::env::var("MAIL").unwrap_or_default();
    paths.retain(|p| p.display().to_string().contains(&wanted));
    let (mut same, mut count) = (0, 0);
    for path in &paths {
        let raw = std::fs::read(path).unwrap();
        if raw.len() > 200_000 {
            continue;
        }
        count += 1;
        let scrubbed = scrub(&[raw], 7);
        if scrubbed.differs[0].is_empty() {
            same += 1;
        } else {
            eprintln!("{}: {}", path.display(), scrubbed.differs[0].join(", "));
        }
    }
    eprintln!("{same} of {count} read as before");
    assert!(same * 100 >= count * 98, "{same} of {count}");
}
