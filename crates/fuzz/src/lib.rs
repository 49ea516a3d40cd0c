//! What the fuzz targets check: for each decoder a function that takes any bytes and panics where a property is broken.
//!
//! The fuzzer itself (`/fuzz`, libFuzzer through cargo-fuzz) only calls these functions; the tests here call them with the
//! seeds and the findings in `/fuzz/seeds`. `docs/fuzzing.md` has the commands and the figures.
//!
//! What always holds: a target is deterministic, and neither reads nor writes anything outside the process.

pub mod chunked;
pub mod engine;
pub mod format;
pub mod front;
mod input;
pub mod jwt;
pub mod madmin;
mod metadata;
pub mod policy;
pub mod raft_log;
pub mod record;
mod request;
pub mod route;
pub mod seeds;
pub mod segment;
pub mod shard;
pub mod signature;
mod store;
pub mod table;
pub mod xml;

/// A target: what it checks panics where it does not hold.
pub type FuzzTarget = fn(&[u8]);

/// All targets, by the names of `/fuzz/fuzz_targets` and `/fuzz/seeds`.
pub const TARGETS: &[(&str, FuzzTarget)] = &[
    ("chunked", chunked::run),
    ("engine", engine::run),
    ("format", format::run),
    ("front", front::run),
    ("jwt", jwt::run),
    ("madmin", madmin::run),
    ("policy", policy::run),
    ("raft_log", raft_log::run),
    ("record", record::run),
    ("route", route::run),
    ("segment", segment::run),
    ("shard", shard::run),
    ("signature", signature::run),
    ("table", table::run),
    ("xml", xml::run),
];

/// Those of them that need no simulated drive: fast enough for tests that call them many thousand times.
pub const PURE: &[&str] =
    &["chunked", "format", "jwt", "madmin", "policy", "record", "route", "signature", "xml"];
