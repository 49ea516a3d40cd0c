//! TLS: certificates from a folder, by name, exchanged for new ones while connections go on.
//!
//! Always:
//! - What is served was read whole and its keys belong to its certificates; what is not keeps out, and the former one serves on.
//! - A connection keeps the certificate that it began with.
//! - Where clients show certificates no session is resumed: a certificate that ended, or an authority that was taken away,
//!   counts for the next connection.
//! - No key and no part of one is in a message.

mod error;
mod expiry;
mod folder;
mod names;
mod pair;
mod reload;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use error::TlsError;
pub use reload::keep_fresh;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use env::Env;
use parking_lot::RwLock;
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};

use folder::Files;
use names::ByName;
use pair::Pair;

/// What is offered above TLS, the preferred one first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Whether clients show certificates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientCertificates {
    /// They are not asked for one.
    #[default]
    Off,
    /// They may: one that is shown has to be of an authority that is trusted.
    Optional,
    /// Without one there is no connection.
    Required,
}

/// Where certificates are, and how they are used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsOptions {
    /// The folder that holds them.
    pub folder: PathBuf,
    /// Whether clients show certificates.
    pub clients: ClientCertificates,
    /// The authorities of clients' certificates, where they are not in the folder.
    pub client_authorities: Option<PathBuf>,
    /// How often the folder is looked at; `None`: only when the process gets SIGHUP.
    pub looked_at_every: Option<Duration>,
}

/// What connections are encrypted with. Clones share it.
#[derive(Clone)]
pub struct Tls {
    options: Arc<TlsOptions>,
    serving: Arc<RwLock<Arc<Serving>>>,
}

/// One state of the folder, ready to serve.
struct Serving {
    config: Arc<ServerConfig>,
    pairs: Vec<Pair>,
    /// The files that it was made of.
    digest: [u8; 32],
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Tls").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the folder.
    ///
    /// # Errors
    /// Where something in it can't be used; the sentence names the file and what to do.
    pub async fn open(env: &Env, options: TlsOptions) -> Result<Self, TlsError> {
        let files = Files::read(&*env.disk, &options).await?;
        let serving = Arc::new(RwLock::new(Arc::new(Serving::new(&files, options.clients)?)));
        Ok(Self { options: Arc::new(options), serving })
    }

    /// What a new connection is encrypted with.
    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.serving.read().config)
    }

    /// What the operator should know at the start, in sentences.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let serving = Arc::clone(&self.serving.read());
        serving.pairs.iter().flat_map(Pair::warnings).collect()
    }

    fn serving(&self) -> Arc<Serving> {
        Arc::clone(&self.serving.read())
    }

    fn serve(&self, serving: Serving) {
        *self.serving.write() = Arc::new(serving);
    }
}

impl Serving {
    fn new(files: &Files, clients: ClientCertificates) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let pairs: Result<Vec<Pair>, TlsError> =
            files.pairs.iter().map(|files| Pair::read(files, &provider)).collect();
        let pairs = pairs?;
        let config = config(files, &pairs, clients, &provider)?;
        Ok(Self { config: Arc::new(config), pairs, digest: files.digest() })
    }
}

/// The authorities that the folder vouches for: those in `CAs/`, each file in PEM.
///
/// # Errors
/// Where one can't be read.
pub async fn authorities(env: &Env, options: &TlsOptions) -> Result<Vec<Bytes>, TlsError> {
    let files = folder::all_authorities(&*env.disk, &options.folder).await?;
    Ok(files.into_iter().map(|file| file.text).collect())
}

fn config(
    files: &Files,
    pairs: &[Pair],
    clients: ClientCertificates,
    provider: &Arc<CryptoProvider>,
) -> Result<ServerConfig, TlsError> {
    let verifier = verifier(files, clients, provider)?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::library(&error))?;
    let names = Arc::new(ByName::new(pairs));
    let mut config = builder.with_client_cert_verifier(verifier).with_cert_resolver(names);
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    if clients == ClientCertificates::Off {
        // Its keys are exchanged every few hours.
        config.ticketer = ring::Ticketer::new().map_err(|error| TlsError::library(&error))?;
    } else {
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(config)
}

fn verifier(
    files: &Files,
    clients: ClientCertificates,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    if clients == ClientCertificates::Off {
        return Ok(WebPkiClientVerifier::no_client_auth());
    }
    let mut roots = RootCertStore::empty();
    for file in &files.client_authorities {
        for certificate in pair::certificates(file)? {
            let wrong = |error: rustls::Error| TlsError::certificate(&file.path, &error.to_string());
            roots.add(certificate).map_err(wrong)?;
        }
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let builder = match clients {
        ClientCertificates::Required => builder,
        _ => builder.allow_unauthenticated(),
    };
    builder.build().map_err(|error| TlsError::Library(error.to_string()))
}
