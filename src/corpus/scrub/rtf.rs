//! Compressed RTF (MS-OXRTFCP) in a winmail.dat: its letters become others within the compressed stream, since another
//! text would be of another length.
//!
//! A literal of the stream is a letter here and, by reference, in other places; so each letter becomes the same other
//! one everywhere in the stream, save those that a control word (`\par`) is made of anywhere.
//!
//! # Failure
//! None: a stream that is cut or refers to nothing is left as it is from there on.
//!
//! # Trust
//! None.

use super::words::Words;

/// What the dictionary begins with.
const PREFIX: &[u8] = b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";
const WINDOW: usize = 4096;

/// Replaces the letters of a stream with its head in `out`, which holds the same bytes.
pub(super) fn scrub(words: &Words, stream: &[u8], out: &mut [u8]) {
    if words.is_learning() {
        return;
    }
    // Each byte of the text, and where in the stream its literal stands.
    let text = if &stream[8..12] == b"MELA" {
        (16..stream.len()).map(|at| (stream[at], Some(at))).collect()
    } else {
        decompress(stream)
    };
    let bytes: Vec<u8> = text.iter().map(|(b, _)| *b).collect();
    let mut stays = vec![false; stream.len()];
    for (is_control, (_, from)) in control(&bytes).into_iter().zip(&text) {
        if let Some(at) = from.filter(|_| is_control) {
            stays[at] = true;
        }
    }
    for (byte, from) in &text {
        if let Some(at) = from.filter(|at| !stays[*at]) {
            out[at] = words.turned(*byte);
        }
    }
    if &stream[8..12] == b"LZFu" {
        let crc = crc(&out[16..]);
        out[12..16].copy_from_slice(&crc.to_le_bytes());
    }
}

fn decompress(stream: &[u8]) -> Vec<(u8, Option<usize>)> {
    let mut window: Vec<(u8, Option<usize>)> = vec![(0, None); WINDOW];
    for (n, byte) in PREFIX.iter().enumerate() {
        window[n] = (*byte, None);
    }
    let mut write = PREFIX.len();
    let mut out = Vec::new();
    let mut at = 16;
    while at < stream.len() {
        let flags = stream[at];
        at += 1;
        for bit in 0..8 {
            if flags & 1 << bit == 0 {
                let Some(byte) = stream.get(at) else { return out };
                window[write % WINDOW] = (*byte, Some(at));
                out.push((*byte, Some(at)));
                write += 1;
                at += 1;
                continue;
            }
            let Some(pair) = stream.get(at..at + 2) else { return out };
            at += 2;
            let word = usize::from(u16::from_be_bytes([pair[0], pair[1]]));
            let (from, len) = (word >> 4, (word & 15) + 2);
            if from == write % WINDOW {
                return out;
            }
            for n in 0..len {
                let copied = window[(from + n) % WINDOW];
                window[write % WINDOW] = copied;
                out.push(copied);
                write += 1;
            }
        }
    }
    out
}

/// Which bytes of RTF are control words, their numbers and what stands for a byte (`\'e4`), or html tags within.
fn control(bytes: &[u8]) -> Vec<bool> {
    let mut out = vec![false; bytes.len()];
    let mut in_tag = false;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => {
                let rest = &bytes[at + 1..];
                let letters = rest.iter().take_while(|b| b.is_ascii_alphabetic()).count();
                let len = match rest.first() {
                    Some(b'\'') => 3,
                    _ if letters > 0 => {
                        letters + rest[letters..].iter().take_while(|b| b.is_ascii_digit() || **b == b'-').count()
                    }
                    _ => 1,
                };
                let end = (at + 1 + len).min(bytes.len());
                out[at..end].fill(true);
                at = end;
                continue;
            }
            b'<' => in_tag = true,
            _ => {}
        }
        out[at] |= in_tag || !bytes[at].is_ascii_alphabetic();
        if bytes[at] == b'>' {
            in_tag = false;
        }
        at += 1;
    }
    out
}

/// CRC-32 without the complement at both ends, as MS-OXRTFCP has it.
fn crc(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |crc, byte| {
        let mut c = (crc ^ u32::from(*byte)) & 0xff;
        for _ in 0..8 {
            c = if c & 1 == 1 { 0xedb8_8320 ^ c >> 1 } else { c >> 1 };
        }
        c ^ crc >> 8
    })
}
