//! `planrun coverage`: which requirements have evidence in the runs that are stored.

use std::path::{Path, PathBuf};

use super::afterwards::{CoverageArgs, CoverageFormat};
use super::fault::UsageFault;
use super::inputs::Process;
use super::other::json_escaped;
use super::printer::Printer;
use super::{outputs, stored};
use crate::finding::Finding;
use crate::project::{ReadChecklist, checklist_of, find_root, read_checklist};
use crate::record::Record;
use crate::report::{self, coverage};
use crate::requirement::{Coverage, Standing};
use crate::secret::Gate;

/// Tells how each requirement stands; 1 where one failed.
pub(super) fn coverage(args: &CoverageArgs, current: &Path) -> Result<u8, UsageFault> {
    let printer = Printer::new(&args.look, &Process::read());
    let format = args.format.unwrap_or_else(|| by_ending(args.output.as_deref()));
    let events = match args.runs.as_slice() {
        [] => vec![stored::events_of(Path::new("last"), current)?],
        runs => {
            runs.iter().map(|run| stored::events_of(run, current)).collect::<Result<Vec<_>, _>>()?
        }
    };
    let path = match &args.requirements {
        Some(path) => current.join(path),
        None => named_by_project(&events, current).ok_or_else(|| {
            UsageFault::new(
                "name the checklist: `--requirements FILE`, or `requirements: FILE` in the \
                 project's planrun.yaml",
            )
        })?,
    };
    let ReadChecklist { checklist, sources, findings } = read_checklist(&path, current)?;
    let gate = Gate::new();
    if findings.iter().any(Finding::is_error) {
        let text = report::finding::render(&findings, &sources, &printer.error_style);
        printer.error(&gate.redact(text));
        return Ok(3);
    }
    let runs = events.iter().map(|run| stored::read(run)).collect::<Result<Vec<Record>, _>>()?;
    let coverage = Coverage::of(&checklist, &runs);
    let shown = sources.get(checklist.source).map_or("", |source| source.path.as_str());
    let traced =
        coverage::Traced { checklist: &checklist, path: shown, runs: &runs, coverage: &coverage };
    // The runs went through the gate when they were stored.
    let text = match format {
        CoverageFormat::Human => coverage::table(&traced, &printer.style),
        CoverageFormat::Markdown => coverage::markdown(&traced),
        CoverageFormat::Json => {
            let text = serde_json::to_string_pretty(&coverage::json(&traced)).unwrap_or_default();
            json_escaped(&text)
        }
    };
    let failed = coverage.count(Standing::Failed) > 0;
    let lacking = args.fail_on_unevidenced && coverage.lacking().next().is_some();
    let text = gate.redact(text);
    let output = args.output.as_ref().map(|path| current.join(path));
    if !outputs::deliver(&text, output.as_deref(), &gate, &printer) {
        return Ok(7);
    }
    Ok(u8::from(failed || lacking))
}

/// The format that a file's name says.
fn by_ending(output: Option<&Path>) -> CoverageFormat {
    match output.and_then(|path| path.extension()?.to_str()) {
        Some("md" | "markdown") => CoverageFormat::Markdown,
        Some("json") => CoverageFormat::Json,
        Some(_) | None => CoverageFormat::Human,
    }
}

/// The checklist of the project that the first run is stored in, else of the one that we are in.
fn named_by_project(events: &[PathBuf], current: &Path) -> Option<PathBuf> {
    let home = events.first().and_then(|run| run.ancestors().find(|it| it.ends_with(".planrun")));
    let of_run = home.and_then(Path::parent).and_then(checklist_of);
    of_run.or_else(|| checklist_of(&find_root(current, current)))
}
