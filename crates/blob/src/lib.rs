//! Payload bytes: write them durably, read them back intact, or say which shards are lost.

pub mod erasure;
