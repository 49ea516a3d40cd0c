//! A policy document: read once, strictly and bounded, into the form that decisions use.
//!
//! Always true: a policy that is there is whole. Nothing of a document is skipped: an element, operator, key or value that
//! is not understood is refused, since what was meant to be denied by it would not be. What is printed reads as the same
//! policy. The time and memory of reading are bounded by the size of the text, which is looked at first, and so is the
//! number of statements: the shortest are such that 330 fit into the longest policy.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>; sizes:
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>

use crate::json::Json;
use crate::malformed::{MalformedPolicy, PolicyFault, StatementPlace};
use crate::statement::Statement;

/// What a policy is attached to: what it may be about, and how long it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyKind<'a> {
    /// A policy of its own that users, groups and roles share, a boundary among them: 6,144 characters.
    Managed,
    /// In a user: 2,048 characters.
    UserInline,
    /// In a group: 5,120 characters.
    GroupInline,
    /// In a role: 10,240 characters.
    RoleInline,
    /// Of a session: 2,048 characters.
    Session,
    /// Of a service account: 4,096 characters, as MinIO has them.
    ServiceAccount,
    /// Who may assume a role: 2,048 characters.
    Trust,
    /// Of the bucket with this name: 20 KiB.
    Bucket(&'a str),
}

/// The longest text that is looked at, white space and all: what IAM takes as a parameter.
pub(crate) const TEXT_BYTES_MAX: usize = 131_072;
const BUCKET_POLICY_BYTES_MAX: usize = 20 * 1024;

const _: () = assert!(BUCKET_POLICY_BYTES_MAX < TEXT_BYTES_MAX);

impl<'a> PolicyKind<'a> {
    /// The kind of identities' policies that may be the longest: what any of them can be read as again.
    pub(crate) const LONGEST_OF_IDENTITIES: Self = Self::RoleInline;

    /// Characters that count, at most.
    #[must_use]
    pub fn size_max(self) -> usize {
        match self {
            Self::Managed => 6_144,
            Self::UserInline | Self::Session | Self::Trust => 2_048,
            Self::GroupInline => 5_120,
            Self::RoleInline => 10_240,
            Self::ServiceAccount => 4_096,
            Self::Bucket(_) => BUCKET_POLICY_BYTES_MAX,
        }
    }

    /// "Policy size calculations do not include white space characters", but for buckets, whose limit is of bytes.
    fn size(self, text: &str) -> usize {
        match self {
            Self::Bucket(_) => text.len(),
            _ => text.chars().filter(|char| !char.is_whitespace()).count(),
        }
    }

    pub(crate) fn is_bucket(self) -> bool {
        matches!(self, Self::Bucket(_))
    }

    pub(crate) fn is_trust(self) -> bool {
        self == Self::Trust
    }

    pub(crate) fn is_identity(self) -> bool {
        !self.names_principals()
    }

    /// Whether its statements say whom they are about.
    pub(crate) fn names_principals(self) -> bool {
        self.is_bucket() || self.is_trust()
    }

    /// The only service that its actions may be of.
    pub(crate) fn only_service(self) -> Option<&'static str> {
        match self {
            Self::Bucket(_) => Some("s3"),
            Self::Trust => Some("sts"),
            _ => None,
        }
    }

    /// The only bucket that its resources may be about.
    pub(crate) fn bucket(self) -> Option<&'a str> {
        match self {
            Self::Bucket(name) => Some(name),
            _ => None,
        }
    }
}

/// The version of the policy language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LanguageVersion {
    /// Without variables. Also what a document is that does not say its version.
    V2008,
    V2012,
}

impl LanguageVersion {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::V2008 => "2008-10-17",
            Self::V2012 => "2012-10-17",
        }
    }
}

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub(crate) version: LanguageVersion,
    pub(crate) id: Option<Box<str>>,
    pub(crate) statements: Box<[Statement]>,
    /// Whether it is one of a role, without which nobody may assume it.
    pub(crate) is_trust: bool,
}

impl Policy {
    /// Reads a document.
    ///
    /// # Errors
    /// What is wrong with it, and in which statement.
    pub fn parse(text: &str, kind: PolicyKind<'_>) -> Result<Self, MalformedPolicy> {
        check_size(text, kind)?;
        if !text.trim_start().starts_with('{') {
            return Err(PolicyFault::NoObject.into());
        }
        let json = Json::parse(text).map_err(|error| PolicyFault::Json { reason: error.to_string() })?;
        let Json::Object(members) = &json else { return Err(PolicyFault::NoObject.into()) };
        let (version, id) = (version(members)?, id(members, kind)?);
        let statements = statements(members, kind, version == LanguageVersion::V2012)?;
        Ok(Self { version, id, statements, is_trust: kind.is_trust() })
    }

    /// One that allows nothing and denies nothing.
    pub(crate) fn of_no_statements() -> Self {
        Self { version: LanguageVersion::V2012, id: None, statements: Box::default(), is_trust: false }
    }

    /// How many statements it has.
    #[must_use]
    pub fn statement_count(&self) -> usize {
        self.statements.len()
    }
}

fn check_size(text: &str, kind: PolicyKind<'_>) -> Result<(), PolicyFault> {
    let too_large = |size, size_max| PolicyFault::TooLarge { size, size_max };
    if text.len() > TEXT_BYTES_MAX {
        return Err(too_large(text.len(), TEXT_BYTES_MAX));
    }
    let (size, size_max) = (kind.size(text), kind.size_max());
    if size > size_max { Err(too_large(size, size_max)) } else { Ok(()) }
}

fn get<'j>(members: &'j [(String, Json)], name: &str) -> Option<&'j Json> {
    members.iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

fn version(members: &[(String, Json)]) -> Result<LanguageVersion, PolicyFault> {
    let unknown = members.iter().find(|(name, _)| !["Version", "Id", "Statement"].contains(&name.as_str()));
    if let Some((name, _)) = unknown {
        return Err(PolicyFault::UnknownField { name: name.clone() });
    }
    match get(members, "Version") {
        None => Ok(LanguageVersion::V2008),
        Some(Json::Text(text)) if text == LanguageVersion::V2008.name() => Ok(LanguageVersion::V2008),
        Some(Json::Text(text)) if text == LanguageVersion::V2012.name() => Ok(LanguageVersion::V2012),
        Some(_) => Err(PolicyFault::Version),
    }
}

fn id(members: &[(String, Json)], kind: PolicyKind<'_>) -> Result<Option<Box<str>>, PolicyFault> {
    match get(members, "Id") {
        None => Ok(None),
        Some(_) if kind.is_identity() => Err(PolicyFault::ProhibitedInIdentityPolicy { name: "Id" }),
        Some(Json::Text(id)) => Ok(Some(id.as_str().into())),
        Some(_) => Err(PolicyFault::Shape { name: "Id", wanted: "a text" }),
    }
}

fn statements(
    members: &[(String, Json)],
    kind: PolicyKind<'_>,
    has_variables: bool,
) -> Result<Box<[Statement]>, MalformedPolicy> {
    let element = get(members, "Statement").ok_or(PolicyFault::MissingField { name: "Statement" })?;
    let list = match element {
        Json::List(list) if list.is_empty() => {
            let wanted = "a list with at least one statement: Statement is empty!";
            return Err(PolicyFault::Shape { name: "Statement", wanted }.into());
        }
        Json::List(list) => list.as_slice(),
        single => std::slice::from_ref(single),
    };
    let mut statements: Vec<Statement> = Vec::with_capacity(list.len());
    for (index, json) in list.iter().enumerate() {
        let in_place = |fault| MalformedPolicy { fault, statement: Some(place(index, json)) };
        let statement = Statement::parse(json, kind, has_variables).map_err(in_place)?;
        check_sid(&statement, &statements, kind).map_err(in_place)?;
        statements.push(statement);
    }
    Ok(statements.into())
}

/// "In IAM, the Sid value must be unique within a JSON policy." S3 does not ask that of bucket policies.
fn check_sid(statement: &Statement, before: &[Statement], kind: PolicyKind<'_>) -> Result<(), PolicyFault> {
    let is_repeated = statement.sid.is_some() && before.iter().any(|other| other.sid == statement.sid);
    match &statement.sid {
        Some(sid) if is_repeated && !kind.is_bucket() => {
            Err(PolicyFault::SidRepeated { sid: sid.to_string() })
        }
        _ => Ok(()),
    }
}

fn place(index: usize, json: &Json) -> StatementPlace {
    let sid = match json {
        Json::Object(members) => get(members, "Sid"),
        _ => None,
    };
    let sid = match sid {
        Some(Json::Text(sid)) if !sid.is_empty() => Some(sid.clone()),
        _ => None,
    };
    StatementPlace { index, sid }
}

#[cfg(test)]
mod tests;
