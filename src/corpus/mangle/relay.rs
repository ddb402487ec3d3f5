//! What relays, mailboxes and disks do to the bytes of a whole mail.
//!
//! # Failure
//! False, and nothing changes, where a mangling does not apply; the room's promises are those of [`super`].

use super::list;
use super::slot::{CHARSET, ENDS, FIELDS, START, TRACE, TRANSFER};
use crate::corpus::generate::Truth;

list! {
    Wire "relay.leading-blank-lines", START, "form mailers, qmail-inject", "blank lines before the first field",
        |raw, _, _| put(raw, b"\r\n\r\n");
    Wire "relay.mbox-line", START, "mbox files, UUCP", "a From line before the first field",
        |raw, _, dice| { let line: &[u8] = if dice.chance(50) { b"From somebody@gate.example Mon Mar  2 10:00:00 2026\r\n" } else { b">From somebody@gate.example Mon Mar  2 10:00:00 2026\r\n" }; put(raw, line) };
    Wire "relay.byte-order-mark", START, "Windows tools", "a byte order mark before the first field",
        |raw, _, _| put(raw, b"\xef\xbb\xbf");
    Wire "relay.return-path-twice", START | TRACE, "relays behind relays", "more fields of delivery before the first",
        |raw, _, _| put(raw, b"X-Original-To: support@desk.example\r\nDelivered-To: support@desk.example\r\n");
    Wire "relay.trace-between", START | TRACE, "SMTP proxies of virus scanners", "trace and scanner fields at the top",
        |raw, _, dice| { let id = dice.hex(8); put(raw, format!("X-Antivirus: scanner (build {id}); clean\r\nX-Spam-Status: No, score=-1.9 required=5.0\r\n\ttests=A,B\r\n\tautolearn=no\r\nDKIM-Signature: v=1; a=rsa-sha256; d=gate.example;\r\n\th=from:to; bh={id}=; b={id}\r\n").as_bytes()) };
    Wire "relay.lf", ENDS, "Unix programs", "LF alone at the ends of lines",
        |raw, _, _| ends(raw, b"\n");
    Wire "relay.cr", ENDS | TRANSFER | CHARSET | FIELDS, "old Macintosh programs", "CR alone at the ends of lines",
        |raw, _, _| !raw.windows(2).any(|w| matches!(w, [b'\r', b'\r']) || (w[1] == b'\n' && w[0] != b'\r')) && ends(raw, b"\r");
    Wire "relay.cr-cr-lf", ENDS, "Windows text mode", "CR CR LF at the ends of lines",
        |raw, _, _| ends(raw, b"\r\r\n");
    Wire "relay.mixed-line-ends", ENDS, "scripts behind Windows programs", "LF and CRLF by turns",
        |raw, _, dice| {
            let lines: Vec<&[u8]> = raw.split(|b| *b == b'\n').collect();
            let mut out = Vec::with_capacity(raw.len());
            for (n, line) in lines.iter().enumerate() {
                let last = n + 1 == lines.len();
                let bare = line.strip_suffix(b"\r").unwrap_or(line);
                out.extend_from_slice(bare);
                if !last { out.extend_from_slice(if dice.chance(50) { b"\n" } else { b"\r\n" }); }
            }
            *raw = out;
            true
        };
    Wire "relay.header-lf-body-crlf", ENDS, "PHP mail() on Windows", "LF in the header, CRLF in the body",
        |raw, _, _| {
            let Some(at) = raw.windows(4).position(|w| w == b"\r\n\r\n") else { return false };
            let mut out: Vec<u8> = raw[..at + 4].iter().copied().filter(|b| *b != b'\r').collect();
            out.extend_from_slice(&raw[at + 4..]);
            *raw = out;
            true
        };
    Wire "relay.last-line-end-lost", ENDS, "pipes, cut files", "the last line has no end",
        |raw, _, _| { while raw.ends_with(b"\n") || raw.ends_with(b"\r") { raw.pop(); } true };
    Wire "relay.blank-lines-at-end", ENDS, "mbox files", "blank lines and a dot behind the end",
        |raw, _, _| { raw.extend_from_slice(b"\r\n\r\n\r\n"); true };
    Wire "relay.nul-bytes", ENDS, "disks, Windows services", "NUL bytes between the header and the end of a text",
        |raw, truth, _| nul(raw, truth);
}

fn put(raw: &mut Vec<u8>, before: &[u8]) -> bool {
    raw.splice(0..0, before.iter().copied());
    true
}

fn ends(raw: &mut Vec<u8>, end: &[u8]) -> bool {
    let mut out = Vec::with_capacity(raw.len() + 64);
    for (n, line) in raw.split(|b| *b == b'\n').enumerate() {
        if n > 0 {
            out.extend_from_slice(end);
        }
        out.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
    }
    *raw = out;
    true
}

/// At the end of the first line of a plain text of one part; it is dropped.
fn nul(raw: &mut Vec<u8>, truth: &mut Truth) -> bool {
    let Some(at) = raw.windows(4).position(|w| w == b"\r\n\r\n") else { return false };
    let head = String::from_utf8(raw[..at].to_ascii_lowercase()).unwrap_or_default();
    let one_text = head.contains("content-type: text/plain")
        && !head.contains("base64")
        && !head.contains("boundary")
        && !head.contains("utf-16");
    if !one_text || truth.words.is_empty() {
        return false;
    }
    let Some(line) = raw[at + 4..].windows(2).position(|w| w == b"\r\n") else { return false };
    if line == 0 || raw[at + 4 + line - 1] == b'=' {
        return false;
    }
    raw.splice(at + 4 + line..at + 4 + line, [0, 0]);
    true
}
