//! No byte is served but those that were put: whole, in any range, now and at any time.

use std::ops::Range;

use env::simulated::Generator;
use model::etag::ETag;
use object::{ObjectError, Objects, OpenObject};

use crate::oracle::Oracle;

/// Reads a range of an object.
///
/// # Errors
/// Where it can't be read.
pub async fn read(objects: &Objects, object: &OpenObject, range: Range<u64>) -> Result<Vec<u8>, ObjectError> {
    let mut reader = objects.read(object, range).await?;
    let mut bytes = Vec::new();
    while let Some(piece) = reader.next().await {
        bytes.extend_from_slice(&piece?);
    }
    Ok(bytes)
}

/// A range of content of so many bytes: mostly all of it.
pub fn range(generator: &mut Generator, len_bytes: u64) -> Range<u64> {
    if generator.chance(2, 3) {
        return 0..len_bytes;
    }
    let (one, other) = (generator.below(len_bytes + 1), generator.below(len_bytes + 1));
    one.min(other)..one.max(other)
}

/// Holds bytes that were served against those that were put.
///
/// # Errors
/// Where they are others.
pub fn check(
    oracle: &Oracle,
    key: &str,
    etag: ETag,
    range: &Range<u64>,
    served: &[u8],
) -> Result<(), String> {
    let Some(bytes) = oracle.contents.get(&etag) else {
        return Err(format!("{key:?} has the ETag {etag}, which nobody put"));
    };
    let expected = bytes.get(range.start as usize..range.end as usize).unwrap_or_default();
    if expected == served {
        return Ok(());
    }
    let at = expected.iter().zip(served).position(|(one, other)| one != other);
    Err(format!(
        "{key:?} ({etag}) serves {} bytes for {range:?}, and the first wrong one is {at:?}",
        served.len()
    ))
}
