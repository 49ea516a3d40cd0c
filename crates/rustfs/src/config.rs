//! Flags and variables made into one [`Config`], or one sentence on what is wrong with them.
//!
//! Always: a flag comes before a variable, RUSTFS_ before MINIO_; an empty variable counts as not set; no text made here
//! holds a secret. Pure but for the files that hold keys, which come through [`Surroundings`].

mod audit;
mod client;
mod credentials;
mod identity;
mod later;
mod memory;
mod scrub;
mod settings;
mod shown;
mod tls;
mod units;

pub use client::{ClientKeys, ServerPlace};
pub use credentials::{FormerSecret, RootKeys, SecretText};
pub use identity::IdentityConfig;
pub use settings::{Settings, Surroundings};

use std::net::IpAddr;
use std::path::PathBuf;

use ::audit::AuditOptions;
use cluster::start::Choices;
use thiserror::Error;

use crate::cli::ServerArguments;
use crate::tls::TlsOptions;
use crate::volumes::{self, VolumeError};

/// Port where none is named.
pub const PORT_DEFAULT: u16 = 9000;

/// Region where none is named.
const REGION_DEFAULT: &str = "us-east-1";

/// Proxies that are trusted where none are named: those on this machine.
const PROXIES_DEFAULT: &str = "127.0.0.0/8,::1";

/// Connections at once where no number is set.
pub const CONNECTIONS_DEFAULT: usize = 4096;

/// Requests at once where no number is set.
const REQUESTS_DEFAULT: usize = 4096;

/// Most parity shards that a class can ask for: half of the widest set.
const PARITY_MAX: u8 = 8;

/// How the server is to run.
#[derive(Clone, Debug)]
pub struct Config {
    /// The drives' folders, in the order given.
    pub drives: Vec<PathBuf>,
    /// Where to answer.
    pub address: Address,
    /// Certificates; `None`: nothing is encrypted.
    pub tls: Option<TlsOptions>,
    /// Where the audit log goes.
    pub audit: AuditOptions,
    /// Domains whose subdomains are buckets.
    pub domains: Vec<String>,
    /// The root user.
    pub credentials: RootKeys,
    /// The secret key that root had before.
    pub former_secret: FormerSecret,
    /// Who vouches for those without keys.
    pub identity: IdentityConfig,
    /// Proxies that are believed what they say of the client, as addresses or networks.
    pub trusted_proxies: Vec<String>,
    /// Whether the operator named them: only then it is believed what they say of the client's address. A proxy that nobody set up
    /// for it passes on what the client wrote.
    pub trusts_client_addresses: bool,
    /// The region that is named to clients.
    pub region: String,
    /// What is fixed when a store is made.
    pub choices: Choices,
    /// Connections at once.
    pub connections_max: usize,
    /// Requests at once.
    pub requests_max: usize,
    /// Memory that metadata may take, in bytes over all drives.
    pub metadata_bytes: u64,
    /// How drives are scrubbed.
    pub scrub: worker::ScrubOptions,
    /// Whether the console is wanted.
    pub console: bool,
    /// What the operator should know, in sentences.
    pub warnings: Vec<String>,
}

/// Where to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// A name or an address; `None`: every address of this machine.
    pub host: Option<String>,
    /// The port; 0: one that is free.
    pub port: u16,
}

/// What is wrong with flags and variables.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// The volumes.
    #[error(transparent)]
    Volumes(#[from] VolumeError),
    /// A value is none of those that can be.
    #[error("{name} can't be {value:?}: {wanted}")]
    Value {
        /// The flag or variable.
        name: String,
        /// What it is set to.
        value: String,
        /// What it may be.
        wanted: &'static str,
    },
    /// A key is too short or has characters that can't be sent.
    #[error("{name} {reason}")]
    Key {
        /// The flag or variable.
        name: String,
        /// Why it can't be used; never the key itself.
        reason: &'static str,
    },
    /// An identity provider.
    #[error("{name} {reason}")]
    Provider {
        /// The variable.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// One of the keys without the other.
    #[error("{set} is set, but {unset} is not: set both, or none to try out the server from this machine")]
    HalfCredentials {
        /// The flag or variable that is set.
        set: String,
        /// The variable that would be needed.
        unset: &'static str,
    },
    /// A file with a key.
    #[error("{name} names {}, which can't be read: {reason}", path.display())]
    File {
        /// The flag or variable.
        name: String,
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        reason: String,
    },
    /// Something of a later release.
    #[error("{name} is set, but {what} not available yet: take it away to start this release without")]
    Later {
        /// The flag or variable.
        name: String,
        /// What it is about, with its verb.
        what: &'static str,
    },
    /// The current folder, which relative paths begin at.
    #[error("the current folder can't be found ({0}): give absolute paths")]
    Here(String),
}

impl Config {
    /// Puts flags and variables together.
    ///
    /// # Errors
    /// Where they make no sense; nothing was touched.
    pub fn from(arguments: &ServerArguments, around: &Surroundings<'_>) -> Result<Self, ConfigError> {
        later::refuse(arguments, around)?;
        let mut settings = Settings::new(around);
        let drives = drives(arguments, &mut settings, around)?;
        let credentials = credentials::read(arguments, &mut settings, around)?;
        let former_secret = credentials::read_former(&mut settings, around)?;
        let identity = identity::read(&mut settings, around)?;
        let address = address(arguments.address.as_deref(), &mut settings)?;
        let domains = domains(arguments.server_domains.as_deref(), &mut settings)?;
        let tls = tls::read(arguments, &mut settings, around)?;
        identity::check_certificates(&mut settings, &identity, tls.as_ref());
        let audit = audit::read(&mut settings, around)?;
        let region = settings.get("--region", arguments.region.as_deref(), REGION);
        let choices = choices(&mut settings)?;
        let (trusted_proxies, trusts_client_addresses) = trusted_proxies(&mut settings);
        let connections_max =
            at_once(settings.get("", None, &["RUSTFS_API_MAX_CONNECTIONS"]), CONNECTIONS_DEFAULT)?;
        let requests = settings.get("--api-requests-max", arguments.api_requests_max.as_deref(), REQUESTS);
        let requests_max = at_once(requests, REQUESTS_DEFAULT)?;
        let metadata_bytes = memory::read(arguments, &mut settings)?;
        let scrub = scrub::read(arguments, &mut settings)?;
        let console =
            settings.flag("--console-enable", arguments.console_enable.as_deref(), CONSOLE, true)?;
        Ok(Config {
            drives,
            address,
            tls,
            audit,
            domains,
            credentials,
            former_secret,
            identity,
            trusted_proxies,
            trusts_client_addresses,
            region: region.map_or_else(|| REGION_DEFAULT.to_owned(), |region| region.value),
            choices,
            connections_max,
            requests_max,
            metadata_bytes,
            scrub,
            console,
            warnings: settings.warnings,
        })
    }
}

const REGION: &[&str] = &["RUSTFS_REGION", "MINIO_SITE_REGION", "MINIO_REGION"];
const CONSOLE: &[&str] = &["RUSTFS_CONSOLE_ENABLE", "MINIO_BROWSER"];
const REQUESTS: &[&str] = &["RUSTFS_API_REQUESTS_MAX", "MINIO_API_REQUESTS_MAX"];
const VOLUMES: &[&str] = &["RUSTFS_VOLUMES", "MINIO_VOLUMES"];

fn drives(
    arguments: &ServerArguments,
    settings: &mut Settings<'_>,
    around: &Surroundings<'_>,
) -> Result<Vec<PathBuf>, ConfigError> {
    let mut words = arguments.volumes.clone();
    if words.is_empty()
        && let Some(volumes) = settings.get("VOLUMES", None, VOLUMES)
    {
        words = volumes.value.split_whitespace().map(str::to_owned).collect();
    }
    let here = around.here.as_ref().map_err(|reason| ConfigError::Here(reason.clone()))?;
    Ok(volumes::expand(&words, here)?)
}

fn address(flag: Option<&str>, settings: &mut Settings<'_>) -> Result<Address, ConfigError> {
    let Some(given) = settings.get("--address", flag, &["RUSTFS_ADDRESS", "MINIO_ADDRESS"]) else {
        return Ok(Address { host: None, port: PORT_DEFAULT });
    };
    parse_address(&given.value).ok_or(ConfigError::Value {
        name: given.name,
        value: given.value,
        wanted: "an address is written :9000, 127.0.0.1:9000, [::1]:9000 or host:9000",
    })
}

fn parse_address(text: &str) -> Option<Address> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port.bytes().all(|digit| digit.is_ascii_digit()).then(|| port.parse().ok())??;
    let host = match host.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']').filter(|inner| inner.parse::<IpAddr>().is_ok())?,
        None if host.contains([':', '/', ' ']) => return None,
        None => host,
    };
    // `*` and the unspecified addresses mean what an empty host means; `0.0.0.0` keeps to IPv4.
    let host = (!["", "*", "::"].contains(&host)).then(|| host.to_owned());
    Some(Address { host, port })
}

fn domains(flag: Option<&str>, settings: &mut Settings<'_>) -> Result<Vec<String>, ConfigError> {
    let given = settings.get("--server-domains", flag, &["RUSTFS_SERVER_DOMAINS", "MINIO_DOMAIN"]);
    let Some(given) = given else {
        return Ok(Vec::new());
    };
    let is_domain = |domain: &str| {
        !domain.is_empty()
            && domain.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
            && !domain.starts_with('.')
    };
    let domains: Vec<String> =
        given.value.split(',').map(|domain| domain.trim().to_ascii_lowercase()).collect();
    if domains.iter().all(|domain| is_domain(domain)) {
        return Ok(domains);
    }
    Err(ConfigError::Value {
        name: given.name,
        value: given.value,
        wanted: "domains are written s3.example.com,store.example.com, without scheme or port",
    })
}

/// The networks, and whether they are given.
fn trusted_proxies(settings: &mut Settings<'_>) -> (Vec<String>, bool) {
    let given = settings.get("", None, &["RUSTFS_TRUSTED_PROXY_NETWORKS"]);
    let is_given = given.is_some();
    let given = given.map_or_else(|| PROXIES_DEFAULT.to_owned(), |given| given.value);
    let networks = given.split(',').map(|network| network.trim().to_owned());
    (networks.filter(|network| !network.is_empty()).collect(), is_given)
}

fn choices(settings: &mut Settings<'_>) -> Result<Choices, ConfigError> {
    let standard = parity(settings, &["RUSTFS_STORAGE_CLASS_STANDARD", "MINIO_STORAGE_CLASS_STANDARD"])?;
    let reduced = parity(settings, &["RUSTFS_STORAGE_CLASS_RRS", "MINIO_STORAGE_CLASS_RRS"])?;
    Ok(Choices { parity: standard, parity_reduced: reduced, ..Choices::default() })
}

fn parity(settings: &mut Settings<'_>, names: &[&'static str]) -> Result<Option<u8>, ConfigError> {
    let Some(given) = settings.get("", None, names) else {
        return Ok(None);
    };
    if given.value.eq_ignore_ascii_case("auto") {
        return Ok(None);
    }
    let number = given.value.strip_prefix("EC:").and_then(|number| number.parse::<u8>().ok());
    match number.filter(|number| *number <= PARITY_MAX) {
        Some(number) => Ok(Some(number)),
        None => Err(ConfigError::Value {
            name: given.name,
            value: given.value,
            wanted: "parity is written EC:2; EC:0 to EC:8, at most half of the drives of a set",
        }),
    }
}

/// How many there may be at once.
fn at_once(given: Option<settings::Setting>, default: usize) -> Result<usize, ConfigError> {
    let Some(given) = given else {
        return Ok(default);
    };
    match given.value.parse::<usize>() {
        // RustFS's and MinIO's word for "no limit of mine": here the default, as there is always one.
        Ok(0) => Ok(default),
        Ok(number) if number <= 1_000_000 => Ok(number),
        _ => Err(ConfigError::Value {
            name: given.name,
            value: given.value,
            wanted: "a number from 1 to 1000000, or 0 for the default",
        }),
    }
}

#[cfg(test)]
mod tests;
