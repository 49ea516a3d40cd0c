//! Sessions: temporary credentials, as STS gives them out.
//!
//! Always true: a session may at most what its holder may at that moment, so that a right that is taken from the holder is
//! taken from all its sessions at once; it makes no further sessions. Of its token the store keeps a digest alone.
//!
//! Source: <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>

use std::time::Duration;

use model::identity::{AccessKeyKind, AccessKeyRecord, AccountId, KeyHolder};
use model::time::Timestamp;

use crate::access_keys::add_key;
use crate::credentials::SecretKey;
use crate::directory::{Directory, RowChange};
use crate::error::IamError;
use crate::federation::{self, Federated, SessionWish};
use crate::identity::Identity;
use crate::policy::{Policy, PolicyKind};
use crate::store::Turn;
use crate::users::new_key;
use crate::{Iam, generate};

/// Shortest session: AWS's.
pub const SESSION_TIME_MIN: Duration = Duration::from_secs(15 * 60);
/// Longest session: MinIO's, a week.
pub const SESSION_TIME_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// A session for which nothing else is said: AWS's, an hour.
pub const SESSION_TIME_DEFAULT: Duration = Duration::from_secs(60 * 60);

/// Sessions that are removed at once: what one transaction takes with room to spare.
const EXPIRED_AT_ONCE_MAX: usize = 2_000;

/// Temporary credentials: given out once.
#[derive(Clone, Debug)]
pub struct SessionCredentials {
    /// Whom a signature names.
    pub access_key: String,
    /// What a signature is made with.
    pub secret_key: SecretKey,
    /// What goes along with every request. A secret, too.
    pub session_token: SecretKey,
    /// When they end.
    pub expires: Timestamp,
}

impl Iam {
    /// Makes a session that acts as who asks, at most as far as a policy allows.
    ///
    /// # Errors
    /// [`IamError::NotOwnKey`] for who signed with temporary credentials or as a service account; where the time or the policy
    /// can't be used.
    pub async fn assume(
        &self,
        who: &Identity,
        time: Duration,
        policy: Option<String>,
    ) -> Result<SessionCredentials, IamError> {
        let Some(holder) = who.holder().filter(|_| who.key_kind() == AccessKeyKind::Own) else {
            return Err(IamError::NotOwnKey);
        };
        if !(SESSION_TIME_MIN..=SESSION_TIME_MAX).contains(&time) {
            return Err(IamError::Expiry { reason: "shorter than 15 minutes or longer than 7 days" });
        }
        let row = new_key(who.account(), holder.clone(), AccessKeyKind::Session, Timestamp::ZERO);
        self.give_out(AccessKeyRecord { policy, ..row }, time).await
    }

    /// Makes a session of somebody for whom an identity provider vouches.
    ///
    /// # Errors
    /// [`IamError::NoPolicy`] where no policy is there for them; where a session can't hold what was said of them; where the time
    /// or the policy can't be used.
    pub async fn assume_federated(
        &self,
        who: Federated,
        wish: SessionWish,
    ) -> Result<SessionCredentials, IamError> {
        federation::check_said(&who)?;
        let now = self.store.env().clock.now();
        let time = federation::session_time(wish.time, who.expires, now)?;
        let policies = self.store.read(|directory| {
            federation::session_policies(&who.policies, |name| directory.policy(who.account, name).is_some())
        })?;
        let holder = KeyHolder::Federated { provider: who.provider, subject: who.subject };
        let key = new_key(who.account, holder, AccessKeyKind::Session, Timestamp::ZERO);
        let row = AccessKeyRecord { policy: wish.policy, policies, claims: who.claims, ..key };
        self.give_out(row, time).await
    }

    async fn give_out(&self, row: AccessKeyRecord, time: Duration) -> Result<SessionCredentials, IamError> {
        if let Some(text) = &row.policy {
            Policy::parse(text, PolicyKind::Session)?;
        }
        let (now, random) = (self.store.env().clock.now(), &*self.store.env().random);
        let (access_key, secret) = (generate::session_access_key(random), generate::secret_key(random));
        let token = generate::session_token(random);
        let expires = Timestamp::from_millis(now.millis() + time.as_millis() as u64);
        let row = AccessKeyRecord {
            sealed_secret: self.store.seal(&access_key, &secret)?,
            created: now,
            expires: Some(expires),
            token_sha256: Some(sha256(&token)),
            ..row
        };
        let key = access_key.clone();
        self.store.change(Turn::WithOthers, move |directory| add_key(directory, &key, &row)).await?;
        let (secret_key, session_token) = (SecretKey::new(&secret), SecretKey::new(&token));
        Ok(SessionCredentials { access_key, secret_key, session_token, expires })
    }

    /// Ends all sessions of a holder; how many.
    ///
    /// # Errors
    /// Where the rows can't be written.
    pub async fn revoke_sessions(&self, account: AccountId, holder: &KeyHolder) -> Result<usize, IamError> {
        let holder = holder.clone();
        let mut ended = 0;
        loop {
            let holder = holder.clone();
            let decide = move |directory: &Directory| {
                let keys = directory.keys_of(account, &holder);
                let sessions = keys.filter(|(_, stored)| stored.row.kind == AccessKeyKind::Session);
                let gone: Vec<_> = sessions.take(EXPIRED_AT_ONCE_MAX).map(|(key, _)| removed(key)).collect();
                let count = gone.len();
                Ok((gone, count))
            };
            match self.store.change(Turn::Alone, decide).await? {
                0 => return Ok(ended),
                count => ended += count,
            }
        }
    }

    /// Removes sessions whose time is over; how many. They had ended before: this gives their room back.
    ///
    /// # Errors
    /// Where the rows can't be written.
    pub async fn remove_expired_sessions(&self, now: Timestamp) -> Result<usize, IamError> {
        let is_over = move |row: &AccessKeyRecord| {
            row.kind == AccessKeyKind::Session && row.expires.is_some_and(|expires| expires <= now)
        };
        let any = self.store.read(|directory| directory.keys().any(|(_, stored)| is_over(&stored.row)));
        if !any {
            return Ok(0);
        }
        let decide = move |directory: &Directory| {
            let over = directory.keys().filter(|(_, stored)| is_over(&stored.row));
            let gone: Vec<_> = over.take(EXPIRED_AT_ONCE_MAX).map(|(key, _)| removed(key)).collect();
            let count = gone.len();
            Ok((gone, count))
        };
        self.store.change(Turn::Alone, decide).await
    }
}

fn removed(key: &str) -> RowChange {
    RowChange::AccessKey(key.to_owned(), None)
}

fn sha256(token: &str) -> [u8; 32] {
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, token.as_bytes()).as_ref());
    sha256
}
