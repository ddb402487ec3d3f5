//! Any bytes are a date, or none.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate::normalize::proof::dates(data));
