//! What every [`Disk`] and [`File`] must do, whatever is below: the same checks run on the operating system's files and
//! on the simulated ones. What a power cut leaves can be checked in simulation alone.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use crate::buffer::{AlignedBuffer, BLOCK_BYTES};
use crate::simulated::Simulation;
use crate::{Disk, Entry, Env, File, OpenOptions};

const NEW: OpenOptions =
    OpenOptions { write: true, create_new: true, direct: false, write_through: false, on_caller: false };

/// Runs a check on every disk, with and without its calls on the caller's thread.
fn on_every_disk(check: impl AsyncFn(Env, PathBuf, OpenOptions)) {
    for on_caller in [false, true] {
        let options = OpenOptions { on_caller, ..NEW };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let env = crate::real::env(runtime.handle());
        runtime.block_on(check(env, directory.path().to_owned(), options));

        let simulation = Simulation::with_drives(1, 1, 1 << 30);
        simulation.run(|env| check(env, PathBuf::from("/d1"), options)).finished();
    }
}

async fn create(disk: &dyn Disk, path: &Path, options: OpenOptions, data: &'static str) -> Arc<dyn File> {
    let file = disk.open(path, options).await.unwrap();
    file.write_at(0, Bytes::from_static(data.as_bytes())).await.unwrap();
    file
}

async fn names(disk: &dyn Disk, path: &Path) -> Vec<String> {
    disk.list(path).await.unwrap().into_iter().map(|entry| entry.name).collect()
}

fn kind<T>(result: std::io::Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

#[test]
fn reads_are_short_where_the_file_ends_and_holes_are_zero() {
    on_every_disk(async |env, root, options| {
        let file = create(&*env.disk, &root.join("f"), options, "start").await;
        file.write_at(10_000, Bytes::from_static(b"end")).await.unwrap();
        assert_eq!(file.len().await.unwrap(), 10_003);
        assert_eq!(file.read_at(3, 4).await.unwrap(), "rt\0\0");
        assert_eq!(file.read_at(9_999, 100).await.unwrap(), "\0end");
        assert_eq!(file.read_at(10_003, 1).await.unwrap(), "");
        assert_eq!(file.read_at(1 << 40, 1).await.unwrap(), "");
        assert_eq!(file.read_at(5, 9_995).await.unwrap(), vec![0; 9_995]);
        file.write_at(20_000, Bytes::new()).await.unwrap();
        assert_eq!(file.len().await.unwrap(), 10_003, "an empty write changes nothing");
    });
}

#[test]
fn a_cut_file_reads_zeros_where_it_grows_again() {
    on_every_disk(async |env, root, options| {
        let file = create(&*env.disk, &root.join("f"), options, "something").await;
        file.set_len(4).await.unwrap();
        assert_eq!(file.read_at(0, 100).await.unwrap(), "some");
        file.set_len(6).await.unwrap();
        assert_eq!(file.read_at(0, 100).await.unwrap(), "some\0\0");
        file.allocate(8).await.unwrap();
        file.allocate(3).await.unwrap();
        assert_eq!(file.read_at(0, 100).await.unwrap(), "some\0\0\0\0", "a reservation never cuts");
        file.sync().await.unwrap();
        assert_eq!(file.len().await.unwrap(), 8);
    });
}

#[test]
fn whole_blocks_go_past_the_cache() {
    on_every_disk(async |env, root, options| {
        for write_through in [false, true] {
            let options = OpenOptions { direct: true, write_through, ..options };
            let file = env.disk.open(&root.join(format!("f-{write_through}")), options).await.unwrap();
            let mut block = AlignedBuffer::new(2 * BLOCK_BYTES);
            block.bytes_mut()[BLOCK_BYTES] = 1;
            file.write_at(BLOCK_BYTES as u64, block.freeze()).await.unwrap();
            assert_eq!(file.len().await.unwrap(), 3 * BLOCK_BYTES as u64);
            assert_eq!(file.read_at(2 * BLOCK_BYTES as u64 - 1, 3).await.unwrap(), "\0\x01\0");
        }
    });
}

#[test]
fn a_file_is_opened_only_if_it_is_there_and_made_only_if_it_is_not() {
    on_every_disk(async |env, root, options| {
        let path = root.join("f");
        let old = OpenOptions { create_new: false, ..options };
        assert_eq!(kind(env.disk.open(&path, old).await), Some(ErrorKind::NotFound));
        create(&*env.disk, &path, options, "some").await;
        assert_eq!(kind(env.disk.open(&path, options).await), Some(ErrorKind::AlreadyExists));
        assert_eq!(env.disk.open(&path, old).await.unwrap().read_at(0, 9).await.unwrap(), "some");
        let missing = root.join("no").join("f");
        assert_eq!(kind(env.disk.open(&missing, options).await), Some(ErrorKind::NotFound));
        let below_a_file = path.join("f");
        assert_eq!(kind(env.disk.open(&below_a_file, options).await), Some(ErrorKind::NotADirectory));
        let read_only = OpenOptions { write: false, ..old };
        let file = env.disk.open(&path, read_only).await.unwrap();
        file.write_at(0, Bytes::from_static(b"none")).await.unwrap_err();
        assert_eq!(file.read_at(0, 9).await.unwrap(), "some");
    });
}

#[test]
fn directories_are_made_listed_by_name_and_removed_with_all_in_them() {
    on_every_disk(async |env, root, options| {
        let disk = &*env.disk;
        disk.create_directories(&root.join("b/c/d")).await.unwrap();
        disk.create_directories(&root.join("b/c")).await.unwrap();
        create(disk, &root.join("b/c/f"), options, "some").await;
        create(disk, &root.join("a"), options, "more").await;
        let file = Entry { name: "a".to_owned(), is_directory: false, size_bytes: 4 };
        let entries = disk.list(&root).await.unwrap();
        assert_eq!(entries[0], file);
        assert!(entries[1].name == "b" && entries[1].is_directory && entries.len() == 2);
        assert_eq!(names(disk, &root.join("b/c")).await, ["d", "f"]);
        for path in ["b", "b/c", "b/c/d"] {
            disk.sync_directory(&root.join(path)).await.unwrap();
        }
        assert_eq!(kind(disk.create_directories(&root.join("a")).await), Some(ErrorKind::AlreadyExists));
        assert_eq!(kind(disk.create_directories(&root.join("a/b")).await), Some(ErrorKind::NotADirectory));
        assert_eq!(kind(disk.list(&root.join("a")).await), Some(ErrorKind::NotADirectory));
        assert_eq!(kind(disk.list(&root.join("no")).await), Some(ErrorKind::NotFound));
        assert_eq!(kind(disk.sync_directory(&root.join("no")).await), Some(ErrorKind::NotFound));
        assert_eq!(kind(disk.remove_directory(&root.join("no")).await), Some(ErrorKind::NotFound));
        assert_eq!(kind(disk.remove_directory(&root.join("a")).await), Some(ErrorKind::NotADirectory));
        disk.remove_directory(&root.join("b")).await.unwrap();
        assert_eq!(names(disk, &root).await, ["a"]);
    });
}

#[test]
fn a_rename_replaces_and_open_files_stay_what_they_were() {
    on_every_disk(async |env, root, options| {
        let disk = &*env.disk;
        let (from, to) = (root.join("from"), root.join("to"));
        let moved = create(disk, &from, options, "moved").await;
        let replaced = create(disk, &to, options, "replaced").await;
        disk.rename(&from, &to).await.unwrap();
        assert_eq!(crate::read_file(disk, &to, 100).await.unwrap(), "moved");
        assert_eq!(names(disk, &root).await, ["to"]);
        assert_eq!(replaced.read_at(0, 100).await.unwrap(), "replaced");
        moved.write_at(0, Bytes::from_static(b"M")).await.unwrap();
        assert_eq!(crate::read_file(disk, &to, 100).await.unwrap(), "Moved");
        assert_eq!(kind(disk.rename(&from, &to).await), Some(ErrorKind::NotFound));

        disk.create_directories(&root.join("directory")).await.unwrap();
        assert_eq!(kind(disk.rename(&to, &root.join("directory")).await), Some(ErrorKind::IsADirectory));
        disk.rename(&to, &root.join("directory/inner")).await.unwrap();
        disk.rename(&root.join("directory"), &root.join("other")).await.unwrap();
        assert_eq!(crate::read_file(disk, &root.join("other/inner"), 100).await.unwrap(), "Moved");
    });
}

#[test]
fn a_removed_file_is_gone_for_others_and_there_for_who_has_it_open() {
    on_every_disk(async |env, root, options| {
        let disk = &*env.disk;
        let path = root.join("f");
        let file = create(disk, &path, options, "some").await;
        disk.remove(&path).await.unwrap();
        assert_eq!(kind(disk.remove(&path).await), Some(ErrorKind::NotFound));
        assert_eq!(file.read_at(0, 100).await.unwrap(), "some");
        file.write_at(4, Bytes::from_static(b"thing")).await.unwrap();
        file.sync().await.unwrap();
        create(disk, &path, options, "new").await;
        assert_eq!(file.read_at(0, 100).await.unwrap(), "something");
        disk.create_directories(&root.join("d")).await.unwrap();
        assert_eq!(kind(disk.remove(&root.join("d")).await), Some(ErrorKind::IsADirectory));
    });
}

#[test]
fn calls_at_once_do_not_disturb_each_other() {
    on_every_disk(async |env, root, options| {
        let file = env.disk.open(&root.join("f"), options).await.unwrap();
        let mut ends = Vec::new();
        for index in 0..8u8 {
            let file = Arc::clone(&file);
            ends.push(env.spawn.task(Box::pin(async move {
                let offset = u64::from(index) * 3000;
                file.write_at(offset, Bytes::from(vec![index; 3000])).await.unwrap();
                file.sync().await.unwrap();
                assert_eq!(file.read_at(offset, 3000).await.unwrap(), vec![index; 3000]);
            })));
        }
        for end in ends {
            end.await;
        }
        assert_eq!(file.len().await.unwrap(), 24_000);
    });
}

#[test]
fn room_is_told_for_directories_and_files() {
    on_every_disk(async |env, root, options| {
        create(&*env.disk, &root.join("f"), options, "some").await;
        let (of_root, of_file) =
            (env.disk.space(&root).await.unwrap(), env.disk.space(&root.join("f")).await.unwrap());
        assert_eq!(of_root.file_system, of_file.file_system);
        assert!(of_root.free_bytes <= of_root.total_bytes && of_root.total_bytes > 0);
        assert_eq!(kind(env.disk.space(&root.join("no")).await), Some(ErrorKind::NotFound));
    });
}

#[test]
fn who_waits_on_the_spot_finds_the_same_files() {
    on_every_disk(async |env, root, options| {
        create(&*env.disk, &root.join("there"), options, "before").await;
        let disk = env.disk.blocking();
        assert_eq!(disk.open(&root.join("there")).unwrap().read_at(2, 100).unwrap(), "fore");
        let folder = root.join("a/b");
        disk.create_directories(&folder).unwrap();
        let file = disk.create(&folder.join("f")).unwrap();
        assert_eq!(kind(disk.create(&folder.join("f"))), Some(ErrorKind::AlreadyExists));
        file.write_at(3, Bytes::from_static(b"hole")).unwrap();
        file.sync().unwrap();
        assert_eq!((file.len().unwrap(), file.read_at(0, 5).unwrap()), (7, Bytes::from_static(b"\0\0\0ho")));
        disk.rename(&folder.join("f"), &folder.join("g")).unwrap();
        disk.sync_directory(&folder).unwrap();
        assert_eq!(names(&*env.disk, &folder).await, ["g"]);
        assert_eq!(disk.list(&folder).unwrap(), env.disk.list(&folder).await.unwrap());
        crate::blocking::replace_file(&*disk, &folder.join("g"), Bytes::from_static(b"new")).unwrap();
        assert_eq!(crate::read_file(&*env.disk, &folder.join("g"), 10).await.unwrap(), "new");
        disk.remove(&folder.join("g")).unwrap();
        assert_eq!(kind(disk.open(&folder.join("g"))), Some(ErrorKind::NotFound));
    });
}
