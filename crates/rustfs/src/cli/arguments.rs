//! The flags, as clap reads them. Values are texts here: they are judged together with the variables.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::admin::{AdminArguments, DoctorArguments};
use super::help;
use super::offline::{AuditCommand, InspectArguments, SalvageArguments};

/// An S3 object store: one binary that keeps objects on the drives of this machine and speaks S3.
#[derive(Debug, Parser)]
#[command(name = "rustfs", version, after_help = help::COMMANDS, disable_help_subcommand = false)]
pub struct CommandLine {
    /// What is to be done.
    #[command(subcommand)]
    pub command: ServerCommand,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum ServerCommand {
    /// Stores and serves objects
    #[command(after_help = help::SERVER)]
    Server(Box<ServerArguments>),
    /// Looks at drives while no server runs on them: says what is wrong and what to do; writes nothing
    #[command(after_help = help::INSPECT)]
    Inspect(InspectArguments),
    /// Looks at audit logs
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Rebuilds lost metadata from the shards: says what would come back, and does it with --write
    #[command(after_help = help::SALVAGE)]
    Salvage(SalvageArguments),
    /// Asks a running server: its drives, users, groups, policies, access keys, and why a request was refused
    #[command(after_help = help::ADMIN)]
    Admin(Box<AdminArguments>),
    /// Looks at drives, this machine and the way to a server, and says what to do about what it finds; changes nothing
    #[command(after_help = help::DOCTOR)]
    Doctor(Box<DoctorArguments>),
}

impl CommandLine {
    pub(super) fn read(words: Vec<OsString>) -> Result<Self, clap::Error> {
        Self::try_parse_from(std::iter::once(OsString::from("rustfs")).chain(words))
    }
}

/// What `rustfs server` takes.
#[derive(Args, Clone, Default)]
pub struct ServerArguments {
    /// The folders to keep objects in, one per drive; {1...4} stands for four [RUSTFS_VOLUMES]
    #[arg(value_name = "VOLUMES")]
    pub volumes: Vec<String>,

    /// Where to answer: :9000, 127.0.0.1:9000, [::]:9000 [RUSTFS_ADDRESS] [default: :9000]
    #[arg(long, value_name = "HOST:PORT")]
    pub address: Option<String>,

    /// Domains whose subdomains are buckets, separated by commas [RUSTFS_SERVER_DOMAINS]
    #[arg(long, value_name = "DOMAINS")]
    pub server_domains: Option<String>,

    /// A folder with certificates: serves HTTPS with rustfs_cert.pem and rustfs_key.pem (or public.crt and private.key) in
    /// it, and with those of its sub-folders for their names [RUSTFS_TLS_PATH]
    #[arg(long, short = 'S', visible_alias = "certs-dir", value_name = "FOLDER")]
    pub tls_path: Option<String>,

    /// Access key of the root user, 3 characters at least [RUSTFS_ACCESS_KEY, RUSTFS_ROOT_USER]
    #[arg(long, value_name = "KEY")]
    pub access_key: Option<String>,

    /// A file that holds it [RUSTFS_ACCESS_KEY_FILE]
    #[arg(long, value_name = "FILE")]
    pub access_key_file: Option<PathBuf>,

    /// Secret key of the root user, 8 characters at least; a variable or a file keeps it out of the list of processes
    /// [RUSTFS_SECRET_KEY, RUSTFS_ROOT_PASSWORD]
    #[arg(long, value_name = "KEY")]
    pub secret_key: Option<String>,

    /// A file that holds it [RUSTFS_SECRET_KEY_FILE]
    #[arg(long, value_name = "FILE")]
    pub secret_key_file: Option<PathBuf>,

    /// The region that GetBucketLocation names; requests may be signed for any [RUSTFS_REGION] [default: us-east-1]
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,

    /// Requests at once; one more is answered 503 SlowDown [RUSTFS_API_REQUESTS_MAX] [default: 4096]
    #[arg(long, value_name = "NUMBER")]
    pub api_requests_max: Option<String>,

    /// Memory for metadata over all drives: blocks of rows that were read, rows on their way to files, the log's entries
    /// [RUSTFS_METADATA_MEMORY] [default: 64MiB]
    #[arg(long, value_name = "BYTES")]
    pub metadata_memory: Option<String>,

    /// From the end of a drive's scrub to the next one: 14d, 12h, 30m, 10s; off: never [RUSTFS_SCRUB_INTERVAL] [default: 14d]
    #[arg(long, value_name = "TIME")]
    pub scrub_interval: Option<String>,

    /// Bytes of each drive that a scrub reads in a second [RUSTFS_SCRUB_RATE] [default: 32MiB]
    #[arg(long, value_name = "BYTES")]
    pub scrub_rate: Option<String>,

    /// The web console: comes with a later release [RUSTFS_CONSOLE_ENABLE] [default: true]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub console_enable: Option<String>,

    /// Flags of what is not built yet
    #[command(flatten)]
    pub later: LaterArguments,
}

/// Flags of what is not built yet: known, so that they are answered with that instead of `unexpected argument`.
#[derive(Args, Clone, Debug, Default)]
pub struct LaterArguments {
    #[arg(long, hide = true)]
    pub(crate) console_address: Option<String>,
    #[arg(long, hide = true)]
    pub(crate) obs_endpoint: Option<String>,
    #[arg(long, hide = true)]
    pub(crate) license: Option<String>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) kms_enable: Option<String>,
    #[arg(long, hide = true)]
    pub(crate) kms_backend: Option<String>,
    #[arg(long, hide = true)]
    pub(crate) kms_key_dir: Option<String>,
    #[arg(long, hide = true)]
    pub(crate) kms_local_master_key: Option<String>,
    #[arg(long, hide = true)]
    pub(crate) kms_default_key_id: Option<String>,
    #[arg(long, hide = true)]
    pub(crate) kms_vault_address: Option<String>,
    #[arg(long, hide = true)]
    pub(crate) kms_vault_token: Option<String>,
    #[arg(long, hide = true)]
    pub(crate) kms_vault_mount_path: Option<String>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) kms_allow_insecure_dev_defaults: Option<String>,
    #[arg(long, hide = true)]
    pub(crate) buffer_profile: Option<String>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) buffer_profile_disable: Option<String>,
}

impl std::fmt::Debug for ServerArguments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Not the secrets.
        f.debug_struct("ServerArguments")
            .field("volumes", &self.volumes)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
