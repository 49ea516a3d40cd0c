//! `mc idp openid` and `mc idp ldap`: the identity providers as the server was started with them. They are made by its environment,
//! so nothing is set here: who asks for that is told where. No secret is among what is shown.

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::call::Call;
use crate::error::{AdminError, AdminErrorCode};
use crate::facts::ProviderFacts;

/// What MinIO calls the one without a name.
const UNNAMED: &str = "_";
/// The kinds that madmin knows.
const KINDS: [&str; 2] = ["openid", "ldap"];

/// madmin's `IDPListItem`, for all of a kind.
pub(crate) fn list(call: &Call<'_>) -> Result<Answer, AdminError> {
    let rows: Vec<Value> = of_kind(call)?
        .map(|provider| {
            let (kind, name) = (provider.kind, shown(&provider.name));
            json!({ "type": kind, "name": name, "enabled": true, "roleARN": provider.role_arn })
        })
        .collect();
    Answer::json(&rows)
}

/// madmin's `IDPConfig`: the settings of one.
pub(crate) fn info(call: &Call<'_>) -> Result<Answer, AdminError> {
    let wanted = call.name("name");
    let found = of_kind(call)?.find(|provider| shown(&provider.name) == wanted);
    let provider = found.ok_or_else(|| {
        let message = format!("There is no identity provider {wanted} of this kind.");
        AdminError::new(AdminErrorCode::NoSuchProvider, message)
    })?;
    let row = |key: &str, value: &str, is_setting: bool| json!({ "key": key, "value": value, "isCfg": is_setting, "isEnv": is_setting });
    let mut rows: Vec<Value> = provider.settings.iter().map(|(key, value)| row(key, value, true)).collect();
    if !provider.role_arn.is_empty() {
        rows.push(row("roleARN", &provider.role_arn, false));
    }
    Answer::json(&json!({ "type": provider.kind, "name": wanted, "info": rows }))
}

/// Nothing is set while the server runs.
pub(crate) fn set(call: &Call<'_>) -> Result<Answer, AdminError> {
    let kind = kind(call)?.to_ascii_uppercase();
    let message = format!(
        "Identity providers are set up by the environment of this server, not over this API: set RUSTFS_IDENTITY_{kind}_... and \
         run `mc admin service restart`."
    );
    Err(AdminError::new(AdminErrorCode::NotImplemented, message))
}

fn of_kind<'c>(call: &'c Call<'_>) -> Result<impl Iterator<Item = &'c ProviderFacts>, AdminError> {
    let kind = kind(call)?;
    Ok(call.shared.facts.identity_providers.iter().filter(move |provider| provider.kind == kind))
}

fn kind<'c>(call: &'c Call<'_>) -> Result<&'c str, AdminError> {
    let kind = call.name("type");
    if KINDS.contains(&kind) {
        return Ok(kind);
    }
    Err(AdminError::argument(format!("Identity providers are of the kinds openid and ldap, not {kind}.")))
}

fn shown(name: &str) -> &str {
    if name.is_empty() { UNNAMED } else { name }
}
