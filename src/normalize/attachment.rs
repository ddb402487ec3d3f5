//! What is not shown as text: names, types, digests, and whether the html shows it.
//!
//! # Failure
//! None: a name that can't be used becomes one that can; a missing one is made up from the type.
//!
//! # Trust
//! None: a name never leads out of a folder, holds no control or direction characters and is short.

use super::charset_mend;
use super::encoded_word;
use super::repair::Repairs;
use super::span::{Span, shorten};
use crate::mail::Attachment;
use ring::digest;
use std::collections::HashSet;

/// Bytes of a file name: what common file systems take.
const NAME_BYTES_MAX: usize = 200;
/// What stands around a name and is no part of it.
const AROUND: [char; 2] = ['"', ' '];

/// Names within names that are read: each is one that a program encoded once more.
const NAMES_WITHIN_MAX: usize = 16;

/// Makes a name safe: the last step of a path, printable, no direction marks, not only dots, and nothing left in it that would
/// read otherwise when it comes again: no encoded-word, whoever wrote one where none is read (RFC 2231, uuencode, a
/// winmail.dat), and no letters that were encoded twice.
pub(super) fn clean_name(raw: &str) -> String {
    let mut name = printable_name(raw);
    for _ in 0..NAMES_WITHIN_MAX {
        let is_word = name.contains("=?");
        let read = if is_word { encoded_word::decode_text(&name, "", &mut Repairs::default()) } else { name.clone() };
        let read = charset_mend::undoubled(&read).unwrap_or(read);
        if read == name {
            break;
        }
        name = printable_name(&read);
    }
    name
}

/// The last step of a path, printable, no direction marks, not only dots.
fn printable_name(raw: &str) -> String {
    let is_path = |c: char| matches!(c, '/' | '\\');
    // A path ends in a name; `a/` and `\` do not.
    let last = raw.trim().rsplit(is_path).find(|p| !p.trim().is_empty()).unwrap_or_default();
    let printable: String = last
        .chars()
        .filter(|c| {
            !c.is_control()
                && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
        })
        .collect();
    let joined = printable.split_whitespace().collect::<Vec<_>>().join(" ");
    let name = joined.trim_matches(AROUND);
    if name.chars().all(|c| c == '.') {
        return String::new();
    }
    if name.len() <= NAME_BYTES_MAX {
        return name.to_owned();
    }
    // The extension says what it is: keep it.
    let extension = name.rsplit_once('.').map(|(_, e)| e).filter(|e| e.len() <= 16);
    match extension {
        Some(e) => format!("{}.{e}", shorten(name, NAME_BYTES_MAX - e.len() - 1)),
        None => shorten(name, NAME_BYTES_MAX).trim_end_matches(AROUND).to_owned(),
    }
}

/// A name for a part without one: `image.png`, `image1.png`, …
pub(super) fn made_up_name(content_type: &str, number: usize) -> String {
    let noun = match content_type.split('/').next().unwrap_or_default() {
        kind @ ("image" | "audio" | "video" | "message") => kind,
        "text" if content_type == "text/calendar" => "invitation",
        "text" if content_type.ends_with("vcard") => "contact",
        "text" | "application" => match content_type {
            "application/pgp-signature" | "application/pkcs7-signature" | "application/x-pkcs7-signature" => "signature",
            "application/octet-stream" => "file",
            _ => "document",
        },
        _ => "file",
    };
    let number = if number == 0 { String::new() } else { number.to_string() };
    format!("{noun}{number}{}", extension(content_type))
}

/// Many programs put the file's name into the Content-ID: `image001.png@01CD….D8A`. Where the type tells
/// nothing either, what the html calls it by is its name.
pub(super) fn name_from_id(id: &str, content_type: &str) -> Option<String> {
    let local = id.split('@').next()?;
    let (stem, ending) = local.rsplit_once('.')?;
    let is_name = !stem.is_empty()
        && (2..=5).contains(&ending.len())
        && ending.starts_with(|c: char| c.is_ascii_alphabetic())
        && ending.bytes().all(|b| b.is_ascii_alphanumeric());
    (is_name || extension(content_type).is_empty()).then(|| clean_name(local)).filter(|n| !n.is_empty())
}

fn extension(content_type: &str) -> &'static str {
    match content_type {
        "application/pdf" => ".pdf",
        "application/zip" | "application/x-zip-compressed" => ".zip",
        "application/json" => ".json",
        "application/xml" | "text/xml" => ".xml",
        "application/msword" => ".doc",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => ".docx",
        "application/vnd.ms-excel" => ".xls",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => ".xlsx",
        "application/pgp-signature" | "application/pgp-keys" => ".asc",
        "application/pkcs7-signature" | "application/x-pkcs7-signature" => ".p7s",
        "application/pkcs7-mime" | "application/x-pkcs7-mime" => ".p7m",
        "application/gzip" | "application/x-gzip" => ".gz",
        "application/rtf" | "text/rtf" => ".rtf",
        "image/png" => ".png",
        "image/jpeg" | "image/jpg" | "image/pjpeg" => ".jpg",
        "image/gif" => ".gif",
        "image/bmp" => ".bmp",
        "image/tiff" => ".tif",
        "image/svg+xml" => ".svg",
        "image/webp" => ".webp",
        "audio/mpeg" => ".mp3",
        "audio/wav" | "audio/x-wav" => ".wav",
        "video/mp4" => ".mp4",
        "video/quicktime" => ".mov",
        "text/calendar" | "application/ics" => ".ics",
        "text/csv" => ".csv",
        "text/html" => ".html",
        "text/plain"
        | "message/delivery-status"
        | "message/disposition-notification"
        | "message/feedback-report"
        | "text/rfc822-headers" => ".txt",
        "text/vcard" | "text/x-vcard" | "text/directory" => ".vcf",
        "message/rfc822" | "message/global" | "message/news" => ".eml",
        _ => "",
    }
}

/// Describes decoded bytes.
pub(super) fn describe(name: String, content_type: &str, bytes: &[u8], content_id: Option<String>, part: u32) -> Attachment {
    Attachment {
        name,
        content_type: content_type.to_owned(),
        size: bytes.len() as u64,
        sha256: data_encoding::HEXLOWER.encode(digest::digest(&digest::SHA256, bytes).as_ref()),
        inline: false,
        content_id,
        part,
    }
}

/// Where a part says it is from (Content-Location, RFC 2557), by its number.
pub(super) type Locations = Vec<(u32, String)>;

/// A name from the last step of a Content-Location.
pub(super) fn name_from_location(location: &str) -> Option<String> {
    let path = location.split(['?', '#']).next()?;
    let last = path.rsplit('/').next()?;
    let (stem, extension) = last.rsplit_once('.')?;
    let is_name = !stem.is_empty() && (1..=5).contains(&extension.len()) && extension.bytes().all(|b| b.is_ascii_alphanumeric());
    is_name.then(|| clean_name(&percent_decoded(last))).filter(|n| !n.is_empty())
}

/// Marks what the html shows: by `cid:`, by its Content-Location, or (some clients) by its name as
/// an image's source.
pub(super) fn mark_inline(attachments: &mut [Attachment], locations: &Locations, html: &str) {
    if attachments.is_empty() {
        return;
    }
    let shown = references(html);
    let located: HashSet<u32> = locations.iter().filter(|(_, l)| shown.contains(l)).map(|(part, _)| *part).collect();
    for attachment in attachments {
        let by_id = attachment.content_id.as_ref().is_some_and(|id| shown.contains(id.as_str()));
        let by_name = attachment.content_type.starts_with("image/") && shown.contains(attachment.name.as_str());
        attachment.inline = by_id || by_name || located.contains(&attachment.part);
    }
}

/// Bytes of a source that are compared.
const SOURCE_BYTES_MAX: usize = 1_000;

/// What `cid:…`, `src=…` and `background=…` name, in one pass each.
fn references(html: &str) -> HashSet<String> {
    let mut found = HashSet::new();
    let bytes = html.as_bytes();
    let ends = |before: &[u8], word: &[u8]| {
        before.len() >= word.len() && before.after(before.len() - word.len()).eq_ignore_ascii_case(word)
    };
    for at in memchr::memchr_iter(b':', bytes) {
        if ends(bytes.before(at), b"cid") {
            let rest = html.after(at + 1);
            let end = rest
                .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '>' | ')'))
                .unwrap_or(rest.len().min(SOURCE_BYTES_MAX));
            found.insert(percent_decoded(rest.before(end)));
        }
    }
    for at in memchr::memchr_iter(b'=', bytes) {
        let name = bytes.before(at).trim_ascii_end();
        if !ends(name, b"src") && !ends(name, b"background") {
            continue;
        }
        let value = html.after(at + 1).trim_ascii_start();
        let source = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => value.after(1).split(quote).next(),
            _ => value.split(|c: char| c.is_whitespace() || c == '>').next(),
        };
        if let Some(source) = source.map(str::trim).filter(|s| !s.is_empty() && s.len() < SOURCE_BYTES_MAX) {
            found.insert(source.to_owned());
        }
    }
    found
}

fn percent_decoded(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        match (byte, super::transfer::hex_pair(after)) {
            (b'%', Some(decoded)) => {
                out.push(decoded);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                out.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_never_leads_elsewhere() {
        assert_eq!(clean_name("../../etc/passwd"), "passwd");
        assert_eq!(clean_name("C:\\Users\\a\\Report.pdf"), "Report.pdf");
        assert_eq!(clean_name(".."), "");
        assert_eq!(clean_name("in\u{202e}fdp.exe"), "infdp.exe");
        assert_eq!(clean_name(" a\r\n b.txt "), "a b.txt");
    }

    #[test]
    fn no_encoded_word_is_left_in_a_name() {
        assert_eq!(clean_name("see =?utf-8?Q?caf=C3=A9.txt?="), "see café.txt");
        assert_eq!(clean_name("=?utf-8?Q?a=3D=3Futf-8=3FQ=3Fb=2E?=txt=?="), "ab.txt");
        assert_eq!(clean_name("=?utf -8?Q?a.p?fd="), "a.p?fd");
        assert_eq!(clean_name("a =? b.txt"), "a =? b.txt");
        assert_eq!(clean_name("Gr\u{c3}\u{bc}\u{c3}\u{178}e\u{81}.txt"), "Grüße.txt", "encoded twice");
    }

    #[test]
    fn a_clean_name_is_clean() {
        let long = "a ".repeat(300);
        for odd in ["\" \"x", "\"a\" b \" \"", long.as_str(), " \"\" a \"/ ", "=?utf-8?Q?_=22_=22x?="] {
            let name = clean_name(odd);
            assert_eq!(clean_name(&name), name, "{odd:?}");
        }
    }

    #[test]
    fn a_long_name_keeps_its_extension() {
        let name = clean_name(&("é".repeat(500) + ".pdf"));
        assert!(name.ends_with(".pdf") && name.len() <= NAME_BYTES_MAX);
    }

    #[test]
    fn the_html_says_what_is_inline() {
        let mut list = vec![
            describe("a.png".into(), "image/png", b"1", Some("x@y".into()), 0),
            describe("b.png".into(), "image/png", b"2", Some("z@y".into()), 1),
            describe("c.png".into(), "image/png", b"3", None, 2),
        ];
        let inline = |list: &[Attachment]| list.iter().map(|a| a.inline).collect::<Vec<_>>();
        mark_inline(&mut list, &Vec::new(), "<img src=\"cid:x%40y\"><img src='c.png'>");
        assert_eq!(inline(&list), [true, false, true]);
        mark_inline(
            &mut list,
            &vec![(1, "http://x.example/b".to_owned())],
            "<IMG ALT=x SRC = http://x.example/b ><img src=c.png/>",
        );
        assert_eq!(inline(&list), [false, true, false]);
    }
}
