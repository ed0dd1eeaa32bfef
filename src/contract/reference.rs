//! The references of a text that lead out of it, for whoever reads the files they name.

use serde_json::Value;

use crate::json;

/// A `$ref` that names another file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The part before `#`, as written.
    pub path: String,
    /// Where it is written.
    pub pointer: String,
    /// Whether it is a whole address, which nobody fetches.
    pub is_address: bool,
}

/// Every reference to another file, in the order of the text; examples hold data.
#[must_use]
pub fn links(value: &Value) -> Vec<Link> {
    let mut found = Vec::new();
    walk(value, &mut String::new(), &mut found);
    found
}

fn walk(value: &Value, pointer: &mut String, found: &mut Vec<Link>) {
    let length = pointer.len();
    match value {
        Value::Object(fields) => {
            if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
                let path = reference.split('#').next().unwrap_or_default();
                if !path.is_empty() {
                    let mut pointer = pointer.clone();
                    json::push(&mut pointer, "$ref");
                    let is_address = path.contains("://") || path.starts_with("urn:");
                    found.push(Link { path: path.to_owned(), pointer, is_address });
                }
            }
            for (key, value) in fields {
                if matches!(key.as_str(), "example" | "examples" | "enum") {
                    continue;
                }
                json::push(pointer, key);
                walk(value, pointer, found);
                pointer.truncate(length);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                json::push_index(pointer, index);
                walk(item, pointer, found);
                pointer.truncate(length);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
