//! The `Principal` and `NotPrincipal` elements of policies of resources.
//!
//! Always true: names are compared exactly; but for `*` alone there are no wildcards. An account that is named stands for
//! all in it, a role for its sessions. How a requester is named decides what may still limit it (see [`Reach`]).
//!
//! `NotPrincipal` fails closed. A `Deny` spares only whom it names by their own ARN: AWS's example spares user Bob and his
//! account, and denies the account's other users. An `Allow` leaves out all whom it names in any way.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html> and
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html>

use crate::json::Json;
use crate::malformed::PolicyFault;
use crate::requester::{Requester, RequesterKind};

/// How a policy of a resource names a requester: the further down, the more directly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    /// By its account, which may then allow it: a policy of the identity has to.
    Account,
    /// By its role or user: what limits the session limits this.
    Holder,
    /// By itself, or with everybody: neither the policies of the identity nor a boundary nor a session policy have a say,
    /// within one account.
    Direct,
}

/// Whom a statement is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Principals {
    /// `NotPrincipal`: all but these.
    is_negated: bool,
    /// Whether it is written as `"*"` and not as a list by kind.
    is_bare_star: bool,
    entries: Box<[Entry]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    kind: EntryKind,
    source: Box<str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum EntryKind {
    Everyone,
    /// By its number.
    Account(Box<str>),
    Arn,
    CanonicalUser,
    Service,
    Federated,
}

impl Principals {
    pub(crate) fn parse(element: &Json, is_negated: bool) -> Result<Self, PolicyFault> {
        let everyone = Entry { kind: EntryKind::Everyone, source: "*".into() };
        match element {
            Json::Text(text) if text == "*" => {
                Ok(Self { is_negated, is_bare_star: true, entries: [everyone].into() })
            }
            Json::Object(kinds) if !kinds.is_empty() => {
                let mut entries = Vec::new();
                for (kind, names) in kinds {
                    for name in names_of(kind, names)? {
                        entries.push(Entry::parse(kind, name)?);
                    }
                }
                Ok(Self { is_negated, is_bare_star: false, entries: entries.into() })
            }
            _ => Err(invalid("it is \"*\" or an object of AWS, CanonicalUser, Federated or Service".into())),
        }
    }

    /// How the statement reaches a requester; not, if it is not about it.
    pub(crate) fn reach(&self, requester: &Requester, is_deny: bool) -> Option<Reach> {
        let named = self.entries.iter().filter_map(|entry| entry.reach(requester)).max();
        match (self.is_negated, is_deny) {
            (false, _) => named,
            (true, true) => {
                let is_spared = self.entries.iter().any(|entry| entry.names_itself(requester));
                (!is_spared).then_some(Reach::Direct)
            }
            (true, false) => named.is_none().then_some(Reach::Direct),
        }
    }

    pub(crate) fn is_negated(&self) -> bool {
        self.is_negated
    }

    pub(crate) fn is_bare_star(&self) -> bool {
        self.is_bare_star
    }

    /// Kinds and names, as they were written.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.entries.iter().map(|entry| (entry.kind.name(), &*entry.source))
    }
}

fn invalid(principal: String) -> PolicyFault {
    PolicyFault::Principal { principal }
}

fn names_of<'j>(kind: &str, names: &'j Json) -> Result<Vec<&'j str>, PolicyFault> {
    let text = |json: &'j Json| match json {
        Json::Text(text) => Ok(text.as_str()),
        _ => Err(invalid(format!("{kind} must be a name or a list of names"))),
    };
    match names {
        Json::List(list) if !list.is_empty() => list.iter().map(text).collect(),
        single => text(single).map(|name| vec![name]),
    }
}

impl Entry {
    fn parse(kind: &str, name: &str) -> Result<Self, PolicyFault> {
        let kind_of_name = match kind {
            "AWS" => aws_principal(name),
            "CanonicalUser" => is_canonical_id(name).then_some(EntryKind::CanonicalUser),
            "Service" => is_service(name).then_some(EntryKind::Service),
            "Federated" => is_provider(name).then_some(EntryKind::Federated),
            _ => None,
        };
        match kind_of_name {
            Some(kind) => Ok(Self { kind, source: name.into() }),
            None => Err(invalid(format!("{kind:?}:{name:?}"))),
        }
    }

    fn reach(&self, requester: &Requester) -> Option<Reach> {
        let account = requester.account();
        let of_account = |is_it: bool| {
            let reach = if requester.kind() == RequesterKind::Root { Reach::Direct } else { Reach::Account };
            is_it.then_some(reach)
        };
        let of_kind =
            |kind| (requester.kind() == kind && requester.arn() == &*self.source).then_some(Reach::Direct);
        match &self.kind {
            EntryKind::Everyone => Some(Reach::Direct),
            EntryKind::Account(number) => {
                of_account(account.is_some_and(|account| account.number == **number))
            }
            EntryKind::CanonicalUser => {
                let is_it = |id: &str| id.eq_ignore_ascii_case(&self.source);
                of_account(account.is_some_and(|account| is_it(&account.canonical_id)))
            }
            EntryKind::Service => of_kind(RequesterKind::Service),
            EntryKind::Federated => of_kind(RequesterKind::WebIdentity),
            EntryKind::Arn => self.reach_by_arn(requester),
        }
    }

    /// Whether it names a requester by its own ARN, number or name. Other keys of a user have the user's ARN.
    fn names_itself(&self, requester: &Requester) -> bool {
        match self.reach(requester) {
            Some(Reach::Direct) => true,
            Some(Reach::Holder) => requester.kind() == RequesterKind::UserSession,
            _ => false,
        }
    }

    fn reach_by_arn(&self, requester: &Requester) -> Option<Reach> {
        // Service accounts and the like have their user's ARN, and are limited all the same.
        let is_arn = |arn: &str| without_partition(arn) == without_partition(&self.source);
        let is_own = requester.account().is_some() && is_arn(requester.arn());
        let is_holder = requester.holder_arn().is_some_and(is_arn);
        match (is_own, is_holder) {
            (_, true) => Some(Reach::Holder),
            (true, false) => Some(Reach::Direct),
            (false, false) => None,
        }
    }
}

impl EntryKind {
    fn name(&self) -> &'static str {
        match self {
            Self::Everyone | Self::Account(_) | Self::Arn => "AWS",
            Self::CanonicalUser => "CanonicalUser",
            Self::Service => "Service",
            Self::Federated => "Federated",
        }
    }
}

/// Whether a principal is of this server's partitions, its ARN goes on behind them.
fn without_partition(arn: &str) -> Option<&str> {
    let (partition, rest) = arn.strip_prefix("arn:")?.split_once(':')?;
    matches!(partition, "aws" | "aws-cn" | "aws-us-gov" | "minio").then_some(rest)
}

/// An account by its number or ARN, a user, a role, a session, or everybody.
fn aws_principal(name: &str) -> Option<EntryKind> {
    if name == "*" {
        return Some(EntryKind::Everyone);
    }
    if is_account_number(name) {
        return Some(EntryKind::Account(name.into()));
    }
    let (service, rest) = without_partition(name)?.split_once("::")?;
    let (account, resource) = rest.split_once(':')?;
    let (kind, own_name) =
        resource.split_once('/').map_or((resource, None), |(kind, name)| (kind, Some(name)));
    let is_named = own_name.is_some_and(|name| !name.is_empty() && !name.contains(['*', '?']));
    match (service, kind) {
        _ if !is_account_number(account) => None,
        ("iam", "root") if own_name.is_none() => Some(EntryKind::Account(account.into())),
        ("iam", "user" | "role") | ("sts", "federated-user") if is_named => Some(EntryKind::Arn),
        ("sts", "assumed-role") if is_named && resource.matches('/').count() == 2 => Some(EntryKind::Arn),
        _ => None,
    }
}

fn is_account_number(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_canonical_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_service(text: &str) -> bool {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    text.contains('.') && text.bytes().all(is_name)
}

fn is_provider(text: &str) -> bool {
    !text.is_empty() && !text.contains(['*', '?', ' '])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requester::AccountName;

    fn account(number: &str) -> AccountName {
        AccountName { number: number.into(), canonical_id: number.repeat(6).chars().take(64).collect() }
    }

    fn parse(text: &str, is_negated: bool) -> Result<Principals, PolicyFault> {
        Principals::parse(&Json::parse(text).unwrap(), is_negated)
    }

    fn everybody() -> [Requester; 8] {
        let home = || account("111122223333");
        [
            Requester::root(home()),
            Requester::user(home(), "bob", "AIDA1"),
            Requester::user_session(home(), "bob", "AIDA1"),
            Requester::role_session(home(), "path/ops", "AROA1", "s1"),
            Requester::federated_user(home(), "eve", "bob"),
            Requester::service("logging.s3.amazonaws.com"),
            Requester::web_identity("accounts.google.com", "eve"),
            Requester::anonymous(),
        ]
    }

    /// A letter for each of everybody: by itself, its holder, its account, or not.
    fn reaches(text: &str, is_negated: bool, is_deny: bool) -> String {
        let principals = parse(text, is_negated).unwrap();
        let letter = |requester: &Requester| match principals.reach(requester, is_deny) {
            Some(Reach::Direct) => 'D',
            Some(Reach::Holder) => 'H',
            Some(Reach::Account) => 'A',
            None => '-',
        };
        everybody().iter().map(letter).collect()
    }

    #[test]
    fn a_principal_names_a_requester_by_itself_its_holder_or_its_account() {
        let canonical = &account("111122223333").canonical_id;
        for (text, expected) in [
            (r#""*""#, "DDDDDDDD"),
            (r#"{"AWS":"*"}"#, "DDDDDDDD"),
            (r#"{"AWS":"111122223333"}"#, "DAAAA---"),
            (r#"{"AWS":"arn:aws:iam::111122223333:root"}"#, "DAAAA---"),
            (&format!(r#"{{"CanonicalUser":"{canonical}"}}"#), "DAAAA---"),
            (r#"{"AWS":"444455556666"}"#, "--------"),
            (r#"{"AWS":"arn:aws:iam::111122223333:user/bob"}"#, "-DH-H---"),
            (r#"{"AWS":"arn:minio:iam::111122223333:user/bob"}"#, "-DH-H---"),
            (r#"{"AWS":"arn:aws:iam::111122223333:user/Bob"}"#, "--------"),
            (r#"{"AWS":"arn:aws:iam::444455556666:user/bob"}"#, "--------"),
            (r#"{"AWS":"arn:aws:iam::111122223333:role/path/ops"}"#, "---H----"),
            (r#"{"AWS":"arn:aws:iam::111122223333:role/ops"}"#, "--------"),
            (r#"{"AWS":"arn:aws:sts::111122223333:assumed-role/ops/s1"}"#, "---D----"),
            (r#"{"AWS":"arn:aws:sts::111122223333:assumed-role/ops/s2"}"#, "--------"),
            (r#"{"AWS":"arn:aws:sts::111122223333:federated-user/eve"}"#, "----D---"),
            (r#"{"Service":"logging.s3.amazonaws.com"}"#, "-----D--"),
            (r#"{"Service":"s3.amazonaws.com"}"#, "--------"),
            (r#"{"Federated":"accounts.google.com"}"#, "------D-"),
            (
                r#"{"AWS":["444455556666","111122223333"],"Service":["a.b","logging.s3.amazonaws.com"]}"#,
                "DAAAAD--",
            ),
            (r#"{"AWS":["111122223333","arn:aws:iam::111122223333:user/bob"]}"#, "DDHAH---"),
        ] {
            assert_eq!(reaches(text, false, false), expected, "{text}");
            assert_eq!(reaches(text, false, true), expected, "{text}");
        }
    }

    #[test]
    fn all_but_a_principal_fails_closed() {
        for (text, allowed, denied) in [
            (r#""*""#, "--------", "--------"),
            (r#"{"AWS":"111122223333"}"#, "-----DDD", "-DDDDDDD"),
            (r#"{"AWS":"arn:aws:iam::111122223333:user/bob"}"#, "D--D-DDD", "D--DDDDD"),
            (r#"{"AWS":["arn:aws:iam::111122223333:user/bob","111122223333"]}"#, "-----DDD", "---DDDDD"),
            (r#"{"AWS":"arn:aws:iam::111122223333:role/path/ops"}"#, "DDD-DDDD", "DDDDDDDD"),
            (r#"{"AWS":"arn:aws:sts::111122223333:assumed-role/ops/s1"}"#, "DDD-DDDD", "DDD-DDDD"),
        ] {
            assert_eq!(reaches(text, true, false), allowed, "Allow {text}");
            assert_eq!(reaches(text, true, true), denied, "Deny {text}");
        }
    }

    #[test]
    fn what_is_no_principal_is_refused() {
        for wrong in [
            "null",
            "[]",
            "{}",
            r#""bob""#,
            r#"{"AWS":[]}"#,
            r#"{"AWS":1}"#,
            r#"{"AWS":""}"#,
            r#"{"AWS":"bob"}"#,
            r#"{"AWS":"11112222333"}"#,
            r#"{"AWS":"arn:aws:iam::111122223333:user/*"}"#,
            r#"{"AWS":"arn:aws:iam::111122223333:user/"}"#,
            r#"{"AWS":"arn:aws:iam::111122223333:group/x"}"#,
            r#"{"AWS":"arn:aws:iam::111122223333:root/x"}"#,
            r#"{"AWS":"arn:aws:iam::*:root"}"#,
            r#"{"AWS":"arn:aws:iam:eu:111122223333:root"}"#,
            r#"{"AWS":"arn:azure:iam::111122223333:root"}"#,
            r#"{"AWS":"arn:aws:sts::111122223333:assumed-role/ops"}"#,
            r#"{"AWS":"arn:aws:sts::111122223333:assumed-role/ops/*"}"#,
            r#"{"CanonicalUser":"abc"}"#,
            r#"{"Service":"*"}"#,
            r#"{"Federated":"*"}"#,
            r#"{"aws":"*"}"#,
        ] {
            assert!(parse(wrong, false).is_err(), "{wrong}");
        }
    }
}
