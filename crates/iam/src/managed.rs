//! Managed policies: set, removed, attached to users and groups.
//!
//! Always true: what is set was read as a policy first; a policy that is attached to somebody is there.

use model::identity::{AccountId, GroupRecord, PolicyRecord, UserRecord};
use model::limits::{ATTACHMENTS_MAX, POLICIES_MAX};
use model::time::Timestamp;

use crate::Iam;
use crate::canned::CANNED_POLICIES;
use crate::directory::{Directory, RowChange};
use crate::error::{IamError, IdentityKind};
use crate::groups::no_group;
use crate::names::check_name;
use crate::policy::{Policy, PolicyKind};
use crate::store::Turn;
use crate::users::no_user;

/// Holders that an error names.
const HOLDERS_NAMED_MAX: usize = 5;

/// A managed policy, as administrators are shown it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyInfo {
    /// Its name.
    pub name: String,
    /// What was set, to the byte.
    pub text: String,
    /// When it was made; none for those that are there from the start.
    pub created: Option<Timestamp>,
    /// When it was last set.
    pub changed: Option<Timestamp>,
}

/// Whom a policy is attached to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyHolder {
    /// A user.
    User(String),
    /// A group.
    Group(String),
}

impl Iam {
    /// A managed policy.
    ///
    /// # Errors
    /// [`IamError::NotFound`].
    pub fn policy(&self, account: AccountId, name: &str) -> Result<PolicyInfo, IamError> {
        let key = (account, name.to_owned());
        let stored = self.store.read(|directory| {
            let stored = directory.stored_policy(&key)?;
            Some(info(name, &stored.row, stored.time))
        });
        let canned = || CANNED_POLICIES.iter().find(|canned| canned.name == name).map(canned_info);
        stored.or_else(canned).ok_or_else(|| no_policy(name))
    }

    /// All managed policies of an account and those that are there from the start, by name.
    #[must_use]
    pub fn policies(&self, account: AccountId) -> Vec<PolicyInfo> {
        let mut all: Vec<PolicyInfo> = self.store.read(|directory| {
            let stored = directory.stored_policies(account);
            stored.map(|(name, stored)| info(name, &stored.row, stored.time)).collect()
        });
        for canned in CANNED_POLICIES {
            if all.iter().all(|known| known.name != canned.name) {
                all.push(canned_info(canned));
            }
        }
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
    }

    /// Sets a managed policy. One of those that are there from the start is replaced by it.
    ///
    /// # Errors
    /// Where the name can't be one, or the text is no policy.
    pub async fn put_policy(&self, account: AccountId, name: &str, text: &str) -> Result<(), IamError> {
        check_name(IdentityKind::Policy, name)?;
        Policy::parse(text, PolicyKind::Managed)?;
        let (key, text) = ((account, name.to_owned()), text.to_owned());
        let clock = self.store.env().clock.clone();
        let decide = move |directory: &Directory| {
            let created = match directory.stored_policy(&key) {
                Some(stored) => stored.row.created,
                None if directory.counts().policies >= POLICIES_MAX => {
                    return Err(IamError::TooMany { what: "policies", limit: POLICIES_MAX });
                }
                None => clock.now(),
            };
            let row = PolicyRecord { created, text: text.clone() };
            Ok((vec![RowChange::Policy(key.clone(), Some(row))], ()))
        };
        self.store.change(Turn::Alone, decide).await
    }

    /// Removes a managed policy that is attached to nobody. One that replaced one of those that are there from the start gives
    /// way to it again.
    ///
    /// # Errors
    /// [`IamError::NotFound`], [`IamError::PolicyInUse`].
    pub async fn remove_policy(&self, account: AccountId, name: &str) -> Result<(), IamError> {
        let key = (account, name.to_owned());
        let decide = move |directory: &Directory| {
            directory.stored_policy(&key).ok_or_else(|| no_policy(&key.1))?;
            in_use(directory, account, &key.1)?;
            Ok((vec![RowChange::Policy(key.clone(), None)], ()))
        };
        self.store.change(Turn::Alone, decide).await
    }

    /// Attaches policies to a user or group; those that were not attached before.
    ///
    /// # Errors
    /// Where the holder or a policy is not there.
    pub async fn attach_policies(
        &self,
        account: AccountId,
        holder: PolicyHolder,
        names: &[String],
    ) -> Result<Vec<String>, IamError> {
        let names = names.to_vec();
        self.change_attached(account, holder, names.clone(), move |attached| {
            let new: Vec<String> = names.iter().filter(|name| !attached.contains(name)).cloned().collect();
            attached.extend(new.iter().cloned());
            new
        })
        .await
    }

    /// Detaches policies from a user or group; those that were attached before.
    ///
    /// # Errors
    /// Where the holder is not there.
    pub async fn detach_policies(
        &self,
        account: AccountId,
        holder: PolicyHolder,
        names: &[String],
    ) -> Result<Vec<String>, IamError> {
        let names = names.to_vec();
        self.change_attached(account, holder, Vec::new(), move |attached| {
            let (gone, left) = attached.drain(..).partition(|name| names.contains(name));
            *attached = left;
            gone
        })
        .await
    }

    /// Attaches these policies to a user or group, and no others.
    ///
    /// # Errors
    /// Where the holder or a policy is not there.
    pub async fn set_policies(
        &self,
        account: AccountId,
        holder: PolicyHolder,
        names: &[String],
    ) -> Result<(), IamError> {
        let names = names.to_vec();
        self.change_attached(account, holder, names.clone(), move |attached| {
            attached.clone_from(&names);
            Vec::new()
        })
        .await
        .map(drop)
    }

    /// Changes what is attached to somebody; what the change tells. `needed` have to be there.
    async fn change_attached(
        &self,
        account: AccountId,
        holder: PolicyHolder,
        needed: Vec<String>,
        change: impl Fn(&mut Vec<String>) -> Vec<String> + Send + Sync + 'static,
    ) -> Result<Vec<String>, IamError> {
        let decide = move |directory: &Directory| {
            for name in &needed {
                directory.policy(account, name).ok_or_else(|| no_policy(name))?;
            }
            let (mut told, mut too_many) = (Vec::new(), false);
            let changed = attached_changed(directory, account, &holder, &mut |attached| {
                told = change(attached);
                attached.sort_unstable();
                attached.dedup();
                too_many = attached.len() > ATTACHMENTS_MAX;
            })?;
            if too_many {
                return Err(IamError::TooMany { what: "policies of one identity", limit: ATTACHMENTS_MAX });
            }
            Ok((vec![changed], told))
        };
        self.store.change(Turn::Alone, decide).await
    }
}

fn attached_changed(
    directory: &Directory,
    account: AccountId,
    holder: &PolicyHolder,
    change: &mut dyn FnMut(&mut Vec<String>),
) -> Result<RowChange, IamError> {
    match holder {
        PolicyHolder::User(name) => {
            let key = (account, name.clone());
            let mut row: UserRecord = directory.user(&key).ok_or_else(|| no_user(name))?.row.clone();
            change(&mut row.policies);
            Ok(RowChange::User(key, Some(row)))
        }
        PolicyHolder::Group(name) => {
            let key = (account, name.clone());
            let mut row: GroupRecord = directory.group(&key).ok_or_else(|| no_group(name))?.row.clone();
            change(&mut row.policies);
            Ok(RowChange::Group(key, Some(row)))
        }
    }
}

/// An error where a policy is attached to somebody.
pub(crate) fn in_use(directory: &Directory, account: AccountId, policy: &str) -> Result<(), IamError> {
    let holders = holders(directory, account, policy);
    if holders.is_empty() {
        return Ok(());
    }
    Err(IamError::PolicyInUse { policy: policy.to_owned(), holders: shown(&holders) })
}

/// To whom a policy is attached.
fn holders(directory: &Directory, account: AccountId, policy: &str) -> Vec<String> {
    let has = |policies: &[String]| policies.iter().any(|name| name == policy);
    let users = directory.users(account).filter(|(_, user)| has(&user.row.policies));
    let groups = directory.groups(account).filter(|(_, group)| has(&group.row.policies));
    let users = users.map(|(name, _)| format!("the user `{name}`"));
    users.chain(groups.map(|(name, _)| format!("the group `{name}`"))).collect()
}

fn shown(holders: &[String]) -> String {
    let named = holders.iter().take(HOLDERS_NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    match holders.len().saturating_sub(HOLDERS_NAMED_MAX) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

pub(crate) fn no_policy(name: &str) -> IamError {
    IamError::NotFound { kind: IdentityKind::Policy, name: name.to_owned() }
}

fn info(name: &str, row: &PolicyRecord, time: Timestamp) -> PolicyInfo {
    PolicyInfo {
        name: name.to_owned(),
        text: row.text.clone(),
        created: Some(row.created),
        changed: Some(time),
    }
}

fn canned_info(canned: &crate::canned::CannedPolicy) -> PolicyInfo {
    PolicyInfo { name: canned.name.to_owned(), text: canned.text.to_owned(), created: None, changed: None }
}
