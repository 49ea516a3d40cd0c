//! Sealed bodies of the admin API. Input: a byte for the algorithm, one that tells what is changed and where, then what is sealed.
//!
//! The key is at hand: deriving one takes longer than a thousand inputs, and reads nothing but the salt.

use admin::wire::{Algorithm, PAYLOAD_BYTES_MAX, PayloadError, PayloadKey, SealedPayload, seal_with};

const HEAD_BYTES: usize = 41;
/// Of a whole fragment: its content and its tag.
const FRAGMENT_BYTES: usize = (16 << 10) + 16;

/// See the module.
pub fn run(data: &[u8]) {
    let key =
        |algorithm| PayloadKey::from_bytes(algorithm, &[7; 32]).unwrap_or_else(|error| panic!("{error}"));
    if let Ok(payload) = SealedPayload::parse(data) {
        // Nobody has the key: what opens was forged.
        assert_eq!(payload.open(&key(payload.algorithm())), Err(PayloadError::NotAuthentic));
    }
    let [algorithm, change, at, bit, plain @ ..] = data else { return };
    let Ok(algorithm) = Algorithm::from_byte(algorithm % 3) else { return };
    let key = key(algorithm);
    // Short inputs stand for long bodies too: a body of several fragments is sealed now and then.
    let repeat = if change & 0x80 == 0 { 1 } else { 50_000_usize.div_ceil(plain.len().max(1)).min(50_000) };
    let plain = plain.repeat(repeat);
    let Ok(sealed) = seal_with(&key, algorithm, &[1; 32], [*at; 8], &plain) else { return };
    let opened = SealedPayload::parse(&sealed).and_then(|payload| payload.open(&key));
    match opened {
        Ok(opened) => assert!(opened == plain, "it opens to something else"),
        Err(error) => assert!(plain.len() > PAYLOAD_BYTES_MAX, "it does not open: {error}"),
    }
    let changed = changed(sealed, *change & 0x7f, usize::from(*at), *bit);
    let opened = SealedPayload::parse(&changed).and_then(|payload| payload.open(&key));
    assert!(opened.is_err(), "it opens though it was changed");
}

/// The body with one thing different that the key covers.
fn changed(mut sealed: Vec<u8>, change: u8, at: usize, bit: u8) -> Vec<u8> {
    let covered = sealed.len() - HEAD_BYTES;
    let place = HEAD_BYTES + (at * 64 + usize::from(bit)) % covered;
    match change % 4 {
        0 => sealed[place] ^= 1 << (bit % 8),
        1 => sealed.truncate(place),
        2 => sealed.push(bit),
        _ if covered > FRAGMENT_BYTES => {
            sealed.drain(HEAD_BYTES..HEAD_BYTES + FRAGMENT_BYTES);
        }
        _ => sealed[HEAD_BYTES - 1] ^= 1,
    }
    sealed
}
