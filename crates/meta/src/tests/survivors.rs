//! A store is not opened for reading with drives that may lack what was acknowledged.

use super::*;

#[test]
fn a_drive_that_may_be_behind_does_not_show_the_past_as_the_present() {
    for (drives, alone) in [(3, 0), (3, 2), (4, 1), (5, 3)] {
        let store = Store::new(91, drives);
        let others: Vec<usize> = (0..drives).filter(|slot| *slot != alone).collect();
        let written = store.simulation.run(async |env| {
            let meta = store.open(&env, &store.all(), true).await;
            put(&meta, 1).await.unwrap();
            meta.close().await;
            let meta = store.open(&env, &others, false).await;
            put(&meta, 2).await.unwrap();
            let mut delete = meta.begin(P).await.unwrap();
            delete.delete::<Numbers>(&1);
            delete.commit().await.unwrap();
            meta.close().await;
        });
        written.finished();
        let read = store.simulation.run(async |env| match store.try_open(&env, &[alone], false).await {
            Err(refused) => assert!(matches!(refused, MetaOpenError::TooFew { .. }), "{refused}"),
            Ok((meta, _)) => assert_eq!(numbers(&meta).await, BTreeSet::from([2]), "{drives} drives"),
        });
        read.finished();
    }
}
