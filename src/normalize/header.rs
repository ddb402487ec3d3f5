//! Header fields from raw bytes (RFC 5322 section 2.2), as broken as they come.
//!
//! Handles: blank lines, a BOM or an mbox line before the first field; blanks before the colon;
//! fields that are indented by mistake; lines that are no field; a missing blank line before the
//! body; folding without a blank; bare CR and NUL. What the lines ahead say is asked of [`super::header_ahead`].
//!
//! # Failure
//! None. Every byte belongs to a field, to the body, or is noted as a repair. Linear time.

use super::header_ahead::{continues, field_follows, fields_up_to_a_blank_line, header_goes_on, indented_field, indented_name};
use super::repair::{self, Repairs};
use super::span::{Span, before_as_lf};
use memchr::memchr;
use std::borrow::Cow;

/// How lines end in a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineEnds {
    /// LF, with or without CRs before it.
    Lf,
    /// Bare CR throughout (old Macs): there is no LF in the mail.
    Cr,
}

impl LineEnds {
    /// Looks at the whole mail once.
    pub(super) fn of(raw: &[u8]) -> Self {
        if memchr(b'\n', raw).is_none() && memchr(b'\r', raw).is_some() { Self::Cr } else { Self::Lf }
    }

    /// The byte that ends a line.
    pub(super) const fn byte(self) -> u8 {
        match self {
            Self::Lf => b'\n',
            Self::Cr => b'\r',
        }
    }

    /// The line that begins at `at`: its content, and where the next one begins.
    pub(super) fn line(self, raw: &[u8], at: usize) -> (&[u8], usize) {
        let rest = raw.after(at);
        let (content, next) = match memchr(self.byte(), rest) {
            Some(i) => (rest.before(i), at + i + 1),
            None => (rest, raw.len()),
        };
        let mut content = content;
        while let Some(shorter) = content.strip_suffix(b"\r") {
            content = shorter;
        }
        (content, next)
    }
}

/// One field as it stands in the mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field<'a> {
    /// The name, ASCII.
    pub(super) name: &'a str,
    /// Everything behind the colon, folded as it came.
    pub(super) value: &'a [u8],
}

/// The header of a mail or a part.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields<'a> {
    pub(super) list: Vec<Field<'a>>,
    /// Where the body begins.
    pub(super) end: usize,
}

impl<'a> Fields<'a> {
    /// The first field of this name that has a value, else the first of this name.
    pub(super) fn get(&self, name: &str) -> Option<&'a [u8]> {
        let mut named = self.list.iter().filter(|f| f.name.eq_ignore_ascii_case(name)).map(|f| f.value);
        let first = named.next()?;
        if first.trim_ascii().is_empty() { named.find(|v| !v.trim_ascii().is_empty()).or(Some(first)) } else { Some(first) }
    }

    /// The Content-Type. Of several, a multipart that names its boundary: relays add text/plain to what they
    /// did not understand.
    pub(super) fn content_type(&self) -> Option<&'a [u8]> {
        let multipart = |v: &&[u8]| {
            let lower = before_as_lf(v, 1024).to_ascii_lowercase();
            lower.trim_ascii_start().starts_with(b"multipart/") && memchr::memmem::find(&lower, b"boundary").is_some()
        };
        let first = self.get("Content-Type")?;
        if multipart(&first) { Some(first) } else { self.all("Content-Type").find(multipart).or(Some(first)) }
    }

    /// Every field of this name.
    pub(super) fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'a [u8]> + 's {
        self.list.iter().filter(move |f| f.name.eq_ignore_ascii_case(name)).map(|f| f.value)
    }
}

/// Fields a mail is made of: what tells a header line from prose when the form is broken.
const KNOWN: &[&str] = &[
    "from",
    "to",
    "cc",
    "bcc",
    "subject",
    "date",
    "sender",
    "reply-to",
    "message-id",
    "in-reply-to",
    "references",
    "received",
    "return-path",
    "delivered-to",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "content-disposition",
    "content-id",
    "content-description",
    "content-language",
    "x-mailer",
    "user-agent",
    "x-priority",
    "importance",
    "precedence",
    "list-id",
    "list-unsubscribe",
    "auto-submitted",
    "dkim-signature",
    "thread-topic",
    "thread-index",
    "errors-to",
    "x-originating-ip",
    "envelope-to",
    "organization",
    "comments",
    "keywords",
    "resent-from",
    "resent-to",
    "resent-date",
    "x-mimeole",
    "x-msmail-priority",
    "disposition-notification-to",
    "return-receipt-to",
    "apparently-to",
    "status",
    "lines",
];

pub(super) fn is_known(name: &[u8]) -> bool {
    std::str::from_utf8(name).is_ok_and(|n| KNOWN.iter().any(|k| k.eq_ignore_ascii_case(n)))
}

/// Splits a line at its colon: the name (RFC 5322 `ftext`, blanks before the colon allowed) and
/// where the value begins.
pub(super) fn split_name(line: &[u8]) -> Option<(&str, usize)> {
    let colon = memchr(b':', line.before(256))?;
    let name = line.before(colon).trim_ascii_end();
    // `<p>Note: …` and `{"a": …` begin a body; `--` begins a delimiter, whose boundary may have a colon.
    let begins_body = name.starts_with(b"--") || matches!(name.first(), Some(b'<' | b'"' | b'{'));
    if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) || begins_body {
        return None;
    }
    // `http://…` at the start of a body is no field.
    if line.after(colon).starts_with(b"://") && !is_known(name) {
        return None;
    }
    Some((std::str::from_utf8(name).ok()?, colon + 1))
}

/// Reads the header that begins at `start`. `is_delimiter` says whether a line is a boundary
/// delimiter of an open multipart, which ends a header without a blank line.
pub(super) fn read<'a>(
    raw: &'a [u8],
    start: usize,
    ends: LineEnds,
    fields_max: usize,
    place: &str,
    is_delimiter: &dyn Fn(&[u8]) -> bool,
    repairs: &mut Repairs,
) -> Fields<'a> {
    let top = start == 0;
    let mut at = if top { skip_before_first_field(raw, ends, repairs) } else { start };
    let mut list: Vec<Field<'a>> = Vec::new();
    let mut open: Option<(&'a str, usize)> = None; // the field being read: name, where its value begins
    let mut value_end = at;
    let mut field_ahead = 0; // a field is known to begin here
    let mut went_on = false; // once behind a blank line
    loop {
        let line_start = at;
        if line_start >= raw.len() {
            break;
        }
        let (line, next) = ends.line(raw, at);
        at = next;
        if line.starts_with(b"--") && is_delimiter(line) {
            at = line_start;
            break;
        }
        if line.trim_ascii().is_empty() {
            if !line.is_empty() && open.is_some() && continues(raw, next, ends, &list) {
                continue; // a folded line of blanks only
            }
            let before = list.iter().map(|f| f.name).chain(open.map(|o| o.0));
            if top && !went_on && header_goes_on(raw, next, ends, before) {
                went_on = true;
                repairs.note(repair::HEADER_BLANK_LINE, place, "a blank line within the header was skipped", 0.7);
                continue;
            }
            break;
        }
        let first = line.first().copied().unwrap_or_default();
        let blank_first = matches!(first, b' ' | b'\t');
        if blank_first
            && let Some((name, from)) = open
            && let Some(blanks) =
                indented_field(raw, line_start, ends, (name, raw.span(from, value_end)), list.iter().map(|f| f.name))
        {
            repairs.note(repair::HEADER_INDENTED, place, "a known field begins with a blank; read as a field", 0.8);
            close(&mut list, open.take(), raw, value_end, fields_max, place, repairs);
            let line_at = line_start + blanks;
            if let Some((name, value)) = split_name(raw.span(line_at, line_start + line.len())) {
                open = Some((name, line_at + value));
                value_end = line_start + line.len();
            }
            continue;
        }
        if blank_first && open.is_some() {
            value_end = line_start + line.len();
            continue;
        }
        let split = if blank_first { None } else { split_name(line) };
        if let Some((name, value)) = split {
            close(&mut list, open.take(), raw, value_end, fields_max, place, repairs);
            open = Some((name, line_start + value));
            value_end = line_start + line.len();
            continue;
        }
        // An mbox line that was quoted, and a value that has lost its name, go on with nothing.
        let is_mbox_line = top && line.starts_with(b">From ") && memchr(b'@', line).is_some() && memchr(b':', line).is_some();
        let has_lost_its_name = first == b':' && field_follows(raw, next, ends, &list, open, &mut field_ahead);
        if is_mbox_line || has_lost_its_name {
            repairs.note(repair::HEADER_JUNK_LINE, place, "a line that is no field was skipped", 0.8);
            continue;
        }
        // No field, no continuation: junk between fields, or the body began without a blank line.
        if !line.starts_with(b"--") && (line_start < field_ahead || field_follows(raw, next, ends, &list, open, &mut field_ahead))
        {
            repairs.note(repair::HEADER_JUNK_LINE, place, "a line that is no field was taken into the field before it", 0.6);
            if open.is_some() {
                value_end = line_start + line.len();
            }
            continue;
        }
        if !list.is_empty() || open.is_some() {
            repairs.note(repair::HEADER_NO_BLANK_LINE, place, "the body begins without a blank line before it", 0.8);
        }
        at = line_start;
        break;
    }
    close(&mut list, open.take(), raw, value_end, fields_max, place, repairs);
    Fields { list, end: at }
}

fn close<'a>(
    list: &mut Vec<Field<'a>>,
    open: Option<(&'a str, usize)>,
    raw: &'a [u8],
    value_end: usize,
    fields_max: usize,
    place: &str,
    repairs: &mut Repairs,
) {
    let Some((name, value_start)) = open else { return };
    if list.len() >= fields_max {
        repairs.note(repair::HEADER_TOO_MANY, place, format!("only the first {fields_max} fields are read"), 1.0);
        return;
    }
    let value = raw.span(value_start, value_end);
    if memchr(0, value).is_some() {
        repairs.note(repair::HEADER_NUL, &format!("header {name}"), "NUL bytes were dropped", 1.0);
    }
    list.push(Field { name, value });
}

/// What stands before the first field: BOM, blank lines, an mbox line.
fn skip_before_first_field(raw: &[u8], ends: LineEnds, repairs: &mut Repairs) -> usize {
    let mut at = 0;
    if raw.starts_with(b"\xEF\xBB\xBF") {
        repairs.note(repair::HEADER_BOM, "mail", "a byte order mark before the first field was dropped", 1.0);
        at = 3;
    }
    let mut first = at;
    loop {
        let (line, next) = ends.line(raw, first);
        if next <= first || !line.trim_ascii().is_empty() {
            break;
        }
        first = next;
    }
    // A mail that is a body only may begin with blank lines too: they are skipped before a field alone.
    if first > at {
        let (line, _) = ends.line(raw, first);
        let known = split_name(line.trim_ascii_start()).is_some_and(|(name, _)| is_known(name.as_bytes()));
        if known || line.starts_with(b"From ") || fields_up_to_a_blank_line(raw, first, ends).is_some_and(|known| known > 1) {
            repairs.note(repair::HEADER_LEADING_BLANK, "mail", "blank lines before the first field were skipped", 0.9);
            at = first + line.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        }
    }
    let (line, next) = ends.line(raw, at);
    if let Some(blanks) = indented_name(line).filter(|b| *b > 0) {
        repairs.note(repair::HEADER_INDENTED, "mail", "the first field begins with a blank", 0.9);
        return at + blanks;
    }
    if (line.starts_with(b"From ") || line.starts_with(b">From ")) && split_name(line).is_none() {
        repairs.note(repair::HEADER_MBOX_LINE, "mail", "an mbox line before the first field was skipped", 1.0);
        at = next;
    }
    at
}

/// A field's value on one line: line breaks and the blanks behind them become one blank, NULs go.
pub(super) fn unfold(value: &[u8]) -> Cow<'_, [u8]> {
    let value = value.trim_ascii();
    if !value.iter().any(|b| matches!(b, b'\r' | b'\n' | 0)) {
        return Cow::Borrowed(value);
    }
    let mut out = Vec::with_capacity(value.len());
    let mut broke = false;
    for &byte in value {
        match byte {
            b'\r' | b'\n' => broke = true,
            0 => {}
            b' ' | b'\t' if broke => {}
            _ => {
                if broke {
                    while matches!(out.last(), Some(b' ' | b'\t')) {
                        out.pop();
                    }
                    // A line cut by bytes goes on within a letter.
                    if !(matches!(byte, 0x80..=0xbf) && ends_within_a_letter(&out)) {
                        out.push(b' ');
                    }
                    broke = false;
                }
                out.push(byte);
            }
        }
    }
    // Blanks may have stood behind a NUL.
    if out.trim_ascii().len() < out.len() {
        out = out.trim_ascii().to_vec();
    }
    Cow::Owned(out)
}

/// What is looked at before a fold to know that the bytes are UTF-8.
const BEFORE_A_FOLD_BYTES: usize = 64;

/// Whether bytes end with the beginning of a letter in UTF-8, and are UTF-8 so far: in the charsets of East Asia every
/// second byte looks like a beginning.
fn ends_within_a_letter(bytes: &[u8]) -> bool {
    let tail = bytes.after(bytes.len().saturating_sub(BEFORE_A_FOLD_BYTES));
    let whole = tail.after(tail.iter().take(3).take_while(|b| matches!(b, 0x80..=0xbf)).count());
    std::str::from_utf8(whole).is_err_and(|e| e.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of the fields, and the body.
    fn names_of(raw: &str) -> (Vec<String>, String) {
        let read = super::read(raw.as_bytes(), 0, LineEnds::Lf, 100, "header", &|_| false, &mut Repairs::default());
        (read.list.iter().map(|f| f.name.to_owned()).collect(), raw.get(read.end..).unwrap_or_default().to_owned())
    }

    fn fields(raw: &[u8]) -> (Vec<(String, String)>, String, Vec<&'static str>) {
        let mut repairs = Repairs::default();
        let read = read(raw, 0, LineEnds::of(raw), 100, "mail", &|_| false, &mut repairs);
        let list =
            read.list.iter().map(|f| (f.name.to_owned(), String::from_utf8(unfold(f.value).into_owned()).unwrap())).collect();
        let codes = repairs.into_list().iter().map(|r| r.code).collect();
        (list, String::from_utf8(raw.after(read.end).to_vec()).unwrap(), codes)
    }

    fn names(list: &[(String, String)]) -> Vec<&str> {
        list.iter().map(|(n, _)| n.as_str()).collect()
    }

    #[test]
    fn folded_fields_are_one_line() {
        let (list, body, codes) = fields(b"Subject: a\r\n b\r\nTo : x@y.example\r\n\r\nbody");
        assert_eq!(list, [("Subject".to_owned(), "a b".to_owned()), ("To".to_owned(), "x@y.example".to_owned())]);
        assert_eq!((body.as_str(), codes.len()), ("body", 0));
    }

    #[test]
    fn a_folded_line_that_looks_like_a_field_which_is_elsewhere_is_of_its_field() {
        let (list, _, codes) = fields(b"Subject: a\n  Date: {b} c\nTo: x@y.example\nDate: d\n\nbody");
        assert_eq!(list[0].1, "a Date: {b} c");
        assert_eq!((names(&list), codes.len()), (vec!["Subject", "To", "Date"], 0));
        let (list, _, codes) = fields(b"Subject: a\n  Date: b\nTo: x@y.example\n\nbody");
        assert_eq!((names(&list), codes), (vec!["Subject", "Date", "To"], vec![repair::HEADER_INDENTED]));
    }

    #[test]
    fn a_header_goes_on_behind_lines_of_blanks_and_behind_junk_among_fields() {
        let (list, body, _) = fields(b"Subject: a\n \n \n b\n \nTo: x@y.example\n\nbody");
        assert_eq!((names(&list), list[0].1.as_str(), body.as_str()), (vec!["Subject", "To"], "a b", "body"));
        let (list, body, _) =
            fields(b"From: x@y.example\n: junk\nX-1: a\nX-2: b\nX-3: c\nX-4: d\nReferences: <1@y.example>\n\nbody");
        assert_eq!((list.len(), body.as_str()), (6, "body"));
        let (list, body, _) = fields(b"From: x@y.example\nthe words:\nNote: a\nand on\nNote: b\nReferences: none\n\nmore");
        assert_eq!((list.len(), body.starts_with("the words")), (1, true));
    }

    #[test]
    fn the_first_line_that_is_no_field_begins_the_body() {
        let (list, body, codes) = fields(b"Subject: a\nHello there\nmore\n");
        assert_eq!(names(&list), ["Subject"]);
        assert_eq!(body, "Hello there\nmore\n");
        assert_eq!(codes, [repair::HEADER_NO_BLANK_LINE]);
    }

    #[test]
    fn a_line_between_fields_belongs_to_the_field_before_it() {
        let (list, body, codes) = fields(b"Subject: a long\nsubject\nFrom: a@b.example\n\nbody");
        assert_eq!(list.first().map(|(_, v)| v.as_str()), Some("a long subject"));
        assert_eq!((names(&list), body.as_str()), (vec!["Subject", "From"], "body"));
        assert_eq!(codes, [repair::HEADER_JUNK_LINE]);
    }

    #[test]
    fn an_indented_known_field_is_a_field() {
        let (list, _, codes) = fields(b"Date: Tue, 1 Jan 2030 00:00:00 +0000\n Subject: hi\n\n");
        assert_eq!(names(&list), ["Date", "Subject"]);
        assert_eq!(codes, [repair::HEADER_INDENTED]);
        let (list, _, _) = fields(b"Received: by a\n From: me\n id 1; Tue, 1 Jan 2030 00:00:00 +0000\n To: b@c.example\n\n");
        assert_eq!(names(&list), ["Received", "To"]);
    }

    #[test]
    fn what_stands_before_the_first_field_is_skipped() {
        for raw in ["\n\nFrom: a@b.example\n\nx", "From me Tue\nFrom: a@b.example\n\nx", "\u{feff}From: a@b.example\n\nx"] {
            let (list, body, codes) = fields(raw.as_bytes());
            assert_eq!((names(&list), body.as_str(), codes.len()), (vec!["From"], "x", 1), "{raw:?}");
        }
    }

    #[test]
    fn a_blank_line_too_early_does_not_end_the_header() {
        let (list, body, codes) =
            fields(b"From: a@b.example\nSubject: x\n\nMIME-Version: 1.0\nContent-Type: text/plain;\n charset=utf-8\n\nbody");
        assert_eq!((names(&list).len(), body.as_str()), (4, "body"));
        assert_eq!(codes, [repair::HEADER_BLANK_LINE]);
        // A body of lines with colons: what the header has, what no mail knows, one line alone.
        for body in ["Subject: y\nDate: z\n\nx", "To do: a\nDate: b\n\nx", "Date: tomorrow\n\nx", "Date: a\nTo: b\nand more\n\nx"]
        {
            let (list, read, codes) = fields(format!("From: a@b.example\nSubject: x\n\n{body}").as_bytes());
            assert_eq!((list.len(), read.as_str(), codes.len()), (2, body, 0));
        }
    }

    #[test]
    fn blank_lines_before_a_header_of_other_fields_are_skipped() {
        let (names, _) = names_of("\n\nX-Mozilla-Status: 0001\nX-Weird: a\n b\nFrom: a@b.example\nSubject: s\n\nbody");
        assert_eq!(names, ["X-Mozilla-Status", "X-Weird", "From", "Subject"]);
        let (names, body) = names_of("\nNote: this is no header.\nSubject: nor is this\nbut prose\n\nmore");
        assert_eq!((names.len(), body.contains("Note:")), (0, true));
    }

    #[test]
    fn lines_that_go_on_with_nothing_are_skipped() {
        for junk in [">From a@b.example Tue Mar  5 10:15:00 2030", ": orphan"] {
            let header = format!("Subject: lamp\n{junk}\nFrom: Ann <a@b.example>\nDate: x\n\nbody");
            let mut repairs = Repairs::default();
            let read = read(header.as_bytes(), 0, LineEnds::Lf, 100, "header", &|_| false, &mut repairs);
            assert_eq!(read.get("Subject").map(<[u8]>::trim_ascii), Some(&b"lamp"[..]), "{junk}");
            assert_eq!(repairs.into_list().len(), 1);
        }
    }

    #[test]
    fn a_line_of_blanks_ends_a_header_where_no_field_follows() {
        let header = "Subject: lamp\nFrom: a@b.example\n  \n";
        for (behind, fields) in [
            ("Caution: from outside.\nClick: nothing\n\nWords", 2),
            ("Subject: what I mean\n\nWords", 2),
            ("BEGIN:VCALENDAR\nVERSION:2.0\n", 2),
            ("X-Spam: no\n\nWords", 3),
            ("To: c@d.example\nX-Odd: 1\n\nWords", 4),
        ] {
            assert_eq!(names_of(&format!("{header}{behind}")).0.len(), fields, "{behind}");
        }
    }

    #[test]
    fn a_letter_cut_by_a_fold_is_one_letter() {
        assert_eq!(unfold(b"caf\xc3\n \xa9 bar\n baz").as_ref(), "caf\u{e9} bar baz".as_bytes());
        assert_eq!(unfold(b"caf\xe9\n \xa9").as_ref(), b"caf\xe9\xa9");
        assert_eq!(unfold(b"ab\n cd").as_ref(), b"ab cd");
        // Korean in euc-kr: the words are two.
        assert_eq!(
            unfold(b"\xc1\xd6\xb9\xae\xc7\xcf\xbd\xc5\n \xbb\xf3\xc7\xb0").as_ref(),
            b"\xc1\xd6\xb9\xae\xc7\xcf\xbd\xc5 \xbb\xf3\xc7\xb0"
        );
    }

    #[test]
    fn of_two_content_types_the_multipart_counts() {
        let raw = b"Content-Type: text/plain\nContent-Type: multipart/mixed; boundary=b\n\n";
        let read = read(raw, 0, LineEnds::Lf, 100, "mail", &|_| false, &mut Repairs::default());
        assert_eq!(read.content_type(), Some(b" multipart/mixed; boundary=b".as_slice()));
    }

    #[test]
    fn bare_cr_ends_lines_where_there_is_no_lf() {
        let (list, body, _) = fields(b"From: a@b.example\rSubject: x\r\rbody\r");
        assert_eq!((names(&list), body.as_str()), (vec!["From", "Subject"], "body\r"));
    }

    #[test]
    fn a_mail_without_a_header_is_all_body() {
        let (list, body, codes) = fields(b"Just words, nothing else\nhttp://example.com/ is no field\n");
        assert!(list.is_empty() && codes.is_empty());
        assert!(body.starts_with("Just"));
    }
}
