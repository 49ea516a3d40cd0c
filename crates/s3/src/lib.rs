//! S3 over HTTP: the only crate that knows the wire.
