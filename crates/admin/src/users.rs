//! Users: `mc admin user`.

use iam::{Action, PolicyHolder, UserInfo};
use model::identity::{AccessKeyKind, KeyHolder};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::body::RequestBody;
use crate::call::Call;
use crate::error::{AdminError, AdminErrorCode};
use crate::policies::names;
use crate::time::rfc3339;

/// madmin's `AddOrUpdateUserReq`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PutUser {
    #[serde(default)]
    secret_key: String,
    #[serde(default)]
    policy: String,
    #[serde(default)]
    status: String,
}

/// Makes a user, or changes its secret key and whether it works.
pub(crate) async fn add_user(call: &Call<'_>, body: &mut RequestBody) -> Result<Answer, AdminError> {
    let name = call.query.need("accessKey")?;
    refuse_own_holder(call, name)?;
    let wanted: PutUser = call.read(body).await?;
    let policies = names(&wanted.policy);
    if !policies.is_empty() {
        let _authorized = call.asker.ask(Action::AdminAttachUserOrGroupPolicy)?;
    }
    let secret = (!wanted.secret_key.is_empty()).then_some(wanted.secret_key.as_str());
    let (iam, account) = (&call.shared.iam, call.account());
    let status = (!wanted.status.is_empty()).then_some(wanted.status.as_str());
    iam.put_user(account, name, secret, status.map(is_enabled).transpose()?).await?;
    if !policies.is_empty() {
        iam.set_policies(account, PolicyHolder::User(name.to_owned()), &policies).await?;
    }
    Ok(Answer::Done)
}

/// Removes a user with all its access keys.
pub(crate) async fn remove_user(call: &Call<'_>) -> Result<Answer, AdminError> {
    let name = call.query.need("accessKey")?;
    refuse_own_holder(call, name)?;
    call.shared.iam.remove_user(call.account(), name).await?;
    Ok(Answer::Done)
}

/// A map of madmin's `UserInfo`.
pub(crate) fn list_users(call: &Call<'_>) -> Result<Answer, AdminError> {
    let users = call.shared.iam.users(call.account());
    let all: Map<String, Value> = users.iter().map(|user| (user.name.clone(), shown(user))).collect();
    Answer::json(&all)
}

/// madmin's `UserInfo`. Everybody may ask about themselves.
pub(crate) fn user_info(call: &Call<'_>) -> Result<Answer, AdminError> {
    let name = call.query.need("accessKey")?;
    if name != call.asker.caller.access_key() {
        let _authorized = call.asker.ask(Action::AdminGetUser)?;
    }
    Answer::json(&shown(&call.shared.iam.user(call.account(), name)?))
}

/// Lets the keys of a user work, or not.
pub(crate) async fn set_user_status(call: &Call<'_>) -> Result<Answer, AdminError> {
    let (name, status) = (call.query.need("accessKey")?, call.query.need("status")?);
    refuse_own_holder(call, name)?;
    call.shared.iam.set_user_enabled(call.account(), name, is_enabled(status)?).await?;
    Ok(Answer::Done)
}

/// Refuses what would change the user behind temporary credentials or a service account, whatever policies allow: who was given a
/// key for one thing would take over all that its holder may, and for good.
fn refuse_own_holder(call: &Call<'_>, name: &str) -> Result<(), AdminError> {
    let who = &call.asker.caller.who;
    let is_holder = matches!(who.holder(), Some(KeyHolder::User(holder)) if holder == name);
    if is_holder && who.key_kind() != AccessKeyKind::Own {
        let message = "Temporary credentials and service accounts don't change their own holder: sign with the holder's own key.";
        return Err(AdminError::new(AdminErrorCode::AccessDenied, message));
    }
    Ok(())
}

/// madmin's words; none means that it works.
pub(crate) fn is_enabled(status: &str) -> Result<bool, AdminError> {
    match status {
        "" | "enabled" | "on" => Ok(true),
        "disabled" | "off" => Ok(false),
        other => {
            Err(AdminError::argument(format!("The status can't be {other}: it is enabled or disabled.")))
        }
    }
}

/// madmin's word.
pub(crate) fn status(is_enabled: bool) -> &'static str {
    if is_enabled { "enabled" } else { "disabled" }
}

fn shown(user: &UserInfo) -> Value {
    json!({
        "policyName": user.policies.join(","),
        "status": status(user.is_enabled),
        "memberOf": user.groups,
        "updatedAt": rfc3339(user.changed),
    })
}
