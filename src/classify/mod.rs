//! What kind of mail it is, with the evidence. Pure.
//! (skeleton: the builder replaces this file; the signatures below are the contract)

use crate::mail::{Classification, NormalizedMail};

/// The version of the rules, stored with each decision.
pub const RULES_VERSION: i32 = 1;

/// Classifies a mail. `reverse_path` is MAIL FROM where there was an envelope (empty string: the null sender).
#[must_use]
pub fn classify(_mail: &NormalizedMail, _reverse_path: Option<&str>) -> Classification {
    todo!()
}
