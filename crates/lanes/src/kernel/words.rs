//! What a digest computes with: a 32-bit word of each lane, all lanes at once.
//!
//! A value of a vector type exists only where the processor has its instructions: it comes from [`Words::load`], which
//! asks for a proof, or from another value. So all that is computed with values is safe.

/// One word of each lane.
pub(crate) trait Words: Copy {
    /// Shows that the processor can compute with such words.
    type Proof: Copy;
    /// Lanes.
    const LANES: usize;

    /// The words of a column: one of each lane. What is behind the last lane is left out.
    fn of_lanes(proof: Self::Proof, column: &[u32; LANES_MAX]) -> Self;
    /// The column of these words.
    fn to_lanes(self) -> [u32; LANES_MAX];
    /// The 16 words, each of 4 bytes, least first, of the block of 64 bytes that begins at `at` in each lane's input.
    ///
    /// # Panics
    /// May panic if an input of the first `LANES` ends before.
    fn load(proof: Self::Proof, inputs: &[&[u8]; LANES_MAX], at: usize) -> [Self; 16];

    /// The same word in all lanes.
    fn splat(self, word: u32) -> Self;
    /// Wrapping sum.
    fn add(self, other: Self) -> Self;
    /// Exclusive or of three.
    fn xor3(self, second: Self, third: Self) -> Self;
    /// The bits of `yes` where those of `self` are set, and those of `no` elsewhere.
    fn select(self, yes: Self, no: Self) -> Self;
    /// The bits that at least two of three have.
    fn majority(self, second: Self, third: Self) -> Self;
    /// MD5's fourth function: `self ^ (or | !not)`.
    fn xor_or_not(self, or: Self, not: Self) -> Self;
    /// Rotates; `count` is a constant where it is called, from 1 to 31.
    fn rotate_left(self, count: u32) -> Self;
    /// Shifts; `count` is a constant where it is called, from 1 to 31.
    fn shift_right(self, count: u32) -> Self;
    /// The other order of bytes.
    fn swap_bytes(self) -> Self;
}

/// The most lanes of any vector.
pub(crate) const LANES_MAX: usize = 16;

/// Bytes of a block, in MD5 as in SHA-256.
pub(crate) const BLOCK_BYTES: usize = 64;

/// A single lane, for every processor.
impl Words for u32 {
    type Proof = ();
    const LANES: usize = 1;

    #[inline(always)]
    fn of_lanes((): (), column: &[u32; LANES_MAX]) -> Self {
        column[0]
    }

    #[inline(always)]
    fn to_lanes(self) -> [u32; LANES_MAX] {
        let mut column = [0; LANES_MAX];
        column[0] = self;
        column
    }

    #[inline(always)]
    fn load((): (), inputs: &[&[u8]; LANES_MAX], at: usize) -> [Self; 16] {
        let (words, _) = inputs[0][at..at + BLOCK_BYTES].as_chunks::<4>();
        std::array::from_fn(|number| u32::from_le_bytes(words[number]))
    }

    #[inline(always)]
    fn splat(self, word: u32) -> Self {
        word
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.wrapping_add(other)
    }

    #[inline(always)]
    fn xor3(self, second: Self, third: Self) -> Self {
        self ^ second ^ third
    }

    #[inline(always)]
    fn select(self, yes: Self, no: Self) -> Self {
        (self & yes) | (!self & no)
    }

    #[inline(always)]
    fn majority(self, second: Self, third: Self) -> Self {
        (self & second) | (third & (self | second))
    }

    #[inline(always)]
    fn xor_or_not(self, or: Self, not: Self) -> Self {
        self ^ (or | !not)
    }

    #[inline(always)]
    fn rotate_left(self, count: u32) -> Self {
        u32::rotate_left(self, count)
    }

    #[inline(always)]
    fn shift_right(self, count: u32) -> Self {
        self >> count
    }

    #[inline(always)]
    fn swap_bytes(self) -> Self {
        u32::swap_bytes(self)
    }
}
