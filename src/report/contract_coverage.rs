//! What of each contract was used, as a table, as Markdown and as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::style::Style;
use crate::record::{ContractCoverage, CoveredContract, CoveredOperation, Item, Level, reached};
use crate::secret::sanitise_line;

/// A table for the terminal.
#[must_use]
pub fn table(coverage: &ContractCoverage, style: &Style) -> String {
    let mut out = String::new();
    for contract in &coverage.contracts {
        let head = format!("{} ({})", contract.name, contract.document);
        let _ = writeln!(out, "{}", sanitise_line(&head));
        for (word, counts) in figures(contract) {
            let _ = writeln!(out, "  {word:<12}{counts}");
        }
        for operation in &contract.operations {
            let level = operation.operation.level.map_or("never called", Level::as_str);
            let line = format!("  {level:<13} {}", operation.operation.name);
            let missing = missing(operation);
            let line = if missing.is_empty() || operation.operation.level.is_none() {
                line
            } else {
                format!("{line}  without {}", missing.join(", "))
            };
            let _ = writeln!(out, "{}", style.cut(&sanitise_line(&line), style.columns()));
        }
    }
    if !coverage.undocumented.is_empty() {
        let _ = writeln!(out, "not documented");
        for one in &coverage.undocumented {
            let status = one.status.map_or_else(String::new, |status| status.to_string());
            let line = format!("  {}: {} {status}", one.contract, one.operation);
            let _ = writeln!(out, "{}", sanitise_line(&line));
        }
    }
    if coverage.contracts.is_empty() {
        out.push_str("the run has no contracts\n");
    }
    out
}

/// The same in Markdown.
#[must_use]
pub fn markdown(coverage: &ContractCoverage) -> String {
    let mut out = String::from("# Contract coverage\n");
    for contract in &coverage.contracts {
        let _ = writeln!(out, "\n## {}\n\n`{}`\n", cell(&contract.name), cell(&contract.document));
        for (word, counts) in figures(contract) {
            let _ = writeln!(out, "- {word}: {counts}");
        }
        out.push_str("\n| operation | | without |\n|---|---|---|\n");
        for operation in &contract.operations {
            let level = operation.operation.level.map_or("never called", Level::as_str);
            let missing = if operation.operation.level.is_some() {
                missing(operation).join(", ")
            } else {
                String::new()
            };
            let _ = writeln!(
                out,
                "| {} | {level} | {} |",
                cell(&operation.operation.name),
                cell(&missing)
            );
        }
    }
    if !coverage.undocumented.is_empty() {
        out.push_str("\n## Not documented\n\n");
        for one in &coverage.undocumented {
            let status = one.status.map_or_else(String::new, |status| format!(" {status}"));
            let _ = writeln!(out, "- {}: {}{status}", cell(&one.contract), cell(&one.operation));
        }
    }
    out
}

/// The same as data.
#[must_use]
pub fn json(coverage: &ContractCoverage) -> Value {
    let items = |items: &[Item]| {
        let fields = items.iter().map(|item| {
            (item.name.clone(), item.level.map_or(Value::Null, |level| level.as_str().into()))
        });
        Value::Object(fields.collect())
    };
    let contracts = coverage.contracts.iter().map(|contract| {
        let operations = contract.operations.iter().map(|operation| {
            json!({
                "operation": operation.operation.name,
                "level": operation.operation.level.map(Level::as_str),
                "statuses": items(&operation.statuses),
                "parameters": items(&operation.parameters),
                "media": items(&operation.media),
                "security": items(&operation.security),
            })
        });
        json!({
            "contract": contract.name,
            "document": contract.document,
            "operations": operations.collect::<Vec<_>>(),
        })
    });
    let undocumented = coverage.undocumented.iter().map(
        |one| json!({"contract": one.contract, "operation": one.operation, "status": one.status}),
    );
    json!({
        "contracts": contracts.collect::<Vec<_>>(),
        "undocumented": undocumented.collect::<Vec<_>>(),
    })
}

/// Picks one kind of parts of an operation.
type Part = fn(&CoveredOperation) -> &[Item];

/// `operations 3 of 10 called, 2 validated, 1 asserted`, and the same of their parts.
fn figures(contract: &CoveredContract) -> Vec<(&'static str, String)> {
    let all = &contract.operations;
    let levels = |items: &dyn Fn() -> Vec<Item>| {
        let items = items();
        let [called, validated, asserted] = Level::ALL.map(|level| reached(items.iter(), level).0);
        format!("{called} of {} called, {validated} validated, {asserted} asserted", items.len())
    };
    let gather = |part: fn(&CoveredOperation) -> &[Item]| {
        all.iter().flat_map(|one| part(one).to_vec()).collect::<Vec<Item>>()
    };
    let operations = || all.iter().map(|one| one.operation.clone()).collect::<Vec<Item>>();
    let mut found = vec![
        ("operations", levels(&operations)),
        ("statuses", levels(&|| gather(|one| &one.statuses))),
    ];
    let sent = |items: Vec<Item>| {
        let (called, all) = reached(items.iter(), Level::Called);
        (all > 0).then(|| format!("{called} of {all} sent"))
    };
    let parts: [(&'static str, Part); 3] = [
        ("parameters", |one| &one.parameters),
        ("media types", |one| &one.media),
        ("security", |one| &one.security),
    ];
    for (word, part) in parts {
        found.extend(sent(gather(part)).map(|text| (word, text)));
    }
    found
}

/// What of a called operation was never used.
fn missing(operation: &CoveredOperation) -> Vec<String> {
    let parts = [&operation.statuses, &operation.parameters, &operation.media, &operation.security];
    let all = parts.into_iter().flatten().filter(|item| item.level.is_none());
    all.map(|item| item.name.clone()).collect()
}

/// A text in a cell of a table.
fn cell(text: &str) -> String {
    sanitise_line(text).replace('|', "\\|").replace(['`', '<'], "'")
}
