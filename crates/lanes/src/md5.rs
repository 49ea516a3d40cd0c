//! MD5 (RFC 1321), of all lanes at once. Here only as S3's ETag, which is no matter of security.

use crate::kernel::{Algorithm, Words};

/// How a state of MD5 goes on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Md5;

/// The state before any data.
pub(crate) const START: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

/// The sines of RFC 1321, `floor(2^32 * |sin(i + 1)|)`.
const SINES: [u32; 64] = [
    0xd76a_a478,
    0xe8c7_b756,
    0x2420_70db,
    0xc1bd_ceee,
    0xf57c_0faf,
    0x4787_c62a,
    0xa830_4613,
    0xfd46_9501,
    0x6980_98d8,
    0x8b44_f7af,
    0xffff_5bb1,
    0x895c_d7be,
    0x6b90_1122,
    0xfd98_7193,
    0xa679_438e,
    0x49b4_0821,
    0xf61e_2562,
    0xc040_b340,
    0x265e_5a51,
    0xe9b6_c7aa,
    0xd62f_105d,
    0x0244_1453,
    0xd8a1_e681,
    0xe7d3_fbc8,
    0x21e1_cde6,
    0xc337_07d6,
    0xf4d5_0d87,
    0x455a_14ed,
    0xa9e3_e905,
    0xfcef_a3f8,
    0x676f_02d9,
    0x8d2a_4c8a,
    0xfffa_3942,
    0x8771_f681,
    0x6d9d_6122,
    0xfde5_380c,
    0xa4be_ea44,
    0x4bde_cfa9,
    0xf6bb_4b60,
    0xbebf_bc70,
    0x289b_7ec6,
    0xeaa1_27fa,
    0xd4ef_3085,
    0x0488_1d05,
    0xd9d4_d039,
    0xe6db_99e5,
    0x1fa2_7cf8,
    0xc4ac_5665,
    0xf429_2244,
    0x432a_ff97,
    0xab94_23a7,
    0xfc93_a039,
    0x655b_59c3,
    0x8f0c_cc92,
    0xffef_f47d,
    0x8584_5dd1,
    0x6fa8_7e4f,
    0xfe2c_e6e0,
    0xa301_4314,
    0x4e08_11a1,
    0xf753_7e82,
    0xbd3a_f235,
    0x2ad7_d2bb,
    0xeb86_d391,
];

/// One step: `a = b + ((a + f + word + sine) <<< shift)`. What doesn't depend on the step before is added first.
macro_rules! step {
    ($function:ident, $words:ident, $a:ident, $b:ident, $c:ident, $d:ident, $word:expr, $shift:expr, $sine:expr) => {
        let sum = $a.add($words[$word % 16]).add($a.splat(SINES[$sine]));
        $a = $b.add($function(sum, $b, $c, $d).rotate_left($shift));
    };
}

/// Sixteen steps with one function, which take the words `from`, `from + by`, ...
macro_rules! round {
    ($round:literal, $function:ident, $words:ident, ($a:ident, $b:ident, $c:ident, $d:ident),
     $from:literal + $by:literal, $shifts:expr) => {
        round!(@four $round * 16, 0, $function, $words, ($a, $b, $c, $d), $from, $by, $shifts);
        round!(@four $round * 16, 4, $function, $words, ($a, $b, $c, $d), $from, $by, $shifts);
        round!(@four $round * 16, 8, $function, $words, ($a, $b, $c, $d), $from, $by, $shifts);
        round!(@four $round * 16, 12, $function, $words, ($a, $b, $c, $d), $from, $by, $shifts);
    };
    (@four $sines:expr, $step:literal, $function:ident, $words:ident, ($a:ident, $b:ident, $c:ident, $d:ident),
     $from:literal, $by:literal, $shifts:expr) => {
        step!($function, $words, $a, $b, $c, $d, $from + $by * $step, $shifts[0], $sines + $step);
        step!($function, $words, $d, $a, $b, $c, $from + $by * ($step + 1), $shifts[1], $sines + $step + 1);
        step!($function, $words, $c, $d, $a, $b, $from + $by * ($step + 2), $shifts[2], $sines + $step + 2);
        step!($function, $words, $b, $c, $d, $a, $from + $by * ($step + 3), $shifts[3], $sines + $step + 3);
    };
}

impl Algorithm<4> for Md5 {
    #[inline(always)]
    fn block<W: Words>(state: [W; 4], words: &[W; 16]) -> [W; 4] {
        let [mut a, mut b, mut c, mut d] = state;
        round!(0, first, words, (a, b, c, d), 0 + 1, [7, 12, 17, 22]);
        round!(1, second, words, (a, b, c, d), 1 + 5, [5, 9, 14, 20]);
        round!(2, third, words, (a, b, c, d), 5 + 3, [4, 11, 16, 23]);
        round!(3, fourth, words, (a, b, c, d), 0 + 7, [6, 10, 15, 21]);
        [state[0].add(a), state[1].add(b), state[2].add(c), state[3].add(d)]
    }
}

#[inline(always)]
fn first<W: Words>(sum: W, b: W, c: W, d: W) -> W {
    sum.add(b.select(c, d))
}

#[inline(always)]
fn second<W: Words>(sum: W, b: W, c: W, d: W) -> W {
    sum.add(d.select(b, c))
}

#[inline(always)]
fn third<W: Words>(sum: W, b: W, c: W, d: W) -> W {
    sum.add(c.xor3(d, b))
}

#[inline(always)]
fn fourth<W: Words>(sum: W, b: W, c: W, d: W) -> W {
    sum.add(c.xor_or_not(b, d))
}
