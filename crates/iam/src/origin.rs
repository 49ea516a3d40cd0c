//! Where a request comes from.

use std::net::IpAddr;

/// Where a request comes from, as far as the connection tells: headers are not trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The other end of the connection.
    pub address: IpAddr,
    /// Whether headers say that a proxy passed it on.
    pub is_forwarded: bool,
}

impl Origin {
    /// Whether it was sent on this machine.
    #[must_use]
    pub fn is_this_machine(&self) -> bool {
        self.address.to_canonical().is_loopback() && !self.is_forwarded
    }
}
