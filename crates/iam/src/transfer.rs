//! Identities on their way from one store to another, with their secrets: all of an account at once.
//!
//! Always true:
//! - Nothing is changed before every name, secret and policy that comes in was checked.
//! - Keys of the store's owner go out and come in only where the owner asks for it.
//! - What comes in may no more than it could where it came from: who was disabled is, a key that has ended is left out.
//! - Each entry is one transaction with others, of a bounded size; what became of it is told entry by entry, and who imports
//!   the same again ends with the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use env::Env;
use meta::TRANSACTION_BYTES_MAX;
use model::identity::{
    AccessKeyKind, AccessKeyRecord, AccountId, GroupRecord, KeyHolder, PolicyRecord, UserRecord,
};
use model::limits::{ATTACHMENTS_MAX, GROUPS_MAX, IDENTITY_NAME_BYTES_MAX, POLICIES_MAX};
use model::time::Timestamp;

use crate::Iam;
use crate::access_keys::{check_room, check_texts, holder_id};
use crate::canned::CANNED_POLICIES;
use crate::credentials::SecretKey;
use crate::directory::{Directory, RowChange};
use crate::error::{IamError, IdentityKind};
use crate::groups::no_group;
use crate::managed::{in_use, no_policy};
use crate::names::{check_access_key, check_name, check_secret_key};
use crate::policy::{Policy, PolicyKind, TEXT_BYTES_MAX};
use crate::store::Turn;
use crate::users::{new_key, new_user, no_user, own_key};

/// Entries of one transaction, at most.
const ENTRIES_MAX: usize = 24;
/// The longest row of an entry: a policy, or a user with all groups and policies that there may be.
const ENTRY_BYTES_MAX: usize = TEXT_BYTES_MAX + 8 * 1024;

const _: () = assert!(ENTRIES_MAX * ENTRY_BYTES_MAX < TRANSACTION_BYTES_MAX);
const _: () = assert!(2 * ATTACHMENTS_MAX * (IDENTITY_NAME_BYTES_MAX + 8) < ENTRY_BYTES_MAX);

/// All identities of an account.
#[derive(Clone, Debug, Default)]
pub struct Identities {
    /// The texts of managed policies; none where a policy is to be removed.
    pub policies: BTreeMap<String, Option<String>>,
    /// Users by name.
    pub users: BTreeMap<String, CarriedUser>,
    /// Groups by name.
    pub groups: BTreeMap<String, CarriedGroup>,
    /// Service accounts by access key.
    pub service_accounts: BTreeMap<String, CarriedKey>,
    /// The policies attached to users.
    pub user_policies: BTreeMap<String, Vec<String>>,
    /// The policies attached to groups.
    pub group_policies: BTreeMap<String, Vec<String>>,
}

/// A user on its way.
#[derive(Clone, Debug)]
pub struct CarriedUser {
    /// Its secret key; none where it can't be opened. A user who is there keeps theirs then.
    pub secret_key: Option<SecretKey>,
    /// Whether its keys work.
    pub is_enabled: bool,
}

/// A group on its way.
#[derive(Clone, Debug)]
pub struct CarriedGroup {
    /// Who is a member.
    pub members: Vec<String>,
    /// Whether its policies count.
    pub is_enabled: bool,
}

/// A service account on its way.
#[derive(Clone, Debug)]
pub struct CarriedKey {
    /// Whose it is: the name of a user, or root's access key.
    pub parent: String,
    /// Its secret key; none where it can't be opened.
    pub secret_key: Option<SecretKey>,
    /// The policy that limits it.
    pub policy: Option<String>,
    /// Whether it works.
    pub is_enabled: bool,
    /// What its holder calls it.
    pub name: String,
    /// What its holder says of it.
    pub description: String,
    /// When it ends; none for never.
    pub expires: Option<Timestamp>,
}

/// What became of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// What it is.
    pub kind: ImportedKind,
    /// Its name.
    pub name: String,
    /// What became of it.
    pub outcome: ImportOutcome,
}

impl Imported {
    fn is_failed_group(&self) -> bool {
        self.kind == ImportedKind::Group && matches!(self.outcome, ImportOutcome::Failed(_))
    }
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportedKind {
    /// A managed policy.
    Policy,
    /// A user.
    User,
    /// A group with its members.
    Group,
    /// A service account.
    ServiceAccount,
    /// These policies of a user.
    UserPolicies(Vec<String>),
    /// These policies of a group.
    GroupPolicies(Vec<String>),
}

/// What became of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportOutcome {
    /// It is there now, as it came.
    Added,
    /// It is no longer there.
    Removed,
    /// There was nothing to do with it, because of this.
    Skipped(String),
    /// It was not changed, because of this.
    Failed(String),
}

impl Iam {
    /// All identities of an account with their secrets. The owner's service accounts are among them `with_owner` alone; the
    /// owner's own key, sessions, and policies that every store has are never.
    #[must_use]
    pub fn identities(&self, account: AccountId, with_owner: bool) -> Identities {
        let root = &self.root.access_key;
        self.store.read(|directory| {
            let keys = directory.keys().filter(|(_, stored)| {
                let is_wanted = with_owner || stored.row.holder != KeyHolder::Owner;
                stored.row.account == account && stored.row.kind == AccessKeyKind::Service && is_wanted
            });
            let policies = directory.stored_policies(account);
            Identities {
                policies: policies.map(|(name, row)| (name.to_owned(), Some(row.row.text.clone()))).collect(),
                users: carried_users(directory, account),
                groups: carried_groups(directory, account),
                service_accounts: keys
                    .map(|(key, row)| (key.to_owned(), carried_key(directory, root, key, &row.row)))
                    .collect(),
                user_policies: attached(
                    directory.users(account).map(|(name, row)| (name, &row.row.policies)),
                ),
                group_policies: attached(
                    directory.groups(account).map(|(name, row)| (name, &row.row.policies)),
                ),
            }
        })
    }

    /// Takes over identities: what is there by the same name is overwritten, all else stays. `by_owner`: whether the owner of
    /// the store asks, who alone may bring keys of the owner.
    ///
    /// # Errors
    /// [`IamError::Unimportable`] where something of them can't be: nothing is changed then. Where rows can't be written, what
    /// came before is: the same import can be done again.
    pub async fn import(
        &self,
        account: AccountId,
        identities: Identities,
        by_owner: bool,
    ) -> Result<Vec<Imported>, IamError> {
        check(&identities)?;
        let import = Import {
            account,
            by_owner,
            root: self.root.access_key.clone(),
            env: self.store.env().clone(),
            users: identities.users.keys().cloned().collect(),
        };
        let import = Arc::new(import);
        let (groups, mut users) = (group_plans(&identities), self.user_plans(&identities)?);
        let keys = self.key_plans(identities.service_accounts)?;
        let mut told = Vec::new();
        self.take_over(&import, identities.policies.into_iter().collect(), policy_draft, &mut told).await?;
        self.take_over(&import, groups, group_draft, &mut told).await?;
        // Who comes as a member of a group that could not be taken over does not join one of its name.
        let failed: BTreeSet<String> =
            told.iter().filter(|told| told.is_failed_group()).map(|told| told.name.clone()).collect();
        users.iter_mut().for_each(|user| user.groups.retain(|group| !failed.contains(group)));
        self.take_over(&import, users, user_draft, &mut told).await?;
        self.take_over(&import, keys, key_draft, &mut told).await?;
        Ok(told)
    }

    async fn take_over<T: Send + Sync + 'static>(
        &self,
        import: &Arc<Import>,
        entries: Vec<T>,
        draft: fn(&Import, &Directory, &T, usize) -> Draft,
        told: &mut Vec<Imported>,
    ) -> Result<(), IamError> {
        let mut entries = entries.into_iter();
        loop {
            let chunk: Vec<T> = entries.by_ref().take(ENTRIES_MAX).collect();
            if chunk.is_empty() {
                return Ok(());
            }
            let import = Arc::clone(import);
            let decide = move |directory: &Directory| {
                let mut all = Draft::default();
                for entry in &chunk {
                    // What this transaction makes counts for the limits as what is there does.
                    let made = all.changes.iter().filter(|change| directory.version_of(change) == 0).count();
                    let Draft { changes, told } = draft(&import, directory, entry, made);
                    all.changes.extend(changes);
                    all.told.extend(told);
                }
                Ok((all.changes, all.told))
            };
            told.extend(self.store.change(Turn::Alone, decide).await?);
        }
    }

    /// What is to change of each user: one row each, whatever part of the import it is from.
    fn user_plans(&self, identities: &Identities) -> Result<Vec<UserPlan>, IamError> {
        let mut plans: BTreeMap<&String, UserPlan> = BTreeMap::new();
        for (name, user) in &identities.users {
            let secret = user.secret_key.as_ref().map(|secret| self.store.seal(name, secret.as_ref()));
            let plan = UserPlan::of(&mut plans, name);
            (plan.is_enabled, plan.sealed) = (Some(user.is_enabled), secret.transpose()?);
        }
        for (name, policies) in &identities.user_policies {
            UserPlan::of(&mut plans, name).policies = Some(in_order(policies));
        }
        for (group, carried) in &identities.groups {
            for member in &carried.members {
                UserPlan::of(&mut plans, member).groups.push(group.clone());
            }
        }
        Ok(plans.into_values().collect())
    }

    fn key_plans(&self, keys: BTreeMap<String, CarriedKey>) -> Result<Vec<KeyPlan>, IamError> {
        let plan = |(key, carried): (String, CarriedKey)| {
            let secret = carried.secret_key.as_ref().map(|secret| self.store.seal(&key, secret.as_ref()));
            Ok(KeyPlan { sealed: secret.transpose()?, key, carried })
        };
        keys.into_iter().map(plan).collect()
    }
}

/// What all entries of an import have in common.
struct Import {
    account: AccountId,
    by_owner: bool,
    root: String,
    env: Env,
    /// The users that come in.
    users: BTreeSet<String>,
}

#[derive(Default)]
struct UserPlan {
    name: String,
    /// None where only groups and policies come in.
    is_enabled: Option<bool>,
    sealed: Option<Vec<u8>>,
    groups: Vec<String>,
    policies: Option<Vec<String>>,
}

impl UserPlan {
    fn of<'p, 'n>(plans: &'p mut BTreeMap<&'n String, Self>, name: &'n String) -> &'p mut Self {
        plans.entry(name).or_insert_with(|| Self { name: name.clone(), ..Self::default() })
    }
}

struct GroupPlan {
    name: String,
    /// None where only policies come in.
    carried: Option<CarriedGroup>,
    policies: Option<Vec<String>>,
}

struct KeyPlan {
    key: String,
    sealed: Option<Vec<u8>>,
    carried: CarriedKey,
}

/// The rows of an entry, and what is told of it.
#[derive(Default)]
struct Draft {
    changes: Vec<RowChange>,
    told: Vec<Imported>,
}

impl Draft {
    fn tell(&mut self, kind: ImportedKind, name: &str, outcome: ImportOutcome) {
        self.told.push(Imported { kind, name: name.to_owned(), outcome });
    }

    /// Tells of the policies of an entry, where some came in.
    fn tell_policies(
        &mut self,
        kind: fn(Vec<String>) -> ImportedKind,
        names: Option<&Vec<String>>,
        name: &str,
        outcome: ImportOutcome,
    ) {
        if let Some(names) = names {
            self.tell(kind(names.clone()), name, outcome);
        }
    }

    fn of(
        kind: ImportedKind,
        name: &str,
        changes: Result<(Vec<RowChange>, ImportOutcome), IamError>,
    ) -> Self {
        let mut draft = Self::default();
        match changes {
            Ok((changes, outcome)) => {
                draft.changes = changes;
                draft.tell(kind, name, outcome);
            }
            Err(error) => draft.tell(kind, name, failed(&error)),
        }
        draft
    }
}

fn failed(error: &IamError) -> ImportOutcome {
    ImportOutcome::Failed(error.to_string())
}

fn carried_users(directory: &Directory, account: AccountId) -> BTreeMap<String, CarriedUser> {
    let users = directory.users(account).map(|(name, stored)| {
        let secret_key = directory.secret(name).cloned();
        (name.to_owned(), CarriedUser { secret_key, is_enabled: stored.row.is_enabled })
    });
    users.collect()
}

fn carried_groups(directory: &Directory, account: AccountId) -> BTreeMap<String, CarriedGroup> {
    let of = |row: &GroupRecord| CarriedGroup { members: Vec::new(), is_enabled: row.is_enabled };
    let mut groups: BTreeMap<String, CarriedGroup> =
        directory.groups(account).map(|(name, stored)| (name.to_owned(), of(&stored.row))).collect();
    for (user, stored) in directory.users(account) {
        for group in &stored.row.groups {
            groups.entry(group.clone()).and_modify(|group| group.members.push(user.to_owned()));
        }
    }
    groups
}

fn carried_key(directory: &Directory, root: &str, key: &str, row: &AccessKeyRecord) -> CarriedKey {
    let parent = match &row.holder {
        KeyHolder::Owner => root,
        KeyHolder::User(name) => name,
        KeyHolder::Federated { subject, .. } => subject,
    };
    CarriedKey {
        parent: parent.to_owned(),
        secret_key: directory.secret(key).cloned(),
        policy: row.policy.clone(),
        is_enabled: row.is_enabled,
        name: row.name.clone(),
        description: row.description.clone(),
        expires: row.expires,
    }
}

fn attached<'d>(all: impl Iterator<Item = (&'d str, &'d Vec<String>)>) -> BTreeMap<String, Vec<String>> {
    let attached = all.filter(|(_, policies)| !policies.is_empty());
    attached.map(|(name, policies)| (name.to_owned(), policies.clone())).collect()
}

/// Checks all that does not depend on what is there.
fn check(identities: &Identities) -> Result<(), IamError> {
    let of = |kind, name: &String, checked: Result<(), IamError>| {
        let unimportable =
            |fault| IamError::Unimportable { kind, name: name.clone(), fault: Box::new(fault) };
        checked.map_err(unimportable)
    };
    for (name, text) in &identities.policies {
        of(IdentityKind::Policy, name, check_policy(name, text.as_deref()))?;
    }
    for (name, user) in &identities.users {
        of(IdentityKind::User, name, check_user(name, user))?;
    }
    for name in identities.groups.keys() {
        of(IdentityKind::Group, name, check_name(IdentityKind::Group, name))?;
    }
    for (key, carried) in &identities.service_accounts {
        of(IdentityKind::AccessKey, key, check_key(key, carried))?;
    }
    Ok(())
}

fn check_policy(name: &str, text: Option<&str>) -> Result<(), IamError> {
    check_name(IdentityKind::Policy, name)?;
    text.map_or(Ok(()), |text| Ok(Policy::parse(text, PolicyKind::Managed).map(drop)?))
}

fn check_user(name: &str, user: &CarriedUser) -> Result<(), IamError> {
    check_access_key(IdentityKind::User, name)?;
    check_secret(user.secret_key.as_ref())
}

fn check_key(key: &str, carried: &CarriedKey) -> Result<(), IamError> {
    check_access_key(IdentityKind::AccessKey, key)?;
    check_secret(carried.secret_key.as_ref())?;
    check_texts(&carried.name, &carried.description, carried.policy.as_deref())
}

fn check_secret(secret: Option<&SecretKey>) -> Result<(), IamError> {
    secret.map_or(Ok(()), |secret| check_secret_key(secret.as_ref()))
}

fn in_order(names: &[String]) -> Vec<String> {
    let names: BTreeSet<&String> = names.iter().collect();
    names.into_iter().cloned().collect()
}

fn group_plans(identities: &Identities) -> Vec<GroupPlan> {
    let names: BTreeSet<&String> = identities.groups.keys().chain(identities.group_policies.keys()).collect();
    let plan = |name: &String| GroupPlan {
        name: name.clone(),
        carried: identities.groups.get(name).cloned(),
        policies: identities.group_policies.get(name).map(|policies| in_order(policies)),
    };
    names.into_iter().map(plan).collect()
}

fn policy_draft(
    import: &Import,
    directory: &Directory,
    (name, text): &(String, Option<String>),
    made: usize,
) -> Draft {
    let key = (import.account, name.clone());
    let stored = directory.stored_policy(&key).map(|stored| &stored.row);
    let changes = match (text, stored) {
        (None, None) => Ok((Vec::new(), ImportOutcome::Removed)),
        (None, Some(_)) => in_use(directory, import.account, name)
            .map(|()| (vec![RowChange::Policy(key, None)], ImportOutcome::Removed)),
        (Some(text), stored) if is_there(name, text, stored) => Ok((Vec::new(), ImportOutcome::Added)),
        (Some(_), None) if directory.counts().policies + made >= POLICIES_MAX => {
            Err(IamError::TooMany { what: "policies", limit: POLICIES_MAX })
        }
        (Some(text), stored) => {
            let created = stored.map_or_else(|| import.env.clock.now(), |row| row.created);
            let row = PolicyRecord { created, text: text.clone() };
            Ok((vec![RowChange::Policy(key, Some(row))], ImportOutcome::Added))
        }
    };
    Draft::of(ImportedKind::Policy, name, changes)
}

/// Whether a policy says this already, by itself or as one that every store has.
fn is_there(name: &str, text: &str, stored: Option<&PolicyRecord>) -> bool {
    let canned = || CANNED_POLICIES.iter().find(|canned| canned.name == name).map(|canned| canned.text);
    let Some(known) = stored.map(|row| row.text.as_str()).or_else(canned) else { return false };
    let read = |text| serde_json::from_str::<serde_json::Value>(text).ok();
    known == text || (read(known).is_some() && read(known) == read(text))
}

fn group_draft(import: &Import, directory: &Directory, plan: &GroupPlan, made: usize) -> Draft {
    let key = (import.account, plan.name.clone());
    let mut draft = Draft::default();
    let mut row = match group_row(import, directory, plan, made) {
        Ok(row) => row,
        Err(error) => {
            if plan.carried.is_some() {
                draft.tell(ImportedKind::Group, &plan.name, failed(&error));
            }
            draft.tell_policies(
                ImportedKind::GroupPolicies,
                plan.policies.as_ref(),
                &plan.name,
                failed(&error),
            );
            return draft;
        }
    };
    if plan.carried.is_some() {
        draft.tell(ImportedKind::Group, &plan.name, ImportOutcome::Added);
    }
    let outcome = attach(import, directory, &mut row.policies, plan.policies.as_deref());
    draft.tell_policies(ImportedKind::GroupPolicies, plan.policies.as_ref(), &plan.name, outcome);
    draft.changes.push(RowChange::Group(key, Some(row)));
    draft
}

fn group_row(
    import: &Import,
    directory: &Directory,
    plan: &GroupPlan,
    made: usize,
) -> Result<GroupRecord, IamError> {
    let key = (import.account, plan.name.clone());
    let stored = directory.group(&key).map(|stored| stored.row.clone());
    let Some(carried) = &plan.carried else { return stored.ok_or_else(|| no_group(&plan.name)) };
    let is_known = |member: &String| {
        import.users.contains(member) || directory.user(&(import.account, member.clone())).is_some()
    };
    if let Some(member) = carried.members.iter().find(|member| !is_known(member)) {
        return Err(no_user(member));
    }
    if stored.is_none() && directory.counts().groups + made >= GROUPS_MAX {
        return Err(IamError::TooMany { what: "groups", limit: GROUPS_MAX });
    }
    let new = || GroupRecord { created: import.env.clock.now(), is_enabled: true, policies: Vec::new() };
    Ok(GroupRecord { is_enabled: carried.is_enabled, ..stored.unwrap_or_else(new) })
}

/// Attaches what is wanted, if all of it is there.
fn attach(
    import: &Import,
    directory: &Directory,
    attached: &mut Vec<String>,
    wanted: Option<&[String]>,
) -> ImportOutcome {
    let wanted = wanted.unwrap_or(attached).to_vec();
    if let Some(missing) = wanted.iter().find(|name| directory.policy(import.account, name).is_none()) {
        return failed(&no_policy(missing));
    }
    if wanted.len() > ATTACHMENTS_MAX {
        return failed(&IamError::TooMany { what: "policies of one identity", limit: ATTACHMENTS_MAX });
    }
    *attached = wanted;
    ImportOutcome::Added
}

fn user_draft(import: &Import, directory: &Directory, plan: &UserPlan, made: usize) -> Draft {
    let mut draft = Draft::default();
    match user_rows(import, directory, plan, made) {
        Ok((mut user, key)) => {
            if plan.is_enabled.is_some() {
                draft.tell(ImportedKind::User, &plan.name, ImportOutcome::Added);
            }
            let outcome = attach(import, directory, &mut user.policies, plan.policies.as_deref());
            draft.tell_policies(ImportedKind::UserPolicies, plan.policies.as_ref(), &plan.name, outcome);
            draft.changes.extend(key);
            let name = (import.account, plan.name.clone());
            if directory.user(&name).is_none_or(|stored| stored.row != user) {
                draft.changes.push(RowChange::User(name, Some(user)));
            }
        }
        Err(error) => {
            if plan.is_enabled.is_some() {
                draft.tell(ImportedKind::User, &plan.name, failed(&error));
            }
            draft.tell_policies(
                ImportedKind::UserPolicies,
                plan.policies.as_ref(),
                &plan.name,
                failed(&error),
            );
        }
    }
    draft
}

/// The user's row without policies that come in, and the row of its own key where that changes.
fn user_rows(
    import: &Import,
    directory: &Directory,
    plan: &UserPlan,
    made: usize,
) -> Result<(UserRecord, Option<RowChange>), IamError> {
    if plan.name == import.root {
        return Err(IamError::IsRoot { name: plan.name.clone() });
    }
    let key = (import.account, plan.name.clone());
    let mut user = match directory.user(&key) {
        Some(stored) => stored.row.clone(),
        None if plan.sealed.is_none() => return Err(no_user(&plan.name)),
        None => new_user(directory, &import.env, true, made)?,
    };
    user.is_enabled = plan.is_enabled.unwrap_or(user.is_enabled);
    // A group that could not be made has told so itself.
    let is_group = |group: &&String| directory.group(&(import.account, (*group).clone())).is_some();
    user.groups.extend(plan.groups.iter().filter(is_group).cloned());
    user.groups = in_order(&user.groups);
    if user.groups.len() > ATTACHMENTS_MAX {
        return Err(IamError::TooMany { what: "groups of one user", limit: ATTACHMENTS_MAX });
    }
    let own = own_key(directory, &key, &user, plan.sealed.clone(), import.env.clock.now())?;
    Ok((user, own))
}

fn key_draft(import: &Import, directory: &Directory, plan: &KeyPlan, made: usize) -> Draft {
    let now = import.env.clock.now();
    let is_over = plan.carried.expires.is_some_and(|expires| expires <= now);
    let changes = if is_over {
        Ok((Vec::new(), ImportOutcome::Skipped("it has ended".to_owned())))
    } else {
        let row = key_row(import, directory, plan, made);
        row.map(|row| (vec![RowChange::AccessKey(plan.key.clone(), Some(row))], ImportOutcome::Added))
    };
    Draft::of(ImportedKind::ServiceAccount, &plan.key, changes)
}

fn key_row(
    import: &Import,
    directory: &Directory,
    plan: &KeyPlan,
    made: usize,
) -> Result<AccessKeyRecord, IamError> {
    let carried = &plan.carried;
    let stored = directory.key(&plan.key).map(|stored| &stored.row);
    let is_other =
        |row: &AccessKeyRecord| row.account != import.account || row.kind != AccessKeyKind::Service;
    if plan.key == import.root || stored.is_some_and(is_other) {
        return Err(IamError::Exists { kind: IdentityKind::AccessKey, name: plan.key.clone() });
    }
    let holder = if carried.parent == import.root {
        KeyHolder::Owner
    } else {
        KeyHolder::User(carried.parent.clone())
    };
    let is_owners = holder == KeyHolder::Owner || stored.is_some_and(|row| row.holder == KeyHolder::Owner);
    if is_owners && !import.by_owner {
        return Err(IamError::OwnerAlone);
    }
    let sealed = plan.sealed.clone().or_else(|| stored.map(|row| row.sealed_secret.clone()));
    let sealed_secret = sealed.ok_or(IamError::SecretKey { reason: "there is none" })?;
    let row = AccessKeyRecord {
        sealed_secret,
        expires: carried.expires,
        is_enabled: carried.is_enabled,
        name: carried.name.clone(),
        description: carried.description.clone(),
        policy: carried.policy.clone(),
        ..new_key(import.account, holder, AccessKeyKind::Service, import.env.clock.now())
    };
    if stored.is_none_or(|stored| stored.holder != row.holder) {
        check_room(directory, &row, made)?;
    }
    Ok(AccessKeyRecord { holder_id: holder_id(directory, &row)?, ..row })
}
