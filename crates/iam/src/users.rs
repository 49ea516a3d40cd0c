//! Users: made, changed, removed.
//!
//! Always true: a user's own access key is its name, as MinIO has it, so that `mc admin user add` gives what signs. Who is
//! removed takes all keys along, sessions too.

use model::identity::{AccessKeyKind, AccessKeyRecord, AccountId, KeyHolder, UserRecord};
use model::limits::USERS_MAX;
use model::time::Timestamp;

use crate::Iam;
use crate::directory::{Directory, RowChange};
use crate::error::{IamError, IdentityKind};
use crate::generate;
use crate::names::{check_access_key, check_secret_key};
use crate::store::Turn;
use crate::tables::Name;

/// A user, as administrators are shown it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserInfo {
    /// Its name, which is its access key.
    pub name: String,
    /// Unique for ever.
    pub id: String,
    /// Whether its keys work.
    pub is_enabled: bool,
    /// The groups that it is a member of.
    pub groups: Vec<String>,
    /// The policies attached to itself.
    pub policies: Vec<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub changed: Timestamp,
}

impl Iam {
    /// A user.
    ///
    /// # Errors
    /// [`IamError::NotFound`].
    pub fn user(&self, account: AccountId, name: &str) -> Result<UserInfo, IamError> {
        let key = (account, name.to_owned());
        let found = self
            .store
            .read(|directory| directory.user(&key).map(|stored| info(name, &stored.row, stored.time)));
        found.ok_or_else(|| no_user(name))
    }

    /// All users of an account, by name.
    #[must_use]
    pub fn users(&self, account: AccountId) -> Vec<UserInfo> {
        self.store.read(|directory| {
            directory.users(account).map(|(name, stored)| info(name, &stored.row, stored.time)).collect()
        })
    }

    /// Makes a user; of one that is there, sets the secret key and, where that is said, whether it works. Without a secret key,
    /// the user has to be there.
    ///
    /// # Errors
    /// Where the name or the secret key can't be one, or the name is another access key.
    pub async fn put_user(
        &self,
        account: AccountId,
        name: &str,
        secret: Option<&str>,
        is_enabled: Option<bool>,
    ) -> Result<(), IamError> {
        self.refuse_root(name)?;
        check_access_key(IdentityKind::User, name)?;
        secret.map_or(Ok(()), check_secret_key)?;
        let sealed = secret.map(|secret| self.store.seal(name, secret)).transpose()?;
        let (env, key) = (self.store.env().clone(), (account, name.to_owned()));
        let decide = move |directory: &Directory| {
            let user = match directory.user(&key) {
                Some(stored) => UserRecord {
                    is_enabled: is_enabled.unwrap_or(stored.row.is_enabled),
                    ..stored.row.clone()
                },
                None if sealed.is_none() => return Err(no_user(&key.1)),
                None => new_user(directory, &env, is_enabled.unwrap_or(true), 0)?,
            };
            let mut changes = Vec::with_capacity(2);
            changes.extend(own_key(directory, &key, &user, sealed.clone(), env.clock.now())?);
            changes.push(RowChange::User(key.clone(), Some(user)));
            Ok((changes, ()))
        };
        self.store.change(Turn::Alone, decide).await
    }

    /// Lets the keys of a user work, or not.
    ///
    /// # Errors
    /// [`IamError::NotFound`].
    pub async fn set_user_enabled(
        &self,
        account: AccountId,
        name: &str,
        is_enabled: bool,
    ) -> Result<(), IamError> {
        self.refuse_root(name)?;
        let key = (account, name.to_owned());
        let decide = move |directory: &Directory| {
            let stored = directory.user(&key).ok_or_else(|| no_user(&key.1))?;
            let user = UserRecord { is_enabled, ..stored.row.clone() };
            Ok((vec![RowChange::User(key.clone(), Some(user))], ()))
        };
        self.store.change(Turn::Alone, decide).await
    }

    /// Removes a user with all its access keys.
    ///
    /// # Errors
    /// [`IamError::NotFound`].
    pub async fn remove_user(&self, account: AccountId, name: &str) -> Result<(), IamError> {
        self.refuse_root(name)?;
        let key = (account, name.to_owned());
        let decide = move |directory: &Directory| {
            directory.user(&key).ok_or_else(|| no_user(&key.1))?;
            let holder = KeyHolder::User(key.1.clone());
            let keys = directory.keys_of(account, &holder);
            let mut changes: Vec<_> =
                keys.map(|(access_key, _)| RowChange::AccessKey(access_key.to_owned(), None)).collect();
            changes.push(RowChange::User(key.clone(), None));
            Ok((changes, ()))
        };
        self.store.change(Turn::Alone, decide).await
    }

    pub(crate) fn refuse_root(&self, name: &str) -> Result<(), IamError> {
        if name == self.root.access_key {
            return Err(IamError::IsRoot { name: name.to_owned() });
        }
        Ok(())
    }
}

pub(crate) fn no_user(name: &str) -> IamError {
    IamError::NotFound { kind: IdentityKind::User, name: name.to_owned() }
}

fn info(name: &str, row: &UserRecord, time: Timestamp) -> UserInfo {
    UserInfo {
        name: name.to_owned(),
        id: row.id.clone(),
        is_enabled: row.is_enabled,
        groups: row.groups.clone(),
        policies: row.policies.clone(),
        created: row.created,
        changed: time,
    }
}

/// `more`: how many are made at the same time.
pub(crate) fn new_user(
    directory: &Directory,
    env: &env::Env,
    is_enabled: bool,
    more: usize,
) -> Result<UserRecord, IamError> {
    if directory.counts().users + more >= USERS_MAX {
        return Err(IamError::TooMany { what: "users", limit: USERS_MAX });
    }
    Ok(UserRecord {
        id: generate::user_id(&*env.random),
        created: env.clock.now(),
        is_enabled,
        groups: Vec::new(),
        policies: Vec::new(),
    })
}

/// The row of the user's own key, where it has to be written.
pub(crate) fn own_key(
    directory: &Directory,
    (account, name): &Name,
    user: &UserRecord,
    sealed: Option<Vec<u8>>,
    now: Timestamp,
) -> Result<Option<RowChange>, IamError> {
    let Some(sealed_secret) = sealed else { return Ok(None) };
    let known = directory.key(name).map(|stored| &stored.row);
    let holder = KeyHolder::User(name.clone());
    if known
        .is_some_and(|key| key.account != *account || key.holder != holder || key.kind != AccessKeyKind::Own)
    {
        return Err(IamError::Exists { kind: IdentityKind::AccessKey, name: name.clone() });
    }
    let created = known.map_or(now, |key| key.created);
    let key = AccessKeyRecord {
        holder_id: user.id.clone(),
        sealed_secret,
        ..new_key(*account, holder, AccessKeyKind::Own, created)
    };
    Ok(Some(RowChange::AccessKey(name.clone(), Some(key))))
}

/// An access key that works, for ever and without limits of its own.
pub(crate) fn new_key(
    account: AccountId,
    holder: KeyHolder,
    kind: AccessKeyKind,
    created: Timestamp,
) -> AccessKeyRecord {
    AccessKeyRecord {
        account,
        holder,
        holder_id: String::new(),
        kind,
        sealed_secret: Vec::new(),
        created,
        expires: None,
        is_enabled: true,
        name: String::new(),
        description: String::new(),
        policy: None,
        token_sha256: None,
        policies: Vec::new(),
        claims: Vec::new(),
    }
}
