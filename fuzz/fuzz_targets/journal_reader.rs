//! Any bytes in a segment are read without a panic, within bounds.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate::journal::fuzz_reader(data));
