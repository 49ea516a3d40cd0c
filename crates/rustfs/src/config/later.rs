//! Flags and variables of what is not built yet. Set to anything but their default they are refused, so that nobody
//! believes that, say, objects are encrypted when they are not.

use super::settings::{Surroundings, boolean};
use super::{ConfigError, ServerArguments};

/// A flag, its variables, the value it has when nothing is asked for, and what it is about.
struct Later<'a> {
    flag: &'static str,
    given: Option<&'a str>,
    names: &'static [&'static str],
    default: &'static str,
    what: &'static str,
}

/// Refuses what this release has not.
pub(super) fn refuse(arguments: &ServerArguments, around: &Surroundings<'_>) -> Result<(), ConfigError> {
    for later in table(arguments) {
        let variable = || later.names.iter().find_map(|name| Some(((*name).to_owned(), around.set(name)?)));
        let given = later.given.map(|value| (later.flag.to_owned(), value.to_owned()));
        if let Some((name, value)) = given.or_else(variable)
            && !is_default(&value, later.default)
        {
            return Err(ConfigError::Later { name, what: later.what });
        }
    }
    Ok(())
}

fn is_default(value: &str, default: &str) -> bool {
    value.is_empty()
        || value.eq_ignore_ascii_case(default)
        || boolean(default).is_some_and(|default| boolean(value) == Some(default))
}

const KMS: &str = "server-side encryption with a KMS is";
const TUNING: &str = "choosing a profile of buffers is";

/// Flag, value given, variables, default, what it is about.
type Row<'a> = (&'static str, &'a Option<String>, &'static [&'static str], &'static str, &'static str);

fn table(arguments: &ServerArguments) -> Vec<Later<'_>> {
    let later = &arguments.later;
    let rows: Vec<Row<'_>> = vec![
        (
            "--console-address",
            &later.console_address,
            &["RUSTFS_CONSOLE_ADDRESS", "MINIO_CONSOLE_ADDRESS"],
            ":9001",
            "the console is",
        ),
        (
            "--obs-endpoint",
            &later.obs_endpoint,
            &["RUSTFS_OBS_ENDPOINT"],
            "",
            "sending metrics and traces is",
        ),
        ("--license", &later.license, &["RUSTFS_LICENSE"], "", "a build that needs a licence is"),
        ("--kms-enable", &later.kms_enable, &["RUSTFS_KMS_ENABLE"], "false", KMS),
        ("--kms-backend", &later.kms_backend, &["RUSTFS_KMS_BACKEND"], "local", KMS),
        ("--kms-key-dir", &later.kms_key_dir, &["RUSTFS_KMS_KEY_DIR"], "", KMS),
        ("--kms-local-master-key", &later.kms_local_master_key, &["RUSTFS_KMS_LOCAL_MASTER_KEY"], "", KMS),
        ("--kms-default-key-id", &later.kms_default_key_id, &["RUSTFS_KMS_DEFAULT_KEY_ID"], "", KMS),
        ("--kms-vault-address", &later.kms_vault_address, &["RUSTFS_KMS_VAULT_ADDRESS"], "", KMS),
        ("--kms-vault-token", &later.kms_vault_token, &["RUSTFS_KMS_VAULT_TOKEN"], "", KMS),
        ("--kms-vault-mount-path", &later.kms_vault_mount_path, &["RUSTFS_KMS_VAULT_MOUNT_PATH"], "", KMS),
        (
            "--kms-allow-insecure-dev-defaults",
            &later.kms_allow_insecure_dev_defaults,
            &["RUSTFS_KMS_ALLOW_INSECURE_DEV_DEFAULTS"],
            "false",
            KMS,
        ),
        ("", &None, &["MINIO_KMS_SECRET_KEY"], "", KMS),
        ("", &None, &["MINIO_KMS_SECRET_KEY_FILE"], "", KMS),
        ("", &None, &["MINIO_KMS_KES_ENDPOINT"], "", KMS),
        ("", &None, &["MINIO_KMS_SERVER"], "", KMS),
        ("", &None, &["MINIO_KMS_AUTO_ENCRYPTION"], "off", KMS),
        ("", &None, &["MINIO_COMPRESSION_ENABLE"], "off", "compression is"),
        ("", &None, &["MINIO_IDENTITY_LDAP_SERVER_ADDR"], "", "signing in by LDAP is"),
        ("", &None, &["RUSTFS_IDENTITY_LDAP_SERVER_ADDR"], "", "signing in by LDAP is"),
        ("--buffer-profile", &later.buffer_profile, &["RUSTFS_BUFFER_PROFILE"], "GeneralPurpose", TUNING),
        (
            "--buffer-profile-disable",
            &later.buffer_profile_disable,
            &["RUSTFS_BUFFER_PROFILE_DISABLE"],
            "false",
            TUNING,
        ),
    ];
    rows.into_iter()
        .map(|(flag, given, names, default, what)| Later {
            flag,
            given: given.as_deref(),
            names,
            default,
            what,
        })
        .collect()
}
