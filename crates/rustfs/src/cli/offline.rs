//! The flags of the commands that look at drives while no server runs on them.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::help;

/// What `rustfs inspect` takes.
#[derive(Args, Clone, Debug, Default)]
pub struct InspectArguments {
    /// The folders of the drives, as the server gets them; one alone is enough, all of them tell more
    #[arg(value_name = "VOLUMES", required = true)]
    pub volumes: Vec<String>,

    /// Say everything as JSON
    #[arg(long)]
    pub json: bool,
}

/// What `rustfs audit` is asked.
#[derive(Clone, Debug, Subcommand)]
pub enum AuditCommand {
    /// Says whether an audit log is whole: nothing changed, nothing removed, nothing moved
    #[command(after_help = help::AUDIT_VERIFY)]
    Verify(AuditVerifyArguments),
}

/// What `rustfs audit verify` takes.
#[derive(Args, Clone, Debug, Default)]
pub struct AuditVerifyArguments {
    /// The folder of the log, or some of its files
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,

    /// The hash that the last entry has to have
    #[arg(long, value_name = "HASH")]
    pub last: Option<String>,

    /// Say it as JSON
    #[arg(long)]
    pub json: bool,
}

/// What `rustfs salvage` takes.
#[derive(Args, Clone, Debug, Default)]
pub struct SalvageArguments {
    /// The folders of all drives of the store, as the server gets them
    #[arg(value_name = "VOLUMES", required = true)]
    pub volumes: Vec<String>,

    /// Build the new metadata and put it in place; without this nothing is written
    #[arg(long)]
    pub write: bool,

    /// Go ahead though drives still have metadata: it is moved aside, never deleted
    #[arg(long, requires = "write")]
    pub replace_metadata: bool,

    /// Leave all parts as uploads in progress, also where they look like a complete object
    #[arg(long)]
    pub parts_as_uploads: bool,

    /// Read and check all data instead of the ends of the shards: takes as long as reading the drives
    #[arg(long)]
    pub thorough: bool,

    /// Say everything as JSON
    #[arg(long)]
    pub json: bool,
}
