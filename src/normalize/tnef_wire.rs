//! How a winmail.dat is laid out (MS-OXTNEF): a stream of attributes, and in some of them blocks of MAPI properties. Says where
//! everything stands, for [`super::tnef`], which reads it, and for what writes other words in its place.
//!
//! # Failure
//! `None` at what can't be read; what stands before it is right.
//!
//! # Trust
//! None: lengths are held against what is there. Values without a size are not gone through.

use super::span::Span;
use std::ops::Range;

pub(crate) const SIGNATURE: [u8; 4] = [0x78, 0x9f, 0x3e, 0x22];
/// Properties of one block.
pub(crate) const PROPERTIES_MAX: usize = 20_000;

// Attributes (the low 16 bits name it, the high ones its type).
pub(crate) const ATT_SUBJECT: u16 = 0x8004;
pub(crate) const ATT_BODY: u16 = 0x800c;
pub(crate) const ATT_ATTACH_DATA: u16 = 0x800f;
pub(crate) const ATT_ATTACH_TITLE: u16 = 0x8010;
pub(crate) const ATT_ATTACH_RENDDATA: u16 = 0x9002;
pub(crate) const ATT_MAPI_PROPS: u16 = 0x9003;
pub(crate) const ATT_ATTACHMENT: u16 = 0x9005;
pub(crate) const ATT_OEM_CODEPAGE: u16 = 0x9007;

// MAPI properties.
pub(crate) const PR_SUBJECT: u16 = 0x0037;
pub(crate) const PR_BODY: u16 = 0x1000;
pub(crate) const PR_RTF_COMPRESSED: u16 = 0x1009;
pub(crate) const PR_BODY_HTML: u16 = 0x1013;
pub(crate) const PR_DISPLAY_NAME: u16 = 0x3001;
pub(crate) const PR_ATTACH_DATA: u16 = 0x3701;
pub(crate) const PR_ATTACH_FILENAME: u16 = 0x3704;
pub(crate) const PR_ATTACH_LONG_FILENAME: u16 = 0x3707;
pub(crate) const PR_ATTACH_MIME_TAG: u16 = 0x370e;
pub(crate) const PR_ATTACH_CONTENT_ID: u16 = 0x3712;
pub(crate) const PR_INTERNET_CPID: u16 = 0x3fde;

// Types of properties.
pub(crate) const OBJECT: u16 = 0x000d;
pub(crate) const STRING8: u16 = 0x001e;
pub(crate) const UNICODE: u16 = 0x001f;
pub(crate) const BINARY: u16 = 0x0102;

/// Begins like a winmail.dat.
pub(crate) fn is_tnef(bytes: &[u8]) -> bool {
    bytes.starts_with(&SIGNATURE)
}

/// A cursor over little-endian fields.
pub(crate) struct Cursor<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Stands at `at`.
    pub(crate) const fn new(data: &'a [u8], at: usize) -> Cursor<'a> {
        Cursor { data, at }
    }

    /// The attributes of a winmail.dat begin behind its signature and a key.
    pub(crate) const fn attributes(bytes: &'a [u8]) -> Cursor<'a> {
        Cursor::new(bytes, 6)
    }

    /// Where it stands.
    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    /// Nothing follows.
    pub(crate) const fn is_at_end(&self) -> bool {
        self.at >= self.data.len()
    }

    fn left(&self) -> usize {
        self.data.len().saturating_sub(self.at)
    }

    fn take(&mut self, count: usize) -> Option<Range<usize>> {
        if self.left() < count {
            return None;
        }
        let taken = self.at..self.at + count;
        self.at = taken.end;
        Some(taken)
    }

    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        self.take(count).map(|taken| self.data.span(taken.start, taken.end))
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.bytes(2).and_then(|b| b.try_into().ok()).map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.bytes(4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes)
    }
}

/// One attribute.
pub(crate) struct Attribute {
    /// The low 16 bits of its name.
    pub(crate) id: u16,
    /// Where its data stand; two bytes of checksum follow.
    pub(crate) data: Range<usize>,
    /// The stream ends within it.
    pub(crate) cut: bool,
}

/// The attribute at the cursor.
pub(crate) fn attribute(cursor: &mut Cursor<'_>) -> Option<Attribute> {
    let level = cursor.bytes(1)?.first().copied()?;
    if !(1..=2).contains(&level) {
        return None;
    }
    let id = cursor.u16()?;
    let _type = cursor.u16()?;
    let length = cursor.u32()? as usize;
    match cursor.take(length) {
        Some(data) => {
            let _checksum = cursor.u16();
            Some(Attribute { id, data, cut: false })
        }
        None => {
            // Cut: what is there still counts.
            let data = cursor.take(cursor.left())?;
            Some(Attribute { id, data, cut: true })
        }
    }
}

/// The property at the cursor: its name and its type; `value` is told where each of its values stands.
pub(crate) fn property(cursor: &mut Cursor<'_>, value: &mut dyn FnMut(Range<usize>)) -> Option<(u16, u16)> {
    let kind = cursor.u16()?;
    let id = cursor.u16()?;
    if id >= 0x8000 {
        // A named property: a GUID, then a number or a name.
        cursor.take(16)?;
        match cursor.u32()? {
            0 => {
                cursor.take(4)?;
            }
            _ => {
                let length = cursor.u32()? as usize;
                cursor.take(padded(length))?;
            }
        }
    }
    let many = kind & 0x1000 != 0;
    let kind = kind & !0x1000;
    let variable = matches!(kind, STRING8 | UNICODE | BINARY | OBJECT);
    let values = if many || variable { cursor.u32()? as usize } else { 1 };
    for _ in 0..values.min(PROPERTIES_MAX) {
        let (length, step) = if variable {
            let length = cursor.u32()? as usize;
            (length, padded(length))
        } else {
            match kind {
                0x0000 | 0x0001 => (0, 0),
                0x0002 | 0x000b => (2, 4),
                0x0003 | 0x0004 | 0x000a => (4, 4),
                0x0005..=0x0007 | 0x0014 | 0x0040 => (8, 8),
                0x0048 => (16, 16),
                _ => return None,
            }
        };
        if step == 0 && !variable {
            break; // values without a size can be counted in the thousands for nothing
        }
        // The padding of the last value may be missing.
        let left = cursor.left();
        let taken = cursor.take(if (length..step).contains(&left) { left } else { step })?;
        value(taken.start..taken.start + length);
    }
    Some((id, kind))
}

pub(crate) const fn padded(length: usize) -> usize {
    length.saturating_add(3) & !3
}
