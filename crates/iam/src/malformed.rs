//! Why a document is no policy.
//!
//! Always true: a fault says which statement it stands in, by number and `Sid`, and what is wrong with it, in AWS's words
//! where AWS has some. Whether its code is `MalformedPolicy` (S3), `MalformedPolicyDocument` or `LimitExceeded` (IAM, STS)
//! is for the service that was asked.

use std::fmt;

use thiserror::Error;

/// What is wrong with a policy, and where. `Display` is the message for the client.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{fault}{}", InStatement(.statement.as_ref()))]
pub struct MalformedPolicy {
    /// What is wrong.
    pub fault: PolicyFault,
    /// Where; none if it is the document as a whole.
    pub statement: Option<StatementPlace>,
}

/// A statement that is not read yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementPlace {
    /// Its number, from 0.
    pub index: usize,
    /// Its `Sid`, if it has one that is text.
    pub sid: Option<String>,
}

struct InStatement<'a>(Option<&'a StatementPlace>);

impl fmt::Display for InStatement<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => Ok(()),
            Some(StatementPlace { index, sid: None }) => write!(formatter, " (statement {index})"),
            Some(StatementPlace { index, sid: Some(sid) }) => {
                write!(formatter, " (statement {index}, Sid {sid:?})")
            }
        }
    }
}

/// What is wrong with a policy.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PolicyFault {
    /// It is longer than its kind may be.
    #[error("Maximum policy size of {size_max} bytes exceeded: it has {size}")]
    TooLarge {
        /// Its size as AWS counts it.
        size: usize,
        /// What is allowed.
        size_max: usize,
    },
    /// It is no JSON, or a name stands twice in an object, or it is nested too deeply.
    #[error("This policy contains invalid Json: {reason}")]
    Json {
        /// What the reader says, with line and column.
        reason: String,
    },
    /// It does not begin with an object.
    #[error("Policies must be valid JSON and the first byte must be '{{'")]
    NoObject,
    /// `Version` is not one of the two.
    #[error("The policy must contain a valid version string: 2012-10-17 or 2008-10-17")]
    Version,
    /// An element that is not known.
    #[error("Unknown field {name}")]
    UnknownField {
        /// Its name.
        name: String,
    },
    /// An element that a policy of this kind may not have.
    #[error("Has prohibited field {name}: a policy that is attached to an identity is about that identity")]
    ProhibitedInIdentityPolicy {
        /// Its name.
        name: &'static str,
    },
    /// An element that a trust policy may not have.
    #[error("Has prohibited field {name}: a trust policy is about its role")]
    ProhibitedInTrustPolicy {
        /// Its name.
        name: &'static str,
    },
    /// An element that is not there.
    #[error("Missing required field {name}")]
    MissingField {
        /// Its name.
        name: &'static str,
    },
    /// Two elements of which one is allowed.
    #[error("A statement has either {one} or {other}, not both")]
    BothFields {
        /// The one.
        one: &'static str,
        /// The other.
        other: &'static str,
    },
    /// An element of the wrong kind: a number where text is wanted, an empty list.
    #[error("{name} must be {wanted}")]
    Shape {
        /// Its name.
        name: &'static str,
        /// What it must be.
        wanted: &'static str,
    },
    /// `Effect` is neither.
    #[error("Invalid effect: {effect}; it is Allow or Deny")]
    Effect {
        /// What it is.
        effect: String,
    },
    /// A `Sid` with characters that IAM does not take.
    #[error("Statement IDs (SID) must be alpha-numeric: {sid:?} does not satisfy [0-9A-Za-z]*")]
    SidCharacters {
        /// The `Sid`.
        sid: String,
    },
    /// Two statements with one `Sid`.
    #[error("Statement IDs (SID) in a single policy must be unique: {sid:?} stands twice")]
    SidRepeated {
        /// The `Sid`.
        sid: String,
    },
    /// A principal that is none.
    #[error("Invalid principal in policy: {principal}")]
    Principal {
        /// Its kind and name.
        principal: String,
    },
    /// An action that is none.
    #[error("Policy has invalid action: {action:?} {reason}")]
    InvalidAction {
        /// As it was written.
        action: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A resource that is none.
    #[error("Policy has invalid resource: {resource:?} {reason}")]
    InvalidResource {
        /// As it was written.
        resource: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// `${..}` that is no variable.
    #[error("Invalid policy variable {variable} in {text:?}; a dollar sign itself is written ${{$}}")]
    InvalidVariable {
        /// The variable.
        variable: String,
        /// What it stands in.
        text: String,
    },
    /// `Condition` is not operators over keys over values.
    #[error(
        "Condition must be an object of operators, each an object of keys with a value or a list of values"
    )]
    ConditionShape,
    /// An operator that is not known.
    #[error("Invalid Condition type : {name}")]
    UnknownOperator {
        /// Its name.
        name: String,
    },
    /// A key that is not known.
    #[error("Policy has an invalid condition key: {name}")]
    UnknownConditionKey {
        /// Its name.
        name: String,
    },
    /// A value that means nothing to its operator.
    #[error("Invalid value {value:?} for the condition {name}")]
    ConditionValue {
        /// Operator and key.
        name: String,
        /// The value.
        value: String,
    },
    /// One operator over one key twice: in JSON they differ, by case.
    #[error("The condition {name} stands twice")]
    RepeatedCondition {
        /// Operator and key.
        name: String,
    },
}

impl MalformedPolicy {
    /// Whether the policy would be one if it were shorter: IAM calls that `LimitExceeded`.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        matches!(self.fault, PolicyFault::TooLarge { .. })
    }
}

impl From<PolicyFault> for MalformedPolicy {
    fn from(fault: PolicyFault) -> Self {
        Self { fault, statement: None }
    }
}
