//! Certificates for tests.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use time::OffsetDateTime;

/// Signs certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key.
pub(crate) struct Made {
    pub(crate) der: Vec<u8>,
    pub(crate) key_der: Vec<u8>,
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Made {
    /// Puts it into a folder under RustFS's names.
    pub(crate) fn put(&self, folder: &Path) {
        put(folder, "rustfs_cert.pem", &self.certificate);
        put(folder, "rustfs_key.pem", &self.key);
    }
}

/// Writes a file that only its user may read, and its folder.
pub(crate) fn put(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::DirBuilder::new().recursive(true).create(folder).unwrap();
    tempfile::NamedTempFile::new_in(folder)
        .and_then(|mut file| {
            std::io::Write::write_all(&mut file, text.as_bytes())?;
            file.as_file().set_permissions(Permissions::from_mode(0o600))?;
            file.persist(&path).map_err(|error| error.error)
        })
        .unwrap();
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "an authority for tests");
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn certificate(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn der(&self) -> &[u8] {
        self.0.der()
    }

    /// A certificate for these names.
    pub(crate) fn leaf(&self, names: &[&str]) -> Made {
        self.signed(&CertificateParams::new(names_of(names)).unwrap())
    }

    /// One that ends then.
    pub(crate) fn leaf_until(&self, names: &[&str], ends: OffsetDateTime) -> Made {
        let mut params = CertificateParams::new(names_of(names)).unwrap();
        params.not_after = ends;
        self.signed(&params)
    }

    fn signed(&self, params: &CertificateParams) -> Made {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Made {
            der: certificate.der().to_vec(),
            key_der: key.serialize_der(),
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }
}

fn names_of(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
