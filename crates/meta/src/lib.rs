//! Serializable transactions on ordered tables, replicated per partition.
