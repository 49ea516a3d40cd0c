//! The `format` file of a drive. Input: how many drives a set has, then text, which is read as it is and with the checksum
//! that it should have.
//!
//! What decodes is encoded to what decodes to the same, and everything that is computed from it can be.

use cluster::format::DriveFormat;
use cluster::map::ClusterMap;
use cluster::placement::replica_drives;
use model::ids::{DriveId, PartitionId};
use xxhash_rust::xxh3::xxh3_64;

use crate::input::Input;

/// See the module.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let (sets, width) = (input.u8() % 4, input.u16() % 600);
    let text = String::from_utf8_lossy(input.rest()).into_owned();
    check(&text);
    let mut text = text.split("checksum ").next().unwrap_or_default().to_owned();
    for set in 0..sets {
        for slot in 0..width {
            let drive = DriveId::from_bytes((u128::from(set) << 64 | u128::from(slot) << 112).to_be_bytes());
            text.push_str(&format!("slot {set} {slot} {drive}\n"));
        }
    }
    check(&format!("{text}checksum {:016x}\n", xxh3_64(text.as_bytes())));
}

fn check(text: &str) {
    let Ok(format) = DriveFormat::decode(text) else { return };
    assert_eq!(DriveFormat::decode(&format.encode()).as_ref(), Ok(&format), "{text}");
    usable(&format.map);
    if let Some(slot) = format.slot() {
        assert!(format.map.slots().any(|(other, drive)| other == slot && drive == format.drive));
    }
}

/// A map that was read can be computed with.
fn usable(map: &ClusterMap) {
    assert_eq!(map.slots().count(), map.drive_count(), "each drive has a slot");
    let redundancy = map.redundancy(map.parity);
    assert!(redundancy.data > 0 && redundancy.shards() == map.set_width().max(1), "{map:?}");
    for partition in [PartitionId(0), map.system_partition()] {
        let replicas = replica_drives(map, partition);
        assert!(
            replicas.len() <= map.drive_count() && replicas.len() <= usize::from(map.replicas),
            "{map:?}"
        );
    }
}
