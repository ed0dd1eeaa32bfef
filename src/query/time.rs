//! Times as responses write them: RFC 3339, a bare date, or the date of an HTTP header.

use jiff::Zoned;
use jiff::tz::TimeZone;

/// Reads a time; a bare date is its midnight in UTC, a time without a zone is taken as UTC.
#[must_use]
pub fn read(written: &str) -> Option<Zoned> {
    if let Ok(instant) = written.parse::<jiff::Timestamp>() {
        let zone = jiff::fmt::temporal::Pieces::parse(written)
            .ok()
            .and_then(|pieces| pieces.to_numeric_offset())
            .map_or(TimeZone::UTC, TimeZone::fixed);
        return Some(instant.to_zoned(zone));
    }
    if let Ok(local) = written.parse::<jiff::civil::DateTime>() {
        return local.to_zoned(TimeZone::UTC).ok();
    }
    let instant = httpdate::parse_http_date(written).ok()?;
    jiff::Timestamp::try_from(instant).ok().map(|instant| instant.to_zoned(TimeZone::UTC))
}
