//! Numbers compared by all their digits, whatever way they are written.

use std::cmp::Ordering;

use serde_json::Number;

/// A decimal number as `0.DIGITS × 10^point`, without leading or trailing zeros.
struct Decimal<'a> {
    negative: bool,
    /// The digits before the point and those after it, zeros at both ends cut.
    head: &'a [u8],
    tail: &'a [u8],
    /// Where the point stands, counted from the first digit; zero has none.
    point: i128,
}

impl<'a> Decimal<'a> {
    fn read(lexeme: &'a str) -> Self {
        let (negative, rest) =
            lexeme.strip_prefix('-').map_or((false, lexeme), |rest| (true, rest));
        let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
        let (head, tail) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let whole = head.trim_start_matches('0');
        let mut point = i128::try_from(whole.len()).unwrap_or(i128::MAX);
        let mut fraction = tail.trim_end_matches('0');
        let mut whole_digits = whole;
        if whole.is_empty() {
            let digits = fraction.trim_start_matches('0');
            let zeros = fraction.len() - digits.len();
            point = -i128::try_from(zeros).unwrap_or(i128::MAX);
            fraction = digits;
        } else if fraction.is_empty() {
            whole_digits = whole.trim_end_matches('0');
        }
        Self {
            negative,
            head: whole_digits.as_bytes(),
            tail: fraction.as_bytes(),
            point: point.saturating_add(read_exponent(exponent)),
        }
    }

    fn is_zero(&self) -> bool {
        self.head.is_empty() && self.tail.is_empty()
    }

    fn digits(&self) -> impl Iterator<Item = u8> + '_ {
        self.head.iter().chain(self.tail).copied()
    }

    fn len(&self) -> i128 {
        i128::try_from(self.head.len() + self.tail.len()).unwrap_or(i128::MAX)
    }

    fn sign(&self) -> i8 {
        match (self.is_zero(), self.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }
}

/// An exponent of any length; beyond 38 digits it only counts as immense.
fn read_exponent(text: &str) -> i128 {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = digits.trim_start_matches('0');
    let size = if digits.is_empty() { 0 } else { digits.parse().unwrap_or(i128::MAX / 2) };
    if negative { -size } else { size }
}

/// Orders two numbers by their exact values; costs no more than their digits, whatever the exponents.
#[must_use]
pub fn compare(left: &Number, right: &Number) -> Ordering {
    let (left, right) = (left.as_str(), right.as_str());
    if left == right {
        return Ordering::Equal;
    }
    let (left, right) = (Decimal::read(left), Decimal::read(right));
    let by_sign = left.sign().cmp(&right.sign());
    if by_sign != Ordering::Equal || left.is_zero() {
        return by_sign;
    }
    let by_size = left.point.cmp(&right.point).then_with(|| left.digits().cmp(right.digits()));
    if left.negative { by_size.reverse() } else { by_size }
}

/// Whether two numbers have the same value: `1`, `1.0` and `1e0` have.
#[must_use]
pub fn same(left: &Number, right: &Number) -> bool {
    compare(left, right) == Ordering::Equal
}

/// Whether a number has no fraction: `1.0` and `1e2` have none.
#[must_use]
pub fn is_integer(number: &Number) -> bool {
    let decimal = Decimal::read(number.as_str());
    decimal.is_zero() || decimal.point >= decimal.len()
}

/// The value of a number that has no fraction and fits.
#[must_use]
pub fn integer(number: &Number) -> Option<i128> {
    if let Ok(plain) = number.as_str().parse() {
        return Some(plain);
    }
    let decimal = Decimal::read(number.as_str());
    if decimal.is_zero() {
        return Some(0);
    }
    if decimal.point < decimal.len() || decimal.point > 39 {
        return None;
    }
    let mut value: i128 = 0;
    for digit in decimal.digits() {
        value = value.checked_mul(10)?.checked_sub(i128::from(digit - b'0'))?;
    }
    for _ in decimal.len()..decimal.point {
        value = value.checked_mul(10)?;
    }
    if decimal.negative { Some(value) } else { value.checked_neg() }
}

/// The nearest floating-point number; what is too large is infinite.
#[must_use]
pub fn as_f64(number: &Number) -> f64 {
    number.as_str().parse().unwrap_or(f64::NAN)
}

/// A number of a computed value; nothing for an infinity or NaN, which JSON cannot write.
#[must_use]
pub fn from_f64(value: f64) -> Option<Number> {
    Number::from_f64(value)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn number(text: &str) -> Number {
        serde_json::from_str(text).unwrap()
    }

    fn check(left: &str, right: &str, expected: Ordering) {
        assert_eq!(compare(&number(left), &number(right)), expected, "{left} <=> {right}");
        assert_eq!(compare(&number(right), &number(left)), expected.reverse());
    }

    #[test]
    fn every_writing_of_a_number_is_equal() {
        for text in ["1", "1.0", "1e0", "10e-1", "0.1e1", "0.001E+3", "1.000"] {
            check(text, "1", Ordering::Equal);
        }
        for text in ["0", "-0", "0.0", "0e99", "-0.000e-5"] {
            check(text, "0", Ordering::Equal);
        }
        check("1200", "1.2e3", Ordering::Equal);
        check("100.5", "1005e-1", Ordering::Equal);
    }

    #[test]
    fn every_digit_counts() {
        check("18446744073709551615", "18446744073709551616", Ordering::Less);
        check("0.5000000000000000000001", "0.5", Ordering::Greater);
        check("-18446744073709551616", "-18446744073709551615", Ordering::Less);
        check("0.09", "0.1", Ordering::Less);
        check("-1", "0", Ordering::Less);
        check("99", "100", Ordering::Less);
        check("1.05", "1.5", Ordering::Less);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "bounds the time that an exponent may cost")]
    fn immense_exponents_and_long_numbers_cost_nothing() {
        let start = Instant::now();
        check("1e999999999", "1e999999998", Ordering::Greater);
        check("-1e999999999", "1", Ordering::Less);
        check("1e-999999999", "0", Ordering::Greater);
        let long = "7".repeat(4000);
        check(&long, &format!("{long}.0"), Ordering::Equal);
        check(&long, &format!("{long}.1"), Ordering::Less);
        assert!(is_integer(&number("1e999999999")));
        assert_eq!(integer(&number("1e999999999")), None);
        assert!(start.elapsed() < Duration::from_secs(1));
    }

    #[test]
    fn a_number_without_a_fraction_is_an_integer() {
        assert_eq!(integer(&number("1.0")), Some(1));
        assert_eq!(integer(&number("12e2")), Some(1200));
        assert_eq!(integer(&number("-5.00e1")), Some(-50));
        assert_eq!(integer(&number("1.5")), None);
        assert_eq!(integer(&number("15e-1")), None);
        assert!(!is_integer(&number("100.5")));
        assert!(is_integer(&number("10050e-1")));
    }
}
