//! From the tree of parts to what is shown and what is attached.
//!
//! # Failure
//! None. A wrapper that can't be opened (S/MIME, TNEF) stays an attachment.

use super::attachment;
use super::body::{self, Piece};
use super::calendar;
use super::charset;
use super::content_hash::WithLf;
use super::enclosed::{self, Enclosed};
use super::encoded_word;
use super::header;
use super::html;
use super::parameter::{self, Parameterised};
use super::repair::{self, Repairs};
use super::role::{
    body_charset, content_id, content_location, html_charset, is_mail, is_meeting, is_shown_text, looks_binary, looks_like_html,
    related_root,
};
use super::smime;
use super::span::{Span, before_as_lf, shorten};
use super::structure::{self, Part, Tree};
use super::tnef;
use super::tnef_wire;
use super::transfer::{self, Decoded, TransferEncoding};
use crate::limits::Limits;
use crate::mail::{Attachment, ReportPart};
use std::borrow::Cow;

/// Wrappers within wrappers that are opened: a signed mail in a winmail.dat in a signed mail.
const UNWRAP_MAX: usize = 4;
/// Made-up names are told apart from so many others; beyond it two may be the same.
const NAMES_COMPARED: usize = 200;
/// More of a text than this that is not base64 means the label is wrong.
const NOT_BASE64: f32 = 0.05;

/// Gathers what the parts hold.
pub(super) struct Reader<'r> {
    limits: &'r Limits,
    pub(super) repairs: &'r mut Repairs,
    /// Charset of the body, for text that names none.
    pub(super) hint: Option<Vec<u8>>,
    pub(super) attachments: Vec<Attachment>,
    /// Those of them whose line ends are not their own, for the digest of the mail.
    pub(super) with_lf: Vec<WithLf>,
    pub(super) locations: attachment::Locations,
    pub(super) report_parts: Vec<ReportPart>,
    pub(super) part_types: Vec<String>,
    /// As in the mail that is read.
    pub(super) is_meeting: bool,
    /// Bodies found in wrappers, shown if they say something new.
    pub(super) spare: Vec<Piece>,
    /// What is shown where the mail has no words at all: what its calendar is about.
    pub(super) otherwise: Vec<Piece>,
    /// Subject of a wrapped message, where the mail itself has none.
    pub(super) spare_subject: Option<String>,
    next_number: u32,
    want: Option<u32>,
    pub(super) wanted: Option<Vec<u8>>,
    depth: usize,
    /// Within a multipart/report: the mail in it is the one the report is about.
    in_report: bool,
}

impl<'r> Reader<'r> {
    /// `want`: the number of an attachment whose bytes are to be kept.
    pub(super) fn new(limits: &'r Limits, repairs: &'r mut Repairs, want: Option<u32>) -> Self {
        Reader {
            limits,
            repairs,
            hint: None,
            attachments: Vec::new(),
            with_lf: Vec::new(),
            locations: Vec::new(),
            report_parts: Vec::new(),
            part_types: Vec::new(),
            is_meeting: false,
            spare: Vec::new(),
            otherwise: Vec::new(),
            spare_subject: None,
            next_number: 0,
            want,
            wanted: None,
            depth: 0,
            in_report: false,
        }
    }

    /// Reads a whole tree; the pieces are what is shown, in order.
    pub(super) fn tree(&mut self, tree: &Tree<'_>) -> Vec<Piece> {
        if self.hint.is_none() {
            self.hint = body_charset(tree);
        }
        let room = self.limits.parts_max.saturating_sub(self.part_types.len());
        self.part_types.reserve_exact(tree.parts.len().min(room));
        for part in &tree.parts {
            if self.part_types.len() < self.limits.parts_max {
                self.part_types.push(part.content_type.value.clone());
            }
        }
        self.is_meeting |= is_meeting(tree);
        if tree.parts.is_empty() { Vec::new() } else { self.part(tree, 0, true) }
    }

    /// Depth is bounded by the walk (`Limits::nesting_max`).
    fn part(&mut self, tree: &Tree<'_>, index: usize, may_show: bool) -> Vec<Piece> {
        let Some(part) = tree.parts.get(index) else { return Vec::new() };
        if !part.is_multipart() {
            return self.leaf(part, index == 0, may_show);
        }
        let children = part.children.as_slice();
        match part.content_type.value.as_str() {
            "multipart/alternative" => {
                let alternatives = children.iter().map(|c| self.part(tree, *c, may_show)).collect();
                let (chosen, differs) = body::choose(alternatives);
                if differs {
                    let place = part.place();
                    self.repairs.note(repair::ALTERNATIVE_DIFFERS, &place, "the plain text lacks most words of the html", 0.7);
                }
                chosen
            }
            "multipart/related" => {
                // The root is shown; what it refers to is not text of its own, save a text without an id.
                let root = related_root(tree, part);
                let mut shown = Vec::new();
                for (i, child) in children.iter().enumerate() {
                    let referred = i != root && tree.parts.get(*child).is_some_and(|p| p.fields.get("Content-ID").is_some());
                    shown.extend(self.part(tree, *child, may_show && !referred));
                }
                shown
            }
            kind => {
                let was_in_report = self.in_report;
                self.in_report |= kind == "multipart/report";
                let shown = children.iter().flat_map(|c| self.part(tree, *c, may_show)).collect();
                self.in_report = was_in_report;
                shown
            }
        }
    }

    /// The text of a mail that a client shows below the one it is in (no report's original, and not
    /// marked as an attachment). Its files stay within it; what is odd about it is not this mail's.
    fn mail_within(&mut self, bytes: &[u8]) -> Vec<Piece> {
        if self.depth >= UNWRAP_MAX {
            return Vec::new();
        }
        let mut aside = Repairs::default();
        let tree = structure::walk(bytes, self.limits, &mut aside);
        let mut inner = Reader::new(self.limits, &mut aside, None);
        inner.depth = self.depth + 1;
        let mut pieces = inner.tree(&tree);
        pieces.append(&mut inner.spare);
        let body = body::join(pieces);
        let hint = inner.hint.take();
        let mut text = String::new();
        for name in ["From", "Date", "Subject"] {
            if let Some(value) = tree.root().and_then(|r| r.fields.get(name)) {
                let value = encoded_word::decode(&header::unfold(value), hint.as_deref(), "", &mut aside);
                text.push_str(name);
                text.push_str(": ");
                text.push_str(value.trim());
                text.push('\n');
            }
        }
        text.push('\n');
        text.push_str(&body.text);
        vec![Piece { text: text.trim().to_owned(), forwarded: true, ..Piece::default() }]
    }

    fn leaf(&mut self, part: &Part<'_>, is_root: bool, may_show: bool) -> Vec<Piece> {
        let number = self.number();
        let place = if part.path.is_empty() { "part 1".to_owned() } else { part.place() };
        let disposition = self.disposition(part, &place);
        let name = self.name(part, disposition.as_ref());
        let is_attachment = disposition.as_ref().is_some_and(|d| d.value.starts_with("attach"));
        let kind = self.kind(part, name.as_deref());
        let decoded = self.decoded(part, &place);
        let bytes: &[u8] = &decoded.bytes;

        self.report(part, &kind, bytes);
        if let Some(pieces) = self.unwrapped(&kind, name.as_deref(), bytes, &place) {
            return pieces;
        }
        let is_text = is_shown_text(&kind);
        let shows = is_text && may_show && (is_root || !is_attachment) && !(name.is_some() && looks_binary(bytes));
        if !shows {
            // The first piece of a mail that was sent in pieces (RFC 2046 section 5.2.2) begins as a mail does.
            let is_first = kind == "message/partial" && part.content_type.get("number").is_some_and(|n| n.trim() == "1");
            let is_mail = is_first || is_mail(&kind);
            let within =
                if is_mail && may_show && !is_attachment && !self.in_report { self.mail_within(bytes) } else { Vec::new() };
            if kind == "text/calendar" && may_show && self.otherwise.is_empty() {
                let label = part.content_type.get("charset").map(str::as_bytes);
                let text = body::plain_lines(charset::decode(bytes, label, self.hint.as_deref()).text).0;
                self.otherwise.push(Piece::plain(calendar::words(&text)));
            }
            if kind == "application/mac-binhex40"
                && let Some(fork) = enclosed::binhex_part(bytes)
            {
                self.attach(part, kind, name, &fork, number);
                return within;
            }
            self.attach(part, kind, name, bytes, number);
            self.with_lf.extend(WithLf::of(&decoded, number));
            return within;
        }
        // A text that is shown and has a file's name is both.
        if let Some(name) = name.filter(|_| !is_root || is_attachment) {
            let content_id = content_id(part);
            self.file(name, &kind, bytes, content_id, number);
            self.with_lf.extend(WithLf::of(&decoded, number));
        }
        self.text(part, &kind, &decoded, &place)
    }

    fn number(&mut self) -> u32 {
        let number = self.next_number;
        self.next_number += 1;
        number
    }

    /// The type by its label; by its name or its bytes where there is no usable label.
    fn kind(&mut self, part: &Part<'_>, name: Option<&str>) -> String {
        let value = part.content_type.value.as_str();
        if !part.type_given && value == "text/plain" {
            if name.is_some() && part.fields.get("Content-Disposition").is_some() {
                return "application/octet-stream".to_owned();
            }
            if looks_like_html(part.body) {
                return "text/html".to_owned();
            }
        }
        value.to_owned()
    }

    fn disposition(&mut self, part: &Part<'_>, place: &str) -> Option<Parameterised> {
        let value = header::unfold(part.fields.get("Content-Disposition")?);
        Some(parameter::read(&value, self.hint.as_deref(), place, self.repairs))
    }

    /// Content-Disposition's `filename`, else Content-Type's `name`, cleaned.
    fn name(&mut self, part: &Part<'_>, disposition: Option<&Parameterised>) -> Option<String> {
        let by_disposition = disposition.and_then(|d| d.get("filename").or_else(|| d.get("name")));
        let by_type = ["name", "filename", "file"].iter().find_map(|n| part.content_type.get(n));
        [by_disposition, by_type].into_iter().flatten().map(attachment::clean_name).find(|n| !n.is_empty())
    }

    fn decoded<'p>(&mut self, part: &Part<'p>, place: &str) -> Decoded<'p> {
        let encoding = part.fields.get("Content-Transfer-Encoding").map(header::unfold);
        let named = encoding.as_ref().is_some_and(|v| !v.trim_ascii().is_empty());
        let encoding = encoding.map_or(TransferEncoding::Identity, |v| TransferEncoding::read(&v));
        let is_text = part.content_type.value.starts_with("text/");
        if !named && is_text && transfer::must_be_quoted_printable(part.body) {
            self.repairs.note(repair::TRANSFER_MISSING, place, "no transfer encoding named; read as quoted-printable", 0.8);
            return transfer::quoted_printable(part.body);
        }
        let as_is = Decoded { bytes: Cow::Borrowed(part.body), tail: b"", flaws: 0, is_base64: false };
        let decoded = match encoding {
            TransferEncoding::Identity => return as_is,
            TransferEncoding::Unknown => {
                self.repairs.note(repair::TRANSFER_UNKNOWN, place, "the bytes were taken as they are", 0.8);
                return as_is;
            }
            TransferEncoding::Base64 if transfer::not_base64(part.body) > NOT_BASE64 => {
                self.repairs.note(repair::TRANSFER_MISLABELLED, place, "not base64; the bytes were taken as they are", 0.8);
                return as_is;
            }
            TransferEncoding::Base64 => transfer::base64(part.body),
            TransferEncoding::QuotedPrintable => transfer::quoted_printable(part.body),
            TransferEncoding::Uuencode => transfer::uuencoded(part.body),
        };
        if !decoded.tail.is_empty() {
            self.repairs.note(repair::TRANSFER_TRAILING_TEXT, place, "text follows the end of base64", 0.8);
        }
        if decoded.flaws > 0 {
            self.repairs.note(repair::TRANSFER_MALFORMED, place, format!("{} bytes do not belong", decoded.flaws), 0.8);
        }
        decoded
    }

    /// A text part as a piece, and the files within it.
    fn text(&mut self, part: &Part<'_>, kind: &str, decoded: &Decoded<'_>, place: &str) -> Vec<Piece> {
        let is_html = matches!(kind, "text/html" | "text/x-amp-html");
        // yEnc uses every byte: its files are taken out before the charset is looked at.
        let files = enclosed::yenc(&decoded.bytes);
        let without = self.taken_out(&decoded.bytes, files, repair::YENC_FILE, place);
        let bytes: &[u8] = without.as_deref().unwrap_or(&decoded.bytes);
        let named = part.content_type.get("charset").map(str::as_bytes);
        let meta = if named.is_none() && is_html { html_charset(bytes) } else { None };
        let found = charset::decode(bytes, named.or(meta), self.hint.as_deref());
        if let Some((code, detail, confidence)) = found.repair {
            self.repairs.note(code, place, detail, confidence);
        }
        let (mut text, had_nul) = body::plain_lines(found.text);
        if had_nul {
            self.repairs.note(repair::TEXT_NUL, place, "NUL bytes were dropped", 0.9);
        }
        if !decoded.tail.is_empty() {
            let (tail, _) = body::plain_lines(charset::decode(decoded.tail, None, None).text);
            if is_html {
                text.push_str("\n<pre>");
                text.push_str(&tail.replace('&', "&amp;").replace('<', "&lt;"));
                text.push_str("</pre>");
            } else {
                text.push_str("\n\n");
                text.push_str(&tail);
            }
        }
        if is_html {
            return vec![Piece::from_html(text)];
        }
        if matches!(kind, "text/enriched" | "text/richtext") {
            return vec![Piece::plain(body::enriched(&text))];
        }
        if part.content_type.get("format").is_some_and(|f| f.eq_ignore_ascii_case("flowed")) {
            let delsp = part.content_type.get("delsp").is_some_and(|d| d.eq_ignore_ascii_case("yes"));
            text = body::unflow(&text, delsp);
        }
        // Html that is labelled text/plain is shown as html by every client that sniffs.
        if looks_like_html(text.as_bytes()) && text.contains("</") {
            return vec![Piece::from_html(text)];
        }
        let files = enclosed::binhex(&text);
        if let Some(left) = self.taken_out(text.as_bytes(), files, repair::BINHEX_FILE, place) {
            text = String::from_utf8(left).unwrap_or(text);
        }
        let files = body::uuencoded_files(&text);
        if files.is_empty() {
            return vec![Piece::plain(text)];
        }
        let mut left = String::with_capacity(text.len());
        let mut at = 0;
        for file in files {
            left.push_str(text.span(at, file.block.start));
            at = file.block.end;
            let data = transfer::uuencoded(text.span(file.data.start, file.data.end).as_bytes());
            let number = self.number();
            let name = attachment::clean_name(&file.name);
            self.repairs.note(repair::UUENCODED_FILE, place, "a uuencoded file was taken out of the text", 0.9);
            self.file(name, "application/octet-stream", &data.bytes, None, number);
        }
        left.push_str(text.after(at));
        vec![Piece::plain(left)]
    }

    /// Files what was found in a text; what is left of it. `None`: nothing was found.
    fn taken_out(&mut self, text: &[u8], files: Vec<Enclosed>, code: &'static str, place: &str) -> Option<Vec<u8>> {
        if files.is_empty() {
            return None;
        }
        self.repairs.note(code, place, "a file was taken out of the text", 0.9);
        let mut left = Vec::with_capacity(text.len());
        let mut at = 0;
        for file in files {
            left.extend_from_slice(text.span(at, file.block.start));
            at = file.block.end;
            let number = self.number();
            let name = attachment::clean_name(&file.name);
            self.file(name, "application/octet-stream", &file.bytes, None, number);
        }
        left.extend_from_slice(text.after(at));
        Some(left)
    }

    /// Files a part as an attachment.
    fn attach(&mut self, part: &Part<'_>, kind: String, name: Option<String>, bytes: &[u8], number: u32) {
        let id = content_id(part);
        let location = content_location(part);
        let name = name.unwrap_or_else(|| {
            let by_subject = if is_mail(&kind) { self.nested_subject(bytes) } else { None };
            let by_id = || id.as_deref().and_then(|id| attachment::name_from_id(id, &kind));
            let by_location = || location.as_deref().and_then(attachment::name_from_location);
            by_subject.or_else(by_id).or_else(by_location).unwrap_or_else(|| self.made_up_name(&kind))
        });
        self.locations.extend(location.map(|l| (number, l)));
        self.file(name, &kind, bytes, id, number);
    }

    /// A name for a part without one, that no other part has.
    fn made_up_name(&self, kind: &str) -> String {
        (0..=self.attachments.len())
            .map(|n| attachment::made_up_name(kind, n))
            .find(|name| self.attachments.len() > NAMES_COMPARED || self.attachments.iter().all(|a| a.name != *name))
            .unwrap_or_default()
    }

    fn file(&mut self, name: String, kind: &str, bytes: &[u8], content_id: Option<String>, number: u32) {
        if self.want == Some(number) {
            self.wanted = Some(bytes.to_vec());
        }
        let name = if name.is_empty() { self.made_up_name(kind) } else { name };
        self.attachments.push(attachment::describe(name, kind, bytes, content_id, number));
    }

    /// The subject of a nested mail, as a file name.
    fn nested_subject(&mut self, bytes: &[u8]) -> Option<String> {
        let head = before_as_lf(bytes, 32 << 10);
        let ends = header::LineEnds::of(head);
        let mut aside = Repairs::default();
        let fields = header::read(head, 0, ends, 200, "", &|_| false, &mut aside);
        let subject = encoded_word::decode(&header::unfold(fields.get("Subject")?), self.hint.as_deref(), "", &mut aside);
        let name = attachment::clean_name(&subject.replace(['/', '\\'], "_"));
        (!name.is_empty()).then(|| format!("{}.eml", shorten(&name, 120).trim_end()))
    }

    /// Keeps what a machine wrote about another mail, for `classify`.
    fn report(&mut self, part: &Part<'_>, kind: &str, bytes: &[u8]) {
        let is_report = matches!(
            kind,
            "message/delivery-status"
                | "message/global-delivery-status"
                | "message/feedback-report"
                | "message/disposition-notification"
                | "message/global-disposition-notification"
                | "text/rfc822-headers"
                | "text/rfc822-header"
                | "message/global-headers"
                | "message/rfc822"
                | "message/global"
        );
        if !is_report || self.report_parts.len() >= 100 {
            return;
        }
        let max = self.limits.report_part_bytes_max;
        let label = part.content_type.get("charset").map(str::as_bytes);
        let text = charset::decode(before_as_lf(bytes, max), label, self.hint.as_deref()).text;
        let (mut text, _) = body::plain_lines(text);
        text.truncate(shorten(&text, max).len());
        self.report_parts.push(ReportPart { content_type: kind.to_owned(), text });
    }

    /// Opens what is a mail in a wrapper. `None`: it is none, or it can't be opened.
    fn unwrapped(&mut self, kind: &str, name: Option<&str>, bytes: &[u8], place: &str) -> Option<Vec<Piece>> {
        if self.depth >= UNWRAP_MAX {
            return None;
        }
        if matches!(kind, "application/ms-tnef" | "application/vnd.ms-tnef")
            || (tnef_wire::is_tnef(bytes) && kind.starts_with("application/"))
        {
            return self.tnef(bytes, place);
        }
        let is_smime = matches!(kind, "application/pkcs7-mime" | "application/x-pkcs7-mime")
            || (kind == "application/octet-stream" && name.is_some_and(|n| n.to_ascii_lowercase().ends_with(".p7m")));
        if is_smime {
            let content = smime::signed_content(bytes)?;
            self.repairs.note(
                repair::SMIME_UNWRAPPED,
                place,
                "a signed-data wrapper was opened; the signature was not checked",
                1.0,
            );
            self.depth += 1;
            let tree = structure::walk(&content, self.limits, self.repairs);
            let pieces = self.tree(&tree);
            self.depth -= 1;
            return Some(pieces);
        }
        None
    }

    fn tnef(&mut self, bytes: &[u8], place: &str) -> Option<Vec<Piece>> {
        let read = tnef::read(bytes)?;
        self.repairs.note(repair::TNEF_UNPACKED, place, "a winmail.dat was unpacked", 1.0);
        if read.damaged {
            self.repairs.note(repair::TNEF_DAMAGED, place, "it is damaged; what could be read was read", 0.7);
        }
        self.tnef_message(read);
        Some(Vec::new())
    }

    fn tnef_message(&mut self, message: tnef::Message) {
        if let Some(html) = message.html {
            self.spare.push(Piece::from_html(html));
        } else if let Some(text) = message.text.filter(|t| !t.trim().is_empty()) {
            self.spare.push(Piece::plain(body::plain_lines(text.into()).0));
        }
        if self.spare_subject.is_none() {
            self.spare_subject = message.subject;
        }
        for file in message.files {
            if let Some(nested) = file.message {
                if self.depth < UNWRAP_MAX {
                    self.depth += 1;
                    self.tnef_message(*nested);
                    self.depth -= 1;
                }
                continue;
            }
            let number = self.number();
            let kind = file.content_type.unwrap_or_else(|| "application/octet-stream".to_owned());
            let name = attachment::clean_name(&file.name);
            self.file(name, &kind, &file.bytes, file.content_id, number);
        }
    }
}

/// Text of html, for callers outside of a mail.
pub(super) fn html_text(source: &str) -> String {
    html::to_text(source).text
}
