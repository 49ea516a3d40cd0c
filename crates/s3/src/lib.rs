//! S3 over HTTP: the only crate that knows HTTP and S3 XML. It maps requests to the object service and errors to S3 codes.

pub mod auth;
pub mod body;
pub mod error;
pub mod generated;
pub mod route;
pub mod wire;
