//! Rot in the files that hold rows of metadata, on drives that nobody has read since.

use std::path::PathBuf;

use super::*;
use crate::{ScrubOptions, ScrubStatus};

const OBJECTS: u64 = 150;
const HOUR: Duration = Duration::from_secs(3600);

/// A store with inline objects, whose rows are in files.
fn filled(seed: u64, drives: usize) -> Store {
    let store = Store { has_row_files: true, ..Store::new(seed, drives) };
    store.live(true, async |_, objects| {
        for number in 0..OBJECTS {
            put(&objects, &format!("{number}"), number, 1000).await.unwrap();
        }
        assert!(objects.meta().close().await.is_empty());
    });
    store
}

/// The files of rows of a drive, the largest last.
fn row_files(store: &Store, drive: &str) -> Vec<(PathBuf, u64)> {
    let mut files = store.simulation.disks().files(drive);
    files.retain(|(path, _)| path.extension().is_some_and(|end| end == "rows"));
    files.sort_by_key(|(_, len)| *len);
    files
}

/// Turns a bit of the largest file of rows of a drive: `at` bytes from its beginning, or from its end where negative.
fn rot(store: &Store, drive: &str, at: i64) {
    let (path, len) = row_files(store, drive).pop().unwrap();
    let offset = if at < 0 { len.checked_add_signed(at).unwrap() } else { at as u64 };
    store.simulation.disks().flip_bit(&path, offset, 3).unwrap();
}

/// A byte of some object in the largest file of a drive.
fn in_a_row(store: &Store, drive: &str) -> i64 {
    (row_files(store, drive).pop().unwrap().1 / 2) as i64
}

/// What the scrubs of the drives have come to after a run, with the store open.
async fn scrubbed(env: &Env, objects: &Objects) -> Vec<ScrubStatus> {
    let options = ScrubOptions { interval: Some(HOUR), ..ScrubOptions::default() };
    let workers = crate::start_with(env, objects, options);
    env.clock.sleep(HOUR * 3 / 2).await;
    let statuses = workers.scrubs().all();
    workers.stop().await;
    statuses
}

fn counts(statuses: &[ScrubStatus]) -> Vec<(u64, u64)> {
    statuses.iter().map(|status| (status.state.found, status.state.healed)).collect()
}

async fn assert_all_there(objects: &Objects) {
    for number in 0..OBJECTS {
        assert_eq!(get(objects, &format!("{number}")).await.unwrap(), content(number, 1000), "{number}");
    }
}

#[test]
fn a_scrub_reads_the_rows_of_a_drive_and_finds_nothing_where_nothing_is_wrong() {
    let store = filled(1, 3);
    store.live(false, async |env, objects| {
        let statuses = scrubbed(&env, &objects).await;
        assert_eq!(counts(&statuses), [(0, 0); 3]);
        for (status, drive) in statuses.iter().zip(["d1", "d2", "d3"]) {
            let rows: u64 = row_files(&store, drive).iter().map(|(_, len)| len).sum();
            assert!(
                status.state.read_bytes >= rows && rows > 100_000,
                "{} of {rows}",
                status.state.read_bytes
            );
        }
    });
}

#[test]
fn a_drive_alone_heals_what_does_not_hold_rows_and_tells_of_what_does() {
    // The head of a file: its rows can still be read, and are written to another one.
    let store = filled(2, 1);
    store.live(false, async |env, objects| {
        rot(&store, "d1", 20);
        assert_eq!(counts(&scrubbed(&env, &objects).await), [(1, 1)]);
        assert_eq!(counts(&scrubbed(&env, &objects).await), [(0, 0)]);
        assert_all_there(&objects).await;
        assert!(objects.meta().close().await.is_empty());
    });
    store.live(false, async |_, objects| assert_all_there(&objects).await);

    let store = filled(3, 1);
    rot(&store, "d1", in_a_row(&store, "d1"));
    store.live(false, async |env, objects| {
        assert_eq!(counts(&scrubbed(&env, &objects).await), [(1, 0)]);
    });
}

#[test]
fn what_names_the_files_of_rows_is_written_anew() {
    let store = filled(4, 1);
    store.live(false, async |env, objects| {
        store.simulation.disks().flip_bit("/d1/meta/engine/manifest", 30, 1).unwrap();
        assert_eq!(counts(&scrubbed(&env, &objects).await), [(1, 1)]);
        assert!(objects.meta().close().await.is_empty());
    });
    store.live(false, async |_, objects| assert_all_there(&objects).await);
}

#[test]
fn rows_that_can_not_be_read_are_filled_again_from_the_other_drives_and_counted_as_healed() {
    for drive in ["d1", "d2", "d3"] {
        let store = filled(5, 3);
        rot(&store, drive, in_a_row(&store, drive));
        store.live(false, async |env, objects| {
            let mut wanted = vec![(0, 0); 3];
            wanted[["d1", "d2", "d3"].iter().position(|name| *name == drive).unwrap()] = (1, 1);
            assert_eq!(counts(&scrubbed(&env, &objects).await), wanted);
            assert_eq!(counts(&scrubbed(&env, &objects).await), [(0, 0); 3]);
            assert_all_there(&objects).await;
            assert!(objects.meta().close().await.is_empty());
        });
        store.live(false, async |_, objects| assert_all_there(&objects).await);
    }
}
