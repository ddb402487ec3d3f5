//! From a draft to bytes with CRLF line ends.
//!
//! # Failure
//! None; the room's promises are those of [`super`].

use super::draft::{Content, Draft, Mailbox, NameForm, Part, Quirk, Transfer, Value};
use super::letters::Charset;
use super::words;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The mail as it goes over the wire.
#[must_use]
pub fn render(draft: &Draft) -> Vec<u8> {
    let mut out = Vec::with_capacity(4096);
    for field in &draft.fields {
        out.extend_from_slice(field.name.as_bytes());
        out.extend_from_slice(b":");
        out.extend_from_slice(field.blank.as_bytes());
        match &field.value {
            Value::Raw(bytes) => out.extend_from_slice(bytes),
            Value::Text(text) => out.extend(words::unstructured(text, &draft.form)),
            Value::People(people) => out.extend(words::people(people, &draft.form)),
            Value::Ids(ids) => {
                let ids: Vec<String> = ids.iter().map(|i| format!("<{i}>")).collect();
                out.extend_from_slice(ids.join("\r\n ").as_bytes());
            }
        }
        out.extend_from_slice(b"\r\n");
    }
    if draft.mime_version {
        out.extend_from_slice(b"MIME-Version: 1.0\r\n");
    }
    part_fields(&draft.root, draft, &mut out);
    out.extend_from_slice(draft.gap);
    part_body(&draft.root, draft, &mut out);
    out
}

fn line(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

/// The fields of a part.
fn part_fields(part: &Part, draft: &Draft, out: &mut Vec<u8>) {
    let (in_type, in_disposition) = names(part, draft);
    if let Some(written) = &part.type_line {
        if !written.is_empty() {
            line(out, written.as_bytes());
        }
    } else {
        let mut value = format!("Content-Type: {}", part.kind).into_bytes();
        if let Some(label) = &part.label {
            value.extend_from_slice(format!("; charset={label}").as_bytes());
        }
        value.extend_from_slice(part.more.as_bytes());
        if matches!(part.content, Content::Parts(_)) {
            match part.boundary.said.as_deref() {
                None => value.extend_from_slice(format!(";\r\n boundary=\"{}\"", part.boundary.text).as_bytes()),
                Some("") => {}
                Some(said) => value.extend_from_slice(format!(";\r\n boundary={said}").as_bytes()),
            }
        }
        value.extend(in_type);
        line(out, &value);
    }
    let encoding = match (part.transfer_label, part.transfer) {
        (Some(label), _) => label,
        (None, Transfer::SevenBit) => "7bit",
        (None, Transfer::EightBit) => "8bit",
        (None, Transfer::QuotedPrintable) => "quoted-printable",
        (None, Transfer::Base64) => "base64",
        (None, Transfer::Uuencode) => "x-uuencode",
    };
    let is_multipart = matches!(part.content, Content::Parts(_));
    if !encoding.is_empty() && (!is_multipart || part.transfer_label.is_some()) {
        line(out, format!("Content-Transfer-Encoding: {encoding}").as_bytes());
    }
    if let Some(disposition) = part.disposition {
        let mut value = format!("Content-Disposition: {disposition}").into_bytes();
        value.extend(in_disposition);
        line(out, &value);
    }
    if let Some(id) = &part.id {
        line(out, format!("Content-ID: <{id}>").as_bytes());
    }
    for extra in &part.extra {
        line(out, extra.as_bytes());
    }
}

/// What names the file: in Content-Type, and in Content-Disposition.
fn names(part: &Part, draft: &Draft) -> (Vec<u8>, Vec<u8>) {
    let Some(name) = &part.name else { return (Vec::new(), Vec::new()) };
    let quoted = |bytes: &[u8]| {
        let mut out = b"\"".to_vec();
        for byte in bytes {
            if matches!(byte, b'"' | b'\\') {
                out.push(b'\\');
            }
            out.push(*byte);
        }
        out.push(b'"');
        out
    };
    let with = |attribute: &str, value: Vec<u8>| [format!(";\r\n {attribute}=").into_bytes(), value].concat();
    let percents =
        |text: &str| -> String {
            text.bytes()
                .map(|b| {
                    if b.is_ascii_alphanumeric() || b"-._".contains(&b) { char::from(b).to_string() } else { format!("%{b:02X}") }
                })
                .collect()
        };
    let words = || words::encoded(name, &draft.form, false, 40);
    let raw = quoted(name.as_bytes());
    let extended = || format!("UTF-8''{}", percents(name)).into_bytes();
    let both = |value: Vec<u8>| (with("name", value.clone()), with("filename", value));
    match part.name_form {
        NameForm::Standard if name.is_ascii() => both(raw),
        NameForm::Standard => (Vec::new(), with("filename*", extended())),
        NameForm::Continued => {
            let all = extended();
            let mut pieces = Vec::new();
            let mut rest = all.as_slice();
            while !rest.is_empty() {
                let mut end = rest.len().min(30);
                // A piece may not end within an escape.
                while end < rest.len() && rest[end.saturating_sub(2)..end].contains(&b'%') {
                    end -= 1;
                }
                pieces
                    .extend(with(&format!("filename*{}*", pieces.iter().filter(|b| **b == b';').count()), rest[..end].to_vec()));
                rest = &rest[end..];
            }
            (Vec::new(), pieces)
        }
        NameForm::EncodedWords => both([b"\"".as_slice(), &words(), b"\""].concat()),
        NameForm::BareWords => both(words()),
        NameForm::RawUtf8 => both(raw),
        NameForm::RawBody => both(draft.form.charset.encode(name).map_or(raw, |b| quoted(&b))),
        NameForm::QuotedExtended => (Vec::new(), with("filename*", [b"\"".as_slice(), &extended(), b"\""].concat())),
        NameForm::ExtendedAscii => (Vec::new(), with("filename*", format!("us-ascii''{}", percents(name)).into_bytes())),
        NameForm::ExtendedRaw => (Vec::new(), with("filename*", format!("utf-8''{}", name.replace(' ', "%20")).into_bytes())),
        NameForm::ExtendedBare => (Vec::new(), with("filename*", percents(name).into_bytes())),
        NameForm::WindowsPath => {
            let path = [br"C:\Users\office\Desktop\".as_slice(), name.as_bytes()].concat();
            both([b"\"".as_slice(), &path, b"\""].concat())
        }
        NameForm::UnixPath => both(quoted(format!("/home/office/out/{name}").as_bytes())),
        NameForm::TypeOnly => (with("name", raw), Vec::new()),
        NameForm::Unquoted => both(name.clone().into_bytes()),
        NameForm::Unclosed => (Vec::new(), with("filename", [b"\"".as_slice(), name.as_bytes()].concat())),
        NameForm::Folded => (Vec::new(), with("filename", quoted(name.replacen(' ', "\r\n ", 1).as_bytes()))),
        NameForm::TwoNames => (with("name", b"\"noname.bin\"".to_vec()), with("filename", raw)),
        NameForm::Both => {
            let plain: String = name.chars().map(|c| if c.is_ascii() { c } else { '_' }).collect();
            (Vec::new(), [with("filename", quoted(plain.as_bytes())), with("filename*", extended())].concat())
        }
    }
}

/// The bytes of a text in its charset, lines with CRLF.
fn text_bytes(text: &str, charset: Charset) -> Vec<u8> {
    let encoded = |t: &str| charset.encode(t).unwrap_or_else(|| t.as_bytes().to_vec());
    // Line by line: charsets with states return to ASCII at the end of each.
    text.split('\n').map(encoded).collect::<Vec<_>>().join(b"\r\n".as_slice())
}

fn part_body(part: &Part, draft: &Draft, out: &mut Vec<u8>) {
    match &part.content {
        Content::Parts(children) => {
            let b = &part.boundary;
            if !b.preamble.is_empty() {
                line(out, b.preamble.replace('\n', "\r\n").as_bytes());
            }
            for child in children {
                line(out, format!("--{}{}", b.text, b.trailing).as_bytes());
                part_fields(child, draft, out);
                out.extend_from_slice(b"\r\n");
                part_body(child, draft, out);
                out.extend_from_slice(b"\r\n");
            }
            if !b.unclosed {
                line(out, format!("--{}--{}", b.text, b.trailing).as_bytes());
                if !b.epilogue.is_empty() {
                    line(out, b.epilogue.replace('\n', "\r\n").as_bytes());
                }
            }
        }
        Content::Text(text) => encode(&text_bytes(text, part.charset), part, true, out),
        Content::Encoded(bytes) => encode(bytes, part, true, out),
        Content::Bytes(bytes) => encode(bytes, part, false, out),
    }
    out.extend_from_slice(&part.tail);
}

fn encode(bytes: &[u8], part: &Part, is_text: bool, out: &mut Vec<u8>) {
    match part.transfer {
        Transfer::SevenBit | Transfer::EightBit => out.extend_from_slice(bytes),
        Transfer::QuotedPrintable => quoted_printable(bytes, part.quirk, is_text, out),
        Transfer::Base64 => base64(bytes, part.quirk, out),
        Transfer::Uuencode => uuencode(bytes, part.name.as_deref().filter(|n| n.is_ascii()).unwrap_or("file.bin"), out),
    }
}

fn base64(bytes: &[u8], quirk: Quirk, out: &mut Vec<u8>) {
    let text = match quirk {
        Quirk::Blocks => bytes.chunks(55).map(|c| STANDARD.encode(c)).collect::<Vec<_>>().join("\r\n"),
        _ => STANDARD.encode(bytes),
    };
    let lines = |width: usize, end: &str, text: &str| -> String {
        let pieces: Vec<&str> =
            (0..text.len()).step_by(width).map(|i| text.get(i..(i + width).min(text.len())).unwrap_or_default()).collect();
        pieces.join(end)
    };
    let text = match quirk {
        Quirk::Blocks | Quirk::OneLine => text,
        Quirk::Unpadded => lines(76, "\r\n", text.trim_end_matches('=')),
        Quirk::OddLines => lines(73, "\r\n", &text),
        Quirk::BlankLines => lines(76, "\r\n\r\n", &text),
        Quirk::RelayCut => lines(990, "!\r\n ", &text),
        Quirk::Noise => lines(60, " *\r\n", &text),
        Quirk::Indented => format!("  {}", lines(76, "\r\n  ", &text)),
        _ => lines(76, "\r\n", &text),
    };
    out.extend_from_slice(text.as_bytes());
}

fn quoted_printable(bytes: &[u8], quirk: Quirk, is_text: bool, out: &mut Vec<u8>) {
    let mut column = 0;
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        if is_text && rest.starts_with(b"\r\n") {
            out.extend_from_slice(b"\r\n");
            column = 0;
            rest = &rest[2..];
            continue;
        }
        let at_end = after.is_empty() || (is_text && after.starts_with(b"\r\n"));
        let naked = quirk == Quirk::Naked && byte >= 0x80;
        let plain = naked
            || (matches!(byte, 33..=60 | 62..=126) && !(column == 0 && byte == b'.'))
            || (matches!(byte, b' ' | b'\t') && !at_end);
        let token = match (plain, quirk) {
            (true, _) => vec![byte],
            (false, Quirk::LowerHex) => format!("={byte:02x}").into_bytes(),
            (false, _) => format!("={byte:02X}").into_bytes(),
        };
        match quirk {
            Quirk::LongLines => {}
            Quirk::LostSoftBreak => {
                // Programs that break at blanks: the blank stays before the break.
                if column > 60 && byte == b' ' && !at_end {
                    out.extend_from_slice(b" \r\n");
                    column = 0;
                    rest = after;
                    continue;
                }
            }
            _ => {
                if column + token.len() > 75 {
                    out.extend_from_slice(if quirk == Quirk::SoftBlank { b"= \r\n" } else { b"=\r\n" });
                    column = 0;
                }
            }
        }
        column += token.len();
        out.extend(token);
        rest = after;
    }
}

fn uuencode(bytes: &[u8], name: &str, out: &mut Vec<u8>) {
    let letter = |n: u8| if n == 0 { b'`' } else { n + 32 };
    line(out, format!("begin 644 {name}").as_bytes());
    for chunk in bytes.chunks(45) {
        let mut row = vec![letter(u8::try_from(chunk.len()).unwrap_or(45))];
        for three in chunk.chunks(3) {
            let [a, b, c] = [0, 1, 2].map(|i| three.get(i).copied().unwrap_or(0));
            row.extend([a >> 2, ((a & 3) << 4) | (b >> 4), ((b & 15) << 2) | (c >> 6), c & 63].map(letter));
        }
        line(out, &row);
    }
    out.extend_from_slice(b"`\r\nend");
}

/// Mailboxes as RFC 5322 has them, for manglings that write a field themselves.
#[must_use]
pub fn plain_people(people: &[Mailbox]) -> String {
    people.iter().map(|p| format!("<{}>", p.address)).collect::<Vec<_>>().join(", ")
}

/// A text as a header has it in a form.
#[must_use]
pub fn header_text(text: &str, form: &super::draft::Form) -> Vec<u8> {
    words::unstructured(text, form)
}

/// A display name as a header has it in a form.
#[must_use]
pub fn header_phrase(name: &str, form: &super::draft::Form) -> Vec<u8> {
    words::phrase(name, form)
}
