//! Several hundred decisions, each with its reason, from AWS's documentation and from what conformance suites of S3 ask.
//!
//! The tables are the text files here; how they are written stands at the head of [`table`].

mod laws;
mod speed;
mod table;

use iam::{
    AccessRequest, Action, CANNED_POLICIES, Context, Decision, Limit, NamedPolicy, NearMiss, Policy,
    PolicyKind, PolicySet, Reason, Resource, StatementRef, UnmatchedElement, evaluate,
};

use table::{Case, requester};

const TABLES: &[(&str, &str)] = &[
    ("elements", include_str!("elements.txt")),
    ("conditions", include_str!("conditions.txt")),
    ("keys", include_str!("keys.txt")),
    ("variables", include_str!("variables.txt")),
    ("evaluation", include_str!("evaluation.txt")),
    ("examples", include_str!("examples.txt")),
];

/// A decision as the tables write it.
fn written(decision: &Decision<'_>) -> String {
    let place = |place: &StatementRef<'_>| format!("{}.{}", place.policy, place.index);
    let near = |nearest: &Option<NearMiss<'_>>| match nearest {
        None => String::new(),
        Some(NearMiss { statement, mismatch }) => {
            let what = match mismatch {
                UnmatchedElement::Condition(failed) => format!("{} {}", failed.operator(), failed.key()),
                other => other.to_string(),
            };
            format!(" ({}: {what})", place(statement))
        }
    };
    match &decision.reason {
        Reason::Owner => "allow owner".to_owned(),
        Reason::Statement(statement) => format!("allow {}", place(statement)),
        Reason::ExplicitDeny(statement) => format!("deny {}", place(statement)),
        Reason::NoAllow { nearest } => format!("none{}", near(nearest)),
        Reason::OutsideLimit { limit, nearest } => {
            let name = match limit {
                Limit::Boundary => "boundary",
                Limit::Session => "session",
                Limit::ServiceAccount => "service",
            };
            format!("outside {name}{}", near(nearest))
        }
        Reason::ResourceDoesNotAllow { nearest } => format!("no-resource{}", near(nearest)),
        Reason::IdentityDoesNotAllow { nearest } => format!("no-identity{}", near(nearest)),
    }
}

#[test]
fn every_decision_is_the_documented_one_for_the_documented_reason() {
    let (mut count, mut wrong) = (0, Vec::new());
    for (name, text) in TABLES {
        for case in table::cases(name, text) {
            count += 1;
            let (decision, allowed) = case.decide(|decision| (written(decision), decision.allowed));
            if decision != case.expected || allowed != case.expected.starts_with("allow ") {
                wrong.push(format!(
                    "{}\n    expected: {}\n    decided:  {decision}",
                    case.place, case.expected
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count >= 400, "{count} cases");
    println!("{count} decisions");
}

/// What is explained is what was decided: a statement that decided is about the request, and one that came close is not.
#[test]
fn what_is_explained_is_what_was_decided() {
    for (name, text) in TABLES {
        for case in table::cases(name, text) {
            check_explanation(&case);
        }
    }
}

fn check_explanation(case: &Case) {
    let verdicts = case.explain(|verdict| (written_place(&verdict.place), verdict.mismatch.is_none()));
    let is_about = |place: &StatementRef<'_>| {
        let found = verdicts.iter().find(|(known, _)| *known == written_place(place));
        found.unwrap_or_else(|| panic!("{}: {place} is not explained", case.place)).1
    };
    case.decide(|decision| match &decision.reason {
        Reason::Statement(place) | Reason::ExplicitDeny(place) => assert!(is_about(place), "{}", case.place),
        Reason::NoAllow { nearest: Some(near) }
        | Reason::OutsideLimit { nearest: Some(near), .. }
        | Reason::ResourceDoesNotAllow { nearest: Some(near) }
        | Reason::IdentityDoesNotAllow { nearest: Some(near) } => {
            assert!(!is_about(&near.statement), "{}", case.place);
        }
        _ => {}
    });
}

fn written_place(place: &StatementRef<'_>) -> String {
    format!("{:?} {} {}", place.origin, place.policy, place.index)
}

/// What an operator reads.
#[test]
fn a_reason_is_a_sentence() {
    let table = r#"
identity home: allow s3:GetObject on b/* if {"IpAddress":{"aws:SourceIp":["10.0.0.0/8","fd00::/8"]}}
boundary limit: allow s3:GetObject on b/public/*
bucket b: deny to "*" s3:DeleteObject on b/*
bob s3:GetObject b/public/k {aws:SourceIp=10.0.0.1} => ?
bob s3:GetObject b/k {aws:SourceIp=10.0.0.1} => ?
bob s3:GetObject b/k {aws:SourceIp=11.0.0.1} => ?
bob s3:DeleteObject b/k => ?
carol s3:GetObject b/k => ?
"#;
    let sentences = [
        "allowed: statement 0 of the identity's policy home allows it",
        "denied: the boundary does not allow it; statement 0 of the boundary limit would, but for its resource",
        "denied: no statement allows it; statement 0 of the identity's policy home would, but for its condition \
         IpAddress aws:SourceIp [10.0.0.0/8, fd00::/8]",
        "denied: statement 0 of the resource's policy b denies it",
        "denied: the policy of the resource does not allow it",
    ];
    let decided = table::cases("sentences", table);
    let decided: Vec<String> =
        decided.iter().map(|case| case.decide(|decision| decision.to_string())).collect();
    assert_eq!(decided, sentences);
}

/// Who asks for something of the store, and does not say whose it is, is told no: nobody gets it by an omission.
#[test]
fn the_store_belongs_to_nobody_where_nobody_is_named() {
    for requester in [requester("root"), requester("bob")] {
        let policy = Policy::parse(CANNED_POLICIES[0].text, PolicyKind::Managed).unwrap();
        let identity = [NamedPolicy { name: CANNED_POLICIES[0].name, policy: &policy }];
        let context = Context::new();
        let ask = |action, resource_account| {
            let (requester, resource, context) = (&requester, Resource::Service, &context);
            let request = AccessRequest { requester, action, resource, resource_account, context };
            evaluate(&request, &PolicySet { identity: &identity, ..PolicySet::default() }).allowed
        };
        for action in [Action::AdminHeal, Action::KmsCreateKey] {
            assert!(!ask(action, None) && ask(action, Some("111122223333")), "{action}");
        }
        assert!(ask(Action::ListAllMyBuckets, None));
    }
}
