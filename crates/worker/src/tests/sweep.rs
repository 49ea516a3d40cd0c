//! What the sweep removes, and what it must leave alone.

use env::simulated::{Crash, DiskAction, Failure, Fault};
use std::path::PathBuf;

use super::*;

/// Shard files on a drive.
fn shard_files(store: &Store, drive: &str) -> Vec<(PathBuf, u64)> {
    let mut files = store.simulation.disks().files(drive);
    files.retain(|(path, _)| path.to_string_lossy().contains("/shards/"));
    files
}

#[test]
fn what_a_crash_cut_off_is_removed_and_a_rotten_footer_is_healed() {
    let store = Store::new(1, 4);
    store.live(true, async |env, objects| {
        put(&objects, "whole", 1, 200_000).await.unwrap();
        let bucket = bucket(&objects).await;
        for number in 0..3 {
            let mut cut_off = objects.begin_put(&bucket, "cut off", PutRequest::default()).await.unwrap();
            for piece in 0..4 {
                cut_off.write(content(piece, 70_000 + number)).await.unwrap();
                env.clock.sleep(Duration::from_secs(1)).await;
            }
            std::mem::forget(cut_off);
        }
    });
    let disks = store.simulation.disks();
    disks.crash_now(Crash::Kill);
    store.live(false, async |env, objects| {
        let (_, (_, blob)) = referred(&objects).await.pop_first().unwrap();
        assert!(found_on(&objects, 0).await.len() > 1, "the crash left something");
        let file = |(path, _): &&(PathBuf, u64)| path.to_string_lossy().contains(&blob.id.to_string());
        let files = shard_files(&store, "d1");
        let (path, len) = files.iter().find(file).unwrap();
        disks.flip_bit(path, len - 1, 3).unwrap();
        assert_eq!(objects.blobs().check(&blob).await.unwrap().faults.len(), 1);

        sweep(&env, &objects).await;
        assert!(shard_files(&store, "d1").contains(&(path.clone(), *len)), "it is somebody's");
        until_rest(&mut crate::heal::Heal::new(env.clone(), objects.clone())).await;
        assert_tidy(&objects).await;
        assert_eq!(get(&objects, "whole").await.unwrap(), content(1, 200_000));
    });
}

/// The shard in a blob's place is another blob's: what it tells of its own owner is no reason to remove what is healed there.
#[test]
fn a_shard_in_the_place_of_another_is_healed_and_not_removed() {
    let store = Store::new(1, 4);
    store.live(true, async |_, objects| {
        put(&objects, "one", 1, 200_000).await.unwrap();
        put(&objects, "two", 2, 200_000).await.unwrap();
    });
    let before = shard_files(&store, "d1");
    store.simulation.disks().swap(&before[0].0, &before[1].0).unwrap();
    store.live(false, async |env, objects| {
        sweep(&env, &objects).await;
        assert_eq!(shard_files(&store, "d1"), before, "both are somebody's");
        until_rest(&mut crate::heal::Heal::new(env.clone(), objects.clone())).await;
        assert_tidy(&objects).await;
        for (key, number) in [("one", 1), ("two", 2)] {
            assert_eq!(get(&objects, key).await.unwrap(), content(number, 200_000));
        }
    });
}

#[test]
fn on_a_single_drive_a_rotten_footer_costs_nothing() {
    let store = Store::new(1, 1);
    store.live(true, async |_, objects| put(&objects, "whole", 1, 200_000).await.unwrap());
    let (path, len) = shard_files(&store, "d1").pop().unwrap();
    store.simulation.disks().flip_bit(&path, len - 1, 3).unwrap();
    store.live(false, async |env, objects| {
        sweep(&env, &objects).await;
        assert_eq!(get(&objects, "whole").await.unwrap(), content(1, 200_000));
    });
}

/// Small and large objects of a life before, deleted while a drive can't be reached.
async fn deleted_meanwhile(env: &Env, objects: &Objects) {
    for number in 0..6 {
        delete(objects, &format!("{number}")).await;
    }
    reclaim(env, objects).await;
}

async fn fill(objects: &Objects) {
    for number in 0..6 {
        let len = if number % 2 == 0 { 5_000 } else { 200_000 };
        put(objects, &format!("{number}"), number, len).await.unwrap();
    }
    put(objects, "stays", 9, 200_000).await.unwrap();
}

#[test]
fn what_a_drive_that_was_away_missed_is_removed_when_it_is_back() {
    let store = Store::new(1, 4);
    store.live(true, async |_, objects| fill(&objects).await);
    store.simulation.clock().jump_ms(24 * 3_600_000);
    // Swept with all drives: no drive's own time tells that it was away for a moment later.
    store.live(false, async |env, objects| sweep(&env, &objects).await);
    store.live_with(false, &[0, 2, 3], async |env, objects| deleted_meanwhile(&env, &objects).await);
    store.live(false, async |env, objects| {
        assert_eq!(found_on(&objects, 1).await.len(), 7);
        sweep(&env, &objects).await;
        assert_tidy(&objects).await;
        assert_eq!(objects.missed_drives().await.unwrap(), [], "it is not looked at again");
    });
}

#[test]
fn what_a_poisoned_drive_missed_is_removed_at_the_next_start() {
    let store = Store::new(1, 4);
    store.live(true, async |_, objects| fill(&objects).await);
    store.simulation.clock().jump_ms(24 * 3_600_000);
    store.live(false, async |env, objects| {
        sweep(&env, &objects).await;
        store.simulation.disks().fail(Fault {
            action: DiskAction::Sync,
            under: "/d2/blob".into(),
            after: 0,
            times: 1,
            failure: Failure::Input,
        });
        put(&objects, "poison", 1, 5_000).await.unwrap();
        deleted_meanwhile(&env, &objects).await;
    });
    store.live(false, async |env, objects| {
        assert!(found_on(&objects, 1).await.len() > 2);
        sweep(&env, &objects).await;
        until_rest(&mut crate::heal::Heal::new(env.clone(), objects.clone())).await;
        assert_tidy(&objects).await;
    });
}

#[test]
fn what_a_drive_missed_in_passing_is_removed_in_the_same_life() {
    let store = Store::new(1, 4);
    store.live(true, async |env, objects| {
        fill(&objects).await;
        let workers = crate::start(&env, &objects);
        env.clock.sleep(Duration::from_secs(30)).await;
        let under = PathBuf::from("/d3/blob/shards");
        let (action, failure) = (DiskAction::Name, Failure::Input);
        store.simulation.disks().fail(Fault { action, under, after: 0, times: 2, failure });
        for number in 0..6 {
            delete(&objects, &format!("{number}")).await;
        }
        env.clock.sleep(Duration::from_secs(20)).await;
        assert!(objects.misses() > 0);
        env.clock.sleep(Duration::from_secs(200)).await;
        workers.stop().await;
        assert_tidy(&objects).await;
        assert_eq!(objects.missed_drives().await.unwrap(), []);
    });
}

#[test]
fn what_a_silent_drive_missed_is_removed_when_it_answers() {
    let store = Store::new(1, 4);
    store.live(true, async |env, objects| {
        fill(&objects).await;
        let workers = crate::start(&env, &objects);
        env.clock.sleep(Duration::from_secs(30)).await;
        store.simulation.disks().stall_until_resumed("d3");
        for number in 0..6 {
            delete(&objects, &format!("{number}")).await;
        }
        env.clock.sleep(Duration::from_secs(300)).await;
        assert!(objects.misses() > 0);
        store.simulation.disks().resume("d3");
        env.clock.sleep(Duration::from_secs(7200)).await;
        workers.stop().await;
        assert_tidy(&objects).await;
        assert_eq!(objects.missed_drives().await.unwrap(), []);
    });
}

/// A put is given up at any time; the drives are swept at once, and the transaction may happen after that.
#[test]
fn a_blob_whose_transaction_is_undecided_is_no_orphan() {
    let store = Store::new(1, 3);
    store.live(true, async |env, objects| {
        // A commit takes longer than a sweep.
        store.simulation.network().set_delay_max(Duration::from_millis(200));
        for (number, micros) in (0u64..).zip((0..24_000).step_by(300)) {
            let len = if number % 2 == 0 { 5_000 } else { 200_000 };
            let key = format!("{number}");
            tokio::select! {
                biased;
                _ = put(&objects, &key, number, len) => {}
                () = env.clock.sleep(Duration::from_micros(micros)) => {}
            }
            crate::sweep::Sweep::of_everything(&env, &objects).await;
            env.clock.sleep(Duration::from_secs(1)).await;
            match get(&objects, &key).await {
                Ok(bytes) => assert_eq!(bytes, content(number, len), "{micros} us"),
                Err(ObjectError::NoSuchKey) => {}
                Err(error) => panic!("given up after {micros} us: {error}"),
            }
        }
        reclaim(&env, &objects).await;
        assert_tidy(&objects).await;
    });
}

#[test]
fn a_clock_that_steps_back_puts_nothing_in_flight_in_the_way_of_the_sweep() {
    let store = Store::new(1, 3);
    store.live(true, async |env, objects| {
        store.simulation.clock().jump_ms(-24 * 3_600_000);
        let bucket = bucket(&objects).await;
        let mut writer = objects.begin_put(&bucket, "key", PutRequest::default()).await.unwrap();
        writer.write(content(1, 200_000)).await.unwrap();
        sweep(&env, &objects).await;
        writer.commit(facts(1)).await.unwrap();
        sweep(&env, &objects).await;
        assert_eq!(get(&objects, "key").await.unwrap(), content(1, 200_000));
    });
}
