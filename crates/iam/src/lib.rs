//! Who you are and whether you may.
//!
//! Invariants:
//! - Deny by default: what no rule allows is refused.
//! - [`Authorized`] is made here and nowhere else: who holds one has been asked.
//! - The documented root credentials work from this machine alone.
//! - No secret is shown by `Debug`.
//! - What policies say is decided by [`evaluate`] alone, from what it is given: no clock, disk or network. `docs/iam.md`
//!   describes it for operators.

mod action;
mod action_pattern;
mod canned;
mod condition;
mod context;
mod credentials;
mod decision;
mod evaluate;
mod json;
mod malformed;
mod origin;
mod pattern;
mod policy;
mod principal;
mod principal_pattern;
mod print;
mod requester;
mod resource_pattern;
mod right;
mod statement;
mod variable;

pub use action::{Action, Resource, ResourceKind};
pub use canned::{CANNED_POLICIES, CannedPolicy};
pub use condition::{ConditionKey, ContextKey, TagFamily};
pub use context::Context;
pub use credentials::{DOCUMENTED_ACCESS_KEY, DOCUMENTED_SECRET_KEY, RootCredentials, SecretKey};
pub use decision::{
    Decision, FailedCondition, Limit, NearMiss, PolicyOrigin, Reason, StatementRef, StatementVerdict,
    UnmatchedElement,
};
pub use evaluate::{AccessRequest, NamedPolicy, PolicySet, evaluate, explain};
pub use malformed::{MalformedPolicy, PolicyFault, StatementPlace};
pub use origin::Origin;
pub use policy::{Policy, PolicyKind};
pub use principal::{Principal, ROOT_ACCOUNT_NUMBER, ROOT_CANONICAL_ID, is_account};
pub use requester::{AccountName, Requester, RequesterKind};
pub use right::{Right, RightOccasion, RightTarget, rights};

use thiserror::Error;

/// Why a request may not do what it asks. `Display` is the message for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AccessDenied {
    /// No rule allows it.
    #[error("Access Denied")]
    NotAllowed,
    /// The request came from elsewhere, and the server still has the credentials of its documentation.
    #[error(
        "Access Denied: this server still has the credentials of its documentation, and these work from its own \
         machine only, without a proxy. Set RUSTFS_ACCESS_KEY and RUSTFS_SECRET_KEY for the server, restart it, and \
         sign with them."
    )]
    DocumentedCredentials,
}

/// The proof that somebody may do something.
#[derive(Clone, Copy, Debug)]
#[must_use = "what was authorised should happen"]
pub struct Authorized {
    _made_here_only: (),
}

/// Identities and what they may do.
#[derive(Debug)]
pub struct Iam {
    root: RootCredentials,
}

impl Iam {
    /// With one identity: root.
    #[must_use]
    pub fn new(root: RootCredentials) -> Self {
        Self { root }
    }

    /// The secret of an access key; none if nobody has it.
    #[must_use]
    pub fn secret(&self, access_key: &str) -> Option<SecretKey> {
        (access_key == self.root.access_key).then(|| SecretKey::new(&self.root.secret_key))
    }

    /// Whose access key it is; anonymous if nobody has it.
    #[must_use]
    pub fn principal(&self, access_key: &str) -> Principal {
        if access_key == self.root.access_key { Principal::Root } else { Principal::Anonymous }
    }

    /// The name that goes with an account's canonical id in answers; none for ids of no account.
    #[must_use]
    pub fn display_name(&self, canonical_id: &str) -> Option<&str> {
        (canonical_id == ROOT_CANONICAL_ID).then_some(self.root.access_key.as_str())
    }

    /// Whether a signed request may come from there at all.
    ///
    /// # Errors
    /// [`AccessDenied::DocumentedCredentials`]: the operator has to set credentials first.
    pub fn admit(&self, origin: &Origin) -> Result<(), AccessDenied> {
        if origin.is_this_machine() || !self.root.is_documented_default() {
            return Ok(());
        }
        Err(AccessDenied::DocumentedCredentials)
    }

    /// Whether somebody may do something.
    ///
    /// # Errors
    /// [`AccessDenied::NotAllowed`] unless a rule allows it.
    pub fn authorize(
        &self,
        who: &Principal,
        action: Action,
        resource: Resource<'_>,
    ) -> Result<Authorized, AccessDenied> {
        // Policies will decide by these two.
        let (_, _) = (action, resource);
        match who {
            Principal::Root => Ok(Authorized { _made_here_only: () }),
            Principal::Anonymous => Err(AccessDenied::NotAllowed),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn iam(access_key: &str, secret_key: &str, from_environment: bool) -> Iam {
        Iam::new(RootCredentials {
            access_key: access_key.to_owned(),
            secret_key: secret_key.to_owned(),
            from_environment,
        })
    }

    fn origin(address: &str, is_forwarded: bool) -> Origin {
        Origin { address: address.parse::<IpAddr>().unwrap(), is_forwarded }
    }

    #[test]
    fn root_may_all_and_anonymous_nothing() {
        let iam = iam("root", "secret", true);
        let resource = Resource::Object { bucket: "b", key: "k" };
        for action in Action::ALL {
            assert!(iam.authorize(&Principal::Root, *action, resource).is_ok());
            assert_eq!(
                iam.authorize(&Principal::Anonymous, *action, resource).unwrap_err(),
                AccessDenied::NotAllowed
            );
        }
    }

    #[test]
    fn only_known_keys_have_secrets() {
        let iam = iam("root", "secret", true);
        assert_eq!(iam.secret("root").unwrap().as_ref(), "secret");
        assert!(iam.secret("Root").is_none());
        assert_eq!(iam.principal("root"), Principal::Root);
        assert_eq!(iam.principal(""), Principal::Anonymous);
    }

    #[test]
    fn the_documented_pair_works_from_this_machine_alone() {
        let documented = iam(DOCUMENTED_ACCESS_KEY, DOCUMENTED_SECRET_KEY, false);
        for here in ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(documented.admit(&origin(here, false)), Ok(()), "{here}");
            assert!(documented.admit(&origin(here, true)).is_err(), "{here}");
        }
        for elsewhere in ["10.0.0.1", "::ffff:10.0.0.1", "fe80::1", "0.0.0.0"] {
            let error = documented.admit(&origin(elsewhere, false)).unwrap_err().to_string();
            assert!(error.contains("RUSTFS_ACCESS_KEY") && error.contains("RUSTFS_SECRET_KEY"), "{error}");
        }
    }

    #[test]
    fn credentials_that_were_set_work_from_everywhere() {
        for (access_key, secret_key, from_environment) in [
            ("me", "long-secret", false),
            (DOCUMENTED_ACCESS_KEY, "long-secret", true),
            (DOCUMENTED_ACCESS_KEY, DOCUMENTED_SECRET_KEY, true),
        ] {
            let iam = iam(access_key, secret_key, from_environment);
            assert_eq!(iam.admit(&origin("192.0.2.1", true)), Ok(()));
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let iam = iam("root", "hunter2", true);
        let shown = format!("{iam:?} {:?}", iam.secret("root"));
        assert!(!shown.contains("hunter2") && shown.contains("root"), "{shown}");
    }
}
