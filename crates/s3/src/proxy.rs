//! Proxies between client and server: whose headers count.
//!
//! Always true: a header that tells of the client's side of a proxy counts only if the other end of the connection is
//! a proxy that the operator trusts.

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use http::HeaderMap;
use iam::Origin;
use thiserror::Error;

/// Headers that say that a proxy passed the request on.
const FORWARDING: [&str; 7] = [
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "forwarded",
    "x-real-ip",
    "via",
];
/// Names that a proxy may give.
const HOSTS_MAX: usize = 4;

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub address: IpAddr,
    /// Whether the connection is encrypted.
    pub is_tls: bool,
}

/// The certificate that a client has shown and that an authority has signed which the operator trusts: X.509 in DER. It is
/// with the extensions of each request of its connection, where there is one.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientCertificate(pub Arc<[u8]>);

impl std::fmt::Debug for ClientCertificate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "ClientCertificate({} bytes)", self.0.len())
    }
}

/// An address, or all addresses that begin with the same bits: `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    address: IpAddr,
    prefix_bits: u8,
}

/// The text names no network. The operator has to write an address or an address and its prefix.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} is neither an address nor a network such as 10.0.0.0/8")]
pub struct SubnetError {
    text: String,
}

impl Subnet {
    /// Whether the address is in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address.to_canonical(), address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let shift = 32_u32.saturating_sub(self.prefix_bits.into());
                network.to_bits().checked_shr(shift) == address.to_bits().checked_shr(shift)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let shift = 128_u32.saturating_sub(self.prefix_bits.into());
                network.to_bits().checked_shr(shift) == address.to_bits().checked_shr(shift)
            }
            _ => false,
        }
    }
}

impl From<IpAddr> for Subnet {
    fn from(address: IpAddr) -> Self {
        Self { address, prefix_bits: bits(address) }
    }
}

impl FromStr for Subnet {
    type Err = SubnetError;

    fn from_str(text: &str) -> Result<Self, SubnetError> {
        let error = || SubnetError { text: text.to_owned() };
        let (address, prefix) =
            text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.trim().parse().map_err(|_| error())?;
        let prefix_bits = match prefix {
            Some(prefix) => {
                prefix.trim().parse().ok().filter(|found| *found <= bits(address)).ok_or_else(error)?
            }
            None => bits(address),
        };
        Ok(Self { address, prefix_bits })
    }
}

fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

impl Peer {
    /// Where a request of this peer comes from.
    pub(crate) fn origin(&self, headers: &HeaderMap) -> Origin {
        let is_forwarded = FORWARDING.iter().any(|name| headers.contains_key(*name));
        Origin { address: self.address, is_forwarded }
    }

    pub(crate) fn is_trusted_proxy(&self, trusted: &[Subnet]) -> bool {
        trusted.iter().any(|network| network.contains(self.address))
    }

    /// The client's address: the peer's; behind trusted proxies, the last one in `X-Forwarded-For` that is none of them. What
    /// stands before it anybody may have written.
    pub(crate) fn client(&self, trusted: &[Subnet], headers: &HeaderMap) -> IpAddr {
        let mut client = self.address;
        let lists = headers.get_all("x-forwarded-for").iter().rev().filter_map(|value| value.to_str().ok());
        for text in lists.flat_map(|list| list.rsplit(',')) {
            let is_trusted = trusted.iter().any(|network| network.contains(client));
            match text.trim().parse() {
                Ok(before) if is_trusted => client = before,
                _ => break,
            }
        }
        client
    }
}

/// The hosts that the client may have named, as a trusted proxy tells them; with their ports where it tells those.
pub(crate) fn forwarded_hosts(headers: &HeaderMap) -> Vec<String> {
    let mut hosts = Vec::new();
    let texts = |name| headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let port = texts("x-forwarded-port").next().map(str::trim).filter(|port| port.parse::<u16>().is_ok());
    for host in texts("x-forwarded-host").flat_map(|text| text.split(',')).map(str::trim) {
        if let Some(port) = port.filter(|_| !host.is_empty() && !host.contains(':')) {
            hosts.push(format!("{host}:{port}"));
        }
        hosts.push(host.to_owned());
    }
    for pair in texts("forwarded").flat_map(|text| text.split([',', ';'])) {
        if let Some((_, value)) =
            pair.trim().split_once('=').filter(|(name, _)| name.eq_ignore_ascii_case("host"))
        {
            hosts.push(value.trim_matches('"').to_owned());
        }
    }
    hosts.retain(|host| !host.is_empty());
    hosts.truncate(HOSTS_MAX);
    hosts
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn networks_hold_what_begins_with_their_bits() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("10.1.2.3", "10.1.2.3", "10.1.2.4"),
            ("10.1.2.3", "::ffff:10.1.2.3", "::1"),
            ("fd00::/8", "fd12::1", "fe80::1"),
            ("192.168.1.64/26", "192.168.1.127", "192.168.1.128"),
        ] {
            let network: Subnet = network.parse().unwrap();
            assert!(network.contains(address(inside)) && !network.contains(address(outside)), "{network:?}");
        }
        let all: Subnet = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains(address("8.8.8.8")));
        for wrong in ["", "10.0.0.0/33", "10.0.0/8", "host", "10.0.0.0/-1", "10.0.0.0/"] {
            assert!(wrong.parse::<Subnet>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_request_with_a_forwarding_header_is_forwarded() {
        let peer = Peer { address: address("127.0.0.1"), is_tls: false };
        let mut headers = HeaderMap::new();
        assert!(peer.origin(&headers).is_this_machine());
        headers.insert("x-real-ip", HeaderValue::from_static("127.0.0.1"));
        assert!(!peer.origin(&headers).is_this_machine());
    }

    #[test]
    fn a_client_cannot_say_that_it_comes_from_elsewhere() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let client = |peer: &str, lists: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for list in lists {
                headers.append("x-forwarded-for", HeaderValue::from_static(list));
            }
            Peer { address: address(peer), is_tls: false }.client(&trusted, &headers).to_string()
        };
        assert_eq!(client("192.0.2.1", &["127.0.0.1"]), "192.0.2.1", "no proxy passed it on");
        assert_eq!(client("10.0.0.1", &["192.0.2.7"]), "192.0.2.7");
        assert_eq!(
            client("10.0.0.1", &["127.0.0.1, 192.0.2.7"]),
            "192.0.2.7",
            "who wrote the first is not known"
        );
        assert_eq!(client("10.0.0.1", &["127.0.0.1, 192.0.2.7, 10.0.0.2"]), "192.0.2.7");
        assert_eq!(client("10.0.0.1", &["127.0.0.1", "192.0.2.7"]), "192.0.2.7");
        assert_eq!(client("10.0.0.1", &["192.0.2.7, nonsense"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn hosts_of_both_headers_are_found_with_their_ports() {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-host", HeaderValue::from_static("s3.example.com, inner"));
        headers.insert("x-forwarded-port", HeaderValue::from_static("8443"));
        headers.insert("forwarded", HeaderValue::from_static("for=1.2.3.4;host=\"other.example.com:81\""));
        let found = forwarded_hosts(&headers);
        assert_eq!(found, ["s3.example.com:8443", "s3.example.com", "inner:8443", "inner"]);
        headers.remove("x-forwarded-host");
        assert_eq!(forwarded_hosts(&headers), ["other.example.com:81"]);
    }
}
