//! Who asks, as policies see it.
//!
//! Always true: a requester has one ARN of its own; a session has besides the ARN of the role or user that it came from, its
//! holder. What policies know of a requester (`aws:username`, `aws:PrincipalArn` and their like) is derived here from its
//! kind, and from nothing that a request says.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#principaltable> and
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>

use crate::condition::ContextKey;
use crate::context::Context;

/// An account, by both its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountName {
    /// Twelve digits.
    pub number: String,
    /// 64 hexadecimal digits.
    pub canonical_id: String,
}

/// What kind of requester it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequesterKind {
    /// The owner of an account, who may all that is not denied.
    Root,
    /// A user, by keys of its own.
    User,
    /// A user, by other keys: a service account, or temporary credentials that act as the user.
    UserSession,
    /// Who has assumed a role.
    RoleSession,
    /// Whom a user vouches for (`GetFederationToken`).
    FederatedUser,
    /// A service, for what it does by itself: the delivery of logs.
    Service,
    /// Whom an identity provider vouches for, before a role is assumed.
    WebIdentity,
    /// Nobody says.
    Anonymous,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requester {
    kind: RequesterKind,
    account: Option<AccountName>,
    /// Its ARN; the name of a service or identity provider.
    arn: String,
    /// The ARN of the role or user behind a session.
    holder_arn: Option<String>,
    /// `aws:username`.
    user_name: Option<String>,
    /// `aws:userid`.
    id: String,
}

impl Requester {
    /// The owner of an account.
    #[must_use]
    pub fn root(account: AccountName) -> Self {
        let (arn, id) = (format!("arn:aws:iam::{}:root", account.number), account.number.clone());
        Self::of_account(RequesterKind::Root, account, arn, id)
    }

    /// A user. `path_and_name`: `bob` or `department/bob`; `id`: the unique one.
    #[must_use]
    pub fn user(account: AccountName, path_and_name: &str, id: &str) -> Self {
        let arn = format!("arn:aws:iam::{}:user/{path_and_name}", account.number);
        let user = Self::of_account(RequesterKind::User, account, arn, id.to_owned());
        Self { user_name: Some(last_part(path_and_name).to_owned()), ..user }
    }

    /// A user by keys that are not its own: what they may is what the user may and their own policy says.
    #[must_use]
    pub fn user_session(account: AccountName, path_and_name: &str, id: &str) -> Self {
        let user = Self::user(account, path_and_name, id);
        Self { kind: RequesterKind::UserSession, holder_arn: Some(user.arn.clone()), ..user }
    }

    /// Who has assumed a role.
    #[must_use]
    pub fn role_session(account: AccountName, path_and_role: &str, role_id: &str, session: &str) -> Self {
        let number = &account.number;
        let arn = format!("arn:aws:sts::{number}:assumed-role/{}/{session}", last_part(path_and_role));
        let role_arn = format!("arn:aws:iam::{number}:role/{path_and_role}");
        let id = format!("{role_id}:{session}");
        let requester = Self::of_account(RequesterKind::RoleSession, account, arn, id);
        Self { holder_arn: Some(role_arn), ..requester }
    }

    /// Whom a user vouches for.
    #[must_use]
    pub fn federated_user(account: AccountName, name: &str, user: &str) -> Self {
        let number = &account.number;
        let arn = format!("arn:aws:sts::{number}:federated-user/{name}");
        let (user_arn, id) = (format!("arn:aws:iam::{number}:user/{user}"), format!("{number}:{name}"));
        let requester = Self::of_account(RequesterKind::FederatedUser, account, arn, id);
        Self { holder_arn: Some(user_arn), ..requester }
    }

    /// A service, by its name: `logging.s3.amazonaws.com`.
    #[must_use]
    pub fn service(name: &str) -> Self {
        Self::without_account(RequesterKind::Service, name, name)
    }

    /// Whom an identity provider vouches for: its name, and the subject.
    #[must_use]
    pub fn web_identity(provider: &str, subject: &str) -> Self {
        Self::without_account(RequesterKind::WebIdentity, provider, &format!("{provider}:{subject}"))
    }

    /// Nobody says.
    #[must_use]
    pub fn anonymous() -> Self {
        Self::without_account(RequesterKind::Anonymous, "", "anonymous")
    }

    fn of_account(kind: RequesterKind, account: AccountName, arn: String, id: String) -> Self {
        Self { kind, account: Some(account), arn, holder_arn: None, user_name: None, id }
    }

    fn without_account(kind: RequesterKind, name: &str, id: &str) -> Self {
        let (arn, id) = (name.to_owned(), id.to_owned());
        Self { kind, account: None, arn, holder_arn: None, user_name: None, id }
    }

    /// What kind it is.
    #[must_use]
    pub fn kind(&self) -> RequesterKind {
        self.kind
    }

    /// Its account; none for services, identity providers and anonymous.
    #[must_use]
    pub fn account(&self) -> Option<&AccountName> {
        self.account.as_ref()
    }

    /// Its ARN, or the name of the service or identity provider; empty for anonymous.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// `aws:userid`: unique for ever.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The ARN of the role or user behind a session.
    #[must_use]
    pub fn holder_arn(&self) -> Option<&str> {
        self.holder_arn.as_deref()
    }

    /// Whether policies of its own could allow it something. Of the others only a policy of the resource can.
    pub(crate) fn has_identity_policies(&self) -> bool {
        use RequesterKind as K;
        matches!(self.kind, K::User | K::UserSession | K::RoleSession | K::FederatedUser)
    }

    /// Says to a context what policies know of it: `aws:PrincipalArn`, `aws:PrincipalAccount`, `aws:PrincipalType`,
    /// `aws:userid`, `aws:username`.
    pub fn describe<'a>(&'a self, context: &mut Context<'a>) {
        use RequesterKind as K;
        let (kind, arn) = match self.kind {
            K::Root => (Some("Account"), Some(self.arn())),
            K::User | K::UserSession => (Some("User"), Some(self.arn())),
            // "For assumed roles, the request context returns the ARN of the role that was assumed."
            K::RoleSession => (Some("AssumedRole"), self.holder_arn()),
            K::FederatedUser => (Some("FederatedUser"), Some(self.arn())),
            K::Anonymous => (Some("Anonymous"), None),
            K::Service | K::WebIdentity => (None, None),
        };
        let service = (self.kind == K::Service).then_some(self.arn());
        let provider = (self.kind == K::WebIdentity).then_some(self.arn());
        let values = [
            (ContextKey::PrincipalType, kind),
            (ContextKey::PrincipalArn, arn),
            (ContextKey::PrincipalAccount, self.account.as_ref().map(|account| account.number.as_str())),
            (ContextKey::UserId, Some(self.id.as_str())),
            (ContextKey::UserName, self.user_name.as_deref()),
            (ContextKey::PrincipalServiceName, service),
            (ContextKey::FederatedProvider, provider),
            (ContextKey::PrincipalIsAwsService, Some(if service.is_some() { "true" } else { "false" })),
        ];
        for (key, value) in values {
            if let Some(value) = value {
                context.set(key, value);
            }
        }
    }
}

fn last_part(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condition::ConditionKey;

    fn account() -> AccountName {
        AccountName { number: "111122223333".into(), canonical_id: "c".repeat(64) }
    }

    /// The table "Principal key values" of the page on variables.
    #[test]
    fn policies_know_of_a_requester_what_its_kind_has() {
        let user_arn = "arn:aws:iam::111122223333:user/team/bob";
        let role_arn = "arn:aws:iam::111122223333:role/team/ops";
        let federated_arn = "arn:aws:sts::111122223333:federated-user/eve";
        let root_arn = "arn:aws:iam::111122223333:root";
        for (requester, arn, kind, id, name) in [
            (Requester::root(account()), Some(root_arn), Some("Account"), "111122223333", None),
            (
                Requester::user(account(), "team/bob", "AIDA1"),
                Some(user_arn),
                Some("User"),
                "AIDA1",
                Some("bob"),
            ),
            (
                Requester::user_session(account(), "team/bob", "AIDA1"),
                Some(user_arn),
                Some("User"),
                "AIDA1",
                Some("bob"),
            ),
            (
                Requester::role_session(account(), "team/ops", "AROA1", "s1"),
                Some(role_arn),
                Some("AssumedRole"),
                "AROA1:s1",
                None,
            ),
            (
                Requester::federated_user(account(), "eve", "bob"),
                Some(federated_arn),
                Some("FederatedUser"),
                "111122223333:eve",
                None,
            ),
            (Requester::service("logging.s3.amazonaws.com"), None, None, "logging.s3.amazonaws.com", None),
            (Requester::web_identity("idp", "eve"), None, None, "idp:eve", None),
            (Requester::anonymous(), None, Some("Anonymous"), "anonymous", None),
        ] {
            let mut context = Context::new();
            requester.describe(&mut context);
            let value = |key| context.single(&ConditionKey::Known(key));
            assert_eq!(value(ContextKey::PrincipalArn), arn, "{requester:?}");
            assert_eq!(value(ContextKey::PrincipalType), kind, "{requester:?}");
            assert_eq!(value(ContextKey::UserId), Some(id), "{requester:?}");
            assert_eq!(value(ContextKey::UserName), name, "{requester:?}");
            let number = requester.account().map(|_| "111122223333");
            assert_eq!(value(ContextKey::PrincipalAccount), number, "{requester:?}");
        }
    }

    #[test]
    fn a_session_has_its_own_arn_and_that_of_its_holder() {
        let session = Requester::role_session(account(), "team/ops", "AROA1", "s1");
        assert_eq!(session.arn(), "arn:aws:sts::111122223333:assumed-role/ops/s1");
        assert_eq!(session.holder_arn(), Some("arn:aws:iam::111122223333:role/team/ops"));
        assert_eq!(Requester::user(account(), "bob", "AIDA1").holder_arn(), None);
    }
}
