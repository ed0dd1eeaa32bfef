//! Fields of a response that its schema does not name: what JSON Schema lets pass, and a person who
//! reads the document would not expect.

use serde_json::Value;

use super::document::{Document, Spot};
use super::fields::{Looked, Step};
use super::validate::CAP;
use crate::json;

/// The pointers of such fields, each with the properties that are documented beside it, at most
/// [`CAP`]. The union of properties counts, over combinators and references; `additionalProperties`
/// that is `true` or `{}` leaves an object open, and what is open is never told.
pub(super) fn fields(document: &Document, schema: &Spot, value: &Value) -> Vec<(String, Spot)> {
    let mut found = Vec::new();
    walk(document, std::slice::from_ref(schema), (value, &mut String::new()), &mut found);
    found
}

fn walk(
    document: &Document,
    schemas: &[Spot],
    (value, pointer): (&Value, &mut String),
    found: &mut Vec<(String, Spot)>,
) {
    let length = pointer.len();
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if found.len() == CAP {
                    return;
                }
                json::push(pointer, name);
                match document.look(schemas, Step::Name(name)) {
                    Looked::At(spots) => walk(document, &spots, (value, pointer), found),
                    Looked::Open => {}
                    Looked::Absent => {
                        let holder = schemas.first().and_then(|spot| document.resolve(spot));
                        let holder = holder.map(|spot| {
                            let properties = spot.key("properties");
                            if document.get(&properties).is_some() { properties } else { spot }
                        });
                        if let Some(holder) = holder {
                            found.push((pointer.clone(), holder));
                        }
                    }
                }
                pointer.truncate(length);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let step = Step::Index(i64::try_from(index).unwrap_or(i64::MAX));
                if let Looked::At(spots) = document.look(schemas, step) {
                    json::push_index(pointer, index);
                    walk(document, &spots, (item, pointer), found);
                    pointer.truncate(length);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
