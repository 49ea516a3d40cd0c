//! See `fuzz::raft_log`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::raft_log::run(data));
