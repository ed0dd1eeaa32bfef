//! What the body of a refusal names: the fields that are wrong, in the ways in which services do it,
//! and the answer of a service behind that it quotes.

use serde_json::Value;

use crate::json;

/// A field that a refusal names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// As people write it: `body.api_key`.
    pub name: String,
    /// The part of the request: a JSON pointer, `query NAME` or `header NAME`.
    pub at: String,
    /// What is wrong with it.
    pub says: String,
}

/// So many fields are named.
const FIELDS: usize = 20;

/// The fields that the body of a refusal names, in the ways in which services do it.
#[must_use]
pub fn named(body: &Value) -> Vec<Field> {
    let mut found = Vec::new();
    for list in ["detail", "errors", "violations", "invalid-params", "invalid_params"] {
        match body.get(list) {
            Some(Value::Array(items)) => found.extend(items.iter().filter_map(of_item)),
            // `{"errors": {"name": ["is too long"]}}`
            Some(Value::Object(fields)) if list == "errors" => {
                found.extend(fields.iter().filter_map(|(name, says)| {
                    let says = says.as_str().or_else(|| says.get(0)?.as_str())?;
                    Some(at_pointer(&dotted(name), says))
                }));
            }
            Some(_) | None => {}
        }
    }
    found.truncate(FIELDS);
    found
}

/// One item of such a list.
fn of_item(item: &Value) -> Option<Field> {
    let says = ["msg", "message", "detail", "reason", "title", "error"]
        .iter()
        .find_map(|name| item.get(*name)?.as_str())
        .unwrap_or("is not accepted");
    if let Some(Value::Array(loc)) = item.get("loc") {
        return of_loc(loc, says);
    }
    let source = item.get("source").unwrap_or(item);
    if let Some(pointer) = source.get("pointer").and_then(Value::as_str) {
        return Some(at_pointer(pointer.trim_start_matches('#'), says));
    }
    for (word, name) in [("query", "parameter"), ("header", "header")] {
        if let Some(name) = source.get(name).and_then(Value::as_str) {
            return Some(in_part(word, name, says));
        }
    }
    let name = ["field", "property", "propertyPath", "param", "name", "path"]
        .iter()
        .find_map(|name| item.get(*name)?.as_str())?;
    Some(if name.starts_with('/') {
        at_pointer(name, says)
    } else {
        at_pointer(&dotted(name), says)
    })
}

/// `["body", "items", 0, "name"]`, as FastAPI has it.
fn of_loc(loc: &[Value], says: &str) -> Option<Field> {
    let text = |part: &Value| part.as_str().map_or_else(|| part.to_string(), str::to_owned);
    let (first, rest) = loc.split_first()?;
    match (first.as_str()?, rest) {
        ("body", rest) => {
            let mut at = String::new();
            for part in rest {
                json::push(&mut at, &text(part));
            }
            Some(at_pointer(&at, says))
        }
        (word @ ("query" | "header" | "path" | "cookie"), [name, ..]) => {
            Some(in_part(word, &text(name), says))
        }
        _ => {
            let mut at = String::new();
            for part in loc {
                json::push(&mut at, &text(part));
            }
            Some(at_pointer(&at, says))
        }
    }
}

fn at_pointer(pointer: &str, says: &str) -> Field {
    let dotted = pointer.trim_start_matches('/').replace('/', ".");
    let name = if dotted.is_empty() { "body".to_owned() } else { format!("body.{dotted}") };
    Field { name, at: pointer.to_owned(), says: says.to_owned() }
}

fn in_part(word: &str, name: &str, says: &str) -> Field {
    Field { name: format!("{word}.{name}"), at: format!("{word} {name}"), says: says.to_owned() }
}

/// `items[0].name` as a pointer.
fn dotted(name: &str) -> String {
    let mut at = String::new();
    for part in name.split(['.', '[', ']']).filter(|part| !part.is_empty()) {
        json::push(&mut at, part);
    }
    at
}

/// What a body quotes of a service behind the one that answered.
#[derive(Debug)]
pub struct Upstream<'a> {
    /// Where in the body.
    pub pointer: String,
    /// The status that the service behind answered with.
    pub status: Option<u64>,
    /// Its body, as far as it is quoted.
    pub body: &'a Value,
}

/// The answer of a service behind that a body quotes: a 400 or 422, or fields with their places.
#[must_use]
pub fn upstream(body: &Value) -> Option<Upstream<'_>> {
    inner(body, &mut String::new(), 0)
}

fn inner<'a>(value: &'a Value, at: &mut String, depth: usize) -> Option<Upstream<'a>> {
    let fields = value.as_object().filter(|_| depth < 5)?;
    let status = ["status", "status_code", "statusCode", "code"]
        .iter()
        .find_map(|name| fields.get(*name)?.as_u64())
        .filter(|status| matches!(status, 400 | 422));
    let quoted = ["body", "response", "content", "data"].iter().find_map(|name| fields.get(*name));
    let told = quoted.unwrap_or(value);
    // At the top stands what the answering service says of itself.
    if depth > 0 && (status.is_some() || told.get("detail").is_some_and(has_places)) {
        return Some(Upstream { pointer: at.clone(), status, body: told });
    }
    let whole = at.len();
    fields.iter().find_map(|(name, value)| {
        json::push(at, name);
        let found = inner(value, at, depth + 1);
        at.truncate(whole);
        found
    })
}

fn has_places(detail: &Value) -> bool {
    detail.as_array().is_some_and(|items| items.iter().any(|item| item.get("loc").is_some()))
}
