//! Which runs there are, as one value that never changes: readers keep the one that they began with.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use env::blocking::BlockingDisk;
use hashbrown::HashMap;
use model::ids::{DriveId, PartitionId};

use super::cache::BlockCache;
use super::damage::damaged;
use super::file::{FileFault, Identity, RowFile};
use super::filter;
use super::manifest::{MANIFEST, Manifest, Piece};
use super::run::{LeafRef, Run};

/// The runs of all keyspaces.
#[derive(Clone, Debug, Default)]
pub(super) struct Version {
    /// Of each keyspace the newest run first.
    keyspaces: BTreeMap<PartitionId, Vec<Arc<Run>>>,
}

/// A change from one version to the next.
pub(super) enum Edit {
    /// The rows of a memtable are in these files: a run for each keyspace that it had.
    Flushed(Vec<PartitionId>, Vec<Arc<RowFile>>),
    /// These runs of a keyspace, which follow each other, have become one in these files.
    Merged(PartitionId, Vec<u64>, Vec<Arc<RowFile>>),
    /// A keyspace is gone.
    Dropped(PartitionId),
    /// Nothing changes: the manifest is written anew.
    Same,
}

impl Version {
    /// Opens what a manifest names.
    pub(super) fn open(
        manifest: &Manifest,
        disk: &dyn BlockingDisk,
        directory: &Path,
        drive: DriveId,
        next_run: &dyn Fn() -> u64,
    ) -> Result<Self, FileFault> {
        let mut files: HashMap<u64, Arc<RowFile>> = HashMap::new();
        let mut version = Version::default();
        for (keyspace, runs) in &manifest.keyspaces {
            let mut opened = Vec::with_capacity(runs.len());
            for piece in runs.iter().flatten() {
                if !files.contains_key(&piece.file) {
                    let identity = Identity { drive, number: piece.file };
                    files.insert(piece.file, Arc::new(RowFile::open(disk, directory, identity)?));
                }
            }
            for pieces in runs {
                let leaves = leaves_of(pieces, &files, *keyspace);
                let reason = format!("it names leaves of keyspace {keyspace} that are not there");
                let leaves = leaves.ok_or_else(|| damaged(&directory.join(MANIFEST), 0, &reason))?;
                opened.push(Arc::new(Run::new(next_run(), leaves)));
            }
            version.keyspaces.insert(*keyspace, opened);
        }
        Ok(version)
    }

    /// The version after a change.
    pub(super) fn after(&self, edit: &Edit, next_run: &dyn Fn() -> u64) -> Version {
        let mut version = self.clone();
        match edit {
            Edit::Flushed(keyspaces, files) => {
                for keyspace in keyspaces {
                    let run = run_of(*keyspace, files, next_run);
                    let runs = version.keyspaces.entry(*keyspace).or_default();
                    runs.splice(0..0, run);
                }
            }
            Edit::Merged(keyspace, merged, files) => {
                let Some(runs) = version.keyspaces.get_mut(keyspace) else {
                    return version;
                };
                let Some(at) = runs.iter().position(|run| merged.contains(&run.id)) else {
                    return version;
                };
                runs.retain(|run| !merged.contains(&run.id));
                runs.splice(at..at, run_of(*keyspace, files, next_run));
            }
            Edit::Dropped(keyspace) => drop(version.keyspaces.remove(keyspace)),
            Edit::Same => {}
        }
        version
    }

    /// As a manifest says it.
    pub(super) fn manifest(&self, next_file: u64) -> Manifest {
        let runs = |runs: &Vec<Arc<Run>>| {
            runs.iter().map(|run| run.pieces.iter().map(|(piece, _)| *piece).collect()).collect()
        };
        let keyspaces = self.keyspaces.iter().map(|(keyspace, of)| (*keyspace, runs(of)));
        Manifest { next_file, keyspaces: keyspaces.collect() }
    }

    /// The newest value of a key: `None` where nothing is known of it or it was removed.
    pub(super) fn get(
        &self,
        cache: &BlockCache,
        keyspace: PartitionId,
        key: &[u8],
    ) -> Result<Option<Bytes>, FileFault> {
        let hash = filter::hash(key);
        for run in self.runs(keyspace) {
            if let Some(value) = run.get(cache, key, hash)? {
                return Ok(value);
            }
        }
        Ok(None)
    }

    /// The runs of a keyspace, the newest first.
    pub(super) fn runs(&self, keyspace: PartitionId) -> &[Arc<Run>] {
        self.keyspaces.get(&keyspace).map_or(&[], Vec::as_slice)
    }

    /// All keyspaces with their runs, ascending.
    pub(super) fn keyspaces(&self) -> impl Iterator<Item = (PartitionId, &[Arc<Run>])> {
        self.keyspaces.iter().map(|(keyspace, runs)| (*keyspace, runs.as_slice()))
    }

    /// The files that it needs, by number.
    pub(super) fn files(&self) -> BTreeMap<u64, Arc<RowFile>> {
        let pieces = self.keyspaces.values().flatten().flat_map(|run| &run.pieces);
        pieces.map(|(piece, file)| (piece.file, Arc::clone(file))).collect()
    }
}

impl Version {
    /// The keyspaces that need a file, or one leaf of it.
    pub(super) fn needing(&self, file: u64, leaf: Option<u32>) -> Vec<PartitionId> {
        let is_it = |piece: &Piece| {
            let leaves = piece.first..piece.first.saturating_add(piece.count);
            piece.file == file && leaf.is_none_or(|leaf| leaves.contains(&leaf))
        };
        let needs =
            |runs: &[Arc<Run>]| runs.iter().flat_map(|run| &run.pieces).any(|(piece, _)| is_it(piece));
        self.keyspaces().filter(|(_, runs)| needs(runs)).map(|(keyspace, _)| keyspace).collect()
    }
}

/// The run of a keyspace in files that were just written; `None` where they hold nothing of it.
fn run_of(keyspace: PartitionId, files: &[Arc<RowFile>], next_run: &dyn Fn() -> u64) -> Option<Arc<Run>> {
    let leaves = files.iter().flat_map(|file| {
        let of_keyspace = file.leaves.iter().enumerate().filter(|(_, leaf)| leaf.keyspace == keyspace);
        of_keyspace.map(|(leaf, _)| LeafRef { file: Arc::clone(file), leaf }).collect::<Vec<_>>()
    });
    let leaves: Vec<_> = leaves.collect();
    (!leaves.is_empty()).then(|| Arc::new(Run::new(next_run(), leaves)))
}

/// The leaves that a run is made of; `None` where one is not there or belongs to another keyspace.
fn leaves_of(
    pieces: &[Piece],
    files: &HashMap<u64, Arc<RowFile>>,
    keyspace: PartitionId,
) -> Option<Vec<LeafRef>> {
    let mut leaves = Vec::new();
    for piece in pieces {
        let file = files.get(&piece.file)?;
        for leaf in piece.first..piece.first.checked_add(piece.count)? {
            let leaf = leaf as usize;
            file.leaves.get(leaf).filter(|leaf| leaf.keyspace == keyspace)?;
            leaves.push(LeafRef { file: Arc::clone(file), leaf });
        }
    }
    Some(leaves)
}
