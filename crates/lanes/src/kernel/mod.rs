//! Digest states taken forward by blocks, several at once.
//!
//! Every kernel gives the same states; the tests hold them against one another and against other implementations. A value
//! of `Kernel` exists only for a kernel that this processor can run.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod words;

pub(crate) use words::{BLOCK_BYTES, LANES_MAX, Words};

/// A digest whose state is `N` words and which takes 64 bytes at a time.
pub(crate) trait Algorithm<const N: usize> {
    /// The state after one more block, whose words are read least byte first.
    fn block<W: Words>(state: [W; N], words: &[W; 16]) -> [W; N];
}

/// How states are taken forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kernel {
    /// One after the other, for every processor.
    Portable,
    /// Eight at once.
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Avx2),
    /// Sixteen at once.
    #[cfg(target_arch = "x86_64")]
    Avx512(avx512::Avx512),
}

impl Kernel {
    /// The fastest kernel that this processor can run.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn detect() -> Self {
        (avx512::Avx512::detect().map(Self::Avx512))
            .or_else(|| avx2::Avx2::detect().map(Self::Avx2))
            .unwrap_or(Self::Portable)
    }

    /// The fastest kernel that this processor can run.
    #[cfg(not(target_arch = "x86_64"))]
    pub(crate) fn detect() -> Self {
        Self::Portable
    }

    /// How many states it takes forward at once.
    pub(crate) fn lanes(self) -> usize {
        match self {
            Self::Portable => 1,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => 8,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => 16,
        }
    }

    /// Takes each state forward by the input with the same index.
    ///
    /// # Panics
    /// If there are more states than inputs or the other way round, or the inputs are not all of one length in whole blocks.
    pub(crate) fn compress<A: Algorithm<N>, const N: usize>(self, states: &mut [[u32; N]], inputs: &[&[u8]]) {
        let len = inputs.first().map_or(0, |input| input.len());
        assert_eq!(states.len(), inputs.len());
        assert!(len.is_multiple_of(BLOCK_BYTES) && inputs.iter().all(|input| input.len() == len));
        for (states, inputs) in states.chunks_mut(self.lanes()).zip(inputs.chunks(self.lanes())) {
            match self {
                // A vector with one lane in use is slower than none.
                _ if states.len() == 1 => run::<u32, A, N>((), states, inputs),
                Self::Portable => unreachable!("it has one lane"),
                #[cfg(target_arch = "x86_64")]
                Self::Avx2(kernel) => kernel.compress::<A, N>(states, inputs),
                #[cfg(target_arch = "x86_64")]
                Self::Avx512(kernel) => kernel.compress::<A, N>(states, inputs),
            }
        }
    }

    /// Every kernel that this processor can run.
    #[cfg(test)]
    pub(crate) fn all() -> Vec<Self> {
        let mut kernels = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            kernels.extend(avx2::Avx2::detect().map(Self::Avx2));
            kernels.extend(avx512::Avx512::detect().map(Self::Avx512));
        }
        kernels
    }
}

/// As many states as there are lanes, or fewer: lanes without a state compute in vain what the first one does. Inlined,
/// so that it is compiled for the instructions of the caller.
#[inline(always)]
fn run<W: Words, A: Algorithm<N>, const N: usize>(
    proof: W::Proof,
    states: &mut [[u32; N]],
    inputs: &[&[u8]],
) {
    assert!(states.len() <= W::LANES, "each state has a lane");
    let mut all = [inputs[0]; LANES_MAX];
    all[..inputs.len()].copy_from_slice(inputs);
    let mut vectors = [W::of_lanes(proof, &[0; LANES_MAX]); N];
    for (word, vector) in vectors.iter_mut().enumerate() {
        let mut column = [0; LANES_MAX];
        column.iter_mut().zip(&*states).for_each(|(place, state)| *place = state[word]);
        *vector = W::of_lanes(proof, &column);
    }
    for at in (0..inputs[0].len()).step_by(BLOCK_BYTES) {
        vectors = A::block(vectors, &W::load(proof, &all, at));
    }
    for (word, vector) in vectors.into_iter().enumerate() {
        states.iter_mut().zip(vector.to_lanes()).for_each(|(state, value)| state[word] = value);
    }
}

#[cfg(test)]
mod tests;
