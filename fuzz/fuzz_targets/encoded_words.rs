//! Any bytes are a value with encoded-words.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate::normalize::proof::encoded_words(data));
