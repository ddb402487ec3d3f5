//! How the texts of a header are written: RFC 2047, and what programs make of it.
//!
//! # Failure
//! None; the room's promises are those of [`super`].

use super::draft::{Form, Mailbox, Style};
use super::letters::{Charset, UTF_8};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

/// Bytes of a text in one encoded-word.
const WORD_BYTES: usize = 39;

/// A text such as a subject. An ASCII text is folded at blanks.
#[must_use]
pub(super) fn unstructured(text: &str, form: &Form) -> Vec<u8> {
    if text.is_ascii() {
        let mut out = String::new();
        let mut column = 10;
        for (n, word) in text.split(' ').enumerate() {
            if n > 0 {
                let fold = column + word.len() > 70 && !word.is_empty();
                out.push_str(if fold { "\r\n " } else { " " });
                column = if fold { 0 } else { column };
            }
            column += word.len() + 1;
            out.push_str(word);
        }
        return out.into_bytes();
    }
    encoded(text, form, false, WORD_BYTES)
}

/// A list of mailboxes.
#[must_use]
pub(super) fn people(people: &[Mailbox], form: &Form) -> Vec<u8> {
    if form.style == Style::WholeList && people.iter().any(|p| !p.name.is_ascii()) {
        let all: Vec<String> = people.iter().map(|p| format!("{} <{}>", p.name, p.address)).collect();
        return encoded(&all.join(", "), form, false, WORD_BYTES);
    }
    let one = |p: &Mailbox| -> Vec<u8> {
        if p.name.is_empty() {
            return p.address.clone().into_bytes();
        }
        let mut out = phrase(&p.name, form);
        out.extend_from_slice(format!(" <{}>", p.address).as_bytes());
        out
    };
    people.iter().map(one).collect::<Vec<_>>().join(b",\r\n ".as_slice())
}

/// A display name.
#[must_use]
pub(super) fn phrase(name: &str, form: &Form) -> Vec<u8> {
    if name.is_ascii() {
        let atoms = name.bytes().all(|b| b.is_ascii_alphanumeric() || b" !#$%&'*+-/=?^_`{|}~".contains(&b));
        return if atoms { name.to_owned() } else { format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")) }
            .into_bytes();
    }
    match form.style {
        Style::Quoted => [b"\"".as_slice(), &encoded(name, form, true, WORD_BYTES), b"\""].concat(),
        Style::Raw => [b"\"".as_slice(), &encoded(name, form, true, WORD_BYTES), b"\""].concat(),
        _ => encoded(name, form, true, WORD_BYTES),
    }
}

/// Encoded-words of a text, in the form's charset if it holds the letters.
#[must_use]
pub(super) fn encoded(text: &str, form: &Form, in_phrase: bool, width: usize) -> Vec<u8> {
    let mut form = form.clone();
    if form.charset.encode(text).is_none() {
        form.label = UTF_8.label.to_owned();
        form.charset = UTF_8;
        if form.style == Style::Escaping {
            form.style = Style::Standard;
        }
    }
    let bytes = |t: &str| form.charset.encode(t).unwrap_or_else(|| t.as_bytes().to_vec());
    let chunks: Vec<Vec<u8>> = match form.style {
        Style::Raw => return bytes(text),
        Style::Escaping => escaping(&bytes(text)),
        Style::Cut => bytes(text).chunks(width - 2).map(<[u8]>::to_vec).collect(),
        Style::Long => vec![bytes(text)],
        Style::Twice => {
            let inner = encoded(text, &Form { style: Style::Standard, ..form.clone() }, in_phrase, width);
            let inner: Vec<u8> = inner.into_iter().filter(|b| !matches!(b, b'\r' | b'\n')).collect();
            return word(&inner, &form, in_phrase);
        }
        Style::Folded => vec![bytes(text)],
        _ => letters(text, form.charset, if matches!(form.style, Style::Glued) { 18 } else { width }),
    };
    let words: Vec<Vec<u8>> = chunks.iter().map(|c| word(c, &form, in_phrase)).collect();
    match form.style {
        Style::Glued => words.concat(),
        Style::Folded => {
            let whole = words.concat();
            let cut = whole.len() / 2;
            // Within the payload of a B word; a relay cut the line.
            [&whole[..cut], b"\r\n ", &whole[cut..]].concat()
        }
        _ => words.join(b"\r\n ".as_slice()),
    }
}

/// Pieces of whole letters, each at most `width` bytes.
fn letters(text: &str, charset: Charset, width: usize) -> Vec<Vec<u8>> {
    let bytes = |t: &str| charset.encode(t).unwrap_or_else(|| t.as_bytes().to_vec());
    let mut out = Vec::new();
    let mut piece = String::new();
    for c in text.chars() {
        piece.push(c);
        if bytes(&piece).len() > width {
            piece.pop();
            out.push(bytes(&piece));
            piece = c.to_string();
        }
    }
    out.push(bytes(&piece));
    out
}

fn word(bytes: &[u8], form: &Form, in_phrase: bool) -> Vec<u8> {
    let mut out = format!("=?{}?{}?", form.label, form.letter).into_bytes();
    if form.letter.eq_ignore_ascii_case(&'b') {
        let engine = if form.style == Style::Unpadded { STANDARD_NO_PAD } else { STANDARD };
        out.extend_from_slice(engine.encode(bytes).as_bytes());
    } else {
        for &byte in bytes {
            let safe = byte.is_ascii_alphanumeric()
                || (!in_phrase && b"!*+-/.,:()".contains(&byte))
                || (form.style == Style::Naked && byte >= 0x80);
            match byte {
                b' ' if form.style == Style::Blanks => out.push(b' '),
                b' ' => out.push(b'_'),
                _ if safe => out.push(byte),
                _ => out.extend_from_slice(format!("={byte:02X}").as_bytes()),
            }
        }
    }
    out.extend_from_slice(b"?=");
    out
}

/// Iso-2022-jp cut after whole pairs, without the escapes at the cuts: the second word begins in the
/// state that the first one ended in.
fn escaping(bytes: &[u8]) -> Vec<Vec<u8>> {
    let start = bytes.windows(3).position(|w| w == b"\x1b$B");
    let end = bytes.windows(3).rposition(|w| w == b"\x1b(B");
    let Some((start, end)) = start.zip(end).filter(|(s, e)| e.saturating_sub(*s) > 16) else { return vec![bytes.to_vec()] };
    // One run of pairs only: what is between other escapes can't be cut by counting.
    if bytes[start + 3..end].contains(&0x1b) {
        return vec![bytes.to_vec()];
    }
    let cut = start + 3 + (end - start - 3) / 4 * 2;
    vec![bytes[..cut].to_vec(), bytes[cut..].to_vec()]
}
