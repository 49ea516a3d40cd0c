//! See `fuzz::madmin`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::madmin::run(data));
