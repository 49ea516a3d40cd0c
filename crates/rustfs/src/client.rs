//! `rustfs admin`: this binary as the client of a running server.
//!
//! What always holds: one command is one request. No secret is a word of the command line, and none is printed but one that was
//! made just now. A new secret goes over the network encrypted, or its operator has said that it need not. What came
//! from a server is shown without control characters. The exit codes are a promise ([`ExitKind`]).

mod answer;
mod connection;
mod endpoint;
mod request;
mod table;
mod text;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};
use thiserror::Error;
use tokio::runtime::Runtime;

pub(crate) use answer::Outcome;
pub(crate) use connection::{Connection, Keys};
pub(crate) use endpoint::Endpoint;
pub(crate) use request::AdminRequest;
pub(crate) use table::{WIDTH_MAX, clean, wrapped};
pub(crate) use text::units;

use crate::cli::{AdminArguments, AdminCommand, ConnectionArguments};
use crate::config::{ClientKeys, ConfigError, ServerPlace, Surroundings};
use crate::inspect::command::Said;
use request::Inputs;

/// How a command ended. Scripts depend on the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExitKind {
    /// It was done.
    Done = 0,
    /// The server refused or failed.
    Refused = 1,
    /// Words, variables or files make no sense; nothing was asked.
    Words = 2,
    /// No server answered.
    Unreachable = 3,
    /// The server does not let this key do it.
    NotAllowed = 4,
}

/// What is wrong with the words; nothing was asked.
#[derive(Debug, Error)]
pub(crate) enum WordsError {
    #[error("the URL of the server {reason}. Write it as --url https://store.example.com:9000")]
    Url { reason: &'static str },
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("{what}: {} {reason}", shown(path))]
    File { what: &'static str, path: PathBuf, reason: String },
    #[error("{resource} is neither a bucket, nor an object of one: write BUCKET or BUCKET/KEY")]
    Resource { resource: String },
    #[error(
        "a new secret key would go to {server} for everybody on the way to read. Use https://, run this on the server's machine, \
         or say --allow-plain-http where nobody else can listen"
    )]
    Open { server: String },
}

impl WordsError {
    pub(crate) fn file(what: &'static str, path: &Path, error: &io::Error) -> Self {
        Self::File { what, path: path.to_owned(), reason: format!("can't be read: {error}") }
    }
}

fn shown(path: &Path) -> String {
    if path == Path::new("-") { "stdin".to_owned() } else { path.display().to_string() }
}

/// What the process gives to commands that ask a server.
pub(crate) struct ClientSurroundings<'a> {
    /// Variables, and files that hold a key; `-` is a line of stdin.
    pub(crate) settings: Surroundings<'a>,
    /// All of a file; `-` is stdin.
    pub(crate) text: &'a dyn Fn(&Path) -> io::Result<String>,
}

impl std::fmt::Debug for ClientSurroundings<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.settings.fmt(f)
    }
}

/// `rustfs admin`.
pub(crate) fn run(runtime: &Runtime, arguments: &AdminArguments, around: &ClientSurroundings<'_>) -> Said {
    let outcome = match ask(runtime, arguments, around) {
        Ok((request, outcome)) => (Some(request), outcome),
        Err(error) => (None, Outcome::words(&error.to_string())),
    };
    match outcome {
        (Some(request), Outcome::Done(document)) => {
            let document = with_made(&request, document);
            let text = match arguments.json {
                true => format!("{document:#}\n"),
                false => text::text(&arguments.command, &document),
            };
            Said { text, code: ExitCode::SUCCESS, is_complaint: false }
        }
        (_, outcome) => complaint(&outcome, arguments.json),
    }
}

fn complaint(outcome: &Outcome, is_json: bool) -> Said {
    let code = ExitCode::from(outcome.exit() as u8);
    match is_json {
        true => Said { text: format!("{:#}\n", outcome.document()), code, is_complaint: false },
        false => Said { text: format!("error: {}", outcome.sentence()), code, is_complaint: true },
    }
}

/// A secret that was made here belongs to the answer: nobody can ask for it later.
fn with_made(request: &AdminRequest, document: Value) -> Value {
    let name = request.query.strip_prefix("accessKey=").unwrap_or_default();
    match &request.made {
        Some(made) => json!({ "credentials": { "accessKey": decoded(name), "secretKey": made.reveal() } }),
        None => document,
    }
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn ask(
    runtime: &Runtime,
    arguments: &AdminArguments,
    around: &ClientSurroundings<'_>,
) -> Result<(AdminRequest, Outcome), WordsError> {
    let env = env::real::env(runtime.handle());
    // The caller's secret is the first line of stdin where both are read from there.
    let keys = match &arguments.command {
        AdminCommand::Health | AdminCommand::Ready => None,
        _ => Some(ClientKeys::from(&arguments.connection, &around.settings)?),
    };
    let secret = || {
        let mut bytes = [0u8; 20];
        env.random.fill(&mut bytes);
        hex::encode(bytes)
    };
    let inputs = Inputs { line: around.settings.file, text: around.text, secret: &secret };
    let (endpoint, connection) = connect(&env, &arguments.connection, around)?;
    let request = request::request(&arguments.command, &inputs)?;
    if request.has_secret && endpoint.is_open() && !arguments.connection.allow_plain_http {
        return Err(WordsError::Open { server: endpoint.to_string() });
    }
    let keys = keys.map(Keys::from);
    let outcome = runtime.block_on(connection.ask(&request, keys.as_ref()));
    Ok((request, outcome))
}

/// The server that words and variables name, and how it is asked.
pub(crate) fn connect(
    env: &env::Env,
    arguments: &ConnectionArguments,
    around: &ClientSurroundings<'_>,
) -> Result<(Endpoint, Connection), WordsError> {
    let place = ServerPlace::from(arguments, &around.settings)?;
    let endpoint = match &place.url {
        Some(url) => Endpoint::parse(url)?,
        None => Endpoint::of_this_machine(&place.address, place.is_tls)?,
    };
    let authority = place.ca_file.as_deref().map(|path| authority(path, around)).transpose()?;
    let connection = Connection::new(env, endpoint.clone(), authority.as_deref());
    let connection = connection.map_err(|reason| WordsError::File {
        what: "the certificates",
        path: place.ca_file.clone().unwrap_or_default(),
        reason,
    })?;
    Ok((endpoint, connection))
}

fn authority(path: &Path, around: &ClientSurroundings<'_>) -> Result<String, WordsError> {
    (around.text)(path).map_err(|error| WordsError::file("the certificates", path, &error))
}

#[cfg(test)]
mod tests;
