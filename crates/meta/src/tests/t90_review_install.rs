//! A crash while a replica is filled from a snapshot costs the filling, not the drive.

use super::*;

#[test]
fn a_crash_while_a_replica_is_filled_leaves_a_drive_that_opens() {
    for nth in 140..175 {
        let mut store = Store::new(9400 + nth, 4);
        let written = store.simulation.run(async |env| {
            let meta = store.open(&env, &store.all(), true).await;
            for number in 0..30 {
                put(&meta, number).await.unwrap();
            }
            meta.close().await;
        });
        written.finished();
        store.simulation.disks().replace_with_empty("d3");
        store.engines[2] = MemoryEngineStore::default();
        store.map.sets[0][2] = DriveId::from_bytes([0x33; 16]);
        store.map.epoch = 2;
        store.simulation.disks().crash_after(nth, Crash::PowerCut);
        let ending = store.simulation.run(async |env| {
            let meta = store.open(&env, &store.all(), false).await;
            env.clock.sleep(std::time::Duration::from_secs(20)).await;
            meta.close().await;
        });
        if !matches!(ending, Ending::Crashed) {
            store.simulation.disks().disarm_crash();
        }
        store.crash();
        let again = store.simulation.run(async |env| {
            let (meta, left_out) = store.try_open(&env, &store.all(), false).await.unwrap();
            assert!(left_out.is_empty(), "crash after {nth}: {left_out:?}");
            env.clock.sleep(std::time::Duration::from_secs(20)).await;
            assert!(meta.votes_everywhere(store.map.sets[0][2]), "crash after {nth}");
            meta.close().await;
        });
        again.finished();
    }
}
