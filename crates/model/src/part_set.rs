//! A set of part numbers: a bit for each number up to the greatest, so that 10,000 of them take 1,250 bytes at most.

use crate::record::{Decoder, Encoder, RecordError};

/// Part numbers, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartSet {
    /// Number `n` is bit `n % 8` of byte `n / 8`; the last byte is not 0.
    bits: Vec<u8>,
}

impl PartSet {
    /// Whether the number is in it.
    #[must_use]
    pub fn contains(&self, number: u16) -> bool {
        let byte = self.bits.get(usize::from(number / 8)).copied().unwrap_or_default();
        byte & (1 << (number % 8)) != 0
    }

    /// The numbers, in their order.
    pub fn numbers(&self) -> impl Iterator<Item = u16> + '_ {
        let last = self.bits.len() * 8;
        (0..=u16::MAX).take(last).filter(|number| self.contains(*number))
    }

    /// Writes it as part of a record.
    pub fn encode_fields(&self, out: &mut Encoder) {
        out.bytes(&self.bits);
    }

    /// Reads what [`PartSet::encode_fields`] wrote.
    ///
    /// # Errors
    /// Where it is none.
    pub fn decode_fields(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        let bits = input.bytes()?.to_vec();
        let holds_numbers = bits.len() <= usize::from(u16::MAX / 8) + 1 && bits.last() != Some(&0);
        if holds_numbers { Ok(PartSet { bits }) } else { Err(input.impossible("part numbers")) }
    }
}

impl FromIterator<u16> for PartSet {
    fn from_iter<I: IntoIterator<Item = u16>>(numbers: I) -> Self {
        let mut bits = Vec::new();
        for number in numbers {
            let at = usize::from(number / 8);
            if bits.len() <= at {
                bits.resize(at + 1, 0);
            }
            if let Some(byte) = bits.get_mut(at) {
                *byte |= 1 << (number % 8);
            }
        }
        PartSet { bits }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_holds_the_numbers_it_was_made_of_and_comes_back(numbers: BTreeSet<u16>, other: u16) {
            let set: PartSet = numbers.iter().copied().collect();
            prop_assert!(numbers.iter().all(|number| set.contains(*number)));
            prop_assert_eq!(set.contains(other), numbers.contains(&other));
            prop_assert_eq!(set.numbers().collect::<BTreeSet<u16>>(), numbers);
            let mut out = Encoder::default();
            set.encode_fields(&mut out);
            let bytes = out.finish();
            prop_assert_eq!(PartSet::decode_fields(&mut Decoder::new("parts", &bytes)), Ok(set));
        }
    }

    #[test]
    fn ten_thousand_numbers_are_small() {
        let set: PartSet = (1..=crate::limits::PART_NUMBER_MAX).collect();
        assert_eq!(set.bits.len(), 1251);
    }
}
