//! Laws of decisions, whatever the policies: each is checked on policies and requests put together at random from words that
//! often have to do with one another.

use iam::{Policy, PolicyKind};
use proptest::prelude::*;
use proptest::sample::select;

use crate::table::{self, Case};

const ACTIONS: &[&str] =
    &["s3:GetObject", "s3:PutObject", "s3:Get*", "s3:*", "not s3:GetObject", "not s3:Put*,s3:List*", "*"];
const RESOURCES: &[&str] =
    &["*", "b", "b/*", "b/${aws:username}/*", "b/x*,b", "not b/x/*", "not b/${aws:PrincipalTag/team}/*"];
const WHOM: &[&str] = &[
    r#"to "*""#,
    "to @bob",
    "to @root",
    "to @ops",
    "to @ops-role,carol",
    "to @root-b",
    "not-to @bob",
    "not-to @ops,root",
    "not-to @ops-role",
];
const CONDITIONS: &[&str] = &[
    "",
    "",
    r#" if {"Bool":{"aws:SecureTransport":"true"}}"#,
    r#" if {"StringNotEquals":{"aws:PrincipalTag/team":["red","blue"]}}"#,
    r#" if {"ForAllValues:StringLike":{"aws:TagKeys":"a*"}}"#,
    r#" if {"ForAnyValue:StringNotLike":{"aws:TagKeys":"a*"}}"#,
    r#" if {"IpAddressIfExists":{"aws:SourceIp":"10.0.0.0/8"},"Null":{"s3:prefix":"true"}}"#,
    r#" if {"StringEquals":{"s3:ExistingObjectTag/team":"${aws:PrincipalTag/team, 'red'}"}}"#,
];
const ORIGINS: &[&str] = &["identity p", "identity q", "boundary l", "session s", "service k", "bucket b"];
const PEOPLE: &[&str] =
    &["root", "bob", "bobs-key", "ops", "eve", "carol", "root-b", "ops-b", "logging", "anonymous"];
const REQUESTS: &[&str] = &[
    "s3:GetObject b/x/k",
    "s3:GetObject b/bob/k",
    "s3:PutObject b/red/k",
    "s3:ListBucket b",
    "s3:PutBucketPolicy b",
    "s3:ListAllMyBuckets -",
    "admin:Heal -",
];
const KNOWN: &[&str] = &[
    "",
    " {aws:SecureTransport=true}",
    " {aws:SecureTransport=false; aws:PrincipalTag/team=red; aws:SourceIp=10.0.0.1}",
    " {aws:TagKeys=a|b; aws:PrincipalTag/team=blue; s3:ExistingObjectTag/team=blue}",
    " {aws:TagKeys=ab; s3:prefix=x; aws:SourceIp=11.0.0.1}",
];

/// A line of any policy.
fn statement(effect: &'static [&'static str]) -> impl Strategy<Value = String> {
    statement_of(ORIGINS, effect)
}

/// A line of a policy of one of these origins.
fn statement_of(
    origins: &'static [&'static str],
    effect: &'static [&'static str],
) -> impl Strategy<Value = String> {
    let parts = (
        select(origins),
        select(effect),
        select(WHOM),
        select(ACTIONS),
        select(RESOURCES),
        select(CONDITIONS),
    );
    parts.prop_map(|(origin, effect, whom, actions, resources, condition)| {
        let whom = if origin == "bucket b" { format!("{whom} ") } else { String::new() };
        // Of a bucket's policy all has to be about that bucket.
        let resources = if origin == "bucket b" { resources.trim_start_matches("not ") } else { resources };
        format!("{origin}: {effect} {whom}{actions} on {resources}{condition}\n")
    })
}

fn request() -> impl Strategy<Value = String> {
    let parts = (select(PEOPLE), select(REQUESTS), select(KNOWN));
    parts.prop_map(|(who, what, known)| format!("{who} {what}{known} => ?\n"))
}

fn policies() -> impl Strategy<Value = String> {
    prop::collection::vec(statement(&["allow", "allow", "deny"]), 0..7).prop_map(|lines| lines.concat())
}

fn case(policies: &str, request: &str) -> Case {
    table::cases("law", &format!("{policies}{request}")).remove(0)
}

fn is_allowed(policies: &str, request: &str) -> bool {
    case(policies, request).decide(|decision| decision.allowed)
}

/// Policies of a kind that is already there: the first of a boundary or session limits where nothing did.
fn has(policies: &str, line: &str) -> bool {
    let origin = |line: &str| line.split(':').next().map(str::to_owned);
    policies.lines().any(|known| origin(known) == origin(line))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_is_denied_anywhere_is_denied(policies in policies(), request in request()) {
        let case = case(&policies, &request);
        let applies = case.explain(|verdict| !verdict.allows && verdict.mismatch.is_none());
        let is_owner_of_policy = request.starts_with("root s3:PutBucketPolicy");
        let allowed = case.decide(|decision| decision.allowed);
        prop_assert!(!(allowed && applies.contains(&true)) || is_owner_of_policy, "{policies}{request}");
    }

    #[test]
    fn what_nothing_allows_is_denied(policies in policies(), request in request()) {
        let case = case(&policies, &request);
        let applies = case.explain(|verdict| verdict.allows && verdict.mismatch.is_none());
        let allowed = case.decide(|decision| decision.allowed);
        let is_owner = request.starts_with("root ") || request.starts_with("root-b s3:ListAllMyBuckets");
        prop_assert!(!allowed || applies.contains(&true) || is_owner, "{policies}{request}");
    }

    /// But for the first policy of a kind that limits: without any of that kind nothing is limited by it.
    #[test]
    fn allowing_more_takes_nothing_away(
        policies in policies(),
        request in request(),
        more in statement(&["allow"]),
    ) {
        let limits = ["boundary", "session", "service"].iter().any(|kind| more.starts_with(kind));
        prop_assume!(!limits || has(&policies, &more));
        let before = is_allowed(&policies, &request);
        let after = is_allowed(&format!("{policies}{more}"), &request);
        prop_assert!(!before || after, "{policies}{more}{request}");
    }

    #[test]
    fn denying_more_gives_nothing(
        policies in policies(),
        request in request(),
        more in statement(&["deny"]),
    ) {
        // A federated user has nothing without a session's policy, and something with one.
        let is_first_session = more.starts_with("session") && !has(&policies, &more) && request.starts_with("eve");
        prop_assume!(!is_first_session);
        let before = is_allowed(&policies, &request);
        let after = is_allowed(&format!("{policies}{more}"), &request);
        prop_assert!(before || !after, "{policies}{more}{request}");
    }

    #[test]
    fn a_limit_gives_nothing(
        policies in policies(),
        request in request(),
        limit in statement_of(&["boundary new", "service new"], &["allow", "deny"]),
    ) {
        let others = |kept: &&str| !kept.starts_with("boundary") && !kept.starts_with("service");
        let policies: String = policies.lines().filter(others).map(|line| format!("{line}\n")).collect();
        let before = is_allowed(&policies, &request);
        let after = is_allowed(&format!("{policies}{limit}"), &request);
        prop_assert!(before || !after, "{policies}{limit}{request}");
    }

    #[test]
    fn the_order_of_statements_does_not_matter(policies in policies(), request in request()) {
        let reversed: String = policies.lines().rev().map(|line| format!("{line}\n")).collect();
        prop_assert_eq!(is_allowed(&policies, &request), is_allowed(&reversed, &request), "{}{}", policies, request);
    }

    #[test]
    fn what_is_printed_reads_as_the_same_policy(policies in policies(), request in request()) {
        for (kind, policy) in case(&policies, &request).policies() {
            let printed = policy.to_string();
            let kind = if kind == "bucket" { PolicyKind::Bucket("b") } else { PolicyKind::RoleInline };
            prop_assert_eq!(&Policy::parse(&printed, kind).unwrap(), policy, "{}", printed);
        }
    }

    #[test]
    fn no_text_is_more_than_refused(text in r#"[\[\]{}":,*$]{0,40}|\PC{0,60}"#) {
        for kind in [PolicyKind::Managed, PolicyKind::Trust, PolicyKind::Bucket("b")] {
            if let Ok(policy) = Policy::parse(&text, kind) {
                prop_assert!(policy.statement_count() > 0);
            }
        }
    }
}
