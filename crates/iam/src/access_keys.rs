//! Access keys: service accounts, and what administrators are shown of every key but its secret.

use model::identity::{AccessKeyKind, AccessKeyRecord, AccountId, KeyHolder};
use model::limits::{ACCESS_KEYS_MAX, SERVICE_ACCOUNTS_PER_HOLDER_MAX};
use model::time::Timestamp;

use crate::credentials::SecretKey;
use crate::directory::{Directory, RowChange};
use crate::error::{IamError, IdentityKind};
use crate::names::{check_access_key, check_secret_key};
use crate::policy::{Policy, PolicyKind};
use crate::store::Turn;
use crate::users::{new_key, no_user};
use crate::{Iam, generate};

/// Longest name and description of a service account, in bytes.
const NAME_BYTES_MAX: usize = 128;
const DESCRIPTION_BYTES_MAX: usize = 1024;

/// An access key as administrators are shown it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessKeyInfo {
    /// The access key.
    pub access_key: String,
    /// The account.
    pub account: AccountId,
    /// Whose it is.
    pub holder: KeyHolder,
    /// What kind it is.
    pub kind: AccessKeyKind,
    /// What its holder calls it.
    pub name: String,
    /// What its holder says of it.
    pub description: String,
    /// The policy that limits it.
    pub policy: Option<String>,
    /// Managed policies that a federated session has.
    pub policies: Vec<String>,
    /// Whether it works.
    pub is_enabled: bool,
    /// When it ends; none for never.
    pub expires: Option<Timestamp>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub changed: Timestamp,
}

/// An access key with its secret key: given out once, to who made it.
#[derive(Clone, Debug)]
pub struct KeyPair {
    /// Whom a signature names.
    pub access_key: String,
    /// What a signature is made with.
    pub secret_key: SecretKey,
}

/// A service account that is to be made.
#[derive(Clone, Debug, Default)]
pub struct NewServiceAccount {
    /// Its access key; a generated one without.
    pub access_key: Option<String>,
    /// Its secret key; a generated one without.
    pub secret_key: Option<String>,
    /// What its holder calls it.
    pub name: String,
    /// What its holder says of it.
    pub description: String,
    /// What limits it; without, it may what its holder may.
    pub policy: Option<String>,
    /// When it ends; never without.
    pub expires: Option<Timestamp>,
}

/// What is to change in a service account; what is none stays.
#[derive(Clone, Debug, Default)]
pub struct ServiceAccountChange {
    /// Another secret key.
    pub secret_key: Option<String>,
    /// Another name.
    pub name: Option<String>,
    /// Another description.
    pub description: Option<String>,
    /// Another policy, or none.
    pub policy: Option<Option<String>>,
    /// Another end, or none.
    pub expires: Option<Option<Timestamp>>,
    /// Whether it works.
    pub is_enabled: Option<bool>,
}

impl Iam {
    /// An access key. Root's own, which the server's settings define, is not among them.
    ///
    /// # Errors
    /// [`IamError::NotFound`].
    pub fn access_key(&self, access_key: &str) -> Result<AccessKeyInfo, IamError> {
        let found = self.store.read(|directory| {
            directory.key(access_key).map(|stored| info(access_key, &stored.row, stored.time))
        });
        found.ok_or_else(|| no_key(access_key))
    }

    /// The access keys of a holder, in order.
    #[must_use]
    pub fn access_keys(&self, account: AccountId, holder: &KeyHolder) -> Vec<AccessKeyInfo> {
        self.store.read(|directory| {
            let keys = directory.keys_of(account, holder);
            keys.map(|(key, stored)| info(key, &stored.row, stored.time)).collect()
        })
    }

    /// All holders of access keys in an account.
    #[must_use]
    pub fn key_holders(&self, account: AccountId) -> Vec<KeyHolder> {
        self.store.read(|directory| directory.holders(account).cloned().collect())
    }

    /// Makes a service account of a holder.
    ///
    /// # Errors
    /// Where the holder is not there, something of it can't be used, or the access key is taken.
    pub async fn create_service_account(
        &self,
        account: AccountId,
        holder: &KeyHolder,
        new: NewServiceAccount,
    ) -> Result<KeyPair, IamError> {
        check_texts(&new.name, &new.description, new.policy.as_deref())?;
        let random = &*self.store.env().random;
        let access_key = new.access_key.unwrap_or_else(|| generate::access_key(random));
        let secret = new.secret_key.unwrap_or_else(|| generate::secret_key(random));
        self.refuse_root(&access_key)?;
        check_access_key(IdentityKind::AccessKey, &access_key)?;
        check_secret_key(&secret)?;
        let now = self.store.env().clock.now();
        check_expiry(new.expires, now)?;
        let row = AccessKeyRecord {
            sealed_secret: self.store.seal(&access_key, &secret)?,
            name: new.name,
            description: new.description,
            policy: new.policy,
            expires: new.expires,
            ..new_key(account, holder.clone(), AccessKeyKind::Service, now)
        };
        let key = access_key.clone();
        self.store.change(Turn::Alone, move |directory| add_key(directory, &key, &row)).await?;
        Ok(KeyPair { access_key, secret_key: SecretKey::new(&secret) })
    }

    /// Changes a service account.
    ///
    /// # Errors
    /// Where there is no such service account, or something of it can't be used.
    pub async fn change_service_account(
        &self,
        access_key: &str,
        change: ServiceAccountChange,
    ) -> Result<(), IamError> {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let policy = change.policy.clone().flatten();
        check_texts(&text(&change.name), &text(&change.description), policy.as_deref())?;
        check_expiry(change.expires.flatten(), self.store.env().clock.now())?;
        change.secret_key.as_deref().map_or(Ok(()), check_secret_key)?;
        let sealed =
            change.secret_key.as_deref().map(|secret| self.store.seal(access_key, secret)).transpose()?;
        let key = access_key.to_owned();
        let decide = move |directory: &Directory| {
            let row = changed(service_account(directory, &key)?, &change, sealed.clone());
            Ok((vec![RowChange::AccessKey(key.clone(), Some(row))], ()))
        };
        self.store.change(Turn::Alone, decide).await
    }

    /// Removes a service account or a session.
    ///
    /// # Errors
    /// [`IamError::NotFound`], also for a user's own key, which goes with the user.
    pub async fn remove_access_key(&self, access_key: &str) -> Result<(), IamError> {
        let key = access_key.to_owned();
        let decide = move |directory: &Directory| {
            let kind = directory.key(&key).map(|stored| stored.row.kind);
            match kind {
                Some(AccessKeyKind::Service | AccessKeyKind::Session) => {
                    Ok((vec![RowChange::AccessKey(key.clone(), None)], ()))
                }
                Some(AccessKeyKind::Own) | None => Err(no_key(&key)),
            }
        };
        self.store.change(Turn::Alone, decide).await
    }
}

pub(crate) fn no_key(access_key: &str) -> IamError {
    IamError::NotFound { kind: IdentityKind::AccessKey, name: access_key.to_owned() }
}

fn info(access_key: &str, row: &AccessKeyRecord, time: Timestamp) -> AccessKeyInfo {
    AccessKeyInfo {
        access_key: access_key.to_owned(),
        account: row.account,
        holder: row.holder.clone(),
        kind: row.kind,
        name: row.name.clone(),
        description: row.description.clone(),
        policy: row.policy.clone(),
        policies: row.policies.clone(),
        is_enabled: row.is_enabled,
        expires: row.expires,
        created: row.created,
        changed: time,
    }
}

pub(crate) fn check_texts(name: &str, description: &str, policy: Option<&str>) -> Result<(), IamError> {
    let bounds = [("name", name, NAME_BYTES_MAX), ("description", description, DESCRIPTION_BYTES_MAX)];
    for (what, text, limit_bytes) in bounds {
        if text.len() > limit_bytes {
            return Err(IamError::TextTooLong { what, limit_bytes });
        }
    }
    policy.map_or(Ok(()), |text| Ok(Policy::parse(text, PolicyKind::ServiceAccount).map(drop)?))
}

fn check_expiry(expires: Option<Timestamp>, now: Timestamp) -> Result<(), IamError> {
    match expires {
        Some(expires) if expires <= now => {
            Err(IamError::Expiry { reason: "in the past: choose a later time" })
        }
        _ => Ok(()),
    }
}

/// The rows of a new key of a holder, who has to be there.
pub(crate) fn add_key(
    directory: &Directory,
    access_key: &str,
    row: &AccessKeyRecord,
) -> Result<(Vec<RowChange>, ()), IamError> {
    if directory.key(access_key).is_some() {
        return Err(IamError::Exists { kind: IdentityKind::AccessKey, name: access_key.to_owned() });
    }
    check_room(directory, row, 0)?;
    let row = AccessKeyRecord { holder_id: holder_id(directory, row)?, ..row.clone() };
    Ok((vec![RowChange::AccessKey(access_key.to_owned(), Some(row))], ()))
}

/// Whether a key may be made, and `more` at the same time.
pub(crate) fn check_room(directory: &Directory, row: &AccessKeyRecord, more: usize) -> Result<(), IamError> {
    let held = directory.keys_of(row.account, &row.holder);
    let of_kind = held.filter(|(_, stored)| stored.row.kind == row.kind).count();
    let (what, limit) = match row.kind {
        AccessKeyKind::Session => ("sessions of one holder", model::limits::SESSIONS_PER_HOLDER_MAX),
        _ => ("service accounts of one holder", SERVICE_ACCOUNTS_PER_HOLDER_MAX),
    };
    if of_kind + more >= limit {
        return Err(IamError::TooMany { what, limit });
    }
    if directory.counts().keys + more >= ACCESS_KEYS_MAX {
        return Err(IamError::TooMany { what: "access keys", limit: ACCESS_KEYS_MAX });
    }
    Ok(())
}

pub(crate) fn holder_id(directory: &Directory, row: &AccessKeyRecord) -> Result<String, IamError> {
    match &row.holder {
        KeyHolder::User(name) => {
            let user = directory.user(&(row.account, name.clone())).ok_or_else(|| no_user(name))?;
            Ok(user.row.id.clone())
        }
        KeyHolder::Owner | KeyHolder::Federated { .. } => Ok(String::new()),
    }
}

fn service_account<'d>(directory: &'d Directory, key: &str) -> Result<&'d AccessKeyRecord, IamError> {
    let found = directory.key(key).map(|stored| &stored.row);
    found.filter(|row| row.kind == AccessKeyKind::Service).ok_or_else(|| no_key(key))
}

fn changed(row: &AccessKeyRecord, change: &ServiceAccountChange, sealed: Option<Vec<u8>>) -> AccessKeyRecord {
    AccessKeyRecord {
        sealed_secret: sealed.unwrap_or_else(|| row.sealed_secret.clone()),
        name: change.name.clone().unwrap_or_else(|| row.name.clone()),
        description: change.description.clone().unwrap_or_else(|| row.description.clone()),
        policy: change.policy.clone().unwrap_or_else(|| row.policy.clone()),
        expires: change.expires.unwrap_or(row.expires),
        is_enabled: change.is_enabled.unwrap_or(row.is_enabled),
        ..row.clone()
    }
}
