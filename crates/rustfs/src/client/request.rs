//! What is asked of the server: from words to a request. Pure; files, stdin and randomness come from the caller.

use std::io;
use std::path::Path;

use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::WordsError;
use crate::cli::{
    AdminCommand, AttachArguments, CreateKeyArguments, GroupCommand, KeyCommand, NewSecretArguments,
    PolicyCommand, UserCommand, WhyArguments,
};
use crate::config::SecretText;

/// The admin API in plain JSON.
const API: &str = "/rustfs/admin/v3";

/// As AWS writes a query: all else is `%XX`.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What words refer to.
pub(crate) struct Inputs<'a> {
    /// The first line of a file, or of stdin for `-`: a secret.
    pub(crate) line: &'a dyn Fn(&Path) -> io::Result<String>,
    /// All of a file, or of stdin for `-`.
    pub(crate) text: &'a dyn Fn(&Path) -> io::Result<String>,
    /// A new secret key.
    pub(crate) secret: &'a dyn Fn() -> String,
}

/// A request, not yet signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AdminRequest {
    pub(crate) method: Method,
    pub(crate) path: String,
    /// Percent-encoded, without `?`.
    pub(crate) query: String,
    pub(crate) body: Vec<u8>,
    /// Whether it says who asks.
    pub(crate) is_signed: bool,
    /// Whether a secret is in the body of the request or of its answer.
    pub(crate) has_secret: bool,
    /// A secret that was made for it, which nobody else knows.
    pub(crate) made: Option<SecretText>,
}

impl AdminRequest {
    fn new(method: Method, route: &str) -> Self {
        Self {
            method,
            path: format!("{API}{route}"),
            query: String::new(),
            body: Vec::new(),
            is_signed: true,
            has_secret: false,
            made: None,
        }
    }

    pub(crate) fn get(route: &str) -> Self {
        Self::new(Method::GET, route)
    }

    pub(crate) fn unsigned(path: &str) -> Self {
        Self { path: path.to_owned(), is_signed: false, ..Self::get("") }
    }

    /// One of S3's, with a percent-encoded path.
    pub(crate) fn plain(method: Method, path: String, body: Vec<u8>) -> Self {
        Self { path, body, ..Self::new(method, "") }
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        let joint = if self.query.is_empty() { "" } else { "&" };
        self.query.push_str(&format!("{joint}{name}={}", utf8_percent_encode(value, QUERY)));
        self
    }

    fn with_some(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    fn body(mut self, document: &Value) -> Self {
        self.body = document.to_string().into_bytes();
        self
    }
}

/// The request for a command.
///
/// # Errors
/// Where a file that is named can't be read, or words can't be meant.
pub(crate) fn request(command: &AdminCommand, inputs: &Inputs<'_>) -> Result<AdminRequest, WordsError> {
    Ok(match command {
        AdminCommand::Info => AdminRequest::get("/info"),
        // One answer with all: drives, refills and scrubs.
        AdminCommand::Drives => AdminRequest::new(Method::POST, "/background-heal/status"),
        AdminCommand::Usage => AdminRequest::get("/datausageinfo"),
        AdminCommand::User(command) => user(command, inputs)?,
        AdminCommand::Group(command) => group(command),
        AdminCommand::Policy(command) => policy(command, inputs)?,
        AdminCommand::Key(command) => key(command, inputs)?,
        AdminCommand::Why(arguments) => why(arguments)?,
        AdminCommand::Service { action } => {
            AdminRequest::new(Method::POST, "/service").with("action", action.word()).with("type", "2")
        }
        AdminCommand::Health => AdminRequest::unsigned("/health/live"),
        AdminCommand::Ready => AdminRequest::unsigned("/health/ready"),
    })
}

fn user(command: &UserCommand, inputs: &Inputs<'_>) -> Result<AdminRequest, WordsError> {
    let status = |name: &str, status| {
        AdminRequest::new(Method::PUT, "/set-user-status").with("accessKey", name).with("status", status)
    };
    Ok(match command {
        UserCommand::List => AdminRequest::get("/list-users"),
        UserCommand::Add { name, secret } => add_user(name, secret, inputs)?,
        UserCommand::Remove { name } => {
            AdminRequest::new(Method::DELETE, "/remove-user").with("accessKey", name)
        }
        UserCommand::Enable { name } => status(name, "enabled"),
        UserCommand::Disable { name } => status(name, "disabled"),
        UserCommand::Info { name } => AdminRequest::get("/user-info").with("accessKey", name),
    })
}

fn add_user(
    name: &str,
    secret: &NewSecretArguments,
    inputs: &Inputs<'_>,
) -> Result<AdminRequest, WordsError> {
    let made = secret.generate.then(|| SecretText::new((inputs.secret)()));
    let text = match &made {
        Some(made) => made.clone(),
        None => new_secret(secret.new_secret_file.as_deref().unwrap_or(Path::new("-")), inputs)?,
    };
    let request = AdminRequest::new(Method::PUT, "/add-user").with("accessKey", name);
    let request = request.body(&json!({ "secretKey": text.reveal() }));
    Ok(AdminRequest { has_secret: true, made, ..request })
}

fn new_secret(path: &Path, inputs: &Inputs<'_>) -> Result<SecretText, WordsError> {
    let line = (inputs.line)(path).map_err(|error| WordsError::file("the new secret key", path, &error))?;
    if line.is_empty() {
        let reason = "is empty: write the secret key into it, or let one be made with --generate";
        return Err(WordsError::File {
            what: "the new secret key",
            path: path.to_owned(),
            reason: reason.into(),
        });
    }
    Ok(SecretText::new(line))
}

fn group(command: &GroupCommand) -> AdminRequest {
    let members = |name: &str, members: &[String], is_remove: bool| {
        let document = json!({ "group": name, "members": members, "isRemove": is_remove });
        AdminRequest::new(Method::PUT, "/update-group-members").body(&document)
    };
    let status = |name: &str, status| {
        AdminRequest::new(Method::PUT, "/set-group-status").with("group", name).with("status", status)
    };
    match command {
        GroupCommand::List => AdminRequest::get("/groups"),
        GroupCommand::Add { name, members: users } => members(name, users, false),
        GroupCommand::Remove { name, members: users } => members(name, users, true),
        GroupCommand::Enable { name } => status(name, "enabled"),
        GroupCommand::Disable { name } => status(name, "disabled"),
        GroupCommand::Info { name } => AdminRequest::get("/group").with("group", name),
    }
}

fn policy(command: &PolicyCommand, inputs: &Inputs<'_>) -> Result<AdminRequest, WordsError> {
    Ok(match command {
        PolicyCommand::List => AdminRequest::get("/list-canned-policies"),
        PolicyCommand::Show { name } => AdminRequest::get("/info-canned-policy").with("name", name),
        PolicyCommand::Set { name, file } => {
            let text = policy_text(file, inputs)?;
            let request = AdminRequest::new(Method::PUT, "/add-canned-policy").with("name", name);
            AdminRequest { body: text.into_bytes(), ..request }
        }
        PolicyCommand::Remove { name } => {
            AdminRequest::new(Method::DELETE, "/remove-canned-policy").with("name", name)
        }
        PolicyCommand::Attach(arguments) => associate("attach", arguments),
        PolicyCommand::Detach(arguments) => associate("detach", arguments),
    })
}

fn policy_text(path: &Path, inputs: &Inputs<'_>) -> Result<String, WordsError> {
    (inputs.text)(path).map_err(|error| WordsError::file("the policy", path, &error))
}

fn associate(operation: &str, arguments: &AttachArguments) -> AdminRequest {
    let document = json!({
        "policies": arguments.policies,
        "user": arguments.user.as_deref().unwrap_or_default(),
        "group": arguments.group.as_deref().unwrap_or_default(),
    });
    AdminRequest::new(Method::POST, &format!("/idp/builtin/policy/{operation}")).body(&document)
}

fn key(command: &KeyCommand, inputs: &Inputs<'_>) -> Result<AdminRequest, WordsError> {
    let status = |key: &str, status| {
        let request = AdminRequest::new(Method::POST, "/update-service-account").with("accessKey", key);
        request.body(&json!({ "newStatus": status }))
    };
    Ok(match command {
        KeyCommand::List { users, all } => {
            let request = AdminRequest::get("/list-access-keys-bulk").with("listType", "all");
            let request = request.with_some("all", all.then_some("true"));
            users.iter().fold(request, |request, user| request.with("users", user))
        }
        KeyCommand::Create(arguments) => create_key(arguments, inputs)?,
        KeyCommand::Info { key } => AdminRequest::get("/info-access-key").with("accessKey", key),
        KeyCommand::Enable { key } => status(key, "on"),
        KeyCommand::Disable { key } => status(key, "off"),
        KeyCommand::Remove { key } => {
            AdminRequest::new(Method::DELETE, "/delete-service-account").with("accessKey", key)
        }
    })
}

fn create_key(arguments: &CreateKeyArguments, inputs: &Inputs<'_>) -> Result<AdminRequest, WordsError> {
    let mut fields = Map::new();
    let texts = [
        ("targetUser", &arguments.user),
        ("name", &arguments.name),
        ("description", &arguments.description),
        ("expiration", &arguments.expires),
    ];
    for (name, text) in texts {
        fields.extend(text.as_ref().map(|text| (name.to_owned(), Value::String(text.clone()))));
    }
    if let Some(path) = &arguments.policy_file {
        let text = policy_text(path, inputs)?;
        let policy: Value = serde_json::from_str(&text).map_err(|error| WordsError::File {
            what: "the policy",
            path: path.clone(),
            reason: format!("is no JSON: {error}"),
        })?;
        fields.insert("policy".into(), policy);
    }
    let request = AdminRequest::new(Method::PUT, "/add-service-account").body(&Value::Object(fields));
    Ok(AdminRequest { has_secret: true, ..request })
}

fn why(arguments: &WhyArguments) -> Result<AdminRequest, WordsError> {
    let request = AdminRequest::get("/why").with_some("request", arguments.request.as_deref());
    let request = request.with_some("accessKey", arguments.user.as_deref());
    let request = request.with_some("action", arguments.action.as_deref());
    let Some(resource) = arguments.resource.as_deref() else { return Ok(request) };
    let named = resource.strip_prefix("arn:aws:s3:::").unwrap_or(resource);
    let (bucket, key) = named.split_once('/').map_or((named, None), |(bucket, key)| (bucket, Some(key)));
    if bucket.is_empty() || bucket.starts_with("arn:") {
        return Err(WordsError::Resource { resource: resource.to_owned() });
    }
    Ok(request.with("bucket", bucket).with_some("key", key.filter(|key| !key.is_empty())))
}

#[cfg(test)]
mod tests;
