//! The walk over a drive of a simulated store: what it sees, where it goes on, and that it tells of each fault once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use env::Env;
use env::simulated::{SimulatedDisks, Simulation};
use model::blob::Redundancy;

use super::*;
use crate::drive::format::SEGMENT_FOOTER_BYTES;
use crate::{BlobOptions, Blobs, DrivePlace, DriveScrub, ScrubCursor, SetDrives, Written};

const PLACE: DrivePlace = DrivePlace { set: 0, slot: 0 };
const REDUNDANCY: Redundancy = Redundancy { data: 1, parity: 1 };
/// Enough that several segments are filled, and the first of them sealed.
const PACKED: u8 = 120;
const FILES: u8 = 12;
/// More than a drive holds.
const ALL_BYTES: u64 = 1 << 30;

/// A shard on the drive.
type Shard = (BlobId, u8);

async fn open(env: &Env) -> Blobs {
    let options = BlobOptions {
        stripe_bytes: 64 << 10,
        packed_shard_bytes_max: 8 << 10,
        segment_bytes_max: 1, // The least there is.
        reserve_bytes: Some(0),
        folder_run_blobs: 1,
        ..BlobOptions::default()
    };
    let set = SetDrives { set: 0, map_epoch: 1, drives: vec![Some("/d1".into()), Some("/d2".into())] };
    Blobs::open(env.clone(), vec![set], options).await.unwrap()
}

async fn write(blobs: &Blobs, number: u8, len: usize) -> Written {
    let mut writer = blobs.writer(REDUNDANCY, Some(len as u64)).unwrap();
    writer.write(vec![number; len].into()).await.unwrap();
    writer.finish(b"a descriptor").await.unwrap()
}

/// Where a shard of a blob lies on the drive.
fn shard_of(blobs: &Blobs, blob: &BlobRef) -> Shard {
    (blob.id, blobs.shard_on(PLACE, blob).unwrap())
}

/// A store with packed shards and files, and which there are.
async fn filled(env: &Env) -> (Blobs, Vec<Shard>, Vec<Shard>) {
    let blobs = open(env).await;
    let (mut packed, mut files) = (Vec::new(), Vec::new());
    for number in 0..PACKED {
        packed.push(shard_of(&blobs, &write(&blobs, number, 8 << 10).await.blob));
    }
    for number in 0..FILES {
        files.push(shard_of(&blobs, &write(&blobs, number, 150_000).await.blob));
    }
    (blobs, packed, files)
}

fn on_a_store(test: impl AsyncFnOnce(&SimulatedDisks, &Blobs, Vec<Shard>, Vec<Shard>)) {
    let simulation = Simulation::with_drives(7, 2, 1 << 30);
    let disks = simulation.disks().clone();
    let ending = simulation.run(async |env| {
        let (blobs, packed, files) = filled(&env).await;
        test(&disks, &blobs, packed, files).await;
        blobs.close().await;
    });
    ending.finished();
}

fn begin(blobs: &Blobs, from: ScrubCursor) -> DriveScrub {
    blobs.scrub(PLACE, from).unwrap()
}

/// All of the drive, in steps of so many bytes.
async fn walk(blobs: &Blobs, limit_bytes: u64) -> ScrubStep {
    let mut walk = begin(blobs, ScrubCursor::start());
    let mut all = ScrubStep::default();
    while !all.is_last {
        let step = walk.step(limit_bytes).await.unwrap();
        all.read_bytes += step.read_bytes;
        all.shards += step.shards;
        all.faults.extend(step.faults);
        all.is_last = step.is_last;
    }
    all
}

/// The shards that faults are of, each as often as it was told.
fn told(faults: &[ScrubFault]) -> BTreeMap<Shard, usize> {
    let mut told = BTreeMap::new();
    for fault in faults {
        if let ScrubFault::Shard { id, shard, .. } = fault {
            *told.entry((*id, *shard)).or_default() += 1;
        }
    }
    told
}

fn segments(disks: &SimulatedDisks) -> Vec<PathBuf> {
    files_below(disks, "/d1/blob/segments")
}

fn files_below(disks: &SimulatedDisks, folder: &str) -> Vec<PathBuf> {
    let files = disks.files("d1").into_iter().filter(|(path, len)| path.starts_with(folder) && *len > 0);
    files.map(|(path, _)| path).collect()
}

fn file_of(disks: &SimulatedDisks, (id, shard): Shard) -> PathBuf {
    let name = format!("{id}.{shard}");
    let files = files_below(disks, "/d1/blob/shards");
    files.into_iter().find(|path| path.ends_with(&name)).unwrap()
}

/// Where in which segment the record of a packed shard begins.
fn record_of(disks: &SimulatedDisks, (id, _): Shard) -> (PathBuf, u64) {
    let found = segments(disks).into_iter().find_map(|path| {
        let content = disks.content(&path).unwrap();
        let at = content.windows(16).position(|bytes| bytes == id.bytes())?;
        Some((path, at as u64))
    });
    found.unwrap()
}

/// Does harm in the middle of a packed shard's payload.
fn damage_packed(disks: &SimulatedDisks, shard: Shard) {
    let (path, at) = record_of(disks, shard);
    disks.flip_bit(path, at + 4000, 3).unwrap();
}

fn damage_file(disks: &SimulatedDisks, shard: Shard) {
    disks.flip_bit(file_of(disks, shard), 1000, 3).unwrap();
}

#[test]
fn every_shard_is_seen_once_however_small_the_steps_are() {
    on_a_store(async |disks, blobs, packed, files| {
        assert!(segments(disks).len() > 2, "the test needs several segments");
        for limit_bytes in [1, 20_000, ALL_BYTES] {
            let all = walk(blobs, limit_bytes).await;
            assert_eq!(all.shards, (packed.len() + files.len()) as u64, "steps of {limit_bytes} bytes");
            assert_eq!(all.faults, [], "steps of {limit_bytes} bytes");
            let least = packed.len() * (8 << 10) + files.len() * 150_000;
            assert!(all.read_bytes >= least as u64, "what is not read is not looked at");
        }
    });
}

#[test]
fn every_bad_shard_in_segments_and_files_is_told_of_once() {
    on_a_store(async |disks, blobs, packed, files| {
        packed.iter().for_each(|shard| damage_packed(disks, *shard));
        files.iter().for_each(|shard| damage_file(disks, *shard));
        for limit_bytes in [1, ALL_BYTES] {
            let all = walk(blobs, limit_bytes).await;
            let expected = packed.iter().chain(&files).map(|shard| (*shard, 1)).collect();
            assert_eq!(told(&all.faults), expected);
        }
    });
}

/// A start goes on from the cursor that the run before it has kept, as text.
#[test]
fn a_walk_goes_on_at_its_cursor_and_sees_what_is_behind_it() {
    on_a_store(async |disks, blobs, packed, files| {
        packed.iter().for_each(|shard| damage_packed(disks, *shard));
        files.iter().for_each(|shard| damage_file(disks, *shard));
        let (mut seen, mut again, mut cursors) = (BTreeSet::new(), 0, Vec::new());
        let mut walk = begin(blobs, ScrubCursor::start());
        loop {
            let step = walk.step(1).await.unwrap();
            for shard in told(&step.faults).into_keys() {
                again += usize::from(!seen.insert(shard));
            }
            if step.is_last {
                break;
            }
            // At the first step of each place the walk is given up, and another goes on.
            if cursors.last() != Some(&walk.cursor()) {
                cursors.push(walk.cursor());
                walk = begin(blobs, walk.cursor().to_string().parse().unwrap());
            }
        }
        assert_eq!(seen, packed.iter().chain(&files).copied().collect());
        assert!(cursors.len() > FILES as usize, "it stopped at {} places", cursors.len());
        // A place that was left behind is not read again, the one at hand is.
        assert!(again < seen.len() / 2, "{again} of {} were read again", seen.len());
    });
}

#[test]
fn a_walk_from_the_middle_leaves_out_what_was_before_it() {
    on_a_store(async |disks, blobs, packed, files| {
        packed.iter().for_each(|shard| damage_packed(disks, *shard));
        files.iter().for_each(|shard| damage_file(disks, *shard));
        let all = begin(blobs, "folder 0".parse().unwrap()).step(ALL_BYTES).await.unwrap();
        assert_eq!(told(&all.faults).into_keys().collect::<BTreeSet<_>>(), files.into_iter().collect());
        let mut walk = begin(blobs, "segment 2".parse().unwrap());
        let some = told(&walk.step(ALL_BYTES).await.unwrap().faults);
        let (first, _) = record_of(disks, packed[0]);
        for shard in packed {
            let (path, _) = record_of(disks, shard);
            assert_eq!(some.contains_key(&shard), path != first, "{}", path.display());
        }
    });
}

#[test]
fn a_file_of_a_pending_blob_is_not_looked_at() {
    on_a_store(async |disks, blobs, packed, files| {
        let written = write(blobs, 200, 150_000).await;
        damage_file(disks, shard_of(blobs, &written.blob));
        let there = (packed.len() + files.len()) as u64;
        let all = walk(blobs, ALL_BYTES).await;
        assert_eq!((all.shards, all.faults), (there, vec![]), "who writes it may not have ended");
        let shard = shard_of(blobs, &written.blob);
        drop(written.pending);
        let all = walk(blobs, ALL_BYTES).await;
        assert_eq!((all.shards, told(&all.faults)), (there + 1, BTreeMap::from([(shard, 1)])));
    });
}

/// What was deleted is nobody's: neither its record nor its file is looked at, whatever they look like.
#[test]
fn what_was_deleted_is_no_fault() {
    on_a_store(async |disks, blobs, packed, files| {
        let (small, large) = (write(blobs, 201, 8 << 10).await, write(blobs, 202, 150_000).await);
        damage_packed(disks, shard_of(blobs, &small.blob));
        let gone = [small.blob.clone(), large.blob.clone()];
        drop((small, large));
        blobs.delete(&gone).await;
        let all = walk(blobs, ALL_BYTES).await;
        assert_eq!((all.shards, all.faults), ((packed.len() + files.len()) as u64, vec![]));
    });
}

/// Does one kind of harm, and answers whose fault is to be told: a shard's, or with `None` a segment's.
type Harm = fn(&SimulatedDisks, &[Shard], &[Shard]) -> Option<Shard>;

const HARMS: [(&str, Harm); 7] = [
    ("a bit of a packed shard", |disks, packed, _| {
        damage_packed(disks, packed[3]);
        Some(packed[3])
    }),
    ("the header of a record", |disks, packed, _| {
        let (path, at) = record_of(disks, packed[4]);
        disks.flip_bit(path, at, 0).unwrap();
        Some(packed[4])
    }),
    ("the header of a segment", |disks, _, _| {
        disks.flip_bit(&segments(disks)[0], 0, 0).unwrap();
        None
    }),
    ("the footer of a segment", |disks, _, _| {
        let path = &segments(disks)[0];
        let len = disks.content(path).unwrap().len() as u64;
        disks.flip_bit(path, len - SEGMENT_FOOTER_BYTES as u64, 0).unwrap();
        None
    }),
    ("the index of a segment", |disks, _, _| {
        let path = &segments(disks)[0];
        let len = disks.content(path).unwrap().len() as u64;
        disks.flip_bit(path, len - SEGMENT_FOOTER_BYTES as u64 - 40, 0).unwrap();
        None
    }),
    ("a frame of a file", |disks, _, files| {
        damage_file(disks, files[2]);
        Some(files[2])
    }),
    ("the end of a file", |disks, _, files| {
        let path = file_of(disks, files[5]);
        let len = disks.content(&path).unwrap().len() as u64;
        disks.truncate(path, len - 4096).unwrap();
        Some(files[5])
    }),
];

#[test]
fn each_kind_of_harm_is_one_fault_of_what_was_harmed() {
    for (name, harm) in HARMS {
        on_a_store(async |disks, blobs, packed, files| {
            let harmed = harm(disks, &packed, &files);
            let all = walk(blobs, 50_000).await;
            let [fault] = &all.faults[..] else { panic!("{name}: {:?}", all.faults) };
            match (fault, harmed) {
                (ScrubFault::Shard { id, shard, kind: FaultKind::Damaged(_) }, Some(harmed)) => {
                    assert_eq!((*id, *shard), harmed, "{name}");
                }
                (ScrubFault::Segment { number: 1, kind: FaultKind::Damaged(_) }, None) => {}
                _ => panic!("{name}: {fault:?}"),
            }
            assert_eq!(all.shards, (packed.len() + files.len()) as u64, "{name}: the others are seen");
        });
    }
}

#[test]
fn files_in_one_anothers_places_are_both_told_of() {
    on_a_store(async |disks, blobs, _, files| {
        disks.swap(file_of(disks, files[0]), file_of(disks, files[1])).unwrap();
        let all = walk(blobs, ALL_BYTES).await;
        assert_eq!(told(&all.faults), BTreeMap::from([(files[0], 1), (files[1], 1)]));
    });
}

/// One place that can't be read must not count against what lies beside it.
#[test]
fn what_the_drive_can_not_read_is_told_of_once() {
    on_a_store(async |disks, blobs, packed, files| {
        let path = file_of(disks, files[7]);
        disks.fail_reads(&path, u64::MAX);
        let all = walk(blobs, ALL_BYTES).await;
        let [ScrubFault::Shard { id, shard, kind: FaultKind::Io(_) }] = &all.faults[..] else {
            panic!("{:?}", all.faults)
        };
        assert_eq!((*id, *shard), files[7]);
        assert_eq!(all.shards, (packed.len() + files.len()) as u64);
        disks.clear_faults();
        // A look that fails once is taken again: the drive may have been busy with something else.
        disks.fail_reads(&path, 1);
        assert_eq!(walk(blobs, ALL_BYTES).await.faults, []);
    });
}

/// A file that is not there is its record's to tell: the walk knows only what it finds.
#[test]
fn a_file_that_is_gone_is_no_fault_of_the_walk() {
    on_a_store(async |disks, blobs, packed, files| {
        let simulated = file_of(disks, files[0]);
        let drive = blobs.store.drive(PLACE).unwrap();
        drive.env.disk.remove(&simulated).await.unwrap();
        let all = walk(blobs, ALL_BYTES).await;
        assert_eq!((all.shards, all.faults), ((packed.len() + files.len() - 1) as u64, vec![]));
    });
}
