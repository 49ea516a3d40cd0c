//! Random numbers that repeat: the same seed gives the same numbers in the same order.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::Random;

/// A SplitMix64 generator: small, fast, and any seed is a good seed.
#[derive(Clone, Debug)]
pub struct Generator {
    state: u64,
}

impl Generator {
    /// Starts at `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Generator { state: seed }
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.state)
    }

    /// The next number, below `bound`; zero where `bound` is zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        // The high half of the product: even enough for a simulation, and without a division.
        ((u128::from(self.number()) * u128::from(bound)) >> 64) as u64
    }

    /// True `numerator` times out of `denominator`.
    pub fn chance(&mut self, numerator: u64, denominator: u64) -> bool {
        self.below(denominator) < numerator
    }
}

/// Spreads every bit of `value` over the whole number.
pub(super) fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

/// The random numbers of the process. They go on from life to life, so that no id comes twice.
#[derive(Clone, Debug)]
pub struct SimulatedRandom {
    generator: Arc<Mutex<Generator>>,
}

impl SimulatedRandom {
    /// From a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        SimulatedRandom { generator: Arc::new(Mutex::new(Generator::new(seed))) }
    }
}

impl Random for SimulatedRandom {
    fn fill(&self, bytes: &mut [u8]) {
        let mut generator = self.generator.lock();
        for chunk in bytes.chunks_mut(8) {
            let number = generator.number().to_le_bytes();
            for (byte, random) in chunk.iter_mut().zip(number) {
                *byte = random;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_another_seed_others() {
        let numbers = |seed| {
            let random = SimulatedRandom::new(seed);
            let mut bytes = [0u8; 37];
            random.fill(&mut bytes);
            (bytes, random.number())
        };
        assert_eq!(numbers(1), numbers(1));
        assert_ne!(numbers(1), numbers(2));
    }

    #[test]
    fn below_reaches_all_and_stays_below() {
        let mut generator = Generator::new(3);
        let mut seen = [0u32; 5];
        for _ in 0..1000 {
            seen[generator.below(5) as usize] += 1;
        }
        assert!(seen.iter().all(|count| *count > 150), "{seen:?}");
        assert_eq!(generator.below(0), 0);
    }
}
