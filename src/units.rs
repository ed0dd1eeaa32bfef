//! Durations, sizes and bytes as people write them: `800ms`, `1m30s`, `16MiB`, `ffd8`.

pub mod nanos;

use std::fmt;
use std::time::Duration;

/// Why a text is not a duration or a size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnitFault {
    /// Nothing, or only white space.
    Empty,
    /// A number without a unit: `800`.
    MissingUnit {
        /// The number as written.
        number: String,
    },
    /// A unit that is not known here.
    UnknownUnit {
        /// The unit as written.
        unit: String,
    },
    /// Something that does not begin with a number.
    NotANumber {
        /// The text as written.
        text: String,
    },
    /// More than can be held.
    TooLarge,
}

impl fmt::Display for UnitFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("nothing here"),
            Self::MissingUnit { number } => write!(f, "`{number}` has no unit"),
            Self::UnknownUnit { unit } => write!(f, "unknown unit `{unit}`"),
            Self::NotANumber { text } => write!(f, "`{text}` does not begin with a number"),
            Self::TooLarge => f.write_str("too large"),
        }
    }
}

/// Units of time with their length in nanoseconds.
const TIME: [(&str, f64); 6] =
    [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 6e10)];
/// An hour, in nanoseconds.
const HOUR: f64 = 3.6e12;
/// Units of size with their length in bytes.
const SIZE: [(&str, f64); 9] = [
    ("B", 1.0),
    ("kB", 1e3),
    ("KB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("TiB", 1_099_511_627_776.0),
];

/// Reads a duration: numbers with units `ns us ms s m h`, several in a row (`1m30s`).
///
/// # Errors
/// A [`UnitFault`] that says what is missing.
pub fn parse_duration(text: &str) -> Result<Duration, UnitFault> {
    let nanos = total(text, |unit| {
        TIME.iter()
            .find(|(name, _)| *name == unit)
            .map(|(_, n)| *n)
            .or((unit == "h").then_some(HOUR))
    })?;
    if nanos > 9.2e18 {
        return Err(UnitFault::TooLarge);
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "bounded above and never negative: `total` reads digits only"
    )]
    Ok(Duration::from_nanos(nanos.round() as u64))
}

/// Reads a size in bytes: `16MiB`, `64kB`, `12B`.
///
/// # Errors
/// A [`UnitFault`] that says what is missing.
pub fn parse_size(text: &str) -> Result<u64, UnitFault> {
    let bytes = total(text, |unit| SIZE.iter().find(|(name, _)| *name == unit).map(|(_, n)| *n))?;
    if bytes > 9.2e18 {
        return Err(UnitFault::TooLarge);
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "bounded above and never negative: `total` reads digits only"
    )]
    Ok(bytes.round() as u64)
}

/// A regular expression that fits what [`parse_duration`] reads, for schemas.
#[must_use]
pub fn duration_pattern() -> String {
    pattern(TIME.iter().map(|(unit, _)| *unit).chain(["h"]))
}

/// A regular expression that fits what [`parse_size`] reads, for schemas.
#[must_use]
pub fn size_pattern() -> String {
    pattern(SIZE.iter().map(|(unit, _)| *unit))
}

fn pattern<'u>(units: impl Iterator<Item = &'u str>) -> String {
    let units = units.collect::<Vec<_>>().join("|");
    format!(r"^\s*((\d+(\.\d*)?|\.\d+)\s*({units})\s*)+$")
}

fn total(text: &str, unit_of: impl Fn(&str) -> Option<f64>) -> Result<f64, UnitFault> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(UnitFault::Empty);
    }
    let mut sum = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let Ok(count) = number.parse::<f64>() else {
            return Err(UnitFault::NotANumber { text: text.to_owned() });
        };
        let after = after.trim_start();
        let letters =
            after.find(|c: char| c.is_ascii_digit() || c.is_whitespace()).unwrap_or(after.len());
        let (unit, next) = after.split_at(letters);
        if unit.is_empty() {
            return Err(UnitFault::MissingUnit { number: number.to_owned() });
        }
        let Some(length) = unit_of(unit) else {
            return Err(UnitFault::UnknownUnit { unit: unit.to_owned() });
        };
        sum += count * length;
        rest = next.trim_start();
    }
    Ok(sum)
}

/// Shows a duration in at most three significant digits: `0.8 ms`, `12 ms`, `1.24 s`, `2m 05s`.
#[must_use]
pub fn show_duration(duration: Duration) -> String {
    let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    match nanos {
        0..95_000 => format!("{} µs", rounded(nanos, 1_000)),
        95_000..9_950_000 => {
            let tenths = rounded(nanos, 100_000);
            format!("{}.{} ms", tenths / 10, tenths % 10)
        }
        9_950_000..999_500_000 => format!("{} ms", rounded(nanos, 1_000_000)),
        999_500_000..59_950_000_000 => {
            let hundredths = rounded(nanos, 10_000_000);
            format!("{}.{:02} s", hundredths / 100, hundredths % 100)
        }
        _ => {
            let seconds = duration.as_secs();
            format!("{}m {:02}s", seconds / 60, seconds % 60)
        }
    }
}

/// How many of a unit these are, to the nearest; the even one where two are as near.
fn rounded(nanos: u64, unit: u64) -> u64 {
    let (whole, rest) = (nanos / unit, nanos % unit);
    whole + u64::from(rest * 2 > unit || (rest * 2 == unit && whole % 2 == 1))
}

/// Shows a size with a binary unit: `512 B`, `1.5 KiB`, `16 MiB`.
#[must_use]
pub fn show_size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "shown to two digits")]
    let n = bytes as f64;
    let (value, unit) = match bytes {
        0..1024 => return format!("{bytes} B"),
        1024..1_048_576 => (n / 1024.0, "KiB"),
        1_048_576..1_073_741_824 => (n / 1_048_576.0, "MiB"),
        _ => (n / 1_073_741_824.0, "GiB"),
    };
    if (value - value.round()).abs() < 0.05 {
        format!("{value:.0} {unit}")
    } else {
        format!("{value:.1} {unit}")
    }
}

/// Bytes as lower-case hex digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        push_hex(&mut text, *byte);
    }
    text
}

fn push_hex(text: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for nibble in [byte >> 4, byte & 15] {
        text.push(DIGITS.get(usize::from(nibble)).copied().map_or('0', char::from));
    }
}

/// A version 4 UUID (RFC 9562 §5.4) of a random number.
#[must_use]
pub fn uuid(number: u128) -> String {
    let number = number & !(0xf << 76) & !(0x3 << 62) | 4 << 76 | 2 << 62;
    let mut text = String::with_capacity(36);
    for (at, byte) in number.to_be_bytes().into_iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        push_hex(&mut text, byte);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_written() {
        assert_eq!(parse_duration("800ms"), Ok(Duration::from_millis(800)));
        assert_eq!(parse_duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("1.5h"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse_duration("250us"), Ok(Duration::from_micros(250)));
    }

    #[test]
    fn durations_that_are_none_say_what_is_missing() {
        assert_eq!(parse_duration("800"), Err(UnitFault::MissingUnit { number: "800".into() }));
        assert_eq!(parse_duration("8 days"), Err(UnitFault::UnknownUnit { unit: "days".into() }));
        assert_eq!(parse_duration("fast"), Err(UnitFault::NotANumber { text: "fast".into() }));
        assert_eq!(parse_duration(" "), Err(UnitFault::Empty));
        assert_eq!(parse_duration("999999999999h"), Err(UnitFault::TooLarge));
    }

    #[test]
    fn sizes_read_as_written() {
        assert_eq!(parse_size("16MiB"), Ok(16 * 1024 * 1024));
        assert_eq!(parse_size("1kB"), Ok(1000));
        assert_eq!(parse_size("3 parsecs"), Err(UnitFault::UnknownUnit { unit: "parsecs".into() }));
    }

    #[test]
    fn a_pattern_fits_what_is_read_and_nothing_else() {
        let fits = |pattern: &str, text| regex::Regex::new(pattern).unwrap().is_match(text);
        for text in ["800ms", "1m30s", "1.5h", " 250 us ", "1m 30s", ".5s", "5.s", "3µs"] {
            assert!(fits(&duration_pattern(), text) && parse_duration(text).is_ok(), "{text}");
        }
        for text in ["800", "8 days", "fast", " ", "", "1s2", "1.2.3s", "-1s", "s"] {
            assert!(!fits(&duration_pattern(), text) && parse_duration(text).is_err(), "{text}");
        }
        assert!(fits(&size_pattern(), "16MiB") && fits(&size_pattern(), "12B"));
        assert!(!fits(&size_pattern(), "16mib") && !fits(&size_pattern(), "16"));
    }

    #[test]
    fn hex_digits_are_lower_case() {
        assert_eq!(hex(&[0, 0x7f, 0xab]), "007fab");
        assert_eq!(hex(&[]), "");
    }

    #[test]
    fn what_is_shown_keeps_three_digits() {
        assert_eq!(show_duration(Duration::from_micros(812)), "0.8 ms");
        assert_eq!(show_duration(Duration::from_millis(1240)), "1.24 s");
        assert_eq!(show_duration(Duration::from_secs(125)), "2m 05s");
        assert_eq!(show_size(1536), "1.5 KiB");
        assert_eq!(show_size(16 << 20), "16 MiB");
    }
}
