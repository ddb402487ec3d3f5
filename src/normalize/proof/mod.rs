//! What must hold for any bytes: the bodies of the fuzz targets, replayed by `cargo test`.
//!
//! Each body takes arbitrary bytes and panics where the reader breaks a promise: it reads the same
//! twice, LF like CRLF, gives no more than a fixed multiple of what it was given, folds only what is
//! there, loses no word and no byte of an attachment, and lets nothing through the sanitizer that an
//! allow-list does not name. Some bodies read the bytes as they are ([`mail()`], [`html()`]), some let
//! them choose what a [`mod@made`] mail is like, so that its truth is known.
//!
//! # Failure
//! A panic that says what did not hold, and nothing else.

mod bodies;
mod choice;
mod fields;
mod growth;
mod letter;
mod made;
mod mail;

pub use bodies::{folds, html, tnef};
pub use choice::Choices;
pub use fields::{addresses, charset, dates, encoded_words, headers};
pub use growth::growth;
pub use letter::{Letter, same_meaning};
pub use made::{Made, made};
pub use mail::{check as check_mail, mail};
