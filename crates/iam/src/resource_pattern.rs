//! The `Resource` and `NotResource` elements.
//!
//! Always true: a pattern for S3 is compared with `bucket` or `bucket/key`, a `*` in it reaching over `/` and `:` alike; one
//! for anything else with the whole ARN, component by component. All that belongs to the account as a whole is `*`, which
//! `*` and `arn:aws:s3:::*` match.
//!
//! A variable without a value matches no resource. With `NotResource` it would match all of them, which is the contrary of
//! what whoever wrote it wanted of an `Allow`: there such a statement allows nothing, and as a `Deny` it denies.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html>

use std::fmt::Write as _;

use crate::action::Resource;
use crate::condition::ArnPattern;
use crate::context::Context;
use crate::malformed::PolicyFault;
use crate::pattern::{Pattern, Syntax};

/// The resources that a statement is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resources {
    /// `NotResource`: all but these.
    is_negated: bool,
    patterns: Box<[ResourcePattern]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct ResourcePattern {
    source: Box<str>,
    kind: PatternKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum PatternKind {
    /// `*`, and what comes to it.
    Everything,
    /// All of S3: `arn:aws:s3:*`.
    AllOfS3,
    /// Behind `arn:aws:s3:::`.
    S3(Pattern),
    /// Of another service.
    Named(ArnPattern),
}

/// A resource as patterns are compared with it. Made once for a decision.
#[derive(Clone, Debug)]
pub(crate) struct ResourceText<'a> {
    resource: Resource<'a>,
    /// `bucket`, `bucket/key`, or the ARN.
    text: String,
}

impl<'a> ResourceText<'a> {
    pub(crate) fn new(resource: Resource<'a>) -> Self {
        let text = match resource {
            Resource::Service => "*".to_owned(),
            Resource::Bucket(text) | Resource::Named(text) => text.to_owned(),
            Resource::Object { bucket, key } => {
                let mut text = String::with_capacity(bucket.len() + 1 + key.len());
                // Writing to a text can't fail.
                let _ = write!(text, "{bucket}/{key}");
                text
            }
        };
        Self { resource, text }
    }
}

impl Resources {
    /// Reads them. `bucket`: the only one that they may be about.
    pub(crate) fn parse(
        sources: Vec<Box<str>>,
        is_negated: bool,
        has_variables: bool,
        bucket: Option<&str>,
    ) -> Result<Self, PolicyFault> {
        let mut patterns = Vec::with_capacity(sources.len());
        for source in sources {
            let kind = PatternKind::parse(&source, has_variables)?;
            if bucket.is_some_and(|bucket| !kind.may_be_about(bucket)) {
                let reason = "is not the bucket that the policy is about, nor anything in it";
                return Err(PolicyFault::InvalidResource { resource: source.into(), reason });
            }
            patterns.push(ResourcePattern { source, kind });
        }
        Ok(Self { is_negated, patterns: patterns.into() })
    }

    pub(crate) fn contains(&self, resource: &ResourceText<'_>, context: &Context<'_>, is_deny: bool) -> bool {
        let is_named = self.patterns.iter().any(|pattern| pattern.kind.matches(resource, context));
        match self.is_negated {
            false => is_named,
            true => {
                !is_named
                    && (is_deny || self.patterns.iter().all(|pattern| pattern.kind.is_resolved(context)))
            }
        }
    }

    pub(crate) fn sources(&self) -> impl Iterator<Item = &str> {
        self.patterns.iter().map(|pattern| &*pattern.source)
    }

    pub(crate) fn is_negated(&self) -> bool {
        self.is_negated
    }
}

/// What names the partition: AWS's, and MinIO's.
const PARTITIONS: &[&str] = &["aws", "aws-cn", "aws-us-gov", "minio"];

impl PatternKind {
    fn parse(source: &str, has_variables: bool) -> Result<Self, PolicyFault> {
        if source == "*" {
            return Ok(Self::Everything);
        }
        let invalid = |reason| PolicyFault::InvalidResource { resource: source.to_owned(), reason };
        let mut parts = source.splitn(6, ':');
        let (arn, partition, service) = (parts.next(), parts.next(), parts.next());
        let partition_is_known = partition.is_some_and(|name| PARTITIONS.contains(&name));
        match (arn, service) {
            (Some("arn"), Some(service)) if partition_is_known => {
                let rest: Vec<&str> = parts.collect();
                Self::of_service(source, service, &rest, has_variables)?.ok_or_else(|| {
                    invalid("is not of the form arn:partition:service:region:account:resource")
                })
            }
            (Some("arn"), Some(_)) => Err(invalid("has a partition that is not valid")),
            _ => Err(invalid("must be in ARN format or \"*\"")),
        }
    }

    /// `rest`: region, account and resource. "If the * wildcard is the last character of a resource ARN segment, it can
    /// expand to match beyond the colon boundaries."
    fn of_service(
        source: &str,
        service: &str,
        rest: &[&str],
        has_variables: bool,
    ) -> Result<Option<Self>, PolicyFault> {
        let syntax = Syntax { has_wildcards: true, has_variables };
        Ok(match (service, rest) {
            ("s3", ["*"] | ["" | "*", "*"]) => Some(Self::AllOfS3),
            ("s3", ["" | "*", "" | "*", resource]) if !resource.is_empty() => {
                Some(Self::S3(parse_pattern(resource, syntax)?))
            }
            (service, [_, _, resource])
                if !service.is_empty() && !service.contains(['*', '?', '$']) && !resource.is_empty() =>
            {
                parse_pattern(resource, syntax)?;
                // Partitions mean the same: which one it is has been looked at.
                let behind = source.splitn(3, ':').nth(2).unwrap_or_default();
                ArnPattern::parse(&format!("arn:*:{behind}"), has_variables).map(Self::Named)
            }
            _ => None,
        })
    }

    fn matches(&self, resource: &ResourceText<'_>, context: &Context<'_>) -> bool {
        let is_s3 = !matches!(resource.resource, Resource::Named(_));
        match self {
            Self::Everything => true,
            Self::AllOfS3 => is_s3,
            Self::S3(pattern) => is_s3 && pattern.matches(&resource.text, context),
            Self::Named(pattern) => !is_s3 && pattern.matches(&resource.text, context),
        }
    }

    fn is_resolved(&self, context: &Context<'_>) -> bool {
        match self {
            Self::Everything | Self::AllOfS3 => true,
            Self::S3(pattern) => pattern.is_resolved(context),
            Self::Named(pattern) => pattern.is_resolved(context),
        }
    }

    /// Whether the bucket or one of its objects could match.
    fn may_be_about(&self, bucket: &str) -> bool {
        match self {
            Self::Everything | Self::AllOfS3 => true,
            Self::S3(pattern) => pattern.could_be(bucket) || pattern.could_begin_with(&format!("{bucket}/")),
            Self::Named(_) => false,
        }
    }
}

fn parse_pattern(text: &str, syntax: Syntax) -> Result<Pattern, PolicyFault> {
    let invalid = |variable| PolicyFault::InvalidVariable { variable, text: text.to_owned() };
    Pattern::parse(text, syntax).map_err(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condition::ContextKey;

    const OBJECT: Resource<'_> = Resource::Object { bucket: "b", key: "home/bob/a:b" };
    const BUCKET: Resource<'_> = Resource::Bucket("b");
    const ROLE: Resource<'_> = Resource::Named("arn:aws:iam::111122223333:role/x");

    fn parse(source: &str, is_negated: bool, bucket: Option<&str>) -> Result<Resources, PolicyFault> {
        Resources::parse(vec![source.into()], is_negated, true, bucket)
    }

    fn contains(source: &str, is_negated: bool, resource: Resource<'_>, is_deny: bool) -> bool {
        let mut context = Context::new();
        context.set(ContextKey::UserName, "bob");
        parse(source, is_negated, None).unwrap().contains(&ResourceText::new(resource), &context, is_deny)
    }

    #[test]
    fn a_resource_is_named_by_its_arn() {
        for (source, resource, expected) in [
            ("*", OBJECT, true),
            ("*", Resource::Service, true),
            ("*", ROLE, true),
            ("arn:aws:s3:::*", OBJECT, true),
            ("arn:aws:s3:::*", BUCKET, true),
            ("arn:aws:s3:::*", Resource::Service, true),
            ("arn:aws:s3:::*", ROLE, false),
            ("arn:aws:s3:*", OBJECT, true),
            ("arn:aws:s3:::b", BUCKET, true),
            ("arn:aws:s3:::b", OBJECT, false),
            ("arn:aws:s3:::b", Resource::Service, false),
            ("arn:aws:s3:::b/*", BUCKET, false),
            ("arn:aws:s3:::b/*", OBJECT, true),
            ("arn:minio:s3:::b/*", OBJECT, true),
            ("arn:aws-cn:s3:::b/*", OBJECT, true),
            ("arn:aws:s3:::b*", OBJECT, true),
            ("arn:aws:s3:::b/*:?", OBJECT, true),
            ("arn:aws:s3:::b/home/${aws:username}/*", OBJECT, true),
            ("arn:aws:s3:::b/home/${aws:userid}/*", OBJECT, false),
            ("arn:aws:s3:::B/*", OBJECT, false),
            ("arn:aws:iam::111122223333:role/*", ROLE, true),
            ("arn:aws:iam::*:role/x", ROLE, true),
            ("arn:minio:iam::*:role/x", ROLE, true),
            ("arn:aws:iam::444455556666:role/*", ROLE, false),
            ("arn:aws:iam::*:role/x", OBJECT, false),
        ] {
            assert_eq!(contains(source, false, resource, false), expected, "{source} {resource:?}");
        }
    }

    #[test]
    fn all_but_a_resource_is_nothing_where_its_variable_has_no_value() {
        for (source, resource, is_deny, expected) in [
            ("arn:aws:s3:::b/*", OBJECT, false, false),
            ("arn:aws:s3:::c/*", OBJECT, false, true),
            ("arn:aws:s3:::c/${aws:username}", OBJECT, false, true),
            ("arn:aws:s3:::c/${aws:userid}", OBJECT, false, false),
            ("arn:aws:s3:::c/${aws:userid}", OBJECT, true, true),
            ("arn:aws:iam::1:role/${aws:userid}", ROLE, false, false),
        ] {
            assert_eq!(
                contains(source, true, resource, is_deny),
                expected,
                "{source} {resource:?} {is_deny}"
            );
        }
    }

    #[test]
    fn a_bucket_policy_is_about_its_bucket() {
        for (source, expected) in [
            ("*", true),
            ("arn:aws:s3:::*", true),
            ("arn:aws:s3:::*/*", true),
            ("arn:aws:s3:::photos", true),
            ("arn:aws:s3:::photos/*", true),
            ("arn:aws:s3:::photos/a/b", true),
            ("arn:aws:s3:::pho*", true),
            ("arn:aws:s3:::p?otos/x", true),
            ("arn:aws:s3:::${aws:username}/x", true),
            ("arn:aws:s3:::photo", false),
            ("arn:aws:s3:::photos2/*", false),
            ("arn:aws:s3:::other/photos/*", false),
            ("arn:aws:iam::111122223333:role/photos", false),
        ] {
            assert_eq!(parse(source, false, Some("photos")).is_ok(), expected, "{source}");
        }
    }

    #[test]
    fn what_is_no_arn_is_refused() {
        for wrong in [
            "",
            "b/*",
            "arn:aws",
            "arn:aws:s3",
            "arn:aws:s3:::",
            "arn:aws:s3:::b/${aws:nobody}",
            "arn:aws:s3:::b/${",
            "arn:aws:*:::b",
            "arn:*:s3:::b",
            "arn:azure:s3:::b",
            "arn:aws::::b",
            "arn:aws:iam::1",
            "urn:aws:s3:::b",
        ] {
            assert!(parse(wrong, false, None).is_err(), "{wrong}");
        }
    }
}
