//! Kernels against one another: over any number of states and blocks.

use super::*;
use crate::md5::{self, Md5};
use crate::sha256::{self, Sha256};
use proptest::prelude::*;

/// Bytes without a pattern, from a seed, so that a failure can be repeated.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let step = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..len).map(step).collect()
}

fn states<A: Algorithm<N>, const N: usize>(
    kernel: Kernel,
    start: [u32; N],
    inputs: &[&[u8]],
) -> Vec<[u32; N]> {
    let mut states = vec![start; inputs.len()];
    kernel.compress::<A, N>(&mut states, inputs);
    states
}

#[test]
fn the_empty_message_has_the_digests_of_the_standards() {
    let mut padding = [0; BLOCK_BYTES];
    padding[0] = 0x80;
    for kernel in Kernel::all() {
        let inputs = [&padding[..]; 2];
        let md5 = [0xd98c_1dd4, 0x04b2_008f, 0x9809_80e9, 0x7e42_f8ec];
        assert_eq!(states::<Md5, 4>(kernel, md5::START, &inputs), [md5; 2], "{kernel:?}");
        let sha256 = [
            0xe3b0_c442,
            0x98fc_1c14,
            0x9afb_f4c8,
            0x996f_b924,
            0x27ae_41e4,
            0x649b_934c,
            0xa495_991b,
            0x7852_b855,
        ];
        assert_eq!(states::<Sha256, 8>(kernel, sha256::START, &inputs), [sha256; 2], "{kernel:?}");
    }
}

#[test]
#[should_panic(expected = "all")]
fn an_input_of_another_length_is_refused() {
    let inputs = [&[0; 128][..], &[0; 64][..]];
    Kernel::detect().compress::<Md5, 4>(&mut [md5::START; 2], &inputs);
}

proptest! {
    #[test]
    fn kernels_agree_on_any_states_and_blocks(count in 1..=40_usize, blocks in 0..5_usize, skew in 0..64_usize, seed: u64) {
        let len = blocks * BLOCK_BYTES;
        let buffers: Vec<Vec<u8>> = (0..count as u64).map(|lane| noise(seed ^ lane, len + skew)).collect();
        let inputs: Vec<&[u8]> = buffers.iter().map(|buffer| &buffer[skew..]).collect();
        for kernel in Kernel::all() {
            prop_assert_eq!(
                states::<Md5, 4>(kernel, md5::START, &inputs),
                states::<Md5, 4>(Kernel::Portable, md5::START, &inputs)
            );
            prop_assert_eq!(
                states::<Sha256, 8>(kernel, sha256::START, &inputs),
                states::<Sha256, 8>(Kernel::Portable, sha256::START, &inputs)
            );
        }
    }
}
