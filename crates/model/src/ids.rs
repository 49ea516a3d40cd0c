//! Ids. On disk all of them are fixed-width and big-endian where order matters, so that they sort as bytes.

use std::fmt;

macro_rules! id128 {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// From its 16 bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// Its 16 bytes.
            #[must_use]
            pub const fn bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// From 32 hexadecimal digits, as [`fmt::Display`] writes them.
            #[must_use]
            pub fn from_hex(text: &str) -> Option<Self> {
                if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
                    return None;
                }
                u128::from_str_radix(text, 16).ok().map(|value| Self(value.to_be_bytes()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", u128::from_be_bytes(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    };
}

id128!(
    /// A store: all drives that were formatted together or joined later.
    StoreId
);
id128!(
    /// One incarnation of a drive: a drive that was emptied and formatted again has a new id.
    DriveId
);
id128!(
    /// A blob. The first 48 bits are its creation time in milliseconds, so that ids of one time lie together.
    BlobId
);
id128!(
    /// A version of an object; all zeros is S3's `null` version.
    VersionId
);
id128!(
    /// A multipart upload in progress.
    UploadId
);

impl BlobId {
    /// An id made at `time` from 80 bits of randomness.
    #[must_use]
    pub fn new(time: crate::time::Timestamp, random: [u8; 10]) -> Self {
        let time_bytes = time.millis().to_be_bytes();
        let mut bytes = [0u8; 16];
        let (head, tail) = bytes.split_at_mut(6);
        head.copy_from_slice(&time_bytes[2..]);
        tail.copy_from_slice(&random);
        BlobId(bytes)
    }

    /// When it was made, to the millisecond.
    #[must_use]
    pub fn created(&self) -> crate::time::Timestamp {
        let mut bytes = [0u8; 8];
        bytes[2..].copy_from_slice(&self.0[..6]);
        crate::time::Timestamp::from_millis(u64::from_be_bytes(bytes))
    }
}

impl VersionId {
    /// S3's `null` version: what an unversioned bucket holds.
    pub const NULL: VersionId = VersionId([0; 16]);

    /// Whether this is the `null` version.
    #[must_use]
    pub fn is_null(&self) -> bool {
        *self == Self::NULL
    }
}

/// A bucket's incarnation: a bucket that is deleted and made again under its name has a new id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BucketId(pub u64);

impl fmt::Display for BucketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A partition of the metadata: one Raft group. The last number is the system partition (see `meta`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionId(pub u16);

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn a_blob_id_tells_its_time_and_sorts_by_it() {
        let early = BlobId::new(Timestamp::from_millis(1_700_000_000_000), [0xff; 10]);
        let late = BlobId::new(Timestamp::from_millis(1_700_000_000_001), [0; 10]);
        assert_eq!(early.created().millis(), 1_700_000_000_000);
        assert!(early < late);
    }

    #[test]
    fn ids_print_and_parse_as_lower_case_hex() {
        let id = UploadId::from_bytes([0xab; 16]);
        assert_eq!(UploadId::from_hex(&id.to_string()), Some(id));
        assert_eq!(UploadId::from_hex("AB"), None);
        assert_eq!(UploadId::from_hex(&"AB".repeat(16)), None);
        assert_eq!(UploadId::from_hex("+bababababababababababababababab"), None);
    }
}
