//! A drive that took another's place is filled from the others.

use super::*;

#[test]
fn an_empty_drive_in_the_place_of_another_is_filled() {
    let mut store = Store::new(1, 4);
    store.live(true, async |_, objects| {
        for number in 0..30 {
            let len = [500, 5_000, 200_000][number as usize % 3];
            put(&objects, &format!("{number}"), number, len).await.unwrap();
        }
    });
    store.simulation.disks().replace_with_empty("d2");
    store.engines[1] = MemoryEngineStore::default();
    store.map.sets[0][1] = DriveId::from_bytes([0x42; 16]);
    store.map.epoch += 1;
    store.refilling = Some(1);
    store.live(false, async |env, objects| {
        let mark = std::path::Path::new("/d2").join(crate::REFILL_FILE);
        env::replace_file(&*env.disk, &mark, Bytes::from_static(b"new\n")).await.unwrap();
        let workers = crate::start(&env, &objects);
        env.clock.sleep(Duration::from_secs(120)).await;
        workers.stop().await;
        let opened = env.disk.open(&mark, env::OpenOptions::default()).await;
        assert!(opened.is_err(), "the drive is filled");
        assert_tidy(&objects).await;
        for number in 0..30 {
            let len = [500, 5_000, 200_000][number as usize % 3];
            assert_eq!(get(&objects, &format!("{number}")).await.unwrap(), content(number, len));
        }
    });
}
