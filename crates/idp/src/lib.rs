//! Identity providers: who is asked about somebody, and what of the answer is believed.
//!
//! Invariants:
//! - Nobody is vouched for but by a proof that was verified: a token's signature by a key of its provider, or what the operator's web
//!   hook answers.
//! - A provider is asked for its keys seldom, by one request at a time, however many wait and whatever they send; a hook by a bounded
//!   number of requests.
//! - No token, password or client secret is in a message, in the log or in `Debug`.
//!
//! What a session of somebody may be is decided in `iam`; how its form looks, in `s3`.

mod certificate;
pub mod jwt;
mod openid;
mod plugin;
mod role;
mod web;

pub use certificate::{CertificateProvider, not_after};
pub use openid::{OpenIdOptions, OpenIdProvider};
pub use plugin::{PluginOptions, PluginProvider};
pub use role::role_arn;
pub use web::{OutboundWeb, Web, WebFault};
