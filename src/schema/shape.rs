//! Owes the other shapes their material: typed scalars that also take a template, lists, mappings,
//! and objects whose keys come out of the parser's own tables.

use serde_json::{Map, Value, json};

use crate::plan::keys::{KeyDoc, RESERVED};
use crate::units;

/// The shape of a value; each part is a keyword of JSON Schema.
pub(super) type Shape = Map<String, Value>;

/// A table of keys with the shape that each has.
#[derive(Clone, Copy)]
pub(super) struct Keys {
    /// As the parser knows them.
    pub(super) table: &'static [KeyDoc],
    /// The shape behind a key; nothing where it has been forgotten, which a test finds.
    pub(super) shape: fn(&str) -> Option<Shape>,
}

/// A template somewhere in a text.
pub(super) const TEMPLATE: &str = r"\$\{\{";
/// A name: `[a-z_][a-z0-9_]*`.
const NAME: &str = "^[a-z_][a-z0-9_]*$";
/// A name as a key of a mapping, where an editor shows YAML's `<<` to a schema too.
const NAME_OR_MERGE: &str = "^([a-z_][a-z0-9_]*|<<)$";

/// Puts keywords together.
pub(super) fn shape(keywords: Value) -> Shape {
    match keywords {
        Value::Object(keywords) => keywords,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Shape::new()
        }
    }
}

/// Any value.
pub(super) fn any() -> Shape {
    Shape::new()
}

/// What stands under `definitions`.
pub(super) fn reference(name: &str) -> Shape {
    shape(json!({"$ref": format!("#/definitions/{name}")}))
}

/// A text; a number and a boolean are sent as they are written.
pub(super) fn text() -> Shape {
    shape(json!({"type": ["string", "number", "boolean"]}))
}

/// A text that is not empty.
pub(super) fn title() -> Shape {
    shape(json!({"type": ["string", "number", "boolean"], "pattern": r"\S"}))
}

/// A text that YAML reads as one.
pub(super) fn string() -> Shape {
    shape(json!({"type": "string"}))
}

/// A text that fits a pattern, or a template.
pub(super) fn fits(pattern: &str) -> Shape {
    shape(json!({"type": "string", "pattern": or_template(pattern)}))
}

/// A pattern that a template fits too.
pub(super) fn or_template(pattern: &str) -> String {
    format!("{pattern}|{TEMPLATE}")
}

/// The name of a thing that others refer to.
pub(super) fn name() -> Shape {
    shape(json!({"type": "string", "pattern": NAME}))
}

/// `true` or `false`.
pub(super) fn boolean() -> Shape {
    shape(json!({"type": ["boolean", "string"], "pattern": TEMPLATE}))
}

/// A whole number from a least one on.
pub(super) fn count(least: u32) -> Shape {
    shape(json!({"type": ["integer", "string"], "minimum": least, "pattern": TEMPLATE}))
}

/// A number.
pub(super) fn number() -> Shape {
    shape(json!({"type": ["number", "string"], "pattern": TEMPLATE}))
}

/// A duration with its unit.
pub(super) fn duration() -> Shape {
    fits(&units::duration_pattern())
}

/// A size with its unit.
pub(super) fn size() -> Shape {
    fits(&units::size_pattern())
}

/// One of a few words.
pub(super) fn word(words: &[&str]) -> Shape {
    shape(json!({"anyOf": [{"enum": words}, {"type": "string", "pattern": TEMPLATE}]}))
}

/// A list of at least so many.
pub(super) fn list(item: Shape, least: usize) -> Shape {
    let mut list = shape(json!({"type": "array"}));
    list.insert("items".to_owned(), Value::Object(item));
    if least > 0 {
        list.insert("minItems".to_owned(), json!(least));
    }
    list
}

/// A mapping of names that people choose: what each stands for, an example, and its shape.
pub(super) fn mapping(doc: &str, example: Value, value: Shape) -> Shape {
    shape(json!({
        "type": "object",
        "additionalProperties": described(doc, example, value),
    }))
}

/// The same, where the names are used in expressions.
pub(super) fn named(doc: &str, example: Value, value: Shape) -> Shape {
    let mut mapping = mapping(doc, example, value);
    mapping.insert("propertyNames".to_owned(), json!({"pattern": NAME_OR_MERGE}));
    mapping
}

/// The same, where a reserved word cannot be the name.
pub(super) fn own_named(doc: &str, example: Value, value: Shape) -> Shape {
    let mut mapping = mapping(doc, example, value);
    let names = json!({"pattern": NAME_OR_MERGE, "not": {"enum": RESERVED}});
    mapping.insert("propertyNames".to_owned(), names);
    mapping
}

/// An object with the keys of tables and no others.
pub(super) fn object(tables: &[Keys], required: &[&str]) -> Shape {
    let mut properties = Map::new();
    for Keys { table, shape } in tables {
        for key in *table {
            let value = shape(key.name).unwrap_or_default();
            properties.insert(key.name.to_owned(), property(key, value));
        }
    }
    let mut object = shape(json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    }));
    if !required.is_empty() {
        object.insert("required".to_owned(), json!(required));
    }
    object
}

/// An object that may have exactly one of its keys.
pub(super) fn one_of(tables: &[Keys]) -> Shape {
    let mut object = object(tables, &[]);
    object.insert("minProperties".to_owned(), json!(1));
    object.insert("maxProperties".to_owned(), json!(1));
    object
}

/// A shape that may also be something else: a list of types more, with what holds of those.
pub(super) fn or(mut value: Shape, types: &[&str], more: Value) -> Shape {
    let own = value.remove("type").unwrap_or_default();
    let mut all: Vec<Value> = types.iter().map(|it| json!(it)).collect();
    match own {
        Value::Array(own) => all.extend(own),
        own @ (Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Object(_)) => all.push(own),
    }
    let mut result = shape(json!({"type": all}));
    result.extend(shape(more));
    result.extend(value);
    result
}

/// A key with what it means, an example and its shape.
fn property(key: &KeyDoc, value: Shape) -> Value {
    described(key.doc, example(key), value)
}

/// A value with what it means and an example.
pub(super) fn described(doc: &str, example: Value, value: Shape) -> Value {
    let mut property = shape(json!({"description": doc}));
    property.insert("examples".to_owned(), Value::Array(vec![example]));
    property.extend(value);
    Value::Object(property)
}

/// The value of a key's example.
fn example(key: &KeyDoc) -> Value {
    let whole: serde_yaml::Value = serde_yaml::from_str(key.example).unwrap_or_default();
    whole.get(key.name).and_then(|value| serde_json::to_value(value).ok()).unwrap_or_default()
}
