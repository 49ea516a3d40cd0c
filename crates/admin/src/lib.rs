//! The admin API: what `mc admin` and the madmin SDK ask, under `/minio/admin/v3`, and the same in plain JSON under
//! `/rustfs/admin/v3`.
//!
//! Invariants:
//! - Every route is a row of [`ROUTES`] with the right it needs; the one place that authorises reads it there.
//! - The order of steps is the protection: who asks, what, whether they may; only then is a body read.
//! - What is answered was measured or is in the records: nothing is made up. What this server does not have answers
//!   `NotImplemented`.
//! - Bodies, streams and requests at once have limits.

mod account;
mod answer;
mod archive;
mod asker;
mod attachments;
mod body;
mod call;
mod config;
mod drives;
mod error;
mod facts;
mod gate;
mod go_duration;
mod groups;
mod heal;
mod host;
mod iam_archive;
mod iam_transfer;
mod identity_providers;
mod info;
mod inventory;
mod keys;
mod kms;
mod live;
mod locks;
mod log;
mod metrics;
mod policies;
mod query;
mod quota;
mod route;
mod server;
mod service;
mod speedtest;
mod time;
mod trace;
mod usage;
mod users;
mod why;
pub mod wire;

pub use answer::AdminBody;
pub use call::Caller;
pub use error::{AdminError, AdminErrorCode};
pub use facts::{Control, ProviderFacts, ServerFacts, Setting};
pub use gate::Gate;
pub use log::{LogBoard, LogLevel, LogLine};
pub use route::{KMS_ROUTES, Needed, ROUTES, Route, Sealed, route_path};
pub use server::{Admin, AdminOptions, Incoming, is_admin_path};
pub use trace::{TraceBoard, TraceCall};
