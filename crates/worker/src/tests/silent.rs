//! A drive that hangs in the midst of a step: the scrub and the compaction of the others go on, and a stop has an end.

use env::simulated::SimulatedDisks;

use super::*;
use crate::{ScrubOptions, Workers};

/// Bytes of the segments of a drive.
async fn segment_bytes(disks: &SimulatedDisks, drive: &str) -> u64 {
    let files = disks.files(drive);
    let segments = files.iter().filter(|(path, _)| path.extension().is_some_and(|end| end == "seg"));
    segments.map(|(_, len_bytes)| len_bytes).sum()
}

/// When the last run of each drive's scrub ended, by slot; 0 while one is under way.
fn finished(workers: &Workers) -> Vec<u64> {
    workers.scrubs().all().iter().map(|status| status.state.finished_ms.unwrap_or(0)).collect()
}

/// Packed objects of which most are deleted and reclaimed: what compaction is for.
async fn thin_out(env: &Env, objects: &Objects) {
    for number in 0..60 {
        put(objects, &format!("{number}"), number, 10_000).await.unwrap();
    }
    for number in (0..60).filter(|number| number % 4 != 0) {
        delete(objects, &format!("{number}")).await;
    }
    reclaim(env, objects).await;
}

#[test]
fn a_drive_that_hangs_holds_up_no_scrub_and_no_compaction_but_its_own() {
    // The drive hangs before its workers do anything, in the midst of their first step, and later.
    for pause_ms in [0, 3, 10, 40] {
        let store = Store::new(pause_ms, 4);
        let disks = store.simulation.disks().clone();
        store.live(true, async |env, objects| {
            thin_out(&env, &objects).await;
            let hour = Duration::from_secs(3600);
            let scrub = ScrubOptions { interval: Some(hour), ..ScrubOptions::default() };
            let mut before = Vec::new();
            for drive in ["d1", "d2", "d3", "d4"] {
                before.push(segment_bytes(&disks, drive).await);
            }
            let workers = crate::start_with(&env, &objects, scrub);
            env.clock.sleep(Duration::from_millis(pause_ms)).await;
            disks.stall_until_resumed("d2");
            env.clock.sleep(hour * 3 / 2).await;
            for (slot, drive) in [(0, "d1"), (2, "d3"), (3, "d4")] {
                let after = segment_bytes(&disks, drive).await;
                assert!(after < before[slot], "{drive} is compacted: {after} of {} bytes", before[slot]);
            }
            let now = env.clock.now().millis();
            let others: Vec<u64> = workers
                .scrubs()
                .all()
                .iter()
                .filter(|status| status.drive.slot != 1)
                .map(|status| status.state.finished_ms.unwrap_or(0))
                .collect();
            assert_eq!(others.len(), 3);
            for finished in others {
                assert!(finished + 3_700_000 > now, "a run ended {} s ago", (now - finished) / 1000);
            }
            disks.resume("d2");
            env.clock.sleep(hour * 3 / 2).await;
            let now = env.clock.now().millis();
            let all = finished(&workers);
            assert_eq!(all.len(), 4);
            assert!(all.iter().all(|finished| finished + 3_700_000 > now), "{all:?} at {now}");
            workers.stop().await;
        });
    }
}

#[test]
fn a_stop_does_not_wait_without_end_for_a_drive_that_hangs() {
    let store = Store::new(1, 4);
    let disks = store.simulation.disks().clone();
    store.live(true, async |env, objects| {
        thin_out(&env, &objects).await;
        let workers = crate::start(&env, &objects);
        env.clock.sleep(Duration::from_millis(3)).await;
        disks.stall_until_resumed("d3");
        let begun = env.clock.monotonic();
        workers.stop().await;
        let took = env.clock.monotonic() - begun;
        assert!(took <= Duration::from_secs(15), "{took:?}");
    });
}
