//! The tree: every value with its place, numbers as they were written, keys in their order.

use std::borrow::Cow;

use super::scalar::plain_digits;
use crate::source::{Place, Spanned};

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// The bytes of the value; of a quoted scalar with its quotes, of a mapping from its first key.
    pub place: Place,
    /// How a scalar was written.
    pub style: Style,
}

/// How a value was written; decides what a place inside it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// A bare scalar: a place inside it maps one to one.
    Plain,
    /// `'…'`.
    Single,
    /// `"…"`.
    Double,
    /// `|` or `>`.
    Block,
    /// A list or mapping in indented lines.
    Indented,
    /// A list or mapping in `[ ]` or `{ }`.
    Flow,
}

/// What a value is, by the YAML 1.2 core schema.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Nothing after the colon: an error nearly everywhere (`write null`).
    Empty,
    /// `null` or `~`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number with every digit as written: a JSON lexeme (`0x1F` was resolved to `31`).
    Number {
        /// The number as JSON writes it.
        json: serde_json::Number,
        /// The number as the plan writes it.
        written: String,
    },
    /// A text.
    String(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping in its order, `<<` applied, first of a duplicate kept.
    Map(Vec<Entry>),
}

/// A key of a mapping with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key as text, with its own place.
    pub key: Key,
    /// The value.
    pub value: Node,
}

/// A key with its place; keys that are numbers or booleans are taken as written.
pub type Key = Spanned<String>;

impl Node {
    /// The value under a key of a mapping.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|entry| entry.key.value == key).map(|entry| &entry.value)
    }

    /// The entries of a mapping; none for anything else.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        match &self.kind {
            Kind::Map(entries) => entries,
            Kind::Empty
            | Kind::Null
            | Kind::Bool(_)
            | Kind::Number { .. }
            | Kind::String(_)
            | Kind::List(_) => &[],
        }
    }

    /// The items of a list; none for anything else.
    #[must_use]
    pub fn items(&self) -> &[Node] {
        match &self.kind {
            Kind::List(items) => items,
            Kind::Empty
            | Kind::Null
            | Kind::Bool(_)
            | Kind::Number { .. }
            | Kind::String(_)
            | Kind::Map(_) => &[],
        }
    }

    /// The text of a string; nothing for anything else.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(text) => Some(text),
            Kind::Empty
            | Kind::Null
            | Kind::Bool(_)
            | Kind::Number { .. }
            | Kind::List(_)
            | Kind::Map(_) => None,
        }
    }

    /// What it is, for messages: `a list`, `the number 30`.
    #[must_use]
    pub fn kind_name(&self) -> &'static str {
        match &self.kind {
            Kind::Empty => "nothing",
            Kind::Null => "null",
            Kind::Bool(_) => "a boolean",
            Kind::Number { .. } => "a number",
            Kind::String(_) => "a text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
        }
    }

    /// The same value as JSON, digits kept; an empty value becomes null.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match &self.kind {
            Kind::Empty | Kind::Null => serde_json::Value::Null,
            Kind::Bool(b) => serde_json::Value::Bool(*b),
            Kind::Number { json, .. } => serde_json::Value::Number(json.clone()),
            Kind::String(text) => serde_json::Value::String(text.clone()),
            Kind::List(items) => items.iter().map(Node::to_json).collect(),
            Kind::Map(entries) => serde_json::Value::Object(
                entries.iter().map(|e| (e.key.value.clone(), e.value.to_json())).collect(),
            ),
        }
    }

    /// The same value for `serde_yaml`, which types single values; an empty value becomes null.
    #[must_use]
    pub fn to_yaml(&self) -> serde_yaml::Value {
        use serde_yaml::Value;
        match &self.kind {
            Kind::Empty | Kind::Null => Value::Null,
            Kind::Bool(b) => Value::Bool(*b),
            Kind::Number { json, .. } => json
                .as_u64()
                .map(Value::from)
                .or_else(|| json.as_i64().map(Value::from))
                .or_else(|| json.as_f64().map(Value::from))
                .unwrap_or_else(|| Value::String(json.to_string())),
            Kind::String(text) => Value::String(text.clone()),
            Kind::List(items) => Value::Sequence(items.iter().map(Node::to_yaml).collect()),
            Kind::Map(entries) => Value::Mapping(
                entries
                    .iter()
                    .map(|e| (Value::String(e.key.value.clone()), e.value.to_yaml()))
                    .collect(),
            ),
        }
    }

    /// The text that is sent where a scalar stands in a header, a query or another text: a number
    /// as its shortest form (`1.10` is `1.1`, `0x1F` is `31`, `1e3` is `1000`). Nothing for an
    /// empty value, null, lists and mappings.
    #[must_use]
    pub fn text_of(&self) -> Option<Cow<'_, str>> {
        match &self.kind {
            Kind::Bool(b) => Some(Cow::Borrowed(if *b { "true" } else { "false" })),
            Kind::Number { json, .. } => Some(Cow::Owned(plain_digits(&json.to_string()))),
            Kind::String(text) => Some(Cow::Borrowed(text)),
            Kind::Empty | Kind::Null | Kind::List(_) | Kind::Map(_) => None,
        }
    }

    /// Whether it is a text with a template in it.
    #[must_use]
    pub fn has_template(&self) -> bool {
        self.as_str().is_some_and(super::has_template)
    }

    /// Where the content of a scalar begins to map one to one onto the text, if it does: inside
    /// the quotes of a simply quoted scalar (no escapes), at the start of a plain one.
    #[must_use]
    pub fn content_place(&self, text: &str) -> Option<Place> {
        let content = self.as_str()?;
        let written = text.get(self.place.span.range())?;
        let quotes = match self.style {
            Style::Plain => 0,
            Style::Single | Style::Double => 1,
            Style::Block | Style::Indented | Style::Flow => return None,
        };
        let inner = written.get(quotes..written.len().checked_sub(quotes)?)?;
        (inner == content).then(|| self.place.inward(quotes..written.len() - quotes))
    }
}
