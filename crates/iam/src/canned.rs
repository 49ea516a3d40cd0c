//! The policies that are there from the start, by MinIO's names and with MinIO's text.
//!
//! Always true: each is a managed policy that parses. Their text is what administrators are shown.
//!
//! Source: <https://min.io/docs/minio/linux/administration/identity-access-management/policy-based-access-control.html>

/// A policy that is there from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CannedPolicy {
    /// Its name.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

/// All of them, by name.
pub const CANNED_POLICIES: &[CannedPolicy] = &[
    CannedPolicy { name: "consoleAdmin", text: include_str!("canned/consoleAdmin.json") },
    CannedPolicy { name: "diagnostics", text: include_str!("canned/diagnostics.json") },
    CannedPolicy { name: "readonly", text: include_str!("canned/readonly.json") },
    CannedPolicy { name: "readwrite", text: include_str!("canned/readwrite.json") },
    CannedPolicy { name: "writeonly", text: include_str!("canned/writeonly.json") },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::{Action, Resource};
    use crate::context::Context;
    use crate::evaluate::{AccessRequest, NamedPolicy, PolicySet, evaluate};
    use crate::policy::{Policy, PolicyKind};
    use crate::requester::{AccountName, Requester};

    fn is_allowed(name: &str, action: Action, resource: Resource<'_>) -> bool {
        let canned = CANNED_POLICIES.iter().find(|canned| canned.name == name).unwrap();
        let policy = Policy::parse(canned.text, PolicyKind::Managed).unwrap();
        let account = AccountName { number: "111122223333".into(), canonical_id: "c".repeat(64) };
        let requester = Requester::user(account, "bob", "AIDA1");
        let context = Context::new();
        let request = AccessRequest {
            requester: &requester,
            action,
            resource,
            resource_account: Some("111122223333"),
            context: &context,
        };
        let identity = [NamedPolicy { name, policy: &policy }];
        evaluate(&request, &PolicySet { identity: &identity, ..PolicySet::default() }).allowed
    }

    #[test]
    fn they_allow_what_their_names_say() {
        let object = Resource::Object { bucket: "b", key: "k" };
        for (name, get, put, list, info, heal, key) in [
            ("consoleAdmin", true, true, true, true, true, true),
            ("diagnostics", false, false, false, true, false, false),
            ("readonly", true, false, false, false, false, false),
            ("readwrite", true, true, true, false, false, false),
            ("writeonly", false, true, false, false, false, false),
        ] {
            assert_eq!(is_allowed(name, Action::GetObject, object), get, "{name}");
            assert_eq!(is_allowed(name, Action::PutObject, object), put, "{name}");
            assert_eq!(is_allowed(name, Action::ListBucket, Resource::Bucket("b")), list, "{name}");
            assert_eq!(is_allowed(name, Action::ListAllMyBuckets, Resource::Service), list, "{name}");
            assert_eq!(is_allowed(name, Action::AdminServerInfo, Resource::Service), info, "{name}");
            assert_eq!(is_allowed(name, Action::AdminHeal, Resource::Service), heal, "{name}");
            assert_eq!(is_allowed(name, Action::KmsCreateKey, Resource::Service), key, "{name}");
        }
    }
}
