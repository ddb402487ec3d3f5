//! Any bytes are a winmail.dat.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate::normalize::proof::tnef(data));
