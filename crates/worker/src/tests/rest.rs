//! A store in which nothing happens does nothing on its drives.

use super::*;

#[test]
fn at_rest_the_workers_leave_the_drives_alone() {
    let store = Store::new(1, 4);
    store.live(true, async |_, objects| {
        for number in 0..20 {
            put(&objects, &format!("{number}"), number, 50_000).await.unwrap();
        }
    });
    for present in [&[0, 1, 2, 3][..], &[0, 1, 2]] {
        store.live_with(false, present, async |env, objects| {
            let workers = crate::start(&env, &objects);
            put(&objects, "0", 7, 50_000).await.unwrap();
            delete(&objects, "1").await;
            env.clock.sleep(Duration::from_secs(300)).await;
            let before = store.simulation.disks().operations();
            env.clock.sleep(Duration::from_secs(4 * 3600)).await;
            assert_eq!(store.simulation.disks().operations(), before, "with drives {present:?}");
            workers.stop().await;
        });
    }
}
