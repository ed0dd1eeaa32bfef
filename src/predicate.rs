//! Is it as expected: operators read from a plan, and judged on what a query found.
//!
//! A [`Predicate`] is read once. Where its operands hold templates, `run` evaluates those scalars
//! and calls [`Predicate::resolve`], which reads the same nodes again with the values in place, so
//! that a wrong value gets the same message at the same place as a wrong literal.

mod compare;
mod format;
mod judge;
mod operator;
mod read;
mod schema;
mod status;

use std::borrow::Cow;

use serde_json::Value;

pub use format::Format;
pub use operator::{Check, Op, Operator, TYPES, Test};
pub use schema::{Document, Read, Reference, Schema, Schemas, schema_paths};
pub(crate) use schema::{telling, wanted};
pub use status::StatusPattern;

use crate::finding::Finding;
use crate::outcome::{Actual, Expected, Violation};
use crate::query::{Filter, Found, Subject, SubjectKind, Yields};
use crate::source::Place;
use crate::yaml::Node;

/// What the reader of a predicate must know of its surroundings.
#[derive(Debug, Clone, Copy)]
pub struct Context<'t> {
    /// The text that the node lies in, for places inside a scalar.
    pub text: &'t str,
    /// What is judged.
    pub about: About,
    /// The JSON Schemas that were read; none where nothing could name one.
    pub schemas: Option<&'t Schemas>,
}

/// What is judged, as far as that decides which operators can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// The status: `2xx` is understood.
    Status,
    /// A number of bytes: `1MiB` is understood.
    Size,
    /// A path with many results.
    ManyResults,
    /// Something that always yields one kind.
    Kind(Yields),
}

impl<'t> Context<'t> {
    /// The surroundings of a subject's predicate.
    #[must_use]
    pub fn of(subject: &Subject, text: &'t str) -> Self {
        let about = match &subject.kind {
            SubjectKind::Status => About::Status,
            SubjectKind::Size => About::Size,
            SubjectKind::Path(path) if !path.is_singular() => About::ManyResults,
            SubjectKind::Header { .. }
            | SubjectKind::Cookie { .. }
            | SubjectKind::Redirects(_)
            | SubjectKind::Url
            | SubjectKind::Text
            | SubjectKind::Sha256
            | SubjectKind::Md5
            | SubjectKind::Bytes
            | SubjectKind::Http
            | SubjectKind::RemoteIp
            | SubjectKind::Duration
            | SubjectKind::Path(_)
            | SubjectKind::Value(_) => About::Kind(subject.yields()),
        };
        Self { text, about, schemas: None }
    }
}

/// What is expected of one subject.
#[derive(Debug, Clone)]
pub struct Predicate {
    /// What transforms the value first.
    pub apply: Vec<Filter>,
    test: Test,
    templated: Option<Box<Templated>>,
}

/// What is needed to read the operands again once their templates are evaluated.
///
/// The text of the file is no part of it: what stands in the file was judged when it was read, and
/// what a template gave has no place inside its scalar.
#[derive(Debug, Clone)]
struct Templated {
    node: Node,
    about: About,
    schemas: Option<Schemas>,
    scalars: Vec<Node>,
}

/// How one operator was judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// Whether it holds.
    pub passed: bool,
    /// What was expected.
    pub expected: Expected,
    /// What was there; absent where it holds.
    pub actual: Option<Actual>,
    /// Where in the body, as a JSON pointer: the offending item or field.
    pub pointer: Option<String>,
    /// A remark that explains.
    pub note: Option<String>,
    /// What of the value does not fit a JSON Schema.
    pub violations: Vec<Violation>,
}

impl Predicate {
    /// Reads a predicate: a scalar or a list is equality with its type, a mapping is operators.
    ///
    /// # Errors
    /// Every finding about it, in the order of the text.
    pub fn parse(node: &Node, context: &Context<'_>) -> Result<Self, Vec<Finding>> {
        let read = read::read(node, context, None)?;
        let templated = (!read.scalars.is_empty()).then(|| {
            Box::new(Templated {
                node: node.clone(),
                about: context.about,
                schemas: context.schemas.cloned(),
                scalars: read.scalars,
            })
        });
        Ok(Self { apply: read.apply, test: read.test, templated })
    }

    /// The scalars that hold templates, in the order in which [`Predicate::resolve`] wants their
    /// values.
    #[must_use]
    pub fn templates(&self) -> &[Node] {
        self.templated.as_ref().map_or(&[], |templated| &templated.scalars)
    }

    /// The test with its templates evaluated; `values` belong to [`Predicate::templates`], and
    /// nothing stands for `omit`, which removes the field or item that bears it, never an operand.
    ///
    /// # Errors
    /// What a literal of that value would have got in the check phase.
    pub fn resolve(&self, values: &[Option<Value>]) -> Result<Cow<'_, Test>, Vec<Finding>> {
        match &self.templated {
            None => Ok(Cow::Borrowed(&self.test)),
            Some(templated) => {
                let context = Context {
                    text: "",
                    about: templated.about,
                    schemas: templated.schemas.as_ref(),
                };
                read::read(&templated.node, &context, Some(values))
                    .map(|read| Cow::Owned(read.test))
            }
        }
    }

    /// Why two predicates of one thing never both hold, where that is known; each with its place.
    #[must_use]
    pub fn contradicts(&self, place: Place, (other, at): (&Self, Place)) -> Option<Finding> {
        let is_known =
            |predicate: &Self| predicate.templated.is_none() && predicate.apply.is_empty();
        if !is_known(self) || !is_known(other) {
            return None;
        }
        let placed = |predicate: &'_ Self, place: Place| {
            predicate.test.ops.clone().into_iter().map(move |op| (op, place))
        };
        let ops: Vec<(Op, Place)> = placed(other, at).chain(placed(self, place)).collect();
        let ops: Vec<(&Op, Place)> = ops.iter().map(|(op, place)| (op, *place)).collect();
        read::contradiction(&ops)
    }

    /// Its operators, where no template decides and nothing is transformed first.
    #[must_use]
    pub fn literal(&self) -> Option<&[Op]> {
        (self.templated.is_none() && self.apply.is_empty()).then_some(self.test.ops.as_slice())
    }

    /// Whether a status would be accepted; unknown where templates decide.
    #[must_use]
    pub fn accepts_status(&self, status: u16) -> Option<bool> {
        if self.templated.is_some() {
            return None;
        }
        let found = Filter::apply_all(&self.apply, Found::made(Value::from(status)));
        Some(self.test.judge(&found).iter().all(|judgement| judgement.passed))
    }

    /// Transforms what was found and judges it; one judgement for each operator.
    ///
    /// # Errors
    /// As [`Predicate::resolve`].
    pub fn judge(
        &self,
        values: &[Option<Value>],
        found: Found<'_>,
    ) -> Result<Vec<Judgement>, Vec<Finding>> {
        let test = self.resolve(values)?;
        Ok(test.judge(&Filter::apply_all(&self.apply, found)))
    }
}

#[cfg(test)]
mod tests;
