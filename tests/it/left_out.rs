//! What can't be tested here is said loudly, and is a failure where nothing may be left out.

use std::io::Write;

/// Says that a part was left out. With `TIDEGATE_TEST_REQUIRE_ALL=1` (as CI sets it) that fails.
pub(crate) fn left_out(part: &str, why: &str) {
    assert!(
        std::env::var("TIDEGATE_TEST_REQUIRE_ALL").as_deref() != Ok("1"),
        "{part} can't be tested here: {why}. `scripts/test` installs what is needed"
    );
    not_here(part, why);
}

/// Says that a part was left out which is no part of this repository, so nothing can require it.
pub(crate) fn not_here(part: &str, why: &str) {
    // Straight to stderr, past the capture of test output.
    let _ = writeln!(std::io::stderr(), "LEFT OUT: {part}: {why}");
}
