//! Limits, each with its unit last and its source. Relations between them are asserted at compile time.

/// Shortest and longest bucket name, in bytes (AWS: "Bucket naming rules").
pub const BUCKET_NAME_BYTES_MIN: usize = 3;
/// See [`BUCKET_NAME_BYTES_MIN`].
pub const BUCKET_NAME_BYTES_MAX: usize = 63;

/// Longest object key in bytes of UTF-8 (AWS: "Creating object key names").
pub const KEY_BYTES_MAX: usize = 1024;

/// User metadata of an object: names and values together, in bytes (AWS: "User-defined object metadata").
pub const USER_METADATA_BYTES_MAX: usize = 2048;

/// Part numbers run from 1 to this (AWS: "Amazon S3 multipart upload limits").
pub const PART_NUMBER_MAX: u16 = 10_000;
/// Smallest part but the last, in bytes.
pub const PART_SIZE_BYTES_MIN: u64 = 5 * 1024 * 1024;
/// Largest part, and largest object in a single PUT, in bytes.
pub const PART_SIZE_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;
/// Largest object, in bytes.
pub const OBJECT_SIZE_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024 * 1024;

/// Most entries in one page of a listing.
pub const LIST_PAGE_ENTRIES_MAX: u32 = 1000;
/// Most keys in one DeleteObjects request.
pub const DELETE_KEYS_MAX: usize = 1000;

/// Data bytes of one stripe: what is encoded at once.
pub const STRIPE_BYTES: u32 = 1024 * 1024;

/// Largest shard that is packed into a segment, in bytes of payload; a larger one is a file of its own.
pub const PACKED_SHARD_BYTES_MAX: u32 = 128 * 1024;

/// Data and parity shards of one blob together, at most.
pub const SHARDS_MAX: usize = 32;

/// Inline threshold of a store with one replica, in bytes; see decision 0003.
pub const INLINE_BYTES_MAX: usize = 16 * 1024;

const _: () = assert!(PART_NUMBER_MAX as u64 * PART_SIZE_BYTES_MAX >= OBJECT_SIZE_BYTES_MAX);
const _: () = assert!(PACKED_SHARD_BYTES_MAX < STRIPE_BYTES);
const _: () = assert!(INLINE_BYTES_MAX <= PACKED_SHARD_BYTES_MAX as usize);
