//! Policies. Input: a line of words (kind, who asks, action, resource, and what is known as `key=value`), then a document.
//!
//! What was read, printed, reads the same, where it is not too long by then; what is decided is what the statements say one
//! by one; whoever is denied by a policy is not let in by it; and none of it takes longer than a text of that size explains.

use iam::{
    AccessRequest, AccountName, Action, ConditionKey, Context, NamedPolicy, Policy, PolicyKind, PolicySet,
    Reason, Requester, Resource, evaluate, explain,
};

const ACCOUNT: &str = "111122223333";

/// See the module.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (head, document) = text.split_once('\n').unwrap_or(("", &text));
    let mut words = head.split(' ');
    let kind = kind(words.next().unwrap_or_default());
    let Ok(policy) = Policy::parse(document, kind) else { return };
    assert!(policy.statement_count() > 0, "{document}");
    printed(&policy, kind);
    let requester = requester(words.next().unwrap_or_default());
    let action = words.next().and_then(Action::by_name).unwrap_or(Action::GetObject);
    let resource = resource(words.next().unwrap_or("b/k"));
    let mut context = Context::new();
    requester.describe(&mut context);
    words.for_each(|word| know(&mut context, word));
    let resource_account = Some(ACCOUNT);
    decided(
        &AccessRequest { requester: &requester, action, resource, resource_account, context: &context },
        &policy,
        kind,
    );
}

fn kind(word: &str) -> PolicyKind<'static> {
    match word {
        "bucket" => PolicyKind::Bucket("b"),
        "trust" => PolicyKind::Trust,
        "session" => PolicyKind::Session,
        _ => PolicyKind::RoleInline,
    }
}

fn requester(word: &str) -> Requester {
    let account = AccountName { number: ACCOUNT.into(), canonical_id: "a".repeat(64) };
    match word {
        "root" => Requester::root(account),
        "ops" => Requester::role_session(account, "ops", "AROA1", "s1"),
        "eve" => Requester::federated_user(account, "eve", "bob"),
        "logging" => Requester::service("logging.s3.amazonaws.com"),
        "anonymous" => Requester::anonymous(),
        _ => Requester::user(account, "bob", "AIDA1"),
    }
}

fn resource(word: &str) -> Resource<'_> {
    match word.split_once('/') {
        _ if word.starts_with("arn:") => Resource::Named(word),
        _ if word == "-" => Resource::Service,
        Some((bucket, key)) => Resource::Object { bucket, key },
        None => Resource::Bucket(word),
    }
}

fn know<'t>(context: &mut Context<'t>, word: &'t str) {
    let Some((name, value)) = word.split_once('=') else { return };
    match ConditionKey::parse(name) {
        Some(ConditionKey::Known(key)) => context.set_all(key, value.split('|')),
        Some(ConditionKey::Tag(family, tag)) => context.set_tag(family, &tag, value),
        _ => context.set_claim(name, value.split('|')),
    }
}

fn printed(policy: &Policy, kind: PolicyKind<'_>) {
    let text = policy.to_string();
    match Policy::parse(&text, kind) {
        Ok(again) => assert_eq!(&again, policy, "{text}"),
        Err(error) => assert!(error.is_too_large(), "{error}: {text}"),
    }
}

/// The policy alone, in its place: of the resource, the session or the identity.
fn decided(request: &AccessRequest<'_>, policy: &Policy, kind: PolicyKind<'_>) {
    let named = [NamedPolicy { name: "p", policy }];
    let policies = match kind {
        PolicyKind::Bucket(_) | PolicyKind::Trust => {
            PolicySet { resource: named.first().copied(), ..PolicySet::default() }
        }
        PolicyKind::Session => PolicySet { identity: &named, session: &named, ..PolicySet::default() },
        _ => PolicySet { identity: &named, ..PolicySet::default() },
    };
    let decision = evaluate(request, &policies);
    let verdicts = explain(request, &policies);
    let applies =
        |allows: bool| verdicts.iter().any(|verdict| verdict.allows == allows && verdict.mismatch.is_none());
    assert!(!decision.to_string().is_empty());
    match decision.reason {
        Reason::ExplicitDeny(_) => assert!(applies(false) && !decision.allowed, "{decision}"),
        Reason::Statement(_) => assert!(applies(true) && decision.allowed, "{decision}"),
        Reason::Owner => assert!(decision.allowed, "{decision}"),
        _ => assert!(!applies(false) && !decision.allowed, "{decision}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEDS: &[(&str, bool)] = &[
        (include_str!("../../../fuzz/seeds/policy/administrator"), true),
        (include_str!("../../../fuzz/seeds/policy/bucket"), true),
        (include_str!("../../../fuzz/seeds/policy/conditions"), true),
        (include_str!("../../../fuzz/seeds/policy/identity"), true),
        (include_str!("../../../fuzz/seeds/policy/not-principal"), true),
        (include_str!("../../../fuzz/seeds/policy/trust"), true),
        (include_str!("../../../fuzz/seeds/policy/variables"), true),
        (include_str!("../../../fuzz/seeds/policy/broken"), false),
    ];

    /// A seed that is refused for a slip of its own would show nothing.
    #[test]
    fn the_seeds_are_policies_but_for_the_broken_one() {
        for (seed, is_policy) in SEEDS {
            let (head, document) = seed.split_once('\n').unwrap();
            let read = Policy::parse(document, kind(head.split(' ').next().unwrap()));
            assert_eq!(read.is_ok(), *is_policy, "{seed}: {read:?}");
        }
    }
}
