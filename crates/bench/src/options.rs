//! The command line, and the URLs and sizes in it.

use crate::body::BodyKind;
use clap::Parser;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Measures an S3 server, alone or beside its peers in the same run.
#[derive(Parser, Clone, Debug)]
#[command(name = "bench", version)]
pub(crate) struct Options {
    /// The server to measure, http://[key:secret@]host:port; without it the release build is started on fresh drives.
    #[arg(long)]
    pub(crate) url: Option<Endpoint>,
    /// What the first server is called in the report.
    #[arg(long, default_value = "rustfs")]
    pub(crate) name: String,
    /// A peer to measure in the same rounds, http://[key:secret@]host:port; the first one is what ratios are against.
    #[arg(long)]
    pub(crate) against: Vec<Endpoint>,
    /// Start a MinIO server on fresh folders as the first peer: a path, or auto to look in PATH and Go's bin.
    #[arg(long, value_name = "PATH|auto")]
    pub(crate) minio: Option<String>,
    /// For URLs that carry no credentials, and for servers started here.
    #[arg(long, default_value = "rustfsadmin")]
    pub(crate) access_key: String,
    #[arg(long, default_value = "rustfssecret")]
    pub(crate) secret_key: String,
    /// Keep-alive connections, each with one request at a time; several numbers make a row each.
    #[arg(long, default_value = "16", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) connections: Vec<u32>,
    /// Length of a window.
    #[arg(long, default_value_t = 10.0)]
    pub(crate) seconds: f64,
    /// Load before a window that is not counted, in seconds.
    #[arg(long, default_value_t = 1.0)]
    pub(crate) warmup: f64,
    /// Object sizes.
    #[arg(long, default_value = "4KiB,10MiB", value_delimiter = ',')]
    pub(crate) sizes: Vec<Size>,
    /// What to measure, in this order.
    #[arg(long, default_value = "put,get,delete,list", value_delimiter = ',')]
    pub(crate) ops: Vec<Operation>,
    /// How PUT carries its payload; several make a row each.
    #[arg(long, default_value = "unsigned", value_delimiter = ',')]
    pub(crate) body: Vec<BodyKind>,
    /// Process to charge for the first server; found by its listening port otherwise.
    #[arg(long)]
    pub(crate) pid: Option<u32>,
    /// Bucket of the objects (and <name>-list of the listing); created if absent.
    #[arg(long, default_value = "bench")]
    pub(crate) bucket: String,
    /// Every window is measured this often, the servers taking turns.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rounds: u32,
    /// Objects that have to be there before GET and before DELETE (for sizes over 1 MiB at most 64 and 200).
    #[arg(long, default_value_t = 5_000)]
    pub(crate) keys: u64,
    /// Objects of 1 KiB in the bucket that is listed.
    #[arg(long, default_value_t = 20_000)]
    pub(crate) list_keys: u64,
    /// Drives of a server that is started here.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) drives: u32,
    /// Where the drives of servers started here lie, as folders.
    #[arg(long, default_value = "target/bench-data")]
    pub(crate) dir: PathBuf,
    /// The server's binary.
    #[arg(long, env = "RUSTFS_BINARY", default_value = "target/release/rustfs")]
    pub(crate) server: PathBuf,
    /// A course of events on a server started here, instead of windows.
    #[arg(long, conflicts_with_all = ["url", "against", "minio"])]
    pub(crate) scenario: Option<Scenario>,
    /// Objects of the scenario `scale`.
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) objects: u64,
    /// Length of the scenario `mixed` in seconds, and of an interval of it.
    #[arg(long, default_value_t = 600.0)]
    pub(crate) duration: f64,
    #[arg(long, default_value_t = 30.0)]
    pub(crate) interval: f64,
    /// How long a server at rest is watched in a scenario, and how long it may settle before, in seconds.
    #[arg(long, default_value_t = 60.0)]
    pub(crate) rest: f64,
    #[arg(long, default_value_t = 15.0)]
    pub(crate) settle: f64,
    /// Leave objects and folders behind.
    #[arg(long)]
    pub(crate) keep: bool,
    /// The report as JSON.
    #[arg(long, conflicts_with = "markdown")]
    pub(crate) json: bool,
    /// The report as a markdown table.
    #[arg(long)]
    pub(crate) markdown: bool,
}

impl Options {
    pub(crate) fn credentials(&self) -> Credentials {
        Credentials { access_key: self.access_key.clone(), secret_key: self.secret_key.clone() }
    }
}

/// An access key and its secret.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:***", self.access_key)
    }
}

/// Where a server listens, with credentials if the URL has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// `host:port`, as in the Host header.
    pub(crate) host: String,
    pub(crate) credentials: Option<Credentials>,
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, String> {
        let rest =
            url.strip_prefix("http://").ok_or_else(|| format!("{url}: only http:// can be measured"))?;
        let rest = rest.trim_end_matches('/');
        let (login, host) = rest.rsplit_once('@').map_or((None, rest), |(login, host)| (Some(login), host));
        if host.is_empty() || host.contains('/') {
            return Err(format!("{url}: expected http://[key:secret@]host:port"));
        }
        let credentials = match login.map(|login| login.split_once(':')) {
            None => None,
            Some(Some((key, secret))) => {
                Some(Credentials { access_key: key.to_owned(), secret_key: secret.to_owned() })
            }
            Some(None) => return Err(format!("{url}: expected key:secret before the @")),
        };
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let host = if has_port { host.to_owned() } else { format!("{host}:80") };
        Ok(Self { host, credentials })
    }
}

/// A number of bytes, written as `4KiB`, `10MiB` or `100`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) usize);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
        let unit = match text[digits.len()..].to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "k" | "kib" => 1 << 10,
            "m" | "mib" => 1 << 20,
            "g" | "gib" => 1 << 30,
            other => return Err(format!("{other}: a size ends in KiB, MiB or GiB")),
        };
        let number: usize = digits.parse().map_err(|_| format!("{text}: no size"))?;
        number
            .checked_mul(unit)
            .filter(|&size| size <= 1 << 30)
            .map(Self)
            .ok_or_else(|| format!("{text}: at most 1GiB"))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.0 {
            size if size >= 1 << 20 && size.is_multiple_of(1 << 20) => {
                format!("{} MiB", size >> 20)
            }
            size if size >= 1 << 10 && size.is_multiple_of(1 << 10) => {
                format!("{} KiB", size >> 10)
            }
            size => format!("{size} B"),
        };
        out.pad(&text)
    }
}

/// A course of events that windows don't show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Scenario {
    /// Starts of a new store and of an empty one; once for each of --rounds.
    Start,
    /// Many objects of 1 KiB: put, listed, killed and started, deleted, and the space that comes back.
    Scale,
    /// Everything at once, with gets compared byte for byte, in intervals.
    Mixed,
    /// Each number of --connections after a window with few, and how soon latencies are as before.
    Overload,
    /// PUT and GET with and without a scrub and compaction beside them.
    Beside,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Operation {
    /// New objects.
    Put,
    /// Objects just put, at random.
    Get,
    /// DeleteObjects of 100 keys; rates count objects, latencies requests.
    Delete,
    /// Pages of 1,000 keys, walked by continuation token.
    List,
}

impl Operation {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Put => "PUT",
            Self::Get => "GET",
            Self::Delete => "DELETE",
            Self::List => "LIST",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_carry_credentials_or_not() {
        let plain: Endpoint = "http://localhost:9000/".parse().unwrap();
        assert_eq!(plain, Endpoint { host: "localhost:9000".into(), credentials: None });
        let login: Endpoint = "http://key:se:c@ret@10.0.0.1".parse().unwrap();
        assert_eq!(login.host, "10.0.0.1:80");
        assert_eq!(login.credentials.unwrap().secret_key, "se:c@ret");
        for wrong in ["https://h:1", "h:1", "http://", "http://key@h:1", "http://h:1/path"] {
            assert!(wrong.parse::<Endpoint>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_read_as_they_are_written() {
        for (text, bytes, back) in [
            ("4KiB", 4096, "4 KiB"),
            ("10MiB", 10 << 20, "10 MiB"),
            ("100", 100, "100 B"),
            ("1025k", 1_049_600, "1025 KiB"),
        ] {
            let size: Size = text.parse().unwrap();
            assert_eq!((size.0, size.to_string().as_str()), (bytes, back));
        }
        for wrong in ["", "KiB", "4XB", "2GiB", "-1"] {
            assert!(wrong.parse::<Size>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        <Options as clap::CommandFactory>::command().debug_assert();
        let options = Options::parse_from(["bench", "--body", "signed,trailer", "--connections", "16,128"]);
        assert_eq!(options.body, [BodyKind::Signed, BodyKind::Trailer]);
        assert_eq!(options.connections, [16, 128]);
    }
}
