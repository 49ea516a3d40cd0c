//! Write bytes durably, read them back intact, or say which shards are lost.
