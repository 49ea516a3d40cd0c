//! GF(2^8) with the polynomial x^8 + x^4 + x^3 + x^2 + 1 (0x11d), in which 2 generates every non-zero element.
//!
//! Addition is XOR. The polynomial is part of the on-disk format (docs/formats/erasure-code.md): changing it would make
//! every parity shard that was ever written unreadable.

/// The polynomial without its x^8 term: what is added back when a product overflows eight bits.
pub(super) const REDUCTION: u8 = 0x1d;

/// The number of non-zero elements, and so the order of the generator.
const ORDER: usize = 255;

/// Powers of the generator, twice over, so that the sum of two logarithms needs no reduction.
static EXP: [u8; 2 * ORDER] = powers();

/// Logarithms to the generator. The entry of 0, which has none, is never read.
static LOG: [u8; 256] = logarithms();

/// The product of two elements.
pub(super) fn mul(a: u8, b: u8) -> u8 {
    if a == 0 || b == 0 {
        return 0;
    }
    EXP[usize::from(LOG[usize::from(a)]) + usize::from(LOG[usize::from(b)])]
}

/// The element whose product with `a` is 1. Zero has none.
pub(super) fn inverse(a: u8) -> Option<u8> {
    (a != 0).then(|| EXP[ORDER - usize::from(LOG[usize::from(a)])])
}

/// The product of an element and the generator.
pub(super) const fn double(a: u8) -> u8 {
    (a << 1) ^ (REDUCTION & (a >> 7).wrapping_neg())
}

/// The product of two elements by shift and add, for tables that are made at compile time.
#[cfg(any(target_arch = "x86_64", test))]
pub(super) const fn mul_slow(a: u8, b: u8) -> u8 {
    let (mut product, mut shifted, mut rest) = (0, a, b);
    while rest != 0 {
        if rest & 1 != 0 {
            product ^= shifted;
        }
        shifted = double(shifted);
        rest >>= 1;
    }
    product
}

const fn powers() -> [u8; 2 * ORDER] {
    let mut exp = [0; 2 * ORDER];
    let (mut power, mut i) = (1, 0);
    while i < exp.len() {
        exp[i] = power;
        power = double(power);
        i += 1;
    }
    exp
}

const fn logarithms() -> [u8; 256] {
    let exp = powers();
    let mut log = [0; 256];
    let mut i: u8 = 0;
    while (i as usize) < ORDER {
        log[exp[i as usize] as usize] = i;
        i += 1;
    }
    log
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition: the product of two polynomials over GF(2), then the remainder by 0x11d.
    fn mul_by_definition(a: u8, b: u8) -> u8 {
        let mut product: u32 = 0;
        for bit in 0..8 {
            if b >> bit & 1 == 1 {
                product ^= u32::from(a) << bit;
            }
        }
        for bit in (8..15).rev() {
            if product >> bit & 1 == 1 {
                product ^= 0x11d << (bit - 8);
            }
        }
        u8::try_from(product).unwrap()
    }

    #[test]
    fn products_are_those_of_the_definition() {
        for a in 0..=255 {
            for b in 0..=255 {
                assert_eq!(mul(a, b), mul_by_definition(a, b), "{a} * {b}");
                assert_eq!(mul_slow(a, b), mul_by_definition(a, b), "{a} * {b}");
            }
        }
    }

    #[test]
    fn every_element_but_zero_has_an_inverse() {
        assert_eq!(inverse(0), None);
        for a in 1..=255 {
            assert_eq!(mul(a, inverse(a).unwrap()), 1, "inverse of {a}");
        }
    }

    #[test]
    fn the_generator_reaches_every_element_but_zero() {
        let mut seen = [false; 256];
        for power in &EXP[..ORDER] {
            seen[usize::from(*power)] = true;
        }
        assert!(!seen[0]);
        assert!(seen[1..].iter().all(|seen| *seen));
    }
}
