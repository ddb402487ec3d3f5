//! Any mail is of a class, for a reason.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate::corpus::proof::classified(data));
