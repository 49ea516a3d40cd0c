//! The whole server below the HTTP front in one process, from one seed.
//!
//! - [`world`] is the machine and the server on it: drives, their engines, and what the binary builds on them.
//! - [`workload`] are clients that do every kind of operation; [`oracle`] remembers what they asked and were told.
//! - [`invariants`] are what must hold whatever happens, a file each.
//! - [`run`] is one seed: several lives with crashes between; [`scenario`] lets a crash, or a drive's fault, come at every
//!   step of one operation; [`rot`] harms files between two lives.
//! - [`campaign`] is many of these at once.
//!
//! Everything is drawn from the seed: two runs of one seed do the same, which their traces show.

pub mod campaign;
pub mod content;
pub mod engine;
pub mod invariants;
pub mod oracle;
pub mod rot;
pub mod run;
pub mod scenario;
pub mod still;
pub mod workload;
pub mod world;
