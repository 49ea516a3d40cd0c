//! A provider of OpenID Connect: its keys, fetched when they are needed, and what its tokens are believed.
//!
//! Always true: a token counts by a key that the provider published within the last day, as a rule within the last minutes. Who sends
//! tokens of unknown keys makes this server ask the provider once in a while, and no more than that.

mod discovery;
mod freshness;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use env::{BoxFuture, Clock};
use iam::{Federated, IdentityProvider, Proof, ProviderFault, ProviderKind};
use model::identity::AccountId;
use parking_lot::{Mutex, RwLock};
use tokio::sync::{Semaphore, SemaphorePermit};
use tracing::{info, warn};

use crate::jwt::{Audience, Claims, JwtFault, KeySet, Token};
use crate::role::role_arn;
use crate::web::{Web, WebFault};
use discovery::Discovery;
use freshness::{Asked, Step};

/// What is known of a provider by the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenIdOptions {
    /// What tells it from others; empty for the only one, or the first.
    pub name: String,
    /// Where its discovery document is.
    pub config_url: String,
    /// What this server is to it.
    pub client_id: String,
    /// The claim that names policies.
    pub claim_name: String,
    /// Policies that everybody gets for whom it vouches, instead of a claim's.
    pub role_policies: Option<Vec<String>>,
    /// Whether the provider is asked for more claims.
    pub asks_user_info: bool,
}

impl OpenIdOptions {
    /// The provider, as policies and administrators name it: `openid`, `openid:NAME`.
    #[must_use]
    pub fn provider(&self) -> String {
        if self.name.is_empty() { "openid".to_owned() } else { format!("openid:{}", self.name) }
    }

    /// The role that chooses it; none where a claim names the policies.
    #[must_use]
    pub fn role_arn(&self) -> Option<String> {
        self.role_policies.as_ref().map(|_| role_arn(&self.client_id))
    }
}

/// What a provider publishes, as of a time.
struct Published {
    discovery: Discovery,
    keys: KeySet,
    /// By the clock that never goes back.
    at: Duration,
}

/// A provider of OpenID Connect.
pub struct OpenIdProvider {
    options: OpenIdOptions,
    role: Option<String>,
    web: Arc<dyn Web>,
    clock: Arc<dyn Clock>,
    published: RwLock<Option<Arc<Published>>>,
    /// When it was last asked, by the clock that never goes back, whatever came of it.
    asked: Mutex<Option<Duration>>,
    /// One place: for who asks.
    turn: Semaphore,
}

impl OpenIdProvider {
    /// By these settings. Nobody is asked before a token comes: a provider that is down keeps no server from its start.
    #[must_use]
    pub fn new(options: OpenIdOptions, web: Arc<dyn Web>, clock: Arc<dyn Clock>) -> Self {
        let role = options.role_arn();
        let (published, asked) = (RwLock::default(), Mutex::default());
        Self { options, role, web, clock, published, asked, turn: Semaphore::new(1) }
    }

    async fn vouch_for(&self, text: &str, access_token: Option<&str>) -> Result<Federated, ProviderFault> {
        let token = Token::parse(text).map_err(refused)?;
        let published = self.published_for(&token).await?;
        let wanted = Audience { issuer: &published.discovery.issuer, client_id: &self.options.client_id };
        let mut claims = token.verify(&published.keys, &wanted, self.clock.now()).map_err(refused)?;
        if self.options.asks_user_info {
            self.add_user_info(&mut claims, &published.discovery, access_token).await?;
        }
        self.federated(&claims)
    }

    /// What the provider publishes, with a key for this token unless it has none.
    async fn published_for(&self, token: &Token<'_>) -> Result<Arc<Published>, ProviderFault> {
        let is_asking = self.turn.available_permits() == 0;
        match self.step(token, is_asking) {
            (Step::Use, Some(published)) => return Ok(published),
            // Others need not wait for what only makes sure.
            (Step::Refresh, Some(published)) => {
                if let Ok(turn) = self.turn.try_acquire() {
                    self.ask(turn).await;
                }
                return Ok(self.known().unwrap_or(published));
            }
            (Step::Ask, _) => {}
            _ => return Err(ProviderFault::Unreachable),
        }
        let turn = self.turn.acquire().await.map_err(|_| ProviderFault::Unreachable)?;
        // Who had the turn before may have fetched it already.
        if self.step(token, false).0 == Step::Ask {
            self.ask(turn).await;
        }
        self.known().ok_or(ProviderFault::Unreachable)
    }

    /// What to do for a token, and what is known. `is_asking`: whether another request has the turn.
    fn step(&self, token: &Token<'_>, is_asking: bool) -> (Step, Option<Arc<Published>>) {
        let now = self.clock.monotonic();
        let published = self.known();
        let age = published.as_ref().map(|published| now.saturating_sub(published.at));
        let has_key = published.as_ref().is_some_and(|published| published.keys.has_one_for(token));
        let asked = match *self.asked.lock() {
            _ if is_asking => Asked::Now,
            Some(asked) => Asked::Ago(now.saturating_sub(asked)),
            None => Asked::Never,
        };
        (freshness::step(age, has_key, asked), published)
    }

    /// What the provider published, unless that is too long ago.
    fn known(&self) -> Option<Arc<Published>> {
        let now = self.clock.monotonic();
        let published = self.published.read().clone();
        published.filter(|published| freshness::is_usable(now.saturating_sub(published.at)))
    }

    /// Asks the provider what it publishes. What was known stays where it does not answer.
    async fn ask(&self, _turn: SemaphorePermit<'_>) {
        *self.asked.lock() = Some(self.clock.monotonic());
        let provider = self.options.provider();
        match self.fetch().await {
            Ok(published) => {
                info!(provider, keys = published.keys.len(), "the keys of an identity provider were fetched");
                *self.published.write() = Some(Arc::new(published));
            }
            Err(error) => warn!(
                provider,
                %error,
                "an identity provider can't be asked for its keys: look at it and at RUSTFS_IDENTITY_OPENID_CONFIG_URL"
            ),
        }
    }

    async fn fetch(&self) -> Result<Published, WebFault> {
        let text = self.web.get(&self.options.config_url, None).await?;
        let discovery = Discovery::read(&text, &self.options.config_url)?;
        let text = self.web.get(&discovery.jwks_uri, None).await?;
        let keys = KeySet::read(&text).filter(|keys| !keys.is_empty());
        let keys = keys.ok_or_else(|| WebFault("its set has no key that can be used".to_owned()))?;
        Ok(Published { discovery, keys, at: self.clock.monotonic() })
    }

    async fn add_user_info(
        &self,
        claims: &mut Claims,
        discovery: &Discovery,
        access_token: Option<&str>,
    ) -> Result<(), ProviderFault> {
        let needed = "this provider is asked for more claims: send WebIdentityAccessToken along";
        let access_token = access_token.ok_or_else(|| ProviderFault::invalid(needed))?;
        let url = discovery.userinfo_endpoint.as_deref().ok_or(ProviderFault::Unreachable)?;
        let text = self.web.get(url, Some(access_token)).await.map_err(|error| {
            warn!(provider = self.options.provider(), %error, "an identity provider does not tell more of somebody");
            ProviderFault::Unreachable
        })?;
        let others = Claims::read(&text).map_err(|_| ProviderFault::Unreachable)?;
        claims.add(others).map_err(refused)
    }

    fn federated(&self, claims: &Claims) -> Result<Federated, ProviderFault> {
        let meant = || claims.names(&self.options.claim_name);
        Ok(Federated {
            account: AccountId::ROOT,
            provider: self.options.provider(),
            subject: claims.subject().unwrap_or_default().to_owned(),
            policies: self.options.role_policies.clone().unwrap_or_else(meant),
            claims: claims.said(),
            expires: Some(claims.expires().map_err(refused)?),
        })
    }
}

impl IdentityProvider for OpenIdProvider {
    fn kind(&self) -> ProviderKind {
        ProviderKind::OpenId
    }

    fn role(&self) -> Option<&str> {
        self.role.as_deref()
    }

    fn vouch<'a>(&'a self, proof: Proof<'a>) -> BoxFuture<'a, Result<Federated, ProviderFault>> {
        Box::pin(async move {
            match proof {
                Proof::WebIdentity { token, access_token } => self.vouch_for(token, access_token).await,
                _ => Err(ProviderFault::NotConfigured),
            }
        })
    }
}

impl std::fmt::Debug for OpenIdProvider {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("OpenIdProvider").field("options", &self.options).finish_non_exhaustive()
    }
}

fn refused(fault: JwtFault) -> ProviderFault {
    match fault {
        JwtFault::Expired => ProviderFault::Expired,
        other => ProviderFault::invalid(other.to_string()),
    }
}
