//! Networks of `IpAddress` and `NotIpAddress`: an address, or a range in CIDR form.
//!
//! Always true: an IPv4 address that is written as IPv6 (`::ffff:192.0.2.1`) is that IPv4 address, in the policy and in the
//! request. A server that listens on both kinds sees such addresses, and a denial of an IPv4 network must find them.

use std::net::{IpAddr, Ipv4Addr};

/// Addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    first: IpAddr,
    prefix_bits: u32,
}

/// How many bits of an IPv6 address say that it is an IPv4 one.
const MAPPED_BITS: u32 = 96;

impl Network {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, prefix) =
            text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().ok()?;
        let width = width(address);
        let prefix_bits = match prefix {
            None => width,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok()?,
            Some(_) => return None,
        };
        (prefix_bits <= width).then(|| Self::new(address, prefix_bits))
    }

    fn new(address: IpAddr, prefix_bits: u32) -> Self {
        match (address.to_canonical(), address, prefix_bits.checked_sub(MAPPED_BITS)) {
            (mapped @ IpAddr::V4(_), IpAddr::V6(_), Some(prefix_bits)) => Self { first: mapped, prefix_bits },
            _ => Self { first: address, prefix_bits },
        }
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        match (self.first, address) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                let bits = |address: Ipv4Addr| u128::from(address.to_bits()) << MAPPED_BITS;
                agree(bits(first), bits(address), self.prefix_bits)
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                agree(first.to_bits(), address.to_bits(), self.prefix_bits)
            }
            _ => false,
        }
    }
}

fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Whether the first bits are equal.
fn agree(one: u128, other: u128, bits: u32) -> bool {
    (one ^ other).checked_shr(u128::BITS - bits).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(network: &str, address: &str) -> bool {
        Network::parse(network).unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn a_network_holds_what_begins_like_it() {
        for (network, address, expected) in [
            ("203.0.113.0/24", "203.0.113.0", true),
            ("203.0.113.0/24", "203.0.113.255", true),
            ("203.0.113.0/24", "203.0.114.0", false),
            ("203.0.113.7/24", "203.0.113.9", true),
            ("203.0.113.7", "203.0.113.7", true),
            ("203.0.113.7", "203.0.113.6", false),
            ("0.0.0.0/0", "255.255.255.255", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("10.0.0.0/32", "10.0.0.0", true),
            ("2001:DB8:1234:5678::/64", "2001:db8:1234:5678:9::1", true),
            ("2001:DB8:1234:5678::/64", "2001:db8:1234:5679::1", false),
            ("2001:db8::1", "2001:db8::1", true),
            ("2001:db8::1", "2001:db8::2", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "10.0.0.1", false),
        ] {
            assert_eq!(contains(network, address), expected, "{network} {address}");
        }
    }

    #[test]
    fn a_mapped_address_is_the_ipv4_one() {
        for (network, address, expected) in [
            ("192.0.2.0/24", "::ffff:192.0.2.9", true),
            ("192.0.2.0/24", "::ffff:c000:309", false),
            ("::ffff:192.0.2.0/120", "192.0.2.9", true),
            ("::ffff:192.0.2.0/120", "192.0.3.9", false),
            ("::ffff:192.0.2.9", "::ffff:192.0.2.9", true),
            ("::ffff:0:0/96", "192.0.2.9", true),
            ("::ffff:0:0/90", "192.0.2.9", false),
            ("::192.0.2.9", "192.0.2.9", false),
        ] {
            assert_eq!(contains(network, address), expected, "{network} {address}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for wrong in [
            "",
            "10.0.0.0/33",
            "10.0.0/8",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "::/129",
            "10.0.0.0/8/8",
            "*",
            "fe80::1%eth0",
        ] {
            assert_eq!(Network::parse(wrong), None, "{wrong}");
        }
    }
}
