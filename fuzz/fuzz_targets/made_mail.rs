//! Bytes choose what a mail is like, so that its truth is known.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate::normalize::proof::made(data));
