//! Which keys a leaf surely does not hold: a Bloom filter (Bloom 1970; two hashes for all bits, Kirsch and Mitzenmacher
//! 2006). Ten bits a key let about one key in a hundred through that is not there.

use xxhash_rust::xxh3::xxh3_64;

const BITS_PER_KEY: usize = 10;
const PROBES: u64 = 7;

/// What a key is looked for by.
pub(super) fn hash(key: &[u8]) -> u64 {
    xxh3_64(key)
}

/// The filter of keys with these hashes.
pub(super) fn build(hashes: &[u64]) -> Vec<u8> {
    let mut bits = vec![0u8; (hashes.len() * BITS_PER_KEY).div_ceil(8)];
    let len = bits.len() as u64 * 8;
    for hash in hashes {
        for bit in probes(*hash, len) {
            if let Some(byte) = bits.get_mut((bit / 8) as usize) {
                *byte |= 1 << (bit % 8);
            }
        }
    }
    bits
}

/// Whether a key with this hash may be there.
pub(super) fn may_hold(bits: &[u8], hash: u64) -> bool {
    let len = bits.len() as u64 * 8;
    let is_set = |bit: u64| bits.get((bit / 8) as usize).is_some_and(|byte| byte & (1 << (bit % 8)) != 0);
    len > 0 && probes(hash, len).all(is_set)
}

fn probes(hash: u64, bits: u64) -> impl Iterator<Item = u64> {
    let step = hash.rotate_left(32) | 1;
    (0..PROBES).map(move |probe| hash.wrapping_add(probe.wrapping_mul(step)) % bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_passes_and_little_else() {
        let hashes: Vec<u64> = (0..10_000u32).map(|key| hash(&key.to_le_bytes())).collect();
        let bits = build(&hashes);
        assert_eq!(bits.len(), 12_500);
        assert!(hashes.iter().all(|hash| may_hold(&bits, *hash)));
        let others = (10_000..110_000u32).filter(|key| may_hold(&bits, hash(&key.to_le_bytes()))).count();
        assert!(others < 1_500, "{others} of 100,000");
        assert!(!may_hold(&build(&[]), 5));
    }
}
