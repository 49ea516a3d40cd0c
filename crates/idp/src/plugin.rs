//! An identity plugin: a web hook of the operator's that looks at tokens of whatever kind. The protocol is MinIO's.
//!
//! Always true: a token is shown to the hook that the settings name and to nobody else, and is in no message. Whom the hook vouches for
//! gets the policies of the settings: what it says of somebody can be asked for in conditions, and gives nothing by itself.
//!
//! Source: <https://github.com/minio/minio/blob/master/docs/iam/identity-management-plugin.md>

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use env::{BoxFuture, Clock};
use iam::{Federated, IdentityProvider, Proof, ProviderFault, ProviderKind};
use model::identity::AccountId;
use model::time::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use tokio::sync::Semaphore;
use tracing::warn;

use crate::jwt::Claims;
use crate::role::plugin_role_arn;
use crate::web::Web;

/// Tokens are no longer than this: they stand in an address.
const TOKEN_BYTES_MAX: usize = 8 << 10;
/// Questions to the hook at once: every token has to be shown to it, and who sends them is not known.
const QUESTIONS_MAX: usize = 16;
/// Of what the hook says of a refusal, this is passed on.
const REASON_CHARS_MAX: usize = 200;

/// What is known of a plugin by the settings.
#[derive(Clone, PartialEq, Eq)]
pub struct PluginOptions {
    /// The hook.
    pub url: String,
    /// What it knows this server by: the value of `Authorization`.
    pub authorization: Option<String>,
    /// What tells its role from others; made of the address without.
    pub role_id: Option<String>,
    /// The policies of everybody for whom it vouches.
    pub role_policies: Vec<String>,
}

impl PluginOptions {
    /// The role that clients name.
    #[must_use]
    pub fn role_arn(&self) -> String {
        plugin_role_arn(self.role_id.as_deref(), &self.url)
    }
}

impl std::fmt::Debug for PluginOptions {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("PluginOptions")
            .field("role_policies", &self.role_policies)
            .finish_non_exhaustive()
    }
}

/// What the hook answers of whom it knows.
#[derive(Deserialize)]
struct Known {
    user: String,
    #[serde(rename = "maxValiditySeconds")]
    max_validity_seconds: u64,
    #[serde(default)]
    claims: Claims,
}

/// What the hook answers of others.
#[derive(Default, Deserialize)]
struct Unknown {
    #[serde(default)]
    reason: String,
}

/// An identity plugin.
pub struct PluginProvider {
    options: PluginOptions,
    role: String,
    web: Arc<dyn Web>,
    clock: Arc<dyn Clock>,
    places: Semaphore,
}

impl PluginProvider {
    /// By these settings. The hook is not asked yet.
    #[must_use]
    pub fn new(options: PluginOptions, web: Arc<dyn Web>, clock: Arc<dyn Clock>) -> Self {
        let role = options.role_arn();
        Self { options, role, web, clock, places: Semaphore::new(QUESTIONS_MAX) }
    }

    async fn vouch_for(&self, token: &str) -> Result<Federated, ProviderFault> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(ProviderFault::invalid("the token is longer than 8192 bytes"));
        }
        let _place = self.places.try_acquire().map_err(|_| ProviderFault::Unreachable)?;
        let address = address(&self.options.url, token);
        let answer = self.web.post(&address, self.options.authorization.as_deref()).await;
        let (status, body) = answer.map_err(|error| self.unreachable(&error.to_string()))?;
        match status {
            200 => self.known(&body),
            403 => Err(rejected(&body)),
            other => Err(self.unreachable(&format!("its answer has the status {other}"))),
        }
    }

    fn known(&self, body: &[u8]) -> Result<Federated, ProviderFault> {
        let known: Known = serde_json::from_slice(body).map_err(|_| {
            self.unreachable("its answer is no JSON with user, maxValiditySeconds and claims")
        })?;
        let time = Duration::from_secs(known.max_validity_seconds);
        let end =
            self.clock.now().millis().saturating_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        Ok(Federated {
            account: AccountId::ROOT,
            provider: "plugin".to_owned(),
            subject: known.user,
            policies: self.options.role_policies.clone(),
            claims: known.claims.said(),
            expires: Some(Timestamp::from_millis(end)),
        })
    }

    fn unreachable(&self, reason: &str) -> ProviderFault {
        warn!(
            reason,
            "the identity plugin does not answer as it should: look at it and at RUSTFS_IDENTITY_PLUGIN_URL"
        );
        ProviderFault::Unreachable
    }
}

/// The hook's address with the token.
fn address(url: &str, token: &str) -> String {
    let joint = if url.contains('?') { '&' } else { '?' };
    format!("{url}{joint}token={}", utf8_percent_encode(token, NON_ALPHANUMERIC))
}

/// What the hook says of a refusal is for who sent the token.
fn rejected(body: &[u8]) -> ProviderFault {
    let unknown: Unknown = serde_json::from_slice(body).unwrap_or_default();
    let reason: String =
        unknown.reason.chars().filter(|char| !char.is_control()).take(REASON_CHARS_MAX).collect();
    ProviderFault::Rejected { reason }
}

impl IdentityProvider for PluginProvider {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Plugin
    }

    fn role(&self) -> Option<&str> {
        Some(&self.role)
    }

    fn vouch<'a>(&'a self, proof: Proof<'a>) -> BoxFuture<'a, Result<Federated, ProviderFault>> {
        Box::pin(async move {
            match proof {
                Proof::CustomToken(token) => self.vouch_for(token).await,
                _ => Err(ProviderFault::NotConfigured),
            }
        })
    }
}

impl std::fmt::Debug for PluginProvider {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("PluginProvider").field("options", &self.options).finish_non_exhaustive()
    }
}
