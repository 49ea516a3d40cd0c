//! Groups: who is a member, and whether their policies count.

use model::identity::{AccountId, GroupRecord, UserRecord};
use model::limits::{ATTACHMENTS_MAX, GROUPS_MAX};
use model::time::Timestamp;

use crate::Iam;
use crate::directory::{Directory, RowChange};
use crate::error::{IamError, IdentityKind};
use crate::names::check_name;
use crate::store::Turn;
use crate::tables::Name;
use crate::users::no_user;

/// A group, as administrators are shown it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupInfo {
    /// Its name.
    pub name: String,
    /// Whether its policies count.
    pub is_enabled: bool,
    /// The policies attached to it.
    pub policies: Vec<String>,
    /// Who is a member, by name.
    pub members: Vec<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed; members coming and going do not count.
    pub changed: Timestamp,
}

impl Iam {
    /// A group.
    ///
    /// # Errors
    /// [`IamError::NotFound`].
    pub fn group(&self, account: AccountId, name: &str) -> Result<GroupInfo, IamError> {
        let key = (account, name.to_owned());
        let found = self.store.read(|directory| {
            let stored = directory.group(&key)?;
            let members = directory.members(account, name).map(|(member, _)| member.to_owned()).collect();
            Some(GroupInfo {
                name: name.to_owned(),
                is_enabled: stored.row.is_enabled,
                policies: stored.row.policies.clone(),
                members,
                created: stored.row.created,
                changed: stored.time,
            })
        });
        found.ok_or_else(|| no_group(name))
    }

    /// The names of all groups of an account.
    #[must_use]
    pub fn groups(&self, account: AccountId) -> Vec<String> {
        self.store.read(|directory| directory.groups(account).map(|(name, _)| name.to_owned()).collect())
    }

    /// Makes users members of a group, which is made if it is not there.
    ///
    /// # Errors
    /// Where a user is not there, or a name can't be one.
    pub async fn add_group_members(
        &self,
        account: AccountId,
        group: &str,
        members: &[String],
    ) -> Result<(), IamError> {
        check_name(IdentityKind::Group, group)?;
        let (clock, members) = (self.store.env().clock.clone(), members.to_vec());
        let key = (account, group.to_owned());
        let decide = move |directory: &Directory| {
            let mut changes = Vec::new();
            if directory.group(&key).is_none() {
                changes.push(new_group(directory, &key, clock.now())?);
            }
            for member in &members {
                changes.extend(join(directory, &(account, member.clone()), &key.1)?);
            }
            Ok((changes, ()))
        };
        self.store.change(Turn::Alone, decide).await
    }

    /// Ends the membership of users; without users, removes the group, which must have no members then.
    ///
    /// # Errors
    /// Where the group or a user is not there; [`IamError::GroupNotEmpty`].
    pub async fn remove_group_members(
        &self,
        account: AccountId,
        group: &str,
        members: &[String],
    ) -> Result<(), IamError> {
        let (members, key) = (members.to_vec(), (account, group.to_owned()));
        let decide = move |directory: &Directory| {
            directory.group(&key).ok_or_else(|| no_group(&key.1))?;
            if members.is_empty() {
                return Ok((vec![remove_group(directory, &key)?], ()));
            }
            let left = members.iter().map(|member| leave(directory, &(account, member.clone()), &key.1));
            Ok((left.collect::<Result<_, _>>()?, ()))
        };
        self.store.change(Turn::Alone, decide).await
    }

    /// Lets the policies of a group count, or not.
    ///
    /// # Errors
    /// [`IamError::NotFound`].
    pub async fn set_group_enabled(
        &self,
        account: AccountId,
        group: &str,
        is_enabled: bool,
    ) -> Result<(), IamError> {
        let key = (account, group.to_owned());
        let decide = move |directory: &Directory| {
            let stored = directory.group(&key).ok_or_else(|| no_group(&key.1))?;
            let row = GroupRecord { is_enabled, ..stored.row.clone() };
            Ok((vec![RowChange::Group(key.clone(), Some(row))], ()))
        };
        self.store.change(Turn::Alone, decide).await
    }
}

pub(crate) fn no_group(name: &str) -> IamError {
    IamError::NotFound { kind: IdentityKind::Group, name: name.to_owned() }
}

fn new_group(directory: &Directory, key: &Name, now: Timestamp) -> Result<RowChange, IamError> {
    if directory.counts().groups >= GROUPS_MAX {
        return Err(IamError::TooMany { what: "groups", limit: GROUPS_MAX });
    }
    let row = GroupRecord { created: now, is_enabled: true, policies: Vec::new() };
    Ok(RowChange::Group(key.clone(), Some(row)))
}

fn join(directory: &Directory, member: &Name, group: &str) -> Result<Option<RowChange>, IamError> {
    let mut user = member_row(directory, member)?;
    let Err(place) = user.groups.binary_search_by(|name| name.as_str().cmp(group)) else { return Ok(None) };
    if user.groups.len() >= ATTACHMENTS_MAX {
        return Err(IamError::TooMany { what: "groups of one user", limit: ATTACHMENTS_MAX });
    }
    user.groups.insert(place, group.to_owned());
    Ok(Some(RowChange::User(member.clone(), Some(user))))
}

fn leave(directory: &Directory, member: &Name, group: &str) -> Result<RowChange, IamError> {
    let mut user = member_row(directory, member)?;
    user.groups.retain(|name| name != group);
    Ok(RowChange::User(member.clone(), Some(user)))
}

fn member_row(directory: &Directory, member: &Name) -> Result<UserRecord, IamError> {
    Ok(directory.user(member).ok_or_else(|| no_user(&member.1))?.row.clone())
}

fn remove_group(directory: &Directory, key: &Name) -> Result<RowChange, IamError> {
    match directory.members(key.0, &key.1).count() {
        0 => Ok(RowChange::Group(key.clone(), None)),
        members => Err(IamError::GroupNotEmpty { group: key.1.clone(), members }),
    }
}
