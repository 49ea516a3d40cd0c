//! The vocabulary: names, ids, records, limits. No I/O, no async, no HTTP.
