//! winmail.dat as Exchange writes it (MS-OXTNEF): a stream of attributes around a body and files.
//!
//! # Failure
//! None.
//!
//! # Trust
//! Written from the specification, not from the reader's code.

use super::draft::{Content, Part};

const SIGNATURE: u32 = 0x223e_9f78;
/// The key counts attachments; any will do.
const KEY: u16 = 1;

const OF_MESSAGE: u8 = 1;
const OF_ATTACHMENT: u8 = 2;

const ATT_TNEF_VERSION: u32 = 0x0008_9006;
const ATT_OEM_CODE_PAGE: u32 = 0x0006_9007;
const ATT_MESSAGE_CLASS: u32 = 0x0007_8008;
const ATT_MAPI_PROPERTIES: u32 = 0x0006_9003;
const ATT_ATTACH_RENDER_DATA: u32 = 0x0006_9002;
const ATT_ATTACH_TITLE: u32 = 0x0001_8010;
const ATT_ATTACH_DATA: u32 = 0x0006_800f;
const ATT_ATTACHMENT: u32 = 0x0006_9005;

const PID_BODY: u32 = 0x1000_001f;
const PID_ATTACH_LONG_FILENAME: u32 = 0x3707_001f;
const PID_ATTACH_MIME_TAG: u32 = 0x370e_001f;

/// The part that holds a body (lines divided by LF) and files. Where `tagged`, each file says what it is; without, it is
/// an octet-stream to everybody.
#[must_use]
pub fn winmail(body: Option<&str>, files: &[Part], tagged: bool) -> Part {
    let mut out = SIGNATURE.to_le_bytes().to_vec();
    out.extend(KEY.to_le_bytes());
    attribute(&mut out, OF_MESSAGE, ATT_TNEF_VERSION, &0x0001_0000_u32.to_le_bytes());
    attribute(&mut out, OF_MESSAGE, ATT_OEM_CODE_PAGE, &[1252_u32.to_le_bytes(), 0_u32.to_le_bytes()].concat());
    attribute(&mut out, OF_MESSAGE, ATT_MESSAGE_CLASS, b"IPM.Microsoft Mail.Note\0");
    let body: Vec<Vec<u8>> = body.iter().map(|text| unicode(PID_BODY, &text.replace('\n', "\r\n"))).collect();
    attribute(&mut out, OF_MESSAGE, ATT_MAPI_PROPERTIES, &block(&body));
    for (n, file) in files.iter().enumerate() {
        let Content::Bytes(bytes) = &file.content else { continue };
        let name = file.name.as_deref().unwrap_or("file");
        let mut properties = vec![unicode(PID_ATTACH_LONG_FILENAME, name)];
        if tagged {
            properties.push(unicode(PID_ATTACH_MIME_TAG, &file.kind));
        }
        attribute(&mut out, OF_ATTACHMENT, ATT_ATTACH_RENDER_DATA, &[1, 0, 0xff, 0xff, 0xff, 0xff, 0x20, 0, 0x20, 0, 0, 0, 0, 0]);
        attribute(&mut out, OF_ATTACHMENT, ATT_ATTACH_TITLE, format!("SHORTN~{n}.DAT\0").as_bytes());
        attribute(&mut out, OF_ATTACHMENT, ATT_ATTACH_DATA, bytes);
        attribute(&mut out, OF_ATTACHMENT, ATT_ATTACHMENT, &block(&properties));
    }
    let mut part = Part::new("application/ms-tnef", Content::Bytes(out));
    part.transfer = super::draft::Transfer::Base64;
    part.disposition = Some("attachment");
    part.name = Some("winmail.dat".to_owned());
    part
}

fn attribute(out: &mut Vec<u8>, level: u8, id: u32, data: &[u8]) {
    out.push(level);
    out.extend(id.to_le_bytes());
    out.extend(length(data));
    out.extend_from_slice(data);
    out.extend(data.iter().fold(0_u16, |sum, b| sum.wrapping_add(u16::from(*b))).to_le_bytes());
}

fn block(properties: &[Vec<u8>]) -> Vec<u8> {
    let count = u32::try_from(properties.len()).unwrap_or_default();
    [count.to_le_bytes().to_vec(), properties.concat()].concat()
}

/// A property of one value of UTF-16 with its NUL, filled up to four bytes.
fn unicode(tag: u32, text: &str) -> Vec<u8> {
    let mut value: Vec<u8> = text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    let mut out = [tag.to_le_bytes(), 1_u32.to_le_bytes(), length(&value)].concat();
    value.resize(value.len().next_multiple_of(4), 0);
    out.extend(value);
    out
}

fn length(data: &[u8]) -> [u8; 4] {
    u32::try_from(data.len()).unwrap_or(u32::MAX).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attribute_has_its_length_and_its_sum() {
        let mut file = Part::new("text/csv", Content::Bytes(b"a;b".to_vec()));
        file.name = Some("täble.csv".to_owned());
        let Content::Bytes(bytes) = winmail(Some("Grüße"), &[file], true).content else { panic!() };
        assert_eq!(&bytes[..4], [0x78, 0x9f, 0x3e, 0x22]);
        let mut rest = &bytes[6..];
        let mut found = Vec::new();
        while !rest.is_empty() {
            let id = u32::from_le_bytes(rest[1..5].try_into().unwrap());
            let length = u32::from_le_bytes(rest[5..9].try_into().unwrap()) as usize;
            let sum: u32 = rest[9..9 + length].iter().map(|b| u32::from(*b)).sum();
            assert_eq!(rest[9 + length..11 + length], u16::try_from(sum & 0xffff).unwrap().to_le_bytes());
            found.push((rest[0], id));
            rest = &rest[11 + length..];
        }
        assert_eq!((found.len(), found[0], found[7]), (8, (OF_MESSAGE, ATT_TNEF_VERSION), (OF_ATTACHMENT, ATT_ATTACHMENT)));
        // The tag is the identifier above the type, both little-endian: the type comes first.
        assert_eq!(unicode(PID_BODY, "")[..4], [0x1f, 0, 0, 0x10]);
    }
}
