//! What madmin puts on the wire: bodies sealed with the caller's secret key.
//!
//! Always true:
//! - What opens was sealed by somebody who knows the secret, whole and in order: no piece is given out before all are checked.
//! - Memory is bounded before anything is derived from a body: by [`PAYLOAD_BYTES_MAX`], and by the parameters of the
//!   derivation, which are fixed and never read from the body.

mod fragments;
mod key;
mod sealed;
#[cfg(test)]
mod tests;

pub use key::{Algorithm, PayloadKey};
pub use sealed::{PAYLOAD_BYTES_MAX, PayloadError, SealedPayload, open, seal, seal_with};
