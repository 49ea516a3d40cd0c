//! What is answered as "nothing was done" was not done, whoever leads in between.

use std::time::Duration;

use futures_util::future::{Either, join_all, select};

use super::*;

/// A leader is cut off with proposals, deposed, and elected again.
fn leaders_change(seed: u64) {
    let store = Store::new(9000 + seed, 3);
    let wanted = cluster::placement::replica_drives(&store.map, P);
    let ids: Vec<u64> = wanted.iter().map(cluster::map::raft_id).collect();
    let ending = store.simulation.run(async |env| {
        let meta = store.open(&env, &store.all(), true).await;
        let network = store.simulation.network();
        put(&meta, 0).await.unwrap();
        let cut_off = |lost: u64| {
            for other in ids.iter().filter(|id| **id != lost) {
                network.cut(lost, *other);
                network.cut(*other, lost);
            }
        };
        let leader = || meta.views[usize::from(P.0)].current().unwrap();
        cut_off(ids[0]);
        // Proposed at the first leader, which can't commit them; those who asked go away.
        let lost = join_all((1..=8).map(|number| put(&meta, number)));
        let gone = env.clock.sleep(Duration::from_millis(500));
        assert!(matches!(select(Box::pin(lost), gone).await, Either::Right(_)));
        let first = leader().term;
        while leader().term == first {
            env.clock.sleep(Duration::from_millis(100)).await;
        }
        // The second leader's first entry reaches the first one; then the second one is cut off.
        network.mend();
        env.clock.sleep(Duration::from_secs(2)).await;
        let second = leader().term;
        for id in &ids[1..] {
            network.mend();
            cut_off(*id);
            env.clock.sleep(Duration::from_secs(9)).await;
            if leader().term > second {
                break;
            }
        }
        network.mend();
        env.clock.sleep(Duration::from_secs(2)).await;
        let answers = join_all((100..120).map(|number| put(&meta, number))).await;
        let found = numbers(&meta).await;
        for (number, answer) in (100..120).zip(answers) {
            let is_there = found.contains(&number);
            assert!(
                answer.is_ok() && is_there,
                "seed {seed}: {number} is there: {is_there}, answer: {answer:?}"
            );
        }
        assert!(put(&meta, 200).await.is_ok(), "seed {seed}");
        meta.close().await;
    });
    ending.finished();
}

#[test]
fn what_is_answered_as_not_done_is_not_there() {
    for seed in seeds(0, 8) {
        leaders_change(seed);
    }
}

/// Every put of some writers is answered for certain while `trouble` comes over the leader; the answers are true.
fn all_is_answered(seed: u64, trouble: impl Fn(&Store, usize)) {
    let store = Store::new(seed, 4);
    let leads = cluster::placement::replica_drives(&store.map, P)[0];
    let slot = store.map.sets[0].iter().position(|drive| *drive == leads).unwrap();
    let ending = store.simulation.run(async |env| {
        let meta = store.open(&env, &store.all(), true).await;
        put(&meta, 0).await.unwrap();
        let writers = (1..9u64).map(|writer| {
            let meta = &meta;
            async move {
                for number in 0..20 {
                    let number = writer * 100 + number;
                    put(meta, number).await.unwrap_or_else(|error| panic!("seed {seed}, {number}: {error}"));
                }
            }
        });
        let begun = env.clock.monotonic();
        let trouble = async {
            env.clock.sleep(Duration::from_micros(seed % 7 * 500)).await;
            trouble(&store, slot);
        };
        futures_util::future::join(join_all(writers), trouble).await;
        assert!(env.clock.monotonic() - begun < Duration::from_secs(20), "seed {seed}: answered soon");
        assert_eq!((numbers(&meta).await.len(), total(&meta).await), (161, 161), "seed {seed}: each once");
        store.simulation.network().mend();
        store.simulation.disks().resume(&format!("d{}", slot + 1));
        meta.close().await;
    });
    ending.finished();
}

/// What its loop has not taken up when it stops answering is taken back and given to the next leader.
#[test]
fn while_the_drive_of_the_leader_does_not_answer_every_write_is_answered_for_certain() {
    for seed in seeds(9300, 20) {
        all_is_answered(seed, |store, slot| {
            store.simulation.disks().stall_until_resumed(&format!("d{}", slot + 1));
        });
    }
}

#[test]
fn while_the_drive_of_the_leader_fails_every_write_is_answered_for_certain() {
    for seed in seeds(9100, 20) {
        all_is_answered(seed, |store, slot| {
            store.simulation.disks().fail_writes(format!("/d{}/meta/log", slot + 1), u64::MAX);
        });
    }
}

#[test]
fn while_the_leader_is_cut_off_every_write_is_answered_for_certain() {
    for seed in seeds(9200, 20) {
        all_is_answered(seed, |store, slot| {
            let id = |slot: usize| cluster::map::raft_id(&store.map.sets[0][slot]);
            for other in (0..4).filter(|other| *other != slot) {
                // In one direction or in both: entries may arrive whose leader never hears of it.
                if seed % 3 != 0 {
                    store.simulation.network().cut(id(slot), id(other));
                }
                if seed % 3 != 1 {
                    store.simulation.network().cut(id(other), id(slot));
                }
            }
        });
    }
}
