//! What is reclaimed when, and what is not reclaimed meanwhile.

use super::*;

#[test]
fn what_was_replaced_goes_after_its_grace() {
    let store = Store::new(1, 4);
    store.live(true, async |env, objects| {
        for seed in [1, 2] {
            put(&objects, "key", seed, 200_000).await.unwrap();
        }
        let mut worker = crate::reclaim::Reclaim::new(objects.clone());
        env.clock.sleep(Duration::from_secs(4)).await;
        until_rest(&mut worker).await;
        assert_eq!(found_on(&objects, 0).await.len(), 2, "a reader may have just found its record");
        env.clock.sleep(Duration::from_secs(2)).await;
        until_rest(&mut worker).await;
        assert_tidy(&objects).await;
    });
}

#[test]
fn a_slow_reader_keeps_its_blob() {
    let store = Store::new(1, 4);
    store.live(true, async |env, objects| {
        put(&objects, "key", 1, 900_000).await.unwrap();
        let bucket = bucket(&objects).await;
        let object = objects.open(&bucket, "key", None).await.unwrap();
        let mut reader = objects.read(&object, 0..900_000).await.unwrap();
        let mut bytes = reader.next().await.unwrap().unwrap().to_vec();
        put(&objects, "key", 2, 900_000).await.unwrap();
        reclaim(&env, &objects).await;
        while let Some(piece) = reader.next().await {
            bytes.extend_from_slice(&piece.unwrap());
            reclaim(&env, &objects).await;
        }
        assert_eq!(bytes, content(1, 900_000));
        drop(reader);
        reclaim(&env, &objects).await;
        assert_tidy(&objects).await;
    });
}

#[test]
fn deleting_and_compacting_gives_the_room_back() {
    let store = Store::new(1, 4);
    store.live(true, async |env, objects| {
        let used = async || {
            let drives = objects.blobs().drives().await;
            drives.iter().map(|drive| drive.total_bytes - drive.free_bytes).max().unwrap()
        };
        let empty = used().await;
        for number in 0..400 {
            put(&objects, &format!("{number}"), number, 15_000).await.unwrap();
        }
        let full = used().await - empty;
        for number in 0..390 {
            delete(&objects, &format!("{number}")).await;
        }
        reclaim(&env, &objects).await;
        for (place, path) in objects.blobs().present() {
            until_rest(&mut crate::compaction::Compaction::new(objects.clone(), place, &path)).await;
        }
        let left = used().await - empty;
        assert!(left < full / 2, "{left} of {full} bytes are left");
        assert_tidy(&objects).await;
    });
}

#[test]
fn a_repair_beside_the_reclaim_leaves_nothing() {
    let store = Store::new(1, 4);
    store.live(true, async |env, objects| {
        for (number, micros) in (0u64..).zip((0..8_000).step_by(100)) {
            let len = if number % 2 == 0 { 5_000 } else { 200_000 };
            put(&objects, "key", number, len).await.unwrap();
            let (_, (partition, blob)) = referred(&objects).await.pop_first().unwrap();
            let place = DrivePlace { set: 0, slot: blob.first_slot };
            objects.blobs().delete_shard(place, blob.id, 0).await.unwrap();
            delete(&objects, "key").await;
            env.clock.sleep(Duration::from_secs(6)).await;
            let repair = async {
                env.clock.sleep(Duration::from_micros(micros)).await;
                let _ = objects.repair(partition, &blob).await;
            };
            let mut worker = crate::reclaim::Reclaim::new(objects.clone());
            tokio::join!(repair, until_rest(&mut worker));
            until_rest(&mut worker).await;
            for slot in 0..4 {
                assert_eq!(found_on(&objects, slot).await.len(), 0, "after {micros} us");
            }
        }
    });
}

#[test]
fn a_late_repair_does_not_bring_back_what_a_drive_missed() {
    let store = Store::new(1, 2);
    store.live(true, async |_, objects| put(&objects, "key", 1, 200_000).await.unwrap());
    let (partition, blob) =
        store.live_with(false, &[0, 1], async |_, objects| referred(&objects).await.pop_first().unwrap().1);
    store.live(false, async |env, objects| {
        store.simulation.disks().fail(env::simulated::Fault {
            action: env::simulated::DiskAction::Name,
            under: "/d2/blob/shards".into(),
            after: 0,
            times: 1,
            failure: env::simulated::Failure::Input,
        });
        delete(&objects, "key").await;
        reclaim(&env, &objects).await;
        assert_eq!((found_on(&objects, 0).await.len(), found_on(&objects, 1).await.len()), (0, 1));
        let repaired = objects.repair(partition, &blob).await;
        assert!(matches!(repaired, Err(ObjectError::Replaced)), "{repaired:?}");
        assert_eq!(found_on(&objects, 0).await.len(), 0);
    });
}
