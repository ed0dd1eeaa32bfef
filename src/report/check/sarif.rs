//! SARIF 2.1.0 (OASIS): what code scanning and editors of other makers read.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::Checked;
use crate::finding::{Code, Finding, Severity};
use crate::source::Place;

/// What stands for the project root, which paths are relative to (§3.4.4).
const ROOT: &str = "PROJECTROOT";
/// What of a path is encoded in a URI reference.
const PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// All findings as one run of this tool.
#[must_use]
pub fn sarif(checked: &Checked<'_>) -> Value {
    let mut rules: Vec<Code> = checked.findings.iter().map(|finding| finding.code).collect();
    rules.sort_unstable();
    rules.dedup();
    let results: Vec<Value> =
        checked.findings.iter().map(|finding| result(checked, finding, &rules)).collect();
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "planrun",
                "version": env!("CARGO_PKG_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.iter().copied().map(rule).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": {ROOT: {"description": {"text": "the root of the project"}}},
            "results": results,
        }],
    })
}

/// What `planrun explain` says of a code.
fn rule(code: Code) -> Value {
    json!({
        "id": code.as_str(),
        "shortDescription": {"text": code.title()},
        "fullDescription": {"text": code.title()},
        "help": {"text": code.explanation()},
    })
}

fn result(checked: &Checked<'_>, finding: &Finding, rules: &[Code]) -> Value {
    let level = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let help = finding.help.iter().map(|help| format!("help: {help}"));
    let said: Vec<String> = std::iter::once(finding.message.clone()).chain(help).collect();
    let mut labels = finding.labels.iter();
    let locations: Vec<Value> = labels
        .next()
        .and_then(|label| location(checked, label.place, &label.text))
        .into_iter()
        .collect();
    let mut result = json!({
        "ruleId": finding.code.as_str(),
        "ruleIndex": rules.iter().position(|code| *code == finding.code),
        "level": level,
        "message": {"text": said.join("\n")},
        "locations": locations,
    });
    let related: Vec<Value> =
        labels.filter_map(|label| location(checked, label.place, &label.text)).collect();
    if !related.is_empty()
        && let Some(fields) = result.as_object_mut()
    {
        fields.insert("relatedLocations".to_owned(), Value::Array(related));
    }
    result
}

fn location(checked: &Checked<'_>, place: Place, text: &str) -> Option<Value> {
    let region = checked.region(place)?;
    let uri = utf8_percent_encode(region.path, PATH).to_string();
    let mut artifact = Map::new();
    artifact.insert("uri".to_owned(), json!(uri));
    // Only what lies below the root is relative to it.
    if !region.path.starts_with(['/', '.']) {
        artifact.insert("uriBaseId".to_owned(), json!(ROOT));
    }
    let mut location = json!({
        "physicalLocation": {
            "artifactLocation": artifact,
            "region": {
                "startLine": region.start.line,
                "startColumn": region.start.column,
                "endLine": region.end.line,
                "endColumn": region.end.column,
            },
        },
    });
    if !text.is_empty()
        && let Some(fields) = location.as_object_mut()
    {
        fields.insert("message".to_owned(), json!({"text": text}));
    }
    Some(location)
}
