//! The words of `rustfs admin`. No secret is ever one of them: words are seen in the list of processes.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// What `rustfs admin` takes.
#[derive(Args, Clone, Debug)]
pub struct AdminArguments {
    /// What is asked of the server.
    #[command(subcommand)]
    pub command: AdminCommand,

    /// How it is reached.
    #[command(flatten)]
    pub connection: ConnectionArguments,

    /// Print the server's answer as one JSON document, errors too
    #[arg(long, global = true)]
    pub json: bool,
}

/// Where a server is, and who asks it.
#[derive(Args, Clone, Debug, Default)]
pub struct ConnectionArguments {
    /// Where the server answers [RUSTFS_ADMIN_URL] [default: this machine, on the port of RUSTFS_ADDRESS or 9000]
    #[arg(long, global = true, value_name = "URL")]
    pub url: Option<String>,

    /// Whose access key signs [RUSTFS_ACCESS_KEY]; the secret comes from RUSTFS_SECRET_KEY, never from a word
    #[arg(long, global = true, value_name = "KEY")]
    pub access_key: Option<String>,

    /// A file that holds the secret key, `-` for a line of stdin [RUSTFS_SECRET_KEY_FILE]
    #[arg(long, global = true, value_name = "FILE")]
    pub secret_key_file: Option<PathBuf>,

    /// A file in PEM with certificates to believe besides those of the system [RUSTFS_ADMIN_CA_FILE]
    #[arg(long, global = true, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,

    /// Let new secrets go over the network without encryption: for networks that nobody else can read
    #[arg(long, global = true)]
    pub allow_plain_http: bool,
}

/// What `rustfs doctor` takes.
#[derive(Args, Clone, Debug, Default)]
pub struct DoctorArguments {
    /// The folders of the drives, as the server gets them [RUSTFS_VOLUMES]
    #[arg(value_name = "VOLUMES")]
    pub volumes: Vec<String>,

    /// Where the server is to answer [RUSTFS_ADDRESS] [default: :9000]
    #[arg(long, value_name = "HOST:PORT")]
    pub address: Option<String>,

    /// The folder of the server's certificates and keys [RUSTFS_TLS_PATH]
    #[arg(long, value_name = "FOLDER")]
    pub tls_path: Option<String>,

    /// A server to ask, and who asks.
    #[command(flatten)]
    pub connection: ConnectionArguments,

    /// Say everything as JSON
    #[arg(long)]
    pub json: bool,
}

/// What can be asked.
#[derive(Subcommand, Clone, Debug)]
pub enum AdminCommand {
    /// The server, its drives in short, and what it holds
    Info,
    /// Every drive: state, room, scrub, and what to do about it
    Drives,
    /// What each bucket holds
    Usage,
    /// Users
    #[command(subcommand)]
    User(UserCommand),
    /// Groups of users
    #[command(subcommand)]
    Group(GroupCommand),
    /// Policies, and who has them
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Access keys of applications (service accounts)
    #[command(subcommand)]
    Key(KeyCommand),
    /// Why a request was refused, or whether somebody may do something; without words: the last refusals
    Why(WhyArguments),
    /// Stops or restarts the server, or holds S3 requests back
    Service {
        /// What the server is to do
        action: ServiceAction,
    },
    /// Whether the process answers; needs no keys
    Health,
    /// Whether writes would succeed; needs no keys
    Ready,
}

/// About users.
#[derive(Subcommand, Clone, Debug)]
pub enum UserCommand {
    /// All users, with their policies and groups
    List,
    /// Makes a user, or gives one that is there another secret key
    Add {
        /// Its name, which is its access key
        name: String,
        /// Where its secret key comes from
        #[command(flatten)]
        secret: NewSecretArguments,
    },
    /// Removes a user and all its access keys
    Remove {
        /// Its name
        name: String,
    },
    /// Lets the keys of a user work again
    Enable {
        /// Its name
        name: String,
    },
    /// Lets no key of a user work
    Disable {
        /// Its name
        name: String,
    },
    /// One user
    Info {
        /// Its name
        name: String,
    },
}

/// Where a secret key that is to be set comes from.
#[derive(Args, Clone, Debug, Default)]
pub struct NewSecretArguments {
    /// A file that holds the new secret key, `-` for a line of stdin [default: -]
    #[arg(long, value_name = "FILE")]
    pub new_secret_file: Option<PathBuf>,

    /// Make a secret key and print it, this once
    #[arg(long, conflicts_with = "new_secret_file")]
    pub generate: bool,
}

/// About groups.
#[derive(Subcommand, Clone, Debug)]
pub enum GroupCommand {
    /// The names of all groups
    List,
    /// Makes users members; makes the group where there is none
    Add {
        /// The group
        name: String,
        /// The users
        #[arg(required = true)]
        members: Vec<String>,
    },
    /// Ends the membership of users; without users removes the group, which must be empty
    Remove {
        /// The group
        name: String,
        /// The users
        members: Vec<String>,
    },
    /// Lets the policies of a group count again
    Enable {
        /// The group
        name: String,
    },
    /// Lets no policy of a group count
    Disable {
        /// The group
        name: String,
    },
    /// One group
    Info {
        /// The group
        name: String,
    },
}

/// About policies.
#[derive(Subcommand, Clone, Debug)]
pub enum PolicyCommand {
    /// All policies
    List,
    /// The text of a policy
    Show {
        /// Its name
        name: String,
    },
    /// Makes or replaces a policy
    Set {
        /// Its name
        name: String,
        /// A file with its JSON text, `-` for stdin
        file: PathBuf,
    },
    /// Removes a policy that nobody has
    Remove {
        /// Its name
        name: String,
    },
    /// Gives policies to a user or a group
    Attach(AttachArguments),
    /// Takes policies from a user or a group
    Detach(AttachArguments),
}

/// Policies and who is to have them, or not.
#[derive(Args, Clone, Debug)]
pub struct AttachArguments {
    /// Their names
    #[arg(required = true)]
    pub policies: Vec<String>,
    /// The user
    #[arg(long, value_name = "NAME", required_unless_present = "group", conflicts_with = "group")]
    pub user: Option<String>,
    /// The group
    #[arg(long, value_name = "NAME")]
    pub group: Option<String>,
}

/// About access keys.
#[derive(Subcommand, Clone, Debug)]
pub enum KeyCommand {
    /// Access keys: one's own, those of users, or all
    List {
        /// Whose
        users: Vec<String>,
        /// Those of everybody
        #[arg(long, conflicts_with = "users")]
        all: bool,
    },
    /// Makes an access key and prints its secret, this once
    Create(CreateKeyArguments),
    /// One access key, with the policy that bounds it
    Info {
        /// The access key
        key: String,
    },
    /// Lets an access key work again
    Enable {
        /// The access key
        key: String,
    },
    /// Lets an access key not work
    Disable {
        /// The access key
        key: String,
    },
    /// Removes an access key
    Remove {
        /// The access key
        key: String,
    },
}

/// A new access key.
#[derive(Args, Clone, Debug, Default)]
pub struct CreateKeyArguments {
    /// Whose it is to be [default: whose key signs]
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Its name, for people
    #[arg(long, value_name = "TEXT")]
    pub name: Option<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// A file with a policy in JSON that bounds it further than its user is, `-` for stdin
    #[arg(long, value_name = "FILE")]
    pub policy_file: Option<PathBuf>,
    /// When it ends, as 2026-12-31T00:00:00Z [default: never]
    #[arg(long, value_name = "TIME")]
    pub expires: Option<String>,
}

/// What is to be explained.
#[derive(Args, Clone, Debug, Default)]
pub struct WhyArguments {
    /// The id of a request that was refused (x-amz-request-id)
    #[arg(conflicts_with_all = ["user", "action", "resource"])]
    pub request: Option<String>,
    /// Who would ask: a user's name or an access key [default: somebody who does not sign]
    #[arg(long, value_name = "NAME", requires = "action")]
    pub user: Option<String>,
    /// What they would do, as s3:GetObject
    #[arg(long, value_name = "ACTION")]
    pub action: Option<String>,
    /// With what: BUCKET, BUCKET/KEY, or such an ARN [default: the store as a whole]
    #[arg(long, value_name = "RESOURCE", requires = "action")]
    pub resource: Option<String>,
}

/// What the server can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ServiceAction {
    /// Finish the requests in progress, then begin again, with the program that is installed by then
    Restart,
    /// Finish the requests in progress and end
    Stop,
    /// Hold S3 requests back
    Freeze,
    /// Let them go on
    Unfreeze,
}

impl ServiceAction {
    /// The server's word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::Stop => "stop",
            Self::Freeze => "freeze",
            Self::Unfreeze => "unfreeze",
        }
    }
}
