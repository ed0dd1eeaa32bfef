//! Owes editors the language as JSON Schemas (draft 7): every key that the parser knows, with what
//! it means, an example and its shape.
//!
//! Keys come out of [`plan::keys`](crate::plan::keys), operators, phases and filters out of the
//! rooms that judge by them, so that a schema cannot know more or less than the parser. A schema is
//! flat on purpose: a step is one object with all keys, since completion dies of alternatives;
//! `check` enforces that a step does exactly one thing.

mod environment;
mod expect;
mod plan;
mod predicate;
mod request;
mod shape;

use serde_json::{Map, Value, json};

use shape::{Keys, Shape, object};

/// What is said of keys that this version does not carry out yet.
const WHOLE_LANGUAGE: &str = "Every key of the plan language. What this version does not carry out \
     yet is described all the same; `planrun check` refuses it as `plan::not-yet`, and what no schema \
     can tell: names that are not defined, and what cannot stand together.";

/// The kinds of files that have a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaKind {
    /// Plans.
    Plan,
    /// Environments.
    Environment,
    /// Project files.
    Project,
}

impl SchemaKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Plan, Self::Environment, Self::Project];

    /// The word of the command line, and the first part of the file's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Environment => "environment",
            Self::Project => "project",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Plan => "A plan of planrun",
            Self::Environment => "An environment of planrun",
            Self::Project => "A project file of planrun",
        }
    }

    fn keys(self) -> Keys {
        match self {
            Self::Plan => plan::PLAN,
            Self::Environment => environment::ENVIRONMENT,
            Self::Project => environment::PROJECT,
        }
    }

    fn required(self) -> &'static [&'static str] {
        match self {
            Self::Plan => &["plan", "steps"],
            Self::Environment => &["environment"],
            Self::Project => &["project"],
        }
    }
}

/// The schema of a kind of file.
#[must_use]
pub fn schema(kind: SchemaKind) -> Value {
    let mut schema = Map::new();
    schema.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
    schema.insert("title".to_owned(), json!(kind.title()));
    schema.insert("description".to_owned(), json!(WHOLE_LANGUAGE));
    schema.extend(object(&[kind.keys()], kind.required()));
    let definitions = definitions(&schema);
    if !definitions.is_empty() {
        schema.insert("definitions".to_owned(), Value::Object(definitions));
    }
    Value::Object(schema)
}

/// The text of a schema's file.
#[must_use]
pub fn text(kind: SchemaKind) -> String {
    let mut text = String::new();
    print(&schema(kind), 0, &mut text);
    text.push('\n');
    text
}

/// Prints a value with two spaces a level; what fits into one line stands in one, so that a diff
/// of a schema shows keys and not brackets.
fn print(value: &Value, depth: usize, text: &mut String) {
    const WIDTH: usize = 100;
    let line = one_line(value);
    let column = text.len() - text.rfind('\n').map_or(0, |end| end + 1);
    let (open, close, parts): (_, _, Vec<(Option<&String>, &Value)>) = match value {
        Value::Array(items) => ('[', ']', items.iter().map(|item| (None, item)).collect()),
        Value::Object(fields) => {
            ('{', '}', fields.iter().map(|(name, field)| (Some(name), field)).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            text.push_str(&line);
            return;
        }
    };
    if parts.is_empty() || depth > 0 && column + line.chars().count() < WIDTH {
        text.push_str(&line);
        return;
    }
    text.push(open);
    for (index, (name, part)) in parts.into_iter().enumerate() {
        text.push_str(if index == 0 { "\n" } else { ",\n" });
        text.extend(std::iter::repeat_n("  ", depth + 1));
        if let Some(name) = name {
            text.push_str(&json!(name).to_string());
            text.push_str(": ");
        }
        print(part, depth + 1, text);
    }
    text.push('\n');
    text.extend(std::iter::repeat_n("  ", depth));
    text.push(close);
}

fn one_line(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(one_line).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|(name, field)| format!("{}: {}", json!(name), one_line(field)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

/// What makes a definition.
type Make = fn() -> Shape;

/// What several keys have in common, as far as a schema refers to it.
fn definitions(schema: &Map<String, Value>) -> Map<String, Value> {
    const ALL: [(&str, Make); 10] = [
        ("step", plan::step),
        ("expect", expect::expect),
        ("warn", expect::warn),
        ("subjects", expect::subjects),
        ("status", expect::status),
        ("predicate", predicate::predicate),
        ("test", predicate::test),
        ("filters", predicate::filters),
        ("budget", request::budget),
        ("phase", request::phase),
    ];
    let mut found = Map::new();
    let mut open = vec![Value::Object(schema.clone())];
    while let Some(part) = open.pop() {
        let text = part.to_string();
        for (name, make) in ALL {
            if !found.contains_key(name) && text.contains(&format!("\"#/definitions/{name}\"")) {
                let definition = Value::Object(make());
                open.push(definition.clone());
                found.insert(name.to_owned(), definition);
            }
        }
    }
    ALL.iter().filter_map(|(name, _)| found.remove_entry(*name)).collect()
}

#[cfg(test)]
mod tests;
