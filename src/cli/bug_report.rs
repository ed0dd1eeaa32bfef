//! `planrun bug-report`: one failure of a stored run, told for whoever has to mend it.

use std::path::Path;

use jiff::tz::TimeZone;

use super::afterwards::BugReportArgs;
use super::fault::UsageFault;
use super::inputs::Process;
use super::printer::Printer;
use super::{outputs, store, stored};
use crate::outcome::Verdict;
use crate::record::{PlanRecord, Record};
use crate::report::bug::{self, Bug, NoBug};
use crate::secret::{Gate, sanitise_line};

/// Nothing failed: there is nothing to report.
const NOTHING: u8 = 4;

/// Writes the report of the step that is named, else of the first that did not pass.
pub(super) fn bug_report(args: &BugReportArgs, current: &Path) -> Result<u8, UsageFault> {
    let printer = Printer::new(&args.look, &Process::read());
    let named = args.what.as_deref().unwrap_or_default();
    let (run, step) = match named.rsplit_once('#') {
        // A folder may have such a name.
        Some((run, step)) if !current.join(named).exists() => (run, Some(step)),
        Some(_) | None => (named, None),
    };
    let events = stored::events_of(Path::new(if run.is_empty() { "last" } else { run }), current)?;
    let record = stored::read(&events)?;
    let earlier = earlier(&events, &record);
    let gate = Gate::new();
    let id = record.started.as_ref().map_or("?", |started| started.run.as_str());
    let zone = TimeZone::system();
    let bug = Bug { record: &record, step, earlier: &earlier, zone: &zone };
    let text = match bug::render(&bug) {
        Ok(text) => gate.redact(text),
        Err(NoBug::NothingFailed) => {
            let said = format!("nothing failed in the run {id}: there is nothing to report");
            printer.error(&gate.redact(sanitise_line(&said).into_owned()));
            return Ok(NOTHING);
        }
        Err(NoBug::DidNotFail(how)) => {
            let step = step.unwrap_or_default();
            let said =
                format!("the step `{step}` of the run {id} {how}: there is nothing to report");
            printer.error(&gate.redact(sanitise_line(&said).into_owned()));
            return Ok(NOTHING);
        }
        Err(NoBug::NoSuchStep(near)) => {
            let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            let step = step.unwrap_or_default();
            return Err(UsageFault::new(format!("the run {id} has no step `{step}`{near}")));
        }
    };
    let output = args.output.as_ref().map(|path| current.join(path));
    Ok(if outputs::deliver(&text, output.as_deref(), &gate, &printer) { 0 } else { 7 })
}

/// The other stored runs of the same project, with what they hold of the plans that failed.
fn earlier(events: &Path, record: &Record) -> Vec<Record> {
    let home = events.ancestors().find(|folder| folder.ends_with(".planrun"));
    let Some(root) = home.and_then(Path::parent) else { return Vec::new() };
    let bad = |plan: &&PlanRecord| {
        let mut ends = plan.steps.iter().filter_map(super::super::record::StepRecord::verdict);
        ends.any(|verdict| matches!(verdict, Verdict::Failed | Verdict::Errored))
    };
    let paths: Vec<&str> =
        record.plans.iter().filter(bad).map(|plan| plan.started.path.as_str()).collect();
    let wanted = |plan: &PlanRecord| paths.contains(&plan.started.path.as_str());
    let others = store::ended_runs(root).into_iter().filter(|path| path != events);
    // What cannot be read any more tells nothing.
    others.filter_map(|path| stored::read_only(&path, wanted).ok()).collect()
}
