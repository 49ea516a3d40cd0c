//! Identities: accounts, users, groups, policies and access keys, as rows of the system partition.
//!
//! Always true: no row holds a secret that can be read without the store's keyring; the keyring's key is itself sealed under
//! root's secret key. Names are of an account; access keys are of the whole store, since a signature names nothing else.

use std::fmt;

use crate::record::{Decoder, Encoder, NoPrevious, Record, RecordError};
use crate::time::Timestamp;

/// An account (tenant), by its number of at most twelve digits. Root's is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(u64);

impl AccountId {
    /// The account that owns the store.
    pub const ROOT: AccountId = AccountId(0);
    /// The largest number that twelve digits write.
    pub const MAX: u64 = 999_999_999_999;

    /// From a number; none if it has more than twelve digits.
    #[must_use]
    pub const fn new(number: u64) -> Option<Self> {
        if number <= Self::MAX { Some(AccountId(number)) } else { None }
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012}", self.0)
    }
}

/// An account. Root's has a row only where something of it was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRecord {
    /// What operators call it.
    pub name: String,
    /// 64 hexadecimal digits.
    pub canonical_id: String,
    /// When it was made.
    pub created: Timestamp,
    /// Whether its keys work.
    pub is_enabled: bool,
    /// What its buckets may hold together, in bytes; none for no limit.
    pub quota_bytes: Option<u64>,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRecord {
    /// Unique for ever, also where a user of the same name is made later: `AIDA` and 17 letters or digits.
    pub id: String,
    /// When it was made.
    pub created: Timestamp,
    /// Whether its keys work.
    pub is_enabled: bool,
    /// Groups it is a member of, in order.
    pub groups: Vec<String>,
    /// Policies attached to it, in order.
    pub policies: Vec<String>,
}

/// A group. Who is a member stands with the users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRecord {
    /// When it was made.
    pub created: Timestamp,
    /// Whether its policies count.
    pub is_enabled: bool,
    /// Policies attached to it, in order.
    pub policies: Vec<String>,
}

/// A managed policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyRecord {
    /// When it was made.
    pub created: Timestamp,
    /// What was set, to the byte.
    pub text: String,
}

/// Whom an access key belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyHolder {
    /// The owner of the account.
    Owner,
    /// A user of the account.
    User(String),
    /// Whom an identity provider vouches for.
    Federated {
        /// The provider, as policies name it.
        provider: String,
        /// Who it is there: a subject, a distinguished name.
        subject: String,
    },
}

/// What kind of access key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum AccessKeyKind {
    /// The holder's own.
    Own = 0,
    /// Handed out by the holder, with a policy of its own or none.
    Service = 1,
    /// Temporary, with a session token.
    Session = 2,
}

/// An access key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessKeyRecord {
    /// The account.
    pub account: AccountId,
    /// Whose it is.
    pub holder: KeyHolder,
    /// The id of the user who holds it, empty for other holders: a later user of the same name has another one.
    pub holder_id: String,
    /// What kind it is.
    pub kind: AccessKeyKind,
    /// The secret key, sealed under the keyring.
    pub sealed_secret: Vec<u8>,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends; none for never.
    pub expires: Option<Timestamp>,
    /// Whether it works.
    pub is_enabled: bool,
    /// What its holder calls it.
    pub name: String,
    /// What its holder says of it.
    pub description: String,
    /// The policy that limits it.
    pub policy: Option<String>,
    /// SHA-256 of the session token; of sessions alone.
    pub token_sha256: Option<[u8; 32]>,
    /// Managed policies that a federated session has.
    pub policies: Vec<String>,
    /// What the identity provider said, by the names that policies use (`jwt:sub`).
    pub claims: Vec<(String, Vec<String>)>,
}

/// The key that secrets are sealed under, sealed itself under root's secret key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyringRecord {
    /// For Argon2id.
    pub salt: [u8; 16],
    /// Memory of Argon2id in KiB.
    pub memory_kib: u32,
    /// Passes of Argon2id.
    pub passes: u32,
    /// The keyring's key, sealed.
    pub sealed_key: Vec<u8>,
}

macro_rules! first_version {
    ($record:ty, $name:literal) => {
        impl Record for $record {
            const NAME: &'static str = $name;
            const VERSION: u8 = 1;
            type Previous = NoPrevious;

            fn upgrade(previous: NoPrevious) -> Self {
                match previous {}
            }

            fn encode_fields(&self, out: &mut Encoder) {
                self.encode_parts(out);
            }

            fn decode_fields(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
                Self::decode_parts(input)
            }
        }
    };
}

first_version!(AccountRecord, "account");
first_version!(UserRecord, "user");
first_version!(GroupRecord, "group");
first_version!(PolicyRecord, "policy");
first_version!(AccessKeyRecord, "access key");
first_version!(KeyringRecord, "keyring");

fn texts(out: &mut Encoder, texts: &[String]) {
    out.varint(texts.len() as u64);
    texts.iter().for_each(|text| out.text(text));
}

fn read_texts(input: &mut Decoder<'_>) -> Result<Vec<String>, RecordError> {
    (0..input.count()?).map(|_| input.text()).collect()
}

fn flag(input: &mut Decoder<'_>, field: &'static str) -> Result<bool, RecordError> {
    match input.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(input.impossible(field)),
    }
}

fn time(input: &mut Decoder<'_>) -> Result<Timestamp, RecordError> {
    input.varint().map(Timestamp::from_millis)
}

impl AccountRecord {
    fn encode_parts(&self, out: &mut Encoder) {
        out.text(&self.name);
        out.text(&self.canonical_id);
        out.varint(self.created.millis());
        out.u8(u8::from(self.is_enabled));
        out.u8(u8::from(self.quota_bytes.is_some()));
        self.quota_bytes.into_iter().for_each(|bytes| out.varint(bytes));
    }

    fn decode_parts(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        Ok(Self {
            name: input.text()?,
            canonical_id: input.text()?,
            created: time(input)?,
            is_enabled: flag(input, "state")?,
            quota_bytes: flag(input, "presence")?.then(|| input.varint()).transpose()?,
        })
    }
}

impl UserRecord {
    fn encode_parts(&self, out: &mut Encoder) {
        out.text(&self.id);
        out.varint(self.created.millis());
        out.u8(u8::from(self.is_enabled));
        texts(out, &self.groups);
        texts(out, &self.policies);
    }

    fn decode_parts(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        Ok(Self {
            id: input.text()?,
            created: time(input)?,
            is_enabled: flag(input, "state")?,
            groups: read_texts(input)?,
            policies: read_texts(input)?,
        })
    }
}

impl GroupRecord {
    fn encode_parts(&self, out: &mut Encoder) {
        out.varint(self.created.millis());
        out.u8(u8::from(self.is_enabled));
        texts(out, &self.policies);
    }

    fn decode_parts(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        let (created, is_enabled) = (time(input)?, flag(input, "state")?);
        Ok(Self { created, is_enabled, policies: read_texts(input)? })
    }
}

impl PolicyRecord {
    fn encode_parts(&self, out: &mut Encoder) {
        out.varint(self.created.millis());
        out.text(&self.text);
    }

    fn decode_parts(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        Ok(Self { created: time(input)?, text: input.text()? })
    }
}

impl KeyHolder {
    fn encode(&self, out: &mut Encoder) {
        match self {
            Self::Owner => out.u8(0),
            Self::User(name) => {
                out.u8(1);
                out.text(name);
            }
            Self::Federated { provider, subject } => {
                out.u8(2);
                out.text(provider);
                out.text(subject);
            }
        }
    }

    fn decode(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        match input.u8()? {
            0 => Ok(Self::Owner),
            1 => input.text().map(Self::User),
            2 => Ok(Self::Federated { provider: input.text()?, subject: input.text()? }),
            _ => Err(input.impossible("holder")),
        }
    }
}

impl AccessKeyRecord {
    fn encode_parts(&self, out: &mut Encoder) {
        out.varint(self.account.number());
        self.holder.encode(out);
        out.text(&self.holder_id);
        out.u8(self.kind as u8);
        out.bytes(&self.sealed_secret);
        out.varint(self.created.millis());
        out.varint(self.expires.unwrap_or_default().millis());
        out.u8(u8::from(self.is_enabled));
        out.text(&self.name);
        out.text(&self.description);
        out.optional_text(self.policy.as_deref());
        out.bytes(self.token_sha256.as_ref().map_or(&[], |sha256| &sha256[..]));
        texts(out, &self.policies);
        out.varint(self.claims.len() as u64);
        for (claim, values) in &self.claims {
            out.text(claim);
            texts(out, values);
        }
    }

    fn decode_parts(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        Ok(Self {
            account: AccountId::new(input.varint()?).ok_or_else(|| input.impossible("account"))?,
            holder: KeyHolder::decode(input)?,
            holder_id: input.text()?,
            kind: match input.u8()? {
                0 => AccessKeyKind::Own,
                1 => AccessKeyKind::Service,
                2 => AccessKeyKind::Session,
                _ => return Err(input.impossible("kind")),
            },
            sealed_secret: input.bytes()?.to_vec(),
            created: time(input)?,
            expires: Some(time(input)?).filter(|expires| *expires != Timestamp::ZERO),
            is_enabled: flag(input, "state")?,
            name: input.text()?,
            description: input.text()?,
            policy: input.optional_text()?,
            token_sha256: decode_sha256(input)?,
            policies: read_texts(input)?,
            claims: decode_claims(input)?,
        })
    }
}

fn decode_sha256(input: &mut Decoder<'_>) -> Result<Option<[u8; 32]>, RecordError> {
    match input.bytes()? {
        [] => Ok(None),
        bytes => bytes.try_into().map(Some).map_err(|_| input.impossible("digest")),
    }
}

fn decode_claims(input: &mut Decoder<'_>) -> Result<Vec<(String, Vec<String>)>, RecordError> {
    (0..input.count()?).map(|_| Ok((input.text()?, read_texts(input)?))).collect()
}

impl KeyringRecord {
    fn encode_parts(&self, out: &mut Encoder) {
        out.fixed(&self.salt);
        out.varint(u64::from(self.memory_kib));
        out.varint(u64::from(self.passes));
        out.bytes(&self.sealed_key);
    }

    fn decode_parts(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        Ok(Self {
            salt: input.fixed()?,
            memory_kib: input.number("memory")?,
            passes: input.number("passes")?,
            sealed_key: input.bytes()?.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names() -> impl Strategy<Value = Vec<String>> {
        proptest::collection::vec(any::<String>(), 0..4)
    }

    fn holder() -> impl Strategy<Value = KeyHolder> {
        prop_oneof![
            Just(KeyHolder::Owner),
            any::<String>().prop_map(KeyHolder::User),
            any::<(String, String)>()
                .prop_map(|(provider, subject)| KeyHolder::Federated { provider, subject }),
        ]
    }

    prop_compose! {
        fn access_key()(
            (account, holder, kind) in (0..=AccountId::MAX, holder(), 0u8..3),
            (sealed_secret, created, expires) in any::<(Vec<u8>, u64, Option<u64>)>(),
            (is_enabled, holder_id, name, description) in any::<(bool, String, String, String)>(),
            (policy, token_sha256) in any::<(Option<String>, Option<[u8; 32]>)>(),
            policies in names(),
            claims in proptest::collection::vec((any::<String>(), names()), 0..3),
        ) -> AccessKeyRecord {
            let kinds = [AccessKeyKind::Own, AccessKeyKind::Service, AccessKeyKind::Session];
            AccessKeyRecord {
                account: AccountId::new(account).unwrap(),
                holder,
                holder_id,
                kind: kinds[usize::from(kind)],
                sealed_secret,
                created: Timestamp::from_millis(created),
                expires: expires.filter(|millis| *millis > 0).map(Timestamp::from_millis),
                is_enabled,
                name,
                description,
                policy,
                token_sha256,
                policies,
                claims,
            }
        }
    }

    proptest! {
        #[test]
        fn an_access_key_comes_back(key in access_key()) {
            prop_assert_eq!(AccessKeyRecord::decode(&key.encode()), Ok(key));
        }

        #[test]
        fn users_groups_and_policies_come_back(
            id: String, created: u64, is_enabled: bool, groups in names(), policies in names(), text: String,
        ) {
            let created = Timestamp::from_millis(created);
            let user = UserRecord { id, created, is_enabled, groups, policies: policies.clone() };
            prop_assert_eq!(UserRecord::decode(&user.encode()), Ok(user));
            let group = GroupRecord { created, is_enabled, policies };
            prop_assert_eq!(GroupRecord::decode(&group.encode()), Ok(group));
            let policy = PolicyRecord { created, text };
            prop_assert_eq!(PolicyRecord::decode(&policy.encode()), Ok(policy));
        }

        #[test]
        fn accounts_and_keyrings_come_back(
            name: String, created: u64, is_enabled: bool, quota_bytes: Option<u64>,
            salt: [u8; 16], memory_kib: u32, passes: u32, sealed_key: Vec<u8>,
        ) {
            let created = Timestamp::from_millis(created);
            let canonical_id = "a".repeat(64);
            let account = AccountRecord { name, canonical_id, created, is_enabled, quota_bytes };
            prop_assert_eq!(AccountRecord::decode(&account.encode()), Ok(account));
            let keyring = KeyringRecord { salt, memory_kib, passes, sealed_key };
            prop_assert_eq!(KeyringRecord::decode(&keyring.encode()), Ok(keyring));
        }
    }

    #[test]
    fn a_number_of_an_account_has_twelve_digits() {
        assert_eq!(AccountId::ROOT.to_string(), "000000000000");
        assert_eq!(AccountId::new(123_456_789_012).unwrap().to_string(), "123456789012");
        assert_eq!(AccountId::new(1_000_000_000_000), None);
    }

    #[test]
    fn every_cut_is_an_error() {
        let key = AccessKeyRecord {
            account: AccountId::ROOT,
            holder: KeyHolder::User("bob".into()),
            holder_id: "AIDA1".into(),
            kind: AccessKeyKind::Session,
            sealed_secret: vec![1; 40],
            created: Timestamp::from_millis(1),
            expires: Some(Timestamp::from_millis(2)),
            is_enabled: true,
            name: "n".into(),
            description: "d".into(),
            policy: Some("{}".into()),
            token_sha256: Some([7; 32]),
            policies: vec!["readonly".into()],
            claims: vec![("jwt:sub".into(), vec!["x".into()])],
        };
        let bytes = key.encode();
        for cut in 0..bytes.len() {
            assert!(AccessKeyRecord::decode(&bytes[..cut]).is_err(), "cut at {cut}");
        }
    }
}
