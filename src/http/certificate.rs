//! What a person wants to know of a certificate: who issued it, for which names, until when. Only as
//! much of X.509 is read as that takes (RFC 5280 §4.1); nothing is decided by it.

use std::net::{Ipv4Addr, Ipv6Addr};

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// What a certificate says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The issuer: its common name, else its organisation.
    pub issuer: String,
    /// The names and addresses that it is for.
    pub names: Vec<String>,
    /// From when it is good.
    pub begins: Option<Timestamp>,
    /// Until when.
    pub ends: Option<Timestamp>,
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OID: u8 = 0x06;
const OCTETS: u8 = 0x04;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];
const ORGANISATION: [u8; 3] = [0x55, 0x04, 0x0a];
const ALTERNATIVE_NAMES: [u8; 3] = [0x55, 0x1d, 0x11];

impl Certificate {
    /// Reads a certificate in DER; nothing where it is none.
    #[must_use]
    pub fn read(der: &[u8]) -> Option<Self> {
        let certificate = Der(der).inside(SEQUENCE)?;
        let mut fields = certificate.clone().inside(SEQUENCE)?;
        // The version stands first, in a tag of its own, but may be left out.
        if fields.peek() == Some(0xa0) {
            fields.next()?;
        }
        let (_serial, _algorithm) = (fields.next()?, fields.next()?);
        let (_, issuer) = fields.next()?;
        let (_, validity) = fields.next()?;
        let mut validity = Der(validity);
        let mut time = || validity.next().and_then(|(tag, text)| read_time(tag, text));
        let (begins, ends) = (time(), time());
        let mut names = Vec::new();
        // Subject and key come before the extensions.
        while let Some((tag, content)) = fields.next() {
            if tag == 0xa3 {
                names = alternative_names(content).unwrap_or_default();
            }
        }
        let issuer = attribute(issuer, &COMMON_NAME).or_else(|| attribute(issuer, &ORGANISATION));
        Some(Self { issuer: issuer.unwrap_or_default(), names, begins, ends })
    }
}

/// Bytes in DER: one value after the other, each with its tag and length.
#[derive(Clone)]
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The next value: its tag and its content.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (tag, rest) = self.0.split_first()?;
        let (first, mut rest) = rest.split_first()?;
        let length = if *first < 0x80 {
            usize::from(*first)
        } else {
            let (bytes, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
            rest = after;
            if bytes.len() > 4 {
                return None;
            }
            bytes.iter().fold(0_usize, |length, byte| (length << 8) | usize::from(*byte))
        };
        let (content, after) = rest.split_at_checked(length)?;
        self.0 = after;
        Some((*tag, content))
    }

    /// What is inside the next value, if it has this tag.
    fn inside(mut self, wanted: u8) -> Option<Self> {
        let (tag, content) = self.next()?;
        (tag == wanted).then_some(Self(content))
    }
}

/// An attribute of a name (RFC 5280 §4.1.2.4).
fn attribute(name: &[u8], wanted: &[u8]) -> Option<String> {
    let mut parts = Der(name);
    while let Some((tag, set)) = parts.next() {
        if tag != SET {
            continue;
        }
        let mut pair = Der(set).inside(SEQUENCE)?;
        let (tag, oid) = pair.next()?;
        let (_, text) = pair.next()?;
        if tag == OID && oid == wanted {
            return Some(String::from_utf8_lossy(text).into_owned());
        }
    }
    None
}

/// The names of the extension `subjectAltName` (RFC 5280 §4.2.1.6).
fn alternative_names(extensions: &[u8]) -> Option<Vec<String>> {
    let mut all = Der(extensions).inside(SEQUENCE)?;
    while let Some((_, extension)) = all.next() {
        let mut fields = Der(extension);
        let (tag, oid) = fields.next()?;
        if tag != OID || oid != ALTERNATIVE_NAMES {
            continue;
        }
        let mut value = fields.next()?;
        // Whether it is critical may stand between.
        if value.0 != OCTETS {
            value = fields.next()?;
        }
        let mut listed = Der(value.1).inside(SEQUENCE)?;
        let mut names = Vec::new();
        while let Some((tag, content)) = listed.next() {
            names.extend(match (tag, content) {
                (0x82, text) => Some(String::from_utf8_lossy(text).into_owned()),
                (0x87, [a, b, c, d]) => Some(Ipv4Addr::new(*a, *b, *c, *d).to_string()),
                (0x87, address) => {
                    <[u8; 16]>::try_from(address).ok().map(|six| Ipv6Addr::from(six).to_string())
                }
                _ => None,
            });
        }
        return Some(names);
    }
    None
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ` (RFC 5280 §4.1.2.5).
fn read_time(tag: u8, text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (year, rest) = match tag {
        UTC_TIME => {
            let year: i16 = text.get(..2)?.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, text.get(2..)?)
        }
        GENERALIZED_TIME => (text.get(..4)?.parse().ok()?, text.get(4..)?),
        _ => return None,
    };
    let two = |at: usize| rest.get(at..at + 2)?.parse::<i8>().ok();
    let (month, day) = (two(0)?, two(2)?);
    // What is no date is none: whoever wrote the certificate is not trusted.
    let day = jiff::civil::Date::new(year, month, day).ok()?;
    let at = jiff::civil::Time::new(two(4)?, two(6)?, two(8)?, 0).ok()?;
    Some(day.to_datetime(at).to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn a_certificate_tells_its_issuer_its_names_and_its_days() {
        let names = vec!["api.test".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names.clone()).expect("parameters");
        params.not_before = date_time_ymd(2001, 2, 3);
        params.not_after = date_time_ymd(2060, 1, 1);
        let name = rcgen::DnType::CommonName;
        params.distinguished_name.push(name, "the issuer");
        let own = params.self_signed(&KeyPair::generate().expect("a key")).expect("a certificate");
        let read = Certificate::read(own.der()).expect("a certificate");
        assert_eq!(read.issuer, "the issuer");
        assert_eq!(read.names, names);
        let days = [read.begins, read.ends].map(|day| day.map(|day| day.to_string()));
        assert_eq!(
            days.map(Option::unwrap_or_default),
            ["2001-02-03T00:00:00Z", "2060-01-01T00:00:00Z"]
        );
    }

    #[test]
    fn what_is_no_certificate_is_none_and_harms_nobody() {
        for bytes in [&b""[..], b"0", b"0\x84\xff\xff\xff\xff", b"0\x03abc", &[0x30; 64]] {
            assert_eq!(Certificate::read(bytes), None, "{bytes:?}");
        }
    }
}
