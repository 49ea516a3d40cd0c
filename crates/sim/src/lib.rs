//! The whole server below HTTP on simulated clock, randomness and drives, from one seed.
