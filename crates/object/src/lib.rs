//! The meaning of S3: what one request changes, atomically.
