//! Blobs that were written while a drive was away become whole when it is back, and wait quietly until then.

use super::*;

async fn put_some(objects: &Objects) {
    for number in 0..40 {
        let len = if number % 2 == 0 { 5_000 } else { 200_000 };
        put(objects, &format!("{number}"), number, len).await.unwrap();
    }
}

#[test]
fn what_was_written_without_a_drive_is_healed_when_it_is_back() {
    let store = Store::new(1, 4);
    store.live(true, async |_, _| {});
    store.live_with(false, &[0, 1, 2], async |env, objects| {
        put_some(&objects).await;
        let rest = until_rest(&mut crate::heal::Heal::new(env.clone(), objects.clone())).await;
        assert_eq!(rest, Progress::Idle(Duration::from_secs(60)), "they wait");
    });
    store.live(false, async |env, objects| {
        env.clock.sleep(Duration::from_secs(60)).await;
        let rest = until_rest(&mut crate::heal::Heal::new(env.clone(), objects.clone())).await;
        assert_eq!(rest, Progress::Idle(Duration::from_secs(5)), "nothing waits any more");
        assert_tidy(&objects).await;
    });
}

#[test]
fn what_waits_for_a_drive_is_tried_once_and_then_left_alone() {
    let store = Store::new(1, 4);
    store.live(true, async |_, _| {});
    store.live_with(false, &[0, 1, 2], async |env, objects| {
        put_some(&objects).await;
        let mut worker = crate::heal::Heal::new(env.clone(), objects.clone());
        until_rest(&mut worker).await;
        let before = store.simulation.disks().operations();
        for _ in 0..10 {
            env.clock.sleep(Duration::from_secs(3600)).await;
            until_rest(&mut worker).await;
        }
        assert_eq!(store.simulation.disks().operations(), before);
    });
}
