//! Where the documents say something of a part of a request that a refusal names.

use super::document::{Document, Spot};
use super::fields::{Looked, Step};
use super::operation::Operation;
use crate::json;
use crate::source::Place;

/// A part of a request in one operation of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Documented {
    /// The operation: `POST /keys`.
    pub operation: String,
    /// Where the document says it, as a JSON pointer.
    pub pointer: String,
    /// The same as a place.
    pub place: Place,
}

impl Document {
    /// Where it is documented that an operation takes a part of a request: a JSON pointer into the
    /// body, `query NAME`, `header NAME`, `cookie NAME` or `path NAME`. What is open is not named.
    #[must_use]
    pub fn part(&self, operation: &Operation, at: &str) -> Option<Documented> {
        let spot = match at.split_once(' ') {
            Some((word, name)) => {
                let is_it = |one: &&super::Parameter| {
                    one.within.as_str() == word && one.name.eq_ignore_ascii_case(name)
                };
                operation.parameters.iter().find(is_it)?.spot.clone()
            }
            None => self.field_of_body(operation, at)?,
        };
        let place = self.place(&spot)?;
        Some(Documented { operation: operation.label(), pointer: spot.pointer.clone(), place })
    }

    fn field_of_body(&self, operation: &Operation, pointer: &str) -> Option<Spot> {
        let schema = super::media::json(&operation.body.as_ref()?.content)?.schema.as_ref()?;
        let mut spots = vec![schema.clone()];
        let mut tokens = pointer.split('/').skip(1).peekable();
        tokens.peek()?;
        for token in tokens {
            let name = json::unescape(token);
            let step = match name.parse::<i64>() {
                Ok(index) => Step::Index(index),
                Err(_) => Step::Name(&name),
            };
            let Looked::At(next) = self.look(&spots, step) else { return None };
            spots = next;
        }
        spots.into_iter().next()
    }
}
