//! Zip archives, whole in memory: what exports give and imports take.
//!
//! Always true: names of members are compared and never used as paths. What is unpacked is bounded by what comes out of it,
//! whatever an archive says of its sizes, and so is the number of its members, before a table of them is made.

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};

use thiserror::Error;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

/// Begins the entry of a member in an archive's table.
const ENTRY: &[u8] = b"PK\x01\x02";

/// How much of an archive is taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ArchiveLimits {
    /// Members, with those that nobody asks for.
    pub(crate) members_max: usize,
    /// What all members hold together, unpacked.
    pub(crate) bytes_max: usize,
}

/// Why an archive is not taken.
#[derive(Debug, Error)]
pub(crate) enum ArchiveError {
    /// Whoever made it has to make another one.
    #[error("the body is no zip archive that can be read: {0}")]
    Malformed(String),
    #[error("the archive has more than {0} members")]
    TooManyMembers(usize),
    #[error("the members of the archive hold more than {0} bytes")]
    TooLarge(usize),
    #[error("the archive has the member {0} twice")]
    Twice(String),
}

/// An archive of these members.
///
/// # Errors
/// Where a name can't be one.
pub(crate) fn pack(members: &[(String, Vec<u8>)]) -> Result<Vec<u8>, ArchiveError> {
    let malformed = |error: &dyn std::fmt::Display| ArchiveError::Malformed(error.to_string());
    let options = SimpleFileOptions::default().unix_permissions(0o600);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        archive.start_file(name.as_str(), options).map_err(|error| malformed(&error))?;
        archive.write_all(bytes).map_err(|error| malformed(&error))?;
    }
    Ok(archive.finish().map_err(|error| malformed(&error))?.into_inner())
}

/// The members whose names are wanted.
///
/// # Errors
/// Where it is no archive, or too large.
pub(crate) fn unpack(
    bytes: &[u8],
    limits: ArchiveLimits,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<BTreeMap<String, Vec<u8>>, ArchiveError> {
    let malformed = |error: zip::result::ZipError| ArchiveError::Malformed(error.to_string());
    if bytes.windows(ENTRY.len()).filter(|window| *window == ENTRY).count() > limits.members_max {
        return Err(ArchiveError::TooManyMembers(limits.members_max));
    }
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(malformed)?;
    let mut members = BTreeMap::new();
    let mut left = limits.bytes_max;
    for index in 0..archive.len() {
        let member = archive.by_index(index).map_err(malformed)?;
        let name = member.name().map_err(malformed)?.into_owned();
        if !is_wanted(&name) {
            continue;
        }
        let content = read(member, left).map_err(|error| ArchiveError::Malformed(error.to_string()))?;
        left = left.checked_sub(content.len()).ok_or(ArchiveError::TooLarge(limits.bytes_max))?;
        if members.insert(name.clone(), content).is_some() {
            return Err(ArchiveError::Twice(name));
        }
    }
    Ok(members)
}

/// All of a member, or one byte more than is allowed.
fn read(member: impl Read, bytes_max: usize) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::new();
    member.take(bytes_max as u64 + 1).read_to_end(&mut content)?;
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ArchiveLimits = ArchiveLimits { members_max: 4, bytes_max: 10_000 };

    fn member(name: &str, bytes: usize) -> (String, Vec<u8>) {
        (name.to_owned(), vec![b'x'; bytes])
    }

    #[test]
    fn what_was_packed_comes_back() {
        let members = [member("a/b.json", 10), member("empty", 0), member("../other", 5)];
        let packed = pack(&members).unwrap();
        let all = unpack(&packed, LIMITS, |_| true).unwrap();
        assert_eq!(all, members.into_iter().collect());
        let one = unpack(&packed, LIMITS, |name| name == "a/b.json").unwrap();
        assert_eq!(one.keys().collect::<Vec<_>>(), ["a/b.json"]);
    }

    #[test]
    fn an_archive_that_unpacks_to_more_than_is_allowed_is_refused() {
        let bomb = pack(&[member("a", 5_000), member("b", 5_001)]).unwrap();
        assert!(bomb.len() < 1_000);
        assert!(matches!(unpack(&bomb, LIMITS, |_| true), Err(ArchiveError::TooLarge(10_000))));
        assert!(unpack(&bomb, LIMITS, |name| name == "b").is_ok(), "what is not wanted is not unpacked");
        let many: Vec<_> = (0..5).map(|number| member(&number.to_string(), 1)).collect();
        let many = pack(&many).unwrap();
        assert!(matches!(unpack(&many, LIMITS, |_| false), Err(ArchiveError::TooManyMembers(4))));
    }

    #[test]
    fn what_is_no_archive_or_was_changed_is_refused() {
        let packed = pack(&[member("a", 500)]).unwrap();
        assert!(unpack(b"", LIMITS, |_| true).is_err());
        assert!(unpack(b"no archive at all", LIMITS, |_| true).is_err());
        assert!(unpack(&packed[..packed.len() - 5], LIMITS, |_| true).is_err());
        let place = 30 + 1 + 2;
        let mut changed = packed;
        changed[place] ^= 0xff;
        assert!(unpack(&changed, LIMITS, |_| true).is_err(), "its checksum is another one");
    }
}
