//! A certificate and its key: read from their files, found to belong together, with what is odd about them. Pure but for the
//! look at who may read the key.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, stat};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use time::OffsetDateTime;
use webpki::EndEntityCert;

use super::TlsError;
use super::folder::{PairFiles, PemFile};

/// What PEM says of a key that needs a password.
const SEALED: [&[u8]; 2] = [b"ENCRYPTED PRIVATE KEY", b"Proc-Type: 4,ENCRYPTED"];

/// A certificate that serves.
pub(super) struct Pair {
    pub(super) certified: Arc<CertifiedKey>,
    /// The names that it is for, in small letters, a wildcard as it stands in the certificate.
    pub(super) names: Vec<String>,
    /// Its last moment, if it says one.
    pub(super) ends: Option<OffsetDateTime>,
    pub(super) path: PathBuf,
    key_path: PathBuf,
    domain: Option<String>,
}

impl Pair {
    /// From its files.
    pub(super) fn read(files: &PairFiles, provider: &CryptoProvider) -> Result<Self, TlsError> {
        let chain = certificates(&files.certificate)?;
        let key = key(&files.key)?;
        let leaf = chain.first().map(|leaf| leaf.as_ref().to_vec()).unwrap_or_default();
        let certified = CertifiedKey::from_der(chain, key, provider).map_err(|error| wrong(files, &error))?;
        Ok(Self {
            certified: Arc::new(certified),
            names: names(&leaf, &files.certificate.path)?,
            ends: idp::not_after(&leaf),
            path: files.certificate.path.clone(),
            key_path: files.key.path.clone(),
            domain: files.domain.clone(),
        })
    }

    /// What is odd, in sentences. When the certificate ends is told by who looks at it again and again.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if is_readable_by_all(&self.key_path) {
            let key = self.key_path.display();
            warnings
                .push(format!("the key {key} can be read by every user of this machine: chmod 600 {key}."));
        }
        if let Some(domain) = self.domain.as_ref().filter(|domain| !covers(&self.names, domain)) {
            let path = self.path.display();
            warnings.push(format!(
                "{path} is not for {domain}, as its folder says, but for {}: those names decide.",
                self.names.join(", ")
            ));
        }
        warnings
    }
}

/// The certificates of a file, one at least.
pub(super) fn certificates(file: &PemFile) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&file.text).collect();
    match found {
        Ok(found) if found.is_empty() => {
            Err(TlsError::certificate(&file.path, "there is no certificate in it"))
        }
        Ok(found) => Ok(found),
        Err(error) => Err(TlsError::certificate(&file.path, &error.to_string())),
    }
}

fn key(file: &PemFile) -> Result<PrivateKeyDer<'static>, TlsError> {
    if SEALED.iter().any(|mark| file.text.windows(mark.len()).any(|part| part == *mark)) {
        return Err(TlsError::SealedKey { path: file.path.clone() });
    }
    // What the reader says of it might show a part of the key.
    PrivateKeyDer::from_pem_slice(&file.text).map_err(|_| TlsError::Key { path: file.path.clone() })
}

fn wrong(files: &PairFiles, error: &Error) -> TlsError {
    let (certificate, key) = (files.certificate.path.clone(), files.key.path.clone());
    match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsError::Mismatch { certificate, key },
        Error::InvalidCertificate(reason) => TlsError::certificate(&certificate, &format!("{reason:?}")),
        _ => TlsError::Key { path: key },
    }
}

fn names(leaf: &[u8], path: &Path) -> Result<Vec<String>, TlsError> {
    let leaf = CertificateDer::from(leaf);
    let certificate =
        EndEntityCert::try_from(&leaf).map_err(|error| TlsError::certificate(path, &format!("{error:?}")))?;
    Ok(certificate.valid_dns_names().map(str::to_ascii_lowercase).collect())
}

/// Whether one of the names is the domain or, as a wildcard, stands for it.
pub(super) fn covers(names: &[String], domain: &str) -> bool {
    let domain = domain.to_ascii_lowercase();
    let above = domain.split_once('.').map(|(_, above)| above);
    names
        .iter()
        .any(|name| *name == domain || above.is_some_and(|above| name.strip_prefix("*.") == Some(above)))
}

fn is_readable_by_all(path: &Path) -> bool {
    stat(path).is_ok_and(|found| Mode::from_raw_mode(found.st_mode).contains(Mode::ROTH))
}
