//! A piece that comes again and again is read in linear time.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate::normalize::proof::growth(data));
