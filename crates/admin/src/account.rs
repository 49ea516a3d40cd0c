//! What a caller may know of themselves: their name, policy, and the buckets they see.

use iam::{Action, Resource};
use object::BucketUsage;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::call::Call;
use crate::drives;
use crate::error::AdminError;
use crate::inventory::Inventory;
use crate::time::rfc3339;

/// madmin's `AccountInfo`.
pub(crate) async fn account_info(call: &Call<'_>) -> Result<Answer, AdminError> {
    let shared = call.shared;
    let disks = drives::disks(shared).await;
    let map = shared.objects.meta().map();
    let server = Inventory { map, disks: &disks, endpoint: &shared.facts.endpoint }.backend_info();
    let usage = shared.objects.usages().await?;
    let buckets: Vec<Value> = usage.iter().filter_map(|bucket| seen(call, bucket)).collect();
    Answer::json(&json!({
        "AccountName": call.asker.caller.access_key(),
        "Server": server,
        "Policy": policy(call),
        "Buckets": buckets,
    }))
}

/// The bucket as madmin's `BucketAccessInfo`, if the caller may read or write in it.
fn seen(call: &Call<'_>, usage: &BucketUsage) -> Option<Value> {
    let bucket = &usage.bucket;
    let may = |action, resource| call.asker.may(action, resource);
    let inside = Resource::Object { bucket: &bucket.name, key: "*" };
    let read = may(Action::ListBucket, Resource::Bucket(&bucket.name)) || may(Action::GetObject, inside);
    let write = may(Action::PutObject, inside);
    (read || write).then(|| {
        json!({
            "name": bucket.name,
            "size": usage.bytes,
            "objects": usage.objects,
            "created": rfc3339(bucket.created),
            "access": { "read": read, "write": write },
            "details": {
                "versioning": false,
                "versioningSuspended": false,
                "locking": false,
                "replication": false,
                "tags": null,
                "quota": null,
            },
        })
    })
}

/// All that the caller's policies say, as one. Root may all that the widest of the canned policies allows.
fn policy(call: &Call<'_>) -> Value {
    let who = &call.asker.caller.who;
    match who.is_owner() {
        true => merged(call, &["consoleAdmin".to_owned()]),
        false => merged(call, &who.policy_names().map(str::to_owned).collect::<Vec<_>>()),
    }
}

/// The statements of several policies in one.
pub(crate) fn merged(call: &Call<'_>, names: &[String]) -> Value {
    let texts = names.iter().filter_map(|name| call.shared.iam.policy(call.account(), name).ok());
    let statements: Vec<Value> = texts
        .filter_map(|policy| serde_json::from_str::<Value>(&policy.text).ok())
        .flat_map(|mut policy| match policy["Statement"].take() {
            Value::Array(statements) => statements,
            one => vec![one],
        })
        .collect();
    json!({ "Version": "2012-10-17", "Statement": statements })
}
