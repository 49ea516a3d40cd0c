//! Who has which policies: `mc admin policy attach`, `detach`, `entities`.

use iam::{GroupInfo, PolicyHolder, UserInfo};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::body::RequestBody;
use crate::call::Call;
use crate::error::{AdminError, AdminErrorCode};
use crate::policies::names;
use crate::time::rfc3339;

/// madmin's `PolicyAssociationReq`.
#[derive(Deserialize)]
struct Association {
    policies: Vec<String>,
    #[serde(default)]
    user: String,
    #[serde(default)]
    group: String,
}

impl Association {
    fn holder(&self) -> Result<PolicyHolder, AdminError> {
        match (self.user.as_str(), self.group.as_str()) {
            (user, "") if !user.is_empty() => Ok(PolicyHolder::User(user.to_owned())),
            ("", group) if !group.is_empty() => Ok(PolicyHolder::Group(group.to_owned())),
            _ => Err(AdminError::argument("Name either a user or a group.")),
        }
    }
}

/// Attaches policies to a user or a group, or detaches them.
pub(crate) async fn associate(call: &Call<'_>, body: &mut RequestBody) -> Result<Answer, AdminError> {
    let wanted: Association = call.read(body).await?;
    let (iam, account, holder) = (&call.shared.iam, call.account(), wanted.holder()?);
    let (field, changed) = match call.name("operation") {
        "attach" => ("policiesAttached", iam.attach_policies(account, holder, &wanted.policies).await?),
        "detach" => ("policiesDetached", iam.detach_policies(account, holder, &wanted.policies).await?),
        other => {
            return Err(AdminError::argument(format!("Policies are attached or detached, not {other}.")));
        }
    };
    if changed.is_empty() {
        let message = "The specified policy change is already in effect.";
        return Err(AdminError::new(AdminErrorCode::PolicyChangeAlreadyApplied, message));
    }
    Answer::json(&json!({ field: changed, "updatedAt": rfc3339(call.shared.env.clock.now()) }))
}

/// Attaches these policies and no others: what older tools ask.
pub(crate) async fn set_policies(call: &Call<'_>) -> Result<Answer, AdminError> {
    let name = call.query.need("userOrGroup")?.to_owned();
    let holder =
        if call.query.is_true("isGroup") { PolicyHolder::Group(name) } else { PolicyHolder::User(name) };
    let policies = names(call.query.get("policyName").unwrap_or_default());
    call.shared.iam.set_policies(call.account(), holder, &policies).await?;
    Ok(Answer::Done)
}

/// madmin's `PolicyEntitiesResult`: of the users, groups and policies that are named, or of all.
pub(crate) fn entities(call: &Call<'_>) -> Result<Answer, AdminError> {
    let iam = &call.shared.iam;
    let users = iam.users(call.account());
    let names = iam.groups(call.account());
    let groups: Vec<GroupInfo> =
        names.iter().filter_map(|name| iam.group(call.account(), name).ok()).collect();
    let wanted = |kind: &'static str| call.query.all(kind).map(str::to_owned).collect::<Vec<String>>();
    let (of_users, of_groups, of_policies) = (wanted("user"), wanted("group"), wanted("policy"));
    let is_all = of_users.is_empty() && of_groups.is_empty() && of_policies.is_empty();
    let is_wanted = |wanted: &[String], name: &str| is_all || wanted.iter().any(|known| known == name);
    let user_mappings: Vec<Value> = users
        .iter()
        .filter(|user| is_wanted(&of_users, &user.name))
        .filter(|user| !is_all || !user.policies.is_empty() || !user.groups.is_empty())
        .map(|user| of_user(user, &groups))
        .collect();
    let group_mappings: Vec<Value> = groups
        .iter()
        .filter(|group| is_wanted(&of_groups, &group.name))
        .filter(|group| !is_all || !group.policies.is_empty())
        .map(of_group)
        .collect();
    let policy_mappings: Vec<Value> = iam
        .policies(call.account())
        .iter()
        .filter(|policy| is_wanted(&of_policies, &policy.name))
        .map(|policy| of_policy(&policy.name, &users, &groups))
        .filter(|mapping| !is_all || mapping["users"] != json!([]) || mapping["groups"] != json!([]))
        .collect();
    Answer::json(&json!({
        "timestamp": rfc3339(call.shared.env.clock.now()),
        "userMappings": user_mappings,
        "groupMappings": group_mappings,
        "policyMappings": policy_mappings,
    }))
}

fn of_user(user: &UserInfo, groups: &[GroupInfo]) -> Value {
    let member_of: Vec<Value> =
        groups.iter().filter(|group| user.groups.contains(&group.name)).map(of_group).collect();
    json!({ "user": user.name, "policies": user.policies, "memberOfMappings": member_of })
}

fn of_group(group: &GroupInfo) -> Value {
    json!({ "group": group.name, "policies": group.policies })
}

fn of_policy(name: &str, users: &[UserInfo], groups: &[GroupInfo]) -> Value {
    let has = |policies: &[String]| policies.iter().any(|policy| policy == name);
    let users: Vec<&str> =
        users.iter().filter(|user| has(&user.policies)).map(|user| user.name.as_str()).collect();
    let groups: Vec<&str> =
        groups.iter().filter(|group| has(&group.policies)).map(|group| group.name.as_str()).collect();
    json!({ "policy": name, "users": users, "groups": groups })
}
