//! The rustfs binary: command line, wiring, start and stop.
