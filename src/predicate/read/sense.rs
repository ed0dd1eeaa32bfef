//! Which operators can judge what a subject yields, known before the first request.

use serde_json::Value;

use crate::finding::{Code, Finding};
use crate::json::in_words;
use crate::predicate::About;
use crate::predicate::operator::Operator;
use crate::query::Yields;
use crate::source::Place;

/// What kinds of values an operator can judge.
pub(super) enum Judges {
    Anything,
    Numbers,
    Texts,
    TextsAndLists,
    Lists,
    Sized,
    Structures,
}

pub(super) fn judges(operator: Operator) -> Judges {
    match operator {
        Operator::Gt | Operator::Gte | Operator::Lt | Operator::Lte | Operator::CloseTo => {
            Judges::Numbers
        }
        Operator::StartsWith
        | Operator::EndsWith
        | Operator::Matches
        | Operator::Format
        | Operator::Before
        | Operator::After => Judges::Texts,
        Operator::Contains | Operator::NotContains => Judges::TextsAndLists,
        Operator::Unordered | Operator::Each | Operator::Some | Operator::None => Judges::Lists,
        Operator::Length | Operator::Empty => Judges::Sized,
        Operator::Partial => Judges::Structures,
        Operator::Equals
        | Operator::NotEquals
        | Operator::In
        | Operator::NotIn
        | Operator::Type
        | Operator::Present
        | Operator::Absent
        | Operator::AllOf
        | Operator::AnyOf
        | Operator::Not
        | Operator::Schema => Judges::Anything,
    }
}

/// Why an operator can never judge what is looked at, at the operator's key.
pub(super) fn misfit(operator: Operator, about: About, key: Place) -> Option<Finding> {
    let name = operator.as_str();
    let impossible = |what: &str, help: &str| {
        Some(
            Finding::error(Code::ImpossibleAssertion, format!("`{name}` cannot judge {what}"))
                .at(key, "")
                .help(help.to_owned()),
        )
    };
    match (about, judges(operator)) {
        (About::ManyResults, _) if operator == Operator::Absent => Some(
            Finding::error(
                Code::ImpossibleAssertion,
                "a path with many results yields a list, which is always there",
            )
            .at(key, "")
            .help("write `{empty: true}`"),
        ),
        (About::ManyResults, Judges::Numbers | Judges::Texts) => Some(
            Finding::error(
                Code::NotSingular,
                format!("`{name}` judges one value, and this path can yield many"),
            )
            .at(key, "")
            .help(format!("write `{{each: {{{name}: …}}}}`, or use some, contains")),
        ),
        (About::Kind(Yields::List), Judges::Numbers | Judges::Texts) => {
            impossible("a list", "use each, some, contains")
        }
        (
            About::Status | About::Size | About::Kind(Yields::Number),
            Judges::Texts
            | Judges::TextsAndLists
            | Judges::Lists
            | Judges::Sized
            | Judges::Structures,
        ) => impossible("a number", "compare it with `gt`, `lt`, `equals`, `in`"),
        (About::Kind(Yields::Text), Judges::Numbers) => impossible(
            "a text",
            "make it a number first: `{apply: [int], gt: 0}`; a time takes `before` and `after`",
        ),
        (About::Kind(Yields::Text), Judges::Lists | Judges::Structures) => {
            impossible("a text", "make it a list first: `{apply: [{split: \", \"}], …}`")
        }
        (
            About::Status
            | About::Size
            | About::ManyResults
            | About::Kind(Yields::Number | Yields::Text | Yields::List | Yields::Anything),
            _,
        ) => None,
    }
}

/// Why what is looked at is never of one of these types.
pub(super) fn other_type(types: &[&str], about: About, place: Place) -> Option<Finding> {
    let (what, always): (&str, &[&str]) = match about {
        About::Status => ("a status", &["integer", "number"]),
        About::Size => ("a size", &["integer", "number"]),
        About::ManyResults => ("a path with many results", &["array"]),
        About::Kind(Yields::Number) => ("this", &["integer", "number"]),
        About::Kind(Yields::Text) => ("this", &["string"]),
        About::Kind(Yields::List) => ("this", &["array"]),
        About::Kind(Yields::Anything) => return None,
    };
    if types.iter().any(|name| always.contains(name)) {
        return None;
    }
    Some(
        Finding::error(
            Code::ImpossibleAssertion,
            format!("{what} is never of type {}", types.join(" or ")),
        )
        .at(place, "")
        .help(format!("it is always of type {}", always.first().copied().unwrap_or_default())),
    )
}

/// Why a value can never equal what is looked at.
pub(super) fn unequal(value: &Value, about: About, place: Place) -> Option<Finding> {
    let impossible = |what: &str, help: String| {
        Some(
            Finding::error(
                Code::ImpossibleAssertion,
                format!("{} never equals {what}", in_words(value)),
            )
            .at(place, "")
            .help(help),
        )
    };
    match about {
        About::ManyResults if !value.is_array() => Some(
            Finding::error(
                Code::NotSingular,
                format!("a path that can yield many is compared with {}", in_words(value)),
            )
            .at(place, "")
            .help("use each, some, contains, or name an index"),
        ),
        About::Kind(Yields::List) if !value.is_array() => {
            impossible("a list", "use each, some, contains, or name an index".to_owned())
        }
        About::Kind(Yields::Text) if !value.is_string() => {
            let help = match value {
                Value::Number(number) => {
                    let is_whole = number.is_i64() || number.is_u64();
                    let filter = if is_whole { "int" } else { "float" };
                    format!(
                        "write it as text: `\"{value}\"`, or `{{apply: [{filter}], equals: {value}}}`"
                    )
                }
                Value::Bool(_) => format!("write it as text: `\"{value}\"`"),
                Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                    "this is always a text; what is not there is `{absent: true}`".to_owned()
                }
            };
            impossible("a text", help)
        }
        About::Size | About::Kind(Yields::Number) if !value.is_number() => {
            impossible("a number", "write a number without quotes".to_owned())
        }
        About::Status
        | About::Size
        | About::ManyResults
        | About::Kind(Yields::Number | Yields::Text | Yields::List | Yields::Anything) => None,
    }
}
