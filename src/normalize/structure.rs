//! The tree of parts (RFC 2045, RFC 2046): one walk over the raw bytes, without recursion.
//!
//! This is Tidegate's own walker rather than a parser's tree, because every decision of leniency
//! (a missing, wrong or reopened boundary, a part after the end, a header without a blank line)
//! is made where lines are read, and because it bounds nesting and parts while it reads. Nested
//! mails are not entered: they are leaves with their exact bytes.
//!
//! # Failure
//! None. Beyond [`Limits::nesting_max`] a multipart is one leaf; beyond [`Limits::parts_max`] the
//! rest of the mail is one leaf. Time is linear: delimiters are searched once, and the search for
//! a lost boundary has a budget.

use super::delimiter::{matches, matches_loosely};
use super::header::{self, Fields, LineEnds};
use super::parameter::{self, Parameterised};
use super::repair::{self, Repairs};
use super::role::looks_like_html;
use super::span::{Span, before_as_lf};
use crate::limits::Limits;
use memchr::memmem;

/// The search for lost boundaries may look at this many bytes for each byte of the mail.
const SEARCH_FACTOR: usize = 4;
/// Multiparts cut off by an outer delimiter that are remembered.
const CUT_MAX: usize = 16;
/// RFC 2046 says 70; real ones are longer, an attack is longer still.
const BOUNDARY_BYTES_MAX: usize = 512;

/// One part of the tree.
#[derive(Debug)]
pub(super) struct Part<'a> {
    pub(super) fields: Fields<'a>,
    /// `type/subtype` and its parameters; a default where the field is missing or malformed.
    pub(super) content_type: Parameterised,
    /// The field was there and could be read.
    pub(super) type_given: bool,
    pub(super) children: Vec<usize>,
    /// `1.2`; the root is `1` when it is a leaf and empty when it is a multipart.
    pub(super) path: String,
    /// The body as it stands in the mail, transfer encoding and all.
    pub(super) body: &'a [u8],
    body_start: usize,
}

impl Part<'_> {
    /// The type says so, and parts were found.
    pub(super) fn is_multipart(&self) -> bool {
        !self.children.is_empty()
    }

    /// For repairs: `part 1.2`, or `mail` for the root.
    pub(super) fn place(&self) -> String {
        if self.path.is_empty() { "mail".to_owned() } else { format!("part {}", self.path) }
    }
}

/// The parts of a mail, depth first; the root is the first.
#[derive(Debug)]
pub(super) struct Tree<'a> {
    pub(super) parts: Vec<Part<'a>>,
}

impl<'a> Tree<'a> {
    pub(super) fn root(&self) -> Option<&Part<'a>> {
        self.parts.first()
    }

    /// Forgets all parts but the root.
    pub(super) fn keep_root(&mut self) {
        self.parts.truncate(1);
        self.parts.shrink_to_fit();
    }
}

/// A multipart whose delimiters are being looked for.
struct Frame {
    part: usize,
    boundary: Vec<u8>,
    /// Its closing delimiter was seen.
    closed: bool,
}

struct Delimiter {
    level: usize,
    closing: bool,
    /// End of the body before it: the line break belongs to the delimiter.
    body_end: usize,
    /// Where the next line begins.
    next: usize,
}

struct Walk<'a, 'r> {
    raw: &'a [u8],
    ends: LineEnds,
    limits: &'r Limits,
    repairs: &'r mut Repairs,
    parts: Vec<Part<'a>>,
    frames: Vec<Frame>,
    /// Boundaries of multiparts that an outer delimiter cut off before their end.
    cut: Vec<Vec<u8>>,
    budget: usize,
}

/// Walks a mail, or a part that was unwrapped and is one.
pub(super) fn walk<'a>(raw: &'a [u8], limits: &Limits, repairs: &mut Repairs) -> Tree<'a> {
    let ends = LineEnds::of(raw);
    if ends == LineEnds::Cr {
        repairs.note(repair::LINES_BARE_CR, "mail", "lines end with a bare CR", 0.9);
    }
    let budget = raw.len().saturating_mul(SEARCH_FACTOR);
    let mut walk = Walk { raw, ends, limits, repairs, parts: Vec::new(), frames: Vec::new(), cut: Vec::new(), budget };
    walk.run();
    // A list that grows has up to twice the room it needs, and the parts of a mail may be as large as the mail.
    walk.parts.shrink_to_fit();
    Tree { parts: walk.parts }
}

impl<'a> Walk<'a, '_> {
    fn run(&mut self) {
        let mut at = 0;
        let mut parent: Option<usize> = None;
        loop {
            let (index, mut leaf, mut from) = self.begin_part(at, parent);
            if self.parts.len() > self.limits.parts_max {
                let place = self.parts.get(index).map(Part::place).unwrap_or_default();
                self.repairs.note(repair::PARTS_TOO_MANY, &place, format!("only {} parts are read", self.limits.parts_max), 1.0);
                self.end_part(index, self.raw.len());
                return;
            }
            loop {
                let Some(found) = self.next_delimiter(from) else {
                    self.end_of_mail(leaf);
                    return;
                };
                if let Some(open) = leaf.take() {
                    self.end_part(open, found.body_end);
                }
                while self.frames.len() > found.level + 1 {
                    if let Some(frame) = self.frames.pop() {
                        self.close_frame(&frame, found.body_end);
                        if !frame.closed && self.cut.len() < CUT_MAX {
                            self.cut.push(frame.boundary);
                        }
                    }
                }
                let Some(frame) = self.frames.get_mut(found.level) else { return };
                from = found.next;
                if found.closing {
                    frame.closed = true;
                    continue;
                }
                let part = frame.part;
                if std::mem::take(&mut frame.closed) {
                    let place = self.parts.get(part).map(Part::place).unwrap_or_default();
                    self.repairs.note(repair::BOUNDARY_REOPENED, &place, "a part follows the closing boundary; it was read", 0.8);
                }
                parent = Some(part);
                at = found.next;
                break;
            }
        }
    }

    /// Reads the header at `at` and files the part. Returns its index, itself if it is a leaf, and
    /// where to look for the next delimiter.
    fn begin_part(&mut self, at: usize, parent: Option<usize>) -> (usize, Option<usize>, usize) {
        let index = self.parts.len();
        let path = match parent.and_then(|p| self.parts.get(p)) {
            Some(p) if p.path.is_empty() => format!("{}", p.children.len() + 1),
            Some(p) => format!("{}.{}", p.path, p.children.len() + 1),
            None => String::new(),
        };
        let place = if path.is_empty() { "mail".to_owned() } else { format!("part {path}") };
        let frames = &self.frames;
        let is_delimiter = |line: &[u8]| frames.iter().any(|f| matches(&f.boundary, line).is_some());
        let fields = if at == 0 || parent.is_some() {
            header::read(self.raw, at, self.ends, self.limits.headers_max, &place, &is_delimiter, self.repairs)
        } else {
            Fields { list: Vec::new(), end: at }
        };
        let body_start = fields.end;
        let in_digest = parent.and_then(|p| self.parts.get(p)).is_some_and(|p| p.content_type.value == "multipart/digest");
        let (content_type, type_given) = self.content_type(&fields, in_digest, &place);
        if let Some(p) = parent.and_then(|p| self.parts.get_mut(p)) {
            p.children.push(index);
        }
        let mut part = Part { fields, content_type, type_given, children: Vec::new(), path, body: b"", body_start };
        let boundary = if self.parts.len() >= self.limits.parts_max { None } else { self.boundary(&mut part, &place) };
        self.parts.push(part);
        match boundary {
            Some(boundary) => {
                self.frames.push(Frame { part: index, boundary, closed: false });
                (index, None, body_start)
            }
            None => (index, Some(index), body_start),
        }
    }

    fn content_type(&mut self, fields: &Fields<'a>, in_digest: bool, place: &str) -> (Parameterised, bool) {
        let default = if in_digest { "message/rfc822" } else { "text/plain" };
        let Some(value) = fields.content_type() else {
            return (Parameterised { value: default.to_owned(), parameters: Vec::new() }, false);
        };
        let mut read = parameter::read(&header::unfold(value), None, place, self.repairs);
        if is_media_type(&read.value) {
            // Html by another name, which every client shows; as a file it keeps its type.
            // So is text by a name that scripts make up.
            let meant = match read.value.as_str() {
                "application/xhtml+xml" | "text/xhtml" | "text/x-html" | "text/htm" | "html/text" => Some("text/html"),
                "plain/text" | "txt/plain" | "test/plain" | "message/plain" | "application/plain" | "application/text" => {
                    Some("text/plain")
                }
                _ => None,
            };
            if let Some(meant) = meant
                && read.get("name").is_none()
                && fields.get("Content-Disposition").is_none()
            {
                self.repairs.note(repair::TYPE_MALFORMED, place, format!("{} read as {meant}", read.value), 0.9);
                read.value = meant.to_owned();
            }
            return (read, true);
        }
        let meant = match read.value.as_str() {
            "text" | "plain" | "text/" => Some("text/plain"),
            "html" | "htm" => Some("text/html"),
            "multipart" | "multipart/" => Some("multipart/mixed"),
            "message" => Some("message/rfc822"),
            other => other.split(|c: char| c.is_whitespace() || c == ',').find(|w| is_media_type(w)),
        };
        if let Some(meant) = meant.map(str::to_owned) {
            read.value.clone_from(&meant);
            if !value.trim_ascii().is_empty() {
                self.repairs.note(repair::TYPE_MALFORMED, place, format!("read as {meant}"), 0.8);
            }
            return (read, true);
        }
        // A name that no text has says that it is a file, which as text would be noise.
        if read.get("name").or_else(|| read.get("filename")).is_some_and(is_file_name) {
            self.repairs.note(repair::TYPE_MALFORMED, place, "not a media type; by its name a file", 0.7);
            read.value = "application/octet-stream".to_owned();
            return (read, true);
        }
        if !read.value.is_empty() {
            self.repairs.note(repair::TYPE_MALFORMED, place, format!("not a media type; taken as {default}"), 0.5);
        }
        read.value = default.to_owned();
        (read, false)
    }

    /// The boundary if the part is a multipart that can be followed. Corrects its type where the
    /// body says otherwise.
    fn boundary(&mut self, part: &mut Part<'a>, place: &str) -> Option<Vec<u8>> {
        let declared = part.content_type.get("boundary").map(|b| b.trim_end().as_bytes().to_vec());
        let declared = declared.filter(|b| !b.is_empty() && b.len() <= BOUNDARY_BYTES_MAX);
        let is_multipart = part.content_type.value.starts_with("multipart/");
        if !is_multipart {
            // `text/html; boundary=…` is harmless unless the delimiters are really there; and a mail
            // that has lost its Content-Type may still begin with a delimiter.
            let leads = self.body_leads_with_delimiter(part);
            let found = match declared {
                Some(b) if self.occurs(part.body_start, &b, true) => b,
                _ if !part.type_given && part.path.is_empty() => leads?,
                _ => return None,
            };
            self.repairs.note(
                repair::MULTIPART_MISLABELLED,
                place,
                format!("{} with parts; read as multipart/mixed", part.content_type.value),
                0.8,
            );
            part.content_type.value = "multipart/mixed".to_owned();
            return self.deep_enough(place).then_some(found);
        }
        if !self.deep_enough(place) {
            part.content_type.value = "application/octet-stream".to_owned();
            part.content_type.parameters.clear();
            return None;
        }
        if let Some(b) = declared
            && self.occurs(part.body_start, &b, false)
        {
            // The boundary of the multipart around it: its own is what its parts begin with, if that is another.
            let own = if self.is_open(&b) { self.guess(part.body_start) } else { None };
            return match own.filter(|own| !self.is_open(own)) {
                Some(own) => {
                    self.repairs.note(repair::BOUNDARY_GUESSED, place, "the boundary is that of the multipart around it", 0.8);
                    Some(own)
                }
                None => Some(b),
            };
        }
        match self.guess(part.body_start) {
            Some(b) => {
                self.repairs.note(repair::BOUNDARY_GUESSED, place, "the boundary was found in the body", 0.8);
                Some(b)
            }
            None => {
                self.repairs.note(repair::MULTIPART_EMPTY, place, "a multipart without parts; its body was taken as text", 0.6);
                let html = looks_like_html(self.raw.after(part.body_start));
                part.content_type.value = if html { "text/html" } else { "text/plain" }.to_owned();
                None
            }
        }
    }

    fn is_open(&self, boundary: &[u8]) -> bool {
        self.frames.iter().any(|f| f.boundary == boundary)
    }

    fn deep_enough(&mut self, place: &str) -> bool {
        if self.frames.len() < self.limits.nesting_max {
            return true;
        }
        let max = self.limits.nesting_max;
        self.repairs.note(
            repair::NESTING_TOO_DEEP,
            place,
            format!("only {max} levels are followed; the rest is an attachment"),
            1.0,
        );
        false
    }

    /// Whether a delimiter of `boundary` begins a line after `from`; `with_header`: and a part's
    /// header behind it.
    fn occurs(&mut self, from: usize, boundary: &[u8], with_header: bool) -> bool {
        let haystack = self.raw.after(from).before(self.budget);
        let mut needle = b"--".to_vec();
        needle.extend_from_slice(boundary);
        let finder = memmem::Finder::new(&needle);
        let mut looked_at = haystack.len();
        let mut held = false;
        for i in finder.find_iter(haystack) {
            let starts_line = i == 0 || matches!(haystack.get(i - 1), Some(b'\n' | b'\r'));
            let (line, next) = self.ends.line(self.raw, from + i);
            if starts_line && matches(boundary, line).is_some() && (!with_header || self.is_content_field(next)) {
                held = true;
                looked_at = i + needle.len();
                break;
            }
        }
        // A declared boundary that is found costs next to nothing; only misses use up the budget.
        if !held {
            self.budget = self.budget.saturating_sub(looked_at);
        }
        held
    }

    fn is_content_field(&self, at: usize) -> bool {
        let (line, _) = self.ends.line(self.raw, at);
        line.get(..8).is_some_and(|s| s.eq_ignore_ascii_case(b"content-"))
    }

    /// The first line below `from` that begins with `--` and has a `Content-` field behind it.
    fn guess(&mut self, from: usize) -> Option<Vec<u8>> {
        let haystack = self.raw.after(from).before(self.budget);
        for i in memmem::find_iter(haystack, b"--") {
            let starts_line = i == 0 || matches!(haystack.get(i - 1), Some(b'\n' | b'\r'));
            if !starts_line {
                continue;
            }
            let (line, next) = self.ends.line(self.raw, from + i);
            let boundary = line.after(2).trim_ascii_end();
            if !boundary.is_empty() && boundary.len() <= BOUNDARY_BYTES_MAX && self.is_content_field(next) {
                return Some(boundary.to_vec());
            }
        }
        self.budget = self.budget.saturating_sub(haystack.len());
        None
    }

    /// The boundary when the first line of the body that has anything is a delimiter.
    fn body_leads_with_delimiter(&self, part: &Part<'a>) -> Option<Vec<u8>> {
        let body = before_as_lf(self.raw.after(part.body_start), 4096);
        let blank = body.iter().take_while(|b| b.is_ascii_whitespace()).count();
        let (line, next) = self.ends.line(self.raw, part.body_start + blank);
        let boundary = line.strip_prefix(b"--")?.trim_ascii_end();
        (!boundary.is_empty() && boundary.len() <= BOUNDARY_BYTES_MAX && self.is_content_field(next)).then(|| boundary.to_vec())
    }

    /// The next line, from `from` (the start of a line) on, that is a delimiter of an open multipart.
    fn next_delimiter(&self, from: usize) -> Option<Delimiter> {
        if self.frames.is_empty() {
            return None;
        }
        let mut at = from;
        loop {
            let rest = self.raw.after(at);
            let start = if at == from && rest.starts_with(b"--") {
                at
            } else {
                let needle: &[u8] = if self.ends == LineEnds::Cr { b"\r--" } else { b"\n--" };
                at + memmem::find(rest, needle)? + 1
            };
            let (line, next) = self.ends.line(self.raw, start);
            let frames = || self.frames.iter().enumerate().rev();
            let found = frames()
                .find_map(|(level, f)| matches(&f.boundary, line).map(|c| (level, c)))
                .or_else(|| frames().find_map(|(level, f)| matches_loosely(&f.boundary, line).map(|c| (level, c))))
                // It comes back after it was cut off, be it to close: what follows is a part of what is open.
                .or_else(|| {
                    let again = self.cut.iter().any(|b| matches(b, line).is_some());
                    again.then(|| (self.frames.len().saturating_sub(1), false))
                });
            if let Some((level, closing)) = found {
                let mut body_end = start;
                if body_end > from {
                    body_end -= 1;
                    if body_end > from && self.raw.get(body_end - 1) == Some(&b'\r') && self.ends == LineEnds::Lf {
                        body_end -= 1;
                    }
                    // Where this line ends with CR CR LF, the one before it does too.
                    let doubled = next.checked_sub(3).and_then(|at| self.raw.get(at..next)) == Some(b"\r\r\n");
                    if doubled && body_end > from && self.raw.get(body_end - 1) == Some(&b'\r') {
                        body_end -= 1;
                    }
                }
                return Some(Delimiter { level, closing, body_end, next });
            }
            at = start + 1;
        }
    }

    fn end_part(&mut self, index: usize, end: usize) {
        if let Some(part) = self.parts.get_mut(index) {
            part.body = self.raw.span(part.body_start, end.max(part.body_start));
        }
    }

    fn close_frame(&mut self, frame: &Frame, end: usize) {
        self.end_part(frame.part, end);
        if !frame.closed
            && let Some(part) = self.parts.get(frame.part)
        {
            self.repairs.note(repair::BOUNDARY_UNCLOSED, &part.place(), "the closing boundary is missing", 0.9);
        }
    }

    fn end_of_mail(&mut self, leaf: Option<usize>) {
        if let Some(open) = leaf {
            self.end_part(open, self.raw.len());
        }
        while let Some(frame) = self.frames.pop() {
            self.close_frame(&frame, self.raw.len());
        }
    }
}

fn is_media_type(value: &str) -> bool {
    value.split_once('/').is_some_and(|(a, b)| {
        let token = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&b));
        token(a) && token(b)
    })
}

/// A name with an extension that is not one of a text.
fn is_file_name(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(stem, extension)| {
        let text = ["txt", "text", "htm", "html", "asc"].iter().any(|t| extension.eq_ignore_ascii_case(t));
        let plausible = (1..=5).contains(&extension.len()) && extension.bytes().all(|b| b.is_ascii_alphanumeric());
        !stem.is_empty() && plausible && !text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(raw: &str) -> (Vec<(String, String, String)>, Vec<&'static str>) {
        let mut repairs = Repairs::default();
        let tree = walk(raw.as_bytes(), &Limits::default(), &mut repairs);
        let leaves = tree
            .parts
            .iter()
            .filter(|p| !p.is_multipart())
            .map(|p| (p.path.clone(), p.content_type.value.clone(), String::from_utf8(p.body.to_vec()).unwrap()))
            .collect();
        (leaves, repairs.into_list().iter().map(|r| r.code).collect())
    }

    fn bodies(raw: &str) -> Vec<String> {
        leaves(raw).0.into_iter().map(|l| l.2).collect()
    }

    #[test]
    fn a_closing_delimiter_may_have_too_many_dashes() {
        for end in ["---", "----", " --\r\n"] {
            let raw = format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b{end}");
            assert_eq!(bodies(&raw), ["one"], "{end:?}");
        }
        // The boundary of a part within may go on with dashes.
        let raw = "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; boundary=b-\n\n--b-\n\none\n--b-\n\ntwo\n--b---\n--b--\n";
        assert_eq!(bodies(raw), ["one", "two"]);
    }

    #[test]
    fn text_by_another_name_is_text_and_a_file_stays_one() {
        let kind = |fields: &str| leaves(&format!("{fields}\n\n<p>words</p>")).0.remove(0).1;
        assert_eq!(kind("Content-Type: application/xhtml+xml; charset=utf-8"), "text/html");
        assert_eq!(kind("Content-Type: text/x-html"), "text/html");
        assert_eq!(kind("Content-Type: plain/text; charset=utf-8"), "text/plain");
        let file = "Content-Type: application/xhtml+xml\nContent-Disposition: attachment; filename=a.xhtml";
        assert_eq!(kind(file), "application/xhtml+xml");
    }

    #[test]
    fn the_end_of_a_file_may_stand_on_the_last_delimiter() {
        for end in ["\0\0\0", "\u{1a}", "\u{1a}\r\n", "\0\r\n", " \t\r\n"] {
            let raw = format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b--{end}");
            assert_eq!(leaves(&raw), (vec![("1".to_owned(), "text/plain".to_owned(), "one".to_owned())], vec![]), "{end:?}");
        }
    }

    #[test]
    fn parts_end_before_the_line_break_of_their_delimiter() {
        let raw = "Content-Type: multipart/mixed; boundary=b\r\n\r\npre\r\n--b\r\n\r\none\r\n--b\r\nContent-Type: text/html\r\n\r\ntwo\r\n\r\n--b--\r\nepi";
        assert_eq!(
            leaves(raw).0,
            [
                ("1".to_owned(), "text/plain".to_owned(), "one".to_owned()),
                ("2".to_owned(), "text/html".to_owned(), "two\r\n".to_owned())
            ]
        );
        assert!(leaves(raw).1.is_empty());
    }

    #[test]
    fn a_boundary_that_begins_like_another_is_another() {
        let raw = "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/alternative; boundary=bb\n\n--bb\n\none\n--bb--\n\n--b\n\ntwo\n--b--\n";
        assert_eq!(bodies(raw), ["one", "two"]);
    }

    #[test]
    fn the_end_of_the_mail_and_an_outer_delimiter_close_what_is_open() {
        let raw = "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--a\n\ntwo";
        assert_eq!(bodies(raw), ["one", "two"]);
        assert!(leaves(raw).1.contains(&repair::BOUNDARY_UNCLOSED));
    }

    #[test]
    fn a_delimiter_of_a_multipart_that_was_cut_off_still_parts() {
        let raw = "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--a\n\ntwo\n--b\n\nthree\n--a--\n";
        assert_eq!(bodies(raw), ["one", "two", "three"]);
        assert_eq!(bodies(&raw.replace("--a--", "--b--\n\n--a--")), ["one", "two", "three", ""]);
    }

    #[test]
    fn a_lost_boundary_is_found_in_the_body() {
        for header in ["multipart/mixed", "multipart/mixed; boundary=wrong"] {
            let raw = format!("Content-Type: {header}\n\n--real\nContent-Type: text/plain\n\none\n--real--\n");
            assert_eq!(bodies(&raw), ["one"]);
        }
        assert_eq!(bodies("Subject: x\n\n--real\nContent-Type: text/plain\n\none\n--real--\n"), ["one"]);
        assert_eq!(bodies("Content-Type: multipart/mixed; boundary=b\n\nonly words"), ["only words"]);
    }

    #[test]
    fn a_multipart_that_names_the_boundary_around_it_has_its_own() {
        let raw = "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; boundary=b\n\n--own\nContent-Type: text/plain\n\none\n--own--\n--b\nContent-Type: text/plain\n\ntwo\n--b--\n";
        assert_eq!(bodies(raw), ["one", "two"]);
        let same = raw.replace("own", "b");
        assert_eq!(bodies(&same), ["one", "two"]);
    }

    #[test]
    fn a_boundary_on_a_text_is_ignored_unless_it_is_used() {
        assert_eq!(bodies("Content-Type: text/html; boundary=b\n\n<p>--b</p>"), ["<p>--b</p>"]);
    }

    #[test]
    fn a_part_after_the_end_is_read() {
        let raw = "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b--\n--b\n\ntwo\n--b--\n";
        assert_eq!(bodies(raw), ["one", "two"]);
    }

    #[test]
    fn nesting_and_parts_are_bounded() {
        let mut raw = String::new();
        for n in 0..200 {
            raw.push_str(&format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n"));
        }
        raw.push_str("\ndeep");
        let limits = Limits { nesting_max: 5, ..Limits::default() };
        let mut repairs = Repairs::default();
        assert_eq!(walk(raw.as_bytes(), &limits, &mut repairs).parts.len(), 6);
        let many = format!("Content-Type: multipart/mixed; boundary=b\n\n{}", "--b\n\nx\n".repeat(100));
        let limits = Limits { parts_max: 10, ..Limits::default() };
        let tree = walk(many.as_bytes(), &limits, &mut repairs);
        assert_eq!(tree.parts.len(), 11);
        assert!(tree.parts.last().unwrap().body.len() > 300);
    }
}
