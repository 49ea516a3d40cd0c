//! The archive that `mc admin cluster iam export` gives and `import` takes: a file of JSON for each kind of identity, as MinIO
//! has them.
//!
//! Always true: an archive says all that policies need to bound a key, or is refused; what is not known of it is left out of
//! no key's bounds.

use std::collections::BTreeMap;

use iam::{CarriedGroup, CarriedKey, CarriedUser, Identities, SecretKey};
use model::time::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::archive::{self, ArchiveError, ArchiveLimits};
use crate::error::{AdminError, AdminErrorCode};
use crate::policies::names;
use crate::time::{parse_rfc3339, rfc3339};
use crate::users::{is_enabled, status};

/// MinIO's have seven members.
const LIMITS: ArchiveLimits = ArchiveLimits { members_max: 64, bytes_max: 128 << 20 };

const POLICIES: &str = "iam-assets/policies.json";
const USERS: &str = "iam-assets/users.json";
const GROUPS: &str = "iam-assets/groups.json";
const SERVICE_ACCOUNTS: &str = "iam-assets/svcaccts.json";
const USER_POLICIES: &str = "iam-assets/user_mappings.json";
const GROUP_POLICIES: &str = "iam-assets/group_mappings.json";
const SESSION_POLICIES: &str = "iam-assets/stsuser_mappings.json";
const MEMBERS: [&str; 7] =
    [POLICIES, USERS, GROUPS, SERVICE_ACCOUNTS, USER_POLICIES, GROUP_POLICIES, SESSION_POLICIES];

/// Go's times that stand for never.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// What an archive holds.
#[derive(Debug, Default)]
pub(crate) struct IamArchive {
    pub(crate) identities: Identities,
    /// Policies of those whom an external identity provider knows.
    pub(crate) session_policies: BTreeMap<String, Vec<String>>,
}

/// madmin's `AddOrUpdateUserReq`.
#[derive(Serialize, Deserialize)]
struct User {
    #[serde(rename = "secretKey", default)]
    secret_key: String,
    #[serde(default)]
    status: String,
}

/// MinIO's `GroupInfo`.
#[derive(Serialize, Deserialize)]
struct Group {
    #[serde(default)]
    version: u32,
    #[serde(default)]
    status: String,
    #[serde(default)]
    members: Option<Vec<String>>,
}

/// MinIO's `MappedPolicy`.
#[derive(Serialize, Deserialize)]
struct Mapping {
    #[serde(default)]
    version: u32,
    #[serde(default)]
    policy: String,
}

/// madmin's `SRSvcAccCreate`.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ServiceAccount {
    parent: String,
    access_key: String,
    secret_key: String,
    groups: Option<Vec<String>>,
    claims: Option<Map<String, Value>>,
    session_policy: Option<Box<RawValue>>,
    status: String,
    name: String,
    description: String,
    expiration: Option<String>,
}

/// The archive of these identities.
///
/// # Errors
/// Where it can't be written, which says no more than that there is a fault in this server.
pub(crate) fn write(identities: &Identities) -> Result<Vec<u8>, AdminError> {
    let users: BTreeMap<&String, User> =
        identities.users.iter().map(|(name, user)| (name, of_user(user))).collect();
    let groups: BTreeMap<&String, Group> =
        identities.groups.iter().map(|(name, group)| (name, of_group(group))).collect();
    let keys: BTreeMap<&String, ServiceAccount> =
        identities.service_accounts.iter().map(|(key, carried)| (key, of_key(key, carried))).collect();
    let mut policies = BTreeMap::new();
    for (name, text) in &identities.policies {
        policies.insert(name, text.as_deref().map(raw).transpose()?);
    }
    let members = [
        (POLICIES, document(&policies)?),
        (USERS, document(&users)?),
        (GROUPS, document(&groups)?),
        (SERVICE_ACCOUNTS, document(&keys)?),
        (USER_POLICIES, document(&of_mappings(&identities.user_policies))?),
        (GROUP_POLICIES, document(&of_mappings(&identities.group_policies))?),
        (SESSION_POLICIES, document(&json!({}))?),
    ];
    archive::pack(&members.map(|(name, text)| (name.to_owned(), text))).map_err(|error| unwritable(&error))
}

/// What an archive holds. Members of other names are left alone.
///
/// # Errors
/// Where it is none, or one of its files is not what its name says.
pub(crate) fn read(bytes: &[u8]) -> Result<IamArchive, AdminError> {
    let members =
        archive::unpack(bytes, LIMITS, |name| MEMBERS.contains(&name)).map_err(|error| refused(&error))?;
    if members.is_empty() {
        let message = format!("The archive holds no identities: there is none of {}.", MEMBERS.join(", "));
        return Err(AdminError::new(AdminErrorCode::InvalidRequest, message));
    }
    let mut identities = Identities::default();
    for (name, text) in parse::<Box<RawValue>>(&members, POLICIES)? {
        identities.policies.insert(name, policy_text(text.get()));
    }
    for (name, user) in parse::<User>(&members, USERS)? {
        identities.users.insert(
            name,
            CarriedUser { secret_key: secret(&user.secret_key), is_enabled: is_enabled(&user.status)? },
        );
    }
    for (name, group) in parse::<Group>(&members, GROUPS)? {
        let carried = CarriedGroup {
            members: group.members.unwrap_or_default(),
            is_enabled: is_enabled(&group.status)?,
        };
        identities.groups.insert(name, carried);
    }
    for (key, account) in parse::<ServiceAccount>(&members, SERVICE_ACCOUNTS)? {
        let carried = carried_key(&key, account)?;
        identities.service_accounts.insert(key, carried);
    }
    identities.user_policies = mappings(&members, USER_POLICIES)?;
    identities.group_policies = mappings(&members, GROUP_POLICIES)?;
    Ok(IamArchive { identities, session_policies: mappings(&members, SESSION_POLICIES)? })
}

fn of_user(user: &CarriedUser) -> User {
    User { secret_key: text_of(user.secret_key.as_ref()), status: status(user.is_enabled).to_owned() }
}

fn of_group(group: &CarriedGroup) -> Group {
    Group { version: 1, status: status(group.is_enabled).to_owned(), members: Some(group.members.clone()) }
}

fn of_key(key: &str, carried: &CarriedKey) -> ServiceAccount {
    let kind = if carried.policy.is_some() { "embedded-policy" } else { "inherited-policy" };
    let mut claims = Map::new();
    claims.insert("accessKey".into(), key.into());
    claims.insert("parent".into(), carried.parent.as_str().into());
    claims.insert("sa-policy".into(), kind.into());
    ServiceAccount {
        parent: carried.parent.clone(),
        access_key: key.to_owned(),
        secret_key: text_of(carried.secret_key.as_ref()),
        groups: None,
        claims: Some(claims),
        session_policy: carried.policy.as_deref().and_then(|text| raw(text).ok()),
        status: if carried.is_enabled { "on" } else { "off" }.to_owned(),
        name: carried.name.clone(),
        description: carried.description.clone(),
        expiration: Some(carried.expires.map_or_else(|| NEVER.to_owned(), rfc3339)),
    }
}

fn of_mappings(policies: &BTreeMap<String, Vec<String>>) -> BTreeMap<&String, Mapping> {
    let mapping = |names: &[String]| Mapping { version: 1, policy: names.join(",") };
    policies.iter().map(|(name, policies)| (name, mapping(policies))).collect()
}

fn text_of(secret: Option<&SecretKey>) -> String {
    secret.map(|secret| secret.as_ref().to_owned()).unwrap_or_default()
}

fn secret(text: &str) -> Option<SecretKey> {
    (!text.is_empty()).then(|| SecretKey::new(text))
}

fn raw(text: &str) -> Result<Box<RawValue>, AdminError> {
    RawValue::from_string(text.to_owned()).map_err(|error| unwritable(&error))
}

fn document<T: Serialize>(value: &T) -> Result<Vec<u8>, AdminError> {
    serde_json::to_vec(value).map_err(|error| unwritable(&error))
}

fn unwritable(error: &dyn std::fmt::Display) -> AdminError {
    tracing::error!(%error, "an archive of identities can't be written");
    AdminError::new(AdminErrorCode::InternalError, "The archive can't be written. The log says why.")
}

fn refused(error: &ArchiveError) -> AdminError {
    let code = match error {
        ArchiveError::TooLarge(_) | ArchiveError::TooManyMembers(_) => AdminErrorCode::EntityTooLarge,
        ArchiveError::Malformed(_) | ArchiveError::Twice(_) => AdminErrorCode::InvalidRequest,
    };
    AdminError::new(code, format!("Nothing was imported: {error}."))
}

/// A member as a map; an empty one where the member is not there, or is Go's empty map.
fn parse<T: DeserializeOwned>(
    members: &BTreeMap<String, Vec<u8>>,
    name: &str,
) -> Result<BTreeMap<String, T>, AdminError> {
    let Some(text) = members.get(name) else { return Ok(BTreeMap::new()) };
    let read: Option<BTreeMap<String, T>> = serde_json::from_slice(text).map_err(|error| {
        // Where it is wrong is said, and not what stands there: it may be a secret.
        let (line, column) = (error.line(), error.column());
        let message = format!(
            "Nothing was imported: {name} is not the JSON of an export (line {line}, column {column})."
        );
        AdminError::new(AdminErrorCode::ConfigBadJson, message)
    })?;
    Ok(read.unwrap_or_default())
}

/// A policy's text; none where it has no statements, by which MinIO means that there is none any more.
fn policy_text(text: &str) -> Option<String> {
    let read: Value = serde_json::from_str(text).unwrap_or(Value::Null);
    let is_empty = match &read {
        Value::Null => true,
        Value::Object(fields) => match fields.get("Statement") {
            None | Some(Value::Null) => true,
            Some(Value::Array(statements)) => statements.is_empty(),
            Some(_) => false,
        },
        _ => false,
    };
    (!is_empty).then(|| text.to_owned())
}

fn carried_key(key: &str, account: ServiceAccount) -> Result<CarriedKey, AdminError> {
    let refused = |why: &str| {
        let message = format!("Nothing was imported, because of the service account {key}: {why}.");
        AdminError::new(AdminErrorCode::InvalidRequest, message)
    };
    if !account.access_key.is_empty() && account.access_key != key {
        return Err(refused("its two access keys differ"));
    }
    let policy = account.session_policy.as_ref().map(|policy| policy.get()).filter(|text| *text != "null");
    let claimed = account.claims.as_ref().and_then(|claims| claims.get("sa-policy"));
    if policy.is_none() && claimed.is_some_and(|kind| kind == "embedded-policy") {
        return Err(refused("it is bounded by a policy of its own, which is not there"));
    }
    let expires = match account.expiration.as_deref() {
        None | Some("") => Timestamp::ZERO,
        Some(text) => parse_rfc3339(text).ok_or_else(|| refused("its expiration is no time"))?,
    };
    Ok(CarriedKey {
        policy: policy.map(str::to_owned),
        secret_key: secret(&account.secret_key),
        is_enabled: is_enabled(&account.status)?,
        parent: account.parent,
        name: account.name,
        description: account.description,
        expires: (expires > Timestamp::ZERO).then_some(expires),
    })
}

fn mappings(
    members: &BTreeMap<String, Vec<u8>>,
    name: &str,
) -> Result<BTreeMap<String, Vec<String>>, AdminError> {
    let read = parse::<Mapping>(members, name)?;
    Ok(read.into_iter().map(|(name, mapping)| (name, names(&mapping.policy))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::*"]}]}"#;

    fn packed(members: &[(&str, &str)]) -> Vec<u8> {
        let members: Vec<_> =
            members.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
        archive::pack(&members).unwrap()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut identities = Identities::default();
        identities.policies.insert("p".into(), Some(POLICY.into()));
        let user = CarriedUser { secret_key: Some(SecretKey::new("wonderland")), is_enabled: false };
        identities.users.insert("alice".into(), user);
        let group = CarriedGroup { members: vec!["alice".into()], is_enabled: true };
        identities.groups.insert("staff".into(), group);
        identities.user_policies.insert("alice".into(), vec!["p".into(), "readonly".into()]);
        let key = CarriedKey {
            parent: "alice".into(),
            secret_key: Some(SecretKey::new("a secret of a key")),
            policy: Some(POLICY.into()),
            is_enabled: false,
            name: "n".into(),
            description: "d".into(),
            expires: Some(Timestamp::from_millis(1_700_000_000_123)),
        };
        identities.service_accounts.insert("key".into(), key);
        let read = read(&write(&identities).unwrap()).unwrap();
        // Debug shows no secrets, and all else.
        assert_eq!(format!("{:?}", read.identities), format!("{identities:?}"));
        let secret = |of: &Identities| of.users["alice"].secret_key.clone().unwrap();
        assert_eq!(secret(&read.identities), secret(&identities));
        assert!(read.session_policies.is_empty());
    }

    #[test]
    fn what_minio_writes_is_read() {
        let users = r#"{"alice":{"secretKey":"wonderland","status":"enabled"}}"#;
        let keys = r#"{"KEY":{"parent":"alice","accessKey":"KEY","secretKey":"secretsecret","groups":null,
            "claims":{"accessKey":"KEY","parent":"alice","sa-policy":"inherited-policy"},"sessionPolicy":null,
            "status":"on","name":"","description":"","expiration":"1970-01-01T00:00:00Z"}}"#;
        let mapping =
            r#"{"alice":{"version":1,"policy":"readonly,p","updatedAt":"2025-01-01T00:00:00.123456789Z"}}"#;
        let policies = format!(r#"{{"p":{POLICY},"gone":{{"Version":"","Statement":null}}}}"#);
        let archive = packed(&[
            (POLICIES, &policies),
            (USERS, users),
            (GROUPS, "null"),
            (SERVICE_ACCOUNTS, keys),
            (USER_POLICIES, mapping),
            (SESSION_POLICIES, mapping),
            ("iam-assets/new.json", "{"),
        ]);
        let read = read(&archive).unwrap();
        let identities = &read.identities;
        assert_eq!(identities.policies["p"].as_deref(), Some(POLICY));
        assert_eq!(identities.policies["gone"], None);
        assert!(identities.users["alice"].is_enabled && identities.groups.is_empty());
        let key = &identities.service_accounts["KEY"];
        assert!(key.is_enabled && key.policy.is_none() && key.expires.is_none());
        assert_eq!(identities.user_policies["alice"], ["readonly", "p"]);
        assert_eq!(read.session_policies["alice"], ["readonly", "p"]);
    }

    #[test]
    fn what_is_no_export_is_refused_without_telling_what_it_holds() {
        for (name, text) in [
            (USERS, r#"{"alice":{"secretKey":["wonderland"]}}"#),
            (USERS, r#"{"alice":{"secretKey":"wonderland","status":"perhaps"}}"#),
            (GROUPS, r#"["staff"]"#),
            (
                SERVICE_ACCOUNTS,
                r#"{"KEY":{"parent":"alice","secretKey":"wonderland","claims":{"sa-policy":"embedded-policy"}}}"#,
            ),
            (SERVICE_ACCOUNTS, r#"{"KEY":{"parent":"alice","accessKey":"OTHER"}}"#),
            (SERVICE_ACCOUNTS, r#"{"KEY":{"parent":"alice","expiration":"tomorrow"}}"#),
            ("other.json", "{}"),
        ] {
            let error = read(&packed(&[(name, text)])).unwrap_err();
            assert!(!error.to_string().contains("wonderland"), "{error}");
        }
        assert_eq!(read(b"PK").unwrap_err().code(), "InvalidRequest");
    }
}
