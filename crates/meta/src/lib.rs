//! Serializable transactions on ordered tables, replicated per partition.

pub mod engine;
pub mod log;
