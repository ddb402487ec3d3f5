//! No token is made up, and none is lost.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate::threading::proof::tokens(data));
