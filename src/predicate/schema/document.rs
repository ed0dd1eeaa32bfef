//! One text of a JSON Schema: its value, and the other texts that it refers to.

use std::sync::Arc;

use serde_json::Value;
use url::Url;

use crate::finding::{Code, Finding};
use crate::json::{self, JsonFault, Written};
use crate::source::{Place, SourceId, SourceText, Span};

/// A text that a JSON Schema is made of.
#[derive(Debug, Clone)]
pub struct Document {
    /// Where it is, as an address.
    pub uri: String,
    pub(super) value: Arc<Value>,
    source: SourceId,
    text: Arc<str>,
}

/// A `$ref` or `$dynamicRef`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// As written.
    pub written: String,
    /// Where it is written, as a JSON pointer.
    pub pointer: String,
    /// What it leads to, as an address without a fragment; nothing where it is none.
    pub target: Option<String>,
    /// The path of a file, relative to the one that it is written in; nothing where an address is
    /// written out or the text itself is meant.
    pub file: Option<String>,
}

impl Document {
    /// Reads a text that has an address.
    ///
    /// # Errors
    /// A finding where it is not JSON.
    pub fn read(source: &SourceText, uri: String) -> Result<Self, Finding> {
        match json::parse(source.text.as_bytes()) {
            Ok(value) => Ok(Self {
                uri,
                value: Arc::new(value),
                source: source.id,
                text: Arc::clone(&source.text),
            }),
            Err(fault) => Err(not_json(source, &fault)),
        }
    }

    /// Where a keyword stands, with its value; where it is not there, what holds it.
    pub(super) fn keyword(&self, pointer: &str) -> Option<Place> {
        let written = self.nearest(pointer)?;
        let start = written.key.map_or(written.value.start, |key| key.start);
        Some(Place { source: self.source, span: Span::new(start, written.value.end) })
    }

    /// Where the value at a pointer stands, or what holds it; at worst the beginning of the text.
    #[must_use]
    pub fn place(&self, pointer: &str) -> Place {
        let value = self.nearest(pointer).map_or(0..0, |written| written.value);
        Place { source: self.source, span: Span::new(value.start, value.end) }
    }

    fn nearest(&self, pointer: &str) -> Option<Written> {
        let mut known = pointer;
        loop {
            if let Some(written) = json::written(&self.text, known) {
                return Some(written);
            }
            known = known.get(..known.rfind('/')?)?;
        }
    }

    /// The addresses that the text itself says it has (`$id`).
    #[must_use]
    pub fn identifiers(&self) -> Vec<String> {
        let mut found = Vec::new();
        let root = Url::parse(&self.uri).ok();
        self.walk(root.as_ref(), &mut |_, base, _| {
            if let Some(base) = base {
                let address = without_fragment(base);
                if address != self.uri && !found.contains(&address) {
                    found.push(address);
                }
            }
        });
        found
    }

    /// Every reference, in the order of the text.
    #[must_use]
    pub fn references(&self) -> Vec<Reference> {
        let mut found = Vec::new();
        let root = Url::parse(&self.uri).ok();
        self.walk(root.as_ref(), &mut |pointer, base, value| {
            for key in ["$ref", "$dynamicRef"] {
                let Some(written) = value.get(key).and_then(Value::as_str) else { continue };
                let path = written.split('#').next().unwrap_or_default();
                let target = base.and_then(|base| base.join(written).ok());
                let relative = !path.is_empty() && Url::parse(written).is_err();
                let decoded = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
                let mut pointer = pointer.to_owned();
                json::push(&mut pointer, key);
                found.push(Reference {
                    written: written.to_owned(),
                    pointer,
                    target: target.as_ref().map(without_fragment),
                    file: relative.then(|| decoded.into_owned()),
                });
            }
        });
        found
    }

    fn walk(&self, root: Option<&Url>, visit: Visit<'_>) {
        // Draft 4 wrote its identifiers so; later a field of this name is any field.
        let version = self.value.get("$schema").and_then(Value::as_str).unwrap_or_default();
        let id = if version.contains("draft-04") { "id" } else { "$id" };
        walk(&self.value, &mut String::new(), (id, root), visit);
    }
}

/// What sees an object, its pointer, and the address that references in it are relative to.
type Visit<'v> = &'v mut dyn FnMut(&str, Option<&Url>, &Value);

fn without_fragment(url: &Url) -> String {
    let mut url = url.clone();
    url.set_fragment(None);
    url.into()
}

/// Visits every object that may be a schema.
fn walk(value: &Value, pointer: &mut String, (id, base): (&str, Option<&Url>), visit: Visit<'_>) {
    let length = pointer.len();
    match value {
        Value::Object(fields) => {
            let own = fields.get(id).and_then(|id| base?.join(id.as_str()?).ok());
            let base = own.as_ref().or(base);
            visit(pointer, base, value);
            for (key, field) in fields {
                // What stands here is data, whatever it looks like.
                if matches!(key.as_str(), "const" | "enum" | "default" | "examples" | "example") {
                    continue;
                }
                json::push(pointer, key);
                walk(field, pointer, (id, base), visit);
                pointer.truncate(length);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                json::push_index(pointer, index);
                walk(item, pointer, (id, base), visit);
                pointer.truncate(length);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn not_json(source: &SourceText, fault: &JsonFault) -> Finding {
    let offset = fault.at.offset;
    let next = source.text.get(offset..).and_then(|rest| rest.chars().next());
    let end = offset + next.map_or(0, char::len_utf8);
    let place = Place { source: source.id, span: Span::new(offset, end) };
    Finding::error(Code::BadSchema, format!("the schema is not JSON: {}", fault.kind))
        .at(place, "")
        .help("a JSON Schema is written in JSON")
}
