//! The schemas of a document as JSON Schema, in place, so that pointers stay true.
//!
//! Two copies are made: what a request must hold leaves `readOnly` fields out, what a response must
//! hold leaves `writeOnly` ones. References become whole addresses, so that they lead to the same
//! place from anywhere. Examples, defaults and enumerations are data and stay as they are; a
//! property *named* `default` is a schema.

use serde_json::{Map, Value, json};

use super::document::{SpecFile, Version, target};
use crate::json as json_values;

/// Which way a value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Direction {
    /// To the server.
    Request,
    /// From it.
    Response,
}

impl Direction {
    /// What marks a field that does not go this way.
    pub(super) fn left_out(self) -> &'static str {
        match self {
            Self::Request => "readOnly",
            Self::Response => "writeOnly",
        }
    }
}

/// Keys whose fields are names, so that what stands under each of them is looked at as a whole.
const NAMED: [&str; 20] = [
    "properties",
    "patternProperties",
    "definitions",
    "$defs",
    "dependentSchemas",
    "schemas",
    "responses",
    "parameters",
    "headers",
    "content",
    "paths",
    "callbacks",
    "links",
    "securitySchemes",
    "securityDefinitions",
    "requestBodies",
    "webhooks",
    "pathItems",
    "variables",
    "encoding",
];
/// Keys that hold data.
const DATA: [&str; 6] = ["example", "examples", "default", "enum", "const", "mapping"];

/// One file of a document, rewritten for one direction.
pub(super) fn rewritten(
    files: &[SpecFile],
    (file, version): (usize, Version),
    direction: Direction,
) -> Value {
    let Some(original) = files.get(file) else { return Value::Null };
    let rewrite = Rewrite { files, file, version, direction };
    rewrite.object(&original.value, &[])
}

/// The address under which a file of a document is known.
pub(super) fn address(file: usize, pointer: &str) -> String {
    use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
    const OUTSIDE: &AsciiSet = &CONTROLS
        .add(b' ')
        .add(b'"')
        .add(b'#')
        .add(b'%')
        .add(b'<')
        .add(b'>')
        .add(b'[')
        .add(b'\\')
        .add(b']')
        .add(b'^')
        .add(b'`')
        .add(b'{')
        .add(b'|')
        .add(b'}');
    format!("urn:spec:{file}#{}", utf8_percent_encode(pointer, OUTSIDE))
}

/// Where a pointer into the rewritten text leads in the original one: a nullable `allOf` was put
/// into an `anyOf`.
pub(super) fn original_pointer(original: &Value, pointer: &str) -> String {
    let mut value = original;
    let mut found = String::new();
    let mut parts = pointer.split('/').skip(1).peekable();
    while let Some(part) = parts.next() {
        let token = json_values::unescape(part);
        let is_wrapped = token == "anyOf" && value.get("anyOf").is_none() && is_nullable(value);
        if is_wrapped {
            parts.next();
            continue;
        }
        found.push('/');
        found.push_str(part);
        value = match value {
            Value::Object(fields) => fields.get(token.as_ref()).unwrap_or(&Value::Null),
            Value::Array(items) => {
                token.parse().ok().and_then(|at: usize| items.get(at)).unwrap_or(&Value::Null)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => &Value::Null,
        };
    }
    found
}

fn is_nullable(value: &Value) -> bool {
    value.get("nullable") == Some(&Value::Bool(true))
        || value.get("x-nullable") == Some(&Value::Bool(true))
}

struct Rewrite<'f> {
    files: &'f [SpecFile],
    file: usize,
    version: Version,
    direction: Direction,
}

impl Rewrite<'_> {
    /// Something that may be a schema; `left_out` are fields that those beside it under `allOf`
    /// leave out.
    fn object(&self, value: &Value, left_out: &[String]) -> Value {
        let fields = match value {
            Value::Object(fields) => fields,
            Value::Array(items) => {
                return items.iter().map(|item| self.object(item, &[])).collect();
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                return value.clone();
            }
        };
        let before_three_one = self.version != Version::ThreeOne;
        if let Some(reference) = fields.get("$ref").and_then(Value::as_str)
            && before_three_one
        {
            let reference = json!({"$ref": self.reference(reference)});
            return if is_nullable(value) {
                json!({"anyOf": [reference, {"type": "null"}]})
            } else {
                reference
            };
        }
        let mut left_out = left_out.to_vec();
        self.collect_left_out(value, &mut left_out, 0);
        let mut new = Map::new();
        for (key, value) in fields {
            let rewritten = match key.as_str() {
                "$ref" | "$dynamicRef" => match value.as_str() {
                    Some(text) => Value::String(self.reference(text)),
                    None => value.clone(),
                },
                // The dialect of OpenAPI itself is JSON Schema 2020-12 with words that only annotate.
                "$schema" if value.as_str().is_some_and(|uri| uri.contains("openapis.org")) => {
                    continue;
                }
                "required" => match value {
                    Value::Array(names) => names
                        .iter()
                        .filter(|name| !left_out.iter().any(|out| name.as_str() == Some(out)))
                        .cloned()
                        .collect(),
                    // That of a parameter is a boolean.
                    Value::Null
                    | Value::Bool(_)
                    | Value::Number(_)
                    | Value::String(_)
                    | Value::Object(_) => continue,
                },
                "allOf" => match value {
                    Value::Array(items) => {
                        items.iter().map(|item| self.object(item, &left_out)).collect()
                    }
                    Value::Null
                    | Value::Bool(_)
                    | Value::Number(_)
                    | Value::String(_)
                    | Value::Object(_) => value.clone(),
                },
                key if DATA.contains(&key) || key.starts_with("x-") => value.clone(),
                key if NAMED.contains(&key) => self.named(value),
                _ => self.object(value, &[]),
            };
            new.insert(key.clone(), rewritten);
        }
        if before_three_one {
            Self::as_json_schema(value, &mut new);
        }
        // Where the whole of a nullable `allOf` was put into one alternative.
        if before_three_one && is_nullable(value) && !new.contains_key("type") {
            if let Some(Value::Array(ways)) = new.get_mut("anyOf") {
                ways.push(json!({"type": "null"}));
            } else if let Some(Value::Array(ways)) = new.get_mut("oneOf") {
                ways.push(json!({"type": "null"}));
            } else if new.contains_key("allOf") {
                return json!({"anyOf": [Value::Object(new), {"type": "null"}]});
            }
        }
        Value::Object(new)
    }

    fn named(&self, value: &Value) -> Value {
        match value {
            Value::Object(fields) => Value::Object(
                fields
                    .iter()
                    .map(|(name, value)| (name.clone(), self.object(value, &[])))
                    .collect(),
            ),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => self.object(value, &[]),
        }
    }

    /// What versions before 3.1 write in another way than JSON Schema.
    fn as_json_schema(original: &Value, new: &mut Map<String, Value>) {
        if is_nullable(original) {
            if let Some(Value::String(kind)) = new.get("type") {
                new.insert("type".to_owned(), json!([kind, "null"]));
            }
            if let Some(Value::Array(values)) = new.get_mut("enum")
                && !values.contains(&Value::Null)
            {
                values.push(Value::Null);
            }
        }
        for (exclusive, limit) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")]
        {
            match new.get(exclusive) {
                Some(Value::Bool(true)) => {
                    if let Some(limit) = new.remove(limit) {
                        new.insert(exclusive.to_owned(), limit);
                    } else {
                        new.remove(exclusive);
                    }
                }
                Some(Value::Bool(false)) => {
                    new.remove(exclusive);
                }
                Some(_) | None => {}
            }
        }
        if new.get("type").and_then(Value::as_str) == Some("file") {
            new.remove("type");
            new.remove("format");
        }
    }

    /// The fields of a schema, and of those beside it under `allOf`, that do not go this way.
    fn collect_left_out(&self, value: &Value, found: &mut Vec<String>, depth: usize) {
        if depth > 8 {
            return;
        }
        let mark = self.direction.left_out();
        let properties = value.get("properties").and_then(Value::as_object);
        for (name, property) in properties.into_iter().flatten() {
            let referred = property.get("$ref").and_then(Value::as_str);
            let referred = referred.and_then(|reference| self.original(reference));
            let marked = |value: &Value| value.get(mark) == Some(&Value::Bool(true));
            if (marked(property) || referred.is_some_and(marked)) && !found.contains(name) {
                found.push(name.clone());
            }
        }
        for part in value.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            let referred = part.get("$ref").and_then(Value::as_str);
            let part = referred.and_then(|reference| self.original(reference)).unwrap_or(part);
            self.collect_left_out(part, found, depth + 1);
        }
    }

    fn original(&self, reference: &str) -> Option<&Value> {
        let spot = target(self.files, self.file, reference)?;
        self.files.get(spot.file)?.value.pointer(&spot.pointer)
    }

    /// A reference as a whole address; one that leads nowhere that is known stays as it is.
    fn reference(&self, reference: &str) -> String {
        match target(self.files, self.file, reference) {
            Some(spot) => address(spot.file, &spot.pointer),
            None => reference.to_owned(),
        }
    }
}
