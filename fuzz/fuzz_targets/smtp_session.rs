//! A session does the same whatever the split into packets.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate::smtp::fuzz_session(data));
