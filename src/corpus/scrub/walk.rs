//! A walk over a mail by its lines: fields, bodies, delimiters. What is found is replaced in its place.
//!
//! It need not agree with the reader in everything, since nothing changes its length or its line ends; where it errs,
//! a text is replaced as what it looks like. [`super::scrub`] holds the reading before against the one after.
//!
//! # Failure
//! None.
//!
//! # Trust
//! None: a mail may be anything; work is linear in its lines.

use super::binary;
use super::enclosed;
use super::field::{self, Part, Place};
use super::form::{self, Form, form_of};
use super::kept;
use super::markup;
use super::tnef;
use super::view::{View, is_base64};
use super::words::{Text, Words};
use crate::normalize;
use crate::normalize::tnef_wire::is_tnef;
use std::ops::Range;

/// Mails within mails that are followed.
const NESTING_MAX: usize = 8;
/// Lines looked at to find out whether a header goes on.
const LOOK_AHEAD_LINES: usize = 64;
/// Names of a header that are remembered: of those that every mail knows there are fewer.
const NAMES_MAX: usize = 200;
/// Letters from which on a boundary is looked for everywhere, not only behind `--`.
const BOUNDARY_BYTES_MIN: usize = 6;
/// Boundaries of one mail that are looked for.
const BOUNDARIES_MAX: usize = 200;

/// Replaces what is in a mail, or learns from it.
pub(super) fn mail(words: &mut Words, src: &[u8], depth: usize) -> Vec<u8> {
    if depth >= NESTING_MAX {
        // So deep nobody reads it as a mail: its words go all the same.
        return text(words, src, None, None, "", &|_| false);
    }
    let mut out = src.to_vec();
    let boundaries = boundaries(src);
    let marked = mark(src, &boundaries);
    let hint = first_charset(src);
    let mut walk = Walk { words, src, boundaries, hint, depth };
    walk.run(&marked, &mut out);
    if !walk.words.is_learning() {
        turn(walk.words, src, &marked, &mut out);
    }
    out
}

struct Walk<'a, 'w> {
    words: &'w mut Words,
    src: &'a [u8],
    boundaries: Vec<Vec<u8>>,
    hint: Option<String>,
    depth: usize,
}

impl<'a> Walk<'a, '_> {
    fn run(&mut self, marked: &[bool], out: &mut [u8]) {
        let mut at = 0;
        let mut in_header = true;
        while at < self.src.len() {
            let mut part = Part::default();
            if in_header {
                at = self.header(at, marked, out, &mut part);
                if part.kind.starts_with("message/rfc822") && matches!(part.encoding.as_str(), "" | "7bit" | "8bit" | "binary") {
                    continue;
                }
            }
            let (end, next, is_part) = self.delimiter(at);
            self.body(&part, at..end, marked, out);
            at = next;
            in_header = is_part;
        }
    }

    /// The line at `at` without its end, and where the next begins.
    fn line(&self, at: usize) -> (&'a [u8], usize) {
        let rest = &self.src[at..];
        let end = if memchr::memchr(b'\n', self.src).is_some() { b'\n' } else { b'\r' };
        let (line, next) = match memchr::memchr(end, rest) {
            Some(n) => (&rest[..n], at + n + 1),
            None => (rest, self.src.len()),
        };
        (line.strip_suffix(b"\r").unwrap_or(line), next)
    }

    /// The next delimiter from `at` on: where the body before it ends, where the line behind it begins, and whether a
    /// part follows.
    fn delimiter(&self, mut at: usize) -> (usize, usize, bool) {
        while at < self.src.len() {
            let (line, next) = self.line(at);
            if let Some(closes) = self.is_delimiter(line) {
                return (at, next, !closes);
            }
            at = next;
        }
        (self.src.len(), self.src.len(), false)
    }

    fn is_delimiter(&self, line: &[u8]) -> Option<bool> {
        let line = line.strip_prefix(b"--")?;
        self.boundaries.iter().find_map(|b| match line.strip_prefix(b.as_slice())?.trim_ascii_end() {
            b"" => Some(false),
            b"--" => Some(true),
            _ => None,
        })
    }

    /// Reads a header from `at`: gives where its body begins.
    fn header(&mut self, mut at: usize, marked: &[bool], out: &mut [u8], part: &mut Part) -> usize {
        let mut open: Option<(String, Range<usize>)> = None;
        let mut first = at == 0;
        // Behind one blank line that came too early the header of a mail goes on.
        let mut may_go_on = at == 0;
        let mut names: Vec<String> = Vec::new();
        loop {
            let (line, next) = self.line(at);
            let blank = line.is_empty() || line == b"\r";
            if at >= self.src.len() || self.is_delimiter(line).is_some() {
                self.close(open, marked, out, part);
                return at;
            }
            if blank {
                if first {
                    at = next;
                    continue;
                }
                if may_go_on && self.is_header(next, &names) {
                    may_go_on = false;
                    at = next;
                    continue;
                }
                self.close(open, marked, out, part);
                return next;
            }
            let is_indented = matches!(line.first(), Some(b' ' | b'\t'));
            let continues = is_indented && !self.is_indented_field(at, &names, open.as_ref());
            if let (Some(colon), false) = (name_end(line), continues) {
                self.close(open.take(), marked, out, part);
                let name = String::from_utf8(line[..colon].trim_ascii().to_vec()).unwrap_or_default();
                if names.len() < NAMES_MAX {
                    names.push(name.to_ascii_lowercase());
                }
                open = Some((name, at + colon + 1..next));
            } else if continues || first || self.goes_on(next) {
                match &mut open {
                    Some((_, value)) if continues => value.end = next,
                    // A line that is no field is a text, whatever it was taken into.
                    _ => {
                        let place = Place { src: self.src, marked, hint: self.hint.as_deref() };
                        field::text(self.words, &place, out, at..next, &|_| false);
                    }
                }
            } else {
                self.close(open, marked, out, part);
                return at;
            }
            first = false;
            at = next;
        }
    }

    /// A known field that is indented by mistake, not a fold that looks like one.
    fn is_indented_field(&self, at: usize, names: &[String], open: Option<&(String, Range<usize>)>) -> bool {
        let so_far = open.map_or(("", &[][..]), |(name, value)| (name.as_str(), &self.src[value.clone()]));
        let above = names.len() - usize::from(open.is_some()).min(names.len());
        normalize::is_indented_field(self.src, at, so_far, names[..above].iter().map(String::as_str))
    }

    /// A known field is among the next three lines, or From comes before the next blank line.
    fn goes_on(&self, mut at: usize) -> bool {
        for n in 0..LOOK_AHEAD_LINES {
            let (line, next) = self.line(at);
            if line.trim_ascii().is_empty() || line.starts_with(b"--") {
                return false;
            }
            if is_known(line) && (n < 3 || line[..5.min(line.len())].eq_ignore_ascii_case(b"from:")) {
                return true;
            }
            at = next;
        }
        false
    }

    /// All lines up to the next blank one are fields that mails have and this one lacks so far, and more than one.
    fn is_header(&self, mut at: usize, names: &[String]) -> bool {
        let mut found = 0;
        for n in 0..LOOK_AHEAD_LINES {
            let (line, next) = self.line(at);
            if line.trim_ascii().is_empty() {
                return found > 1;
            }
            let continues = n > 0 && matches!(line.first(), Some(b' ' | b'\t'));
            let name = line[..name_end(line).unwrap_or(0)].trim_ascii();
            if !continues && (!is_known(line) || names.iter().any(|n| n.as_bytes().eq_ignore_ascii_case(name))) {
                return false;
            }
            found += usize::from(!continues);
            at = next;
        }
        false
    }

    fn close(&mut self, open: Option<(String, Range<usize>)>, marked: &[bool], out: &mut [u8], part: &mut Part) {
        let Some((name, value)) = open else { return };
        field::note(part, &name, &self.src[value.clone()]);
        let place = Place { src: self.src, marked, hint: self.hint.as_deref() };
        field::scrub(self.words, &place, out, &name, value);
    }

    fn body(&mut self, part: &Part, range: Range<usize>, marked: &[bool], out: &mut [u8]) {
        if range.is_empty() {
            return;
        }
        let body = &self.src[range.clone()];
        let mut view = View::default();
        let mut tail = range.end;
        match part.encoding.as_str() {
            "base64" | "base-64" | "x-base64" | "b" if is_base64(body) => {
                tail = range.start + normalize::base64_end(body);
                view.base64(self.src, range.start..tail);
            }
            "quoted-printable" | "quotedprintable" | "quoted_printable" | "quoted-printeable" | "quoted" | "qp" | "q" => {
                view.quoted(self.src, range.clone())
            }
            "" if is_text(&part.kind) && normalize::is_quoted_printable(body) => view.quoted(self.src, range.clone()),
            _ => view.raw(self.src, range.clone()),
        }
        let kind = part.kind.as_str();
        let is_mail = kind.starts_with("message/rfc822") || kind.starts_with("message/global");
        let bytes = std::mem::take(&mut view.bytes);
        view.bytes = if is_mail {
            mail(self.words, &bytes, self.depth + 1)
        } else if is_tnef(&bytes) {
            tnef::scrub(self.words, &bytes)
        } else if kind.contains("pkcs7") || part.name.ends_with(".p7m") || part.name.ends_with(".p7s") {
            binary::printable(self.words, &bytes)
        } else if is_text(kind) || looks_like_text(&bytes) {
            let free = view.free();
            let stays = |n: usize| view.source(n).is_some_and(|at| marked[at]);
            text(self.words, &bytes, Some(&free), part.charset.as_deref().or(self.hint.as_deref()), kind, &stays)
        } else {
            binary::noise(self.words, &bytes)
        };
        view.write(self.src, out);
        if tail < range.end {
            self.body(&Part { kind: "text/plain".to_owned(), ..Part::default() }, tail..range.end, marked, out);
        }
    }
}

/// Replaces the words of a text.
pub(super) fn text(
    words: &mut Words,
    bytes: &[u8],
    free: Option<&[bool]>,
    charset: Option<&str>,
    kind: &str,
    stays: &dyn Fn(usize) -> bool,
) -> Vec<u8> {
    if bytes.is_ascii() && charset.is_some_and(form::is_utf7) {
        let mut out = bytes.to_vec();
        let mut view = View::default();
        view.utf7(bytes, 0..bytes.len());
        let is_fixed = |n: usize| view.source(n).is_some_and(stays);
        view.bytes = in_form(words, &view.bytes, Form::Wide { big: true }, Some(&view.free()), kind, &is_fixed);
        view.write(bytes, &mut out);
        return out;
    }
    in_form(words, bytes, form_of(bytes, charset), free, kind, stays)
}

/// The same, where the form is known.
pub(super) fn in_form(
    words: &mut Words,
    bytes: &[u8],
    form: Form,
    free: Option<&[bool]>,
    kind: &str,
    stays: &dyn Fn(usize) -> bool,
) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let mut fixed: Vec<bool> = (0..bytes.len()).map(stays).collect();
    let mut marks = markup::Marks::default();
    let is_html = kind.contains("html");
    if is_html || markup::looks_like_html(bytes) {
        marks = markup::html(bytes, form, is_html, &mut fixed);
    } else if kind.contains("calendar") || kind.contains("vcard") || kind.contains("directory") {
        markup::properties(bytes, &mut fixed);
    }
    enclosed::scrub(words, bytes, &mut out, &mut fixed);
    words.text(&mut Text { bytes: &mut out, free, fixed: &|n| fixed[n], marks: &marks }, form);
    out
}

fn is_text(kind: &str) -> bool {
    kind.is_empty()
        || kind.starts_with("text")
        || kind.starts_with("multipart/")
        || kind.starts_with("message/")
        || !kind.contains('/')
}

/// A file that is a text whatever its type says.
pub(super) fn looks_like_text(bytes: &[u8]) -> bool {
    let sample = &bytes[..bytes.len().min(4096)];
    let strange = sample.iter().filter(|b| **b < b' ' && !b.is_ascii_whitespace()).count();
    let high = sample.iter().filter(|b| !b.is_ascii()).count();
    strange == 0 && (high * 3 < sample.len() || std::str::from_utf8(sample).is_ok())
}

/// A field that mails are made of begins here.
fn is_known(line: &[u8]) -> bool {
    name_end(line).is_some_and(|colon| normalize::is_known_field(line[..colon].trim_ascii()))
}

/// Where the name of a field ends: at its colon.
fn name_end(line: &[u8]) -> Option<usize> {
    let colon = line.iter().position(|b| *b == b':')?;
    let name = line[..colon].trim_ascii();
    let is_name = |b: &u8| b.is_ascii_graphic() && !matches!(b, b'<' | b'>');
    (!name.is_empty() && name.len() < 200 && name.iter().all(is_name)).then_some(colon)
}

/// What `boundary=` names anywhere in the mail.
fn boundaries(src: &[u8]) -> Vec<Vec<u8>> {
    let lower = src.to_ascii_lowercase();
    let mut out: Vec<Vec<u8>> = Vec::new();
    for found in memchr::memmem::find_iter(&lower, b"boundary").take(BOUNDARIES_MAX) {
        let rest = &src[found + 8..];
        let skip = rest.iter().take_while(|b| b.is_ascii_digit() || matches!(b, b'*' | b' ' | b'\t')).count();
        let is_extended = rest[..skip].trim_ascii_end().ends_with(b"*");
        let Some(rest) = rest[skip..].strip_prefix(b"=") else { continue };
        let rest = rest.trim_ascii_start();
        let value = match rest.first() {
            Some(quote @ (b'"' | b'\'')) => rest[1..].split(|b| b == quote || *b == b'\n').next(),
            _ => rest.split(|b| matches!(b, b';' | b'\r' | b'\n' | b' ' | b'\t')).next(),
        };
        let mut value = value.unwrap_or_default().trim_ascii_end();
        if is_extended {
            // Behind the charset and the language; what is escaped stands otherwise elsewhere.
            let told = value.iter().rposition(|b| *b == b'\'').map_or(0, |n| n + 1);
            let escape = memchr::memrchr(b'%', value).map_or(0, |n| value.len().min(n + 3));
            value = &value[told.max(escape)..];
        }
        if !value.is_empty() && value.len() <= 512 && !out.iter().any(|b| b == value) {
            out.push(value.to_vec());
        }
    }
    // Those that nobody declares: fields of a part follow.
    let mut before: &[u8] = b"";
    for line in src.split(|b| matches!(b, b'\n' | b'\r')).map(<[u8]>::trim_ascii_end) {
        if line.is_empty() && !before.is_empty() {
            continue;
        }
        if before.len() > 5
            && before.starts_with(b"--")
            && line.len() > 8
            && line[..8].eq_ignore_ascii_case(b"content-")
            && out.len() < BOUNDARIES_MAX
            && !out.iter().any(|b| b == &before[2..])
        {
            out.push(before[2..].to_vec());
        }
        before = line;
    }
    // The longest first: one may begin like another.
    out.sort_by_key(|b| std::cmp::Reverse(b.len()));
    out
}

/// The bytes of delimiters: they are turned letter by letter, so that what was equal, cut or a beginning of another
/// stays so.
fn mark(src: &[u8], boundaries: &[Vec<u8>]) -> Vec<bool> {
    let mut marked = vec![false; src.len()];
    for boundary in boundaries {
        for at in memchr::memmem::find_iter(src, boundary) {
            let declared = src[..at].trim_ascii_end().ends_with(b"=") || src[..at].ends_with(b"\"") || src[..at].ends_with(b"--");
            if boundary.len() >= BOUNDARY_BYTES_MIN || declared {
                marked[at..at + boundary.len()].fill(true);
            }
        }
    }
    // Lines that look like delimiters of a boundary that is named otherwise, or not at all.
    let mut at = 0;
    for line in src.split_inclusive(|b| *b == b'\n' || *b == b'\r') {
        let content = line.trim_ascii_end();
        let looks = content.len() >= 4
            && content.starts_with(b"--")
            && !content.contains(&b' ')
            && !content.windows(3).any(|w| w[0] == b'=' && w[1].is_ascii_hexdigit() && w[2].is_ascii_hexdigit())
            && content.iter().any(u8::is_ascii_alphanumeric);
        if looks {
            marked[at..at + content.len()].fill(true);
        }
        at += line.len();
    }
    marked
}

/// Turns the delimiters, but for the words in them by which a program is known.
fn turn(words: &Words, src: &[u8], marked: &[bool], out: &mut [u8]) {
    let mut at = 0;
    while at < src.len() {
        let run = (at..src.len()).take_while(|n| marked[*n] && src[*n].is_ascii_alphabetic()).count();
        let word = String::from_utf8(src[at..at + run].to_ascii_lowercase()).unwrap_or_default();
        let digits = (at..src.len()).take_while(|n| marked[*n] && src[*n].is_ascii_alphanumeric()).count();
        let goes_on = at > 0 && marked[at - 1] && src[at - 1].is_ascii_alphanumeric();
        if !goes_on && (1..4).contains(&digits) && src[at..at + digits].iter().all(u8::is_ascii_digit) {
            at += digits;
            continue;
        }
        if run < 3 || !kept::is_word(&word) {
            for n in at..at + run.max(usize::from(marked[at])) {
                out[n] = words.turned(src[n]);
            }
        }
        at += run.max(1);
    }
}

/// The first charset that is named: that of the body, as a rule.
fn first_charset(src: &[u8]) -> Option<String> {
    let lower = src.to_ascii_lowercase();
    let at = memchr::memmem::find(&lower, b"charset=")? + 8;
    let value = lower[at..].iter().skip_while(|b| matches!(b, b'"' | b'\'' | b' ')).take(40);
    let value: Vec<u8> =
        value.take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':')).copied().collect();
    String::from_utf8(value).ok().filter(|v| !v.is_empty() && !form::is_of_bodies(v))
}
