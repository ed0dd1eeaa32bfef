//! What a JSON Schema wants, in a few words: `at least 18`.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde_json::Value;

use crate::json;

/// The characters of a value or an expression that are shown.
const SHOWN: usize = 80;

/// The errors that tell most: where of several alternatives only one can have been meant, what
/// keeps the value from fitting that one.
pub(crate) fn telling<'e>(error: &'e ValidationError<'e>) -> Vec<&'e ValidationError<'e>> {
    let (Kind::AnyOf { context } | Kind::OneOfNotValid { context }) = error.kind() else {
        return vec![error];
    };
    let here = error.instance_path();
    // Who wants another kind of value altogether was not meant.
    let is_of_another_kind = |one: &&ValidationError<'static>| {
        let by_its_kind =
            matches!(one.kind(), Kind::Type { .. } | Kind::Constant { .. } | Kind::FalseSchema);
        by_its_kind && one.instance_path() == here
    };
    let mut meant = context.iter().filter(|branch| !branch.iter().any(|e| is_of_another_kind(&e)));
    match (meant.next(), meant.next()) {
        (Some(only), None) if !only.is_empty() => only.iter().flat_map(telling).collect(),
        _ => vec![error],
    }
}

/// What is wanted where an error is.
pub(crate) fn wanted(error: &ValidationError<'_>) -> String {
    let wanted = of_kind(error);
    let of_names = error.schema_path().as_str().contains("/propertyNames");
    match error.instance().as_ref() {
        Value::String(name) if of_names => format!("for the field name `{name}`: {wanted}"),
        _ => wanted,
    }
}

fn of_kind(error: &ValidationError<'_>) -> String {
    match error.kind() {
        Kind::Type { kind: TypeKind::Single(kind) } => format!("type {kind}"),
        Kind::Type { kind: TypeKind::Multiple(kinds) } => {
            let kinds: Vec<String> = kinds.iter().map(|kind| kind.to_string()).collect();
            format!("type {}", kinds.join(" or "))
        }
        Kind::Required { property } => match property.as_str() {
            Some(name) => format!("the field `{name}`"),
            None => format!("the field {property}"),
        },
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            format!("no {}", fields(unexpected))
        }
        Kind::UnevaluatedItems { .. } => "no further item".to_owned(),
        Kind::AdditionalItems { limit } => format!("at most {limit} items"),
        Kind::Minimum { limit } => format!("at least {}", json::show(limit, SHOWN)),
        Kind::ExclusiveMinimum { limit } => format!("more than {}", json::show(limit, SHOWN)),
        Kind::Maximum { limit } => format!("at most {}", json::show(limit, SHOWN)),
        Kind::ExclusiveMaximum { limit } => format!("less than {}", json::show(limit, SHOWN)),
        Kind::MultipleOf { multiple_of } => format!("a multiple of {multiple_of}"),
        Kind::MinLength { limit } => format!("at least {}", count(*limit, "character")),
        Kind::MaxLength { limit } => format!("at most {}", count(*limit, "character")),
        Kind::MinItems { limit } => format!("at least {}", count(*limit, "item")),
        Kind::MaxItems { limit } => format!("at most {}", count(*limit, "item")),
        Kind::MinProperties { limit } => format!("at least {}", count(*limit, "field")),
        Kind::MaxProperties { limit } => format!("at most {}", count(*limit, "field")),
        Kind::Pattern { pattern } => format!("a text that matches `{pattern}`"),
        Kind::Format { format } => format!("the format `{format}`"),
        Kind::Constant { expected_value } => json::show(expected_value, SHOWN),
        Kind::Enum { options } => format!("one of {}", json::show(options, SHOWN)),
        Kind::UniqueItems => "no item twice".to_owned(),
        Kind::Contains => "an item that fits `contains`".to_owned(),
        Kind::AnyOf { context } => format!("one of the {} ways of `anyOf`", context.len()),
        Kind::OneOfNotValid { context } => format!("one of the {} ways of `oneOf`", context.len()),
        Kind::OneOfMultipleValid { .. } => {
            "only one of the ways of `oneOf`, and several fit".to_owned()
        }
        Kind::Not { .. } => "what does not fit `not`".to_owned(),
        Kind::FalseSchema => "nothing: the schema is `false`".to_owned(),
        Kind::ContentEncoding { content_encoding } => format!("the encoding `{content_encoding}`"),
        Kind::ContentMediaType { content_media_type } => {
            format!("the media type `{content_media_type}`")
        }
        Kind::PropertyNames { error } => wanted(error),
        // The rest is rare, and the library's own words for it are good; the value stays out.
        _ => error.masked_with("the value").to_string(),
    }
}

fn fields(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().take(5).map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(quoted.len());
    let word = if names.len() == 1 { "field" } else { "fields" };
    let tail = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{word} {}{tail}", quoted.join(", "))
}

fn count(limit: u64, one: &str) -> String {
    if limit == 1 { format!("1 {one}") } else { format!("{limit} {one}s") }
}
