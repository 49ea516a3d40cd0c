//! Who you are and whether you may.
//!
//! Invariants:
//! - Deny by default: what no rule allows is refused.
//! - [`Authorized`] is made here and nowhere else: who holds one has been asked.
//! - The documented root credentials work from this machine alone.
//! - No secret is shown by `Debug`.
//! - Identities change by committed transactions alone; what was committed counts for the next request.
//! - Secrets are sealed at rest, and given out once, to who made them.
//! - What policies say is decided by [`evaluate`] alone, from what it is given: no clock, disk or network. `docs/iam.md`
//!   describes it for operators.

mod access_keys;
mod action;
mod action_pattern;
mod canned;
mod condition;
mod context;
mod credentials;
mod decision;
mod denials;
mod directory;
mod error;
mod evaluate;
mod federation;
mod generate;
mod groups;
mod identity;
mod json;
mod keyring;
mod malformed;
mod managed;
mod names;
mod origin;
mod pattern;
mod policy;
mod principal;
mod principal_pattern;
mod print;
mod requester;
mod resource_pattern;
mod right;
mod sessions;
mod statement;
mod store;
mod tables;
mod transfer;
mod users;
mod variable;

pub use access_keys::{AccessKeyInfo, KeyPair, NewServiceAccount, ServiceAccountChange};
pub use action::{Action, Resource, ResourceKind};
pub use canned::{CANNED_POLICIES, CannedPolicy};
pub use condition::{ConditionKey, ContextKey, TagFamily};
pub use context::Context;
pub use credentials::{DOCUMENTED_ACCESS_KEY, DOCUMENTED_SECRET_KEY, RootCredentials, SecretKey};
pub use decision::{
    Decision, FailedCondition, Limit, NearMiss, PolicyOrigin, Reason, StatementRef, StatementVerdict,
    UnmatchedElement,
};
pub use denials::Denial;
pub use error::{IamError, IamOpenError, IdentityKind};
pub use evaluate::{AccessRequest, NamedPolicy, PolicySet, evaluate, explain};
pub use federation::{
    Federated, IdentityProvider, Proof, ProviderFault, ProviderKind, Providers, SUBJECT_BYTES_MAX,
    SessionWish,
};
pub use groups::GroupInfo;
pub use identity::{Explanation, Identity, Question, StatementReport, TokenFault};
pub use keyring::{SealingCosts, Unsealable};
pub use malformed::{MalformedPolicy, PolicyFault, StatementPlace};
pub use managed::{PolicyHolder, PolicyInfo};
pub use names::{access_key_fault, secret_key_fault};
pub use origin::Origin;
pub use policy::{Policy, PolicyKind};
pub use principal::{ROOT_ACCOUNT_NUMBER, ROOT_CANONICAL_ID};
pub use requester::{AccountName, Requester, RequesterKind};
pub use right::{Right, RightOccasion, RightTarget, rights};
pub use sessions::{SESSION_TIME_DEFAULT, SESSION_TIME_MAX, SESSION_TIME_MIN, SessionCredentials};
pub use store::IamOptions;
pub use tables::check_row;
pub use transfer::{
    CarriedGroup, CarriedKey, CarriedUser, Identities, ImportOutcome, Imported, ImportedKind,
};
pub use users::UserInfo;

use std::sync::Arc;

use env::Env;
use meta::Meta;
use model::identity::{AccessKeyKind, AccountId, KeyHolder};
use thiserror::Error;

use denials::Denials;
use store::Store;

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
    root_identity: Arc<Identity>,
    anonymous: Arc<Identity>,
    store: Store,
    denials: Denials,
}

impl Iam {
    /// Reads the identities of a store; root is who the settings say.
    ///
    /// # Errors
    /// Where they can't be read, or secrets are sealed under another secret key of root.
    pub async fn open(
        env: &Env,
        meta: &Arc<Meta>,
        root: RootCredentials,
        options: &IamOptions,
    ) -> Result<Self, IamOpenError> {
        let store = Store::open(env, meta, &root.secret_key, options).await?;
        let name = AccountName {
            number: ROOT_ACCOUNT_NUMBER.to_owned(),
            canonical_id: ROOT_CANONICAL_ID.to_owned(),
        };
        let holder = Some(KeyHolder::Owner);
        let identity = Identity::new(
            Requester::root(name),
            AccountId::ROOT,
            &root.access_key,
            holder,
            AccessKeyKind::Own,
        );
        let (root_identity, anonymous) = (Arc::new(identity), Arc::new(Identity::anonymous()));
        Ok(Self { root, root_identity, anonymous, store, denials: Denials::default() })
    }

    /// The secret key of an access key, and who it is; none for keys that are nobody's, or do not work.
    #[must_use]
    pub fn find(&self, access_key: &str) -> Option<(SecretKey, Arc<Identity>)> {
        if access_key == self.root.access_key {
            return Some((SecretKey::new(&self.root.secret_key), Arc::clone(&self.root_identity)));
        }
        self.store.read(|directory| directory.find(access_key))
    }

    /// Who does not say who it is.
    #[must_use]
    pub fn anonymous(&self) -> Arc<Identity> {
        Arc::clone(&self.anonymous)
    }

    /// The access key of root.
    #[must_use]
    pub fn root_access_key(&self) -> &str {
        &self.root.access_key
    }

    /// The name that goes with an account's canonical id in answers; none for ids of no account.
    #[must_use]
    pub fn display_name(&self, canonical_id: &str) -> Option<&str> {
        (canonical_id == ROOT_CANONICAL_ID).then_some(self.root.access_key.as_str())
    }

    /// The account with a canonical id.
    #[must_use]
    pub fn account_of(&self, canonical_id: &str) -> Option<AccountId> {
        match canonical_id {
            ROOT_CANONICAL_ID => Some(AccountId::ROOT),
            other => self.store.read(|directory| directory.account_of(other)),
        }
    }

    /// Whether an account is meant by the id: its canonical id, or its number.
    #[must_use]
    pub fn is_account(&self, canonical_id: &str, named: &str) -> bool {
        named == canonical_id
            || self.account_of(canonical_id).is_some_and(|account| account.to_string() == named)
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

    /// Whether somebody may do something. `request`: the id under which a refusal can be looked up.
    ///
    /// # Errors
    /// [`AccessDenied::NotAllowed`] unless a rule allows it.
    pub fn authorize(
        &self,
        who: &Identity,
        question: &Question<'_>,
        request: &str,
    ) -> Result<Authorized, AccessDenied> {
        if who.is_unlimited() && is_of_root(question) {
            return Ok(Authorized { _made_here_only: () });
        }
        who.decide(question).map(|()| Authorized { _made_here_only: () }).map_err(|reason| {
            self.denials.keep(Denial {
                request: request.to_owned(),
                time: self.store.env().clock.now(),
                requester: who.requester().arn().to_owned(),
                access_key: who.access_key().to_owned(),
                action: question.action,
                resource: denials::arn(question.resource),
                reason,
            });
            AccessDenied::NotAllowed
        })
    }

    /// Whether somebody may do something, for who only wants to know: nothing is done, and a refusal is not kept.
    #[must_use]
    pub fn allows(&self, who: &Identity, question: &Question<'_>) -> bool {
        (who.is_unlimited() && is_of_root(question)) || who.decide(question).is_ok()
    }

    /// Why somebody may do something or not, statement by statement.
    #[must_use]
    pub fn explain(&self, who: &Identity, question: &Question<'_>) -> Explanation {
        who.explain(question)
    }

    /// Why a request was refused; none if it was not, or too long ago.
    #[must_use]
    pub fn denial(&self, request: &str) -> Option<Denial> {
        self.denials.find(request)
    }

    /// The last refusals, the newest first.
    #[must_use]
    pub fn denials(&self, count: usize) -> Vec<Denial> {
        self.denials.newest(count)
    }
}

/// Whether no policy of a resource has a say, and the resource belongs to root's account.
fn is_of_root(question: &Question<'_>) -> bool {
    let is_own = match question.resource_account {
        Some(account) => account == ROOT_ACCOUNT_NUMBER,
        None => !question.action.is_of_store(),
    };
    is_own && question.resource_policy.is_none()
}

#[cfg(test)]
mod tests;
