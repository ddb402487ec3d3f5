//! Any bytes are text under any label.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate::normalize::proof::charset(data));
