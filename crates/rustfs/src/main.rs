//! The rustfs binary; what it does is in the library, so that it can be tested.

use std::process::ExitCode;

/// Faster than the C library's for many small objects of many threads, and gives memory back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    rustfs::server::main(std::env::args_os().skip(1).collect())
}
