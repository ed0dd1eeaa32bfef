//! A step as a failure told in full.

use serde_json::{Value, json};
use similar::ChangeTag;

use super::super::document::{Document, word};
use super::super::failure;
use super::super::phrase;
use super::super::routes;
use super::super::style::Style;
use super::{Listed, exchange, frame, markup, page};
use crate::diagnose::{self, Cause};
use crate::outcome::{Actual, Assertion, Attempt, Exchange, Phase, StepResult};
use crate::units::show_duration;

/// A failure with everything that a person needs to act on it.
pub(super) fn failure(document: &Document<'_>, listed: &Listed<'_>, causes: &[Cause]) -> Value {
    let Listed { told, id, .. } = listed;
    let Some(result) = told.result() else { return Value::Null };
    let attempt = result.attempts.last();
    let exchange = told.exchange();
    let error = exchange.and_then(|exchange| exchange.error.as_ref());
    let style = Style { width: 100, ..Style::default() };
    let labels = failure::labels(&told.record.step, result, error, &style);
    let short = document.short(result);
    json!({
        "id": id,
        "title": told.title(),
        "plan": told.plan.started.title(),
        "verdict": word(told.verdict()),
        "code": result.code.map(|code| code.to_string()),
        "at": document.at(told.record.step.place),
        "began": told
            .record
            .at
            .and_then(|at| document.clock(at))
            .map(|at| at.strftime("%H:%M:%S%.3f UTC").to_string()),
        "said": short,
        "cluster": cluster(result, exchange, &short),
        "fingerprint": diagnose::fingerprint(result, causes),
        "causes": causes.iter().map(|it| cause(document, it)).collect::<Vec<_>>(),
        "frames": frame::frames(document, &labels),
        "assertions": assertions(document, result),
        "routes": attempt.map(routes::value),
        "findings": attempt.map(|attempt| {
            attempt.findings.iter().map(|it| page::finding_value(document, it)).collect::<Vec<_>>()
        }),
        "breaches": attempt.map(|attempt| {
            attempt.breaches.iter().map(|it| phrase::breach(it).replace('\n', ": ")).collect::<Vec<_>>()
        }),
        "error": error.map(|error| json!({
            "message": error.message,
            "host": error.host,
            "addresses": error.addresses,
            "phase": error.phase.map(Phase::as_str),
            "help": error.help,
        })),
        "exchange": exchange.map(|it| markup(|html| exchange::write(html, it))),
        "taps": super::super::taps::lines(attempt.map_or(&[], |attempt| &attempt.tapped)),
        "phases": exchange.map(|it| markup(|html| exchange::write_phases(html, &it.phases))),
        "attempts": attempts(result),
        "samples": result.samples.as_ref().map(|samples| phrase::samples(samples)),
        "curl": exchange.map(|exchange| document.curl(exchange)),
        "time": show_duration(result.duration),
    })
}

pub(super) fn cause(document: &Document<'_>, cause: &Cause) -> Value {
    let facts = cause.facts.iter().map(|fact| document.fact(fact));
    let against = cause.against.iter().map(|fact| format!("but: {}", document.fact(fact)));
    json!({
        "sure": cause.confidence.as_str(),
        "text": cause.text,
        "facts": facts.chain(against).collect::<Vec<_>>(),
        "next": cause.next,
        "owner": cause.owner,
    })
}

/// A group of failures in one line.
fn cluster(result: &StepResult, exchange: Option<&Exchange>, short: &[String]) -> String {
    let first = short.first().cloned().unwrap_or_default();
    let error = exchange.and_then(|exchange| exchange.error.as_ref());
    match error {
        Some(error) => error.message.clone(),
        None if !first.is_empty() => first,
        None => result.code.map(|code| code.to_string()).unwrap_or_default(),
    }
}

/// What was asserted of all samples together, then of the last attempt; what failed first.
fn assertions(document: &Document<'_>, result: &StepResult) -> Vec<Value> {
    let style = Style { width: 100, ..Style::default() };
    let together = result.samples.iter().flat_map(|samples| &samples.assertions);
    let alone = result.attempts.last().into_iter().flat_map(|attempt| &attempt.assertions);
    let mut all: Vec<&Assertion> = together.chain(alone).collect();
    all.sort_by_key(|assertion| assertion.passed);
    all.into_iter()
        .map(|assertion| {
            json!({
                "passed": assertion.passed,
                "subject": assertion.subject,
                "outcome": assertion.outcome,
                "at": document.at(assertion.place),
                "expected": phrase::expected(&assertion.subject, &assertion.expected, &style),
                "actual": match &assertion.actual {
                    Some(actual) => phrase::actual(&assertion.subject, actual, &style),
                    None if assertion.passed => "as expected".to_owned(),
                    None => "not so".to_owned(),
                },
                "note": assertion.note,
                "diff": diff(assertion),
            })
        })
        .collect()
}

/// What differs between two values that are larger than a word: by lines, or in one line by
/// characters.
fn diff(assertion: &Assertion) -> Option<Vec<Value>> {
    let Some(Actual::Value(actual)) = &assertion.actual else { return None };
    if assertion.passed || assertion.expected.operator != "equals" {
        return None;
    }
    let [expected, actual] = [&assertion.expected.operand, actual].map(lines);
    if expected.lines().count().max(actual.lines().count()) < 2 {
        return within_a_line(&expected, &actual);
    }
    let changes = similar::TextDiff::from_lines(&expected, &actual);
    let changes = changes.iter_all_changes().map(|change| {
        let text = change.value().trim_end_matches('\n');
        let pieces = json!([{"text": text, "mark": false}]);
        match change.tag() {
            ChangeTag::Equal => json!({"sign": " ", "class": "same", "pieces": pieces}),
            ChangeTag::Delete => json!({"sign": "-", "class": "expected", "pieces": pieces}),
            ChangeTag::Insert => json!({"sign": "+", "class": "actual", "pieces": pieces}),
        }
    });
    Some(changes.collect())
}

/// Characters of a text that is looked at letter by letter, and how much two must have in common.
const LETTERS: std::ops::RangeInclusive<usize> = 8..=400;
const ALIKE: f32 = 0.5;

/// Two texts of one line that are alike, each with the letters marked that the other lacks.
fn within_a_line(expected: &str, actual: &str) -> Option<Vec<Value>> {
    if ![expected, actual].iter().all(|text| LETTERS.contains(&text.len())) {
        return None;
    }
    let changes = similar::TextDiff::from_chars(expected, actual);
    if changes.ratio() < ALIKE {
        return None;
    }
    let side = |sign: &str, class: &str, own: ChangeTag| {
        let mut pieces: Vec<(bool, String)> = Vec::new();
        for change in changes.iter_all_changes() {
            let mark = change.tag() == own;
            if !mark && change.tag() != ChangeTag::Equal {
                continue;
            }
            match pieces.last_mut().filter(|(marked, _)| *marked == mark) {
                Some((_, text)) => text.push_str(change.value()),
                None => pieces.push((mark, change.value().to_owned())),
            }
        }
        let pieces = pieces.into_iter().map(|(mark, text)| json!({"text": text, "mark": mark}));
        json!({"sign": sign, "class": class, "pieces": pieces.collect::<Vec<_>>()})
    };
    Some(vec![side("-", "expected", ChangeTag::Delete), side("+", "actual", ChangeTag::Insert)])
}

fn lines(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => serde_json::to_string_pretty(value).unwrap_or_default(),
    }
}

fn attempts(result: &StepResult) -> Vec<Value> {
    if result.attempts.len() < 2 {
        return Vec::new();
    }
    let begun = result.attempts.first().map(|attempt| attempt.at).unwrap_or_default();
    result
        .attempts
        .iter()
        .map(|attempt| {
            let total = attempt.exchange.as_ref().and_then(|exchange| exchange.phases.total);
            json!({
                "number": attempt.sample.unwrap_or(attempt.number),
                "sample": attempt.sample.is_some(),
                "got": got(attempt),
                "after": attempt.at.checked_sub(begun).filter(|it| !it.is_zero()).map(show_duration),
                "time": total.map(show_duration),
            })
        })
        .collect()
}

/// What came back of an attempt: its status, or why nothing did.
pub(super) fn got(attempt: &Attempt) -> String {
    match attempt.exchange.as_deref().map(|it| (&it.response, &it.error)) {
        Some((Some(response), _)) => {
            format!("{} {}", response.status, phrase::status(response.status)).trim_end().to_owned()
        }
        Some((None, Some(error))) => error.message.clone(),
        Some((None, None)) | None => String::new(),
    }
}
