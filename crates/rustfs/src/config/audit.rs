//! Where the audit log goes: files, webhooks. A webhook is a group of variables that end in the same name.

use std::collections::BTreeSet;
use std::path::PathBuf;

use audit::{AuditOptions, FileOptions, WebhookOptions};

use super::ConfigError;
use super::settings::{Setting, Settings, Surroundings};
use super::units::{SIZES, measured};

const ALL: &[&str] = &["RUSTFS_AUDIT_ENABLE"];
const FILE: &[&str] = &["RUSTFS_AUDIT_FILE_ENABLE"];
const FOLDER: &[&str] = &["RUSTFS_AUDIT_FILE_PATH"];
const FILE_BYTES: &[&str] = &["RUSTFS_AUDIT_FILE_SIZE"];
const FILES: &[&str] = &["RUSTFS_AUDIT_FILE_COUNT"];
const FILE_QUEUE: &[&str] = &["RUSTFS_AUDIT_FILE_QUEUE_SIZE"];

/// What the variables of a webhook begin with; RUSTFS's come first.
const WEBHOOK: [&str; 2] = ["RUSTFS_AUDIT_WEBHOOK_", "MINIO_AUDIT_WEBHOOK_"];
/// Of a webhook, what this release has not.
const LATER: [(&str, &str); 3] = [
    ("QUEUE_DIR", "a queue of audit entries on a drive is"),
    ("CLIENT_CERT", "a certificate shown to an audit webhook is"),
    ("CLIENT_KEY", "a certificate shown to an audit webhook is"),
];

const FILE_BYTES_DEFAULT: u64 = 64 << 20;
const FILES_DEFAULT: usize = 16;
const QUEUE_DEFAULT: usize = 100_000;

pub(super) fn read(
    settings: &mut Settings<'_>,
    around: &Surroundings<'_>,
) -> Result<AuditOptions, ConfigError> {
    if !settings.flag("", None, ALL, true)? {
        return Ok(AuditOptions::default());
    }
    let file = file(settings, around)?;
    let mut webhooks = Vec::new();
    for suffix in webhook_suffixes(around) {
        webhooks.extend(webhook(settings, &suffix)?);
    }
    Ok(AuditOptions { file, webhooks })
}

fn file(settings: &mut Settings<'_>, around: &Surroundings<'_>) -> Result<Option<FileOptions>, ConfigError> {
    let folder = settings.get("", None, FOLDER);
    if !settings.flag("", None, FILE, folder.is_some())? {
        return Ok(None);
    }
    let wanted = "name the folder that the audit log is written to";
    let missing = || refused(nothing("RUSTFS_AUDIT_FILE_PATH"), wanted);
    let folder: PathBuf = folder.ok_or_else(missing)?.value.into();
    let here = around.here.as_ref().map_err(|reason| ConfigError::Here(reason.clone()))?;
    Ok(Some(FileOptions {
        folder: here.join(folder),
        file_bytes: bytes(settings.get("", None, FILE_BYTES))?,
        files_max: number(settings.get("", None, FILES), FILES_DEFAULT)?,
        queue_entries: number(settings.get("", None, FILE_QUEUE), QUEUE_DEFAULT)?,
    }))
}

/// What follows `..._ENABLE` in the variables that there are: nothing, or `_NAME`.
fn webhook_suffixes(around: &Surroundings<'_>) -> BTreeSet<String> {
    let of = |name: &String| {
        let rest = WEBHOOK.iter().find_map(|prefix| name.strip_prefix(prefix))?.strip_prefix("ENABLE")?;
        (rest.is_empty() || rest.starts_with('_')).then(|| rest.to_owned())
    };
    around.names.iter().filter_map(of).collect()
}

fn webhook(settings: &mut Settings<'_>, suffix: &str) -> Result<Option<WebhookOptions>, ConfigError> {
    let names = |key: &str| WEBHOOK.map(|prefix| format!("{prefix}{key}{suffix}"));
    let mut get = |key: &str| {
        let names = names(key);
        settings.get("", None, &[&names[0], &names[1]])
    };
    let enabled = get("ENABLE");
    let (endpoint, token) = (get("ENDPOINT"), get("AUTH_TOKEN"));
    let queue = get("QUEUE_SIZE").or_else(|| get("QUEUE_LIMIT"));
    let later: Vec<_> = LATER.iter().filter_map(|(key, what)| Some((get(key)?.name, *what))).collect();
    let is_on = enabled.as_ref().and_then(|given| super::settings::boolean(&given.value));
    match (is_on, enabled) {
        (Some(true), _) => {}
        (None, Some(given)) => return Err(refused(given, "write on or off")),
        _ => return Ok(None),
    }
    if let Some((name, what)) = later.into_iter().next() {
        return Err(ConfigError::Later { name, what });
    }
    let wanted = "give the address that entries are posted to: https://host/path";
    let missing = || refused(nothing(&names("ENDPOINT")[0]), wanted);
    Ok(Some(WebhookOptions {
        name: suffix.strip_prefix('_').unwrap_or("default").to_ascii_lowercase(),
        endpoint: endpoint.ok_or_else(missing)?.value,
        token: token.map(|token| token.value).unwrap_or_default(),
        queue_entries: number(queue, QUEUE_DEFAULT)?,
    }))
}

fn bytes(given: Option<Setting>) -> Result<u64, ConfigError> {
    let Some(given) = given else { return Ok(FILE_BYTES_DEFAULT) };
    match measured(&given.value, SIZES).filter(|bytes| *bytes >= 1 << 20) {
        Some(bytes) => Ok(bytes),
        None => Err(refused(given, "the size of a file is written 64MiB or 1GiB; 1MiB at least")),
    }
}

fn number(given: Option<Setting>, default: usize) -> Result<usize, ConfigError> {
    let Some(given) = given else { return Ok(default) };
    match given.value.trim().parse::<usize>() {
        Ok(number) if (1..=1_000_000).contains(&number) => Ok(number),
        _ => Err(refused(given, "a number from 1 to 1000000")),
    }
}

fn nothing(name: &str) -> Setting {
    Setting { name: name.to_owned(), value: String::new() }
}

fn refused(given: Setting, wanted: &'static str) -> ConfigError {
    ConfigError::Value { name: given.name, value: given.value, wanted }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn read_from(variables: &[(&str, &str)]) -> Result<AuditOptions, ConfigError> {
        let value = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let around = Surroundings {
            variable: &value,
            names: variables.iter().map(|(name, _)| (*name).to_owned()).collect(),
            file: &|_| Err(io::ErrorKind::NotFound.into()),
            here: Ok("/here".into()),
        };
        read(&mut Settings::new(&around), &around)
    }

    #[test]
    fn files_are_written_where_a_folder_is_named() {
        assert_eq!(read_from(&[]).unwrap(), AuditOptions::default());
        let file = read_from(&[("RUSTFS_AUDIT_FILE_PATH", "audit"), ("RUSTFS_AUDIT_FILE_SIZE", "2MiB")]);
        let file = file.unwrap().file.unwrap();
        assert_eq!(file.folder, PathBuf::from("/here/audit"));
        assert_eq!((file.file_bytes, file.files_max, file.queue_entries), (2 << 20, 16, 100_000));
        let off = [("RUSTFS_AUDIT_FILE_PATH", "audit"), ("RUSTFS_AUDIT_FILE_ENABLE", "off")];
        assert_eq!(read_from(&off).unwrap().file, None);
        let all_off = [("RUSTFS_AUDIT_FILE_PATH", "audit"), ("RUSTFS_AUDIT_ENABLE", "false")];
        assert_eq!(read_from(&all_off).unwrap().file, None);
        let said = read_from(&[("RUSTFS_AUDIT_FILE_ENABLE", "on")]).unwrap_err().to_string();
        assert!(said.starts_with("RUSTFS_AUDIT_FILE_PATH can't be"), "{said}");
        for wrong in ["1", "1KiB", "many"] {
            let given = [("RUSTFS_AUDIT_FILE_PATH", "a"), ("RUSTFS_AUDIT_FILE_SIZE", wrong)];
            assert!(read_from(&given).is_err(), "{wrong}");
        }
    }

    #[test]
    fn webhooks_have_names_and_both_families_of_variables() {
        let webhooks = read_from(&[
            ("MINIO_AUDIT_WEBHOOK_ENABLE", "on"),
            ("MINIO_AUDIT_WEBHOOK_ENDPOINT", "http://a/"),
            ("MINIO_AUDIT_WEBHOOK_ENABLE_Two", "on"),
            ("RUSTFS_AUDIT_WEBHOOK_ENDPOINT_Two", "http://b/"),
            ("MINIO_AUDIT_WEBHOOK_AUTH_TOKEN_Two", "hidden"),
            ("MINIO_AUDIT_WEBHOOK_QUEUE_SIZE_Two", "7"),
            ("RUSTFS_AUDIT_WEBHOOK_ENABLE_THREE", "off"),
        ]);
        let webhooks = webhooks.unwrap().webhooks;
        assert!(!format!("{webhooks:?}").contains("hidden"));
        let found: Vec<_> = webhooks
            .iter()
            .map(|hook| (hook.name.as_str(), hook.endpoint.as_str(), hook.token.as_str(), hook.queue_entries))
            .collect();
        assert_eq!(found, [("default", "http://a/", "", 100_000), ("two", "http://b/", "hidden", 7)]);
    }

    #[test]
    fn half_a_webhook_is_refused() {
        let said = |variables: &[(&str, &str)]| read_from(variables).unwrap_err().to_string();
        let missing = said(&[("MINIO_AUDIT_WEBHOOK_ENABLE_X", "on")]);
        assert!(missing.starts_with("RUSTFS_AUDIT_WEBHOOK_ENDPOINT_X can't be"), "{missing}");
        assert!(said(&[("MINIO_AUDIT_WEBHOOK_ENABLE", "perhaps")]).contains("write on or off"));
        let later = said(&[
            ("MINIO_AUDIT_WEBHOOK_ENABLE", "on"),
            ("MINIO_AUDIT_WEBHOOK_ENDPOINT", "http://a/"),
            ("MINIO_AUDIT_WEBHOOK_QUEUE_DIR", "/queue"),
        ]);
        assert!(later.starts_with("MINIO_AUDIT_WEBHOOK_QUEUE_DIR is set, but a queue"), "{later}");
    }
}
