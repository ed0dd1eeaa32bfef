//! `planrun coverage --contracts`: what of the contracts the stored runs have used, and a ratchet that
//! holds what was once reached.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::afterwards::{CoverageArgs, CoverageFormat};
use super::fault::UsageFault;
use super::inputs::Process;
use super::printer::Printer;
use super::store::write_whole;
use super::{outputs, stored};
use crate::record::{ContractCoverage, Level, Record};
use crate::report::Style;
use crate::report::contract_coverage;
use crate::secret::Gate;

/// Tells what of the contracts was used; 1 where the ratchet holds more.
pub(super) fn coverage(args: &CoverageArgs, current: &Path) -> Result<u8, UsageFault> {
    if !args.contracts {
        return Err(UsageFault::new("say of what: `planrun coverage --contracts`"));
    }
    let printer = Printer::new(&args.look, &Process::read());
    let newest = [PathBuf::from("last")];
    let runs = if args.runs.is_empty() { &newest[..] } else { &args.runs };
    let runs = runs
        .iter()
        .map(|run| stored::read(&stored::events_of(run, current)?))
        .collect::<Result<Vec<Record>, _>>()?;
    let format = args.format.unwrap_or_else(|| by_ending(args.output.as_deref()));
    // The runs went through the gate when they were stored.
    let gate = Gate::new();
    let text = gate.redact(shown(&runs, format, &printer.style));
    let output = args.output.as_ref().map(|path| current.join(path));
    if !outputs::deliver(&text, output.as_deref(), &gate, &printer) {
        return Ok(7);
    }
    let Some(path) = &args.ratchet else { return Ok(0) };
    let lost = ratchet(&runs, &current.join(path))?;
    if lost.is_empty() {
        return Ok(0);
    }
    let told =
        format!("error: less is covered than `{}` holds\n{}", path.display(), lost.join("\n"));
    printer.error(&gate.redact(told));
    Ok(1)
}

/// The format that a file's name says.
fn by_ending(output: Option<&Path>) -> CoverageFormat {
    match output.and_then(|path| path.extension()?.to_str()) {
        Some("md" | "markdown") => CoverageFormat::Markdown,
        Some("json") => CoverageFormat::Json,
        Some(_) | None => CoverageFormat::Human,
    }
}

/// What a ratchet holds: of each contract everything that is covered, and how far.
type Held = BTreeMap<String, BTreeMap<String, Level>>;

/// What of the contracts of some runs was used, in a format.
fn shown(runs: &[Record], format: CoverageFormat, style: &Style) -> String {
    let coverage = ContractCoverage::of(runs);
    match format {
        CoverageFormat::Human => contract_coverage::table(&coverage, style),
        CoverageFormat::Markdown => contract_coverage::markdown(&coverage),
        CoverageFormat::Json => {
            let json = contract_coverage::json(&coverage);
            super::other::json_escaped(&serde_json::to_string_pretty(&json).unwrap_or_default())
        }
    }
}

/// Compares with what a ratchet file holds, and writes what is more into it; what was lost, a line
/// each.
///
/// # Errors
/// A file that is no ratchet, or cannot be written.
fn ratchet(runs: &[Record], path: &Path) -> Result<Vec<String>, UsageFault> {
    let coverage = ContractCoverage::of(runs);
    let held = match read(path) {
        Ok(held) => held,
        Err(words) => return Err(UsageFault::new(format!("`{}`: {words}", path.display()))),
    };
    let now = coverage.covered();
    let lost = lost(&held, &now, &coverage);
    if lost.is_empty() && now != held {
        let mut text = serde_json::to_string_pretty(&document(&now)).unwrap_or_default();
        text.push('\n');
        write_whole(path, text.as_bytes())
            .map_err(|error| UsageFault::new(format!("`{}`: {error}", path.display())))?;
    }
    Ok(lost)
}

/// What is covered less than it was, though the document still has it.
fn lost(held: &Held, now: &Held, coverage: &ContractCoverage) -> Vec<String> {
    let mut lost = Vec::new();
    for (contract, items) in held {
        for (item, was) in items {
            let is = now.get(contract).and_then(|own| own.get(item)).copied();
            if is >= Some(*was) || !coverage.has(contract, item) {
                continue;
            }
            let is = is.map_or("not used", Level::as_str);
            lost.push(format!("{contract}: `{item}` was {}, and is {is}", was.as_str()));
        }
    }
    lost
}

#[expect(clippy::disallowed_methods, reason = "the ratchet is a file that the command keeps")]
fn read(path: &Path) -> Result<Held, String> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Held::new()),
        Err(error) => return Err(error.to_string()),
    };
    let value: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let wrong = || "this is not a ratchet that `planrun coverage` has written".to_owned();
    let mut held = Held::new();
    for (contract, items) in value.as_object().ok_or_else(wrong)? {
        let own = held.entry(contract.clone()).or_default();
        for (item, level) in items.as_object().ok_or_else(wrong)? {
            let level = level.as_str().and_then(Level::from_word).ok_or_else(wrong)?;
            own.insert(item.clone(), level);
        }
    }
    Ok(held)
}

fn document(held: &Held) -> Value {
    let contracts = held.iter().map(|(contract, items)| {
        let items = items.iter().map(|(item, level)| (item.clone(), level.as_str().into()));
        (contract.clone(), Value::Object(items.collect()))
    });
    Value::Object(contracts.collect())
}
