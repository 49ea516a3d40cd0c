//! `mc admin service`: stop, restart, freeze, unfreeze.

use serde_json::json;

use crate::answer::Answer;
use crate::call::Call;
use crate::error::{AdminError, AdminErrorCode};

/// Does what is asked, unless it is to be tried only.
pub(crate) fn service(call: &Call<'_>) -> Result<Answer, AdminError> {
    let shared = call.shared;
    let action = call.query.need("action")?;
    let dry_run = call.query.is_true("dry-run");
    tracing::info!(
        action,
        dry_run,
        access_key = call.asker.caller.access_key(),
        "the service is told by the admin API"
    );
    match action {
        _ if dry_run => {}
        "stop" => shared.control.stop(),
        "restart" => shared.control.restart(),
        "freeze" => shared.gate.close(),
        "unfreeze" => shared.gate.open(),
        other => return Err(AdminError::argument(format!("The service can't be told to {other}."))),
    }
    if call.query.get("type") != Some("2") {
        return Ok(Answer::Done);
    }
    Answer::json(&json!({
        "action": action,
        "dryRun": dry_run,
        "results": [{ "host": shared.facts.endpoint }],
    }))
}

/// A server that replaced its own program would have to trust what it downloads.
pub(crate) fn update() -> Result<Answer, AdminError> {
    let message = "This server does not update itself. Install the new version where it runs (package, image or binary), \
                   then run `mc admin service restart`.";
    Err(AdminError::new(AdminErrorCode::NotImplemented, message))
}
