//! Where certificates are, and whether clients show theirs.

use std::path::PathBuf;
use std::time::Duration;

use super::settings::{Setting, Settings, Surroundings, boolean};
use super::units::{TIMES, measured};
use super::{ConfigError, ServerArguments};
use crate::tls::{ClientCertificates, TlsOptions};

const FOLDER: &[&str] = &["RUSTFS_TLS_PATH", "MINIO_CERTS_DIR"];
const CLIENTS: &[&str] = &["RUSTFS_SERVER_MTLS_ENABLE"];
const AUTHORITIES: &[&str] = &["RUSTFS_TLS_CLIENT_CA"];
const RELOAD: &[&str] = &["RUSTFS_TLS_RELOAD_ENABLE"];
const INTERVAL: &[&str] = &["RUSTFS_TLS_RELOAD_INTERVAL"];

/// How often the folder is looked at where nothing is set.
const INTERVAL_DEFAULT: Duration = Duration::from_secs(5);

pub(super) fn read(
    arguments: &ServerArguments,
    settings: &mut Settings<'_>,
    around: &Surroundings<'_>,
) -> Result<Option<TlsOptions>, ConfigError> {
    let folder = settings.get("--tls-path", arguments.tls_path.as_deref(), FOLDER);
    let clients = clients(settings.get("", None, CLIENTS))?;
    let authorities = settings.get("", None, AUTHORITIES);
    let Some(folder) = folder else {
        return match clients {
            Some((_, ClientCertificates::Off)) | None => Ok(None),
            Some((given, _)) => {
                Err(refused(given, "clients show certificates over TLS only: set --tls-path as well"))
            }
        };
    };
    let here = around.here.as_ref().map_err(|reason| ConfigError::Here(reason.clone()))?;
    let absolute = |given: Setting| -> PathBuf { here.join(given.value) };
    let looks = settings.flag("", None, RELOAD, true)?;
    let interval = interval(settings.get("", None, INTERVAL))?;
    Ok(Some(TlsOptions {
        folder: absolute(folder),
        clients: clients.map_or(ClientCertificates::Off, |(_, clients)| clients),
        client_authorities: authorities.map(absolute),
        looked_at_every: looks.then_some(interval),
    }))
}

fn clients(given: Option<Setting>) -> Result<Option<(Setting, ClientCertificates)>, ConfigError> {
    let Some(given) = given else { return Ok(None) };
    let clients = match given.value.trim().to_ascii_lowercase().as_str() {
        "optional" => ClientCertificates::Optional,
        "required" => ClientCertificates::Required,
        other => match boolean(other) {
            Some(true) => ClientCertificates::Required,
            Some(false) => ClientCertificates::Off,
            None => return Err(refused(given, "write off, optional or required (true means required)")),
        },
    };
    Ok(Some((given, clients)))
}

/// Seconds where no unit is written.
fn interval(given: Option<Setting>) -> Result<Duration, ConfigError> {
    let Some(given) = given else { return Ok(INTERVAL_DEFAULT) };
    let bare = given.value.trim().parse::<u32>().ok().map(u64::from);
    match bare.or_else(|| measured(&given.value, TIMES)).filter(|seconds| (1..=24 * 3600).contains(seconds)) {
        Some(seconds) => Ok(Duration::from_secs(seconds)),
        None => Err(refused(given, "an interval is written 5s, 30s or 10m; a day at most")),
    }
}

fn refused(given: Setting, wanted: &'static str) -> ConfigError {
    ConfigError::Value { name: given.name, value: given.value, wanted }
}
