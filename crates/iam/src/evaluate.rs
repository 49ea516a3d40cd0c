//! Whether a request is allowed, and why: AWS's evaluation logic as one pure function.
//!
//! Always true: nothing is allowed that no rule allows, and what any policy denies is denied. A decision depends on what is
//! given and on nothing else: no clock, disk or network; time and address stand in the context.
//!
//! 1. A `Deny` of any policy decides. The owner of a bucket's account is excepted where a bucket policy would lock it out of
//!    that policy.
//! 2. The owner of an account may all in it. Of what belongs to another account, it needs the resource's word.
//! 3. Within one account, what the resource's policy allows to the requester itself is allowed; to its role or user, as far
//!    as what limits the session allows it too; to its account, not without the identity's policies.
//! 4. What the identity's policies allow is allowed as far as the boundary, the session's policies and the policy of a
//!    service account each do, too.
//! 5. Across accounts both have to allow: the resource's policy, and the identity's with all that limits them.
//!
//! What is of the store as a whole (`admin:`, `kms:`) belongs to one account, like a bucket: in another account a policy of
//! the identity does not reach it, whoever wrote it.
//!
//! Deliberately unlike AWS, where there are no service accounts: their policy limits all that they may, whatever a bucket's
//! policy allows to everybody. Who hands out a key for one thing does not hand out more.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>,
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html> and
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session>

use crate::action::{Action, Resource};
use crate::context::Context;
use crate::decision::{Decision, Limit, NearMiss, PolicyOrigin, Reason, StatementRef, StatementVerdict};
use crate::policy::Policy;
use crate::principal_pattern::Reach;
use crate::requester::{Requester, RequesterKind};
use crate::resource_pattern::ResourceText;
use crate::statement::{Effect, Miss, Question};

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct AccessRequest<'a> {
    /// Who asks.
    pub requester: &'a Requester,
    /// What for.
    pub action: Action,
    /// On what.
    pub resource: Resource<'a>,
    /// The number of the account that owns it; none for what belongs to whoever asks, such as its list of buckets. What is
    /// of the store as a whole belongs to the store's root account, which has to be named: `admin:` and `kms:` are denied
    /// where nobody is, so that an account's owner does not become the store's.
    pub resource_account: Option<&'a str>,
    /// What else is known of the request, the requester among it ([`Requester::describe`]).
    pub context: &'a Context<'a>,
}

/// A policy by the name that reasons call it by.
#[derive(Clone, Copy, Debug)]
pub struct NamedPolicy<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it says.
    pub policy: &'a Policy,
}

/// All policies that have a say.
#[derive(Clone, Copy, Debug, Default)]
pub struct PolicySet<'a> {
    /// Of the user and its groups, or of the role.
    pub identity: &'a [NamedPolicy<'a>],
    /// The permissions boundary of the user or role.
    pub boundary: Option<NamedPolicy<'a>>,
    /// Passed when the session was made: of several, what one allows. Empty if none were.
    pub session: &'a [NamedPolicy<'a>],
    /// Of the service account.
    pub service_account: Option<NamedPolicy<'a>>,
    /// Of the bucket, or the trust policy of the role.
    pub resource: Option<NamedPolicy<'a>>,
}

/// Decides. See the module for the rules.
#[must_use]
pub fn evaluate<'p>(request: &AccessRequest<'_>, policies: &PolicySet<'p>) -> Decision<'p> {
    let question = Question {
        requester: request.requester,
        action: request.action,
        resource: ResourceText::new(request.resource),
        context: request.context,
    };
    let views = Views::new(request, &question, policies);
    match views.denied() {
        Some(statement) => Decision { allowed: false, reason: Reason::ExplicitDeny(statement) },
        None => views.decide(request, policies),
    }
}

/// What every statement of every policy makes of a request, for whoever asks why. Slower than [`evaluate`], and never
/// another answer.
#[must_use]
pub fn explain<'p>(request: &AccessRequest<'_>, policies: &PolicySet<'p>) -> Vec<StatementVerdict<'p>> {
    let question = Question {
        requester: request.requester,
        action: request.action,
        resource: ResourceText::new(request.resource),
        context: request.context,
    };
    let mut verdicts = Vec::new();
    for (origin, named) in policies.all() {
        for (index, statement) in named.policy.statements.iter().enumerate() {
            let place = StatementRef { origin, policy: named.name, index, sid: statement.sid.as_deref() };
            let mismatch = statement.reach(&question).err().map(Into::into);
            verdicts.push(StatementVerdict { place, allows: statement.effect == Effect::Allow, mismatch });
        }
    }
    verdicts
}

impl<'a> PolicySet<'a> {
    fn all(&self) -> impl Iterator<Item = (PolicyOrigin, NamedPolicy<'a>)> {
        let several = |origin, list: &'a [NamedPolicy<'a>]| list.iter().map(move |named| (origin, *named));
        let one =
            |origin, named: Option<NamedPolicy<'a>>| named.into_iter().map(move |named| (origin, named));
        several(PolicyOrigin::Identity, self.identity)
            .chain(one(PolicyOrigin::Boundary, self.boundary))
            .chain(several(PolicyOrigin::Session, self.session))
            .chain(one(PolicyOrigin::ServiceAccount, self.service_account))
            .chain(one(PolicyOrigin::Resource, self.resource))
    }
}

/// What the policies of one origin say.
#[derive(Clone, Copy, Debug, Default)]
struct View<'p> {
    /// The statement that denies.
    denied: Option<StatementRef<'p>>,
    /// The statement that allows the most directly.
    allowed: Option<(Reach, StatementRef<'p>)>,
    /// The statement that came closest to allowing.
    nearest: Option<NearMiss<'p>>,
}

impl<'p> View<'p> {
    fn of(origin: PolicyOrigin, list: &[NamedPolicy<'p>], question: &Question<'_>) -> Self {
        let mut view = Self::default();
        for named in list {
            for (index, statement) in named.policy.statements.iter().enumerate() {
                let place = StatementRef { origin, policy: named.name, index, sid: statement.sid.as_deref() };
                match (statement.reach(question), statement.effect) {
                    (Ok(_), Effect::Deny) => return Self { denied: Some(place), ..view },
                    (Ok(reach), Effect::Allow) => view.allow(reach, place),
                    (Err(miss), Effect::Allow) => view.miss(miss, place),
                    (Err(_), Effect::Deny) => {}
                }
            }
        }
        view
    }

    fn allow(&mut self, reach: Reach, place: StatementRef<'p>) {
        if self.allowed.is_none_or(|(known, _)| known < reach) {
            self.allowed = Some((reach, place));
        }
    }

    fn miss(&mut self, miss: Miss<'p>, place: StatementRef<'p>) {
        let is_closer = |known: &NearMiss<'_>| known.mismatch.rank() < NearMiss::rank_of(miss);
        if !matches!(miss, Miss::Action) && self.nearest.as_ref().is_none_or(is_closer) {
            self.nearest = Some(NearMiss { statement: place, mismatch: miss.into() });
        }
    }
}

/// What all policies say of a request.
struct Views<'p> {
    identity: View<'p>,
    boundary: View<'p>,
    session: View<'p>,
    service_account: View<'p>,
    resource: View<'p>,
}

impl<'p> Views<'p> {
    fn new(request: &AccessRequest<'_>, question: &Question<'_>, policies: &PolicySet<'p>) -> Self {
        let view = |origin, list: &[NamedPolicy<'p>]| View::of(origin, list, question);
        let mut resource = view(PolicyOrigin::Resource, policies.resource.as_slice());
        if locks_out_owner(request) {
            resource.denied = None;
        }
        Self {
            identity: view(PolicyOrigin::Identity, policies.identity),
            boundary: view(PolicyOrigin::Boundary, policies.boundary.as_slice()),
            session: view(PolicyOrigin::Session, policies.session),
            service_account: view(PolicyOrigin::ServiceAccount, policies.service_account.as_slice()),
            resource,
        }
    }

    fn denied(&self) -> Option<StatementRef<'p>> {
        let all = [&self.identity, &self.boundary, &self.session, &self.service_account, &self.resource];
        all.into_iter().find_map(|view| view.denied)
    }

    fn decide(&self, request: &AccessRequest<'_>, policies: &PolicySet<'p>) -> Decision<'p> {
        let limits = Limits::new(self, request.requester, policies);
        let is_root = request.requester.kind() == RequesterKind::Root;
        let is_trust = policies.resource.is_some_and(|named| named.policy.is_trust);
        let needs_resource = is_trust || !is_own_account(request);
        match self.resource.allowed {
            None if needs_resource => denied(Reason::ResourceDoesNotAllow { nearest: self.resource.nearest }),
            Some((_, place)) if !request.requester.has_identity_policies() => {
                limits.within(Reach::Holder, allowed(Reason::Statement(place)))
            }
            Some((reach, place)) if reach > Reach::Account && is_own_account(request) => {
                limits.within(reach, allowed(Reason::Statement(place)))
            }
            _ if is_root => limits.within(Reach::Holder, allowed(Reason::Owner)),
            _ => self.by_identity(limits),
        }
    }

    /// By the policies of the identity, where the resource's policy does not decide.
    fn by_identity(&self, limits: Limits<'_, 'p>) -> Decision<'p> {
        match self.identity.allowed {
            Some((_, place)) => limits.within(Reach::Holder, allowed(Reason::Statement(place))),
            None if self.resource.allowed.is_some() => {
                denied(Reason::IdentityDoesNotAllow { nearest: self.identity.nearest })
            }
            None => {
                let nearest = NearMiss::closer(self.identity.nearest, self.resource.nearest);
                denied(Reason::NoAllow { nearest })
            }
        }
    }
}

fn allowed(reason: Reason<'_>) -> Decision<'_> {
    Decision { allowed: true, reason }
}

fn denied(reason: Reason<'_>) -> Decision<'_> {
    Decision { allowed: false, reason }
}

/// What limits a requester, whoever allows.
#[derive(Clone, Copy)]
struct Limits<'v, 'p> {
    views: &'v Views<'p>,
    has_boundary: bool,
    /// Whether the session's policies have to allow it. "If you do not pass a session policy" for a federated user, "the
    /// resulting session has no permissions", but for those of a resource that names the session.
    needs_session_policy: bool,
    has_service_account_policy: bool,
}

impl<'v, 'p> Limits<'v, 'p> {
    fn new(views: &'v Views<'p>, requester: &Requester, policies: &PolicySet<'p>) -> Self {
        let is_federated = requester.kind() == RequesterKind::FederatedUser;
        Self {
            views,
            has_boundary: policies.boundary.is_some(),
            needs_session_policy: is_federated || !policies.session.is_empty(),
            has_service_account_policy: policies.service_account.is_some(),
        }
    }

    /// A decision, if what limits requesters that are reached so allows it too.
    fn within(self, reach: Reach, decision: Decision<'p>) -> Decision<'p> {
        let is_limited = reach < Reach::Direct;
        let limits = [
            (self.has_boundary && is_limited, Limit::Boundary, &self.views.boundary),
            (self.needs_session_policy && is_limited, Limit::Session, &self.views.session),
            (self.has_service_account_policy, Limit::ServiceAccount, &self.views.service_account),
        ];
        let outside = limits.into_iter().find(|(is_there, _, view)| *is_there && view.allowed.is_none());
        match outside {
            Some((_, limit, view)) => denied(Reason::OutsideLimit { limit, nearest: view.nearest }),
            None => decision,
        }
    }
}

/// Whether the resource belongs to the account of who asks. What belongs to nobody in particular belongs to whoever has an
/// account, but for what is of the store.
fn is_own_account(request: &AccessRequest<'_>) -> bool {
    match (request.requester.account(), request.resource_account) {
        (Some(account), Some(owner)) => account.number == owner,
        (Some(_), None) => !request.action.is_of_store(),
        (None, _) => false,
    }
}

/// Whether a denial by the bucket's policy would shut out the owner of its account from that very policy. "The root user of
/// the bucket owner's AWS account can always perform" these three:
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html>
fn locks_out_owner(request: &AccessRequest<'_>) -> bool {
    let is_root = request.requester.kind() == RequesterKind::Root;
    let is_policy = matches!(
        request.action,
        Action::GetBucketPolicy | Action::PutBucketPolicy | Action::DeleteBucketPolicy
    );
    is_root && is_policy && is_own_account(request)
}
