//! Where two values differ: the first place, the missing and the extra items, the distance.

use std::cmp::Ordering;
use std::collections::VecDeque;

use serde_json::{Number, Value};

use crate::json;
use crate::json::in_words;

/// The longest value that stands in a remark, in bytes. A longer one is left out whole: what is cut
/// before it is masked could show half a secret.
const BRIEF: usize = 60;

/// Whether more fields than expected are a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// They are.
    Exact,
    /// They are not.
    AtLeast,
}

/// The first difference.
pub(super) struct Difference {
    /// Where, relative to the values, as a JSON pointer; empty for the values themselves.
    pub(super) pointer: String,
    /// What makes the difference, where it is more than the value.
    pub(super) why: Option<String>,
}

/// The first place where `actual` is not as `expected`, in the order of `expected`.
pub(super) fn difference(expected: &Value, actual: &Value, extent: Extent) -> Option<Difference> {
    let mut pointer = String::new();
    let why = differ(expected, actual, extent, &mut pointer)?.0;
    Some(Difference { pointer, why })
}

/// What makes a difference, where it is more than the value.
struct Why(Option<String>);

fn differ(expected: &Value, actual: &Value, extent: Extent, pointer: &mut String) -> Option<Why> {
    match (expected, actual) {
        (Value::Object(wanted), Value::Object(there)) => {
            for (key, wanted) in wanted {
                let Some(there) = there.get(key) else {
                    return Some(Why(Some(format!("the field `{key}` is missing"))));
                };
                let len = pointer.len();
                json::push(pointer, key);
                let found = differ(wanted, there, extent, pointer);
                if found.is_some() {
                    return found;
                }
                pointer.truncate(len);
            }
            if extent == Extent::Exact
                && let Some(key) = there.keys().find(|key| !wanted.contains_key(*key))
            {
                json::push(pointer, key);
                return Some(Why(Some(format!("the field `{key}` is not expected"))));
            }
            None
        }
        (Value::Array(wanted), Value::Array(there)) => {
            for (index, (wanted, there)) in wanted.iter().zip(there).enumerate() {
                let len = pointer.len();
                json::push_index(pointer, index);
                let found = differ(wanted, there, extent, pointer);
                if found.is_some() {
                    return found;
                }
                pointer.truncate(len);
            }
            (wanted.len() != there.len()).then(|| {
                let why = format!("{} expected, {} there", items(wanted.len()), there.len());
                Why(Some(why))
            })
        }
        _ if json::equal(expected, actual) => None,
        _ => Some(Why(kinds(expected, actual))),
    }
}

/// `1 item`, `3 items`.
pub(super) fn items(count: usize) -> String {
    format!("{count} item{}", if count == 1 { "" } else { "s" })
}

/// A remark on two values of different types; nothing where the types are the same.
pub(super) fn kinds(expected: &Value, actual: &Value) -> Option<String> {
    let (wanted, there) = (in_words(expected), in_words(actual));
    if wanted == there {
        return None;
    }
    Some(match (brief(expected), brief(actual)) {
        (Some(expected), Some(actual)) => {
            format!("`{expected}` is {wanted}, `{actual}` is {there}")
        }
        _ => format!("{wanted} was expected, this is {there}"),
    })
}

/// A short scalar as JSON; nothing for anything longer.
pub(super) fn brief(value: &Value) -> Option<String> {
    match value {
        Value::Array(_) | Value::Object(_) => None,
        Value::String(text) if text.len() > BRIEF => None,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            Some(value.to_string()).filter(|text| text.len() <= BRIEF + 2)
        }
    }
}

/// The expected items that are not there, and the items that nobody expected.
pub(super) fn unmatched<'e, 'a>(
    expected: &'e [Value],
    actual: impl Iterator<Item = &'a Value>,
) -> (Vec<&'e Value>, Vec<&'a Value>) {
    let mut missing: VecDeque<&Value> = expected.iter().collect();
    let mut extra = Vec::new();
    for value in actual {
        match missing.iter().position(|wanted| json::equal(wanted, value)) {
            Some(at) => {
                missing.remove(at);
            }
            None => extra.push(value),
        }
    }
    (missing.into(), extra)
}

/// Whether two numbers are at most `within` apart. Exact where their digits fit, so that `1.1` is
/// within `0.1` of `1.0`; beyond that as binary floats.
pub(super) fn near(left: &Number, right: &Number, within: &Number) -> bool {
    exactly_near(left, right, within).unwrap_or_else(|| {
        let within = json::as_f64(within);
        (json::as_f64(left) - json::as_f64(right)).abs() <= within
            || (within >= 0.0 && json::compare(left, right) == Ordering::Equal)
    })
}

fn exactly_near(left: &Number, right: &Number, within: &Number) -> Option<bool> {
    let (left, right, within) =
        (scaled(left.as_str())?, scaled(right.as_str())?, scaled(within.as_str())?);
    let scale = left.1.max(right.1).max(within.1);
    let at = |(digits, own): (i128, u32)| digits.checked_mul(10_i128.checked_pow(scale - own)?);
    Some(at(left)?.checked_sub(at(right)?)?.checked_abs()? <= at(within)?)
}

/// The digits of a decimal without its point, and how many stood behind it.
fn scaled(lexeme: &str) -> Option<(i128, u32)> {
    let (mantissa, exponent) = match lexeme.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (lexeme, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let places = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
    if places >= 0 {
        return Some((digits, u32::try_from(places).ok()?));
    }
    let factor = 10_i128.checked_pow(places.unsigned_abs())?;
    Some((digits.checked_mul(factor)?, 0))
}
