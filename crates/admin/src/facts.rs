//! What the binary tells of itself, and what it can be told to do.

use std::time::Duration;

/// What a server is, as it was started.
#[derive(Clone, Debug)]
pub struct ServerFacts {
    /// `127.0.0.1:9000`: where it listens.
    pub endpoint: String,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// The version of this program.
    pub version: &'static str,
    /// The region that buckets lie in.
    pub region: String,
    /// Domains whose subdomains are buckets.
    pub domains: Vec<String>,
    /// When it began, by the clock that never goes back.
    pub started: Duration,
    /// How it was set up.
    pub settings: Vec<Setting>,
    /// Who vouches for those without keys.
    pub identity_providers: Vec<ProviderFacts>,
}

/// An identity provider, as the server was started with it. Never a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderFacts {
    /// madmin's name of its kind: `openid`.
    pub kind: &'static str,
    /// What tells it from others of its kind; empty for the one without a name.
    pub name: String,
    /// The role by which clients choose it; empty where it has none.
    pub role_arn: String,
    /// Keys and values, by madmin's names.
    pub settings: Vec<(&'static str, String)>,
}

/// A setting, as the server was started with it. Never a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The group it belongs to, by madmin's name; settings of a group stand together.
    pub subsystem: &'static str,
    /// Its name in the group.
    pub key: &'static str,
    /// Its value.
    pub value: String,
    /// The variable that sets it.
    pub variable: &'static str,
    /// What it is.
    pub description: &'static str,
}

/// What the process can be told.
pub trait Control: Send + Sync {
    /// Finishes the requests in progress, closes the store and ends the process.
    fn stop(&self);
    /// The same, and begins again with the same words.
    fn restart(&self);
}
