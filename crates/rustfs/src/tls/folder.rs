//! The files of the folder: which there are, and what is in them. Nothing is judged here but which belong together.
//!
//! Always: a folder and a file are read up to a bound.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use env::Disk;
use ring::digest::{Context, SHA256};

use super::{ClientCertificates, TlsError, TlsOptions};

/// Names of a certificate and its key: RustFS's, MinIO's.
const NAMES: [(&str, &str); 2] = [("rustfs_cert.pem", "rustfs_key.pem"), ("public.crt", "private.key")];

/// Files of authorities that sign clients' certificates, and the folder of them.
const AUTHORITIES: [&str; 2] = ["client_ca.crt", "ca.crt"];
const AUTHORITIES_FOLDER: &str = "CAs";

/// A file is read up to here, in bytes: a chain, or a bundle of authorities.
const FILE_BYTES_MAX: usize = 4 << 20;
/// Sub-folders that are looked into.
const DOMAINS_MAX: usize = 1000;

/// A file that was read.
#[derive(Clone)]
pub(super) struct PemFile {
    pub(super) path: PathBuf,
    pub(super) text: Bytes,
}

/// A certificate and its key.
#[derive(Clone)]
pub(super) struct PairFiles {
    pub(super) certificate: PemFile,
    pub(super) key: PemFile,
    /// The name of the sub-folder; `None`: the folder itself.
    pub(super) domain: Option<String>,
}

/// All that there is. The first pair is the folder's own.
pub(super) struct Files {
    pub(super) pairs: Vec<PairFiles>,
    pub(super) client_authorities: Vec<PemFile>,
}

impl Files {
    /// Reads the folder.
    pub(super) async fn read(disk: &dyn Disk, options: &TlsOptions) -> Result<Self, TlsError> {
        let folder = &options.folder;
        let own = pair(disk, folder, None).await?;
        let mut pairs = vec![own.ok_or_else(|| TlsError::Nothing { path: folder.clone() })?];
        for domain in domains(disk, folder).await? {
            pairs.extend(pair(disk, &folder.join(&domain), Some(domain)).await?);
        }
        let client_authorities = match options.clients {
            ClientCertificates::Off => Vec::new(),
            _ => client_authorities(disk, options).await?,
        };
        Ok(Self { pairs, client_authorities })
    }

    /// Tells one state of the folder from another.
    pub(super) fn digest(&self) -> [u8; 32] {
        let mut digest = Context::new(&SHA256);
        let pairs = self.pairs.iter().flat_map(|pair| [&pair.certificate, &pair.key]);
        for file in pairs.chain(&self.client_authorities) {
            let path = file.path.as_os_str().as_encoded_bytes();
            digest.update(&(path.len() as u64).to_le_bytes());
            digest.update(path);
            digest.update(&(file.text.len() as u64).to_le_bytes());
            digest.update(&file.text);
        }
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest.finish().as_ref());
        bytes
    }
}

/// Sub-folders that may hold a certificate, by name.
async fn domains(disk: &dyn Disk, folder: &Path) -> Result<Vec<String>, TlsError> {
    let wrong = |source| TlsError::Folder { path: folder.to_owned(), source };
    let entries = disk.list(folder).await.map_err(wrong)?;
    let folders = entries.into_iter().filter(|entry| entry.is_directory).map(|entry| entry.name);
    // Names with a dot in front are those that mounted secrets are exchanged with.
    let mut domains: Vec<String> =
        folders.filter(|name| name != AUTHORITIES_FOLDER && !name.starts_with('.')).collect();
    if domains.len() > DOMAINS_MAX {
        return Err(TlsError::TooMany { path: folder.to_owned(), limit: DOMAINS_MAX });
    }
    domains.sort();
    Ok(domains)
}

/// The pair of a folder, RustFS's names first; `None` where there is neither.
async fn pair(disk: &dyn Disk, folder: &Path, domain: Option<String>) -> Result<Option<PairFiles>, TlsError> {
    for (certificate, key) in NAMES {
        let (certificate, key) = (folder.join(certificate), folder.join(key));
        match (read(disk, &certificate).await?, read(disk, &key).await?) {
            (Some(certificate), Some(key)) => return Ok(Some(PairFiles { certificate, key, domain })),
            (Some(present), None) => return Err(TlsError::Half { present: present.path, missing: key }),
            (None, Some(present)) => {
                return Err(TlsError::Half { present: present.path, missing: certificate });
            }
            (None, None) => {}
        }
    }
    Ok(None)
}

async fn read(disk: &dyn Disk, path: &Path) -> Result<Option<PemFile>, TlsError> {
    match env::read_file(disk, path, FILE_BYTES_MAX).await {
        Ok(text) => Ok(Some(PemFile { path: path.to_owned(), text })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(TlsError::file(path, error)),
    }
}

/// The file that is named; else one of the folder; else all of the folder of authorities.
async fn client_authorities(disk: &dyn Disk, options: &TlsOptions) -> Result<Vec<PemFile>, TlsError> {
    if let Some(path) = &options.client_authorities {
        let missing = || TlsError::file(path, io::ErrorKind::NotFound.into());
        return Ok(vec![read(disk, path).await?.ok_or_else(missing)?]);
    }
    for name in AUTHORITIES {
        if let Some(file) = read(disk, &options.folder.join(name)).await? {
            return Ok(vec![file]);
        }
    }
    let files = all_authorities(disk, &options.folder).await?;
    match files.is_empty() {
        true => Err(TlsError::NoAuthorities { folder: options.folder.clone() }),
        false => Ok(files),
    }
}

/// All files of the folder of authorities; none where there is none.
pub(super) async fn all_authorities(disk: &dyn Disk, folder: &Path) -> Result<Vec<PemFile>, TlsError> {
    let folder = &folder.join(AUTHORITIES_FOLDER);
    let entries = match disk.list(folder).await {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(TlsError::Folder { path: folder.clone(), source }),
    };
    let mut files = Vec::new();
    for entry in entries.into_iter().filter(|entry| !entry.is_directory && !entry.name.starts_with('.')) {
        files.extend(read(disk, &folder.join(entry.name)).await?);
    }
    Ok(files)
}
