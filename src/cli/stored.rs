//! `planrun report`: a stored run told again, from its events alone.

use std::collections::BTreeSet;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::args::ReportArgs;
use super::fault::UsageFault;
use super::inputs::Process;
use super::kept::{Kept, Told};
use super::outputs;
use super::printer::{Printer, quiet};
use super::store;
use crate::event::{Event, read_line};
use crate::finding::nearest;
use crate::project::find_root;
use crate::record::{Fold, PlanRecord, Record};
use crate::report::{Ground, Options, Terminal};
use crate::secret::Gate;

/// Writes reports of a stored run; without `--report` it is shown as it was while it ran.
pub(super) fn report(args: &ReportArgs, current: &Path) -> Result<u8, UsageFault> {
    let process = Process::read();
    let mut reports = outputs::reports(&args.reports, &process)?;
    reports.extend(outputs::section(&args.section)?);
    let printer = Printer::new(&args.look, &process);
    let path = match &args.run {
        Some(run) => events_of(run, current)?,
        None => last_run_near(current).ok_or_else(nothing_stored)?,
    };
    let gate = Gate::new();
    if reports.is_empty() {
        return replay(&path, args, &printer, &gate);
    }
    let kept = Kept::told(reports.iter().map(outputs::Report::goes));
    let failures = outputs::write(&reports, &told(&path, kept, |_| true)?);
    outputs::complain(&failures, &gate, &printer);
    Ok(if failures.is_empty() { 0 } else { 7 })
}

/// The events of a run that was named: its folder, or the file itself; of a project, its last run;
/// `last` and `previous`; or its id, as far as it is unambiguous.
pub(super) fn events_of(name: &Path, current: &Path) -> Result<PathBuf, UsageFault> {
    let word = name.to_str().unwrap_or_default();
    match word {
        "last" => return last_run_near(current).ok_or_else(nothing_stored),
        "previous" => return previous_run_near(current),
        _ => {}
    }
    let path = current.join(name);
    if path.join(".planrun").is_dir()
        && let Some(last) = last_run(&path)
    {
        return Ok(last);
    }
    let events = if path.is_dir() { path.join(store::EVENTS) } else { path.clone() };
    if events.is_file() {
        return Ok(events);
    }
    let shown = path.display();
    if path.is_dir() {
        let words = format!("`{shown}` holds no stored run: there is no `{}` in it", store::EVENTS);
        return Err(UsageFault::new(words));
    }
    let runs: Vec<PathBuf> =
        roots_near(current).iter().flat_map(|it| store::ended_runs(it)).collect();
    let ids: Vec<(&str, &PathBuf)> = runs.iter().filter_map(|run| Some((id(run)?, run))).collect();
    let begins: Vec<_> = ids.iter().filter(|(id, _)| id.starts_with(word)).collect();
    match begins.as_slice() {
        [] => {
            let near = nearest(word, ids.iter().map(|(id, _)| *id));
            let near = near.map(|near| format!("did you mean `{near}`?"));
            let near = near.unwrap_or_else(|| {
                "`.planrun/runs` of a project holds the last ones; `last` and `previous` name two"
                    .to_owned()
            });
            Err(UsageFault::new(format!("there is no stored run `{word}`; {near}")))
        }
        [(_, only)] => Ok((*only).clone()),
        several => {
            let mut several: Vec<String> =
                several.iter().map(|(id, _)| format!("`{id}`")).collect();
            several.sort();
            let more = several.len().saturating_sub(AMBIGUOUS);
            several.truncate(AMBIGUOUS);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let all = several.join(", ");
            let words = format!("`{word}` begins the names of several stored runs: {all}{more}");
            Err(UsageFault::new(words))
        }
    }
}

/// So many runs that a name may mean are listed.
const AMBIGUOUS: usize = 5;

fn nothing_stored() -> UsageFault {
    UsageFault::new("no run is stored here yet; run the plans first")
}

/// The id of a stored run: the name of its folder.
fn id(events: &Path) -> Option<&str> {
    events.parent()?.file_name()?.to_str()
}

/// The run of the same project before its last one.
fn previous_run_near(current: &Path) -> Result<PathBuf, UsageFault> {
    let last = last_run_near(current).ok_or_else(nothing_stored)?;
    let mut runs = runs_in_order(last.ancestors().nth(4).unwrap_or(current));
    runs.pop();
    runs.pop().ok_or_else(|| {
        UsageFault::new("only one run is stored here; run the plans once more, then compare")
    })
}

/// The stored runs of a project that have ended, the first one first.
fn runs_in_order(root: &Path) -> Vec<PathBuf> {
    let mut runs: Vec<_> =
        store::ended_runs(root).into_iter().map(|path| (began(&path), path)).collect();
    runs.sort();
    runs.into_iter().map(|(_, path)| path).collect()
}

/// The events of the last run of a project, the one that goes on left out.
pub(super) fn last_run(root: &Path) -> Option<PathBuf> {
    runs_in_order(root).pop()
}

/// The events of the last run of this project, or of one right below.
fn last_run_near(current: &Path) -> Option<PathBuf> {
    let roots = roots_near(current);
    let runs = roots.iter().filter_map(|root| last_run(root));
    runs.map(|path| (began(&path), path)).max().map(|(_, path)| path)
}

/// This project, and those right below: plans often are a project of their own in the folder that
/// people work in.
#[expect(clippy::disallowed_methods, reason = "looks for stored runs")]
fn roots_near(current: &Path) -> Vec<PathBuf> {
    let below = std::fs::read_dir(current).into_iter().flatten().flatten().map(|it| it.path());
    let mut roots: Vec<PathBuf> = below.filter(|it| it.join(".planrun").is_dir()).collect();
    roots.push(find_root(current, current));
    roots
}

/// When a stored run began; at the beginning of time where it does not say.
pub(super) fn began(path: &Path) -> Timestamp {
    let mut began = None;
    let _ = store::each_line(path, |line| {
        if let Ok(Event::RunStarted(started)) = read_line(line) {
            began = started.started_at.parse().ok();
        }
        ControlFlow::Break(())
    });
    began.unwrap_or(Timestamp::MIN)
}

/// The last stored run of the same plans on the same environment, before this one.
pub(super) fn like(root: &Path, record: &Record) -> Option<Record> {
    let started = record.started.as_ref()?;
    let plans = |record: &Record| -> BTreeSet<(String, Option<String>)> {
        let names = record.plans.iter().map(|plan| &plan.started);
        names.map(|plan| (plan.path.clone(), plan.case.clone())).collect()
    };
    let wanted = plans(record);
    runs_in_order(root)
        .into_iter()
        .rev()
        .filter(|events| id(events) != Some(&started.run))
        .filter_map(|events| read(&events).ok())
        .find(|before| {
            let same =
                before.started.as_ref().is_some_and(|run| run.environment == started.environment);
            same && plans(before) == wanted
        })
}

/// Hands on every event of a stored run.
fn each_event(
    path: &Path,
    mut take: impl FnMut(Event) -> ControlFlow<()>,
) -> Result<(), UsageFault> {
    let unreadable = |number: usize, why: &dyn std::fmt::Display| {
        UsageFault::new(format!("`{}`, line {number}: {why}", path.display()))
    };
    let mut fault = None;
    let mut number = 0;
    let read = store::each_line(path, |line| {
        number += 1;
        if line.trim().is_empty() {
            return ControlFlow::Continue(());
        }
        match read_line(line) {
            Ok(event) => take(event),
            Err(broken) => {
                fault = Some(unreadable(number, &broken));
                ControlFlow::Break(())
            }
        }
    });
    read.map_err(|error| UsageFault::new(format!("`{}` cannot be read: {error}", path.display())))?;
    fault.map_or(Ok(()), Err)
}

/// The record of a stored run; one that was killed is whole up to its last line.
pub(super) fn read(path: &Path) -> Result<Record, UsageFault> {
    read_only(path, |_| true)
}

/// The record of a stored run, with those of its plans that are wanted.
pub(super) fn read_only(
    path: &Path,
    wanted: impl Fn(&PlanRecord) -> bool,
) -> Result<Record, UsageFault> {
    Ok(told(path, Kept::whole(), wanted)?.record)
}

/// A stored run, with those of its plans that are wanted, as it is kept.
fn told(
    path: &Path,
    mut kept: Kept,
    wanted: impl Fn(&PlanRecord) -> bool,
) -> Result<Told, UsageFault> {
    let mut fold = Fold::default();
    each_event(path, |event| {
        if let Some(plan) = fold.push(&event).filter(&wanted) {
            kept.plan(plan, &Ground::new(fold.started(), fold.sources()));
        }
        ControlFlow::Continue(())
    })?;
    Ok(kept.end(fold))
}

/// Shows a stored run on the terminal.
fn replay(
    path: &Path,
    args: &ReportArgs,
    printer: &Printer,
    gate: &Gate,
) -> Result<u8, UsageFault> {
    let options = Options { quiet: args.quiet, verbose: args.verbose, ..Options::default() };
    let mut terminal = Terminal::new(printer.style, options);
    let mut out = io::stdout().lock();
    let mut result = Ok(());
    let mut ended = false;
    each_event(path, |event| {
        ended |= matches!(event, Event::RunFinished { .. });
        result = terminal.event(&gate.redact(event), &mut out);
        if result.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    if !ended && result.is_ok() {
        result = terminal.cut_off(&mut out);
    }
    if let Err(error) = quiet(result) {
        return Err(UsageFault::new(format!("the terminal: {error}")));
    }
    Ok(0)
}
