//! The parameters of one registry call: typed, and refused in the registry's own words.
//!
//! A GET has them in its query, where everything is text; every other method in a JSON body.
//! A body that is no JSON is an empty one, as in MLflow: what it lacks is reported as missing.

use serde_json::{Map, Value};

use super::answer::Refusal;

/// Where MLflow's messages send the reader.
const SEE_DOCS: &str = "See the API docs for more information about request parameters.";

/// The parameters of one call.
#[derive(Debug, Default)]
pub(super) struct Params {
    fields: Map<String, Value>,
}

impl Params {
    /// Reads a query; a name that is repeated becomes a list.
    pub(super) fn of_query(query: &str) -> Self {
        let mut fields = Map::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let value = Value::String(value.into_owned());
            match fields.get_mut(name.as_ref()) {
                None => {
                    fields.insert(name.into_owned(), value);
                }
                Some(Value::Array(list)) => list.push(value),
                Some(first) => *first = Value::Array(vec![first.take(), value]),
            }
        }
        Self { fields }
    }

    /// Reads a JSON body.
    pub(super) fn of_body(body: &[u8]) -> Self {
        let fields = match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => fields,
            Ok(_) | Err(_) => Map::new(),
        };
        Self { fields }
    }

    /// A text that must be there and must not be empty.
    pub(super) fn text(&self, name: &str) -> Result<&str, Refusal> {
        match self.optional_text(name)? {
            None | Some("") => Err(missing(name)),
            Some(text) => Ok(text),
        }
    }

    /// A text that may be absent.
    pub(super) fn optional_text(&self, name: &str) -> Result<Option<&str>, Refusal> {
        match self.given(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong_type(name, other)),
        }
    }

    /// A run id, which older clients call `run_uuid`.
    pub(super) fn run_id(&self) -> Result<&str, Refusal> {
        match self.optional_text("run_uuid")? {
            Some(id) if self.given("run_id").is_none() => Ok(id),
            Some(_) | None => self.text("run_id"),
        }
    }

    /// A whole number that may be absent; text with digits counts, as in protobuf's JSON.
    pub(super) fn optional_integer(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let Some(value) = self.given(name) else { return Ok(None) };
        integer(value).map(Some).ok_or_else(|| wrong_type(name, value))
    }

    /// A whole number that must be there.
    pub(super) fn integer(&self, name: &str) -> Result<i64, Refusal> {
        self.optional_integer(name)?.ok_or_else(|| missing(name))
    }

    /// A number that must be there, as it was written; `"NaN"` and its kin count.
    pub(super) fn number(&self, name: &str) -> Result<&Value, Refusal> {
        let value = self.given(name).ok_or_else(|| missing(name))?;
        let fits = match value {
            Value::Number(_) => true,
            Value::String(text) => text.parse::<f64>().is_ok(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => false,
        };
        if fits { Ok(value) } else { Err(wrong_type(name, value)) }
    }

    /// A truth value; absent is false.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.given(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(true),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(false),
            Some(other) => Err(wrong_type(name, other)),
        }
    }

    /// A list; absent is empty, and a single query parameter is a list of one.
    pub(super) fn list(&self, name: &str) -> Result<&[Value], Refusal> {
        match self.given(name) {
            None => Ok(&[]),
            Some(Value::Array(items)) => Ok(items),
            Some(text @ Value::String(_)) => Ok(std::slice::from_ref(text)),
            Some(other) => Err(wrong_type(name, other)),
        }
    }

    /// A list of `{key, value}`, the registry's way to write tags and parameters.
    pub(super) fn pairs(&self, name: &str) -> Result<Vec<(String, String)>, Refusal> {
        let pair = |item: &Value| {
            let key = item.get("key")?.as_str()?.to_owned();
            let value = item.get("value").and_then(Value::as_str).unwrap_or_default().to_owned();
            Some((key, value))
        };
        match self.given(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => {
                let pairs: Option<Vec<_>> = items.iter().map(pair).collect();
                pairs.ok_or_else(|| wrong_type(name, &Value::Array(items.clone())))
            }
            Some(other) => Err(wrong_type(name, other)),
        }
    }

    fn given(&self, name: &str) -> Option<&Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }
}

/// The whole number in a JSON value, also where it is written as text.
pub(super) fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A required parameter that is not there.
pub(super) fn missing(name: &str) -> Refusal {
    Refusal::invalid(format!("Missing value for required parameter '{name}'. {SEE_DOCS}"))
}

fn wrong_type(name: &str, value: &Value) -> Refusal {
    let kind = match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_i64() || number.is_u64() => "int",
        Value::Number(_) => "float",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    };
    Refusal::invalid(format!(
        "Invalid value {value} for parameter '{name}' supplied:  Hint: Value was of type '{kind}'. {SEE_DOCS}"
    ))
}
