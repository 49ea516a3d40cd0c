//! The only door to time, randomness, files and threads; real and simulated.
