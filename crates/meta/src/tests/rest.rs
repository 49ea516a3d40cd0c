//! What a drive lets go of when nothing is written for a while.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::log::{LogOptions, RaftLog};
use crate::raft::storage::FIRST;

/// Rows that come to more than what may stay at rest, and to less than what a log may hold while it is written.
async fn put_much(meta: &Meta) {
    for number in 0..30 {
        let mut txn = meta.begin(P).await.unwrap();
        txn.put::<Numbers>(&number, &Counters { values: vec![i64::MAX; 10_000] });
        txn.commit().await.unwrap();
    }
}

/// Index up to which the log of the first drive holds no entries any more, after so long a rest.
fn purged_to(rest: Duration) -> u64 {
    let store = Store::new(9800, 4);
    let written = store.simulation.run(async |env| {
        let meta = store.open(&env, &store.all(), true).await;
        put_much(&meta).await;
        env.clock.sleep(rest).await;
        meta.close().await;
    });
    written.finished();
    let purged = Mutex::new(0);
    let looked = store.simulation.run(async |env| {
        let options = LogOptions::new(store.map.sets[0][0]);
        let (mut log, _) = RaftLog::open(&env, Path::new("/d1/meta/log"), options).await.unwrap();
        *purged.lock() = log.group(P).base().index;
    });
    looked.finished();
    purged.into_inner()
}

#[test]
fn a_drive_at_rest_lets_go_of_the_entries_that_its_engine_has_persisted() {
    assert_eq!(purged_to(Duration::from_secs(1)), FIRST.index, "it may go on at any moment");
    assert!(purged_to(Duration::from_secs(20)) >= FIRST.index + 30);
}
