//! What each filter does to a value.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Number, Value};

use super::{Filter, Refusal};
use crate::json;
use crate::units::hex;

/// All but unreserved characters (RFC 3986 §2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Transforms a value.
pub(super) fn apply(filter: &Filter, value: &Value) -> Result<Value, Refusal> {
    match filter {
        Filter::Length => length(value),
        Filter::First => items(value)?.first().cloned().ok_or(Refusal::EmptyList),
        Filter::Last => items(value)?.last().cloned().ok_or(Refusal::EmptyList),
        Filter::Nth(index) => nth(items(value)?, *index),
        Filter::Int => int(value),
        Filter::Float => float(value),
        Filter::String => Ok(Value::String(string(value))),
        Filter::Trim => Ok(text(value)?.trim().into()),
        Filter::Lower => Ok(text(value)?.to_lowercase().into()),
        Filter::Upper => Ok(text(value)?.to_uppercase().into()),
        Filter::Split(separator) => Ok(text(value)?.split(separator.as_str()).collect()),
        Filter::Replace(old, new) => Ok(text(value)?.replace(old.as_str(), new).into()),
        Filter::ReplaceRegex(regex, new) => Ok(regex.replace(text(value)?, new).into()),
        Filter::Regex(regex) => regex
            .take(text(value)?)
            .map(Value::from)
            .ok_or_else(|| Refusal::NoMatch { pattern: regex.text().to_owned() }),
        Filter::Date(format) => date(value, format),
        Filter::ParseDate(format) => parse_date(text(value)?, format),
        Filter::Base64 => Ok(base64::engine::general_purpose::STANDARD.encode(text(value)?).into()),
        Filter::Base64Decode => decode(text(value)?, &STANDARD, "base64"),
        Filter::Base64urlDecode => decode(text(value)?, &URL_SAFE, "base64url"),
        Filter::Hex => Ok(hex(text(value)?.as_bytes()).into()),
        Filter::Sha256 => {
            let digest = ring::digest::digest(&ring::digest::SHA256, text(value)?.as_bytes());
            Ok(hex(digest.as_ref()).into())
        }
        Filter::Urlencode => Ok(utf8_percent_encode(text(value)?, RESERVED).to_string().into()),
        Filter::UrlDecode => {
            let written = text(value)?;
            percent_decode_str(written)
                .decode_utf8()
                .map(|text| Value::String(text.into_owned()))
                .map_err(|_| not_a("UTF-8 text when decoded", value))
        }
        Filter::QueryParam(name) => query_param(text(value)?, name),
        Filter::Json => json::parse(text(value)?.as_bytes()).map_err(|_| not_a("JSON", value)),
    }
}

fn text(value: &Value) -> Result<&str, Refusal> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(Refusal::Takes { wanted: "a text", got: json::kind(other) }),
    }
}

fn items(value: &Value) -> Result<&[Value], Refusal> {
    match value {
        Value::Array(items) => Ok(items),
        other => Err(Refusal::Takes { wanted: "a list", got: json::kind(other) }),
    }
}

fn not_a(form: &'static str, value: &Value) -> Refusal {
    let shown = match value {
        Value::String(text) => brief(text),
        other => brief(&other.to_string()),
    };
    Refusal::NotA { form, shown }
}

/// A short text whole, a longer one not at all: what is cut before it is masked could show half a
/// secret.
fn brief(text: &str) -> Option<String> {
    (text.len() <= 60).then(|| text.to_owned())
}

fn length(value: &Value) -> Result<Value, Refusal> {
    let length = match value {
        Value::String(text) => text.chars().count(),
        Value::Array(items) => items.len(),
        Value::Object(fields) => fields.len(),
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            return Err(Refusal::Takes {
                wanted: "a text, a list or an object",
                got: json::kind(value),
            });
        }
    };
    Ok(Value::from(length))
}

fn nth(items: &[Value], index: i64) -> Result<Value, Refusal> {
    let distance = usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX);
    let at = if index < 0 { items.len().checked_sub(distance) } else { Some(distance) };
    at.and_then(|at| items.get(at)).cloned().ok_or(Refusal::NoItem { index, len: items.len() })
}

/// Every digit is kept: an integer may be longer than any machine word.
fn int(value: &Value) -> Result<Value, Refusal> {
    let wrong = || not_a("an integer", value);
    match value {
        Value::Number(number) if json::is_integer(number) => {
            // `4.0` and `1e2` are written out where they fit.
            match json::integer(number) {
                Some(integer) => {
                    integer.to_string().parse().map(Value::Number).map_err(|_| wrong())
                }
                None => Ok(value.clone()),
            }
        }
        Value::Number(_) => Err(wrong()),
        Value::String(written) => {
            let written = written.trim();
            let bare = written.strip_prefix('+').unwrap_or(written);
            let (sign, digits) = match bare.strip_prefix('-') {
                Some(digits) => ("-", digits),
                None => ("", bare),
            };
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return Err(wrong());
            }
            let digits = digits.trim_start_matches('0');
            let lexeme = if digits.is_empty() { "0".to_owned() } else { format!("{sign}{digits}") };
            lexeme.parse::<Number>().map(Value::Number).map_err(|_| wrong())
        }
        other => Err(Refusal::Takes { wanted: "a text or a number", got: json::kind(other) }),
    }
}

fn float(value: &Value) -> Result<Value, Refusal> {
    match value {
        Value::Number(_) => Ok(value.clone()),
        Value::String(written) => {
            let written = written.trim();
            let lexeme = written.strip_prefix('+').unwrap_or(written);
            lexeme.parse::<Number>().map(Value::Number).map_err(|_| not_a("a number", value))
        }
        other => Err(Refusal::Takes { wanted: "a text or a number", got: json::kind(other) }),
    }
}

fn string(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn decode(written: &str, engine: &GeneralPurpose, form: &'static str) -> Result<Value, Refusal> {
    let compact: String = written.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let shown = || brief(written);
    let bytes = engine.decode(compact).map_err(|_| Refusal::NotA { form, shown: shown() })?;
    String::from_utf8(bytes)
        .map(Value::String)
        .map_err(|_| Refusal::NotA { form: "UTF-8 text when decoded", shown: shown() })
}

fn query_param(written: &str, name: &str) -> Result<Value, Refusal> {
    let missing = || Refusal::NoParameter { name: name.to_owned() };
    let (_, after) = written.split_once('?').ok_or_else(missing)?;
    let query = after.split('#').next().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(known, _)| known == name)
        .map(|(_, value): (_, Cow<'_, str>)| Value::String(value.into_owned()))
        .ok_or_else(missing)
}

fn date(value: &Value, format: &str) -> Result<Value, Refusal> {
    let zoned = match value {
        Value::String(written) => {
            super::super::time::read(written).ok_or_else(|| not_a("a time by RFC 3339", value))?
        }
        Value::Number(number) => {
            let seconds = json::integer(number)
                .and_then(|n| i64::try_from(n).ok())
                .ok_or_else(|| not_a("a number of seconds", value))?;
            jiff::Timestamp::from_second(seconds)
                .map_err(|error| Refusal::Time { why: error.to_string() })?
                .to_zoned(jiff::tz::TimeZone::UTC)
        }
        other => {
            return Err(Refusal::Takes { wanted: "a text or a number", got: json::kind(other) });
        }
    };
    jiff::fmt::strtime::format(format, &zoned)
        .map(Value::String)
        .map_err(|error| Refusal::Time { why: error.to_string() })
}

/// A time without a zone is taken as UTC, a date without a time as its midnight.
fn parse_date(written: &str, format: &str) -> Result<Value, Refusal> {
    let refuse = |error: jiff::Error| Refusal::Time { why: error.to_string() };
    let broken = jiff::fmt::strtime::parse(format, written).map_err(refuse)?;
    if let Ok(instant) = broken.to_timestamp() {
        return Ok(instant.to_string().into());
    }
    let local = match broken.to_datetime() {
        Ok(local) => local,
        Err(_) => broken.to_date().map_err(refuse)?.to_datetime(jiff::civil::Time::midnight()),
    };
    let zoned = local.to_zoned(jiff::tz::TimeZone::UTC).map_err(refuse)?;
    Ok(zoned.timestamp().to_string().into())
}
