//! Any line is a command, or none.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate::smtp::fuzz_command(data));
