//! The formats that the operator `format` knows, each by its own standard.

use std::net::{Ipv4Addr, Ipv6Addr};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A format of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// RFC 9562: 8-4-4-4-12 hex digits.
    Uuid,
    /// RFC 5321 as far as people use it: one `@`, a local part, a domain.
    Email,
    /// RFC 3986: a scheme and a rest without spaces.
    Uri,
    /// RFC 3339 `full-date`.
    Date,
    /// RFC 3339 `date-time`.
    DateTime,
    /// Four decimal numbers without leading zeros.
    Ipv4,
    /// RFC 4291.
    Ipv6,
    /// RFC 7519: three parts of base64url, the first two of them JSON objects.
    Jwt,
}

impl Format {
    /// All of them with their words.
    pub const ALL: [(&str, Self); 8] = [
        ("uuid", Self::Uuid),
        ("email", Self::Email),
        ("uri", Self::Uri),
        ("date", Self::Date),
        ("date-time", Self::DateTime),
        ("ipv4", Self::Ipv4),
        ("ipv6", Self::Ipv6),
        ("jwt", Self::Jwt),
    ];

    /// Reads a format's word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(word, _)| *word == name).map(|(_, format)| *format)
    }

    /// Whether a text has the format.
    #[must_use]
    pub fn fits(self, text: &str) -> bool {
        match self {
            Self::Uuid => uuid(text),
            Self::Email => email(text),
            Self::Uri => uri(text),
            Self::Date => date(text),
            Self::DateTime => date_time(text),
            Self::Ipv4 => text.parse::<Ipv4Addr>().is_ok(),
            Self::Ipv6 => text.parse::<Ipv6Addr>().is_ok(),
            Self::Jwt => jwt(text),
        }
    }
}

fn uuid(text: &str) -> bool {
    let lengths = [8, 4, 4, 4, 12];
    let parts: Vec<&str> = text.split('-').collect();
    parts.len() == lengths.len()
        && parts.iter().zip(lengths).all(|(part, length)| {
            part.len() == length && part.bytes().all(|b| b.is_ascii_hexdigit())
        })
}

fn email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let local_fits = !local.is_empty()
        && local.len() <= 64
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && local.chars().all(|c| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c));
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    local_fits && domain.len() <= 255 && domain.split('.').all(label)
}

fn uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        && !rest.is_empty()
        && rest.chars().all(|c| c.is_ascii_graphic() && !"<>\"{}|\\^`".contains(c))
        && url::Url::parse(text).is_ok()
}

/// Whether every byte fits the pattern, where `0` stands for any digit.
fn shaped(text: &str, pattern: &str) -> bool {
    text.len() == pattern.len()
        && text.bytes().zip(pattern.bytes()).all(|(byte, wanted)| match wanted {
            b'0' => byte.is_ascii_digit(),
            other => byte == other,
        })
}

fn date(text: &str) -> bool {
    shaped(text, "0000-00-00") && text.parse::<jiff::civil::Date>().is_ok()
}

fn date_time(text: &str) -> bool {
    let parts = (text.get(..10), text.get(10..11), text.get(11..19), text.get(19..));
    let (Some(day), Some(separator), Some(clock), Some(rest)) = parts else { return false };
    let zone = match rest.strip_prefix('.') {
        Some(fraction) => {
            let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            if zone.len() == fraction.len() {
                return false;
            }
            zone
        }
        None => rest,
    };
    date(day)
        && matches!(separator, "T" | "t" | " ")
        && shaped(clock, "00:00:00")
        && (matches!(zone, "Z" | "z") || shaped(zone, "+00:00") || shaped(zone, "-00:00"))
        && text.parse::<jiff::Timestamp>().is_ok()
}

fn jwt(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    let [header, claims, signature] = parts.as_slice() else { return false };
    let object = |part: &str| {
        URL_SAFE_NO_PAD
            .decode(part)
            .is_ok_and(|bytes| crate::json::parse(&bytes).is_ok_and(|value| value.is_object()))
    };
    object(header) && object(claims) && URL_SAFE_NO_PAD.decode(signature).is_ok()
}
