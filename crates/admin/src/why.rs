//! Why a request was refused, and what somebody may: for who administers policies. No tool of MinIO's asks it.
//!
//! Always true: nothing is done and nobody is told but who has the right; what is asked about somebody counts with what they
//! have now, by the very evaluation that decides requests.

use std::sync::Arc;

use iam::{Action, Context, Denial, Explanation, Identity, Question, ROOT_ACCOUNT_NUMBER, Resource};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::call::Call;
use crate::error::{AdminError, AdminErrorCode};
use crate::time::rfc3339;

/// Refusals that are listed at most.
const LISTED_MAX: usize = 1_000;

/// With `request`: why that request was refused. With `accessKey` and `action`, and `bucket` and `key` where it is about such:
/// whether they may, statement by statement. With neither: the last refusals.
pub(crate) fn why(call: &Call<'_>) -> Result<Answer, AdminError> {
    let query = &call.query;
    match (query.get("request"), query.get("action")) {
        (Some(request), _) => {
            let found = call.shared.iam.denial(request);
            let message =
                "No refusal of a policy is known by this id: the last 1,000 since the start are kept.";
            let denial = found.ok_or_else(|| AdminError::new(AdminErrorCode::NoSuchKey, message))?;
            Answer::json(&refused(&denial))
        }
        (None, Some(action)) => simulate(call, action),
        (None, None) => {
            let last: Vec<Value> = call.shared.iam.denials(LISTED_MAX).iter().map(refused).collect();
            Answer::json(&last)
        }
    }
}

fn refused(denial: &Denial) -> Value {
    json!({
        "request": denial.request,
        "time": rfc3339(denial.time),
        "requester": denial.requester,
        "accessKey": denial.access_key,
        "action": denial.action.name(),
        "resource": denial.resource,
        "reason": denial.reason,
    })
}

fn simulate(call: &Call<'_>, action: &str) -> Result<Answer, AdminError> {
    let who = somebody(call, call.query.get("accessKey").unwrap_or_default())?;
    let known = Action::ALL.iter().find(|known| known.name().eq_ignore_ascii_case(action));
    let action = *known.ok_or_else(|| AdminError::argument(format!("There is no action {action}.")))?;
    let resource = match (call.query.get("bucket"), call.query.get("key")) {
        (Some(bucket), Some(key)) => Resource::Object { bucket, key },
        (Some(bucket), None) => Resource::Bucket(bucket),
        (None, _) => Resource::Service,
    };
    let mut context = Context::new();
    who.describe(&mut context);
    let question = Question {
        action,
        resource,
        resource_account: Some(ROOT_ACCOUNT_NUMBER),
        resource_policy: None,
        context: &context,
    };
    Answer::json(&explained(&call.shared.iam.explain(&who, &question)))
}

/// Whose access key it is; nobody's without one.
fn somebody(call: &Call<'_>, access_key: &str) -> Result<Arc<Identity>, AdminError> {
    if access_key.is_empty() {
        return Ok(call.shared.iam.anonymous());
    }
    let found = call.shared.iam.find(access_key).map(|(_, who)| who);
    let message = "No access key that works has this name.";
    found.ok_or_else(|| AdminError::new(AdminErrorCode::NoSuchAccessKey, message))
}

fn explained(explanation: &Explanation) -> Value {
    let statements = explanation.statements.iter();
    let statements: Vec<Value> = statements
        .map(|statement| {
            json!({
                "statement": statement.place,
                "effect": if statement.allows { "Allow" } else { "Deny" },
                "applies": statement.mismatch.is_none(),
                "mismatch": statement.mismatch,
            })
        })
        .collect();
    json!({ "allowed": explanation.allowed, "reason": explanation.reason, "statements": statements })
}
