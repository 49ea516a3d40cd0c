//! The tables of identities, in the system partition. Drawn in `docs/formats/tables.md`.

use meta::table::{Stored, Table};
use model::identity::{
    AccessKeyRecord, AccountId, AccountRecord, GroupRecord, KeyringRecord, PolicyRecord, UserRecord,
};

/// A name in an account.
pub(crate) type Name = (AccountId, String);

fn encode_name((account, name): &Name, out: &mut Vec<u8>) {
    out.extend_from_slice(&account.number().to_be_bytes());
    out.extend_from_slice(name.as_bytes());
}

fn decode_account(bytes: &[u8; 8]) -> Option<AccountId> {
    AccountId::new(u64::from_be_bytes(*bytes))
}

fn decode_name(bytes: &[u8]) -> Option<Name> {
    let (account, name) = bytes.split_first_chunk::<8>()?;
    Some((decode_account(account)?, String::from_utf8(name.to_vec()).ok()?))
}

/// Declares a table whose keys are names in accounts.
macro_rules! table_of_names {
    ($(#[$doc:meta])* $table:ident, $id:literal, $name:literal, $row:ty) => {
        $(#[$doc])*
        pub(crate) struct $table;

        impl Table for $table {
            const ID: u8 = $id;
            const NAME: &'static str = $name;
            type Key = Name;
            type Row = $row;

            fn encode_key(key: &Name, out: &mut Vec<u8>) {
                encode_name(key, out);
            }

            fn decode_key(bytes: &[u8]) -> Option<Name> {
                decode_name(bytes)
            }
        }
    };
}

table_of_names!(
    /// Users by account and name.
    Users, 3, "users", UserRecord
);
table_of_names!(
    /// Groups by account and name.
    Groups, 4, "groups", GroupRecord
);
table_of_names!(
    /// Managed policies by account and name.
    Policies, 5, "policies", PolicyRecord
);

/// Accounts by number.
pub(crate) struct Accounts;

impl Table for Accounts {
    const ID: u8 = 2;
    const NAME: &'static str = "accounts";
    type Key = AccountId;
    type Row = AccountRecord;

    fn encode_key(key: &AccountId, out: &mut Vec<u8>) {
        out.extend_from_slice(&key.number().to_be_bytes());
    }

    fn decode_key(bytes: &[u8]) -> Option<AccountId> {
        decode_account(bytes.try_into().ok()?)
    }
}

/// Access keys by themselves.
pub(crate) struct AccessKeys;

impl Table for AccessKeys {
    const ID: u8 = 6;
    const NAME: &'static str = "access keys";
    type Key = String;
    type Row = AccessKeyRecord;

    fn encode_key(key: &String, out: &mut Vec<u8>) {
        out.extend_from_slice(key.as_bytes());
    }

    fn decode_key(bytes: &[u8]) -> Option<String> {
        String::from_utf8(bytes.to_vec()).ok()
    }
}

/// The keyring: one row.
pub(crate) struct Keyring;

impl Table for Keyring {
    const ID: u8 = 7;
    const NAME: &'static str = "keyring";
    type Key = ();
    type Row = KeyringRecord;

    fn encode_key((): &(), _out: &mut Vec<u8>) {}

    fn decode_key(bytes: &[u8]) -> Option<()> {
        bytes.is_empty().then_some(())
    }
}

/// Whether a row is one of a table of identities, for whoever checks a drive: `None` for other tables, else the table's name
/// and what is wrong with the row.
#[must_use]
pub fn check_row(table: u8, key: &[u8], value: &[u8]) -> Option<(&'static str, Result<(), String>)> {
    fn check<T: Table>(key: &[u8], value: &[u8]) -> (&'static str, Result<(), String>) {
        let row = match T::decode_key(key) {
            None => Err("its key is none of this table".to_owned()),
            Some(_) => Stored::<T::Row>::decode(value).map(drop).map_err(|error| error.to_string()),
        };
        (T::NAME, row)
    }
    Some(match table {
        Accounts::ID => check::<Accounts>(key, value),
        Users::ID => check::<Users>(key, value),
        Groups::ID => check::<Groups>(key, value),
        Policies::ID => check::<Policies>(key, value),
        AccessKeys::ID => check::<AccessKeys>(key, value),
        Keyring::ID => check::<Keyring>(key, value),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip<T: Table>(key: &T::Key) -> Option<T::Key> {
        let mut out = Vec::new();
        T::encode_key(key, &mut out);
        T::decode_key(&out)
    }

    proptest! {
        #[test]
        fn keys_come_back(account in 0..=AccountId::MAX, name: String) {
            let account = AccountId::new(account).unwrap();
            prop_assert_eq!(round_trip::<Users>(&(account, name.clone())), Some((account, name.clone())));
            prop_assert_eq!(round_trip::<AccessKeys>(&name.clone()), Some(name));
            prop_assert_eq!(round_trip::<Accounts>(&account), Some(account));
        }
    }

    #[test]
    fn a_row_is_checked_by_its_table() {
        let row = PolicyRecord { created: model::time::Timestamp::ZERO, text: "{}".into() };
        let header = meta::table::RowHeader { version: 1, time: model::time::Timestamp::ZERO };
        let value = [&header.encode()[..], &model::record::Record::encode(&row)].concat();
        let mut key = Vec::new();
        Policies::encode_key(&(AccountId::ROOT, "p".into()), &mut key);
        assert_eq!(check_row(Policies::ID, &key, &value), Some(("policies", Ok(()))));
        assert!(check_row(Policies::ID, b"short", &value).unwrap().1.is_err());
        assert!(check_row(Users::ID, &key, &value[..20]).unwrap().1.is_err());
        assert_eq!(check_row(1, &key, &value), None, "buckets are not of identities");
    }

    #[test]
    fn the_keyring_is_one_row() {
        assert_eq!(round_trip::<Keyring>(&()), Some(()));
        assert_eq!(Keyring::decode_key(b"x"), None);
    }
}
