//! What holds for any bytes: no panic, LF reads like CRLF, the same twice, folds are ranges of the
//! text, html is safe, no word of a plain text is lost, and time is linear.

use crate::cpu_time::cpu_time;
use proptest::prelude::*;
use std::collections::HashSet;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;
use tidegate::corpus;
use tidegate::limits::Limits;
use tidegate::mail::NormalizedMail;
use tidegate::normalize::{ELEMENTS, GENERIC_ATTRIBUTES, normalize, proof, sanitize};

static SAMPLES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let samples: Vec<Vec<u8>> = corpus::load(&root).unwrap().into_iter().flat_map(|s| s.unwrap().mails).map(|m| m.raw).collect();
    assert!(!samples.is_empty());
    samples
});

fn read(raw: &[u8]) -> NormalizedMail {
    normalize(raw, &Limits::default())
}

/// What may be written into a mail at a random place.
fn splice() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..12),
        prop::sample::select(vec![
            "=?utf-8?Q?",
            "?=",
            "\r\n\r\n",
            "\n--b\n",
            "--b--",
            "\"",
            "<",
            ">",
            "(",
            "\\",
            ";",
            "=",
            "\0",
            "<blockquote>",
            "</div>",
            "Content-Type: multipart/mixed; boundary=b\n\n",
            "Content-Transfer-Encoding: base64\n",
            "begin 644 x\n",
            "\nend\n",
            "On Jan 1, 2030, Ann <a@b.example> wrote:\n",
            "> ",
            "From: ",
            "\u{202e}",
            "\u{1b}$B",
            "&#x0;",
            "-----Original Message-----\n",
        ])
        .prop_map(|s| s.as_bytes().to_vec()),
    ]
}

/// A sample with some places cut, doubled or overwritten.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let edits = prop::collection::vec((any::<prop::sample::Index>(), 0usize..40, splice()), 0..8);
    (any::<prop::sample::Index>(), edits).prop_map(|(sample, edits)| {
        let mut raw = SAMPLES[sample.index(SAMPLES.len())].clone();
        for (at, cut, put) in edits {
            let from = at.index(raw.len() + 1);
            let to = (from + cut).min(raw.len());
            raw.splice(from..to, put);
        }
        raw
    })
}

/// A reading without what depends on line ends: the bytes of parts that are not transfer-encoded.
fn without_bytes(mut mail: NormalizedMail) -> NormalizedMail {
    for attachment in &mut mail.attachments {
        attachment.size = 0;
        attachment.sha256.clear();
    }
    mail.size = 0;
    mail
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_mutated_mail_is_read_like_any_other(raw in mutated()) {
        proof::mail(&raw);
    }

    #[test]
    fn any_bytes_are_a_mail(raw in prop::collection::vec(any::<u8>(), 0..2000)) {
        proof::mail(&raw);
    }

    #[test]
    fn lf_reads_like_crlf(raw in mutated()) {
        // A CR that is no line end, and bytes in which CR and LF are no line ends, are another matter.
        prop_assume!(!raw.contains(&b'\r') && raw.contains(&b'\n') && !raw.contains(&0));
        // In a wide charset they are halves of letters.
        let lower = raw.to_ascii_lowercase();
        prop_assume!(!["utf-16", "utf16", "utf-32", "ucs-"].iter().any(|w| lower.windows(w.len()).any(|have| have == w.as_bytes())));
        let [lf, crlf] = corpus::variants(&raw);
        prop_assert_eq!(without_bytes(read(&lf.raw)), without_bytes(read(&crlf.raw)));
    }

    #[test]
    fn every_ascii_word_of_a_plain_text_is_shown(words in prop::collection::vec("[ -~]{0,60}", 0..30)) {
        let body = words.join("\n");
        prop_assume!(!body.contains("begin ") && !body.trim_start().starts_with('<') && !body.trim_start().starts_with("--"));
        let mail = read(format!("From: a@b.example\nSubject: x\n\n{body}\n").as_bytes());
        for word in body.split_whitespace() {
            prop_assert!(mail.text.contains(word), "{word:?} is missing in {:?}", mail.text);
        }
    }

    #[test]
    fn every_word_of_html_is_shown(words in prop::collection::vec("[a-z]{1,8}", 1..20), tags in prop::collection::vec(
        prop::sample::select(vec!["<p>", "</p>", "<div>", "</div>", "<b>", "<td>", "</table>", "<li>", "<ul>", "</ul>", "<blockquote>",
            "</blockquote>", "<a href='https://x.example/'>", "</a>", "<br>", "<pre>", "</pre>", "<img alt='']", "<head>", "<!-- c -->"]), 1..20)) {
        let html: String = words.iter().zip(tags.iter().cycle()).map(|(w, t)| format!("{t} {w} ")).collect();
        let text = tidegate::normalize::html_text(&html);
        // An unclosed tag swallows words in a browser too.
        prop_assume!(!html.contains("alt='']"));
        for word in &words {
            prop_assert!(text.split(|c: char| !c.is_ascii_lowercase()).any(|w| w == word), "{word} of {html:?} is missing in {text:?}");
        }
    }

    #[test]
    fn sanitized_html_holds_only_what_is_allowed(raw in mutated(), html in "(<(a|img|script|svg|style|b|table|iframe|form|math)( (href|src|onload|style|background)=['\"]?(https://e.example|javascript:x|cid:y|data:text/html,z)['\"]?)*>?[a-z]{0,4}){0,12}") {
        let source = read(&raw).html_source.unwrap_or_default() + &html;
        let safe = sanitize(&source);
        for tag in safe.split('<').skip(1) {
            let inner = tag.split('>').next().unwrap();
            let name: String = inner.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
            prop_assert!(ELEMENTS.contains(&name.as_str()), "{name} in {safe}");
            // Names only: what stands in quotes is a value.
            let names: String = inner.split('"').step_by(2).collect();
            prop_assert!(!names.contains(" on"), "{safe}");
            if name == "img" && let Some((_, source)) = inner.split_once("src=\"") {
                prop_assert!(source.starts_with("cid:") || source.starts_with("data:image/"), "{safe}");
            }
            prop_assert!(!inner.contains("\"javascript:") && !names.contains("background") && !names.contains("style="), "{safe}");
        }
        prop_assert!(!GENERIC_ATTRIBUTES.contains(&"style"));
    }
}

#[test]
fn an_independent_reader_finds_no_word_that_ours_has_lost() {
    let mut compared = 0;
    for raw in SAMPLES.iter() {
        // The other reader overflows the stack on nested mails: that one sample is ours alone.
        if raw.windows(14).filter(|w| *w == b"message/rfc822").count() > 3 {
            continue;
        }
        let Some(other) = mail_parser::MessageParser::default().parse(raw) else { continue };
        let ours = read(raw);
        if ours.repairs.iter().any(|r| ["header.", "transfer.", "structure.", "body."].iter().any(|f| r.code.starts_with(f))) {
            continue; // what we read as a field, or decode, is plain body there
        }
        let shown: HashSet<&str> = ours.text.split(|c: char| !c.is_alphanumeric()).collect();
        for n in 0..other.text_body_count() {
            let text = other.body_text(n).unwrap_or_default();
            if text.contains('\u{fffd}')
                || text.contains("begin 644")
                || !text.is_ascii()
                || text.contains('\u{1b}')
                // What is ASCII there only is in a charset that reader does not know.
                || !ours.text.is_ascii()
                // It joins the words of html blocks.
                || ours.html_source.is_some()
            {
                continue;
            }
            compared += 1;
            for word in text.split(|c: char| !c.is_alphanumeric()).filter(|w| w.len() > 3) {
                assert!(shown.contains(word), "{word:?} of {text:?} is missing in {:?}", ours.text);
            }
        }
    }
    assert!(compared > 10, "only {compared} texts compared");
}

/// Hostile shapes: each is read in time linear in its size (a quadratic one takes minutes).
#[test]
fn no_shape_takes_more_than_linear_time() {
    let many = |piece: &str, bytes: usize| piece.repeat(bytes / piece.len());
    let size = 256 << 10;
    let shapes: Vec<(&str, String)> = vec![
        ("open words", format!("Subject: {}\n\n", many("=?a?q?", size))),
        ("quotes", format!("To: {}\n\n", many("\"<(", size))),
        ("addresses", format!("To: {}\n\n", many("<a@b,", size))),
        ("comments", format!("To: {}\n\n", many("(", size))),
        ("parameters", format!("Content-Type: text/plain{}\n\nx", many("; a=b", size))),
        ("boundaries", format!("Content-Type: multipart/mixed; boundary=b\n\n{}", many("--b\n\n", size))),
        (
            "lost boundaries",
            format!(
                "Content-Type: multipart/mixed; boundary=b\n\n{}",
                many("--b\nContent-Type: multipart/mixed; boundary=x\n\n", size)
            ),
        ),
        ("dashes", format!("Content-Type: multipart/mixed; boundary=b\n\n--b\n\n{}", many("\n--", size))),
        ("fields", many("A: b\n", size)),
        ("junk", format!("From: a@b\n{}", many("junk\n", size))),
        ("folds", format!("Subject: {}\n\n", many("a\n ", size))),
        ("html", format!("Content-Type: text/html\n\n{}", many("<div><b><a href=x>", size))),
        ("html end tags", format!("Content-Type: text/html\n\n{}{}", many("<div>", size / 2), many("</p>", size / 2))),
        ("html lists", format!("Content-Type: text/html\n\n{}", many("<ol><li>", size))),
        ("quoted lines", format!("\n\n{}", many("> a\nb\n", size))),
        ("blank lines", format!("\n\nOn Jan 1, 2030, Ann <a@b> wrote\n{}", many("\n", size))),
        ("leads", format!("\n\n{}", many("On Jan 1, 2030, Ann <a@b>\n", size))),
        ("labels", format!("\n\n{}", many("From: a\nx\n", size))),
        ("signatures", format!("\n\n{}", many("-- \n> a\n", size))),
        ("uuencode", format!("\n\n{}", many("begin 644 x\n#0V%T\n", size))),
        ("one line", format!("\n\n{}", many("wrote: ", size))),
        ("uuencoded files", format!("\n\n{}", many("begin 644 x\n#0V%T\nend\n", size))),
        ("ids", format!("References: {}\n\n", many("<a@b> ", size))),
        ("message/rfc822", many("Content-Type: message/rfc822\n\n", size)),
    ];
    for (name, raw) in shapes {
        let (html, took) = cpu_time(|| read(raw.as_bytes()).html_source.as_deref().map(sanitize));
        assert!(
            took < Duration::from_secs(10),
            "{name}: {took:?} for {} bytes ({} of html)",
            raw.len(),
            html.map_or(0, |h| h.len())
        );
    }
}
