//! The meaning of S3, with no HTTP in it: buckets, objects, uploads, copies, listings, preconditions.
//!
//! Invariants:
//! - What one request changes is one transaction of one partition; bytes are durable before it, and go only after it.
//! - A precondition is checked in the transaction that it guards.
//! - Whatever drops a reference to a blob writes a reclaim row in the same transaction; nothing else lets a blob be deleted.
//! - Everything that puts or deletes an object comes through here.

mod error;
mod types;

pub use error::ObjectError;
pub use types::*;
