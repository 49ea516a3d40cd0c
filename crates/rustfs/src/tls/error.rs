//! What is wrong with the folder of certificates, in sentences that say who has to do what.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why certificates can't be used.
#[derive(Debug, Error)]
pub enum TlsError {
    /// The folder.
    #[error(
        "the folder of certificates {} can't be read ({source}): give --tls-path (or RUSTFS_TLS_PATH) one that this user may read",
        path.display()
    )]
    Folder {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A file.
    #[error("{} can't be read ({source}): let the user that the server runs as read it", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// There is no certificate in the folder itself.
    #[error(
        "{} holds no certificate: put rustfs_cert.pem and rustfs_key.pem (or public.crt and private.key) there, or take \
         --tls-path away to serve without TLS",
        path.display()
    )]
    Nothing {
        /// The folder.
        path: PathBuf,
    },
    /// A certificate without its key, or the other way round.
    #[error("{} is there, but {} is not: a certificate is used with its key", present.display(), missing.display())]
    Half {
        /// What is there.
        present: PathBuf,
        /// What is not.
        missing: PathBuf,
    },
    /// A file that should hold certificates.
    #[error(
        "{} can't be used as a certificate ({reason}): it has to be PEM (-----BEGIN CERTIFICATE-----), first the server's own, \
         then those between it and the root",
        path.display()
    )]
    Certificate {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file that should hold a key.
    #[error(
        "{} can't be used as a private key: it has to be PEM (-----BEGIN PRIVATE KEY-----), RSA with 2048 bits or more, ECDSA \
         with P-256 or P-384, or Ed25519",
        path.display()
    )]
    Key {
        /// Which.
        path: PathBuf,
    },
    /// A key that is sealed.
    #[error(
        "the key {} is protected by a password, which is not supported: write it without one (openssl pkey -in ... -out ...) and \
         let only the server's user read it",
        path.display()
    )]
    SealedKey {
        /// Which.
        path: PathBuf,
    },
    /// A key of another certificate.
    #[error(
        "the key {} does not belong to the certificate {}: put the two there that were made together",
        key.display(),
        certificate.display()
    )]
    Mismatch {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
    },
    /// Clients are to show certificates, and nobody is trusted to have signed them.
    #[error(
        "clients are to show certificates (RUSTFS_SERVER_MTLS_ENABLE), but no authority is named that signs them: put \
         client_ca.crt into {}, or name a file in RUSTFS_TLS_CLIENT_CA",
        folder.display()
    )]
    NoAuthorities {
        /// The folder.
        folder: PathBuf,
    },
    /// Too many certificates.
    #[error("{} has more than {limit} sub-folders: leave only those that hold a certificate in it", path.display())]
    TooMany {
        /// The folder.
        path: PathBuf,
        /// How many there may be.
        limit: usize,
    },
    /// What the TLS library says.
    #[error("TLS can't be set up: {0}")]
    Library(String),
}

impl TlsError {
    pub(super) fn library(error: &rustls::Error) -> Self {
        Self::Library(error.to_string())
    }

    pub(super) fn certificate(path: &Path, reason: &str) -> Self {
        Self::Certificate { path: path.to_owned(), reason: reason.to_owned() }
    }

    pub(super) fn file(path: &Path, source: io::Error) -> Self {
        Self::File { path: path.to_owned(), source }
    }
}
