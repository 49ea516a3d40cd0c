//! The stream of fragments of a payload (secure-io/sio-go): 16 KiB each, the last one shorter or as long, each sealed by itself.
//!
//! The nonce of a fragment is the payload's 8 bytes and the fragment's number, little-endian, from 1. What is authenticated
//! with each is a byte, 0x80 for the last one and else 0, and the tag of nothing sealed under number 0. So a fragment that is
//! moved, left out or put behind the last one does not open, and neither does a stream that was cut off.

use ring::aead::{Aad, MAX_TAG_LEN, NONCE_LEN, Nonce};

use super::{PayloadError, PayloadKey};

/// Bytes of what is sealed in one fragment, but for the last.
pub(super) const FRAGMENT_BYTES: usize = 16 << 10;
/// Bytes that a fragment is longer by than what is sealed in it.
pub(super) const TAG_BYTES: usize = MAX_TAG_LEN;
/// Bytes of the nonce that a payload bears.
pub(super) const NONCE_BYTES: usize = NONCE_LEN - 4;

const LAST: u8 = 0x80;

/// What all fragments of a payload share.
struct Sequence<'k> {
    key: &'k PayloadKey,
    nonce: [u8; NONCE_BYTES],
    /// The byte that tells the last fragment, and the tag of the beginning.
    associated: [u8; 1 + TAG_BYTES],
}

impl<'k> Sequence<'k> {
    fn begin(key: &'k PayloadKey, nonce: [u8; NONCE_BYTES]) -> Result<Self, PayloadError> {
        let mut sequence = Self { key, nonce, associated: [0; 1 + TAG_BYTES] };
        let (begin, mut nothing) = (sequence.nonce_of(0), []);
        let tag = key.aead().seal_in_place_separate_tag(begin, Aad::empty(), &mut nothing);
        let tag = tag.map_err(|_| PayloadError::NotAuthentic)?;
        sequence.associated[1..].copy_from_slice(tag.as_ref());
        Ok(sequence)
    }

    fn nonce_of(&self, number: u32) -> Nonce {
        let mut bytes = [0; NONCE_LEN];
        bytes[..NONCE_BYTES].copy_from_slice(&self.nonce);
        bytes[NONCE_BYTES..].copy_from_slice(&number.to_le_bytes());
        Nonce::assume_unique_for_key(bytes)
    }

    fn associated(&self, is_last: bool) -> Aad<[u8; 1 + TAG_BYTES]> {
        let mut associated = self.associated;
        associated[0] = if is_last { LAST } else { 0 };
        Aad::from(associated)
    }
}

/// Opens a whole stream.
pub(super) fn open(
    key: &PayloadKey,
    nonce: [u8; NONCE_BYTES],
    sealed: &[u8],
) -> Result<Vec<u8>, PayloadError> {
    let sequence = Sequence::begin(key, nonce)?;
    let count = sealed.len().div_ceil(FRAGMENT_BYTES + TAG_BYTES);
    let mut plain = Vec::with_capacity(sealed.len());
    for (fragment, number) in sealed.chunks(FRAGMENT_BYTES + TAG_BYTES).zip(1_u32..) {
        let is_last = usize::try_from(number).is_ok_and(|number| number == count);
        let mut buffer = fragment.to_vec();
        let opened =
            key.aead().open_in_place(sequence.nonce_of(number), sequence.associated(is_last), &mut buffer);
        plain.extend_from_slice(opened.map_err(|_| PayloadError::NotAuthentic)?);
    }
    // Even nothing is sealed in a fragment.
    if count == 0 { Err(PayloadError::NotAuthentic) } else { Ok(plain) }
}

/// Seals a whole stream and writes it behind what is in `out`.
pub(super) fn seal(
    key: &PayloadKey,
    nonce: [u8; NONCE_BYTES],
    plain: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), PayloadError> {
    let sequence = Sequence::begin(key, nonce)?;
    let count = plain.len().div_ceil(FRAGMENT_BYTES).max(1);
    let fragments = plain.chunks(FRAGMENT_BYTES).chain(plain.is_empty().then_some(plain));
    for (fragment, number) in fragments.zip(1_u32..) {
        let is_last = usize::try_from(number).is_ok_and(|number| number == count);
        let at = out.len();
        out.extend_from_slice(fragment);
        let tag = sequence.key.aead().seal_in_place_separate_tag(
            sequence.nonce_of(number),
            sequence.associated(is_last),
            &mut out[at..],
        );
        out.extend_from_slice(tag.map_err(|_| PayloadError::NotAuthentic)?.as_ref());
    }
    Ok(())
}
