//! Access keys: service accounts and temporary credentials. `mc admin accesskey`, `mc admin user svcacct`, `mc admin user sts`.
//!
//! Always true:
//! - Everybody may make, see, change and remove the service accounts of their own, with their own keys, unless a policy denies
//!   it; for others a right is needed.
//! - A service account or a session makes and changes no keys of its own holder: its own policy would bound nothing then.
//! - Keys of the store's owner are made and changed by the owner alone.

use iam::{AccessKeyInfo, Action, Identity, KeyPair, NewServiceAccount, ServiceAccountChange};
use model::identity::{AccessKeyKind, KeyHolder};
use model::time::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::body::RequestBody;
use crate::call::Call;
use crate::error::{AdminError, AdminErrorCode};
use crate::policies;
use crate::time::{parse_rfc3339, rfc3339};
use crate::users::is_enabled;

/// madmin's `AddServiceAccountReq`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Add {
    #[serde(default)]
    policy: Option<Value>,
    #[serde(default)]
    target_user: String,
    #[serde(default)]
    access_key: String,
    #[serde(default)]
    secret_key: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    comment: String,
    #[serde(default)]
    expiration: Option<String>,
}

/// madmin's `UpdateServiceAccountReq`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Update {
    #[serde(default)]
    new_policy: Option<Value>,
    #[serde(default)]
    new_secret_key: String,
    #[serde(default)]
    new_status: String,
    #[serde(default)]
    new_name: String,
    #[serde(default)]
    new_description: String,
    #[serde(default)]
    new_expiration: Option<String>,
}

/// Makes a service account; its secret is told this once.
pub(crate) async fn add(call: &Call<'_>, body: &mut RequestBody) -> Result<Answer, AdminError> {
    let wanted: Add = call.read(body).await?;
    let holder = holder(call, &wanted.target_user);
    change_of(call, &holder, Action::AdminCreateServiceAccount)?;
    let some = |text: String| (!text.is_empty()).then_some(text);
    let expires = expiry(wanted.expiration.as_deref())?.flatten();
    let new = NewServiceAccount {
        access_key: some(wanted.access_key),
        secret_key: some(wanted.secret_key),
        name: wanted.name,
        description: if wanted.description.is_empty() { wanted.comment } else { wanted.description },
        policy: policies::text(wanted.policy.as_ref()),
        expires,
    };
    let KeyPair { access_key, secret_key } =
        call.shared.iam.create_service_account(call.account(), &holder, new).await?;
    let mut credentials = Map::new();
    credentials.insert("accessKey".into(), access_key.into());
    credentials.insert("secretKey".into(), secret_key.as_ref().into());
    // Go's zero time stands for never.
    let never = "0001-01-01T00:00:00Z".to_owned();
    credentials.insert("expiration".into(), expires.map_or(never, rfc3339).into());
    Answer::json(&json!({ "credentials": credentials }))
}

/// Changes a service account.
pub(crate) async fn update(call: &Call<'_>, body: &mut RequestBody) -> Result<Answer, AdminError> {
    let key = known(call, call.query.need("accessKey")?)?;
    change_of(call, &key.holder, Action::AdminUpdateServiceAccount)?;
    let key = of_kind(key, AccessKeyKind::Service)?;
    let wanted: Update = call.read(body).await?;
    let some = |text: String| (!text.is_empty()).then_some(text);
    let is_enabled = match wanted.new_status.as_str() {
        "" => None,
        status => Some(is_enabled(status)?),
    };
    let change = ServiceAccountChange {
        secret_key: some(wanted.new_secret_key),
        name: some(wanted.new_name),
        description: some(wanted.new_description),
        policy: policies::text(wanted.new_policy.as_ref()).map(Some),
        expires: expiry(wanted.new_expiration.as_deref())?,
        is_enabled,
    };
    call.shared.iam.change_service_account(&key.access_key, change).await?;
    Ok(Answer::NoContent)
}

/// Removes a service account.
pub(crate) async fn remove(call: &Call<'_>) -> Result<Answer, AdminError> {
    let key = known(call, call.query.need("accessKey")?)?;
    change_of(call, &key.holder, Action::AdminRemoveServiceAccount)?;
    let key = of_kind(key, AccessKeyKind::Service)?;
    call.shared.iam.remove_access_key(&key.access_key).await?;
    Ok(Answer::NoContent)
}

/// madmin's `InfoServiceAccountResp`.
pub(crate) fn info(call: &Call<'_>) -> Result<Answer, AdminError> {
    let key = known(call, call.query.need("accessKey")?)?;
    see(call, &key.holder, Action::AdminListServiceAccounts)?;
    let key = of_kind(key, AccessKeyKind::Service)?;
    Answer::json(&details(call, &key))
}

/// madmin's `TemporaryAccountInfoResp`.
pub(crate) fn temporary_info(call: &Call<'_>) -> Result<Answer, AdminError> {
    let key = known(call, call.query.need("accessKey")?)?;
    see(call, &key.holder, Action::AdminListTemporaryAccounts)?;
    let key = of_kind(key, AccessKeyKind::Session)?;
    Answer::json(&details(call, &key))
}

/// madmin's `InfoAccessKeyResp`: of a service account or a session.
pub(crate) fn access_key_info(call: &Call<'_>) -> Result<Answer, AdminError> {
    let name = call.query.get("accessKey").filter(|name| !name.is_empty());
    let key = known(call, name.unwrap_or_else(|| call.asker.caller.access_key()))?;
    see(call, &key.holder, Action::AdminListServiceAccounts)?;
    let (kind, provider) = match (&key.holder, key.kind) {
        (KeyHolder::Federated { provider, .. }, _) => ("STS", provider.as_str()),
        (_, AccessKeyKind::Session) => ("STS", "builtin"),
        (_, AccessKeyKind::Service) => ("Service Account", "builtin"),
        (_, AccessKeyKind::Own) => ("User", "builtin"),
    };
    let mut answer = details(call, &key);
    answer.insert("accessKey".into(), key.access_key.into());
    answer.insert("userType".into(), kind.into());
    answer.insert("userProvider".into(), provider.into());
    Answer::json(&answer)
}

/// madmin's `ListServiceAccountsResp`.
pub(crate) fn list(call: &Call<'_>) -> Result<Answer, AdminError> {
    let holder = holder(call, call.query.get("user").unwrap_or_default());
    see(call, &holder, Action::AdminListServiceAccounts)?;
    Answer::json(&json!({ "accounts": rows(call, &holder, AccessKeyKind::Service) }))
}

/// A map of madmin's `ListAccessKeysResp` by who holds the keys.
pub(crate) fn list_bulk(call: &Call<'_>) -> Result<Answer, AdminError> {
    let (service_accounts, sessions) = match call.query.need("listType")? {
        "all" => (true, true),
        "svcacc-only" => (true, false),
        "sts-only" => (false, true),
        "users-only" => (false, false),
        other => return Err(AdminError::argument(format!("The query parameter listType can't be {other}."))),
    };
    let mut all = Map::new();
    for holder in holders(call)? {
        let of = |is_wanted: bool, kind| if is_wanted { rows(call, &holder, kind) } else { Vec::new() };
        let keys = json!({
            "serviceAccounts": of(service_accounts, AccessKeyKind::Service),
            "stsKeys": of(sessions, AccessKeyKind::Session),
        });
        all.insert(shown(call, &holder), keys);
    }
    Answer::json(&all)
}

/// Ends the sessions of a user, or of somebody at an identity provider.
pub(crate) async fn revoke(call: &Call<'_>) -> Result<Answer, AdminError> {
    if call.query.get("tokenRevokeType").is_some_and(|kind| !kind.is_empty()) {
        let message = "Tokens have no types here: revoke all of a user (--all).";
        return Err(AdminError::argument(message));
    }
    let user = call.query.get("user").unwrap_or_default();
    let holder = match call.name("provider") {
        "builtin" => holder(call, user),
        provider => KeyHolder::Federated {
            provider: provider.to_owned(),
            subject: call.query.need("user")?.to_owned(),
        },
    };
    change_of(call, &holder, Action::AdminRemoveServiceAccount)?;
    call.shared.iam.revoke_sessions(call.account(), &holder).await?;
    Ok(Answer::NoContent)
}

/// Whose keys a name means; the caller's own where it is empty.
fn holder(call: &Call<'_>, name: &str) -> KeyHolder {
    let who: &Identity = &call.asker.caller.who;
    match who.holder() {
        Some(own) if name.is_empty() || name == shown(call, own) => own.clone(),
        _ if name == call.shared.iam.root_access_key() => KeyHolder::Owner,
        _ => KeyHolder::User(name.to_owned()),
    }
}

/// Those whose keys are listed: who is named, all, or the caller.
fn holders(call: &Call<'_>) -> Result<Vec<KeyHolder>, AdminError> {
    let named: Vec<KeyHolder> = call.query.all("users").map(|name| holder(call, name)).collect();
    let wanted = if call.query.is_true("all") {
        let _authorized = call.asker.ask(Action::AdminListServiceAccounts)?;
        let users = call.shared.iam.users(call.account()).into_iter().map(|user| KeyHolder::User(user.name));
        let mut all: Vec<KeyHolder> = users.chain(call.shared.iam.key_holders(call.account())).collect();
        all.sort();
        all.dedup();
        all
    } else if named.is_empty() {
        vec![holder(call, "")]
    } else {
        named
    };
    for holder in &wanted {
        see(call, holder, Action::AdminListServiceAccounts)?;
        if let KeyHolder::User(name) = holder {
            call.shared.iam.user(call.account(), name)?;
        }
    }
    Ok(wanted)
}

/// The key, if it is of this kind.
fn of_kind(key: AccessKeyInfo, kind: AccessKeyKind) -> Result<AccessKeyInfo, AdminError> {
    if key.kind == kind { Ok(key) } else { Err(no_key(&key.access_key)) }
}

/// A key of the caller's account.
fn known(call: &Call<'_>, name: &str) -> Result<AccessKeyInfo, AdminError> {
    let key = call.shared.iam.access_key(name).map_err(AdminError::from)?;
    if key.account == call.account() { Ok(key) } else { Err(no_key(name)) }
}

fn no_key(name: &str) -> AdminError {
    AdminError::new(AdminErrorCode::NoSuchAccessKey, format!("There is no such access key {name}."))
}

fn is_own(call: &Call<'_>, holder: &KeyHolder) -> bool {
    call.asker.caller.who.holder() == Some(holder)
}

/// Whether the caller may know of somebody's keys.
fn see(call: &Call<'_>, holder: &KeyHolder, action: Action) -> Result<(), AdminError> {
    if is_own(call, holder) && !call.asker.is_denied(action) {
        return Ok(());
    }
    call.asker.ask(action).map(|_authorized| ())
}

/// Whether the caller may make, change or remove somebody's keys.
fn change_of(call: &Call<'_>, holder: &KeyHolder, action: Action) -> Result<(), AdminError> {
    let who = &call.asker.caller.who;
    let is_own = is_own(call, holder);
    if is_own && who.key_kind() != AccessKeyKind::Own {
        let message = "Temporary credentials and service accounts change no keys of their own holder: sign with the holder's own key.";
        return Err(AdminError::new(AdminErrorCode::AccessDenied, message));
    }
    if *holder == KeyHolder::Owner && !who.is_unlimited() {
        let message = "The keys of the store's owner are changed by the owner alone.";
        return Err(AdminError::new(AdminErrorCode::AccessDenied, message));
    }
    if is_own && !call.asker.is_denied(action) {
        return Ok(());
    }
    call.asker.ask(action).map(|_authorized| ())
}

/// The name of a holder, as madmin has it. No user's has a slash, so that nobody at a provider passes for a user.
fn shown(call: &Call<'_>, holder: &KeyHolder) -> String {
    match holder {
        KeyHolder::Owner => call.shared.iam.root_access_key().to_owned(),
        KeyHolder::User(name) => name.clone(),
        KeyHolder::Federated { provider, subject } => format!("{provider}/{subject}"),
    }
}

/// madmin's `ServiceAccountInfo` of each key.
fn rows(call: &Call<'_>, holder: &KeyHolder, kind: AccessKeyKind) -> Vec<Value> {
    let keys = call.shared.iam.access_keys(call.account(), holder);
    keys.iter()
        .filter(|key| key.kind == kind)
        .map(|key| {
            let mut row = facts(call, key);
            row.insert("accessKey".into(), key.access_key.as_str().into());
            Value::Object(row)
        })
        .collect()
}

fn facts(call: &Call<'_>, key: &AccessKeyInfo) -> Map<String, Value> {
    let mut facts = Map::new();
    facts.insert("parentUser".into(), shown(call, &key.holder).into());
    facts.insert("accountStatus".into(), if key.is_enabled { "on" } else { "off" }.into());
    facts.insert("impliedPolicy".into(), key.policy.is_none().into());
    facts.insert("name".into(), key.name.as_str().into());
    facts.insert("description".into(), key.description.as_str().into());
    facts.extend(key.expires.map(|time| ("expiration".to_owned(), Value::String(rfc3339(time)))));
    facts
}

/// The same with the policy that bounds the key: its own, or those of its holder.
fn details(call: &Call<'_>, key: &AccessKeyInfo) -> Map<String, Value> {
    let mut facts = facts(call, key);
    let policy = key.policy.clone().unwrap_or_else(|| {
        let names = match &key.holder {
            KeyHolder::Owner => vec!["consoleAdmin".to_owned()],
            KeyHolder::User(name) => {
                call.shared.iam.user(key.account, name).map(|user| user.policies).unwrap_or_default()
            }
            KeyHolder::Federated { .. } => key.policies.clone(),
        };
        crate::account::merged(call, &names).to_string()
    });
    facts.insert("policy".into(), policy.into());
    facts
}

/// When a key ends: nothing is said, never, or a time. Go's zero time and 1970 stand for never.
fn expiry(text: Option<&str>) -> Result<Option<Option<Timestamp>>, AdminError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let time = parse_rfc3339(text)
        .ok_or_else(|| AdminError::argument(format!("{text} is no time such as 2026-01-02T03:04:05Z.")))?;
    Ok(Some((time > Timestamp::ZERO).then_some(time)))
}
