//! S3 errors: code, status, message, XML; the one map from inner errors to S3 codes.
