//! The root user's keys.
//!
//! Always: a secret is in no message, no warning and no `Debug`; both keys are set or none.

use std::fmt;
use std::path::{Path, PathBuf};

use super::settings::{Setting, Settings, Surroundings};
use super::{ConfigError, ServerArguments};

/// The documented pair, which works from this machine alone.
const ACCESS_KEY_DEFAULT: &str = "rustfsadmin";
/// Its secret.
const SECRET_KEY_DEFAULT: &str = "rustfssecret";

/// Secrets that every scanner tries.
const KNOWN_SECRETS: &[&str] = &["rustfssecret", "rustfsadmin", "minioadmin", "minio123", "password"];

const ACCESS: &[&str] = &["RUSTFS_ACCESS_KEY", "RUSTFS_ROOT_USER", "MINIO_ROOT_USER"];
const ACCESS_FILE: &[&str] = &["RUSTFS_ACCESS_KEY_FILE", "RUSTFS_ROOT_USER_FILE", "MINIO_ROOT_USER_FILE"];
const SECRET: &[&str] = &["RUSTFS_SECRET_KEY", "RUSTFS_ROOT_PASSWORD", "MINIO_ROOT_PASSWORD"];
const SECRET_FILE: &[&str] =
    &["RUSTFS_SECRET_KEY_FILE", "RUSTFS_ROOT_PASSWORD_FILE", "MINIO_ROOT_PASSWORD_FILE"];

const FORMER: &[&str] = &["RUSTFS_SECRET_KEY_OLD", "RUSTFS_ROOT_PASSWORD_OLD", "MINIO_ROOT_PASSWORD_OLD"];
const FORMER_FILE: &[&str] = &["RUSTFS_SECRET_KEY_OLD_FILE"];
const LOST: &[&str] = &["RUSTFS_SECRET_KEY_LOST"];

/// The secret key that root had before, under which the secrets of users are still sealed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FormerSecret {
    /// The key.
    pub secret_key: Option<SecretText>,
    /// Whether nobody knows it any more.
    pub is_lost: bool,
}

/// The root user's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootKeys {
    /// Who it is.
    pub access_key: String,
    /// What signs for it.
    pub secret_key: SecretText,
    /// Whether none were set: then it is the documented pair, which only this machine may use.
    pub is_default: bool,
}

impl RootKeys {
    /// The pair that is documented, and works where none is set.
    #[must_use]
    pub fn documented() -> Self {
        Self {
            access_key: ACCESS_KEY_DEFAULT.to_owned(),
            secret_key: SecretText(SECRET_KEY_DEFAULT.to_owned()),
            is_default: true,
        }
    }
}

/// A text that is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

impl SecretText {
    /// From a text.
    #[must_use]
    pub fn new(text: String) -> Self {
        SecretText(text)
    }

    /// The text, for the one place that signs with it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// A key as it may be given: the flag, the flag that names a file, their variables.
struct Source<'a> {
    flag: (&'static str, Option<&'a str>),
    file_flag: (&'static str, Option<&'a Path>),
    names: &'static [&'static str],
    file_names: &'static [&'static str],
}

impl Source<'_> {
    fn read(
        &self,
        settings: &mut Settings<'_>,
        around: &Surroundings<'_>,
    ) -> Result<Option<Setting>, ConfigError> {
        let direct = settings.get(self.flag.0, self.flag.1, self.names);
        // A file given as a flag comes before a variable.
        let is_flag = self.flag.1.is_some();
        if let (Some(path), false) = (self.file_flag.1, is_flag) {
            return read_file(self.file_flag.0, path, around).map(Some);
        }
        if is_flag {
            return Ok(direct);
        }
        let file = settings.get(self.file_flag.0, None, self.file_names);
        let Some(direct) = direct else {
            return file.map(|file| read_file(&file.name, &PathBuf::from(file.value), around)).transpose();
        };
        if let Some(file) = file {
            settings.warnings.push(format!(
                "{} and {} are both set: {} is the one used.",
                direct.name, file.name, direct.name
            ));
        }
        Ok(Some(direct))
    }
}

fn read_file(name: &str, path: &Path, around: &Surroundings<'_>) -> Result<Setting, ConfigError> {
    match (around.file)(path) {
        // Editors and `echo` end a file with a newline.
        Ok(text) => {
            Ok(Setting { name: name.to_owned(), value: text.trim_end_matches(['\r', '\n']).to_owned() })
        }
        Err(error) => {
            Err(ConfigError::File { name: name.to_owned(), path: path.to_owned(), reason: error.to_string() })
        }
    }
}

pub(super) fn read(
    arguments: &ServerArguments,
    settings: &mut Settings<'_>,
    around: &Surroundings<'_>,
) -> Result<RootKeys, ConfigError> {
    let access = Source {
        flag: ("--access-key", arguments.access_key.as_deref()),
        file_flag: ("--access-key-file", arguments.access_key_file.as_deref()),
        names: ACCESS,
        file_names: ACCESS_FILE,
    };
    let secret = Source {
        flag: ("--secret-key", arguments.secret_key.as_deref()),
        file_flag: ("--secret-key-file", arguments.secret_key_file.as_deref()),
        names: SECRET,
        file_names: SECRET_FILE,
    };
    match (access.read(settings, around)?, secret.read(settings, around)?) {
        (None, None) => Ok(RootKeys::documented()),
        (Some(set), None) => Err(ConfigError::HalfCredentials { set: set.name, unset: "RUSTFS_SECRET_KEY" }),
        (None, Some(set)) => Err(ConfigError::HalfCredentials { set: set.name, unset: "RUSTFS_ACCESS_KEY" }),
        (Some(access), Some(secret)) => {
            check_access(&access)?;
            check_secret(&secret)?;
            if KNOWN_SECRETS.contains(&secret.value.as_str()) {
                settings.warnings.push(format!(
                    "{} is one that everybody knows: choose another before others can reach this server.",
                    secret.name
                ));
            }
            let secret_key = SecretText(secret.value);
            Ok(RootKeys { access_key: access.value, secret_key, is_default: false })
        }
    }
}

/// Reads what is known of the secret key that root had before.
pub(super) fn read_former(
    settings: &mut Settings<'_>,
    around: &Surroundings<'_>,
) -> Result<FormerSecret, ConfigError> {
    let former = Source { flag: ("", None), file_flag: ("", None), names: FORMER, file_names: FORMER_FILE };
    let secret_key = former.read(settings, around)?.map(|setting| SecretText(setting.value));
    Ok(FormerSecret { secret_key, is_lost: settings.flag("", None, LOST, false)? })
}

fn check_access(access: &Setting) -> Result<(), ConfigError> {
    refuse(access, iam::access_key_fault(&access.value))
}

fn check_secret(secret: &Setting) -> Result<(), ConfigError> {
    refuse(secret, iam::secret_key_fault(&secret.value))
}

fn refuse(key: &Setting, fault: Option<&'static str>) -> Result<(), ConfigError> {
    fault.map_or(Ok(()), |reason| Err(ConfigError::Key { name: key.name.clone(), reason }))
}
