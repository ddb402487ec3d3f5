//! Values with parameters: Content-Type and Content-Disposition (RFC 2045, RFC 2183, RFC 2231).
//!
//! # Failure
//! None. Missing quotes and semicolons, quotes inside quotes, raw 8-bit, encoded-words where they
//! are forbidden, and continuations with gaps are read as meant.

use super::charset;
use super::encoded_word;
use super::repair::{self, Repairs};
use super::span::Span;
use super::transfer;
use memchr::{memchr, memmem};

/// Continuations of one parameter that are read.
const SEGMENTS_MAX: usize = 1_000;
/// Parameters of one field that are read.
const PARAMETERS_MAX: usize = 2_000;

/// A value and its parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Parameterised {
    /// What stands before the first semicolon, lower case.
    pub(super) value: String,
    /// Names lower case, each once, in order.
    pub(super) parameters: Vec<(String, String)>,
}

impl Parameterised {
    /// A parameter's value.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

struct Segment {
    number: usize,
    extended: bool,
    bytes: Vec<u8>,
}

/// Reads a field's unfolded value.
pub(super) fn read(value: &[u8], hint: Option<&[u8]>, place: &str, repairs: &mut Repairs) -> Parameterised {
    let end = value.iter().position(|b| matches!(b, b';')).unwrap_or(value.len());
    let mut head = value.before(end);
    let mut rest = value.after(end);
    // `text/plain charset=utf-8`: the semicolon is missing.
    if let Some(equals) = memchr(b'=', head) {
        let before = head.before(equals).trim_ascii();
        // `Content-Disposition: filename=a.pdf`: so is the value.
        let is_parameter = !before.is_empty() && before.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'*'));
        let at = head.before(equals).trim_ascii_end().iter().rposition(|b| b.is_ascii_whitespace());
        if let Some(start) = if is_parameter { Some(0) } else { at } {
            rest = value.after(start);
            head = head.before(start);
        }
    }
    let head = strip_comments(head);
    let head = head.trim_ascii();
    let mut out = Parameterised {
        value: head
            .iter()
            .filter(|b| !matches!(b, b'"' | b'\'' | b'<' | b'>' | 0))
            .map(|b| if b.is_ascii() { char::from(b.to_ascii_lowercase()) } else { '?' })
            .collect::<String>()
            .trim()
            .to_owned(),
        parameters: Vec::new(),
    };
    let mut found: Vec<(String, Vec<Segment>)> = Vec::new();
    let mut count = 0;
    while let Some((name, bytes, after)) = next(rest) {
        rest = after;
        count += 1;
        if count > PARAMETERS_MAX {
            break;
        }
        let (base, number, extended) = split_name(&name);
        if base.is_empty() {
            continue;
        }
        let segment = Segment { number: number.unwrap_or(0), extended, bytes };
        match found.iter_mut().find(|(n, _)| *n == base) {
            Some((_, list)) if list.len() < SEGMENTS_MAX => list.push(segment),
            Some(_) => {}
            None => found.push((base, vec![segment])),
        }
    }
    for (name, segments) in found {
        let value = join(segments, hint, place, repairs);
        out.parameters.push((name, value));
    }
    out
}

/// `filename*1*` is the second segment of `filename`, percent-encoded.
fn split_name(name: &str) -> (String, Option<usize>, bool) {
    let mut pieces = name.split('*');
    let base = pieces.next().unwrap_or_default().to_owned();
    let mut number = None;
    let mut extended = false;
    for piece in pieces {
        if piece.is_empty() {
            extended = true;
        } else if let Ok(n) = piece.parse::<usize>() {
            number = Some(n);
        }
    }
    (base, number, extended)
}

/// One `name=value`, and what follows.
fn next(mut rest: &[u8]) -> Option<(String, Vec<u8>, &[u8])> {
    loop {
        let skip = rest.iter().take_while(|b| b.is_ascii_whitespace() || matches!(b, b';' | b',')).count();
        rest = rest.after(skip);
        if rest.is_empty() {
            return None;
        }
        if rest.first() == Some(&b'(') {
            let end = memchr(b')', rest).map_or(rest.len(), |i| i + 1);
            rest = rest.after(end);
            continue;
        }
        let name_end = rest.iter().position(|b| matches!(b, b'=' | b';')).unwrap_or(rest.len());
        let name: String = rest
            .before(name_end)
            .trim_ascii()
            .iter()
            .filter(|b| b.is_ascii_graphic() && **b != b'"')
            .map(|b| char::from(b.to_ascii_lowercase()))
            .collect();
        if rest.get(name_end) != Some(&b'=') {
            rest = rest.after(name_end);
            continue;
        }
        let after = rest.after(name_end + 1);
        let blanks = after.iter().take_while(|b| b.is_ascii_whitespace()).count();
        let value = after.after(blanks);
        let (bytes, after) = if value.first() == Some(&b'"') { quoted(value.after(1)) } else { unquoted(value) };
        return Some((name, bytes, after));
    }
}

/// A quoted string without its opening quote. A quote ends it only where a parameter can end.
fn quoted(value: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(&byte) = value.get(at) {
        match byte {
            b'\\' if matches!(value.get(at + 1), Some(b'"' | b'\\')) => {
                out.extend(value.get(at + 1));
                at += 1;
            }
            b'"' => {
                let behind = value.after(at + 1);
                if ends_parameter(behind) {
                    return (out, behind);
                }
                out.push(byte);
            }
            _ => out.push(byte),
        }
        at += 1;
    }
    // No end: what was swallowed beyond a semicolon and a name is more likely the next parameter.
    if let Some(semicolon) = memchr(b';', value)
        && ends_parameter(value.after(semicolon))
        && memchr(b'=', value.after(semicolon)).is_some()
    {
        return (value.before(semicolon).to_vec(), value.after(semicolon));
    }
    (out, b"")
}

/// Whether a parameter can end here: nothing, a semicolon, a comment or another `name=` follows.
fn ends_parameter(behind: &[u8]) -> bool {
    let skip = behind.before(256).iter().take_while(|b| b.is_ascii_whitespace()).count();
    let rest = behind.after(skip);
    match rest.first() {
        None | Some(b';' | b'(') => true,
        Some(b',') => true,
        _ => {
            let name =
                rest.before(64).iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'*' | b'_')).count();
            name > 0 && rest.get(name) == Some(&b'=')
        }
    }
}

/// A value without quotes: up to the semicolon, or up to a blank with another `name=` behind it.
fn unquoted(value: &[u8]) -> (Vec<u8>, &[u8]) {
    let end = memchr(b';', value).unwrap_or(value.len());
    let mut piece = value.before(end);
    let mut after = value.after(end);
    let words = memmem::find(piece, b"=?").is_some();
    if !words {
        let mut from = 0;
        while let Some(blank) = piece.after(from).iter().position(|b| b.is_ascii_whitespace()).map(|i| i + from) {
            let behind = piece.after(blank);
            let named = behind.trim_ascii_start();
            let name = named.before(64).iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'*')).count();
            if name > 0 && named.get(name) == Some(&b'=') {
                after = value.after(blank);
                piece = piece.before(blank);
                break;
            }
            from = blank + 1;
        }
    }
    (strip_comment_at_end(piece).trim_ascii().to_vec(), after)
}

fn strip_comment_at_end(piece: &[u8]) -> &[u8] {
    match memmem::find(piece, b" (") {
        Some(i)
            if piece.trim_ascii_end().ends_with(b")")
                && !piece.before(i).is_empty()
                && memchr(b'.', piece.after(i)).is_none() =>
        {
            // `us-ascii (Plain text)` is a comment; `report (1).pdf` is a name.
            piece.before(i)
        }
        _ => piece,
    }
}

fn strip_comments(value: &[u8]) -> Vec<u8> {
    let mut depth = 0usize;
    value
        .iter()
        .copied()
        .filter(|b| match b {
            b'(' => {
                depth += 1;
                false
            }
            b')' if depth > 0 => {
                depth -= 1;
                false
            }
            _ => depth == 0,
        })
        .collect()
}

/// Puts the segments of a parameter together. `name*=…` wins over a plain `name=…` beside it.
fn join(mut segments: Vec<Segment>, hint: Option<&[u8]>, place: &str, repairs: &mut Repairs) -> String {
    if segments.iter().any(|s| s.extended) && segments.iter().filter(|s| s.number == 0).count() > 1 {
        segments.retain(|s| s.extended || s.number > 0);
    }
    segments.sort_by_key(|s| s.number);
    segments.dedup_by_key(|s| s.number);
    let extended = segments.iter().any(|s| s.extended);
    if !extended {
        let bytes: Vec<u8> = segments.into_iter().flat_map(|s| s.bytes).collect();
        return encoded_word::decode(&bytes, hint, place, repairs);
    }
    let mut label: Option<Vec<u8>> = None;
    let mut bytes = Vec::new();
    let mut cut = Vec::new(); // of a `%C3` that is cut between two segments
    for (i, mut segment) in segments.into_iter().enumerate() {
        if segment.extended && !cut.is_empty() {
            segment.bytes.splice(0..0, cut.drain(..));
        }
        bytes.append(&mut cut);
        if let (true, Some(from)) = (segment.extended, cut_escape(&segment.bytes)) {
            cut = segment.bytes.split_off(from);
        }
        let mut value: &[u8] = &segment.bytes;
        if i == 0
            && segment.extended
            && let Some(first) = memchr(b'\'', value)
            && let Some(second) = memchr(b'\'', value.after(first + 1))
        {
            label = Some(value.before(first).to_vec());
            value = value.after(first + second + 2);
        }
        if segment.extended {
            percent_decode(value, &mut bytes);
        } else {
            bytes.extend_from_slice(value);
        }
    }
    bytes.append(&mut cut);
    let label = label.filter(|l| !l.is_empty());
    let words = memmem::find(&bytes, b"=?").is_some();
    if words && label.is_none() {
        return encoded_word::decode(&bytes, hint, place, repairs);
    }
    let found = charset::decode(&bytes, label.as_deref(), hint);
    if let Some((_, detail, confidence)) = found.repair {
        repairs.note(repair::NAME_MALFORMED, place, detail, confidence);
    }
    let text = found.text.into_owned();
    if words {
        // Its letters are known by the label; only what is an encoded-word in it is read again.
        let mut within = Repairs::default();
        let decoded = encoded_word::decode_text(&text, place, &mut within);
        if decoded != text {
            let list = within.into_list().into_iter().filter(|r| r.code != repair::HEADER_RAW_8BIT);
            list.for_each(|r| repairs.note(r.code, place, r.detail, r.confidence));
            return decoded;
        }
    }
    text
}

/// Where an escape begins that the end of a segment cuts.
fn cut_escape(segment: &[u8]) -> Option<usize> {
    let from = segment.len().saturating_sub(2);
    let percent = from + memchr(b'%', segment.after(from))?;
    segment.after(percent + 1).iter().all(u8::is_ascii_hexdigit).then_some(percent)
}

pub(super) fn percent_decode(value: &[u8], out: &mut Vec<u8>) {
    let mut rest = value;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, transfer::hex_pair(after)) {
            (b'%', Some(decoded)) => {
                out.push(decoded);
                rest = after.after(2);
            }
            _ => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: &str) -> Parameterised {
        read(value.as_bytes(), None, "part 1", &mut Repairs::default())
    }

    fn get(value: &str, name: &str) -> String {
        parse(value).get(name).unwrap_or_default().to_owned()
    }

    #[test]
    fn the_plain_form() {
        let p = parse("Text/Plain; charset=\"utf-8\"; format=flowed");
        assert_eq!((p.value.as_str(), p.get("charset"), p.get("format")), ("text/plain", Some("utf-8"), Some("flowed")));
    }

    #[test]
    fn missing_semicolons_and_quotes() {
        assert_eq!(get("text/plain charset=utf-8", "charset"), "utf-8");
        assert_eq!(get("text/plain; charset=utf-8 format=flowed", "format"), "flowed");
        assert_eq!(get("attachment; filename=two words.pdf", "filename"), "two words.pdf");
        assert_eq!(get("attachment; filename=\"the \"big\" one.pdf\"; size=3", "filename"), "the \"big\" one.pdf");
        assert_eq!(get("attachment; filename=\"open.pdf; size=3", "size"), "3");
        assert_eq!(get("text/plain; charset=us-ascii (Plain text)", "charset"), "us-ascii");
    }

    #[test]
    fn continuations_and_charsets() {
        assert_eq!(get("attachment; filename*=utf-8''caf%C3%A9.txt; filename=cafe.txt", "filename"), "café.txt");
        assert_eq!(get("attachment; filename*1=b.txt; filename*0=a", "filename"), "ab.txt");
        assert_eq!(get("attachment; filename*0*=iso-8859-1''caf; filename*1*=%E9.txt", "filename"), "café.txt");
        assert_eq!(get("attachment; filename*=us-ascii''caf%E9.txt", "filename"), "café.txt");
    }

    #[test]
    fn an_escape_cut_between_two_segments_is_one_letter() {
        assert_eq!(get("attachment; filename*0*=utf-8''caf%C; filename*1*=3%A9.txt", "filename"), "café.txt");
        assert_eq!(get("attachment; filename*0*=utf-8''caf%; filename*1*=C3%A9.txt", "filename"), "café.txt");
        assert_eq!(get("attachment; filename*0*=utf-8''100%; filename*1=.txt", "filename"), "100%.txt");
        assert_eq!(get("attachment; filename*=utf-8''100%", "filename"), "100%");
    }

    #[test]
    fn the_value_may_be_missing() {
        let p = parse("filename=\"a b.pdf\"; size=3");
        assert_eq!((p.value.as_str(), p.get("filename"), p.get("size")), ("", Some("a b.pdf"), Some("3")));
        assert_eq!(get("charset=utf-8", "charset"), "utf-8");
    }

    #[test]
    fn a_charset_that_is_named_holds_for_what_only_looks_like_an_encoded_word() {
        let mut repairs = Repairs::default();
        let read = read(b"attachment; filename*=iso-8859-2''%B3%F3d%BC%20=?.txt", None, "part 1", &mut repairs);
        assert_eq!((read.get("filename"), repairs.into_list()), (Some("łódź =?.txt"), Vec::new()));
        let words = "attachment; filename*=utf-8''%E2%82%AC%20=%3Futf-8%3FQ%3Fcaf=C3=A9%3F=.txt";
        assert_eq!(get(words, "filename"), "€ café.txt");
    }

    #[test]
    fn encoded_words_where_they_are_forbidden() {
        assert_eq!(get("attachment; filename=\"=?utf-8?Q?caf=C3=A9.txt?=\"", "filename"), "café.txt");
        assert_eq!(get("attachment; filename==?utf-8?Q?caf=C3=A9.txt?=", "filename"), "café.txt");
    }

    #[test]
    fn a_windows_path_keeps_its_backslashes() {
        assert_eq!(get("attachment; filename=\"C:\\docs\\a.txt\"", "filename"), "C:\\docs\\a.txt");
    }
}
