//! On simulated drives: what a start finds, what it leaves, and crashes at every step of it. What depends on the operating
//! system (permissions, locks, links) is tested with the real binary in `tests/start.rs`.

use super::*;

use env::simulated::{Crash, Ending, Mishap, Simulation};

const CAPACITY_BYTES: u64 = 1 << 30;

fn simulation(seed: u64, drives: usize) -> Simulation {
    Simulation::with_drives(seed, drives, CAPACITY_BYTES)
}

fn paths(count: usize) -> Vec<PathBuf> {
    (1..=count).map(|number| PathBuf::from(format!("/d{number}"))).collect()
}

/// A start as the server makes it: metadata and blobs are stood for by a file in each.
async fn start(env: &Env, count: usize, choices: Choices) -> Result<Drives, DrivesError> {
    let drives = Drives::prepare(env, &paths(count), choices).await?;
    for (_, drive, path) in drives.present() {
        for folder in ["meta", "blob"] {
            let folder = path.join(folder);
            if drives.new_store {
                env.disk.create_directories(&folder).await.unwrap();
                let data = Bytes::from(drive.to_string());
                env::replace_file(&*env.disk, &folder.join("data"), data).await.unwrap();
                env.disk.sync_directory(path).await.unwrap();
            }
        }
    }
    drives.finish(env).await?;
    Ok(drives)
}

fn started(simulation: &Simulation, count: usize) -> Result<Drives, DrivesError> {
    simulation.run(async |env| start(&env, count, Choices::default()).await).finished()
}

fn refusal(simulation: &Simulation, count: usize) -> String {
    started(simulation, count).unwrap_err().to_string()
}

/// Every drive that is not being refilled holds the data that its set-up wrote.
async fn assert_set_up(env: &Env, drives: &Drives) {
    for (slot, drive, path) in drives.present().filter(|(slot, ..)| !drives.refilling.contains(slot)) {
        for folder in ["meta", "blob"] {
            let data = env::read_file(&*env.disk, &path.join(folder).join("data"), 100).await.unwrap();
            assert_eq!(data, drive.to_string(), "{slot:?} {folder}");
        }
    }
}

#[test]
fn a_first_start_makes_a_store_and_the_next_one_opens_it() {
    let simulation = simulation(1, 4);
    let first = started(&simulation, 4).unwrap();
    assert!(first.new_store && first.refilling.is_empty());
    assert_eq!((first.map.epoch, first.map.parity, first.present().count()), (1, 2, 4));
    let second = started(&simulation, 4).unwrap();
    assert!(!second.new_store);
    assert_eq!((&second.map, &second.places), (&first.map, &first.places));
}

#[test]
fn what_a_start_would_say_is_known_without_one() {
    let simulation = simulation(1, 3);
    let foreseen = |count| {
        let seen = simulation.run(async |env| Drives::foresee(&env, &paths(count), Choices::default()).await);
        seen.finished()
    };
    assert!(foreseen(2).unwrap().new_store);
    assert!(foreseen(2).unwrap().new_store, "a look has made a store");
    started(&simulation, 2).unwrap();
    let told = foreseen(2).unwrap();
    assert!(!told.new_store && told.warnings.is_empty(), "{told:?}");
    let refused = foreseen(3).unwrap_err().to_string();
    assert_eq!(refused, refusal(&simulation, 3));
}

#[test]
fn a_leftover_of_the_doctor_counts_as_nothing() {
    let simulation = simulation(1, 1);
    let left = simulation.run(async |env| {
        env::replace_file(&*env.disk, &paths(1)[0].join(DOCTOR_FILE), Bytes::from_static(b"x")).await
    });
    left.finished().unwrap();
    assert!(started(&simulation, 1).unwrap().new_store);
}

#[test]
fn a_crash_in_a_first_start_loses_no_finished_store_and_blocks_no_next_start() {
    let complete = simulation(0, 3);
    started(&complete, 3).unwrap();
    let operations = complete.disks().operations();
    assert!(operations > 50, "{operations}");
    for nth in 1..=operations {
        for crash in [Crash::PowerCut, Crash::Kill] {
            let simulation = simulation(nth, 3);
            simulation.disks().crash_after(nth, crash);
            let before = simulation.run(async |env| start(&env, 3, Choices::default()).await.map(|d| d.map));
            simulation.disks().disarm_crash();
            let after = simulation.run(async |env| {
                let drives = start(&env, 3, Choices::default()).await.unwrap();
                assert_set_up(&env, &drives).await;
                drives.map
            });
            let after = after.finished();
            if let Ending::Finished(before) = before {
                assert_eq!(before.unwrap(), after, "crash at {nth}");
            }
        }
    }
}

#[test]
fn an_emptied_drive_is_formatted_again_and_marked() {
    let simulation = simulation(2, 4);
    let first = started(&simulation, 4).unwrap();
    simulation.disks().replace_with_empty("d2");
    let second = started(&simulation, 4).unwrap();
    let slot = Slot { set: 0, slot: 1 };
    assert_eq!(second.refilling, [slot]);
    assert_eq!((second.map.epoch, second.missing_count()), (2, 0));
    assert_ne!(second.map.sets[0][1], first.map.sets[0][1]);
    assert!(simulation.disks().content("/d2/refill").is_ok());
    for drive in 1..=4 {
        let text = simulation.disks().content(format!("/d{drive}/format")).unwrap();
        assert!(String::from_utf8_lossy(&text).contains("epoch 2\n"), "d{drive}");
    }
    // Until the marker goes, it stays so over starts.
    assert_eq!(started(&simulation, 4).unwrap().refilling, [slot]);
}

#[test]
fn a_crash_while_a_drive_is_replaced_never_forgets_to_refill_it() {
    for nth in 1.. {
        let simulation = simulation(nth, 4);
        started(&simulation, 4).unwrap();
        simulation.disks().replace_with_empty("d3");
        simulation.disks().crash_after(nth, Crash::PowerCut);
        let before = simulation.run(async |env| start(&env, 4, Choices::default()).await.map(|_| ()));
        simulation.disks().disarm_crash();
        let after = simulation.run(async |env| {
            let drives = start(&env, 4, Choices::default()).await.unwrap();
            assert_set_up(&env, &drives).await;
            drives
        });
        let after = after.finished();
        assert_eq!(after.refilling, [Slot { set: 0, slot: 2 }], "crash at {nth}");
        assert_eq!(after.missing_count(), 0);
        if matches!(before, Ending::Finished(Ok(()))) {
            assert!(nth > 20, "{nth}");
            return;
        }
    }
}

#[test]
fn drives_that_were_only_not_mounted_are_still_known_after_a_start_without_them() {
    let simulation = simulation(11, 4);
    let first = started(&simulation, 4).unwrap();
    for drive in ["d1", "d2"] {
        simulation.disks().replace_with_empty(drive);
    }
    let second = started(&simulation, 4).unwrap();
    assert_eq!((&second.map, second.missing_count()), (&first.map, 2));
    assert!(second.refilling.is_empty());
    for drive in ["d1", "d2"] {
        assert_eq!(simulation.disks().files(drive), [], "{drive} is left as it is");
    }
}

#[test]
fn a_missing_drive_is_named_and_the_store_goes_on() {
    let simulation = simulation(3, 4);
    started(&simulation, 4).unwrap();
    simulation.disks().remove_drive("d4");
    let drives = started(&simulation, 4).unwrap();
    assert_eq!(drives.missing_count(), 1);
    assert!(drives.warnings.iter().any(|warning| warning.contains("/d4")), "{:?}", drives.warnings);
    simulation.disks().return_drive("d4");
    let drives = started(&simulation, 4).unwrap();
    assert_eq!((drives.missing_count(), drives.map.epoch), (0, 1));
}

#[test]
fn files_of_others_are_never_touched() {
    let simulation = simulation(4, 2);
    let photo = async |env: Env| {
        env::replace_file(&*env.disk, Path::new("/d2/photo.jpg"), Bytes::from_static(b"mine")).await.unwrap();
    };
    simulation.run(photo).finished();
    let message = refusal(&simulation, 2);
    assert!(message.starts_with("/d2 holds files but is not a drive of RustFS"), "{message}");
    assert_eq!(simulation.disks().files("d1"), []);
    assert_eq!(simulation.disks().files("d2").len(), 1);
}

#[test]
fn data_without_a_format_is_never_taken_for_an_empty_drive() {
    let simulation = simulation(5, 1);
    started(&simulation, 1).unwrap();
    simulation.run(async |env| env.disk.remove(Path::new("/d1/format")).await.unwrap()).finished();
    let before = simulation.disks().files("d1");
    let message = refusal(&simulation, 1);
    assert!(message.contains("`format` file is gone"), "{message}");
    assert_eq!(simulation.disks().files("d1"), before);
}

#[test]
fn a_drive_of_a_newer_release_stops_the_start() {
    let simulation = simulation(6, 4);
    started(&simulation, 4).unwrap();
    let text = Bytes::from_static(b"rustfs drive, format 9\n");
    simulation.disks().set_content("/d1/format", &text).unwrap();
    let message = refusal(&simulation, 4);
    assert!(message.starts_with("/d1/format has format version 9"), "{message}");
}

#[test]
fn a_damaged_format_leaves_its_drive_out_where_the_others_do_without() {
    let four = simulation(7, 4);
    started(&four, 4).unwrap();
    four.disks().flip_bit("/d1/format", 30, 0).unwrap();
    let drives = started(&four, 4).unwrap();
    assert_eq!(drives.missing_count(), 1);
    assert!(drives.warnings[0].contains("/d1/format is damaged"), "{:?}", drives.warnings);

    let one = simulation(8, 1);
    started(&one, 1).unwrap();
    one.disks().flip_bit("/d1/format", 30, 0).unwrap();
    assert!(refusal(&one, 1).contains("/d1/format is damaged"));
}

#[test]
fn a_full_drive_is_opened_for_what_it_can_still_do() {
    let simulation = simulation(9, 1);
    started(&simulation, 1).unwrap();
    simulation.disks().set_capacity("d1", 1);
    let drives = started(&simulation, 1).unwrap();
    assert_eq!(drives.missing_count(), 0);
    assert!(drives.warnings.iter().any(|warning| warning.contains("/d1 is full")), "{:?}", drives.warnings);
}

#[test]
fn parity_is_chosen_at_the_first_start_and_stays() {
    let choices = |standard, reduced| Choices {
        parity: Some(standard),
        parity_reduced: Some(reduced),
        ..Choices::default()
    };
    let simulation = simulation(10, 4);
    let run = |choices| simulation.run(async |env| start(&env, 4, choices).await).finished();
    for (wrong, wanted) in [
        (choices(3, 1), "RUSTFS_STORAGE_CLASS_STANDARD asks for EC:3, but EC:2 is the most"),
        (choices(1, 2), "RUSTFS_STORAGE_CLASS_RRS asks for EC:2, but 1 is the most"),
    ] {
        let message = run(wrong).unwrap_err().to_string();
        assert!(message.starts_with(&wanted.replace("EC:2 is the most", "2 is the most")), "{message}");
        assert_eq!(simulation.disks().files("d1"), []);
    }
    let made = run(choices(1, 0)).unwrap();
    assert_eq!((made.map.parity, made.map.parity_reduced), (1, 0));
    let later = run(choices(2, 0)).unwrap();
    assert_eq!(later.map.parity, 1);
    let odd: Vec<_> = later.warnings.iter().filter(|warning| warning.contains("EC:2")).collect();
    assert_eq!(odd.len(), 1, "{:?}", later.warnings);
}

#[test]
fn folders_in_one_another_are_refused() {
    let paths = [PathBuf::from("/a/b"), PathBuf::from("/a")];
    assert!(matches!(survey::refuse_nested(&paths), Err(DrivesError::Nested { .. })));
    assert!(survey::refuse_nested(&[PathBuf::from("/a"), PathBuf::from("/ab")]).is_ok());
}

#[test]
fn a_drive_that_hangs_is_left_out_of_the_start_and_taken_by_the_next_one() {
    let simulation = simulation(1, 4);
    started(&simulation, 4).unwrap();
    let disks = simulation.disks().clone();
    // Before the first look, between the looks, and while it is proved that it can be written.
    for nth in [1, 6, 12, 16, 20, 24] {
        let (seconds, missing, warnings) = simulation
            .run(async |env| {
                disks.mishap_at(nth, Mishap::StallUntilResumed);
                let begun = env.clock.monotonic();
                let drives = Drives::prepare(&env, &paths(4), Choices::default()).await.unwrap();
                let took = env.clock.monotonic() - begun;
                for drive in ["d1", "d2", "d3", "d4"] {
                    disks.resume(drive);
                }
                (took.as_secs(), drives.missing_count(), drives.warnings.join("\n"))
            })
            .finished();
        assert!((30..=120).contains(&seconds), "{seconds} s, stalled at {nth}");
        assert_eq!(missing, 1, "stalled at {nth}: {warnings}");
        assert!(warnings.contains("has not answered for 30 seconds"), "{warnings}");
        assert_eq!(started(&simulation, 4).unwrap().missing_count(), 0);
    }
}

#[test]
fn a_drive_that_hangs_while_formats_are_brought_up_is_left_out() {
    // Another drive was replaced, so every format is written; the hang comes at each operation of the start.
    for nth in 1.. {
        let simulation = simulation(nth, 4);
        started(&simulation, 4).unwrap();
        let disks = simulation.disks().clone();
        disks.replace_with_empty("d3");
        let (seconds, has_struck, missing, warnings) = simulation
            .run(async |env| {
                disks.mishap_at(nth, Mishap::StallUntilResumed);
                let begun = env.clock.monotonic();
                let drives = Drives::prepare(&env, &paths(4), Choices::default()).await.unwrap();
                let took = env.clock.monotonic() - begun;
                (took.as_secs(), !disks.disarm_mishap(), drives.missing_count(), drives.warnings.join("\n"))
            })
            .finished();
        if !has_struck {
            assert!(nth > 40, "{nth}");
            return;
        }
        for drive in ["d1", "d2", "d3", "d4"] {
            disks.resume(drive);
        }
        assert!(seconds <= 150, "{seconds} s, stalled at {nth}");
        // With one drive fewer at the first look, the empty one is not taken in yet.
        assert!(missing <= 2 && (missing > 0) == (seconds >= 30), "stalled at {nth}: {warnings}");
        let after = started(&simulation, 4).unwrap();
        assert_eq!((after.missing_count(), after.refilling), (0, vec![Slot { set: 0, slot: 2 }]), "{nth}");
    }
}

#[test]
fn a_drive_whose_folder_can_not_be_listed_is_left_out_and_not_taken_for_a_filled_one() {
    // The last listing of each drive asks whether it is being refilled.
    let simulation = simulation(12, 4);
    started(&simulation, 4).unwrap();
    simulation.disks().replace_with_empty("d2");
    started(&simulation, 4).unwrap();
    let disks = simulation.disks().clone();
    let listed = |after| env::simulated::Fault {
        action: env::simulated::DiskAction::Read,
        under: PathBuf::from("/d2"),
        after,
        times: 1,
        failure: env::simulated::Failure::Input,
    };
    let mut outcomes = Vec::new();
    for after in 0..8 {
        disks.fail(listed(after));
        let drives = started(&simulation, 4).unwrap();
        disks.clear_faults();
        outcomes.push((drives.missing_count(), drives.refilling.len()));
    }
    // With the fault or without: it is known to be refilled, or not there.
    assert!(outcomes.iter().all(|outcome| [(1, 0), (0, 1)].contains(outcome)), "{outcomes:?}");
    assert!(outcomes.contains(&(0, 1)), "{outcomes:?}");
}
