//! Groups: `mc admin group`.

use iam::Action;
use serde::Deserialize;
use serde_json::json;

use crate::answer::Answer;
use crate::body::RequestBody;
use crate::call::Call;
use crate::error::AdminError;
use crate::time::rfc3339;
use crate::users::{is_enabled, status};

/// madmin's `GroupAddRemove`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChangeMembers {
    group: String,
    #[serde(default)]
    members: Option<Vec<String>>,
    #[serde(default)]
    is_remove: bool,
}

/// Makes users members of a group or ends their membership; without users, removes the group.
pub(crate) async fn update_members(call: &Call<'_>, body: &mut RequestBody) -> Result<Answer, AdminError> {
    let wanted: ChangeMembers = call.read(body).await?;
    let (iam, account) = (&call.shared.iam, call.account());
    let members = wanted.members.unwrap_or_default();
    if wanted.is_remove {
        let _authorized = call.asker.ask(Action::AdminRemoveUserFromGroup)?;
        iam.remove_group_members(account, &wanted.group, &members).await?;
    } else {
        iam.add_group_members(account, &wanted.group, &members).await?;
    }
    Ok(Answer::Done)
}

/// madmin's `GroupDesc`.
pub(crate) fn group(call: &Call<'_>) -> Result<Answer, AdminError> {
    let group = call.shared.iam.group(call.account(), call.query.need("group")?)?;
    Answer::json(&json!({
        "name": group.name,
        "status": status(group.is_enabled),
        "members": group.members,
        "policy": group.policies.join(","),
        "updatedAt": rfc3339(group.changed),
    }))
}

/// The names of all.
pub(crate) fn groups(call: &Call<'_>) -> Result<Answer, AdminError> {
    Answer::json(&call.shared.iam.groups(call.account()))
}

/// Lets the policies of a group count, or not.
pub(crate) async fn set_group_status(call: &Call<'_>) -> Result<Answer, AdminError> {
    let (name, status) = (call.query.need("group")?, call.query.need("status")?);
    call.shared.iam.set_group_enabled(call.account(), name, is_enabled(status)?).await?;
    Ok(Answer::Done)
}
