//! The settings as `mc admin config get` shows them. No secret is among them.

use admin::{ProviderFacts, Setting};
use idp::OpenIdOptions;

use super::{Config, IdentityConfig};

impl Config {
    /// What was set, or holds where nothing was, group by group.
    #[must_use]
    pub fn settings(&self) -> Vec<Setting> {
        let interval =
            self.scrub.interval.map_or_else(|| "off".to_owned(), |time| format!("{}s", time.as_secs()));
        let row = |subsystem, key, value, variable, description| Setting {
            subsystem,
            key,
            value,
            variable,
            description,
        };
        vec![
            row(
                "api",
                "requests_max",
                self.requests_max.to_string(),
                "RUSTFS_API_REQUESTS_MAX",
                "requests that are served at once",
            ),
            row(
                "api",
                "connections_max",
                self.connections_max.to_string(),
                "RUSTFS_API_MAX_CONNECTIONS",
                "connections at once",
            ),
            row(
                "heal",
                "scrub_interval",
                interval,
                "RUSTFS_SCRUB_INTERVAL",
                "from the end of a drive's scrub to the next one, or off",
            ),
            row(
                "heal",
                "scrub_rate",
                format!("{}B", self.scrub.bytes_per_second),
                "RUSTFS_SCRUB_RATE",
                "bytes that a scrub reads of a drive in a second",
            ),
            row("region", "name", self.region.clone(), "RUSTFS_REGION", "the region that clients are told"),
        ]
    }
}

impl IdentityConfig {
    /// The providers as `mc idp` shows them.
    #[must_use]
    pub fn facts(&self) -> Vec<ProviderFacts> {
        self.openid.iter().map(openid).collect()
    }
}

fn openid(options: &OpenIdOptions) -> ProviderFacts {
    let on_off = if options.asks_user_info { "on" } else { "off" };
    let mut settings = vec![
        ("enable", "on".to_owned()),
        ("config_url", options.config_url.clone()),
        ("client_id", options.client_id.clone()),
        ("claim_userinfo", on_off.to_owned()),
    ];
    settings.push(match &options.role_policies {
        Some(policies) => ("role_policy", policies.join(",")),
        None => ("claim_name", options.claim_name.clone()),
    });
    let role_arn = options.role_arn().unwrap_or_default();
    ProviderFacts { kind: "openid", name: options.name.clone(), role_arn, settings }
}
