//! What `cargo xtask codegen` wrote from the AWS service model.
