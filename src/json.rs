//! JSON values as an API tester needs them: exact numbers, deep equality, short and pretty forms.

mod number;
mod parse;
mod place;
mod pointer;
mod pretty;

use std::io;

use serde_json::Value;

pub use number::{as_f64, compare, from_f64, integer, is_integer, same};
pub use parse::{DuplicateKey, JsonFault, JsonFaultKind, Position, duplicate_keys, parse};
pub use place::{Written, written};
pub use pointer::{escape, push, push_index, unescape};
pub use pretty::{Pretty, Spot, pretty};

/// Whether two values are equal: numbers exactly (`1` and `1.0` are), objects in any order.
#[must_use]
pub fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Number(a), Value::Number(b)) => same(a, b),
        (Value::String(a), Value::String(b)) => a == b,
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| equal(a, b)))
        }
        (
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_),
            _,
        ) => false,
    }
}

/// The name of a value's type as JSON Schema has it; `1.0` is an integer.
#[must_use]
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if is_integer(n) => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The kind of a value as people say it: `a text`, `a list`.
#[must_use]
pub fn in_words(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A value in one line of at most `max` characters; what was cut ends in `…`.
#[must_use]
pub fn show(value: &Value, max: usize) -> String {
    // A character has at most four bytes, so this many bytes always hold `max` characters.
    let mut out = Limited { bytes: Vec::new(), room: max.saturating_add(1).saturating_mul(4) };
    let _ = serde_json::to_writer(&mut out, value);
    let valid = match std::str::from_utf8(&out.bytes) {
        Ok(text) => text,
        Err(error) => out
            .bytes
            .get(..error.valid_up_to())
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .unwrap_or_default(),
    };
    if valid.chars().nth(max).is_none() {
        return valid.to_owned();
    }
    let mut short: String = valid.chars().take(max.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// Takes so many bytes and then refuses, so that a large value costs no more than its head.
struct Limited {
    bytes: Vec<u8>,
    room: usize,
}

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.room.saturating_sub(self.bytes.len());
        if room == 0 {
            return Err(io::Error::other("enough"));
        }
        let taken = bytes.len().min(room);
        self.bytes.extend(bytes.iter().take(taken));
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn equality_is_deep_exact_and_blind_to_order() {
        assert!(equal(&json(r#"{"a":1,"b":[1.0]}"#), &json(r#"{"b":[1e0],"a":1.00}"#)));
        assert!(!equal(&json("[1,2]"), &json("[2,1]")));
        assert!(!equal(&json("1"), &json("\"1\"")));
        assert!(!equal(&json(r#"{"a":null}"#), &json("{}")));
        assert!(!equal(&json("18446744073709551616"), &json("18446744073709551617")));
    }

    #[test]
    fn kinds_have_the_names_of_json_schema() {
        let kinds: Vec<_> = ["null", "true", "1.0", "1e2", "1.5", "\"\"", "[]", "{}"]
            .map(|text| kind(&json(text)))
            .into_iter()
            .collect();
        let expected =
            ["null", "boolean", "integer", "integer", "number", "string", "array", "object"];
        assert_eq!(kinds, expected);
    }

    #[test]
    fn a_long_value_is_shown_by_its_head() {
        assert_eq!(show(&json(r#"{"a":[1,2]}"#), 40), r#"{"a":[1,2]}"#);
        assert_eq!(show(&json("\"ääääää\""), 5), "\"äää…");
        assert_eq!(show(&json("[1,2]"), 5), "[1,2]");
        let large = Value::from(vec!["x".repeat(1000); 1000]);
        assert_eq!(show(&large, 10).chars().count(), 10);
    }
}
