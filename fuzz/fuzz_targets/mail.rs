//! Any bytes are a mail.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate::normalize::proof::mail(data));
