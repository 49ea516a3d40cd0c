//! `mc admin cluster iam export` and `import`: all users, groups, policies and service accounts of an account, with their
//! secrets.
//!
//! Always true: who asks signs with a key of its own, no service account and no session: by what the archive holds, they could
//! be any user. Keys of the store's owner go out and come in for the owner alone.

use std::time::Duration;

use iam::{ImportOutcome, Imported, ImportedKind};
use model::identity::AccessKeyKind;
use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::body::RequestBody;
use crate::call::Call;
use crate::error::{AdminError, AdminErrorCode};
use crate::iam_archive;

/// The longest archive that is taken.
const ARCHIVE_BYTES_MAX: usize = 32 << 20;
/// How long an import may take. What is left then can be imported again.
const IMPORT_TIME_MAX: Duration = Duration::from_secs(600);

/// An archive of all identities.
pub(crate) async fn export(call: &Call<'_>) -> Result<Answer, AdminError> {
    own_key(call)?;
    let _turn = call.shared.turn_of_archives()?;
    let (shared, account) = (call.shared.clone(), call.account());
    let with_owner = call.asker.caller.who.is_unlimited();
    let work = move || iam_archive::write(&shared.iam.identities(account, with_owner));
    let archive = call.shared.aside("iam-export", work).await??;
    tracing::info!(requester = call.asker.caller.access_key(), "identities were exported with their secrets");
    Ok(Answer::Bytes(archive, "application/zip"))
}

/// Takes over an archive. madmin's `ImportIAMResult` where the second version is asked for.
pub(crate) async fn import(call: &Call<'_>, body: &mut RequestBody) -> Result<Answer, AdminError> {
    own_key(call)?;
    let _turn = call.shared.turn_of_archives()?;
    let bytes = call.document_of(body, ARCHIVE_BYTES_MAX).await?;
    let archive = call.shared.aside("iam-import", move || iam_archive::read(&bytes)).await??;
    let by_owner = call.asker.caller.who.is_unlimited();
    let import = call.shared.iam.import(call.account(), archive.identities, by_owner);
    let told = env::within(&*call.shared.env.clock, IMPORT_TIME_MAX, import).await;
    let told = told.ok_or_else(|| {
        let message =
            "The import took too long and was ended; what it came to is there. Import the same again.";
        AdminError::new(AdminErrorCode::RequestTimeout, message)
    })??;
    tracing::info!(
        requester = call.asker.caller.access_key(),
        entries = told.len(),
        "identities were imported"
    );
    if call.route.path == "/import-iam" {
        return Ok(Answer::Done);
    }
    let sessions = archive.session_policies.into_iter().map(|(name, policies)| json!({ name: policies }));
    Answer::json(&report(&told, sessions.collect()))
}

fn own_key(call: &Call<'_>) -> Result<(), AdminError> {
    if call.asker.caller.who.key_kind() == AccessKeyKind::Own {
        return Ok(());
    }
    let message = "Temporary credentials and service accounts neither export nor import identities: sign with the holder's own key.";
    Err(AdminError::new(AdminErrorCode::AccessDenied, message))
}

/// madmin's `ImportIAMResult`. Its errors are of a type that madmin can't read, so they are null, and the reason stands beside.
fn report(told: &[Imported], sessions: Vec<Value>) -> Value {
    let mut report = Map::new();
    for list in ["skipped", "removed", "added", "failed"] {
        report.insert(list.to_owned(), json!({}));
    }
    if !sessions.is_empty() {
        report["skipped"]["stsPolicies"] = Value::Array(sessions);
    }
    for entry in told {
        let (list, reason) = match &entry.outcome {
            ImportOutcome::Added => ("added", None),
            ImportOutcome::Removed => ("removed", None),
            ImportOutcome::Skipped(reason) => ("skipped", Some(reason)),
            ImportOutcome::Failed(reason) => ("failed", Some(reason)),
        };
        if let Some(reason) = reason {
            tracing::debug!(kind = ?entry.kind, name = entry.name, reason, "an identity was not imported");
        }
        let row = if list == "failed" { failed(entry, reason) } else { plain(entry) };
        match &mut report[list][member(&entry.kind)] {
            Value::Array(rows) => rows.push(row),
            none => *none = Value::Array(vec![row]),
        }
    }
    Value::Object(report)
}

fn member(kind: &ImportedKind) -> &'static str {
    match kind {
        ImportedKind::Policy => "policies",
        ImportedKind::User => "users",
        ImportedKind::Group => "groups",
        ImportedKind::ServiceAccount => "serviceAccounts",
        ImportedKind::UserPolicies(_) => "userPolicies",
        ImportedKind::GroupPolicies(_) => "groupPolicies",
    }
}

fn plain(entry: &Imported) -> Value {
    match &entry.kind {
        ImportedKind::UserPolicies(policies) | ImportedKind::GroupPolicies(policies) => {
            json!({ entry.name.as_str(): policies })
        }
        _ => entry.name.as_str().into(),
    }
}

fn failed(entry: &Imported, reason: Option<&String>) -> Value {
    let mut row = json!({ "name": entry.name, "error": null, "reason": reason });
    if let ImportedKind::UserPolicies(policies) | ImportedKind::GroupPolicies(policies) = &entry.kind {
        row["policies"] = json!(policies);
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_entries_is_told_as_madmin_reads_it() {
        let told = [
            (ImportedKind::Policy, "gone", ImportOutcome::Removed),
            (ImportedKind::User, "alice", ImportOutcome::Added),
            (ImportedKind::User, "bob", ImportOutcome::Added),
            (ImportedKind::UserPolicies(vec!["p".into()]), "alice", ImportOutcome::Added),
            (ImportedKind::GroupPolicies(vec!["p".into()]), "staff", ImportOutcome::Failed("why".into())),
            (ImportedKind::ServiceAccount, "old", ImportOutcome::Skipped("it has ended".into())),
        ];
        let told = told.map(|(kind, name, outcome)| Imported { kind, name: name.to_owned(), outcome });
        let report = report(&told, vec![json!({ "uid=x": ["p"] })]);
        assert_eq!(report["removed"], json!({ "policies": ["gone"] }));
        assert_eq!(
            report["added"],
            json!({ "users": ["alice", "bob"], "userPolicies": [{ "alice": ["p"] }] })
        );
        let row = json!({ "name": "staff", "policies": ["p"], "error": null, "reason": "why" });
        assert_eq!(report["failed"], json!({ "groupPolicies": [row] }));
        assert_eq!(
            report["skipped"],
            json!({ "serviceAccounts": ["old"], "stsPolicies": [{ "uid=x": ["p"] }] })
        );
    }
}
