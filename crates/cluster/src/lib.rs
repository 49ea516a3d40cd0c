//! Which drives there are and where things go: the map, its copy on every drive, placement, and what to do at start.
//!
//! All of it is pure but [`format::read`] and [`format::write`]. Nothing here knows objects, rows or blobs.

pub mod format;
pub mod map;
pub mod placement;
pub mod start;
