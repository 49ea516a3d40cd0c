//! The table of routes: method, path, right, and how bodies are under madmin's prefix.
//!
//! Always true: a request is served by the row that it matches and by no other, after the right of that row was granted.
//! A test walks the table, and another compares `docs/operating/admin.md` with it.

use http::Method;
use iam::Action;

/// What MinIO's tools ask under.
const MINIO: &str = "/minio/admin/v3";
/// The same in plain JSON.
const RUSTFS: &str = "/rustfs/admin/v3";

/// Where newer tools of MinIO ask about keys.
const KMS: &str = "/minio/kms/v1";

/// Why nobody can ask for healing.
const HEAL_LATER: &str = "healing on demand: drives are scrubbed and what is damaged is healed by itself, see \
                          background-heal/status";

/// What a request speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Bodies are sealed where the row says so.
    Madmin,
    /// Plain JSON.
    Plain,
}

/// The right that a route needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needed {
    /// This action.
    Action(Action),
    /// The action that stands beside the value of this query parameter.
    ByValue {
        /// The parameter.
        parameter: &'static str,
        /// Its values.
        actions: &'static [(&'static str, Action)],
    },
    /// Whoever is known may ask: it is about themselves alone.
    Known,
}

/// Which bodies madmin seals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealed {
    /// None.
    Neither,
    /// That of the request.
    Request,
    /// That of the answer.
    Answer,
    /// Both.
    Both,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    AccountInfo,
    BackgroundHealStatus,
    ConfigHelp,
    DataUsageInfo,
    DevNull,
    ExportIam,
    ImportIam,
    DevNullExtraTime,
    ForceUnlock,
    GetConfig,
    GetQuota,
    IdentityProvider,
    IdentityProviders,
    Info,
    KmsStatus,
    Log,
    Metrics,
    Service,
    SetConfig,
    SetIdentityProvider,
    StorageInfo,
    TopLocks,
    Trace,
    Update,
    AccessKeyInfo,
    AddPolicy,
    AddServiceAccount,
    AddUser,
    AssociatePolicies,
    Group,
    Groups,
    ListAccessKeys,
    ListPolicies,
    ListServiceAccounts,
    ListUsers,
    PolicyEntities,
    PolicyInfo,
    RemovePolicy,
    RemoveServiceAccount,
    RemoveUser,
    RevokeTokens,
    ServiceAccountInfo,
    SetGroupStatus,
    SetPolicies,
    SetQuota,
    SetUserStatus,
    TemporaryAccountInfo,
    UpdateMembers,
    UpdateServiceAccount,
    UserInfo,
    Why,
    /// Not built: what it would be.
    Later(&'static str),
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The method.
    pub method: &'static str,
    /// The path behind the prefix. `{name}` is one segment, `{name*}` all that are left.
    pub path: &'static str,
    /// The right.
    pub needed: Needed,
    /// Which bodies are sealed under `/minio/admin`.
    pub sealed: Sealed,
    pub(crate) operation: Operation,
}

impl Route {
    /// Whether it is there so that tools are told that it is not built.
    #[must_use]
    pub fn is_built(&self) -> bool {
        !matches!(self.operation, Operation::Later(_))
    }
}

impl Sealed {
    pub(crate) fn request(self) -> bool {
        matches!(self, Self::Request | Self::Both)
    }

    pub(crate) fn answer(self) -> bool {
        matches!(self, Self::Answer | Self::Both)
    }
}

/// The segments that a path has in place of a row's names.
pub(crate) type Names<'p> = Vec<(&'static str, &'p str)>;

/// The row of a request, what it speaks, and what its path names.
/// The path of the route that a request asks for, as it stands in the table; none where it asks for none.
#[must_use]
pub fn route_path(method: &Method, path: &str) -> Option<&'static str> {
    find(method, path).map(|(route, ..)| route.path)
}

pub(crate) fn find<'p>(method: &Method, path: &'p str) -> Option<(&'static Route, Dialect, Names<'p>)> {
    let under = |prefix: &str, dialect, rows| path.strip_prefix(prefix).map(|rest| (dialect, rest, rows));
    let (dialect, rest, rows) = under(MINIO, Dialect::Madmin, ROUTES)
        .or_else(|| under(RUSTFS, Dialect::Plain, ROUTES))
        .or_else(|| under(KMS, Dialect::Madmin, KMS_ROUTES))?;
    rows.iter().filter(|route| route.method == method.as_str()).find_map(|route| {
        let names = matched(route.path, rest)?;
        Some((route, dialect, names))
    })
}

fn matched<'p>(pattern: &'static str, path: &'p str) -> Option<Names<'p>> {
    let mut names = Names::new();
    let mut rest = path.strip_prefix('/')?;
    let mut segments = pattern.strip_prefix('/')?.split('/').peekable();
    while let Some(segment) = segments.next() {
        let name = segment.strip_prefix('{').and_then(|name| name.strip_suffix('}'));
        if let Some(name) = name.and_then(|name| name.strip_suffix('*')) {
            names.push((name, rest));
            return Some(names);
        }
        let (found, behind) = match segments.peek() {
            Some(_) => rest.split_once('/')?,
            None if rest.contains('/') => return None,
            None => (rest, ""),
        };
        match name {
            Some(_) if found.is_empty() => return None,
            Some(name) => names.push((name, found)),
            None if found != segment => return None,
            None => {}
        }
        rest = behind;
    }
    Some(names)
}

const fn row(
    method: &'static str,
    path: &'static str,
    action: Action,
    sealed: Sealed,
    operation: Operation,
) -> Route {
    Route { method, path, needed: Needed::Action(action), sealed, operation }
}

const fn known(method: &'static str, path: &'static str, sealed: Sealed, operation: Operation) -> Route {
    Route { method, path, needed: Needed::Known, sealed, operation }
}

const fn by_value(
    method: &'static str,
    path: &'static str,
    parameter: &'static str,
    actions: &'static [(&'static str, Action)],
    operation: Operation,
) -> Route {
    Route { method, path, needed: Needed::ByValue { parameter, actions }, sealed: Neither, operation }
}

const fn later(method: &'static str, path: &'static str, action: Action, what: &'static str) -> Route {
    row(method, path, action, Sealed::Neither, Operation::Later(what))
}

use Action as A;
use Operation as O;
use Sealed::Neither;

const SERVICE: &[(&str, Action)] = &[
    ("restart", A::AdminServiceRestart),
    ("stop", A::AdminServiceStop),
    ("freeze", A::AdminServiceFreeze),
    ("unfreeze", A::AdminServiceFreeze),
];

const USER_STATUS: &[(&str, Action)] = &[("enabled", A::AdminEnableUser), ("disabled", A::AdminDisableUser)];
const GROUP_STATUS: &[(&str, Action)] =
    &[("enabled", A::AdminEnableGroup), ("disabled", A::AdminDisableGroup)];

/// Every route.
#[rustfmt::skip]
pub const ROUTES: &[Route] = &[
    // Users, groups, policies.
    row("PUT", "/add-user", A::AdminCreateUser, Sealed::Request, O::AddUser),
    row("DELETE", "/remove-user", A::AdminDeleteUser, Neither, O::RemoveUser),
    row("GET", "/list-users", A::AdminListUsers, Sealed::Answer, O::ListUsers),
    known("GET", "/user-info", Neither, O::UserInfo),
    by_value("PUT", "/set-user-status", "status", USER_STATUS, O::SetUserStatus),
    row("PUT", "/update-group-members", A::AdminAddUserToGroup, Neither, O::UpdateMembers),
    row("GET", "/group", A::AdminGetGroup, Neither, O::Group),
    row("GET", "/groups", A::AdminListGroups, Neither, O::Groups),
    by_value("PUT", "/set-group-status", "status", GROUP_STATUS, O::SetGroupStatus),
    row("PUT", "/add-canned-policy", A::AdminCreatePolicy, Neither, O::AddPolicy),
    row("DELETE", "/remove-canned-policy", A::AdminDeletePolicy, Neither, O::RemovePolicy),
    row("GET", "/info-canned-policy", A::AdminGetPolicy, Neither, O::PolicyInfo),
    row("GET", "/list-canned-policies", A::AdminListUserPolicies, Neither, O::ListPolicies),
    row("POST", "/idp/builtin/policy/{operation}", A::AdminAttachUserOrGroupPolicy, Sealed::Both, O::AssociatePolicies),
    row("GET", "/idp/builtin/policy-entities", A::AdminListUserPolicies, Sealed::Answer, O::PolicyEntities),
    row("PUT", "/set-user-or-group-policy", A::AdminAttachUserOrGroupPolicy, Neither, O::SetPolicies),
    // Access keys: the caller's own without a right, others' with one, which the handlers ask for.
    known("PUT", "/add-service-account", Sealed::Both, O::AddServiceAccount),
    known("POST", "/update-service-account", Sealed::Request, O::UpdateServiceAccount),
    known("GET", "/info-service-account", Sealed::Answer, O::ServiceAccountInfo),
    known("GET", "/list-service-accounts", Sealed::Answer, O::ListServiceAccounts),
    known("DELETE", "/delete-service-account", Neither, O::RemoveServiceAccount),
    known("GET", "/list-access-keys-bulk", Sealed::Answer, O::ListAccessKeys),
    known("GET", "/info-access-key", Sealed::Answer, O::AccessKeyInfo),
    known("GET", "/temporary-account-info", Sealed::Answer, O::TemporaryAccountInfo),
    known("POST", "/revoke-tokens/{provider}", Neither, O::RevokeTokens),
    row("GET", "/export-iam", A::AdminExportIam, Neither, O::ExportIam),
    row("PUT", "/import-iam", A::AdminImportIam, Neither, O::ImportIam),
    row("PUT", "/import-iam-v2", A::AdminImportIam, Neither, O::ImportIam),
    // What there is and how it is.
    row("GET", "/why", A::AdminListUserPolicies, Neither, O::Why),
    row("GET", "/info", A::AdminServerInfo, Neither, O::Info),
    row("GET", "/storageinfo", A::AdminStorageInfo, Neither, O::StorageInfo),
    row("GET", "/datausageinfo", A::AdminDataUsageInfo, Neither, O::DataUsageInfo),
    known("GET", "/accountinfo", Neither, O::AccountInfo),
    row("POST", "/background-heal/status", A::AdminHeal, Neither, O::BackgroundHealStatus),
    later("POST", "/heal/{path*}", A::AdminHeal, HEAL_LATER),
    row("GET", "/top/locks", A::AdminTopLocksInfo, Neither, O::TopLocks),
    row("POST", "/force-unlock", A::AdminForceUnlock, Neither, O::ForceUnlock),
    row("POST", "/kms/status", A::AdminKmsKeyStatus, Neither, O::KmsStatus),
    row("GET", "/kms/key/status", A::AdminKmsKeyStatus, Neither, O::KmsStatus),
    row("POST", "/kms/key/create", A::AdminKmsCreateKey, Neither, O::KmsStatus),
    // The server.
    by_value("POST", "/service", "action", SERVICE, O::Service),
    row("POST", "/update", A::AdminServerUpdate, Neither, O::Update),
    row("POST", "/speedtest/client/devnull", A::AdminHeal, Neither, O::DevNull),
    row("POST", "/speedtest/client/devnull/extratime", A::AdminHeal, Neither, O::DevNullExtraTime),
    later("POST", "/speedtest", A::AdminHeal, "the speed test of objects"),
    later("POST", "/speedtest/object", A::AdminHeal, "the speed test of objects"),
    later("POST", "/speedtest/drive", A::AdminHeal, "the speed test of drives"),
    later("POST", "/speedtest/net", A::AdminHeal, "the speed test of the network: this store is on one machine"),
    later("POST", "/speedtest/site", A::AdminHeal, "the speed test of sites"),
    row("GET", "/trace", A::AdminServerTrace, Neither, O::Trace),
    row("GET", "/log", A::AdminConsoleLog, Neither, O::Log),
    row("GET", "/metrics", A::AdminServerInfo, Neither, O::Metrics),
    row("GET", "/get-config-kv", A::AdminConfigUpdate, Sealed::Answer, O::GetConfig),
    row("PUT", "/set-config-kv", A::AdminConfigUpdate, Sealed::Request, O::SetConfig),
    row("DELETE", "/del-config-kv", A::AdminConfigUpdate, Sealed::Request, O::SetConfig),
    row("GET", "/help-config-kv", A::AdminConfigUpdate, Neither, O::ConfigHelp),
    row("GET", "/config", A::AdminConfigUpdate, Sealed::Answer, O::GetConfig),
    row("PUT", "/config", A::AdminConfigUpdate, Sealed::Request, O::SetConfig),
    later("GET", "/list-config-history-kv", A::AdminConfigUpdate, "a history of settings: they are made by the environment"),
    later("DELETE", "/clear-config-history-kv", A::AdminConfigUpdate, "a history of settings: they are made by the environment"),
    later("PUT", "/restore-config-history-kv", A::AdminConfigUpdate, "a history of settings: they are made by the environment"),
    later("GET", "/healthinfo", A::AdminObdInfo, "the report of the machine's health"),
    later("GET", "/obdinfo", A::AdminObdInfo, "the report of the machine's health"),
    // Later work.
    later("GET", "/pools/list", A::AdminServerInfo, "pools of a cluster"),
    later("GET", "/pools/status", A::AdminServerInfo, "pools of a cluster"),
    later("POST", "/pools/decommission", A::AdminDecommission, "pools of a cluster"),
    later("POST", "/pools/cancel", A::AdminDecommission, "pools of a cluster"),
    later("POST", "/rebalance/start", A::AdminRebalance, "rebalancing of pools"),
    later("GET", "/rebalance/status", A::AdminRebalance, "rebalancing of pools"),
    later("POST", "/rebalance/stop", A::AdminRebalance, "rebalancing of pools"),
    later("PUT", "/tier", A::AdminSetTier, "remote tiers"),
    later("GET", "/tier", A::AdminListTier, "remote tiers"),
    later("POST", "/tier/{tier}", A::AdminSetTier, "remote tiers"),
    later("GET", "/tier/{tier}", A::AdminListTier, "remote tiers"),
    later("DELETE", "/tier/{tier}", A::AdminSetTier, "remote tiers"),
    later("GET", "/tier-stats", A::AdminListTier, "remote tiers"),
    later("POST", "/start-job", A::AdminStartBatchJob, "batch jobs"),
    later("GET", "/list-jobs", A::AdminListBatchJobs, "batch jobs"),
    later("GET", "/status-job", A::AdminDescribeBatchJob, "batch jobs"),
    later("GET", "/describe-job", A::AdminDescribeBatchJob, "batch jobs"),
    later("DELETE", "/cancel-job", A::AdminCancelBatchJob, "batch jobs"),
    later("GET", "/list-remote-targets", A::AdminGetBucketTarget, "replication of buckets"),
    later("PUT", "/set-remote-target", A::AdminSetBucketTarget, "replication of buckets"),
    later("DELETE", "/remove-remote-target", A::AdminSetBucketTarget, "replication of buckets"),
    later("POST", "/replication/diff", A::AdminReplicationDiff, "replication of buckets"),
    later("GET", "/replication/mrf", A::AdminReplicationDiff, "replication of buckets"),
    later("PUT", "/site-replication/add", A::AdminSiteReplicationAdd, "site replication"),
    later("PUT", "/site-replication/remove", A::AdminSiteReplicationRemove, "site replication"),
    later("GET", "/site-replication/info", A::AdminSiteReplicationInfo, "site replication"),
    later("GET", "/site-replication/metainfo", A::AdminSiteReplicationInfo, "site replication"),
    later("GET", "/site-replication/status", A::AdminSiteReplicationInfo, "site replication"),
    later("PUT", "/site-replication/edit", A::AdminSiteReplicationAdd, "site replication"),
    later("PUT", "/site-replication/resync/op", A::AdminSiteReplicationResync, "site replication"),
    later("PUT", "/site-replication/state/edit", A::AdminSiteReplicationOperation, "site replication"),
    later("PUT", "/site-replication/peer/{what*}", A::AdminSiteReplicationOperation, "site replication"),
    later("GET", "/site-replication/peer/idp-settings", A::AdminSiteReplicationAdd, "site replication"),
    row("GET", "/get-bucket-quota", A::AdminGetBucketQuota, Neither, O::GetQuota),
    row("PUT", "/set-bucket-quota", A::AdminSetBucketQuota, Neither, O::SetQuota),
    later("GET", "/export-bucket-metadata", A::AdminExportBucketMetadata, "export of the metadata of buckets"),
    later("PUT", "/import-bucket-metadata", A::AdminImportBucketMetadata, "import of the metadata of buckets"),
    later("POST", "/profiling/start", A::AdminProfiling, "profiles"),
    later("GET", "/profiling/download", A::AdminProfiling, "profiles"),
    later("POST", "/profile", A::AdminProfiling, "profiles"),
    later("GET", "/inspect-data", A::AdminInspectData, "reading files of drives over the network: use rustfs inspect on the machine"),
    later("POST", "/inspect-data", A::AdminInspectData, "reading files of drives over the network: use rustfs inspect on the machine"),
    later("GET", "/bandwidth", A::AdminBandwidthMonitor, "the bandwidth of replication"),
    later("GET", "/license-info", A::AdminLicenseInfo, "licences: this server needs none"),
    row("PUT", "/idp-config/{type}/{name}", A::AdminConfigUpdate, Sealed::Request, O::SetIdentityProvider),
    row("POST", "/idp-config/{type}/{name}", A::AdminConfigUpdate, Sealed::Request, O::SetIdentityProvider),
    row("GET", "/idp-config/{type}", A::AdminConfigUpdate, Sealed::Answer, O::IdentityProviders),
    row("GET", "/idp-config/{type}/{name}", A::AdminConfigUpdate, Sealed::Answer, O::IdentityProvider),
    row("DELETE", "/idp-config/{type}/{name}", A::AdminConfigUpdate, Neither, O::SetIdentityProvider),
    later("PUT", "/idp/ldap/add-service-account", A::AdminCreateServiceAccount, "LDAP"),
    later("GET", "/idp/ldap/list-access-keys", A::AdminListServiceAccounts, "LDAP"),
    later("GET", "/idp/ldap/list-access-keys-bulk", A::AdminListServiceAccounts, "LDAP"),
    later("GET", "/idp/ldap/policy-entities", A::AdminListUserPolicies, "LDAP"),
    later("POST", "/idp/ldap/policy/{operation}", A::AdminUpdatePolicyAssociation, "LDAP"),
    later("GET", "/idp/openid/list-access-keys-bulk", A::AdminListServiceAccounts, "OpenID Connect"),
];

/// Every route under the prefix of keys.
#[rustfmt::skip]
pub const KMS_ROUTES: &[Route] = &[
    row("GET", "/status", A::AdminKmsKeyStatus, Neither, O::KmsStatus),
    row("GET", "/key/status", A::AdminKmsKeyStatus, Neither, O::KmsStatus),
    row("GET", "/key/list", A::AdminKmsKeyStatus, Neither, O::KmsStatus),
    row("POST", "/key/create", A::AdminKmsCreateKey, Neither, O::KmsStatus),
    row("GET", "/metrics", A::AdminKmsKeyStatus, Neither, O::KmsStatus),
    row("GET", "/apis", A::AdminKmsKeyStatus, Neither, O::KmsStatus),
    row("GET", "/version", A::AdminKmsKeyStatus, Neither, O::KmsStatus),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_rows_are_one_and_every_row_is_found() {
        let mut seen = BTreeSet::new();
        for route in ROUTES {
            assert!(seen.insert((route.method, route.path)), "{} {}", route.method, route.path);
            let method: Method = route.method.parse().unwrap();
            let path = route.path.replace("{path*}", "b/a/c").replace("{what*}", "join");
            let path = path.replace(['{', '}'], "");
            for (prefix, dialect) in [(MINIO, Dialect::Madmin), (RUSTFS, Dialect::Plain)] {
                let (found, spoken, _) = find(&method, &format!("{prefix}{path}")).unwrap();
                assert_eq!((found.path, spoken), (route.path, dialect));
            }
        }
    }

    /// Routes that need no action: they are about the caller, and ask for an action where they are about somebody else.
    const KNOWN: [&str; 11] = [
        "/accountinfo",
        "/user-info",
        "/add-service-account",
        "/update-service-account",
        "/info-service-account",
        "/list-service-accounts",
        "/delete-service-account",
        "/list-access-keys-bulk",
        "/info-access-key",
        "/temporary-account-info",
        "/revoke-tokens/{provider}",
    ];

    #[test]
    fn every_other_route_needs_an_action_of_the_admin_api() {
        for route in ROUTES {
            match route.needed {
                Needed::Action(action) => assert!(action.name().starts_with("admin:"), "{}", route.path),
                Needed::ByValue { actions, .. } => {
                    assert!(actions.iter().all(|(_, action)| action.name().starts_with("admin:")));
                }
                Needed::Known => assert!(KNOWN.contains(&route.path), "{}", route.path),
            }
        }
    }

    /// How the table of `docs/operating/admin.md` shows a route.
    fn documented(prefix: &str, route: &Route) -> String {
        let right = match route.needed {
            Needed::Action(action) => format!("`{}`", action.name()),
            Needed::ByValue { parameter, actions } => {
                let mut names: Vec<String> =
                    actions.iter().map(|(_, action)| format!("`{}`", action.name())).collect();
                names.dedup();
                format!("by `{parameter}`: {}", names.join(", "))
            }
            Needed::Known => "the caller's own; a right for others'".to_owned(),
        };
        let sealed = match route.sealed {
            Sealed::Neither => "",
            Sealed::Request => "request",
            Sealed::Answer => "answer",
            Sealed::Both => "both",
        };
        let built = if route.is_built() { "yes" } else { "no" };
        format!("| `{} {prefix}{}` | {right} | {sealed} | {built} |", route.method, route.path)
    }

    #[test]
    fn the_operators_table_is_this_one() {
        let page = include_str!("../../../docs/operating/admin.md");
        let found: Vec<&str> =
            page.lines().filter(|line| line.starts_with("| `") && !line.starts_with("| `mc")).collect();
        let rows = ROUTES.iter().map(|route| documented("", route));
        let keys = KMS_ROUTES.iter().map(|route| documented("/minio/kms/v1", route));
        let wanted: Vec<String> = rows.chain(keys).collect();
        assert_eq!(found, wanted, "the table should be:\n{}", wanted.join("\n"));
    }

    #[test]
    fn a_path_is_matched_whole_and_names_its_segments() {
        let names = |method: Method, path: &str| {
            let path = format!("{MINIO}{path}");
            find(&method, &path).map(|(route, _, names)| {
                (route.path, names.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>())
            })
        };
        assert_eq!(names(Method::GET, "/tier/cold"), Some(("/tier/{tier}", vec!["tier=cold".to_owned()])));
        assert_eq!(names(Method::POST, "/heal/"), Some(("/heal/{path*}", vec!["path=".to_owned()])));
        assert_eq!(
            names(Method::POST, "/heal/b/x/y"),
            Some(("/heal/{path*}", vec!["path=b/x/y".to_owned()]))
        );
        for wrong in ["/tier/", "/tier/a/b", "/info/", "/infos", "", "/", "/INFO", "/../info"] {
            assert_eq!(names(Method::GET, wrong), None, "{wrong}");
        }
        assert_eq!(names(Method::PUT, "/info"), None);
        assert!(find(&Method::GET, "/minio/admin/v2/info").is_none());
    }
}
