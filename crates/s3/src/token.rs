//! Continuation tokens: where a listing goes on, opaque to clients.
//!
//! The form is base64 (URL alphabet, no padding) of `R`, a version, a kind and the text. Tokens do not outlive a page by
//! much, but one of an older server must not be misread: hence the version.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use object::ListFrom;

use crate::error::S3Error;

const HEAD: [u8; 2] = [b'R', 1];
const AFTER_KEY: u8 = 0;
const AFTER_PREFIX: u8 = 1;

/// The token of a position; none for the beginning.
pub(crate) fn encode(from: &ListFrom) -> Option<String> {
    let (kind, text) = match from {
        ListFrom::Start => return None,
        ListFrom::After(key) => (AFTER_KEY, key),
        ListFrom::AfterPrefix(prefix) => (AFTER_PREFIX, prefix),
    };
    let mut bytes = Vec::with_capacity(3 + text.len());
    bytes.extend_from_slice(&HEAD);
    bytes.push(kind);
    bytes.extend_from_slice(text.as_bytes());
    Some(URL_SAFE_NO_PAD.encode(bytes))
}

/// The position of a token.
///
/// # Errors
/// `InvalidArgument` for what no listing has given out.
pub(crate) fn decode(token: &str) -> Result<ListFrom, S3Error> {
    let wrong =
        || S3Error::argument("The continuation token provided is incorrect", "continuation-token", token);
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| wrong())?;
    let (kind, text) = bytes.strip_prefix(&HEAD).and_then(<[u8]>::split_first).ok_or_else(wrong)?;
    let text = String::from_utf8(text.to_vec()).map_err(|_| wrong())?;
    match *kind {
        AFTER_KEY => Ok(ListFrom::After(text)),
        AFTER_PREFIX => Ok(ListFrom::AfterPrefix(text)),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::ErrorCode;

    #[test]
    fn what_nobody_gave_out_is_refused() {
        for wrong in ["", "a", "key", "!!!!", "UgEC", "UgEA_w", "UgIAYQ"] {
            let error = decode(wrong).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidArgument, "{wrong}");
            assert_eq!(error.message, "The continuation token provided is incorrect");
        }
        assert_eq!(encode(&ListFrom::Start), None);
    }

    proptest! {
        #[test]
        fn a_token_leads_back_to_its_position(key in any::<String>()) {
            for from in [ListFrom::After(key.clone()), ListFrom::AfterPrefix(key)] {
                let token = encode(&from).unwrap();
                prop_assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
                prop_assert_eq!(decode(&token), Ok(from));
            }
        }
    }
}
