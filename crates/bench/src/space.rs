//! What lies on the drives of a server: bytes by what they are for, and how many files.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Bytes of a block as stat(2) counts them.
const BLOCK_BYTES: u64 = 512;
/// Folders of a drive that tell what a file is for: `meta/engine`, `blobs/segments`.
const DEPTH: usize = 2;

/// What a folder's files take up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Space {
    pub(crate) files: u64,
    /// Taken up on the drive, which may be less or more than the files are long.
    pub(crate) bytes: u64,
    /// By the first folders below each drive.
    pub(crate) by_use: BTreeMap<String, u64>,
}

/// Looks at all drives in a server's folder. What vanishes meanwhile counts for nothing.
pub(crate) fn of_drives(folder: &Path) -> Space {
    let mut space = Space::default();
    for drive in fs::read_dir(folder).into_iter().flatten().flatten().filter(|entry| entry.path().is_dir()) {
        add(&mut space, &drive.path(), &mut Vec::new());
    }
    space
}

fn add(space: &mut Space, folder: &Path, place: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(status) = entry.metadata() else {
            continue;
        };
        if status.is_dir() {
            place.push(entry.file_name().to_string_lossy().into_owned());
            add(space, &entry.path(), place);
            place.pop();
            continue;
        }
        let bytes = status.blocks() * BLOCK_BYTES;
        space.files += 1;
        space.bytes += bytes;
        *space.by_use.entry(place[..place.len().min(DEPTH)].join("/")).or_default() += bytes;
    }
}

impl fmt::Display for Space {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        write!(out, "{:.1} MiB in {} files", mib(self.bytes), self.files)?;
        for (place, bytes) in self.by_use.iter().filter(|(_, bytes)| **bytes >= 1 << 20) {
            write!(out, ", {place} {:.1}", mib(*bytes))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_count_with_the_blocks_they_take_up_for_what_they_are_used() {
        let folder = std::env::temp_dir().join(format!("bench-space-{}", std::process::id()));
        for (name, bytes) in [("d1/meta/log/a", 5_000), ("d2/meta/log/b", 100), ("d2/format", 10)] {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, vec![1; bytes]).unwrap();
        }
        let space = of_drives(&folder);
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(space.files, 3);
        assert_eq!(space.bytes % BLOCK_BYTES, 0);
        assert!(space.by_use["meta/log"] >= 5_120 && space.by_use[""] < space.by_use["meta/log"]);
        assert_eq!(space.by_use.values().sum::<u64>(), space.bytes);
    }
}
