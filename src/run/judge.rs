//! Judges a response: assertions, outcomes, captures, as data for the wire.

use serde_json::Value;

use super::contract::Contracted;
use super::render::{Renderer, as_text};
use crate::check::{Assertion, Capture, Expect};
use crate::finding::{Finding, Severity};
use crate::outcome::{self, Actual, CaptureResult, Expected};
use crate::query::{Found, Response};
use crate::secret::{Gate, names_secret as is_secret_name};
use crate::source::Place;
use crate::template::Template;

/// What assertions are evaluated with: `values` see the step's own captures, the rest does not.
#[derive(Clone, Copy)]
pub(super) struct Views<'a> {
    pub(super) before: Renderer<'a>,
    pub(super) after: Renderer<'a>,
    /// What `contract: true` gives; nothing where it has no meaning.
    pub(super) contract: Option<&'a Contracted>,
}

impl Views<'_> {
    /// What `contract: true` at a place gives.
    fn of_contract(
        &self,
        place: Option<Place>,
        severity: Severity,
        outcome: Option<&str>,
    ) -> Vec<outcome::Assertion> {
        let (Some(contract), Some(place)) = (self.contract, place) else { return Vec::new() };
        contract.assertions(place, severity, outcome)
    }
}

/// What judging one response gave.
#[derive(Debug, Default)]
pub(super) struct Judged {
    pub(super) assertions: Vec<outcome::Assertion>,
    pub(super) outcome: Option<String>,
    pub(super) findings: Vec<Finding>,
}

impl Judged {
    /// Whether every assertion of `expect` holds.
    pub(super) fn holds(&self) -> bool {
        self.findings.is_empty()
            && self.assertions.iter().all(|a| a.passed || a.severity == Severity::Warning)
    }
}

/// Judges assertions alone: `warn`, `give_up`.
pub(super) fn assertions(
    assertions: &[Assertion],
    severity: Severity,
    response: &Response,
    views: &Views<'_>,
) -> Judged {
    let mut judged = Judged::default();
    all(assertions, None, severity, response, views, &mut judged);
    judged
}

/// Judges all that a step expects; every assertion is evaluated.
pub(super) fn expect(
    expect: &Expect,
    severity: Severity,
    response: &Response,
    views: &Views<'_>,
) -> Judged {
    let mut judged = Judged::default();
    all(&expect.assertions, None, severity, response, views, &mut judged);
    judged.assertions.extend(views.of_contract(expect.contract, severity, None));
    if expect.one_of.is_empty() {
        return judged;
    }
    let mut tried = Vec::new();
    for named in &expect.one_of {
        let mut attempt = Judged::default();
        let name = named.name.value.as_str();
        all(&named.assertions, Some(name), severity, response, views, &mut attempt);
        attempt.assertions.extend(views.of_contract(named.contract, severity, Some(name)));
        judged.findings.append(&mut attempt.findings);
        if attempt.holds() {
            judged.assertions.append(&mut attempt.assertions);
            judged.outcome = Some(named.name.value.clone());
            break;
        }
        tried.push(attempt.assertions);
    }
    if judged.outcome.is_none() {
        // None holds: what each lacks is shown, and the step fails on it.
        judged.assertions.extend(tried.into_iter().flatten());
    }
    if let Some((template, place)) = expect.due.as_deref() {
        judged.due(template, *place, expect, severity, &views.before);
    }
    judged
}

impl Judged {
    /// `outcome:` says which one is due.
    fn due(
        &mut self,
        template: &Template,
        place: Place,
        expect: &Expect,
        severity: Severity,
        renderer: &Renderer<'_>,
    ) {
        let due = match renderer.template(template, place) {
            Ok(value) => as_text(&value),
            Err(finding) => {
                self.findings.push(*finding);
                return;
            }
        };
        let passed = self.outcome.as_deref() == Some(due.as_str());
        let known = expect.one_of.iter().any(|outcome| outcome.name.value == due);
        let actual = self.outcome.clone().map_or(Value::Null, Value::String);
        self.assertions.push(outcome::Assertion {
            subject: "outcome".into(),
            place,
            severity,
            passed,
            expected: Expected { operator: "equals".into(), operand: Value::String(due) },
            actual: (!passed).then_some(Actual::Value(actual)),
            pointer: None,
            outcome: None,
            note: (!known).then(|| "no outcome has this name".to_owned()),
            violations: Vec::new(),
            tap: None,
        });
    }
}

fn all(
    assertions: &[Assertion],
    outcome: Option<&str>,
    severity: Severity,
    response: &Response,
    views: &Views<'_>,
    judged: &mut Judged,
) {
    for assertion in assertions {
        match one(assertion, outcome, severity, response, views) {
            Ok(results) => judged.assertions.extend(results),
            Err(findings) => judged.findings.extend(findings),
        }
    }
}

fn one(
    assertion: &Assertion,
    outcome: Option<&str>,
    severity: Severity,
    response: &Response,
    views: &Views<'_>,
) -> Result<Vec<outcome::Assertion>, Vec<Finding>> {
    let renderer = if assertion.expression.is_some() { &views.after } else { &views.before };
    let operands = assertion
        .operands
        .iter()
        .map(|operand| Ok(renderer.value(operand)?.map(|(value, _)| value)))
        .collect::<Result<Vec<_>, Box<Finding>>>()
        .map_err(|finding| vec![*finding])?;
    let found = match &assertion.expression {
        Some(template) => {
            let value = renderer.template(template, assertion.place).map_err(|f| vec![*f])?;
            Found::made(value)
        }
        None => assertion.subject.read(response),
    };
    let judgements = assertion.predicate.judge(&operands, found)?;
    Ok(judgements
        .into_iter()
        .map(|judgement| outcome::Assertion {
            subject: assertion.text.clone(),
            place: if assertion.implied { assertion.place } else { assertion.value_place },
            severity,
            passed: judgement.passed,
            expected: judgement.expected,
            actual: judgement.actual,
            pointer: judgement.pointer,
            outcome: outcome.map(str::to_owned),
            note: if assertion.implied && !judgement.passed {
                Some("no `status` is stated, so 2xx is expected".into())
            } else {
                judgement.note
            },
            violations: judgement.violations,
            tap: None,
        })
        .collect())
}

/// A captured value: its name, and whether it is a secret.
pub(super) type Captured = (String, Value, bool);

/// Takes every capture; what was found is there for the steps after, also where others failed.
pub(super) fn captures(
    captures: &[Capture],
    response: &Response,
    renderer: &Renderer<'_>,
) -> (Vec<CaptureResult>, Vec<Captured>, Vec<Finding>) {
    let mut results = Vec::new();
    let mut values = Vec::new();
    let mut findings = Vec::new();
    for capture in captures {
        let taken = match capture.query.take(response) {
            Ok(value) => Ok(value),
            Err(actual) => match &capture.default {
                Some(default) if capture.query.found_nothing(&actual) => {
                    match renderer.value(default) {
                        Ok(Some((value, _))) => Ok(value),
                        Ok(None) => Err(actual),
                        Err(finding) => {
                            findings.push(*finding);
                            continue;
                        }
                    }
                }
                Some(_) | None => Err(actual),
            },
        };
        let secret = capture.query.secret
            || capture.query.is_cookie()
            || is_secret_name(&capture.name)
            || capture.query.field().is_some_and(is_secret_name);
        match taken {
            Ok(value) => {
                if secret {
                    register(renderer.gate, &capture.name, &value);
                } else {
                    register_fields(renderer.gate, &value);
                }
                results.push(CaptureResult {
                    name: capture.name.clone(),
                    place: capture.place,
                    value: Some(value.clone()),
                    missing: None,
                });
                values.push((capture.name.clone(), value, secret));
            }
            Err(actual) => results.push(CaptureResult {
                name: capture.name.clone(),
                place: capture.place,
                value: None,
                missing: Some(actual),
            }),
        }
    }
    (results, values, findings)
}

/// Fields of a mapping that later steps may use one by one: those named like secrets are.
pub(super) fn register_fields(gate: &Gate, value: &Value) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| register_fields(gate, item)),
        Value::Object(fields) => {
            for (name, value) in fields {
                // `token_type: Bearer` names no token, and `max_tokens: 4096` is a count.
                let is_kind = name.to_ascii_lowercase().ends_with("type");
                if is_secret_name(name) && !is_kind && !value.is_number() {
                    register(gate, name, value);
                } else {
                    register_fields(gate, value);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn register(gate: &Gate, name: &str, value: &Value) {
    match value {
        Value::String(text) => {
            let _ = gate.register(name, text);
        }
        Value::Number(number) => {
            let _ = gate.register(name, &number.to_string());
        }
        Value::Array(items) => items.iter().for_each(|item| register(gate, name, item)),
        Value::Object(fields) => fields.values().for_each(|v| register(gate, name, v)),
        Value::Null | Value::Bool(_) => {}
    }
}
