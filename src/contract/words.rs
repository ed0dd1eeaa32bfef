//! Parts of a request in words, and the values that a text may stand for.

use serde_json::Value;

use crate::json;

/// A pointer as a person writes a field: `/a/b` is `a.b`.
pub(super) fn shown(pointer: &str) -> String {
    let parts: Vec<String> =
        pointer.split('/').skip(1).map(|part| json::unescape(part).into_owned()).collect();
    parts.join(".")
}

/// A part of the body in a sentence.
pub(super) fn called(pointer: &str) -> String {
    if pointer.is_empty() {
        "the body".to_owned()
    } else {
        format!("the body field `{}`", shown(pointer))
    }
}

/// What a text in a URL or a header may be meant as, the likeliest first.
pub(super) fn readings(value: &Value) -> Vec<Value> {
    let text = match value {
        Value::String(text) => text.as_str(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            let text = match value {
                Value::Bool(b) => b.to_string(),
                Value::Number(n) => n.to_string(),
                Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                    String::new()
                }
            };
            return vec![value.clone(), Value::String(text)];
        }
    };
    let mut found = Vec::new();
    match serde_json::from_str::<Value>(text) {
        Ok(read @ (Value::Number(_) | Value::Bool(_) | Value::Null)) => found.push(read),
        Ok(Value::String(_) | Value::Array(_) | Value::Object(_)) | Err(_) => {}
    }
    found.push(Value::String(text.to_owned()));
    found
}
