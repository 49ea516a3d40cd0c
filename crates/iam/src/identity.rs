//! Who sent a request, with all policies that have a say about them.
//!
//! Always true: an identity is what the directory held at one moment, and is asked for anew by every request; nothing of it
//! comes from the request but the access key that was proved by a signature.

use std::sync::Arc;

use model::identity::{AccessKeyKind, AccountId, KeyHolder};
use model::time::Timestamp;
use thiserror::Error;

use crate::action::{Action, Resource};
use crate::context::Context;
use crate::decision::{Reason, StatementVerdict};
use crate::evaluate::{AccessRequest, NamedPolicy, PolicySet, evaluate, explain};
use crate::policy::Policy;
use crate::requester::{Requester, RequesterKind};

/// A policy by its name, shared by all who have it.
#[derive(Clone, Debug)]
pub(crate) struct HeldPolicy {
    pub(crate) name: Arc<str>,
    pub(crate) policy: Arc<Policy>,
}

impl HeldPolicy {
    fn named(&self) -> NamedPolicy<'_> {
        NamedPolicy { name: &self.name, policy: &self.policy }
    }
}

/// Why a session token does not go with an access key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TokenFault {
    /// It is not the one that was given out with the key, or is missing, or should not be there.
    #[error("The provided token is malformed or otherwise invalid.")]
    Invalid,
    /// Its time is over.
    #[error("The provided token has expired.")]
    Expired,
}

/// Who sent a request.
#[derive(Clone, Debug)]
pub struct Identity {
    pub(crate) requester: Requester,
    pub(crate) account: AccountId,
    pub(crate) access_key: Arc<str>,
    /// None for anonymous.
    pub(crate) holder: Option<KeyHolder>,
    pub(crate) kind: AccessKeyKind,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) token_sha256: Option<[u8; 32]>,
    /// Of the user and its groups, or of the federated session.
    pub(crate) policies: Vec<HeldPolicy>,
    pub(crate) session: Option<HeldPolicy>,
    pub(crate) service_account: Option<HeldPolicy>,
    pub(crate) claims: Vec<(String, Vec<String>)>,
}

impl Identity {
    /// Nobody says who it is.
    #[must_use]
    pub fn anonymous() -> Self {
        Self::new(Requester::anonymous(), AccountId::ROOT, "", None, AccessKeyKind::Own)
    }

    pub(crate) fn new(
        requester: Requester,
        account: AccountId,
        access_key: &str,
        holder: Option<KeyHolder>,
        kind: AccessKeyKind,
    ) -> Self {
        Self {
            requester,
            account,
            access_key: Arc::from(access_key),
            holder,
            kind,
            expires: None,
            token_sha256: None,
            policies: Vec::new(),
            session: None,
            service_account: None,
            claims: Vec::new(),
        }
    }

    /// As policies see it.
    #[must_use]
    pub fn requester(&self) -> &Requester {
        &self.requester
    }

    /// Its account; root's for anonymous, who has none.
    #[must_use]
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// The canonical id of its account; none for anonymous.
    #[must_use]
    pub fn canonical_id(&self) -> Option<&str> {
        self.requester.account().map(|account| account.canonical_id.as_str())
    }

    /// The access key that it signed with; empty for anonymous.
    #[must_use]
    pub fn access_key(&self) -> &str {
        &self.access_key
    }

    /// Whose access key it is; none for anonymous.
    #[must_use]
    pub fn holder(&self) -> Option<&KeyHolder> {
        self.holder.as_ref()
    }

    /// What kind of access key it signed with.
    #[must_use]
    pub fn key_kind(&self) -> AccessKeyKind {
        self.kind
    }

    /// Whether nobody says who it is.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.requester.kind() == RequesterKind::Anonymous
    }

    /// Whether it owns its account, by whatever key.
    #[must_use]
    pub fn is_owner(&self) -> bool {
        self.requester.kind() == RequesterKind::Root
    }

    /// Whether it owns the store and nothing limits it: of what is root's, no policy of an identity has to be asked.
    #[must_use]
    pub fn is_unlimited(&self) -> bool {
        self.is_owner()
            && self.account == AccountId::ROOT
            && self.session.is_none()
            && self.service_account.is_none()
    }

    /// The names of the policies that its user and groups, or its federated session, have.
    pub fn policy_names(&self) -> impl Iterator<Item = &str> {
        self.policies.iter().map(|held| &*held.name)
    }

    /// Checks the session token that came with the access key, once the signature has been.
    ///
    /// # Errors
    /// Where it is another one, or is over.
    pub fn check_token(&self, token: Option<&str>, now: Timestamp) -> Result<(), TokenFault> {
        let digest = |token: &str| ring::digest::digest(&ring::digest::SHA256, token.as_bytes());
        match (&self.token_sha256, token) {
            (None, None) => {}
            // Digests of secrets that nobody can guess part by part: how long the comparison takes tells nothing.
            (Some(known), Some(token)) if digest(token).as_ref() == known => {}
            _ => return Err(TokenFault::Invalid),
        }
        if self.is_over(now) { Err(TokenFault::Expired) } else { Ok(()) }
    }

    /// Whether the time of its key is over.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    /// Says to a context what policies know of it: the requester, and what an identity provider said.
    pub fn describe<'a>(&'a self, context: &mut Context<'a>) {
        self.requester.describe(context);
        for (claim, values) in &self.claims {
            context.set_claim(claim, values.iter().map(String::as_str));
        }
    }

    /// Whether it may do something; if not, why, in a sentence for operators. See [`evaluate`].
    pub(crate) fn decide(&self, question: &Question<'_>) -> Result<(), String> {
        self.with_policies(question, |policies| {
            let decision = evaluate(&question.access(&self.requester), policies);
            if decision.allowed { Ok(()) } else { Err(decision.reason.to_string()) }
        })
    }

    /// Whether a statement denies it: for what everybody may who has keys, unless it is denied.
    #[must_use]
    pub fn is_denied(&self, question: &Question<'_>) -> bool {
        self.with_policies(question, |policies| {
            let decision = evaluate(&question.access(&self.requester), policies);
            matches!(decision.reason, Reason::ExplicitDeny(_))
        })
    }

    /// The decision and its reason, and what every statement makes of it; see [`explain`].
    pub(crate) fn explain(&self, question: &Question<'_>) -> Explanation {
        self.with_policies(question, |policies| {
            let request = question.access(&self.requester);
            let decision = evaluate(&request, policies);
            let verdicts = explain(&request, policies);
            Explanation {
                allowed: decision.allowed,
                reason: decision.reason.to_string(),
                statements: verdicts.iter().map(StatementReport::new).collect(),
            }
        })
    }

    fn with_policies<T>(&self, question: &Question<'_>, ask: impl FnOnce(&PolicySet<'_>) -> T) -> T {
        let identity: Vec<NamedPolicy<'_>> = self.policies.iter().map(HeldPolicy::named).collect();
        let session: Vec<NamedPolicy<'_>> = self.session.iter().map(HeldPolicy::named).collect();
        ask(&PolicySet {
            identity: &identity,
            boundary: None,
            session: &session,
            service_account: self.service_account.as_ref().map(HeldPolicy::named),
            resource: question.resource_policy,
        })
    }
}

/// What is asked for, by whomever.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// What for.
    pub action: Action,
    /// On what.
    pub resource: Resource<'a>,
    /// The number of the account that owns it; see [`AccessRequest::resource_account`].
    pub resource_account: Option<&'a str>,
    /// The policy of the bucket.
    pub resource_policy: Option<NamedPolicy<'a>>,
    /// What else is known of the request, the requester among it ([`Identity::describe`]).
    pub context: &'a Context<'a>,
}

impl Question<'_> {
    fn access<'r>(&'r self, requester: &'r Requester) -> AccessRequest<'r> {
        AccessRequest {
            requester,
            action: self.action,
            resource: self.resource,
            resource_account: self.resource_account,
            context: self.context,
        }
    }
}

/// Why something is allowed or denied, statement by statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Whether it may be done.
    pub allowed: bool,
    /// The sentence that says why.
    pub reason: String,
    /// What every statement makes of it.
    pub statements: Vec<StatementReport>,
}

/// What a statement makes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementReport {
    /// Which statement, of which policy: `statement 0 (Sid) of the identity's policy name`.
    pub place: String,
    /// Whether it allows what it is about; it denies it otherwise.
    pub allows: bool,
    /// What of it did not match; none if it applies.
    pub mismatch: Option<String>,
}

impl StatementReport {
    fn new(verdict: &StatementVerdict<'_>) -> Self {
        Self {
            place: verdict.place.to_string(),
            allows: verdict.allows,
            mismatch: verdict.mismatch.map(|element| element.to_string()),
        }
    }
}
