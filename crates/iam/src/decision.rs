//! What was decided, and why.
//!
//! Always true: a decision names the statement that made it, or what is missing; `Display` of a reason is a sentence for
//! operators. Clients are told less: `Access Denied`.

use std::fmt;

use crate::condition::KeyCondition;
use crate::statement::Miss;

/// What was decided, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision<'p> {
    /// Whether the request may be served.
    pub allowed: bool,
    /// Why, or why not.
    pub reason: Reason<'p>,
}

/// Why a request is allowed or denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason<'p> {
    /// Allowed: who asks owns the account.
    Owner,
    /// Allowed by this statement.
    Statement(StatementRef<'p>),
    /// Denied by this statement.
    ExplicitDeny(StatementRef<'p>),
    /// Denied: no statement allows it.
    NoAllow {
        /// The statement that came closest.
        nearest: Option<NearMiss<'p>>,
    },
    /// Denied: what limits the requester does not allow it.
    OutsideLimit {
        /// What limits it.
        limit: Limit,
        /// The statement of the limit that came closest.
        nearest: Option<NearMiss<'p>>,
    },
    /// Denied: it belongs to another account, or is a role, and its own policy does not allow it.
    ResourceDoesNotAllow {
        /// The statement that came closest.
        nearest: Option<NearMiss<'p>>,
    },
    /// Denied: the resource's policy allows it to the account, or to another account's identity, whose policies do not.
    IdentityDoesNotAllow {
        /// The statement that came closest.
        nearest: Option<NearMiss<'p>>,
    },
}

/// What limits a requester.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The permissions boundary.
    Boundary,
    /// The policies of the session.
    Session,
    /// The policy of the service account.
    ServiceAccount,
}

/// Where a policy comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyOrigin {
    /// The identity or its groups.
    Identity,
    /// The permissions boundary.
    Boundary,
    /// The session.
    Session,
    /// The service account.
    ServiceAccount,
    /// The resource.
    Resource,
}

/// A statement, by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatementRef<'p> {
    /// Where its policy comes from.
    pub origin: PolicyOrigin,
    /// The name of its policy.
    pub policy: &'p str,
    /// Its number, from 0.
    pub index: usize,
    /// Its `Sid`.
    pub sid: Option<&'p str>,
}

/// A statement that would have allowed a request, but for one element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NearMiss<'p> {
    /// The statement.
    pub statement: StatementRef<'p>,
    /// What did not match.
    pub mismatch: UnmatchedElement<'p>,
}

/// What of a statement did not match a request: the first of its elements, in the order in which they are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnmatchedElement<'p> {
    /// `Action` or `NotAction`.
    Action,
    /// `Principal` or `NotPrincipal`.
    Principal,
    /// `Resource` or `NotResource`.
    Resource,
    /// A condition.
    Condition(FailedCondition<'p>),
}

/// A condition that did not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailedCondition<'p>(&'p KeyCondition);

/// What a statement makes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatementVerdict<'p> {
    /// The statement.
    pub place: StatementRef<'p>,
    /// Whether it allows what it is about; it denies it otherwise.
    pub allows: bool,
    /// Why it is not about the request; none if it is.
    pub mismatch: Option<UnmatchedElement<'p>>,
}

impl FailedCondition<'_> {
    /// Its operator as documented: `StringEquals`.
    #[must_use]
    pub fn operator(&self) -> String {
        self.0.operator().to_string()
    }

    /// Its key as documented: `aws:SourceIp`.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.key().to_string()
    }

    /// The values that the policy lists.
    #[must_use]
    pub fn values(&self) -> &[Box<str>] {
        self.0.sources()
    }
}

impl UnmatchedElement<'_> {
    /// How close it came.
    pub(crate) fn rank(&self) -> u8 {
        match self {
            Self::Action => 0,
            Self::Principal => 1,
            Self::Resource => 2,
            Self::Condition(_) => 3,
        }
    }
}

impl<'p> From<Miss<'p>> for UnmatchedElement<'p> {
    fn from(miss: Miss<'p>) -> Self {
        match miss {
            Miss::Action => Self::Action,
            Miss::Principal => Self::Principal,
            Miss::Resource => Self::Resource,
            Miss::Condition(condition) => Self::Condition(FailedCondition(condition)),
        }
    }
}

impl<'p> NearMiss<'p> {
    pub(crate) fn rank_of(miss: Miss<'_>) -> u8 {
        UnmatchedElement::from(miss).rank()
    }

    /// The closer of two, the first if they are equally close.
    pub(crate) fn closer(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) if other.mismatch.rank() > one.mismatch.rank() => Some(other),
            (None, other) => other,
            (one, _) => one,
        }
    }
}

impl fmt::Display for Decision<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", if self.allowed { "allowed" } else { "denied" }, self.reason)
    }
}

impl fmt::Display for Reason<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner => formatter.write_str("who asks owns the account"),
            Self::Statement(place) => write!(formatter, "{place} allows it"),
            Self::ExplicitDeny(place) => write!(formatter, "{place} denies it"),
            Self::NoAllow { nearest } => write!(formatter, "no statement allows it{}", Nearest(nearest)),
            Self::OutsideLimit { limit, nearest } => {
                write!(formatter, "{limit} does not allow it{}", Nearest(nearest))
            }
            Self::ResourceDoesNotAllow { nearest } => {
                write!(formatter, "the policy of the resource does not allow it{}", Nearest(nearest))
            }
            Self::IdentityDoesNotAllow { nearest } => {
                write!(formatter, "no policy of the identity allows it{}", Nearest(nearest))
            }
        }
    }
}

struct Nearest<'n, 'p>(&'n Option<NearMiss<'p>>);

impl fmt::Display for Nearest<'_, '_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => Ok(()),
            Some(NearMiss { statement, mismatch }) => {
                write!(formatter, "; {statement} would, but for its {mismatch}")
            }
        }
    }
}

impl fmt::Display for StatementRef<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "statement {}", self.index)?;
        if let Some(sid) = self.sid {
            write!(formatter, " ({sid})")?;
        }
        write!(formatter, " of {} {}", self.origin, self.policy)
    }
}

impl fmt::Display for PolicyOrigin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Identity => "the identity's policy",
            Self::Boundary => "the boundary",
            Self::Session => "the session's policy",
            Self::ServiceAccount => "the service account's policy",
            Self::Resource => "the resource's policy",
        })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Boundary => "the boundary",
            Self::Session => "the session's policy",
            Self::ServiceAccount => "the service account's policy",
        })
    }
}

impl fmt::Display for UnmatchedElement<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Action => formatter.write_str("action"),
            Self::Principal => formatter.write_str("principal"),
            Self::Resource => formatter.write_str("resource"),
            Self::Condition(FailedCondition(condition)) => {
                write!(formatter, "condition {} [{}]", condition.name(), condition.sources().join(", "))
            }
        }
    }
}
