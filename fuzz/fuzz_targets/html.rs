//! Any text is html: shown as text, and made safe.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate::normalize::proof::html(data));
