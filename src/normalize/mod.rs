//! Raw bytes to what a mail says. Reading never fails: it gives the value and the repairs.
//! (skeleton: the builder of the reader replaces this file; the signatures below are the contract)

use crate::limits::Limits;
use crate::mail::NormalizedMail;

/// The version of the reader, stored with each message.
pub const READER_VERSION: i32 = 1;

/// Reads a mail. Total: any bytes give a mail. Time and memory are linear in the size.
#[must_use]
pub fn normalize(_raw: &[u8], _limits: &Limits) -> NormalizedMail {
    todo!()
}

/// Makes html safe to show: an allow-list of elements and attributes, nothing loaded from elsewhere.
#[must_use]
pub fn sanitize(_html: &str) -> String {
    todo!()
}

/// Decodes the bytes of an attachment (`Attachment::part`) again from the raw mail.
#[must_use]
pub fn attachment_bytes(_raw: &[u8], _part: u32, _limits: &Limits) -> Option<Vec<u8>> {
    todo!()
}
