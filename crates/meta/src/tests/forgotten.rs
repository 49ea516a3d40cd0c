//! A drive that has lost its metadata no longer knows what it promised: it takes no part under its old name.

use std::time::Duration;

use super::*;

#[test]
fn what_one_drive_acknowledged_and_forgot_is_not_voted_away() {
    let mut store = Store::new(9600, 3);
    let written = store.simulation.run(async |env| {
        store.open(&env, &store.all(), true).await.close().await;
        let meta = store.open(&env, &[0, 1], false).await;
        put(&meta, 1).await.unwrap();
        meta.close().await;
    });
    written.finished();
    store.lose_content(1);
    let without_the_first = store.simulation.run(async |env| {
        // One drive was away, one has forgotten: neither can say that nothing was acknowledged.
        match store.try_open(&env, &[1, 2], false).await {
            Err(refused) => refused.to_string(),
            Ok((meta, _)) => panic!("it is open, and holds {:?}", numbers(&meta).await),
        }
    });
    let refused = without_the_first.finished();
    assert!(refused.contains("fewer than half") && refused.contains("/d2/meta"), "{refused}");
    assert!(refused.contains("empty the folder of the drive"), "{refused}");
    // With the one that knows the store opens, and the one that forgot is named and left out.
    let with_the_first = store.simulation.run(async |env| {
        let (meta, left_out) = store.try_open(&env, &store.all(), false).await.unwrap();
        assert_eq!(left_out.iter().map(|left| left.drive).collect::<Vec<_>>(), [store.map.sets[0][1]]);
        assert_eq!(numbers(&meta).await, BTreeSet::from([1]));
        put(&meta, 2).await.unwrap();
        meta.close().await;
    });
    with_the_first.finished();
}

#[test]
fn a_drive_that_got_its_vote_while_it_was_filled_and_lost_it_is_left_out_as_well() {
    let mut store = Store::new(9610, 4);
    let written = store.simulation.run(async |env| {
        let meta = store.open(&env, &store.all(), true).await;
        put(&meta, 1).await.unwrap();
        meta.close().await;
    });
    written.finished();
    store.replace(2);
    let filled = store.simulation.run(async |env| {
        let meta = store.open(&env, &store.all(), false).await;
        env.clock.sleep(Duration::from_secs(20)).await;
        assert!(meta.votes_everywhere(store.map.sets[0][2]));
        meta.close().await;
    });
    filled.finished();
    // Its blobs were not all there yet, so it still has the mark.
    store.lose_content(2);
    let again = store.simulation.run(async |env| {
        let (meta, left_out) = store.try_open(&env, &store.all(), false).await.unwrap();
        assert_eq!(left_out.len(), 1, "{left_out:?}");
        assert!(left_out[0].reason.to_string().contains("empty the folder of the drive"), "{left_out:?}");
        assert_eq!(numbers(&meta).await, BTreeSet::from([1]));
        meta.close().await;
    });
    again.finished();
    // Taken for a replaced drive it has another id, and is filled.
    store.replace(2);
    let replaced = store.simulation.run(async |env| {
        let meta = store.open(&env, &store.all(), false).await;
        env.clock.sleep(Duration::from_secs(20)).await;
        assert!(meta.votes_everywhere(store.map.sets[0][2]));
        meta.close().await;
    });
    replaced.finished();
}

#[test]
fn a_replaced_drive_learns_under_a_new_id_before_it_votes() {
    let mut store = Store::new(9620, 4);
    let written = store.simulation.run(async |env| {
        let meta = store.open(&env, &store.all(), true).await;
        put(&meta, 1).await.unwrap();
        meta.close().await;
    });
    written.finished();
    let old = cluster::map::raft_id(&store.map.sets[0][2]);
    store.replace(2);
    let new = cluster::map::raft_id(&store.map.sets[0][2]);
    let joined = store.simulation.run(async |env| {
        let network = store.simulation.network();
        for other in store.map.sets[0].iter().map(cluster::map::raft_id).filter(|id| *id != new) {
            network.cut(other, new);
        }
        let meta = store.open(&env, &store.all(), false).await;
        let members = || {
            let leader = meta.views[usize::from(P.0)].current().unwrap();
            crate::machine::Applied::load(&*leader.engine, P).unwrap().unwrap()
        };
        env.clock.sleep(Duration::from_secs(20)).await;
        // It can't be told anything yet, and whom it replaced is still counted.
        assert_eq!(members().learners, [new]);
        assert!(members().voters.contains(&old) && !members().voters.contains(&new));
        network.mend();
        env.clock.sleep(Duration::from_secs(20)).await;
        assert!(members().voters.contains(&new) && !members().voters.contains(&old));
        meta.close().await;
    });
    joined.finished();
}
