//! Mails make the same conversations in any order.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate::threading::proof::graph(data));
