//! The codes of what was repaired, and the list a reading fills.
//!
//! A code is stable: it is stored with messages, counted in metrics (by sending client) and
//! expected by samples. A new deviation gets a new code; an old code never changes its meaning.
//!
//! # Failure
//! None. A flood of deviations is cut at [`REPAIRS_MAX`] entries; the first of each kind is kept.

use crate::mail::Repair;

/// Entries of one mail's list: enough to see everything that is wrong with a mail, not a copy of it.
pub const REPAIRS_MAX: usize = 100;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal;)+) => {
        $($(#[doc = $doc])+ pub const $name: &str = $code;)+

        /// Every code with what it means, for documentation and metrics.
        pub const ALL: &[(&str, &str)] = &[$(($code, concat!($($doc),+))),+];
    };
}

codes! {
    /// The mail began with blank lines.
    HEADER_LEADING_BLANK = "header.leading-blank";
    /// The mail began with a byte order mark.
    HEADER_BOM = "header.bom";
    /// The mail began with an mbox `From ` line.
    HEADER_MBOX_LINE = "header.mbox-line";
    /// A line of the header was no field and no continuation; it was taken into the field before it.
    HEADER_JUNK_LINE = "header.junk-line";
    /// A known field began with a blank and was read as a field of its own.
    HEADER_INDENTED = "header.indented";
    /// The blank line between header and body was missing.
    HEADER_NO_BLANK_LINE = "header.no-blank-line";
    /// A blank line within the header; the fields behind it were read.
    HEADER_BLANK_LINE = "header.blank-line-early";
    /// More fields than are read; the rest was left out.
    HEADER_TOO_MANY = "header.too-many";
    /// NUL bytes in a field were dropped.
    HEADER_NUL = "header.nul";
    /// A field that may occur once occurred again; the first one with a value counts.
    HEADER_REPEATED = "header.repeated";
    /// Lines end with a bare CR throughout.
    LINES_BARE_CR = "lines.bare-cr";
    /// Raw 8-bit bytes in a field; their charset was chosen from the bytes and the body's.
    HEADER_RAW_8BIT = "header.raw-8bit";
    /// An encoded-word (RFC 2047) was malformed and was read as meant.
    ENCODED_WORD_MALFORMED = "encoded-word.malformed";
    /// The label names one charset, the bytes are of another.
    CHARSET_MISLABELLED = "charset.mislabelled";
    /// No label, or one that says nothing; the charset was chosen from the bytes.
    CHARSET_MISSING = "charset.missing";
    /// The label names no known charset; it was chosen from the bytes.
    CHARSET_UNKNOWN = "charset.unknown";
    /// Some bytes are not of the charset; they show as replacement characters.
    CHARSET_INVALID_BYTES = "charset.invalid-bytes";
    /// The text had been encoded twice; it was decoded twice.
    CHARSET_DOUBLE_ENCODED = "charset.double-encoded";
    /// Hebrew in visual order was turned into the order of reading.
    CHARSET_VISUAL_ORDER = "charset.visual-order";
    /// NUL bytes in a text were dropped.
    TEXT_NUL = "text.nul";
    /// The transfer encoding is none that exists; the bytes were taken as they are.
    TRANSFER_UNKNOWN = "transfer.unknown";
    /// The transfer encoding is not what the bytes are; they were taken as they are.
    TRANSFER_MISLABELLED = "transfer.mislabelled";
    /// Bytes that do not belong into the transfer encoding were skipped or taken literally.
    TRANSFER_MALFORMED = "transfer.malformed";
    /// No transfer encoding is named, but the text is quoted-printable; it was decoded.
    TRANSFER_MISSING = "transfer.missing";
    /// Plain text follows the end of base64; it was appended.
    TRANSFER_TRAILING_TEXT = "transfer.trailing-text";
    /// A multipart names no boundary, or one that does not occur; it was found in the body.
    BOUNDARY_GUESSED = "structure.boundary-guessed";
    /// A multipart without any part; its body was taken as text.
    MULTIPART_EMPTY = "structure.multipart-empty";
    /// The closing boundary is missing.
    BOUNDARY_UNCLOSED = "structure.boundary-unclosed";
    /// A part follows the closing boundary; it was read.
    BOUNDARY_REOPENED = "structure.boundary-reopened";
    /// A part that is no multipart by its type has parts.
    MULTIPART_MISLABELLED = "structure.multipart-mislabelled";
    /// Parts are nested deeper than is followed; the deeper ones are an attachment.
    NESTING_TOO_DEEP = "structure.nesting-too-deep";
    /// More parts than are read; the rest is one attachment.
    PARTS_TOO_MANY = "structure.parts-too-many";
    /// Content-Type could not be read; the type was chosen from the bytes.
    TYPE_MALFORMED = "type.malformed";
    /// A date could not be read.
    DATE_UNREADABLE = "date.unreadable";
    /// A date of an obsolete or foreign form was read as meant.
    DATE_NONSTANDARD = "date.nonstandard";
    /// No usable Date; the time at which a relay received the mail was taken.
    DATE_FROM_RECEIVED = "date.from-received";
    /// An address list was malformed and was read as meant.
    ADDRESS_MALFORMED = "address.malformed";
    /// No From; the sender was taken from another field.
    FROM_MISSING = "address.from-missing";
    /// The plain text leaves out much of what the html says; the html's text was taken.
    ALTERNATIVE_DIFFERS = "body.alternative-differs";
    /// A file in a text (uuencode) was taken out as an attachment.
    UUENCODED_FILE = "body.uuencoded-file";
    /// A file in a text (yEnc) was taken out as an attachment.
    YENC_FILE = "body.yenc-file";
    /// A file in a text (BinHex) was taken out as an attachment.
    BINHEX_FILE = "body.binhex-file";
    /// A winmail.dat (TNEF) was unpacked.
    TNEF_UNPACKED = "attachment.tnef-unpacked";
    /// A winmail.dat (TNEF) is damaged; what could be read was read.
    TNEF_DAMAGED = "attachment.tnef-damaged";
    /// A signed-data wrapper (S/MIME) was unwrapped. The signature was not checked.
    SMIME_UNWRAPPED = "attachment.smime-unwrapped";
    /// A file name was given in a malformed or ambiguous form and was read as meant.
    NAME_MALFORMED = "attachment.name-malformed";
}

/// The repairs of one reading.
#[derive(Debug, Default)]
pub(super) struct Repairs {
    list: Vec<Repair>,
}

impl Repairs {
    /// Records one. The same code at the same place is recorded once.
    pub(super) fn note(&mut self, code: &'static str, place: &str, detail: impl Into<String>, confidence: f32) {
        if self.list.len() >= REPAIRS_MAX || self.list.iter().any(|r| r.code == code && r.place == place) {
            return;
        }
        self.list.push(Repair { code, place: place.to_owned(), detail: detail.into(), confidence });
    }

    /// The list, in the order of finding.
    pub(super) fn into_list(self) -> Vec<Repair> {
        self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_have_a_family() {
        let mut seen = std::collections::HashSet::new();
        for (code, doc) in ALL {
            assert!(seen.insert(code), "{code} twice");
            assert!(code.contains('.'), "{code} has no family");
            assert!(doc.trim().ends_with('.'), "{code}: {doc}");
        }
    }

    #[test]
    fn a_flood_of_repairs_is_cut() {
        let mut repairs = Repairs::default();
        for n in 0..1000 {
            repairs.note(CHARSET_MISSING, &format!("part {n}"), "", 0.5);
        }
        assert_eq!(repairs.into_list().len(), REPAIRS_MAX);
    }
}
