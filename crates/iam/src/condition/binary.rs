//! Values of `BinaryEquals`: bytes in base 64. Always true: one that is not canonical is none.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub(crate) fn decode(text: &str) -> Option<Box<[u8]>> {
    STANDARD.decode(text).ok().map(Vec::into_boxed_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_from_base_64() {
        assert_eq!(decode("QmluYXJ5VmFsdWVJbkJhc2U2NA==").unwrap().as_ref(), b"BinaryValueInBase64");
        assert!(["!", "QQ", "QQ=", "QR=="].iter().all(|wrong| decode(wrong).is_none()));
    }
}
