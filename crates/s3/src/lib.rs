//! S3 over HTTP: the only crate that knows HTTP and S3 XML. It maps requests to the object service and errors to S3 codes.
//!
//! Invariants:
//! - Nothing of a body is read before the sender is known and allowed what it asks.
//! - Every operation has a row in [`actions`]: what has none is refused.
//! - A body that cannot be sent whole never ends as if it were.

mod acl;
pub mod actions;
mod addressing;
mod attributes;
pub mod auth;
mod authorization;
pub mod body;
mod bucket;
mod caller;
mod checksum_headers;
mod conditions;
mod copy;
pub mod error;
mod frontend;
pub mod generated;
mod limits;
mod listing;
mod multipart;
mod object_delete;
mod object_get;
mod object_put;
mod overload;
mod part;
mod presigned_headers;
mod proxy;
mod range;
mod request;
mod response;
pub mod route;
mod sts;
mod token;
mod unsupported;
mod upload_listing;
pub mod wire;

pub use caller::SignedCaller;
pub use error::S3Error;
pub use frontend::{Frontend, FrontendOptions};
pub use limits::Limits;
pub use proxy::{ClientCertificate, Peer, Subnet};
pub use response::{ResponseBody, ResponseError};
