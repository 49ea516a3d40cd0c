//! Identity providers: who vouches for somebody, and what a session of whom they vouch for may be.
//!
//! Always true: a provider only says who it is and which policies are meant; what a session gets of that is decided here, purely.
//! It gets policies that are there, at least one, and ends no later than what it was proved by. What was said of somebody is kept
//! whole or refused: a statement that was meant to deny by a claim would not apply where that claim was left out.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use env::BoxFuture;
use model::identity::AccountId;
use model::limits::ATTACHMENTS_MAX;
use model::time::Timestamp;
use thiserror::Error;

use crate::error::IamError;
use crate::sessions::{SESSION_TIME_DEFAULT, SESSION_TIME_MAX, SESSION_TIME_MIN};

/// Who it is at its provider has at most this many bytes: distinguished names of directories are the longest.
pub const SUBJECT_BYTES_MAX: usize = 512;
/// Claims of a session, the values of all of them, and bytes of names and values together, at most: all of it is kept in memory.
const CLAIMS_MAX: usize = 64;
const CLAIM_VALUES_MAX: usize = 512;
const CLAIM_BYTES_MAX: usize = 8 << 10;

/// The role that MinIO's tools name begins like this.
const ROLE_PREFIX: &str = "arn:minio:iam:";

/// How somebody proves who they are.
#[derive(Clone, Copy)]
pub enum Proof<'a> {
    /// A token of an OpenID provider, and one that opens what else the provider knows.
    WebIdentity {
        /// What the provider signed.
        token: &'a str,
        /// For the provider's own questions.
        access_token: Option<&'a str>,
    },
    /// A token that an identity plugin understands.
    CustomToken(&'a str),
    /// The certificate (DER) that the client showed on its connection, as the listener verified it.
    Certificate(&'a [u8]),
}

/// What kinds of proof a provider takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderKind {
    /// OpenID Connect.
    OpenId,
    /// A web hook of the operator's.
    Plugin,
    /// The authorities whose certificates clients show.
    Certificate,
}

impl Proof<'_> {
    fn kind(self) -> ProviderKind {
        match self {
            Self::WebIdentity { .. } => ProviderKind::OpenId,
            Self::CustomToken(_) => ProviderKind::Plugin,
            Self::Certificate(_) => ProviderKind::Certificate,
        }
    }
}

impl std::fmt::Debug for Proof<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Proof({:?})", self.kind())
    }
}

/// For whom an identity provider vouches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Federated {
    /// The account in which they act.
    pub account: AccountId,
    /// The provider, as policies name it.
    pub provider: String,
    /// Who it is there.
    pub subject: String,
    /// Managed policies that are meant, whether they are there or not.
    pub policies: Vec<String>,
    /// What the provider said, by the names that policies use (`jwt:sub`).
    pub claims: Vec<(String, Vec<String>)>,
    /// When the proof ends; none if it does not.
    pub expires: Option<Timestamp>,
}

impl Federated {
    /// The first value of a claim; none if it was not said.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<&str> {
        let found = self.claims.iter().find(|(known, _)| known == name);
        found.and_then(|(_, values)| values.first()).map(String::as_str)
    }
}

/// What is wanted of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionWish {
    /// How long it is to last; as long as its proof, or an hour where that does not end.
    pub time: Option<Duration>,
    /// What limits it.
    pub policy: Option<String>,
}

/// Why a provider does not vouch for somebody. `Display` is the message for the client.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProviderFault {
    /// No provider of this kind is set up.
    #[error("this server has no identity provider of this kind: whoever runs it has to set one up")]
    NotConfigured,
    /// No provider has this role.
    #[error(
        "no identity provider of this server has the role that RoleArn names: take the ARN that the server said at its start"
    )]
    UnknownRole,
    /// The proof is none.
    #[error("the identity can't be verified: {reason}")]
    Invalid {
        /// What is wrong with it.
        reason: String,
    },
    /// The provider knows the proof, and says no.
    #[error("the identity provider does not vouch for you: {reason}")]
    Rejected {
        /// What it says why.
        reason: String,
    },
    /// The proof is over.
    #[error("the token has expired: get a new one from the identity provider")]
    Expired,
    /// The provider does not answer, or what it answers is no answer.
    #[error("the identity provider can't be asked now; try again. The server's log says why")]
    Unreachable,
    /// The provider says more of somebody than a session holds.
    #[error(
        "the identity provider says more than a session can hold ({what}): have it put less into the token"
    )]
    TooMuch {
        /// Of what.
        what: &'static str,
    },
}

impl ProviderFault {
    /// With what is wrong with the proof.
    #[must_use]
    pub fn invalid(reason: impl Into<String>) -> Self {
        Self::Invalid { reason: reason.into() }
    }
}

/// Vouches for somebody who proves who they are.
///
/// # Obligations
/// - Whom it vouches for has proved it; who can't be asked vouches for nobody.
/// - It takes a bounded time and little memory, whatever the proof, and asks others seldom however many ask it.
pub trait IdentityProvider: Send + Sync {
    /// What it takes.
    fn kind(&self) -> ProviderKind;
    /// The role whose policies everybody gets for whom it vouches; none where it names each one's policies.
    fn role(&self) -> Option<&str>;
    /// Looks at a proof.
    fn vouch<'a>(&'a self, proof: Proof<'a>) -> BoxFuture<'a, Result<Federated, ProviderFault>>;
}

/// The identity providers of a server. Cheap to clone.
#[derive(Clone, Default)]
pub struct Providers {
    all: Arc<[Arc<dyn IdentityProvider>]>,
}

impl Providers {
    /// These.
    #[must_use]
    pub fn new(all: Vec<Arc<dyn IdentityProvider>>) -> Self {
        Self { all: all.into() }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Asks the provider that a proof is for. `role`: which one, where there are several.
    ///
    /// # Errors
    /// Where there is none, or it does not vouch.
    pub async fn vouch(&self, proof: Proof<'_>, role: Option<&str>) -> Result<Federated, ProviderFault> {
        self.choose(proof.kind(), role)?.vouch(proof).await
    }

    /// The one with the role, or the one without any: SDKs of AWS always name a role, which means nothing to it. A role as this
    /// server makes them is never taken for that.
    fn choose(&self, kind: ProviderKind, role: Option<&str>) -> Result<&dyn IdentityProvider, ProviderFault> {
        let mut of_kind = self.all.iter().filter(|provider| provider.kind() == kind).peekable();
        if of_kind.peek().is_none() {
            return Err(ProviderFault::NotConfigured);
        }
        let all: Vec<&Arc<dyn IdentityProvider>> = of_kind.collect();
        let named = all.iter().find(|provider| role.is_some() && provider.role() == role);
        let is_ours = role.is_some_and(|role| role.starts_with(ROLE_PREFIX));
        let without = all.iter().find(|provider| provider.role().is_none() && !is_ours);
        named.or(without).map(|provider| &***provider).ok_or(ProviderFault::UnknownRole)
    }
}

impl std::fmt::Debug for Providers {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Providers({})", self.all.len())
    }
}

/// How long a session lasts: as long as is wanted, and no longer than its proof.
pub(crate) fn session_time(
    wanted: Option<Duration>,
    proved_until: Option<Timestamp>,
    now: Timestamp,
) -> Result<Duration, IamError> {
    let is_possible = |time: &Duration| (SESSION_TIME_MIN..=SESSION_TIME_MAX).contains(time);
    if wanted.is_some_and(|time| !is_possible(&time)) {
        return Err(IamError::Expiry { reason: "shorter than 15 minutes or longer than 7 days" });
    }
    let Some(end) = proved_until else { return Ok(wanted.unwrap_or(SESSION_TIME_DEFAULT)) };
    let left = Duration::from_millis(end.millis().saturating_sub(now.millis()));
    if left.is_zero() {
        return Err(IamError::ProofExpired);
    }
    Ok(wanted.unwrap_or(SESSION_TIME_MAX).min(left).min(SESSION_TIME_MAX))
}

/// The policies of a session: those that are meant and there.
pub(crate) fn session_policies(
    meant: &[String],
    is_there: impl Fn(&str) -> bool,
) -> Result<Vec<String>, IamError> {
    let names: BTreeSet<&str> = meant.iter().map(|name| name.trim()).filter(|name| is_there(name)).collect();
    if names.is_empty() {
        return Err(IamError::NoPolicy);
    }
    if names.len() > ATTACHMENTS_MAX {
        return Err(IamError::TooMany { what: "policies of one session", limit: ATTACHMENTS_MAX });
    }
    Ok(names.into_iter().map(str::to_owned).collect())
}

/// Whether a session can hold who it is and what was said of them.
pub(crate) fn check_said(who: &Federated) -> Result<(), ProviderFault> {
    let is_name = !who.subject.is_empty() && !who.subject.chars().any(char::is_control);
    if !is_name || who.subject.len() > SUBJECT_BYTES_MAX {
        let reason = "the subject is empty, longer than 512 bytes, or has a control character";
        return Err(ProviderFault::invalid(reason));
    }
    let values: usize = who.claims.iter().map(|(_, values)| values.len()).sum();
    let texts = who.claims.iter().flat_map(|(name, values)| std::iter::once(name).chain(values));
    let bytes: usize = texts.map(String::len).sum();
    let bounds = [
        (who.claims.len(), CLAIMS_MAX, "more than 64 claims"),
        (values, CLAIM_VALUES_MAX, "more than 512 values"),
        (bytes, CLAIM_BYTES_MAX, "more than 8 KiB of claims"),
    ];
    match bounds.into_iter().find(|(found, limit, _)| found > limit) {
        Some((_, _, what)) => Err(ProviderFault::TooMuch { what }),
        None => one_by_each_name(&who.claims),
    }
}

/// Policies disregard the case of names: of two that differ by case alone, one would hide the other.
fn one_by_each_name(claims: &[(String, Vec<String>)]) -> Result<(), ProviderFault> {
    let mut seen = BTreeSet::new();
    match claims.iter().all(|(name, _)| seen.insert(name.to_ascii_lowercase())) {
        true => Ok(()),
        false => Err(ProviderFault::invalid("the token has two claims whose names differ by case alone")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Named(Option<&'static str>);

    impl IdentityProvider for Named {
        fn kind(&self) -> ProviderKind {
            ProviderKind::OpenId
        }

        fn role(&self) -> Option<&str> {
            self.0
        }

        fn vouch<'a>(&'a self, _: Proof<'a>) -> BoxFuture<'a, Result<Federated, ProviderFault>> {
            Box::pin(async { Ok(who("alice", Vec::new())) })
        }
    }

    fn who(subject: &str, claims: Vec<(String, Vec<String>)>) -> Federated {
        Federated {
            account: AccountId::ROOT,
            provider: "openid".into(),
            subject: subject.into(),
            policies: Vec::new(),
            claims,
            expires: None,
        }
    }

    fn chosen(roles: &[Option<&'static str>], role: Option<&str>) -> Result<Option<String>, ProviderFault> {
        let all = roles.iter().map(|role| Arc::new(Named(*role)) as Arc<dyn IdentityProvider>).collect();
        let providers = Providers::new(all);
        let chosen = providers.choose(ProviderKind::OpenId, role)?;
        Ok(chosen.role().map(str::to_owned))
    }

    #[test]
    fn a_role_chooses_its_provider_and_any_other_the_one_without() {
        const A: &str = "arn:minio:iam:::role/a";
        const B: &str = "arn:minio:iam:::role/b";
        let all = [Some(A), None, Some(B)];
        assert_eq!(chosen(&all, Some(B)), Ok(Some(B.to_owned())));
        assert_eq!(chosen(&all, None), Ok(None));
        assert_eq!(chosen(&all, Some("arn:aws:iam::123456789012:role/any")), Ok(None));
        let unknown = chosen(&all, Some("arn:minio:iam:::role/c"));
        assert_eq!(unknown, Err(ProviderFault::UnknownRole), "a role of ours is never another one's");
        assert_eq!(chosen(&[Some(A)], None), Err(ProviderFault::UnknownRole));
        assert_eq!(chosen(&[], None), Err(ProviderFault::NotConfigured));
    }

    #[test]
    fn a_session_ends_no_later_than_its_proof() {
        let (minute, now) = (Duration::from_secs(60), Timestamp::from_millis(1_000_000));
        let after = |time: Duration| Some(Timestamp::from_millis(now.millis() + time.as_millis() as u64));
        let time = |wanted, until| session_time(wanted, until, now);
        assert_eq!(time(None, after(minute)).unwrap(), minute);
        assert_eq!(time(Some(minute * 20), after(minute * 5)).unwrap(), minute * 5);
        assert_eq!(time(Some(minute * 20), after(minute * 60)).unwrap(), minute * 20);
        assert_eq!(time(None, after(SESSION_TIME_MAX * 2)).unwrap(), SESSION_TIME_MAX);
        assert_eq!(time(None, None).unwrap(), SESSION_TIME_DEFAULT);
        assert!(matches!(time(None, Some(now)), Err(IamError::ProofExpired)));
        for wrong in [minute * 14, SESSION_TIME_MAX + minute] {
            assert!(matches!(time(Some(wrong), after(minute * 60)), Err(IamError::Expiry { .. })));
        }
    }

    #[test]
    fn of_the_policies_that_are_meant_those_count_that_are_there() {
        let meant = [" reader", "none", "reader", "writer"].map(str::to_owned);
        let there = |name: &str| name == "reader" || name == "writer";
        assert_eq!(session_policies(&meant, there).unwrap(), ["reader", "writer"]);
        assert!(matches!(session_policies(&meant, |_| false), Err(IamError::NoPolicy)));
        assert!(matches!(session_policies(&[], |_| true), Err(IamError::NoPolicy)));
        let many: Vec<String> = (0..=ATTACHMENTS_MAX).map(|number| number.to_string()).collect();
        assert!(matches!(session_policies(&many, |_| true), Err(IamError::TooMany { .. })));
    }

    #[test]
    fn what_a_session_can_not_hold_is_refused_whole() {
        let claim = |name: &str, value: String| (name.to_owned(), vec![value]);
        assert_eq!(check_said(&who("alice", vec![claim("jwt:sub", "alice".into())])), Ok(()));
        let long = vec![claim("jwt:a", "x".repeat(CLAIM_BYTES_MAX))];
        assert!(matches!(check_said(&who("alice", long)), Err(ProviderFault::TooMuch { .. })));
        let many = (0..=CLAIMS_MAX).map(|number| claim(&format!("jwt:{number}"), String::new())).collect();
        assert!(matches!(check_said(&who("alice", many)), Err(ProviderFault::TooMuch { .. })));
        let values = vec![("jwt:groups".to_owned(), vec![String::new(); CLAIM_VALUES_MAX + 1])];
        assert!(matches!(check_said(&who("alice", values)), Err(ProviderFault::TooMuch { .. })));
        for subject in ["", "a\nb", &"a".repeat(SUBJECT_BYTES_MAX + 1)] {
            assert!(matches!(check_said(&who(subject, Vec::new())), Err(ProviderFault::Invalid { .. })));
        }
    }

    /// Policies would see one of them, and the token's maker could choose which.
    #[test]
    fn two_claims_that_differ_by_case_are_refused() {
        let claims = ["jwt:sub", "jwt:SUB"].map(|name| (name.to_owned(), vec!["alice".to_owned()]));
        assert!(matches!(check_said(&who("alice", claims.into())), Err(ProviderFault::Invalid { .. })));
    }
}
