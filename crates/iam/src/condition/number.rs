//! Numbers of the numeric operators: "an integer or decimal value".
//!
//! Always true: numbers are compared exactly, with up to nine digits behind the point. There are no exponents.

/// Digits that are kept behind the point.
const FRACTION_DIGITS: usize = 9;
/// Digits before the point: what fits, with the others, into 128 bits.
const WHOLE_DIGITS_MAX: usize = 28;

/// A decimal number, in units of the last digit that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Decimal(i128);

impl Decimal {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (is_negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) =
            digits.split_once('.').map_or((digits, None), |(whole, rest)| (whole, Some(rest)));
        let fraction_is_good = fraction.is_none_or(|digits| is_digits(digits, FRACTION_DIGITS));
        if !is_digits(whole, WHOLE_DIGITS_MAX) || !fraction_is_good {
            return None;
        }
        let units: i128 =
            format!("{whole}{:0<FRACTION_DIGITS$}", fraction.unwrap_or_default()).parse().ok()?;
        Some(Self(if is_negative { -units } else { units }))
    }
}

fn is_digits(text: &str, digits_max: usize) -> bool {
    (1..=digits_max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_by_value() {
        let number = |text: &str| Decimal::parse(text).unwrap();
        assert_eq!(number("10"), number("010.0"));
        assert_eq!(number("-0"), number("0"));
        assert_eq!(number("+7"), number("7"));
        assert!(number("9") < number("10") && number("-10") < number("-9"));
        assert!(number("0.1") < number("0.11") && number("0.09") < number("0.1"));
        assert!(number("9007199254740993") > number("9007199254740992"), "beyond what a double tells apart");
    }

    #[test]
    fn what_is_no_number_is_refused() {
        let long = "1".repeat(29);
        for wrong in ["", "-", ".", "1.", ".5", "1e3", "0x10", "ten", "1 ", "1.2.3", "--1", "１", &long] {
            assert_eq!(Decimal::parse(wrong), None, "{wrong}");
        }
    }
}
