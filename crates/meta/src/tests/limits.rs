//! What counters may come to is decided when a transaction is applied, with all that was applied before it.

use super::*;

const SUMMED: [usize; 2] = [1, 3];

async fn add(meta: &Meta, deltas: &[i64], at_most: Option<i64>) -> Result<(), MetaError> {
    let mut txn = meta.begin(P).await.unwrap();
    txn.add::<Numbers>(&1, deltas);
    if let Some(at_most) = at_most {
        txn.keep_within::<Numbers>(&1, &SUMMED, at_most);
    }
    txn.commit().await.map(drop)
}

async fn values(meta: &Meta) -> Vec<i64> {
    let row = meta.reader(P).await.unwrap().get::<Numbers>(&1).unwrap();
    row.map(|row| row.row.values).unwrap_or_default()
}

#[test]
fn what_would_pass_a_limit_does_nothing() {
    let store = Store::new(95, 1);
    let ending = store.simulation.run(async |env| {
        let meta = store.open(&env, &store.all(), true).await;
        add(&meta, &[9, 4, 9, 3], Some(7)).await.unwrap();
        assert!(matches!(add(&meta, &[1, 1, 1], Some(7)).await, Err(MetaError::OverLimit)));
        assert_eq!(values(&meta).await, [9, 4, 9, 3]);
        add(&meta, &[1, -1, 1, 1], Some(7)).await.unwrap();
        assert_eq!(values(&meta).await, [10, 3, 10, 4]);
        // Who sets no limit is not asked, and a limit that is passed already holds off what changes nothing as well.
        add(&meta, &[0, 5], None).await.unwrap();
        assert!(matches!(add(&meta, &[1], Some(7)).await, Err(MetaError::OverLimit)));
        let mut txn = meta.begin(P).await.unwrap();
        txn.add::<Numbers>(&1, &[1, 2, 3]);
        txn.add::<Numbers>(&2, &[1, 2, 3]);
        txn.add::<Numbers>(&1, &[1, 2, 3, 4]);
        assert_eq!(txn.added::<Numbers>(&1, &SUMMED), 8);
        drop(txn);
        meta.close().await;
    });
    ending.finished();
}

#[test]
fn transactions_of_one_batch_count_one_another() {
    let store = Store::new(96, 1);
    let ending = store.simulation.run(async |env| {
        let meta = store.open(&env, &store.all(), true).await;
        // All are proposed in one turn, and so applied in one batch: three of one fit, whichever come first.
        let adds = (0..10).map(|_| add(&meta, &[0, 1], Some(3)));
        let outcomes = futures_util::future::join_all(adds).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 3);
        assert_eq!(values(&meta).await, [0, 3]);
        meta.close().await;
    });
    ending.finished();
    let ending = store.simulation.run(async |env| {
        let meta = store.open(&env, &store.all(), false).await;
        assert!(matches!(add(&meta, &[0, 1], Some(3)).await, Err(MetaError::OverLimit)), "after a restart");
        meta.close().await;
    });
    ending.finished();
}
