//! Any bytes give a mail.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate::normalize::fuzz_normalize(data));
