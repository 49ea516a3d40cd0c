//! One process on one seed.
