//! Managed policies: `mc admin policy create`, `rm`, `ls`, `info`.

use serde_json::{Map, Value};

use crate::answer::Answer;
use crate::body::RequestBody;
use crate::call::Call;
use crate::error::AdminError;
use crate::time::rfc3339;

/// Sets a policy.
pub(crate) async fn add_policy(call: &Call<'_>, body: &mut RequestBody) -> Result<Answer, AdminError> {
    let name = call.query.need("name")?;
    let text = call.document(body).await?;
    let text = String::from_utf8(text).map_err(|_| AdminError::argument("The policy is not UTF-8."))?;
    call.shared.iam.put_policy(call.account(), name, &text).await?;
    Ok(Answer::Done)
}

/// Removes a policy that nobody has.
pub(crate) async fn remove_policy(call: &Call<'_>) -> Result<Answer, AdminError> {
    call.shared.iam.remove_policy(call.account(), call.query.need("name")?).await?;
    Ok(Answer::Done)
}

/// The policy; madmin's `PolicyInfo` where the second version is asked for.
pub(crate) fn policy_info(call: &Call<'_>) -> Result<Answer, AdminError> {
    let policy = call.shared.iam.policy(call.account(), call.query.need("name")?)?;
    if call.query.get("v") != Some("2") {
        return Ok(Answer::Json(policy.text.into_bytes()));
    }
    let mut fields = Map::new();
    fields.insert("PolicyName".into(), policy.name.into());
    fields.insert("Policy".into(), document(&policy.text));
    for (name, time) in [("CreateDate", policy.created), ("UpdateDate", policy.changed)] {
        fields.extend(time.map(|time| (name.to_owned(), Value::String(rfc3339(time)))));
    }
    Answer::json(&fields)
}

/// A map of policies by name.
pub(crate) fn list_policies(call: &Call<'_>) -> Result<Answer, AdminError> {
    let policies = call.shared.iam.policies(call.account());
    let all: Map<String, Value> =
        policies.into_iter().map(|policy| (policy.name, document(&policy.text))).collect();
    Answer::json(&all)
}

/// A policy's text as a part of an answer. What is stored was read before it was.
pub(crate) fn document(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}

/// What a request says of a policy as a part of its body; none where it says nothing.
pub(crate) fn text(policy: Option<&Value>) -> Option<String> {
    match policy {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) if text.is_empty() => None,
        Some(Value::Object(fields)) if fields.is_empty() => None,
        Some(policy) => Some(policy.to_string()),
    }
}

/// `a,b`: names of policies.
pub(crate) fn names(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}
