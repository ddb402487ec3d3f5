//! What a part is in its mail, by what its fields say and how its bytes begin: shown text or a file, the root of a group,
//! whose charset counts.
//!
//! # Failure
//! None: a field that is missing or odd says nothing.
//!
//! # Trust
//! None in labels where the bytes can be asked.

use super::span::{Span, before_as_lf};
use super::structure::{Part, Tree};
use super::{charset, encoded_word, header};

/// A mail, or a news article, within the mail.
pub(super) fn is_mail(kind: &str) -> bool {
    matches!(kind, "message/rfc822" | "message/global" | "message/news")
}

/// Text that a client shows as such: an unknown subtype is plain text (RFC 2046 section 4.1.4),
/// save those that are files by nature.
pub(super) fn is_shown_text(kind: &str) -> bool {
    kind.strip_prefix("text/").is_some_and(|subtype| {
        !matches!(
            subtype,
            "calendar"
                | "vcard"
                | "x-vcard"
                | "directory"
                | "csv"
                | "xml"
                | "rtf"
                | "css"
                | "javascript"
                | "rfc822-headers"
                | "rfc822-header"
                | "x-patch"
                | "x-diff"
                | "comma-separated-values"
                | "tab-separated-values"
                | "json"
                | "x-vcalendar"
                | "x-moz-deleted"
                | "pdf"
        )
    })
}

/// A calendar's entry that is the mail, or stands for its text: alone, as an alternative, or with a method and not as a file
/// (RFC 6047 section 2.4). People send such files to each other too.
pub(super) fn is_meeting(tree: &Tree<'_>) -> bool {
    let is_calendar = |part: &Part<'_>| matches!(part.content_type.value.as_str(), "text/calendar" | "application/ics");
    let is_file = |part: &Part<'_>| {
        part.fields
            .get("Content-Disposition")
            .is_some_and(|v| v.trim_ascii_start().before(10).eq_ignore_ascii_case(b"attachment"))
    };
    if !tree.parts.iter().any(is_calendar) {
        return false;
    }
    let alternatives = tree.parts.iter().filter(|p| p.content_type.value == "multipart/alternative").flat_map(|p| &p.children);
    tree.root().is_some_and(is_calendar)
        || alternatives.filter_map(|n| tree.parts.get(*n)).any(is_calendar)
        || tree.parts.iter().any(|p| is_calendar(p) && p.content_type.get("method").is_some() && !is_file(p))
}

/// Content-ID without brackets.
pub(super) fn content_id(part: &Part<'_>) -> Option<String> {
    let value = header::unfold(part.fields.get("Content-ID")?);
    let text = charset::decode(&value, None, None).text;
    let id = text.trim().trim_start_matches('<').trim_end_matches('>').trim();
    (!id.is_empty()).then(|| id.to_owned())
}

/// Content-Location without the blanks that folding put into it.
pub(super) fn content_location(part: &Part<'_>) -> Option<String> {
    let value = header::unfold(part.fields.get("Content-Location")?);
    let text = charset::decode(&value, None, None).text;
    let location: String = text.trim().trim_matches('"').split_whitespace().collect();
    (!location.is_empty()).then_some(location)
}

/// Which child of a multipart/related is its root: `start`, else the first.
pub(super) fn related_root(tree: &Tree<'_>, part: &Part<'_>) -> usize {
    let Some(start) = part.content_type.get("start") else { return 0 };
    let start = start.trim().trim_start_matches('<').trim_end_matches('>');
    part.children.iter().position(|c| tree.parts.get(*c).and_then(content_id).is_some_and(|id| id == start)).unwrap_or(0)
}

/// The charset that other bytes of the mail are likely in: the first one named for a text, else for words in the
/// header that are really in it. UTF-8 is none: its bytes say so themselves.
pub(super) fn body_charset(tree: &Tree<'_>) -> Option<Vec<u8>> {
    let of_text = tree
        .parts
        .iter()
        .filter(|p| p.content_type.value.starts_with("text/"))
        .filter_map(|p| p.content_type.get("charset"))
        .find(|c| charset::is_hint(c.as_bytes()))
        .map(|c| c.as_bytes().to_vec());
    of_text.or_else(|| {
        let fields = &tree.root()?.fields;
        let words = ["Subject", "From", "To", "Cc"].into_iter().filter_map(|name| fields.get(name));
        words.filter_map(encoded_word::proven_charset).map(<[u8]>::to_vec).next()
    })
}

/// The charset that html names in a `meta`.
pub(super) fn html_charset(bytes: &[u8]) -> Option<&[u8]> {
    let head = before_as_lf(bytes, 2048);
    let lower = head.to_ascii_lowercase();
    let at = memchr::memmem::find(&lower, b"charset=")? + 8;
    let rest = head.after(at);
    let rest = rest.strip_prefix(b"\"").or_else(|| rest.strip_prefix(b"'")).unwrap_or(rest);
    let end =
        rest.iter().position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b':' | b'.'))).unwrap_or(rest.len());
    Some(rest.before(end)).filter(|c| !c.is_empty())
}

/// Blanks that a html document has before its first tag.
const HTML_STARTS_WITHIN: usize = 1024;

/// Begins like a html document.
pub(super) fn looks_like_html(bytes: &[u8]) -> bool {
    let start: Vec<u8> = before_as_lf(bytes, HTML_STARTS_WITHIN).trim_ascii_start().before(64).to_ascii_lowercase();
    [&b"<html"[..], b"<!doctype html", b"<head", b"<body", b"<div", b"<p>", b"<table", b"<meta"]
        .iter()
        .any(|m| start.starts_with(m))
}

/// A file whose bytes are no text, whatever its label says.
pub(super) fn looks_binary(bytes: &[u8]) -> bool {
    let sample = before_as_lf(bytes, 1024);
    let strange = sample.iter().filter(|b| matches!(b, 0..=8 | 14..=26 | 28..=31)).count();
    let letters = sample.len() - memchr::memmem::find_iter(sample, b"\r\n").count();
    strange * 20 > letters && !sample.starts_with(b"\xff\xfe") && !sample.starts_with(b"\xfe\xff")
}
