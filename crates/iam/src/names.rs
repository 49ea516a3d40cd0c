//! What names and keys may look like.

use model::limits::{
    ACCESS_KEY_BYTES_MAX, ACCESS_KEY_BYTES_MIN, IDENTITY_NAME_BYTES_MAX, SECRET_KEY_BYTES_MAX,
    SECRET_KEY_BYTES_MIN,
};

use crate::error::{IamError, IdentityKind};

/// What is wrong with an access key; none if nothing is.
#[must_use]
pub fn access_key_fault(key: &str) -> Option<&'static str> {
    // It stands between slashes and commas in a signature's header.
    let fits = |byte: u8| byte.is_ascii_graphic() && !b"/,=".contains(&byte);
    if key.len() < ACCESS_KEY_BYTES_MIN {
        Some("is too short: an access key has at least 3 characters")
    } else if key.len() > ACCESS_KEY_BYTES_MAX || !key.bytes().all(fits) {
        Some(
            "can't be an access key: at most 128 letters, digits and signs, without `/`, `,`, `=` and spaces",
        )
    } else {
        None
    }
}

/// What is wrong with a secret key; none if nothing is.
#[must_use]
pub fn secret_key_fault(key: &str) -> Option<&'static str> {
    if key.chars().count() < SECRET_KEY_BYTES_MIN {
        Some("is too short: a secret key has at least 8 characters")
    } else if key.len() > SECRET_KEY_BYTES_MAX || key.chars().any(char::is_control) {
        Some("can't be a secret key: at most 128 bytes, without line breaks")
    } else {
        None
    }
}

pub(crate) fn check_access_key(kind: IdentityKind, key: &str) -> Result<(), IamError> {
    refuse(kind, key, access_key_fault(key))
}

pub(crate) fn check_secret_key(key: &str) -> Result<(), IamError> {
    secret_key_fault(key).map_or(Ok(()), |reason| Err(IamError::SecretKey { reason }))
}

/// Checks the name of a group or policy. Lists of policies are written with commas.
pub(crate) fn check_name(kind: IdentityKind, name: &str) -> Result<(), IamError> {
    let is_list = kind == IdentityKind::Policy && name.contains(',');
    let fault = if name.is_empty() || name.trim() != name {
        Some("it is empty, or begins or ends with a space")
    } else if name.len() > IDENTITY_NAME_BYTES_MAX {
        Some("it is longer than 512 bytes")
    } else if name.chars().any(char::is_control) || is_list {
        Some("it has a control character, or is a policy's and has a comma")
    } else {
        None
    };
    refuse(kind, name, fault)
}

fn refuse(kind: IdentityKind, name: &str, fault: Option<&'static str>) -> Result<(), IamError> {
    fault.map_or(Ok(()), |reason| Err(IamError::Name { kind, name: name.to_owned(), reason }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_apart_from_what_can_be_none() {
        for key in ["bob", "AKIAIOSFODNN7EXAMPLE", "a@b.example", "x:y|z"] {
            assert_eq!(access_key_fault(key), None, "{key}");
        }
        for key in ["", "ab", "a/b", "a,b", "a=b", "a b", "ümlaut", &"x".repeat(129)] {
            assert!(access_key_fault(key).is_some(), "{key}");
        }
        assert_eq!(secret_key_fault("12345678"), None);
        for secret in ["1234567", "12345678\n", &"x".repeat(129)] {
            assert!(secret_key_fault(secret).is_some(), "{secret}");
        }
    }

    #[test]
    fn names_of_directories_are_taken() {
        let dn = "cn=Project A,ou=groups,dc=example,dc=org";
        assert!(check_name(IdentityKind::Group, dn).is_ok());
        for name in ["", " x", "x ", "a\nb", &"x".repeat(513)] {
            assert!(check_name(IdentityKind::Group, name).is_err(), "{name:?}");
        }
        assert!(check_name(IdentityKind::Policy, "a,b").is_err());
    }
}
