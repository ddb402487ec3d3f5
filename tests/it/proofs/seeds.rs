//! Where each target begins: what is in the corpus, cut to what the target reads.

use super::root;
use std::sync::LazyLock;
use tidegate::corpus;
use tidegate::limits::Limits;
use tidegate::normalize::normalize;

/// Seeds of one kind: more of them make a round no better.
const SEEDS_MAX: usize = 400;

static SAMPLES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let samples = corpus::load(&root().join("corpus")).unwrap().into_iter();
    samples.flat_map(|s| s.unwrap().mails).map(|m| m.raw).filter(|r| r.len() < 64 << 10).collect()
});

pub(super) fn mails() -> Vec<Vec<u8>> {
    SAMPLES.clone()
}

/// Bytes that decide: from none to many, the same each time.
pub(super) fn choices() -> Vec<Vec<u8>> {
    let mut state = 1u32;
    (0..60)
        .map(|n| {
            (0..n * 6)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 24) as u8
                })
                .collect()
        })
        .collect()
}

fn header_end(raw: &[u8]) -> usize {
    let lf = raw.windows(2).position(|w| w == b"\n\n").map(|i| i + 2);
    let crlf = raw.windows(4).position(|w| w == b"\r\n\r\n").map(|i| i + 4);
    [lf, crlf].into_iter().flatten().min().unwrap_or(raw.len())
}

pub(super) fn headers() -> Vec<Vec<u8>> {
    SAMPLES.iter().map(|raw| [&raw[..header_end(raw)], b"body\n"].concat()).collect()
}

/// Raw values of fields with these names.
fn values(names: &[&str]) -> Vec<Vec<u8>> {
    let mut out: Vec<Vec<u8>> = Vec::new();
    for raw in SAMPLES.iter() {
        let mut open = false;
        for line in raw[..header_end(raw)].split_inclusive(|b| *b == b'\n') {
            let name_end = line.iter().position(|b| *b == b':').unwrap_or(0);
            if line.starts_with(b" ") || line.starts_with(b"\t") {
                if let Some(value) = out.last_mut().filter(|_| open) {
                    value.extend_from_slice(line);
                }
                continue;
            }
            open = names.is_empty() || names.iter().any(|n| line[..name_end].trim_ascii().eq_ignore_ascii_case(n.as_bytes()));
            if open && name_end > 0 {
                out.push(line[name_end + 1..].to_vec());
            }
        }
    }
    out.sort();
    out.dedup();
    out.truncate(SEEDS_MAX);
    out
}

pub(super) fn addresses() -> Vec<Vec<u8>> {
    values(&["From", "To", "Cc", "Reply-To", "Sender"])
}

pub(super) fn dates() -> Vec<Vec<u8>> {
    values(&["Date"])
}

pub(super) fn encoded_words() -> Vec<Vec<u8>> {
    let mut out = values(&[]);
    out.retain(|v| v.windows(2).any(|w| w == b"=?") || !v.is_ascii());
    out.push(b"plain words".to_vec());
    out
}

/// Two bytes choose the label and the hint.
pub(super) fn charset() -> Vec<Vec<u8>> {
    let bodies = SAMPLES.iter().map(|raw| &raw[header_end(raw)..]).filter(|b| !b.is_ascii() || b.contains(&0x1b));
    let with_label = |(n, body): (usize, &[u8])| [&[n as u8, (n / 3) as u8], body].concat();
    let mut out: Vec<Vec<u8>> = bodies.enumerate().map(with_label).collect();
    out.extend((0..30u8).map(|n| [&[n, 0][..], "Größe Ж 港 \u{a0}€ ａ".as_bytes()].concat()));
    out
}

pub(super) fn html() -> Vec<Vec<u8>> {
    let mut out: Vec<Vec<u8>> =
        SAMPLES.iter().filter_map(|raw| normalize(raw, &Limits::default()).html_source).map(String::into_bytes).collect();
    out.extend(
        [
            "<p>one <b>two</b></p><ul><li>three<li>four</ul>",
            "<table><tr><td>a<td>b<tr><td><table><tr><td>c</table></table>",
            "<a href='https://a.example/x'>a</a><img src='cid:1' alt='b'><img src='https://t.example/p'>",
            "<blockquote type=cite>q</blockquote><div class=gmail_quote>On <a>x</a> wrote:<blockquote>y</blockquote></div>",
            "<style>x{}</style><script>y()</script><title>t</title><textarea></p></textarea><svg><style><img></style></svg>",
            "<math><mi><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=x&gt;\">",
            "<pre>a\n b\n</pre><!-- c --><![CDATA[d]]>&lt;e&gt;&amp;amp;&#1;&#xd;&nbsp;",
            "<form><input type=submit value=f><select><option>g</select></form><noscript><p title='</noscript><img>'>",
        ]
        .map(|h| h.as_bytes().to_vec()),
    );
    out
}

/// The first byte chooses what stands before; a zero parts what comes once from what is repeated.
pub(super) fn growth() -> Vec<Vec<u8>> {
    [
        &b"\x02<font color=1><b>\0<p>x"[..],
        b"\x02<table><tr><td>",
        b"\x02<a href=x><div>\0</a></div>",
        b"\x05=?utf-8?Q?a?= ",
        b"\x06a@b.example, ",
        b"\x06\"(<",
        b"\x07; a*1*=b",
        b"\x03\n--b\nContent-Type: multipart/mixed; boundary=c\n\n",
        b"\x03Content-Type: text/plain; name=x\n\na\n--b\n",
        b"\x01On 1 Jan 2030, Ann <a@b.example> wrote:\n",
        b"\x01From: a\nSent: b\n",
        b"\x01> a\nb\n",
        b"\x01begin 644 x\n#0V%T\nend\n",
        b"\x09=\n=3D",
        b"\0Content-Type: message/rfc822\n\n",
        b"\x0dids <a@b>",
    ]
    .map(<[u8]>::to_vec)
    .to_vec()
}

/// Attributes with properties (MS-OXTNEF 2.1), behind the signature.
pub(super) fn tnef() -> Vec<Vec<u8>> {
    fn attribute(level: u8, id: u16, bytes: &[u8]) -> Vec<u8> {
        let sum = bytes.iter().fold(0u16, |s, b| s.wrapping_add(u16::from(*b)));
        [&[level][..], &id.to_le_bytes(), &[1, 0], &(bytes.len() as u32).to_le_bytes(), bytes, &sum.to_le_bytes()].concat()
    }
    fn property(id: u16, kind: u16, bytes: &[u8]) -> Vec<u8> {
        let mut out =
            [&kind.to_le_bytes()[..], &id.to_le_bytes(), &[1, 0, 0, 0], &(bytes.len() as u32).to_le_bytes(), bytes].concat();
        out.resize(out.len().next_multiple_of(4), 0);
        out
    }
    let wide = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let block = |properties: &[Vec<u8>]| [&(properties.len() as u32).to_le_bytes()[..], &properties.concat()].concat();
    let text = b"{\\rtf1\\ansi\\fromhtml1 {\\*\\htmltag64 <p>}hello\\par}";
    let mut rtf = [&((text.len() + 12) as u32).to_le_bytes()[..], &(text.len() as u32).to_le_bytes(), b"MELA\0\0\0\0"].concat();
    rtf.extend_from_slice(text);
    let mut packed = [&60u32.to_le_bytes()[..], &80u32.to_le_bytes(), b"LZFu\0\0\0\0"].concat();
    packed.extend_from_slice(b"\x00{\\rtf1\\a\x04n\x00\x10si plain\x80\x12\x34\x56");
    let body = attribute(1, 0x800c, b"the text\0");
    let subject = attribute(1, 0x8004, b"the subject\0");
    let page = attribute(1, 0x9007, &[0xe4, 4, 0, 0, 0, 0, 0, 0]);
    let with = |id: u16, bytes: &[u8]| attribute(1, 0x9003, &block(&[property(id, 0x0102, bytes)]));
    let file = [
        attribute(2, 0x9002, &[0; 14]),
        attribute(2, 0x8010, b"a.txt\0"),
        attribute(2, 0x800f, b"content"),
        attribute(
            2,
            0x9005,
            &block(&[property(0x3707, 0x001f, &wide("long name.txt\0")), property(0x370e, 0x001e, b"text/plain\0")]),
        ),
    ]
    .concat();
    let inner = [&[0u8; 16][..], &[0x78, 0x9f, 0x3e, 0x22, 0, 0], &body].concat();
    let nested = [attribute(2, 0x9002, &[0; 14]), attribute(2, 0x9005, &block(&[property(0x3701, 0x000d, &inner)]))].concat();
    vec![
        [page.clone(), body.clone()].concat(),
        [page.clone(), subject.clone(), body.clone(), file.clone()].concat(),
        [subject, with(0x1013, b"<p>html</p>"), file].concat(),
        with(0x1009, &rtf),
        with(0x1009, &packed),
        [page, nested].concat(),
        attribute(1, 0x9003, &block(&[property(0x0037, 0x001f, &wide("größer")), property(0x1000, 0x001f, &wide("текст"))])),
    ]
}

/// Two zero bytes: nothing is marked.
pub(super) fn folds() -> Vec<Vec<u8>> {
    let mut out: Vec<Vec<u8>> =
        SAMPLES.iter().map(|raw| [b"\0\0", normalize(raw, &Limits::default()).text.as_bytes()].concat()).collect();
    for text in [
        "yes\n\nOn Tue, 1 Jan 2030 at 10:20, Ann <ann@a.example> wrote:\n> no\n> and no\n\n-- \nBob",
        "ja\n\nAm 01.01.2030 um 10:20 schrieb Ann:\n> nein",
        "see below\n\n-----Original Message-----\nFrom: Ann\nSent: Tuesday\nTo: Bob\nSubject: x\n\ntext",
        "> a\nb\n> c\nd",
        "hello\n\nSent from my iPhone",
    ] {
        out.push([b"\0\0", text.as_bytes()].concat());
    }
    out
}

pub(super) fn tokens() -> Vec<Vec<u8>> {
    let token = "CEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    [
        String::new(),
        format!("reply+{token}@desk.example"),
        format!("SRS0=x=y=desk.example=reply+{}@relay.example", token.to_lowercase()),
        format!("words [ref:{token}] words [ref:{token}"),
        format!("[ref:[ref:{}]", &token[1..]),
    ]
    .map(String::into_bytes)
    .to_vec()
}

/// What clients send in `tests/dialogues`, with its escapes read.
fn client_lines() -> Vec<Vec<Vec<u8>>> {
    let mut files: Vec<_> = std::fs::read_dir(root().join("tests/dialogues")).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    let unescape = |text: &str| -> Vec<u8> {
        text.replace("\\r", "\r").replace("\\n", "\n").replace("\\0", "\0").replace("\\\\", "\\").into_bytes()
    };
    files
        .iter()
        .map(|file| {
            let text = std::fs::read_to_string(file).unwrap();
            text.lines()
                .filter_map(|line| match line.split_at_checked(3) {
                    Some(("C: ", rest)) => Some([unescape(rest), b"\r\n".to_vec()].concat()),
                    Some(("C| ", rest)) => Some(unescape(rest)),
                    _ => None,
                })
                .collect()
        })
        .collect()
}

pub(super) fn commands() -> Vec<Vec<u8>> {
    let mut out = client_lines().concat();
    out.sort();
    out.dedup();
    out
}

/// The first byte chooses how it is split.
pub(super) fn sessions() -> Vec<Vec<u8>> {
    let join = |(n, lines): (usize, Vec<Vec<u8>>)| [vec![n as u8 * 4], lines.concat()].concat();
    client_lines().into_iter().enumerate().map(join).filter(|s| s.len() < 4096).collect()
}

/// Records without right checksums.
pub(super) fn segments() -> Vec<Vec<u8>> {
    let record = |kind: u8, envelope: &[u8], body: &[u8]| {
        let mut out = b"TGr1\x01".to_vec();
        out.extend([kind, 0, 0]);
        out.extend((envelope.len() as u32).to_le_bytes());
        out.extend([0; 4]);
        out.extend((body.len() as u64).to_le_bytes());
        out.resize(56, 0);
        out.extend_from_slice(envelope);
        out.extend_from_slice(body);
        out.resize(out.len().next_multiple_of(8), 0);
        out
    };
    let one = record(0, b"{}", b"From: a@b.example\r\n\r\nhi\r\n");
    let two = record(1, b"{\"session\":\"s\"}", &[7; 100]);
    let gap = [0; 64];
    [vec![], one.clone(), [one.clone(), two.clone()].concat(), [two, gap.to_vec(), one.clone()].concat(), one[..60].to_vec()]
        .to_vec()
}
