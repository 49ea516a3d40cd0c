//! The vocabulary of RustFS: names, ids, records and limits, each defined once.
//!
//! Nothing here does I/O, knows HTTP or needs a runtime. What is persisted is a [`record::Record`]: its encoding is
//! explicit, versioned, and drawn in `docs/formats/records.md`; no type is serialised by accident.

pub mod attributes;
pub mod blob;
pub mod bucket;
pub mod checksum;
pub mod etag;
pub mod identity;
pub mod ids;
pub mod limits;
pub mod object;
pub mod part_set;
pub mod quota;
pub mod reclaim;
pub mod record;
pub mod time;
pub mod upload;
