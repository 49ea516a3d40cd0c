//! The identity providers of the settings, as S3 asks them.

use std::sync::Arc;

use env::Env;
use iam::{IdentityProvider, Providers};
use idp::{CertificateProvider, OpenIdProvider, OutboundWeb, PluginProvider, Web};
use outbound::{Outbound, OutboundError, Trust};
use tracing::info;

use crate::config::IdentityConfig;

/// Who vouches for those without keys. Nobody is asked yet.
///
/// # Errors
/// Where there is nothing to ask them with.
pub(crate) fn providers(env: &Env, config: &IdentityConfig) -> Result<Providers, OutboundError> {
    let certificates =
        config.certificates.then(|| Arc::new(CertificateProvider) as Arc<dyn IdentityProvider>);
    if config.openid.is_empty() && config.plugin.is_none() {
        return Ok(Providers::new(certificates.into_iter().collect()));
    }
    let web: Arc<dyn Web> = Arc::new(OutboundWeb(Outbound::new(env, &Trust::new(&[], None)?)));
    let openid = config.openid.iter().map(|options| {
        let (provider, role) = (options.provider(), options.role_arn().unwrap_or_default());
        info!(provider, url = options.config_url, role, "an identity provider is set up");
        let provider = OpenIdProvider::new(options.clone(), Arc::clone(&web), Arc::clone(&env.clock));
        Arc::new(provider) as Arc<dyn IdentityProvider>
    });
    let plugin = config.plugin.iter().map(|options| {
        info!(role = options.role_arn(), "an identity plugin is set up");
        let provider = PluginProvider::new(options.clone(), Arc::clone(&web), Arc::clone(&env.clock));
        Arc::new(provider) as Arc<dyn IdentityProvider>
    });
    Ok(Providers::new(openid.chain(plugin).chain(certificates).collect()))
}
