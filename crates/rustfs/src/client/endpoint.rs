//! Where the server is. Pure.

use http::Uri;
use http::uri::{Authority, Scheme};

use super::WordsError;
use crate::config::Address;

/// A server's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    scheme: Scheme,
    authority: Authority,
}

impl Endpoint {
    /// Reads `https://store.example.com:9000`.
    ///
    /// # Errors
    /// Where it is none: the admin API has no prefix, and keys don't stand in URLs.
    pub(crate) fn parse(url: &str) -> Result<Self, WordsError> {
        let wrong = |reason| WordsError::Url { reason };
        let uri: Uri = url.parse().map_err(|_| wrong("is no URL such as http://127.0.0.1:9000"))?;
        let scheme = uri.scheme().filter(|scheme| [&Scheme::HTTP, &Scheme::HTTPS].contains(scheme)).cloned();
        let scheme = scheme.ok_or(wrong("has to begin with http:// or https://"))?;
        let authority = uri.authority().cloned().ok_or(wrong("names no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("holds keys: name them in RUSTFS_ACCESS_KEY and RUSTFS_SECRET_KEY"));
        }
        if authority.host().is_empty() {
            return Err(wrong("names no host"));
        }
        if !uri.path().trim_matches('/').is_empty() || uri.query().is_some() {
            return Err(wrong("may have nothing behind the host and the port"));
        }
        Ok(Self { scheme, authority })
    }

    /// The server of this machine, where it was told to answer there.
    ///
    /// # Errors
    /// Where the address is none.
    pub(crate) fn of_this_machine(address: &Address, is_tls: bool) -> Result<Self, WordsError> {
        let scheme = if is_tls { "https" } else { "http" };
        let host = match address.host.as_deref() {
            None | Some("0.0.0.0") => "127.0.0.1".to_owned(),
            Some("::") => "[::1]".to_owned(),
            Some(host) if host.contains(':') => format!("[{host}]"),
            Some(host) => host.to_owned(),
        };
        Self::parse(&format!("{scheme}://{host}:{}", address.port))
    }

    /// What stands in the `Host` header: the port only where it is not the scheme's.
    pub(crate) fn host_header(&self) -> String {
        let default = if self.scheme == Scheme::HTTPS { 443 } else { 80 };
        match self.authority.port_u16() {
            Some(port) if port != default => self.authority.to_string(),
            _ => self.authority.host().to_owned(),
        }
    }

    /// The address of something on it; `path` and `query` are percent-encoded.
    pub(crate) fn url(&self, path: &str, query: &str) -> String {
        let joint = if query.is_empty() { "" } else { "?" };
        format!("{self}{path}{joint}{query}")
    }

    /// Whether others could read what goes there.
    pub(crate) fn is_open(&self) -> bool {
        self.scheme == Scheme::HTTP && !self.is_this_machine()
    }

    /// Whether it is reached without a network.
    pub(crate) fn is_this_machine(&self) -> bool {
        let host = self.host().trim_start_matches('[').trim_end_matches(']');
        host.parse::<std::net::IpAddr>().map_or(host == "localhost", |ip| ip.is_loopback())
    }

    /// The name or address of the machine.
    pub(crate) fn host(&self) -> &str {
        self.authority.host()
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_scheme_a_host_and_a_port() {
        for (url, host, is_open) in [
            ("http://127.0.0.1:9000", "127.0.0.1:9000", false),
            ("http://localhost:9000/", "localhost:9000", false),
            ("http://[::1]:9000", "[::1]:9000", false),
            ("http://store:80", "store", true),
            ("https://store:443", "store", false),
            ("https://store:80", "store:80", false),
            ("http://10.1.2.3:9000", "10.1.2.3:9000", true),
        ] {
            let endpoint = Endpoint::parse(url).unwrap();
            assert_eq!((endpoint.host_header().as_str(), endpoint.is_open()), (host, is_open), "{url}");
        }
        let endpoint = Endpoint::parse("http://h:1/").unwrap();
        assert_eq!(endpoint.url("/a%20b", "x=1"), "http://h:1/a%20b?x=1");
        assert_eq!(endpoint.url("/a", ""), "http://h:1/a");
    }

    #[test]
    fn what_is_no_address_is_refused_and_not_repeated() {
        for wrong in [
            "store:9000",
            "ftp://store",
            "http://",
            "http://u:secretword@h",
            "http://h/p",
            "http://h/?q",
            "/x",
        ] {
            let error = Endpoint::parse(wrong).unwrap_err().to_string();
            assert!(!error.contains("secretword"), "{error}");
        }
    }

    #[test]
    fn the_server_of_this_machine_is_where_it_was_told_to_answer() {
        let at = |host: Option<&str>, port| {
            let address = Address { host: host.map(str::to_owned), port };
            Endpoint::of_this_machine(&address, false).unwrap().to_string()
        };
        let encrypted = Endpoint::of_this_machine(&Address { host: None, port: 9443 }, true).unwrap();
        assert_eq!(encrypted.to_string(), "https://127.0.0.1:9443");
        assert_eq!(at(None, 9100), "http://127.0.0.1:9100");
        assert_eq!(at(Some("0.0.0.0"), 1), "http://127.0.0.1:1");
        assert_eq!(at(Some("::"), 1), "http://[::1]:1");
        assert_eq!(at(Some("fe80::1"), 1), "http://[fe80::1]:1");
        assert_eq!(at(Some("store"), 1), "http://store:1");
    }
}
