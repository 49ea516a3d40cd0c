//! Consensus: one group per partition, driven by the drive's loop. The only place that names raft.

pub(crate) mod fate;
pub(crate) mod group;
pub(crate) mod membership;
pub(crate) mod network;
pub(crate) mod place;
pub(crate) mod refill;
pub(crate) mod storage;
