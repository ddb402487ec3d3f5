//! Files that stand within a text (uuencode, yEnc, BinHex): they become others of the same form.
//!
//! # Failure
//! None: what only begins like a file is a text.
//!
//! # Trust
//! Nothing: the marks of a file may stand in any text.

use super::binhex;
use super::form::Form;
use super::markup::Marks;
use super::words::{Text, Words};

/// Replaces the files of a text in `out`, which holds the same bytes, and marks them in `fixed`.
pub(super) fn scrub(words: &mut Words, bytes: &[u8], out: &mut [u8], fixed: &mut [bool]) {
    for at in memchr::memmem::find_iter(bytes, binhex::LINE) {
        let Some(open) = memchr::memchr(b':', &bytes[at..]).map(|n| at + n + 1) else { break };
        let Some(close) = memchr::memchr(b':', &bytes[open..]).map(|n| open + n) else { break };
        fixed[at..close].fill(true);
        let mut letters = bytes[open..close].to_vec();
        if let Some(mut name) = binhex::name(&letters) {
            words.text(&mut Text { bytes: &mut name, free: None, fixed: &|_| false, marks: &Marks::default() }, Form::Old);
            binhex::scrub(words, &mut letters, &name);
        }
        out[open..close].copy_from_slice(&letters);
    }
    lines(words, bytes, out, fixed);
}

/// The lines of files within a text (uuencode, yEnc) become others of the same form.
fn lines(words: &Words, bytes: &[u8], out: &mut [u8], fixed: &mut [bool]) {
    let mut inside: Option<&[u8]> = None;
    let mut at = 0;
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        let content = line.trim_ascii_end();
        match inside {
            None if content.starts_with(b"begin ") && content.len() > 10 && content[6..9].iter().all(u8::is_ascii_digit) => {
                fixed[at..at + 10].fill(true);
                inside = Some(b"end");
            }
            None if content.starts_with(b"=ybegin ") => {
                let name = memchr::memmem::find(content, b"name=").unwrap_or(content.len());
                fixed[at..at + name].fill(true);
                inside = Some(b"=yend");
            }
            Some(end) if content.starts_with(end) => {
                fixed[at..at + line.len()].fill(true);
                inside = None;
            }
            Some(b"end") if !content.is_empty() && content.iter().all(|b| (0x20..=0x60).contains(b)) => {
                fixed[at..at + line.len()].fill(true);
                if !words.is_learning() {
                    let mut next = words.stream(content);
                    // The first byte is the length.
                    for n in 1..content.len() {
                        if content[n] > b' ' && content[n] < b'`' {
                            out[at + n] = b'!' + (next() % 62) as u8;
                        }
                    }
                }
            }
            Some(b"end") if !content.is_empty() => inside = None,
            Some(_) => fixed[at..at + line.len()].fill(true),
            None => {}
        }
        at += line.len();
    }
}
