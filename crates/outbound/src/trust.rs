//! Whom the client believes.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::error::OutboundError;

/// Whose certificates are believed, and the certificate that is shown to who asks for one.
#[derive(Clone)]
pub struct Trust {
    pub(crate) tls: Arc<ClientConfig>,
}

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Trust")
    }
}

impl Trust {
    /// The system's certificates and those of `authorities`: files in PEM, each of any number of certificates. `identity` is
    /// what is shown where a server wants to know who asks: a chain and its key, both in PEM.
    ///
    /// # Errors
    /// Where a text is no PEM, or holds a certificate or a key that can't be used.
    pub fn new(authorities: &[&[u8]], identity: Option<(&[u8], &[u8])>) -> Result<Self, OutboundError> {
        let mut roots = RootCertStore::empty();
        // A system without certificates, or with one that can't be read, is no reason not to believe the others.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        for authority in authorities {
            for certificate in certificates(authority)? {
                roots.add(certificate).map_err(unusable)?;
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.map_err(unusable)?.with_root_certificates(roots);
        let tls = match identity {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let key = PrivateKeyDer::from_pem_slice(key).map_err(unusable)?;
                builder.with_client_auth_cert(certificates(chain)?, key).map_err(unusable)?
            }
        };
        Ok(Self { tls: Arc::new(tls) })
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, OutboundError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(unusable)?;
    match found.is_empty() {
        true => Err(OutboundError::Certificate { reason: "there is no certificate in the file".to_owned() }),
        false => Ok(found),
    }
}

fn unusable(error: impl std::fmt::Display) -> OutboundError {
    OutboundError::Certificate { reason: error.to_string() }
}
