//! The `Action` and `NotAction` elements.
//!
//! Always true: patterns are compared with the names of all actions when a policy is parsed, so that a decision only looks
//! up a bit. Names and patterns are compared without regard to case.
//!
//! A pattern of `s3:` or `admin:` that no action matches is refused: this server is who says what these services have, and
//! a `Deny` with a slip of the pen would deny nothing (S3 refuses it in bucket policies, MinIO in all). Patterns of other
//! services, `sts:` and `kms:` among them, are taken as they are, as IAM does, so that a policy may serve AWS and this
//! server. A bucket policy is about a bucket: there all have to be `s3:`.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html>

use crate::action::{Action, ActionSet};
use crate::context::Context;
use crate::malformed::PolicyFault;
use crate::pattern::{Pattern, Syntax};

/// The actions that a statement is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Actions {
    /// As they were written.
    sources: Box<[Box<str>]>,
    /// `NotAction`: all but these.
    is_negated: bool,
    set: ActionSet,
}

/// Services of which every action is in the table.
const OWN_SERVICES: &[&str] = &["s3", "admin"];
/// Services whose actions are about the server and not about a resource.
const RESOURCELESS_SERVICES: &[&str] = &["admin", "sts", "kms"];

impl Actions {
    pub(crate) fn parse(
        sources: Vec<Box<str>>,
        is_negated: bool,
        only_service: Option<&str>,
    ) -> Result<Self, PolicyFault> {
        let mut set = ActionSet::of(|_| false);
        for source in &sources {
            let matching = matching(source, only_service)
                .map_err(|reason| PolicyFault::InvalidAction { action: source.to_string(), reason })?;
            set.add(&matching);
        }
        Ok(Self { sources: sources.into(), is_negated, set })
    }

    pub(crate) fn contains(&self, action: Action) -> bool {
        self.set.contains(action) != self.is_negated
    }

    pub(crate) fn sources(&self) -> &[Box<str>] {
        &self.sources
    }

    pub(crate) fn is_negated(&self) -> bool {
        self.is_negated
    }

    /// Whether the statement can do without resources: MinIO's policies for administrators have none.
    pub(crate) fn need_no_resource(&self) -> bool {
        let is_resourceless = |source: &str| RESOURCELESS_SERVICES.iter().any(|known| is_of(source, known));
        !self.is_negated && self.sources.iter().all(|source| is_resourceless(source))
    }
}

fn is_of(source: &str, service: &str) -> bool {
    source.split_once(':').is_some_and(|(start, _)| start.eq_ignore_ascii_case(service))
}

fn matching(source: &str, only_service: Option<&str>) -> Result<ActionSet, &'static str> {
    if source == "*" {
        return Ok(ActionSet::of(|_| true));
    }
    let Some((service, name)) = source.split_once(':') else {
        return Err("is not of the form service:name");
    };
    let is_vendor = |char: char| char.is_ascii_alphanumeric() || char == '-';
    let is_name = |char: char| char.is_ascii_alphanumeric() || matches!(char, '*' | '?');
    if service.is_empty() || !service.chars().all(is_vendor) {
        return Err("has no service: it is named in full, without wildcards");
    }
    if name.is_empty() || !name.chars().all(is_name) {
        return Err("has a name with characters that no action has");
    }
    if only_service.is_some_and(|only| !only.eq_ignore_ascii_case(service)) {
        return Err("is of another service than the policy is about");
    }
    let set = of_pattern(source);
    let is_own = OWN_SERVICES.iter().any(|own| own.eq_ignore_ascii_case(service));
    if is_own && set.is_empty() { Err("matches no action") } else { Ok(set) }
}

fn of_pattern(source: &str) -> ActionSet {
    let syntax = Syntax { has_wildcards: true, has_variables: false };
    let nothing = Context::new();
    match Pattern::parse(&source.to_ascii_lowercase(), syntax) {
        Ok(pattern) => ActionSet::of(|name| pattern.matches(&name.to_ascii_lowercase(), &nothing)),
        Err(_) => ActionSet::of(|_| false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actions(source: &str, is_negated: bool) -> Actions {
        Actions::parse(vec![source.into()], is_negated, None).unwrap()
    }

    #[test]
    fn patterns_are_of_any_case_and_have_wildcards() {
        for (source, action, expected) in [
            ("s3:GetObject", Action::GetObject, true),
            ("S3:getobject", Action::GetObject, true),
            ("s3:GetObject", Action::GetObjectVersion, false),
            ("s3:GetObject*", Action::GetObjectVersion, true),
            ("s3:*Object", Action::DeleteObject, true),
            ("s3:?etObject", Action::GetObject, true),
            ("s3:*", Action::AdminHeal, false),
            ("*", Action::AdminHeal, true),
            ("admin:*", Action::AdminHeal, true),
            ("s3:GetBucketCORS", Action::GetBucketCors, true),
            ("ec2:*", Action::GetObject, false),
        ] {
            assert_eq!(actions(source, false).contains(action), expected, "{source} {action}");
            assert_eq!(actions(source, true).contains(action), !expected, "not {source} {action}");
        }
    }

    #[test]
    fn what_names_no_action_is_refused_where_we_know_them_all() {
        let parse = |source: &str, only| Actions::parse(vec![source.into()], false, only);
        for wrong in [
            "",
            "s3",
            "s3:",
            ":GetObject",
            "s*:GetObject",
            "*:*",
            "s3:GetObjects",
            "s3:Get Object",
            "s3:Get:Object",
            "s3:${aws:username}",
            "admin:Everything",
        ] {
            assert!(parse(wrong, None).is_err(), "{wrong}");
        }
        for foreign in ["ec2:RunInstances", "sts:AssumeAnything", "kms:CreateGrant", "iam:*"] {
            assert!(parse(foreign, None).is_ok(), "{foreign}");
            assert!(parse(foreign, Some("s3")).is_err(), "{foreign}");
        }
        assert!(parse("*", Some("s3")).is_ok());
    }

    #[test]
    fn administrators_need_no_resource() {
        for (source, expected) in [("admin:*", true), ("kms:*", true), ("s3:*", false), ("*", false)] {
            assert_eq!(actions(source, false).need_no_resource(), expected, "{source}");
            assert!(!actions(source, true).need_no_resource(), "{source}");
        }
    }
}
