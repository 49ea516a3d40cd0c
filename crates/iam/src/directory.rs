//! All identities of the store, in memory: what the rows of the system partition say, and who an access key is by them.
//!
//! Always true: it changes only by rows that were committed, in the order in which they were. A key whose holder is gone, was
//! made anew under the same name, or is disabled is nobody's. A policy that can't be read denies everything to whoever has
//! it, as what it meant to deny is not known.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use hashbrown::HashMap;
use meta::table::Stored;
use model::identity::{
    AccessKeyKind, AccessKeyRecord, AccountId, AccountRecord, GroupRecord, KeyHolder, PolicyRecord,
    UserRecord,
};
use parking_lot::Mutex;
use tracing::error;

use crate::canned::CANNED_POLICIES;
use crate::credentials::SecretKey;
use crate::identity::{HeldPolicy, Identity};
use crate::keyring::Keyring;
use crate::policy::{Policy, PolicyKind};
use crate::principal::ROOT_CANONICAL_ID;
use crate::requester::{AccountName, Requester};
use crate::tables::Name;

/// What stands in for a policy that can't be read.
const DENY_ALL: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;

/// A row that is to be written, or removed.
#[derive(Clone, Debug)]
pub(crate) enum RowChange {
    Account(AccountId, Option<AccountRecord>),
    User(Name, Option<UserRecord>),
    Group(Name, Option<GroupRecord>),
    Policy(Name, Option<PolicyRecord>),
    AccessKey(String, Option<AccessKeyRecord>),
}

/// A managed policy, read.
#[derive(Clone, Debug)]
pub(crate) struct PolicyEntry {
    pub(crate) stored: Stored<PolicyRecord>,
    held: HeldPolicy,
}

/// An access key with its secret, and who it is as of a generation.
#[derive(Debug)]
pub(crate) struct KeyEntry {
    pub(crate) stored: Stored<AccessKeyRecord>,
    /// None where it can't be opened: the key is void until a new secret is set.
    secret: Option<SecretKey>,
    identity: Mutex<Option<(u64, Arc<Identity>)>>,
}

/// All identities of the store.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    accounts: BTreeMap<AccountId, Stored<AccountRecord>>,
    users: BTreeMap<Name, Stored<UserRecord>>,
    groups: BTreeMap<Name, Stored<GroupRecord>>,
    policies: BTreeMap<Name, PolicyEntry>,
    canned: BTreeMap<&'static str, HeldPolicy>,
    keys: HashMap<String, KeyEntry>,
    keys_of: BTreeMap<(AccountId, KeyHolder), BTreeSet<String>>,
    /// Counts changes of what identities are made of.
    generation: u64,
}

impl Directory {
    /// With nobody in it.
    pub(crate) fn new() -> Self {
        let canned = CANNED_POLICIES.iter().map(|canned| (canned.name, held(canned.name, canned.text)));
        Self { canned: canned.collect(), ..Self::default() }
    }

    /// Takes over a row that was committed.
    pub(crate) fn apply(&mut self, change: Stored<RowChange>, keyring: &Keyring) {
        let Stored { row, version, time } = change;
        let with = |row| Stored { row, version, time };
        if !matches!(row, RowChange::AccessKey(..)) {
            self.generation += 1;
        }
        match row {
            RowChange::Account(id, row) => {
                set(&mut self.accounts, id, row.map(|row| Stored { row, version, time }))
            }
            RowChange::User(name, row) => {
                set(&mut self.users, name, row.map(|row| Stored { row, version, time }))
            }
            RowChange::Group(name, row) => {
                set(&mut self.groups, name, row.map(|row| Stored { row, version, time }))
            }
            RowChange::Policy(name, row) => {
                let entry = row.map(|row: PolicyRecord| PolicyEntry {
                    held: held(&name.1, &row.text),
                    stored: Stored { row, version, time },
                });
                set(&mut self.policies, name, entry);
            }
            RowChange::AccessKey(key, None) => self.forget_key(&key),
            RowChange::AccessKey(key, Some(row)) => self.learn_key(key, with(row), keyring),
        }
    }

    fn learn_key(&mut self, key: String, stored: Stored<AccessKeyRecord>, keyring: &Keyring) {
        self.forget_key(&key);
        let secret = keyring.open(&key, &stored.row.sealed_secret).ok();
        if secret.is_none() {
            error!(
                access_key = key,
                "the secret of an access key can't be opened: the key is void, set a new secret"
            );
        }
        let of = (stored.row.account, stored.row.holder.clone());
        self.keys_of.entry(of).or_default().insert(key.clone());
        let secret = secret.as_deref().map(SecretKey::new);
        let entry = KeyEntry { stored, secret, identity: Mutex::default() };
        self.keys.insert(key, entry);
    }

    fn forget_key(&mut self, key: &str) {
        let Some(entry) = self.keys.remove(key) else { return };
        let of = (entry.stored.row.account, entry.stored.row.holder);
        if let Some(keys) = self.keys_of.get_mut(&of) {
            keys.remove(key);
            if keys.is_empty() {
                self.keys_of.remove(&of);
            }
        }
    }

    /// The secret of an access key and who it is; none for keys that are nobody's.
    pub(crate) fn find(&self, access_key: &str) -> Option<(SecretKey, Arc<Identity>)> {
        let entry = self.keys.get(access_key)?;
        Some((entry.secret.clone()?, self.identity(access_key, entry)?))
    }

    fn identity(&self, access_key: &str, entry: &KeyEntry) -> Option<Arc<Identity>> {
        let mut known = entry.identity.lock();
        if let Some((generation, identity)) = &*known
            && *generation == self.generation
        {
            return Some(Arc::clone(identity));
        }
        let identity = Arc::new(self.build(access_key, &entry.stored.row)?);
        *known = Some((self.generation, Arc::clone(&identity)));
        Some(identity)
    }

    fn build(&self, access_key: &str, key: &AccessKeyRecord) -> Option<Identity> {
        let account = self.account(key.account)?;
        let is_own = key.kind == AccessKeyKind::Own;
        if !key.is_enabled || !account.is_enabled {
            return None;
        }
        let name = account.name;
        let (requester, policies) = match &key.holder {
            KeyHolder::Owner => (Requester::root(name), Vec::new()),
            KeyHolder::User(user) => {
                let record = &self.users.get(&(key.account, user.clone()))?.row;
                if !record.is_enabled || record.id != key.holder_id {
                    return None;
                }
                let make = if is_own { Requester::user } else { Requester::user_session };
                (make(name, user, &record.id), self.policies_of(key.account, record))
            }
            // A role of the provider's name, and no user: a user may have the name that somebody has at a provider.
            KeyHolder::Federated { provider, subject } => {
                let policies = self.held(key.account, &key.policies);
                (Requester::role_session(name, provider, provider, subject), policies)
            }
        };
        let holder = Some(key.holder.clone());
        let own = key.policy.as_deref().map(|text| held(access_key, text));
        let (service_account, session) = match key.kind {
            AccessKeyKind::Service => (own, None),
            AccessKeyKind::Session | AccessKeyKind::Own => (None, own),
        };
        Some(Identity {
            policies,
            session,
            service_account,
            expires: key.expires,
            token_sha256: key.token_sha256,
            claims: key.claims.clone(),
            ..Identity::new(requester, key.account, access_key, holder, key.kind)
        })
    }

    /// Of the user, and of its groups that are enabled.
    fn policies_of(&self, account: AccountId, user: &UserRecord) -> Vec<HeldPolicy> {
        let mut names: Vec<String> = user.policies.clone();
        let groups = user.groups.iter().filter_map(|group| self.groups.get(&(account, group.clone())));
        for group in groups.filter(|group| group.row.is_enabled) {
            names.extend(group.row.policies.iter().cloned());
        }
        names.sort_unstable();
        names.dedup();
        self.held(account, &names)
    }

    /// The policies of these names that there are.
    fn held(&self, account: AccountId, names: &[String]) -> Vec<HeldPolicy> {
        names.iter().filter_map(|name| self.policy(account, name)).collect()
    }

    /// A managed policy: the account's, or the one that is there from the start.
    pub(crate) fn policy(&self, account: AccountId, name: &str) -> Option<HeldPolicy> {
        let stored = self.policies.get(&(account, name.to_owned())).map(|entry| &entry.held);
        stored.or_else(|| self.canned.get(name)).cloned()
    }

    /// An account by both its names, and whether it works.
    pub(crate) fn account(&self, id: AccountId) -> Option<AccountView> {
        let stored = self.accounts.get(&id).map(|stored| &stored.row);
        let canonical_id = match stored {
            Some(row) => row.canonical_id.clone(),
            None if id == AccountId::ROOT => ROOT_CANONICAL_ID.to_owned(),
            None => return None,
        };
        let name = AccountName { number: id.to_string(), canonical_id };
        Some(AccountView { name, is_enabled: stored.is_none_or(|row| row.is_enabled) })
    }

    /// The number of the account that has a canonical id.
    pub(crate) fn account_of(&self, canonical_id: &str) -> Option<AccountId> {
        if canonical_id == ROOT_CANONICAL_ID {
            return Some(AccountId::ROOT);
        }
        self.accounts.iter().find(|(_, stored)| stored.row.canonical_id == canonical_id).map(|(id, _)| *id)
    }

    pub(crate) fn user(&self, name: &Name) -> Option<&Stored<UserRecord>> {
        self.users.get(name)
    }

    pub(crate) fn users(&self, account: AccountId) -> impl Iterator<Item = (&str, &Stored<UserRecord>)> {
        of_account(&self.users, account)
    }

    pub(crate) fn group(&self, name: &Name) -> Option<&Stored<GroupRecord>> {
        self.groups.get(name)
    }

    pub(crate) fn groups(&self, account: AccountId) -> impl Iterator<Item = (&str, &Stored<GroupRecord>)> {
        of_account(&self.groups, account)
    }

    /// Who is a member of a group.
    pub(crate) fn members<'a>(
        &'a self,
        account: AccountId,
        group: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Stored<UserRecord>)> {
        self.users(account).filter(move |(_, user)| user.row.groups.iter().any(|name| name == group))
    }

    pub(crate) fn stored_policy(&self, name: &Name) -> Option<&Stored<PolicyRecord>> {
        self.policies.get(name).map(|entry| &entry.stored)
    }

    pub(crate) fn stored_policies(
        &self,
        account: AccountId,
    ) -> impl Iterator<Item = (&str, &Stored<PolicyRecord>)> {
        of_account(&self.policies, account).map(|(name, entry)| (name, &entry.stored))
    }

    pub(crate) fn key(&self, access_key: &str) -> Option<&Stored<AccessKeyRecord>> {
        self.keys.get(access_key).map(|entry| &entry.stored)
    }

    /// The secret of an access key, whether or not the key works; none where it can't be opened.
    pub(crate) fn secret(&self, access_key: &str) -> Option<&SecretKey> {
        self.keys.get(access_key)?.secret.as_ref()
    }

    /// The access keys of a holder, in order.
    pub(crate) fn keys_of(
        &self,
        account: AccountId,
        holder: &KeyHolder,
    ) -> impl Iterator<Item = (&str, &Stored<AccessKeyRecord>)> {
        let keys = self.keys_of.get(&(account, holder.clone()));
        keys.into_iter().flatten().filter_map(|key| Some((key.as_str(), self.key(key)?)))
    }

    /// All holders of an account who have access keys.
    pub(crate) fn holders(&self, account: AccountId) -> impl Iterator<Item = &KeyHolder> {
        let from = (account, KeyHolder::Owner);
        let range = self.keys_of.range((Bound::Included(from), Bound::Unbounded));
        range.take_while(move |((of, _), _)| *of == account).map(|((_, holder), _)| holder)
    }

    /// All access keys of the store, in no order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (&str, &Stored<AccessKeyRecord>)> {
        self.keys.iter().map(|(key, entry)| (key.as_str(), &entry.stored))
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            users: self.users.len(),
            groups: self.groups.len(),
            policies: self.policies.len(),
            keys: self.keys.len(),
        }
    }

    /// The version of a row, 0 where there is none.
    pub(crate) fn version_of(&self, change: &RowChange) -> u64 {
        match change {
            RowChange::Account(id, _) => self.accounts.get(id).map(|stored| stored.version),
            RowChange::User(name, _) => self.users.get(name).map(|stored| stored.version),
            RowChange::Group(name, _) => self.groups.get(name).map(|stored| stored.version),
            RowChange::Policy(name, _) => self.policies.get(name).map(|entry| entry.stored.version),
            RowChange::AccessKey(key, _) => self.keys.get(key).map(|entry| entry.stored.version),
        }
        .unwrap_or(0)
    }
}

/// How many there are in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) users: usize,
    pub(crate) groups: usize,
    pub(crate) policies: usize,
    pub(crate) keys: usize,
}

/// An account as identities need it.
#[derive(Clone, Debug)]
pub(crate) struct AccountView {
    pub(crate) name: AccountName,
    pub(crate) is_enabled: bool,
}

fn set<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: Option<V>) {
    match value {
        Some(value) => drop(map.insert(key, value)),
        None => drop(map.remove(&key)),
    }
}

fn of_account<V>(map: &BTreeMap<Name, V>, account: AccountId) -> impl Iterator<Item = (&str, &V)> {
    let from = Bound::Included((account, String::new()));
    let range = map.range((from, Bound::Unbounded));
    range.take_while(move |((of, _), _)| *of == account).map(|((_, name), value)| (name.as_str(), value))
}

/// Reads a policy that was checked, its size too, when it was set.
fn held(name: &str, text: &str) -> HeldPolicy {
    let read = Policy::parse(text, PolicyKind::LONGEST_OF_IDENTITIES).or_else(|fault| {
        error!(policy = name, %fault, "a policy can't be read and denies everything until it is set anew");
        Policy::parse(DENY_ALL, PolicyKind::Managed)
    });
    let policy = read.unwrap_or_else(|_| Policy::of_no_statements());
    HeldPolicy { name: Arc::from(name), policy: Arc::new(policy) }
}
