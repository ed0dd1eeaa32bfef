//! Owes the shape of a predicate: a scalar, a list, or the one object of operators, and the filters
//! that stand before them.

use serde_json::{Map, Value, json};

use super::shape::{
    Keys, Shape, TEMPLATE, any, boolean, described, number, object, or_template, reference, shape,
    string,
};
use crate::plan::keys;
use crate::predicate::{Format, Operator, TYPES};
use crate::query::Filter;
use crate::units;

const CLOSE_TO: Keys = Keys { table: keys::CLOSE_TO, shape: near };

/// A predicate under a subject: `apply`, then operators.
pub(super) fn predicate() -> Shape {
    let filters = described(
        "Filters that change the value before the operators judge it.",
        json!([{"split": ", "}, "first"]),
        reference("filters"),
    );
    let mut properties = Map::new();
    properties.insert("apply".to_owned(), filters);
    properties.extend(operators());
    of(properties)
}

/// A predicate inside another: operators alone.
pub(super) fn test() -> Shape {
    of(operators())
}

/// Scalars and lists are equality; a mapping is always operators.
fn of(properties: Map<String, Value>) -> Shape {
    let mut predicate = shape(json!({
        "type": ["string", "number", "boolean", "null", "array", "object"],
        "additionalProperties": false,
        "minProperties": 1,
    }));
    predicate.insert("properties".to_owned(), Value::Object(properties));
    predicate
}

fn operators() -> Map<String, Value> {
    Operator::ALL
        .iter()
        .map(|operator| {
            let (doc, example) = describe(*operator);
            let property = described(doc, example, operand(*operator));
            (operator.as_str().to_owned(), property)
        })
        .collect()
}

/// What an operator takes.
fn operand(operator: Operator) -> Shape {
    match operator {
        Operator::Equals | Operator::NotEquals => any(),
        Operator::Gt | Operator::Gte | Operator::Lt | Operator::Lte => {
            let percent = r"^\s*\d+(\.\d+)?\s*%\s*$";
            let pattern = or_template(&format!("{}|{percent}", units::size_pattern()));
            shape(json!({"type": ["number", "string"], "pattern": pattern}))
        }
        Operator::CloseTo => object(&[CLOSE_TO], &["value", "within"]),
        Operator::In | Operator::NotIn => {
            shape(json!({"type": ["array", "string"], "minItems": 1, "pattern": TEMPLATE}))
        }
        Operator::Contains | Operator::NotContains => shape(json!({"minLength": 1})),
        Operator::StartsWith | Operator::EndsWith => {
            shape(json!({"type": "string", "minLength": 1}))
        }
        Operator::Matches | Operator::Before | Operator::After => string(),
        Operator::Length => shape(json!({
            "type": ["integer", "string", "object"],
            "minimum": 0,
            "pattern": TEMPLATE,
            "allOf": [reference("test")],
        })),
        Operator::Empty | Operator::Present | Operator::Absent => boolean(),
        Operator::Type => shape(json!({
            "anyOf": [
                {"enum": TYPES},
                {"type": "array", "minItems": 1, "items": {"enum": TYPES}},
                {"type": "string", "pattern": TEMPLATE},
            ],
        })),
        Operator::Partial => {
            shape(json!({"type": ["object", "array", "string"], "pattern": TEMPLATE}))
        }
        Operator::Unordered => shape(json!({"type": ["array", "string"], "pattern": TEMPLATE})),
        Operator::Each | Operator::Some | Operator::None | Operator::Not => reference("test"),
        Operator::AllOf | Operator::AnyOf => {
            shape(json!({"type": "array", "minItems": 1, "items": reference("test")}))
        }
        Operator::Format => super::shape::word(&Format::ALL.map(|(word, _)| word)),
        Operator::Schema => shape(json!({"type": "string"})),
    }
}

fn near(key: &str) -> Option<Shape> {
    matches!(key, "value" | "within").then(number)
}

/// What an operator means, and an operand for it.
fn describe(operator: Operator) -> (&'static str, Value) {
    match operator {
        Operator::Equals => ("Equal, with its type: `1` is not `\"1\"`.", json!({"name": "Ada"})),
        Operator::NotEquals => ("Present, and not equal.", json!("DELETED")),
        Operator::Gt => ("Greater than.", json!(0)),
        Operator::Gte => ("Greater than or equal to.", json!(1)),
        Operator::Lt => ("Less than.", json!(100)),
        Operator::Lte => ("Less than or equal to.", json!(100)),
        Operator::CloseTo => {
            ("A number near enough to another.", json!({"value": 1.5, "within": 0.1}))
        }
        Operator::In => ("One of these values.", json!(["READY", "PENDING"])),
        Operator::NotIn => ("Present, and none of these values.", json!(["FAILED", "DELETED"])),
        Operator::Contains => {
            ("A text with this part, or a list with this item.", json!("model:write"))
        }
        Operator::NotContains => {
            ("A text without this part, or a list without this item.", json!("admin"))
        }
        Operator::StartsWith => ("A text that begins so.", json!("application/json")),
        Operator::EndsWith => ("A text that ends so.", json!("/welcome")),
        Operator::Matches => (
            "A text in which this regular expression is found; it is not anchored.",
            json!(r"^\d+$"),
        ),
        Operator::Length => (
            "The number of characters, items or fields: a number, or operators on it.",
            json!({"gt": 0}),
        ),
        Operator::Empty => ("Whether a text, a list or an object has nothing in it.", json!(false)),
        Operator::Type => {
            ("The type, by JSON Schema's names; a list: one of them.", json!("integer"))
        }
        Operator::Present => ("Whether it is there; `null` is there.", json!(true)),
        Operator::Absent => ("Whether it is not there; `null` is there.", json!(true)),
        Operator::Partial => ("An object with at least these fields.", json!({"name": "Ada"})),
        Operator::Unordered => ("A list of these items, in any order.", json!(["a", "b"])),
        Operator::Each => ("Holds for every item, and there is one.", json!({"gt": 0})),
        Operator::Some => ("Holds for at least one item.", json!({"equals": "champion"})),
        Operator::None => {
            ("Holds for no item; an empty list passes.", json!({"equals": "DELETED"}))
        }
        Operator::AllOf => ("All of these hold.", json!([{"gt": 0}, {"lt": 100}])),
        Operator::AnyOf => ("At least one of these holds.", json!([{"type": "null"}, {"gt": 0}])),
        Operator::Not => ("Does not hold, though it can be judged.", json!({"contains": "error"})),
        Operator::Format => ("A text of this form.", json!("uuid")),
        Operator::Schema => (
            "Fits a JSON Schema: its path, relative to this file.",
            json!("schemas/user.schema.json"),
        ),
        Operator::Before => ("A time before this one.", json!("2026-12-31T00:00:00Z")),
        Operator::After => ("A time after this one.", json!("${{ run.started_at }}")),
    }
}

/// `apply:`, a list of filters.
pub(super) fn filters() -> Shape {
    let takes_none: Vec<&str> =
        Filter::WORDS.iter().copied().filter(|word| argument(word).is_none()).collect();
    let arguments: Map<String, Value> = Filter::WORDS
        .iter()
        .filter_map(|word| {
            let (doc, example, shape) = argument(word)?;
            Some(((*word).to_owned(), described(doc, example, shape)))
        })
        .collect();
    let filter = json!({
        "anyOf": [
            {"enum": takes_none},
            {
                "type": "object",
                "properties": arguments,
                "additionalProperties": false,
                "minProperties": 1,
                "maxProperties": 1,
            },
        ],
    });
    shape(json!({"type": ["array", "string", "object"], "items": filter}))
}

/// What a filter does with its argument; nothing where it takes none.
fn argument(word: &str) -> Option<(&'static str, Value, Shape)> {
    let two = || shape(json!({"type": "array", "minItems": 2, "maxItems": 2}));
    let index = || shape(json!({"type": "integer"}));
    Some(match word {
        "nth" => ("The item at an index from 0; -1 is the last.", json!(2), index()),
        "split" => ("The parts of a text between separators.", json!(", "), string()),
        "replace" => {
            ("A text with each of the first replaced by the second.", json!(["old", "new"]), two())
        }
        "replace_regex" => {
            ("A text with each match replaced; `$1` is group 1.", json!([r"\s+", " "]), two())
        }
        "regex" => ("Group 1 of the first match, else the match.", json!(r"id=(\d+)"), string()),
        "date" => ("A time in a strftime format.", json!("%Y-%m-%d"), string()),
        "parse_date" => ("A text in a strptime format as RFC 3339.", json!("%d.%m.%Y"), string()),
        "query_param" => ("The value of a parameter of a URL.", json!("page"), string()),
        _ => return None,
    })
}

/// Every table of this file, for the test that none of its keys lacks a shape.
#[cfg(test)]
pub(super) const TABLES: [Keys; 1] = [CLOSE_TO];
