//! See `fuzz::front`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::front::run(data));
