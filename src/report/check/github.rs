//! Lines that GitHub Actions turns into annotations of a change.

use std::fmt::Write as _;

use super::Checked;
use crate::finding::{Finding, Severity};
use crate::report::github::{data, property};

/// A workflow command for each finding; empty where there are none.
#[must_use]
pub fn github(checked: &Checked<'_>) -> String {
    let mut out = String::new();
    for finding in checked.findings {
        let command = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let _ = writeln!(out, "::{command} {}::{}", properties(checked, finding), said(finding));
    }
    out
}

/// `file=…,line=…,endLine=…,col=…,endColumn=…,title=…`
fn properties(checked: &Checked<'_>, finding: &Finding) -> String {
    let mut properties = String::new();
    if let Some(region) = finding.place().and_then(|place| checked.region(place)) {
        let _ = write!(
            properties,
            "file={},line={},endLine={}",
            property(region.path),
            region.start.line,
            region.end.line
        );
        // Columns are only understood within one line.
        if region.start.line == region.end.line {
            let (start, end) = (region.start.column, region.end.column);
            let _ = write!(properties, ",col={start},endColumn={}", end.max(start));
        }
        properties.push(',');
    }
    let _ = write!(properties, "title={}", property(finding.code.as_str()));
    properties
}

/// The message, what the labels say, and the help, a line each.
fn said(finding: &Finding) -> String {
    let labels = finding.labels.iter().map(|label| label.text.as_str());
    let help = finding.help.iter().map(|help| format!("help: {help}"));
    let mut lines = vec![finding.message.clone()];
    lines.extend(labels.take(1).filter(|text| !text.is_empty()).map(str::to_owned));
    lines.extend(help);
    data(&lines.join("\n"))
}
