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

/// Users, groups and policies have names of at most this many bytes; distinguished names of directories are longer than
/// AWS's 64 characters.
pub const IDENTITY_NAME_BYTES_MAX: usize = 512;
/// Shortest and longest access key, in bytes (AWS: `AccessKeyId` has 16 to 128; MinIO takes 3).
pub const ACCESS_KEY_BYTES_MIN: usize = 3;
/// See [`ACCESS_KEY_BYTES_MIN`].
pub const ACCESS_KEY_BYTES_MAX: usize = 128;
/// Shortest and longest secret key, in bytes (MinIO's).
pub const SECRET_KEY_BYTES_MIN: usize = 8;
/// See [`SECRET_KEY_BYTES_MIN`].
pub const SECRET_KEY_BYTES_MAX: usize = 128;
/// Users of a store, at most; all of them are kept in memory.
pub const USERS_MAX: usize = 200_000;
/// Groups of a store, at most.
pub const GROUPS_MAX: usize = 20_000;
/// Managed policies of a store, at most.
pub const POLICIES_MAX: usize = 20_000;
/// Access keys of a store, sessions among them, at most.
pub const ACCESS_KEYS_MAX: usize = 1_000_000;
/// Sessions of one holder at a time, at most.
pub const SESSIONS_PER_HOLDER_MAX: usize = 20_000;
/// Service accounts of one holder, at most.
pub const SERVICE_ACCOUNTS_PER_HOLDER_MAX: usize = 1_000;
/// Groups of one user, and policies attached to one identity, at most.
pub const ATTACHMENTS_MAX: usize = 100;
