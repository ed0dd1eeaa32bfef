//! The document that editors and scripts read: every finding with ranges in three ways of counting.

use serde_json::{Value, json};

use super::Checked;
use crate::finding::{Finding, Label};
use crate::source::{LineColumn, Place, SourceText};

/// The version of the form; it grows when a name changes its meaning.
const FORM: u32 = 1;

/// All findings as JSON.
///
/// Lines and columns begin at 1. `column` counts characters, `utf16` the units of UTF-16, as the
/// language server protocol does (from 0 there), `byte` the bytes from the beginning of the text,
/// from 0. The end of a range is the first place behind it.
#[must_use]
pub fn document(checked: &Checked<'_>) -> Value {
    let errors = checked.findings.iter().filter(|finding| finding.is_error()).count();
    json!({
        "form": FORM,
        "planrun": env!("CARGO_PKG_VERSION"),
        "plans": checked.plans,
        "steps": checked.steps,
        "errors": errors,
        "warnings": checked.findings.len() - errors,
        "findings": checked.findings.iter().map(|it| finding(checked, it)).collect::<Vec<_>>(),
    })
}

fn finding(checked: &Checked<'_>, finding: &Finding) -> Value {
    let Finding { code, severity, message, labels, help } = finding;
    let (path, range) = located(checked, finding.place());
    let labels: Vec<Value> = labels
        .iter()
        .map(|Label { place, text }| {
            let (path, range) = located(checked, Some(*place));
            json!({"path": path, "range": range, "text": text})
        })
        .collect();
    json!({
        "code": code,
        "title": code.title(),
        "severity": severity,
        "message": message,
        "help": help,
        "path": path,
        "range": range,
        "labels": labels,
    })
}

/// The path and the range; null where there is no text to point at.
fn located(checked: &Checked<'_>, place: Option<Place>) -> (Value, Value) {
    let Some((place, region)) = place.and_then(|place| Some((place, checked.region(place)?)))
    else {
        return (Value::Null, Value::Null);
    };
    let range = json!({
        "start": position(region.source, region.start, place.span.start),
        "end": position(region.source, region.end, place.span.end),
    });
    (json!(region.path), range)
}

fn position(source: &SourceText, at: LineColumn, byte: u32) -> Value {
    let line = source.line(at.line).unwrap_or_default();
    let utf16: usize = line.chars().take(at.column - 1).map(char::len_utf16).sum();
    json!({"line": at.line, "column": at.column, "utf16": utf16 + 1, "byte": byte})
}
