//! The tree: every value with its place, numbers as they were written, keys in their order.

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
