//! Schemas that are compiled, those that cannot be, and what is said of values that do not fit.

use serde_json::Value;

use super::*;
use crate::source::SourceSet;

const HERE: &str = "file:///project/user.json";

fn compile(text: &str) -> Result<Schema, Vec<Finding>> {
    let mut sources = SourceSet::default();
    let id = sources.add("user.json", text);
    let document =
        Document::read(sources.get(id).unwrap(), HERE.to_owned()).map_err(|f| vec![f])?;
    let uris = std::iter::once(HERE.to_owned()).chain(document.identifiers());
    let uris = uris.map(|uri| (uri, 0)).collect();
    Schema::compile(vec![document], uris)
}

/// Each place of a value that does not fit: where, what is wanted, and the schema's own words.
fn misfits(schema: &str, value: &str) -> Vec<String> {
    let compiled = compile(schema).unwrap();
    let value: Value = serde_json::from_str(value).unwrap();
    let said = compiled.misfits(&value).into_iter().map(|misfit| {
        let place = misfit.place.and_then(|place| schema.get(place.span.range()));
        format!("{}: {} <- {}", misfit.at, misfit.wanted, place.unwrap_or("?"))
    });
    said.collect()
}

#[track_caller]
fn says(schema: &str, value: &str, expected: &[&str]) {
    assert_eq!(misfits(schema, value), expected, "{schema} of {value}");
}

#[test]
fn every_place_that_does_not_fit_is_told_with_what_the_schema_wants_there() {
    let schema = r##"{"type": "object", "required": ["id", "email"],
        "properties": {"age": {"$ref": "#/$defs/age"}, "email": {"format": "email"}, "id": {}},
        "additionalProperties": false, "$defs": {"age": {"type": "integer", "minimum": 18}}}"##;
    says(schema, r#"{"id": 1, "email": "a@example.com"}"#, &[]);
    says(
        schema,
        r#"{"age": 3, "email": "x", "zz": 1}"#,
        &[
            r#": the field `id` <- "required": ["id", "email"]"#,
            r#"/age: at least 18 <- "minimum": 18"#,
            r#"/email: the format `email` <- "format": "email""#,
            r#": no field `zz` <- "additionalProperties": false"#,
        ],
    );
    says(schema, "3", &[r#": type object <- "type": "object""#]);
}

#[test]
fn each_keyword_has_its_words() {
    for (schema, value, expected) in [
        (r#"{"type": ["string", "null"]}"#, "1", "type null or string"),
        (r#"{"exclusiveMinimum": 1}"#, "1", "more than 1"),
        (r#"{"maximum": 1}"#, "1.5", "at most 1"),
        (r#"{"exclusiveMaximum": 1}"#, "1", "less than 1"),
        (r#"{"multipleOf": 5}"#, "7", "a multiple of 5"),
        (r#"{"minLength": 1}"#, "\"\"", "at least 1 character"),
        (r#"{"maxLength": 2}"#, "\"äöü\"", "at most 2 characters"),
        (r#"{"minItems": 2}"#, "[]", "at least 2 items"),
        (r#"{"maxItems": 1}"#, "[1, 2]", "at most 1 item"),
        (r#"{"minProperties": 1}"#, "{}", "at least 1 field"),
        (r#"{"maxProperties": 1}"#, r#"{"a": 1, "b": 2}"#, "at most 1 field"),
        (r#"{"pattern": "^a"}"#, "\"b\"", "a text that matches `^a`"),
        (r#"{"const": "a"}"#, "\"b\"", "\"a\""),
        (r#"{"enum": ["a", 1]}"#, "\"b\"", "one of [\"a\",1]"),
        (r#"{"uniqueItems": true}"#, "[1, 1]", "no item twice"),
        (r#"{"contains": {"const": 1}}"#, "[2]", "an item that fits `contains`"),
        (r#"{"not": {"type": "string"}}"#, "\"a\"", "what does not fit `not`"),
        ("false", "1", "nothing: the schema is `false`"),
        (
            r#"{"propertyNames": {"pattern": "^a"}}"#,
            r#"{"b": 1}"#,
            "for the field name `b`: a text that matches `^a`",
        ),
        (
            r#"{"oneOf": [{"minimum": 1}, {"maximum": 9}]}"#,
            "5",
            "only one of the ways of `oneOf`, and several fit",
        ),
        (r#"{"anyOf": [{"minimum": 9}, {"multipleOf": 4}]}"#, "5", "one of the 2 ways of `anyOf`"),
    ] {
        let found = misfits(schema, value);
        let wanted = found.first().and_then(|said| said.split_once(": ")?.1.split_once(" <- "));
        assert_eq!(wanted.map(|(wanted, _)| wanted), Some(expected), "{found:?}");
    }
}

#[test]
fn of_several_ways_the_one_that_was_meant_is_told() {
    let schema = r#"{"anyOf": [{"type": "null"}, {"properties": {"a": {"type": "string"}}}]}"#;
    says(schema, r#"{"a": 1}"#, &[r#"/a: type string <- "type": "string""#]);
    let kinds = r#"{"oneOf": [
        {"properties": {"kind": {"const": "a"}, "n": {"type": "integer"}}},
        {"properties": {"kind": {"const": "b"}}}]}"#;
    assert_eq!(misfits(kinds, r#"{"kind": "c"}"#).len(), 1);
}

#[test]
fn what_fits_nowhere_is_told_so_many_times() {
    let value = format!("[{}]", vec!["1"; 500].join(","));
    assert_eq!(misfits(r#"{"items": {"type": "string"}}"#, &value).len(), CAP);
}

#[test]
fn a_schema_that_refers_to_itself_for_ever_ends() {
    says(r##"{"$ref": "#"}"##, "{}", &[]);
    let tree = r##"{"type": "object", "properties": {"next": {"$ref": "#"}}}"##;
    says(tree, r#"{"next": {"next": {}}}"#, &[]);
    let said = misfits(tree, r#"{"next": {"next": 1}}"#);
    assert_eq!(said, [r#"/next/next: type object <- "type": "object""#]);
}

#[test]
fn older_drafts_and_identifiers_of_their_own_are_understood() {
    let schema = r##"{"$schema": "http://json-schema.org/draft-04/schema#", "id": "https://example.com/u.json",
        "properties": {"n": {"$ref": "#/definitions/n"}},
        "definitions": {"n": {"minimum": 3, "exclusiveMinimum": true}}}"##;
    says(schema, r#"{"n": 4}"#, &[]);
    says(schema, r#"{"n": 3}"#, &[r#"/n: more than 3 <- "minimum": 3"#]);
}

/// What is said of a schema that cannot be used, with the text that is marked.
fn refused(schema: &str) -> Vec<String> {
    let findings = compile(schema).unwrap_err();
    let said = findings.iter().map(|finding| {
        let place = finding.place().and_then(|place| schema.get(place.span.range()));
        format!("{} <- {}", finding.message, place.unwrap_or("?"))
    });
    said.collect()
}

#[test]
fn a_schema_that_breaks_the_rules_is_marked_where_it_does() {
    assert_eq!(
        refused(r#"{"type": "strng", "properties": {"a": {"minimum": "x"}}, "required": "a"}"#),
        [
            "`type` in a JSON Schema wants one of [\"array\",\"boolean\",\"integer\",\"null\",\"number\",\"object\",\"string\"] <- \"strng\"",
            "`minimum` in a JSON Schema wants type number <- \"x\"",
            "`required` in a JSON Schema wants type array <- \"a\"",
        ]
    );
    assert_eq!(refused("3"), ["a JSON Schema is type boolean or object <- 3"]);
    assert_eq!(
        refused(r#"{"pattern": "[a"}"#),
        ["`pattern` in a JSON Schema wants the format `regex` <- \"[a\""]
    );
}

#[test]
fn a_reference_that_leads_nowhere_is_marked() {
    assert_eq!(
        refused(r##"{"properties": {"a": {"$ref": "#/$defs/none"}}}"##),
        ["`#/$defs/none` leads to nothing <- \"#/$defs/none\""]
    );
}

#[test]
fn a_version_that_nobody_knows_and_a_text_that_is_no_json_are_refused() {
    assert_eq!(
        refused(r#"{"$schema": "http://example.com/x"}"#),
        ["this version of JSON Schema is not known <- \"http://example.com/x\""]
    );
    assert_eq!(
        refused("{\"a\": 1,}"),
        ["the schema is not JSON: a comma stands before the end of a list or object <- }"]
    );
    assert_eq!(refused("{\"a\": 1"), ["the schema is not JSON: the text ends inside a value <- 1"]);
}

#[test]
fn references_know_which_file_or_address_they_mean() {
    let mut sources = SourceSet::default();
    let text = r##"{"$id": "https://example.com/s/user.json", "properties": {
        "a": {"$ref": "../c%20d.json#/$defs/x"}, "b": {"$ref": "#/$defs/y"},
        "c": {"$ref": "https://other.example/z.json"}, "const": {"const": {"$ref": "q.json"}}}}"##;
    let id = sources.add("user.json", text);
    let document = Document::read(sources.get(id).unwrap(), HERE.to_owned()).unwrap();
    assert_eq!(document.identifiers(), ["https://example.com/s/user.json"]);
    let found: Vec<_> = document
        .references()
        .into_iter()
        .map(|found| (found.pointer, found.target.unwrap(), found.file))
        .collect();
    let expected = [
        ("/properties/a/$ref", "https://example.com/c%20d.json", Some("../c d.json")),
        ("/properties/b/$ref", "https://example.com/s/user.json", None),
        ("/properties/c/$ref", "https://other.example/z.json", None),
    ];
    let expected: Vec<_> = expected
        .map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.map(str::to_owned)))
        .into_iter()
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn paths_are_looked_for_where_operators_stand_and_not_in_data() {
    let source = crate::yaml::testing::source(
        "x: {schema: a, not: {schema: b}, each: {all_of: [{schema: c}, {equals: {schema: d}}]}, \
         equals: {schema: e}, partial: {schema: f}}\n",
    );
    let (node, _) = crate::yaml::read(&source);
    let root = node.unwrap();
    let mut found: Vec<_> =
        schema_paths(root.get("x").unwrap()).into_iter().filter_map(Node::as_str).collect();
    found.sort_unstable();
    assert_eq!(found, ["a", "b", "c"]);
}
