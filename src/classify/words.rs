//! Every word that this room looks for, for tools that must not take it away.
//!
//! # Failure
//! None.

use super::{dialect, failure, locale, origin, status};

/// The words and phrases by which classes and bounces are told, in lower case.
pub fn words() -> impl Iterator<Item = &'static str> {
    dialect::words().chain(locale::words()).chain(origin::words()).chain(status::words()).chain(failure::words())
}
