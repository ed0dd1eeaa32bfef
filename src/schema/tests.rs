//! What a schema says is what the parser knows: every key, described, with an example that fits.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::shape::Keys;
use super::{SchemaKind, environment, expect, plan, predicate, request, schema};
use crate::plan::keys;
use crate::query::Filter;
use crate::yaml::testing::source;

fn tables() -> Vec<Keys> {
    let mut all = Vec::new();
    all.extend(plan::TABLES);
    all.extend(request::TABLES);
    all.extend(expect::TABLES);
    all.extend(environment::TABLES);
    all.extend(predicate::TABLES);
    all
}

/// Shows every schema inside a schema, with its JSON pointer.
fn each(schema: &Value, pointer: &str, visit: &mut dyn FnMut(&str, &Value)) {
    visit(pointer, schema);
    for keyword in ["properties", "patternProperties", "definitions"] {
        for (name, inner) in schema[keyword].as_object().into_iter().flatten() {
            each(inner, &format!("{pointer}/{keyword}/{name}"), visit);
        }
    }
    for keyword in ["items", "additionalProperties"] {
        if schema[keyword].is_object() {
            each(&schema[keyword], &format!("{pointer}/{keyword}"), visit);
        }
    }
    for keyword in ["anyOf", "allOf"] {
        for (at, inner) in schema[keyword].as_array().into_iter().flatten().enumerate() {
            each(inner, &format!("{pointer}/{keyword}/{at}"), visit);
        }
    }
}

#[test]
fn every_key_has_a_shape() {
    for Keys { table, shape } in tables() {
        for key in table {
            assert!(
                shape(key.name).is_some(),
                "`{}` ({}) has no shape: add it in src/schema/, beside the keys of its table",
                key.name,
                key.example
            );
        }
    }
}

#[test]
fn every_table_of_the_parser_is_in_a_schema() {
    let here = tables();
    for table in keys::ALL {
        // Hints of their own file have no schema: nothing marks such a file as one of ours.
        if *table == keys::HINTS_FILE {
            continue;
        }
        let first = table.first().map(|key| key.example);
        assert!(here.iter().any(|keys| keys.table == *table), "the table of {first:?}");
    }
}

#[test]
fn every_key_has_a_description_and_an_example() {
    for kind in SchemaKind::ALL {
        let mut keys = 0;
        each(&schema(kind), "", &mut |pointer, inner| {
            let parent = pointer.rsplit('/').nth(1).unwrap_or_default();
            if !matches!(parent, "properties" | "patternProperties")
                && !pointer.ends_with("/additionalProperties")
            {
                return;
            }
            keys += 1;
            let description = inner["description"].as_str().unwrap_or_default();
            assert!(description.len() > 5, "{pointer}: {inner}");
            let examples = inner["examples"].as_array().map_or(0, Vec::len);
            assert!(examples > 0, "{pointer}: {inner}");
        });
        assert!(keys > 20, "{} has only {keys} keys", kind.as_str());
    }
}

#[test]
fn every_example_fits_its_key() {
    for kind in SchemaKind::ALL {
        let whole = schema(kind);
        each(&whole, "", &mut |pointer, inner| {
            let Some(examples) = inner["examples"].as_array() else { return };
            // What stands beside `$ref` is for people alone.
            let referred = inner["$ref"].as_str().map(|name| name.trim_start_matches('#'));
            let mut alone = referred.and_then(|name| whole.pointer(name)).unwrap_or(inner).clone();
            alone["$schema"] = whole["$schema"].clone();
            if whole["definitions"].is_object() {
                alone["definitions"] = whole["definitions"].clone();
            }
            let validator = jsonschema::validator_for(&alone).unwrap();
            for example in examples {
                let errors: Vec<String> =
                    validator.iter_errors(example).map(|error| error.to_string()).collect();
                assert!(errors.is_empty(), "{pointer}: {example}: {errors:?}");
            }
        });
    }
}

#[test]
fn a_schema_uses_keywords_of_draft_7_alone() {
    let known: BTreeSet<&str> = [
        "$schema",
        "$ref",
        "title",
        "description",
        "examples",
        "definitions",
        "type",
        "enum",
        "pattern",
        "minLength",
        "minimum",
        "maximum",
        "items",
        "minItems",
        "maxItems",
        "properties",
        "patternProperties",
        "additionalProperties",
        "propertyNames",
        "required",
        "minProperties",
        "maxProperties",
        "anyOf",
        "allOf",
        "not",
        "dependencies",
    ]
    .into();
    for kind in SchemaKind::ALL {
        let whole = schema(kind);
        assert!(jsonschema::draft7::meta::validate(&whole).is_ok());
        each(&whole, "", &mut |pointer, inner| {
            for keyword in inner.as_object().into_iter().flatten().map(|(keyword, _)| keyword) {
                assert!(known.contains(keyword.as_str()), "{pointer}: {keyword}");
            }
        });
    }
}

#[test]
fn a_step_is_one_flat_object() {
    let plan = schema(SchemaKind::Plan);
    let step = &plan["definitions"]["step"];
    assert_eq!(step["additionalProperties"], json!(false));
    assert!(step.get("anyOf").is_none() && step.get("oneOf").is_none());
    for table in [keys::METHODS, keys::STEP, keys::REQUEST, keys::OPTIONS] {
        for key in table {
            assert!(step["properties"].get(key.name).is_some(), "{}", key.name);
        }
    }
}

#[test]
fn a_filter_takes_an_argument_where_the_parser_wants_one() {
    let filters = Value::Object(predicate::filters());
    let parse = |text: &str| {
        let source = source(text);
        let node = crate::yaml::read(&source).0.unwrap();
        Filter::parse_all(node.get("apply").unwrap(), &source.text).map(|filters| filters.len())
    };
    let bare = filters["items"]["anyOf"][0]["enum"].as_array().unwrap();
    for word in bare {
        assert_eq!(parse(&format!("apply: {word}")).ok(), Some(1), "{word}");
    }
    let arguments = filters["items"]["anyOf"][1]["properties"].as_object().unwrap();
    for (word, inner) in arguments {
        assert_eq!(parse(&format!("apply: [{word}]")).ok(), None, "{word}");
        let with = json!([{word: inner["examples"][0]}]);
        assert_eq!(parse(&format!("apply: {with}")).ok(), Some(1), "{with}");
    }
    assert_eq!(bare.len() + arguments.len(), Filter::WORDS.len());
}
