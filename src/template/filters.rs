//! The filters that are ours: encodings, digests, times, regular expressions.

use std::borrow::Cow;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime;
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, Timestamp, Zoned};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use regex::Regex;
use ring::{digest, hmac};
use serde_json::Value;

use super::catalog::compile_regex;
use super::eval::{Data, Evaluation, Val, either, fault, wants};
use super::expression::Expr;
use super::fault::{EvalFault, EvalFaultKind};
use super::functions::show_time;
use super::operators::{from_i128, text_of};
use super::scope::Taint;
use crate::json;
use crate::units::hex;

/// All but the unreserved characters of RFC 3986 §2.3.
pub(super) const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Applies one of our own filters to a value; `given` is what stands in the parentheses.
pub(super) fn apply<'s>(
    evaluation: &mut Evaluation<'s>,
    name: &'static str,
    (val, input_range): (Val<'s>, &Range<usize>),
    (given, pattern): (&'s [Expr], Option<&'s Regex>),
    range: &Range<usize>,
) -> Result<Val<'s>, EvalFault> {
    let filter = Filter { name, range };
    // Encodings and digests take bytes as they are; everything else takes JSON.
    if matches!(name, "base64" | "base64url" | "hex" | "sha256" | "hmac_sha256") {
        let (bytes, taint) = bytes_of(evaluation, val, input_range)?;
        evaluation.spend(bytes.len() as u64 * 2, range)?;
        let (text, taint) = match name {
            "base64" => (STANDARD.encode(bytes), taint),
            "base64url" => (URL_SAFE_NO_PAD.encode(bytes), taint),
            "hex" => (hex(&bytes), taint),
            "sha256" => (hex(digest::digest(&digest::SHA256, &bytes).as_ref()), taint),
            _ => {
                let Some(key) = given.first() else { return Err(filter.cannot_take(&Value::Null)) };
                let key_val = evaluation.eval(key)?;
                let (key, key_taint) = bytes_of(evaluation, key_val, &key.range)?;
                let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
                (hex(hmac::sign(&key, &bytes).as_ref()), either(taint, key_taint))
            }
        };
        return Ok(Val::tainted(text, taint));
    }
    let (input, taint) = evaluation.settle(val, input_range)?;
    if name == "raw" {
        return Ok(Val { data: Data::Json(input), taint });
    }
    if matches!(name, "first" | "last") {
        return filter.end(&input, taint, name == "first");
    }
    let (value, secret) = match name {
        "urlencode" => {
            let text = text_of(&input);
            (Value::from(utf8_percent_encode(&text, ENCODED).to_string()), None)
        }
        "json" | "tojson" => (Value::from(input.to_string()), None),
        "string" => (Value::from(text_of(&input)), None),
        "length" | "count" => (filter.length(&input)?, None),
        "regex" => filter.regex(evaluation, &input, given, pattern)?,
        "date" => filter.date(evaluation, &input, given)?,
        "add_days" => filter.add_days(evaluation, &input, given)?,
        _ => return Err(filter.cannot_take(&input)),
    };
    evaluation.spend(super::bridge::weight(&value), range)?;
    Ok(Val::tainted(value, either(taint, secret)))
}

fn bytes_of<'s>(
    evaluation: &mut Evaluation<'s>,
    val: Val<'s>,
    range: &Range<usize>,
) -> Result<(Vec<u8>, Taint), EvalFault> {
    if let Data::Bytes(bytes) = val.data {
        return Ok((bytes, val.taint));
    }
    let (value, taint) = evaluation.settle(val, range)?;
    Ok((text_of(&value).into_bytes(), taint))
}

/// A filter at its place.
struct Filter<'a> {
    name: &'static str,
    range: &'a Range<usize>,
}

impl Filter<'_> {
    fn cannot_take(&self, given: &Value) -> EvalFault {
        wants(self.range, self.name, given, "")
    }

    fn end<'s>(
        &self,
        input: &Cow<'s, Value>,
        taint: Taint,
        first: bool,
    ) -> Result<Val<'s>, EvalFault> {
        let none = || {
            let kind = EvalFaultKind::MissingItem { parent: String::new(), length: 0 };
            Val { data: Data::Undefined(fault(self.range, kind)), taint: None }
        };
        if let Cow::Borrowed(Value::Array(items)) = input {
            let item = if first { items.first() } else { items.last() };
            return Ok(
                item.map_or_else(none, |item| Val { data: Data::Json(Cow::Borrowed(item)), taint })
            );
        }
        let item = match input.as_ref() {
            Value::Array(items) => if first { items.first() } else { items.last() }.cloned(),
            Value::String(text) => {
                let c = if first { text.chars().next() } else { text.chars().next_back() };
                c.map(|c| Value::from(c.to_string()))
            }
            other => return Err(wants(self.range, self.name, other, "a list or a text")),
        };
        Ok(item.map_or_else(none, |item| Val::tainted(item, taint)))
    }

    fn length(&self, input: &Value) -> Result<Value, EvalFault> {
        Ok(Value::from(match input {
            Value::String(text) => text.chars().count(),
            Value::Array(items) => items.len(),
            Value::Object(fields) => fields.len(),
            Value::Null | Value::Bool(_) | Value::Number(_) => {
                return Err(wants(self.range, self.name, input, "a text, a list or an object"));
            }
        }))
    }

    fn regex<'s>(
        &self,
        evaluation: &mut Evaluation<'s>,
        input: &Value,
        given: &'s [Expr],
        pattern: Option<&'s Regex>,
    ) -> Result<(Value, Taint), EvalFault> {
        let Value::String(text) = input else {
            return Err(wants(self.range, self.name, input, "a text"));
        };
        let compiled;
        let (regex, taint) = match (pattern, given.first()) {
            (Some(regex), _) => (regex, None),
            (None, Some(argument)) => {
                let (pattern, taint) = evaluation.get(argument)?;
                let Value::String(pattern) = pattern.as_ref() else {
                    return Err(wants(
                        &argument.range,
                        self.name,
                        &pattern,
                        "a regular expression",
                    ));
                };
                let wanted = "a regular expression that parses";
                compiled = compile_regex(pattern)
                    .map_err(|_| wants(&argument.range, self.name, &Value::from(""), wanted))?;
                (&compiled, taint)
            }
            (None, None) => return Err(self.cannot_take(input)),
        };
        let Some(found) = regex.captures(text) else {
            return Err(wants(self.range, self.name, input, "a text that the expression matches"));
        };
        let part = found.get(1).or_else(|| found.get(0)).map_or("", |part| part.as_str());
        Ok((Value::from(part), taint))
    }

    fn date<'s>(
        &self,
        evaluation: &mut Evaluation<'s>,
        input: &Value,
        given: &'s [Expr],
    ) -> Result<(Value, Taint), EvalFault> {
        let Some(argument) = given.first() else { return Err(self.cannot_take(input)) };
        let (format, taint) = evaluation.get(argument)?;
        let Value::String(format) = format.as_ref() else {
            return Err(wants(&argument.range, self.name, &format, "a format such as '%Y-%m-%d'"));
        };
        let moment = self.moment(input)?;
        let shown = match moment {
            Moment::Zoned(zoned) | Moment::Millis(zoned) => strtime::format(format, &zoned),
            Moment::Local(time) => strtime::format(format, time),
            Moment::Day(date) => strtime::format(format, date),
        };
        let wanted = "a format that strftime knows and the time can fill";
        let text =
            shown.map_err(|_| wants(&argument.range, self.name, &Value::from(""), wanted))?;
        Ok((Value::from(text), taint))
    }

    fn add_days<'s>(
        &self,
        evaluation: &mut Evaluation<'s>,
        input: &Value,
        given: &'s [Expr],
    ) -> Result<(Value, Taint), EvalFault> {
        let Some(argument) = given.first() else { return Err(self.cannot_take(input)) };
        let (days, taint) = evaluation.get(argument)?;
        let wanted = "a whole number of days";
        let span = days
            .as_number()
            .and_then(json::integer)
            .and_then(|days| i64::try_from(days).ok())
            .and_then(|days| Span::new().try_days(days).ok())
            .ok_or_else(|| wants(&argument.range, self.name, &days, wanted))?;
        let beyond = |_| fault(self.range, EvalFaultKind::Arithmetic);
        let value = match self.moment(input)? {
            Moment::Zoned(zoned) => {
                let moved = zoned.checked_add(span).map_err(beyond)?;
                let offset = moved.offset();
                if offset == Offset::UTC {
                    Value::from(show_time(moved.timestamp()))
                } else {
                    let shown = moved.timestamp().display_with_offset(offset);
                    Value::from(format!("{shown:.3}"))
                }
            }
            Moment::Millis(zoned) => {
                let moved = zoned.checked_add(span).map_err(beyond)?;
                from_i128(i128::from(moved.timestamp().as_millisecond()))
            }
            Moment::Local(time) => Value::from(time.checked_add(span).map_err(beyond)?.to_string()),
            Moment::Day(date) => Value::from(date.checked_add(span).map_err(beyond)?.to_string()),
        };
        Ok((value, taint))
    }

    /// A time as text of RFC 3339, a plain date or time, or milliseconds since 1970.
    fn moment(&self, input: &Value) -> Result<Moment, EvalFault> {
        let refuse =
            || wants(self.range, self.name, input, "a time: RFC 3339, a date, or milliseconds");
        match input {
            Value::Number(number) => {
                let millis = json::integer(number).and_then(|n| i64::try_from(n).ok());
                let time = millis.and_then(|n| Timestamp::from_millisecond(n).ok());
                Ok(Moment::Millis(time.ok_or_else(refuse)?.to_zoned(TimeZone::UTC)))
            }
            Value::String(text) => {
                if let Ok(time) = text.parse::<Timestamp>() {
                    let offset = strtime::parse("%Y-%m-%dT%H:%M:%S%.f%:z", text)
                        .ok()
                        .and_then(|parsed| parsed.offset())
                        .unwrap_or(Offset::UTC);
                    return Ok(Moment::Zoned(time.to_zoned(TimeZone::fixed(offset))));
                }
                if text.len() == 10
                    && let Ok(date) = text.parse::<Date>()
                {
                    return Ok(Moment::Day(date));
                }
                text.parse::<DateTime>().map(Moment::Local).map_err(|_| refuse())
            }
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => Err(refuse()),
        }
    }
}

/// A point in time, as it was given.
enum Moment {
    Zoned(Zoned),
    Millis(Zoned),
    Local(DateTime),
    Day(Date),
}
