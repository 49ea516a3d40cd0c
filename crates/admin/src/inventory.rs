//! How many drives, sets and shards there are, as madmin counts them.

use cluster::map::ClusterMap;
use serde_json::{Value, json};

use crate::drives::Disk;

/// madmin's number for a store that codes what it stores.
const ERASURE: u8 = 2;

/// What is said of the drives as a whole.
pub(crate) struct Inventory<'a> {
    pub(crate) map: &'a ClusterMap,
    pub(crate) disks: &'a [Disk],
    /// Under which name drives are counted.
    pub(crate) endpoint: &'a str,
}

impl Inventory<'_> {
    pub(crate) fn online(&self) -> usize {
        self.disks.iter().filter(|disk| disk.is_online()).count()
    }

    pub(crate) fn offline(&self) -> usize {
        self.disks.len() - self.online()
    }

    /// madmin's `ErasureBackend`.
    pub(crate) fn erasure_backend(&self) -> Value {
        json!({
            "backendType": "Erasure",
            "onlineDisks": self.online(),
            "offlineDisks": self.offline(),
            "standardSCParity": self.map.parity,
            "rrSCParity": self.map.parity_reduced,
            "totalSets": [self.map.sets.len()],
            "totalDrivesPerSet": [self.map.set_width()],
        })
    }

    /// madmin's `BackendInfo`.
    pub(crate) fn backend_info(&self) -> Value {
        let data = |parity| self.map.redundancy(parity).data;
        json!({
            "Type": ERASURE,
            "GatewayOnline": false,
            "OnlineDisks": { self.endpoint: self.online() },
            "OfflineDisks": { self.endpoint: self.offline() },
            "StandardSCData": [data(self.map.parity)],
            "StandardSCParities": [self.map.parity],
            "RRSCData": [data(self.map.parity_reduced)],
            "RRSCParities": [self.map.parity_reduced],
            "StandardSCParity": self.map.parity,
            "RRSCParity": self.map.parity_reduced,
            "TotalSets": [self.map.sets.len()],
            "DrivesPerSet": [self.map.set_width()],
        })
    }

    /// Bytes of all drives and how many of them are free.
    pub(crate) fn raw_room(&self) -> (u64, u64) {
        let total = self.disks.iter().map(|disk| disk.room().1).sum();
        let free = self.disks.iter().map(Disk::free_bytes).sum();
        (total, free)
    }
}
