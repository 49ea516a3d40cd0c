//! The rustfs binary: command line, wiring, start and stop. The only crate in which concrete things are built.

pub mod cli;
pub mod config;
pub mod drives;
pub mod listener;
pub mod shutdown;
pub mod volumes;
