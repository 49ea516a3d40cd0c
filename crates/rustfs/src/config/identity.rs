//! Identity providers, by MinIO's variables and RUSTFS_'s of the same names.
//!
//! Always: a provider is there where its address is set; what is set for one that is not there, or means nothing here, is told of.
//! Of several, each has a suffix that is its name: `RUSTFS_IDENTITY_OPENID_CONFIG_URL_STAFF`.

use std::collections::BTreeSet;

use http::Uri;
use idp::{OpenIdOptions, PluginOptions};

use super::ConfigError;
use super::settings::{Setting, Settings, Surroundings, boolean};
use crate::tls::{ClientCertificates, TlsOptions};

const BRANDS: [&str; 2] = ["RUSTFS", "MINIO"];
/// The claim that names policies, where nothing else is said: MinIO's.
const CLAIM_DEFAULT: &str = "policy";
/// Providers of one server, at most.
const PROVIDERS_MAX: usize = 32;

/// What MinIO asks a vendor's own API, and this server does not.
const NOT_ASKED: [&str; 3] = ["VENDOR", "KEYCLOAK_REALM", "KEYCLOAK_ADMIN_URL"];

/// The identity providers of the settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdentityConfig {
    /// Those of OpenID Connect.
    pub openid: Vec<OpenIdOptions>,
    /// The identity plugin.
    pub plugin: Option<PluginOptions>,
    /// Whether whoever shows a certificate gets the policy of its common name.
    pub certificates: bool,
}

pub(super) fn read(
    settings: &mut Settings<'_>,
    around: &Surroundings<'_>,
) -> Result<IdentityConfig, ConfigError> {
    let names = names(around, "OPENID_CONFIG_URL");
    let mut openid = Vec::new();
    for name in &names {
        openid.extend(Lookup { settings, group: "OPENID", name }.provider()?);
    }
    for orphan in names_of_ids(around).difference(&names) {
        let suffix = suffix(orphan);
        settings.warnings.push(format!(
            "RUSTFS_IDENTITY_OPENID_CLIENT_ID{suffix} is set without RUSTFS_IDENTITY_OPENID_CONFIG_URL{suffix}: there is no such \
             identity provider."
        ));
    }
    check_together(&openid)?;
    let plugin = Lookup { settings, group: "PLUGIN", name: "" }.plugin()?;
    let certificates = Lookup { settings, group: "TLS", name: "" }.flag("ENABLE", false)?;
    Ok(IdentityConfig { openid, plugin, certificates })
}

fn names_of_ids(around: &Surroundings<'_>) -> BTreeSet<String> {
    names(around, "OPENID_CLIENT_ID")
}

/// The names of the providers for which a variable is set; empty for the one without a suffix.
fn names(around: &Surroundings<'_>, key: &str) -> BTreeSet<String> {
    let name = |variable: &str| {
        let rest =
            BRANDS.iter().find_map(|brand| variable.strip_prefix(&format!("{brand}_IDENTITY_{key}")))?;
        match rest.strip_prefix('_') {
            Some(name) => Some(name.to_owned()).filter(|name| !name.is_empty()),
            None => rest.is_empty().then(String::new),
        }
    };
    around.names.iter().filter(|variable| around.set(variable).is_some()).filter_map(|it| name(it)).collect()
}

fn suffix(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!("_{name}") }
}

/// The settings of one provider.
struct Lookup<'s, 'a> {
    settings: &'s mut Settings<'a>,
    group: &'static str,
    name: &'s str,
}

impl Lookup<'_, '_> {
    fn get(&mut self, key: &str) -> Option<Setting> {
        let [ours, minios] = BRANDS.map(|brand| self.variable(brand, key));
        self.settings.get("", None, &[&ours, &minios])
    }

    fn variable(&self, brand: &str, key: &str) -> String {
        format!("{brand}_IDENTITY_{}_{key}{}", self.group, suffix(self.name))
    }

    fn flag(&mut self, key: &str, default: bool) -> Result<bool, ConfigError> {
        let Some(setting) = self.get(key) else { return Ok(default) };
        boolean(&setting.value).ok_or_else(|| wrong(setting, "write on or off"))
    }

    fn refuse(&self, key: &str, reason: &'static str) -> ConfigError {
        ConfigError::Provider { name: self.variable("RUSTFS", key), reason }
    }

    /// None where it is turned off.
    fn provider(mut self) -> Result<Option<OpenIdOptions>, ConfigError> {
        let Some(url) = self.get("CONFIG_URL") else { return Ok(None) };
        if !self.flag("ENABLE", true)? {
            return Ok(None);
        }
        let config_url = self.address(url)?;
        let client_id = self.get("CLIENT_ID").ok_or_else(|| {
            self.refuse(
                "CLIENT_ID",
                "is needed: what the identity provider calls this server, which its tokens are made for",
            )
        })?;
        let claim_name = self.get("CLAIM_NAME").map_or_else(|| CLAIM_DEFAULT.to_owned(), |it| it.value);
        let role_policies = self.role_policies()?;
        if role_policies.is_some() && claim_name != CLAIM_DEFAULT {
            let reason = "and ..._CLAIM_NAME can't both be set: either all get the same policies, or a claim names them";
            return Err(self.refuse("ROLE_POLICY", reason));
        }
        let asks_user_info = self.flag("CLAIM_USERINFO", false)?;
        self.tell_what_is_not_asked();
        let (name, client_id) = (self.name.to_owned(), client_id.value);
        Ok(Some(OpenIdOptions { name, config_url, client_id, claim_name, role_policies, asks_user_info }))
    }

    /// None where there is none, or it is turned off.
    fn plugin(mut self) -> Result<Option<PluginOptions>, ConfigError> {
        let Some(url) = self.get("URL") else { return Ok(None) };
        if !self.flag("ENABLE", true)? {
            return Ok(None);
        }
        let url = self.address(url)?;
        let role_policies = self.role_policies()?.ok_or_else(|| {
            self.refuse(
                "ROLE_POLICY",
                "is needed: the policies of everybody for whom the identity plugin vouches",
            )
        })?;
        let mut value = |key| self.get(key).map(|setting| setting.value);
        let (authorization, role_id) = (value("AUTH_TOKEN"), value("ROLE_ID"));
        Ok(Some(PluginOptions { url, authorization, role_id, role_policies }))
    }

    fn address(&mut self, url: Setting) -> Result<String, ConfigError> {
        let wanted = "it is an address that begins with https://";
        let uri: Uri = match url.value.trim().parse() {
            Ok(uri) => uri,
            Err(_) => return Err(wrong(url, wanted)),
        };
        match (uri.scheme_str(), uri.host()) {
            (Some("https"), Some(_)) => {}
            (Some("http"), Some(host)) if is_loopback(host) => {}
            (Some("http"), Some(_)) => self.settings.warnings.push(format!(
                "{} is not https: whoever is on the way to the identity provider can sign in as anybody.",
                url.name
            )),
            _ => return Err(wrong(url, wanted)),
        }
        Ok(uri.to_string())
    }

    fn role_policies(&mut self) -> Result<Option<Vec<String>>, ConfigError> {
        let Some(setting) = self.get("ROLE_POLICY") else { return Ok(None) };
        let policies = setting.value.split(',').map(str::trim).filter(|name| !name.is_empty());
        let policies: Vec<String> = policies.map(str::to_owned).collect();
        match policies.is_empty() {
            true => Err(wrong(setting, "names of policies with commas between them")),
            false => Ok(Some(policies)),
        }
    }

    fn tell_what_is_not_asked(&mut self) {
        for key in NOT_ASKED {
            if let Some(setting) = self.get(key) {
                self.settings.warnings.push(format!(
                    "{} is set, and not used: this server asks no vendor's own API whether a user is still enabled.",
                    setting.name
                ));
            }
        }
    }
}

/// Certificates of clients prove nothing where nobody asks for them.
pub(super) fn check_certificates(
    settings: &mut Settings<'_>,
    identity: &IdentityConfig,
    tls: Option<&TlsOptions>,
) {
    let is_asked = tls.is_some_and(|tls| tls.clients != ClientCertificates::Off);
    if identity.certificates && !is_asked {
        settings.warnings.push(
            "RUSTFS_IDENTITY_TLS_ENABLE is on, but nobody is asked for a certificate: set RUSTFS_TLS_PATH, and \
             RUSTFS_SERVER_MTLS_ENABLE to optional or required."
                .to_owned(),
        );
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn wrong(setting: Setting, wanted: &'static str) -> ConfigError {
    ConfigError::Value { name: setting.name, value: setting.value, wanted }
}

/// What can't be told apart by what a client sends is refused.
fn check_together(openid: &[OpenIdOptions]) -> Result<(), ConfigError> {
    let refuse = |key: &str, name: &str, reason| {
        Err(ConfigError::Provider { name: format!("RUSTFS_IDENTITY_OPENID_{key}{}", suffix(name)), reason })
    };
    if let Some(over) = openid.get(PROVIDERS_MAX) {
        return refuse("CONFIG_URL", &over.name, "is one provider too many: there may be 32");
    }
    let mut ids = BTreeSet::new();
    if let Some(again) = openid.iter().find(|provider| !ids.insert(&provider.client_id)) {
        return refuse("CLIENT_ID", &again.name, "is that of another provider, too: each needs its own");
    }
    let mut by_claim = openid.iter().filter(|provider| provider.role_policies.is_none()).skip(1);
    match by_claim.next() {
        Some(second) => refuse(
            "ROLE_POLICY",
            &second.name,
            "is needed: of several providers, one at most may name policies by a claim, since clients choose the others by role",
        ),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn config(variables: &[(&str, &str)]) -> Result<(IdentityConfig, Vec<String>), String> {
        let set: HashMap<String, String> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let around = Surroundings {
            variable: &|name| set.get(name).cloned(),
            names: set.keys().cloned().collect(),
            file: &|_| Err(std::io::ErrorKind::NotFound.into()),
            here: Ok("/".into()),
        };
        let mut settings = Settings::new(&around);
        let read = read(&mut settings, &around).map_err(|error| error.to_string())?;
        Ok((read, settings.warnings))
    }

    const URL: (&str, &str) = ("MINIO_IDENTITY_OPENID_CONFIG_URL", "https://idp.test/config");
    const ID: (&str, &str) = ("RUSTFS_IDENTITY_OPENID_CLIENT_ID", "store");

    #[test]
    fn certificates_count_where_that_is_turned_on_and_somebody_asks_for_them() {
        for (value, on) in [("on", true), ("off", false)] {
            assert_eq!(config(&[("MINIO_IDENTITY_TLS_ENABLE", value)]).unwrap().0.certificates, on);
        }
        assert!(config(&[("RUSTFS_IDENTITY_TLS_ENABLE", "perhaps")]).is_err());
        let variable = |_: &str| None;
        let file = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
        let around =
            Surroundings { variable: &variable, names: Vec::new(), file: &file, here: Ok("/".into()) };
        let mut settings = Settings::new(&around);
        check_certificates(&mut settings, &IdentityConfig::default(), None);
        assert_eq!(settings.warnings, Vec::<String>::new());
        let on = IdentityConfig { certificates: true, ..IdentityConfig::default() };
        check_certificates(&mut settings, &on, None);
        assert!(settings.warnings[0].contains("RUSTFS_SERVER_MTLS_ENABLE"), "{:?}", settings.warnings);
    }

    #[test]
    fn a_provider_is_read_by_either_name() {
        let (read, warnings) = config(&[URL, ID]).unwrap();
        assert_eq!(warnings, Vec::<String>::new());
        let [provider] = &read.openid[..] else { panic!("{read:?}") };
        assert_eq!((provider.provider().as_str(), provider.role_arn()), ("openid", None));
        assert_eq!((provider.claim_name.as_str(), provider.asks_user_info), ("policy", false));
        assert_eq!(config(&[]).unwrap().0, IdentityConfig::default());
        let off = ("RUSTFS_IDENTITY_OPENID_ENABLE", "off");
        assert_eq!(config(&[URL, ID, off]).unwrap().0, IdentityConfig::default());
    }

    #[test]
    fn several_are_told_apart_by_suffix_and_chosen_by_role() {
        let staff = [
            ("RUSTFS_IDENTITY_OPENID_CONFIG_URL_STAFF", "https://staff.test/config"),
            ("RUSTFS_IDENTITY_OPENID_CLIENT_ID_STAFF", "staff"),
            ("RUSTFS_IDENTITY_OPENID_ROLE_POLICY_STAFF", "readonly, diagnostics"),
        ];
        let (read, _) = config(&[&[URL, ID], &staff[..]].concat()).unwrap();
        let names: Vec<String> = read.openid.iter().map(OpenIdOptions::provider).collect();
        assert_eq!(names, ["openid", "openid:STAFF"]);
        assert_eq!(read.openid[1].role_policies, Some(vec!["readonly".into(), "diagnostics".into()]));
        assert!(read.openid[1].role_arn().is_some());
    }

    #[test]
    fn what_is_odd_is_said() {
        let (_, warnings) =
            config(&[("MINIO_IDENTITY_OPENID_CONFIG_URL", "http://idp.test/config"), ID]).unwrap();
        assert!(warnings[0].contains("is not https"), "{warnings:?}");
        let local = ("MINIO_IDENTITY_OPENID_CONFIG_URL", "http://127.0.0.1:1/config");
        assert_eq!(config(&[local, ID]).unwrap().1, Vec::<String>::new());
        let (_, warnings) = config(&[ID]).unwrap();
        assert!(warnings[0].contains("without RUSTFS_IDENTITY_OPENID_CONFIG_URL"), "{warnings:?}");
        let vendor = ("MINIO_IDENTITY_OPENID_VENDOR", "keycloak");
        assert!(config(&[URL, ID, vendor]).unwrap().1[0].contains("not used"));
    }

    #[test]
    fn an_identity_plugin_needs_the_policies_of_its_role() {
        let url = ("MINIO_IDENTITY_PLUGIN_URL", "https://hook.test/");
        let more = [
            ("MINIO_IDENTITY_PLUGIN_ROLE_POLICY", "readonly"),
            ("RUSTFS_IDENTITY_PLUGIN_ROLE_ID", "hook"),
            ("RUSTFS_IDENTITY_PLUGIN_AUTH_TOKEN", "ours"),
        ];
        let (read, _) = config(&[&[url], &more[..]].concat()).unwrap();
        let plugin = read.plugin.unwrap();
        assert_eq!(
            (plugin.role_policies, plugin.authorization),
            (vec!["readonly".into()], Some("ours".into()))
        );
        assert!(config(&[url]).unwrap_err().contains("ROLE_POLICY is needed"));
        let off = ("RUSTFS_IDENTITY_PLUGIN_ENABLE", "off");
        assert_eq!(config(&[url, off]).unwrap().0.plugin, None);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let claim = ("RUSTFS_IDENTITY_OPENID_CLAIM_NAME", "groups");
        let role = ("RUSTFS_IDENTITY_OPENID_ROLE_POLICY", "readonly");
        let second = ("RUSTFS_IDENTITY_OPENID_CONFIG_URL_B", "https://b.test/config");
        let (same_id, other_id) =
            (("RUSTFS_IDENTITY_OPENID_CLIENT_ID_B", "store"), ("RUSTFS_IDENTITY_OPENID_CLIENT_ID_B", "b"));
        for (variables, part) in [
            (&[URL][..], "CLIENT_ID is needed"),
            (&[("RUSTFS_IDENTITY_OPENID_CONFIG_URL", "idp.test"), ID], "CONFIG_URL can't be"),
            (&[URL, ID, claim, role], "ROLE_POLICY and"),
            (&[URL, ID, ("RUSTFS_IDENTITY_OPENID_ROLE_POLICY", ",")], "ROLE_POLICY can't be"),
            (&[URL, ID, ("RUSTFS_IDENTITY_OPENID_CLAIM_USERINFO", "maybe")], "CLAIM_USERINFO can't be"),
            (&[URL, ID, second, same_id], "CLIENT_ID_B is that of another"),
            (&[URL, ID, second, other_id], "ROLE_POLICY_B is needed"),
        ] {
            let said = config(variables).unwrap_err();
            assert!(said.contains(part), "{said}");
        }
    }
}
