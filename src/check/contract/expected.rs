//! What a step expects and takes, against what its operation documents: statuses, paths, values.

use serde_json::Value;

use super::Bound;
use crate::check::placed::Placed;
use crate::check::types::{Assertion, CheckedStep, Expect};
use crate::check::values::Checker;
use crate::contract::{Document, Looked, Operation, Response, Spot, Step};
use crate::finding::{Code, Finding, nearest};
use crate::json;
use crate::plan::ExpectAst;
use crate::predicate::{Op, Operator};
use crate::query::{JsonPath, Key, SubjectKind};
use crate::source::Place;
use crate::yaml::{Kind, Node};

/// Whether 401 and 403 are all that a step accepts.
pub(super) fn only_denial(expect: &Expect) -> bool {
    let denied = [401, 403].into_iter().any(|status| accepts(expect, None, status));
    denied
        && !(100..=599)
            .filter(|status| !matches!(status, 401 | 403))
            .any(|status| accepts(expect, None, status))
}

/// Whether a status may be accepted, by one outcome or by any.
fn accepts(expect: &Expect, outcome: Option<usize>, status: u16) -> bool {
    let all = |assertions: &[Assertion]| {
        assertions
            .iter()
            .filter(|one| matches!(one.subject.kind, SubjectKind::Status))
            .all(|one| one.predicate.accepts_status(status) != Some(false))
    };
    let of_outcomes = match outcome {
        Some(index) => expect.one_of.get(index).is_none_or(|one| all(&one.assertions)),
        None => expect.one_of.is_empty() || expect.one_of.iter().any(|one| all(&one.assertions)),
    };
    all(&expect.assertions) && of_outcomes
}

/// The schemas of the responses that may be meant; nothing where one of them says nothing.
fn schemas(operation: &Operation, accepted: &dyn Fn(u16) -> bool) -> Option<Vec<Spot>> {
    let mut meant: Vec<&Response> = Vec::new();
    for status in (100..=599).filter(|status| accepted(*status)) {
        if let Some(response) = operation.response(status)
            && !meant.iter().any(|known| known.key == response.key)
        {
            meant.push(response);
        }
    }
    if meant.is_empty() {
        return None;
    }
    meant.into_iter().map(|response| response.json_schema().cloned()).collect()
}

impl Checker<'_> {
    /// Compares what a step expects with what is documented.
    pub(super) fn expected_against(
        &mut self,
        placed: &Placed<'_>,
        step: &CheckedStep,
        bound: &Bound<'_>,
    ) {
        if let Some(ast) = &placed.step.expect {
            self.statuses_against(ast, bound);
        }
        let expect = &step.expect;
        let of_all = schemas(bound.operation, &|status| accepts(expect, None, status));
        if let Some(schemas) = &of_all {
            self.assertions_against(&expect.assertions, schemas, bound);
            self.captures_against(step, schemas, bound);
            self.assertions_against(&step.warn.assertions, schemas, bound);
        }
        for (index, outcome) in expect.one_of.iter().enumerate() {
            let accepted = |status: u16| accepts(expect, Some(index), status);
            if let Some(schemas) = schemas(bound.operation, &accepted) {
                self.assertions_against(&outcome.assertions, &schemas, bound);
            }
        }
    }

    /// Statuses that are named and not documented.
    fn statuses_against(&mut self, ast: &ExpectAst, bound: &Bound<'_>) {
        let mut named: Vec<&Node> = Vec::new();
        ast.each_assertion(&mut |assertion| {
            if assertion.subject.group.is_none() && assertion.subject.key.value == "status" {
                match &assertion.predicate.kind {
                    Kind::List(items) => named.extend(items),
                    Kind::Map(_) => {
                        named.extend(assertion.predicate.get("in").iter().flat_map(|n| n.items()));
                        named.extend(assertion.predicate.get("equals"));
                    }
                    Kind::Empty
                    | Kind::Null
                    | Kind::Bool(_)
                    | Kind::Number { .. }
                    | Kind::String(_) => named.push(&assertion.predicate),
                }
            }
        });
        for node in named {
            let Some(text) = node.text_of() else { continue };
            let documented = if let Ok(status) = text.parse::<u16>() {
                bound.operation.response(status).is_some()
            } else {
                let class = text.to_ascii_lowercase();
                let Some(class) = class.strip_suffix("xx").and_then(|c| c.parse::<u16>().ok())
                else {
                    continue;
                };
                (class * 100..class * 100 + 100).any(|s| bound.operation.response(s).is_some())
            };
            if documented {
                continue;
            }
            let operation = bound.operation;
            let said = bound.contract.document.place(&operation.spot.key("responses"));
            let finding = Finding::warning(
                Code::ContractUndocumentedStatus,
                format!("`{}` documents no status {text}", operation.label()),
            )
            .at(node.place, "not documented");
            let finding = super::label(finding, said, "its responses");
            let finding = finding.help(format!("documented: {}", operation.statuses().join(", ")));
            self.tell(bound.contract, operation, finding);
        }
    }

    fn captures_against(&mut self, step: &CheckedStep, schemas: &[Spot], bound: &Bound<'_>) {
        for capture in &step.captures {
            // What has a default may be missing.
            if capture.default.is_some() {
                continue;
            }
            if let SubjectKind::Path(path) = &capture.query.source.kind {
                self.path_against(path, capture.place, (schemas, None), bound);
            }
        }
    }

    fn assertions_against(
        &mut self,
        assertions: &[Assertion],
        schemas: &[Spot],
        bound: &Bound<'_>,
    ) {
        for assertion in assertions {
            let SubjectKind::Path(path) = &assertion.subject.kind else { continue };
            let ops = assertion.predicate.literal().unwrap_or_default();
            // That it is not there, or some combination of it, may be just what is expected.
            let denies = |op: &Op| {
                matches!(
                    op.operator,
                    Operator::Absent | Operator::Not | Operator::AnyOf | Operator::Present
                )
            };
            let plain =
                |op: &Op| op.operator == Operator::Present && op.operand == Value::Bool(true);
            if ops.iter().any(|op| denies(op) && !plain(op)) {
                continue;
            }
            let found = self.path_against(path, assertion.place, (schemas, Some(assertion)), bound);
            if let Some(spots) = found.filter(|_| path.is_singular()) {
                self.values_against(assertion, ops, &spots, bound);
            }
        }
    }

    /// The schemas at the end of the literal part of a path; nothing where that is open, or told to
    /// be nowhere.
    fn path_against(
        &mut self,
        path: &JsonPath,
        place: Place,
        (schemas, assertion): (&[Spot], Option<&Assertion>),
        bound: &Bound<'_>,
    ) -> Option<Vec<Spot>> {
        let document = &bound.contract.document;
        let mut spots = schemas.to_vec();
        let mut reached = "$".to_owned();
        for key in path.literal_prefix() {
            let step = match key {
                Key::Name(name) => Step::Name(name),
                Key::Index(index) => Step::Index(*index),
            };
            match document.look(&spots, step) {
                Looked::At(next) => spots = next,
                Looked::Open => return None,
                Looked::Absent => {
                    let word = match key {
                        Key::Name(name) => name.clone(),
                        Key::Index(index) => format!("[{index}]"),
                    };
                    let place = self.inside(path, place, (&reached, &word), assertion.is_some());
                    self.no_such_field((&reached, &word), place, &spots, bound);
                    return None;
                }
            }
            match key {
                Key::Name(name) => {
                    reached.push('.');
                    reached.push_str(name);
                }
                Key::Index(index) => {
                    use std::fmt::Write as _;
                    let _ = write!(reached, "[{index}]");
                }
            }
        }
        Some(spots)
    }

    /// The word of a path that leads nowhere, where it stands as it is written.
    fn inside(
        &self,
        path: &JsonPath,
        place: Place,
        (reached, word): (&str, &str),
        is_key: bool,
    ) -> Place {
        let text = path.text();
        // What was walked stands before it, where the path is written the short way.
        let from = if text.starts_with(reached) { reached.len() } else { 0 };
        let at = text.get(from..).and_then(|rest| rest.find(word)).map(|at| from + at);
        let content = if is_key { self.key_content(place, text) } else { None };
        match (content, at) {
            (Some(content), Some(at)) => content.inward(at..at + word.len()),
            (Some(_) | None, _) => place,
        }
    }

    fn no_such_field(
        &mut self,
        (reached, word): (&str, &str),
        place: Place,
        spots: &[Spot],
        bound: &Bound<'_>,
    ) {
        let document = &bound.contract.document;
        let names = document.names(spots);
        let first = spots.first().and_then(|spot| document.resolve(spot));
        let said = first.and_then(|spot| {
            let properties = spot.key("properties");
            let has = document.get(&properties).is_some();
            document.place(if has { &properties } else { &spot })
        });
        let message = format!(
            "no documented response of `{}` has `{word}` at `{reached}`",
            bound.operation.label()
        );
        let finding =
            Finding::warning(Code::ContractNoSuchField, message).at(place, "not documented");
        let finding = super::label(finding, said, "what is documented there");
        let finding = match nearest(word, names.iter().map(String::as_str)) {
            Some(near) => finding.help(format!("did you mean `{near}`?")),
            None if names.is_empty() => finding,
            None => finding.help(format!("documented: {}", names.join(", "))),
        };
        self.tell(bound.contract, bound.operation, finding);
    }

    /// Operands that no schema allows.
    fn values_against(
        &mut self,
        assertion: &Assertion,
        ops: &[Op],
        spots: &[Spot],
        bound: &Bound<'_>,
    ) {
        if !assertion.predicate.apply.is_empty() {
            return;
        }
        let document = &bound.contract.document;
        for op in ops {
            let impossible = match op.operator {
                Operator::Equals => refused(document, spots, &op.operand),
                Operator::In => match op.operand.as_array() {
                    Some(values) if !values.is_empty() => {
                        let all: Vec<_> =
                            values.iter().map(|value| refused(document, spots, value)).collect();
                        if all.iter().all(Option::is_some) {
                            all.into_iter().next().flatten()
                        } else {
                            None
                        }
                    }
                    Some(_) | None => None,
                },
                Operator::Type => {
                    let kinds: Vec<&str> = match &op.operand {
                        Value::String(kind) => vec![kind],
                        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
                        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
                            Vec::new()
                        }
                    };
                    document.types(spots).and_then(|types| {
                        let may = kinds.iter().any(|kind| {
                            types.contains(*kind)
                                || *kind == "integer" && types.contains("number")
                                || *kind == "number" && types.contains("integer")
                        });
                        let wanted = types.into_iter().collect::<Vec<_>>().join(" or ");
                        let first = spots.first().cloned();
                        (!may && !kinds.is_empty()).then(|| (format!("type {wanted}"), first))
                    })
                }
                _ => None,
            };
            let Some((wanted, said)) = impossible else { continue };
            let said = said.and_then(|spot| document.place(&spot));
            let expected = match op.operator {
                Operator::Type => format!("type {}", json::show(&op.operand, 40)),
                Operator::In => format!("among {}", json::show(&op.operand, 40)),
                _ => json::show(&op.operand, 40),
            };
            let message = format!(
                "`{}` can never be {expected}: the document wants {wanted} there",
                assertion.text
            );
            let finding = Finding::warning(Code::ContractImpossibleAssertion, message)
                .at(assertion.value_place, "expected");
            let finding = super::label(finding, said, "documented");
            self.tell(bound.contract, bound.operation, finding);
        }
    }
}

/// What is wanted instead, where every schema refuses a value.
fn refused(document: &Document, spots: &[Spot], value: &Value) -> Option<(String, Option<Spot>)> {
    let mut first = None;
    for spot in spots {
        let found = document.refuses(spot, value)?;
        first.get_or_insert(found);
    }
    first
}
