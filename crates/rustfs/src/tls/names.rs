//! Which certificate a client gets: the one for the name that it asks for, or the folder's own. Pure.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::pair::Pair;

/// Certificates by the names that they are for. The names in the certificate decide, not its folder's.
pub(super) struct ByName {
    exact: HashMap<String, Arc<CertifiedKey>>,
    /// By what follows `*.`; a wildcard stands for one label.
    wildcard: HashMap<String, Arc<CertifiedKey>>,
    default: Option<Arc<CertifiedKey>>,
}

impl ByName {
    /// Of these; the first is for who asks for none of their names. Where two are for one name the first counts.
    pub(super) fn new(pairs: &[Pair]) -> Self {
        let mut found = Self {
            exact: HashMap::new(),
            wildcard: HashMap::new(),
            default: pairs.first().map(|pair| Arc::clone(&pair.certified)),
        };
        for pair in pairs {
            for name in &pair.names {
                let (table, name) = match name.strip_prefix("*.") {
                    Some(above) => (&mut found.wildcard, above),
                    None => (&mut found.exact, name.as_str()),
                };
                table.entry(name.to_owned()).or_insert_with(|| Arc::clone(&pair.certified));
            }
        }
        found
    }

    /// The certificate for a name.
    pub(super) fn find(&self, name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let name = name.map(str::to_ascii_lowercase).unwrap_or_default();
        let above = name.split_once('.').map_or("", |(_, above)| above);
        let found = self.exact.get(&name).or_else(|| self.wildcard.get(above)).or(self.default.as_ref());
        found.cloned()
    }
}

impl fmt::Debug for ByName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ByName").field("names", &self.exact.keys()).finish_non_exhaustive()
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.find(hello.server_name())
    }
}
