//! What a batch has not written yet is remembered, however much is in the batch.

use super::*;

#[test]
fn two_transactions_that_read_one_row_conflict_in_a_batch_of_many_rows_too() {
    let store = Store::new(90, 1);
    let ending = store.simulation.run(async |env| {
        let meta = store.open(&env, &store.all(), true).await;
        put(&meta, 1).await.unwrap();
        let mut one = meta.begin(P).await.unwrap();
        let mut other = meta.begin(P).await.unwrap();
        for (value, txn) in [(2, &mut one), (3, &mut other)] {
            assert!(txn.get::<Numbers>(&1).unwrap().is_some());
            txn.put::<Numbers>(&1, &Counters { values: vec![value] });
        }
        let mut between = Vec::new();
        for many in 1..=4u64 {
            let mut txn = meta.begin(P).await.unwrap();
            for number in 0..1000 {
                txn.put::<Numbers>(&(many * 10_000 + number), &Counters { values: vec![0] });
            }
            between.push(txn);
        }
        // All are proposed in one turn, in this order, and so applied in one batch.
        let commits = std::iter::once(one).chain(between).chain([other]).map(crate::Txn::commit);
        let outcomes = futures_util::future::join_all(commits).await;
        assert!(outcomes[0].is_ok());
        assert!(matches!(outcomes[5], Err(MetaError::Conflict)), "both won: {:?}", outcomes[5]);
        meta.close().await;
    });
    ending.finished();
}

/// Found by fuzzing: what is expected may have been read long before the transaction began. The row was changed since, that
/// was forgotten, and the old version was taken for the present one; a replica that had started since answered otherwise.
#[test]
fn a_version_that_was_read_before_the_transaction_is_compared_however_long_ago_it_was_changed() {
    let store = Store::new(91, 1);
    let ending = store.simulation.run(async |env| {
        let meta = store.open(&env, &store.all(), true).await;
        put(&meta, 1).await.unwrap();
        let read = meta.reader(P).await.unwrap().get::<Numbers>(&1).unwrap().unwrap().version;
        put(&meta, 1).await.unwrap();
        for many in 1..=4u64 {
            let mut txn = meta.begin(P).await.unwrap();
            for number in 0..1000 {
                txn.put::<Numbers>(&(many * 10_000 + number), &Counters { values: vec![0] });
            }
            txn.commit().await.unwrap();
        }
        let mut txn = meta.begin(P).await.unwrap();
        txn.expect::<Numbers>(&1, read);
        txn.delete::<Numbers>(&1);
        assert!(matches!(txn.commit().await, Err(MetaError::Conflict)));
        let mut txn = meta.begin(P).await.unwrap();
        txn.expect::<Numbers>(&2, read);
        txn.delete::<Numbers>(&1);
        assert!(matches!(txn.commit().await, Err(MetaError::Conflict)), "there never was such a row");
        meta.close().await;
    });
    ending.finished();
}
