//! SHA-256 (FIPS 180-4), of all lanes at once.

use crate::kernel::{Algorithm, Words};

/// How a state of SHA-256 goes on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sha256;

/// The state before any data.
pub(crate) const START: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
const ROOTS: [u32; 64] = [
    0x428a_2f98,
    0x7137_4491,
    0xb5c0_fbcf,
    0xe9b5_dba5,
    0x3956_c25b,
    0x59f1_11f1,
    0x923f_82a4,
    0xab1c_5ed5,
    0xd807_aa98,
    0x1283_5b01,
    0x2431_85be,
    0x550c_7dc3,
    0x72be_5d74,
    0x80de_b1fe,
    0x9bdc_06a7,
    0xc19b_f174,
    0xe49b_69c1,
    0xefbe_4786,
    0x0fc1_9dc6,
    0x240c_a1cc,
    0x2de9_2c6f,
    0x4a74_84aa,
    0x5cb0_a9dc,
    0x76f9_88da,
    0x983e_5152,
    0xa831_c66d,
    0xb003_27c8,
    0xbf59_7fc7,
    0xc6e0_0bf3,
    0xd5a7_9147,
    0x06ca_6351,
    0x1429_2967,
    0x27b7_0a85,
    0x2e1b_2138,
    0x4d2c_6dfc,
    0x5338_0d13,
    0x650a_7354,
    0x766a_0abb,
    0x81c2_c92e,
    0x9272_2c85,
    0xa2bf_e8a1,
    0xa81a_664b,
    0xc24b_8b70,
    0xc76c_51a3,
    0xd192_e819,
    0xd699_0624,
    0xf40e_3585,
    0x106a_a070,
    0x19a4_c116,
    0x1e37_6c08,
    0x2748_774c,
    0x34b0_bcb5,
    0x391c_0cb3,
    0x4ed8_aa4a,
    0x5b9c_ca4f,
    0x682e_6ff3,
    0x748f_82ee,
    0x78a5_636f,
    0x84c8_7814,
    0x8cc7_0208,
    0x90be_fffa,
    0xa450_6ceb,
    0xbef9_a3f7,
    0xc671_78f2,
];

/// One round. The values move on by one name each, which costs nothing where the names are written out.
macro_rules! step {
    ($words:ident, $roots:expr, $step:literal,
     $a:ident, $b:ident, $c:ident, $d:ident, $e:ident, $f:ident, $g:ident, $h:ident) => {
        let word = $words[$step].add($a.splat($roots[$step]));
        let first = $h.add(word).add($e.select($f, $g)).add(rotations($e, [26, 21, 7]));
        $d = $d.add(first);
        $h = first.add($a.majority($b, $c)).add(rotations($a, [30, 19, 10]));
    };
}

/// Eight rounds, after which the values are back at their names.
macro_rules! eight {
    ($words:ident, $roots:expr, [$s0:literal, $s1:literal, $s2:literal, $s3:literal, $s4:literal, $s5:literal, $s6:literal, $s7:literal],
     $a:ident, $b:ident, $c:ident, $d:ident, $e:ident, $f:ident, $g:ident, $h:ident) => {
        step!($words, $roots, $s0, $a, $b, $c, $d, $e, $f, $g, $h);
        step!($words, $roots, $s1, $h, $a, $b, $c, $d, $e, $f, $g);
        step!($words, $roots, $s2, $g, $h, $a, $b, $c, $d, $e, $f);
        step!($words, $roots, $s3, $f, $g, $h, $a, $b, $c, $d, $e);
        step!($words, $roots, $s4, $e, $f, $g, $h, $a, $b, $c, $d);
        step!($words, $roots, $s5, $d, $e, $f, $g, $h, $a, $b, $c);
        step!($words, $roots, $s6, $c, $d, $e, $f, $g, $h, $a, $b);
        step!($words, $roots, $s7, $b, $c, $d, $e, $f, $g, $h, $a);
    };
}

/// The next words of the schedule, each in the place of the one 16 before it.
macro_rules! schedule {
    ($words:ident: $($step:literal)*) => {
        $($words[$step] = $words[$step]
            .add(spread($words[($step + 1) % 16], [25, 14], 3))
            .add($words[($step + 9) % 16])
            .add(spread($words[($step + 14) % 16], [15, 13], 10));)*
    };
}

impl Algorithm<8> for Sha256 {
    #[inline(always)]
    fn block<W: Words>(state: [W; 8], words: &[W; 16]) -> [W; 8] {
        let mut words = *words;
        for word in &mut words {
            *word = word.swap_bytes();
        }
        let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = state;
        for (number, roots) in ROOTS.as_chunks::<16>().0.iter().enumerate() {
            if number > 0 {
                schedule!(words: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
            }
            eight!(words, roots, [0, 1, 2, 3, 4, 5, 6, 7], a, b, c, d, e, f, g, h);
            eight!(words, roots, [8, 9, 10, 11, 12, 13, 14, 15], a, b, c, d, e, f, g, h);
        }
        let mut sums = [a, b, c, d, e, f, g, h];
        for (sum, word) in sums.iter_mut().zip(state) {
            *sum = sum.add(word);
        }
        sums
    }
}

/// A word rotated left three ways.
#[inline(always)]
fn rotations<W: Words>(word: W, counts: [u32; 3]) -> W {
    word.rotate_left(counts[0]).xor3(word.rotate_left(counts[1]), word.rotate_left(counts[2]))
}

/// A word rotated left two ways, and shifted right.
#[inline(always)]
fn spread<W: Words>(word: W, counts: [u32; 2], shift: u32) -> W {
    word.rotate_left(counts[0]).xor3(word.rotate_left(counts[1]), word.shift_right(shift))
}
