//! Settings of the commands that ask a server: where it is, and whose keys sign.

use std::path::PathBuf;

use super::credentials::{self, RootKeys, SecretText};
use super::settings::{Settings, Surroundings};
use super::{Address, ConfigError, ServerArguments, address};
use crate::cli::ConnectionArguments;

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerPlace {
    /// Its URL, where one is given.
    pub url: Option<String>,
    /// Else where the server of this machine is told to answer.
    pub address: Address,
    /// Whether that one speaks TLS.
    pub is_tls: bool,
    /// Certificates to believe besides those of the system.
    pub ca_file: Option<PathBuf>,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientKeys {
    /// The pair.
    pub pair: RootKeys,
    /// Of temporary credentials.
    pub session_token: Option<SecretText>,
}

impl ServerPlace {
    /// From words and variables.
    ///
    /// # Errors
    /// Where they make no sense.
    pub fn from(arguments: &ConnectionArguments, around: &Surroundings<'_>) -> Result<Self, ConfigError> {
        let mut settings = Settings::new(around);
        let url = settings.get("--url", arguments.url.as_deref(), &["RUSTFS_ADMIN_URL"]);
        let ca_file = arguments.ca_file.clone();
        Ok(Self {
            url: url.map(|url| url.value),
            address: address(None, &mut settings)?,
            is_tls: settings.get("", None, &["RUSTFS_TLS_PATH", "MINIO_CERTS_DIR"]).is_some(),
            ca_file: ca_file
                .or_else(|| Some(settings.get("", None, &["RUSTFS_ADMIN_CA_FILE"])?.value.into())),
        })
    }
}

impl ClientKeys {
    /// From words, variables and the files that they name.
    ///
    /// # Errors
    /// Where one of the keys is given without the other, or a file can't be read.
    pub fn from(arguments: &ConnectionArguments, around: &Surroundings<'_>) -> Result<Self, ConfigError> {
        let mut settings = Settings::new(around);
        let keys = ServerArguments {
            access_key: arguments.access_key.clone(),
            secret_key_file: arguments.secret_key_file.clone(),
            ..ServerArguments::default()
        };
        let pair = credentials::read(&keys, &mut settings, around)?;
        let session_token = settings.get("", None, &["RUSTFS_SESSION_TOKEN"]);
        Ok(Self { pair, session_token: session_token.map(|token| SecretText::new(token.value)) })
    }
}
