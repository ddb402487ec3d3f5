//! The RTF of a winmail.dat: decompressed (MS-OXRTFCP), and turned into the html it wraps
//! (MS-OXRTFEX) or into text.
//!
//! # Failure
//! What can't be decompressed is `None`; broken RTF gives the words before the damage. The output
//! of decompression is bounded by what the header claims and by [`RTF_BYTES_MAX`].

use super::charset;
use super::span::Span;

/// Bytes of decompressed RTF: a body is text; a larger one is a bomb.
const RTF_BYTES_MAX: usize = 16 << 20;
/// Groups within groups that are remembered.
const DEPTH_MAX: usize = 1_000;
/// The dictionary's start, given by MS-OXRTFCP section 2.1.2.1.
const DICTIONARY: &[u8] = b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";
const COMPRESSED: u32 = 0x75_46_5a_4c;
const UNCOMPRESSED: u32 = 0x41_4c_45_4d;

/// What RTF holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content {
    Html(String),
    Text(String),
}

/// Decompresses PR_RTF_COMPRESSED.
pub(super) fn decompress(bytes: &[u8]) -> Option<Vec<u8>> {
    let field = |at: usize| bytes.span(at, at + 4).try_into().ok().map(u32::from_le_bytes);
    let claimed = field(4)? as usize;
    let kind = field(8)?;
    let data = bytes.after(16);
    if kind == UNCOMPRESSED {
        return Some(data.before(claimed.min(RTF_BYTES_MAX)).to_vec());
    }
    if kind != COMPRESSED {
        return None;
    }
    let limit = claimed.min(RTF_BYTES_MAX);
    let mut window = [0u8; 4096];
    let mut write = 0usize;
    let put = |byte: u8, write: &mut usize, window: &mut [u8; 4096]| {
        if let Some(slot) = window.get_mut(*write) {
            *slot = byte;
        }
        *write = (*write + 1) & 0xfff;
    };
    for byte in DICTIONARY {
        put(*byte, &mut write, &mut window);
    }
    let mut out = Vec::with_capacity(limit.min(1 << 20));
    let mut rest = data;
    'all: while let Some((&control, after)) = rest.split_first() {
        rest = after;
        for bit in 0..8 {
            if out.len() >= limit {
                break 'all;
            }
            if control >> bit & 1 == 0 {
                let Some((&byte, after)) = rest.split_first() else { break 'all };
                rest = after;
                out.push(byte);
                put(byte, &mut write, &mut window);
                continue;
            }
            let [high, low, ..] = rest else { break 'all };
            let reference = u16::from_be_bytes([*high, *low]);
            rest = rest.after(2);
            let offset = usize::from(reference >> 4);
            let length = usize::from(reference & 0xf) + 2;
            if offset == write {
                break 'all;
            }
            for i in 0..length {
                let byte = window.get((offset + i) & 0xfff).copied().unwrap_or_default();
                out.push(byte);
                put(byte, &mut write, &mut window);
            }
        }
    }
    Some(out)
}

/// What a group inherits.
#[derive(Debug, Clone, Copy)]
struct Group {
    /// Its text is not shown (a font table, a picture).
    hidden: bool,
    /// Within `\*\htmltag`: its text is html.
    tag: bool,
    /// Within `\htmlrtf`: a repetition for readers of plain RTF.
    rtf_only: bool,
    /// Bytes that stand in for a `\u` character.
    fallback: usize,
}

struct Reader {
    out: String,
    /// Bytes of the code page that wait to be decoded together.
    waiting: Vec<u8>,
    code_page: String,
    from_html: bool,
    skip: usize,
    surrogate: Option<u16>,
}

impl Reader {
    fn flush(&mut self) {
        if !self.waiting.is_empty() {
            let bytes = std::mem::take(&mut self.waiting);
            self.out.push_str(&charset::decode(&bytes, Some(self.code_page.as_bytes()), None).text);
        }
    }

    fn push(&mut self, text: &str) {
        self.flush();
        self.out.push_str(text);
    }

    fn unicode(&mut self, unit: u16) {
        self.flush();
        match (self.surrogate.take(), unit) {
            (None, 0xd800..=0xdbff) => self.surrogate = Some(unit),
            (Some(high), 0xdc00..=0xdfff) => self.out.extend(char::decode_utf16([high, unit]).flatten()),
            _ => self.out.push(char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER)),
        }
    }

    fn byte(&mut self, byte: u8, group: Group) {
        if self.skip > 0 {
            self.skip -= 1;
        } else if self.is_shown(group) {
            self.waiting.push(byte);
        }
    }

    fn is_shown(&self, group: Group) -> bool {
        if self.from_html { group.tag || (!group.hidden && !group.rtf_only) } else { !group.hidden }
    }
}

/// Reads RTF.
pub(super) fn content(rtf: &[u8]) -> Content {
    let from_html = memchr::memmem::find(rtf.before(4096), b"\\fromhtml").is_some();
    let mut reader = Reader {
        out: String::with_capacity(rtf.len() / 2),
        waiting: Vec::new(),
        code_page: "cp1252".to_owned(),
        from_html,
        skip: 0,
        surrogate: None,
    };
    let mut group = Group { hidden: false, tag: false, rtf_only: false, fallback: 1 };
    let mut outer: Vec<Group> = Vec::new();
    let mut starred = false;
    let mut rest = rtf;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'{' => {
                if outer.len() >= DEPTH_MAX {
                    break;
                }
                outer.push(group);
                starred = false;
            }
            b'}' => {
                reader.flush();
                match outer.pop() {
                    Some(g) => group = g,
                    None => break,
                }
                starred = false;
            }
            b'\\' => rest = control(after, &mut reader, &mut group, &mut starred),
            b'\r' | b'\n' => {}
            _ => reader.byte(byte, group),
        }
    }
    reader.flush();
    if from_html { Content::Html(reader.out) } else { Content::Text(reader.out.trim().to_owned()) }
}

/// Reads what follows a backslash and returns what follows that.
fn control<'a>(rest: &'a [u8], reader: &mut Reader, group: &mut Group, starred: &mut bool) -> &'a [u8] {
    let Some((&first, after)) = rest.split_first() else { return rest };
    if !first.is_ascii_alphabetic() {
        match first {
            b'\'' => {
                if let Some(byte) = super::transfer::hex_pair(after) {
                    reader.byte(byte, *group);
                    return after.after(2);
                }
            }
            b'*' => *starred = true,
            b'~' => show(" ", reader, *group),
            b'_' => show("-", reader, *group),
            b'\\' | b'{' | b'}' => reader.byte(first, *group),
            b'\r' | b'\n' => show("\n", reader, *group),
            _ => {}
        }
        return after;
    }
    let letters = rest.before(32).iter().take_while(|b| b.is_ascii_alphabetic()).count();
    let word = rest.before(letters);
    let tail = rest.after(letters);
    let sign = usize::from(tail.first() == Some(&b'-'));
    let digits = tail.after(sign).before(10).iter().take_while(|b| b.is_ascii_digit()).count();
    let number: Option<i64> =
        if digits > 0 { std::str::from_utf8(tail.before(sign + digits)).ok().and_then(|n| n.parse().ok()) } else { None };
    let tail = if digits > 0 { tail.after(sign + digits) } else { tail };
    let tail = tail.strip_prefix(b" ").unwrap_or(tail);
    if std::mem::take(starred) {
        group.tag = word == b"htmltag";
        group.hidden = !group.tag;
        return tail;
    }
    match word {
        b"fonttbl" | b"colortbl" | b"stylesheet" | b"info" | b"pict" | b"header" | b"footer" | b"object" | b"themedata" => {
            group.hidden = true;
        }
        b"htmlrtf" => group.rtf_only = number != Some(0),
        b"ansicpg" => {
            if let Some(n) = number.filter(|n| *n > 0) {
                reader.code_page = format!("cp{n}");
            }
        }
        b"uc" => group.fallback = number.and_then(|n| usize::try_from(n).ok()).unwrap_or(1).min(16),
        b"u" => {
            if reader.is_shown(*group)
                && let Some(n) = number
            {
                reader.unicode(n as u16);
                reader.skip = group.fallback;
            }
        }
        b"bin" => return tail.after(number.and_then(|n| usize::try_from(n).ok()).unwrap_or(0)),
        b"par" | b"line" | b"sect" | b"row" => show("\n", reader, *group),
        b"tab" | b"cell" => show("\t", reader, *group),
        b"lquote" => show("\u{2018}", reader, *group),
        b"rquote" => show("\u{2019}", reader, *group),
        b"ldblquote" => show("\u{201c}", reader, *group),
        b"rdblquote" => show("\u{201d}", reader, *group),
        b"bullet" => show("\u{2022}", reader, *group),
        b"endash" => show("\u{2013}", reader, *group),
        b"emdash" => show("\u{2014}", reader, *group),
        _ => {}
    }
    tail
}

fn show(text: &str, reader: &mut Reader, group: Group) {
    if reader.skip > 0 {
        reader.skip -= 1;
    } else if reader.is_shown(group) {
        reader.push(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read() {
        let rtf = br"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}\pard Gr\'fc\'dfe\par \u8364? 5 \{x\}{\*\generator hidden;}}";
        assert_eq!(content(rtf), Content::Text("Grüße\n€ 5 {x}".to_owned()));
    }

    #[test]
    fn the_html_within_is_taken_out() {
        let rtf = br"{\rtf1\ansi\ansicpg1252\fromhtml1 {\*\htmltag64 <p>}\htmlrtf {\b\htmlrtf0 Hello{\*\htmltag84 &nbsp;}\htmlrtf }\htmlrtf0 {\*\htmltag72 </p>}}";
        assert_eq!(content(rtf), Content::Html("<p>Hello&nbsp;</p>".to_owned()));
    }

    #[test]
    fn what_is_compressed_is_decompressed() {
        // The example of MS-OXRTFCP section 3.1.
        let bytes = data_encoding::HEXLOWER
            .decode(
                b"2d0000002b0000004c5a4675f1c5c7a703000a00726370673132354232 0af32068656c090020627705b06c647d0a800fa0"
                    .iter()
                    .filter(|b| **b != b' ')
                    .copied()
                    .collect::<Vec<u8>>()
                    .as_slice(),
            )
            .unwrap();
        assert_eq!(decompress(&bytes).unwrap(), b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n");
    }

    #[test]
    fn broken_rtf_gives_its_words() {
        assert_eq!(content(b"{{{\\u-"), Content::Text("-".to_owned()));
        assert_eq!(content(b"plain}}}"), Content::Text("plain".to_owned()));
        assert_eq!(decompress(b"short"), None);
    }
}
