//! One request by several ways: in what the answer of a route differs from that of the first.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::redact::{BODY_LIMIT, field_of, shorten};
use crate::secret::{Gate, Redact};
use crate::source::Place;
use crate::units::nanos;

/// The answer of a route beside that of the first one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoutesCompared {
    /// The route that it is compared with: the first that was taken.
    pub first: RouteTaken,
    /// The route whose answer this is.
    pub other: RouteTaken,
    /// In what they differ; nothing where they are equal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<RouteDifference>,
    /// How many differences are not listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: usize,
    /// In how many places they differ as the first differs from itself.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub noise: usize,
    /// How many places were passed over because of a rule.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ignored: usize,
    /// Whether the first route was asked once more, to know what differs by itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub asked_again: bool,
}

/// One route of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouteTaken {
    /// Its name.
    pub name: String,
    /// Where its URL is written.
    pub place: Place,
    /// Where its requests go.
    pub origin: String,
    /// Whether everything else that is expected of its answer holds.
    pub holds: bool,
    /// How long the exchange took.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "nanos::option")]
    pub time: Option<Duration>,
}

/// One place in which two answers differ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouteDifference {
    /// What: `status`, `headers.content-type`, `$.items[*].id`, `body`, `expect $.id`.
    pub what: String,
    /// In how many places.
    pub places: usize,
    /// What the first of them is by the first route; nothing where it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<Value>,
    /// What it is by the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<Value>,
}

impl RouteDifference {
    /// What differs where the bodies are not compared field by field.
    pub const BODY: &'static str = "body";
}

/// So much of a whole body is shown, in characters.
const SHORT: usize = 200;

fn cut(text: &mut String) {
    if let Some((at, _)) = text.char_indices().nth(SHORT) {
        text.truncate(at);
        text.push('…');
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Redact for RoutesCompared {
    fn redact(&mut self, gate: &Gate) {
        let Self { first, other, differences, more: _, noise: _, ignored: _, asked_again: _ } =
            self;
        first.redact(gate);
        other.redact(gate);
        differences.redact(gate);
    }
}

impl Redact for RouteTaken {
    fn redact(&mut self, gate: &Gate) {
        let Self { name, place: _, origin, holds: _, time: _ } = self;
        name.redact(gate);
        gate.url(origin);
    }
}

impl Redact for RouteDifference {
    fn redact(&mut self, gate: &Gate) {
        let Self { what, places: _, first, other } = self;
        for value in [first, other].into_iter().flatten() {
            match &mut *value {
                // Masked as a whole, then cut: half a secret would not be found.
                Value::String(text) if what == Self::BODY => {
                    gate.body(text, BODY_LIMIT);
                    cut(text);
                }
                Value::String(text) if what.starts_with("headers.") => {
                    gate.header(field_of(what), text);
                }
                value if what.starts_with("expect ") => gate.json(value),
                value => gate.field(field_of(what), value),
            }
            shorten(value);
        }
        what.redact(gate);
    }
}
