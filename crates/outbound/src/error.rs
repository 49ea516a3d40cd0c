//! Why somebody else could not be asked. Every message names the server and never the path, the query or a header.

use std::error::Error;

use thiserror::Error;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OutboundError {
    /// The address is none of HTTP.
    #[error("an address begins with http:// or https:// and names a host")]
    Address,
    /// A certificate or a key of ours can't be used.
    #[error("a certificate or a key can't be used: {reason}")]
    Certificate {
        /// What is wrong with it.
        reason: String,
    },
    /// There is no connection, or it broke, or the certificate is not believed.
    #[error("{server} can't be asked: {reason}")]
    Unreachable {
        /// Scheme, host and port.
        server: String,
        /// What each layer said, from the outer to the inner.
        reason: String,
    },
    /// The answer did not come in time.
    #[error("{server} did not answer within {seconds} s")]
    Late {
        /// Scheme, host and port.
        server: String,
        /// The time it had.
        seconds: u64,
    },
    /// The answer is longer than it may be.
    #[error("the answer of {server} is longer than {bytes_max} bytes")]
    TooLong {
        /// Scheme, host and port.
        server: String,
        /// The most it may be.
        bytes_max: usize,
    },
}

impl OutboundError {
    pub(crate) fn unreachable(server: &str, error: &(dyn Error + 'static)) -> Self {
        Self::Unreachable { server: server.to_owned(), reason: reasons(error) }
    }
}

/// The error and what caused it: the last one is what an operator can act upon ("connection refused").
fn reasons(error: &(dyn Error + 'static)) -> String {
    let mut said: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        // A layer often repeats what the one below says.
        if !said.iter().any(|earlier| earlier.contains(&text)) {
            said.push(text);
        }
        next = error.source();
    }
    said.join(": ")
}
