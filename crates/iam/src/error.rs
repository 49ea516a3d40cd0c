//! What can be wrong with a change of identities, by who must act.

use meta::MetaError;
use thiserror::Error;

use crate::federation::ProviderFault;
use crate::keyring::Unsealable;
use crate::malformed::MalformedPolicy;

/// What a name names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityKind {
    /// An account.
    Account,
    /// A user.
    User,
    /// A group.
    Group,
    /// A managed policy.
    Policy,
    /// An access key.
    AccessKey,
}

impl std::fmt::Display for IdentityKind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Account => "account",
            Self::User => "user",
            Self::Group => "group",
            Self::Policy => "policy",
            Self::AccessKey => "access key",
        })
    }
}

/// Why identities were not changed, or not found.
#[derive(Debug, Error)]
pub enum IamError {
    /// There is none of this name.
    #[error("there is no {kind} `{name}`")]
    NotFound {
        /// What was looked for.
        kind: IdentityKind,
        /// Its name.
        name: String,
    },
    /// There is one of this name already.
    #[error("the {kind} `{name}` is there already: choose another name")]
    Exists {
        /// What was to be made.
        kind: IdentityKind,
        /// Its name.
        name: String,
    },
    /// A name that can't be one.
    #[error("`{name}` can't be the name of a {kind}: {reason}")]
    Name {
        /// What was to be named.
        kind: IdentityKind,
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A secret key that can't be one.
    #[error("the secret key can't be used: {reason}")]
    SecretKey {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A text that is too long.
    #[error("the {what} is longer than {limit_bytes} bytes")]
    TextTooLong {
        /// Which.
        what: &'static str,
        /// How long it may be.
        limit_bytes: usize,
    },
    /// A policy that can't be one.
    #[error(transparent)]
    Policy(#[from] MalformedPolicy),
    /// A policy that is attached to somebody can't be removed.
    #[error("the policy `{policy}` is attached to {holders}: detach it first")]
    PolicyInUse {
        /// The policy.
        policy: String,
        /// To whom, some of them.
        holders: String,
    },
    /// A group with members can't be removed.
    #[error("the group `{group}` has {members} members: remove them first")]
    GroupNotEmpty {
        /// The group.
        group: String,
        /// How many.
        members: usize,
    },
    /// The name is root's.
    #[error("`{name}` is the access key of root, which the server's settings define: change it there")]
    IsRoot {
        /// The name.
        name: String,
    },
    /// A time that can't be the end of a key.
    #[error("the expiry is {reason}")]
    Expiry {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Temporary credentials and service accounts hand out nothing.
    #[error(
        "temporary credentials and service accounts can't make further credentials: sign with the user's own keys"
    )]
    NotOwnKey,
    /// Nothing of what an identity provider means for somebody is there.
    #[error(
        "none of the policies that the identity provider names for you is there: an administrator of the store has to make \
         one of them, or the provider has to name others"
    )]
    NoPolicy,
    /// What somebody proved who they are by is over.
    #[error("the token has expired: get a new one from the identity provider")]
    ProofExpired,
    /// What a provider said of somebody.
    #[error(transparent)]
    Provider(#[from] ProviderFault),
    /// A limit.
    #[error("there would be more than {limit} {what}: remove some that nobody needs")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// Something of an import that can't be.
    #[error("nothing was imported, because of the {kind} `{name}`: {fault}")]
    Unimportable {
        /// What it is.
        kind: IdentityKind,
        /// Its name.
        name: String,
        /// What is wrong with it.
        fault: Box<IamError>,
    },
    /// The keys of the store's owner are changed by the owner.
    #[error("it is a key of the store's owner: the owner alone can import it, with its own key")]
    OwnerAlone,
    /// A secret can't be sealed.
    #[error(transparent)]
    Seal(#[from] Unsealable),
    /// The rows can't be read or written.
    #[error(transparent)]
    Meta(#[from] MetaError),
}

/// Why identities can't be opened.
#[derive(Debug, Error)]
pub enum IamOpenError {
    /// Root's secret key was changed.
    #[error(
        "the secrets of users are sealed under another secret key of root than the one that was given. Was it changed? Then \
         start once with RUSTFS_SECRET_KEY_OLD set to the former one; where nobody knows it any more, start once with \
         RUSTFS_SECRET_KEY_LOST=yes: users, groups and policies stay, and the keys of all users are void until new ones are set"
    )]
    OtherRootSecret,
    /// The rows can't be read or written.
    #[error("the identities can't be read: {0}")]
    Meta(#[from] MetaError),
    /// A secret can't be sealed.
    #[error(transparent)]
    Seal(#[from] Unsealable),
}
