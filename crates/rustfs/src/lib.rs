//! The rustfs binary: command line, wiring, start and stop. The only crate in which concrete things are built.

pub mod admin_door;
pub mod announce;
mod audit_command;
pub mod cli;
mod client;
pub mod config;
mod doctor;
pub mod drives;
pub mod health;
mod identity;
mod input_files;
pub mod inspect;
pub mod listener;
pub mod log_tap;
pub mod logging;
pub mod memory;
pub mod open_files;
pub mod orders;
pub mod salvage;
pub mod server;
pub mod service_manager;
pub mod shutdown;
pub mod tls;
pub mod trace;
pub mod volumes;
pub mod wiring;
