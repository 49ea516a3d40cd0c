//! Identities on the drives: what changes in the directory is first committed in the system partition.
//!
//! Always true: a change that was begun runs to its end, also when whoever asked for it has gone, so that directory and rows
//! do not part. Changes wait for one another; making sessions, which only add rows that nobody knows yet, waits for changes
//! and not for other sessions, so that many are one write to the drives. Where it is not known what became of a transaction,
//! its rows are read again.

use std::ops::Bound;
use std::sync::Arc;

use env::Env;
use meta::table::{Stored, Table};
use meta::{Meta, MetaError, Reader, Txn};
use model::identity::KeyringRecord;
use parking_lot::RwLock;
use tokio::sync::oneshot;

use crate::credentials::{DOCUMENTED_SECRET_KEY, SecretKey};
use crate::directory::{Directory, RowChange};
use crate::error::{IamError, IamOpenError};
use crate::keyring::{Keyring, SealingCosts};
use crate::tables::{AccessKeys, Accounts, Groups, Keyring as KeyringTable, Policies, Users};

/// Rows that are read at once.
const PAGE: usize = 1_000;
/// How often a change that met another one's is decided anew.
const ATTEMPTS_MAX: usize = 16;

/// How identities are opened.
#[derive(Clone, Debug, Default)]
pub struct IamOptions {
    /// Root's former secret key, where it was changed since secrets were sealed.
    pub former_root_secret: Option<SecretKey>,
    /// Whether nobody knows the former one any more: the keys of all users are void then, until secrets are set anew.
    pub is_root_secret_lost: bool,
    /// What sealing costs.
    pub costs: SealingCosts,
}

/// Identities and where they are kept. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    env: Env,
    meta: Arc<Meta>,
    keyring: Keyring,
    directory: RwLock<Directory>,
    /// Held for writing by changes, for reading by who only adds sessions.
    turn: tokio::sync::RwLock<()>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Store").finish_non_exhaustive()
    }
}

/// Who else may change rows meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Nobody.
    Alone,
    /// Others that add rows.
    WithOthers,
}

impl Store {
    /// Reads all identities.
    ///
    /// # Errors
    /// Where they can't be read, or secrets are sealed under another secret key of root.
    pub(crate) async fn open(
        env: &Env,
        meta: &Arc<Meta>,
        root_secret: &str,
        options: &IamOptions,
    ) -> Result<Self, IamOpenError> {
        let keyring = open_keyring(env, meta, root_secret, options).await?;
        let reader = meta.reader(meta.map().system_partition()).await?;
        let mut directory = Directory::new();
        let mut learn = |change| directory.apply(change, &keyring);
        read_all::<Accounts>(&reader, &mut |id, row| {
            learn(with(row, |row| RowChange::Account(id, Some(row))))
        })?;
        read_all::<Policies>(&reader, &mut |name, row| {
            learn(with(row, |row| RowChange::Policy(name, Some(row))))
        })?;
        read_all::<Groups>(&reader, &mut |name, row| {
            learn(with(row, |row| RowChange::Group(name, Some(row))))
        })?;
        read_all::<Users>(&reader, &mut |name, row| {
            learn(with(row, |row| RowChange::User(name, Some(row))))
        })?;
        read_all::<AccessKeys>(&reader, &mut |key, row| {
            learn(with(row, |row| RowChange::AccessKey(key, Some(row))));
        })?;
        let inner = Inner {
            env: env.clone(),
            meta: Arc::clone(meta),
            keyring,
            directory: RwLock::new(directory),
            turn: tokio::sync::RwLock::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Asks the directory.
    pub(crate) fn read<T>(&self, ask: impl FnOnce(&Directory) -> T) -> T {
        ask(&self.inner.directory.read())
    }

    pub(crate) fn env(&self) -> &Env {
        &self.inner.env
    }

    /// Seals the secret of an access key.
    pub(crate) fn seal(&self, access_key: &str, secret: &str) -> Result<Vec<u8>, IamError> {
        Ok(self.inner.keyring.seal(access_key, secret, &*self.inner.env.random)?)
    }

    /// Decides by the directory what is to change, and changes it: in the rows, then in the directory. Runs to its end also
    /// where the caller goes away.
    ///
    /// # Errors
    /// What `decide` says; or where the rows can't be written.
    pub(crate) async fn change<T, D>(&self, turn: Turn, decide: D) -> Result<T, IamError>
    where
        T: Send + 'static,
        D: Fn(&Directory) -> Result<(Vec<RowChange>, T), IamError> + Send + Sync + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let store = self.clone();
        drop(self.inner.env.spawn.task(Box::pin(async move {
            let _ = reply.send(store.take_turn(turn, &decide).await);
        })));
        let lost = || MetaError::Unknown { partition: self.inner.meta.map().system_partition() };
        answer.await.unwrap_or_else(|_| Err(lost().into()))
    }

    async fn take_turn<T, D>(&self, turn: Turn, decide: &D) -> Result<T, IamError>
    where
        D: Fn(&Directory) -> Result<(Vec<RowChange>, T), IamError>,
    {
        match turn {
            Turn::Alone => {
                let _alone = self.inner.turn.write().await;
                self.change_now(decide).await
            }
            Turn::WithOthers => {
                let _shared = self.inner.turn.read().await;
                self.change_now(decide).await
            }
        }
    }

    async fn change_now<T, D>(&self, decide: &D) -> Result<T, IamError>
    where
        D: Fn(&Directory) -> Result<(Vec<RowChange>, T), IamError>,
    {
        for _ in 0..ATTEMPTS_MAX {
            let (versions, changes, result) = {
                let directory = self.inner.directory.read();
                let (changes, result) = decide(&directory)?;
                let versions: Vec<u64> = changes.iter().map(|change| directory.version_of(change)).collect();
                (versions, changes, result)
            };
            if changes.is_empty() {
                return Ok(result);
            }
            match self.commit(&changes, &versions).await {
                Ok(()) => return Ok(result),
                Err(MetaError::Conflict) => self.reread(&changes).await?,
                Err(error @ MetaError::Unknown { .. }) => {
                    self.reread(&changes).await?;
                    return Err(error.into());
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(MetaError::Conflict.into())
    }

    async fn commit(&self, changes: &[RowChange], versions: &[u64]) -> Result<(), MetaError> {
        let mut txn = self.inner.meta.begin(self.inner.meta.map().system_partition()).await?;
        for (change, version) in changes.iter().zip(versions) {
            expect(&mut txn, change, *version);
            write(&mut txn, change);
        }
        let committed = txn.commit().await?;
        let mut directory = self.inner.directory.write();
        for change in changes {
            let row = change.clone();
            let stored = Stored { row, version: committed.version, time: committed.time };
            directory.apply(stored, &self.inner.keyring);
        }
        Ok(())
    }

    /// Takes over what the rows hold now.
    async fn reread(&self, changes: &[RowChange]) -> Result<(), MetaError> {
        let reader = self.inner.meta.reader(self.inner.meta.map().system_partition()).await?;
        let current: Result<Vec<_>, MetaError> =
            changes.iter().map(|change| current(&reader, change)).collect();
        let current = current?;
        let mut directory = self.inner.directory.write();
        for change in current {
            directory.apply(change, &self.inner.keyring);
        }
        Ok(())
    }
}

/// The keyring of the store, sealed under the present secret key of root; a new one where there was none.
async fn open_keyring(
    env: &Env,
    meta: &Arc<Meta>,
    root_secret: &str,
    options: &IamOptions,
) -> Result<Keyring, IamOpenError> {
    let reader = meta.reader(meta.map().system_partition()).await?;
    let Some(stored) = reader.get::<KeyringTable>(&())? else {
        let keyring = Keyring::generate(&*env.random);
        // Nobody has a secret yet. A store that can only be read gets its keyring when it can be written.
        if !meta.is_read_only() {
            keep_keyring(meta, &keyring.to_record(root_secret, options.costs, &*env.random)?, 0).await?;
        }
        return Ok(keyring);
    };
    if let Ok(keyring) = Keyring::from_record(&stored.row, root_secret) {
        return Ok(keyring);
    }
    // The documented one is tried unasked: everybody knows it, and nobody remembers to have used it.
    let former = options.former_root_secret.as_ref().map(AsRef::as_ref);
    let mut formers = former.into_iter().chain([DOCUMENTED_SECRET_KEY]);
    let has_keys = !reader.scan::<AccessKeys>((Bound::Unbounded, Bound::Unbounded), 1)?.is_empty();
    let keyring = match formers.find_map(|secret| Keyring::from_record(&stored.row, secret).ok()) {
        Some(keyring) => keyring,
        None if options.is_root_secret_lost || !has_keys => Keyring::generate(&*env.random),
        None => return Err(IamOpenError::OtherRootSecret),
    };
    keep_keyring(meta, &keyring.to_record(root_secret, options.costs, &*env.random)?, stored.version).await?;
    Ok(keyring)
}

async fn keep_keyring(meta: &Arc<Meta>, record: &KeyringRecord, version: u64) -> Result<(), MetaError> {
    let mut txn = meta.begin(meta.map().system_partition()).await?;
    txn.expect::<KeyringTable>(&(), version);
    txn.put::<KeyringTable>(&(), record);
    txn.commit().await.map(drop)
}

fn with<R>(stored: Stored<R>, change: impl FnOnce(R) -> RowChange) -> Stored<RowChange> {
    Stored { row: change(stored.row), version: stored.version, time: stored.time }
}

fn read_all<T: Table>(
    reader: &Reader,
    learn: &mut dyn FnMut(T::Key, Stored<T::Row>),
) -> Result<(), MetaError> {
    let mut after: Option<Vec<u8>> = None;
    loop {
        let start = after.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let page = reader.scan::<T>((start, Bound::Unbounded), PAGE)?;
        let is_last = page.len() < PAGE;
        after = page.last().map(|(key, _)| {
            let mut bytes = Vec::new();
            T::encode_key(key, &mut bytes);
            bytes
        });
        page.into_iter().for_each(|(key, row)| learn(key, row));
        if is_last {
            return Ok(());
        }
    }
}

fn expect(txn: &mut Txn<'_>, change: &RowChange, version: u64) {
    match change {
        RowChange::Account(id, _) => txn.expect::<Accounts>(id, version),
        RowChange::User(name, _) => txn.expect::<Users>(name, version),
        RowChange::Group(name, _) => txn.expect::<Groups>(name, version),
        RowChange::Policy(name, _) => txn.expect::<Policies>(name, version),
        RowChange::AccessKey(key, _) => txn.expect::<AccessKeys>(key, version),
    }
}

fn write(txn: &mut Txn<'_>, change: &RowChange) {
    fn set<T: Table>(txn: &mut Txn<'_>, key: &T::Key, row: Option<&T::Row>) {
        match row {
            Some(row) => txn.put::<T>(key, row),
            None => txn.delete::<T>(key),
        }
    }
    match change {
        RowChange::Account(id, row) => set::<Accounts>(txn, id, row.as_ref()),
        RowChange::User(name, row) => set::<Users>(txn, name, row.as_ref()),
        RowChange::Group(name, row) => set::<Groups>(txn, name, row.as_ref()),
        RowChange::Policy(name, row) => set::<Policies>(txn, name, row.as_ref()),
        RowChange::AccessKey(key, row) => set::<AccessKeys>(txn, key, row.as_ref()),
    }
}

/// The row that a change is about, as it is.
fn current(reader: &Reader, change: &RowChange) -> Result<Stored<RowChange>, MetaError> {
    fn read<T: Table>(
        reader: &Reader,
        key: &T::Key,
        change: impl FnOnce(Option<T::Row>) -> RowChange,
    ) -> Result<Stored<RowChange>, MetaError> {
        Ok(match reader.get::<T>(key)? {
            Some(stored) => with(stored, |row| change(Some(row))),
            None => Stored { row: change(None), version: 0, time: model::time::Timestamp::ZERO },
        })
    }
    match change {
        RowChange::Account(id, _) => read::<Accounts>(reader, id, |row| RowChange::Account(*id, row)),
        RowChange::User(name, _) => read::<Users>(reader, name, |row| RowChange::User(name.clone(), row)),
        RowChange::Group(name, _) => read::<Groups>(reader, name, |row| RowChange::Group(name.clone(), row)),
        RowChange::Policy(name, _) => {
            read::<Policies>(reader, name, |row| RowChange::Policy(name.clone(), row))
        }
        RowChange::AccessKey(key, _) => {
            read::<AccessKeys>(reader, key, |row| RowChange::AccessKey(key.clone(), row))
        }
    }
}
