//! What can't be tested here is said loudly, and is a failure where nothing may be left out.

/// Says that a part was left out. With `TIDEGATE_TEST_REQUIRE_ALL=1` (as CI sets it) that fails.
pub(crate) fn left_out(part: &str, why: &str) {
    assert!(
        std::env::var("TIDEGATE_TEST_REQUIRE_ALL").as_deref() != Ok("1"),
        "{part} can't be tested here: {why}. scripts/test installs what is needed"
    );
    // Not eprintln!, which the test runner keeps for itself when the test passes.
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "LEFT OUT: {part}: {why}");
}
