//! What a request may cost.

use std::time::Duration;

/// What a request may cost. The size and number of headers are limited by the HTTP server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Silence after which a body is given up.
    pub body_idle_max: Duration,
    /// A body that lists keys to delete or parts to complete.
    pub list_body_bytes_max: u64,
    /// Any other XML body.
    pub xml_body_bytes_max: u64,
    /// A body that is read only so that the connection can go on after a refusal.
    pub drain_bytes_max: u64,
    /// How long that may take.
    pub drain_time_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_idle_max: Duration::from_secs(60),
            // 10,000 parts with a checksum each, or 1,000 keys of 1,024 bytes with some escapes.
            list_body_bytes_max: 4 << 20,
            xml_body_bytes_max: 256 << 10,
            // A part as SDKs send it, most of them without asking first: a closed connection would hide the error from them.
            drain_bytes_max: 8 << 20,
            drain_time_max: Duration::from_secs(5),
        }
    }
}

/// Objects of up to this many bytes are answered in one piece.
pub(crate) const WHOLE_ANSWER_BYTES_MAX: u64 = 256 << 10;

/// How often an object is opened again that was replaced while it was opened.
pub(crate) const OPEN_ATTEMPTS_MAX: usize = 5;
