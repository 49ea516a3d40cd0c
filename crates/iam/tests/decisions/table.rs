//! Decisions as text.
//!
//! A section begins with `##` and has policies and cases. `#` begins a comment.
//!
//! ```text
//! identity p: deny not s3:GetObject,s3:PutObject on b/*,b if {"Bool":{"aws:SecureTransport":"false"}}
//! bob s3:GetObject b/k {aws:SourceIp=10.0.0.1; aws:TagKeys=a|b} => deny p.0
//! ```
//!
//! A line of a policy is one statement more of it. Policies are `identity`, `boundary`, `session`, `service` (of a service
//! account), `bucket` and `trust`; the latter two say `to` or `not-to` whom: a word of [`PEOPLE`] with `@`, or JSON without
//! spaces. `b/*` is short for `arn:aws:s3:::b/*`. `version 2008` is of the section. A case has who asks, the action,
//! what on (`-` for nothing in particular) and what else is known. All buckets, and the store, belong to account
//! 111122223333.
//!
//! What is expected: `allow` or `deny` by a statement (`p.0`: the first of policy p), `allow owner`, or why not: `none`,
//! `outside` a limit, `no-resource`, `no-identity`, each with the statement that came closest, if one did.

use iam::{
    AccessRequest, AccountName, Action, ConditionKey, Context, Decision, NamedPolicy, Policy, PolicyKind,
    PolicySet, Requester, Resource, StatementVerdict, evaluate, explain,
};

/// Who is there, with the ARN that policies name them by.
pub(crate) const PEOPLE: &[(&str, &str)] = &[
    ("root", "arn:aws:iam::111122223333:root"),
    ("bob", "arn:aws:iam::111122223333:user/bob"),
    ("alice", "arn:aws:iam::111122223333:user/team/alice"),
    ("bobs-key", "arn:aws:iam::111122223333:user/bob"),
    ("ops", "arn:aws:sts::111122223333:assumed-role/ops/s1"),
    ("ops-role", "arn:aws:iam::111122223333:role/ops"),
    ("eve", "arn:aws:sts::111122223333:federated-user/eve"),
    ("carol", "arn:aws:iam::444455556666:user/carol"),
    ("root-b", "arn:aws:iam::444455556666:root"),
    ("ops-b", "arn:aws:sts::444455556666:assumed-role/ops/s1"),
    ("ops-b-role", "arn:aws:iam::444455556666:role/ops"),
];

const OWNER: &str = "111122223333";

/// One of them.
pub(crate) fn requester(name: &str) -> Requester {
    let account =
        |number: &str, digit: &str| AccountName { number: number.into(), canonical_id: digit.repeat(64) };
    let (home, other) = (|| account(OWNER, "a"), || account("444455556666", "b"));
    match name {
        "root" => Requester::root(home()),
        "bob" => Requester::user(home(), "bob", "AIDABOB"),
        "alice" => Requester::user(home(), "team/alice", "AIDAALICE"),
        "bobs-key" => Requester::user_session(home(), "bob", "AIDABOB"),
        "ops" => Requester::role_session(home(), "ops", "AROAOPS", "s1"),
        "eve" => Requester::federated_user(home(), "eve", "bob"),
        "carol" => Requester::user(other(), "carol", "AIDACAROL"),
        "root-b" => Requester::root(other()),
        "ops-b" => Requester::role_session(other(), "ops", "AROAOPSB", "s1"),
        "logging" => Requester::service("logging.s3.amazonaws.com"),
        "google" => Requester::web_identity("accounts.google.com", "eve"),
        "anonymous" => Requester::anonymous(),
        other => panic!("who is {other}?"),
    }
}

/// A request, the policies that have a say, and what has to be decided.
pub(crate) struct Case {
    /// Where it stands.
    pub(crate) place: String,
    pub(crate) expected: String,
    requester: Requester,
    action: Action,
    resource: String,
    known: Vec<(ConditionKey, Vec<String>)>,
    policies: Vec<(String, String, Policy)>,
}

/// The cases of a table.
pub(crate) fn cases(table: &str, text: &str) -> Vec<Case> {
    let (mut cases, mut section) = (Vec::new(), Section::default());
    for (number, line) in text.lines().enumerate() {
        let place = format!("{table}.txt:{}: {line}", number + 1);
        match line.split_once("=>") {
            _ if line.starts_with("##") => section = Section::default(),
            _ if line.trim().is_empty() || line.starts_with('#') => {}
            _ if line == "version 2008" => section.version = "2008-10-17",
            Some((request, expected)) => cases.push(section.case(place, request, expected.trim())),
            None => section.add_statement(&place, line),
        }
    }
    cases
}

struct Section {
    version: &'static str,
    /// Kind, name, and statements as JSON.
    documents: Vec<(String, String, Vec<String>)>,
}

impl Default for Section {
    fn default() -> Self {
        Self { version: "2012-10-17", documents: Vec::new() }
    }
}

impl Section {
    fn add_statement(&mut self, place: &str, line: &str) {
        let (head, statement) = line.split_once(": ").unwrap_or_else(|| panic!("{place}: no policy"));
        let (kind, name) = head.split_once(' ').unwrap_or_else(|| panic!("{place}: no name"));
        let statement = statement_json(place, statement);
        match self.documents.iter_mut().find(|(known, other, _)| known == kind && other == name) {
            Some((_, _, statements)) => statements.push(statement),
            None => self.documents.push((kind.into(), name.into(), vec![statement])),
        }
    }

    fn case(&self, place: String, request: &str, expected: &str) -> Case {
        let (head, known) = request.split_once(" {").unwrap_or((request, "}"));
        let words: Vec<&str> = head.split_whitespace().collect();
        let [who, action, resource] = words[..] else { panic!("{place}: who, action, resource") };
        let known = known.trim().trim_end_matches('}').split(';').filter(|entry| !entry.trim().is_empty());
        let policies = self.documents.iter().map(|document| self.policy(&place, document)).collect();
        Case {
            expected: expected.into(),
            requester: requester(who),
            action: Action::by_name(action).unwrap_or_else(|| panic!("{place}: no action")),
            resource: resource.into(),
            known: known.map(|entry| known_value(&place, entry)).collect(),
            policies,
            place,
        }
    }

    fn policy(
        &self,
        place: &str,
        (kind, name, statements): &(String, String, Vec<String>),
    ) -> (String, String, Policy) {
        let text = format!(r#"{{"Version":"{}","Statement":[{}]}}"#, self.version, statements.join(","));
        let policy_kind = match kind.as_str() {
            "bucket" => PolicyKind::Bucket("b"),
            "trust" => PolicyKind::Trust,
            "session" => PolicyKind::Session,
            "service" => PolicyKind::ServiceAccount,
            "identity" | "boundary" => PolicyKind::Managed,
            other => panic!("{place}: no kind {other}"),
        };
        let policy =
            Policy::parse(&text, policy_kind).unwrap_or_else(|error| panic!("{place}: {error}\n{text}"));
        (kind.clone(), name.clone(), policy)
    }
}

fn known_value(place: &str, entry: &str) -> (ConditionKey, Vec<String>) {
    let (name, value) = entry.trim().split_once('=').unwrap_or_else(|| panic!("{place}: {entry}"));
    let key = ConditionKey::parse(name).unwrap_or_else(|| panic!("{place}: no key {name}"));
    (key, value.split('|').map(str::to_owned).collect())
}

/// `allow to @bob not s3:GetObject on b/* if {..}` as JSON.
fn statement_json(place: &str, text: &str) -> String {
    let (head, condition) = text.split_once(" if ").map_or((text, None), |(head, json)| (head, Some(json)));
    let (head, resources) = head.split_once(" on ").map_or((head, None), |(head, names)| (head, Some(names)));
    let mut words = head.split_whitespace().peekable();
    let effect = match words.next() {
        Some("allow") => "Allow",
        Some("deny") => "Deny",
        other => panic!("{place}: {other:?}"),
    };
    let mut members = vec![format!(r#""Effect":"{effect}""#)];
    while let Some(word) = words.next() {
        let mut next = || words.next().unwrap_or_else(|| panic!("{place}: something is missing"));
        members.push(match word {
            "to" => format!(r#""Principal":{}"#, principal(place, next())),
            "not-to" => format!(r#""NotPrincipal":{}"#, principal(place, next())),
            "not" => format!(r#""NotAction":{}"#, list(next(), |name| name.to_owned())),
            names => format!(r#""Action":{}"#, list(names, |name| name.to_owned())),
        });
    }
    if let Some(resources) = resources {
        let (element, names) =
            resources.strip_prefix("not ").map_or(("Resource", resources), |names| ("NotResource", names));
        members.push(format!(r#""{element}":{}"#, list(names, arn)));
    }
    members.extend(condition.map(|json| format!(r#""Condition":{json}"#)));
    format!("{{{}}}", members.join(","))
}

fn principal(place: &str, word: &str) -> String {
    let Some(names) = word.strip_prefix('@') else { return word.to_owned() };
    let named = |name: &str| {
        let found = PEOPLE.iter().find(|(known, _)| *known == name);
        found.unwrap_or_else(|| panic!("{place}: who is {name}?")).1.to_owned()
    };
    format!(r#"{{"AWS":{}}}"#, list(names, named))
}

fn arn(name: &str) -> String {
    if name == "*" || name.starts_with("arn:") { name.to_owned() } else { format!("arn:aws:s3:::{name}") }
}

/// Names between commas; those in a variable part nothing.
fn list(names: &str, write: impl Fn(&str) -> String) -> String {
    let mut depth = 0_usize;
    let parts = names.trim().split(|char| {
        match char {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        char == ',' && depth == 0
    });
    let names: Vec<String> = parts.map(|name| format!("\"{}\"", write(name))).collect();
    format!("[{}]", names.join(","))
}

impl Case {
    /// Puts a question about the request and the policies.
    pub(crate) fn ask<T>(&self, question: impl FnOnce(&AccessRequest<'_>, &PolicySet<'_>) -> T) -> T {
        let mut context = Context::new();
        self.requester.describe(&mut context);
        for (key, values) in &self.known {
            match key {
                ConditionKey::Known(key) => context.set_all(*key, values.iter().map(String::as_str)),
                ConditionKey::Tag(family, tag) => context.set_tag(*family, tag, values[0].as_str()),
                ConditionKey::Claim(name) => context.set_claim(name, values.iter().map(String::as_str)),
            }
        }
        let (resource, resource_account) = self.resource();
        let request = AccessRequest {
            requester: &self.requester,
            action: self.action,
            resource,
            resource_account,
            context: &context,
        };
        let of_kind = |wanted: &str| -> Vec<NamedPolicy<'_>> {
            let policies = self.policies.iter().filter(|(kind, _, _)| kind == wanted);
            policies.map(|(_, name, policy)| NamedPolicy { name, policy }).collect()
        };
        let (identity, session) = (of_kind("identity"), of_kind("session"));
        let policies = PolicySet {
            identity: &identity,
            boundary: of_kind("boundary").first().copied(),
            session: &session,
            service_account: of_kind("service").first().copied(),
            resource: of_kind("bucket").first().or(of_kind("trust").first()).copied(),
        };
        question(&request, &policies)
    }

    /// The policies, each with its kind.
    pub(crate) fn policies(&self) -> impl Iterator<Item = (&str, &Policy)> {
        self.policies.iter().map(|(kind, _, policy)| (kind.as_str(), policy))
    }

    fn resource(&self) -> (Resource<'_>, Option<&str>) {
        match (self.resource.as_str(), self.resource.split_once('/')) {
            ("-", _) => (Resource::Service, self.action.is_of_store().then_some(OWNER)),
            (arn, _) if arn.starts_with("arn:") => (Resource::Named(arn), arn.split(':').nth(4)),
            (_, Some((bucket, key))) => (Resource::Object { bucket, key }, Some(OWNER)),
            (bucket, None) => (Resource::Bucket(bucket), Some(OWNER)),
        }
    }

    /// Looks at what is decided.
    pub(crate) fn decide<T>(&self, look: impl FnOnce(&Decision<'_>) -> T) -> T {
        self.ask(|request, policies| look(&evaluate(request, policies)))
    }

    /// Looks at what each statement makes of it.
    pub(crate) fn explain<T>(&self, look: impl Fn(&StatementVerdict<'_>) -> T) -> Vec<T> {
        self.ask(|request, policies| explain(request, policies).iter().map(look).collect())
    }
}
