//! winmail.dat: what Exchange and Outlook pack a mail into (MS-OXTNEF), unpacked.
//!
//! A stream of attributes; the message's and each attachment's MAPI properties are blocks within
//! it. A body is plain text, html, or compressed RTF ([`super::rtf`]).
//!
//! # Failure
//! What is cut or damaged gives what stands before the damage, with [`Message::damaged`] set.
//! Checksums are not insisted on (many writers get them wrong). Nesting is bounded, time linear.

use super::charset;
use super::rtf;
use super::span::Span;
use super::tnef_wire::{
    ATT_ATTACH_DATA, ATT_ATTACH_RENDDATA, ATT_ATTACH_TITLE, ATT_ATTACHMENT, ATT_BODY, ATT_MAPI_PROPS, ATT_OEM_CODEPAGE,
    ATT_SUBJECT, BINARY, Cursor, OBJECT, PR_ATTACH_CONTENT_ID, PR_ATTACH_DATA, PR_ATTACH_FILENAME, PR_ATTACH_LONG_FILENAME,
    PR_ATTACH_MIME_TAG, PR_BODY, PR_BODY_HTML, PR_DISPLAY_NAME, PR_INTERNET_CPID, PR_RTF_COMPRESSED, PR_SUBJECT, PROPERTIES_MAX,
    STRING8, UNICODE, attribute, is_tnef, property,
};

/// Attachments of one winmail.dat.
const FILES_MAX: usize = 5_000;
/// Messages within messages.
const DEPTH_MAX: usize = 8;

/// A file within a winmail.dat.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) content_type: Option<String>,
    pub(super) content_id: Option<String>,
    pub(super) bytes: Vec<u8>,
    /// The file is a message that was attached.
    pub(super) message: Option<Box<Message>>,
}

/// What a winmail.dat holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) subject: Option<String>,
    pub(super) text: Option<String>,
    pub(super) html: Option<String>,
    pub(super) files: Vec<File>,
    /// Reading stopped early.
    pub(super) damaged: bool,
}

/// Unpacks. `None`: it is no TNEF.
pub(super) fn read(bytes: &[u8]) -> Option<Message> {
    is_tnef(bytes).then(|| message(bytes, 0))
}

fn message(bytes: &[u8], depth: usize) -> Message {
    let mut out = Message::default();
    let mut cursor = Cursor::attributes(bytes);
    let mut code_page: Option<u32> = None;
    let mut rtf: Option<Vec<u8>> = None;
    while !cursor.is_at_end() {
        let Some(attribute) = attribute(&mut cursor) else {
            out.damaged = true;
            break;
        };
        let data = bytes.span(attribute.data.start, attribute.data.end);
        out.damaged |= attribute.cut;
        match attribute.id {
            ATT_OEM_CODEPAGE => code_page = Cursor::new(data, 0).u32(),
            ATT_SUBJECT => out.subject = Some(narrow(data, code_page)),
            ATT_BODY => out.text = Some(narrow(data, code_page)),
            ATT_MAPI_PROPS => {
                for property in properties(data, &mut out.damaged) {
                    match property.id {
                        PR_INTERNET_CPID => code_page = property.number().or(code_page),
                        PR_SUBJECT => out.subject = property.text(code_page).or(out.subject.take()),
                        PR_BODY => out.text = property.text(code_page).or(out.text.take()),
                        PR_BODY_HTML => out.html = property.text(code_page).filter(|h| !h.trim().is_empty()),
                        PR_RTF_COMPRESSED => rtf = property.bytes().and_then(rtf::decompress),
                        _ => {}
                    }
                }
            }
            ATT_ATTACH_RENDDATA => {
                if out.files.len() >= FILES_MAX {
                    out.damaged = true;
                    break;
                }
                out.files.push(File::default());
            }
            ATT_ATTACH_TITLE => {
                if let Some(file) = current(&mut out.files) {
                    let name = narrow(data, code_page);
                    if file.name.is_empty() {
                        file.name = name;
                    }
                }
            }
            ATT_ATTACH_DATA => {
                if let Some(file) = current(&mut out.files) {
                    file.bytes = data.to_vec();
                }
            }
            ATT_ATTACHMENT => {
                if let Some(file) = current(&mut out.files) {
                    attachment(file, data, code_page, depth, &mut out.damaged);
                }
            }
            _ => {}
        }
    }
    if let Some(rtf) = rtf {
        match rtf::content(&rtf) {
            rtf::Content::Html(html) if out.html.is_none() && !html.trim().is_empty() => out.html = Some(html),
            rtf::Content::Text(text) if out.text.as_deref().is_none_or(|t| t.trim().is_empty()) => out.text = Some(text),
            _ => {}
        }
    }
    out
}

/// The attachment being read; one that has no rendering data before it begins here.
fn current(files: &mut Vec<File>) -> Option<&mut File> {
    if files.is_empty() {
        files.push(File::default());
    }
    files.last_mut()
}

fn attachment(file: &mut File, data: &[u8], code_page: Option<u32>, depth: usize, damaged: &mut bool) {
    let mut display = None;
    let mut short = None;
    let mut long = None;
    for property in properties(data, damaged) {
        match property.id {
            PR_DISPLAY_NAME => display = property.text(code_page),
            PR_ATTACH_FILENAME => short = property.text(code_page),
            PR_ATTACH_LONG_FILENAME => long = property.text(code_page),
            PR_ATTACH_MIME_TAG => {
                file.content_type = property.text(code_page).map(|t| t.to_ascii_lowercase()).filter(|t| t.contains('/'))
            }
            PR_ATTACH_CONTENT_ID => file.content_id = property.text(code_page).filter(|t| !t.is_empty()),
            PR_ATTACH_DATA => {
                let Some(bytes) = property.bytes() else { continue };
                // An object begins with the identifier of its interface; a message in it is TNEF again.
                let inner = bytes.after(16);
                if property.kind == OBJECT && is_tnef(inner) {
                    if depth < DEPTH_MAX {
                        file.message = Some(Box::new(message(inner, depth + 1)));
                    }
                } else if file.bytes.is_empty() {
                    file.bytes = (if property.kind == OBJECT { inner } else { bytes }).to_vec();
                }
            }
            _ => {}
        }
    }
    let named = [long, short, display].into_iter().flatten().find(|n| !n.trim().is_empty());
    if let Some(name) = named {
        file.name = name;
    }
}

struct Property<'a> {
    id: u16,
    kind: u16,
    /// The first value; of fixed types its bytes.
    value: &'a [u8],
}

impl<'a> Property<'a> {
    fn number(&self) -> Option<u32> {
        Cursor::new(self.value, 0).u32()
    }

    fn bytes(&self) -> Option<&'a [u8]> {
        matches!(self.kind, BINARY | OBJECT | STRING8).then_some(self.value)
    }

    fn text(&self, code_page: Option<u32>) -> Option<String> {
        match self.kind {
            UNICODE => {
                let (text, _) = encoding_rs::UTF_16LE.decode_without_bom_handling(self.value);
                Some(text.trim_end_matches('\0').to_owned())
            }
            STRING8 | BINARY => Some(narrow(self.value, code_page)),
            _ => None,
        }
    }
}

/// Text of a code page, up to its NUL.
fn narrow(bytes: &[u8], code_page: Option<u32>) -> String {
    let end = bytes.iter().rposition(|b| *b != 0).map_or(0, |i| i + 1);
    let label = code_page.filter(|p| *p > 0).map(|p| format!("cp{p}"));
    charset::decode(bytes.before(end), label.as_deref().map(str::as_bytes), None).text.replace('\0', "")
}

/// The properties of a block; stops at what it can't read.
fn properties<'a>(data: &'a [u8], damaged: &mut bool) -> Vec<Property<'a>> {
    let mut cursor = Cursor::new(data, 0);
    let count = cursor.u32().unwrap_or_default() as usize;
    let mut out = Vec::new();
    for _ in 0..count.min(PROPERTIES_MAX) {
        let mut first = None;
        let mut take_first = |value| {
            first.get_or_insert(value);
        };
        match property(&mut cursor, &mut take_first) {
            Some((id, kind)) => {
                let value = first.map_or(&b""[..], |value| data.span(value.start, value.end));
                out.push(Property { id, kind, value });
            }
            None => {
                *damaged = true;
                break;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::tnef_wire::{SIGNATURE, padded};
    use super::*;

    fn attribute(level: u8, id: u16, data: &[u8]) -> Vec<u8> {
        let mut out = vec![level];
        out.extend_from_slice(&id.to_le_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&(data.len() as u32).to_le_bytes());
        out.extend_from_slice(data);
        let sum = data.iter().fold(0u16, |n, b| n.wrapping_add(u16::from(*b)));
        out.extend_from_slice(&sum.to_le_bytes());
        out
    }

    fn unicode(id: u16, text: &str) -> Vec<u8> {
        let units: Vec<u8> = text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
        variable(UNICODE, id, &units)
    }

    fn variable(kind: u16, id: u16, data: &[u8]) -> Vec<u8> {
        let mut out = [kind.to_le_bytes(), id.to_le_bytes()].concat();
        out.extend_from_slice(&1u32.to_le_bytes());
        out.extend_from_slice(&(data.len() as u32).to_le_bytes());
        out.extend_from_slice(data);
        out.resize(out.len() + padded(data.len()) - data.len(), 0);
        out
    }

    fn block(list: &[Vec<u8>]) -> Vec<u8> {
        [(list.len() as u32).to_le_bytes().to_vec(), list.concat()].concat()
    }

    fn tnef(attributes: &[Vec<u8>]) -> Vec<u8> {
        [SIGNATURE.to_vec(), vec![1, 0], attributes.concat()].concat()
    }

    #[test]
    fn a_message_with_a_file() {
        let bytes = tnef(&[
            attribute(1, ATT_SUBJECT, b"hello\0"),
            attribute(1, ATT_MAPI_PROPS, &block(&[unicode(PR_BODY, "Grüße")])),
            attribute(2, ATT_ATTACH_RENDDATA, &[0; 14]),
            attribute(2, ATT_ATTACH_TITLE, b"LONGNA~1.TXT\0"),
            attribute(2, ATT_ATTACH_DATA, b"data"),
            attribute(2, ATT_ATTACHMENT, &block(&[unicode(PR_ATTACH_LONG_FILENAME, "long name.txt")])),
        ]);
        let read = read(&bytes).unwrap();
        assert_eq!((read.subject.as_deref(), read.text.as_deref(), read.damaged), (Some("hello"), Some("Grüße"), false));
        assert_eq!((read.files[0].name.as_str(), read.files[0].bytes.as_slice()), ("long name.txt", &b"data"[..]));
    }

    #[test]
    fn a_message_within_is_a_message() {
        let inner = tnef(&[attribute(1, ATT_BODY, b"inside\0")]);
        let object = [vec![0; 16], inner].concat();
        let bytes = tnef(&[
            attribute(2, ATT_ATTACH_RENDDATA, &[0; 14]),
            attribute(2, ATT_ATTACHMENT, &block(&[variable(OBJECT, PR_ATTACH_DATA, &object)])),
        ]);
        let read = read(&bytes).unwrap();
        assert_eq!(read.files[0].message.as_ref().unwrap().text.as_deref(), Some("inside"));
    }

    #[test]
    fn what_is_cut_gives_what_stands_before() {
        let whole = tnef(&[attribute(1, ATT_BODY, b"kept\0"), attribute(1, ATT_SUBJECT, b"lost\0")]);
        for end in 0..whole.len() {
            let _ = read(&whole[..end]);
        }
        let cut = read(&whole[..whole.len() - 14]).unwrap();
        assert_eq!((cut.text.as_deref(), cut.damaged), (Some("kept"), true));
        assert_eq!(read(b"no tnef"), None);
    }
}
